package imagein

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"slices"
	"strings"

	"krypton/internal/failure"
)

// Preprocess says how a picture becomes a network's input. A normalized value
// is (v*Scale - Mean[c]) / Std[c] for a value v from 0 (black) to 255 (white) of
// channel c in Order: whole for pictures of eight bits, with fractions for deeper ones
// and through a window.
type Preprocess struct {
	// View says what is black and white in the file's own numbers; its zero value is all that
	// they can be, and of DICOM files what they say.
	View
	Mean, Std []float64
	Scale     float64
	// Order is rgb, bgr or gray (luma of Rec. 601, rounded where values are whole).
	Order string
	// Resize is one of Resizes: Stretch, Squash (stretched to size/CropFraction, then the
	// centre), Crop (short side to size/CropFraction, then the centre) or Letterbox (long
	// side to size, the rest gray: Pad, of 255).
	Resize       string
	CropFraction float64
	// Interpolation, by which pictures are resized, is Bilinear or Bicubic; "" is Bilinear.
	Interpolation string
	Pad           uint8
	// Whole rounds the network's numbers: its input is of integers.
	Whole bool
}

// Interpolations are over all pixels that a resized one covers, as Pillow's filters of these
// names are.
const (
	Bilinear = "bilinear"
	Bicubic  = "bicubic"
)

// Ways in which a picture comes to the network's size.
const (
	Stretch   = "stretch"
	Squash    = "squash" // timm's name (crop_mode)
	Crop      = "crop"
	Letterbox = "letterbox"
)

// Resizes lists them.
var Resizes = []string{Stretch, Squash, Crop, Letterbox}

// KeepsShape says whether pictures keep their proportions.
func (p *Preprocess) KeepsShape() bool { return p.Resize == Crop || p.Resize == Letterbox }

// MinCropFraction is the least share of a picture that can be cut out of it.
const MinCropFraction = 0.01

// Presets lists the names that Preset knows.
var Presets = []string{"imagenet", "caffe", "unit", "symmetric", "raw"}

// Preset gives a common preprocessing by name.
func Preset(name string) (Preprocess, error) {
	p := Preprocess{Scale: 1, Order: "rgb", Resize: Stretch, CropFraction: 1, Pad: 128}
	switch name {
	case "imagenet":
		p.Scale, p.Mean, p.Std = 1/255., []float64{.485, .456, .406}, []float64{.229, .224, .225}
		p.Resize, p.CropFraction = Crop, .875
	case "caffe":
		p.Order, p.Mean, p.Resize = "bgr", []float64{104, 117, 123}, Crop
	case "unit":
		p.Scale = 1 / 255.
	case "symmetric":
		p.Scale, p.Mean = 1/127.5, []float64{1}
	case "raw":
	default:
		return p, fmt.Errorf("unknown preset %q: want one of %s", name, strings.Join(Presets, ", "))
	}
	return p, nil
}

// Validate checks the fields for a network of 1 or 3 channels.
func (p *Preprocess) Validate(channels int) error {
	if channels != 1 && channels != 3 {
		return fmt.Errorf("the network reads %d channels: only pictures of 1 or 3 can be made", channels)
	}
	switch p.Order {
	case "rgb", "bgr", "gray":
	default:
		return fmt.Errorf("order is %q, want rgb, bgr or gray", p.Order)
	}
	if !slices.Contains(Resizes, p.Resize) {
		return fmt.Errorf("resize is %q, want one of %s", p.Resize, strings.Join(Resizes, ", "))
	}
	switch p.Interpolation {
	case "", Bilinear, Bicubic:
	default:
		return fmt.Errorf("interpolation is %q, want %s or %s", p.Interpolation, Bilinear, Bicubic)
	}
	if err := p.View.Validate(); err != nil {
		return err
	}
	for _, l := range []struct {
		name    string
		numbers []float64
	}{{"mean", p.Mean}, {"std", p.Std}} {
		if n := len(l.numbers); n > 1 && n != channels {
			return fmt.Errorf("%s has %d numbers for %d channels", l.name, n, channels)
		}
		for _, v := range l.numbers {
			if math.IsNaN(v) || math.IsInf(v, 0) || l.name == "std" && v == 0 {
				return fmt.Errorf("%s holds %g", l.name, v)
			}
		}
	}
	if p.Scale == 0 || math.IsNaN(p.Scale) || math.IsInf(p.Scale, 0) {
		return fmt.Errorf("scale is %g: want a number that is not 0", p.Scale)
	}
	if !(p.CropFraction >= MinCropFraction && p.CropFraction <= 1) {
		return failure.Settingf("crop fraction (%v) is %g: want %g to 1", failure.Setting("crop-fraction"), p.CropFraction, MinCropFraction)
	}
	return nil
}

// Transform maps the network's pixels to the picture's: picture = network*Scale
// + Offset, along x and y.
type Transform struct{ ScaleX, ScaleY, OffsetX, OffsetY float64 }

