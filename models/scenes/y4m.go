package scenes

import (
	"fmt"
	"image"
	"image/color"
	"io"
)

// WriteY4M writes the first frames of a clip of even width and height as
// YUV4MPEG2 (4:2:0, 8 bits) and tells truth what is in each.
func (c *Clip) WriteY4M(w io.Writer, frames, fps int, truth func(frame int, class Class, box image.Rectangle) error) error {
	if c.W%2 != 0 || c.H%2 != 0 {
		return fmt.Errorf("a clip of %d x %d pixels: want even numbers", c.W, c.H)
	}
	if _, err := fmt.Fprintf(w, "YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420jpeg\n", c.W, c.H, fps); err != nil {
		return err
	}
	for i := range frames {
		img, class, box := c.Frame(i)
		if err := writeYUV(w, img); err != nil {
			return err
		}
		if err := truth(i, class, box); err != nil {
			return err
		}
	}
	return nil
}

// writeYUV writes a picture of even size in 4:2:0: a full plane of luma, then
// means of two by two pixels of the colour differences.
func writeYUV(w io.Writer, img *image.RGBA) error {
	b := img.Bounds()
	width, height := b.Dx(), b.Dy()
	y, cb, cr := make([]byte, width*height), make([]byte, width*height/4), make([]byte, width*height/4)
	for v := 0; v < height; v += 2 {
		for u := 0; u < width; u += 2 {
			var sumB, sumR int
			for k := range 4 {
				p := img.RGBAAt(b.Min.X+u+k%2, b.Min.Y+v+k/2)
				l, pb, pr := color.RGBToYCbCr(p.R, p.G, p.B)
				y[(v+k/2)*width+u+k%2] = l
				sumB += int(pb)
				sumR += int(pr)
			}
			cb[v/2*width/2+u/2], cr[v/2*width/2+u/2] = byte((sumB+2)/4), byte((sumR+2)/4)
		}
	}
	if _, err := io.WriteString(w, "FRAME\n"); err != nil {
		return err
	}
	for _, plane := range [][]byte{y, cb, cr} {
		if _, err := w.Write(plane); err != nil {
			return err
		}
	}
	return nil
}
