package detect

import (
	"fmt"
	"slices"
	"strings"
)

// head is one output with the sizes that its form gives it.
type head struct {
	out        Output
	data       []float32
	n, classes int // boxes, classes
	row        int // numbers of a box
	h, w       int // of a grid
	anchors    []float32
	stride     int
	columns    map[string]int // nms: where each is in a row
	// Outputs beside the rows: boxes of ssd, the others of nms.
	boxes, scores, labels, count []float32
}

// Fit says whether the head fits outputs, of which only names and shapes are looked
// at, an input of width by height pixels, and so many names of classes (0 if there are
// none). It gives the description with the number of classes in it.
func (s *Spec) Fit(outputs []Output, labels, width, height int) (*Spec, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	fitted := *s
	heads, err := s.heads(outputs)
	if err != nil {
		return nil, err
	}
	for i := range heads {
		h := &heads[i]
		if h.classes == 0 { // nms: the rows do not say
			h.classes = labels
		}
		if labels > 0 && h.classes != labels {
			return nil, fmt.Errorf("%w: output %q of shape %v, read as form %s, has %d classes, and the labels name %d%s", ErrHead, h.out.Name, h.out.Shape, s.Form, h.classes, labels, s.remedy(h, labels))
		}
		if i > 0 && h.classes != fitted.Classes {
			return nil, fmt.Errorf("%w: output %q has %d classes, the one before %d", ErrHead, h.out.Name, h.classes, fitted.Classes)
		}
		if err := s.ambiguous(h, outputs, labels); err != nil {
			return nil, err
		}
		if s.Form == "nms" && h.columns["class"] < 0 && s.Labels == "" && h.classes != 1 {
			return nil, fmt.Errorf("%w: output %q of shape %v has no column for a class: say classes: 1, or columns", ErrHead, h.out.Name, h.out.Shape)
		}
		if strides, cells := s.grids(width, height); s.Form == "yolox" && cells != h.n {
			return nil, fmt.Errorf("%w: output %q of shape %v has %d boxes, and grids of strides %v on %dx%d pixels have %d cells", ErrHead, h.out.Name, h.out.Shape, h.n, strides, width, height, cells)
		}
		fitted.Classes = h.classes
	}
	return &fitted, nil
}

// mostChosen is more boxes than exported non-maximum suppression leaves.
const mostChosen = 1000

// ambiguous refuses shapes that are as well another head's, unless the number of
// classes is known otherwise.
func (s *Spec) ambiguous(h *head, outputs []Output, labels int) error {
	if labels > 0 || s.Classes > 0 || len(h.out.Shape) != 3 || s.Form == "nms" || s.Form == "ssd" {
		return nil
	}
	if n := h.out.Shape[1]; h.out.Shape[2] == 6 && n > 6 && n <= mostChosen {
		return fmt.Errorf("%w: output %q of shape %v may be boxes that are chosen already (form: nms), or %d classes as form %s has them: say classes: %d if it is that", ErrHead, h.out.Name, h.out.Shape, h.classes, s.Form, h.classes)
	}
	if s.extras() > 0 {
		return nil
	}
	for _, o := range outputs {
		if len(o.Shape) == 4 && o.Name != h.out.Name && o.Shape[1] > 1 && o.Shape[1] < h.classes {
			return fmt.Errorf("%w: output %q of shape %v may end with coefficients for the masks in output %q of shape %v (masks: %d), or have %d classes: say classes: %d if it has", ErrHead, h.out.Name, h.out.Shape, o.Name, o.Shape, o.Shape[1], h.classes, h.classes)
		}
	}
	return nil
}

// remedy says what would make a head fit so many classes, "" if nothing is known.
func (s *Spec) remedy(h *head, classes int) string {
	if l := Suggest(h.out.Shape, classes); len(l) > 0 {
		return "; the shape would fit " + strings.Join(l, " or ")
	}
	if over := h.classes - classes; over > 0 && over <= mostExtras && h.row > 0 && s.extras() == 0 {
		return fmt.Sprintf("; if %d numbers follow the classes, say %s", over, extraKeys(over))
	}
	return ""
}

// mostExtras is more numbers than known heads have after their classes: 133 keypoints
// of a whole body.
const mostExtras = 400

// extraKeys names the keys that so many numbers after the classes may stand for.
func extraKeys(n int) string {
	switch {
	case n == 1:
		return "angle: true (turned boxes)"
	case n == 32:
		return "masks: 32 (segmentation)"
	case n%3 == 0:
		return fmt.Sprintf("keypoints: [%d, 3] (poses), or masks: %d", n/3, n)
	case n%2 == 0:
		return fmt.Sprintf("keypoints: [%d, 2] (poses), or masks: %d", n/2, n)
	}
	return fmt.Sprintf("masks: %d", n)
}

