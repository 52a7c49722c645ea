package imagein

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/sbinet/npyio"
)

// npyFile makes a .npy file from a header and numbers of any fixed size.
func npyFile(version byte, header string, order binary.ByteOrder, numbers any) []byte {
	b := append([]byte(npyMagic), version, 0)
	if version == 1 {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(header)))
	} else {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(header)))
	}
	out := bytes.NewBuffer(append(b, header...))
	if err := binary.Write(out, order, numbers); err != nil {
		panic(err)
	}
	return out.Bytes()
}

func npyHead(descr, fortran, shape string) string {
	return fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }  \n", descr, fortran, shape)
}

// TestTensorLayouts: one array of 2 by 3 pixels of 4 channels, written in every
// way, is read the same. The number of pixel (y, x), channel k is 100y+10x+k.
func TestTensorLayouts(t *testing.T) {
	const h, w, c = 2, 3, 4
	first, last := make([]float32, h*w*c), make([]float32, h*w*c)
	firstF, lastF := make([]float32, h*w*c), make([]float32, h*w*c)
	for y := range h {
		for x := range w {
			for k := range c {
				v := float32(100*y + 10*x + k)
				first[k*h*w+y*w+x], last[y*w*c+x*c+k] = v, v
				firstF[x*h*c+y*c+k], lastF[k*w*h+x*h+y] = v, v
			}
		}
	}
	var f64 []float64
	var u8 []uint8
	for _, v := range last {
		f64, u8 = append(f64, float64(v)), append(u8, uint8(v))
	}
	le, be := binary.LittleEndian, binary.BigEndian
	for name, b := range map[string][]byte{
		"first":         npyFile(1, npyHead("<f4", "False", "(4, 2, 3)"), le, first),
		"first, batch":  npyFile(1, npyHead("<f4", "False", "(1, 4, 2, 3)"), le, first),
		"last":          npyFile(1, npyHead("<f4", "False", "(2, 3, 4)"), le, last),
		"last, batch":   npyFile(2, npyHead("<f4", "False", "(1, 2, 3, 4)"), le, last),
		"first, F":      npyFile(1, npyHead("<f4", "True", "(4, 2, 3)"), le, firstF),
		"last, F":       npyFile(3, npyHead("<f4", "True", "(1, 2, 3, 4)"), le, lastF),
		"float64":       npyFile(1, npyHead("<f8", "False", "(2, 3, 4)"), le, f64),
		"big endian":    npyFile(1, npyHead(">f4", "False", "(2, 3, 4)"), be, last),
		"big endian 64": npyFile(1, npyHead(">f8", "False", "(2, 3, 4)"), be, f64),
		"uint8":         npyFile(1, npyHead("|u1", "False", "(2, 3, 4)"), le, u8),
		"Python 2":      npyFile(1, `{"shape":(2L,3L,4L),"fortran_order":False,"descr":"<f4"}`, le, last),
	} {
		got, err := DecodeTensor(bytes.NewReader(b), name, h, w, c)
		if err != nil {
			t.Error(err)
			continue
		}
		if fmt.Sprint(got.Data) != fmt.Sprint(last) || got.H != h || got.W != w || got.C != c || len(got.SHA256) != 64 {
			t.Errorf("%s: %v", name, got)
		}
	}
	gray := npyFile(1, npyHead("|u1", "False", "(2, 3)"), le, []uint8{1, 2, 3, 4, 5, 6})
	if got, err := DecodeTensor(bytes.NewReader(gray), "gray", 2, 3, 1); err != nil || fmt.Sprint(got.Data) != "[1 2 3 4 5 6]" {
		t.Errorf("gray: %v, %v", got, err)
	}
}

// TestSeriesTensor: a series of 3 samples of 2 channels, written in every way, is read the
// same. The number of sample x, channel k is 10x+k.
func TestSeriesTensor(t *testing.T) {
	le := binary.LittleEndian
	for shape, numbers := range map[string][]float32{
		"(2, 3)": {0, 10, 20, 1, 11, 21}, "(1, 2, 3)": {0, 10, 20, 1, 11, 21}, "(1, 2, 1, 3)": {0, 10, 20, 1, 11, 21}, "(2, 1, 3)": {0, 10, 20, 1, 11, 21},
		"(3, 2)": {0, 1, 10, 11, 20, 21}, "(1, 3, 2)": {0, 1, 10, 11, 20, 21}, "(1, 1, 3, 2)": {0, 1, 10, 11, 20, 21},
	} {
		got, err := DecodeTensor(bytes.NewReader(npyFile(1, npyHead("<f4", "False", shape), le, numbers)), shape, 1, 3, 2)
		if err != nil || fmt.Sprint(got.Data) != "[0 1 10 11 20 21]" {
			t.Errorf("%s: %v, %v", shape, got, err)
		}
	}
	if _, err := DecodeTensor(bytes.NewReader(npyFile(1, npyHead("<f4", "False", "(6)"), le, make([]float32, 6))), "x", 1, 3, 2); !errors.Is(err, ErrUnusable) {
		t.Error(err)
	}
}

