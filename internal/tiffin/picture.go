package tiffin

import (
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"math"

	"krypton/internal/chroma"
	"krypton/internal/tensor"
)

// Image unpacks a picture of up to eight bits.
func (f *File) Image() (image.Image, error) {
	n := f.kept()
	raw := make([]byte, f.Width*f.Height*n)
	scale := 255 / float64(int(1)<<f.Bits-1)
	if f.photometric == photoIndex {
		scale = 1
	}
	err := f.each(func(s *segment) error {
		if f.photometric == photoYCbCr && f.compression != 7 {
			f.blocks(s, raw)
			return nil
		}
		return f.samplesOf(s, func(at, sample int, v float64) error {
			raw[at*n+sample] = byte(v*scale + .5)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return f.image(raw), nil
}

// image gives raw numbers their meaning.
func (f *File) image(raw []byte) image.Image {
	r := image.Rect(0, 0, f.Width, f.Height)
	switch n := f.kept(); {
	case f.photometric == photoIndex:
		if n == 1 {
			return &image.Paletted{Pix: raw, Stride: f.Width, Rect: r, Palette: f.palette()}
		}
	case f.photometric == photoCMYK && n == 4:
		return &image.CMYK{Pix: raw, Stride: 4 * f.Width, Rect: r}
	case n == 1 && f.photometric == blackIsZero:
		return &image.Gray{Pix: raw, Stride: f.Width, Rect: r}
	}
	out := image.NewNRGBA(r)
	n := f.kept()
	pal := color.Palette(nil)
	if f.photometric == photoIndex {
		pal = f.palette()
	}
	for i := range f.Width * f.Height {
		px, o := raw[i*n:][:n], out.Pix[4*i:][:4]
		switch {
		case pal != nil:
			c := color.NRGBAModel.Convert(pal[px[0]]).(color.NRGBA)
			o[0], o[1], o[2] = c.R, c.G, c.B
		case f.photometric == photoCMYK:
			o[0], o[1], o[2] = color.CMYKToRGB(px[0], px[1], px[2], px[3])
		case f.Colors == 1:
			v := px[0]
			if f.photometric == whiteIsZero {
				v = 255 - v
			}
			o[0], o[1], o[2] = v, v, v
		default:
			copy(o, px[:3])
		}
		o[3] = 255
		if f.alpha != 0 {
			o[3] = px[n-1]
		}
	}
	if f.alpha == associated {
		return &image.RGBA{Pix: out.Pix, Stride: out.Stride, Rect: r}
	}
	return out
}

// palette are the colours of all indices, of 8 bits: the upper ones of 16, as libtiff and
// Pillow take them, since some programs write 256 times a colour (Pillow) and others 257
// times (libtiff's own). Old ones wrote numbers of 8 bits: where none is greater, libtiff
// takes them as such (checkcmap), and so do we.
func (f *File) palette() color.Palette {
	n, e := 1<<f.Bits, f.dir.all[tagColorMap]
	lower := 0 // bits that do not count
	for i := range 3 * n {
		if f.dir.at(e, i) > 255 {
			lower = 8
			break
		}
	}
	out := make(color.Palette, n)
	for i := range out {
		v := func(c int) uint8 { return uint8(f.dir.at(e, c*n+i) >> lower) }
		out[i] = color.RGBA{v(0), v(1), v(2), 0xff}
	}
	return out
}

// blocks writes the pixels of YCbCr that share their colours.
func (f *File) blocks(s *segment, raw []byte) {
	size := f.subX*f.subY + 2
	for i, across := 0, (s.w+f.subX-1)/f.subX; (i+1)*size <= len(s.data); i++ {
		b := s.data[i*size:][:size]
		for k, light := range b[:size-2] {
			x, y := s.x+i%across*f.subX+k%f.subX, s.y+i/across*f.subY+k/f.subX
			if x < f.Width && y < min(f.Height, s.y+s.h) && x < s.x+s.w {
				px := raw[(y*f.Width+x)*3:][:3]
				px[0], px[1], px[2] = chroma.JPEGColour(int(light), int(b[size-2]), int(b[size-1]))
			}
		}
	}
}

// Numbers unpacks a deep picture: of each pixel one number (gray) or three (red, green,
// blue), 0 to 255. level gives the brightness of a number of the file, and fails for one
// that has none. Transparent parts are laid over white.
func (f *File) Numbers(level func(float64) (float32, error)) (pix []float32, transparent bool, err error) {
	n := f.kept()
	raw := make([]float32, f.Width*f.Height*n)
	opaque := float32(math.Exp2(float64(f.Bits)) - 1) // of an opacity, which no window changes
	switch f.Format {
	case "float":
		opaque = 1
	case "int":
		opaque = float32(math.Exp2(float64(f.Bits-1)) - 1)
	}
	err = f.each(func(s *segment) error {
		return f.samplesOf(s, func(at, sample int, v float64) (err error) {
			to := &raw[at*n+sample]
			if sample == f.Colors {
				*to = min(max(float32(v)/opaque, 0), 1)
				return nil
			}
			if f.alpha == associated { // divided below by an opacity that may come later
				*to = float32(v)
				return nil
			}
			if *to, err = level(v); err != nil {
				return fmt.Errorf("the number at %d, %d %w", at%f.Width, at/f.Width, err)
			}
			return nil
		})
	})
	if err != nil {
		return nil, false, err
	}
	return f.flatten(raw, level)
}

// flatten makes gray or red, green and blue of raw numbers.
func (f *File) flatten(raw []float32, level func(float64) (float32, error)) ([]float32, bool, error) {
	n, channels := f.kept(), min(f.Colors, 3)
	if n == 1 && f.photometric == blackIsZero || n == 3 && f.photometric == photoRGB {
		return raw, false, nil
	}
	out, transparent := make([]float32, f.Width*f.Height*channels), false
	for i := range f.Width * f.Height {
		px, alpha := raw[i*n:][:n], float32(1)
		if f.alpha != 0 {
			alpha = px[f.Colors]
			transparent = transparent || alpha < 1
		}
		for c := range f.Colors {
			if f.alpha != associated {
				break
			}
			v, err := float32(0), error(nil)
			if alpha > 0 {
				v, err = level(float64(px[c]) / float64(alpha))
			}
			if err != nil {
				return nil, false, fmt.Errorf("the number at %d, %d %w", i%f.Width, i/f.Width, err)
			}
			px[c] = v
		}
		for c := range channels {
			v := px[c]
			switch f.photometric {
			case whiteIsZero:
				v = 255 - v
			case photoCMYK:
				v = (255 - v) * (255 - px[3]) / 255
			}
			out[i*channels+c] = v*alpha + 255*(1-alpha)
		}
	}
	return out, transparent, nil
}

// samplesOf gives the numbers of a segment that lie in the picture and are kept: of
// which pixel, which one of it (colours first, then the opacity), and what it is.
func (f *File) samplesOf(s *segment, use func(at, sample int, v float64) error) error {
	together := f.together()
	place := func(sample int) int { // -1 for one that is passed over
		switch {
		case sample < f.Colors:
			return sample
		case f.alpha != 0 && sample == f.alphaAt:
			return f.Colors
		}
		return -1
	}
	order := f.dir.order
	if s.big {
		order = binary.BigEndian
	}
	for y := range min(s.h, f.Height-s.y) {
		row := s.data[y*s.rowBytes:][:s.rowBytes]
		for x := range min(s.w, f.Width-s.x) {
			for k := range together {
				sample := k
				if f.planar {
					sample = s.plane
				}
				if sample = place(sample); sample < 0 {
					continue
				}
				if err := use((s.y+y)*f.Width+s.x+x, sample, f.value(row, x*together+k, order)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// value is number i of a row.
func (f *File) value(row []byte, i int, order binary.ByteOrder) float64 {
	switch f.Bits {
	case 8:
		if f.Format == "int" {
			return float64(int8(row[i]))
		}
		return float64(row[i])
	case 16:
		v := order.Uint16(row[2*i:])
		switch f.Format {
		case "int":
			return float64(int16(v))
		case "float":
			return float64(tensor.Half(v).Float32())
		}
		return float64(v)
	case 32:
		v := order.Uint32(row[4*i:])
		switch f.Format {
		case "int":
			return float64(int32(v))
		case "float":
			return float64(math.Float32frombits(v))
		}
		return float64(v)
	case 64:
		v := order.Uint64(row[8*i:])
		switch f.Format {
		case "int":
			return float64(int64(v))
		case "float":
			return math.Float64frombits(v)
		}
		return float64(v)
	}
	v := 0
	for at := i * f.Bits; at < (i+1)*f.Bits; at++ {
		v = v<<1 | int(row[at/8]>>(7-at%8)&1)
	}
	return float64(v)
}
