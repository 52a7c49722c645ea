// Package explain answers questions of occlusion: a question is a value, asked of a
// model that is ready to run and of a picture, and the answer has maps and the record
// of how they came to be. It knows no flag, stream or exit code.
package explain

import (
	"fmt"
	"slices"
	"strings"

	"krypton/internal/failure"
	"krypton/internal/heatmap"
	"krypton/internal/incremental"
	"krypton/internal/model"
	"krypton/internal/obe"
	"krypton/internal/prediction"
	"krypton/internal/target"
	"krypton/internal/tune"
)

// Question is what is asked of a model about a picture. Its zero value is none: Default
// is one.
type Question struct {
	// Patches are those whose maps are combined; Strides the steps between positions, one
	// for all or one for each patch.
	Patches []obe.Patch `json:"patch"`
	Strides []obe.Size  `json:"stride"`
	Border  obe.Border  `json:"border,omitempty"`
	// Stencils are where files of patches come from, by their names, if not from this machine.
	Stencils map[string]Source `json:"-"`
	// Region is the part of the network's input that is covered.
	Region obe.Region `json:"region,omitzero"`
	// Fills are what patches are painted with; several give the mean of their maps.
	Fills []Fill `json:"fill"`
	// FillFiles are where files that fills name come from, by their names, if not from this
	// machine.
	FillFiles map[string]Source `json:"-"`
	// Seed is that of noise and of the positions to verify.
	Seed uint64 `json:"seed"`
	// Classes are those to map: top, topN, all, a number or a label, index:N or
	// label:NAME. None is the model's own.
	Classes []string `json:"class,omitempty"`
	// Boxes are those of a detector to map: best, topN, all, a number (from 1, the best
	// first), a class by its label (label:NAME, index:N), or false for those that are not
	// there on the clean picture, which are mapped in any case. None is the best.
	Boxes []string `json:"box,omitempty"`
	// MinScore is the lowest score of a box that is found, IoU the overlap from which on
	// the weaker of two boxes of a class goes; nil is what the description of the head
	// says, else the usual ones (detect.Spec.Thresholds).
	MinScore *float64 `json:"min_score,omitempty"`
	IoU      *float64 `json:"iou,omitempty"`
	// Activation makes scores of the outputs; none is what the model's own file says, or
	// else auto.
	Activation prediction.Activation `json:"activation,omitempty"`
	Score      target.Score          `json:"score,omitempty"`
	What
	// Recording says what is read of recordings.
	Recording Recording `json:"recording,omitzero"`
	// Mode is how positions are answered; none is exact, or approximate where
	// Approximate says what may be given up.
	Mode        obe.Mode `json:"mode,omitempty"`
	Approximate Wish     `json:"approximate,omitzero"`
	// Combine is the rule where patches overlap.
	Combine string `json:"combine,omitempty"`
	// Verify is the number of random positions that are run whole and compared bit by
	// bit, Compare of those that are timed and compared, negative for all.
	Verify  int `json:"verify,omitempty"`
	Compare int `json:"compare,omitempty"`
	// Chunk is the number of positions that a worker takes at a time, 0 to let the plan
	// choose.
	Chunk int `json:"chunk,omitempty"`
}

// Default is the question that nobody said anything about.
func Default() Question {
	pixels := func(n int) obe.Size { return obe.Size{H: obe.Length{Pixels: n}, W: obe.Length{Pixels: n}} }
	return Question{Patches: []obe.Patch{obe.Plain(pixels(16))}, Strides: []obe.Size{pixels(4)}, Border: obe.Cover, Fills: []Fill{"gray"}, Seed: 1, Score: target.Value, Combine: "mean"}
}

// The largest numbers of patch sizes and of fills of one question: each takes a map.
const (
	maxSizes = 16
	maxFills = 16
)

// Modes list the values of Question.Mode.
var Modes = []obe.Mode{obe.Exact, obe.Approximate, obe.Naive}

// Check fails where a question makes no sense whatever the model. Prepare checks it too;
// who loads the model after it is asked saves that.
func (q *Question) Check() error {
	if err := q.checkSizes(); err != nil {
		return err
	}
	if err := q.checkPatches(); err != nil {
		return err
	}
	if err := CheckFills(q.Fills); err != nil {
		return err
	}
	if !slices.Contains(Scores, q.Score) {
		return failure.Wrongf("%v is %q, want one of %s", failure.Setting("score"), q.Score, list(Scores))
	}
	if err := q.Recording.Check(); err != nil {
		return err
	}
	if err := q.checkOcclude(); err != nil {
		return err
	}
	if err := q.What.Check(); err != nil {
		return err
	}
	if q.Mode != "" && !slices.Contains(Modes, q.Mode) {
		return failure.Wrongf("%v is %q, want exact, approximate or naive", failure.Setting("mode"), q.Mode)
	}
	if !slices.Contains(heatmap.Combines, q.Combine) {
		return failure.Wrongf("%v is %q, want one of %v", failure.Setting("combine"), q.Combine, heatmap.Combines)
	}
	if q.Verify < 0 || q.Chunk < 0 {
		return failure.Wrongf("%v %d, %v %d: must not be negative", failure.Setting("verify"), q.Verify, failure.Setting("chunk"), q.Chunk)
	}
	if q.Activation != "" {
		if err := q.Activation.Check(); err != nil {
			return failure.Wrongf("%v: %w", failure.Setting("activation"), err)
		}
	}
	if err := CheckThresholds(q.MinScore, q.IoU); err != nil {
		return err
	}
	_, err := q.Approximate.check(q.Mode)
	return err
}

