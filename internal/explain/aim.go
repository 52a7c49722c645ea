package explain

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"krypton/internal/detect"
	"krypton/internal/failure"
	"krypton/internal/graph"
	"krypton/internal/model"
	"krypton/internal/obe"
	"krypton/internal/prediction"
	"krypton/internal/region"
	"krypton/internal/target"
)

// What says what a question maps of a model's outputs, beside classes, activation and
// score. The zero value leaves it to the output: a row of numbers is one of classes, a
// plane is one of segments, a vector whose length was made 1 is one of features.
type What struct {
	// Target is what is mapped.
	Target target.Kind `json:"target,omitempty"`
	// Part is the part of the output that is read: a range of indices for each axis, as
	// target.ParseRanges reads them. None is all.
	Part string `json:"part,omitempty"`
	// Reduce makes one number of all that are read.
	Reduce target.Reduction `json:"reduce,omitempty"`
	// At is a pixel of the picture, SegmentRegion a part of it: only these pixels count
	// of a plane, whatever they are on the clean picture.
	At            *Point     `json:"at,omitempty"`
	SegmentRegion obe.Region `json:"segment_region,omitzero"`
	// Reference is what features are compared with: a picture, or a .npy file of a vector.
	// None is the clean picture.
	Reference Source `json:"-"`
	// Mapped is the activation that a map was made with, where it is not known who asked
	// for it; none is none.
	Mapped prediction.Activation `json:"-"`
	// Items are what a map is of, in place of classes; none leaves it to these.
	Items []int `json:"-"`
	// Output names the output, where it is not the model's own.
	Output string `json:"-"`
}

// Point is a pixel of a picture.
type Point struct{ X, Y int }

// ParsePoint reads X,Y.
func ParsePoint(s string) (*Point, error) {
	var p Point
	var end string
	if n, _ := fmt.Sscanf(s+"\n", "%d,%d%s", &p.X, &p.Y, &end); n != 2 || p.X < 0 || p.Y < 0 {
		return nil, fmt.Errorf("is %q, want x,y", s)
	}
	return &p, nil
}

// String writes a point as ParsePoint reads it.
func (p *Point) String() string {
	if p == nil {
		return ""
	}
	return fmt.Sprintf("%d,%d", p.X, p.Y)
}

// MarshalText implements encoding.TextMarshaler.
func (p Point) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Point) UnmarshalText(text []byte) error {
	read, err := ParsePoint(string(text))
	if err != nil {
		return fmt.Errorf("a point %w", err)
	}
	*p = *read
	return nil
}

// scoresOf are the scores that there are of each kind; the first is that of a question
// which asks for the value.
var scoresOf = map[target.Kind][]target.Score{
	target.ClassKind:    {target.Value, target.Margin, target.Entropy},
	target.SegmentKind:  {target.Value, target.Margin, target.Entropy, target.Dice, target.IoU},
	target.NumberKind:   {target.Value},
	target.FeaturesKind: {target.Cosine, target.Euclidean},
	target.BoxKind:      {target.Overlap, target.DRISE},
}

// Kinds and Scores list the values of What.Target and Question.Score.
var (
	Kinds  = []target.Kind{target.ClassKind, target.SegmentKind, target.NumberKind, target.FeaturesKind, target.BoxKind}
	Scores = []target.Score{target.Value, target.Margin, target.Entropy, target.Dice, target.IoU, target.Cosine, target.Euclidean, target.Overlap, target.DRISE}
)

// Check fails where that makes no sense whatever the model.
func (w *What) Check() error {
	switch {
	case w.Target != "" && !slices.Contains(Kinds, w.Target):
		return failure.Wrongf("%v is %q, want one of %s", failure.Setting("target"), w.Target, list(Kinds))
	case w.Reduce != "" && !slices.Contains(target.Reductions, string(w.Reduce)):
		return failure.Wrongf("%v is %q, want one of %s", failure.Setting("reduce"), w.Reduce, strings.Join(target.Reductions, ", "))
	case w.Reduce != "" && w.Target != "" && w.Target != target.NumberKind:
		return failure.Wrongf("%v makes a number, and %v is %s", failure.Setting("reduce"), failure.Setting("target"), w.Target)
	case w.At != nil && w.SegmentRegion != (obe.Region{}):
		return failure.Wrongf("%v and %v exclude each other", failure.Setting("at"), failure.Setting("segment_region"))
	}
	if w.Part != "" {
		if _, err := target.ParseRanges(w.Part); err != nil {
			return failure.Wrongf("%v: %w", failure.Setting("output"), err)
		}
	}
	return nil
}

