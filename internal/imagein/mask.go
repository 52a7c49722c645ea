package imagein

import (
	"fmt"
	"image"
	"slices"
)

// Mask tells for each of the w by h pixels of a network's input, row by row,
// whether it counts: whether the pixel of mask that lies over its centre is
// not black. mask lies over a picture of the size given and must have its
// shape, as near as whole pixels allow; t maps the network's pixels to the
// picture's. What the network sees beyond the picture does not count.
func Mask(mask *Picture, picture image.Point, t Transform, w, h int) ([]bool, error) {
	mw, mh := mask.Image.Rect.Dx(), mask.Image.Rect.Dy()
	if d := int64(mw)*int64(picture.Y) - int64(mh)*int64(picture.X); max(d, -d) > int64(max(picture.X, picture.Y)) {
		return nil, fmt.Errorf("%w: the mask has %d x %d pixels, which is not the shape of the picture of %d x %d", ErrUnusable, mw, mh, picture.X, picture.Y)
	}
	out := make([]bool, w*h)
	for y := range h {
		for x := range w {
			px, py := t.Apply(float64(x)+.5, float64(y)+.5)
			if px < 0 || py < 0 || px >= float64(picture.X) || py >= float64(picture.Y) {
				continue
			}
			mx, my := int(px*float64(mw)/float64(picture.X)), int(py*float64(mh)/float64(picture.Y))
			out[y*w+x] = mask.painted(min(mx, mw-1), min(my, mh-1))
		}
	}
	return out, nil
}

// painted says whether a pixel is not black, however little.
func (p *Picture) painted(x, y int) bool {
	if d := p.Deep; d != nil {
		return slices.ContainsFunc(d.Pix[(y*d.W+x)*d.Channels:][:d.Channels], func(v float32) bool { return v != 0 })
	}
	c := p.Image.NRGBAAt(x, y)
	return c.R != 0 || c.G != 0 || c.B != 0
}
