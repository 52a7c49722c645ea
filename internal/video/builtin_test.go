package video

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"krypton/internal/imagein"
)

// stream reads bytes without ffmpeg, as a file.
func stream(t testing.TB, b []byte, opt Options) got {
	t.Helper()
	opt.FFmpeg = noFFmpeg
	return readAll(t, write(t, filepath.Join(t.TempDir(), "in"), b), opt)
}

func TestY4MColours(t *testing.T) {
	// Y, Cb, Cr of BT.601 in the limited range, and the colour.
	for _, c := range []struct {
		y, u, v byte
		rgb     [3]byte
	}{{16, 128, 128, [3]byte{0, 0, 0}}, {235, 128, 128, [3]byte{255, 255, 255}}, {81, 90, 240, [3]byte{254, 0, 0}}, {145, 54, 34, [3]byte{0, 255, 1}}, {41, 240, 110, [3]byte{0, 0, 255}}, {0, 0, 255, [3]byte{184, 0, 0}}} {
		for chroma, n := range map[string]int{"420jpeg": 4, "420mpeg2": 4, "420paldv": 4, "420": 4, "422": 6, "444": 9} {
			b := []byte("YUV4MPEG2 W3 H3 F30000:1001 Ip A1:1 C" + chroma + "\n")
			for range 2 {
				b = append(b, "FRAME Ixyz\n"...)
				b = append(b, bytes.Repeat([]byte{c.y}, 9)...)
				b = append(append(b, bytes.Repeat([]byte{c.u}, n)...), bytes.Repeat([]byte{c.v}, n)...)
			}
			g := stream(t, b, Options{})
			if g.err != nil || len(g.index) != 2 || g.times[1] != 33366667 {
				t.Fatalf("%s: %d frames, %v, %v", chroma, len(g.index), g.times, g.err)
			}
			for i, v := range g.last {
				if d := int(v) - int(c.rgb[i%3]); d < -1 || d > 1 {
					t.Fatalf("%s %v: byte %d is %d", chroma, c, i, v)
				}
			}
		}
	}
	g := stream(t, []byte("YUV4MPEG2 W2 H1 F1:1 Cmono XCOLORRANGE=FULL\nFRAME\n\x00\xff"), Options{})
	if g.err != nil || !bytes.Equal(g.last, []byte{0, 0, 0, 255, 255, 255}) {
		t.Errorf("gray: %v, %v", g.last, g.err)
	}
	// The table form agrees with the formula everywhere.
	for y := 0; y < 256; y += 5 {
		for u := 0; u < 256; u += 5 {
			for v := 0; v < 256; v += 5 {
				l, b, r := float64(y-16)*255/219, float64(u-128)*255/224, float64(v-128)*255/224
				want := [3]float64{l + 1.402*r, l - .344136*b - .714136*r, l + 1.772*b}
				got := [3]uint8{clamp(limited.y[y] + limited.rv[v]), clamp(limited.y[y] - limited.gu[u] - limited.gv[v]), clamp(limited.y[y] + limited.bu[u])}
				for k := range 3 {
					if d := math.Abs(min(255, max(0, want[k])) - float64(got[k])); d > .51 {
						t.Fatalf("%d %d %d: %v, want %v", y, u, v, got, want)
					}
				}
			}
		}
	}
}

