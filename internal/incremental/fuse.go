package incremental

import (
	"krypton/internal/engine"
	"krypton/internal/op"
	"krypton/internal/pages"
	"krypton/internal/region"
)

// Steps that follow one another, each the only reader of the one before, may be
// computed together, a band of rows at a time: what passes between them stays in
// the second-level cache and never has a place of its own (layer fusion, after
// Alwani et al., Fused-Layer CNN Accelerators, MICRO 2016). Rows that neighbouring
// windows share are kept from band to band, so that nothing is computed twice, and
// every pixel is computed as ever: no bit depends on what is fused.

const (
	// fusedBytes is what may lie between fused steps at a time, in a second-level cache of
	// the usual size.
	fusedBytes = 512 << 10
	// fusedWeights bounds the weights of fused steps, which each band reads again, and
	// singleWeights those of steps that compute every pixel by itself: they come from the
	// third-level cache, and bands with wideBands times as much between them read them
	// seldom. With windows among the steps maps of EfficientNet-B0 took a seventh longer.
	fusedWeights  = 512 << 10
	singleWeights = 6 << 20
	wideBands     = 2.5
	// largePage is how many numbers a large page holds.
	largePage = 2 << 20 / 4
	// fusedSteps is how many there are at most.
	fusedSteps = 32
	// fusedPixels is how many pixels of the last output a band has at least: some
	// tiles of the matrix product.
	fusedPixels = 48
)

// fuse finds the steps that are computed together.
func (c *compiler) fuse() {
	p := c.p
	readers := p.readers()
	for i := 0; i < len(p.steps); {
		n, weights, most := 1, weightBytes(p.steps[i].prim), fusedWeights
		if p.steps[i].single() {
			most = singleWeights
		}
		for n < fusedSteps && i+n < len(p.steps) && len(readers[p.steps[i+n-1].out]) == 1 && p.fusable(&p.steps[i+n-1], &p.steps[i+n]) {
			if !p.steps[i+n].single() {
				most = fusedWeights
			}
			if weights += weightBytes(p.steps[i+n].prim); weights > most && (n > 1 || !p.steps[i].joined) {
				break
			}
			n++
		}
		if n > 1 {
			p.steps[i].fused = n
			for j := i; j < i+n-1; j++ {
				p.values[p.steps[j].out].inner = true
				if p.steps[j].joined {
					p.steps[j+1].inside, p.steps[j+1].tall = true, p.steps[j].tile()
				}
			}
		}
		p.steps[i+n-1].joined = false // what it would be joined to is not computed with it
		i += n
	}
}

// fusable says whether s, which alone reads what before computes, can take it band by
// band.
func (p *Plan) fusable(before, s *step) bool {
	v := &p.values[before.out]
	if before.prim == nil || s.prim == nil || v.host || v.partOf != 0 || before.assembles() || s.assembles() || p.based(before) || p.based(s) {
		return false
	}
	if _, ok := s.prim.(*engine.Softmax); ok {
		return false // what it reads is wanted too: see ClassifierHead
	}
	if _, ok := before.prim.(engine.Divided); ok {
		return false // each band would go through all that it reads
	}
	if k := s.reads(before.out); k < 0 || s.in[k].plane != v.plane || s.whole != nil && s.whole[k] {
		return false
	}
	switch before.kind {
	case op.Pointwise, op.Windowed, op.Rearranging:
	default:
		return false
	}
	switch s.kind {
	case op.Pointwise:
		return true
	case op.Windowed: // a window as high as the plane needs it all at once
		return 2*s.windows[0].Extent() <= v.plane.H || v.plane.H*v.plane.W == 1
	}
	return false
}

// single says that every pixel of a step's output is computed of its own pixels alone.
func (s *step) single() bool {
	one := func(w region.Window) bool { return w == region.Identity(w.Out) }
	return s.kind == op.Pointwise || s.kind == op.Windowed && one(s.windows[0]) && one(s.windows[1])
}

