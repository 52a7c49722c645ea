package catalogue

import (
	"errors"
	"fmt"

	"krypton/internal/failure"
)

// Kind is a kind of failure: those of an Error are the following.
type Kind = failure.Kind

// The kinds.
const (
	// Temporary may work later: no connection, a server that fails, stalls or
	// breaks off, a lock that somebody holds.
	Temporary = failure.Temporary
	// Missing is not there, or not for us.
	Missing = failure.Missing
	// Wrong is there, but is not what the catalogue says.
	Wrong = failure.Data
	// Storage is the cache, which cannot be read or written.
	Storage = failure.CantCreate
)

// ErrOffline is that of a file which is not there, where nobody may be asked for it.
var ErrOffline error = failure.Settingf("not in the cache, and %v asks nobody for it", failure.Setting("offline"))

// Error says that a file could not be had.
type Error struct {
	Kind Kind
	// What is the file, in words: "model resnet18-v1".
	What string
	// Address is where it was asked for, without a password, or a path.
	Address string
	Err     error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s: %v", e.What, e.Address, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// classified gives an Error the kind that it has, for callers who know failures only.
func classified(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return failure.As(e.Kind, err)
	}
	return err
}
