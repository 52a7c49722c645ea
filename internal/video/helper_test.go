package video

import (
	"image"

	"krypton/internal/imagein"
)

func rect(x0, y0, x1, y1 int) image.Rectangle { return image.Rect(x0, y0, x1, y1) }

type fit = func(w, h int, pixels Shape) imagein.Geometry

// scaledTo scales all of a frame to w by h pixels.
func scaledTo(w, h int) fit {
	return func(sw, sh int, _ Shape) imagein.Geometry { return cutTo(sw, sh, w, h, rect(0, 0, w, h)) }
}

// part cuts out a part of a frame as it is.
func part(r image.Rectangle) fit {
	return func(w, h int, _ Shape) imagein.Geometry { return cutTo(w, h, w, h, r) }
}

// cutTo scales from sw by sh to w by h pixels and keeps a part.
func cutTo(sw, sh, w, h int, kept image.Rectangle) imagein.Geometry {
	return imagein.Geometry{Picture: image.Pt(sw, sh), Scaled: image.Pt(w, h), Kept: kept}
}