// sameMemory says that step m, whose outputs' regions are given, writes where what it reads
// lies: it takes single elements of rows that are computed when it asks for them.
func sameMemory(steps []step, m int, rects []region.Rect) bool {
	return steps[m].overwrites() && m > 0 && m < len(steps)-1 && steps[m-1].rows() == 1 && rects[m-1] == rects[m]
}

// overwrites says whether the step, of one value, may write each element where it has read it.
func (s *step) overwrites() bool {
	switch p := s.prim.(type) {
	case *engine.Unary, *engine.Bounds, *engine.Affine, *engine.PRelu:
		return true
	case *engine.Binary:
		return p.Overwrites()
	}
	return false
}

// assembles says whether a step puts memory together that others have written to.
func (s *step) assembles() bool { return s.inPlace != nil || s.grows }

// reads is the number of the source that is the given value, -1 if none is.
func (s *step) reads(value int) int {
	for k, src := range s.in {
		if src.value == value {
			return k
		}
	}
	return -1
}

// rowsRead is the span of input rows that rows of the output read, as far as the
// input has them; only for what is fusable.
func (s *step) rowsRead(rows region.Span) region.Span {
	if s.kind == op.Windowed {
		return s.windows[0].Reads(rows)
	}
	return rows
}

// rows is how many rows of the step's output are computed at a time: those of a tile, its
// own or of what it is joined to.
func (s *step) rows() int { return max(1, s.tile(), s.tall) }

// wholeTiles grows rows to whole tiles of the step.
func (s *step) wholeTiles(rows region.Span) region.Span {
	if n := s.rows(); !rows.Empty() {
		rows.Lo = rows.Lo / n * n
		rows.Hi = (rows.Hi + n - 1) / n * n
	}
	return rows
}

// passage is one change, or one part of a whole run, on its way through fused steps.
type passage struct {
	change int           // -1 for a whole run
	rects  []region.Rect // of the steps' outputs
	joined []bool        // steps that are computed with the next one
	strips []strip       // of the steps' outputs but the last
	next   []int         // the first row of each output that has not been looked at
	fresh  []region.Span // rows of each output that the present band computes
	out    []float32     // of the last rectangle
	pitch  int
	memory *bandMemory
}

// strip is the rows of a value that are kept between two fused steps.
type strip struct {
	rows region.Span
	data []float32
}

// bandMemory is where strips lie: the same piece of memory for all fused steps, so that
// it stays in the second-level cache.
type bandMemory struct {
	space []float32
	used  int // numbers asked for since begin, whether there was room or not
}

// begin takes back what strips had.
func (m *bandMemory) begin() {
	if m.used > len(m.space) {
		n := m.used + m.used/4
		if n > fusedBytes/8 {
			n = max(n, largePage) // what lies on small pages collides in the second-level cache
		}
		m.space = pages.Numbers(n)
	}
	m.used = 0
}

// resize gives room for n numbers: that of s if it is enough.
func (m *bandMemory) resize(s []float32, n int) []float32 {
	if cap(s) >= n {
		return s[:n]
	}
	first := m.used
	m.used += wholeVectors(n)
	if m.used > len(m.space) {
		return make([]float32, n)
	}
	return m.space[first:][:n:n]
}

// fuser is one worker's memory for fused steps.
type fuser struct {
	memory    bandMemory
	passages  []passage
	jobs      []engine.Job
	ins       []engine.Patched
	residuals []engine.Residual
}

// passage gives passage i through so many steps, with nothing kept: the first one takes
// back the memory of all.
func (f *fuser) passage(i, steps int) *passage {
	if i == 0 {
		f.memory.begin()
	}
	for len(f.passages) <= i {
		f.passages = append(f.passages, passage{})
	}
	q := &f.passages[i]
	q.rects, q.joined, q.fresh, q.next = resize(q.rects, steps), resize(q.joined, steps), resize(q.fresh, steps), resize(q.next, steps)
	for len(q.strips) < steps-1 {
		q.strips = append(q.strips, strip{})
	}
	q.memory = &f.memory
	clear(q.strips)
	return q
}

