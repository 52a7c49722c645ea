package video

import (
	"image"
	"image/color"
	"time"

	"golang.org/x/image/draw"
)

// deadliner is a file whose reads can be ended.
type deadliner interface{ SetReadDeadline(time.Time) error }

var longAgo = time.Unix(1, 0)

// builtin finishes opening one of our own decoders: crop and scaling are put
// behind it.
func builtin(opt Options) func(decoder, Info, error) (decoder, Info, error) {
	return func(d decoder, info Info, err error) (decoder, Info, error) {
		if err != nil {
			return nil, info, err
		}
		crop, w, h, err := opt.geometry(info.SourceWidth, info.SourceHeight, info.Shape)
		if err != nil {
			_ = d.close() // the size is what the caller must hear of
			return nil, info, err
		}
		info.Width, info.Height, info.Shape = w, h, info.Shape.Known()
		if crop != image.Rect(0, 0, info.SourceWidth, info.SourceHeight) || w != crop.Dx() || h != crop.Dy() {
			d = &scaled{decoder: d, crop: crop, w: w, h: h, size: image.Pt(info.SourceWidth, info.SourceHeight)}
		}
		return d, info, nil
	}
}

// scaled crops and scales the frames of another decoder.
type scaled struct {
	decoder
	crop  image.Rectangle
	w, h  int
	size  image.Point // of the source
	whole []byte
	from  *image.RGBA
	to    *image.RGBA
}

func (s *scaled) pixels(dst []byte) error {
	if s.whole == nil {
		s.whole = make([]byte, 3*s.size.X*s.size.Y)
	}
	if err := s.decoder.pixels(s.whole); err != nil {
		return err
	}
	w, h := s.crop.Dx(), s.crop.Dy()
	row := func(y int) []byte {
		at := 3 * ((s.crop.Min.Y+y)*s.size.X + s.crop.Min.X)
		return s.whole[at : at+3*w]
	}
	if w == s.w && h == s.h {
		for y := range h {
			copy(dst[3*y*w:], row(y))
		}
		return nil
	}
	if s.from == nil {
		s.from, s.to = image.NewRGBA(image.Rect(0, 0, w, h)), image.NewRGBA(image.Rect(0, 0, s.w, s.h))
	}
	for y := range h {
		out := s.from.Pix[y*s.from.Stride:]
		for x, in := 0, row(y); x < w; x++ {
			out[4*x], out[4*x+1], out[4*x+2], out[4*x+3] = in[3*x], in[3*x+1], in[3*x+2], 255
		}
	}
	// Its triangle grows with the shrinking: near to the mean over an area.
	draw.BiLinear.Scale(s.to, s.to.Rect, s.from, s.from.Rect, draw.Src, nil)
	for i := range s.w * s.h {
		copy(dst[3*i:3*i+3], s.to.Pix[4*i:])
	}
	return nil
}

// toRGB writes a picture's pixels, transparent parts over white.
func toRGB(dst []byte, img image.Image) {
	b := img.Bounds()
	i := 0
	switch p := img.(type) {
	case *image.YCbCr:
		for y := b.Min.Y; y < b.Max.Y; y++ {
			for x := b.Min.X; x < b.Max.X; x++ {
				c, k := p.COffset(x, y), p.YOffset(x, y)
				dst[i], dst[i+1], dst[i+2] = color.YCbCrToRGB(p.Y[k], p.Cb[c], p.Cr[c])
				i += 3
			}
		}
	case *image.Gray:
		for y := b.Min.Y; y < b.Max.Y; y++ {
			for _, v := range p.Pix[p.PixOffset(b.Min.X, y):][:b.Dx()] {
				dst[i], dst[i+1], dst[i+2] = v, v, v
				i += 3
			}
		}
	case *image.NRGBA:
		for y := b.Min.Y; y < b.Max.Y; y++ {
			row := p.Pix[p.PixOffset(b.Min.X, y):][:4*b.Dx()]
			for x := 0; x < len(row); x += 4 {
				a := uint32(row[x+3])
				for k := range 3 {
					dst[i+k] = uint8((uint32(row[x+k])*a + 255*(255-a) + 127) / 255)
				}
				i += 3
			}
		}
	default:
		for y := b.Min.Y; y < b.Max.Y; y++ {
			for x := b.Min.X; x < b.Max.X; x++ {
				r, g, bl, a := img.At(x, y).RGBA()
				for k, v := range [3]uint32{r, g, bl} {
					dst[i+k] = uint8((min(v+0xffff-a, 0xffff) + 128) / 257)
				}
				i += 3
			}
		}
	}
}
