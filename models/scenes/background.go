package scenes

import (
	"math"
	"math/rand/v2"
)

// Background fills the canvas with a random texture: a pattern between two
// colours under a gradient of light.
func (c *Canvas) Background(rng *rand.Rand) {
	hue := rng.Float64()
	sat, val := 0.1+0.5*rng.Float64(), 0.25+0.65*rng.Float64()
	first := HSV(hue, sat, val)
	second := HSV(hue+0.25*(rng.Float64()-0.5), 0.1+0.5*rng.Float64(), min(1, max(0.1, val+0.6*(rng.Float64()-0.5))))
	pattern := patterns[rng.IntN(len(patterns))](rng)
	seed := rng.Uint64()
	cloud, cloudSize := 0.35*rng.Float64(), 2+4*rng.Float64()
	lightY, lightX := math.Sincos(2 * math.Pi * rng.Float64())
	slope := 0.5 * rng.Float64()
	c.Fill(func(x, y float64) RGB {
		light := 1 + slope*((x-0.5)*lightX+(y-0.5)*lightY) + cloud*(fractalNoise(x*cloudSize, y*cloudSize, 3, seed)-0.5)
		return first.Mix(second, float32(pattern(x, y))).Scale(float32(light))
	})
}

// pattern is a share of the second colour, in [0, 1], for each position.
type pattern func(x, y float64) float64

// step is a soft threshold: 0 below -w, 1 above w.
func step(v, w float64) float64 {
	t := max(0, min(1, v/(2*w)+0.5))
	return t * t * (3 - 2*t)
}

// patterns are the kinds of texture, each with random parameters.
var patterns = []func(*rand.Rand) pattern{
	func(*rand.Rand) pattern { return func(float64, float64) float64 { return 0 } }, // plain
	func(rng *rand.Rand) pattern { // clouds
		f, seed := 3+8*rng.Float64(), rng.Uint64()
		return func(x, y float64) float64 { return fractalNoise(x*f, y*f, 4, seed) }
	},
	func(rng *rand.Rand) pattern { // wavy stripes
		sin, cos := math.Sincos(math.Pi * rng.Float64())
		f, wave, seed := 3+9*rng.Float64(), 0.15*rng.Float64(), rng.Uint64()
		return func(x, y float64) float64 {
			t := x*cos + y*sin + wave*valueNoise(x*4, y*4, seed)
			return step(math.Sin(2*math.Pi*f*t), 0.3)
		}
	},
	func(rng *rand.Rand) pattern { // checks
		sin, cos := math.Sincos(math.Pi * rng.Float64())
		f := 2 + 4*rng.Float64()
		return func(x, y float64) float64 {
			u, v := (x*cos+y*sin)*f, (y*cos-x*sin)*f
			return step(math.Sin(2*math.Pi*u)*math.Sin(2*math.Pi*v), 0.1)
		}
	},
	func(rng *rand.Rand) pattern { // dots
		f, r := 5+7*rng.Float64(), 0.2+0.2*rng.Float64()
		sin, cos := math.Sincos(math.Pi * rng.Float64())
		return func(x, y float64) float64 {
			u, v := (x*cos+y*sin)*f, (y*cos-x*sin)*f
			u, v = u-math.Round(u), v-math.Round(v)
			return step(r-math.Hypot(u, v), 0.06)
		}
	},
	func(rng *rand.Rand) pattern { // bricks
		f, joint := 5+5*rng.Float64(), 0.06+0.04*rng.Float64()
		return func(x, y float64) float64 {
			row := math.Floor(y * f)
			u := x*f/2 + 0.5*math.Mod(row, 2)
			u, v := u-math.Floor(u), y*f-row
			return 1 - step(min(2*min(u, 1-u), min(v, 1-v))-joint, 0.05)
		}
	},
	func(rng *rand.Rand) pattern { // wood
		f, seed := 4+5*rng.Float64(), rng.Uint64()
		sin, cos := math.Sincos(math.Pi * rng.Float64())
		return func(x, y float64) float64 {
			u, v := x*cos+y*sin, y*cos-x*sin
			t := f * (v + 0.25*fractalNoise(u*2, v*6, 3, seed))
			return 0.5 + 0.5*math.Sin(2*math.Pi*t)
		}
	},
}
