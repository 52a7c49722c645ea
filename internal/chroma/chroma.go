// Package chroma gives pictures that store their colours more coarsely than their light
// (4:2:0, 4:2:2, 4:4:0) the colours that other readers give them. Between the colours that a
// file has, libjpeg-turbo and libwebp interpolate, and so do Pillow, OpenCV and torchvision,
// which read with them: networks were trained on pictures read so. Package image repeats
// the nearest colour instead.
package chroma

import "image"

// plane is a plane of coarse colours: of as many numbers as the picture needs, without what
// fills up its last blocks.
type plane struct {
	pix          []byte
	stride, w, h int
}

// row gives a row, of rows outside the first or the last.
func (p *plane) row(y int) []byte {
	return p.pix[min(max(y, 0), p.h-1)*p.stride:][:p.w]
}

// planes are the two planes of a picture's colours, and how much coarser they are along x
// and y.
func planes(p *image.YCbCr) (cb, cr plane, coarseX, coarseY int) {
	coarseX, coarseY = 1, 1
	switch p.SubsampleRatio {
	case image.YCbCrSubsampleRatio422:
		coarseX = 2
	case image.YCbCrSubsampleRatio420:
		coarseX, coarseY = 2, 2
	case image.YCbCrSubsampleRatio440:
		coarseY = 2
	case image.YCbCrSubsampleRatio411:
		coarseX = 4
	case image.YCbCrSubsampleRatio410:
		coarseX, coarseY = 4, 2
	}
	at, size := p.COffset(p.Rect.Min.X, p.Rect.Min.Y), p.Rect.Size()
	w, h := (size.X+coarseX-1)/coarseX, (size.Y+coarseY-1)/coarseY
	return plane{p.Cb[at:], p.CStride, w, h}, plane{p.Cr[at:], p.CStride, w, h}, coarseX, coarseY
}

// convert makes a picture of light and colour differences, whose origin lies on a whole
// number of its coarse colours: rows writes a row's colours, one of each pixel or up to
// three more.
func convert(p *image.YCbCr, rows func(dst []byte, from *plane, y int), rgb func(px *[4]byte, light, cb, cr int)) *image.NRGBA {
	out := image.NewNRGBA(image.Rectangle{Max: p.Rect.Size()})
	differences(p, rows, func(y int, cb, cr []byte) {
		light, pix := p.Y[p.YOffset(p.Rect.Min.X, p.Rect.Min.Y+y):], out.Pix[y*out.Stride:]
		for x := range cb {
			rgb((*[4]byte)(pix[4*x:]), int(light[x]), int(cb[x]), int(cr[x]))
		}
	})
	return out
}

// differences hands over what rows writes for both planes of a picture: of each row the colour
// differences of its pixels.
func differences(p *image.YCbCr, rows func(dst []byte, from *plane, y int), use func(y int, cb, cr []byte)) {
	size := p.Rect.Size()
	if size.X < 1 || size.Y < 1 {
		return
	}
	cb, cr, _, _ := planes(p)
	b, r := make([]byte, size.X+3), make([]byte, size.X+3)
	for y := range size.Y {
		rows(b, &cb, y)
		rows(r, &cr, y)
		use(y, b[:size.X], r[:size.X])
	}
}

// clip is a number as a byte.
func clip(v int) byte { return byte(min(max(v, 0), 255)) }
