package chroma

import "image"

// JPEG gives a picture as package image/jpeg decodes it the colours that libjpeg-turbo
// gives it by its defaults (jdsample.c, "fancy upsampling", and jdcolor.c): half of what
// lies between two colours has three quarters of the nearer and one of the other, rounded
// up and down in turns. Planes of colours of one or two columns, and those that are four
// times as coarse, are not interpolated there. The result is opaque, its origin 0.
func JPEG(p *image.YCbCr) *image.NRGBA {
	return convert(p, jpegRows(p), func(px *[4]byte, light, cb, cr int) {
		px[0], px[1], px[2] = JPEGColour(light, cb, cr)
		px[3] = 255
	})
}

// Decoded is JPEG of what package image/jpeg decodes as light and colours. Other pictures (gray,
// CMYK) stay as they are.
func Decoded(img image.Image) image.Image {
	if p, ok := img.(*image.YCbCr); ok {
		return JPEG(p)
	}
	return img
}

// JPEGColour is a colour of JPEG's (JFIF, ITU-R BT.601 in its full range) as libjpeg
// computes it, in units of 2^-16. Numbers are 0 to 255.
func JPEGColour(light, cb, cr int) (r, g, b byte) {
	cb, cr = cb-128, cr-128
	return clip(light + (91881*cr+1<<15)>>16), clip(light + (-22554*cb-46802*cr+1<<15)>>16), clip(light + (116130*cb+1<<15)>>16)
}

// JPEGDifferences writes the colour differences of a picture's pixels as libjpeg-turbo
// interpolates them: of each pixel of a row one of each, row by row.
func JPEGDifferences(p *image.YCbCr, use func(y int, cb, cr []byte)) {
	differences(p, jpegRows(p), use)
}

// jpegRows writes rows of a picture's colours.
func jpegRows(p *image.YCbCr) func(dst []byte, from *plane, y int) {
	from, _, coarseX, coarseY := planes(p)
	switch {
	case coarseX == 1 && coarseY == 2:
		return tallRow
	case coarseX == 2 && from.w > 2 && coarseY == 1:
		return wideRow
	case coarseX == 2 && from.w > 2:
		return squareRow
	}
	return func(dst []byte, from *plane, y int) {
		row := from.row(y / coarseY)
		for x := range dst {
			dst[x] = row[min(x/coarseX, len(row)-1)]
		}
	}
}

// nearest are the row of colours that a row of pixels lies in, and the one beside it that
// is nearer.
func nearest(from *plane, y int) (near, far []byte) {
	return from.row(y / 2), from.row(y/2 - 1 + y%2*2)
}

// tallRow is a row of colours half as many along y.
func tallRow(dst []byte, from *plane, y int) {
	near, far := nearest(from, y)
	bias := 1 + y%2
	for x, v := range near {
		dst[x] = byte((3*int(v) + int(far[x]) + bias) >> 2)
	}
}

// wideRow is a row of colours half as many along x.
func wideRow(dst []byte, from *plane, y int) {
	row := from.row(y)
	left := int(row[0])
	for x, v := range row {
		here, right := int(v), int(row[min(x+1, len(row)-1)])
		dst[2*x] = byte((3*here + left + 1) >> 2)
		dst[2*x+1] = byte((3*here + right + 2) >> 2)
		left = here
	}
}

// squareRow is a row of colours half as many along both axes.
func squareRow(dst []byte, from *plane, y int) {
	near, far := nearest(from, y)
	here := 3*int(near[0]) + int(far[0])
	left := here
	for x := range near {
		next := min(x+1, len(near)-1)
		right := 3*int(near[next]) + int(far[next])
		dst[2*x] = byte((3*here + left + 8) >> 4)
		dst[2*x+1] = byte((3*here + right + 7) >> 4)
		left, here = here, right
	}
}
