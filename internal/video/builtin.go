package video

import (
	"image"
	"time"

	"krypton/internal/imagein"
)

// deadliner is a file whose reads can be ended.
type deadliner interface{ SetReadDeadline(time.Time) error }

var longAgo = time.Unix(1, 0)

// builtin finishes opening one of our own decoders: scaling is put behind it.
func builtin(opt Options) func(decoder, Info, error) (decoder, Info, error) {
	return func(d decoder, info Info, err error) (decoder, Info, error) {
		if err != nil {
			return nil, info, err
		}
		g, err := opt.geometry(info.SourceWidth, info.SourceHeight, info.Shape)
		if err != nil {
			_ = d.close() // the size is what the caller must hear of
			return nil, info, err
		}
		info.Width, info.Height, info.Shape = g.Kept.Dx(), g.Kept.Dy(), info.Shape.Known()
		if g.Scaled != g.Picture || g.Kept.Size() != g.Picture {
			d = &scaled{decoder: d, geometry: g}
		}
		return d, info, nil
	}
}

// scaled scales and crops the frames of another decoder, as stills are.
type scaled struct {
	decoder
	geometry imagein.Geometry
	whole    []byte
}

func (s *scaled) pixels(dst []byte) error {
	g := &s.geometry
	if s.whole == nil {
		s.whole = make([]byte, 3*g.Picture.X*g.Picture.Y)
	}
	if err := s.decoder.pixels(s.whole); err != nil {
		return err
	}
	g.Scale(dst, s.whole)
	return nil
}

// toRGB writes a picture's pixels, transparent parts over white.
func toRGB(dst []byte, img image.Image) {
	b := img.Bounds()
	i := 0
	switch p := img.(type) {
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
