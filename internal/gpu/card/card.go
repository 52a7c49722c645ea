// Package card opens a graphics card as a device, in programs that are built with the tag gpu;
// others are told that they cannot. No card has run it yet.
package card

import (
	"errors"

	"krypton/internal/gpu"
)

// ErrNotBuilt says that the program was built without what binds drivers.
var ErrNotBuilt = errors.New("this program is built without graphics cards")

// Card is a card in use.
type Card struct {
	gpu.Device
	// Name is the card's, Driver the version of CUDA that its driver is for.
	Name, Driver string
	// Multiprocessors is how many it has, Available how many bytes of its memory are free.
	Multiprocessors int
	Available       int64
	close           func() error
}

// Listed is a card that a driver knows.
type Listed struct {
	Name       string
	Memory     uint64 // bytes
	Capability string // the version of what it can compute, such as 9.0
}

// Close gives the card back.
func (c *Card) Close() error { return c.close() }

// Rate is about how many multiply-adds a second the kernels come to on the card. It is a
// guess, and no measurement: a quarter of 128 lanes a multiprocessor, at 1.4 GHz.
func (c *Card) Rate() float64 { return float64(c.Multiprocessors) * 128 * 1.4e9 / 4 }
