package incremental

import (
	"math"

	"krypton/internal/engine"
	"krypton/internal/region"
)

// Whole runs take fused steps in stretches, whose rows workers share out: what a part of a
// stretch needs of the rows around its own the neighbour's worker computes too, and what lies
// between stretches goes through memory, where a worker comes much later by rows that
// another one has left than by its own.

// stretch is a number of steps that are computed together, in so many parts of rows. A step
// that is alone has none, and is shared out in its own way.
type stretch struct{ steps, parts int }

// What whole runs by several workers take besides steps' loads, in multiply-adds at full speed:
// for all to wait for one another, for a number that a worker leaves and comes by again,
// and for one that another has left.
const (
	costMeeting = 150_000
	costLeft    = 10
	costFetched = 30
)

// longest is how many steps a stretch has at most: more would compute more and more rows twice.
const longest = 16

// stretches says which steps a whole run by so many workers computes together, by the value
// that the first of them makes; parts are the values that lie in concatenations.
func (p *Plan) stretches(workers int, parts []part) []stretch {
	of := make([]stretch, len(p.values))
	if workers > 1 {
		readers := p.readers()
		for i := 0; i < len(p.steps); {
			n := p.chain(i, readers, parts)
			p.cutStretches(i, n, workers, of)
			i += n
		}
		return of
	}
	for i := range p.steps {
		n := p.steps[i].fused
		if n == 0 {
			continue
		}
		steps := p.steps[i : i+n]
		if out := p.values[steps[n-1].out].plane; p.between(steps, p.whole(i, n), out.Rect().Y) >= p.bandBytes(steps) {
			of[steps[0].out] = stretch{n, 1} // else what lies between stays in the cache as it is
		}
	}
	return of
}

// chain is how many steps from the given one on can be computed together in a whole run.
func (p *Plan) chain(first int, readers [][]int, parts []part) int {
	n := 1
	for first+n < len(p.steps) && p.stretchable(&p.steps[first+n-1], &p.steps[first+n], readers, parts) {
		n++
	}
	return n
}

// stretchable says whether s can be computed together with the step before in a whole run.
func (p *Plan) stretchable(before, s *step, readers [][]int, parts []part) bool {
	concat := func(s *step) bool { // which finds what it joins where it puts it
		_, ok := s.prim.(*engine.Concat)
		return ok
	}
	return len(readers[before.out]) == 1 && p.fusable(before, s) && parts[before.out].of == 0 && !concat(before) && !concat(s)
}

// whole is the rectangles of n steps' outputs.
func (p *Plan) whole(first, n int) []region.Rect {
	rects := make([]region.Rect, n)
	for m := range rects {
		rects[m] = p.values[p.steps[first+m].out].plane.Rect()
	}
	return rects
}

// cutStretches cuts n steps that may be computed together, from the given one on, where that
// takes the least time.
func (p *Plan) cutStretches(first, n, workers int, of []stretch) {
	best, choice := make([]float64, n+1), make([]stretch, n)
	for i := n - 1; i >= 0; i-- {
		best[i] = math.Inf(1)
		for j := i + 1; j <= min(n, i+longest); j++ {
			if j < n && p.steps[first+j-1].joined {
				continue // its sum comes with it
			}
			cost, parts := p.costOfStretch(first+i, j-i, workers)
			if cost += best[j]; cost < best[i] {
				best[i], choice[i] = cost, stretch{j - i, parts}
			}
		}
	}
	for i := 0; i < n; i += choice[i].steps {
		if choice[i].parts > 0 {
			of[p.steps[first+i].out] = choice[i]
		}
	}
}

// costOfStretch is what n steps take between two meetings of the workers, and in how many
// parts it is least.
func (p *Plan) costOfStretch(first, n, workers int) (cost float64, parts int) {
	steps := p.steps[first : first+n]
	last := &steps[n-1]
	out := p.values[last.out].plane
	left := costMeeting + costLeft*float64(out.Len())/float64(workers)
	if n == 1 || n == 2 && steps[0].joined {
		return left + p.costAlone(steps, workers), 0
	}
	cost = math.Inf(1)
	tile := last.rows()
	rows := (out.H + tile - 1) / tile
	for _, k := range []int{bands(workers, rows, tile*out.W), min(workers, rows)} {
		if k < workers {
			continue
		}
		// The last part is the largest; one in the middle has neighbours on both sides.
		most := max(p.costOfPart(steps, partOf(out.H, tile, k-1, k)), p.costOfPart(steps, partOf(out.H, tile, k/2, k)))
		most *= float64((k + workers - 1) / workers)
		if left+most < cost {
			cost, parts = left+most, k
		}
	}
	return cost, parts
}

// partOf is the rows of a plane of h that part b of so many has, in whole tiles.
func partOf(h, tile, b, parts int) region.Span {
	rows := (h + tile - 1) / tile
	return region.Span{Lo: rows * b / parts * tile, Hi: min(h, rows*(b+1)/parts*tile)}
}

// costAlone is what each worker takes for its share of a step, and of the sum that is joined to it.
func (p *Plan) costAlone(steps []step, workers int) float64 {
	cost := 0.0
	for i := range steps {
		s := &steps[i]
		cost += p.load(s, p.values[s.out].plane.Rect(), 1).total()
	}
	s := &steps[0]
	if n, part := p.inParts(s.prim, p.values[s.out].plane.Len(), workers); n > 1 && part != nil {
		// By channels: of the inputs, and of what is read next, most are another's.
		far := p.values[s.out].plane.Len()
		for _, src := range s.in {
			far += src.plane.Len()
		}
		cost += costFetched * float64(far) * float64(workers-1) / float64(workers)
	}
	return cost / float64(workers)
}

// costOfPart is what the given rows of the last of some steps take.
func (p *Plan) costOfPart(steps []step, rows region.Span) float64 {
	cost := 0.0
	for m := len(steps) - 1; m >= 0; m-- {
		s := &steps[m]
		plane := p.values[s.out].plane
		rect := region.Rect{Y: rows, X: region.Span{Hi: plane.W}}
		cost += p.load(s, rect, 1).total()
		if m > 0 {
			before := &steps[m-1]
			rows = before.wholeTiles(s.rowsRead(rows)).Intersect(p.values[before.out].plane.Rect().Y)
		}
	}
	return cost
}