// Apply maps a point.
func (t Transform) Apply(x, y float64) (float64, float64) {
	return float64(x*t.ScaleX) + t.OffsetX, float64(y*t.ScaleY) + t.OffsetY
}

// Fit resizes a picture, by interpolation over the pixels covered, to
// exactly w by h pixels.
func (p *Preprocess) Fit(img *image.NRGBA, w, h int) (*image.NRGBA, Transform) {
	b := img.Bounds()
	g := p.Geometry(b.Size(), 1, image.Pt(w, h))
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	if g.Kept.Size() != g.Plane {
		draw.Draw(out, out.Rect, image.NewUniform(color.NRGBA{p.Pad, p.Pad, p.Pad, 255}), image.Point{}, draw.Src)
	}
	src := &source{w: b.Dx(), h: b.Dy(), channels: 3, whole: true, read: func(dst []float64, y, begin, end int) {
		px := img.Pix[y*img.Stride+4*begin:][:4*(end-begin)]
		for i := 0; i < len(dst); i, px = i+3, px[4:] {
			dst[i], dst[i+1], dst[i+2] = float64(px[0]), float64(px[1]), float64(px[2])
		}
	}}
	src.scale(g.scaling(), func(at int, down bool, line []float64) {
		first, step := g.line(at, down)
		for i := 0; i < len(line); i, first = i+3, first+step {
			px := out.Pix[4*first:][:4]
			px[0], px[1], px[2], px[3] = uint8(line[i]), uint8(line[i+1]), uint8(line[i+2]), 255
		}
	})
	return out, g.Transform
}

// Normalize writes a fitted picture as float32 rows, channels last, for a
// network of 1 or 3 channels.
func (p *Preprocess) Normalize(fitted *image.NRGBA, channels int) []float32 {
	n := p.Normalizer(channels)
	b := fitted.Bounds()
	out := make([]float32, b.Dx()*b.Dy()*channels)
	for y := range b.Dy() {
		n.pixels(out[y*b.Dx()*channels:], fitted.Pix[y*fitted.Stride:], 4, b.Dx())
	}
	return out
}

// Normalizer turns pixels into a network's numbers by tables.
type Normalizer struct {
	table [][256]float32 // of each channel
	bgr   bool
	gray  bool
}

// Normalizer makes the tables for a network of 1 or 3 channels.
func (p *Preprocess) Normalizer(channels int) *Normalizer {
	n := &Normalizer{table: make([][256]float32, channels), bgr: p.Order == "bgr", gray: channels == 1 || p.Order == "gray"}
	for c := range n.table {
		for v := range n.table[c] {
			n.table[c][v] = p.normal(float64(v), c)
		}
	}
	return n
}

// normal is the network's number for a pixel's, of channel c.
func (p *Preprocess) normal(v float64, c int) float32 {
	mean, std := 0.0, 1.0
	if k := len(p.Mean); k > 0 {
		mean = p.Mean[c%k]
	}
	if k := len(p.Std); k > 0 {
		std = p.Std[c%k]
	}
	n := (float64(v*p.Scale) - mean) / std
	if p.Whole {
		n = math.Round(n)
	}
	return float32(n)
}

// Number is what a pixel of value v, 0 to 255, becomes in channel c.
func (p *Preprocess) Number(v float64, c int) float64 { return float64(p.normal(v, c)) }

// Convert writes the numbers of n pixels of three bytes each (red, green,
// blue), channels last.
func (n *Normalizer) Convert(dst []float32, rgb []byte, pixels int) { n.pixels(dst, rgb, 3, pixels) }

// pixels converts pixels that lie step bytes apart.
func (n *Normalizer) pixels(dst []float32, src []byte, step, pixels int) {
	channels := len(n.table)
	if channels == 3 && !n.gray {
		n.colours(dst[:3*pixels], src, step)
		return
	}
	for i := range pixels {
		px := [3]uint8(src[i*step:])
		if n.gray {
			l := uint8((299*int(px[0]) + 587*int(px[1]) + 114*int(px[2]) + 500) / 1000)
			px = [3]uint8{l, l, l}
		}
		d := dst[i*channels:][:channels]
		for c := range d {
			d[c] = n.table[c][px[c]]
		}
	}
}

// colours converts pixels to three channels: most of what is ever converted, every
// frame of a video.
func (n *Normalizer) colours(dst []float32, src []byte, step int) {
	first, second, third := &n.table[0], &n.table[1], &n.table[2]
	red, blue := 0, 2
	if n.bgr {
		red, blue = 2, 0
	}
	for len(dst) >= 3 {
		px, d := src[:3], dst[:3]
		d[0], d[1], d[2] = first[px[red]], second[px[1]], third[px[blue]]
		dst = dst[3:]
		if len(dst) > 0 {
			src = src[step:]
		}
	}
}
