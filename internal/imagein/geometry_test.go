package imagein

import (
	"bytes"
	"image"
	"math"
	"testing"
)

// TestGeometry: what of a picture is shown where, worked out by hand; back and forth; and
// what is left free is gray.
func TestGeometry(t *testing.T) {
	for _, c := range []struct {
		resize          string
		picture         image.Point
		aspect          float64
		scaled          image.Point
		kept            image.Rectangle
		offset          image.Point
		x, y, wantX, wY float64 // of the network's plane, of the picture
	}{
		{"stretch", image.Pt(200, 100), 1, image.Pt(50, 50), image.Rect(0, 0, 50, 50), image.Pt(0, 0), 25, 25, 100, 50},
		{"crop", image.Pt(200, 100), 1, image.Pt(100, 50), image.Rect(25, 0, 75, 50), image.Pt(0, 0), 25, 10, 100, 20},
		{"letterbox", image.Pt(200, 100), 1, image.Pt(50, 25), image.Rect(0, 0, 50, 25), image.Pt(0, 12), 25, 12, 100, 0},
		{"squash", image.Pt(200, 100), 1, image.Pt(50, 50), image.Rect(0, 0, 50, 50), image.Pt(0, 0), 25, 25, 100, 50},
		// Pixels that are twice as wide as high: 100 x 100 is shown as 200 x 100.
		{"stretch", image.Pt(100, 100), 2, image.Pt(50, 50), image.Rect(0, 0, 50, 50), image.Pt(0, 0), 25, 25, 50, 50},
		{"crop", image.Pt(100, 100), 2, image.Pt(100, 50), image.Rect(25, 0, 75, 50), image.Pt(0, 0), 25, 10, 50, 20},
		{"letterbox", image.Pt(100, 100), 2, image.Pt(50, 25), image.Rect(0, 0, 50, 25), image.Pt(0, 12), 25, 12, 50, 0},
		// Half as wide as high: 200 x 100 is a square, and so is 100 x 50.
		{"crop", image.Pt(200, 100), .5, image.Pt(50, 50), image.Rect(0, 0, 50, 50), image.Pt(0, 0), 25, 25, 100, 50},
		{"letterbox", image.Pt(100, 50), .5, image.Pt(50, 50), image.Rect(0, 0, 50, 50), image.Pt(0, 0), 25, 25, 50, 25},
		// Sizes that do not divide: 31 x 17 becomes 91 x 50, and 50 x 27.
		{"crop", image.Pt(31, 17), 1, image.Pt(91, 50), image.Rect(20, 0, 70, 50), image.Pt(0, 0), 0, 0, 20 * 31 / 91., 0},
		{"letterbox", image.Pt(31, 17), 1, image.Pt(50, 27), image.Rect(0, 0, 50, 27), image.Pt(0, 11), 0, 11, 0, 0},
	} {
		p := &Preprocess{Resize: c.resize, CropFraction: 1, Pad: 114}
		g := p.Geometry(c.picture, c.aspect, image.Pt(50, 50))
		if g.Scaled != c.scaled || g.Kept != c.kept || g.Offset != c.offset || g.Picture != c.picture {
			t.Errorf("%s of %v: %+v", c.resize, c.picture, g)
		}
		if f := g.Shown(); f != (image.Rectangle{c.offset, c.offset.Add(c.kept.Size())}) {
			t.Errorf("%s: the picture is at %v", c.resize, f)
		}
		if x, y := g.Transform.Apply(c.x, c.y); math.Abs(x-c.wantX) > 1e-9 || math.Abs(y-c.wY) > 1e-9 {
			t.Errorf("%s: %g, %g comes from %g, %g; want %g, %g", c.resize, c.x, c.y, x, y, c.wantX, c.wY)
		}
		shown := 0
		for y := range c.picture.Y {
			for x := range c.picture.X {
				px, py, ok := g.Network(x, y)
				if ok {
					shown++
					x0, y0 := g.Transform.Apply(float64(px), float64(py))
					x1, y1 := g.Transform.Apply(float64(px+1), float64(py+1))
					if m, n := float64(x)+.5, float64(y)+.5; m < x0-1e-9 || m > x1+1e-9 || n < y0-1e-9 || n > y1+1e-9 {
						t.Fatalf("%s: pixel %d, %d is told to be at %d, %d", c.resize, x, y, px, py)
					}
				}
			}
		}
		if want := float64(c.picture.X*c.picture.Y) * float64(c.kept.Dx()*c.kept.Dy()) / float64(c.scaled.X*c.scaled.Y); math.Abs(float64(shown)-want) > float64(c.picture.X+c.picture.Y) {
			t.Errorf("%s of %v: %d pixels are shown, want about %g", c.resize, c.picture, shown, want)
		}
		in := bytes.Repeat([]byte{7}, 3*c.kept.Dx()*c.kept.Dy())
		out := g.Place(make([]byte, 50*50*3), in)
		if n := bytes.Count(out, []byte{7}); n != len(in) || n+bytes.Count(out, []byte{114}) != 50*50*3 {
			t.Errorf("%s: %d of %d bytes are placed", c.resize, n, len(in))
		}
	}
}

