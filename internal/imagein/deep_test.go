package imagein

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"testing"
)

// deep16 is a picture of random 16-bit numbers in gray or colour, little different
// from one another: in eight bits they are all alike.
func deep16(w, h int, gray bool) image.Image {
	rng := rand.New(rand.NewPCG(uint64(w), uint64(h)))
	v := func() uint16 { return 20000 + uint16(rng.IntN(100)) }
	r := image.Rect(0, 0, w, h)
	if gray {
		img := image.NewGray16(r)
		for i := range w * h {
			img.SetGray16(i%w, i/w, color.Gray16{v()})
		}
		return img
	}
	img := image.NewNRGBA64(r)
	for i := range w * h {
		img.SetNRGBA64(i%w, i/w, color.NRGBA64{v(), v(), v(), 0xffff})
	}
	return img
}

// channel is a colour of a 16-bit picture at a pixel, 0 to 1.
func channel(img image.Image, x, y, c int) float64 {
	r, g, b, _ := img.At(x, y).RGBA()
	return float64([]uint32{r, g, b}[c]) / 65535
}

// covered is a pixel of a picture of w0 by h0 in the size of w by h, by linear
// interpolation over the pixels covered, straight from its definition: every pixel
// counts by its distance from the middle.
func covered(at func(x, y int) float64, w0, h0, w, h, x, y int) float64 {
	sx, sy := float64(w0)/float64(w), float64(h0)/float64(h)
	sum, total := 0.0, 0.0
	for v := range h0 {
		for u := range w0 {
			dx := math.Abs(float64(u)+.5-(float64(x)+.5)*sx) / max(sx, 1)
			dy := math.Abs(float64(v)+.5-(float64(y)+.5)*sy) / max(sy, 1)
			weight := max(0, 1-dx) * max(0, 1-dy)
			sum += weight * at(u, v)
			total += weight
		}
	}
	return sum / total
}

// TestDeepPictures: 16-bit PNG and TIFF in gray and colour reach the network with all
// their bits, resized or not.
func TestDeepPictures(t *testing.T) {
	pre, err := Preset("unit")
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"png", "tiff"} {
		for _, gray := range []bool{true, false} {
			img := deep16(14, 11, gray)
			p, err := open(encoded(t, format, img))
			if err != nil {
				t.Fatal(err)
			}
			if p.Deep == nil || p.Samples != "uint16" || p.Image.Rect != img.Bounds() {
				t.Fatalf("%s: %q %v", format, p.Samples, p.Image.Rect)
			}
			for _, size := range [][2]int{{14, 11}, {6, 5}, {5, 20}, {20, 15}} {
				w, h := size[0], size[1]
				fitted, _ := pre.FitDeep(p.Deep, w, h)
				for _, order := range []string{"rgb", "bgr", "gray"} {
					pre := pre
					pre.Order = order
					for i, got := range pre.NormalizeDeep(fitted, 3) {
						want := covered(func(x, y int) float64 {
							r, g, b := channel(img, x, y, 0), channel(img, x, y, 1), channel(img, x, y, 2)
							if order == "gray" {
								return .299*r + .587*g + .114*b
							}
							return map[string][]float64{"rgb": {r, g, b}, "bgr": {b, g, r}}[order][i%3]
						}, 14, 11, w, h, i/3%w, i/3/w)
						if math.Abs(float64(got)-want) > 1e-6 {
							t.Fatalf("%s, gray %v, %dx%d, %s: number %d is %.8f, want %.8f", format, gray, w, h, order, i, got, want)
						}
					}
				}
				if one := pre.NormalizeDeep(fitted, 1); len(one) != w*h {
					t.Errorf("%d numbers of one channel", len(one))
				}
			}
		}
	}
}

// TestDeepAgreesWithWhole: eight bits stored in sixteen come to the same picture within
// what rounding between the two steps takes, at the same place.
func TestDeepAgreesWithWhole(t *testing.T) {
	img := noise(37, 22)
	d, _, _ := deepen(img, &Window{0, 255})
	for _, p := range []Preprocess{{Resize: "stretch"}, {Resize: "crop", CropFraction: .875}, {Resize: "letterbox"}, {Resize: "stretch", Interpolation: Bicubic}} {
		most := 0.
		if p.Interpolation == Bicubic { // weights of one step come to 1.25 in all
			most = .3
		}
		for _, size := range [][2]int{{37, 22}, {16, 16}, {64, 80}} {
			want, at := p.Fit(img, size[0], size[1])
			got, deepAt := p.FitDeep(d, size[0], size[1])
			if at != deepAt {
				t.Errorf("%s: %+v, want %+v", p.Resize, deepAt, at)
			}
			for i := range got.Pix {
				if v := want.Pix[i/3*4+i%3]; math.Abs(float64(got.Pix[i])-float64(v)) > 1.01+most {
					t.Fatalf("%s to %v: number %d is %g, want %d", p.Resize, size, i, got.Pix[i], v)
				}
			}
		}
	}
}

