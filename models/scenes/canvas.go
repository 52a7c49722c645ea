package scenes

import (
	"image"
	"image/draw"
	"math"

	"golang.org/x/image/vector"
)

// Canvas is a picture under construction. It is not safe for concurrent use.
type Canvas struct {
	// W and H are the size in pixels.
	W, H int
	// Pix holds the colours row by row, three channels for a pixel, not
	// clipped to [0, 1].
	Pix []float32

	unit   float64 // pixels in a scene unit
	raster *vector.Rasterizer
	alpha  *image.Alpha
}

// NewCanvas is a black canvas of w x h pixels on which a scene unit is that
// many pixels long.
func NewCanvas(w, h int, unit float64) *Canvas {
	return &Canvas{
		W: w, H: h, Pix: make([]float32, w*h*3), unit: unit,
		raster: vector.NewRasterizer(w, h), alpha: image.NewAlpha(image.Rect(0, 0, w, h)),
	}
}

// Extent is the size in scene units.
func (c *Canvas) Extent() (w, h float64) {
	return float64(c.W) / c.unit, float64(c.H) / c.unit
}

// Clone is a copy that shares nothing, for drawing several objects over one
// background.
func (c *Canvas) Clone() *Canvas {
	d := NewCanvas(c.W, c.H, c.unit)
	copy(d.Pix, c.Pix)
	return d
}

// Fill gives every pixel the colour of its centre.
func (c *Canvas) Fill(colour func(x, y float64) RGB) {
	for j := range c.H {
		for i := range c.W {
			rgb := colour((float64(i)+0.5)/c.unit, (float64(j)+0.5)/c.unit)
			copy(c.Pix[(j*c.W+i)*3:], rgb[:])
		}
	}
}

// Image is the picture in 8 bits for a channel, rounded and clipped.
func (c *Canvas) Image() *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, c.W, c.H))
	for p := range c.W * c.H {
		for i := range 3 {
			img.Pix[p*4+i] = uint8(max(0, min(255, c.Pix[p*3+i]*255+0.5)))
		}
		img.Pix[p*4+3] = 255
	}
	return img
}

// mask is the coverage of a rectangle of pixels, each in [0, 1].
type mask struct {
	x0, y0, w, h int
	a            []float32
}

// coverage rasterizes contours given in scene units. The mask reaches margin
// pixels beyond them but not beyond the canvas; nil means that nothing is
// visible.
func (c *Canvas) coverage(solids, holes []contour, margin int) *mask {
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, s := range solids {
		for _, p := range s {
			x0, y0 = min(x0, p.x*c.unit), min(y0, p.y*c.unit)
			x1, y1 = max(x1, p.x*c.unit), max(y1, p.y*c.unit)
		}
	}
	box := image.Rect(int(math.Floor(x0))-margin, int(math.Floor(y0))-margin,
		int(math.Ceil(x1))+margin, int(math.Ceil(y1))+margin).Intersect(image.Rect(0, 0, c.W, c.H))
	if box.Empty() {
		return nil
	}
	m := &mask{box.Min.X, box.Min.Y, box.Dx(), box.Dy(), make([]float32, box.Dx()*box.Dy())}
	c.raster.Reset(m.w, m.h)
	c.raster.DrawOp = draw.Src
	add := func(list []contour, hole bool) {
		for _, s := range list {
			for i, p := range s.oriented(hole) {
				x, y := float32(p.x*c.unit-float64(m.x0)), float32(p.y*c.unit-float64(m.y0))
				if i == 0 {
					c.raster.MoveTo(x, y)
				} else {
					c.raster.LineTo(x, y)
				}
			}
			c.raster.ClosePath()
		}
	}
	add(solids, false)
	add(holes, true)
	c.raster.Draw(c.alpha, image.Rect(0, 0, m.w, m.h), image.Opaque, image.Point{})
	for j := range m.h {
		for i := range m.w {
			m.a[j*m.w+i] = float32(c.alpha.Pix[j*c.alpha.Stride+i]) / 255
		}
	}
	return m
}

// paint lays a colour over the pixels of a mask. The colour is asked for by
// pixel.
func (c *Canvas) paint(m *mask, opacity float32, colour func(i, j int) RGB) {
	if m == nil {
		return
	}
	for j := range m.h {
		for i := range m.w {
			a := m.a[j*m.w+i] * opacity
			if a == 0 {
				continue
			}
			rgb := colour(m.x0+i, m.y0+j)
			at := c.Pix[((m.y0+j)*c.W+m.x0+i)*3:][:3]
			for k := range at {
				at[k] += (rgb[k] - at[k]) * a
			}
		}
	}
}

// unite adds the coverage of n, which has to lie within m's rectangle.
func (m *mask) unite(n *mask) {
	if n == nil {
		return
	}
	for j := range n.h {
		for i := range n.w {
			at := &m.a[(n.y0+j-m.y0)*m.w+n.x0+i-m.x0]
			*at += (1 - *at) * n.a[j*n.w+i]
		}
	}
}

// blurred is the mask after two box filters of 2r+1 pixels in each direction;
// outside of its rectangle it counts as empty.
func (m *mask) blurred(r int) *mask {
	out := &mask{m.x0, m.y0, m.w, m.h, append([]float32(nil), m.a...)}
	if r <= 0 {
		return out
	}
	line := make([]float32, max(m.w, m.h))
	for range 2 {
		for j := range m.h {
			boxFilter(out.a[j*m.w:], 1, m.w, r, line)
		}
		for i := range m.w {
			boxFilter(out.a[i:], m.w, m.h, r, line)
		}
	}
	return out
}

// boxFilter replaces n elements, stride apart, by the means of the 2r+1 around
// each.
func boxFilter(a []float32, stride, n, r int, line []float32) {
	for i := range n {
		line[i] = a[i*stride]
	}
	var sum float32
	for i := range min(r, n) {
		sum += line[i]
	}
	for i := range n {
		if i+r < n {
			sum += line[i+r]
		}
		if i-r-1 >= 0 {
			sum -= line[i-r-1]
		}
		a[i*stride] = sum / float32(2*r+1)
	}
}

// at is the coverage at a pixel; outside of the rectangle it is that of the
// nearest one inside.
func (m *mask) at(i, j int) float32 {
	i, j = max(0, min(m.w-1, i-m.x0)), max(0, min(m.h-1, j-m.y0))
	return m.a[j*m.w+i]
}