func TestY4MRefused(t *testing.T) {
	for _, h := range []string{"YUV4MPEG2", "YUV4MPEG2\n", "YUV4MPEG2 W0 H2\nFRAME\n", "YUV4MPEG2 W99999999999999999999 H2\n", "YUV4MPEG2 W2147483647 H2147483647\n", "YUV4MPEG2 W-2 H-2\n", "YUV4MPEG2 " + strings.Repeat("x", 1e4), "YUV4MPEG2x W2 H2\n"} {
		if g := stream(t, []byte(h), Options{}); !errors.Is(g.err, ErrUnusable) || len(g.index) != 0 {
			t.Errorf("%.40q: %v", h, g.err)
		}
	}
	if g := stream(t, []byte("YUV4MPEG2 W2 H2 C420p10\nFRAME\n"), Options{}); !errors.Is(g.err, ErrNoFFmpeg) {
		t.Errorf("10 bits: %v", g.err)
	}
	whole := []byte("YUV4MPEG2 W2 H1 F1:1 Cmono\nFRAME\n12FRAME\n34")
	for cut := len("YUV4MPEG2 W2 H1 F1:1 Cmono\n"); cut < len(whole); cut++ {
		g := stream(t, whole[:cut], Options{})
		atEnd := cut == 27 || cut == 35
		if (g.err == nil) != atEnd || g.err != nil && !errors.Is(g.err, ErrIncomplete) || len(g.index) != (cut-27)/8 {
			t.Errorf("cut at %d: %d frames, %v", cut, len(g.index), g.err)
		}
	}
}

// animation is a GIF that uses all ways of disposal, part frames, transparency
// and interlacing is left to the file below.
func animation() (*gif.GIF, [][]color.RGBA) {
	r, g, b, none := color.RGBA{255, 0, 0, 255}, color.RGBA{0, 255, 0, 255}, color.RGBA{0, 0, 255, 255}, color.RGBA{}
	pal := color.Palette{r, g, b, none}
	frame := func(rect image.Rectangle, index ...byte) *image.Paletted {
		p := image.NewPaletted(rect, pal)
		copy(p.Pix, index)
		return p
	}
	w := color.RGBA{255, 255, 255, 255}
	return &gif.GIF{
			Image: []*image.Paletted{
				frame(image.Rect(0, 0, 3, 2), 0, 0, 0, 1, 1, 3),
				frame(image.Rect(1, 0, 3, 1), 2, 3),
				frame(image.Rect(0, 0, 1, 2), 2, 2),
				frame(image.Rect(2, 1, 3, 2), 0),
				frame(image.Rect(0, 1, 1, 2), 3),
			},
			Delay:    []int{10, 0, 1, 5, 300},
			Disposal: []byte{gif.DisposalNone, gif.DisposalPrevious, gif.DisposalBackground, 0, 0},
			Config:   image.Config{Width: 3, Height: 2, ColorModel: pal},
		}, [][]color.RGBA{
			{r, r, r, g, g, w}, {r, b, r, g, g, w}, {b, r, r, b, g, w}, {w, r, r, w, g, r}, {w, r, r, w, g, r},
		}
}

func TestGIF(t *testing.T) {
	a, want := animation()
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, a); err != nil {
		t.Fatal(err)
	}
	data := b.Bytes()
	for i := range want {
		p := Position{Frame: i, IsFrame: true}
		g := stream(t, data, Options{Start: &p})
		if g.err != nil || len(g.index) != 5-i {
			t.Fatalf("%d frames, %v", len(g.index), g.err)
		}
		end := Position{Frame: i + 1, IsFrame: true}
		g = stream(t, data, Options{Start: &p, End: &end})
		for k, c := range want[i] {
			if got := [3]byte(g.last[3*k:]); got != [3]byte{c.R, c.G, c.B} {
				t.Errorf("frame %d pixel %d: %v, want %v", i, k, got, c)
			}
		}
	}
	g := stream(t, data, Options{})
	if times := []time.Duration{0, 100e6, 200e6, 300e6, 350e6}; !slices.Equal(g.times, times) {
		t.Errorf("times %v, want %v", g.times, times)
	}
	for cut := range data {
		g := stream(t, data[:cut], Options{})
		if g.err == nil || !errors.Is(g.err, ErrIncomplete) && !errors.Is(g.err, ErrUnusable) && !errors.Is(g.err, ErrNoFFmpeg) {
			t.Errorf("cut at %d of %d: %d frames, %v", cut, len(data), len(g.index), g.err)
		}
	}
	// A bit in the codes: strict refuses or nothing can be seen, lenient goes on.
	for i := len(data) / 2; i < len(data); i++ {
		bad := bytes.Clone(data)
		bad[i] ^= 0x55
		stream(t, bad, Options{})
		stream(t, bad, Options{Lenient: true})
	}
	large := bytes.Clone(data)
	copy(large[6:], "\xff\xff\xff\xff")
	if g := stream(t, large, Options{}); !errors.Is(g.err, ErrUnusable) {
		t.Errorf("65535 x 65535: %v", g.err)
	}
}

