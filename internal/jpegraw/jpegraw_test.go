package jpegraw

import (
	"bytes"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// bitWriter writes the numbers of a scan.
type bitWriter struct {
	b     []byte
	store uint64
	n     int
}

func (w *bitWriter) put(v uint32, n int) {
	w.store, w.n = w.store<<n|uint64(v&(1<<n-1)), w.n+n
	for w.n >= 8 {
		c := byte(w.store >> (w.n - 8))
		if w.b = append(w.b, c); c == 0xff {
			w.b = append(w.b, 0)
		}
		w.n -= 8
	}
}

func (w *bitWriter) flush() {
	if w.n > 0 {
		w.put(1<<(8-w.n)-1, 8-w.n)
	}
}

// stream is a lossless picture that a test writes.
type stream struct {
	w, h, components, bits, predictor, low, rows int // rows between restarts
	apart                                        bool
}

func segment(m byte, body ...byte) []byte {
	n := len(body) + 2
	return append([]byte{0xff, m, byte(n >> 8), byte(n)}, body...)
}

// encode writes pix by the definitions of T.81, annex H, with codes of five bits for
// the 17 sizes of a difference.
func (s stream) encode(pix []uint16) []byte {
	out := []byte{0xff, 0xd8}
	frame := []byte{byte(s.bits), byte(s.h >> 8), byte(s.h), byte(s.w >> 8), byte(s.w), byte(s.components)}
	for c := range s.components {
		frame = append(frame, byte(c+1), 0x11, 0)
	}
	out = append(out, segment(0xc3, frame...)...)
	table := make([]byte, 17, 34)
	table[5] = 17
	for v := range 17 {
		table = append(table, byte(v))
	}
	out = append(out, segment(0xc4, table...)...)
	if s.rows > 0 {
		n := s.rows * s.w
		out = append(out, segment(0xdd, byte(n>>8), byte(n))...)
	}
	groups := [][]int{{}}
	for c := range s.components {
		if s.apart && c > 0 {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], c)
	}
	for _, g := range groups {
		head := []byte{byte(len(g))}
		for _, c := range g {
			head = append(head, byte(c+1), 0)
		}
		out = append(out, segment(0xda, append(head, byte(s.predictor), 0, byte(s.low))...)...)
		out = append(out, s.scan(pix, g)...)
	}
	return append(out, 0xff, 0xd9)
}

func (s stream) scan(pix []uint16, components []int) []byte {
	var w bitWriter
	first := true
	for y := range s.h {
		if s.rows > 0 && y > 0 && y%s.rows == 0 {
			w.flush()
			w.b = append(w.b, 0xff, 0xd0+byte(y/s.rows-1)%8)
			first = true
		}
		for x := range s.w {
			for _, c := range components {
				at := func(x, y int) int32 { return int32(pix[(y*s.w+x)*s.components+c] >> s.low) }
				p := int32(1) << (s.bits - s.low - 1)
				switch {
				case first && x > 0:
					p = at(x-1, y)
				case !first && x == 0:
					p = at(x, y-1)
				case !first:
					a, b, c := at(x-1, y), at(x, y-1), at(x-1, y-1)
					p = []int32{0, a, b, c, a + b - c, a + (b-c)>>1, b + (a-c)>>1, (a + b) >> 1}[s.predictor]
				}
				d := int32(int16(at(x, y) - p))
				if d == -32768 {
					w.put(16, 5)
					continue
				}
				size := 0
				for v := max(d, -d); v > 0; v >>= 1 {
					size++
				}
				w.put(uint32(size), 5)
				if d < 0 {
					d--
				}
				w.put(uint32(d), size)
			}
		}
		first = false
	}
	w.flush()
	return w.b
}

