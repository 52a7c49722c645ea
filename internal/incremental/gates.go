package incremental

import (
	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/op"
	"krypton/internal/region"
)

// Gates (squeeze and excitation) multiply each channel of a plane by a number that is made
// of all of the plane: a change of one pixel moves every gate a little, and so every pixel
// behind. Followed as numbers, a gate that hardly moved leaves the pixels as they were that
// nothing else has changed (Options.Gates): the plane's mean is corrected by what changed,
// the layers that make the gate of it are run for each change, and how far all pixels would
// move is told from one number of each channel, the mean of its squares.

// gates are those of a plan on views.
type gates struct {
	of []*gate // by step, nil for steps that are none
}

// gate is a step that multiplies a plane by one number of each channel.
type gate struct {
	plane, factor int       // of the step's sources
	squares       []float32 // of the plane's pixels, on the mean, by channel
	limit         float64   // on the mean square of what pixels move by
}

// thresholds say which part of a region counts, by values.
type thresholds struct {
	epsilon    float64   // change threshold
	meanSquare []float64 // of each view, for the threshold
	gates      *gates    // nil where gates are like other steps
}

// thresholds are those of options on views.
func (p *Plan) thresholds(v *Views, opt *Options) thresholds {
	t := thresholds{epsilon: opt.Epsilon}
	if opt.dynamic() {
		v.squares.once.Do(func() { v.squares.mean = p.meanSquares(v) })
		t.meanSquare = v.squares.mean
	}
	if opt.Gates > 0 {
		t.gates = p.gatesOn(v, opt.Gates, t.meanSquare)
	}
	return t
}

// dynamic says that regions depend on values.
func (t *thresholds) dynamic() bool { return t.epsilon > 0 || t.gates != nil }

// Gates is the number of steps that scale each channel of a plane by one number that is made
// of a whole plane.
func (p *Plan) Gates() int {
	n := 0
	for i := range p.steps {
		if _, _, ok := p.gated(i); ok {
			n++
		}
	}
	return n
}

// gated says whether a step is a gate, and which of its sources are the plane and the factor.
func (p *Plan) gated(i int) (plane, factor int, ok bool) {
	s := &p.steps[i]
	b, is := s.prim.(*engine.Binary)
	out := &p.values[s.out]
	if !is || !b.Native || b.Operation != asm.Product || s.kind != op.Pointwise || len(s.in) != 2 || out.partOf != 0 || out.entire || out.plane.H*out.plane.W < 2 {
		return 0, 0, false
	}
	if plane = 0; b.Kind[0] == engine.PerChannel {
		plane = 1
	}
	factor = 1 - plane
	x, g := s.in[plane], s.in[factor]
	whole := p.root(x.value) == x.value && p.root(g.value) == g.value && p.values[x.value].plane == out.plane && x.plane == out.plane
	ok = whole && b.Kind[plane] == engine.Full && b.Kind[factor] == engine.PerChannel && g.plane.H*g.plane.W == 1 && p.values[g.value].plane.Len() == out.plane.C
	return plane, factor, ok
}

// gatesOn finds the gates, and how far pixels may move on views.
func (p *Plan) gatesOn(v *Views, share float64, meanSquare []float64) *gates {
	all := &gates{of: make([]*gate, len(p.steps))}
	scratch := engine.NewScratch(p.kernels)
	for i := range p.steps {
		plane, factor, ok := p.gated(i)
		if !ok {
			continue
		}
		s := &p.steps[i]
		mean := &engine.Mean{Count: s.in[plane].plane.H * s.in[plane].plane.W, Of: squared}
		g := &gate{plane: plane, factor: factor, squares: make([]float32, s.in[plane].plane.C), limit: share * share * meanSquare[s.out]}
		mean.Run(scratch, []engine.Job{{In: []engine.Patched{p.viewed(v, s.in[plane])}, Rect: region.Plane(1, 1), Out: g.squares}})
		all.of[i] = g
	}
	return all
}

// hold gives the region that change k has behind a gate, whose inputs are there: all of the
// plane, or that of the plane in front where the gate hardly moved.
func (w *worker) hold(i, k int) region.Rect {
	s, g := &w.plan.steps[i], w.gates.of[i]
	all, factor := w.rects[k][s.out], s.in[g.factor].value
	if w.rects[k][factor].Empty() {
		return all
	}
	moved := 0.0
	now, was := w.update(factor, k), w.views.data[factor]
	for c, square := range g.squares {
		d := float64(now[c] - was[c])
		moved += float64(d*d) * float64(square)
	}
	if !(moved <= g.limit) {
		return all
	}
	return w.rects[k][s.in[g.plane].value]
}

// regionsHeld are those of a change of the input's region r where no gate moves much.
func (p *Plan) regionsHeld(r region.Rect) []region.Rect {
	rects := make([]region.Rect, len(p.values))
	rects[p.input] = r
	for i := range p.steps {
		s := &p.steps[i]
		p.propagate(s, rects, nil, nil)
		if plane, _, ok := p.gated(i); ok {
			rects[s.out] = rects[s.in[plane].value]
		}
	}
	return rects
}

// runCorrected corrects sums over a plane, or its rows, by what changed of it. It returns false
// for steps that are no such sums.
func (w *worker) runCorrected(s *step) bool {
	mean, isMean := s.prim.(*engine.Mean)
	rows, isRows := s.prim.(*engine.RowSums)
	if !isMean && !isRows || isMean && (mean.Of != nil || mean.Root) || isRows && rows.Of != nil {
		return false
	}
	src, c := s.in[0], s.in[0].plane.C
	if w.plan.root(src.value) != src.value || w.plan.values[src.value].plane != src.plane || w.plan.values[s.out].partOf != 0 {
		return false
	}
	for k := w.first; k < w.last; k++ {
		r := w.rects[k][s.out]
		if r.Empty() {
			continue
		}
		in, out := w.patched(src, k), w.update(s.out, k)
		if isMean {
			copy(out, w.views.data[s.out])
			w.scratch.AddChange(out, &in, in.Rect.Y, 1/float32(mean.Count))
			continue
		}
		copy(out, w.views.data[s.out][r.Y.Lo*c:r.Y.Hi*c])
		for y := r.Y.Lo; y < r.Y.Hi; y++ {
			w.scratch.AddChange(out[(y-r.Y.Lo)*c:][:c], &in, region.Span{Lo: y, Hi: y + 1}, 1)
		}
	}
	return true
}
