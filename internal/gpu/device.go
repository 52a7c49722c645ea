// Package gpu runs programs of package incremental on a device by the kernels of package
// kernels: views of a clean input, and updates of many positions, stay in the device's
// memory. What no kernel computes it refuses: nothing is computed elsewhere.
//
// Devices are the interpreter of package ptx, and cards by package driver. No card has run
// it yet.
package gpu

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync"

	"krypton/internal/failure"
	"krypton/internal/gpu/kernels"
)

// Device is memory, and kernels of module kernels.PTX that compute in it. What is asked of
// it happens in order. It is used by one goroutine at a time.
type Device interface {
	// Alloc gives the address of so many bytes, which hold anything; what for stands in
	// errors. 0 is no address.
	Alloc(what string, bytes int) (uint64, error)
	// Free gives memory back whose address Alloc gave.
	Free(address uint64) error
	// Write copies data to an address; Read fills data from one, when all launches so far
	// are done. Both have done with data when they return.
	Write(address uint64, data []byte) error
	Read(data []byte, address uint64) error
	// Launch has a kernel run.
	Launch(l kernels.Launch) error
}

// Bounded is a device of which no more than so many bytes are taken. Several goroutines may
// use it: what each of them asks happens in its order.
type Bounded struct {
	device Device
	most   int64

	mu    sync.Mutex
	used  int64
	sizes map[uint64]int64
}

// NewBounded makes one of a device.
func NewBounded(d Device, most int64) *Bounded {
	return &Bounded{device: d, most: most, sizes: map[uint64]int64{}}
}

// Alloc is the device's, and fails with ErrMemory where that would be too much.
func (b *Bounded) Alloc(what string, bytes int) (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if left := b.most - b.used; int64(bytes) > left {
		return 0, failure.Settingf("%w: of %d KiB (%v) %d are left", ErrMemory, b.most>>10, failure.Setting("gpu-memory"), left>>10)
	}
	at, err := b.device.Alloc(what, bytes)
	if err == nil {
		b.sizes[at] = int64(bytes)
		b.used += int64(bytes)
	}
	return at, err
}

// Free is the device's.
func (b *Bounded) Free(address uint64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= b.sizes[address]
	delete(b.sizes, address)
	return b.device.Free(address)
}

// Write is the device's.
func (b *Bounded) Write(address uint64, data []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.device.Write(address, data)
}

// Read is the device's.
func (b *Bounded) Read(data []byte, address uint64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.device.Read(data, address)
}

// Launch is the device's.
func (b *Bounded) Launch(l kernels.Launch) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.device.Launch(l)
}

// Left is how many bytes may be taken still.
func (b *Bounded) Left() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.most - b.used
}

// memory is a device with what was allocated on it.
type memory struct {
	Device
	held []uint64
}

// left is how many bytes may be taken still, false if nobody has said.
func (m *memory) left() (bytes int64, limited bool) {
	if b, ok := m.Device.(interface{ Left() int64 }); ok {
		return b.Left(), true
	}
	return 0, false
}

// alloc is Alloc; release gives it back.
func (m *memory) alloc(what string, bytes int) (uint64, error) {
	at, err := m.Alloc(what, max(4, bytes))
	if err != nil {
		var full interface{ OutOfMemory() bool }
		if errors.As(err, &full) && full.OutOfMemory() {
			err = fmt.Errorf("%w: %w", ErrMemory, err)
		}
		return 0, fmt.Errorf("%d KiB for %s: %w", (bytes+1023)>>10, what, err)
	}
	m.held = append(m.held, at)
	return at, nil
}

// release frees what was allocated.
func (m *memory) release() error {
	var first error
	for _, at := range m.held {
		if err := m.Free(at); err != nil && first == nil {
			first = err
		}
	}
	m.held = m.held[:0]
	return first
}

// put allocates memory and writes data there.
func (m *memory) put(what string, data []byte) (uint64, error) {
	at, err := m.alloc(what, len(data))
	if err == nil && len(data) > 0 {
		err = m.Write(at, data)
	}
	return at, err
}

// floats allocates memory and writes numbers there.
func (m *memory) floats(what string, numbers []float32) (uint64, error) {
	return m.put(what, bytesOf(numbers))
}

// read gives n numbers.
func (m *memory) read(at uint64, n int) ([]float32, error) {
	data, numbers := make([]byte, 4*n), make([]float32, n)
	if n == 0 {
		return numbers, nil
	}
	if err := m.Read(data, at); err != nil {
		return nil, err
	}
	numbersOf(numbers, data)
	return numbers, nil
}

// appendNumbers appends numbers as they lie in a device's memory.
func appendNumbers(data []byte, numbers []float32) []byte {
	for _, v := range numbers {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return data
}

// bytesOf is how numbers lie in a device's memory, numbersOf takes them from there.
func bytesOf(numbers []float32) []byte {
	return appendNumbers(make([]byte, 0, 4*len(numbers)), numbers)
}

func numbersOf(to []float32, data []byte) {
	for i := range to {
		to[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
}