// enter puts a passage, whose rects are set, before its first band.
func (q *passage) enter(steps []step) {
	for m := range q.rects {
		q.next[m] = q.rects[m].Y.Lo
		q.joined[m] = m+1 < len(steps) && steps[m].joins(q.rects[m], q.rects[m+1])
	}
}

// plan finds the rows of every output that the rows of the last one up to the given one
// ask for and that are not there, and makes room for them.
func (q *passage) plan(steps []step, p *Plan, until int) {
	last := len(steps) - 1
	q.fresh[last] = region.Span{Lo: q.next[last], Hi: until}
	q.next[last] = until
	for m := last; m > 0; m-- {
		if q.joined[m-1] {
			q.fresh[m-1], q.next[m-1] = q.fresh[m], q.next[m]
			continue
		}
		before := &steps[m-1]
		rect := q.rects[m-1]
		need := steps[m].rowsRead(q.fresh[m]).Intersect(rect.Y)
		if q.fresh[m].Empty() || need.Empty() || rect.Empty() {
			q.fresh[m-1] = region.Span{}
			continue
		}
		fresh := before.wholeTiles(need).Intersect(rect.Y)
		fresh.Lo = max(fresh.Lo, q.next[m-1])
		if fresh.Lo >= fresh.Hi {
			fresh = region.Span{}
		} else {
			q.next[m-1] = fresh.Hi
		}
		q.fresh[m-1] = fresh
		n := rect.X.Len() * p.values[before.out].plane.C
		if sameMemory(steps, m, q.rects) {
			after := &q.strips[m]
			q.strips[m-1] = strip{fresh, after.data[(fresh.Lo-after.rows.Lo)*n:][:fresh.Len()*n]}
			continue
		}
		q.strips[m-1].turn(need.Lo, fresh, n, q.memory)
	}
}

// turn drops rows before the given one, and makes room for fresh ones of n elements.
func (s *strip) turn(from int, fresh region.Span, n int, m *bandMemory) {
	if fresh.Empty() {
		return
	}
	kept := s.rows.Intersect(region.Span{Lo: from, Hi: s.rows.Hi})
	if kept.Empty() || kept.Hi != fresh.Lo {
		kept = region.Span{Lo: fresh.Lo, Hi: fresh.Lo}
	}
	old := s.data
	s.data = m.resize(s.data, (fresh.Hi-kept.Lo)*n)
	if kept.Len() > 0 {
		copy(s.data, old[(kept.Lo-s.rows.Lo)*n:(kept.Hi-s.rows.Lo)*n])
	}
	s.rows = region.Span{Lo: kept.Lo, Hi: fresh.Hi}
}

// input is what the passage sees of source k of step m.
func (q *passage) input(p *Plan, steps []step, m, k int, w *worker, v *Views) engine.Patched {
	src := steps[m].in[k]
	if m > 0 && src.value == steps[m-1].out {
		in := engine.Patched{Plane: src.plane}
		if q.change >= 0 {
			in.View = v.data[src.value]
		}
		if st := &q.strips[m-1]; !st.rows.Empty() {
			in.Rect, in.Update = region.Rect{Y: st.rows, X: q.rects[m-1].X}, st.data
		}
		return in
	}
	if q.change < 0 {
		return p.viewed(v, src)
	}
	return w.patched(src, q.change)
}

// job is the present band of step m.
func (q *passage) job(steps []step, m int, c int) engine.Job {
	j := engine.Job{Rect: region.Rect{Y: q.fresh[m], X: q.rects[m].X}}
	if m < len(steps)-1 {
		st := &q.strips[m]
		n := q.rects[m].X.Len() * c
		j.Out = st.data[(q.fresh[m].Lo-st.rows.Lo)*n:][:q.fresh[m].Len()*n]
		return j
	}
	n := q.rects[m].X.Len() * q.pitch
	j.Out = q.out[(q.fresh[m].Lo-q.rects[m].Y.Lo)*n:]
	j.Out = j.Out[:min(len(j.Out), q.fresh[m].Len()*n)]
	if q.pitch != c {
		j.Pitch = q.pitch
	}
	return j
}