// Suggest gives descriptions that a single output of this shape may have, for so
// many classes (0 if that is not known).
func Suggest(shape []int, classes int) []string {
	if len(shape) == 2 && shape[1] == 6 {
		return []string{"detector: {form: nms}"}
	}
	if len(shape) != 3 || shape[0] != 1 {
		return nil
	}
	var l []string
	try := func(form string, has, before int, likely bool) {
		n := has - before
		switch {
		case n < 1 || classes > n || !likely && classes != n:
		case classes == 0:
			l = append(l, fmt.Sprintf("detector: {form: %s, classes: %d}", form, n))
		case classes == n:
			l = append(l, fmt.Sprintf("detector: {form: %s}", form))
		case n-classes == 32:
			l = append(l, fmt.Sprintf("detector: {form: %s, masks: 32}", form))
		case n-classes == 1 && form == "yolov8":
			l = append(l, fmt.Sprintf("detector: {form: %s, angle: true}", form))
		case (n-classes)%3 == 0 && form == "yolov8" && n-classes <= mostExtras:
			l = append(l, fmt.Sprintf("detector: {form: %s, keypoints: [%d, 3]}", form, (n-classes)/3))
		}
	}
	if shape[2] == 6 {
		l = append(l, "detector: {form: nms}")
	}
	try("yolov8", shape[1], 4, shape[1] < shape[2])
	try("yolov5", shape[2], 5, shape[2] < shape[1])
	try("detr", shape[2], 4, shape[2] < shape[1])
	return l
}

// find gives an output by name, the first for "".
func (s *Spec) find(outputs []Output, name string) (Output, error) {
	for i, o := range outputs {
		if o.Name != name && (name != "" || i > 0) {
			continue
		}
		size := 1
		for _, d := range o.Shape {
			size *= max(0, d)
		}
		if o.Data != nil && len(o.Data) != size {
			return o, fmt.Errorf("%w: output %q has %d numbers for shape %v", ErrHead, o.Name, len(o.Data), o.Shape)
		}
		return o, nil
	}
	var names []string
	for _, o := range outputs {
		names = append(names, o.Name)
	}
	return Output{}, fmt.Errorf("%w: there is no output %q among %s", ErrHead, name, strings.Join(names, ", "))
}

// findOf is find for an output of so many axes.
func (s *Spec) findOf(outputs []Output, name string, axes int) (Output, error) {
	o, err := s.find(outputs, name)
	if err == nil && (len(o.Shape) != axes || o.Shape[0] != 1) {
		err = fmt.Errorf("%w: output %q has shape %v, form %s wants %d axes, the first of length 1%s", ErrHead, o.Name, o.Shape, s.Form, axes, s.otherForms(o.Shape))
	}
	return o, err
}

// otherForms names forms that a shape would fit.
func (s *Spec) otherForms(shape []int) string {
	if l := Suggest(shape, s.Classes); len(l) > 0 {
		return "; the shape would fit " + strings.Join(l, " or ")
	}
	return ""
}

// heads finds and measures the outputs.
func (s *Spec) heads(outputs []Output) ([]head, error) {
	one := func(h head, err error) ([]head, error) { return []head{h}, err }
	switch s.Form {
	case "ssd":
		return one(s.ssdHead(outputs))
	case "yolov5", "yolox":
		return one(s.denseHead(outputs, 2, 5))
	case "yolov8":
		return one(s.denseHead(outputs, 1, 4))
	case "detr":
		return one(s.denseHead(outputs, 2, 4))
	case "nms":
		return one(s.chosenHead(outputs))
	case "grid":
		o, err := s.findOf(outputs, s.Output, 4)
		if err != nil {
			return nil, err
		}
		h := head{out: o, data: o.Data, h: o.Shape[2], w: o.Shape[3], row: o.Shape[1], classes: o.Shape[1] - 5}
		return one(h, s.counted(&h))
	}
	var list []head
	for i, stride := range s.Strides {
		name := s.Output
		if i < len(s.Outputs) {
			name = s.Outputs[i]
		}
		o, err := s.findOf(outputs, name, 4)
		if err != nil {
			return nil, err
		}
		a := len(s.Anchors[i]) / 2
		if o.Shape[1]%a != 0 {
			return nil, fmt.Errorf("%w: output %q has %d channels for %d anchors", ErrHead, o.Name, o.Shape[1], a)
		}
		h := head{out: o, data: o.Data, h: o.Shape[2], w: o.Shape[3], row: o.Shape[1] / a, classes: o.Shape[1]/a - 5, anchors: s.Anchors[i], stride: stride}
		if err := s.counted(&h); err != nil {
			return nil, err
		}
		list = append(list, h)
	}
	return list, nil
}

