package detect

import (
	"fmt"
	"math"
	"strings"
)

// rounding is how far a score may lie outside 0 to 1: eight bits have steps of 1/256.
const rounding = 0.01

// fail keeps the first thing that is wrong.
func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrHead, fmt.Sprintf(format, args...))
	}
}

// score makes a score of a head's number, which belongs to a box's class, or to the
// box (-1). What can be no score is an error.
func (d *decoder) score(v float32, box, class int) float32 {
	if d.spec.Activation == "sigmoid" {
		return sigmoid(v)
	}
	if v > 1+rounding || v < -rounding && !math.IsInf(float64(v), -1) {
		what := "as its score"
		if class >= 0 {
			what = fmt.Sprintf("as the score of class %d", class)
		}
		d.fail("output %q of shape %v, read as form %s with %d classes: box %d has %g %s, which is not within 0 to 1: %s", d.head.out.Name, d.head.out.Shape, d.spec.Form, d.head.classes, box, v, what, d.cure(class))
	}
	return v
}

// cure says what the head may be instead.
func (d *decoder) cure(class int) string {
	var l []string
	if d.spec.Form == "nms" {
		l = append(l, "other columns")
	} else {
		l = append(l, "logits (activation: sigmoid or softmax)")
	}
	if n := d.head.classes; class >= 0 && d.spec.extras() == 0 && d.head.row > 0 {
		for _, c := range []int{1, 32, 51} {
			if c < n {
				l = append(l, "numbers after "+fmt.Sprint(n-c)+" classes ("+extraKeys(c)+")")
			}
		}
	}
	for _, s := range Suggest(d.head.out.Shape, 0) {
		if !strings.Contains(s, d.spec.Form) {
			l = append(l, s)
		}
	}
	return "it may be " + strings.Join(l, ", or ")
}

// scores makes scores of one box's classes. What it gives is good until it is called
// again.
func (d *decoder) scores(v []float32, box int) []float32 {
	switch d.spec.Activation {
	case "", "none":
		for c, x := range v {
			if x > 1+rounding || x < -rounding {
				d.score(x, box, c)
			}
		}
		return v
	}
	if len(d.exps) < len(v) {
		d.exps = make([]float32, len(v))
	}
	out := d.exps[:len(v)]
	if d.spec.Activation == "sigmoid" {
		for c, x := range v {
			out[c] = sigmoid(x)
		}
		return out
	}
	_, top := best(v)
	sum := 0.0
	for c, x := range v {
		e := math.Exp(float64(x) - float64(top))
		out[c] = float32(e)
		sum += e
	}
	for c := range out {
		out[c] = float32(float64(out[c]) / sum)
	}
	return out
}

// class reads the number of a class.
func (d *decoder) class(v float32, box int) (int, bool) {
	n := math.Round(float64(v))
	last := most
	if d.head.classes > 0 {
		last = d.head.classes
	}
	c := int(n) - d.spec.FirstClass
	switch {
	case !(math.Abs(float64(v)-n) <= 1e-3): // NaN too
		d.fail("output %q of shape %v, read as form nms: box %d has class %g, which is no whole number: say which columns hold what%s", d.head.out.Name, d.head.out.Shape, box, v, d.orDetr())
	case c < 0 || c >= last:
		d.fail("output %q of shape %v, read as form nms: box %d has class %g, and there are classes %d to %d: say which columns hold what, or give all labels", d.head.out.Name, d.head.out.Shape, box, v, d.spec.FirstClass, last-1+d.spec.FirstClass)
	default:
		return c, true
	}
	return 0, false
}

// orDetr names the other head that rows of this length may be.
func (d *decoder) orDetr() string {
	if d.head.row != 4+d.head.classes {
		return ""
	}
	return fmt.Sprintf("; or these are the scores of %d classes, as RT-DETR has them: form: detr, relative: true", d.head.classes)
}

// evidence is what the numbers of boxes look like.
type evidence struct {
	boxes   int // that have numbers
	shares  int // of which all lie within 0 and 1
	pixels  int // of which one lies far above 1
	reverse int // corners of which the second lies before the first
}

// surelyPixels is more than a share of the input's size: boxes reach over its border,
// not that far.
const surelyPixels = 2

// box looks at a box's four numbers.
func (e *evidence) box(p [4]float32, corners bool) {
	low, high := p[0], p[0]
	for _, v := range p {
		low, high = min(low, v), max(high, v) // NaN stays
	}
	if math.IsNaN(float64(low + high)) {
		return
	}
	if corners && p[0] == p[2] && p[1] == p[3] || !corners && p[2] == 0 && p[3] == 0 {
		return // nothing, as fillers are
	}
	e.boxes++
	if low >= 0 && high <= 1 {
		e.shares++
	}
	if high > surelyPixels {
		e.pixels++
	}
	if corners && p[2] < p[0] && p[3] < p[1] {
		e.reverse++
	}
}

// suspect says what is wrong with a head's numbers, if anything is.
func (d *decoder) suspect() error {
	e, o := d.seen, d.head
	switch {
	case d.err != nil || e.boxes == 0:
	case !d.spec.Relative && e.shares == e.boxes:
		d.fail("output %q of shape %v, read as form %s: the numbers of all %d boxes lie within 0 to 1, so they are shares of the input's size: say relative: true", o.out.Name, o.out.Shape, d.spec.Form, e.boxes)
	case d.spec.Relative && e.pixels == e.boxes:
		d.fail("output %q of shape %v, read as form %s: the numbers of all %d boxes reach above %d, so they are no shares of the input's size: leave out relative: true", o.out.Name, o.out.Shape, d.spec.Form, e.boxes, surelyPixels)
	case e.reverse == e.boxes:
		d.fail("output %q of shape %v, read as form %s: all %d boxes end before they begin, so they are no corners: leave out corners: true, or name the columns x, y, w, h", o.out.Name, o.out.Shape, d.spec.Form, e.boxes)
	}
	return d.err
}
