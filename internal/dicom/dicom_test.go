package dicom

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"krypton/internal/dicomwrite"
)

// Codings of data sets, with their transfer syntaxes.
var codings = map[string]dicomwrite.Coding{
	"1.2.840.10008.1.2": {Implicit: true}, "1.2.840.10008.1.2.1": {}, "1.2.840.10008.1.2.2": {Big: true}, "1.2.840.10008.1.2.1.99": {},
}

const explicit = explicitSyntax

// object is a picture that a test writes.
type object struct {
	syntax                  string
	meaning                 string
	rows, columns, samples  int
	allocated, stored, high int
	signed, planar          bool
	frames                  string
	more                    func(s *dicomwrite.Set) // elements before the picture
	native                  []byte                  // in the file's order
	packed                  [][]byte
	offsets                 []byte
	bare                    bool // without preamble and head
	pixelTag                uint32
	pixelVR                 string
}

func (o object) bytes() []byte {
	s := dicomwrite.Set{Coding: codings[o.syntax]}
	s.Text(0x00080016, "UI", secondaryCapture)
	s.Text(0x00080018, "UI", "2.25.7")
	if o.samples == 0 {
		o.samples = 1
	}
	if o.meaning == "" {
		o.meaning = "MONOCHROME2"
	}
	if o.stored == 0 {
		o.stored, o.high = o.allocated, o.allocated-1
	}
	s.Sequence(0x00081140, func(s *dicomwrite.Set) { // to be passed over
		s.Sequence(0x00081140, func(s *dicomwrite.Set) { s.Shorts(0x00280010, "US", 9999) })
	})
	us := func(t uint32, v int) { s.Shorts(t, "US", uint16(v)) }
	us(0x00280002, o.samples)
	s.Text(0x00280004, "CS", o.meaning)
	if o.samples > 1 {
		us(0x00280006, map[bool]int{true: 1}[o.planar])
	}
	if o.frames != "" {
		s.Text(0x00280008, "IS", o.frames)
	}
	us(0x00280010, o.rows)
	us(0x00280011, o.columns)
	us(0x00280100, o.allocated)
	us(0x00280101, o.stored)
	us(0x00280102, o.high)
	us(0x00280103, map[bool]int{true: 1}[o.signed])
	if o.more != nil {
		o.more(&s)
	}
	if o.pixelTag == 0 {
		o.pixelTag, o.pixelVR = 0x7fe00010, "OW"
	}
	if o.packed != nil {
		s.Packed(o.pixelTag, o.offsets, o.packed...)
	} else {
		s.Raw(o.pixelTag, o.pixelVR, o.native)
	}
	set := s.Bytes
	if o.syntax == "1.2.840.10008.1.2.1.99" {
		var b bytes.Buffer
		w, _ := flate.NewWriter(&b, 9)
		_, _ = w.Write(set)
		_ = w.Close()
		set = b.Bytes()
	}
	if o.bare {
		return set
	}
	return dicomwrite.File(secondaryCapture, "2.25.7", o.syntax, set)
}

