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
	text, err := npyHeader(r)
	if err != nil {
		return nil, err
	}
	head, err := parseNPYHeader(text)
	if err != nil {
		return nil, fmt.Errorf("damaged header: %w", err)
	}
	size, read, err := arrayElement(head.descr)
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
	raw, err := io.ReadAll(io.LimitReader(r, int64(n*size)+1))
	if err != nil || len(raw) != n*size {
		return nil, errors.Join(err, fmt.Errorf("%d bytes of numbers or more, the header says %d", len(raw), n*size))
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
		f, v, whole := read(raw[at*size:])
		if whole {
			a.Ints = append(a.Ints, v)
		} else {
			a.Floats = append(a.Floats, f)
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

// arrayElement gives the size of an element type, and how to read one: as a whole
// number where it is one by its type.
func arrayElement(descr string) (size int, read func([]byte) (f float64, n int64, whole bool), err error) {
	if len(descr) != 3 || !bytes.ContainsRune([]byte("<>|="), rune(descr[0])) {
		return 0, nil, fmt.Errorf("element type %q: want floats, integers or truth values", descr)
	}
	var o binary.ByteOrder = binary.LittleEndian
	if descr[0] == '>' {
		o = binary.BigEndian
	}
	float := func(value func([]byte) float64) func([]byte) (float64, int64, bool) {
		return func(b []byte) (float64, int64, bool) { return value(b), 0, false }
	}
	integer := func(value func([]byte) int64) func([]byte) (float64, int64, bool) {
		return func(b []byte) (float64, int64, bool) { return 0, value(b), true }
	}
	switch descr[1:] {
	case "f4":
		return 4, float(func(b []byte) float64 { return float64(math.Float32frombits(o.Uint32(b))) }), nil
	case "f8":
		return 8, float(func(b []byte) float64 { return math.Float64frombits(o.Uint64(b)) }), nil
	case "b1", "u1":
		return 1, integer(func(b []byte) int64 { return int64(b[0]) }), nil
	case "i1":
		return 1, integer(func(b []byte) int64 { return int64(int8(b[0])) }), nil
	case "i2":
		return 2, integer(func(b []byte) int64 { return int64(int16(o.Uint16(b))) }), nil
	case "u2":
		return 2, integer(func(b []byte) int64 { return int64(o.Uint16(b)) }), nil
	case "i4":
		return 4, integer(func(b []byte) int64 { return int64(int32(o.Uint32(b))) }), nil
	case "u4":
		return 4, integer(func(b []byte) int64 { return int64(o.Uint32(b)) }), nil
	case "i8":
		return 8, integer(func(b []byte) int64 { return int64(o.Uint64(b)) }), nil
	}
	return 0, nil, fmt.Errorf("element type %q: want float32, float64, or integers of 8 to 64 bits", descr)
}
