package explain

import (
	"fmt"
	"image"
	"slices"

	"krypton/internal/failure"
	"krypton/internal/obe"
)

// sized says whether something holds for a patch or a step.
func (q *Question) sized(is func(obe.Size) bool) bool {
	return slices.ContainsFunc(q.Patches, func(p obe.Patch) bool { return is(p.Size) }) || slices.ContainsFunc(q.Strides, is)
}

// measured says whether a length is one that a file is asked the pixels of: millimetres, and
// times.
func measured(s obe.Size) bool { return s.Physical() || s.Timed() }

// usualRate is how many samples a second are taken where no recording is known yet.
const usualRate = 100

// guessed are a patch and a step where nothing is known yet of the file: a pixel takes so
// many millimetres, or hundredths of a second.
func guessed(p obe.Patch, stride obe.Size, each float64) (obe.Patch, obe.Size) {
	return p.In(each, each).At(usualRate / each), stride.In(each, each).At(usualRate / each)
}

// typical are the patches and the first stride as they are taken where no file is known yet.
func (q *Question) typical() (patches []obe.Patch, stride obe.Size) {
	for _, p := range q.Patches {
		p, stride = guessed(p, q.Strides[0], 1)
		patches = append(patches, p)
	}
	return patches, stride
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

// measure is how many pixels lengths have on a file, what each of these is, and which
// attribute says so.
func (j *Job) measure(in *Input) (pixels func(obe.Patch, obe.Size) (obe.Patch, obe.Size), each, by string, err error) {
	if !j.question.sized(obe.Size.Timed) {
		down, across, from, err := in.spacing()
		for _, p := range j.question.Patches {
			if err == nil && p.Size.Tiny(down, across) {
				err = failure.As(failure.Usage, failure.Settingf("%v %s is less than half a pixel of the network's input, which is %.4g x %.4g mm", failure.Setting("patch"), p, down, across))
			}
		}
		return func(p obe.Patch, s obe.Size) (obe.Patch, obe.Size) { return p.In(down, across), s.In(down, across) }, fmt.Sprintf("%.4g x %.4g mm", down, across), from, err
	}
	k, ok := in.kind.(*recordingKind)
	if !ok || k.rate == 0 {
		return nil, "", "", failure.Wrongf("%v: it is not known how many samples a second the network reads: say %v", failure.Setting("patch"), failure.Setting("rate"))
	}
	for _, p := range j.question.Patches {
		if p.Size.Brief(k.rate) {
			return nil, "", "", tooBrief(p, k.rate)
		}
	}
	return func(p obe.Patch, s obe.Size) (obe.Patch, obe.Size) { return p.At(k.rate), s.At(k.rate) }, fmt.Sprintf("%.4g ms", 1000/k.rate), "the file's rate", nil
}

// tooBrief says that a patch's time is none, where a series has so many samples a second.
func tooBrief(p obe.Patch, rate float64) error {
	return failure.Wrongf("%v %s is less than half a sample of the network's input, which is %.4g ms", failure.Setting("patch"), p, 1000/rate)
}

// laidOf is what a grid depends on whose lengths are ones of millimetres, or times.
type laidOf struct {
	patch   obe.Patch
	stencil string // the digest of the patch's file
	stride  obe.Size
	border  obe.Border
	part    obe.Region
	seed    uint64
}

// laid is the grid of a patch in millimetres, or of a time, on a file; it is made when it is
// asked for first.
func (j *Job) laid(in *Input, k int) (*obe.Grid, error) {
	q := &j.question
	p, stride := q.Patches[k], q.stride(k)
	pixels, each, by, err := j.measure(in)
	if err != nil {
		return nil, err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	key := laidOf{p, j.stencils[k], stride, q.Border, q.Region, q.Seed}
	if g, ok := in.grids[key]; ok {
		return g, nil
	}
	inPixels, step := pixels(p, stride)
	g, err := inPixels.Grid(j.model.Plan.InputPlane(), step, q.Border, q.Region, q.Seed, func(h, w int) (*image.Gray, error) {
		stencil, _, err := j.stencil(q.stencil(p), h, w)
		return stencil, err
	})
	if err != nil {
		return nil, failure.As(failure.Usage, failure.Settingf("%v: a pixel of the network's input is %s (%s): %w", failure.Setting("patch"), each, by, err))
	}
	if in.grids == nil || len(in.grids) >= mostParted {
		in.grids = map[laidOf]*obe.Grid{}
	}
	in.grids[key] = g
	return g, nil
}

// measuredNotes say what lengths in millimetres, and times, are in pixels.
func (j *Job) measuredNotes(in *Input) []string {
	if !j.question.sized(measured) {
		return nil
	}
	pixels, each, by, err := j.measure(in)
	if err != nil {
		return nil
	}
	var notes []string
	for k, p := range j.question.Patches {
		stride := j.question.stride(k)
		inPixels, step := pixels(p, stride)
		notes = append(notes, fmt.Sprintf("%s %s, %s %s: %s and %s pixels of the network's input, each %s by %s", j.host.spell("patch"), p, j.host.spell("stride"), stride, inPixels.Size, step, each, by))
	}
	return notes
}
