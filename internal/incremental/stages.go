package incremental

import (
	"context"
	"fmt"

	"krypton/internal/pages"
	"krypton/internal/region"
)

// stages says how many changes a worker takes at a time. The steps before the cut, if
// there is one, run for first of them after the other, and those behind it for all of the
// chunk: early planes are large and their weights few, late ones are small and would wait
// for their weights.
type stages struct {
	cut          int // 0 where all steps run for the chunk
	first, chunk int
	numbers      [2][]int // of one change in each slot, before the cut and behind it
	crosses      []bool   // values that are written before the cut and read behind it
}

// Chunk sizes: enough changes that deep layers fill some tiles, few enough that a
// chunk's updates stay near: in the second-level cache where weights are so small
// (smallWeights) that each chunk may read them anew, else in a worker's share of the
// third. Every chunk reads all weights once: where these are large (half a gigabyte of
// VGG16's) more changes share a reading, as long as each has weightsEach of it to
// itself, or more than its own updates movedTimes over: what layers move is read and
// written beside arithmetic, weights mostly keep it waiting. Beyond movingMost changes maps of
// ResNet18 and ResNet50 gained nothing once they ran, and took longer to begin: the first
// touch of what 48 changes write to cost 16 % of a map of 400. Beside other programs, which
// take their part of the third-level cache, 16 MiB made maps of ShuffleNet and MobileNet v2
// take up to half longer than 4 MiB.
const (
	chunkMost    = 64
	chunkBytes   = 4 << 20
	smallWeights = 8 << 20
	smallBytes   = 2 << 20
	sharedBytes  = 64 << 20
	weightsEach  = 16 << 20
	movedTimes   = 3
	movingMost   = 12
	// cutSaves is how many bytes of weights a change reads less for which steps are cut,
	// where cutMost changes at most run at a time otherwise: those of ResNet50 with gates,
	// of which five do, took a twentieth longer.
	cutSaves = 4 << 20
	cutMost  = 2
	// headMost is the most changes that linear layers take at a time: VGG16's took a
	// fifth less time for 120 than for 31, its maps 4 %.
	headMost = 128
)

// chunkOf is how many changes steps with so many bytes of weights take at a time, whose
// updates are so many of one change.
func chunkOf(own, weights int64) int {
	own = max(1, own)
	bytes := int64(chunkBytes)
	if weights < smallWeights {
		bytes = smallBytes
	}
	sharing := min(sharedBytes/own, weights/weightsEach)
	moving := min(movingMost, weights/(movedTimes*own))
	return int(min(chunkMost, max(1, bytes/own, sharing, moving)))
}

// stages chooses how many changes a worker takes at a time of n, at most as large as the
// one given.
func (p *Plan) stages(at region.Rect, n, workers int, opt Options) (stages, error) {
	rects := p.regions(at)
	if opt.Gates > 0 && opt.Memory == 0 {
		rects = p.regionsHeld(at)
	}
	s := stages{chunk: opt.Chunk, numbers: [2][]int{1: p.slotNumbers(rects, nil)}}
	if opt.cut > 0 {
		return p.cutAt(opt.cut, rects, 1, opt.Chunk), nil
	}
	if opt.Chunk <= 0 {
		most := max(1, (n+2*workers-1)/(2*workers)) // so that no worker is left with many
		s.chunk = min(most, chunkOf(slotBytes(s.numbers[1]), p.WeightBytes()))
		if s.chunk < most && !opt.dynamic() { // else regions are not known beforehand
			cut := p.cutHead(rects, s, most)
			if s.chunk <= cutMost {
				cut = p.cutSteps(rects, s, most)
			}
			bytes := int64(cut.first)*slotBytes(cut.numbers[0]) + int64(cut.chunk)*slotBytes(cut.numbers[1]) + p.passingBytes()
			if cut.cut > 0 && (opt.Memory == 0 || bytes <= opt.Memory/int64(workers)) {
				return cut, nil
			}
		}
	}
	if opt.Memory > 0 {
		each := max(1, slotBytes(s.numbers[1])+p.passingBytes())
		fit := opt.Memory / (each * int64(workers))
		if fit < 1 {
			return s, fmt.Errorf("%w: %d workers need %d KiB for one position each", ErrMemory, workers, each*int64(workers)>>10)
		}
		s.chunk = int(min(int64(s.chunk), fit))
	}
	return s, nil
}