// counted says whether a head has classes, and as many as the description says.
func (s *Spec) counted(h *head) error {
	if h.classes < 1 {
		return fmt.Errorf("%w: output %q of shape %v has %d numbers for a box, form %s needs more%s", ErrHead, h.out.Name, h.out.Shape, h.row, s.Form, s.otherForms(h.out.Shape))
	}
	if s.Classes > 0 && h.classes != s.Classes {
		return fmt.Errorf("%w: output %q of shape %v, read as form %s, has %d classes, and the description says %d%s", ErrHead, h.out.Name, h.out.Shape, s.Form, h.classes, s.Classes, s.remedy(h, s.Classes))
	}
	return nil
}

// ssdHead is that of the form ssd.
func (s *Spec) ssdHead(outputs []Output) (head, error) {
	sc, err := s.findOf(outputs, s.Scores, 3)
	if err != nil {
		return head{}, err
	}
	bx, err := s.findOf(outputs, s.Boxes, 3)
	if err != nil {
		return head{}, err
	}
	if sc.Shape[1] != bx.Shape[1] || bx.Shape[2] != 4 || sc.Shape[2] < 1 {
		return head{}, fmt.Errorf("%w: scores of shape %v and boxes of shape %v", ErrHead, sc.Shape, bx.Shape)
	}
	h := head{out: sc, data: sc.Data, n: sc.Shape[1], classes: sc.Shape[2], boxes: bx.Data}
	return h, s.counted(&h)
}

// denseHead is that of the forms that have one row (axis 2) or column (axis 1) for
// each place: so many numbers before the classes.
func (s *Spec) denseHead(outputs []Output, axis, before int) (head, error) {
	o, err := s.findOf(outputs, s.Output, 3)
	if err != nil {
		return head{}, err
	}
	h := head{out: o, data: o.Data, n: o.Shape[3-axis], row: o.Shape[axis], classes: o.Shape[axis] - before - s.extras()}
	return h, s.counted(&h)
}

// chosenHead is that of the form nms.
func (s *Spec) chosenHead(outputs []Output) (head, error) {
	name := s.Output
	if s.Boxes != "" {
		name = s.Boxes
	}
	o, err := s.find(outputs, name)
	if err != nil {
		return head{}, err
	}
	axes := len(o.Shape)
	if axes != 2 && (axes != 3 || o.Shape[0] != 1) {
		return head{}, fmt.Errorf("%w: output %q has shape %v, form nms wants rows of boxes, [1,N,6] or [N,6]%s", ErrHead, o.Name, o.Shape, s.otherForms(o.Shape))
	}
	h := head{out: o, data: o.Data, n: o.Shape[axes-2], row: o.Shape[axes-1], classes: s.Classes}
	columns, err := s.rowOf(&h)
	if err != nil {
		return head{}, err
	}
	h.columns = map[string]int{}
	for _, c := range columnNames {
		h.columns[c] = slices.Index(columns, c)
	}
	for _, p := range []struct {
		name string
		size int
		to   *[]float32
	}{{s.Scores, h.n, &h.scores}, {s.Labels, h.n, &h.labels}, {s.Count, 1, &h.count}} {
		if p.name == "" {
			continue
		}
		o, err := s.find(outputs, p.name)
		if err != nil {
			return head{}, err
		}
		size := 1
		for _, d := range o.Shape {
			size *= d
		}
		if size != p.size {
			return head{}, fmt.Errorf("%w: output %q has shape %v, want one number for each of %d boxes", ErrHead, o.Name, o.Shape, p.size)
		}
		*p.to = o.Data
	}
	return h, nil
}

// rowOf gives the columns of a row of chosen boxes.
func (s *Spec) rowOf(h *head) ([]string, error) {
	passed := s.extras()
	columns := s.Columns
	if columns == nil {
		columns = []string{"x0", "y0", "x1", "y1"}
		if s.Angle { // as Ultralytics writes it
			columns = []string{"x", "y", "w", "h"}
			passed--
		}
		if s.Scores == "" {
			columns = append(columns, "score")
		}
		if s.Labels == "" && (s.Angle || h.row-passed > len(columns)) {
			columns = append(columns, "class")
		}
		if s.Angle {
			columns = append(columns, "angle")
		}
	}
	if !slices.Contains(columns, "score") && s.Scores == "" {
		return nil, fmt.Errorf("%w: columns %v hold no score, and no output is named as scores", ErrHead, columns)
	}
	if want := len(columns) + passed; h.row != want {
		advice := "name all as columns, those that do not matter as skip"
		if h.row == 7 && s.Columns == nil {
			advice = "say angle: true if they are x, y, w, h, score, class, angle, or columns: [skip, x0, y0, x1, y1, class, score] if that is what they are"
		} else if over := h.row - want; over > 0 && s.Columns == nil && passed == 0 {
			advice = "if numbers follow the class, say " + extraKeys(over) + "; else " + advice
		}
		return nil, fmt.Errorf("%w: output %q of shape %v has %d numbers for a box, form nms with these columns %d: %s", ErrHead, h.out.Name, h.out.Shape, h.row, want, advice)
	}
	return columns, nil
}