// TestLossless: what an encoder by the standard's definitions writes comes back.
func TestLossless(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		s := stream{w: 1 + rng.IntN(20), h: 1 + rng.IntN(20), components: 1 + 2*rng.IntN(2), bits: 2 + rng.IntN(15), predictor: 1 + rng.IntN(7), rows: rng.IntN(4), apart: rng.IntN(2) == 1}
		s.low = rng.IntN(min(3, s.bits))
		pix := make([]uint16, s.w*s.h*s.components)
		for i := range pix {
			pix[i] = uint16(rng.IntN(1<<s.bits)) >> s.low << s.low
			if rng.IntN(3) == 0 && i > 0 {
				pix[i] = pix[i-1]
			}
		}
		b := s.encode(pix)
		p, err := Decode(b, s.w, s.h, s.components, s.bits)
		if err != nil || !slices.Equal(p.Pix, pix) {
			t.Fatalf("%+v: %v", s, err)
		}
		if i, err := Head(b); err != nil || i.Process != 3 || i.Bits != s.bits || i.Adobe != -1 {
			t.Fatalf("%+v: %+v, %v", s, i, err)
		}
		if p, err := Decode(b[:len(b)/2], s.w, s.h, s.components, s.bits); err == nil && len(b) > 200 {
			t.Fatalf("%+v: half of the stream is read: %v", s, p.Pix)
		}
		for _, bad := range [][4]int{{s.w + 1, s.h, s.components, 16}, {s.w, s.h, s.components + 1, 16}, {s.w, s.h, s.components, s.bits - 1}} {
			if _, err := Decode(b, bad[0], bad[1], bad[2], bad[3]); err == nil {
				t.Fatalf("%+v is read as %v", s, bad)
			}
		}
	}
}

// TestSequential: pictures of eight bits are those of image/jpeg, but for rounding.
func TestSequential(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for k := range 20 {
		w, h := 1+rng.IntN(70), 1+rng.IntN(70)
		img := image.NewNRGBA(image.Rect(0, 0, w, h))
		for i := range img.Pix {
			img.Pix[i] = byte(i*(k+1)/7 + rng.IntN(40))
		}
		var source image.Image = img
		components := 3
		if k%2 == 0 {
			gray := image.NewGray(img.Rect)
			for i := range gray.Pix {
				gray.Pix[i] = img.Pix[4*i]
			}
			source, components = gray, 1
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, source, &jpeg.Options{Quality: 60 + 2*k}); err != nil {
			t.Fatal(err)
		}
		want, err := jpeg.Decode(bytes.NewReader(b.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(b.Bytes(), w, h, components, 8)
		if err != nil {
			t.Fatal(err)
		}
		for i := range w * h {
			x, y := i%w, i/w
			var has [3]byte
			switch p := want.(type) {
			case *image.Gray:
				has[0] = p.GrayAt(x, y).Y
			case *image.YCbCr:
				c := p.YCbCrAt(x, y)
				has = [3]byte{c.Y, c.Cb, c.Cr}
			}
			for c := range components {
				if d := int(got.Pix[i*components+c]) - int(has[c]); d < -1 || d > 1 {
					t.Fatalf("%d x %d: %d instead of %d at %d, %d", w, h, got.Pix[i*components+c], has[c], x, y)
				}
			}
		}
	}
}

// TestUnread: other processes are named.
func TestUnread(t *testing.T) {
	b := stream{w: 2, h: 2, components: 1, bits: 8, predictor: 1}.encode(make([]uint16, 4))
	for process, says := range map[byte]string{2: "progressive", 7: "differential lossless", 11: "arithmetic-coded lossless", 13: "process 13"} {
		other := bytes.Clone(b)
		other[3] = 0xc0 + process
		if _, err := Decode(other, 2, 2, 1, 16); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%d: %v", process, err)
		}
	}
}

// FuzzDecode reads damaged streams: one is refused, or has the numbers asked for.
func FuzzDecode(f *testing.F) {
	pix := make([]uint16, 3*9*7)
	for i := range pix {
		pix[i] = uint16(i * 331)
	}
	f.Add(stream{w: 9, h: 7, components: 3, bits: 16, predictor: 4, rows: 2}.encode(pix))
	f.Add(stream{w: 9, h: 7, components: 3, bits: 12, predictor: 7, apart: true}.encode(pix))
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewNRGBA(image.Rect(0, 0, 9, 7)), nil); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Decode(b, 9, 7, 3, 16)
		if err == nil && len(p.Pix) != 9*7*3 {
			t.Errorf("%d numbers", len(p.Pix))
		}
	})
}