// TestGIFOfManyFrames: memory does not grow with the number of frames.
func TestGIFOfManyFrames(t *testing.T) {
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &gif.GIF{Image: []*image.Paletted{image.NewPaletted(image.Rect(0, 0, 20, 20), color.Palette{color.Black, color.White})}, Delay: []int{1}}); err != nil {
		t.Fatal(err)
	}
	data := b.Bytes()
	start := bytes.IndexByte(data, ',') // the frame, after the palette
	head, frame := data[:start], data[start:len(data)-1]
	all := append(bytes.Clone(head), bytes.Repeat(frame, 20000)...)
	g := stream(t, append(all, ';'), Options{Every: 100})
	if g.err != nil || len(g.index) != 200 || g.index[199] != 19900 {
		t.Errorf("%d frames, %v", len(g.index), g.err)
	}
}

// TestGIFInterlaced: as the standard library reads it, pixel by pixel.
func TestGIFInterlaced(t *testing.T) {
	needFFmpeg(t)
	path := made(t, "a.gif")
	g := readAll(t, path, Options{FFmpeg: noFFmpeg})
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := gif.DecodeAll(f)
	if err != nil || g.err != nil || len(all.Image) != len(g.index) {
		t.Fatal(err, g.err, len(g.index))
	}
	// Every row of an interlaced frame has its own place once.
	d := &gifDecoder{w: 1, h: 21, canvas: make([]byte, 4*21)}
	palette := make([]byte, 63)
	for i := range palette {
		palette[i] = byte(i / 3)
	}
	stored := []byte{}
	for _, p := range [][2]int{{0, 8}, {4, 8}, {2, 4}, {1, 2}} {
		for y := p[0]; y < 21; y += p[1] {
			stored = append(stored, byte(y))
		}
	}
	d.lay(image.Rect(0, 0, 1, 21), stored, palette, -1, true)
	for y := range 21 {
		if d.canvas[4*y] != byte(y) {
			t.Errorf("row %d holds %d", y, d.canvas[4*y])
		}
	}
}

// picture is a smooth picture that differs with n.
func picture(w, h, n int) *image.RGBA {
	p := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			p.SetRGBA(x, y, color.RGBA{uint8(40 * n), uint8(255 * x / w), uint8(255 * y / h), 255})
		}
	}
	return p
}

func jpegOf(t testing.TB, p image.Image) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, p, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func near(a, b []byte, tolerance int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if d := int(a[i]) - int(b[i]); d < -tolerance || d > tolerance {
			return false
		}
	}
	return true
}

func rgb(p image.Image) []byte {
	b := make([]byte, 3*p.Bounds().Dx()*p.Bounds().Dy())
	toRGB(b, p)
	return b
}

