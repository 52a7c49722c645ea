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
	"krypton/internal/slic"
)

// ShapeRecord says what covers a part of the picture, where that is no rectangle with hard
// edges.
type ShapeRecord struct {
	// Patch is what was asked for, Kind its shape: rectangle, circle, mask, slic or rise.
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
	Offset  *[2]int `json:"offset,omitempty"`
	Covers  [2]int  `json:"covers,omitzero"`
	Weights []byte  `json:"weights,omitempty"`
	// Count is how many segments or random masks there are; Compactness is that of
	// segments; Cells and Keep are how many cells a random mask has along each axis, and the
	// chance that it keeps one.
	Count       int     `json:"count,omitempty"`
	Compactness float64 `json:"compactness,omitempty"`
	Cells       int     `json:"cells,omitempty"`
	Keep        float64 `json:"keep,omitempty"`

	labels []int32 // of segments
}

// Segmented says whether patches are segments of the picture, whose numbers score files hold.
func (s *ShapeRecord) Segmented() bool { return s != nil && s.labels != nil }

// listed says whether patches lie one behind the other in a list.
func (s *ShapeRecord) listed() bool {
	return s.random() || s != nil && s.Kind == string(obe.Superpixels)
}

// random says whether patches are random masks, of which a map says what keeping is worth.
func (s *ShapeRecord) random() bool { return s != nil && s.Kind == string(obe.Random) }

// shape says what the patch of one of the job's maps covers, nil for a plain rectangle.
func (j *Job) shape(v variant) *ShapeRecord {
	p := j.question.Patches[v.patch]
	if p.Listed() {
		r := &ShapeRecord{Patch: p.String(), Kind: string(p.Shape), Count: v.grid.Len(), Compactness: p.Compactness, Cells: p.Cells, Keep: p.Keep}
		if s, ok := v.grid.Covers.(*obe.Segments); ok {
			r.labels = s.Labels()
		}
		return r
	}
	s, ok := v.grid.Covers.(*obe.Stamp)
	if !ok {
		return nil
	}
	kind := string(p.Shape)
	if p.Shape == obe.Rectangle {
		kind = "rectangle"
	}
	return &ShapeRecord{Patch: p.String(), Kind: kind, Soft: p.Soft, File: p.File, SHA256: j.stencils[v.patch], Offset: &s.At, Covers: [2]int{s.H, s.W}, Weights: s.Weights}
}

// at is where what is covered begins, counted from the position.
func (s *ShapeRecord) at() [2]int {
	if s.Offset == nil {
		return [2]int{}
	}
	return *s.Offset
}

// maxStamp bounds the pixels that a record's patch covers.
const maxStamp = 1 << 24

// validate says where a record's weights are not those of what it covers.
func (s *ShapeRecord) validate() error {
	if s == nil || s.listed() {
		return nil
	}
	h, w := s.Covers[0], s.Covers[1]
	if h < 1 || w < 1 || h > maxStamp || w > maxStamp || h*w != len(s.Weights) {
		return fmt.Errorf("%d weights of a patch that covers %d x %d pixels", len(s.Weights), h, w)
	}
	for _, at := range s.at() {
		if at < -maxStamp || at > maxStamp {
			return fmt.Errorf("a patch that lies %d pixels beside its position", at)
		}
	}
	return nil
}

// Stamp is what maps are drawn with, nil for a plain rectangle.
func (s *ShapeRecord) Stamp() *heatmap.Stamp {
	if s == nil || s.listed() {
		return nil
	}
	return &heatmap.Stamp{At: s.at(), H: s.Covers[0], W: s.Covers[1], Weights: s.Weights}
}

// summary is the record without what grows with the patch.
func (s *ShapeRecord) summary() *ShapeRecord {
	if s == nil {
		return nil
	}
	short := *s
	short.Weights, short.labels = nil, nil
	return &short
}

