package video

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/disintegration/imaging"

	"krypton/internal/imagein"
)

// still is a picture of w by h pixels with ramps, edges, thin lines and colours.
func still(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			px := img.Pix[img.PixOffset(x, y):]
			u, v := float64(x)/float64(w), float64(y)/float64(h)
			px[0], px[1], px[2], px[3] = uint8(255*u), uint8(127+127*math.Sin(9*v+5*u)), uint8(255*v), 255
			switch {
			case (x/7+y/5)%6 == 0:
				px[0], px[1], px[2] = 250, 20, 30
			case x%23 == 11 || y%19 == 3:
				px[0], px[1], px[2] = 5, 8, 240
			case math.Hypot(u-.5, v-.5) < .2:
				px[0], px[1], px[2] = 240, 250, 245
			}
		}
	}
	return img
}

// pixelsOf are the pixels of three bytes each.
func pixelsOf(img *image.NRGBA) []byte {
	out := make([]byte, 0, len(img.Pix)/4*3)
	for i := 0; i < len(img.Pix); i += 4 {
		out = append(out, img.Pix[i:i+3]...)
	}
	return out
}

// fittings are those of a network's plane.
var fittings = []imagein.Preprocess{
	{Resize: "stretch"},
	{Resize: "crop", CropFraction: .875},
	{Resize: "crop", CropFraction: 1},
	{Resize: "letterbox", Pad: 114},
	{Resize: "crop", CropFraction: .875, Interpolation: imagein.Bicubic},
	{Resize: "squash", CropFraction: .875},
}

// asStill is what a still of these pixels becomes on the plane: all of it scaled by
// package imaging, cropped and laid there.
func asStill(p *imagein.Preprocess, rgb []byte, size image.Point, pixels Shape, plane image.Point) *image.NRGBA {
	img := image.NewNRGBA(image.Rectangle{Max: size})
	for i := range size.X * size.Y {
		copy(img.Pix[4*i:], rgb[3*i:3*i+3])
		img.Pix[4*i+3] = 255
	}
	if pixels.Ratio() == 1 {
		fitted, _ := p.Fit(img, plane.X, plane.Y)
		return fitted
	}
	g := p.Geometry(size, pixels.Ratio(), plane)
	filter := imaging.Linear
	if g.Cubic {
		filter = imaging.CatmullRom
	}
	scaled := imaging.Resize(img, g.Scaled.X, g.Scaled.Y, filter)
	return imaging.Paste(imaging.New(plane.X, plane.Y, color.NRGBA{p.Pad, p.Pad, p.Pad, 255}), imaging.Crop(scaled, g.Kept), g.Offset)
}

// difference is that between a frame and a still on the network's plane, in 255ths of the
// range from black to white: the largest and the mean one; inside leaves the outermost
// pixels of the picture out.
type difference struct{ largest, inside, mean float64 }

// compared reads the only frame of a video once more and compares it with the still that
// it is.
func compared(t *testing.T, name string, whole got, opt Options, p *imagein.Preprocess, plane image.Point) difference {
	t.Helper()
	if whole.err != nil || len(whole.index) != 1 {
		t.Fatalf("%s: %d frames, %v", name, len(whole.index), whole.err)
	}
	size := image.Pt(whole.info.SourceWidth, whole.info.SourceHeight)
	want := asStill(p, whole.last, size, whole.info.Shape, plane)
	var g imagein.Geometry
	fitted := readAll(t, name, again(opt, func(w, h int, pixels Shape) imagein.Geometry {
		g = p.Geometry(image.Pt(w, h), pixels.Ratio(), plane)
		return g
	}))
	if fitted.err != nil || len(fitted.index) != 1 {
		t.Fatalf("%s: %d frames, %v", name, len(fitted.index), fitted.err)
	}
	n := imagein.Preprocess{Scale: 1 / 255., Order: "rgb"}
	got := make([]float32, 3*plane.X*plane.Y)
	n.Normalizer(3).Convert(got, g.Place(make([]byte, len(got)), fitted.last), plane.X*plane.Y)
	var d difference
	inside := g.Shown().Inset(1)
	for i, v := range n.Normalize(want, 3) {
		off := 255 * math.Abs(float64(v)-float64(got[i]))
		d.largest, d.mean = max(d.largest, off), d.mean+off/float64(len(got))
		if image.Pt(i/3%plane.X, i/3/plane.X).In(inside) {
			d.inside = max(d.inside, off)
		}
	}
	return d
}