func TestMJPEG(t *testing.T) {
	one := jpegOf(t, picture(24, 16, 1))
	// Cameras leave the tables out.
	i := bytes.Index(one, []byte{0xff, 0xc4})
	n := 2 + int(one[i+2])<<8 + int(one[i+3])
	bare := append(bytes.Clone(one[:i]), one[i+n:]...)
	if !bytes.Equal(one[i:i+n], standardDHT) {
		t.Fatal("the standard library writes other tables")
	}
	all := slices.Concat(one, bare, []byte{0, 0, 0}, jpegOf(t, picture(24, 16, 3)), []byte{0})
	g := stream(t, all, Options{RawFPS: 10})
	if g.err != nil || len(g.index) != 3 || g.sums[0] != g.sums[1] || g.times[2] != 200*time.Millisecond || !near(g.last, rgb(picture(24, 16, 3)), 24) {
		t.Errorf("%d frames at %v, %v", len(g.index), g.times, g.err)
	}
	for cut := 4; cut < len(one); cut += 7 {
		if g := stream(t, append(bytes.Clone(one), one[:cut]...), Options{}); !errors.Is(g.err, ErrIncomplete) || len(g.index) != 1 {
			t.Errorf("cut at %d: %d frames, %v", cut, len(g.index), g.err)
		}
	}
	mixed := slices.Concat(one, []byte("garbage"), one, jpegOf(t, picture(8, 8, 0)), one)
	if g := stream(t, mixed, Options{}); !errors.Is(g.err, ErrIncomplete) || len(g.index) != 1 {
		t.Errorf("garbage: %d frames, %v", len(g.index), g.err)
	}
	if g := stream(t, mixed, Options{Lenient: true}); g.err != nil || fmt.Sprint(g.index) != "[0 1 3]" || g.info.Damage != 2 {
		t.Errorf("garbage, lenient: %v, damage %d, %v", g.index, g.info.Damage, g.err)
	}
}

func TestPictures(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"f1.png", "f2.jpg", "f10.png", "f010.png", "f11.gif"} {
		var b bytes.Buffer
		switch filepath.Ext(name) {
		case ".png":
			if err := png.Encode(&b, picture(20, 10, i)); err != nil {
				t.Fatal(err)
			}
		case ".jpg":
			b.Write(jpegOf(t, picture(20, 10, i)))
		default:
			if err := gif.Encode(&b, picture(20, 10, i), nil); err != nil {
				t.Fatal(err)
			}
		}
		write(t, filepath.Join(dir, name), b.Bytes())
	}
	write(t, filepath.Join(dir, "notes.txt"), []byte("no picture"))
	for name, want := range map[string]int{dir: 5, filepath.Join(dir, "f*.png"): 3, filepath.Join(dir, "f1.png"): 1, filepath.Join(dir, "f2.jpg"): 1} {
		g := readAll(t, name, Options{FFmpeg: noFFmpeg, RawFPS: 5})
		if g.err != nil || len(g.index) != want || g.info.Frames != want && want > 1 || want > 1 && g.times[1] != 200*time.Millisecond {
			t.Errorf("%s: %d frames, %+v, %v", name, len(g.index), g.info, g.err)
		}
		// Red tells the number; GIF's few colours are mixed.
		red := 0
		for i := 0; i < len(g.last); i += 3 {
			red += int(g.last[i])
		}
		if mean := red / 200; want == 5 && (mean < 155 || mean > 165) {
			t.Errorf("the last frame has red %d, want 160", mean)
		}
	}
	bad := write(t, filepath.Join(dir, "f3.png"), []byte("no picture"))
	if g := readAll(t, dir, Options{}); !errors.Is(g.err, ErrIncomplete) || len(g.index) != 2 || !strings.Contains(g.err.Error(), bad) {
		t.Errorf("%d frames, %v", len(g.index), g.err)
	}
	if g := readAll(t, dir, Options{Lenient: true}); g.err != nil || fmt.Sprint(g.index) != "[0 1 3 4 5]" || g.info.Damage != 1 {
		t.Errorf("lenient: %v, damage %d, %v", g.index, g.info.Damage, g.err)
	}
	write(t, bad, jpegOf(t, picture(21, 10, 0)))
	if g := readAll(t, dir, Options{}); !errors.Is(g.err, ErrIncomplete) {
		t.Errorf("other size: %v", g.err)
	}
}

func TestNatural(t *testing.T) {
	want := []string{"", "1", "a", "a1", "a02", "a2", "a10", "a10b", "a10b2", "a10c", "a99999999999999999999998", "a99999999999999999999999", "b"}
	for seed := range 20 {
		got := slices.Clone(want)
		for i := range got {
			j := (i*7 + seed*5) % len(got)
			got[i], got[j] = got[j], got[i]
		}
		if natural(got); !slices.Equal(got, want) {
			t.Fatalf("%q", got)
		}
	}
	for _, a := range want {
		for _, b := range want {
			if compareNatural(a, b) != -compareNatural(b, a) || (compareNatural(a, b) == 0) != (a == b) {
				t.Errorf("%q and %q", a, b)
			}
		}
	}
}

