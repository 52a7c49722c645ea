package op

import (
	"fmt"
	"math"
	"slices"

	"krypton/internal/tensor"
)

// NonMaxSuppression selects, for each batch and class, boxes in the order of
// their scores that overlap no better selected box too much. Inputs: boxes
// [batches, n, 4], scores [batches, classes, n], and optional scalars: the most
// boxes per class (default 0: none), the IoU above which a box is suppressed
// (0) and the score that must be exceeded. Output: int64 rows of batch, class
// and box.
type NonMaxSuppression struct {
	// Center says that boxes are centre x, centre y, width, height rather
	// than two opposite corners y1, x1, y2, x2.
	Center bool
}

func newNonMaxSuppression(n *Node) (Operator, error) {
	c, err := n.Attr.Bool("center_point_box", false)
	return &NonMaxSuppression{c}, err
}

// Infer implements Operator: the number of rows depends on data.
func (s *NonMaxSuppression) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	for i, x := range in {
		want := tensor.Float32
		if i == 2 {
			want = tensor.Int64
		}
		if x != nil && x.Type != want {
			return nil, fmt.Errorf("input %d: %w", i, DTypeError(x.Type))
		}
		if i >= 2 && x.Known() && product(x.Shape) != 1 {
			return nil, fmt.Errorf("input %d has shape %v, want one element", i, x.Shape)
		}
	}
	if in[0].Known() && in[1].Known() {
		b, c := in[0].Shape, in[1].Shape
		if len(b) != 3 || len(c) != 3 || b[2] != 4 || b[0] != c[0] || b[1] != c[2] {
			return nil, fmt.Errorf("boxes have shape %v and scores %v: want [b, n, 4] and [b, classes, n]", b, c)
		}
	}
	return unknown(tensor.Int64)
}

// box is a rectangle with low <= high in both axes.
type box struct{ y0, x0, y1, x1 float64 }

func (s *NonMaxSuppression) box(v []float32) box {
	a, b, c, d := float64(v[0]), float64(v[1]), float64(v[2]), float64(v[3])
	if s.Center {
		return box{b - d/2, a - c/2, b + d/2, a + c/2}
	}
	return box{min(a, c), min(b, d), max(a, c), max(b, d)}
}

func (b box) area() float64 { return (b.y1 - b.y0) * (b.x1 - b.x0) }

// overlaps says whether the intersection over union exceeds the threshold; it
// is false for boxes without an area and for NaN.
func (b box) overlaps(o box, threshold float64) bool {
	h, w := min(b.y1, o.y1)-max(b.y0, o.y0), min(b.x1, o.x1)-max(b.x0, o.x0)
	if !(h > 0 && w > 0) || !(b.area() > 0 && o.area() > 0) {
		return false
	}
	return h*w/(b.area()+o.area()-float64(h*w)) > threshold
}

// Eval implements Operator.
func (s *NonMaxSuppression) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	if _, err := s.Infer(infosOf(in), 1); err != nil {
		return nil, err
	}
	limit, iou, least := int64(0), 0.0, math.Inf(-1)
	if given(in, 2) {
		limit = intReader(in[2])(0)
	}
	if given(in, 3) {
		iou = floatReader(in[3])(0)
	}
	if given(in, 4) {
		least = floatReader(in[4])(0)
	}
	coords, scores := in[0].Data.([]float32), in[1].Data.([]float32)
	n, classes := in[0].Shape[1], in[1].Shape[1]
	var rows []int64
	for b := range in[0].Shape[0] {
		if n == 0 {
			break
		}
		boxes := make([]box, n)
		for i := range boxes {
			boxes[i] = s.box(coords[(b*n+i)*4:])
		}
		for c := range classes {
			for _, i := range suppressed(boxes, scores[(b*classes+c)*n:][:n], limit, iou, least) {
				rows = append(rows, int64(b), int64(c), int64(i))
			}
		}
	}
	return []*tensor.Tensor{tensor.New(rows, len(rows)/3, 3)}, nil
}

// suppressed is the greedy selection for one class.
func suppressed(boxes []box, scores []float32, limit int64, iou, least float64) []int {
	var order, kept []int
	for i, v := range scores {
		if float64(v) > least || math.IsInf(least, -1) && v == v {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case scores[i] > scores[j]:
			return -1
		case scores[i] < scores[j]:
			return 1
		}
		return 0
	})
	for _, i := range order {
		if int64(len(kept)) >= limit {
			break
		}
		if !slices.ContainsFunc(kept, func(k int) bool { return boxes[i].overlaps(boxes[k], iou) }) {
			kept = append(kept, i)
		}
	}
	return kept
}
