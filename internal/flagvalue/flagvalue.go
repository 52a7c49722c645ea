// Package flagvalue has flags whose texts become values as soon as they are set, in one
// syntax for the command line, the environment, files and columns of batches.
package flagvalue

import "github.com/spf13/pflag"

// patient is a flag that takes any text and keeps what is wrong with it: a run whose
// command line is wrong says so where --events and --progress tell it to, which are
// known once all of the line is read. Wrong asks for it.
type patient interface{ wrong() error }

// Wrong is what is wrong with the text of a flag, an *Error, nil for a flag that says so
// when it is set.
func Wrong(v pflag.Value) error {
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

// Add adds a flag that parse makes a value of. text is its default, which must parse.
func Add[T any](f *pflag.FlagSet, to *T, name, text string, parse func(string) (T, error), usage string) {
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
		v.err = &Error{err}
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

// Check checks the texts of a flag of several that is there: all of them, whenever some
// are set.
func Check(f *pflag.FlagSet, name string, check func(all []string) error) {
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
		l.err = &Error{e}
	}
	return err
}

func (l *checkedList) wrong() error { return l.err }

// Error says what is wrong with a flag's text, in words that need no more than the flag's
// name in front.
type Error struct{ err error }

func (e *Error) Error() string { return e.err.Error() }

// Unwrap is the error of what reads the flag's text.
func (e *Error) Unwrap() error { return e.err }

// Optional makes no text the zero value.
func Optional[T any](parse func(string) (T, error)) func(string) (T, error) {
	return func(text string) (value T, err error) {
		if text == "" {
			return value, nil
		}
		return parse(text)
	}
}
