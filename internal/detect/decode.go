package detect

import (
	"fmt"
	"math"
	"slices"
)

// Decode gives the boxes whose score reaches minScore, for an input of width by
// height pixels, cut at its borders, in the order of the outputs. What is not a
// number makes no box; numbers that no head of this form can have are an error.
func (s *Spec) Decode(outputs []Output, minScore float32, width, height int) ([]Box, error) {
	d, err := s.decode(outputs, minScore, width, height)
	if err != nil {
		return nil, err
	}
	return d.boxes, nil
}

// Find is Decode, and then non-maximum suppression: boxes that are turned overlap as
// they lie, not as their hulls do. With an iou of 0 all boxes stay. The best come first.
func (s *Spec) Find(outputs []Output, minScore, iou float32, width, height int) ([]Box, error) {
	d, err := s.decode(outputs, minScore, width, height)
	switch {
	case err != nil:
		return nil, err
	case iou == 0:
		slices.SortStableFunc(d.boxes, byScore)
		return d.boxes, nil
	case d.turned == nil:
		return NMS(d.boxes, iou), nil
	}
	return thinTurned(d.boxes, d.turned, iou), nil
}

func (s *Spec) decode(outputs []Output, minScore float32, width, height int) (*decoder, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	heads, err := s.heads(outputs)
	if err != nil {
		return nil, err
	}
	d := &decoder{spec: s, least: minScore, w: float32(width), h: float32(height)}
	for i := range heads {
		h := &heads[i]
		if h.data == nil || s.Form == "ssd" && h.boxes == nil || s.Scores != "" && s.Form == "nms" && h.scores == nil || s.Labels != "" && h.labels == nil || s.Count != "" && h.count == nil {
			return nil, fmt.Errorf("%w: an output has no numbers", ErrHead)
		}
		d.head = h
		switch s.Form {
		case "ssd":
			d.ssd(h)
		case "grid":
			d.grid(h)
		case "yolov5":
			d.rows(h)
		case "detr":
			d.plainRows(h)
		case "yolox":
			d.cells(h)
		case "yolov8":
			d.columns(h)
		case "nms":
			d.chosen(h)
		default:
			d.anchored(h)
		}
		if err := d.suspect(); err != nil {
			return nil, err
		}
	}
	return d, nil
}

type decoder struct {
	spec  *Spec
	head  *head
	least float32
	w, h  float32
	boxes []Box
	// turned are the boxes as they lie, where there may be turned ones.
	turned []quad
	err    error // what no head of this form holds
	seen   evidence
	exps   []float32
}

// add takes a box of corners in pixels, if it counts.
func (d *decoder) add(b Box) bool {
	b.X0, b.Y0 = max(0, b.X0), max(0, b.Y0)
	b.X1, b.Y1 = min(d.w, b.X1), min(d.h, b.Y1)
	b.Score = min(b.Score, 1) // rounding may have it above
	if !(b.Score >= d.least && b.valid()) {
		return false
	}
	d.boxes = append(d.boxes, b)
	return true
}

// addCell takes the box of a cell.
func (d *decoder) addCell(c *cell, p [4]float32, i, class int, score float32) {
	b := c.lie(p, i, d.w, d.h)
	b.Class, b.Score = class, score
	d.add(b)
}

// turns says whether boxes may be turned.
func (s *Spec) turns() bool { return s.Angle || slices.Contains(s.Columns, "angle") }

// addFour takes a box as the spec says that its four numbers are.
func (d *decoder) addFour(p [4]float32, class int, score float32) {
	d.addBox(p, d.spec.Corners, 0, class, score)
}

// addBox takes a box of corners, or of centre and size, which may be turned: then its
// hull is taken.
func (d *decoder) addBox(p [4]float32, corners bool, angle float32, class int, score float32) {
	if !(score >= d.least) {
		return
	}
	d.seen.box(p, corners)
	b, q, ok := d.spec.lie(p, corners, angle, d.w, d.h)
	if !ok {
		return
	}
	b.Class, b.Score = class, score
	if d.add(b) && d.spec.turns() {
		d.turned = append(d.turned, q)
	}
}

// lie makes a box of its four numbers as they stand in a row of a head, for an input of
// width by height pixels: of corners, or of centre and size. Where boxes may be turned it
// is the hull, and the quad is how it lies; there is none without any extent.
func (s *Spec) lie(p [4]float32, corners bool, angle, width, height float32) (Box, quad, bool) {
	if s.Relative {
		p[0], p[1], p[2], p[3] = p[0]*width, p[1]*height, p[2]*width, p[3]*height
	}
	switch x, y, w, h := p[0], p[1], p[2], p[3]; {
	case corners:
	case !s.turns():
		p = [4]float32{x - w/2, y - h/2, x + w/2, y + h/2}
	case w > 0 && h > 0:
		q := turned(x, y, w, h, angle)
		x0, y0, x1, y1 := q.hull()
		return Box{X0: x0, Y0: y0, X1: x1, Y1: y1}, q, true
	default:
		return Box{}, quad{}, false
	}
	return Box{X0: p[0], Y0: p[1], X1: p[2], Y1: p[3]}, quad{}, true
}

