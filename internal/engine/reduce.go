package engine

import (
	"math"

	"krypton/internal/engine/asm"
)

// ReduceKind is what Reduce makes of numbers.
type ReduceKind int

// The kinds of reductions, summed in float64. Extremes are NaN where a number is.
const (
	ReduceMean ReduceKind = iota
	ReduceSum
	ReduceMax
	ReduceMin
	ReduceL1        // sum of |x|
	ReduceL2        // square root of the sum of squares
	ReduceSumSquare // sum of squares
	// ReduceFirstMax and those that follow give which it is, the first or the last of
	// several; a NaN is the largest and the least.
	ReduceFirstMax
	ReduceLastMax
	ReduceFirstMin
	ReduceLastMin
)

// Reduce makes one number of some channels of each pixel: output channel c of those that
// Source[c] lists.
type Reduce struct {
	Kind   ReduceKind
	Source [][]int
}

// MultiplyAdds implements Primitive.
func (r *Reduce) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (r *Reduce) Run(s *Scratch, jobs []Job) {
	parts, step := r.parts()
	for i := range jobs {
		j := &jobs[i]
		p, w := &j.In[0], j.Rect.X.Len()
		out := j.Out
		for y := j.Rect.Y.Lo; y < j.Rect.Y.Hi; y++ {
			src := p.pixels(y, j.Rect.X, s.lineBuffer(0, w*p.C))
			if r.sideBySide(w) {
				r.extremes(s, src, p.C, out[:w])
				out = out[w:]
				continue
			}
			for x := range w {
				px, to := src[x*p.C:][:p.C], out[:len(r.Source)]
				out = out[len(to):]
				if parts != nil {
					r.combine(s, px, parts, step, to)
					continue
				}
				for c, from := range r.Source {
					to[c] = r.of(s, px, from)
				}
			}
		}
	}
}

// fewParts is how many numbers are combined one by one that lie apart from the next's.
const fewParts = 8

// parts gives where the numbers of the first output lie, and how much further those of
// each next one, as the branches of a split do; nil where they lie otherwise, or each
// output had better be taken by itself.
func (r *Reduce) parts() (first []int, step int) {
	first = r.Source[0]
	if r.Kind > ReduceMin || len(r.Source) < 8 || len(first) < 2 {
		return nil, 0
	}
	step = r.Source[1][0] - first[0]
	for c, from := range r.Source {
		if len(from) != len(first) {
			return nil, 0
		}
		for k, at := range from {
			if at != first[k]+c*step {
				return nil, 0
			}
		}
	}
	if step != 1 && len(first) > fewParts {
		return nil, 0
	}
	return first, step
}

// Single says whether numbers are combined in float32, and, if so, whether extremes are those
// of asm.Larger and asm.Smaller (wide) and not of max and min, which know which zero is larger.
func (r *Reduce) Single() (single, wide bool) {
	parts, step := r.parts()
	return parts != nil, step == 1
}

// combine makes one number of those of each output, in float32.
func (r *Reduce) combine(s *Scratch, px []float32, parts []int, step int, out []float32) {
	if step == 1 {
		n, how := len(out), r.arithmetic()
		s.Kernels.Combine(how, px[parts[0]:], px[parts[1]:], out, 1, 0, n, false)
		for _, at := range parts[2:] {
			s.Kernels.Combine(how, out, px[at:], out, 1, 0, n, false)
		}
	} else {
		for c := range out {
			v := px[parts[0]+c*step]
			for _, at := range parts[1:] {
				switch w := px[at+c*step]; r.Kind {
				case ReduceMax:
					v = max(v, w)
				case ReduceMin:
					v = min(v, w)
				default:
					v += w
				}
			}
			out[c] = v
		}
	}
	if r.Kind == ReduceMean {
		s.scale[0] = float32(len(parts))
		s.Kernels.Combine(asm.Quotient, out, s.scale[:1], out, 1, 0, len(out), true)
	}
}

// arithmetic is what combines two numbers.
func (r *Reduce) arithmetic() asm.Arithmetic {
	switch r.Kind {
	case ReduceMax:
		return asm.Larger
	case ReduceMin:
		return asm.Smaller
	}
	return asm.Sum
}

// of reduces the numbers of a pixel that from lists, which are together often.
func (r *Reduce) of(s *Scratch, px []float32, from []int) float32 {
	if r.Kind >= ReduceFirstMax {
		return r.which(px, from)
	}
	if n := len(from); from[n-1]-from[0] == n-1 {
		return r.together(s, px[from[0]:][:n])
	}
	v := r.first()
	for _, k := range from {
		v = r.add(v, px[k])
	}
	return r.finish(v, len(from))
}