// again are options for reading from the beginning.
func again(opt Options, fit fit) Options {
	opt.Fit = fit
	if b, ok := opt.Stdin.(*bytes.Reader); ok {
		_, _ = b.Seek(0, 0)
	}
	return opt
}

// TestFramesAreStills: a video of one frame gives the network the numbers that a still of
// the same pixels does. Our own decoders, and ffmpeg where every pixel has colours of its
// own, give the same to the bit.
func TestFramesAreStills(t *testing.T) {
	planes := []image.Point{{48, 48}, {224, 224}, {40, 96}}
	for _, size := range []image.Point{{97, 61}, {320, 180}, {64, 64}} {
		img := still(size.X, size.Y)
		dir := t.TempDir()
		picture := filepath.Join(dir, "one", "a.png")
		if err := os.Mkdir(filepath.Dir(picture), 0o700); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		write(t, picture, b.Bytes())
		raw := Options{Stdin: bytes.NewReader(pixelsOf(img)), RawWidth: size.X, RawHeight: size.Y}
		y4m := []byte(fmt.Sprintf("YUV4MPEG2 W%d H%d F5:1 A4:3 C444\nFRAME\n", size.X, size.Y))
		for c := range 3 {
			for i := range size.X * size.Y {
				y4m = append(y4m, img.Pix[4*i+c]/2+64)
			}
		}
		for name, opt := range map[string]Options{"-": raw, filepath.Dir(picture): {}, write(t, filepath.Join(dir, "a.y4m"), y4m): {}} {
			whole := readAll(t, name, again(opt, nil))
			for i := range fittings {
				for _, plane := range planes {
					within := 1e-4
					if fittings[i].Interpolation == imagein.Bicubic && whole.info.Shape.Known().Ratio() != 1 {
						within = 1.001 // package imaging computes cubic weights otherwise
					}
					if d := compared(t, name, whole, opt, &fittings[i], plane); d.largest > within {
						t.Errorf("%s %v, %+v to %v: %+v", name, size, fittings[i], plane, d)
					}
				}
			}
		}
	}
}

// TestFFmpegsFramesAreStills: frames that ffmpeg decodes without loss are the stills that
// they are made of, to the bit where every pixel has colours of its own. Where colours
// have planes with fewer pixels, ffmpeg scales: light is within one of 255 but for the
// outermost pixels, and colours lie near.
func TestFFmpegsFramesAreStills(t *testing.T) {
	needFFmpeg(t)
	size := image.Pt(321, 181)
	dir := t.TempDir()
	save := func(name string, img image.Image) string {
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		return write(t, filepath.Join(dir, name), b.Bytes())
	}
	img := still(size.X, size.Y)
	colours, grays := save("colours.png", img), save("grays.png", imaging.Grayscale(img))
	for i, c := range []struct {
		name, picture string
		args          []string
		rgb           bool // the frame is the picture
		within        difference
	}{
		{"rgb.mp4", colours, []string{"-c:v", "libx264rgb", "-qp", "0"}, true, difference{}},
		{"wide.mkv", colours, []string{"-vf", "setsar=4/3", "-c:v", "ffv1", "-pix_fmt", "bgr0"}, true, difference{}},
		{"444.mp4", colours, []string{"-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv444p"}, false, difference{}},
		{"420.mkv", colours, []string{"-c:v", "ffv1", "-pix_fmt", "yuv420p"}, false, difference{80, 80, 4}},
		{"light.mkv", grays, []string{"-c:v", "ffv1", "-pix_fmt", "yuv420p"}, false, difference{32, 1, .25}},
	} {
		path := filepath.Join(dir, c.name)
		ffmpeg(t, append(append([]string{"-i", c.picture}, c.args...), path)...)
		whole := readAll(t, path, Options{})
		if c.rgb && !bytes.Equal(whole.last, pixelsOf(img)) {
			t.Fatalf("%s: %v; not the picture", c.name, whole.err)
		}
		plane := []image.Point{{48, 48}, {300, 224}}[i%2]
		for _, p := range []*imagein.Preprocess{&fittings[1+i%2], &fittings[0]}[:1+i/3] { // ffmpeg starts slowly
			d := compared(t, path, whole, Options{}, p, plane)
			if e := 1e-4; d.largest > c.within.largest+e || d.inside > c.within.inside+e || d.mean > c.within.mean+e {
				t.Errorf("%s, %+v to %v: %+v", c.name, p, plane, d)
			}
		}
		if c.name == "420.mkv" { // nobody but us scales by cubic interpolation
			if d := compared(t, path, whole, Options{}, &fittings[4], plane); d.largest > 1e-4 {
				t.Errorf("%s, bicubic: %+v", c.name, d)
			}
		}
	}
}

