package imagein

import (
	"errors"
	"image"
	"image/color"
	"runtime/debug"

	"krypton/internal/chroma"
	"krypton/internal/failure"
)

// ErrMemory says that a picture takes more memory than there is for it now.
var ErrMemory = errors.New("not enough memory")

// large is from how much on what decoding leaves behind is given back at once.
const large = 64 << 20

// fits fails if decoding a picture takes more than l.Memory, and makes room for what
// takes much. bytes are what its file has.
func (l *Limits) fits(width, height int, bytes, need int64) error {
	if l.Memory > 0 && need > l.Memory-bytes {
		return failure.Settingf("%w: %d x %d pixels take about %d MiB to decode, %d MiB are left for that (%v)", ErrMemory, width, height, (need+bytes)>>20, l.Memory>>20, failure.Setting("memory"))
	}
	if need > large {
		debug.FreeOSMemory()
	}
	return nil
}

// decodedBytes is what a picture takes while it is decoded: what the decoder makes, and
// what becomes of that.
func decodedBytes(data []byte, format string, c image.Config, w *Window) int64 {
	pixels := int64(c.Width) * int64(c.Height)
	n := decoderBytes(data, format, c)
	result := 4 * pixels
	switch {
	case c.ColorModel == color.Gray16Model || w != nil && c.ColorModel == color.GrayModel:
		result += 4 * pixels
	case c.ColorModel == color.NRGBA64Model || c.ColorModel == color.RGBA64Model || w != nil:
		result += 12 * pixels
	}
	if w != nil && format == "jpeg" && c.ColorModel == color.YCbCrModel {
		n += 4 * pixels // colours of eight bits come first
	}
	if orientation(data, format) != 1 {
		return n + 2*result
	}
	return n + result
}

// decoderBytes is what the decoder of a format takes.
func decoderBytes(data []byte, format string, c image.Config) int64 {
	pixels := int64(c.Width) * int64(c.Height)
	n := pixels * 4
	switch m := c.ColorModel.(type) {
	case color.Palette:
		n = pixels
	default:
		switch m {
		case color.GrayModel:
			n = pixels
		case color.Gray16Model:
			n = pixels * 2
		case color.RGBA64Model, color.NRGBA64Model:
			n = pixels * 8
		}
	}
	switch format {
	case "png":
		if len(data) > 28 && data[28] == 1 { // interlaced: the parts come first
			n *= 2
		}
	case "jpeg":
		// Whole units of up to 32 by 32 pixels; of progressive files each coefficient.
		pixels = (int64(c.Width) + 31) &^ 31 * ((int64(c.Height) + 31) &^ 31)
		components := int64(3)
		switch c.ColorModel {
		case color.GrayModel:
			components = 1
		case color.CMYKModel:
			components = 8
		}
		n = components * pixels
		if progressive(data) {
			n += 4 * min(components, 4) * pixels
		}
	case "gif":
		n = 2 * pixels
	case "webp":
		n = 8 * pixels
	}
	return n
}

// progressive says whether a JPEG file's picture comes in several passes.
func progressive(data []byte) bool {
	found := false
	chroma.Segments(data, func(marker byte, _ int, _ []byte) bool {
		found = marker == 0xc2
		return !found
	})
	return found
}