// band computes what plan has found, step by step, for n passages. times, if they are
// measured, begin with the first step's.
func (f *fuser) band(p *Plan, steps []step, n int, s *engine.Scratch, w *worker, v *Views, times stepTimes) {
	for m := range steps {
		start := times.now()
		st := &steps[m]
		if need := n * len(st.in); cap(f.ins) < need {
			f.ins = make([]engine.Patched, need)
		}
		f.jobs = f.jobs[:0]
		ins := f.ins[:0]
		for i := range f.passages[:n] {
			q := &f.passages[i]
			if q.fresh[m].Empty() || q.joined[m] || m > 0 && q.joined[m-1] {
				continue
			}
			j := q.job(steps, m, p.values[st.out].plane.C)
			first := len(ins)
			for k := range st.in {
				ins = append(ins, q.input(p, steps, m, k, w, v))
			}
			j.In = ins[first:len(ins):len(ins)]
			f.jobs = append(f.jobs, j)
		}
		if len(f.jobs) > 0 {
			st.prim.Run(s, f.jobs)
		}
		if st.joined {
			f.bandJoined(p, steps, m, n, s, w, v)
		}
		times.ran(m, start)
	}
}

// bandJoined computes the present band of step m and the next one for the passages that
// join them.
func (f *fuser) bandJoined(p *Plan, steps []step, m, n int, s *engine.Scratch, w *worker, v *Views) {
	st, sum := &steps[m], &steps[m+1]
	if cap(f.residuals) < n {
		f.residuals = make([]engine.Residual, n)
	}
	f.jobs = f.jobs[:0]
	ins, residuals := f.ins[:0], f.residuals[:0]
	for i := range f.passages[:n] {
		q := &f.passages[i]
		if q.fresh[m].Empty() || !q.joined[m] {
			continue
		}
		j := q.job(steps, m+1, p.values[sum.out].plane.C)
		ins = append(ins, q.input(p, steps, m, 0, w, v))
		j.In = ins[len(ins)-1 : len(ins) : len(ins)]
		residuals = append(residuals, engine.Residual{Patched: q.input(p, steps, m+1, 1, w, v), Clamp: sum.prim.(*engine.Sum).Clamp})
		j.Residual = &residuals[len(residuals)-1]
		f.jobs = append(f.jobs, j)
	}
	if len(f.jobs) > 0 {
		st.prim.Run(s, f.jobs)
	}
}

// between is the number of bytes that lie between fused steps while rows of the last
// output are computed, and the others' in the given rectangles.
func (p *Plan) between(steps []step, rects []region.Rect, rows region.Span) int {
	n := 0
	for m := len(steps) - 1; m > 0; m-- {
		before := &steps[m-1]
		if before.joins(rects[m-1], rects[m]) {
			continue // nothing lies there
		}
		if sameMemory(steps, m, rects) {
			continue // where its output does
		}
		rows = before.wholeTiles(steps[m].rowsRead(rows).Intersect(rects[m-1].Y)).Intersect(rects[m-1].Y)
		n += 4 * rows.Len() * rects[m-1].X.Len() * p.values[before.out].plane.C
	}
	return n
}

// bandBytes is what may lie between fused steps at a time.
func (p *Plan) bandBytes(steps []step) int {
	weights := 0
	for i := range steps {
		weights += weightBytes(steps[i].prim)
	}
	if weights > fusedWeights {
		return int(wideBands * float64(p.cached))
	}
	return p.cached
}

