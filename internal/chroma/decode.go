package chroma

import (
	"bytes"
	"image"
	"image/jpeg"
)

// Decode reads a JPEG file as libjpeg-turbo does by its defaults: see JPEG. Files of red, green
// and blue or of four components that are stored more coarsely than the first are interpolated
// as colour differences are. Of four components the result is what Pillow and Photoshop make of
// them: files store inks inverted, whether Adobe's segment says so or is missing. Gray
// pictures are *image.Gray, four components *image.CMYK, others opaque *image.NRGBA or
// *image.RGBA. Package image/jpeg may panic on files that nobody has met.
func Decode(data []byte) (image.Image, error) {
	h := headOf(data)
	if h.components == 4 {
		switch {
		case h.adobe < 0: // as libjpeg takes it: inks as they are
			data = append([]byte("\xff\xd8\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"), data[2:]...)
		case data[h.adobe] != 0: // the planes as they are stored
			data = bytes.Clone(data)
			data[h.adobe] = 0
		}
	}
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	switch p := img.(type) {
	case *image.YCbCr:
		return JPEG(p), nil
	case *image.RGBA:
		h.refine(p.Pix, p.Stride, p.Rect.Size(), 0)
	case *image.CMYK:
		h.refine(p.Pix, p.Stride, p.Rect.Size(), 255)
		if h.differences {
			for i := 0; i+4 <= len(p.Pix); i += 4 {
				px := p.Pix[i:][:4]
				px[0], px[1], px[2] = JPEGColour(255-int(px[0]), 255-int(px[1]), 255-int(px[2]))
			}
		}
	}
	return img, nil
}

// head is what the segments before a JPEG file's picture say of its components.
type head struct {
	components  int
	adobe       int                       // where Adobe's transform stands in the file, -1 for nowhere
	differences bool                      // Adobe's segment says that colours are differences
	ratio       image.YCbCrSubsampleRatio // of the second and third component
}

// headOf reads segments up to the picture. Nothing is known of a file with anything else
// before it.
func headOf(data []byte) head {
	unknown := head{adobe: -1, ratio: image.YCbCrSubsampleRatio444}
	h := unknown
	picture := Segments(data, func(marker byte, at int, body []byte) bool {
		switch {
		case marker == 0xee && len(body) >= 12 && string(body[:5]) == "Adobe":
			h.adobe, h.differences = at+11, body[11] != 0
		case marker >= 0xc0 && marker <= 0xc2 && len(body) >= 6 && len(body) == 6+3*int(body[5]):
			h.components = int(body[5])
			if h.components < 3 {
				break
			}
			first, second := body[7], body[10]
			switch [2]int{int(first>>4) - int(second>>4), int(first&15) - int(second&15)} {
			case [2]int{1, 0}:
				h.ratio = image.YCbCrSubsampleRatio422
			case [2]int{1, 1}:
				h.ratio = image.YCbCrSubsampleRatio420
			case [2]int{0, 1}:
				h.ratio = image.YCbCrSubsampleRatio440
			}
		}
		return true
	})
	if picture < 0 {
		return unknown
	}
	return h
}

// refine interpolates the second and third of a pixel's four bytes, which repeat coarser ones
// of the file. Of those that are inverted the rest to 255 is stored, and rounded.
func (h head) refine(pix []byte, stride int, size image.Point, inverted byte) {
	if h.ratio == image.YCbCrSubsampleRatio444 || size.X < 1 || size.Y < 1 {
		return
	}
	stored := &image.YCbCr{SubsampleRatio: h.ratio, Rect: image.Rectangle{Max: size}}
	cb, _, coarseX, coarseY := planes(stored)
	stored.CStride = cb.w
	for y := range cb.h {
		from := pix[y*coarseY*stride:]
		for x := range cb.w {
			stored.Cb, stored.Cr = append(stored.Cb, from[4*x*coarseX+1]^inverted), append(stored.Cr, from[4*x*coarseX+2]^inverted)
		}
	}
	JPEGDifferences(stored, func(y int, cb, cr []byte) {
		to := pix[y*stride:]
		for x := range cb {
			to[4*x+1], to[4*x+2] = cb[x]^inverted, cr[x]^inverted
		}
	})
}
