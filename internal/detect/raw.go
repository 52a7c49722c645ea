package detect

import (
	"fmt"
	"math"
	"slices"
)

// Raw reads the boxes of a head as they come: all of them, whatever their scores, before
// any is thinned. It fits outputs of fixed shapes and does not change: several goroutines
// may read with it, which allocates nothing.
type Raw struct {
	spec   *Spec
	reads  []int // indexes of the outputs that are read
	planes []plane
	w, h   float32
	frame  Box // where boxes end
	// logistic says that the head's numbers are logits of each for itself, soft that a
	// class's score takes all classes' numbers; power that of a class's share in a
	// score, objectness having the rest, 0 where both are multiplied; each that every
	// class makes a box of its own, not the best only.
	logistic, soft, each bool
	power                float64
}

// plane is boxes of a head whose numbers lie at even steps: a box's index says where.
type plane struct {
	// data and places are the outputs of the scores' and of the boxes' numbers, as
	// Raw.reads counts them; count, values and labels those that some heads of chosen
	// boxes have besides, -1 for none.
	data, places, count, values, labels int
	n, classes                          int // boxes, classes
	// Where numbers of box i are: its objectness at objectAt + i*step (-1 for none),
	// class c at classAt + i*step + c*classStep, and its four numbers at placeAt[k] +
	// i*placeStep, an angle last (-1 for none).
	objectAt, classAt, step, classStep int
	placeAt                            [5]int
	placeStep                          int
	corners                            bool
	cell                               *cell // nil for boxes that say themselves where they are
	background                         int   // the class that is nothing, -1 for none
	chosen                             bool  // classAt is where the number of a box's class is
}