func TestDeepOrientation(t *testing.T) {
	img := noise(5, 3)
	d, _, _ := deepen(img, &Window{0, 255})
	for o := 1; o <= 8; o++ {
		if got, want := d.upright(o).Image(), upright(img, o); got.Rect != want.Rect || !bytes.Equal(got.Pix, want.Pix) {
			t.Errorf("orientation %d: other pixels than those of eight bits", o)
		}
	}
}

// TestWindow: the file's own numbers are mapped, and transparency after that.
func TestWindow(t *testing.T) {
	r := image.Rect(0, 0, 1, 1)
	gray8, gray16, half, pal := image.NewGray(r), image.NewGray16(r), image.NewNRGBA64(r), image.NewPaletted(r, color.Palette{color.NRGBA{100, 50, 200, 255}})
	gray8.Pix[0] = 60
	gray16.SetGray16(0, 0, color.Gray16{1000})
	half.SetNRGBA64(0, 0, color.NRGBA64{1000, 2000, 3000, 0x8000})
	alpha := float64(0x8000) / 65535
	for _, c := range []struct {
		img    image.Image
		format string
		window Window
		want   []float64
	}{
		{gray8, "png", Window{50, 100}, []float64{255 * .2}},
		{gray8, "bmp", Window{60, 61}, []float64{0, 0, 0}},
		{gray8, "tiff", Window{0, 60}, []float64{255}},
		{pal, "png", Window{0, 100}, []float64{255, 127.5, 255}},
		{gray16, "png", Window{0, 4000}, []float64{255 * .25}},
		{gray16, "tiff", Window{900, 1000}, []float64{255}},
		{gray16, "png", Window{-1000, 3000}, []float64{127.5}},
		{half, "png", Window{0, 4000}, []float64{255 * (.25*alpha + 1 - alpha), 255 * (.5*alpha + 1 - alpha), 255 * (.75*alpha + 1 - alpha)}},
	} {
		p, err := (&Preprocess{View: View{Window: &c.window}}).Decode(bytes.NewReader(encoded(t, c.format, c.img)), "test", DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		got := p.Deep.Pix
		if len(got) == 3 && len(c.want) == 1 { // a format without gray
			got = got[:1]
		}
		for i, want := range c.want {
			if len(got) != len(c.want) || math.Abs(float64(got[i])-want) > 1e-4 {
				t.Errorf("%T as %s through %v: %v, want %v", c.img, c.format, c.window, p.Deep.Pix, c.want)
				break
			}
		}
	}
	for _, w := range []Window{{1, 1}, {2, 1}, {math.NaN(), 1}, {0, math.Inf(1)}, {-math.MaxFloat64, math.MaxFloat64}, {5, .5}} {
		p := Preprocess{Order: "rgb", Resize: "crop", Scale: 1, CropFraction: 1, View: View{Window: &w}}
		if center, width := w.Lo, w.Hi; (center != center || width < 1 || math.IsInf(width, 0)) != (p.Validate(3) != nil) {
			t.Errorf("%v: %v, and it could be a center and a width of DICOM files", w, p.Validate(3))
		}
		if _, err := p.Decode(bytes.NewReader(encoded(t, "png", gray8)), "test", DefaultLimits); err == nil {
			t.Errorf("%v is accepted", w)
		}
	}
}

// TestNoteOnDarkDepth: twelve bits in sixteen are told of, and mapped as stored.
func TestNoteOnDarkDepth(t *testing.T) {
	for v, want := range map[uint16]string{4095: "[the largest of its 16-bit numbers is 4095 of 65535: if that is meant to be white, say window 0,4095]", 40000: "[]", 0: "[]"} {
		img := image.NewGray16(image.Rect(0, 0, 2, 2))
		img.SetGray16(1, 1, color.Gray16{v})
		p, err := open(encoded(t, "png", img))
		if err != nil || fmt.Sprint(p.Notes) != want || math.Abs(float64(p.Deep.Pix[3])-float64(v)/257) > 1e-4 {
			t.Errorf("%d: %v, %v, %v", v, p.Notes, p.Deep, err)
		}
	}
}

// TestDeepMask: what is not black counts, however little it is.
func TestDeepMask(t *testing.T) {
	img := image.NewGray16(image.Rect(0, 0, 4, 4))
	img.SetGray16(2, 1, color.Gray16{1})
	p, err := open(encoded(t, "png", img))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Mask(p, image.Pt(4, 4), Transform{1, 1, 0, 0}, 4, 4)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if v != (i == 6) {
			t.Errorf("pixel %d counts: %v", i, v)
		}
	}
}
