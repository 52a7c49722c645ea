package engine

import (
	"fmt"
	"math"

	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// ConvInt8 is a convolution of differences in eight bits. A convolution is linear:
// before its bounds an update is what the view has there, the base, plus the
// convolution of what its input differs from its view by. Differences are small and
// local where values are neither: rounded to eight bits, with one scale for each
// job, they lose little, and products of bytes run at four times the speed of
// float32. Weights are rounded to eight bits with one scale for each output channel.
//
// Unlike other primitives its updates do not equal whole runs bit for bit; they
// depend on the job alone, though, and not on rectangles beside it, batch or worker.
type ConvInt8 struct {
	In Plane
	// Whole computes the base: the convolution without its bounds.
	Whole interface {
		Primitive
		Panelled
	}
	Clamp Clamp

	quads *Conv
}

// Int8Fits says whether a convolution can be computed by ConvInt8 with this kernel
// set: channels go in fours, of one group, rows of a window lie together, and sums
// fit into 32 bits.
func Int8Fits(k *asm.Kernels, in Plane, y, x region.Window, group int) bool {
	return k.Quads() && group == 1 && in.C%4 == 0 && in.C > 0 && (x.Dilation == 1 || x.Kernel == 1) && in.C*y.Kernel*x.Kernel <= math.MaxInt32/(most8*most8)
}

// most8 is the largest magnitude of rounded weights and differences. (With 128 added
// to differences sums may wrap around on the way, and back.)
const most8 = 127

// NewConvInt8 rounds and packs weights given as NewConv takes them, which must be
// finite. whole, if the kernel set and the channels allow, is in bfloat16.
func NewConvInt8(s *Scratch, in Plane, y, x region.Window, weights, bias []float32, outC int, clamp Clamp) (*ConvInt8, error) {
	taps := y.Kernel * x.Kernel
	if !Int8Fits(s.Kernels, in, y, x, 1) || len(weights) != outC*in.C*taps {
		return nil, fmt.Errorf("convolution in 8 bits of %d to %d channels: %d weights", in.C, outC, len(weights))
	}
	if !Finite(weights) {
		return nil, fmt.Errorf("convolution in 8 bits of %d to %d channels: weights are not finite", in.C, outC)
	}
	c := &ConvInt8{In: in, Clamp: clamp}
	var err error
	if BF16Fits(s.Kernels, in, x, 1) {
		c.Whole, err = NewConvBF16(s, in, y, x, weights, bias, outC, unclamped)
	} else {
		c.Whole, err = NewConv(s, in, y, x, 1, weights, bias, outC, unclamped)
	}
	if err != nil {
		return nil, err
	}
	per := s.Kernels.QuadChannels()
	elements, scales := make([]float32, len(weights)/per), make([]float32, outC)
	n := in.C * taps
	zero, rounded, steps := make([]float32, n), make([]float32, n/per), make([]int8, n)
	var d asm.Differences // from zero
	for o := range outC {
		w := weights[o*n:][:n]
		d.Reset()
		d.Add(s.Kernels, w, zero)
		most := d.Largest()
		factor := most8 / most
		if factor-factor != 0 {
			most, factor = 0, 0 // all are zero, or as good as
		}
		scales[o] = most / most8
		d.Quantize(s.Kernels, rounded, w, zero, factor)
		for i, q := range rounded {
			s.Kernels.Unquad(q, steps[per*i:])
		}
		q := elements[o*n/per:][:n/per]
		var together [4]int8
		for c := 0; c < in.C; c += per {
			for t := range taps {
				for i := range per {
					together[i] = steps[(c+i)*taps+t]
				}
				q[c/per*taps+t] = s.Kernels.Quad(together[:per])
			}
		}
	}
	fewer := in
	fewer.C /= per
	if c.quads, err = NewConv(s, fewer, y, x, 1, elements, nil, outC, clamp); err != nil {
		return nil, err
	}
	c.quads.sparse, c.quads.quads = false, true
	for i := range c.quads.panels {
		p := &c.quads.panels[i]
		p.scales = make([]float32, len(p.bias))
		copy(p.scales, scales[p.column:][:p.valid])
		p.rows = rowBiases(s.Kernels, p.weights, len(p.bias), y.Kernel)
		s.Kernels.PackQuads(p.weights, p.end-p.begin, len(p.bias))
	}
	return c, nil
}

// rowBiases gives, for every span of a window's rows, where its columns' accumulators
// begin: with what that which inputs have added adds in these rows, taken off.
func rowBiases(k *asm.Kernels, weights []float32, columns, rows int) [][]float32 {
	sums := make([][]int32, rows)
	each := len(weights) / rows
	for r := range sums {
		sums[r] = make([]int32, columns)
		sum := sums[r]
		for w := weights[r*each:][:each]; len(w) > 0; w = w[columns:] {
			for j, q := range w[:columns] {
				sum[j] += k.QuadSum(q)
			}
		}
	}
	biases := make([][]float32, rows*rows)
	for lo := range rows {
		acc := make([]int32, columns)
		for hi := lo + 1; hi <= rows; hi++ {
			bias := make([]float32, columns)
			for j, v := range sums[hi-1] {
				acc[j] -= int32(k.QuadCentre()) * v
				bias[j] = math.Float32frombits(uint32(acc[j]))
			}
			biases[lo*rows+hi-1] = bias
		}
	}
	return biases
}

// rowBias is the bias for a span of the window's rows.
func (p *panel) rowBias(d region.Span, rows int) []float32 { return p.rows[d.Lo*rows+d.Hi-1] }

// MultiplyAdds implements Primitive.
func (c *ConvInt8) MultiplyAdds() int64 { return c.Whole.MultiplyAdds() }

// Weights is the number of packed weights, in elements of 32 bits.
func (c *ConvInt8) Weights() int { return c.quads.Weights() }

// Run implements Primitive. Each job's Base is what Whole gives for its view, the
// whole plane.
func (c *ConvInt8) Run(s *Scratch, jobs []Job) {
	for len(jobs) > 0 {
		// As many jobs as fill one block of tiles: their differences stay in the
		// second-level cache.
		n, pixels := 0, 0
		for n < len(jobs) && (n == 0 || pixels+jobs[n].Rect.Area() <= blockTiles*s.Kernels.Rows) {
			pixels += jobs[n].Rect.Area()
			n++
		}
		c.quads.Run(s, c.differences(s, jobs[:n]))
		jobs = jobs[n:]
	}
}

// differences are the jobs with what they read in eight bits: the rows where something
// differs, as wide as what is read.
func (c *ConvInt8) differences(s *Scratch, jobs []Job) []Job {
	fewer := c.quads.In
	s.pieces, s.rounded = append(s.pieces[:0], jobs...), grow(&s.rounded, len(jobs))
	n := 0
	for i := range jobs {
		r, in := jobs[i].Rect, &jobs[i].In[0]
		reads := region.Rect{Y: c.quads.Y.Reads(r.Y), X: c.quads.X.Reads(r.X)}.Intersect(fewer.Rect())
		s.rounded[i] = Patched{Plane: fewer, Rect: region.Rect{Y: reads.Y.Intersect(in.Rect.Y), X: reads.X}}
		n += s.rounded[i].Rect.Area() * fewer.C
	}
	space := grow(&s.pairs, n)
	for i := range s.pieces {
		p := &s.rounded[i]
		n := p.Rect.Area() * fewer.C
		p.Update, space = space[:n:n], space[n:]
		s.pieces[i].In = s.rounded[i : i+1 : i+1]
		s.pieces[i].scale = c.quantize(s, p, &jobs[i].In[0])
	}
	return s.pieces
}

// quantize writes the differences of in's update from its view to p, and gives
// their scale. Where nothing differs p has no rows.
func (c *ConvInt8) quantize(s *Scratch, p *Patched, in *Patched) float32 {
	k := s.Kernels
	changed := in.Rect.Intersect(p.Rect)
	ch := in.C
	row := func(y int) (update, view []float32) {
		n := changed.X.Len() * ch
		return in.Update[((y-in.Rect.Y.Lo)*in.Rect.X.Len()+changed.X.Lo-in.Rect.X.Lo)*ch:][:n], in.View[(y*in.W+changed.X.Lo)*ch:][:n]
	}
	s.differences.Reset()
	for y := changed.Y.Lo; y < changed.Y.Hi; y++ {
		update, view := row(y)
		s.differences.Add(k, update, view)
	}
	largest := s.differences.Largest()
	factor := most8 / largest
	switch {
	case largest-largest != 0: // an overflow somewhere: no output is a number
		p.Rect = region.Rect{}
		return float32(math.NaN())
	case factor-factor != 0: // nothing differs
		p.Rect = region.Rect{}
		return 0
	}
	pitch := p.Rect.X.Len() * p.C
	left, right := (changed.X.Lo-p.Rect.X.Lo)*p.C, (changed.X.Hi-p.Rect.X.Lo)*p.C
	none := s.noDifference(pitch)
	for y := changed.Y.Lo; y < changed.Y.Hi; y++ {
		dst := p.Update[(y-p.Rect.Y.Lo)*pitch:][:pitch]
		copy(dst[:left], none)
		update, view := row(y)
		s.differences.Quantize(k, dst[left:right], update, view, factor)
		copy(dst[right:], none)
	}
	return largest / most8
}

// Bound writes rows of base, bounded, to dst, whose pixels lie pitch apart.
func (c *ConvInt8) Bound(s *Scratch, dst, base []float32, pitch int) {
	n := c.quads.Out.C
	if pitch == n {
		n *= 64
		pitch = n
	}
	zero := s.zeros(n)
	for len(base) > 0 {
		n = min(n, len(base))
		s.Kernels.Add(base[:n], zero, dst[:n], &c.Clamp)
		if base = base[n:]; len(base) > 0 {
			dst = dst[pitch:]
		}
	}
}
