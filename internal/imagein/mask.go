package imagein

import (
	"fmt"
	"image"
)

// Mask tells for each of the w by h pixels of a network's input, row by row,
// whether it counts: whether the pixel of mask that lies over its centre is
// not black. mask lies over a picture of the size given and must have its
// shape, as near as whole pixels allow; t maps the network's pixels to the
// picture's. What the network sees beyond the picture does not count.
func Mask(mask *image.NRGBA, picture image.Point, t Transform, w, h int) ([]bool, error) {
	mw, mh := mask.Bounds().Dx(), mask.Bounds().Dy()
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
			c := mask.Pix[min(my, mh-1)*mask.Stride+4*min(mx, mw-1):]
			out[y*w+x] = c[0] != 0 || c[1] != 0 || c[2] != 0
		}
	}
	return out, nil
}
