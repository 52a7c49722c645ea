package main

import (
	"errors"
	"strings"

	"github.com/spf13/pflag"

	"krypton/internal/explain"
	"krypton/internal/failure"
)

// typedValue is a flag whose text becomes a value as soon as it is set, wherever it
// comes from: command line, environment, file or batch column. It keeps the text as it
// was given.
type typedValue[T any] struct {
	text  string
	to    *T
	parse func(string) (T, error)
}

// typed adds a flag that parse makes a value of. text is its default, which must parse.
func typed[T any](f *pflag.FlagSet, to *T, name, text string, parse func(string) (T, error), usage string) {
	v := &typedValue[T]{to: to, parse: parse}
	if err := v.Set(text); err != nil {
		panic(name + ": " + err.Error())
	}
	f.Var(v, name, usage)
}

// Set implements pflag.Value.
func (v *typedValue[T]) Set(text string) error {
	value, err := v.parse(text)
	if err != nil {
		return &valueError{err}
	}
	v.text, *v.to = text, value
	return nil
}

// String implements pflag.Value.
func (v *typedValue[T]) String() string { return v.text }

// Type implements pflag.Value.
func (v *typedValue[T]) Type() string { return "string" }

// checkedList is a flag of several texts that are checked as soon as they are set.
type checkedList struct {
	pflag.Value
	list  pflag.SliceValue
	check func(all []string) error
}

// checked checks the texts of a flag that is there: all of them, whenever some are set.
func checked(f *pflag.FlagSet, name string, check func(all []string) error) {
	flag := f.Lookup(name)
	flag.Value = &checkedList{flag.Value, flag.Value.(pflag.SliceValue), check}
	if flag.DefValue == "[]" { // help knows by the type, which is hidden now, that it is none
		flag.DefValue = ""
	}
}

// Set implements pflag.Value.
func (l *checkedList) Set(text string) error { return errors.Join(l.Value.Set(text), l.checked()) }

// Append implements pflag.SliceValue.
func (l *checkedList) Append(text string) error { return errors.Join(l.list.Append(text), l.checked()) }

// Replace implements pflag.SliceValue.
func (l *checkedList) Replace(texts []string) error {
	return errors.Join(l.list.Replace(texts), l.checked())
}

// GetSlice implements pflag.SliceValue.
func (l *checkedList) GetSlice() []string { return l.list.GetSlice() }

func (l *checkedList) checked() error {
	if err := l.check(l.list.GetSlice()); err != nil {
		return &valueError{err}
	}
	return nil
}

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
	if errors.As(err, new(*explain.FieldError)) {
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