// TestJPEGFramesAreStills: a picture of Motion JPEG, coarse colours and all, has the pixels
// that the same file has as a still.
func TestJPEGFramesAreStills(t *testing.T) {
	one := jpegOf(t, still(97, 61))
	name := write(t, filepath.Join(t.TempDir(), "a.jpg"), one)
	p, err := imagein.Open(name, imagein.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	for name, opt := range map[string]Options{name: {}, "-": {Stdin: bytes.NewReader(append(bytes.Clone(one), one...))}} {
		if g := readAll(t, name, opt); g.err != nil || !bytes.Equal(g.last, pixelsOf(p.Image)) {
			t.Errorf("%s: %v; other pixels than the still's", name, g.err)
		}
	}
}

// TestMovingPictures: animations of which one frame only would be read are refused, and
// stills whose bytes look alike are not.
func TestMovingPictures(t *testing.T) {
	var b bytes.Buffer
	if err := png.Encode(&b, still(9, 7)); err != nil {
		t.Fatal(err)
	}
	plain := b.Bytes()
	at := bytes.Index(plain, []byte("IDAT")) - 4
	moving := slices.Concat(plain[:at], []byte("\x00\x00\x00\x08acTL\x00\x00\x00\x02\x00\x00\x00\x00\xf3\x8d\x93\x70"), plain[at:])
	behind := append(bytes.Clone(plain), "acTL"...)
	webp := []byte("RIFF\x1e\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00\x08\x00\x00\x06\x00\x00ANIM")
	for name, c := range map[string]struct {
		data []byte
		want string
	}{"plain.png": {plain, ""}, "behind.png": {behind, ""}, "moving.png": {moving, "an animated PNG"}, "moving.webp": {webp, "an animated WebP"}} {
		g := readAll(t, write(t, filepath.Join(t.TempDir(), name), c.data), Options{})
		if c.want == "" && (g.err != nil || len(g.index) != 1) || c.want != "" && (!errors.Is(g.err, ErrUnusable) || !strings.Contains(g.err.Error(), c.want)) {
			t.Errorf("%s: %d frames, %v", name, len(g.index), g.err)
		}
	}
}

// TestTransparentFramesAreStills: what ffmpeg decodes with opacities is laid over white, as
// the same pictures in a folder are.
func TestTransparentFramesAreStills(t *testing.T) {
	needFFmpeg(t)
	dir := t.TempDir()
	img := still(33, 21)
	for i := range img.Pix[:len(img.Pix)/2] {
		if i%4 == 3 {
			img.Pix[i] = byte(i / 4)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, "frames")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	picture, path := write(t, filepath.Join(folder, "a.png"), b.Bytes()), filepath.Join(dir, "a.mov")
	ffmpeg(t, "-i", picture, "-c:v", "qtrle", "-pix_fmt", "argb", path)
	want, got := readAll(t, folder, Options{}), readAll(t, path, Options{})
	if want.err != nil || got.err != nil || len(got.index) != 1 || len(got.last) != len(want.last) {
		t.Fatalf("%d frames, %v, %v", len(got.index), want.err, got.err)
	}
	for i, v := range want.last {
		a, most := img.Pix[i/3*4+3], 1 // ffmpeg's opacities in between are off by one
		if a == 0 || a == 255 {
			most = 0
		}
		if d := int(v) - int(got.last[i]); max(d, -d) > most {
			t.Fatalf("number %d is %d, want %d, opacity %d", i, got.last[i], v, a)
		}
	}
	empty := []byte{1, 2, 3, 4, 5, 6}
	if overWhite(empty, []byte{0, 0}); !bytes.Equal(empty, []byte{1, 2, 3, 4, 5, 6}) {
		t.Errorf("pixels whose fourth byte is empty become %v", empty)
	}
}
