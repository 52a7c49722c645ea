package orv

import (
	"image"
	"math"

	"krypton/internal/imagein"
)

// Geometry says how a video's frames become the network's picture: a part of
// the frame is scaled, by whoever decodes it, and laid on the network's plane;
// what it leaves free is gray.
type Geometry struct {
	Crop   image.Rectangle // of the frame
	Scaled image.Point     // the size that it is scaled to
	Offset image.Point     // of the scaled part on the network's plane
	Plane  image.Point     // the network's width and height
	Pad    uint8           // the gray that letterboxed frames have around them
}

// NewGeometry follows a preprocessing for frames of width by height pixels, cut
// at whole pixels. aspect is a pixel's width as a multiple of its height: the network
// sees things in the proportions in which they are shown, but where the preprocessing
// stretches the frame to its input anyway.
func NewGeometry(p *imagein.Preprocess, frame image.Point, aspect float64, plane image.Point) Geometry {
	g := Geometry{Crop: image.Rectangle{Max: frame}, Scaled: plane, Plane: plane, Pad: p.Pad}
	shown := float64(frame.X) * aspect
	sx, sy := float64(plane.X)/shown, float64(plane.Y)/float64(frame.Y)
	switch p.Resize {
	case "crop":
		s := max(sx, sy) / p.CropFraction
		w := min(frame.X, max(1, int(math.Round(float64(plane.X)/(s*aspect)))))
		h := min(frame.Y, max(1, int(math.Round(float64(plane.Y)/s))))
		at := image.Pt((frame.X-w)/2, (frame.Y-h)/2)
		g.Crop = image.Rectangle{at, at.Add(image.Pt(w, h))}
	case "letterbox":
		s := min(sx, sy)
		g.Scaled = image.Pt(min(plane.X, max(1, int(math.Round(shown*s)))), min(plane.Y, max(1, int(math.Round(float64(frame.Y)*s)))))
		g.Offset = image.Pt((plane.X-g.Scaled.X)/2, (plane.Y-g.Scaled.Y)/2)
	}
	return g
}

// Frame is the part of the network's plane that shows the frame.
func (g *Geometry) Frame() image.Rectangle {
	return image.Rectangle{Max: g.Scaled}.Add(g.Offset)
}

// Source maps a point of the network's plane to the frame.
func (g *Geometry) Source(x, y float64) (float64, float64) {
	return float64(g.Crop.Min.X) + (x-float64(g.Offset.X))*float64(g.Crop.Dx())/float64(g.Scaled.X),
		float64(g.Crop.Min.Y) + (y-float64(g.Offset.Y))*float64(g.Crop.Dy())/float64(g.Scaled.Y)
}

// Place gives the network's picture, three bytes for each pixel, of a scaled
// frame: the frame itself where it fills the plane, else plane, which is
// overwritten.
func (g *Geometry) Place(plane, scaled []byte) []byte {
	if g.Scaled == g.Plane {
		return scaled
	}
	for i := range plane {
		plane[i] = g.Pad
	}
	n := g.Scaled.X * 3
	for y := range g.Scaled.Y {
		copy(plane[((y+g.Offset.Y)*g.Plane.X+g.Offset.X)*3:], scaled[y*n:][:n])
	}
	return plane
}
