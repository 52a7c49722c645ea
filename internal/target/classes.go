package target

import (
	"fmt"

	"krypton/internal/prediction"
	"krypton/internal/softmax"
)

// Classes is the target of a classifier: scores of classes. The zero value is the best
// of the first output's numbers as they are.
type Classes struct {
	// Output is the index of the model's output that holds the scores, Name what it is
	// called, and Reading how its numbers become them.
	Output  int
	Name    string
	Reading prediction.Reading
	Score   Score
	// List is the classes to map; nil lets Choose pick them from the clean picture's
	// scores, or takes the reading's own.
	List   []int
	Choose func(scores []float32) []int
	// Label names a class, "" if it has no name; nil knows none.
	Label func(class int) string
}

// Kind implements Target.
func (c Classes) Kind() Kind { return ClassKind }

// Reads implements Target.
func (c Classes) Reads() []int { return []int{c.Output} }

// Narrow implements Narrower.
func (c Classes) Narrow(item Item) Target {
	c.List = []int{item.Index}
	return c
}

// Bind implements Target. What it gives is a *BoundClasses.
func (c Classes) Bind(clean [][]float32) (Bound, error) {
	b := &BoundClasses{target: c, scores: make([]float32, c.Reading.Classes(len(clean[0])))}
	c.Reading.Apply(b.scores, clean[0])
	list := c.List
	if list == nil && c.Choose != nil {
		list = c.Choose(b.scores)
	}
	if len(list) == 0 {
		list = []int{c.Reading.Own(b.scores)}
	}
	for _, k := range list {
		if k < 0 || k >= len(b.scores) {
			return nil, fmt.Errorf("class %d: output %q has classes 0 to %d", k, c.Name, len(b.scores)-1)
		}
		item := Item{Index: k}
		if c.Label != nil {
			item.Name = c.Label(k)
		}
		b.items = append(b.items, item)
	}
	return b, nil
}

// BoundClasses are the classes of a clean picture.
type BoundClasses struct {
	target Classes
	items  []Item
	scores []float32
}

// Items implements Bound.
func (b *BoundClasses) Items() []Item { return b.items }

// Scores implements Scored.
func (b *BoundClasses) Scores() []float32 { return b.scores }

// Scorer implements Bound.
func (b *BoundClasses) Scorer() Scorer {
	return &classScorer{bound: b, scores: make([]float32, len(b.scores))}
}

type classScorer struct {
	bound  *BoundClasses
	scores []float32
}

func (s *classScorer) Score(dst []float32, outs [][]float32) int32 {
	t := &s.bound.target
	t.Reading.Apply(s.scores, outs[0])
	for i, item := range s.bound.items {
		dst[i] = t.Score.of(s.scores, item.Index)
	}
	return int32(prediction.Winner(s.scores))
}

// Shortens says whether a shortlist of classes can stand for all of a model whose last
// layer, softmax or not, is that of a classifier.
func (b *BoundClasses) Shortens(softmax bool) bool {
	t := &b.target
	return t.Score != Entropy && !t.Reading.Pair && !(softmax && t.Reading.Activation != prediction.None)
}

// Shortlist is what stands for the classes of a network of which only some are computed.
type Shortlist struct {
	// Classes are those whose logits are computed, the bound ones among them.
	Classes []int
	// Next is the best of the others and Best its logit, Sum that of exp(logit - Best)
	// over all others.
	Next int
	Best float32
	Sum  float64
	// Softmax says that the network ends in one, behind the logits.
	Softmax bool
}

// Shorten gives the scores where outputs hold the logits of the shortlist's classes. The
// others' stay what they are on the clean picture, which a softmax's sum still counts.
func (b *BoundClasses) Shorten(list Shortlist) Bound {
	s := &shortened{BoundClasses: b, list: list, softmax: list.Softmax || b.target.Reading.Activation == prediction.Softmax}
	for _, item := range b.items {
		for k, c := range list.Classes {
			if c == item.Index {
				s.at = append(s.at, k)
			}
		}
	}
	return s
}

// shortened are classes of a shortlist.
type shortened struct {
	*BoundClasses
	list    Shortlist
	at      []int // the place of each item in the list
	softmax bool  // scores are one of all classes; otherwise the reading maps each for itself
}

func (s *shortened) Scorer() Scorer {
	return &shortScorer{shortened: s, scores: make([]float32, len(s.list.Classes)+1)}
}

type shortScorer struct {
	*shortened
	scores []float32
}

func (s *shortScorer) Score(dst []float32, outs [][]float32) int32 {
	p, t := s.scores, &s.target
	k := copy(p, outs[0])
	if p[k] = s.list.Best; s.softmax {
		softmax.RowOf(p, p, s.list.Sum)
	} else {
		t.Reading.Apply(p, p)
	}
	for i, at := range s.at {
		dst[i] = t.Score.of(p, at)
	}
	if w := prediction.Winner(p); w < k {
		return int32(s.list.Classes[w])
	}
	return int32(s.list.Next)
}
