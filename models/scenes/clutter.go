package scenes

import (
	"math"
	"math/rand/v2"
)

// Clutter paints n random things that belong to no class: blobs, rectangles,
// triangles, discs, scribbles and groups of dots. None of them covers more of
// the disc around (x, y) with radius keep than its rim.
func (c *Canvas) Clutter(rng *rand.Rand, n int, x, y, keep float64) {
	w, h := c.Extent()
	for range n {
		size := 0.03 + 0.11*rng.Float64()
		px, py := rng.Float64()*w, rng.Float64()*h
		for try := 0; math.Hypot(px-x, py-y) < keep+size*0.8 && try < 20; try++ {
			px, py = rng.Float64()*w, rng.Float64()*h
		}
		if math.Hypot(px-x, py-y) < keep+size*0.8 {
			continue
		}
		colour := HSV(rng.Float64(), rng.Float64(), 0.15+0.85*rng.Float64())
		if rng.IntN(4) == 0 { // as a grey patch of an occlusion is
			grey := 0.3 + 0.4*rng.Float32()
			colour = RGB{grey, grey, grey}
		}
		opacity := 0.5 + 0.5*rng.Float32()
		light := 0.4 * rng.Float32()
		m := c.coverage(distractors[rng.IntN(len(distractors))](rng, px, py, size), nil, 0)
		c.paint(m, opacity, func(i, j int) RGB {
			return colour.Scale(1 + light*float32((float64(j)/c.unit-py)/size))
		})
	}
}

// blob is a closed curve whose distance from the point varies at random.
func blob(rng *rand.Rand, x, y, size float64) contour {
	var c contour
	seed := rng.Uint64()
	for i := range 24 {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / 24)
		r := size * (0.4 + 0.8*valueNoise(cos*1.5+9, sin*1.5+9, seed))
		c = append(c, point{x + r*cos, y + r*sin})
	}
	return c
}

// distractors are the kinds of clutter around a point.
var distractors = []func(rng *rand.Rand, x, y, size float64) []contour{
	func(rng *rand.Rand, x, y, size float64) []contour { // blob
		return []contour{blob(rng, x, y, size)}
	},
	func(rng *rand.Rand, x, y, size float64) []contour { // rectangle
		sin, cos := math.Sincos(math.Pi * rng.Float64() * float64(rng.IntN(2)))
		w, h := size*(0.5+0.5*rng.Float64()), size*(0.5+0.5*rng.Float64())
		return []contour{affine{cos, -sin, x, sin, cos, y}.contour(rectangle(-w, -h, w, h))}
	},
	func(rng *rand.Rand, x, y, size float64) []contour { // triangle
		var c contour
		angle := 2 * math.Pi * rng.Float64()
		for i := range 3 {
			sin, cos := math.Sincos(angle + 2*math.Pi/3*(float64(i)+0.6*(rng.Float64()-0.5)))
			c = append(c, point{x + size*cos, y + size*sin})
		}
		return []contour{c}
	},
	func(rng *rand.Rand, x, y, size float64) []contour { // disc
		return []contour{ellipse(x, y, size*(0.4+0.6*rng.Float64()), size*(0.4+0.6*rng.Float64()))}
	},
	func(rng *rand.Rand, x, y, size float64) []contour { // scribble
		width := 0.008 + 0.014*rng.Float64()
		angle, turn := 2*math.Pi*rng.Float64(), 0.0
		var list []contour
		for range 6 + rng.IntN(10) {
			turn = 0.6*turn + 1.2*(rng.Float64()-0.5)
			angle += turn
			sin, cos := math.Sincos(angle)
			nx, ny := x+size*0.3*cos, y+size*0.3*sin
			list = append(list, segment(x, y, nx, ny, width))
			x, y = nx, ny
		}
		return list
	},
	func(rng *rand.Rand, x, y, size float64) []contour { // dots
		var list []contour
		for range 3 + rng.IntN(6) {
			list = append(list, circle(x+size*2*(rng.Float64()-0.5), y+size*2*(rng.Float64()-0.5), 0.008+0.016*rng.Float64()))
		}
		return list
	},
}