// Raw reads all boxes of outputs, of which only names and shapes are looked at, of a
// description that fits them. Boxes end at the frame, a part of an input of width by
// height pixels.
func (s *Spec) Raw(outputs []Output, width, height int, frame Box) (*Raw, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	heads, err := s.heads(outputs)
	if err != nil {
		return nil, err
	}
	r := &Raw{
		spec: s, w: float32(width), h: float32(height), frame: frame,
		logistic: s.Activation == "sigmoid" || s.Form == "yolov2" || s.Form == "yolov3",
		soft:     s.Activation == "softmax" || s.Form == "yolov2",
		each:     s.Form == "ssd",
	}
	if s.Form == "grid" {
		r.power = .4
	}
	for i := range heads {
		if err := r.add(&heads[i], outputs); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Reads lists the outputs that are read, by their indexes among those given to Spec.Raw.
func (r *Raw) Reads() []int { return r.reads }

// reading gives the place of an output, by name, among those that are read; -1 where no
// name is given and none is meant.
func (r *Raw) reading(outputs []Output, name string, first bool) int {
	if name == "" && !first {
		return -1
	}
	i := 0
	if name != "" {
		i = slices.IndexFunc(outputs, func(o Output) bool { return o.Name == name })
	}
	if k := slices.Index(r.reads, i); k >= 0 {
		return k
	}
	r.reads = append(r.reads, i)
	return len(r.reads) - 1
}

// add adds the planes of a head.
func (r *Raw) add(h *head, outputs []Output) error {
	s := r.spec
	p := plane{n: h.n, classes: h.classes, objectAt: -1, count: -1, values: -1, labels: -1, background: -1, corners: s.Corners}
	p.data = r.reading(outputs, h.out.Name, true)
	p.places = p.data
	rows := func(class int) { // a box's numbers lie together
		p.classAt, p.step, p.classStep = class, h.row, 1
		p.placeAt, p.placeStep = [5]int{0, 1, 2, 3, -1}, h.row
	}
	columns := func(first, class int) { // so do the same numbers of all boxes
		p.classAt, p.step, p.classStep = class*p.n, 1, p.n
		p.placeAt, p.placeStep = [5]int{first * p.n, (first + 1) * p.n, (first + 2) * p.n, (first + 3) * p.n, -1}, 1
	}
	switch s.Form {
	case "ssd":
		p.classAt, p.step, p.classStep = 0, h.classes, 1
		p.places, p.placeAt, p.placeStep = r.reading(outputs, s.Boxes, true), [5]int{0, 1, 2, 3, -1}, 4
		p.background = s.background()
	case "grid":
		p.n, p.cell = h.h*h.w, &cell{form: s.Form, rows: h.h, columns: h.w}
		columns(1, 5)
		p.objectAt = 0
	case "yolov8":
		columns(0, 4)
		if s.Angle {
			p.placeAt[4] = (h.row - 1) * p.n
		}
	case "yolov5", "detr", "yolox":
		rows(4)
		if s.Form != "detr" {
			p.objectAt, p.classAt = 4, 5
		}
		if s.Angle {
			p.placeAt[4] = h.row - 1
		}
	case "nms":
		r.addChosen(h, p, outputs)
		return nil
	case "yolov2", "yolov3":
		p.n = h.h * h.w
		columns(0, 5)
		p.objectAt = 4 * p.n
	}
	return r.addGrids(h, p)
}

// addGrids adds a plane for each grid of a head, which begins with p.
func (r *Raw) addGrids(h *head, p plane) error {
	switch s := r.spec; s.Form {
	case "yolox":
		strides, cells := s.grids(int(r.w), int(r.h))
		if cells != h.n {
			return fmt.Errorf("%w: output %q: %d boxes for %d cells", ErrHead, h.out.Name, h.n, cells) // Fit has said so
		}
		for _, stride := range strides {
			p.cell = &cell{form: s.Form, rows: int(r.h) / stride, columns: int(r.w) / stride, stride: float32(stride)}
			p.n = p.cell.rows * p.cell.columns
			r.planes = append(r.planes, p)
			p = p.moved(p.n * h.row)
		}
	case "yolov2", "yolov3":
		for a := range len(h.anchors) / 2 {
			c := s.anchor(h, a)
			p.cell = &c
			r.planes = append(r.planes, p)
			p = p.moved((5 + h.classes) * p.n)
		}
	default:
		r.planes = append(r.planes, p)
	}
	return nil
}

// moved is a plane so many numbers further.
func (p plane) moved(by int) plane {
	p.objectAt, p.classAt = p.objectAt+by, p.classAt+by
	for k := range 4 {
		p.placeAt[k] += by
	}
	return p
}

// addChosen adds the plane of a head of chosen boxes: each has one class.
func (r *Raw) addChosen(h *head, p plane, outputs []Output) {
	at := func(column string) int { return h.columns[column] }
	p.chosen, p.corners, p.step, p.placeStep = true, true, h.row, h.row
	names := [5]string{"x0", "y0", "x1", "y1", "angle"}
	if at("x") >= 0 {
		p.corners = false
		names = [5]string{"x", "y", "w", "h", "angle"}
	}
	for k, name := range names {
		p.placeAt[k] = at(name)
	}
	p.objectAt, p.classAt = at("score"), at("class")
	p.values, p.labels, p.count = r.reading(outputs, r.spec.Scores, false), r.reading(outputs, r.spec.Labels, false), r.reading(outputs, r.spec.Count, false)
	r.planes = append(r.planes, p)
}

// boxes is a plane with the numbers of one run.
type boxes struct {
	*plane
	raw                  *Raw
	n                    int
	data, places         []float32
	values, labels       []float32
	valueStep, labelStep int
}

// of gives a plane the outputs of a run.
func (r *Raw) of(p *plane, outs [][]float32) boxes {
	b := boxes{plane: p, raw: r, n: p.n, data: outs[p.data], places: outs[p.places]}
	if !p.chosen {
		return b
	}
	if p.count >= 0 {
		if c := outs[p.count][0]; c >= 0 && c < float32(p.n) {
			b.n = int(c)
		}
	}
	b.values, b.valueStep = b.data[max(0, p.objectAt):], p.step
	if p.values >= 0 {
		b.values, b.valueStep = outs[p.values], 1
	}
	switch {
	case p.labels >= 0:
		b.labels, b.labelStep = outs[p.labels], 1
	case p.classAt >= 0:
		b.labels, b.labelStep = b.data[p.classAt:], p.step
	}
	return b
}

// number makes a share of 1 of a head's number where that does not take others.
func (r *Raw) number(v float32) float32 {
	if r.logistic {
		return sigmoid(v)
	}
	return max(0, min(v, 1)) // rounding may have it outside
}

// object is a box's objectness, 1 where the head has none; of chosen boxes it is their
// score.
func (b *boxes) object(i int) float32 {
	switch {
	case b.chosen:
		v := b.values[i*b.valueStep]
		if v == -1 || b.label(i) < 0 { // a filler
			return 0
		}
		return b.raw.number(v)
	case b.objectAt < 0:
		return 1
	}
	return b.raw.number(b.data[b.objectAt+i*b.step])
}

// label is the class of a chosen box, below 0 for none.
func (b *boxes) label(i int) int {
	if b.labels == nil {
		return 0
	}
	v := math.Round(float64(b.labels[i*b.labelStep]))
	if !(v >= 0 && v <= most) {
		return -1
	}
	return int(v) - b.raw.spec.FirstClass
}

// logit is the number that the class c of a box has in the head.
func (b *boxes) logit(i, c int) float32 { return b.data[b.classAt+i*b.step+c*b.classStep] }

// share is the class c's of a box, before its objectness.
func (b *boxes) share(i, c int) float32 {
	switch {
	case b.chosen:
		if b.label(i) == c {
			return 1
		}
		return 0
	case !b.raw.soft:
		return b.raw.number(b.logit(i, c))
	}
	_, top := b.best(i)
	if b.cell != nil { // as Decode rounds it
		sum := float32(0)
		for k := range b.classes {
			sum += float32(math.Exp(float64(b.logit(i, k) - top)))
		}
		return float32(math.Exp(float64(b.logit(i, c)-top))) / sum
	}
	sum := 0.0
	for k := range b.classes {
		sum += math.Exp(float64(b.logit(i, k)) - float64(top))
	}
	return float32(float64(float32(math.Exp(float64(b.logit(i, c))-float64(top)))) / sum)
}

// best is the class with a box's largest number, and that number.
func (b *boxes) best(i int) (int, float32) {
	if b.chosen {
		return b.label(i), 1
	}
	at, top := 0, b.logit(i, 0)
	for c := 1; c < b.classes; c++ {
		if v := b.logit(i, c); v > top || top != top {
			at, top = c, v
		}
	}
	return at, top
}

// score joins a box's objectness and a class's share as the form does.
func (r *Raw) score(object, share float32) float32 {
	if r.power != 0 {
		return min(1, float32(math.Pow(float64(object), 1-r.power)*math.Pow(float64(share), r.power)))
	}
	return min(1, object*share)
}

// floor is a number of the head such that none up to it makes a score above best, whether
// it is that of a class or, as object says, an objectness: it saves looking further. It
// is -Inf where that cannot be told of one number.
func (r *Raw) floor(best float32, object bool) float32 {
	s := float64(best)
	switch {
	case r.soft && !object:
		return float32(math.Inf(-1))
	case r.power != 0 && object: // the other is 1 at most
		s = math.Pow(s, 1/(1-r.power))
	case r.power != 0:
		s = math.Pow(s, 1/r.power)
	}
	if s *= 1 - 1e-5; !r.logistic { // with room for rounding
		return float32(s)
	}
	v := math.Log(s / (1 - s))
	return float32(v - 1e-5*(1+math.Abs(v)))
}

// box is where a box lies, cut at the frame; the quad where it may be turned. It has
// neither class nor score.
func (b *boxes) box(i int) (Box, quad, bool) {
	at := i * b.placeStep
	p := [4]float32{b.places[b.placeAt[0]+at], b.places[b.placeAt[1]+at], b.places[b.placeAt[2]+at], b.places[b.placeAt[3]+at]}
	var x Box
	var q quad
	if b.cell != nil {
		x = b.cell.lie(p, i, b.raw.w, b.raw.h)
	} else {
		angle := float32(0)
		if b.placeAt[4] >= 0 {
			angle = b.places[b.placeAt[4]+at]
		}
		ok := false
		if x, q, ok = b.raw.spec.lie(p, b.corners, angle, b.raw.w, b.raw.h); !ok {
			return x, q, false
		}
	}
	f := &b.raw.frame
	x.X0, x.Y0, x.X1, x.Y1 = max(x.X0, f.X0), max(x.Y0, f.Y0), min(x.X1, f.X1), min(x.Y1, f.Y1)
	return x, q, x.valid()
}
