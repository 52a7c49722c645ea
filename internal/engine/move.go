package engine

import (
	"math"

	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// Move copies blocks of its inputs, or of constants, to where the output has them. It
// only makes whole outputs; blocks must not overlap there.
type Move struct{ Blocks []Block }

// Block is a nest of loops over elements; the outermost comes first.
type Block struct {
	In    int       // which input
	Const []float32 // if not nil, instead of it
	// From and To are where the first element is and goes.
	From, To int
	Loops    []Loop
}

// Loop is N elements that lie From apart and go To apart.
type Loop struct{ N, From, To int }

// MultiplyAdds implements Primitive.
func (m *Move) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (m *Move) Run(s *Scratch, jobs []Job) { m.RunParts(s, jobs, 0, m.Parts()) }

// Parts implements Divided: rounds of the blocks' outermost loops.
func (m *Move) Parts() int {
	n := 0
	for i := range m.Blocks {
		n += m.Blocks[i].rounds()
	}
	return n
}

// rounds is how often the block's outermost loop runs.
func (b *Block) rounds() int {
	if len(b.Loops) < 2 {
		return 1
	}
	return b.Loops[0].N
}

// RunParts implements Divided.
func (m *Move) RunParts(s *Scratch, jobs []Job, lo, hi int) {
	for i := range jobs {
		j := &jobs[i]
		first := 0 // part of the block
		for k := range m.Blocks {
			b := &m.Blocks[k]
			from, to := max(lo-first, 0), min(hi-first, b.rounds())
			first += b.rounds()
			if from >= to {
				continue
			}
			if b.all(j) {
				j.In[b.In].Compose(j.Out[b.To:][:b.Loops[0].N])
				continue
			}
			src := b.Const
			if src == nil {
				src = j.whole(s, b.In)
			}
			if len(b.Loops) < 2 {
				Copy(j.Out, src, b.To, b.From, b.Loops)
				continue
			}
			l := b.Loops[0]
			s.loops = append(append(s.loops[:0], Loop{to - from, l.From, l.To}), b.Loops[1:]...)
			Copy(j.Out, src, b.To+from*l.To, b.From+from*l.From, s.loops)
		}
	}
}

// all says whether the block is an input as it lies.
func (b *Block) all(j *Job) bool {
	return b.Const == nil && b.From == 0 && len(b.Loops) == 1 && b.Loops[0] == Loop{j.In[b.In].Plane.Len(), 1, 1}
}

// Runs is the number of pieces of the block that lie together on both sides.
func (b *Block) Runs() int {
	n := 1
	for i, l := range b.Loops {
		if i == len(b.Loops)-1 && l.From == 1 && l.To == 1 {
			break
		}
		n *= l.N
	}
	return n
}

// Singly is the share of the elements that are copied one by one: not in pieces that lie
// together on both sides, nor as rows that become columns.
func (m *Move) Singly() float64 {
	all, singly := 0, 0
	for i := range m.Blocks {
		b := &m.Blocks[i]
		n := 1
		for _, l := range b.Loops {
			n *= l.N
		}
		all += n
		if last := b.Loops[max(0, len(b.Loops)-3):]; n < 4*b.Runs() && !turned(last) && !turned(last[min(1, len(last)):]) {
			singly += n
		}
	}
	return float64(singly) / float64(max(1, all))
}

// turned says whether what lies together along the first of two or three loops in what is
// read does so along the last one where it goes.
func turned(loops []Loop) bool {
	n := len(loops)
	return n > 1 && loops[0].From == 1 && loops[n-1].To == 1 && loops[n-1].From != 1
}

// Copy copies the elements that nested loops go through, the outermost first, from src,
// where the first is from, to dst, where it goes.
func Copy(dst, src []float32, to, from int, loops []Loop) {
	if len(loops) == 0 {
		dst[to] = src[from]
		return
	}
	l := loops[0]
	switch {
	case len(loops) == 2 && turned(loops):
		transposeLoops(dst, src, to, from, l, loops[1])
	case len(loops) == 3 && turned(loops): // the outer two the other way round
		for i := range loops[1].N {
			transposeLoops(dst, src, to+i*loops[1].To, from+i*loops[1].From, l, loops[2])
		}
	case len(loops) == 2 && loops[1].From == 1 && loops[1].To == 1 && l.From >= 0: // not backwards
		copyPixels(dst[to:], src[from:], l.N, loops[1].N, l.To, l.From)
	case len(loops) > 1:
		for i := range l.N {
			Copy(dst, src, to+i*l.To, from+i*l.From, loops[1:])
		}
	case l.From == 1 && l.To == 1:
		copy(dst[to:][:l.N], src[from:])
	default:
		for range l.N {
			dst[to] = src[from]
			to, from = to+l.To, from+l.From
		}
	}
}

// copyPixels copies n neighbouring numbers of each of w pixels, which lie to and from apart.
// A call of copy for a few takes longer than they do.
func copyPixels(dst, src []float32, w, n, to, from int) {
	switch {
	case n == to && n == from:
		copy(dst[:w*n], src)
	case n == 1:
		for x := range w {
			dst[x*to] = src[x*from]
		}
	case n == 2:
		for x := range w {
			d, s := dst[x*to:][:2], src[x*from:][:2]
			d[0], d[1] = s[0], s[1]
		}
	case n <= 4:
		for x := range w {
			d, s := dst[x*to:][:n], src[x*from:][:n]
			d[0], d[1], d[2] = s[0], s[1], s[2]
			if n == 4 {
				d[3] = s[3]
			}
		}
	default:
		for x := range w {
			copy(dst[x*to:][:n], src[x*from:])
		}
	}
}

// transposeLoops moves what lies together along a in src and along b in dst, a piece at a
// time, so that what is written stays in the first-level cache until its lines are full.
func transposeLoops(dst, src []float32, to, from int, a, b Loop) {
	const rows, most = 128, 64
	if a.To < b.N || b.From < 0 || b.From > math.MaxInt32/most { // rows that lie in one another, backwards, or too far apart
		for i := range a.N {
			out, at := dst[to+i*a.To:][:b.N], from+i
			for k := range out {
				out[k] = src[at]
				at += b.From
			}
		}
		return
	}
	var columns [most]int32
	for k := range columns {
		columns[k] = int32(k * b.From)
	}
	for i := 0; i < a.N; i += rows {
		for k := 0; k < b.N; k += most {
			asm.Transpose(dst[to+i*a.To+k:], a.To, src[from+i+k*b.From:], columns[:min(most, b.N-k)], min(rows, a.N-i))
		}
	}
}

// whole gives all of an input: where it lies, or put together.
func (j *Job) whole(s *Scratch, i int) []float32 {
	in := &j.In[i]
	switch {
	case in.Rect.Empty():
		return in.View
	case in.Rect == in.Plane.Rect():
		return in.Update
	}
	all := s.lineBuffer(i, in.Plane.Len())
	in.Compose(all)
	return all
}

// within is whole as far as a rectangle goes; what is beyond it is undefined.
func (j *Job) within(s *Scratch, i int, r region.Rect) []float32 {
	in := &j.In[i]
	switch {
	case in.Rect.Intersect(r).Empty():
		return in.View
	case in.Rect == in.Plane.Rect():
		return in.Update
	}
	all, n := s.lineBuffer(i, in.Plane.Len()), r.X.Len()*in.C
	for y := r.Y.Lo; y < r.Y.Hi; y++ {
		at := (y*in.W + r.X.Lo) * in.C
		row := in.pixels(y, r.X, all[at:][:n])
		if &row[0] != &all[at] {
			copy(all[at:], row)
		}
	}
	return all
}
