package scenes

import (
	"image"
	"math"
	"math/rand/v2"
)

// Scene is a picture with one labelled object.
type Scene struct {
	Image *image.RGBA
	Class Class
	// Box is the rectangle of pixels that the object covers.
	Box image.Rectangle
	// Placement is how the object lies.
	Placement Placement
}

// Generate draws scene number index of the series that seed names, w x h
// pixels. Class, place, pose, colours, background and clutter are random, and
// only the shape depends on the class.
//
// An object is a quarter to two fifths of unit pixels large. With unit equal to
// w and h the scene is complete; with a larger one it is a close-up.
func Generate(seed, index uint64, w, h int, unit float64) Scene {
	rng := rand.New(rand.NewPCG(seed, index))
	c := NewCanvas(w, h, unit)
	class := Class(rng.IntN(len(Labels)))
	c.Background(rng)
	at := RandomPlacement(rng, c)
	area := float64(w*h) / (unit * unit)
	c.Clutter(rng, int(float64(3+rng.IntN(10))*area+0.5), at.X, at.Y, at.Size*0.42)
	box := c.Draw(class, at, RandomPaint(rng, c.mean(at.X, at.Y, at.Size/2)))
	c.finish(rng)
	return Scene{Image: c.Image(), Class: class, Box: box, Placement: at}
}

// RandomPlacement puts an object of a quarter to two fifths of a scene unit
// anywhere on the canvas.
func RandomPlacement(rng *rand.Rand, c *Canvas) Placement {
	w, h := c.Extent()
	size := 0.28 + 0.15*rng.Float64()
	margin := size * 0.48
	return Placement{
		X: margin + (w-2*margin)*rng.Float64(), Y: margin + (h-2*margin)*rng.Float64(),
		Size:   size,
		Angle:  0.55 * (2*rng.Float64() - 1),
		Aspect: math.Exp(0.14 * (2*rng.Float64() - 1)),
		Shear:  0.15 * (2*rng.Float64() - 1),
		Flip:   rng.IntN(2) == 0,
	}
}

// RandomPaint chooses a surface that can be told from its surroundings.
func RandomPaint(rng *rand.Rand, around RGB) Paint {
	hue := rng.Float64()
	main := HSV(hue, 0.15+0.8*rng.Float64(), 0.2+0.8*rng.Float64())
	for main.distance(around) < 0.5 {
		hue = rng.Float64()
		main = HSV(hue, 0.15+0.8*rng.Float64(), 0.2+0.8*rng.Float64())
	}
	accent := main
	switch rng.IntN(3) {
	case 0:
		accent = HSV(hue+0.1*(rng.Float64()-0.5), 0.3+0.6*rng.Float64(), 0.3+0.7*rng.Float64())
	case 1:
		accent = main.Scale(0.6 + 0.5*rng.Float32())
	}
	p := Paint{
		Main: main, Accent: accent, Dark: main.Scale(0.2 + 0.3*rng.Float32()),
		Light: 2 * math.Pi * rng.Float64(), Bevel: rng.Float64(), Fade: 0.5 * rng.Float64(),
		GrainSeed: rng.Uint64(), Shadow: 0.6 * rng.Float64(),
	}
	if rng.IntN(2) == 0 {
		p.Grain = 0.5 * rng.Float64()
	}
	switch rng.IntN(5) {
	case 0:
		p.Outline, p.Edge = 1, main.Scale(0.35)
	case 1:
		p.Outline, p.Edge = 1, main.Mix(RGB{1, 1, 1}, 0.8)
	}
	return p
}

// mean is the mean colour of the square with half side r around a position.
func (c *Canvas) mean(x, y, r float64) RGB {
	var sum RGB
	box := image.Rect(int((x-r)*c.unit), int((y-r)*c.unit), int((x+r)*c.unit), int((y+r)*c.unit)).
		Intersect(image.Rect(0, 0, c.W, c.H))
	for j := box.Min.Y; j < box.Max.Y; j++ {
		for i := box.Min.X; i < box.Max.X; i++ {
			for k := range sum {
				sum[k] += c.Pix[(j*c.W+i)*3+k]
			}
		}
	}
	return sum.Scale(1 / float32(max(1, box.Dx()*box.Dy())))
}

// finish adds what a camera adds: exposure, a colour cast and noise.
func (c *Canvas) finish(rng *rand.Rand) {
	exposure := 0.8 + 0.4*rng.Float32()
	var cast RGB
	for k := range cast {
		cast[k] = exposure * (0.95 + 0.1*rng.Float32())
	}
	noise := 0.06 * rng.Float32()
	for i := range c.Pix {
		c.Pix[i] = c.Pix[i]*cast[i%3] + noise*(rng.Float32()+rng.Float32()-1)
	}
}
