// Package gpu runs programs of package incremental on a device by the kernels of package
// kernels: views of a clean input, and updates of many positions, stay in the device's
// memory. What no kernel computes it refuses: nothing is computed elsewhere but the softmax
// of a classifier's row, which takes some thousand numbers on the host.
//
// Devices are the interpreter of package ptx, and cards by package driver. No card has run
// it yet.
package gpu

import (
	"encoding/binary"
	"fmt"
	"math"

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

// memory is a device with what was allocated on it.
type memory struct {
	Device
	held []uint64
}

// alloc is Alloc; release gives it back.
func (m *memory) alloc(what string, bytes int) (uint64, error) {
	at, err := m.Alloc(what, max(4, bytes))
	if err != nil {
		return 0, fmt.Errorf("%d bytes for %s: %w", bytes, what, err)
	}
	m.held = append(m.held, at)
	return at, nil
}

// release frees what was allocated since there were n pieces of it.
func (m *memory) release(n int) error {
	var first error
	for _, at := range m.held[n:] {
		if err := m.Free(at); err != nil && first == nil {
			first = err
		}
	}
	m.held = m.held[:n]
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
	for i := range numbers {
		numbers[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return numbers, nil
}

// bytesOf is how numbers lie in a device's memory.
func bytesOf(numbers []float32) []byte {
	data := make([]byte, 0, 4*len(numbers))
	for _, v := range numbers {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return data
}