// frame reads a frame of an object.
func (o object) frame(t *testing.T, n int) *Frame {
	t.Helper()
	f, err := Open(o.bytes(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.Frame(context.Background(), n)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func shorts(o binary.AppendByteOrder, v ...uint16) (b []byte) {
	for _, v := range v {
		b = o.AppendUint16(b, v)
	}
	return b
}

// TestCodings: one picture is the same in every coding, with and without a head.
func TestCodings(t *testing.T) {
	for syntax, c := range codings {
		order := binary.AppendByteOrder(binary.LittleEndian)
		if c.Big {
			order = binary.BigEndian
		}
		// Numbers of 12 bits in the upper bits, signed, with other things below.
		o := object{syntax: syntax, rows: 2, columns: 3, allocated: 16, stored: 12, high: 13, signed: true, native: shorts(order, 0x3ffc, 0x2003, 0x1ffc, 0x0004, 0xc000, 0x4008)}
		o.more = func(s *dicomwrite.Set) {
			s.Text(0x00281052, "DS", "-10 ")
			s.Text(0x00281053, "DS", "2")
		}
		for _, bare := range []bool{false, true} {
			if o.bare = bare; bare && syntax == "1.2.840.10008.1.2.1.99" {
				continue // nobody could tell
			}
			b := o.bytes()
			if !Is(b[:min(len(b), HeadBytes)]) {
				t.Errorf("%s, bare %v: is none", syntax, bare)
			}
			p := o.frame(t, 0)
			want := []float32{-2 - 10, -4096 - 10, 4094 - 10, 2 - 10, 0 - 10, 4 - 10}
			if !slices.Equal(p.Pix, want) || p.W != 3 || p.H != 2 || p.Modality != "slope 2, intercept -10" {
				t.Errorf("%s, bare %v: %v, want %v", syntax, bare, p.Pix, want)
			}
		}
	}
	for _, none := range []string{"", "\x89PNG\r\n\x1a\n00000000", "II*\x00\x08\x00\x00\x00abcdefgh", strings.Repeat("a", 200), "\x93NUMPY\x01\x00v\x00{'descr'"} {
		if Is([]byte(none)) {
			t.Errorf("%q is taken for one", none)
		}
	}
}

// TestNumbers: every kind of number.
func TestNumbers(t *testing.T) {
	le := binary.LittleEndian
	for name, c := range map[string]struct {
		o    object
		n    int
		want []float32
	}{
		"8 bits":               {object{rows: 1, columns: 3, allocated: 8, native: []byte{1, 255, 7}}, 0, []float32{1, 255, 7}},
		"8 bits, big":          {object{syntax: "1.2.840.10008.1.2.2", rows: 1, columns: 3, allocated: 8, native: []byte{255, 1, 0, 7}}, 0, []float32{1, 255, 7}},
		"8 bits, big, frame 2": {object{syntax: "1.2.840.10008.1.2.2", frames: "2", rows: 1, columns: 3, allocated: 8, native: []byte{2, 1, 4, 3, 6, 5}}, 1, []float32{4, 5, 6}},
		"bits":                 {object{rows: 1, columns: 5, allocated: 1, frames: "2", native: []byte{0b01010101, 0b10}}, 1, []float32{0, 1, 0, 0, 1}},
		"bits, big":            {object{syntax: "1.2.840.10008.1.2.2", rows: 1, columns: 5, allocated: 1, frames: "2", native: []byte{0b10, 0b01010101}}, 1, []float32{0, 1, 0, 0, 1}},
		"32 bits":              {object{rows: 1, columns: 2, allocated: 32, native: le.AppendUint32(le.AppendUint32(nil, 7), 1<<31)}, 0, []float32{7, 1 << 31}},
		"32 bits signed":       {object{rows: 1, columns: 1, allocated: 32, signed: true, native: le.AppendUint32(nil, 0xfffffffe)}, 0, []float32{-2}},
		"floats":               {object{rows: 1, columns: 1, allocated: 32, pixelTag: 0x7fe00008, pixelVR: "OF", native: le.AppendUint32(nil, math.Float32bits(.25))}, 0, []float32{.25}},
		"doubles":              {object{rows: 1, columns: 1, allocated: 64, pixelTag: 0x7fe00009, pixelVR: "OD", native: le.AppendUint64(nil, math.Float64bits(-.5))}, 0, []float32{-.5}},
		"RLE of 16 bits":       {object{syntax: "1.2.840.10008.1.2.5", rows: 1, columns: 3, allocated: 16, packed: [][]byte{append(append(le.AppendUint32(le.AppendUint32(le.AppendUint32(nil, 2), 64), 66), make([]byte, 52)...), 0xfe, 1, 2, 5, 6, 7)}}, 0, []float32{0x105, 0x106, 0x107}},
		"RGB in planes":        {object{meaning: "RGB", samples: 3, planar: true, rows: 1, columns: 2, allocated: 8, native: []byte{1, 2, 3, 4, 5, 6}}, 0, []float32{1, 3, 5, 2, 4, 6}},
		"YBR":                  {object{meaning: "YBR_FULL", samples: 3, rows: 1, columns: 1, allocated: 8, native: []byte{100, 128, 228}}, 0, []float32{240.2, 28.5864, 100}},
		"YBR 4:2:2":            {object{meaning: "YBR_FULL_422", samples: 3, rows: 1, columns: 2, allocated: 8, native: []byte{100, 50, 128, 128}}, 0, []float32{100, 100, 100, 50, 50, 50}},
	} {
		if c.o.syntax == "" {
			c.o.syntax = explicit
		}
		if p := c.o.frame(t, c.n); !slices.Equal(p.Pix, c.want) {
			t.Errorf("%s: %v, want %v", name, p.Pix, c.want)
		}
	}
}

// TestTables: a modality table, palettes, padding, and what a frame has of its own.
func TestTables(t *testing.T) {
	o := object{syntax: explicit, rows: 1, columns: 4, allocated: 8, native: []byte{0, 5, 6, 200}}
	o.more = func(s *dicomwrite.Set) {
		s.Shorts(0x00280120, "US", 200)
		s.Sequence(0x00283000, func(s *dicomwrite.Set) {
			s.Shorts(0x00283002, "US", 2, 5, 16)
			s.Shorts(0x00283006, "US", 1000, 3000)
		})
	}
	if p := o.frame(t, 0); !slices.Equal(p.Pix[:3], []float32{1000, 1000, 3000}) || p.Pix[3] == p.Pix[3] || p.Padded != 1 || p.Modality != "table" {
		t.Errorf("%+v", p)
	} else if least, most := p.Range(); least != 1000 || most != 3000 {
		t.Errorf("%g to %g", least, most)
	}
	o.meaning = "PALETTE COLOR"
	o.more = func(s *dicomwrite.Set) {
		for k := range uint32(3) {
			s.Shorts(0x00281101+k, "US", 6, 1, 16)
		}
		for k := range uint32(3) {
			v := uint16(k)
			s.Shorts(0x00281201+k, "OW", v, v, v, v, 1000*v, 65535)
		}
	}
	if p := o.frame(t, 0); !slices.Equal(p.Pix, []float32{0, 1, 2, 0, 1000, 2000, 65535, 65535, 65535, 65535, 65535, 65535}) || p.Most != 65535 {
		t.Errorf("%+v", p)
	}
	o = object{syntax: explicit, frames: "2", rows: 1, columns: 1, allocated: 8, native: []byte{10, 20}}
	o.more = func(s *dicomwrite.Set) {
		values := func(slope string) func(s *dicomwrite.Set) {
			return func(s *dicomwrite.Set) {
				s.Sequence(0x00289145, func(s *dicomwrite.Set) { s.Text(0x00281052, "DS", "0"); s.Text(0x00281053, "DS", slope) })
			}
		}
		s.Sequence(0x52009229, func(s *dicomwrite.Set) {
			s.Sequence(0x00289110, func(s *dicomwrite.Set) { s.Text(0x00280030, "DS", "0.5", "0.25") })
			s.Sequence(0x00289132, func(s *dicomwrite.Set) { s.Text(0x00281050, "DS", "40"); s.Text(0x00281051, "DS", "400") })
		})
		s.Sequence(0x52009230, values("2"), values("3"))
	}
	if p := o.frame(t, 1); p.Pix[0] != 60 || *p.Spacing != [2]float64{.5, .25} || p.SpacingFrom != "PixelSpacing" || len(p.Windows) != 1 || p.Windows[0].Center != 40 {
		t.Errorf("%+v", p)
	}
}

// TestWindows: C.11.2's functions, by number and by name.
func TestWindows(t *testing.T) {
	for _, c := range []struct {
		w    Window
		v    float64
		want float64
	}{
		// The example of C.11.2.1.2.1.
		{Window{Center: 2048, Width: 4096, Function: "LINEAR"}, 0, 0}, {Window{Center: 2048, Width: 4096, Function: "LINEAR"}, 4095, 1},
		{Window{Center: 2048, Width: 1, Function: "LINEAR"}, 2047, 0}, {Window{Center: 2048, Width: 1, Function: "LINEAR"}, 2048, 1},
		{Window{Center: 0, Width: 100, Function: "LINEAR"}, -50, 0}, {Window{Center: 0, Width: 100, Function: "LINEAR"}, 49, 1}, {Window{Center: 0, Width: 100, Function: "LINEAR"}, -.5, .5},
		{Window{Center: 0, Width: 100, Function: "LINEAR_EXACT"}, -50, 0}, {Window{Center: 0, Width: 100, Function: "LINEAR_EXACT"}, 25, .75}, {Window{Center: 0, Width: 100, Function: "LINEAR_EXACT"}, 51, 1},
		{Window{Center: 10, Width: 4, Function: "SIGMOID"}, 10, .5}, {Window{Center: 10, Width: 4, Function: "SIGMOID"}, 11, 1 / (1 + math.Exp(-1))},
	} {
		if got := c.w.Level(c.v); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%v of %g: %g, want %g", c.w.String(), c.v, got, c.want)
		}
	}
	o := object{syntax: explicit, rows: 1, columns: 2, allocated: 8, native: []byte{0, 9}}
	o.more = func(s *dicomwrite.Set) {
		s.Text(0x00281050, "DS", "40", "50", "60")
		s.Text(0x00281051, "DS", "400", "0", "600")
		s.Text(0x00281055, "LO", "SOFT", "none", "Bone ")
		s.Sequence(0x00283010, func(s *dicomwrite.Set) {
			s.Shorts(0x00283002, "US", 2, 8, 8)
			s.Text(0x00283003, "LO", "LUT")
			s.Shorts(0x00283006, "US", 51, 255)
		})
	}
	p := o.frame(t, 0)
	if len(p.Windows) != 3 || len(p.Notes) != 1 {
		t.Fatalf("%+v", p)
	}
	for name, center := range map[string]float64{"1": 40, "soft": 40, "2": 60, "bone": 60} {
		if w, err := p.Named(name); err != nil || w.Center != center {
			t.Errorf("%s: %+v, %v", name, w, err)
		}
	}
	if w, err := p.Named("LUT"); err != nil || w.Level(0) != .2 || w.Level(9) != 1 {
		t.Errorf("%+v, %v", w, err)
	}
	if _, err := p.Named("7"); err == nil || !strings.Contains(err.Error(), "1 (center 40, width 400, LINEAR), 2 (center 60") || strings.Contains(err.Error(), "SOFT") {
		t.Error(err)
	}
	o.more = nil
	p = o.frame(t, 0)
	if w, note := p.Own(); w.Level(0) != 0 || w.Level(255) != 1 || note != "" {
		t.Errorf("%+v, %s", w, note)
	}
	if w := p.Full(); w.Level(0) != 0 || w.Level(9) != 1 {
		t.Errorf("%+v", w)
	}
}

// TestFrames: where packed frames begin.
func TestFrames(t *testing.T) {
	one := func(v byte) []byte { // RLE of one byte
		return append(append(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, 1), 64), make([]byte, 56)...), 0, v)
	}
	o := object{syntax: "1.2.840.10008.1.2.5", frames: "2", rows: 1, columns: 1, allocated: 8, packed: [][]byte{one(5), one(6)}}
	if p := o.frame(t, 1); p.Pix[0] != 6 {
		t.Errorf("%v", p.Pix)
	}
	o.packed = [][]byte{one(5)[:32], one(5)[32:], one(6)}
	o.offsets = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, 0), 8+32+8+34)
	for n, want := range []float32{5, 6} {
		if p := o.frame(t, n); p.Pix[0] != want {
			t.Errorf("frame %d: %v", n, p.Pix)
		}
	}
	o.offsets = nil
	far := o
	far.more = func(s *dicomwrite.Set) {
		s.Raw(0x7fe00001, "OV", binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, 0), 8+32+8+34))
	}
	for n, want := range []float32{5, 6} {
		if p := far.frame(t, n); p.Pix[0] != want {
			t.Errorf("frame %d by the extended table: %v", n, p.Pix)
		}
	}
	f, err := Open(o.bytes(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Frame(context.Background(), 0); err == nil || !strings.Contains(err.Error(), "2 frames in 3 parts") {
		t.Error(err)
	}
	if _, err := f.Frame(context.Background(), 2); err == nil {
		t.Error("a third frame")
	}
}

// TestRefused: what is not read says why, in one line without the file's own words.
func TestRefused(t *testing.T) {
	good := object{syntax: explicit, rows: 2, columns: 2, allocated: 8, native: make([]byte, 4)}
	var waves dicomwrite.Set
	waves.Text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.9.1.1")
	empty := dicomwrite.File("1.2.840.10008.5.1.4.1.1.9.1.1", "1", explicit, waves.Bytes)
	deep := bytes.Repeat([]byte{0x08, 0, 0x40, 0x11, 'S', 'Q', 0, 0, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0, 0xe0, 0xff, 0xff, 0xff, 0xff}, 1000)
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"no picture":     {empty, "without a picture"},
		"cut":            {func() []byte { b := good.bytes(); return b[:len(b)-2] }(), "cut short: 2 bytes of 4"},
		"photometric":    {func() []byte { o := good; o.meaning = "PATIENT"; return o.bytes() }(), "PS3.3 does not have"},
		"partial":        {func() []byte { o := good; o.meaning = "YBR_PARTIAL_420"; return o.bytes() }(), "YBR_PARTIAL_420 is not read"},
		"samples":        {func() []byte { o := good; o.samples = 2; return o.bytes() }(), "2 numbers a pixel"},
		"bits":           {func() []byte { o := good; o.allocated = 24; return o.bytes() }(), "24 bits"},
		"high bit":       {func() []byte { o := good; o.stored, o.high = 8, 3; return o.bytes() }(), "the highest the 4th"},
		"no rows":        {func() []byte { o := good; o.rows = 0; return o.bytes() }(), "rows and columns"},
		"frames":         {func() []byte { o := good; o.frames = "-3"; return o.bytes() }(), "-3 frames"},
		"many frames":    {func() []byte { o := good; o.frames = "3000000000"; return o.bytes() }(), "frames"},
		"depth":          {dicomwrite.File(secondaryCapture, "1", explicit, deep), "deep in each other"},
		"syntax":         {dicomwrite.File(secondaryCapture, "1", "1.2.3", make([]byte, 8)), "transfer syntax 1.2.3 is not read"},
		"strange syntax": {dicomwrite.File(secondaryCapture, "1", "PATIENT", make([]byte, 8)), "no UID"},
		"video": {func() []byte {
			o := good
			o.syntax, o.packed = "1.2.840.10008.1.2.4.102", [][]byte{{1, 2}}
			return o.bytes()
		}(), "H.264 video is not read"},
		"not packed": {func() []byte { o := good; o.syntax = "1.2.840.10008.1.2.5"; return o.bytes() }(), "not packed as"},
		"packed":     {func() []byte { o := good; o.packed = [][]byte{{1, 2}}; return o.bytes() }(), "knows no packing"},
		"no JPEG": {func() []byte {
			o := good
			o.syntax, o.packed = "1.2.840.10008.1.2.4.50", [][]byte{{1, 2}}
			return o.bytes()
		}(), "no JPEG stream"},
		"inflates": {object{syntax: "1.2.840.10008.1.2.1.99", rows: 1000, columns: 2000, allocated: 8, native: make([]byte, 2000000)}.bytes(), "inflates to more than"},
	} {
		f, err := Open(c.data, 1<<20)
		if err == nil {
			_, err = f.Frame(context.Background(), 0)
		}
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "PATIENT") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	if _, err := Open(empty, 0); !errors.Is(err, ErrNoPicture) {
		t.Error(err)
	}
}

