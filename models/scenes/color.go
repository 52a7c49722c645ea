package scenes

import "math"

// RGB is a colour in sRGB, each channel in [0, 1].
type RGB [3]float32

// HSV is the colour with a hue in turns (any real number), a saturation and a
// value, both in [0, 1].
func HSV(hue, saturation, value float64) RGB {
	h := (hue - math.Floor(hue)) * 6
	channel := func(n float64) float32 {
		k := math.Mod(n+h, 6)
		return float32(value - value*saturation*max(0, min(k, 4-k, 1)))
	}
	return RGB{channel(5), channel(3), channel(1)}
}

// Mix is the colour a share t of the way from c to d.
func (c RGB) Mix(d RGB, t float32) RGB {
	for i := range c {
		c[i] += (d[i] - c[i]) * t
	}
	return c
}

// Scale multiplies every channel, without clipping.
func (c RGB) Scale(f float32) RGB {
	return RGB{c[0] * f, c[1] * f, c[2] * f}
}

// distance is the Euclidean distance of two colours with green counted double,
// which is nearer to what is seen than the plain one.
func (c RGB) distance(d RGB) float64 {
	r, g, b := float64(c[0]-d[0]), float64(c[1]-d[1]), float64(c[2]-d[2])
	return math.Sqrt(r*r + 2*g*g + b*b)
}
