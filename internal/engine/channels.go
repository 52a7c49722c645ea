package engine

import (
	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// Channels picks channels of its inputs, which are numbered one input behind the other:
// output channel c is input channel Source[c], or Fill where that is -1. It serves
// slices, splits, shuffles and padding of channels, and what they make together.
type Channels struct {
	Source []int
	Fill   float32
}

// move is what is done for some neighbouring output channels.
type move struct {
	way   moveWay
	to, n int    // first output channel, number of them
	in    [2]int // inputs
	from  [2]int // first channel of each
}

type moveWay int

const (
	fillChannels   moveWay = iota
	copyChannels           // neighbours
	zipChannels            // of two runs of neighbours in turn
	secondChannels         // every second
	gatherChannels         // any, of one input
)

// fewest is the number of channels up to which those that are picked one by one are copied
// for all pixels, one after the other.
const fewest = 4

// shortest is the number of channels from which runs that are no plain copies pay.
const shortest = 16

// MultiplyAdds implements Primitive.
func (c *Channels) MultiplyAdds() int64 { return 0 }

// Moves is how many pieces the channels of inputs of these widths are put together of,
// where each that is picked alone counts.
func (c *Channels) Moves(widths []int) (n int) {
	first := make([]int, len(widths)+1)
	for k, w := range widths {
		first[k+1] = first[k] + w
	}
	for _, m := range c.moves(nil, first) {
		if n++; m.way == gatherChannels {
			n += m.n - 1
		}
	}
	return n
}

// moves appends what has to be done; first are the numbers of the inputs' first channels,
// and the number of all.
func (c *Channels) moves(m []move, first []int) []move {
	for i := 0; i < len(c.Source); {
		next := c.move(i, first)
		if last := len(m) - 1; next.way == gatherChannels && last >= 0 && m[last].way == gatherChannels && m[last].in == next.in {
			m[last].n++
		} else {
			m = append(m, next)
		}
		i += next.n
	}
	return m
}

// move is the best one for the output channels from i on.
func (c *Channels) move(i int, first []int) move {
	s := c.Source[i:]
	if s[0] < 0 {
		n := 1
		for n < len(s) && s[n] < 0 {
			n++
		}
		return move{way: fillChannels, to: i, n: n}
	}
	a, end := inputOf(s[0], first)
	m := move{way: copyChannels, to: i, n: run(s, 1, 1, end), in: [2]int{a, a}, from: [2]int{s[0] - first[a]}}
	if n := run(s, 1, 2, end); n >= shortest && n > m.n {
		m.way, m.n = secondChannels, n
		return m
	}
	if len(s) > 1 && s[1] >= 0 {
		b, endB := inputOf(s[1], first)
		if n := 2 * min(run(s, 2, 1, end), run(s[1:], 2, 1, endB)); n >= shortest && n > m.n {
			return move{way: zipChannels, to: i, n: n, in: [2]int{a, b}, from: [2]int{s[0] - first[a], s[1] - first[b]}}
		}
	}
	if m.n == 1 {
		m.way = gatherChannels
	}
	return m
}

// inputOf is the input that a channel is of, and the number of the first channel behind
// it.
func inputOf(channel int, first []int) (input, end int) {
	for channel >= first[input+1] {
		input++
	}
	return input, first[input+1]
}

// run is how many of every step-th numbers of s, from the first on, are each by more
// than the one before, and less than end.
func run(s []int, step, by, end int) int {
	n := 1
	for i := step; i < len(s) && s[i] == s[i-step]+by && s[i] < end; i += step {
		n++
	}
	return n
}

// Run implements Primitive.
func (c *Channels) Run(s *Scratch, jobs []Job) {
	s.first = append(s.first[:0], 0)
	for k := range jobs[0].In {
		s.first = append(s.first, s.first[k]+jobs[0].In[k].C)
	}
	s.moves = c.moves(s.moves[:0], s.first)
	n := len(c.Source)
	src := grow(&s.sources, len(jobs[0].In))
	for i := range jobs {
		j := &jobs[i]
		w := j.Rect.X.Len()
		for y := j.Rect.Y.Lo; y < j.Rect.Y.Hi; y++ {
			for k := range j.In {
				p := &j.In[k]
				src[k] = p.pixels(y, j.Rect.X, s.lineBuffer(k, w*p.C))
			}
			dst := j.Out[(y-j.Rect.Y.Lo)*w*n:][:w*n]
			for k := range s.moves {
				c.row(&s.moves[k], src, dst, w, s.first)
			}
		}
	}
}

// row makes one move for w pixels.
func (c *Channels) row(m *move, src [][]float32, dst []float32, w int, first []int) {
	a, b, n := src[m.in[0]], src[m.in[1]], len(c.Source)
	pa, pb := first[m.in[0]+1]-first[m.in[0]], first[m.in[1]+1]-first[m.in[1]]
	half := m.n / 2
	switch {
	case m.way == secondChannels && m.n == n && pa == 2*n: // of a whole row of pixels
		asm.EverySecond(dst, a[m.from[0]:w*pa])
		return
	case m.way == zipChannels && m.n == n && pa == half && pb == half:
		asm.Zip(dst, a[:w*pa], b[:w*pb])
		return
	case m.way == copyChannels:
		copyPixels(dst[m.to:], a[m.from[0]:], w, m.n, n, pa)
		return
	case m.way == gatherChannels && m.n <= fewest:
		for i, from := range c.Source[m.to:][:m.n] {
			copyPixels(dst[m.to+i:], a[from-first[m.in[0]]:], w, 1, n, pa)
		}
		return
	}
	for x := range w {
		out := dst[x*n+m.to:][:m.n]
		switch m.way {
		case fillChannels:
			for i := range out {
				out[i] = c.Fill
			}
		case zipChannels:
			asm.Zip(out, a[x*pa+m.from[0]:][:half], b[x*pb+m.from[1]:][:half])
		case secondChannels:
			asm.EverySecond(out, a[x*pa+m.from[0]:][:2*m.n-1])
		case gatherChannels:
			px := a[x*pa:][:pa]
			for i, from := range c.Source[m.to:][:m.n] {
				out[i] = px[from-first[m.in[0]]]
			}
		}
	}
}

// Squares makes one pixel of each square of Y by X pixels, whose channels are numbered
// pixel by pixel, row by row: output channel c is channel Source[c] of the square.
type Squares struct {
	Channels
	Y, X int
}

// Windows are those of the output over an input plane.
func (p *Squares) Windows(in Plane) (y, x region.Window) {
	return region.Window{Kernel: p.Y, Stride: p.Y, Dilation: 1, In: in.H, Out: in.H / p.Y},
		region.Window{Kernel: p.X, Stride: p.X, Dilation: 1, In: in.W, Out: in.W / p.X}
}

// Run implements Primitive.
func (p *Squares) Run(s *Scratch, jobs []Job) {
	width := p.X * jobs[0].In[0].C
	s.first = s.first[:0]
	for k := range p.Y + 1 {
		s.first = append(s.first, k*width)
	}
	s.moves = p.moves(s.moves[:0], s.first)
	n, src := len(p.Source), grow(&s.sources, p.Y)
	for i := range jobs {
		j := &jobs[i]
		w := j.Rect.X.Len()
		for y := j.Rect.Y.Lo; y < j.Rect.Y.Hi; y++ {
			for k := range src {
				src[k] = j.In[0].pixels(y*p.Y+k, region.Span{Lo: j.Rect.X.Lo * p.X, Hi: j.Rect.X.Hi * p.X}, s.lineBuffer(k, w*width))
			}
			for k := range s.moves {
				p.row(&s.moves[k], src, j.Out[(y-j.Rect.Y.Lo)*w*n:][:w*n], w, s.first)
			}
		}
	}
}