// TestWithoutPrograms: what only other programs unpack is refused with the command that
// helps.
func TestWithoutPrograms(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for syntax, says := range map[string]string{"80": "JPEG-LS is not read without dcmdjpls (apt install dcmtk; or where there is one, 'dcmdjpls", "90": "JPEG 2000 is not read without gdcmconv (apt install libgdcm-tools; or where there is one, 'gdcmconv -w -i IN.dcm -o OUT.dcm'", "201": "HTJ2K is not read without gdcmconv"} {
		o := object{syntax: "1.2.840.10008.1.2.4." + syntax, rows: 1, columns: 1, allocated: 8, packed: [][]byte{{1, 2}}}
		f, err := Open(o.bytes(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Frame(context.Background(), 0); !errors.Is(err, ErrUnsupported) || !strings.Contains(fmt.Sprint(err), says) {
			t.Errorf("%s: %v", syntax, err)
		}
	}
}

// TestMemory: reading a frame takes at most twice its numbers in single precision, and
// lying lengths take nothing.
func TestMemory(t *testing.T) {
	const side = 512
	allocated := func(f func()) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	rle := binary.LittleEndian.AppendUint32(nil, 2)
	rle = append(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(rle, 64), 64), make([]byte, 52)...)
	rle = append(rle, bytes.Repeat([]byte{0x81, 3}, side*side/128)...)
	for name, o := range map[string]object{
		"native": {syntax: explicit, rows: side, columns: side, allocated: 16, native: make([]byte, 2*side*side)},
		"RLE":    {syntax: "1.2.840.10008.1.2.5", rows: side, columns: side, allocated: 16, packed: [][]byte{rle}},
	} {
		data := o.bytes()
		took := allocated(func() {
			f, err := Open(data, 0)
			if err != nil {
				t.Fatal(err)
			}
			if p, err := f.Frame(context.Background(), 0); err != nil || len(p.Pix) != side*side {
				t.Fatal(err)
			}
		})
		if took > 2*4*side*side+64<<10 {
			t.Errorf("%s: %d bytes for %d pixels", name, took, side*side)
		}
	}
	o := object{syntax: explicit, rows: 65535, columns: 65535, allocated: 16, native: make([]byte, 100)}
	data := o.bytes()
	if took := allocated(func() {
		if f, err := Open(data, 0); err == nil {
			_, _ = f.Frame(context.Background(), 0)
		}
	}); took > 64<<10 {
		t.Errorf("%d bytes for a picture that is not there", took)
	}
}

// FuzzOpen reads damaged files: one is refused, or has the numbers that it says.
func FuzzOpen(f *testing.F) {
	for syntax := range codings {
		f.Add(object{syntax: syntax, rows: 2, columns: 3, allocated: 16, native: make([]byte, 12), more: func(s *dicomwrite.Set) {
			s.Text(0x00281050, "DS", "40")
			s.Text(0x00281051, "DS", "400")
			s.Sequence(0x00283010, func(s *dicomwrite.Set) {
				s.Shorts(0x00283002, "US", 2, 8, 8)
				s.Shorts(0x00283006, "US", 51, 255)
			})
		}}.bytes())
	}
	f.Add(object{syntax: "1.2.840.10008.1.2.5", rows: 1, columns: 1, allocated: 8, packed: [][]byte{append(append(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, 1), 64), make([]byte, 56)...), 0, 9)}}.bytes())
	f.Add(object{syntax: explicit, meaning: "PALETTE COLOR", rows: 1, columns: 1, allocated: 8, native: []byte{1}, more: func(s *dicomwrite.Set) {
		for k := range uint32(3) {
			s.Shorts(0x00281101+k, "US", 2, 1, 8)
		}
		for k := range uint32(3) {
			s.Raw(0x00281201+k, "OW", []byte{1, 2})
		}
	}}.bytes())
	f.Setenv("PATH", f.TempDir()) // no programs
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = Is(b)
		d, err := Open(b, 1<<16)
		if err != nil || int64(d.Width)*int64(d.Height) > 1<<16 {
			return
		}
		p, err := d.Frame(context.Background(), min(d.Frames-1, 3))
		if err != nil {
			return
		}
		if len(p.Pix) != d.Width*d.Height*d.Channels {
			t.Errorf("%d numbers", len(p.Pix))
		}
		w, _ := p.Own()
		full := p.Full()
		for _, v := range p.Pix {
			if l := w.Level(float64(v)); v == v && d.Channels == 1 && !(l >= 0 && l <= 1) {
				t.Errorf("%v: %g", w, l)
			}
			_ = full.Level(float64(v))
		}
	})
}

// TestDamagedSequence: the tag that is wrong is named.
func TestDamagedSequence(t *testing.T) {
	set := []byte{8, 0, 0x40, 0x11, 'S', 'Q', 0, 0, 0xff, 0xff, 0xff, 0xff, 8, 0, 0x18, 0, 'U', 'I', 0, 0}
	if _, err := Open(dicomwrite.File(secondaryCapture, "1", explicit, set), 0); err == nil || err.Error() != "damaged: (0008,0018) where an item must be" {
		t.Error(err)
	}
}
