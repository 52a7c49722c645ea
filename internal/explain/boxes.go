package explain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"krypton/internal/detect"
	"krypton/internal/failure"
	"krypton/internal/heatmap"
	"krypton/internal/labels"
	"krypton/internal/target"
)

// BoxesRecord says what a detector found on the clean picture, and how boxes are looked
// for behind patches.
type BoxesRecord struct {
	// MinScore and IoU are what is found by, and Apart the overlap with each found box of
	// its class up to which a box is a false one.
	MinScore Number      `json:"min_score"`
	IoU      Number      `json:"iou"`
	Apart    Number      `json:"false_iou"`
	Found    []BoxRecord `json:"found"`
}

// BoxRecord is a box that was found, in pixels of the picture.
type BoxRecord struct {
	Number int    `json:"number"` // from 1, the best first
	Class  int    `json:"class"`
	Label  string `json:"label,omitempty"`
	Score  Number `json:"score"`
	X0     Number `json:"x0"`
	Y0     Number `json:"y0"`
	X1     Number `json:"x1"`
	Y1     Number `json:"y1"`
}

// Name is the number and the class of a box.
func (b BoxRecord) Name() string {
	return fmt.Sprintf("box %d, %s", b.Number, className(b.Label, b.Class))
}

// readBoxes makes the target of a detector, whose head is spec.
func (a *Aim) readBoxes(q *Question) error {
	m, spec := a.model, a.spec
	if spec == nil {
		said, value := q.ofBoxes()
		return failure.Wrongf("%v%s is for detectors, and %s describes none: a head is described as 'detector:' there", said, value, m.File.Where)
	}
	score, iou := spec.Thresholds()
	if q.MinScore != nil {
		score = *q.MinScore
	}
	if q.IoU != nil {
		iou = *q.IoU
	}
	p, err := newBoxPicker(q.Boxes, m.Labels, spec.Classes, score)
	if err != nil {
		return err
	}
	plane := m.Plan.InputPlane()
	whole := detect.Box{X1: float32(plane.W), Y1: float32(plane.H)}
	a.boxes, err = target.NewBoxes(target.Head{Spec: spec, Outputs: m.Outputs(), Width: plane.W, Height: plane.H, Frame: whole, MinScore: float32(score), IoU: float32(iou), Label: m.Label}, a.Score, p.choose)
	if err != nil {
		return err
	}
	a.Output, a.Reading, a.most = a.boxes.Reads()[0], a.boxes.Reading(), q.boxesAtMost()
	return nil
}

// asksForBoxes says whether a question is about a detector's boxes in any case.
func (q *Question) asksForBoxes() bool {
	return q.Boxes != nil || q.MinScore != nil || q.IoU != nil || q.Target == target.BoxKind || q.Score == target.Overlap || q.Score == target.DRISE
}

// ofBoxes is the setting by which a question that asksForBoxes does so, and its value where
// others are for all.
func (q *Question) ofBoxes() (said failure.Setting, value string) {
	switch {
	case q.Boxes != nil:
		return "box", ""
	case q.MinScore != nil:
		return "min_score", ""
	case q.IoU != nil:
		return "iou", ""
	case q.Target == target.BoxKind:
		return "target", " " + string(q.Target)
	}
	return "score", " " + string(q.Score)
}

// ofElse says whether a question is about something else than boxes in any case.
func (w *What) ofElse() bool {
	return w.Target != "" && w.Target != target.BoxKind || w.Part != "" || w.Reduce != "" || w.somewhere() || w.Reference.Open != nil
}

// detects says whether it is boxes that are mapped: of a detector, unless something else
// is asked for.
func (a *Aim) detects(q *Question) (bool, error) {
	if a.what.ofElse() {
		if q.asksForBoxes() {
			return false, failure.Wrongf("%v, %v and %v are for boxes", failure.Setting("box"), failure.Setting("min-score"), failure.Setting("iou"))
		}
		return false, nil
	}
	var err error
	if a.spec, err = a.model.Detector(); err != nil {
		return false, err
	}
	if a.spec != nil && q.Classes != nil {
		return false, failure.Wrongf("%v is for classifiers, and model %s is a detector: say which boxes by %v", failure.Setting("class"), a.model.File.Name, failure.Setting("box"))
	}
	return a.spec != nil || q.asksForBoxes(), nil
}

// CheckThresholds fails where thresholds of boxes make no sense whatever the model; nil is
// none.
func CheckThresholds(minScore, iou *float64) error {
	for name, v := range map[failure.Setting]*float64{"min-score": minScore, "iou": iou} {
		if v != nil && !(*v >= 0 && *v <= 1) {
			return failure.Wrongf("%v is %g, want 0 to 1", name, *v)
		}
	}
	return nil
}

// boxesIn is the target for a picture: boxes end where it does.
func (a *Aim) boxesIn(in *Input) (*target.Boxes, error) {
	f := in.shown()
	return a.boxes.In(detect.Box{X0: float32(f.Min.X), Y0: float32(f.Min.Y), X1: float32(f.Max.X), Y1: float32(f.Max.Y)})
}

