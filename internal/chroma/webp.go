package chroma

import "image"

// WebP gives a lossy WebP picture, as package golang.org/x/image/webp decodes it, the
// colours that libwebp gives it by its defaults (src/dsp/upsampling.c and yuv.h): nine
// sixteenths of the nearest colour, three of each beside it and one of the fourth, and
// brightness from 16 to 235, where package image takes 0 to 255 (golang.org/issue/40173).
// opacity are its pixels' opacities, stride bytes a row, nil for an opaque picture.
func WebP(p *image.YCbCr, opacity []byte, stride int) *image.NRGBA {
	out := convert(p, webpRow, func(px *[4]byte, light, cb, cr int) {
		light = 19077 * light >> 8
		px[0] = clip((light + 26149*cr>>8 - 14234) >> 6)
		px[1] = clip((light - 6419*cb>>8 - 13320*cr>>8 + 8708) >> 6)
		px[2] = clip((light + 33050*cb>>8 - 17685) >> 6)
		px[3] = 255
	})
	if opacity != nil {
		for i := range len(out.Pix) / 4 {
			out.Pix[4*i+3] = opacity[i/out.Rect.Dx()*stride+i%out.Rect.Dx()]
		}
	}
	return out
}

// webpRow is a row of colours half as many along both axes. Of the four around a pixel
// the first sum is rounded down, as libwebp does.
func webpRow(dst []byte, from *plane, y int) {
	near, far := nearest(from, y)
	a, c := int(near[0]), int(far[0])
	dst[0] = byte((3*a + c + 2) >> 2)
	for x := range len(near) - 1 {
		b, d := int(near[x+1]), int(far[x+1])
		sum := a + b + c + d + 8
		across, along := (sum+2*(b+c))>>3, (sum+2*(a+d))>>3
		dst[2*x+1], dst[2*x+2] = byte((across+a)>>1), byte((along+b)>>1)
		a, c = b, d
	}
	dst[2*len(near)-1] = byte((3*a + c + 2) >> 2)
}
