package engine

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
			src := b.Const
			if src == nil {
				src = j.whole(s, b.In)
			}
			if len(b.Loops) < 2 {
				copyLoops(j.Out, src, b.To, b.From, b.Loops)
				continue
			}
			l := b.Loops[0]
			for r := from; r < to; r++ {
				copyLoops(j.Out, src, b.To+r*l.To, b.From+r*l.From, b.Loops[1:])
			}
		}
	}
}

func copyLoops(dst, src []float32, to, from int, loops []Loop) {
	if len(loops) == 0 {
		dst[to] = src[from]
		return
	}
	l := loops[0]
	switch {
	case len(loops) > 1:
		for i := range l.N {
			copyLoops(dst, src, to+i*l.To, from+i*l.From, loops[1:])
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
