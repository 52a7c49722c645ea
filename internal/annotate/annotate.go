// Package annotate draws what was recognized into frames of a video: boxes with
// names, lines of text, and the parts that were recomputed.
package annotate

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// Frame is a picture of rows of three bytes a pixel, red first, without padding.
// It implements draw.Image.
type Frame struct {
	Pix  []byte
	W, H int
}

// ColorModel implements image.Image.
func (f *Frame) ColorModel() color.Model { return color.RGBAModel }

// Bounds implements image.Image.
func (f *Frame) Bounds() image.Rectangle { return image.Rect(0, 0, f.W, f.H) }

// At implements image.Image.
func (f *Frame) At(x, y int) color.Color {
	if !(image.Point{X: x, Y: y}).In(f.Bounds()) {
		return color.RGBA{}
	}
	p := f.Pix[(y*f.W+x)*3:]
	return color.RGBA{p[0], p[1], p[2], 255}
}

// Set implements draw.Image. Transparency is not kept.
func (f *Frame) Set(x, y int, c color.Color) {
	if !(image.Point{X: x, Y: y}).In(f.Bounds()) {
		return
	}
	r, g, b, _ := c.RGBA()
	p := f.Pix[(y*f.W+x)*3:]
	p[0], p[1], p[2] = byte(r>>8), byte(g>>8), byte(b>>8)
}

// Box is a rectangle with a name. Key chooses its colour: the same key, the same
// colour.
type Box struct {
	Rect image.Rectangle
	Text string
	Key  int
}

// Color is a bright colour for a key; neighbouring keys are far apart.
func Color(key int) color.RGBA {
	hue := math.Mod(float64(key)*0.61803398875, 1) * 6
	x := 1 - math.Abs(math.Mod(hue, 2)-1)
	var r, g, b float64
	switch int(hue) {
	case 0:
		r, g = 1, x
	case 1:
		r, g = x, 1
	case 2:
		g, b = 1, x
	case 3:
		g, b = x, 1
	case 4:
		r, b = x, 1
	default:
		r, b = 1, x
	}
	c := func(v float64) uint8 { return uint8(80 + 175*v) }
	return color.RGBA{c(r), c(g), c(b), 255}
}

var parsed = sync.OnceValues(func() (*opentype.Font, error) { return opentype.Parse(gobold.TTF) })

// Painter draws into the frames of one video.
type Painter struct {
	face font.Face
	size int // of text, in pixels
	line int // thickness
}

// NewPainter makes a painter for frames of the given height.
func NewPainter(height int) (*Painter, error) {
	f, err := parsed()
	if err != nil {
		return nil, fmt.Errorf("font: %w", err)
	}
	size := min(48, max(11, height/28))
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: float64(size), DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		return nil, fmt.Errorf("font: %w", err)
	}
	return &Painter{face: face, size: size, line: max(1, height/240)}, nil
}

// text draws a line on a dark bar whose upper left corner is at p, moved into
// the frame.
func (q *Painter) text(f *Frame, p image.Point, s string, back color.RGBA) {
	w, h := font.MeasureString(q.face, s).Ceil()+q.size/2, q.size*5/4
	p.X, p.Y = max(0, min(p.X, f.W-w)), max(0, min(p.Y, f.H-h))
	q.fill(f, image.Rect(p.X, p.Y, p.X+w, p.Y+h), back)
	ink := image.White
	if int(back.R)*3+int(back.G)*6+int(back.B) > 1400 {
		ink = image.Black
	}
	d := font.Drawer{Dst: f, Src: ink, Face: q.face, Dot: fixed.P(p.X+q.size/4, p.Y+q.size)}
	d.DrawString(s)
}

func (q *Painter) fill(f *Frame, r image.Rectangle, c color.RGBA) {
	draw.Draw(f, r.Intersect(f.Bounds()), image.NewUniform(c), image.Point{}, draw.Src)
}

// Boxes draws boxes with their names.
func (q *Painter) Boxes(f *Frame, boxes []Box) {
	for _, b := range boxes {
		c, r, n := Color(b.Key), b.Rect, q.line
		q.fill(f, image.Rect(r.Min.X, r.Min.Y, r.Max.X, r.Min.Y+n), c)
		q.fill(f, image.Rect(r.Min.X, r.Max.Y-n, r.Max.X, r.Max.Y), c)
		q.fill(f, image.Rect(r.Min.X, r.Min.Y, r.Min.X+n, r.Max.Y), c)
		q.fill(f, image.Rect(r.Max.X-n, r.Min.Y, r.Max.X, r.Max.Y), c)
		if b.Text != "" {
			q.text(f, image.Pt(r.Min.X, r.Min.Y-q.size*5/4), b.Text, c)
		}
	}
}

// Lines draws lines of text into the upper left corner.
func (q *Painter) Lines(f *Frame, lines []string) {
	for i, s := range lines {
		q.text(f, image.Pt(0, i*q.size*5/4), s, color.RGBA{20, 20, 20, 255})
	}
}

// Regions tints the pixels for which changed says so.
func (q *Painter) Regions(f *Frame, changed func(x, y int) bool) {
	for y := range f.H {
		for x := range f.W {
			if changed(x, y) {
				p := f.Pix[(y*f.W+x)*3:]
				p[0], p[1], p[2] = byte((int(p[0])+255)/2), byte(int(p[1])*5/8), byte((int(p[2])+160)/2)
			}
		}
	}
}
