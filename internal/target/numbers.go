package target

import (
	"fmt"
	"math"
)

// Reduction makes one number of several.
type Reduction string

// The reductions.
const (
	Mean Reduction = "mean"
	Max  Reduction = "max"
	Sum  Reduction = "sum"
)

// Reductions lists them.
var Reductions = []string{string(Mean), string(Max), string(Sum)}

// of reduces numbers, at least one, in their order. One that is none makes none.
func (r Reduction) of(numbers []float32) float32 {
	if r == Max {
		most := float32(math.Inf(-1))
		for _, v := range numbers {
			most = max(most, v)
		}
		return most
	}
	sum := 0.0
	for _, v := range numbers {
		sum += float64(v)
	}
	if r == Mean {
		sum /= float64(len(numbers))
	}
	return float32(sum)
}

// Numbers is the target of outputs that are quantities: each for itself, or one made of
// them all.
type Numbers struct {
	// Output is the index of the model's output and Name what it is called.
	Output int
	Name   string
	// Reduce makes one number of all; none takes each for itself.
	Reduce Reduction
	// Choose picks among several; nil, or none chosen, is the first.
	Choose func(numbers []float32) []int
	// Item names a number and its unit; that of a reduction is asked for as -1.
	Item func(i int) Item
}

// Kind implements Target.
func (n Numbers) Kind() Kind { return NumberKind }

// Reads implements Target.
func (n Numbers) Reads() []int { return []int{n.Output} }

// Narrow implements Narrower.
func (n Numbers) Narrow(item Item) Target {
	n.Choose = func([]float32) []int { return []int{item.Index} }
	return n
}

// Bind implements Target.
func (n Numbers) Bind(clean [][]float32) (Bound, error) {
	b := &boundNumbers{reduce: n.Reduce}
	if n.Reduce != "" {
		b.items = []Item{n.item(-1)}
		b.items[0].Index = 0
		return b, nil
	}
	list := []int{0}
	if n.Choose != nil {
		if chosen := n.Choose(clean[0]); len(chosen) > 0 {
			list = chosen
		}
	}
	for _, i := range list {
		if i < 0 || i >= len(clean[0]) {
			return nil, fmt.Errorf("number %d: output %q has numbers 0 to %d", i, n.Name, len(clean[0])-1)
		}
		b.items = append(b.items, n.item(i))
	}
	return b, nil
}

func (n *Numbers) item(i int) Item {
	if n.Item == nil {
		return Item{Index: i}
	}
	item := n.Item(i)
	item.Index = i
	return item
}

// boundNumbers are numbers of a picture. It is its own scorer: it needs no memory.
type boundNumbers struct {
	reduce Reduction
	items  []Item
}

// Items implements Bound.
func (b *boundNumbers) Items() []Item { return b.items }

// Scorer implements Bound.
func (b *boundNumbers) Scorer() Scorer { return b }

// Score implements Scorer.
func (b *boundNumbers) Score(dst []float32, outs [][]float32) int32 {
	if b.reduce != "" {
		dst[0] = b.reduce.of(outs[0])
		return None
	}
	for k, item := range b.items {
		dst[k] = outs[0][item.Index]
	}
	return None
}
