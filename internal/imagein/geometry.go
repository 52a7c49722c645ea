package imagein

import (
	"image"
	"math"
)

// Geometry says how a picture becomes the network's, be it a still or a frame of a
// video: all of it is scaled, by interpolation over the pixels covered (Scale), a
// part of that is kept and laid on the network's plane, and what it leaves free is gray.
type Geometry struct {
	Picture image.Point     // its own width and height
	Scaled  image.Point     // the size that all of it is scaled to
	Kept    image.Rectangle // of the scaled picture
	Offset  image.Point     // of the kept part on the network's plane
	Plane   image.Point     // the network's width and height
	Pad     uint8           // the gray around letterboxed pictures
	Cubic   bool            // the interpolation is cubic, not linear
	// Transform maps the network's pixels to the picture's.
	Transform Transform
}

// Geometry fits a picture into a network's plane. aspect is a pixel's width as a multiple
// of its height, 1 for stills: the network sees things in the proportions in which they
// are shown, but where the picture is stretched to the plane anyway.
func (p *Preprocess) Geometry(picture image.Point, aspect float64, plane image.Point) Geometry {
	g := Geometry{Picture: picture, Scaled: plane, Plane: plane, Pad: p.Pad, Cubic: p.Interpolation == Bicubic}
	shown := float64(picture.X) * aspect
	sx, sy := float64(plane.X)/shown, float64(plane.Y)/float64(picture.Y)
	scaled := func(s float64) (w, h int) {
		return int(math.Round(shown * s)), int(math.Round(float64(picture.Y) * s))
	}
	switch p.Resize {
	case Crop, Squash:
		// As torchvision's Resize and CenterCrop do, and timm, which gives them the size:
		// whole pixels of what is left of fractions, middles that are rounded to even.
		size := func(n int) float64 { return math.Floor(float64(n)/p.CropFraction + 1e-6) }
		w, h := size(plane.X), size(plane.Y)
		switch {
		case p.Resize == Squash:
		case sx > sy:
			h = math.Floor(w * float64(picture.Y) / shown)
		default:
			w = math.Floor(h * shown / float64(picture.Y))
		}
		g.Scaled = image.Pt(max(plane.X, int(w)), max(plane.Y, int(h)))
		middle := func(n int) int { return int(math.RoundToEven(float64(n) / 2)) }
		free := g.Scaled.Sub(plane)
		at := image.Pt(middle(free.X), middle(free.Y))
		g.Kept = image.Rectangle{at, at.Add(plane)}
	case Letterbox:
		w, h := scaled(min(sx, sy))
		g.Scaled = image.Pt(min(plane.X, max(1, w)), min(plane.Y, max(1, h)))
		g.Offset = plane.Sub(g.Scaled).Div(2)
		g.Kept = image.Rectangle{Max: g.Scaled}
	default:
		g.Kept = image.Rectangle{Max: plane}
		g.Transform = Transform{ScaleX: 1 / (float64(plane.X) / float64(picture.X)), ScaleY: 1 / sy}
		return g
	}
	kx, ky := float64(picture.X)/float64(g.Scaled.X), float64(picture.Y)/float64(g.Scaled.Y)
	from := g.Kept.Min.Sub(g.Offset)
	g.Transform = Transform{kx, ky, float64(from.X) * kx, float64(from.Y) * ky}
	return g
}

// Shown is the part of the network's plane that shows the picture.
func (g *Geometry) Shown() image.Rectangle {
	return image.Rectangle{Max: g.Kept.Size()}.Add(g.Offset)
}

// Network maps a pixel of the picture to the network's pixel that its middle is in. ok is
// false if that is not on the plane, or is gray.
func (g *Geometry) Network(x, y int) (px, py int, ok bool) {
	t := g.Transform
	p := image.Pt(int(math.Floor((float64(x)+.5-t.OffsetX)/t.ScaleX)), int(math.Floor((float64(y)+.5-t.OffsetY)/t.ScaleY)))
	return p.X, p.Y, p.In(g.Shown())
}

// Scale computes the kept part of a picture: src are the picture's pixels, dst those kept,
// of three bytes each, row by row.
func (g *Geometry) Scale(dst, src []byte) {
	s := &source{w: g.Picture.X, h: g.Picture.Y, channels: 3, whole: true, read: func(dst []float64, y, begin, end int) {
		for i, v := range src[3*(y*g.Picture.X+begin) : 3*(y*g.Picture.X+end)] {
			dst[i] = float64(v)
		}
	}}
	width := g.Kept.Dx()
	s.scale(g.scaling(), func(at int, down bool, line []float64) {
		first, step := 3*at*width, 3
		if down {
			first, step = 3*at, 3*width
		}
		for i := 0; i < len(line); i, first = i+3, first+step {
			px := dst[first:][:3]
			px[0], px[1], px[2] = uint8(line[i]), uint8(line[i+1]), uint8(line[i+2])
		}
	})
}

// Place gives the network's picture, three bytes for each pixel, of the kept part: that
// itself where it fills the plane, else plane, which is overwritten.
func (g *Geometry) Place(plane, kept []byte) []byte {
	if g.Kept.Size() == g.Plane {
		return kept
	}
	for i := range plane {
		plane[i] = g.Pad
	}
	n := g.Kept.Dx() * 3
	for y := range g.Kept.Dy() {
		copy(plane[((y+g.Offset.Y)*g.Plane.X+g.Offset.X)*3:], kept[y*n:][:n])
	}
	return plane
}

// scaling is what is computed.
func (g *Geometry) scaling() scaling {
	return scaling{g.Scaled.X, g.Scaled.Y, g.Kept.Min.X, g.Kept.Min.Y, g.Kept.Dx(), g.Kept.Dy(), g.Cubic}
}

// line is where the pixels of a row, or of a column, of what is kept lie on the
// network's plane: the first, and how far apart they are.
func (g *Geometry) line(at int, down bool) (first, step int) {
	if down {
		return g.Offset.Y*g.Plane.X + g.Offset.X + at, g.Plane.X
	}
	return (g.Offset.Y+at)*g.Plane.X + g.Offset.X, 1
}
