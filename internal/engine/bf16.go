package engine

import (
	"fmt"
	"math"

	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// ConvBF16 is a convolution whose inputs and weights are rounded to bfloat16;
// products are exact and sums float32. It is a Conv over planes of half as many
// channels whose elements are pairs of bfloat16 (see asm.Kernels.Pairs): what it
// reads of its jobs' inputs is first rounded into scratch memory, view and update
// together.
type ConvBF16 struct {
	In    Plane
	pairs *Conv
}

// BF16Fits says whether a convolution can be computed by ConvBF16 with this
// kernel set: channels go in pairs, of one group, and rows of a window lie
// together.
func BF16Fits(k *asm.Kernels, in Plane, x region.Window, group int) bool {
	return k.Pairs() != nil && group == 1 && in.C%2 == 0 && in.C > 0 && (x.Dilation == 1 || x.Kernel == 1)
}

// NewConvBF16 rounds and packs weights given as NewConv takes them.
func NewConvBF16(s *Scratch, in Plane, y, x region.Window, weights, bias []float32, outC int, clamp Clamp) (*ConvBF16, error) {
	taps := y.Kernel * x.Kernel
	if !BF16Fits(s.Kernels, in, x, 1) || len(weights) != outC*in.C*taps {
		return nil, fmt.Errorf("bfloat16 convolution of %d to %d channels: %d weights", in.C, outC, len(weights))
	}
	half := in
	half.C /= 2
	pairs := make([]float32, len(weights)/2)
	exact := true
	for i := range pairs {
		at := i/taps*2*taps + i%taps
		pairs[i] = asm.Pair(weights[at], weights[at+taps])
		first, second := asm.Unpair(pairs[i])
		exact = exact && first-first == 0 && second-second == 0
	}
	// A sum of products never is a denormal: nor is one of none.
	normal := append([]float32(nil), bias...)
	for i, v := range normal {
		if math.Float32bits(v)&0x7f800000 == 0 {
			normal[i] = 0
		}
	}
	c := &ConvBF16{In: in}
	var err error
	if c.pairs, err = NewConv(s, half, y, x, 1, pairs, normal, outC, clamp); err != nil {
		return nil, err
	}
	c.pairs.finite = exact
	c.pairs.sparse = exact && c.pairs.listable(s.Kernels)
	return c, nil
}

// MultiplyAdds implements Primitive.
func (c *ConvBF16) MultiplyAdds() int64 { return 2 * c.pairs.MultiplyAdds() }

// Run implements Primitive.
func (c *ConvBF16) Run(s *Scratch, jobs []Job) { c.RunPanels(s, jobs, 0, c.Panels()) }

// Panels implements Panelled.
func (c *ConvBF16) Panels() int { return c.pairs.Panels() }

// Weights implements Panelled.
func (c *ConvBF16) Weights() int { return c.pairs.Weights() }

// RunPanels implements Panelled: jobs are cut into pieces of as many rows as
// fill one block of tiles, so that rounded inputs stay in the second-level
// cache.
func (c *ConvBF16) RunPanels(s *Scratch, jobs []Job, lo, hi int) {
	plain := s.Kernels
	s.Kernels = plain.Pairs()
	defer func() { s.Kernels = plain }()
	block := blockTiles * plain.Rows
	s.pieces, s.pieceOf = s.pieces[:0], s.pieceOf[:0]
	room := block
	flush := func() {
		if len(s.pieces) > 0 {
			c.round(s, plain, jobs)
			c.pairs.RunPanels(s, s.pieces, lo, hi)
		}
		s.pieces, s.pieceOf, room = s.pieces[:0], s.pieceOf[:0], block
	}
	for i := range jobs {
		j := &jobs[i]
		for x := j.Rect.X.Lo; x < j.Rect.X.Hi; {
			w := min(j.Rect.X.Hi-x, block)
			for y := j.Rect.Y.Lo; y < j.Rect.Y.Hi; {
				h := min(j.Rect.Y.Hi-y, room/w)
				if h == 0 {
					flush()
					continue
				}
				if w < j.Rect.X.Len() {
					h = 1 // the piece's rows do not lie together in Out
				}
				piece := Job{Rect: region.Rect{Y: region.Span{Lo: y, Hi: y + h}, X: region.Span{Lo: x, Hi: x + w}}, Pitch: j.pitch(c.pairs.Out.C), Row: j.row(c.pairs.Out.C), Residual: j.Residual}
				piece.Out = j.Out[(y-j.Rect.Y.Lo)*piece.Row+(x-j.Rect.X.Lo)*piece.Pitch:]
				s.pieces, s.pieceOf = append(s.pieces, piece), append(s.pieceOf, i)
				room -= w * h
				y += h
			}
			x += w
		}
	}
	flush()
}

// round gives the pieces their inputs: what they read, rounded.
func (c *ConvBF16) round(s *Scratch, k *asm.Kernels, jobs []Job) {
	half := c.pairs.In
	s.rounded = grow(&s.rounded, len(s.pieces))
	n := 0
	for i := range s.pieces {
		r := s.pieces[i].Rect
		s.rounded[i] = Patched{Plane: half, Rect: region.Rect{Y: c.pairs.Y.Reads(r.Y), X: c.pairs.X.Reads(r.X)}.Intersect(half.Rect())}
		n += s.rounded[i].Rect.Area() * half.C
	}
	space := grow(&s.pairs, n)
	for i := range s.pieces {
		p := &s.rounded[i]
		n := p.Rect.Area() * half.C
		p.Update, space = space[:n:n], space[n:]
		s.pieces[i].In = s.rounded[i : i+1 : i+1]
		in := &jobs[s.pieceOf[i]].In[0]
		if src := together(in, p.Rect); src != nil && c.pairs.Y.Kernel >= c.pairs.Y.Stride {
			k.Round(p.Update, src)
			continue
		}
		dst := p.Update
		for y := p.Rect.Y.Lo; y < p.Rect.Y.Hi; y++ {
			n := p.Rect.X.Len() * half.C
			// With a kernel of one row, a stride passes over rows.
			if c.pairs.Y.Kernel > 1 || (y+c.pairs.Y.Pad)%c.pairs.Y.Stride == 0 {
				row := in.row(y)
				row.round(k, dst[:n], p.Rect.X, in.C)
			}
			dst = dst[n:]
		}
	}
}

// together gives the pixels of r as one slice where they lie so, else nil.
func together(p *Patched, r region.Rect) []float32 {
	n := r.X.Len() * p.C
	switch {
	case r.Empty():
		return nil
	case p.Rect.X == r.X && p.Rect.Y.Union(r.Y) == p.Rect.Y:
		return p.Update[(r.Y.Lo-p.Rect.Y.Lo)*n:][:r.Y.Len()*n]
	case p.Rect.Empty() && r.X.Len() == p.W:
		return p.View[r.Y.Lo*n:][:r.Y.Len()*n]
	}
	return nil
}

// round rounds the pixels of columns x.
func (r *rowRef) round(k *asm.Kernels, dst []float32, x region.Span, ch int) {
	for !x.Empty() {
		src, hi := r.view, x.Hi
		at := x.Lo
		switch {
		case x.Lo < r.span.Lo:
			hi = min(hi, r.span.Lo)
		case x.Lo < r.span.Hi:
			hi = min(hi, r.span.Hi)
			src, at = r.update, x.Lo-r.span.Lo
		}
		n := (hi - x.Lo) * ch
		k.Round(dst, src[at*ch:][:n])
		dst, x.Lo = dst[n/2:], hi
	}
}
