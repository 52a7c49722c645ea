package video

import (
	"fmt"
	"image"

	"krypton/internal/failure"
	"krypton/internal/imagein"
)

// geometry says what is delivered of a w by h picture.
func (o Options) geometry(w, h int, pixels Shape) (imagein.Geometry, error) {
	if err := o.fits(w, h); err != nil {
		return imagein.Geometry{}, err
	}
	g := asItIs(w, h)
	if o.Fit == nil {
		return g, nil
	}
	g = o.Fit(w, h, pixels.Known())
	switch size := image.Pt(w, h); {
	case g.Picture != size:
		return g, fmt.Errorf("%w: %d x %d pixels are to be made of %d x %d", ErrUnusable, g.Picture.X, g.Picture.Y, w, h)
	case g.Kept.Empty() || !g.Kept.In(image.Rectangle{Max: g.Scaled}):
		return g, fmt.Errorf("%w: part %v lies outside of %d x %d pixels", ErrUnusable, g.Kept, g.Scaled.X, g.Scaled.Y)
	}
	return g, o.fits(g.Kept.Dx(), g.Kept.Dy())
}

// asItIs is what becomes of a picture that is neither scaled nor cropped.
func asItIs(w, h int) imagein.Geometry {
	size := image.Pt(w, h)
	return imagein.Geometry{Picture: size, Scaled: size, Kept: image.Rectangle{Max: size}}
}

// fits refuses sizes beyond the limit.
func (o Options) fits(w, h int) error {
	if w < 1 || h < 1 || int64(w) > o.MaxPixels/int64(h) {
		return failure.Settingf("%w: %d x %d pixels, the limit is %d in all (%v)", ErrUnusable, w, h, o.MaxPixels, failure.Setting("max-pixels"))
	}
	return nil
}