func TestPosition(t *testing.T) {
	for s, want := range map[string]Position{"4": {Time: 4e9}, "4s": {Time: 4e9}, "0.5": {Time: 5e8}, "120f": {Frame: 120, IsFrame: true}, "0f": {IsFrame: true},
		"00:01:02.5": {Time: 62.5e9}, "1:02": {Time: 62e9}, "250ms": {Time: 250e6}, "1m30s": {Time: 90e9}, "100:00:00": {Time: 100 * time.Hour}} {
		p, err := ParsePosition(s)
		if err != nil || p != want {
			t.Errorf("%s: %+v, %v", s, p, err)
		}
		if again, err := ParsePosition(p.String()); err != nil || again != p {
			t.Errorf("%s: as text %q, %+v, %v", s, p, again, err)
		}
	}
	for _, s := range []string{"", "-1", "-1s", "+1s", "f", "-1f", "1.5f", "99999999999f", "1:60", "1:2:3:4", ":", "1:", "NaN", "Inf", "1e3", "1e300", "0x10", "99999999999999999999", "1:-1", "4 s", "1:61:00"} {
		if p, err := ParsePosition(s); err == nil {
			t.Errorf("%q is read as %+v", s, p)
		}
	}
}

func TestTimes(t *testing.T) {
	for _, c := range []struct {
		r    ratio
		n    int64
		want time.Duration
	}{{ratio{1, 25}, 1, 40e6}, {ratio{1001, 30000}, 30000, 1001e9}, {ratio{1, 3}, 2, 666666667}, {ratio{1, 3}, 1, 333333333}, {ratio{1, 1}, 1 << 62, math.MaxInt64},
		{ratio{1, 1}, -1 << 62, math.MinInt64}, {ratio{1, 25}, -1, -40e6}, {ratio{1, 1}, 9e9, 9e18}, {ratio{1 << 31, 1}, math.MaxInt64, math.MaxInt64}} {
		if got := c.r.times(c.n); got != c.want {
			t.Errorf("%d of %v: %v, want %v", c.n, c.r, got, c.want)
		}
	}
	for fps, want := range map[float64]ratio{25: {25, 1}, 29.97: {30000, 1001}, 30000. / 1001: {30000, 1001}, 12.5: {12500, 1000}, 179. / 6: {29833, 1000}, 0.001: {1, 1000}} {
		if got := rateOf(fps); math.Abs(got.float()-fps) > 1e-3*fps+1e-9 || fps != 179./6 && got != want {
			t.Errorf("%g: %v", fps, got)
		}
	}
}

// TestFit: what Fit chooses is what is delivered, from a file and from standard
// input, whose size is not known beforehand.
func TestFit(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("YUV4MPEG2 W8 H6 F10:1 Cmono\n")
	for range 3 {
		b.WriteString("FRAME\n")
		for i := range 48 {
			b.WriteByte(byte(16 + 4*i))
		}
	}
	file := filepath.Join(t.TempDir(), "a.y4m")
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, "-"} {
		opt := Options{Stdin: bytes.NewReader(b.Bytes()), Fit: func(w, h int, _ Shape) imagein.Geometry {
			if w != 8 || h != 6 {
				t.Errorf("the source has %d x %d pixels", w, h)
			}
			return cutTo(8, 6, 4, 3, rect(1, 0, 4, 3))
		}}
		s, err := Open(context.Background(), name, opt)
		if err != nil {
			t.Fatal(err)
		}
		if i := s.Info(); i.Width != 3 || i.Height != 3 || i.SourceWidth != 8 || i.SourceHeight != 6 {
			t.Errorf("%s: %+v", name, i)
		}
		f, err := s.Next(context.Background())
		if err != nil || len(f.Pixels) != 27 {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
