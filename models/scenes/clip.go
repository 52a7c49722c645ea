package scenes

import (
	"image"
	"math/rand/v2"
)

// Clip is a film of a fixed camera: one object after the other moves over a
// background that stays.
type Clip struct {
	W, H int
	// Each is the number of frames that an object is there.
	Each int

	seed       uint64
	unit       float64
	background *Canvas
	present    int // object that next is about, -1 for none
	class      Class
	from, to   Placement
	paint      Paint
}

// NewClip draws the background of a clip of w x h pixels whose scene unit has
// that many pixels. Everything about it follows from seed.
func NewClip(seed uint64, w, h int, unit float64, each int) *Clip {
	rng := rand.New(rand.NewPCG(seed, 0))
	c := &Clip{W: w, H: h, Each: each, seed: seed, unit: unit, background: NewCanvas(w, h, unit), present: -1}
	c.background.Background(rng)
	return c
}

// Frame draws frame i and says which object is in it, and where.
func (c *Clip) Frame(i int) (*image.RGBA, Class, image.Rectangle) {
	if n := i / c.Each; n != c.present {
		c.cast(n)
	}
	t := float64(i%c.Each) / float64(max(1, c.Each-1))
	at := c.from
	at.X += t * (c.to.X - c.from.X)
	at.Y += t * (c.to.Y - c.from.Y)
	at.Angle += t * (c.to.Angle - c.from.Angle)
	f := c.background.Clone()
	box := f.Draw(c.class, at, c.paint)
	return f.Image(), c.class, box
}

// cast chooses object n and its way. Two that follow each other differ.
func (c *Clip) cast(n int) {
	c.present = n
	rng := rand.New(rand.NewPCG(c.seed, uint64(n)+1))
	c.class = Class((n*5 + int(c.seed%uint64(len(Labels)))) % len(Labels)) // 5 and 12 have no common factor: all come
	c.from = RandomPlacement(rng, c.background)
	c.to = c.from
	other := RandomPlacement(rng, c.background)
	c.to.X, c.to.Y, c.to.Angle = other.X, other.Y, c.from.Angle+0.4*(2*rng.Float64()-1)
	c.paint = RandomPaint(rng, c.background.mean(c.from.X, c.from.Y, c.from.Size/2))
}
