package detect

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Output is one output of a network.
type Output struct {
	Name  string
	Shape []int
	Data  []float32
}

// Spec describes a detector's head: the entry `detector` of a model's own file.
type Spec struct {
	// Form is the kind of head, see Forms.
	Form string `yaml:"form" json:"form"`
	// Output names the network's output that the head is in; "" is the first.
	Output string `yaml:"output,omitempty" json:"output,omitempty"`
	// Scores and Boxes name the outputs of the form ssd.
	Scores string `yaml:"scores,omitempty" json:"scores,omitempty"`
	Boxes  string `yaml:"boxes,omitempty" json:"boxes,omitempty"`
	// Background is the class of the form ssd that is nothing, -1 for none.
	Background *int `yaml:"background,omitempty" json:"background,omitempty"`
	// Corners says that boxes are x0, y0, x1, y1 and not centre, width and
	// height (ssd, yolov5, yolov8).
	Corners bool `yaml:"corners,omitempty" json:"corners,omitempty"`
	// Relative says that coordinates are shares of the input's width and
	// height and not its pixels (ssd, yolov5, yolov8).
	Relative bool `yaml:"relative,omitempty" json:"relative,omitempty"`
	// Outputs, Strides and Anchors belong to the forms yolov2 and yolov3: one
	// output for each stride of the grid, with its anchors as width, height,
	// width, ... in pixels of the input (yolov2: of the grid's cells).
	Outputs []string    `yaml:"outputs,omitempty,flow" json:"outputs,omitempty"`
	Strides []int       `yaml:"strides,omitempty,flow" json:"strides,omitempty"`
	Anchors [][]float32 `yaml:"anchors,omitempty,flow" json:"anchors,omitempty"`
	// Threshold is the lowest score that makes an object unless one is asked
	// for, IoU the overlap for non-maximum suppression; 0 leaves them open.
	Threshold float32 `yaml:"threshold,omitempty" json:"threshold,omitempty"`
	IoU       float32 `yaml:"iou,omitempty" json:"iou,omitempty"`
}

// Forms lists the kinds of heads:
//
//	ssd     scores [1,N,classes] and boxes [1,N,4]
//	grid    FastestDet's: [1,5+classes,H,W]: objectness, x, y (tanh, from the
//	        cell's corner), width, height (sigmoid, of the input), classes;
//	        score = objectness^0.6 * class^0.4
//	yolov2  [1,A*(5+classes),H,W]: logits; softmax over classes
//	yolov3  [1,A*(5+classes),H,W]: logits; sigmoids
//	yolov5  [1,N,5+classes]: decoded x, y, width, height, objectness, classes
//	yolov8  [1,4+classes,N]: decoded x, y, width, height, classes
var Forms = []string{"ssd", "grid", "yolov2", "yolov3", "yolov5", "yolov8"}

// ErrHead says that a head does not fit a network's outputs.
var ErrHead = errors.New("the description of the detector does not fit the network")

// check finds what does not need the outputs.
func (s *Spec) check() error {
	if !slices.Contains(Forms, s.Form) {
		return fmt.Errorf("%w: form is %q, want one of %s", ErrHead, s.Form, strings.Join(Forms, ", "))
	}
	if s.Form == "ssd" && (s.Scores == "" || s.Boxes == "") {
		return fmt.Errorf("%w: form ssd names its outputs as scores and boxes", ErrHead)
	}
	if s.Form == "yolov2" || s.Form == "yolov3" {
		n := len(s.Strides)
		if n == 0 || len(s.Anchors) != n || len(s.Outputs) != n && !(n == 1 && len(s.Outputs) == 0) {
			return fmt.Errorf("%w: form %s wants as many outputs, strides and lists of anchors (%d, %d, %d)", ErrHead, s.Form, len(s.Outputs), n, len(s.Anchors))
		}
		for i, a := range s.Anchors {
			if len(a) == 0 || len(a)%2 != 0 || slices.ContainsFunc(a, func(v float32) bool { return !(v > 0) }) || s.Strides[i] < 1 {
				return fmt.Errorf("%w: anchors %v at stride %d", ErrHead, a, s.Strides[i])
			}
		}
	}
	if !(s.Threshold >= 0 && s.Threshold <= 1) || !(s.IoU >= 0 && s.IoU <= 1) {
		return fmt.Errorf("%w: threshold %g and iou %g, want 0 to 1", ErrHead, s.Threshold, s.IoU)
	}
	return nil
}

// Validate says whether the head fits outputs, of which only names and shapes
// are looked at.
func (s *Spec) Validate(outputs []Output) error {
	if err := s.check(); err != nil {
		return err
	}
	_, err := s.heads(outputs)
	return err
}

// head is one output with the sizes that its form gives it.
type head struct {
	data       []float32
	n, classes int // rows, classes
	h, w       int // of a grid
	anchors    []float32
	stride     int
	boxes      []float32 // ssd
}

