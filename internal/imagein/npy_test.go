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
		got, err := DecodeTensor(bytes.NewReader(b), name, Reading{H: h, W: w, C: c})
		if err != nil {
			t.Error(err)
			continue
		}
		if fmt.Sprint(got.Data) != fmt.Sprint(last) || got.H != h || got.W != w || got.C != c || len(got.SHA256) != 64 {
			t.Errorf("%s: %v", name, got)
		}
	}
	gray := npyFile(1, npyHead("|u1", "False", "(2, 3)"), le, []uint8{1, 2, 3, 4, 5, 6})
	if got, err := DecodeTensor(bytes.NewReader(gray), "gray", Reading{H: 2, W: 3, C: 1}); err != nil || fmt.Sprint(got.Data) != "[1 2 3 4 5 6]" {
		t.Errorf("gray: %v, %v", got, err)
	}
}

// TestSeriesTensor: a series of 3 samples of 2 channels, written in every way, is read the
// same, however it lies in the network's input. The number of sample x, channel k is 10x+k.
func TestSeriesTensor(t *testing.T) {
	le := binary.LittleEndian
	channels, times := []float32{0, 10, 20, 1, 11, 21}, []float32{0, 1, 10, 11, 20, 21}
	for _, c := range []struct {
		shape   string
		fortran string
		numbers []float32
	}{
		{"(2, 3)", "False", channels}, {"(1, 2, 3)", "False", channels}, {"(1, 2, 1, 3)", "False", channels}, {"(2, 1, 3)", "False", channels}, {"(2, 3)", "True", times}, {"(1, 2, 3, 1)", "True", times},
		{"(3, 2)", "False", times}, {"(1, 3, 2)", "False", times}, {"(1, 1, 3, 2)", "False", times}, {"(3, 1, 2)", "False", times}, {"(3, 2, 1, 1, 1)", "False", times}, {"(3, 2)", "True", channels},
	} {
		b := npyFile(1, npyHead("<f4", c.fortran, c.shape), le, c.numbers)
		for of, want := range map[Reading][]float32{
			{H: 1, W: 3, C: 2, Series: true}: times, {H: 3, W: 1, C: 2, Series: true}: times,
			{H: 2, W: 3, C: 1, Series: true}: channels, {H: 3, W: 2, C: 1, Series: true}: times,
		} {
			if got, err := DecodeTensor(bytes.NewReader(b), c.shape, of); err != nil || fmt.Sprint(got.Data) != fmt.Sprint(want) {
				t.Errorf("%s, %s, %v: %v, %v", c.shape, c.fortran, of, got, err)
			}
		}
	}
	for shape, want := range map[string]string{"(6,)": "reads [2 3] or [3 2], with or without axes of length 1", "(2, 3, 2)": "reads [2 3]"} {
		if _, err := DecodeTensor(bytes.NewReader(npyFile(1, npyHead("<f4", "False", shape), le, make([]float32, 12))), "x", Reading{H: 1, W: 3, C: 2, Series: true}); !errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), want) {
			t.Error(err)
		}
	}
}

// TestElements: numbers of all types are read as what they are, rounded once.
func TestElements(t *testing.T) {
	big := int64(1)<<40 + 1<<16 + 1 // by float64 it would be rounded to half, and then down
	for descr, c := range map[string]struct {
		numbers any
		want    [2]float32
		name    string
	}{
		"f2": {[]uint16{0xc500, 0x0001}, [2]float32{-5, 1.0 / (1 << 24)}, "float16"}, "f4": {[]float32{-.1, 3}, [2]float32{-.1, 3}, "float32"}, "f8": {[]float64{-.1, 3}, [2]float32{-.1, 3}, "float64"},
		"b1": {[]uint8{1, 0}, [2]float32{1, 0}, "bool"}, "u1": {[]uint8{255, 1}, [2]float32{255, 1}, "uint8"}, "i1": {[]int8{-128, 1}, [2]float32{-128, 1}, "int8"},
		"i2": {[]int16{-32768, 1}, [2]float32{-32768, 1}, "int16"}, "u2": {[]uint16{65535, 1}, [2]float32{65535, 1}, "uint16"},
		"i4": {[]int32{-1 << 31, 1}, [2]float32{-1 << 31, 1}, "int32"}, "u4": {[]uint32{1<<32 - 1, 1}, [2]float32{1 << 32, 1}, "uint32"}, "i8": {[]int64{-1 << 62, big}, [2]float32{-1 << 62, float32(big)}, "int64"},
	} {
		for mark, o := range map[string]binary.ByteOrder{"<": binary.LittleEndian, ">": binary.BigEndian} {
			got, err := DecodeTensor(bytes.NewReader(npyFile(1, npyHead(mark+descr, "False", "(1, 2)"), o, c.numbers)), descr, Reading{H: 1, W: 2, C: 1})
			if err != nil || [2]float32(got.Data) != c.want || got.Elem != c.name {
				t.Errorf("%s%s: %v, %v", mark, descr, got, err)
			}
		}
	}
}

// TestTensorAgainstNpyio reads what an independent writer wrote.
func TestTensorAgainstNpyio(t *testing.T) {
	var b bytes.Buffer
	want := [2][3][3]float32{{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}, {{-1, -2, -3}, {-4, -5, -6}, {-7, -8, .5}}}
	if err := npyio.Write(&b, want); err != nil {
		t.Fatal(err)
	}
	got, err := DecodeTensor(&b, "npyio", Reading{H: 2, W: 3, C: 3})
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
		"complex":             {npyFile(1, npyHead("<c8", "False", "(2, 2)"), le, make([]float32, 8)), `"<c8"`},
		"objects":             {npyFile(1, npyHead("|O", "False", "(2, 2)"), le, make([]float32, 4)), "floats of 16 to 64 bits"},
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
		_, err := DecodeTensor(bytes.NewReader(c.b), name, Reading{H: 2, W: 2, C: 1})
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
		x, err := DecodeTensor(bytes.NewReader(b), "fuzz", Reading{H: 2, W: 4, C: 3})
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