// patchText says in a few words what a patch of a size is.
func patchText(s *ShapeRecord, size [2]int) string {
	text := fmt.Sprintf("%dx%d", size[0], size[1])
	switch {
	case s == nil:
		return text
	case s.Kind == string(obe.Superpixels):
		return fmt.Sprintf("%d segments (%s)", s.Count, s.Patch)
	case s.Kind == string(obe.Random):
		return fmt.Sprintf("%d random masks (%s)", s.Count, s.Patch)
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
		lay := func(each float64) (*obe.Grid, error) {
			patch, stride := guessed(p, q.stride(k), each)
			return patch.Grid(plane, stride, q.Border, q.Region, q.Seed, func(h, w int) (stencil *image.Gray, err error) {
				stencil, sum, err = j.stencil(q.stencil(p), h, w)
				return stencil, err
			})
		}
		g, err := lay(1)
		for each := 2.0; errors.Is(err, obe.ErrGrid) && q.sized(measured) && each <= 1<<20; each *= 2 {
			g, err = lay(each) // whether a length fits is known with the file
		}
		if err != nil {
			if errors.Is(err, obe.ErrStencil) {
				err = fmt.Errorf("%s: %w", q.stencil(p).Called, err)
			}
			if errors.Is(err, obe.ErrRegion) {
				return err
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
func (r *Reader) stencil(from Source, h, w int) (*image.Gray, string, error) {
	name := from.Called
	limits, err := r.limits(name, 0)
	if err != nil {
		return nil, "", err
	}
	f, err := from.Open()
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

// ByPicture says whether what the job's maps cover depends on the picture, and so what it
// costs: segments, and lengths in millimetres or times.
func (j *Job) ByPicture() bool { return j.segmented() || j.question.sized(measured) }

func (j *Job) segmented() bool {
	return slices.ContainsFunc(j.question.Patches, func(p obe.Patch) bool { return p.Shape == obe.Superpixels })
}

// on are the job's maps on a picture: of segments, of millimetres and of times, with its own.
func (j *Job) on(in *Input) ([]variant, error) {
	if in == nil || !j.ByPicture() {
		return j.variants, nil
	}
	all := slices.Clone(j.variants)
	for k := range all {
		v := &all[k]
		p := j.question.Patches[v.patch]
		if !p.Listed() && (measured(p.Size) || measured(j.question.stride(v.patch))) {
			var err error
			if v.grid, err = j.laid(in, v.patch); err != nil {
				return nil, err
			}
		}
		if p.Shape == obe.Superpixels {
			var err error
			if v.grid, err = in.segments(p, j.question.Region); err != nil {
				return nil, failure.Settingf("%v: %w", failure.Setting("patch"), err)
			}
		}
	}
	return all, nil
}

// segmentsOf is what segments of a picture depend on.
type segmentsOf struct {
	patch obe.Patch
	part  obe.Region
}

// mostParted bounds the segmentations of a picture that are kept, and its grids in
// millimetres.
const mostParted = 8

// segments are those of the part of what the network sees, computed when they are asked for
// first.
func (in *Input) segments(p obe.Patch, part obe.Region) (*obe.Grid, error) {
	if _, ok := in.kind.(*recordingKind); ok {
		return nil, failure.As(failure.Usage, errors.New("recordings have no superpixels"))
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	key := segmentsOf{p, part}
	if g, ok := in.parted[key]; ok {
		return g, nil
	}
	plane := in.model.Plan.InputPlane()
	img := in.seen(plane.W, plane.H)
	if part != (obe.Region{}) {
		img = img.SubImage(image.Rect(part.X, part.Y, part.X+part.W, part.Y+part.H)).(*image.NRGBA)
	}
	labels, n := slic.Segment(img, p.Count, p.Compactness)
	g, err := obe.NewSegments(plane, part, labels, n)
	if err != nil {
		return nil, err
	}
	if len(in.parted) >= mostParted {
		in.parted = nil
	}
	if in.parted == nil {
		in.parted = map[segmentsOf]*obe.Grid{}
	}
	in.parted[key] = g
	return g, nil
}

// seen is what the network sees, in eight bits: a picture as it is fitted, or what looks like
// the numbers of a tensor.
func (in *Input) seen(w, h int) *image.NRGBA {
	if in.together != nil {
		return in.together.parts[0].seen(w, h)
	}
	img := in.Backdrop.Image()
	if !in.asIs() {
		img, _ = in.plane.Pre.Fit(img, w, h)
	}
	if img.Rect.Dx() != w || img.Rect.Dy() != h {
		img = imaging.Resize(img, w, h, imaging.NearestNeighbor)
	}
	return img
}

// checkPatches fails where patches make no sense together, or with what else is asked.
func (q *Question) checkPatches() error {
	for _, p := range q.Patches {
		if !p.Listed() {
			continue
		}
		a := &q.Approximate
		for _, w := range []wished{{"steps", len(a.Steps) > 0}, {"checkerboard", a.Checkerboard != nil && *a.Checkerboard}, {"drill_down", a.DrillDown != nil}, {"within", a.Within != nil}} {
			if w.said {
				return failure.Wrongf("%v: %v %s has no grid whose positions could be left out", failure.Setting(w.name), failure.Setting("patch"), p)
			}
		}
		if p.Shape != obe.Random {
			continue
		}
		switch {
		case len(q.Patches) > 1:
			return failure.Wrongf("%v %s: random masks make a map by themselves, and are combined with no other patch", failure.Setting("patch"), p)
		case q.Combine != "mean":
			return failure.Wrongf("%v %s: random masks have their own rule, and %v is %s", failure.Setting("patch"), p, failure.Setting("combine"), q.Combine)
		case a.Tau != nil && *a.Tau != 1:
			return failure.Wrongf("%v: %v %s covers parts of all the picture: no region could be cut", failure.Setting("tau"), failure.Setting("patch"), p)
		}
	}
	return nil
}

// fit takes back what patches of lists cannot give up, and says so.
func (g *Given) fit(patches []obe.Patch) (notes []string) {
	if g == nil || !slices.ContainsFunc(patches, obe.Patch.Listed) {
		return nil
	}
	random := slices.ContainsFunc(patches, func(p obe.Patch) bool { return p.Shape == obe.Random })
	if cut := random && g.Tau != 0 && g.Tau != 1; cut || g.Partial() {
		if g.Steps, g.Checkerboard, g.DrillDown, g.Expected = nil, false, 0, nil; random {
			g.Tau = 1
		}
		notes = append(notes, fmt.Sprintf("patches of a list have no grid, and random masks no region that could be cut: given up is %s", g.setting()))
	}
	return notes
}