// somewhere says whether pixels of a plane are asked for by their place.
func (w *What) somewhere() bool { return w.At != nil || w.SegmentRegion != obe.Region{} }

// list writes names with commas between them.
func list[T ~string](names []T) string {
	texts := make([]string, len(names))
	for i, n := range names {
		texts[i] = string(n)
	}
	return strings.Join(texts, ", ")
}

// Aim is what a question maps, of a model whose outputs are known. It does not change.
type Aim struct {
	// Kind is what is mapped, of the output Output, and Score which of its numbers.
	Kind   target.Kind
	Output int
	Score  target.Score
	// Reading is how numbers become scores of classes, if they are such.
	Reading prediction.Reading

	what    What
	model   *model.Model
	classes Picker
	part    model.Part
	layout  target.Layout // of a plane
	plane   bool
	labels  bool // a pixel's number is its class
	most    int  // items
	vector  []float32
	spec    *detect.Spec  // of a detector
	boxes   *target.Boxes // nil for other kinds
	from    referred
	notes   []string
}

// referred is the file that features are compared with.
type referred struct{ name, sha256 string }

// picker is that of the question's items.
func (q *Question) picker(names []string, classes int) (Picker, error) {
	if q.Items != nil {
		return Picker{fixed: q.Items}, nil
	}
	return NewPicker(q.Classes, names, classes)
}

// ErrNoTarget says that an output is nothing that a map is made of without being told how.
var ErrNoTarget = errors.New("no target")

// NewAim finds out what a question maps.
func NewAim(ctx context.Context, r *Reader, q *Question) (*Aim, error) {
	m := r.model
	a := &Aim{what: q.What, model: m, Score: q.Score}
	var err error
	note := ""
	if q.Output == "" && a.what.Part == "" && a.what.Reduce == "" && (a.what.Target == "" || a.what.Target == target.ClassKind) {
		a.Output, note, err = m.ScoreOutput()
	} else if q.Output == "" {
		a.Output, err = m.Output()
	} else if a.Output = slices.Index(m.Plan.Outputs(), q.Output); a.Output < 0 {
		err = failure.Dataf("is of an output %q: the model has %s", q.Output, strings.Join(m.Plan.Outputs(), ", "))
	}
	if err != nil {
		return nil, err
	}
	if note != "" {
		a.notes = append(a.notes, note)
	}
	if err := a.cut(); err != nil {
		return nil, err
	}
	detects, err := a.detects(q)
	if err != nil {
		return nil, err
	}
	if a.tell(q); detects {
		a.Kind = target.BoxKind
	}
	if a.Score == target.Value || a.Score == "" {
		a.Score = scoresOf[a.Kind][0]
	}
	if !slices.Contains(scoresOf[a.Kind], a.Score) {
		return nil, failure.Wrongf("%v is %q: a target that is a %s has %s", failure.Setting("score"), q.Score, a.Kind, list(scoresOf[a.Kind]))
	}
	if err := a.fits(q); err != nil {
		return nil, err
	}
	if a.Kind == target.NumberKind || a.Kind == target.FeaturesKind {
		a.Reading = prediction.Reading{Activation: prediction.None, Reason: "numbers are taken as they are"}
	}
	switch a.Kind {
	case target.SegmentKind:
		a.tellRows(q)
		return a, a.readSegments(ctx, r, q)
	case target.NumberKind:
		return a, a.readNumbers(q)
	case target.FeaturesKind:
		return a, a.readFeatures(ctx, r)
	case target.BoxKind:
		return a, a.readBoxes(q)
	}
	return a, a.readClasses(ctx, r, q)
}

// tellRows notes that an output is taken for a plane of segments, as it is the first, though
// others are rows that may be of classes: a classifier may give its features first.
func (a *Aim) tellRows(q *Question) {
	if q.Output != "" || a.what.Target != "" || a.what.Part != "" || a.what.somewhere() {
		return
	}
	plan := a.model.Plan
	for i, name := range plan.Outputs() {
		if i != a.Output && prediction.Numbers(plan, i) > 1 {
			a.notes = append(a.notes, fmt.Sprintf("output %q of shape %v is taken for a plane of segments, and %q of shape %v is a row, which may be of classes", a.Name(), a.part.Shape, name, plan.OutputShape(i)))
			return
		}
	}
}

