package target

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Cut is another target that sees a part only of the one output that it reads.
type Cut struct {
	Target
	// Index are the places of the part's numbers in the output.
	Index []int32
}

// Narrow implements Narrower.
func (c Cut) Narrow(item Item) Target {
	c.Target = Narrow(c.Target, item)
	return c
}

// Bind implements Target.
func (c Cut) Bind(clean [][]float32) (Bound, error) {
	for _, i := range c.Index {
		if int(i) >= len(clean[0]) {
			return nil, fmt.Errorf("a part of an output ends behind its %d numbers", len(clean[0]))
		}
	}
	b, err := c.Target.Bind([][]float32{c.take(make([]float32, len(c.Index)), clean[0])})
	if err != nil {
		return nil, err
	}
	return &boundCut{b, &c}, nil
}

func (c *Cut) take(dst, out []float32) []float32 {
	for k, i := range c.Index {
		dst[k] = out[i]
	}
	return dst
}

type boundCut struct {
	Bound
	cut *Cut
}

// Scores implements Scored.
func (b *boundCut) Scores() []float32 { return Scores(b.Bound) }

// Scorer implements Bound.
func (b *boundCut) Scorer() Scorer {
	part := make([]float32, len(b.cut.Index))
	return &cutScorer{b.Bound.Scorer(), b.cut, [][]float32{part}}
}

type cutScorer struct {
	Scorer
	cut  *Cut
	part [][]float32
}

// Score implements Scorer.
func (s *cutScorer) Score(dst []float32, outs [][]float32) int32 {
	s.cut.take(s.part[0], outs[0])
	return s.Scorer.Score(dst, s.part)
}

// Range is the indices along one axis of an output.
type Range struct {
	// Lo and Hi are from 0 on, counted from the end if they are negative; Hi is not in
	// it.
	Lo, Hi int
	// All is the whole axis, One the single index Lo, whose axis goes away.
	All, One bool
}

// ParseRanges reads an index for each axis, with commas between them: N, LO:HI, LO:, :HI
// or :. A negative one counts from the end.
func ParseRanges(text string) ([]Range, error) {
	var all []Range
	for _, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		lo, hi, span := strings.Cut(part, ":")
		r := Range{One: !span}
		var err1, err2 error
		switch {
		case part == ":":
			r.All = true
		default:
			if lo != "" || !span {
				r.Lo, err1 = strconv.Atoi(lo)
			}
			if r.Hi = maxIndex; hi != "" {
				r.Hi, err2 = strconv.Atoi(hi)
			}
		}
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("%q is no range of indices: want N, LO:HI or : for each axis", part)
		}
		all = append(all, r)
	}
	return all, nil
}

// maxIndex stands for the end of an axis.
const maxIndex = 1 << 30

// on gives the indices of an axis of n.
func (r Range) on(n int) (lo, hi int, err error) {
	from := func(i int) int {
		if i < 0 {
			return i + n
		}
		return i
	}
	switch {
	case r.All:
		return 0, n, nil
	case r.One:
		lo = from(r.Lo)
		hi = lo + 1
	default:
		lo, hi = from(r.Lo), min(from(r.Hi), n)
		if r.Hi != maxIndex && from(r.Hi) > n {
			hi = n + 1
		}
	}
	if lo < 0 || lo >= hi || hi > n {
		return 0, 0, fmt.Errorf("an axis of %d has no such indices", n)
	}
	return lo, hi, nil
}

// Indices gives the places of a part of an output in it, and the part's shape. Axes for
// which there is no range are whole.
func Indices(shape []int, ranges []Range) (index []int32, part []int, err error) {
	if len(ranges) > len(shape) {
		return nil, nil, fmt.Errorf("%d ranges of indices for a shape of %d axes, %v", len(ranges), len(shape), shape)
	}
	numbers := 1
	for _, n := range shape {
		if numbers *= n; numbers > math.MaxInt32 || n < 0 {
			return nil, nil, fmt.Errorf("an output of shape %v is too large to take a part of", shape)
		}
	}
	index = []int32{0}
	for axis, n := range shape {
		r := Range{All: true}
		if axis < len(ranges) {
			r = ranges[axis]
		}
		lo, hi, err := r.on(n)
		if err != nil {
			return nil, nil, fmt.Errorf("axis %d of shape %v: %w", axis, shape, err)
		}
		if !r.One {
			part = append(part, hi-lo)
		}
		next := make([]int32, 0, len(index)*(hi-lo))
		for _, at := range index {
			for i := lo; i < hi; i++ {
				next = append(next, at*int32(n)+int32(i))
			}
		}
		index = next
	}
	return index, part, nil
}
