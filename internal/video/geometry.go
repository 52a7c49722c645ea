package video

import (
	"fmt"
	"image"
	"math"
)

// geometry gives the part of a w by h picture that is read and the size it is
// delivered in.
func (o Options) geometry(w, h int, pixels Shape) (crop image.Rectangle, outW, outH int, err error) {
	if o.Fit != nil && w > 0 && h > 0 {
		o.Crop, o.Width, o.Height = o.Fit(w, h, pixels.Known())
	}
	crop = image.Rect(0, 0, w, h)
	if !o.Crop.Empty() {
		if !o.Crop.In(crop) {
			return crop, 0, 0, fmt.Errorf("%w: crop %v lies outside of its %d x %d pixels", ErrUnusable, o.Crop, w, h)
		}
		crop = o.Crop
	}
	outW, outH = o.Width, o.Height
	switch {
	case outW == 0 && outH == 0:
		outW, outH = crop.Dx(), crop.Dy()
	case outW == 0:
		outW = keep(crop.Dx(), outH, crop.Dy())
	case outH == 0:
		outH = keep(crop.Dy(), outW, crop.Dx())
	}
	if err := o.fits(w, h); err != nil {
		return crop, 0, 0, err
	}
	return crop, outW, outH, o.fits(outW, outH)
}

// keep is n*to/from, rounded, at least 1.
func keep(n, to, from int) int {
	return max(1, int(math.Round(float64(n)*float64(to)/float64(from))))
}

// fits refuses sizes beyond the limit.
func (o Options) fits(w, h int) error {
	if w < 1 || h < 1 || int64(w) > o.MaxPixels/int64(h) {
		return fmt.Errorf("%w: %d x %d pixels, the limit is %d in all (--max-pixels)", ErrUnusable, w, h, o.MaxPixels)
	}
	return nil
}