// cut takes the part of the output that is read.
func (a *Aim) cut() error {
	a.part = model.Part{Output: a.Output, Text: a.what.Part}
	shape := a.model.Plan.OutputShape(a.Output)
	if a.what.Part == "" {
		a.part.Shape = shape
		return nil
	}
	name := a.model.Plan.Outputs()[a.Output]
	if shape == nil {
		return failure.Dataf("model %s: output %q has a shape that depends on the picture: no part of it can be named", a.model.File.Name, name)
	}
	ranges, err := target.ParseRanges(a.what.Part)
	if err == nil {
		a.part.Index, a.part.Shape, err = target.Indices(shape, ranges)
	}
	if err != nil {
		return failure.Wrongf("%v %s[%s]: %w", failure.Setting("output"), name, a.what.Part, err)
	}
	return nil
}

// tell finds out what is mapped, where nobody says, and how a plane lies.
func (a *Aim) tell(q *Question) {
	m, shape := a.model, a.part.Shape
	c := &m.File.Config
	a.layout, a.plane = planeOf(shape, m.Plan.InputPlane().H, m.Plan.InputPlane().W, len(m.Labels), a.what.Target == target.SegmentKind || a.what.somewhere())
	_, row := prediction.Row(shape)
	switch made := m.Plan.Made(a.Output); {
	case a.what.Target != "":
		a.Kind = a.what.Target
	case a.what.Reduce != "" || len(c.Values) > 0 || c.Value != nil && shape != nil && !row:
		a.Kind = target.NumberKind
	case row && made.Kind == graph.Direction && count(shape) > 1 && a.what.Part == "":
		a.Kind = target.FeaturesKind
	case a.plane && c.Detector == nil && !row:
		a.Kind = target.SegmentKind
	default:
		a.Kind = target.ClassKind // or refused
	}
}