// TestCropIsTorchvisions: sizes and corners are those of torchvision's Resize and
// CenterCrop (0.14 was run), with the size that timm makes of a share.
func TestCropIsTorchvisions(t *testing.T) {
	for _, c := range []struct {
		picture, plane image.Point
		fraction       float64
		scaled, at     image.Point
	}{
		{image.Pt(451, 300), image.Pt(224, 224), .875, image.Pt(384, 256), image.Pt(80, 16)},
		{image.Pt(720, 478), image.Pt(224, 224), .875, image.Pt(385, 256), image.Pt(80, 16)},
		{image.Pt(481, 640), image.Pt(224, 224), .875, image.Pt(256, 340), image.Pt(16, 58)},
		{image.Pt(451, 300), image.Pt(64, 64), .875, image.Pt(109, 73), image.Pt(22, 4)},
		{image.Pt(720, 478), image.Pt(24, 24), .875, image.Pt(40, 27), image.Pt(8, 2)},
		{image.Pt(100, 100), image.Pt(299, 299), .875, image.Pt(341, 341), image.Pt(21, 21)},
		{image.Pt(300, 200), image.Pt(240, 240), .9375, image.Pt(384, 256), image.Pt(72, 8)},
		{image.Pt(1, 300), image.Pt(24, 24), 1, image.Pt(24, 7200), image.Pt(0, 3588)},
	} {
		p := &Preprocess{Resize: "crop", CropFraction: c.fraction}
		g := p.Geometry(c.picture, 1, c.plane)
		if want := (image.Rectangle{c.at, c.at.Add(c.plane)}); g.Scaled != c.scaled || g.Kept != want {
			t.Errorf("%v for %v: scaled to %v, kept %v; want %v, %v", c.picture, c.plane, g.Scaled, g.Kept, c.scaled, want)
		}
	}
}

// TestScaleIsFit: frames of three bytes a pixel become what stills become.
func TestScaleIsFit(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {31, 17}, {133, 200}, {640, 480}, {1, 900}, {3000, 2}, {2, 3000}} {
		img := noise(size[0], size[1])
		rgb := make([]byte, 0, 3*size[0]*size[1])
		for i := 0; i < len(img.Pix); i += 4 {
			rgb = append(rgb, img.Pix[i:i+3]...)
		}
		for _, plane := range []image.Point{{32, 32}, {224, 224}, {40, 24}} {
			for _, p := range []Preprocess{{Resize: "stretch"}, {Resize: "crop", CropFraction: .875}, {Resize: "squash", CropFraction: .7}, {Resize: "letterbox", Pad: 9}} {
				want, _ := p.Fit(img, plane.X, plane.Y)
				g := p.Geometry(img.Rect.Size(), 1, plane)
				kept := make([]byte, 3*g.Kept.Dx()*g.Kept.Dy())
				g.Scale(kept, rgb)
				got := g.Place(make([]byte, 3*plane.X*plane.Y), kept)
				for i := range plane.X * plane.Y {
					if !bytes.Equal(got[3*i:3*i+3], want.Pix[4*i:4*i+3]) {
						t.Fatalf("%v to %v, %s: pixel %d is %v, want %v", size, plane, p.Resize, i, got[3*i:3*i+3], want.Pix[4*i:4*i+3])
					}
				}
			}
		}
	}
}