// reads are the outputs that are read.
func (a *Aim) reads() []int {
	if a.boxes != nil {
		return a.boxes.Reads()
	}
	return []int{a.Output}
}

// Boxes says what was found on a picture, to whose outputs the target is bound; nil where
// that was not asked.
func (a *Aim) Boxes(in *Input, bound target.Bound) *BoxesRecord {
	b, ok := bound.(*target.BoundBoxes)
	if !ok {
		return nil
	}
	h := a.boxes.Head()
	rec := &BoxesRecord{MinScore: Number(h.MinScore), IoU: Number(h.IoU), Apart: Number(b.Apart()), Found: []BoxRecord{}}
	for i, f := range b.Found() {
		x0, y0 := in.Backdrop.Transform().Apply(float64(f.X0), float64(f.Y0))
		x1, y1 := in.Backdrop.Transform().Apply(float64(f.X1), float64(f.Y1))
		rec.Found = append(rec.Found, BoxRecord{Number: i + 1, Class: f.Class, Label: a.model.Label(f.Class), Score: Number(f.Score), X0: Number(x0), Y0: Number(y0), X1: Number(x1), Y1: Number(y1)})
	}
	return rec
}

// ofBoxes puts a detector's words where a record has a classifier's.
func (r *Record) ofBoxes(found *BoxesRecord) {
	if r.Boxes = found; found == nil {
		return
	}
	for i := range r.Classes {
		r.Classes[i].OfBox(found)
	}
	for i := range r.Scales {
		for k := range r.Scales[i].Classes {
			r.Scales[i].Classes[k].OfBox(found)
		}
	}
}

// OfBox says of a map, whose index is an item's, which of the boxes it is of; it does
// nothing where there are none.
func (c *ClassRecord) OfBox(found *BoxesRecord) {
	switch {
	case found == nil:
		return
	case c.Index == target.OthersItem:
		c.Index = -1 // no class
		return
	}
	b := found.Found[c.Index-1]
	c.Box, c.Index, c.Label = b.Number, b.Class, b.Label
}

// AskForBoxes asks for the boxes that a record has maps of, found as they were; not for
// false ones that are there in any case. It does nothing for other records.
func (r *Record) AskForBoxes(q *Question) {
	if r.Boxes == nil {
		return
	}
	score, iou := float64(r.Boxes.MinScore), float64(r.Boxes.IoU)
	q.MinScore, q.IoU = &score, &iou
	for k, c := range r.Classes {
		if c.Box > 0 {
			q.Boxes = append(q.Boxes, strconv.Itoa(c.Box))
		} else if k == 0 {
			q.Boxes = append(q.Boxes, "false")
		}
	}
}

// Item is the index that a target's item has of which a map of the record is; below 0 if
// there is none.
func (r *Record) Item(c ClassRecord) int {
	switch {
	case r.Boxes == nil:
		return c.Index
	case c.Box < 0 || c.Box > len(r.Boxes.Found):
		return -1
	}
	return c.Box // 0 is target.OthersItem
}

// title is what a map of boxes is called.
func (r *BoxesRecord) title(c ClassRecord) string {
	if c.Box == 0 {
		return fmt.Sprintf("%s  %.3g", c.Label, float32(c.BaseScore))
	}
	b := r.Found[c.Box-1]
	return fmt.Sprintf("%s  %.3g", b.Name(), float32(b.Score))
}

// listed is how many boxes are listed in words; records have them all.
const listed = 20

// boxLines list what was found in words, each in a line of its own. A star stands before
// those that are mapped.
func (r *Record) boxLines() string {
	var b strings.Builder
	found := r.Boxes.Found
	fmt.Fprintf(&b, "\n  found with a score of %.3g or more: %d", float32(r.Boxes.MinScore), len(found))
	for i, x := range found {
		if i == listed && len(found) > listed+1 {
			fmt.Fprintf(&b, "\n     and %d more", len(found)-i)
			break
		}
		mark := " "
		if slices.ContainsFunc(r.Classes, func(c ClassRecord) bool { return c.Box == x.Number }) {
			mark = "*"
		}
		fmt.Fprintf(&b, "\n   %s%s  %.3f  at %.0f,%.0f to %.0f,%.0f", mark, x.Name(), float32(x.Score), float32(x.X0), float32(x.Y0), float32(x.X1), float32(x.Y1))
	}
	return b.String()
}

// boxCaption says what the numbers of a map of boxes are.
func (r *Record) boxCaption() string {
	switch {
	case r.Classes[0].Box == 0:
		return "the best score of boxes not found on the clean picture"
	case r.Score == string(target.DRISE):
		return "the best overlap times likeness of classes times objectness (D-RISE)"
	}
	return "the best overlap times score of the class"
}

// Other is one more map of an answer that is to be drawn, as an answer whose first map it
// is.
type Other struct {
	// Name tells its file from the first map's: boxN, or false.
	Name string
	*Answer
}

// Others are the maps that are drawn beside the first: of the other boxes that were asked
// for.
func (a *Answer) Others() []Other { return a.others }

