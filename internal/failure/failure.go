// Package failure tells kinds of failure apart: whose fault one is, and whether trying
// again can help. Programs make exit codes or status codes of them, jobs and libraries
// only say which kind it is.
package failure

import (
	"errors"
	"fmt"
	"io/fs"
)

// Kind is a kind of failure.
type Kind int

// The kinds.
const (
	// Other is a failure of no kind below, and that of errors that nobody classified.
	Other Kind = iota
	// Partial: some inputs failed, the others are done.
	Partial
	// Usage: what was asked for makes no sense, or does not fit the model.
	Usage
	// Data: an input cannot be used. Trying again does not help.
	Data
	// Missing: an input is not there.
	Missing
	// CantCreate: an output cannot be written.
	CantCreate
	// Temporary: something that passes, such as memory or a lock that others hold.
	Temporary
	// Unavailable: a device that was asked for is not there, or fails.
	Unavailable
)

// classified is an error of a kind.
type classified struct {
	kind Kind
	err  error
}

func (e *classified) Error() string { return e.err.Error() }
func (e *classified) Unwrap() error { return e.err }

// As makes err one of a kind, unless it has a kind already; nil stays nil.
func As(kind Kind, err error) error {
	var c *classified
	if err == nil || errors.As(err, &c) {
		return err
	}
	return &classified{kind, err}
}

// Of is the kind of err, Other if it has none, and whether it has one.
func Of(err error) (Kind, bool) {
	var c *classified
	if errors.As(err, &c) {
		return c.kind, true
	}
	return Other, false
}

// Usagef is an error of the kind Usage, as fmt.Errorf makes it. An error that it wraps
// and that has a kind keeps it; so for the others.
func Usagef(format string, args ...any) error { return As(Usage, fmt.Errorf(format, args...)) }

// Dataf is an error of the kind Data.
func Dataf(format string, args ...any) error { return As(Data, fmt.Errorf(format, args...)) }

// Missingf is an error of the kind Missing.
func Missingf(format string, args ...any) error { return As(Missing, fmt.Errorf(format, args...)) }

// CantCreatef is an error of the kind CantCreate.
func CantCreatef(format string, args ...any) error {
	return As(CantCreate, fmt.Errorf(format, args...))
}

// Temporaryf is an error of the kind Temporary.
func Temporaryf(format string, args ...any) error { return As(Temporary, fmt.Errorf(format, args...)) }

// Unread gives an error of opening or reading a file that was named its kind: Missing
// where there is no such file, Data otherwise.
func Unread(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return As(Missing, err)
	}
	return As(Data, err)
}

// marked is an error that is also another one, of which it does not speak.
type marked struct{ err, mark error }

func (e *marked) Error() string   { return e.err.Error() }
func (e *marked) Unwrap() []error { return []error{e.err, e.mark} }

// Mark makes errors.Is find mark in err, whose text stays; nil stays nil. Programs find
// by marks what there is to add to a text.
func Mark(err, mark error) error {
	if err == nil {
		return nil
	}
	return &marked{err, mark}
}
