package catalogue

import "fmt"

// Kind says what sort of failure an Error is, for callers that must choose
// between giving up, trying again and looking at their disk.
type Kind int

// The kinds.
const (
	// Temporary may work later: no connection, a server that fails, stalls or
	// breaks off, a lock that somebody holds.
	Temporary Kind = iota
	// Missing is not there, or not for us.
	Missing
	// Wrong is there, but is not what the catalogue says.
	Wrong
	// Storage is the cache, which cannot be read or written.
	Storage
)

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
