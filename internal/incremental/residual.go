package incremental

import (
	"slices"

	"krypton/internal/engine"
	"krypton/internal/region"
)

// A sum that alone reads what a convolution makes, as at the end of a residual block, is
// computed in the convolution's last step, before it stores: steps that are joined. The
// convolution's output then lies nowhere; its view is kept as ever, and where a change
// reaches other pixels of the sum than of the convolution (a policy may cut them apart),
// both are computed one after the other. The bits are the same.

// mostBetween is how many steps may be moved to before a convolution's chain so that its
// sum follows it: a projection of the block's input, mostly.
const mostBetween = 8

// join moves steps so that sums follow the convolutions that they are joined to, and marks
// these.
func (c *compiler) join() {
	p := c.p
	middle := p.InputPlane()
	middle = engine.Plane{H: (middle.H + 7) / 8, W: (middle.W + 7) / 8}
	rects := p.regions(centred(middle.Rect(), p.InputPlane()))
	readers := p.readers()
	for j := range p.steps {
		s := &p.steps[j]
		best := -1
		for k := range s.in {
			i := c.joinable(j, k, readers)
			if i < 0 {
				continue
			}
			// The one of two whose region is the sum's.
			if best < 0 || rects[p.steps[i].out].Area() > rects[p.steps[best].out].Area() ||
				rects[p.steps[i].out].Area() == rects[p.steps[best].out].Area() && i > best {
				best = i
			}
		}
		if best < 0 || !c.follow(best, j, readers) {
			continue
		}
		if best != j-1 { // steps were moved
			readers = p.readers()
		}
		if s.in[0].value != p.steps[j-1].out {
			slices.Reverse(s.in)
		}
		p.steps[j-1].joined = true
	}
}

// joinable gives the step of the convolution that sum j may be joined to by its input k,
// -1 if there is none.
func (c *compiler) joinable(j, k int, readers [][]int) int {
	s := &c.p.steps[j]
	if _, sum := s.spec.(*engine.Sum); !sum || len(s.in) != 2 || s.in[0].value == s.in[1].value {
		return -1
	}
	for _, src := range s.in {
		if v := &c.p.values[src.value]; v.host || v.partOf != 0 || v.plane != src.plane {
			return -1
		}
	}
	if len(readers[s.in[k].value]) != 1 {
		return -1
	}
	for _, v := range c.pending {
		if v.step < j && c.p.steps[v.step].out == s.in[k].value && !v.Depthwise() && !v.Way.Together && !v.Way.Int8 && !v.whole && !c.p.steps[v.step].joined {
			return v.step
		}
	}
	return -1
}

// follow moves what stands between steps i and j, which alone reads what i makes, to
// before i and the steps that lead to nothing else. It returns false, having moved
// nothing, where that is too much.
func (c *compiler) follow(i, j int, readers [][]int) bool {
	n := j - 1 - i
	if n == 0 {
		return true
	}
	if n > mostBetween {
		return false
	}
	steps := c.p.steps
	first := i
	for first > 0 && steps[first-1].reference == nil && slices.Equal(readers[steps[first-1].out], []int{first}) {
		first--
	}
	// Nothing that is moved reads what it is moved before: that has one reader, the next.
	moved := slices.Concat(steps[i+1:j], steps[first:i+1])
	copy(steps[first:j], moved)
	for _, v := range c.pending {
		switch {
		case v.step > i && v.step < j:
			v.step -= i + 1 - first
		case v.step >= first && v.step <= i:
			v.step += n
		}
	}
	return true
}

// residual is what a joined sum adds, for whole runs; nil for other steps.
func (p *Plan) residual(sum *step, v *Views) *engine.Residual {
	if sum == nil {
		return nil
	}
	return &engine.Residual{Patched: p.viewed(v, sum.in[1]), Clamp: sum.prim.(*engine.Sum).Clamp}
}

// joins says that a change, or a whole run, whose outputs' regions are given, computes a
// step together with the next one.
func (s *step) joins(own, next region.Rect) bool { return s.joined && own == next }
