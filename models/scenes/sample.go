package scenes

import (
	"image"
	"math"
	"math/rand/v2"
)

// Sample draws a fixed, hand-arranged scene of side x side pixels: an enamel
// mug on a wooden table among pebbles, coins, a note and a thread.
func Sample(side int) *image.RGBA {
	c := NewCanvas(side, side, float64(side))
	c.table()
	rng := rand.New(rand.NewPCG(7, 0x73616d706c65)) // a stream that no training scene uses
	const light = -2.2
	surface := func(colour RGB, bevel float64) Paint {
		return Paint{
			Main: colour, Accent: colour, Dark: colour.Scale(0.55), Light: light, Bevel: bevel, Fade: 0.2,
			Grain: 0.12, GrainSeed: rng.Uint64(), Shadow: 0.5,
		}
	}
	thing := func(x, y, size, angle float64, paint Paint, layers ...layer) {
		c.draw(layers, Placement{X: x, Y: y, Size: size, Angle: angle}, paint)
	}

	note := []contour{rectangle(-0.8, -0.62, 0.8, 0.62)}
	var lines []contour
	for i := range 4 {
		y := -0.36 + 0.24*float64(i)
		lines = append(lines, segment(-0.62, y, 0.62-0.3*float64(i%2)-0.25*float64(i/3), y, 0.05))
	}
	thing(0.72, 0.80, 0.34, 0.17, surface(RGB{0.93, 0.90, 0.80}, 0.1), solid(mainTone, note...), solid(darkTone, lines...))

	for _, p := range []struct {
		x, y, size, angle float64
		colour            RGB
	}{
		{0.17, 0.62, 0.17, 0.3, RGB{0.50, 0.55, 0.60}},
		{0.32, 0.70, 0.12, 1.9, RGB{0.72, 0.67, 0.60}},
		{0.13, 0.78, 0.10, 2.4, RGB{0.36, 0.40, 0.46}},
		{0.88, 0.60, 0.09, 0.9, RGB{0.58, 0.50, 0.44}},
	} {
		thing(p.x, p.y, p.size, p.angle, surface(p.colour, 0.8), solid(mainTone, blob(rng, 0, 0, 0.95)))
	}
	for _, p := range []point{{0.40, 0.90}, {0.47, 0.86}} {
		thing(p.x, p.y, 0.085, 0, surface(RGB{0.70, 0.74, 0.78}, 0.6), solid(mainTone, circle(0, 0, 1)), solid(darkTone, ellipse(0, 0, 0.12, 0.35)))
	}

	var thread []contour
	at, angle := point{-0.9, 0.4}, -0.9
	for i := range 26 {
		angle += 0.5 * math.Sin(float64(i)*0.55)
		sin, cos := math.Sincos(angle)
		next := point{at.x + 0.11*cos, at.y + 0.11*sin}
		thread = append(thread, segment(at.x, at.y, next.x, next.y, 0.06))
		at = next
	}
	thing(0.22, 0.17, 0.30, 0.2, surface(RGB{0.20, 0.50, 0.75}, 0.3), solid(mainTone, thread...))

	enamel := surface(RGB{0.95, 0.65, 0.15}, 0.7)
	enamel.Accent, enamel.Dark, enamel.Grain = RGB{0.965, 0.755, 0.405}, RGB{0.30, 0.17, 0.10}, 0.06
	c.Draw(Mug, Placement{X: 0.65, Y: 0.36, Size: 0.38, Angle: -0.1}, enamel)
	return c.Image()
}

// table fills the canvas with dark wooden planks under a soft light from the
// upper left.
func (c *Canvas) table() {
	light, dark := RGB{0.45, 0.30, 0.20}, RGB{0.34, 0.215, 0.14}
	const planks = 4
	c.Fill(func(x, y float64) RGB {
		row := math.Floor(y * planks)
		v := y*planks - row
		grain := fractalNoise(x*2+7*row, y*26+31*row, 4, 11)
		ring := 0.5 + 0.5*math.Sin(2*math.Pi*(6*grain+x))
		colour := light.Mix(dark, float32(0.25+0.3*ring+0.25*lattice(int(row), 0, 5)))
		joint := step(min(v, 1-v)-0.012, 0.012)
		vignette := 1.12 - 0.5*((x-0.35)*(x-0.35)+(y-0.35)*(y-0.35))
		return colour.Scale(float32((0.45 + 0.55*joint) * vignette))
	})
}
