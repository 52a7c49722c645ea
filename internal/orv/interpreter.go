package orv

import (
	"fmt"
	"image"
	"math"

	"krypton/internal/detect"
	"krypton/internal/prediction"
	"krypton/internal/tensor"
)

// Answer is what the network says about one frame.
type Answer struct {
	// Classes are the best classes, best first, with their Scores; none for
	// detectors.
	Classes []int
	Scores  []float32
	// Boxes are what a detector found, in pixels of the network's plane.
	Boxes []detect.Box
	// Margin is by how much the best class leads, after the activation; for
	// detectors, how far the score nearest to the lowest that counts is from it,
	// 1 if none is near.
	Margin float32

	all []float32 // every class's score
	// faint are all boxes that a detector sees something in, down to Detector.faintest.
	faint []detect.Box
}

// Interpreter turns outputs into answers.
type Interpreter interface {
	// Interpret reads the outputs, which it does not keep.
	Interpret(output func(i int) *tensor.Tensor) (*Answer, error)
	// Compare says how well an answer agrees with that of a whole run.
	Compare(got, whole *Answer) Agreement
}

// Agreement is how well answers agree with those of whole runs.
type Agreement struct {
	// Agrees: the best class is the same; for detectors, every box has its
	// match.
	Agrees bool
	// Largest is the largest difference of a score.
	Largest float64
	// Shift is the largest error of a box's score, of those that do not count too, as it
	// would be at the lowest score that counts: agreement where nothing is found, or
	// everything for sure, says little. Nothing for classifiers.
	Shift float64
	// Matched boxes overlap one of the same class by half at least; Missed
	// and Extra have no match. Nothing for classifiers.
	Matched, Missed, Extra int
}

// Outcome is what a comparison with a whole run comes to.
type Outcome int

// The outcomes.
const (
	// Disagreed: another answer, or an error that the guard cannot deal with: a score is
	// off by more than the guard, or would be, so that an answer whose lead is larger
	// could have been another one.
	Disagreed Outcome = iota
	// Agreed: the same answer, by a near miss.
	Agreed
	// AgreedClearly: no score of what counts is off by more than half of what the guard
	// makes good.
	AgreedClearly
)

// Outcome is what the comparison of an approximate answer comes to. A guard of 0 asks
// for agreement alone.
func (a Agreement) Outcome(guard float32) Outcome {
	switch {
	case !a.Agrees || guard > 0 && !(max(a.Largest, a.Shift) <= float64(guard)):
		return Disagreed
	case guard > 0 && !(a.Largest <= float64(guard)/2):
		return Agreed
	}
	return AgreedClearly
}

// F1 is the harmonic mean of precision and recall; 1 where there is nothing to
// find and nothing is found.
func (a Agreement) F1() float64 {
	if a.Matched+a.Missed+a.Extra == 0 {
		return 1
	}
	return 2 * float64(a.Matched) / float64(2*a.Matched+a.Missed+a.Extra)
}

// Classifier interprets a classifier's scores.
type Classifier struct {
	Output  int // of the network
	Reading prediction.Reading
	Top     int // classes that an answer names
}

// Interpret implements Interpreter.
func (c *Classifier) Interpret(output func(i int) *tensor.Tensor) (*Answer, error) {
	out, err := output(c.Output).Floats()
	if err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("output %d is empty", c.Output)
	}
	a := &Answer{Margin: 1, all: make([]float32, c.Reading.Classes(len(out)))}
	c.Reading.Apply(a.all, out)
	a.Classes = prediction.Top(a.all, max(2, c.Top))
	if len(a.Classes) > 1 {
		a.Margin = a.all[a.Classes[0]] - a.all[a.Classes[1]]
	}
	a.Classes = a.Classes[:min(len(a.Classes), max(1, c.Top))]
	for _, k := range a.Classes {
		a.Scores = append(a.Scores, a.all[k])
	}
	return a, nil
}

