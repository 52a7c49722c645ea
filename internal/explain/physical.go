package explain

import (
	"fmt"
	"image"
	"slices"

	"krypton/internal/failure"
	"krypton/internal/obe"
)

// physical says whether patches or steps are ones of millimetres.
func (q *Question) physical() bool {
	return slices.ContainsFunc(q.Patches, func(p obe.Patch) bool { return p.Size.Physical() }) || slices.ContainsFunc(q.Strides, obe.Size.Physical)
}

// typical are the patches and the first stride as they are taken where no picture is known
// yet: a millimetre is a pixel.
func (q *Question) typical() ([]obe.Patch, obe.Size) {
	patches := slices.Clone(q.Patches)
	for i, p := range patches {
		patches[i] = p.In(1, 1)
	}
	return patches, q.Strides[0].In(1, 1)
}

// spacing is how many millimetres the network's pixels take, down and across, and which
// attribute says so.
func (in *Input) spacing() (down, across float64, from string, err error) {
	if in.DICOM == nil || in.DICOM.Spacing == nil {
		return 0, 0, "", failure.Dataf("its pixels have no size in millimetres: DICOM files with PixelSpacing or ImagerPixelSpacing have")
	}
	at := in.Backdrop.Transform()
	return in.DICOM.Spacing[0] * at.ScaleY, in.DICOM.Spacing[1] * at.ScaleX, in.DICOM.From, nil
}

// laidOf is what a grid depends on whose lengths are ones of millimetres.
type laidOf struct {
	patch   obe.Patch
	stencil string // the digest of the patch's file
	stride  obe.Size
	border  obe.Border
	part    obe.Region
	seed    uint64
}

// laid is the grid of a patch in millimetres on a picture, and the note on it; it is made
// when it is asked for first.
func (j *Job) laid(in *Input, k int) (*obe.Grid, error) {
	q := &j.question
	p, stride := q.Patches[k], q.stride(k)
	down, across, from, err := in.spacing()
	if err != nil {
		return nil, err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	key := laidOf{p, j.stencils[k], stride, q.Border, q.Region, q.Seed}
	if g, ok := in.grids[key]; ok {
		return g, nil
	}
	g, err := p.In(down, across).Grid(j.model.Plan.InputPlane(), stride.In(down, across), q.Border, q.Region, q.Seed, func(h, w int) (*image.Gray, error) {
		stencil, _, err := j.stencil(q.stencil(p), h, w)
		return stencil, err
	})
	if err != nil {
		return nil, failure.As(failure.Usage, failure.Settingf("%v: a pixel of the network's input is %.4g x %.4g mm (%s): %w", failure.Setting("patch"), down, across, from, err))
	}
	if in.grids == nil || len(in.grids) >= mostParted {
		in.grids = map[laidOf]*obe.Grid{}
	}
	in.grids[key] = g
	return g, nil
}

// physicalNotes say what lengths in millimetres are in pixels.
func (j *Job) physicalNotes(in *Input) []string {
	if !j.question.physical() {
		return nil
	}
	down, across, from, err := in.spacing()
	if err != nil {
		return nil
	}
	var notes []string
	for k, p := range j.question.Patches {
		stride := j.question.stride(k)
		notes = append(notes, fmt.Sprintf("%s %s, %s %s: %s and %s pixels of the network's input, each %.4g x %.4g mm by %s", j.host.spell("patch"), p, j.host.spell("stride"), stride, p.In(down, across).Size, stride.In(down, across), down, across, from))
	}
	return notes
}
