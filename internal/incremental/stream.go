package incremental

import (
	"context"
	"errors"
	"fmt"
	mathbits "math/bits"
	"runtime"
	"unsafe"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/op"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

// Stream follows one input that changes again and again, as a video does: each
// change is worked into the views in place, so that the next one starts from
// there. Changes are masks, and between steps a pixel stays in the mask only if
// its value has moved, measured against what its readers have last seen. With
// Epsilon 0 the views equal those of a whole run on the present input, bit for
// bit. It must not be used by several goroutines at a time.
type Stream struct {
	plan       *Plan
	opt        StreamOptions
	views      *Views
	full       *Plan // the whole plan and its views; plan and views are those of short
	all        *Views
	short      *shortened // nil if all classes are computed
	outputs    outputMemory
	meanSquare MeanSquares
	crew       *crew
	masks      []*region.Mask // of each value; nil for host values
	spare      map[engine.Plane][]*region.Mask
	changed    []bool // host values
	rects      []region.Rect
	jobs       []engine.Job
	parts      []int // jobs[parts[i]:parts[i+1]] are part i's
	ins        []engine.Patched
	out        []float32
}

// StreamOptions says how a stream works.
type StreamOptions struct {
	// Workers is the number of goroutines, at least 1. No result depends on
	// it.
	Workers int
	// Epsilon, if not 0, keeps a pixel as its readers have last seen it as
	// long as it has not moved by more than Epsilon times the root mean
	// square of its value's pixels, taken in the last whole run: approximate.
	Epsilon float64
	// MeanSquares, if set, are what Epsilon is relative to in place of the last whole
	// run: taking it anew each time costs a pass over all views.
	MeanSquares MeanSquares
	// Shape is what changed pixels are put together to, for comparison: a
	// mask of any shape is the cheapest.
	Shape Shape
}

// Shape is a form of regions.
type Shape string

// The shapes of regions: any set of pixels, whole tiles of eight by eight, one
// rectangle.
const (
	Masks Shape = "mask"
	Tiles Shape = "tiles"
	Box   Shape = "box"
)

// shapeTile is the side of the tiles of Tiles.
const shapeTile = 8

// Check fails unless it is one of the shapes; "" is Masks.
func (s Shape) Check() error {
	switch s {
	case "", Masks, Tiles, Box:
		return nil
	}
	return fmt.Errorf("unknown shape of regions %q", s)
}

// Apply gives a mask the shape.
func (s Shape) Apply(m *region.Mask) {
	switch s {
	case Tiles:
		m.Align(shapeTile)
	case Box:
		if b := m.Bounds(); !b.Empty() {
			m.Add(b)
		}
	}
}

// NewStream makes the memory of a stream. Whole must be called first.
func (p *Plan) NewStream(opt StreamOptions) (*Stream, error) {
	if err := opt.Shape.Check(); err != nil {
		return nil, err
	}
	if p.differences {
		return nil, errors.New("a stream writes into the views, from which a plan in eight bits takes differences")
	}
	s := &Stream{plan: p, opt: opt, crew: newCrew(p, opt.Workers), changed: make([]bool, len(p.values)), spare: map[engine.Plane][]*region.Mask{}, views: newViews(p)}
	runtime.AddCleanup(s, (*team).stop, s.crew.team)
	s.full, s.all = p, s.views
	for i := range p.values {
		v := &p.values[i]
		if v.host {
			s.masks = append(s.masks, nil)
			continue
		}
		s.masks = append(s.masks, region.NewMask(v.plane.H, v.plane.W))
		if v.partOf == 0 {
			s.views.data[i] = make([]float32, v.plane.Len())
		}
	}
	return s, nil
}

// MeanSquares are the mean squares of the pixels of each of a plan's values, summed over
// channels.
type MeanSquares []float64

// MeanSquares takes those of the values for an input given as InputPlane says.
func (p *Plan) MeanSquares(ctx context.Context, input []float32, workers int) (MeanSquares, error) {
	v, err := p.Materialize(ctx, input, workers)
	if err != nil {
		return nil, err
	}
	return p.meanSquares(v), nil
}

// Input is the input that the views belong to, channels last as InputPlane
// says. Update is to be told of all that is written to it.
func (s *Stream) Input() []float32 { return s.views.data[s.plan.input] }

// Output gives output i for the present input, in ONNX order. It is overwritten when
// the same output is asked for again.
func (s *Stream) Output(i int) *tensor.Tensor {
	if s.short != nil {
		return s.short.output(s.full, &s.outputs, i)
	}
	return s.outputs.output(s.plan, s.views, i)
}

// Shorten has Update and WholeListed compute only the given classes of a head of the
// plan, until the next Whole. The others keep their numbers before the softmax, which
// are given for all classes in all. After it, WholeListed must be called first, unless
// the views are those of a whole run or of updates since.
func (s *Stream) Shorten(t *ClassifierHead, classes []int, all []float32) error {
	short, err := t.shorten(s.all, classes, all)
	if err != nil {
		return err
	}
	s.short, s.plan, s.views, s.meanSquare = short, short.plan, short.views, nil
	s.scale()
	return nil
}

// Logits are all classes' numbers before the softmax after Whole; they are not kept up
// to date by a stream that is shortened.
func (s *Stream) Logits(t *ClassifierHead) []float32 { return t.Logits(s.all) }

// ListedLogits are the numbers before the softmax of the classes that a stream is
// shortened to, in their order; nil if it is not.
func (s *Stream) ListedLogits() []float32 { return s.short.logits() }

// Whole runs the whole network on the present input.
func (s *Stream) Whole(ctx context.Context) error {
	s.short, s.plan, s.views = nil, s.full, s.all
	return s.WholeListed(ctx)
}

// WholeListed runs all of the network but the classes that a stream which is shortened
// leaves out.
func (s *Stream) WholeListed(ctx context.Context) error {
	if err := s.plan.compute(ctx, s.views, s.Input(), s.crew, false); err != nil {
		return err
	}
	s.meanSquare = nil
	s.scale()
	return nil
}

// scale takes the scale of each layer that thresholds are relative to, where it
// is not known.
func (s *Stream) scale() {
	switch {
	case s.opt.Epsilon == 0 || s.meanSquare != nil:
	case s.opt.MeanSquares != nil && s.short != nil:
		s.meanSquare = s.short.meanSquares(s.opt.MeanSquares)
	case s.opt.MeanSquares != nil:
		s.meanSquare = s.opt.MeanSquares
	default:
		s.meanSquare = s.plan.meanSquares(s.views)
	}
}

// SetEpsilon changes the threshold for the updates to come.
func (s *Stream) SetEpsilon(epsilon float64) {
	s.opt.Epsilon = epsilon
	s.scale()
}

// SetMeanSquares changes what the threshold is relative to for the updates to come.
func (s *Stream) SetMeanSquares(m MeanSquares) {
	s.opt.MeanSquares, s.meanSquare = m, nil
	s.scale()
}

// Count is the number of multiply-adds that Update would take for a change if
// every pixel that it can reach moved: the most that it can take.
func (s *Stream) Count(changed *region.Mask) int64 {
	s.begin(changed)
	n := int64(0)
	for i := range s.plan.steps {
		st := &s.plan.steps[i]
		if !s.reach(st) {
			continue
		}
		if st.prim != nil {
			n += s.work(st)
		}
	}
	return n
}

// Update works a change of the input's pixels into all views and returns the
// multiply-adds that it took. After an error the views are of no use until the
// next Whole.
func (s *Stream) Update(ctx context.Context, changed *region.Mask) (int64, error) {
	s.begin(changed)
	if s.masks[s.plan.input].Empty() {
		return 0, nil
	}
	spent := int64(0)
	for i := range s.plan.steps {
		if err := ctx.Err(); err != nil {
			return spent, err
		}
		st := &s.plan.steps[i]
		if !s.reach(st) {
			continue
		}
		if st.reference != nil {
			if err := s.plan.materializeReference(st, s.views); err != nil {
				return spent, fmt.Errorf("node %s (%s): %w", st.node, st.operator, err)
			}
			continue
		}
		spent += s.work(st)
		if st.inPlace != nil {
			s.join(st)
			continue
		}
		if err := s.run(st); err != nil {
			return spent, err
		}
	}
	return spent, nil
}

// Recomputed is the mask of the last change in the input's plane, as the stream
// saw it.
func (s *Stream) Recomputed() *region.Mask { return s.masks[s.plan.input] }

func (s *Stream) begin(changed *region.Mask) {
	in := s.masks[s.plan.input]
	in.Copy(changed)
	s.opt.Shape.Apply(in)
}

// reach sets the mask of a step's output, or marks its host values, and says
// whether anything changes.
func (s *Stream) reach(st *step) bool {
	return s.plan.reachShape(st, s.masks, s.changed, s.opt.Shape)
}

// reachShape is reachMask with masks of a shape.
func (p *Plan) reachShape(st *step, masks []*region.Mask, changed []bool, shape Shape) bool {
	reached := p.reachMask(st, masks, changed)
	if st.reference != nil || !reached {
		return reached
	}
	out := masks[st.out]
	shape.Apply(out)
	if st.tile() > 0 {
		out.Align(st.tile()) // more than WinogradReach, so that no two rectangles share a tile
	}
	return !out.Empty()
}

// reachMask sets the mask of a step's output, given those of all values (nil for host
// values, of which changed tells), and says whether anything changes.
func (p *Plan) reachMask(st *step, masks []*region.Mask, changed []bool) bool {
	all, any := false, false
	for i, src := range st.in {
		m := masks[src.value]
		switch {
		case m == nil && changed[src.value]:
			all, any = true, true
		case m == nil || m.Empty():
		case st.kind == op.Global, st.whole != nil && st.whole[i], p.values[src.value].plane != src.plane:
			all, any = true, true
		default:
			any = true
		}
	}
	if st.reference != nil {
		for _, id := range st.reference.out {
			if id < 0 {
				continue
			}
			changed[id] = any
			if m := masks[id]; m != nil {
				m.Clear()
				if any {
					m.Fill()
				}
			}
		}
		return any
	}
	out := masks[st.out]
	out.Clear()
	if !any {
		return false
	}
	if all {
		out.Fill()
		return true
	}
	for _, src := range st.in {
		switch m := masks[src.value]; {
		case m == nil || m.Empty():
		case st.kind == op.Windowed:
			out.Reach(m, st.windows[0], st.windows[1])
		case st.kind == op.Rearranging:
			st.moves.ReachMask(out, m)
		default:
			out.Or(m)
		}
	}
	return !out.Empty()
}

// work is the number of multiply-adds of a step for the mask of its output.
func (s *Stream) work(st *step) int64 {
	s.rects = s.masks[st.out].Rects(s.rects[:0])
	n := int64(0)
	for _, r := range s.rects {
		n += engine.Work(st.prim, r)
	}
	return n
}

// alone is the number of multiply-adds (or moved numbers) below which one
// worker is faster than several: a few microseconds.
const alone = 1 << 18

// run computes the rectangles that work left in s.rects, and works what moved
// into the view.
func (s *Stream) run(st *step) error {
	out := s.plan.values[st.out].plane
	s.ins = s.ins[:0]
	for _, src := range st.in {
		s.ins = append(s.ins, s.plan.viewed(s.views, src))
	}
	area := 0
	for _, r := range s.rects {
		area += r.Area()
	}
	workers := s.crew.size
	if int64(area)*max(st.prim.MultiplyAdds(), int64(out.C)) < alone {
		workers = 1
	}
	if cap(s.out) < area*out.C {
		s.out = make([]float32, area*out.C+area*out.C/4)
	}
	if n, part := s.plan.inParts(st.prim, area*out.C, workers); part != nil && workers > 1 {
		s.share(st, 1, area, out.C)
		parts := min(workers, n)
		if err := s.crew.run(parts, func(w, b int) { part(s.crew.scratch[w], s.jobs, n*b/parts, n*(b+1)/parts) }); err != nil {
			return err
		}
		s.masks[st.out].Clear()
		s.commit(st.out, s.jobs, s.crew.scratch[0], s.masks[st.out])
		s.opt.Shape.Apply(s.masks[st.out]) // one box or whole tiles hold pixels that did not move
		return nil
	}
	s.share(st, workers, area, out.C)
	parts := len(s.parts) - 1
	if parts == 1 {
		st.prim.Run(s.crew.scratch[0], s.jobs)
		s.masks[st.out].Clear()
		s.commit(st.out, s.jobs, s.crew.scratch[0], s.masks[st.out])
		s.opt.Shape.Apply(s.masks[st.out])
		return nil
	}
	moved := s.spareMasks(out, parts)
	if err := s.crew.run(parts, func(w, b int) {
		jobs := s.jobs[s.parts[b]:s.parts[b+1]]
		st.prim.Run(s.crew.scratch[w], jobs)
		moved[b].Clear()
		s.commit(st.out, jobs, s.crew.scratch[w], moved[b])
	}); err != nil {
		return err
	}
	m := s.masks[st.out]
	m.Clear()
	for _, o := range moved[:parts] {
		m.Or(o)
	}
	s.opt.Shape.Apply(s.masks[st.out])
	return nil
}

// spareMasks gives n masks of a plane.
func (s *Stream) spareMasks(p engine.Plane, n int) []*region.Mask {
	p.C = 0
	for len(s.spare[p]) < n {
		s.spare[p] = append(s.spare[p], region.NewMask(p.H, p.W))
	}
	return s.spare[p]
}

// share makes jobs of the rectangles, in parts of about equal size: rectangles
// are cut between rows, or rows of tiles.
func (s *Stream) share(st *step, parts, area, channels int) {
	s.jobs, s.parts = s.jobs[:0], append(s.parts[:0], 0)
	tile := max(1, st.tile())
	at, done := 0, 0
	for _, r := range s.rects {
		for !r.Empty() {
			want := area*len(s.parts)/parts - done // pixels until the present part is full
			head := r
			if len(s.parts) < parts && want < r.Area() {
				// Whole rows of tiles, one at least, counted from the plane's
				// origin.
				rows := max(1, (want+r.X.Len()/2)/r.X.Len())
				cut := (r.Y.Lo + rows + tile - 1) / tile * tile
				head.Y.Hi = min(r.Y.Hi, cut)
			}
			n := head.Area()
			s.jobs = append(s.jobs, engine.Job{In: s.ins, Rect: head, Out: s.out[at*channels:][:n*channels]})
			at, done = at+n, done+n
			if len(s.parts) < parts && done >= area*len(s.parts)/parts {
				s.parts = append(s.parts, len(s.jobs))
			}
			r.Y.Lo = head.Y.Hi
		}
	}
	if s.parts[len(s.parts)-1] != len(s.jobs) {
		s.parts = append(s.parts, len(s.jobs))
	}
}

// join brings the rectangles that work left in s.rects of a concatenation up to
// date: its parts in place are, the others' channels are copied.
func (s *Stream) join(st *step) {
	root := s.plan.root(st.out)
	out, view := s.plan.values[root].plane, s.views.data[root]
	first := 0
	for i, src := range st.in {
		if from := s.views.data[src.value]; !st.inPlace[i] && i >= st.have {
			for _, r := range s.rects {
				for y := r.Y.Lo; y < r.Y.Hi; y++ {
					for at := y*out.W + r.X.Lo; at < y*out.W+r.X.Hi; at++ {
						copy(view[at*out.C+first:], from[at*src.plane.C:][:src.plane.C])
					}
				}
			}
		}
		first += src.plane.C
	}
}

// commit copies the pixels of jobs that moved into the view of their value,
// and notes them in a mask.
func (s *Stream) commit(v int, jobs []engine.Job, scratch *engine.Scratch, moved *region.Mask) {
	plane := s.plan.values[v].plane
	view, pitch := s.views.result(s.plan, v)
	c := plane.C
	limit := float32(0)
	if s.opt.Epsilon > 0 && plane.H*plane.W > 1 {
		limit = float32(s.opt.Epsilon * s.opt.Epsilon * s.meanSquare[v])
	}
	for i := range jobs {
		r, out := jobs[i].Rect, jobs[i].Out
		for y := r.Y.Lo; y < r.Y.Hi; y++ {
			for x := r.X.Lo; x < r.X.Hi; {
				n := min(64, r.X.Hi-x)
				to := view[(y*plane.W+x)*pitch:][:(n-1)*pitch+c]
				bits := movedBits(scratch.Kernels, out[:n*c], to, n, pitch, c, limit)
				for bits != 0 { // runs of pixels that moved
					lo := mathbits.TrailingZeros64(bits)
					hi := lo + mathbits.TrailingZeros64(^(bits >> lo))
					bits &= ^uint64(0) << lo << (hi - lo)
					if pitch == c {
						copy(to[lo*c:hi*c], out[lo*c:])
					} else {
						for k := lo; k < hi; k++ {
							copy(to[k*pitch:][:c], out[k*c:])
						}
					}
					moved.Add(region.Rect{Y: region.Span{Lo: y, Hi: y + 1}, X: region.Span{Lo: x + lo, Hi: x + hi}})
				}
				out, x = out[n*c:], x+n
			}
		}
	}
}

// movedBits tells which of n <= 64 pixels of c channels each, that follow each other
// in from and lie pitch apart in to, have moved: by a bit, or, where the limit is not
// 0, by a squared distance of more than that.
func movedBits(k *asm.Kernels, from, to []float32, n, pitch, c int, limit float32) uint64 {
	if limit > 0 {
		return k.ExceedsDistance(from, to, n, c, pitch, c, limit)
	}
	bits := uint64(0)
	for i := range n {
		if !sameBits(from[i*c:][:c], to[i*pitch:][:c]) {
			bits |= 1 << i
		}
	}
	return bits
}

// sameBits says whether two slices of the same length hold the same bits.
func sameBits(a, b []float32) bool {
	n := 4 * len(a)
	return unsafe.String((*byte)(unsafe.Pointer(unsafe.SliceData(a))), n) == unsafe.String((*byte)(unsafe.Pointer(unsafe.SliceData(b))), n)
}