// Compare implements Interpreter.
func (c *Classifier) Compare(got, whole *Answer) Agreement {
	g := Agreement{Agrees: got.Classes[0] == whole.Classes[0]}
	for i, v := range got.all {
		if d := math.Abs(float64(v) - float64(whole.all[i])); !(d <= g.Largest) {
			g.Largest = d
		}
	}
	return g
}

// Detector interprets a detector's outputs.
type Detector struct {
	Model  string // for messages
	Spec   *detect.Spec
	Names  []string // of the network's outputs
	Width  int      // of the network's plane
	Height int
	// Frame is the part of the plane that shows the frame, none for all of it: boxes
	// end there.
	Frame    image.Rectangle
	MinScore float32
	// Near is how far below MinScore boxes are looked at to tell close calls.
	Near float32
	// IoU is the overlap from which on the weaker of two boxes of a class
	// goes; 0 keeps all.
	IoU float32
	// Classes that count, nil for all.
	Classes []int
	// Most is the largest number of boxes, 0 for any.
	Most int
}

// Interpret implements Interpreter.
func (d *Detector) Interpret(output func(i int) *tensor.Tensor) (*Answer, error) {
	outs := make([]detect.Output, len(d.Names))
	for i, name := range d.Names {
		t := output(i)
		outs[i] = detect.Output{Name: name, Shape: t.Shape}
		if f, err := t.Floats(); err == nil {
			outs[i].Data = f
		} else if n, err := t.Ints(); err == nil { // numbers of classes, and of boxes
			outs[i].Data = make([]float32, len(n))
			for k, v := range n {
				outs[i].Data[k] = float32(v)
			}
		}
	}
	near := max(0, d.MinScore-d.Near)
	boxes, err := d.Spec.Find(outs, min(near, d.faintest()), d.IoU, d.Width, d.Height)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", d.Model, err)
	}
	if d.Classes != nil {
		boxes = detect.Filter(boxes, d.Classes)
	}
	if f := d.Frame; !f.Empty() {
		boxes = detect.Clip(boxes, float32(f.Min.X), float32(f.Min.Y), float32(f.Max.X), float32(f.Max.Y))
	}
	a := &Answer{Margin: 1, faint: boxes}
	for _, b := range boxes {
		if b.Score >= near {
			a.Margin = min(a.Margin, max(b.Score-d.MinScore, d.MinScore-b.Score))
		}
		if b.Score >= d.MinScore && (d.Most == 0 || len(a.Boxes) < d.Most) {
			a.Boxes = append(a.Boxes, b)
		}
	}
	return a, nil
}

// faintest is the score down to which boxes are looked at to learn about errors.
func (d *Detector) faintest() float32 { return max(d.MinScore/4, .01) }

// surest bounds scores whose logits are compared.
const surest = 0.99

// matchIoU is the overlap from which on two boxes are the same thing.
const matchIoU = 0.5

// Compare implements Interpreter.
func (d *Detector) Compare(got, whole *Answer) Agreement {
	c := detect.Compare(got.Boxes, whole.Boxes, matchIoU)
	return Agreement{Agrees: c.Missed+c.Extra == 0, Largest: c.Largest, Shift: d.shift(got.faint, whole.faint), Matched: c.Matched, Missed: c.Missed, Extra: c.Extra}
}

// shift is the largest difference of the scores of boxes that overlap, in logits, as
// it would be at the lowest score that counts.
func (d *Detector) shift(got, whole []detect.Box) float64 {
	logit := func(s float32) float64 { return math.Log(float64(s) / (1 - float64(s))) }
	most := 0.0
	for _, w := range whole {
		for _, g := range got {
			if g.Class == w.Class && detect.IoU(g, w) >= matchIoU {
				most = max(most, math.Abs(logit(min(g.Score, surest))-logit(min(w.Score, surest))))
				break // the one with the best score
			}
		}
	}
	m := min(max(d.MinScore, d.faintest()), surest)
	at := logit(m)
	return max(1/(1+math.Exp(-at-most))-float64(m), float64(m)-1/(1+math.Exp(-at+most)))
}