// count is how many numbers a shape has.
func count(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// coarsest is how many pixels of the network's input one pixel of a plane may stand for
// along each side, so that it is taken for one of segments without a word: segmentation
// networks that do not enlarge their output stop at a fourth, the grids of detectors
// begin at an eighth.
const coarsest = 4

// planeOf tells how a plane of pixels lies in a shape: [1,C,H,W] or [1,H,W,C], or [1,H,W]
// or [H,W] with the sides of the input in proportion. names is how many classes have
// names. sure says that somebody said that it is one.
func planeOf(shape []int, h, w, names int, sure bool) (target.Layout, bool) {
	for len(shape) > 2 && shape[0] == 1 {
		shape = shape[1:]
	}
	like := func(y, x int) bool { // the input's sides in proportion, but for rounding
		return y > 1 && x > 1 && math.Abs(float64(y)/float64(h)-float64(x)/float64(w)) <= 1/float64(min(h, w)) && (sure || y*coarsest >= h)
	}
	switch len(shape) {
	case 2:
		return target.Layout{C: 1, H: shape[0], W: shape[1]}, like(shape[0], shape[1])
	case 3:
		first, last := target.Layout{C: shape[0], H: shape[1], W: shape[2]}, target.Layout{C: shape[2], H: shape[0], W: shape[1], Last: true}
		a, b := like(first.H, first.W), like(last.H, last.W)
		switch {
		case a && b && (first.C == names) != (last.C == names):
			a = first.C == names
		case a && b:
			a = first.C <= last.C
		}
		if a {
			return first, true
		}
		return last, b
	}
	return target.Layout{}, false
}

// fits fails where something is asked for that the kind does not have.
func (a *Aim) fits(q *Question) error {
	where := a.what.somewhere()
	switch {
	case where && !a.plane:
		return failure.Wrongf("%v and %v are of planes of pixels: output %q of shape %v is none", failure.Setting("at"), failure.Setting("segment_region"), a.Name(), a.part.Shape)
	case where && a.Kind != target.SegmentKind && a.Kind != target.NumberKind:
		return failure.Wrongf("%v and %v: %v is %s", failure.Setting("at"), failure.Setting("segment_region"), failure.Setting("target"), a.Kind)
	case a.what.Reference.Open != nil && a.Kind != target.FeaturesKind:
		return failure.Wrongf("%v is for features: the output %q is mapped as %s (%v)", failure.Setting("reference"), a.Name(), a.Kind, failure.Setting("target"))
	case a.Kind == target.FeaturesKind && len(q.Classes) > 0:
		return failure.Wrongf("%v: features have no classes", failure.Setting("class"))
	}
	return nil
}

// reading finds out how numbers become scores: as the question says, or the model's own
// file, or what a map was made with, which is the model's if that is the same.
func (a *Aim) reading(ctx context.Context, r *Reader, q *Question, part model.Part) (prediction.Reading, error) {
	activation := prediction.Auto
	switch {
	case q.Activation != "":
		activation = q.Activation
	case q.Mapped != "":
		own, err := a.model.Reading(ctx, part, string(prediction.Auto), r.host.Threads, r.host.Free())
		if err != nil || q.Mapped == prediction.Auto || q.Mapped == own.Activation {
			return own, err
		}
		activation = q.Mapped
	case a.model.Own:
		activation = prediction.Activation(a.model.File.Config.Activation)
	}
	return a.model.Reading(ctx, part, string(activation), r.host.Threads, r.host.Free())
}

func (a *Aim) readClasses(ctx context.Context, r *Reader, q *Question) error {
	m := a.model
	var err error
	if a.Reading, err = a.reading(ctx, r, q, a.part); err != nil {
		if errors.Is(err, prediction.ErrNoClasses) {
			if a.spec == nil {
				err = failure.Dataf("%w%s", err, m.DescribeHead(a.Output))
			}
			if !prediction.OneNumber(a.part.Shape) { // of one number no other is made
				err = failure.Mark(err, ErrNoTarget)
			}
		}
		return err
	}
	a.notes = append(a.notes, m.Doubts(a.Reading, r.host.Spell)...)
	if a.Score == target.Entropy && !a.Reading.Exclusive && !a.Reading.Pair {
		a.notes = append(a.notes, "the entropy is that of scores which are not probabilities that add to 1: it says little")
	}
	n := a.Reading.Classes(a.Reading.Outputs)
	if err := a.compares(n); err != nil {
		return err
	}
	a.classes, err = q.picker(m.Labels, n)
	a.most = a.classes.count(n)
	return err
}

// compares fails where the score compares classes, and there is one only.
func (a *Aim) compares(classes int) error {
	if classes == 1 && (a.Score == target.Margin || a.Score == target.Entropy) {
		return failure.Wrongf("%v is %q: the output %q has one number, and nothing to compare it with", failure.Setting("score"), a.Score, a.Name())
	}
	return nil
}

func (a *Aim) readSegments(ctx context.Context, r *Reader, q *Question) error {
	m, l := a.model, a.layout
	if !a.plane {
		return failure.Wrongf("%v is %s: output %q of shape %v is no plane of pixels of a picture of %dx%d (%v takes a part of one)", failure.Setting("target"), a.Kind, a.Name(), a.part.Shape, m.Plan.InputPlane().H, m.Plan.InputPlane().W, failure.Setting("output"))
	}
	var n int // classes
	if a.labels = l.C == 1 && m.Plan.Made(a.Output).Kind == graph.Ranking; a.labels {
		if a.Score == target.Margin || a.Score == target.Entropy {
			return failure.Wrongf("%v is %q: the output %q holds numbers of classes, and no scores", failure.Setting("score"), a.Score, a.Name())
		}
		a.Reading = prediction.Reading{Activation: prediction.None, Reason: "the output holds numbers of classes", Outputs: 1}
		n = len(m.Labels)
	} else {
		part := a.part
		part.Each = l.C
		var err error
		if a.Reading, err = a.reading(ctx, r, q, part); err != nil {
			return err
		}
		n = a.Reading.Classes(l.C)
		if err := a.compares(n); err != nil {
			return err
		}
		if a.Reading.Doubt != nil {
			a.notes = append(a.notes, failure.Spell(a.Reading.Doubt, r.host.Spell))
		}
		if names := len(m.Labels); names > 0 && names != n && !(n == 2 && names == 1) {
			a.notes = append(a.notes, fmt.Sprintf("there are %d labels for %d classes: names may belong to other classes", names, n))
		}
	}
	names := m.Labels
	if a.Reading.Pair && len(names) == 1 {
		names = []string{"", names[0]}
	}
	var err error
	a.classes, err = q.picker(names, n)
	a.most = max(1, a.classes.count(n))
	return err
}

// label names a class of a segment: one name for one plane is that of what is there.
func (a *Aim) label(class int) string {
	if a.Reading.Pair && len(a.model.Labels) == 1 {
		return map[int]string{1: a.model.Labels[0]}[class]
	}
	return a.model.Label(class)
}

func (a *Aim) readNumbers(q *Question) error {
	m, c := a.model, &a.model.File.Config
	n := count(a.part.Shape)
	if a.part.Shape == nil || n == 0 {
		return failure.Dataf("model %s: output %q has a shape that depends on the picture, or is empty: no numbers of it can be named", m.File.Name, a.Name())
	}
	if len(c.Values) > 0 && len(c.Values) != n && a.what.Part == "" && a.what.Reduce == "" {
		return failure.Dataf("%s: values: %d are named, output %q has %d numbers", m.File.Where, len(c.Values), a.Name(), n)
	}
	_, row := prediction.Row(a.part.Shape)
	if a.what.Reduce == "" && !row {
		a.what.Reduce = target.Mean
	}
	if a.what.Reduce != "" {
		if len(q.Classes) > 0 {
			return failure.Wrongf("%v and %v exclude each other", failure.Setting("class"), failure.Setting("reduce"))
		}
		a.most = 1
		return nil
	}
	names := m.Labels
	if len(names) == 0 {
		for _, v := range c.Values {
			names = append(names, v.Name)
		}
	}
	var err error
	a.classes, err = q.picker(names, n)
	a.most = max(1, a.classes.count(n))
	return err
}

// item names a number, or -1 for what is made of them all.
func (a *Aim) item(i int) target.Item {
	c := &a.model.File.Config
	var v model.Value
	switch {
	case i < 0:
		if c.Value != nil {
			v = *c.Value
		}
		what := string(a.what.Reduce) + " of " + a.Name()
		if a.what.Part != "" {
			what += "[" + a.what.Part + "]"
		}
		if v.Name != "" {
			what = string(a.what.Reduce) + " " + v.Name
		}
		return target.Item{Name: what, Unit: v.Unit}
	case i < len(c.Values):
		v = c.Values[i]
	case c.Value != nil:
		v = *c.Value
	}
	if i < len(a.model.Labels) {
		v.Name = a.model.Labels[i]
	}
	return target.Item{Name: v.Name, Unit: v.Unit}
}

// readFeatures reads what features are compared with.
func (a *Aim) readFeatures(ctx context.Context, r *Reader) error {
	a.most = 1
	from := a.what.Reference
	if from.Open == nil {
		return nil
	}
	if err := a.readReference(ctx, r, from); err != nil {
		return err
	}
	return a.comparable(from)
}

// readReference reads a vector, or makes one of a picture.
func (a *Aim) readReference(ctx context.Context, r *Reader, from Source) error {
	if strings.EqualFold(filepath.Ext(from.Called), ".npy") {
		vector, sum, err := numbersOf(from)
		if err != nil {
			return failure.Settingf("%v: %w", failure.Setting("reference"), err)
		}
		if n := count(a.part.Shape); len(vector) == n || len(vector) != r.model.Plan.InputPlane().Len() {
			if len(vector) != n {
				return failure.Dataf("%s: %d numbers: the output %q has %d, the network's input %d", from.Called, len(vector), a.Name(), n, r.model.Plan.InputPlane().Len())
			}
			a.vector, a.from = vector, referred{from.Name, sum}
			return nil
		}
	}
	if len(r.model.Planes) > 1 {
		return failure.Wrongf("%v: %s: the network reads %d pictures together: want a .npy file of the vector", failure.Setting("reference"), from.Called, len(r.model.Planes))
	}
	of := comparison{from.Key, a.model.Plan, a.Output, a.what.Part}
	if known := r.host.References.get(of); known != nil {
		a.vector, a.from = known.vector, known.from
		return nil
	}
	in, err := r.Read(ctx, from, Source{})
	if err != nil {
		return err
	}
	run := a.model.Plan.NewInference(r.host.Threads)
	if err := run.Run(ctx, in.base); err != nil {
		return err
	}
	out, err := run.Output(a.Output).Floats()
	if err != nil {
		return failure.Dataf("model %s: output %q: %w", a.model.File.Name, a.Name(), err)
	}
	a.vector, a.from = slices.Clone(a.part.Of(out)), referred{from.Name, in.SHA256}
	r.host.References.put(remembered{of, a.vector, a.from})
	return nil
}

// comparable fails where nothing can be compared with a vector.
func (a *Aim) comparable(from Source) error {
	length := 0.0
	for i, v := range a.vector {
		if x := float64(v); math.IsNaN(x) || math.IsInf(x, 0) {
			return failure.As(failure.Data, failure.Settingf("%v: %s: number %d of its vector is %g", failure.Setting("reference"), from.Called, i, v))
		}
		length = math.Hypot(length, float64(v))
	}
	if length == 0 && a.Score == target.Cosine {
		return failure.As(failure.Data, failure.Settingf("%v: %s: its vector is 0, and has no angle with others", failure.Setting("reference"), from.Called))
	}
	return nil
}

// numbersOf are the numbers of a .npy file, whatever its shape, with its digest.
func numbersOf(from Source) ([]float32, string, error) {
	f, err := from.Open()
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	return model.DecodeNumbers(f, from.Called)
}

// Target is what is asked of a picture.
func (a *Aim) Target(in *Input) (target.Target, error) {
	var t target.Target
	part := a.part.Index
	switch a.Kind {
	case target.SegmentKind:
		s := target.Segments{Output: a.Output, Name: a.Name(), Layout: a.layout, Reading: a.Reading, Labels: a.labels, Score: a.Score, Choose: a.classes.Present, Label: a.label}
		var err error
		if s.Part, s.Whole, err = a.where(in); err != nil {
			return nil, err
		}
		t = s
	case target.NumberKind:
		where, some, err := a.where(in)
		if err != nil {
			return nil, err
		}
		if some || a.plane && a.what.Part == "" && where != region.Plane(a.layout.H, a.layout.W) {
			part = a.pixels(where)
		}
		t = target.Numbers{Output: a.Output, Name: a.Name(), Reduce: a.what.Reduce, Choose: a.classes.Choose, Item: a.item}
	case target.BoxKind:
		return a.boxesIn(in)
	case target.FeaturesKind:
		t = target.Features{Output: a.Output, Name: a.Name(), Score: a.Score, Reference: a.vector, From: filepath.Base(a.from.name)}
	default:
		t = target.Classes{Output: a.Output, Name: a.Name(), Reading: a.Reading, Score: a.Score, Choose: a.classes.Choose, Label: a.model.Label}
	}
	if part != nil {
		return target.Cut{Target: t, Index: part}, nil
	}
	return t, nil
}

// where is the part of the plane that a part of the picture lies on, or the picture
// itself, where nobody asked for some part: what lies around it is no segment.
func (a *Aim) where(in *Input) (part region.Rect, some bool, err error) {
	r := a.what.SegmentRegion
	if p := a.what.At; p != nil {
		r = obe.Region{X: p.X, Y: p.Y, W: 1, H: 1}
	}
	plane := a.model.Plan.InputPlane()
	t, seen := in.Backdrop.Transform(), in.shown()
	if r == (obe.Region{}) {
		return region.Rect{
			Y: onPlane(float64(seen.Min.Y), float64(seen.Max.Y), 1, 0, plane.H, a.layout.H),
			X: onPlane(float64(seen.Min.X), float64(seen.Max.X), 1, 0, plane.W, a.layout.W),
		}, false, nil
	}
	x0, y0 := t.Apply(float64(seen.Min.X), float64(seen.Min.Y))
	x1, y1 := t.Apply(float64(seen.Max.X), float64(seen.Max.Y))
	x := onPlane(max(float64(r.X), x0), min(float64(r.X+r.W), x1), t.ScaleX, t.OffsetX, plane.W, a.layout.W)
	y := onPlane(max(float64(r.Y), y0), min(float64(r.Y+r.H), y1), t.ScaleY, t.OffsetY, plane.H, a.layout.H)
	if part = (region.Rect{Y: y, X: x}); part.Empty() {
		what, where := failure.Setting("segment_region"), r.String()
		if a.what.At != nil {
			what, where = "at", a.what.At.String()
		}
		// The next picture may have it.
		return part, false, failure.As(failure.Data, failure.Settingf("%v %s lies outside of what the network sees of the picture, %.4g,%.4g to %.4g,%.4g", what, where, x0, y0, x1, y1))
	}
	return part, true, nil
}

// onPlane is where what lies between lo and hi of a picture lies on a plane of out pixels,
// for a network that reads in: those whose middle lies in it, or else the nearest.
func onPlane(lo, hi, scale, offset float64, in, out int) region.Span {
	k := float64(out) / float64(in) / scale
	a, b := (lo-offset)*k, (hi-offset)*k
	if a >= b || b <= 0 || a >= float64(out) {
		return region.Span{}
	}
	s := region.Span{Lo: max(0, int(math.Ceil(a-.5))), Hi: min(out, int(math.Ceil(b-.5)))}
	if s.Lo >= s.Hi {
		s.Lo = min(out-1, max(0, int((a+b)/2)))
		s.Hi = s.Lo + 1
	}
	return s
}

// pixels are the places of the numbers of a part of the plane in the output.
func (a *Aim) pixels(where region.Rect) []int32 {
	var all []int32
	l := a.layout
	for y := where.Y.Lo; y < where.Y.Hi; y++ {
		for x := where.X.Lo; x < where.X.Hi; x++ {
			for c := range l.C {
				i := int32(l.At(c, y*l.W+x))
				if a.part.Index != nil {
					i = a.part.Index[i]
				}
				all = append(all, i)
			}
		}
	}
	return all
}

// TargetRecord says what a map is of where that is no class of a row.
type TargetRecord struct {
	Kind      target.Kind      `json:"kind"`
	Part      string           `json:"part,omitempty"`
	Reduce    target.Reduction `json:"reduce,omitempty"`
	At        *Point           `json:"at,omitempty"`
	Region    *obe.Region      `json:"segment_region,omitempty"`
	Reference string           `json:"reference,omitempty"`
	SHA256    string           `json:"reference_sha256,omitempty"`
}

// Text says in a few words how outputs become scores.
func (a *Aim) Text() string {
	if a.Reading.Reason == "" {
		return fmt.Sprintf("%s, %s", a.Kind, a.Score)
	}
	return fmt.Sprintf("activation %s: %s", a.Reading.Activation, a.Reading.Reason)
}

// Activation is what records call it; numbers that are no scores have none.
func (a *Aim) Activation() prediction.Activation {
	if a.Reading.Activation == "" {
		return prediction.None
	}
	return a.Reading.Activation
}

// caption says what is mapped of a target; of a class of a part that is what it is of
// any.
func (t *TargetRecord) caption(score, class string) string {
	where := "the class's pixels"
	switch {
	case t.At != nil:
		where = "the pixel " + t.At.String()
	case t.Region != nil:
		where = "the part " + t.Region.String()
	}
	switch t.Kind {
	case target.SegmentKind:
		return map[string]string{"value": "the class's mean score over ", "margin": "its mean margin to the best other class over ", "entropy": "the mean entropy of all scores over ",
			"dice": "Dice overlap with the clean picture of ", "iou": "overlap (IoU) with the clean picture of "}[score] + where
	case target.NumberKind:
		return "the number itself"
	case target.FeaturesKind:
		return map[string]string{"cosine": "cosine of the angle between the vectors", "euclidean": "Euclidean distance of the vectors: what matters makes it rise"}[score]
	}
	return class
}

// What is what a question asks that a map's record is the answer to.
func (r *Record) What() What {
	w := What{Output: r.Output, Mapped: prediction.Activation(r.Activation)}
	if t := r.Target; t != nil {
		w.Target, w.Part, w.Reduce, w.At, w.Reference = t.Kind, t.Part, t.Reduce, t.At, Named(t.Reference, nil)
		if t.Region != nil {
			w.SegmentRegion = *t.Region
		}
	}
	return w
}

// ReferenceSHA256 is the digest of the file that features are compared with, "" if there is
// none.
func (a *Aim) ReferenceSHA256() string { return a.from.sha256 }

// Name is the output's.
func (a *Aim) Name() string { return a.model.Plan.Outputs()[a.Output] }

// Notes are what there is to say of the target, whatever the picture.
func (a *Aim) Notes() []string { return a.notes }

// Record is what records say of the target, nil for classes of a row.
func (a *Aim) Record() *TargetRecord {
	if a.Kind == target.ClassKind && a.what.Part == "" {
		return nil
	}
	r := &TargetRecord{Kind: a.Kind, Part: a.what.Part, Reduce: a.what.Reduce, At: a.what.At, Reference: a.from.name, SHA256: a.from.sha256}
	if a.what.SegmentRegion != (obe.Region{}) {
		r.Region = &a.what.SegmentRegion
	}
	return r
}