// cell is what the boxes of a head's cells are relative to: a grid, and for some forms
// a stride in pixels and an anchor.
type cell struct {
	form           string
	rows, columns  int
	stride, aw, ah float32
}

// lie makes a box of the four numbers of the cell i, for an input of width by height
// pixels: as FastestDet (dog-qiuqiu/FastestDet, utils/tool.py, handle_preds), YOLOX
// (Megvii-BaseDetection/YOLOX, yolo_head.py, decode_outputs), or YOLO v2 (Redmon and
// Farhadi 2017) and v3 (2018) have it.
func (c *cell) lie(p [4]float32, i int, width, height float32) Box {
	column, row := float32(i%c.columns), float32(i/c.columns)
	exp := func(v float32) float32 { return float32(math.Exp(float64(v))) }
	var x, y, w, h float32
	switch c.form {
	case "grid":
		x = (float32(math.Tanh(float64(p[0]))) + column) / float32(c.columns) * width
		y = (float32(math.Tanh(float64(p[1]))) + row) / float32(c.rows) * height
		w, h = sigmoid(p[2])*width, sigmoid(p[3])*height
	case "yolox":
		x, y = (p[0]+column)*c.stride, (p[1]+row)*c.stride
		w, h = c.stride*exp(p[2]), c.stride*exp(p[3])
	default:
		x, y = (sigmoid(p[0])+column)*c.stride, (sigmoid(p[1])+row)*c.stride
		w, h = c.aw*exp(p[2]), c.ah*exp(p[3])
	}
	return Box{X0: x - w/2, Y0: y - h/2, X1: x + w/2, Y1: y + h/2}
}

// background is the class of the form ssd that is nothing, below 0 for none.
func (s *Spec) background() int {
	if s.Background == nil {
		return 0
	}
	return *s.Background
}

func (d *decoder) ssd(h *head) {
	background := d.spec.background()
	for i := range h.n {
		for c, score := range d.scores(h.data[i*h.classes:][:h.classes], i) {
			if c != background && score >= d.least {
				d.addFour([4]float32(h.boxes[4*i:]), c, score)
			}
		}
	}
}

// rows decodes a row for each box, with objectness.
func (d *decoder) rows(h *head) {
	for i := range h.n {
		r := h.data[i*h.row:][:h.row]
		object := d.score(r[4], i, -1)
		if !(object >= d.least) {
			continue // the product is not above
		}
		c, p := best(d.scores(r[5:][:h.classes], i))
		d.addBox([4]float32(r), d.spec.Corners, d.angle(r), c, object*p)
	}
}

// plainRows decodes a row for each box, without objectness.
func (d *decoder) plainRows(h *head) {
	for i := range h.n {
		r := h.data[i*h.row:][:h.row]
		c, p := best(d.scores(r[4:][:h.classes], i))
		d.addBox([4]float32(r), d.spec.Corners, d.angle(r), c, p)
	}
}

// angle is the last number of a row where boxes are turned.
func (d *decoder) angle(row []float32) float32 {
	if !d.spec.Angle {
		return 0
	}
	return row[len(row)-1]
}

func (d *decoder) columns(h *head) {
	if d.spec.Activation == "softmax" {
		d.softmaxColumns(h)
		return
	}
	classes, scores, low := bestRows(h.data[4*h.n:][:h.classes*h.n], h.classes, h.n)
	if low >= 0 {
		d.score(h.data[4*h.n+low], low%h.n, low/h.n)
	}
	for i, raw := range scores {
		if score := d.score(raw, i, classes[i]); score >= d.least {
			at := func(r int) float32 { return h.data[r*h.n+i] }
			angle := float32(0)
			if d.spec.Angle {
				angle = at(h.row - 1)
			}
			d.addBox([4]float32{at(0), at(1), at(2), at(3)}, d.spec.Corners, angle, classes[i], score)
		}
	}
}

// softmaxColumns is columns where a class's score depends on all.
func (d *decoder) softmaxColumns(h *head) {
	r := make([]float32, h.row)
	for i := range h.n {
		for k := range r {
			r[k] = h.data[k*h.n+i]
		}
		c, p := best(d.scores(r[4:][:h.classes], i))
		d.addBox([4]float32(r), d.spec.Corners, d.angle(r), c, p)
	}
}

// bestRows gives, for each of n columns, the first of the rows with the largest number
// and that number, row by row, as they lie: row 0 and -Inf where all are NaN. lowest
// is where the lowest number is, -1 if none is below 0.
func bestRows(data []float32, rows, n int) (at []int, best []float32, lowest int) {
	at, best, lowest = make([]int, n), make([]float32, n), -1
	for i := range best {
		best[i] = float32(math.Inf(-1))
	}
	low := float32(0)
	for r := range rows {
		for i, v := range data[r*n:][:n] {
			if v > best[i] {
				at[i], best[i] = r, v
			}
			if v < low {
				low, lowest = v, r*n+i
			}
		}
	}
	return at, best, lowest
}

