package imagein

import (
	"image"
	"image/color"
)

// limited is a lossy WebP picture in its right colours: its brightness goes from
// 16 to 235, where package image takes YCbCr to go from 0 to 255, as JPEG's does
// (golang.org/issue/40173).
type limited struct {
	*image.YCbCr
	alpha func(x, y int) uint8
}

// unlimited gives what package webp has decoded a type that knows its range.
func unlimited(img image.Image) image.Image {
	switch p := img.(type) {
	case *image.YCbCr:
		return limited{p, func(int, int) uint8 { return 255 }}
	case *image.NYCbCrA:
		return limited{&p.YCbCr, func(x, y int) uint8 { return p.A[p.AOffset(x, y)] }}
	}
	return img // lossless
}

func (l limited) ColorModel() color.Model { return color.NRGBAModel }

// At converts by ITU-R BT.601, in units of 2^-16.
func (l limited) At(x, y int) color.Color {
	c := l.YCbCrAt(x, y)
	light, cb, cr := 76309*(int(c.Y)-16)+1<<15, int(c.Cb)-128, int(c.Cr)-128
	to8 := func(v int) uint8 { return uint8(min(max(v>>16, 0), 255)) }
	return color.NRGBA{to8(light + 104597*cr), to8(light - 25675*cb - 53279*cr), to8(light + 132201*cb), l.alpha(x, y)}
}
