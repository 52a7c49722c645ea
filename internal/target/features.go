package target

import (
	"fmt"
	"math"
)

// Features is the target of networks that give a vector: how like another it is.
type Features struct {
	// Output is the index of the model's output and Name what it is called.
	Output int
	Name   string
	// Score is Cosine, the cosine of the angle between the vectors, or Euclidean, the
	// distance.
	Score Score
	// Reference is the other vector; nil is the clean picture's own. From says where it
	// is from.
	Reference []float32
	From      string
}

// Kind implements Target.
func (f Features) Kind() Kind { return FeaturesKind }

// Reads implements Target.
func (f Features) Reads() []int { return []int{f.Output} }

// Bind implements Target.
func (f Features) Bind(clean [][]float32) (Bound, error) {
	to := f.Reference
	if to == nil {
		to = clean[0]
	}
	if len(to) != len(clean[0]) {
		return nil, fmt.Errorf("output %q has %d numbers, and the reference %d", f.Name, len(clean[0]), len(to))
	}
	name := "the clean picture"
	if f.Reference != nil {
		name = f.From
	}
	name = map[bool]string{false: "similarity to ", true: "distance from "}[f.Score == Euclidean] + name
	return &boundFeatures{f.Score, to, length(to), []Item{{Name: name}}}, nil
}

// length is the sum of the squares of a vector's numbers.
func length(v []float32) float64 {
	sum := 0.0
	for _, x := range v {
		sum += float64(float64(x) * float64(x))
	}
	return sum
}

// boundFeatures are those of a picture. It is its own scorer: it needs no memory.
type boundFeatures struct {
	score Score
	to    []float32
	own   float64 // length of to
	items []Item
}

// Items implements Bound.
func (b *boundFeatures) Items() []Item { return b.items }

// Scorer implements Bound.
func (b *boundFeatures) Scorer() Scorer { return b }

// Score implements Scorer.
func (b *boundFeatures) Score(dst []float32, outs [][]float32) int32 {
	v := outs[0]
	if b.score == Euclidean {
		sum := 0.0
		for i, x := range v {
			d := float64(x) - float64(b.to[i])
			sum += float64(d * d)
		}
		dst[0] = float32(math.Sqrt(sum))
		return None
	}
	dot := 0.0
	for i, x := range v {
		dot += float64(float64(x) * float64(b.to[i]))
	}
	dst[0] = float32(dot / math.Sqrt(b.own*length(v)))
	return None
}
