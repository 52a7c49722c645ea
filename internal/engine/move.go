package engine

import "krypton/internal/region"

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

// Copy copies the elements that nested loops go through, the outermost first, from src,
// where the first is from, to dst, where it goes.
func Copy(dst, src []float32, to, from int, loops []Loop) {
	if len(loops) == 0 {
		dst[to] = src[from]
		return
	}
	l := loops[0]
	switch {
	case len(loops) == 2 && l.From == 1 && loops[1].To == 1 && loops[1].From != 1:
		transposeLoops(dst, src, to, from, l, loops[1])
	case len(loops) == 3 && l.From == 1 && loops[2].To == 1 && loops[2].From != 1: // the outer two the other way round
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

// transposeLoops moves what lies together along a in src and along b in dst, a square at a
// time, so that what is read and written stays in the first-level cache.
func transposeLoops(dst, src []float32, to, from int, a, b Loop) {
	const side = 16
	for i0 := 0; i0 < a.N; i0 += side {
		for k0 := 0; k0 < b.N; k0 += side {
			n := min(side, b.N-k0)
			for i := i0; i < min(a.N, i0+side); i++ {
				out, at := dst[to+i*a.To+k0:][:n], from+i+k0*b.From
				for k := range out {
					out[k] = src[at]
					at += b.From
				}
			}
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
