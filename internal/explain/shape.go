package explain

import (
	"errors"
	"fmt"
	"image"
	"path/filepath"
	"slices"

	"github.com/disintegration/imaging"

	"krypton/internal/failure"
	"krypton/internal/heatmap"
	"krypton/internal/imagein"
	"krypton/internal/obe"
)

// ShapeRecord says what covers a part of the picture, where that is no rectangle with hard
// edges.
type ShapeRecord struct {
	// Patch is what was asked for, Kind its shape: rectangle, circle or mask.
	Patch string `json:"patch"`
	Kind  string `json:"kind"`
	// Soft is the standard deviation of soft edges, in pixels of the network's input.
	Soft float64 `json:"soft,omitempty"`
	// File and SHA256 are a mask's.
	File   string `json:"file,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	// Covers is the height and width of what is covered, Offset where its first row and
	// column lie, counted from those of the position. Weights say how much of each pixel is
	// covered, row by row, 0 to 255.
	Offset  [2]int `json:"offset"`
	Covers  [2]int `json:"covers"`
	Weights []byte `json:"weights,omitempty"`
}

// shape says what the patch of one of the job's maps covers, nil for a plain rectangle.
func (j *Job) shape(v variant) *ShapeRecord {
	s, ok := v.grid.Covers.(*obe.Stamp)
	if !ok {
		return nil
	}
	p := j.question.Patches[v.patch]
	kind := string(p.Shape)
	if p.Shape == obe.Rectangle {
		kind = "rectangle"
	}
	return &ShapeRecord{Patch: p.String(), Kind: kind, Soft: p.Soft, File: p.File, SHA256: j.stencils[v.patch], Offset: s.At, Covers: [2]int{s.H, s.W}, Weights: s.Weights}
}

// maxStamp bounds the pixels that a record's patch covers.
const maxStamp = 1 << 24

// validate says where a record's weights are not those of what it covers.
func (s *ShapeRecord) validate() error {
	if s == nil {
		return nil
	}
	h, w := s.Covers[0], s.Covers[1]
	if h < 1 || w < 1 || h > maxStamp || w > maxStamp || h*w != len(s.Weights) {
		return fmt.Errorf("%d weights of a patch that covers %d x %d pixels", len(s.Weights), h, w)
	}
	for _, at := range s.Offset {
		if at < -maxStamp || at > maxStamp {
			return fmt.Errorf("a patch that lies %d pixels beside its position", at)
		}
	}
	return nil
}

// Stamp is what maps are drawn with, nil for a plain rectangle.
func (s *ShapeRecord) Stamp() *heatmap.Stamp {
	if s == nil {
		return nil
	}
	return &heatmap.Stamp{At: s.Offset, H: s.Covers[0], W: s.Covers[1], Weights: s.Weights}
}

// summary is the record without what grows with the patch.
func (s *ShapeRecord) summary() *ShapeRecord {
	if s == nil {
		return nil
	}
	short := *s
	short.Weights = nil
	return &short
}

// patchText says in a few words what a patch of a size is.
func patchText(s *ShapeRecord, size [2]int) string {
	text := fmt.Sprintf("%dx%d", size[0], size[1])
	if s == nil {
		return text
	}
	if s.Kind != "rectangle" {
		text = s.Kind + " " + text
	}
	if s.File != "" {
		text += " of " + filepath.Base(s.File)
	}
	if s.Soft != 0 {
		text += fmt.Sprintf(" with soft edges (%g)", s.Soft)
	}
	return text
}

// stampOf is what maps of a grid are drawn with, nil for plain rectangles.
func stampOf(g *obe.Grid) *heatmap.Stamp {
	if s, ok := g.Covers.(*obe.Stamp); ok {
		return (*heatmap.Stamp)(s)
	}
	return nil
}

// makeGrids lays one grid for each patch.
func (j *Job) makeGrids() error {
	plane, q := j.model.Plan.InputPlane(), &j.question
	for k, p := range q.Patches {
		sum := ""
		g, err := p.Grid(plane, q.stride(k), q.Border, q.Region, func(h, w int) (stencil *image.Gray, err error) {
			stencil, sum, err = j.stencil(p.File, h, w)
			return stencil, err
		})
		if err != nil {
			if errors.Is(err, obe.ErrStencil) {
				err = fmt.Errorf("%s: %w", p.File, err)
			}
			return failure.Settingf("%v: %w", failure.Setting("patch"), err)
		}
		j.grids, j.stencils = append(j.grids, g), append(j.stencils, sum)
		for f := range j.fills {
			j.variants = append(j.variants, variant{g, f, k})
		}
	}
	return nil
}

// stencil reads the grey picture that says what a patch of h by w pixels covers, and gives
// the digest of its file.
func (r *Reader) stencil(name string, h, w int) (*image.Gray, string, error) {
	limits, err := r.limits(name, 0)
	if err != nil {
		return nil, "", err
	}
	f, err := File(name).Open()
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	p, err := imagein.Decode(f, name, limits)
	if err != nil {
		return nil, "", pictureError(err)
	}
	if p.Transparent || !slices.Equal(p.Image.Pix, imaging.Grayscale(p.Image).Pix) {
		return nil, "", failure.Dataf("%s: has colours or transparent parts: want a grey picture, 0 keeps and 255 covers", name)
	}
	img := p.Image
	switch has := img.Rect.Size(); {
	case has == image.Pt(w, h):
	case has.X >= w && has.Y >= h: // the mean of what each pixel shows
		img = imaging.Resize(img, w, h, imaging.Box)
	default:
		img = imaging.Resize(img, w, h, imaging.Linear)
	}
	grey := image.NewGray(image.Rect(0, 0, w, h))
	for i := range grey.Pix {
		grey.Pix[i] = img.Pix[4*i]
	}
	return grey, p.SHA256, nil
}

// PatchSHA256 are the digests of the files that patches were read from, "" for other
// patches.
func (j *Job) PatchSHA256() []string { return j.stencils }
