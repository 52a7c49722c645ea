package imagein

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/sbinet/npyio"
)

func TestArrays(t *testing.T) {
	for _, c := range []struct {
		value any
		shape string
		want  string
	}{
		{[2][3]float32{{1, 2, 3}, {4, 5, -6.5}}, "[2 3]", "[1 2 3 4 5 -6.5] []"},
		{[]float64{1e300}, "[1]", "[1e+300] []"},
		{[]int8{-128, 127}, "[2]", "[] [-128 127]"},
		{[]uint8{255}, "[1]", "[] [255]"},
		{[]int16{-300}, "[1]", "[] [-300]"},
		{[]uint16{65535}, "[1]", "[] [65535]"},
		{[]int32{-70000}, "[1]", "[] [-70000]"},
		{[]int64{1<<53 + 1}, "[1]", "[] [9007199254740993]"},
		{[]bool{true, false}, "[2]", "[] [1 0]"},
	} {
		var b bytes.Buffer
		if err := npyio.Write(&b, c.value); err != nil {
			t.Fatal(err)
		}
		whole := b.Bytes()
		a, err := DecodeArray(bytes.NewReader(whole), "a")
		if err != nil || fmt.Sprint(a.Shape) != c.shape || fmt.Sprint(a.Floats, a.Ints) != c.want {
			t.Errorf("%v: %+v, %v", c.value, a, err)
		}
		for _, bad := range [][]byte{whole[:len(whole)-1], append(bytes.Clone(whole), 0)} {
			if _, err := DecodeArray(bytes.NewReader(bad), "a"); err == nil {
				t.Errorf("%v: %d bytes are read", c.value, len(bad))
			}
		}
	}
	header := func(descr, fortran, shape string) []byte {
		h := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n", descr, fortran, shape)
		return append([]byte("\x93NUMPY\x01\x00"+string(byte(len(h)))+"\x00"), h...)
	}
	a, err := DecodeArray(bytes.NewReader(append(header("|u1", "True", "(2, 3)"), 1, 4, 2, 5, 3, 6)), "f")
	if err != nil || fmt.Sprint(a.Ints) != "[1 2 3 4 5 6]" {
		t.Errorf("Fortran's order: %+v, %v", a, err)
	}
	if a, err = DecodeArray(bytes.NewReader(append(header(">i4", "False", "()"), 0, 0, 1, 2)), "s"); err != nil || fmt.Sprint(a.Ints, a.Shape) != "[258] []" {
		t.Errorf("scalar: %+v, %v", a, err)
	}
	for _, bad := range [][]byte{header("<f4", "False", "(1000000, 1000000)"), header("<f4", "False", "(33000000,)"), header("<c8", "False", "(1,)"), header("|S4", "False", "(1,)"), []byte("no array")} {
		if _, err := DecodeArray(bytes.NewReader(bad), "b"); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

// FuzzArray reads damaged files: one is refused, or has the numbers that its shape says.
func FuzzArray(f *testing.F) {
	for _, v := range []any{[2][3]float32{{1, 2, 3}, {4, 5, 6}}, []int64{1, 2}, []bool{true}} {
		var b bytes.Buffer
		if err := npyio.Write(&b, v); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := DecodeArray(bytes.NewReader(b), "fuzz")
		if err != nil {
			return
		}
		n := 1
		for _, d := range a.Shape {
			n *= d
		}
		if len(a.Floats)+len(a.Ints) != n || n > len(b) {
			t.Errorf("shape %v, %d and %d numbers", a.Shape, len(a.Floats), len(a.Ints))
		}
	})
}
