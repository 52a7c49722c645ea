package ptx

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Memory is a device's global memory: buffers, each by itself. What reads or writes a byte
// that lies in none is a fault, and so is a load or store of a word that another thread of
// the same launch has written: which comes first is left open on a device.
type Memory struct {
	buffers []*buffer
}

type buffer struct {
	name  string
	bytes []byte
	// writers is, for each word, the number of the thread of the present launch that has
	// written it, from 1 on; nil if none has written any.
	writers []uint64
	// constant says that a load of the present launch took the buffer for one that is
	// not written while it runs.
	constant bool
}

// bufferBits is how many bits of an address count the bytes of a buffer.
const bufferBits = 40

// Alloc makes a buffer of so many bytes, and gives its address. The name stands in
// faults. What it holds is no number (every float32 is NaN) until it is written.
func (m *Memory) Alloc(name string, bytes int) uint64 {
	b := &buffer{name: name, bytes: make([]byte, bytes)}
	for i := range b.bytes {
		b.bytes[i] = 0xff
	}
	m.buffers = append(m.buffers, b)
	return uint64(len(m.buffers)) << bufferBits
}

// Free gives a buffer back whose address Alloc gave: from then on there is none.
func (m *Memory) Free(address uint64) error {
	if _, _, err := m.at(address, 0, 1<<bufferBits); err != nil {
		return fmt.Errorf("free %w", err)
	}
	m.buffers[address>>bufferBits-1] = nil
	return nil
}

// Buffers is the number of buffers that Alloc has made and Free not given back.
func (m *Memory) Buffers() int {
	n := 0
	for _, b := range m.buffers {
		if b != nil {
			n++
		}
	}
	return n
}

// Each calls f with the address and the bytes of each buffer that there is; f must not write them.
func (m *Memory) Each(f func(address uint64, bytes []byte)) {
	for i, b := range m.buffers {
		if b != nil {
			f(uint64(i+1)<<bufferBits, b.bytes)
		}
	}
}

// Write puts bytes at an address.
func (m *Memory) Write(address uint64, data []byte) error {
	to, _, err := m.at(address, len(data), 1)
	if err != nil {
		return fmt.Errorf("write %w", err)
	}
	copy(to, data)
	return nil
}

// Read gives n bytes from an address on. They must not be written.
func (m *Memory) Read(address uint64, n int) ([]byte, error) {
	from, _, err := m.at(address, n, 1)
	if err != nil {
		return nil, fmt.Errorf("read %w", err)
	}
	return from, nil
}

// AllocFloats makes a buffer of the numbers.
func (m *Memory) AllocFloats(name string, numbers []float32) uint64 {
	address := m.Alloc(name, 4*len(numbers))
	to := m.buffers[len(m.buffers)-1].bytes
	for i, v := range numbers {
		binary.LittleEndian.PutUint32(to[4*i:], math.Float32bits(v))
	}
	return address
}

// Floats reads len(to) numbers from an address on.
func (m *Memory) Floats(address uint64, to []float32) error {
	from, err := m.Read(address, 4*len(to))
	if err != nil {
		return err
	}
	for i := range to {
		to[i] = math.Float32frombits(binary.LittleEndian.Uint32(from[4*i:]))
	}
	return nil
}

// at is where n bytes from an address on lie, which must be a multiple of align.
func (m *Memory) at(address uint64, n, align int) ([]byte, *buffer, error) {
	k := address >> bufferBits
	if k < 1 || k > uint64(len(m.buffers)) || m.buffers[k-1] == nil {
		return nil, nil, fmt.Errorf("of %d bytes at %#x, where no buffer is", n, address)
	}
	b, offset := m.buffers[k-1], address&(1<<bufferBits-1)
	if offset > uint64(len(b.bytes)) || uint64(n) > uint64(len(b.bytes))-offset {
		return nil, nil, fmt.Errorf("of %d bytes at byte %d of %s, which has %d", n, offset, b.name, len(b.bytes))
	}
	if offset%uint64(align) != 0 {
		return nil, nil, fmt.Errorf("of %d bytes at byte %d of %s, which is no multiple of %d", n, offset, b.name, align)
	}
	return b.bytes[offset:][:n], b, nil
}

