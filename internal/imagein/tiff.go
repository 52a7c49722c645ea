package imagein

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"krypton/internal/failure"
	"krypton/internal/tiffin"
)

// isTIFF says whether a file is one, or a BigTIFF.
func isTIFF(data []byte) bool {
	for _, magic := range []string{"II*\x00", "MM\x00*", "II+\x00", "MM\x00+"} {
		if bytes.HasPrefix(data, []byte(magic)) {
			return true
		}
	}
	return false
}

// takeTIFF decodes a TIFF file.
func (p *Picture) takeTIFF(data []byte, l *Limits, w *Window, full bool) error {
	f, err := tiffin.Open(data)
	if errors.Is(err, tiffin.ErrUnsupported) {
		return fmt.Errorf("%w: a TIFF file: %w ('magick IN.tif OUT.png' converts it)", ErrUnusable, err)
	}
	if err != nil {
		return fmt.Errorf("%w: a TIFF file: %w", ErrUnusable, err)
	}
	if err := l.pixels(f.Width, f.Height); err != nil {
		return err
	}
	p.Orientation = f.Orientation
	if err := l.fits(f.Width, f.Height, int64(len(data)), tiffBytes(f, w)); err != nil {
		return err
	}
	if f.Further > 0 {
		p.Notes = append(p.Notes, fmt.Errorf("%d further numbers of each pixel, of which the file does not say what they are, are passed over", f.Further))
	}
	if !f.Deep() {
		img, err := f.Image()
		if err != nil {
			return fmt.Errorf("%w: a TIFF file: %w", ErrUnusable, err)
		}
		p.take(img, w)
		return nil
	}
	return p.takeNumbers(f, w, full)
}

// tiffBytes is what a TIFF file's picture takes while it is decoded.
func tiffBytes(f *tiffin.File, w *Window) int64 {
	pixels := int64(f.Width) * int64(f.Height)
	result := 4 * pixels
	if f.Deep() || w != nil {
		result += 4 * pixels * int64(min(f.Colors, 3))
	}
	if f.Orientation != 1 {
		result *= 2
	}
	return f.Bytes() + result
}

// takeNumbers decodes a TIFF file of other numbers than whole ones of eight bits.
func (p *Picture) takeNumbers(f *tiffin.File, w *Window, full bool) error {
	least, greatest := math.Inf(1), math.Inf(-1)
	plain := f.Format == "uint" && f.Bits <= 16
	through := w
	if plain && w == nil {
		through = &Window{0, math.Exp2(float64(f.Bits)) - 1}
	}
	pix, transparent, err := f.Numbers(func(v float64) (float32, error) {
		least, greatest = min(least, v), max(greatest, v)
		switch {
		case math.IsNaN(v):
			return 0, errors.New("is not a number")
		case through == nil:
			return 0, nil // asked for below, with the range
		}
		return float32(through.level(v)), nil
	})
	if err != nil {
		return fmt.Errorf("%w: a TIFF file: %w", ErrUnusable, err)
	}
	p.Samples = fmt.Sprint(f.Format, f.Bits)
	if through == nil && full && least < greatest && finite(greatest-least) {
		return p.takeNumbers(f, &Window{least, greatest}, false)
	}
	if through == nil {
		return failure.Settingf("%w: its numbers (%s) go from %g to %g: say which are black and white (%v LO,HI)", ErrUnusable, p.Samples, least, greatest, failure.Setting("window"))
	}
	p.Transparent = transparent
	p.settle(&Deep{W: f.Width, H: f.Height, Channels: min(f.Colors, 3), Pix: pix})
	if plain && w == nil && f.Lighter() {
		p.tellDark(f.Bits, greatest)
	}
	p.tellTransparent()
	return nil
}
