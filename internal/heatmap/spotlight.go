package heatmap

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"strings"
)

// dark is what remains of the light of a part that is masked.
const dark = 0.3

// spotlight keeps the picture where field reaches cut, and darkens it and takes
// its colour elsewhere.
func spotlight(base *image.NRGBA, field []float64, cut float64) *image.NRGBA {
	out := image.NewNRGBA(base.Bounds())
	for i, v := range field {
		p := base.Pix[4*i : 4*i+4 : 4*i+4]
		if v >= cut { // not NaN
			copy(out.Pix[4*i:], p)
			continue
		}
		g := color.GrayModel.Convert(color.NRGBA{p[0], p[1], p[2], 255}).(color.Gray)
		y := uint8(math.Round(dark * float64(g.Y)))
		copy(out.Pix[4*i:], []byte{y, y, y, p[3]})
	}
	return out
}

// contour draws the line around what reaches cut, where the picture does not end
// itself: light, between two dark ones, to be seen on any picture.
func contour(img *image.NRGBA, field []float64, cut float64) {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	inside := func(x, y int) bool { return field[y*w+x] >= cut }
	var edge []image.Point
	for y := range h {
		for x := range w {
			if inside(x, y) && (x > 0 && !inside(x-1, y) || x+1 < w && !inside(x+1, y) || y > 0 && !inside(x, y-1) || y+1 < h && !inside(x, y+1)) {
				edge = append(edge, image.Pt(x, y))
			}
		}
	}
	for _, stroke := range []struct {
		radius int
		color  color.NRGBA
	}{{2, ink}, {1, paper}} {
		for _, p := range edge {
			for dy := -stroke.radius; dy <= stroke.radius; dy++ {
				for dx := -stroke.radius; dx <= stroke.radius; dx++ {
					if dx*dx+dy*dy <= stroke.radius*stroke.radius && p.Add(image.Pt(dx, dy)).In(img.Rect) {
						img.SetNRGBA(p.X+dx, p.Y+dy, stroke.color)
					}
				}
			}
		}
	}
}

// levelCaption says in words what is masked and where the lines run. drops are
// those of the network's pixels.
func levelCaption(s Style, drops []float64) []string {
	text := func(l Level) string {
		cut := l.Cut(drops)
		switch {
		case math.IsInf(cut, 1):
			return l.String() + " (nothing lowers the score)"
		case l.Share:
			return fmt.Sprintf("%v (drop from %.3g on)", l, cut)
		}
		n, all := 0, 0
		for _, d := range drops {
			if d >= cut {
				n++
			}
			if d == d {
				all++
			}
		}
		return fmt.Sprintf("drop from %v on (%.3g%%)", l, 100*float64(n)/float64(all))
	}
	var lines []string
	if s.Masked != nil {
		lines = append(lines, "not darkened: "+text(*s.Masked))
	}
	if len(s.Contours) > 0 {
		parts := make([]string, len(s.Contours))
		for i, l := range s.Contours {
			parts[i] = text(l)
		}
		lines = append(lines, "lines around: "+strings.Join(parts, ", "))
	}
	return lines
}