// cutSteps cuts the steps where more changes at a time behind the cut save the most
// readings of weights, if they save cutSaves: otherwise it gives s, in which all steps run
// for a chunk.
func (p *Plan) cutSteps(rects []region.Rect, s stages, most int) stages {
	_, last := p.lives()
	behind := make([]int64, len(p.steps)+1) // bytes of the weights of a step and those behind
	for i := len(p.steps) - 1; i >= 0; i-- {
		behind[i] = behind[i+1] + int64(weightBytes(p.steps[i].prim))
	}
	cut, chunk, saved := 0, 0, float64(cutSaves)
	for _, i := range p.cuts() {
		late := slotBytes(p.slotNumbers(rects, func(v int) bool { return last[v] >= i }))
		c := min(most, chunkOf(late, behind[i]))
		if n := float64(behind[i]) * (1/float64(s.chunk) - 1/float64(c)); n > saved {
			cut, chunk, saved = i, c, n
		}
	}
	if cut == 0 {
		return s
	}
	return p.cutAt(cut, rects, s.chunk, chunk)
}

// cutHead cuts the steps before linear layers at the end whose weights are so many that more
// changes at a time behind the cut save cutSaves, otherwise it gives s. A convolution uses
// each of its weights for many pixels of a change, a linear layer once, so that these weights
// alone keep a whole chunk waiting.
func (p *Plan) cutHead(rects []region.Rect, s stages, most int) stages {
	_, last := p.lives()
	cut, chunk, saved := 0, 0, float64(cutSaves)
	at, behind := p.cuts(), int64(0)
	for i := len(p.steps) - 1; i > 0; i-- {
		if plane := p.values[p.steps[i].out].plane; plane.H*plane.W != 1 {
			break
		}
		behind += int64(weightBytes(p.steps[i].prim))
		if len(at) == 0 || at[len(at)-1] != i {
			continue
		}
		at = at[:len(at)-1]
		late := slotBytes(p.slotNumbers(rects, func(v int) bool { return last[v] >= i }))
		c := int(min(int64(min(most, headMost)), sharedBytes/max(1, late))) / s.chunk * s.chunk
		if n := float64(behind) * (1/float64(s.chunk) - 1/float64(max(1, c))); n > saved {
			cut, chunk, saved = i, c, n
		}
	}
	if cut == 0 {
		return s
	}
	return p.cutAt(cut, rects, s.chunk, chunk)
}

// cuts lists the steps before which they may be cut: not among those that belong together.
func (p *Plan) cuts() (at []int) {
	whole := 0
	for i := range p.steps {
		if i > whole {
			at = append(at, i)
		}
		whole = max(whole, i+p.steps[i].fused-1, i+p.steps[i].group-1)
	}
	return at
}

// cutAt has the steps before one run for first changes at a time, the others for a chunk.
func (p *Plan) cutAt(cut int, rects []region.Rect, first, chunk int) stages {
	s := stages{cut: cut, first: first, chunk: chunk, crosses: make([]bool, len(p.values))}
	written, read := p.lives()
	for v := range p.values {
		s.crosses[v] = written[v] < cut && read[v] >= cut && !p.values[v].host
	}
	s.numbers[0] = p.slotNumbers(rects, func(v int) bool { return read[v] < cut })
	s.numbers[1] = p.slotNumbers(rects, func(v int) bool { return read[v] >= cut })
	return s
}

