package heatmap

import (
	"image"
	"image/color"
	"image/draw"
	"math"
)

// Box is a rectangle that is drawn over a map, in pixels of the picture. The one that the
// map is about is Main; the others are there to compare it with.
type Box struct {
	X0, Y0, X1, Y1 float64
	Text           string
	Main           bool
}

// frame draws boxes over a panel that shows the picture of this size: dark around bright,
// so that they are seen on every colour.
func frame(panel *image.NRGBA, picture image.Rectangle, boxes []Box) error {
	if len(boxes) == 0 {
		return nil
	}
	f, err := face(1, 14)
	if err != nil {
		return err
	}
	defer f.Close()
	b := panel.Bounds()
	kx, ky := float64(b.Dx())/float64(picture.Dx()), float64(b.Dy())/float64(picture.Dy())
	line := max(1, max(b.Dx(), b.Dy())/400)
	at := func(v Box) image.Rectangle {
		return image.Rect(int(math.Round(v.X0*kx)), int(math.Round(v.Y0*ky)), int(math.Round(v.X1*kx)), int(math.Round(v.Y1*ky)))
	}
	for _, main := range []bool{false, true} { // the main ones above
		for _, v := range boxes {
			if v.Main != main {
				continue
			}
			r, wide := at(v), line
			if main {
				wide = 2 * line
			}
			outline(panel, r.Inset(-line), wide+2*line, ink)
			outline(panel, r, wide, paper)
		}
	}
	for _, v := range boxes {
		if v.Text == "" {
			continue
		}
		r, s := at(v), clip(f, v.Text, b.Dx()-8)
		w := measure(f, s) + 8
		tag := image.Rect(0, 0, w, 18).Add(image.Pt(max(0, min(r.Min.X, b.Dx()-w)), max(0, r.Min.Y-18)))
		draw.Draw(panel, tag, image.NewUniform(ink), image.Point{}, draw.Src)
		text(panel, f, s, tag.Min.X+4, tag.Min.Y+14, paper)
	}
	return nil
}

// outline draws the border of a rectangle, inwards.
func outline(out *image.NRGBA, r image.Rectangle, wide int, c color.NRGBA) {
	in := r.Inset(wide)
	if in.Empty() {
		draw.Draw(out, r, image.NewUniform(c), image.Point{}, draw.Src)
		return
	}
	for _, side := range []image.Rectangle{
		image.Rect(r.Min.X, r.Min.Y, r.Max.X, in.Min.Y), image.Rect(r.Min.X, in.Max.Y, r.Max.X, r.Max.Y),
		image.Rect(r.Min.X, in.Min.Y, in.Min.X, in.Max.Y), image.Rect(in.Max.X, in.Min.Y, r.Max.X, in.Max.Y),
	} {
		draw.Draw(out, side, image.NewUniform(c), image.Point{}, draw.Src)
	}
}
