package imagein

import (
	"math"
	"runtime"
	"sync"
)

// A picture is scaled by linear or cubic interpolation over the pixels covered: first along
// its rows, then along its columns, weights and sums as those of package imaging, and
// cubic weights as those of Pillow.
// Only what is kept of the scaled picture is computed, and the rows between the two
// steps are not kept: what it takes in memory follows from what is kept alone, not
// from how long and thin the picture is.

// span is where a scaled pixel takes its value from: pixels begin to end of the
// picture, by their distance from middle. total is the sum of their weights.
type span struct {
	begin, end    int
	middle, total float64
}

// axis scales one axis of a picture.
type axis struct {
	step  float64 // of a weight's argument, in the picture's pixels
	cubic bool
	spans []span // of the scaled pixels that are kept
	table [][]float64
	part  []float64 // where there is no table
}

// Limits of what an axis keeps.
const (
	maxWeights  = 1 << 18 // in its table
	weightsPart = 1024    // taken at a time
	pixelsRead  = 8192    // of a row, at a time
)

// newAxis scales from pixels to to pixels, of which n from first on are kept.
func newAxis(from, to, first, n int, cubic bool) *axis {
	step := float64(from) / float64(to)
	a := &axis{step: max(step, 1), cubic: cubic, spans: make([]span, n)}
	around := math.Ceil(a.step)
	if cubic {
		around = math.Ceil(2 * a.step)
	}
	total := 0
	for i := range a.spans {
		s := &a.spans[i]
		s.middle = float64((float64(first+i)+.5)*step) - .5
		s.begin, s.end = max(0, int(math.Ceil(s.middle-around))), min(from, int(math.Floor(s.middle+around))+1)
		for u := s.begin; u < s.end; u++ {
			s.total += a.weight(s, u)
		}
		total += s.end - s.begin
	}
	if total > maxWeights {
		a.part = make([]float64, weightsPart)
		return a
	}
	a.table = make([][]float64, n)
	for i := range a.spans {
		a.table[i] = a.fill(make([]float64, a.spans[i].end-a.spans[i].begin), i, a.spans[i].begin)
	}
	return a
}

// weight is what pixel u weighs, before all weights are divided by their sum.
func (a *axis) weight(s *span, u int) float64 {
	x := math.Abs((float64(u) - s.middle) / a.step)
	if a.cubic {
		return cubicWeight(x)
	}
	return max(0, 1-x)
}

// cubicWeight is Keys' convolution kernel with a = -1/2, which Pillow's BICUBIC has
// (https://doi.org/10.1109/TASSP.1981.1163711), rounded alike on every processor.
func cubicWeight(x float64) float64 {
	const a = -.5
	switch {
	case x < 1:
		return float64(float64(float64(float64((a+2)*x)-(a+3))*x)*x) + 1
	case x < 2:
		return float64(a * (float64(float64(float64(float64(x-5)*x)+8)*x) - 4))
	}
	return 0
}

// fill computes weights of scaled pixel i, from pixel u on.
func (a *axis) fill(w []float64, i, u int) []float64 {
	s := &a.spans[i]
	for k := range w {
		w[k] = a.weight(s, u+k) / s.total
	}
	return w
}

// weights are those of scaled pixel i from pixel u on, at least one: what is left is
// asked for by the next call.
func (a *axis) weights(i, u int) []float64 {
	n := min(weightsPart, a.spans[i].end-u)
	if a.table != nil {
		return a.table[i][u-a.spans[i].begin:][:n]
	}
	return a.fill(a.part[:n], i, u)
}

// covered is the part of the picture that is read.
func (a *axis) covered() (begin, end int) {
	return a.spans[0].begin, a.spans[len(a.spans)-1].end
}

// longest is the greatest number of pixels that one scaled pixel reads.
func (a *axis) longest() int {
	n := 0
	for _, s := range a.spans {
		n = max(n, s.end-s.begin)
	}
	return n
}

// source is a picture to be scaled: three or one number a pixel. read gives the
// numbers of pixels begin to end of row y. Whole pictures stay whole: every sum is
// rounded.
type source struct {
	w, h, channels int
	whole          bool
	ends           [2]float64 // of numbers that are not whole: a cubic sum is within
	read           func(dst []float64, y, begin, end int)
}

// scaling is how a picture is scaled: to w by h pixels, of which those in the
// rectangle at x, y of the size kept are computed.
type scaling struct {
	w, h, x, y, keptW, keptH int
	cubic                    bool
}

// rowsKept bounds the scaled rows that wait for the second step, in bytes.
const rowsKept = 2 << 20

// thin is how many times as long as wide, and how much to be widened, a picture must
// be for its columns to be scaled before its rows: every row of one pixel would
// become a whole row of the network's first.
const thin = 16

// scale computes what is kept, and gives it line by line, from several goroutines:
// rows from the left to the right, or columns (down) from top to bottom.
func (src *source) scale(s scaling, write func(at int, down bool, line []float64)) {
	if src.h/thin > s.keptH && s.keptW/thin > src.w {
		turned := *src
		turned.w, turned.h = src.h, src.w
		turned.read = func(dst []float64, x, begin, end int) {
			for i, n := 0, src.channels; begin+i < end; i++ {
				src.read(dst[i*n:][:n], begin+i, x, x+1)
			}
		}
		turned.rows(scaling{s.h, s.w, s.y, s.x, s.keptH, s.keptW, s.cubic}, func(x int, line []float64) { write(x, true, line) })
		return
	}
	src.rows(s, func(y int, line []float64) { write(y, false, line) })
}