// load is a thread's load of n bytes, from a buffer that it takes for a constant or not.
func (m *Memory) load(address uint64, n int, thread uint64, constant bool) ([]byte, error) {
	from, b, err := m.at(address, n, n)
	if err != nil {
		return nil, fmt.Errorf("load %w", err)
	}
	b.constant = b.constant || constant
	if b.writers == nil {
		return from, nil
	}
	if constant {
		return nil, fmt.Errorf("load of %s as a constant, which is written", b.name)
	}
	for word := wordOf(address); word <= wordOf(address+uint64(n)-1); word++ {
		if w := b.writers[word]; w != 0 && w != thread {
			return nil, fmt.Errorf("load of word %d of %s, which another thread writes", word, b.name)
		}
	}
	return from, nil
}

// store is where a thread may store n bytes.
func (m *Memory) store(address uint64, n int, thread uint64) ([]byte, error) {
	to, b, err := m.at(address, n, n)
	if err != nil {
		return nil, fmt.Errorf("store %w", err)
	}
	if b.constant {
		return nil, fmt.Errorf("store in %s, which is loaded as a constant", b.name)
	}
	if b.writers == nil {
		b.writers = make([]uint64, (len(b.bytes)+3)/4)
	}
	for word := wordOf(address); word <= wordOf(address+uint64(n)-1); word++ {
		if w := b.writers[word]; w != 0 && w != thread {
			return nil, fmt.Errorf("store in word %d of %s, which another thread writes too", word, b.name)
		}
		b.writers[word] = thread
	}
	return to, nil
}

// wordOf is the number of the word of its buffer that an address lies in.
func wordOf(address uint64) uint64 { return address & (1<<bufferBits - 1) / 4 }

// launch forgets what earlier launches did.
func (m *Memory) launch() {
	for _, b := range m.buffers {
		if b != nil {
			b.writers, b.constant = nil, false
		}
	}
}

// shared is a block's shared memory, whose words a thread may use after another one only
// with a barrier between.
type shared struct {
	bytes []byte
	words []sharedWord
	epoch uint32 // counts barriers, from 1 on
}

// sharedWord says who has used a word last, and in which epoch: 0 is never.
type sharedWord struct {
	written, read  uint32
	writer, reader int32 // several for many readers
}

const several = -1

// clear begins a block.
func (s *shared) clear(n int) {
	if s.bytes == nil {
		s.bytes, s.words = make([]byte, n), make([]sharedWord, (n+3)/4)
	}
	clear(s.words)
	s.epoch = 1
}

func (s *shared) at(address uint64, n int) ([]byte, error) {
	if address > uint64(len(s.bytes)) || uint64(n) > uint64(len(s.bytes))-address {
		return nil, fmt.Errorf("of %d bytes at byte %d of shared memory, which has %d", n, int64(address), len(s.bytes))
	}
	if address%uint64(n) != 0 {
		return nil, fmt.Errorf("of %d bytes at byte %d of shared memory, which is no multiple", n, address)
	}
	return s.bytes[address:][:n], nil
}

func (s *shared) load(address uint64, n int, thread int32) ([]byte, error) {
	from, err := s.at(address, n)
	if err != nil {
		return nil, fmt.Errorf("load %w", err)
	}
	for i := address / 4; i <= (address+uint64(n)-1)/4; i++ {
		w := &s.words[i]
		if w.written == 0 {
			return nil, fmt.Errorf("load of word %d of shared memory, which nothing has written", i)
		}
		if w.written == s.epoch && w.writer != thread {
			return nil, fmt.Errorf("load of word %d of shared memory, which another thread writes, without a barrier between", i)
		}
		if w.read != s.epoch {
			w.read, w.reader = s.epoch, thread
		} else if w.reader != thread {
			w.reader = several
		}
	}
	return from, nil
}

func (s *shared) store(address uint64, n int, thread int32) ([]byte, error) {
	to, err := s.at(address, n)
	if err != nil {
		return nil, fmt.Errorf("store %w", err)
	}
	for i := address / 4; i <= (address+uint64(n)-1)/4; i++ {
		w := &s.words[i]
		if w.written == s.epoch && w.writer != thread || w.read == s.epoch && w.reader != thread {
			return nil, fmt.Errorf("store in word %d of shared memory, which another thread uses, without a barrier between", i)
		}
		w.written, w.writer = s.epoch, thread
	}
	return to, nil
}
