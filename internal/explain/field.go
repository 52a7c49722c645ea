package explain

import (
	"errors"
	"fmt"
	"strings"

	"krypton/internal/failure"
)

// Field is the name of a part of a question or of what goes with it, as JSON has it.
// Programs spell it as they ask for it: a flag, an entry of a form.
type Field string

// FieldError says what is wrong with fields of a question. Spell writes it with other
// names for them.
type FieldError struct {
	format string
	args   []any
}

// Wrong is a FieldError of the kind Usage. Arguments that are Fields stand for their
// names.
func Wrong(format string, args ...any) error {
	return wrongAs(failure.Usage, format, args...)
}

// wrongAs is a FieldError of another kind, unless what it wraps has one.
func wrongAs(kind failure.Kind, format string, args ...any) error {
	return failure.As(kind, &FieldError{format, args})
}

// Error implements error: fields have their own names.
func (e *FieldError) Error() string { return e.Spell(nil) }

// Spell is the error's text with what name makes of each field; nil leaves the names.
func (e *FieldError) Spell(name func(Field) string) string {
	args := make([]any, len(e.args))
	for i, a := range e.args {
		switch v := a.(type) {
		case Field:
			if name != nil {
				a = name(v)
			}
		case error:
			a = errors.New(Spell(v, name))
		}
		args[i] = a
	}
	return fmt.Errorf(e.format, args...).Error()
}

// Spell is the text of an error with what name makes of each field that a FieldError in
// it speaks of.
func Spell(err error, name func(Field) string) string {
	var e *FieldError
	if name == nil || !errors.As(err, &e) {
		return err.Error()
	}
	return strings.Replace(err.Error(), e.Error(), e.Spell(name), 1)
}

// Unwrap gives the errors that it wraps.
func (e *FieldError) Unwrap() []error {
	var all []error
	for _, a := range e.args {
		if err, ok := a.(error); ok {
			all = append(all, err)
		}
	}
	return all
}
