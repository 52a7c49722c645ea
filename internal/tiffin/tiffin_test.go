package tiffin

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/image/tiff"

	"krypton/internal/chroma"
	"krypton/internal/tensor"
)

// form is how a test writes a file: numbers of each pixel, row by row.
type form struct {
	w, h, samples, bits, format, photometric, compression, predictor int
	big, be, planar                                                  bool
	tile                                                             [2]int // 0 for strips
	rows                                                             int    // of a strip
	more                                                             map[uint16][]uint64
}

func (f *form) order() binary.AppendByteOrder {
	if f.be {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// number writes one of the numbers, given as its bits.
func (f *form) number(b []byte, v uint64) []byte {
	switch f.bits {
	case 8:
		return append(b, byte(v))
	case 16:
		return f.order().AppendUint16(b, uint16(v))
	case 32:
		return f.order().AppendUint32(b, uint32(v))
	}
	return f.order().AppendUint64(b, v)
}

// pack is a segment of some rows of numbers.
func (f *form) pack(rows [][]uint64, step int) []byte {
	var out []byte
	for _, row := range rows {
		var line []byte
		switch {
		case f.bits < 8 || f.bits > 8 && f.bits < 16:
			bit := 0
			line = make([]byte, (len(row)*f.bits+7)/8)
			for _, v := range row {
				for i := f.bits - 1; i >= 0; i, bit = i-1, bit+1 {
					line[bit/8] |= byte(v>>i&1) << (7 - bit%8)
				}
			}
		case f.predictor == 2:
			for i, v := range row {
				if i >= step {
					v -= row[i-step]
				}
				line = f.number(line, v)
			}
		case f.predictor == 3:
			n := f.bits / 8
			for k := range n {
				for _, v := range row {
					line = append(line, byte(v>>(8*(n-1-k))))
				}
			}
			for i := len(line) - 1; i >= step; i-- {
				line[i] -= line[i-step]
			}
		default:
			for _, v := range row {
				line = f.number(line, v)
			}
		}
		out = append(out, line...)
	}
	return f.compress(out)
}

func (f *form) compress(b []byte) []byte {
	var out bytes.Buffer
	switch f.compression {
	case 8:
		z := zlib.NewWriter(&out)
		z.Write(b)
		z.Close()
	case 50000:
		z, _ := zstd.NewWriter(&out)
		z.Write(b)
		z.Close()
	case 32773:
		for len(b) > 0 {
			n := min(len(b), 100)
			if bytes.Count(b[:n], b[:1]) == n { // a run
				out.Write([]byte{byte(1 - n), b[0]})
			} else {
				out.WriteByte(byte(n - 1))
				out.Write(b[:n])
			}
			b = b[n:]
			out.WriteByte(128) // says nothing
		}
	default:
		return b
	}
	return out.Bytes()
}

// segments cuts numbers into strips or tiles.
func (f *form) segments(numbers []uint64) (out [][]byte) {
	sw, sh := f.w, f.rows
	if f.tile[0] > 0 {
		sw, sh = f.tile[0], f.tile[1]
	} else if sh == 0 {
		sh = f.h
	}
	planes, step := 1, f.samples
	if f.planar {
		planes, step = f.samples, 1
	}
	for plane := range planes {
		for y0 := 0; y0 < f.h; y0 += sh {
			for x0 := 0; x0 < f.w; x0 += sw {
				var rows [][]uint64
				for y := y0; y < y0+sh && (f.tile[0] > 0 || y < f.h); y++ {
					row := make([]uint64, sw*step)
					for x := range sw {
						for k := range step {
							if x0+x < f.w && y < f.h {
								row[x*step+k] = numbers[(y*f.w+x0+x)*f.samples+plane+k]
							}
						}
					}
					rows = append(rows, row)
				}
				out = append(out, f.pack(rows, step))
			}
		}
	}
	return out
}

// write makes a file of segments.
func (f *form) write(segments [][]byte) []byte {
	sh := f.rows
	if sh == 0 {
		sh = f.h
	}
	many := func(v, n int) (out []uint64) {
		for range n {
			out = append(out, uint64(v))
		}
		return out
	}
	tags := map[uint16][]uint64{tagWidth: {uint64(f.w)}, tagHeight: {uint64(f.h)}, tagBits: many(f.bits, f.samples), tagCompression: {uint64(f.compression)}, tagPhotometric: {uint64(f.photometric)},
		tagSamples: {uint64(f.samples)}, tagSampleFormat: many(max(1, f.format), f.samples), tagPredictor: {uint64(max(1, f.predictor))}, tagPlanar: {1}}
	if f.planar {
		tags[tagPlanar] = []uint64{2}
	}
	places, counts := uint16(tagStripOffsets), uint16(tagStripBytes)
	if f.tile[0] > 0 {
		places, counts = tagTileOffsets, tagTileBytes
		tags[tagTileWidth], tags[tagTileHeight] = []uint64{uint64(f.tile[0])}, []uint64{uint64(f.tile[1])}
	} else {
		tags[tagRowsPerStrip] = []uint64{uint64(sh)}
	}
	for tag, v := range f.more {
		tags[tag] = v
	}
	o := f.order()
	mark := map[bool]string{false: "II", true: "MM"}[f.be]
	body := []byte{}
	head := 8
	if f.big {
		head = 16
	}
	for _, s := range segments {
		tags[places] = append(tags[places], uint64(head+len(body)))
		tags[counts] = append(tags[counts], uint64(len(s)))
		body = append(body, s...)
	}
	size, unit := 4, uint16(4)
	if f.big {
		size, unit = 8, 16
	}
	num := func(b []byte, v uint64) []byte {
		if f.big {
			return o.AppendUint64(b, v)
		}
		return o.AppendUint32(b, uint32(v))
	}
	var dir []byte
	for tag := range uint16(600) {
		v, ok := tags[tag]
		if !ok {
			continue
		}
		kind, data := unit, []byte{}
		for _, n := range v {
			if tag == tagColorMap || tag == tagBits || tag == tagExtraSamples || tag == tagSubsampling {
				kind, data = 3, o.AppendUint16(data, uint16(n))
			} else {
				data = num(data, n)
			}
		}
		dir = o.AppendUint16(dir, tag)
		dir = o.AppendUint16(dir, kind)
		dir = num(dir, uint64(len(v)))
		if len(data) > size {
			at := uint64(head + len(body))
			body = append(body, data...)
			data = num(nil, at)
		}
		dir = append(dir, append(data, make([]byte, size-len(data))...)...)
	}
	out := o.AppendUint16([]byte(mark), 42)
	if f.big {
		out = o.AppendUint16(o.AppendUint16(o.AppendUint16([]byte(mark), 43), 8), 0)
	}
	out = num(out, uint64(head+len(body)))
	n := len(dir) / (4 + 2*size)
	out = append(out, body...)
	if f.big {
		out = o.AppendUint64(out, uint64(n))
	} else {
		out = o.AppendUint16(out, uint16(n))
	}
	return append(append(out, dir...), make([]byte, size)...)
}

// random are numbers of a form as bits, and what they are.
func (f *form) random() (raw []uint64, values []float64) {
	rng := rand.New(rand.NewPCG(uint64(f.bits), uint64(f.format)))
	for range f.w * f.h * f.samples {
		v := rng.Uint64() & (1<<f.bits - 1)
		if f.bits == 64 {
			v = rng.Uint64()
		}
		var value float64
		switch f.format {
		case 2:
			value = float64(int64(v) << (64 - f.bits) >> (64 - f.bits))
		case 3:
			value = float64(rng.IntN(2000)-1000) / 64
			switch f.bits {
			case 16:
				v = uint64(halves[value])
			case 32:
				v = uint64(math.Float32bits(float32(value)))
			case 64:
				v = math.Float64bits(value)
			}
		default:
			value = float64(v)
		}
		raw, values = append(raw, v), append(values, value)
	}
	return raw, values
}

// halves are all half floats by what they are.
var halves = func() map[float64]uint16 {
	all := map[float64]uint16{}
	for h := range 1 << 16 {
		all[float64(tensor.Half(h).Float32())] = uint16(h)
	}
	return all
}()

// TestNumbers: every kind of number, in every layout, order of bytes, compression and
// predictor, comes out as it went in.
func TestNumbers(t *testing.T) {
	for _, kind := range [][2]int{{10, 1}, {12, 1}, {14, 1}, {16, 1}, {32, 1}, {64, 1}, {8, 2}, {16, 2}, {32, 2}, {64, 2}, {16, 3}, {32, 3}, {64, 3}} {
		for _, samples := range []int{1, 3} {
			for i, layout := range []form{{rows: 4}, {tile: [2]int{16, 16}, planar: true}, {planar: true, rows: 3}, {tile: [2]int{32, 16}}} {
				for _, compression := range []int{1, 8, 32773, 50000} {
					f := layout
					f.w, f.h, f.samples, f.bits, f.format, f.compression, f.photometric = 21, 18, samples, kind[0], kind[1], compression, samples/2+1
					f.big, f.be = compression == 8 || i == 1, compression == 50000 || i == 2
					if compression != 1 && f.bits%8 == 0 {
						f.predictor = 2
						if f.format == 3 {
							f.predictor = 3
						}
					}
					raw, want := f.random()
					file, err := Open(f.write(f.segments(raw)))
					if err != nil {
						t.Fatalf("%+v: %v", f, err)
					}
					got, _, err := file.Numbers(func(v float64) (float32, error) { return float32(v), nil })
					if err != nil || len(got) != len(want) {
						t.Fatalf("%+v: %d numbers of %d, %v", f, len(got), len(want), err)
					}
					for k, v := range want {
						if got[k] != float32(v) {
							t.Fatalf("%+v: number %d is %g, want %g", f, k, got[k], v)
						}
					}
				}
			}
		}
	}
}

// TestOfOthers reads what an independent writer wrote, and agrees with its reader.
func TestOfOthers(t *testing.T) {
	r := image.Rect(0, 0, 23, 17)
	rng := rand.New(rand.NewPCG(1, 2))
	pal := image.NewPaletted(r, color.Palette{color.NRGBA{1, 2, 3, 255}, color.NRGBA{200, 100, 50, 255}})
	gray, nrgba, rgba := image.NewGray(r), image.NewNRGBA(r), image.NewRGBA(r)
	for i := range gray.Pix {
		gray.Pix[i], pal.Pix[i] = byte(rng.Uint32()), byte(i%2)
	}
	for i := range nrgba.Pix {
		nrgba.Pix[i] = byte(rng.Uint32())
		if rgba.Pix[i] = nrgba.Pix[i] / 2; i%4 == 3 {
			rgba.Pix[i] = 200
		}
	}
	for _, img := range []image.Image{pal, gray, nrgba, rgba} {
		for _, opt := range []*tiff.Options{nil, {Compression: tiff.Deflate}, {Compression: tiff.Deflate, Predictor: true}} {
			var b bytes.Buffer
			if err := tiff.Encode(&b, img, opt); err != nil {
				t.Fatal(err)
			}
			want, err := tiff.Decode(bytes.NewReader(b.Bytes()))
			if err != nil {
				t.Fatal(err)
			}
			f, err := Open(b.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			same(t, fmt.Sprintf("%T %v", img, opt), f, want)
		}
	}
}

// same fails unless a file shows a picture.
func same(t *testing.T, name string, f *File, want image.Image) {
	t.Helper()
	got, err := f.Image()
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if got.Bounds() != want.Bounds() {
		t.Errorf("%s: %v, want %v", name, got.Bounds(), want.Bounds())
		return
	}
	for y := range got.Bounds().Dy() {
		for x := range got.Bounds().Dx() {
			r, g, b, a := got.At(x, y).RGBA()
			wr, wg, wb, wa := want.At(x, y).RGBA()
			if r != wr || g != wg || b != wb || a != wa {
				t.Errorf("%s: pixel %d, %d is %v, want %v", name, x, y, got.At(x, y), want.At(x, y))
				return
			}
		}
	}
}

// TestColors: what the numbers of a pixel mean.
func TestColors(t *testing.T) {
	pixel := func(c color.Color) image.Image {
		img := image.NewNRGBA(image.Rect(0, 0, 4, 4))
		for i := range 16 {
			img.Set(i%4, i/4, c)
		}
		return img
	}
	light, cb, cr := color.RGBToYCbCr(200, 100, 50)
	r, g, b := chroma.JPEGColour(int(light), int(cb), int(cr))
	if max(r, 200)-min(r, 200) > 2 || max(g, 100)-min(g, 100) > 2 || max(b, 50)-min(b, 50) > 2 {
		t.Fatalf("%d %d %d", r, g, b)
	}
	for name, c := range map[string]struct {
		f       form
		numbers []uint64
		want    color.Color
	}{
		"white is zero":        {form{bits: 8, photometric: whiteIsZero}, []uint64{55}, color.Gray{200}},
		"one bit":              {form{bits: 1, photometric: whiteIsZero}, []uint64{1}, color.Black},
		"four bits":            {form{bits: 4, photometric: blackIsZero}, []uint64{5}, color.Gray{85}},
		"CMYK":                 {form{bits: 8, photometric: photoCMYK}, []uint64{10, 20, 30, 40}, color.CMYK{10, 20, 30, 40}},
		"planes of CMYK":       {form{bits: 8, photometric: photoCMYK, planar: true}, []uint64{10, 20, 30, 40}, color.CMYK{10, 20, 30, 40}},
		"palette of 2 bits":    {form{bits: 2, photometric: photoIndex, more: map[uint16][]uint64{tagColorMap: {0, 0, 257, 0, 0, 0, 514, 0, 0, 0, 771, 0}}}, []uint64{2}, color.NRGBA{1, 2, 3, 255}},
		"palette of Pillow's":  {form{bits: 2, photometric: photoIndex, more: map[uint16][]uint64{tagColorMap: {0, 0, 256, 0, 0, 0, 254 << 8, 0, 0, 0, 255 << 8, 0}}}, []uint64{2}, color.NRGBA{1, 254, 255, 255}},
		"palette of old":       {form{bits: 2, photometric: photoIndex, more: map[uint16][]uint64{tagColorMap: {0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 255, 0}}}, []uint64{2}, color.NRGBA{1, 2, 255, 255}},
		"opacity":              {form{bits: 8, photometric: photoRGB, more: map[uint16][]uint64{tagExtraSamples: {unassociated}}}, []uint64{10, 20, 30, 40}, color.NRGBA{10, 20, 30, 40}},
		"multiplied opacity":   {form{bits: 8, photometric: photoRGB, more: map[uint16][]uint64{tagExtraSamples: {associated}}}, []uint64{10, 20, 30, 40}, color.RGBA{10, 20, 30, 40}},
		"opacity behind":       {form{bits: 8, photometric: photoRGB, more: map[uint16][]uint64{tagExtraSamples: {0, unassociated}}}, []uint64{10, 20, 30, 99, 40}, color.NRGBA{10, 20, 30, 40}},
		"further numbers":      {form{bits: 8, photometric: blackIsZero}, []uint64{10, 20}, color.Gray{10}},
		"YCbCr, each its own":  {form{bits: 8, photometric: photoYCbCr, more: map[uint16][]uint64{tagSubsampling: {1, 1}}}, []uint64{uint64(light), uint64(cb), uint64(cr)}, color.NRGBA{r, g, b, 255}},
		"levels of a gray one": {form{bits: 8, photometric: blackIsZero}, []uint64{7}, color.Gray{7}},
	} {
		f := c.f
		f.w, f.h, f.samples, f.compression = 4, 4, len(c.numbers), 1
		var numbers []uint64
		for range 16 {
			numbers = append(numbers, c.numbers...)
		}
		file, err := Open(f.write(f.segments(numbers)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		same(t, name, file, func() image.Image {
			img := pixel(c.want)
			if _, ok := c.want.(color.CMYK); ok { // package image keeps more bits of it
				m := image.NewCMYK(image.Rect(0, 0, 4, 4))
				for i := range 16 {
					m.Set(i%4, i/4, c.want)
				}
				return m
			}
			if _, ok := c.want.(color.RGBA); ok {
				m := image.NewRGBA(image.Rect(0, 0, 4, 4))
				for i := range 16 {
					m.Set(i%4, i/4, c.want)
				}
				return m
			}
			return img
		}())
	}
	// Two by two pixels share their colours.
	f := form{w: 3, h: 3, samples: 3, bits: 8, photometric: photoYCbCr, compression: 1}
	block := []byte{light, light, light, light, cb, cr}
	file, err := Open(f.write([][]byte{bytes.Repeat(block, 4)}))
	if err != nil {
		t.Fatal(err)
	}
	want := image.NewNRGBA(image.Rect(0, 0, 3, 3))
	for i := range 9 {
		want.Set(i%3, i/3, color.NRGBA{r, g, b, 255})
	}
	same(t, "YCbCr in blocks", file, want)
}

// TestDeepColors: opacity, inks and inverted gray of deep numbers.
func TestDeepColors(t *testing.T) {
	for name, c := range map[string]struct {
		f       form
		numbers []uint64
		want    []float32
	}{
		"white is zero":      {form{photometric: whiteIsZero}, []uint64{65535 - 257}, []float32{1}},
		"CMYK":               {form{photometric: photoCMYK}, []uint64{0, 65535, 0, 32896}, []float32{127, 0, 127}},
		"opacity":            {form{photometric: blackIsZero, more: map[uint16][]uint64{tagExtraSamples: {unassociated}}}, []uint64{25700, 52428}, []float32{100*.8 + 255*.2}},
		"multiplied opacity": {form{photometric: photoRGB, more: map[uint16][]uint64{tagExtraSamples: {associated}}}, []uint64{25700, 0, 52428, 52428}, []float32{100 + 51, 51, 255}},
		"nothing there":      {form{photometric: photoRGB, more: map[uint16][]uint64{tagExtraSamples: {associated}}}, []uint64{0, 0, 0, 0}, []float32{255, 255, 255}},
	} {
		f := c.f
		f.w, f.h, f.bits, f.samples, f.compression = 1, 1, 16, len(c.numbers), 1
		file, err := Open(f.write(f.segments(c.numbers)))
		if err != nil {
			t.Fatal(err)
		}
		got, transparent, err := file.Numbers(func(v float64) (float32, error) { return float32(v / 257), nil })
		if err != nil || len(got) != len(c.want) || transparent != (f.more != nil) {
			t.Errorf("%s: %v, %v, %v", name, got, transparent, err)
			continue
		}
		for i, v := range c.want {
			if math.Abs(float64(got[i]-v)) > 1e-3 {
				t.Errorf("%s: %v, want %v", name, got, c.want)
			}
		}
	}
}

// TestJPEGInside: strips and tiles of JPEG, with their tables in them or not, in gray,
// YCbCr and colours that the TIFF file says are stored as they are.
func TestJPEGInside(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 32, 32))
	gray := image.NewGray(img.Rect)
	for i := range 32 * 32 {
		img.Set(i%32, i/32, color.RGBA{byte(i % 32 * 4), 90, byte(i / 32 * 4), 255})
		gray.Pix[i] = byte(i % 32 * 8)
	}
	stream := func(m image.Image) []byte {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 100}); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	colours := stream(img)
	decoded, err := jpeg.Decode(bytes.NewReader(colours))
	if err != nil {
		t.Fatal(err)
	}
	asIs := image.NewNRGBA(img.Rect)
	for i := range 32 * 32 {
		c := decoded.(*image.YCbCr).YCbCrAt(i%32, i/32)
		asIs.Set(i%32, i/32, color.NRGBA{c.Y, c.Cb, c.Cr, 255})
	}
	grayBytes := stream(gray)
	decodedGray, _ := jpeg.Decode(bytes.NewReader(grayBytes))
	// The tables lie in front of the frame's head.
	head := bytes.Index(colours, []byte{0xff, 0xc0})
	frame := append([]byte{0xff, 0xd8}, colours[head:]...)
	var tables []uint64
	for _, b := range append(bytes.Clone(colours[:head]), 0xff, 0xd9) {
		tables = append(tables, uint64(b))
	}
	for name, c := range map[string]struct {
		f    form
		data []byte
		want image.Image
	}{
		"gray":             {form{samples: 1, photometric: blackIsZero}, grayBytes, decodedGray},
		"YCbCr":            {form{samples: 3, photometric: photoYCbCr}, colours, chroma.JPEG(decoded.(*image.YCbCr))},
		"RGB":              {form{samples: 3, photometric: photoRGB}, colours, asIs},
		"a tile":           {form{samples: 3, photometric: photoYCbCr, tile: [2]int{32, 32}}, colours, chroma.JPEG(decoded.(*image.YCbCr))},
		"tables elsewhere": {form{samples: 3, photometric: photoYCbCr, more: map[uint16][]uint64{tagJPEGTables: tables}}, frame, chroma.JPEG(decoded.(*image.YCbCr))},
	} {
		f := c.f
		f.w, f.h, f.bits, f.compression = 32, 32, 8, 7
		b := f.write([][]byte{c.data})
		if f.more != nil { // tables are bytes
			b = asBytes(b, tagJPEGTables)
		}
		file, err := Open(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		same(t, name, file, c.want)
	}
}

// asBytes makes an entry's numbers of four bytes, little-endian, bytes.
func asBytes(b []byte, tag uint16) []byte {
	le := binary.LittleEndian
	for at := int(le.Uint32(b[4:])) + 2; ; at += 12 {
		if le.Uint16(b[at:]) != tag {
			continue
		}
		le.PutUint16(b[at+2:], 7)
		to := int(le.Uint32(b[at+8:]))
		for i := range int(le.Uint32(b[at+4:])) {
			b[to+i] = b[to+4*i]
		}
		return b
	}
}

// TestFax: white runs of CCITT's codes are white where white is 0, and the reverse where
// black is (TIFF 6.0, section 11). libtiff has packed the rows.
func TestFax(t *testing.T) {
	rows := []string{
		"#######.............",
		"#######.............",
		"#######...#####.....",
		"####################",
		"#######.............",
		"...#................",
	}
	for group, packed := range map[int]string{
		3: "001351860026a30c004d470780026a1a0004d461800c2a80",
		4: "26a3fcc1e2421ac8c3060a002002",
	} {
		b, err := hex.DecodeString(packed)
		if err != nil {
			t.Fatal(err)
		}
		for _, photometric := range []int{whiteIsZero, blackIsZero} {
			f := form{w: 20, h: len(rows), samples: 1, bits: 1, photometric: photometric, compression: group}
			file, err := Open(f.write([][]byte{b}))
			if err != nil {
				t.Fatal(err)
			}
			same(t, fmt.Sprintf("group %d, photometric %d", group, photometric), file, func() image.Image {
				img := image.NewGray(image.Rect(0, 0, f.w, f.h))
				for y, row := range rows {
					for x, c := range row {
						// libtiff was given # as bits of 1 in a file whose 0 is black.
						if (c == '#') == (photometric == blackIsZero) {
							img.Pix[img.PixOffset(x, y)] = 255
						}
					}
				}
				return img
			}())
		}
	}
}

// TestRefused: what is not read is named, and nothing large is made of small files.
func TestRefused(t *testing.T) {
	good := form{w: 4, h: 4, samples: 1, bits: 8, photometric: 1, compression: 1}
	with := func(change func(*form)) []byte {
		f := good
		change(&f)
		n := f.w * f.h * f.samples
		if n > 1000 || n < 0 {
			return f.write([][]byte{{1, 2, 3}})
		}
		return f.write(f.segments(make([]uint64, n)))
	}
	sound := with(func(*form) {})
	for name, c := range map[string]struct {
		b    []byte
		says string
	}{
		"LZMA":             {with(func(f *form) { f.compression = 34925 }), "LZMA is not read"},
		"old JPEG":         {with(func(f *form) { f.compression = 6 }), "JPEG of the old kind is not read"},
		"unknown":          {with(func(f *form) { f.compression = 4711 }), "compression 4711 is not read"},
		"Lab":              {with(func(f *form) { f.photometric, f.samples = 8, 3 }), "CIE L*a*b* is not read"},
		"sensor":           {with(func(f *form) { f.photometric = 32803 }), "sensor saw is not read"},
		"complex":          {with(func(f *form) { f.format = 5 }), "complex"},
		"24 bits":          {with(func(f *form) { f.more = map[uint16][]uint64{tagBits: {24}} }), "uint of 24 bits is not read"},
		"different bits":   {with(func(f *form) { f.samples, f.photometric, f.more = 3, 2, map[uint16][]uint64{tagBits: {5, 6, 5}} }), "different bits"},
		"inks":             {with(func(f *form) { f.samples, f.photometric, f.more = 4, 5, map[uint16][]uint64{tagInkSet: {2}} }), "inks other"},
		"predicted bits":   {with(func(f *form) { f.bits, f.predictor = 4, 2 }), "predictor 2"},
		"filled lines":     {with(func(f *form) { f.bits, f.compression, f.more = 1, 3, map[uint16][]uint64{tagT4Options: {4}} }), "lines filled up to bytes is not read"},
		"no palette":       {with(func(f *form) { f.photometric = 3 }), "palette"},
		"huge tile":        {with(func(f *form) { f.tile = [2]int{1 << 20, 1 << 20}; f.w = 10000 }), "tiles of 1048576 x 1048576"},
		"many strips":      {with(func(f *form) { f.w, f.h, f.rows = 1, 1<<30, 1 }), "places for"},
		"no pixels":        {with(func(f *form) { f.more = map[uint16][]uint64{tagWidth: {0}} }), "0 x 4 pixels"},
		"far strip":        {with(func(f *form) { f.more = map[uint16][]uint64{tagStripOffsets: {1 << 30}} }), ""},
		"text":             {[]byte("II*\x00 is how it begins, and no more"), "outside"},
		"cut in its head":  {sound[:9], "no TIFF file"},
		"cut in directory": {sound[:len(sound)-40], "cut off"},
	} {
		f, err := Open(c.b)
		if err == nil {
			_, err = f.Image()
		}
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
		if strings.Contains(c.says, ErrUnsupported.Error()) && !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v is not ErrUnsupported", name, err)
		}
	}
	// Too little in a strip, however it is compressed.
	for _, compression := range []int{1, 8, 32773, 50000} {
		f := good
		f.h, f.compression = 8, compression
		short := good
		short.compression = compression
		b := f.write(short.segments(make([]uint64, 16)))
		file, err := Open(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Image(); err == nil {
			t.Errorf("compression %d: half of a picture is read", compression)
		}
	}
}

func FuzzTIFF(f *testing.F) {
	for _, one := range []form{{bits: 8, photometric: 1}, {bits: 16, photometric: 2, compression: 8, predictor: 2, big: true}, {bits: 32, format: 3, photometric: 1, compression: 50000, predictor: 3, be: true},
		{bits: 4, photometric: 0, compression: 32773}, {bits: 8, photometric: 5, planar: true}, {bits: 8, photometric: 6, more: map[uint16][]uint64{tagSubsampling: {2, 2}}}, {bits: 8, photometric: 2, tile: [2]int{16, 16}}, {bits: 1, photometric: 0, compression: 4}, {bits: 8, photometric: 1, compression: 5}} {
		one.w, one.h, one.samples = 9, 7, map[int]int{0: 1, 1: 1, 2: 3, 5: 4, 6: 3}[one.photometric]
		if one.compression == 0 {
			one.compression = 1
		}
		raw, _ := one.random()
		f.Add(one.write(one.segments(raw)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Open(b)
		if err != nil || int64(file.Width)*int64(file.Height) > 1e5 || file.Bytes() > zstdWindow+16<<20 {
			return
		}
		if file.Deep() {
			pix, _, err := file.Numbers(func(v float64) (float32, error) { return float32(v), nil })
			if err == nil && len(pix) != file.Width*file.Height*min(file.Colors, 3) {
				t.Errorf("%d numbers", len(pix))
			}
			return
		}
		img, err := file.Image()
		if err == nil && img.Bounds() != image.Rect(0, 0, file.Width, file.Height) {
			t.Errorf("%v", img.Bounds())
		}
		if err == nil {
			img.At(file.Width-1, file.Height-1).RGBA()
		}
	})
}