// heads finds and measures the outputs.
func (s *Spec) heads(outputs []Output) ([]head, error) {
	find := func(name string, axes int) (Output, error) {
		for i, o := range outputs {
			if o.Name == name || name == "" && i == 0 {
				if len(o.Shape) != axes || o.Shape[0] != 1 {
					return o, fmt.Errorf("%w: output %q has shape %v, form %s wants %d axes, the first of length 1", ErrHead, o.Name, o.Shape, s.Form, axes)
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
		}
		var names []string
		for _, o := range outputs {
			names = append(names, o.Name)
		}
		return Output{}, fmt.Errorf("%w: there is no output %q among %s", ErrHead, name, strings.Join(names, ", "))
	}
	few := func(o Output, n int) error {
		return fmt.Errorf("%w: output %q of shape %v has %d numbers for a box, form %s needs more", ErrHead, o.Name, o.Shape, n, s.Form)
	}
	switch s.Form {
	case "ssd":
		sc, err := find(s.Scores, 3)
		if err != nil {
			return nil, err
		}
		bx, err := find(s.Boxes, 3)
		if err != nil {
			return nil, err
		}
		if sc.Shape[1] != bx.Shape[1] || bx.Shape[2] != 4 || sc.Shape[2] < 1 {
			return nil, fmt.Errorf("%w: scores of shape %v and boxes of shape %v", ErrHead, sc.Shape, bx.Shape)
		}
		return []head{{data: sc.Data, n: sc.Shape[1], classes: sc.Shape[2], boxes: bx.Data}}, nil
	case "yolov5":
		o, err := find(s.Output, 3)
		if err != nil {
			return nil, err
		}
		if o.Shape[2] < 6 {
			return nil, few(o, o.Shape[2])
		}
		return []head{{data: o.Data, n: o.Shape[1], classes: o.Shape[2] - 5}}, nil
	case "yolov8":
		o, err := find(s.Output, 3)
		if err != nil {
			return nil, err
		}
		if o.Shape[1] < 5 {
			return nil, few(o, o.Shape[1])
		}
		return []head{{data: o.Data, n: o.Shape[2], classes: o.Shape[1] - 4}}, nil
	case "grid":
		o, err := find(s.Output, 4)
		if err != nil {
			return nil, err
		}
		if o.Shape[1] < 6 {
			return nil, few(o, o.Shape[1])
		}
		return []head{{data: o.Data, h: o.Shape[2], w: o.Shape[3], classes: o.Shape[1] - 5}}, nil
	}
	var list []head
	for i, stride := range s.Strides {
		name := s.Output
		if i < len(s.Outputs) {
			name = s.Outputs[i]
		}
		o, err := find(name, 4)
		if err != nil {
			return nil, err
		}
		a := len(s.Anchors[i]) / 2
		if o.Shape[1]%a != 0 || o.Shape[1]/a < 6 {
			return nil, fmt.Errorf("%w: output %q has %d channels for %d anchors", ErrHead, o.Name, o.Shape[1], a)
		}
		list = append(list, head{data: o.Data, h: o.Shape[2], w: o.Shape[3], classes: o.Shape[1]/a - 5, anchors: s.Anchors[i], stride: stride})
	}
	return list, nil
}

// Decode gives the boxes whose score reaches minScore, for an input of width by
// height pixels, cut at its borders, in the order of the outputs. What is not a
// number makes no box.
func (s *Spec) Decode(outputs []Output, minScore float32, width, height int) ([]Box, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	heads, err := s.heads(outputs)
	if err != nil {
		return nil, err
	}
	d := decoder{spec: s, least: minScore, w: float32(width), h: float32(height)}
	for i := range heads {
		h := &heads[i]
		if h.data == nil || s.Form == "ssd" && h.boxes == nil {
			return nil, fmt.Errorf("%w: an output has no numbers", ErrHead)
		}
		switch s.Form {
		case "ssd":
			d.ssd(h)
		case "grid":
			d.grid(h)
		case "yolov5":
			d.rows(h)
		case "yolov8":
			d.columns(h)
		default:
			d.anchored(h)
		}
	}
	return d.boxes, nil
}

type decoder struct {
	spec  *Spec
	least float32
	w, h  float32
	boxes []Box
}

// add takes a box of corners in pixels.
func (d *decoder) add(b Box) {
	b.X0, b.Y0 = max(0, b.X0), max(0, b.Y0)
	b.X1, b.Y1 = min(d.w, b.X1), min(d.h, b.Y1)
	if b.Score >= d.least && b.valid() {
		d.boxes = append(d.boxes, b)
	}
}

// addFour takes a box as the spec says that its four numbers are.
func (d *decoder) addFour(p [4]float32, class int, score float32) {
	if d.spec.Relative {
		p[0], p[1], p[2], p[3] = p[0]*d.w, p[1]*d.h, p[2]*d.w, p[3]*d.h
	}
	if !d.spec.Corners {
		x, y, w, h := p[0], p[1], p[2], p[3]
		p = [4]float32{x - w/2, y - h/2, x + w/2, y + h/2}
	}
	d.add(Box{p[0], p[1], p[2], p[3], class, score})
}

func (d *decoder) ssd(h *head) {
	background := 0
	if d.spec.Background != nil {
		background = *d.spec.Background
	}
	for i := range h.n {
		for c, score := range h.data[i*h.classes:][:h.classes] {
			if c != background && score >= d.least {
				d.addFour([4]float32(h.boxes[4*i:]), c, score)
			}
		}
	}
}

func (d *decoder) rows(h *head) {
	n := 5 + h.classes
	for i := range h.n {
		r := h.data[i*n:][:n]
		if !(r[4] >= d.least) {
			continue // the product is not above
		}
		c, p := best(r[5:])
		d.addFour([4]float32(r), c, r[4]*p)
	}
}

func (d *decoder) columns(h *head) {
	classes, scores := bestRows(h.data[4*h.n:], h.classes, h.n)
	for i, score := range scores {
		if score >= d.least {
			d.addFour([4]float32{h.data[i], h.data[h.n+i], h.data[2*h.n+i], h.data[3*h.n+i]}, classes[i], score)
		}
	}
}

// bestRows gives, for each of n columns, the first of the rows with the largest number
// and that number, row by row, as they lie: row 0 and -Inf where all are NaN.
func bestRows(data []float32, rows, n int) (at []int, best []float32) {
	at, best = make([]int, n), make([]float32, n)
	for i := range best {
		best[i] = float32(math.Inf(-1))
	}
	for r := range rows {
		for i, v := range data[r*n:][:n] {
			if v > best[i] {
				at[i], best[i] = r, v
			}
		}
	}
	return at, best
}

// grid decodes FastestDet's head (dog-qiuqiu/FastestDet, utils/tool.py,
// handle_preds).
func (d *decoder) grid(h *head) {
	n := h.h * h.w
	at := func(c, i int) float32 { return h.data[c*n+i] }
	classes, best := bestRows(h.data[5*n:], h.classes, n)
	// The fifth power of the lowest score, with room for rounding: powers of three
	// and two tell most cells, in a fiftieth of the time.
	least := math.Pow(float64(max(0, d.least)), 5) * (1 - 1e-5)
	for i, p := range best {
		o, q := float64(at(0, i)), float64(p)
		if o*o*o*q*q < least && o >= 0 && q >= 0 {
			continue
		}
		score := float32(math.Pow(o, .6) * math.Pow(q, .4))
		if !(score >= d.least) {
			continue
		}
		x := (float32(math.Tanh(float64(at(1, i)))) + float32(i%h.w)) / float32(h.w) * d.w
		y := (float32(math.Tanh(float64(at(2, i)))) + float32(i/h.w)) / float32(h.h) * d.h
		bw, bh := sigmoid(at(3, i))*d.w, sigmoid(at(4, i))*d.h
		d.add(Box{x - bw/2, y - bh/2, x + bw/2, y + bh/2, classes[i], score})
	}
}

// anchored decodes the grids of YOLO v2 (Redmon and Farhadi 2017) and v3 (2018).
func (d *decoder) anchored(h *head) {
	n := h.h * h.w
	each := (5 + h.classes) * n
	classes := make([]float32, h.classes)
	stride := float32(h.stride)
	for a := range len(h.anchors) / 2 {
		aw, ah := h.anchors[2*a], h.anchors[2*a+1]
		if d.spec.Form == "yolov2" {
			aw, ah = aw*stride, ah*stride
		}
		for i := range n {
			at := func(c int) float32 { return h.data[a*each+c*n+i] }
			object := sigmoid(at(4))
			if !(object >= d.least) {
				continue
			}
			for c := range classes {
				classes[c] = at(5 + c)
			}
			class, p := best(classes)
			if d.spec.Form == "yolov2" {
				sum := float32(0)
				for _, v := range classes {
					sum += float32(math.Exp(float64(v - p)))
				}
				p = 1 / sum
			} else {
				p = sigmoid(p)
			}
			x, y := (sigmoid(at(0))+float32(i%h.w))*stride, (sigmoid(at(1))+float32(i/h.w))*stride
			bw, bh := aw*float32(math.Exp(float64(at(2)))), ah*float32(math.Exp(float64(at(3))))
			d.add(Box{x - bw/2, y - bh/2, x + bw/2, y + bh/2, class, object * p})
		}
	}
}

// best is the largest number and where it is.
func best(v []float32) (int, float32) {
	at := 0
	for i, x := range v {
		if x > v[at] || v[at] != v[at] {
			at = i
		}
	}
	return at, v[at]
}

func sigmoid(v float32) float32 { return float32(1 / (1 + math.Exp(-float64(v)))) }
