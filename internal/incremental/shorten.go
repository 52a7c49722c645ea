package incremental

import (
	"fmt"
	"slices"

	"krypton/internal/engine"
	"krypton/internal/softmax"
	"krypton/internal/tensor"
)

// shortened is a plan of which only some classes of an output are computed, and what
// stands in for the others: their numbers before the softmax, as they once were.
type shortened struct {
	head    *ClassifierHead
	classes []int
	plan    *Plan // of the listed classes
	views   *Views
	all     []float32 // every class's number before the softmax
	scores  []float32 // with the softmax
}

// shorten keeps some classes of a head. all are every class's numbers before the
// softmax; views are the whole plan's, and share the memory of what is before the
// head.
func (t *ClassifierHead) shorten(v *Views, classes []int, all []float32) (*shortened, error) {
	if len(all) != t.Classes() {
		return nil, fmt.Errorf("%d numbers for %d classes", len(all), t.Classes())
	}
	s := &shortened{head: t, classes: slices.Clone(classes), all: slices.Clone(all), scores: make([]float32, len(all))}
	var err error
	s.plan, s.views, err = t.Keep(v, classes)
	return s, err
}

// Share is the share of a whole run's multiply-adds that a run of n classes takes.
func (t *ClassifierHead) Share(n int) float64 {
	whole := t.plan.Count(t.plan.InputPlane().Rect())
	first := &t.plan.steps[t.steps[0]]
	work := engine.Work(first.prim, t.plan.values[first.out].plane.Rect())
	return 1 - float64(work)/float64(whole)*(1-float64(n)/float64(t.Classes()))
}

// Ends says that nothing is computed behind the head, so that a class's number before
// the softmax is still there after a run that keeps nothing.
func (t *ClassifierHead) Ends() bool {
	last := t.plan.steps[len(t.plan.steps)-1].out
	return last == t.plan.outputs[t.output].pieces[0].value
}

// logits are the listed classes' numbers before the softmax.
func (s *shortened) logits() []float32 {
	if s == nil {
		return nil
	}
	return s.views.data[s.head.logits]
}

// output gives output i of the whole plan, as Output of a Stream says.
func (s *shortened) output(full *Plan, memory *outputMemory, i int) *tensor.Tensor {
	if i != s.head.output {
		return memory.output(s.plan, s.views, i)
	}
	for k, v := range s.logits() {
		s.all[s.classes[k]] = v
	}
	scores := s.all
	if s.head.Softmax {
		scores = s.scores
		softmax.Row(scores, s.all)
	}
	o := &full.outputs[i]
	if *memory == nil {
		*memory = make(outputMemory, len(full.outputs))
	}
	t := (*memory)[i]
	if t == nil {
		t = tensor.Zeros[float32](o.shape...)
		(*memory)[i] = t
	}
	o.pieces[0].copyAll(t.Data.([]float32), scores)
	return t
}

// meanSquares are a plan's where only the listed classes count.
func (s *shortened) meanSquares(all MeanSquares) MeanSquares {
	e := slices.Clone(all)
	for _, i := range s.head.steps {
		v := s.plan.steps[i].out
		e[v] = s.plan.meanSquare(s.views, v)
	}
	return e
}
