package failure

import (
	"errors"
	"fmt"
	"strings"
)

// Setting is the name of what can be set: a part of a question, or of what goes with it.
// Programs spell it as their users know it: a flag, an entry of a form.
type Setting string

// SettingError is an error whose text names settings. Spell writes it with other names
// for them.
type SettingError struct {
	format string
	args   []any
}

// Settingf makes one, of no kind, as fmt.Errorf does: arguments that are Settings stand for
// their names.
func Settingf(format string, args ...any) error { return &SettingError{format, args} }

// Wrongf is Settingf of the kind Usage, unless what it wraps has a kind.
func Wrongf(format string, args ...any) error { return As(Usage, Settingf(format, args...)) }

// Error implements error: settings have their own names.
func (e *SettingError) Error() string { return e.Spell(nil) }

// Spell is the error's text with what name makes of each setting; nil leaves the names.
func (e *SettingError) Spell(name func(Setting) string) string {
	args := make([]any, len(e.args))
	for i, a := range e.args {
		switch v := a.(type) {
		case Setting:
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

// Spell is the text of an error with what name makes of each setting that a SettingError in
// it speaks of.
func Spell(err error, name func(Setting) string) string {
	var e *SettingError
	if name == nil || !errors.As(err, &e) {
		return err.Error()
	}
	return strings.Replace(err.Error(), e.Error(), e.Spell(name), 1)
}

// Unwrap gives the errors that it wraps.
func (e *SettingError) Unwrap() []error {
	var all []error
	for _, a := range e.args {
		if err, ok := a.(error); ok {
			all = append(all, err)
		}
	}
	return all
}