// lives gives the steps that write the memory of each value first, and read or write it
// last: -1 and the number of steps for the input and the outputs. What has no memory of
// its own lives in none.
func (p *Plan) lives() (first, last []int) {
	first, last = make([]int, len(p.values)), make([]int, len(p.values))
	for v := range first {
		first[v], last[v] = len(p.steps), -1
	}
	touch := func(v, step int) {
		v = p.root(v)
		first[v], last[v] = min(first[v], step), max(last[v], step)
	}
	touch(p.input, -1)
	for i := range p.steps {
		s := &p.steps[i]
		touch(s.out, i)
		if s.reference != nil {
			for _, v := range s.reference.out {
				if v >= 0 {
					touch(v, i)
				}
			}
		}
		for _, src := range s.in {
			touch(src.value, i)
		}
	}
	for _, o := range p.outputs {
		for _, v := range o.reads() {
			touch(v, len(p.steps))
		}
	}
	return first, last
}

// slots are where a worker's updates lie, of some changes at a time.
type slots struct {
	of     [][]float32
	offset [][]int // [value][change] into the value's slot
	placed []bool  // values that have their memory
}

func newSlots(p *Plan) slots {
	return slots{of: make([][]float32, p.slots), offset: make([][]int, len(p.values)), placed: make([]bool, len(p.values))}
}

// begin takes back the memory of all values, of n changes.
func (m *slots) begin(n int) {
	for v := range m.offset {
		m.offset[v] = resize(m.offset[v], n)
	}
	clear(m.placed)
}

// reserve makes room for the updates of stages, or a few numbers more, in one piece:
// regions grow from the plane's corner on.
func (w *worker) reserve(st stages) {
	w.stages = st
	counts := [2]int{st.first, st.chunk}
	missing := func(f func(slot *[]float32, room int)) {
		for m, numbers := range st.numbers {
			for i, n := range numbers {
				if slot := &w.memory[m].of[i]; cap(*slot) < n*counts[m] {
					f(slot, wholeVectors(n*counts[m]*9/8))
				}
			}
		}
	}
	all := 0
	missing(func(_ *[]float32, room int) { all += room })
	space := pages.Numbers(all)
	missing(func(slot *[]float32, room int) { *slot, space = space[:0:room], space[room:] })
}

// runStages runs all steps for a chunk of changes, the first of which is number lo.
func (w *worker) runStages(ctx context.Context, changes Changes, lo int) error {
	late, steps := &w.memory[1], len(w.plan.steps)
	w.now, w.first, w.last = late, 0, w.n
	late.begin(w.n)
	if w.stages.cut == 0 {
		w.begin(changes, lo)
		return w.runSteps(0, steps)
	}
	for v, crosses := range w.stages.crosses {
		if crosses {
			w.place(v)
		}
	}
	w.now = &w.memory[0]
	for w.first = 0; w.first < w.n; w.first = w.last {
		if err := ctx.Err(); err != nil {
			return err
		}
		w.last = min(w.n, w.first+w.stages.first)
		w.now.begin(w.n)
		w.begin(changes, lo)
		if err := w.runSteps(0, w.stages.cut); err != nil {
			return err
		}
	}
	w.now, w.first = late, 0
	return w.runSteps(w.stages.cut, steps)
}

// slotsOf is where the updates of value v lie.
func (w *worker) slotsOf(v int) *slots {
	if w.stages.cut > 0 && w.stages.crosses[v] {
		return &w.memory[1]
	}
	return w.now
}

// place gives every change's update of a value its part of the value's slot.
func (w *worker) place(v int) {
	v = w.plan.root(v)
	val, m := &w.plan.values[v], w.slotsOf(v)
	if m.placed[v] {
		return
	}
	m.placed[v] = true
	at := 0
	for k := w.first; k < w.last; k++ {
		m.offset[v][k] = at
		at += w.rects[k][v].Area() * val.plane.C
	}
	if s := &m.of[val.slot]; cap(*s) < at {
		*s = pages.Numbers(at + at/4) // the next chunk may want a little more
	}
	m.of[val.slot] = m.of[val.slot][:at]
}

// update is change k's update of value v.
func (w *worker) update(v, k int) []float32 {
	val, m := &w.plan.values[v], w.slotsOf(v)
	n := w.rects[k][v].Area() * val.plane.C
	return m.of[val.slot][m.offset[v][k]:][:n:n]
}
