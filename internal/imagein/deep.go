package imagein

import (
	"fmt"
	"image"
	"image/color"
	"math"
)

// Deep is a picture whose pixels have fractions: W by H of them, row by row, each of
// one number (gray) or three (red, green, blue), from 0 for black to 255 for white.
type Deep struct {
	W, H, Channels int
	Pix            []float32
	// Ends, where it is not nil, are the numbers of black and of white in place of 0 and 255:
	// the picture has numbers of its own.
	Ends *[2]float64
}

// number is what a brightness of 0 to 255 is in the picture's numbers.
func (d *Deep) number(v float64) float64 {
	if d.Ends == nil {
		return v
	}
	return d.Ends[0] + float64((d.Ends[1]-d.Ends[0])*v)/255
}

// ends are the least and the greatest of the picture's numbers, from black to white.
func (d *Deep) ends() [2]float64 {
	a, b := d.number(0), d.number(255)
	return [2]float64{min(a, b), max(a, b)}
}

// Paint makes the picture's numbers of brightnesses of 0 to 255.
func (d *Deep) Paint() {
	for i, v := range d.Pix {
		d.Pix[i] = float32(d.number(float64(v)))
	}
}

// Image is the picture in eight bits a colour, for the eye.
func (d *Deep) Image() *image.NRGBA {
	out := image.NewNRGBA(image.Rect(0, 0, d.W, d.H))
	for i := range d.W * d.H {
		px := d.Pix[i*d.Channels:][:d.Channels]
		o := out.Pix[4*i:][:4]
		for c := range 3 {
			o[c] = uint8(px[c*(d.Channels-1)/2] + .5)
		}
		o[3] = 255
	}
	return out
}

// Gray are the brightnesses of a picture's pixels (luma of Rec. 601).
func Gray(img *image.NRGBA) []float32 {
	out := make([]float32, len(img.Pix)/4)
	for i := range out {
		px := img.Pix[4*i:][:3]
		out[i] = float32(299*int(px[0])+587*int(px[1])+114*int(px[2])) / 1000
	}
	return out
}

// Window says which of a file's numbers, in its own unit, are black and white. What
// lies beyond them is black or white too.
type Window struct{ Lo, Hi float64 }

// level is a number's brightness, 0 to 255.
func (w *Window) level(v float64) float64 {
	return 255 * min(max((v-w.Lo)/(w.Hi-w.Lo), 0), 1)
}

// Validate checks the numbers.
func (w *Window) Validate() error {
	if !(w.Lo < w.Hi) || math.IsInf(w.Hi-w.Lo, 0) {
		return fmt.Errorf("window is %g,%g: want LO,HI, the numbers of black and of white, the first the less", w.Lo, w.Hi)
	}
	return nil
}

// bitsOf is how many bits a colour the picture's own numbers have, and how many
// channels it is read as.
func bitsOf(img image.Image) (bits, channels int) {
	switch img.(type) {
	case *image.Gray:
		return 8, 1
	case *image.Gray16:
		return 16, 1
	case *image.NRGBA64, *image.RGBA64:
		return 16, 3
	}
	return 8, 3
}

// deepen reads a picture's own numbers, of 8 or 16 bits, through a window, nil for all
// that they can be, lays transparent parts over white, and gives the greatest number.
func deepen(img image.Image, w *Window) (d *Deep, transparent bool, greatest float64) {
	bits, channels := bitsOf(img)
	most := float64(uint(1)<<bits - 1)
	if w == nil {
		w = &Window{0, most}
	}
	b := img.Bounds()
	d = &Deep{W: b.Dx(), H: b.Dy(), Channels: channels, Pix: make([]float32, b.Dx()*b.Dy()*channels)}
	at, out := pixels(img), d.Pix
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			px, alpha := straight(at(x, y), most)
			transparent = transparent || alpha < 1
			for c := range channels {
				greatest = max(greatest, px[c])
				out[c] = float32(float64(w.level(px[c])*alpha) + float64(255*(1-alpha)))
			}
			out = out[channels:]
		}
	}
	return d, transparent, greatest
}

// straight is a colour not multiplied by its opacity, in numbers up to most.
func straight(c color.Color, most float64) (px [3]float64, alpha float64) {
	switch c := c.(type) {
	case color.NRGBA:
		k := most / 255
		return [3]float64{float64(c.R) * k, float64(c.G) * k, float64(c.B) * k}, float64(c.A) / 255
	case color.NRGBA64:
		k := most / 65535
		return [3]float64{float64(c.R) * k, float64(c.G) * k, float64(c.B) * k}, float64(c.A) / 65535
	}
	r, g, b, a := c.RGBA()
	if a == 0 {
		return px, 0
	}
	k := most / float64(a)
	return [3]float64{float64(r) * k, float64(g) * k, float64(b) * k}, float64(a) / 65535
}

// FitDeep does what Fit does, in fractions.
func (p *Preprocess) FitDeep(d *Deep, w, h int) (*Deep, Transform) {
	g := p.Geometry(image.Pt(d.W, d.H), 1, image.Pt(w, h))
	n := d.Channels
	out := &Deep{W: w, H: h, Channels: n, Pix: make([]float32, w*h*n), Ends: d.Ends}
	if g.Kept.Size() != g.Plane {
		for i := range out.Pix {
			out.Pix[i] = float32(d.number(float64(p.Pad)))
		}
	}
	src := &source{w: d.W, h: d.H, channels: n, ends: d.ends(), read: func(dst []float64, y, begin, end int) {
		for i, v := range d.Pix[(y*d.W+begin)*n : (y*d.W+end)*n] {
			dst[i] = float64(v)
		}
	}}
	src.scale(g.scaling(), func(at int, down bool, line []float64) {
		first, step := g.line(at, down)
		for i, v := range line {
			out.Pix[(first+i/n*step)*n+i%n] = float32(v)
		}
	})
	return out, g.Transform
}

// NormalizeDeep does what Normalize does, in fractions: luma is not rounded.
func (p *Preprocess) NormalizeDeep(fitted *Deep, channels int) []float32 {
	out := make([]float32, fitted.W*fitted.H*channels)
	gray := channels == 1 || p.Order == "gray"
	for i := range fitted.W * fitted.H {
		px := fitted.Pix[i*fitted.Channels:][:fitted.Channels]
		for c := range channels {
			from := c
			if p.Order == "bgr" {
				from = 2 - c
			}
			var v float64
			switch {
			case fitted.Channels == 1:
				v = float64(px[0])
			case gray:
				v = (299*float64(px[0]) + 587*float64(px[1]) + 114*float64(px[2])) / 1000
			default:
				v = float64(px[from])
			}
			out[i*channels+c] = p.normal(v, c)
		}
	}
	return out
}
