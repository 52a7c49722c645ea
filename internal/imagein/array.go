package imagein

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"

	"krypton/internal/tensor"
)

// Array is any array of numbers from a NumPy file (.npy).
type Array struct {
	Shape []int
	// Floats or Ints hold the numbers in row-major order, whatever the file's order.
	Floats []float64
	Ints   []int64
	// SHA256 is the digest of the file's bytes, in hex.
	SHA256 string
}

// maxArray bounds the numbers of an Array.
const maxArray = 1 << 25

// DecodeArray reads a .npy file of floats, integers or truth values of any shape. name
// is for messages.
func DecodeArray(r io.Reader, name string) (*Array, error) {
	sum := sha256.New()
	a, err := decodeArray(io.TeeReader(r, sum))
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrUnusable, err)
	}
	a.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return a, nil
}

func decodeArray(r io.Reader) (*Array, error) {
	head, e, err := readNPYHeader(r)
	if err != nil {
		return nil, err
	}
	n := 1
	for _, d := range head.shape {
		if n *= d; n > maxArray {
			return nil, fmt.Errorf("shape %v: more than %d numbers", head.shape, maxArray)
		}
	}
	// What the header says is taken as it comes: a lying one allocates nothing.
	raw, err := io.ReadAll(io.LimitReader(r, int64(n*e.size)+1))
	if err != nil || len(raw) != n*e.size {
		return nil, errors.Join(err, fmt.Errorf("%d bytes of numbers or more, the header says %d", len(raw), n*e.size))
	}
	a := &Array{Shape: head.shape}
	at := 0 // in the file
	index, step := make([]int, len(head.shape)), make([]int, len(head.shape))
	for k, s := 0, 1; k < len(step); k++ { // in Fortran's order the first axis is the fastest
		step[k] = s
		s *= head.shape[k]
	}
	for i := range n {
		if !head.fortran {
			at = i
		}
		if b := raw[at*e.size:]; e.whole != nil {
			a.Ints = append(a.Ints, e.whole(b))
		} else {
			a.Floats = append(a.Floats, e.float(b))
		}
		if !head.fortran {
			continue
		}
		for k := len(index) - 1; k >= 0; k-- {
			index[k]++
			if at += step[k]; index[k] < head.shape[k] {
				break
			}
			at -= step[k] * index[k]
			index[k] = 0
		}
	}
	return a, nil
}

// element is how numbers of a type lie in a file.
type element struct {
	name string
	size int // bytes
	// whole reads a number of a type that has whole ones alone, float one of the others: the
	// other of both is nil.
	whole func([]byte) int64
	float func([]byte) float64
}

// float32 reads a number, rounded once.
func (e element) float32(b []byte) float32 {
	if e.whole != nil {
		return float32(e.whole(b))
	}
	return float32(e.float(b))
}

// elementOf finds the type that a .npy file's header names.
func elementOf(descr string) (element, error) {
	none := fmt.Errorf("element type %q: want floats of 16 to 64 bits, integers of 8 to 64 bits (signed) or 8 to 32 (unsigned), or truth values", descr)
	if len(descr) != 3 || !bytes.ContainsRune([]byte("<>|="), rune(descr[0])) {
		return element{}, none
	}
	var o binary.ByteOrder = binary.LittleEndian
	if descr[0] == '>' {
		o = binary.BigEndian
	}
	float := func(size int, value func([]byte) float64) (element, error) {
		return element{fmt.Sprint("float", 8*size), size, nil, value}, nil
	}
	integer := func(name string, size int, value func([]byte) int64) (element, error) {
		return element{name, size, value, nil}, nil
	}
	switch descr[1:] {
	case "f2":
		return float(2, func(b []byte) float64 { return float64(tensor.Half(o.Uint16(b)).Float32()) })
	case "f4":
		return float(4, func(b []byte) float64 { return float64(math.Float32frombits(o.Uint32(b))) })
	case "f8":
		return float(8, func(b []byte) float64 { return math.Float64frombits(o.Uint64(b)) })
	case "b1":
		return integer("bool", 1, func(b []byte) int64 { return int64(b[0]) })
	case "u1":
		return integer("uint8", 1, func(b []byte) int64 { return int64(b[0]) })
	case "i1":
		return integer("int8", 1, func(b []byte) int64 { return int64(int8(b[0])) })
	case "i2":
		return integer("int16", 2, func(b []byte) int64 { return int64(int16(o.Uint16(b))) })
	case "u2":
		return integer("uint16", 2, func(b []byte) int64 { return int64(o.Uint16(b)) })
	case "i4":
		return integer("int32", 4, func(b []byte) int64 { return int64(int32(o.Uint32(b))) })
	case "u4":
		return integer("uint32", 4, func(b []byte) int64 { return int64(o.Uint32(b)) })
	case "i8":
		return integer("int64", 8, func(b []byte) int64 { return int64(o.Uint64(b)) })
	}
	return element{}, none
}
