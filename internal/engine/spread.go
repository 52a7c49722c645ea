package engine

import "krypton/internal/region"

// Spread lays out a plane whose pixels hold Y by X pixels of the output each, row by
// row, and leaves out what lies before the first output pixel: what is computed phase
// by phase becomes a plane of Y and X times the size.
type Spread struct {
	Out Plane
	// Y and X are the numbers of output pixels in an input pixel, SkipY and SkipX
	// of those left out at the beginning.
	Y, X, SkipY, SkipX int
}

// MultiplyAdds implements Primitive.
func (p *Spread) MultiplyAdds() int64 { return 0 }

// Tables maps regions of an input plane.
func (p *Spread) Tables(in Plane) (y, x region.Table) {
	return region.Copy(in.H, p.Out.H, func(o int) int { return (o + p.SkipY) / p.Y }),
		region.Copy(in.W, p.Out.W, func(o int) int { return (o + p.SkipX) / p.X })
}

// Run implements Primitive.
func (p *Spread) Run(s *Scratch, jobs []Job) {
	c := p.Out.C
	for i := range jobs {
		j := &jobs[i]
		in, out := &j.In[0], j.Out
		lo, hi := j.Rect.X.Lo+p.SkipX, j.Rect.X.Hi+p.SkipX
		span := region.Span{Lo: lo / p.X, Hi: (hi-1)/p.X + 1}
		for y := j.Rect.Y.Lo; y < j.Rect.Y.Hi; y++ {
			src := in.pixels((y+p.SkipY)/p.Y, span, s.lineBuffer(0, span.Len()*in.C))
			row := (y + p.SkipY) % p.Y * p.X * c
			from := func(x int) []float32 { return src[(x/p.X-span.Lo)*in.C+row+x%p.X*c:] }
			x := lo
			if part := (p.X - lo%p.X) % p.X; part > 0 { // what the first input pixel has left
				n := min(part, hi-lo)
				copy(out[:n*c], from(lo))
				out, x = out[n*c:], lo+n
			}
			if whole := (hi - x) / p.X; whole > 0 {
				copyPixels(out, from(x), whole, p.X*c, p.X*c, in.C)
				out, x = out[whole*p.X*c:], x+whole*p.X
			}
			if x < hi {
				copy(out[:(hi-x)*c], from(x))
				out = out[(hi-x)*c:]
			}
		}
	}
}
