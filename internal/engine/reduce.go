package engine

import "math"

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
	for i := range jobs {
		j := &jobs[i]
		p, w := &j.In[0], j.Rect.X.Len()
		out := j.Out
		for y := j.Rect.Y.Lo; y < j.Rect.Y.Hi; y++ {
			src := p.pixels(y, j.Rect.X, s.lineBuffer(0, w*p.C))
			for x := range w {
				px := src[x*p.C:][:p.C]
				for c, from := range r.Source {
					out[c] = r.of(px, from)
				}
				out = out[len(r.Source):]
			}
		}
	}
}

// of reduces the numbers of a pixel that from lists, which are together often.
func (r *Reduce) of(px []float32, from []int) float32 {
	if r.Kind >= ReduceFirstMax {
		return r.which(px, from)
	}
	if n := len(from); from[n-1]-from[0] == n-1 {
		return r.together(px[from[0]:][:n])
	}
	v := r.first()
	for _, k := range from {
		v = r.add(v, px[k])
	}
	return r.finish(v, len(from))
}

// together reduces numbers in four strands, so that no sum waits for the one before.
func (r *Reduce) together(x []float32) float32 {
	first := r.first()
	v := [4]float64{first, first, first, first}
	i := 0
	for ; i+4 <= len(x); i += 4 {
		q := x[i:][:4]
		switch r.Kind {
		case ReduceMean, ReduceSum:
			v[0], v[1], v[2], v[3] = v[0]+float64(q[0]), v[1]+float64(q[1]), v[2]+float64(q[2]), v[3]+float64(q[3])
		default:
			for k := range q {
				v[k] = r.add(v[k], q[k])
			}
		}
	}
	for ; i < len(x); i++ {
		v[0] = r.add(v[0], x[i])
	}
	switch r.Kind {
	case ReduceMax:
		return r.finish(max(v[0], v[1], v[2], v[3]), len(x))
	case ReduceMin:
		return r.finish(min(v[0], v[1], v[2], v[3]), len(x))
	}
	return r.finish((v[0]+v[1])+(v[2]+v[3]), len(x))
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
		return v + float64(x)*float64(x)
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