// bandRows is how many rows of the last output a band has so that what lies between the
// steps stays in the cache, but no fewer than the windows of depthwise layers are high, which
// put the rows around a band's together again for each.
func (p *Plan) bandRows(steps []step, rects []region.Rect) int {
	last := &steps[len(steps)-1]
	r := rects[len(steps)-1]
	least := max(1, (fusedPixels+r.X.Len()-1)/r.X.Len())
	for i := range steps {
		if d, ok := steps[i].prim.(*engine.Depthwise); ok {
			least = max(least, d.Y.Extent())
		}
	}
	for parts := 1; ; parts++ {
		rows := last.wholeTiles(region.Span{Hi: (r.Y.Len() + parts - 1) / parts}).Hi
		if rows <= least || rows <= last.rows() || p.between(steps, rects, region.Span{Lo: r.Y.Lo, Hi: r.Y.Lo + rows}.Intersect(r.Y)) <= p.bandBytes(steps) {
			return max(rows, 1)
		}
	}
}

// bandsOf calls f for the end of each band of rows of a rectangle.
func (s *step) bandsOf(r region.Rect, rows int, f func(until int)) {
	for y := r.Y.Lo; y < r.Y.Hi; {
		y = min(r.Y.Hi, s.wholeTiles(region.Span{Hi: y + rows}).Hi)
		f(y)
	}
}

// runFused computes the updates of n steps from the given one on together: of as many
// changes at a time as the cache takes, or of one by bands.
func (w *worker) runFused(first, n int) {
	p := w.plan
	steps := p.steps[first : first+n]
	last := &steps[n-1]
	w.place(last.out)
	times, most := w.times.from(first), p.bandBytes(steps)
	for k := w.first; k < w.last; {
		count, bytes := 0, 0
		for ; k < w.last; k++ {
			if w.rects[k][last.out].Empty() {
				continue
			}
			q := w.fuser.passage(count, n)
			w.enter(q, steps, k)
			b := p.between(steps, q.rects, q.rects[n-1].Y)
			if count > 0 && bytes+b > most {
				break
			}
			count, bytes = count+1, bytes+b
		}
		if count == 1 {
			q := &w.fuser.passages[0]
			last.bandsOf(q.rects[n-1], p.bandRows(steps, q.rects), func(until int) {
				q.plan(steps, p, until)
				w.fuser.band(p, steps, 1, w.scratch, w, w.views, times)
			})
			continue
		}
		for i := range w.fuser.passages[:count] {
			q := &w.fuser.passages[i]
			q.plan(steps, p, q.rects[n-1].Y.Hi)
		}
		w.fuser.band(p, steps, count, w.scratch, w, w.views, times)
	}
	for k := w.first; k < w.last; k++ {
		for i := range steps {
			if s := &steps[i]; !w.rects[k][last.out].Empty() {
				w.spent[k] += engine.Work(s.prim, w.rects[k][s.out])
			}
		}
	}
}

// enter puts change k before fused steps.
func (w *worker) enter(q *passage, steps []step, k int) {
	q.change = k
	for m := range steps {
		q.rects[m] = w.rects[k][steps[m].out]
	}
	q.out, q.pitch = w.result(steps[len(steps)-1].out, k)
	q.enter(steps)
}

// materializeFused runs n steps from the given one on together on whole planes, in parts of
// the last one's rows.
func (p *Plan) materializeFused(first, n, parts int, v *Views, c *crew) error {
	steps, rects := p.steps[first:first+n], p.whole(first, n)
	last := &steps[n-1]
	out := p.values[last.out].plane
	data, pitch := v.result(p, last.out)
	var times stepTimes
	if c.size == 1 {
		times = v.times.from(first)
	}
	for m := range steps {
		v.times.count(p, first+m, rects[m], 1)
	}
	return c.run(parts, func(w, b int) {
		q := c.fusers[w].passage(0, n)
		q.change, q.pitch = -1, pitch
		copy(q.rects, rects)
		q.rects[n-1].Y = partOf(out.H, last.rows(), b, parts)
		q.out = data[q.rects[n-1].Y.Lo*out.W*pitch:]
		q.enter(steps)
		last.bandsOf(q.rects[n-1], p.bandRows(steps, q.rects), func(until int) {
			q.plan(steps, p, until)
			c.fusers[w].band(p, steps, 1, c.scratch[w], nil, v, times)
		})
	})
}