// rows computes what is kept, row by row.
func (src *source) rows(s scaling, write func(y int, row []float64)) {
	bands := max(1, min(runtime.GOMAXPROCS(0), s.keptH/16, 16))
	var wg sync.WaitGroup
	for i := range bands {
		begin, end := i*s.keptH/bands, (i+1)*s.keptH/bands
		wg.Go(func() { src.band(s, begin, end, write) })
	}
	wg.Wait()
}

// band computes rows begin to end of what is kept.
func (src *source) band(s scaling, begin, end int, write func(y int, row []float64)) {
	down := newAxis(src.h, s.h, s.y+begin, end-begin, s.cubic)
	r := newScaledRows(src, s, down.longest())
	out := make([]float64, s.keptW*src.channels)
	for y := range down.spans {
		clear(out)
		sum, sp := 0.0, down.spans[y]
		for u := sp.begin; u < sp.end; {
			part := down.weights(y, u)
			for k, weight := range part {
				if weight == 0 {
					continue
				}
				weight = float64(weight * 255) // rounded on every processor
				sum += weight
				for i, v := range r.row(u + k) {
					out[i] += float64(v * weight)
				}
			}
			u += len(part)
		}
		src.finish(out, 1/sum, s.cubic)
		write(begin+y, out)
	}
}

// finish divides sums by their weights. Cubic ones may go beyond black and white, and end
// there, as Pillow's do.
func (src *source) finish(sums []float64, factor float64, cubic bool) {
	for i, v := range sums {
		if v *= factor; src.whole {
			v = float64(min(max(int64(v+.5), 0), 255))
		} else if cubic {
			v = min(max(v, src.ends[0]), src.ends[1])
		}
		sums[i] = v
	}
}

// scaledRows are rows of a picture after the first step, each computed once where
// there is room for as many as the second step reads at once.
type scaledRows struct {
	src        *source
	along      *axis
	y          int       // the row that is scaled
	begin, end int       // of its pixels that were read last
	read       []float64 // these
	last       int       // behind the last pixel that is needed
	rows       [][]float64
	of         []int // the picture's row that each is of, -1 for none
}

func newScaledRows(src *source, s scaling, longest int) *scaledRows {
	r := &scaledRows{src: src, along: newAxis(src.w, s.w, s.x, s.keptW, s.cubic)}
	begin, last := r.along.covered()
	r.last = last
	r.read = make([]float64, min(last-begin, pixelsRead)*src.channels)
	n := s.keptW * src.channels
	r.rows = make([][]float64, max(1, min(longest, rowsKept/8/n)))
	r.of = make([]int, len(r.rows))
	for i := range r.rows {
		r.rows[i], r.of[i] = make([]float64, n), -1
	}
	return r
}

// row is the picture's row y, scaled.
func (r *scaledRows) row(y int) []float64 {
	at := y % len(r.rows)
	out := r.rows[at]
	if r.of[at] == y {
		return out
	}
	r.of[at] = y
	r.y, r.begin, r.end = y, 0, 0
	for x := range r.along.spans {
		if r.src.channels == 3 {
			r.colour(out[3*x:][:3], x)
		} else {
			r.gray(out[x:][:1], x)
		}
	}
	return out
}

// pixels gives n pixels of the row from u on, at most weightsPart.
func (r *scaledRows) pixels(u, n int) []float64 {
	c := r.src.channels
	if u < r.begin || u+n > r.end {
		r.begin, r.end = u, min(u+len(r.read)/c, r.last)
		r.src.read(r.read[:(r.end-r.begin)*c], r.y, r.begin, r.end)
	}
	return r.read[(u-r.begin)*c:][:n*c]
}

func (r *scaledRows) colour(out []float64, x int) {
	var sum, red, green, blue float64
	s := r.along.spans[x]
	for u := s.begin; u < s.end; {
		part := r.along.weights(x, u)
		px := r.pixels(u, len(part))
		for k, weight := range part {
			weight = float64(weight * 255) // rounded on every processor
			sum += weight
			red += float64(px[3*k] * weight)
			green += float64(px[3*k+1] * weight)
			blue += float64(px[3*k+2] * weight)
		}
		u += len(part)
	}
	out[0], out[1], out[2] = red, green, blue
	r.src.finish(out, 1/sum, r.along.cubic)
}

func (r *scaledRows) gray(out []float64, x int) {
	var sum, light float64
	s := r.along.spans[x]
	for u := s.begin; u < s.end; {
		part := r.along.weights(x, u)
		px := r.pixels(u, len(part))
		for k, weight := range part {
			weight = float64(weight * 255) // rounded on every processor
			sum += weight
			light += float64(px[k] * weight)
		}
		u += len(part)
	}
	out[0] = light
	r.src.finish(out, 1/sum, r.along.cubic)
}