// TestTensorAgainstNpyio reads what an independent writer wrote.
func TestTensorAgainstNpyio(t *testing.T) {
	var b bytes.Buffer
	want := [2][3][3]float32{{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}, {{-1, -2, -3}, {-4, -5, -6}, {-7, -8, .5}}}
	if err := npyio.Write(&b, want); err != nil {
		t.Fatal(err)
	}
	got, err := DecodeTensor(&b, "npyio", 2, 3, 3)
	if err != nil || fmt.Sprint(got.Shape) != "[2 3 3]" || got.Data[0] != 1 || got.Data[5] != 6 || got.Data[17] != .5 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestTensorRefused(t *testing.T) {
	le := binary.LittleEndian
	good := npyFile(1, npyHead("<f4", "False", "(2, 2, 1)"), le, make([]float32, 4))
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"empty":               {nil, "not a .npy"},
		"version":             {npyFile(9, npyHead("<f4", "False", "(2, 2)"), le, make([]float32, 4)), "version 9"},
		"long header":         {append([]byte(npyMagic), 2, 0, 255, 255, 255, 255), "4294967295 bytes"},
		"cut header":          {good[:30], "cut off"},
		"cut":                 {good[:len(good)-1], "15 bytes of numbers"},
		"more":                {append(good[:len(good):len(good)], 0), "more bytes"},
		"huge shape":          {npyFile(1, npyHead("<f8", "False", "(2147483647, 2147483647, 2147483647)"), le, uint8(0)), "the network reads"},
		"huge number":         {npyFile(1, npyHead("<f8", "False", "(99999999999999999999, 1)"), le, uint8(0)), "sizes"},
		"negative":            {npyFile(1, npyHead("<f8", "False", "(-2, -2)"), le, uint8(0)), "sizes"},
		"batch":               {npyFile(1, npyHead("<f4", "False", "(2, 2, 2, 1)"), le, make([]float32, 8)), "the network reads"},
		"other size":          {npyFile(1, npyHead("<f4", "False", "(1, 2, 3)"), le, make([]float32, 6)), "[1 2 2] (channels first)"},
		"scalar":              {npyFile(1, npyHead("<f4", "False", "()"), le, make([]float32, 1)), "the network reads"},
		"float16":             {npyFile(1, npyHead("<f2", "False", "(2, 2)"), le, make([]uint16, 4)), `"<f2"`},
		"objects":             {npyFile(1, npyHead("|O", "False", "(2, 2)"), le, make([]float32, 4)), "float32, float64 or uint8"},
		"records":             {npyFile(1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,2)}", le, make([]float32, 4)), "records"},
		"key twice":           {npyFile(1, "{'shape': (2,2), 'shape': (2,2)}", le, make([]float32, 4)), "twice"},
		"key missing":         {npyFile(1, "{'shape': (2,2)}", le, make([]float32, 4)), "missing"},
		"unknown key":         {npyFile(1, "{'shape': (2,2), 'x': 1}", le, make([]float32, 4)), "unknown key"},
		"text behind":         {npyFile(1, npyHead("<f4", "False", "(2, 2)")+"x", le, make([]float32, 4)), "behind"},
		"fortran":             {npyFile(1, npyHead("<f4", "1", "(2, 2)"), le, make([]float32, 4)), "fortran_order"},
		"no end":              {npyFile(1, "{'shape': (2,2", le, make([]float32, 4)), "without end"},
		"NaN":                 {npyFile(1, npyHead("<f4", "False", "(2, 2)"), le, []float32{0, 0, 0, float32(math.NaN())}), "row 1, column 1"},
		"too large for 32bit": {npyFile(1, npyHead("<f8", "False", "(2, 2)"), le, []float64{1e300, 0, 0, 0}), "+Inf"},
	} {
		_, err := DecodeTensor(bytes.NewReader(c.b), name, 2, 2, 1)
		if !errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestTensorPicture(t *testing.T) {
	x := &Tensor{H: 1, W: 2, C: 3, Data: []float32{-1, 5, 1, 1, 5, 0}}
	if p := x.Picture(false); fmt.Sprint(p.Pix) != "[0 0 255 255 255 0 0 255]" {
		t.Errorf("%v", p.Pix)
	}
	if p := x.Picture(true); fmt.Sprint(p.Pix) != "[255 0 0 255 0 0 255 255]" {
		t.Errorf("bgr: %v", p.Pix)
	}
	x = &Tensor{H: 1, W: 3, C: 2, Data: []float32{0, 9, 1, 9, 2, 9}}
	if p := x.Picture(true); fmt.Sprint(p.Pix) != "[0 0 0 255 128 128 128 255 255 255 255 255]" {
		t.Errorf("two channels: %v", p.Pix)
	}
}

func FuzzNPY(f *testing.F) {
	le := binary.LittleEndian
	f.Add(npyFile(1, npyHead("<f4", "False", "(1, 3, 2, 4)"), le, make([]float32, 24)))
	f.Add(npyFile(3, npyHead(">f8", "True", "(2, 4, 3)"), binary.BigEndian, make([]float64, 24)))
	f.Add(npyFile(2, `{"shape":(2L,4L,3L),"fortran_order":True,"descr":"|u1"}`, le, make([]uint8, 24)))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := DecodeTensor(bytes.NewReader(b), "fuzz", 2, 4, 3)
		if err != nil {
			if !errors.Is(err, ErrUnusable) {
				t.Error(err)
			}
			return
		}
		if len(x.Data) != 24 {
			t.Errorf("%d numbers", len(x.Data))
		}
		for _, v := range x.Data {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Errorf("%g", v)
			}
		}
		x.Picture(true)
	})
}