// CheckFor fails where a question does not fit what is known of a model before it is
// loaded.
func (q *Question) CheckFor(file *model.File) error {
	_, err := q.gives(file.Config.Approximate, tune.Plain)
	return err
}

// GivesUp says whether anything is given up, of a question that passed Check.
func (q *Question) GivesUp() bool {
	approximate, _ := q.Approximate.check(q.Mode)
	p := q.Approximate.Precision
	return approximate || p != nil && *p != incremental.FP32
}

// gives is what a question gives up.
func (q *Question) gives(profile *tune.Profile, family tune.Family) (*Given, error) {
	return Choose(q.Mode, q.Approximate, slices.ContainsFunc(q.Patches, obe.Patch.Listed), profile, family)
}

// Need is what plans of a network for a question that passed CheckFor must be able to do.
func (q *Question) Need(n *model.Network) model.Need {
	fitted, err := q.fitted(n.File, n.Series)
	if err != nil { // Prepare says so
		fitted = *q
	}
	need := model.Need{}.For(fitted.typical())
	given, err := q.gives(n.File.Config.Approximate, tune.FamilyOf(n.Graph))
	if err != nil || given == nil {
		return need
	}
	need.Tau, need.Precision, need.Dynamic = given.Tau, given.Precision, given.Epsilon > 0 || given.Gates > 0 || given.certify != nil
	if need.Precision != "" {
		need.Also = incremental.FP32
	}
	return need
}

func (q *Question) checkSizes() error {
	switch n := len(q.Patches); {
	case n == 0 || len(q.Strides) == 0:
		return failure.Wrongf("%v has %d sizes and %v %d: want one of each at least", failure.Setting("patch"), n, failure.Setting("stride"), len(q.Strides))
	case n > maxSizes:
		return failure.Wrongf("%v has %d sizes: want at most %d", failure.Setting("patch"), n, maxSizes)
	case len(q.Strides) != 1 && len(q.Strides) != n:
		return failure.Wrongf("%v has %d sizes and %v %d: want one stride, or one for each size", failure.Setting("patch"), n, failure.Setting("stride"), len(q.Strides))
	}
	return nil
}

// stencil is where the file of a patch comes from.
func (q *Question) stencil(p obe.Patch) Source {
	if from, ok := q.Stencils[p.File]; ok {
		return from
	}
	return File(p.File)
}

// stride is that of the patch size k.
func (q *Question) stride(k int) obe.Size { return q.Strides[min(k, len(q.Strides)-1)] }

// Fill says what a patch is painted with: gray, black, white, mean, blur, noise or
// #rrggbb, of series also what obe.SeriesFills has, value:NUMBER and recording:FILE.
type Fill string

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *Fill) UnmarshalText(text []byte) error {
	_, err := obe.ParseFill(string(text), 0)
	*f = Fill(text)
	return err
}

// CheckFills fails unless there are some, all are known and none is named twice.
func CheckFills(fills []Fill) error {
	if len(fills) == 0 || len(fills) > maxFills {
		return failure.Wrongf("%v: %d fills, want 1 to %d", failure.Setting("fill"), len(fills), maxFills)
	}
	named, err := parseFills(fills, 0)
	for i, f := range named {
		if slices.ContainsFunc(named[:i], func(g namedFill) bool { return g.Fill == f.Fill }) {
			return failure.Wrongf("%v: %s is named twice", failure.Setting("fill"), f.name)
		}
	}
	return err
}

// namedFill is a fill with what it was asked for as.
type namedFill struct {
	name Fill
	obe.Fill
	group string // of channels of a recording that are hidden, "" for all
}

// parseFills makes fills of their names.
func parseFills(names []Fill, seed uint64) ([]namedFill, error) {
	var fills []namedFill
	for _, name := range names {
		f, err := obe.ParseFill(string(name), seed)
		if err != nil {
			return nil, failure.Wrongf("%v: %w", failure.Setting("fill"), err)
		}
		fills = append(fills, namedFill{name: name, Fill: f})
	}
	return fills, nil
}

// fillNames is what a record calls the fills.
func fillNames(fills []Fill, between string) string {
	names := make([]string, len(fills))
	for i, f := range fills {
		names[i] = string(f)
	}
	return strings.Join(names, between)
}

// className is a class's label, or its number.
func className(label string, class int) string {
	if label != "" {
		return label
	}
	return fmt.Sprintf("class %d", class)
}
