package explain

import (
	"image"

	"krypton/internal/heatmap"
	"krypton/internal/imagein"
)

// Backdrop is what maps of an input are drawn over.
type Backdrop interface {
	// Draw draws a map of the network's pixels.
	Draw(m *heatmap.Map, style heatmap.Style) (*image.NRGBA, error)
	// Image is the backdrop without a map, Transform where the network's pixels lie on it.
	Image() *image.NRGBA
	Transform() imagein.Transform
}

// pictureBackdrop is a picture, or what looks like the numbers of a tensor.
type pictureBackdrop struct {
	image *image.NRGBA
	at    imagein.Transform
}

func (b *pictureBackdrop) Image() *image.NRGBA          { return b.image }
func (b *pictureBackdrop) Transform() imagein.Transform { return b.at }
func (b *pictureBackdrop) Draw(m *heatmap.Map, style heatmap.Style) (*image.NRGBA, error) {
	return heatmap.Render(m, b.image, b.at.Apply, style)
}