// together reduces numbers that lie together.
func (r *Reduce) together(s *Scratch, x []float32) float32 {
	switch r.Kind {
	case ReduceMean, ReduceSum:
		return r.finish(asm.RowSum(x), len(x))
	case ReduceL2, ReduceSumSquare:
		return r.finish(asm.RowSquares(x, 0), len(x))
	case ReduceMax, ReduceMin:
		return r.extreme(s, x)
	}
	v := r.first()
	for _, f := range x {
		v = r.add(v, f)
	}
	return r.finish(v, len(x))
}

// extreme is the largest or the least of numbers: of one half and the other, until they
// are few.
func (r *Reduce) extreme(s *Scratch, x []float32) float32 {
	const few = 16
	how := r.arithmetic()
	for tmp := s.lineBuffer(1, len(x)/2+1); len(x) > few; {
		n := (len(x) + 1) / 2
		s.Kernels.Combine(how, x, x[len(x)-n:], tmp, 1, 0, n, false)
		x = tmp[:n]
	}
	v := r.first()
	for _, f := range x {
		v = r.add(v, f)
	}
	return float32(v) + 0 // of zeros 0, whatever halves they met in
}

// fewPixels is how many pixels of a row are reduced one by one.
const fewPixels = 8

// sideBySide says whether the only output of so many pixels is an extreme of numbers that lie
// together and are not few.
func (r *Reduce) sideBySide(pixels int) bool {
	if len(r.Source) != 1 || pixels < fewPixels || r.Kind != ReduceMax && r.Kind != ReduceMin {
		return false
	}
	from := r.Source[0]
	n := len(from)
	return n >= 8 && from[n-1]-from[0] == n-1
}

// extremes is extreme of each of a row of pixels of so many channels: the numbers of some
// pixels are laid out in rows, and one half of the rows is combined with the other until there
// is one. The largest or least number is the same in any order, a NaN too.
func (r *Reduce) extremes(s *Scratch, src []float32, channels int, out []float32) {
	const most = 64 // pixels
	from, how := r.Source[0], r.arithmetic()
	columns := grow(&s.places, most)
	for i := range columns {
		columns[i] = int32(i * channels)
	}
	for len(out) > 0 {
		n := min(most, len(out))
		rows := s.lineBuffer(1, len(from)*n)
		asm.Transpose(rows, n, src[from[0]:], columns[:n], len(from))
		for left := len(from); left > 1; {
			half := (left + 1) / 2
			s.Kernels.Combine(how, rows, rows[(left-half)*n:], rows, 1, 0, half*n, false)
			left = half
		}
		for i, v := range rows[:n] {
			out[i] = v + 0 // of zeros 0, whatever halves they met in
		}
		if out = out[n:]; len(out) > 0 {
			src = src[n*channels:]
		}
	}
}

// first is where the reduction begins.
func (r *Reduce) first() float64 {
	switch r.Kind {
	case ReduceMax:
		return math.Inf(-1)
	case ReduceMin:
		return math.Inf(1)
	}
	return 0
}

func (r *Reduce) add(v float64, x float32) float64 {
	switch r.Kind {
	case ReduceMax:
		return max(v, float64(x))
	case ReduceMin:
		return min(v, float64(x))
	case ReduceL1:
		return v + math.Abs(float64(x))
	case ReduceL2, ReduceSumSquare:
		return v + float64(float64(x)*float64(x))
	}
	return v + float64(x)
}

// finish is the result for n numbers.
func (r *Reduce) finish(v float64, n int) float32 {
	switch r.Kind {
	case ReduceMean:
		v /= float64(n)
	case ReduceL2:
		v = math.Sqrt(v)
	}
	return float32(v)
}

// which tells the place of the largest or least number.
func (r *Reduce) which(px []float32, from []int) float32 {
	best := 0
	for i, k := range from[1:] {
		a, b := px[k], px[from[best]]
		if r.Kind == ReduceFirstMin || r.Kind == ReduceLastMin {
			a, b = -a, -b
		}
		last := r.Kind == ReduceLastMax || r.Kind == ReduceLastMin
		if a > b || a != a && b == b || last && (a == b || a != a) {
			best = i + 1
		}
	}
	return float32(best)
}