// chosen decodes boxes that are chosen already.
func (d *decoder) chosen(h *head) {
	n := h.n
	if h.count != nil {
		c := float64(h.count[0])
		if !(c >= 0 && c <= float64(n)) || c != math.Trunc(c) {
			d.fail("output %q says that there are %g boxes of %d", d.spec.Count, c, n)
			return
		}
		n = int(c)
	}
	box, corners := [4]string{"x0", "y0", "x1", "y1"}, true
	if h.columns["x"] >= 0 {
		box, corners = [4]string{"x", "y", "w", "h"}, false
	}
	for i := range n {
		r := h.data[i*h.row:][:h.row]
		number := func(column string, own []float32) float32 {
			if own != nil {
				return own[i]
			}
			if k := h.columns[column]; k >= 0 {
				return r[k]
			}
			return 0
		}
		raw, class := number("score", h.scores), number("class", h.labels)
		if raw == -1 || class == -1 { // a filler
			continue
		}
		score := d.score(raw, i, -1)
		if !(score >= d.least) {
			continue
		}
		c, ok := d.class(class, i)
		if !ok {
			continue
		}
		var p [4]float32
		for k, name := range box {
			p[k] = r[h.columns[name]]
		}
		d.addBox(p, corners, number("angle", nil), c, score)
	}
}

// grid decodes FastestDet's head.
func (d *decoder) grid(h *head) {
	n := h.h * h.w
	c := cell{form: "grid", rows: h.h, columns: h.w}
	at := func(c, i int) float32 { return h.data[c*n+i] }
	classes, best, low := bestRows(h.data[5*n:], h.classes, n)
	if low >= 0 {
		d.score(h.data[5*n+low], low%n, low/n)
	}
	// The fifth power of the lowest score, with room for rounding: powers of three
	// and two tell most cells, in a fiftieth of the time.
	least := math.Pow(float64(max(0, d.least)), 5) * (1 - 1e-5)
	for i, p := range best {
		o, q := float64(d.score(at(0, i), i, -1)), float64(d.score(p, i, classes[i]))
		if o*o*o*q*q < least && o >= 0 && q >= 0 {
			continue
		}
		score := float32(math.Pow(o, .6) * math.Pow(q, .4))
		if !(score >= d.least) {
			continue
		}
		d.addCell(&c, [4]float32{at(1, i), at(2, i), at(3, i), at(4, i)}, i, classes[i], score)
	}
}

// grids gives the strides of the form yolox, and how many cells they have.
func (s *Spec) grids(width, height int) (strides []int, cells int) {
	strides = s.Strides
	if strides == nil {
		strides = []int{8, 16, 32}
	}
	for _, n := range strides {
		cells += (width / n) * (height / n)
	}
	return strides, cells
}

// cells decodes YOLOX's rows: the cells of one grid after the other, row by row.
func (d *decoder) cells(h *head) {
	strides, all := d.spec.grids(int(d.w), int(d.h))
	if all != h.n { // Fit has said so
		d.fail("%d boxes for %d cells", h.n, all)
		return
	}
	i := 0
	for _, stride := range strides {
		grid := cell{form: "yolox", rows: int(d.h) / stride, columns: int(d.w) / stride, stride: float32(stride)}
		for c := range grid.rows * grid.columns {
			r := h.data[i*h.row:][:h.row]
			i++
			object := d.score(r[4], i, -1)
			if !(object >= d.least) {
				continue
			}
			class, p := best(d.scores(r[5:][:h.classes], i))
			d.addCell(&grid, [4]float32(r), c, class, object*p)
		}
	}
}

// anchored decodes the grids of YOLO v2 and v3.
func (d *decoder) anchored(h *head) {
	n := h.h * h.w
	each := (5 + h.classes) * n
	classes := make([]float32, h.classes)
	for a := range len(h.anchors) / 2 {
		c := d.spec.anchor(h, a)
		for i := range n {
			at := func(c int) float32 { return h.data[a*each+c*n+i] }
			object := sigmoid(at(4))
			if !(object >= d.least) {
				continue
			}
			for k := range classes {
				classes[k] = at(5 + k)
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
			d.addCell(&c, [4]float32{at(0), at(1), at(2), at(3)}, i, class, object*p)
		}
	}
}

// anchor is a grid's cell with the anchor a.
func (s *Spec) anchor(h *head, a int) cell {
	c := cell{form: s.Form, rows: h.h, columns: h.w, stride: float32(h.stride), aw: h.anchors[2*a], ah: h.anchors[2*a+1]}
	if s.Form == "yolov2" {
		c.aw, c.ah = c.aw*c.stride, c.ah*c.stride
	}
	return c
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
