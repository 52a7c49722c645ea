package main

import (
	"errors"
	"strings"

	"github.com/spf13/pflag"

	"krypton/internal/failure"
)

// patient is a flag that takes any text and keeps what is wrong with it: a run whose
// command line is wrong says so where --events and --progress tell it to, which are
// known once all of the line is read. settings.valid asks for it.
type patient interface{ wrong() error }

// wrongText is what is wrong with the text of a flag, nil for one that is not patient.
func wrongText(v pflag.Value) error {
	if p, ok := v.(patient); ok {
		return p.wrong()
	}
	return nil
}

// typedValue is a flag whose text becomes a value as soon as it is set, wherever it
// comes from: command line, environment, file or batch column. It keeps the text as it
// was given.
type typedValue[T any] struct {
	text  string
	to    *T
	parse func(string) (T, error)
	err   error
}

// typed adds a flag that parse makes a value of. text is its default, which must parse.
func typed[T any](f *pflag.FlagSet, to *T, name, text string, parse func(string) (T, error), usage string) {
	v := &typedValue[T]{to: to, parse: parse}
	if _ = v.Set(text); v.err != nil {
		panic(name + ": " + v.err.Error())
	}
	f.Var(v, name, usage)
}

// Set implements pflag.Value.
func (v *typedValue[T]) Set(text string) error {
	value, err := v.parse(text)
	if v.text, v.err = text, nil; err != nil {
		v.err = &valueError{err}
		return nil
	}
	*v.to = value
	return nil
}

func (v *typedValue[T]) wrong() error { return v.err }

// String implements pflag.Value.
func (v *typedValue[T]) String() string { return v.text }

// Type implements pflag.Value.
func (v *typedValue[T]) Type() string { return "string" }

// checkedList is a flag of several texts that are checked as soon as they are set.
type checkedList struct {
	pflag.Value
	list  pflag.SliceValue
	check func(all []string) error
	err   error
}

// checked checks the texts of a flag that is there: all of them, whenever some are set.
func checked(f *pflag.FlagSet, name string, check func(all []string) error) {
	flag := f.Lookup(name)
	flag.Value = &checkedList{Value: flag.Value, list: flag.Value.(pflag.SliceValue), check: check}
	if flag.DefValue == "[]" { // help knows by the type, which is hidden now, that it is none
		flag.DefValue = ""
	}
}

// Set implements pflag.Value.
func (l *checkedList) Set(text string) error { return l.after(l.Value.Set(text)) }

// Append implements pflag.SliceValue.
func (l *checkedList) Append(text string) error { return l.after(l.list.Append(text)) }

// Replace implements pflag.SliceValue.
func (l *checkedList) Replace(texts []string) error { return l.after(l.list.Replace(texts)) }

// GetSlice implements pflag.SliceValue.
func (l *checkedList) GetSlice() []string { return l.list.GetSlice() }

// after checks the texts once they are set, which came to err.
func (l *checkedList) after(err error) error {
	l.err = nil
	if e := l.check(l.list.GetSlice()); e != nil {
		l.err = &valueError{e}
	}
	return err
}

func (l *checkedList) wrong() error { return l.err }

// valueError says what is wrong with a flag's text, in words that need no more than the
// flag's name in front.
type valueError struct{ err error }

func (e *valueError) Error() string { return e.err.Error() }
func (e *valueError) Unwrap() error { return e.err }

// flagError is the error of a text that a flag does not take, nil if err is no such.
func flagError(flag string, err error) error {
	var v *valueError
	if !errors.As(err, &v) {
		return nil
	}
	if errors.As(err, new(*failure.SettingError)) {
		return hinted(v.err)
	}
	if strings.HasPrefix(v.Error(), "is ") { // speaks of the flag itself
		return failure.Usagef("--%s %w", flag, v.err)
	}
	return failure.Usagef("--%s: %w", flag, v.err)
}

// optional makes no text the zero value.
func optional[T any](parse func(string) (T, error)) func(string) (T, error) {
	return func(text string) (value T, err error) {
		if text == "" {
			return value, nil
		}
		return parse(text)
	}
}
