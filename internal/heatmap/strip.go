package heatmap

import (
	"errors"
	"image"
	"image/draw"

	"github.com/disintegration/imaging"
)

// StripLine is one of the pictures of a strip, with the line above it.
type StripLine struct {
	Title   string
	Picture *image.NRGBA // nil for none
}

// stripTitle is how high the title of a line is, in pixels.
const stripTitle = 24

// StripHeight is how many rows a strip takes of so many pictures of traces of so many channels,
// each with a title, about: its own title and caption are beside that.
func StripHeight(pictures, channels int) int {
	_, size := traceSize(channels)
	_, h := canvasSize(size.X, size.Y)
	return pictures * (stripTitle + h)
}

// Strip puts pictures that Render drew bare, all with the scale of s, below each other, with
// one scale of colours, title and caption.
func Strip(lines []StripLine, s Style) (*image.NRGBA, error) {
	if s.Scale == nil {
		return nil, errors.New("a strip without a scale")
	}
	var c *colors
	if s.Masked == nil {
		var err error
		if c, err = choose(s.Colormap, nil, s.Scale, s.Behind); err != nil {
			return nil, err
		}
	}
	f, err := face(1, 14)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	width, height := 0, 0
	for _, l := range lines {
		height += stripTitle
		if l.Picture != nil {
			width, height = max(width, l.Picture.Rect.Dx()), height+l.Picture.Rect.Dy()
		}
	}
	if width == 0 {
		return nil, errors.New("a strip without a picture")
	}
	all := imaging.New(width, height, paper)
	y := 0
	for _, l := range lines {
		text(all, f, clip(f, l.Title, width-12), 6, y+17, ink)
		y += stripTitle
		if l.Picture != nil {
			draw.Draw(all, l.Picture.Rect.Sub(l.Picture.Rect.Min).Add(image.Pt(0, y)), l.Picture, l.Picture.Rect.Min, draw.Over)
			y += l.Picture.Rect.Dy()
		}
	}
	return compose([]*image.NRGBA{all}, c, s, s.Caption)
}

// besideEachOther is several pictures of one size in one.
func besideEachOther(panels []*image.NRGBA) *image.NRGBA {
	if len(panels) == 1 {
		return panels[0]
	}
	b := panels[0].Rect
	out := imaging.New(len(panels)*b.Dx(), b.Dy(), paper)
	for i, p := range panels {
		draw.Draw(out, image.Rect(i*b.Dx(), 0, (i+1)*b.Dx(), b.Dy()), p, b.Min, draw.Src)
	}
	return out
}