// addOthers finds them.
func (a *Answer) addOthers() {
	if a.record.Boxes == nil {
		return
	}
	for k, c := range a.record.Classes {
		name := "false"
		if c.Box > 0 {
			name = fmt.Sprintf("box%d", c.Box)
		} else if !slices.Contains(a.job.question.Boxes, name) {
			continue // it is there in any case
		}
		if k == 0 {
			continue
		}
		r := *a.record
		r.Classes = slices.Concat([]ClassRecord{c}, r.Classes[:k], r.Classes[k+1:])
		a.others = append(a.others, Other{name, &Answer{job: a.job, record: &r, shown: classMap(a.grid, a.result, k), combine: a.combine}})
	}
}

// drawn are the boxes to draw over the map of c.
func (r *BoxesRecord) drawn(c ClassRecord) []heatmap.Box {
	var boxes []heatmap.Box
	for _, b := range r.Found {
		boxes = append(boxes, heatmap.Box{X0: float64(b.X0), Y0: float64(b.Y0), X1: float64(b.X1), Y1: float64(b.Y1), Text: strconv.Itoa(b.Number), Main: b.Number == c.Box})
	}
	return boxes
}

// boxPicker turns what Question.Boxes says into indices of found boxes.
type boxPicker struct {
	picks []func(found []detect.Box) ([]int, error)
	least float64
}

// newBoxPicker reads Question.Boxes for a detector of so many classes with these names,
// which finds boxes of the least score.
func newBoxPicker(values, names []string, classes int, least float64) (*boxPicker, error) {
	p := &boxPicker{least: least}
	if len(values) == 0 {
		values = []string{"best"}
	}
	for _, value := range values {
		n, err := strconv.Atoi(value)
		switch k := topOf(value); {
		case value == "best":
			p.picks = append(p.picks, p.top(1))
		case k > 0:
			p.picks = append(p.picks, p.top(k))
		case value == "all":
			p.picks = append(p.picks, func(found []detect.Box) ([]int, error) { return first(len(found)), nil })
		case value == "false":
			p.picks = append(p.picks, func([]detect.Box) ([]int, error) { return []int{target.OtherBoxes}, nil })
		case err == nil && n < 1:
			return nil, failure.Wrongf("%v %d: boxes are numbered from 1", failure.Setting("box"), n)
		case err == nil:
			p.picks = append(p.picks, p.number(n))
		default:
			c, err := labels.Class(names, value, classes)
			if err != nil {
				return nil, failure.Wrongf("%v %w", failure.Setting("box"), err)
			}
			p.picks = append(p.picks, p.class(c, value))
		}
	}
	return p, nil
}

// nothing says that nothing is found, nil if something is.
func (p *boxPicker) nothing(found []detect.Box) error {
	if len(found) > 0 {
		return nil
	}
	return failure.As(failure.Data, failure.Settingf("%w is found with a score of %.3g or more: a lower %v finds more, and %v false maps where boxes would appear", target.ErrNoBox, p.least, failure.Setting("min-score"), failure.Setting("box")))
}

func (p *boxPicker) top(n int) func([]detect.Box) ([]int, error) {
	return func(found []detect.Box) ([]int, error) { return first(min(n, len(found))), p.nothing(found) }
}

func (p *boxPicker) number(n int) func([]detect.Box) ([]int, error) {
	return func(found []detect.Box) ([]int, error) {
		if n > len(found) {
			if err := p.nothing(found); err != nil {
				return nil, err
			}
			// The next picture may have so many.
			return nil, failure.As(failure.Data, failure.Settingf("%v %d: %w of this number is found: %d with a score of %.3g or more", failure.Setting("box"), n, target.ErrNoBox, len(found), p.least))
		}
		return []int{n - 1}, nil
	}
}

func (p *boxPicker) class(c int, name string) func([]detect.Box) ([]int, error) {
	return func(found []detect.Box) ([]int, error) {
		var l []int
		for i, b := range found {
			if b.Class == c {
				l = append(l, i)
			}
		}
		if l == nil {
			return nil, failure.As(failure.Data, failure.Settingf("%v %s: %w of this class is found with a score of %.3g or more, among %d of others", failure.Setting("box"), name, target.ErrNoBox, p.least, len(found)))
		}
		return l, nil
	}
}

// choose gives the boxes that are picked, each once.
func (p *boxPicker) choose(found []detect.Box) ([]int, error) {
	var all []int
	for _, pick := range p.picks {
		l, err := pick(found)
		if err != nil {
			return nil, err
		}
		all = append(all, l...)
	}
	return eachOnce(all), nil
}

// boxesAtMost is about how many maps a question of boxes has, for its memory.
func (q *Question) boxesAtMost() int {
	const many = 32 // boxes of a picture, or of a class
	n := 1
	for _, value := range q.Boxes {
		if _, err := strconv.Atoi(value); err == nil || value == "false" || value == "best" {
			n++
		} else {
			n += many
		}
	}
	return max(2, n)
}
