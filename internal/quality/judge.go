package quality

import "sync"

// Judge says of one map what another score at a position does to both similarities, quickly:
// by sums along rows and columns, and the windows around it.
type Judge struct {
	rows, cols int
	span       float64 // of scores, for SSIMScores' constants
	lo, hi     float64 // of colours
	scores     *channel
	colours    [3]*channel // nil if the maps have no colours
}

// channel is one plane of the judged map, with its windows' moments.
type channel struct {
	own          []float64
	mean, square []float64 // of windows
	wy, wx       []float64
	rows, cols   int
	c1, c2, norm float64
}

// NewJudge prepares a map to be compared. span is that of the exact map's scores, which
// SSIMScores takes from the maps themselves, and p the clean score. It fails where a score
// is no finite number.
func NewJudge(scores []float32, cols int, p float32, span float64) (*Judge, error) {
	rows, err := grid(scores, scores, cols)
	if err != nil {
		return nil, err
	}
	j := &Judge{rows: rows, cols: cols, span: span}
	j.lo, j.hi = colours(p)
	own := widen(scores)
	var all sync.WaitGroup
	if j.hi > j.lo {
		wy, wx, norm := paperWindow(rows, cols)
		for c, plane := range render(scores, j.lo, j.hi) {
			all.Go(func() { j.colours[c] = newChannel(plane, rows, cols, wy, wx, 255, norm) })
		}
	}
	j.scores = newChannel(own, rows, cols, gaussian(odd(min(rows, 11)), 1.5), gaussian(odd(min(cols, 11)), 1.5), span, 1)
	all.Wait()
	return j, nil
}

// Rendered says whether the maps have colours that differ: those of a clean score that is
// not positive, or far above 1, have not.
func (j *Judge) Rendered() bool { return j.hi > j.lo }

// Alone is what another score at one position does to a similarity of the judged map to the
// same one: what the mean over the windows loses, and by what share the variances that a
// window's index is divided by grow, in the mean. Where errors are many the similarity is
// lost by what each loses alone, divided by 1 and what all of them widen.
type Alone struct{ Lost, Wider float64 }

// Site is what another score at position i alone does to the similarities.
func (j *Judge) Site(i int, score float64) (scores, rendered Alone) {
	scores = j.scores.site(i, score)
	if j.Rendered() {
		other := colourOf(score, j.lo, j.hi)
		for c, ch := range j.colours {
			a := ch.site(i, other[c])
			rendered.Lost, rendered.Wider = rendered.Lost+a.Lost/3, rendered.Wider+a.Wider/3
		}
	}
	return scores, rendered
}

// Weights say how much the mean over the windows falls, about, for a squared error of 1
// at each position: of the scores, and of each channel of the colours.
func (j *Judge) Weights() (scores []float64, rendered [3][]float64) {
	var all sync.WaitGroup
	for c, ch := range j.colours {
		if ch != nil {
			all.Go(func() { rendered[c] = ch.weights() })
		}
	}
	scores = j.scores.weights()
	all.Wait()
	return scores, rendered
}

// Colours gives the channels' values, 0 to 255, of one score.
func (j *Judge) Colours(score float64) [3]float64 { return *colourOf(score, j.lo, j.hi) }

func newChannel(own []float64, rows, cols int, wy, wx []float64, span, norm float64) *channel {
	c := &channel{own: own, wy: wy, wx: wx, rows: rows, cols: cols, norm: norm}
	c.c1, c.c2 = stabilizers(span)
	squares, mid := make([]float64, len(own)), make([]float64, rows*(cols-len(wx)+1))
	for i, v := range own {
		squares[i] = v * v
	}
	c.mean, c.square = c.filter(own, mid), c.filter(squares, mid)
	return c
}

// filter is the windows' means of a plane, row by row; mid is what is known between, as many
// rows and as many columns as there are windows along a row.
func (c *channel) filter(from, mid []float64) []float64 {
	h, w := c.rows-len(c.wy)+1, c.cols-len(c.wx)+1
	clear(mid)
	for y := range c.rows {
		line, to := from[y*c.cols:][:c.cols], mid[y*w:][:w]
		for i, u := range c.wx {
			for x, v := range line[i:][:w] {
				to[x] += float64(u * v)
			}
		}
	}
	out := make([]float64, h*w)
	for y := range h {
		to := out[y*w:][:w]
		for i, u := range c.wy {
			for x, v := range mid[(y+i)*w:][:w] {
				to[x] += float64(u * v)
			}
		}
	}
	return out
}

// site is what another value at position i does: moments of the windows around it follow.
func (c *channel) site(i int, value float64) (a Alone) {
	y, x, by := i/c.cols, i%c.cols, value-c.own[i]
	if by == 0 {
		return a
	}
	h, w := c.rows-len(c.wy)+1, c.cols-len(c.wx)+1
	for p := max(0, y-len(c.wy)+1); p <= min(h-1, y); p++ {
		for q := max(0, x-len(c.wx)+1); q <= min(w-1, x); q++ {
			u := by * c.wy[y-p] * c.wx[x-q]
			m, s := c.mean[p*w+q], c.square[p*w+q]
			other, mean := s+u*(c.own[i]+value), m+u
			a.Lost += 1 - index(m, mean, s, other, s+u*c.own[i], c.c1, c.c2, c.norm)
			v := c.norm * (s - m*m)
			a.Wider += (c.norm*(other-mean*mean) - v) / (2*v + c.c2)
		}
	}
	a.Lost, a.Wider = a.Lost/float64(h*w), a.Wider/float64(h*w)
	return a
}

// weights spreads 1/(2 variance + c2) of each window over its positions.
func (c *channel) weights() []float64 {
	h, w := c.rows-len(c.wy)+1, c.cols-len(c.wx)+1
	out, mid := make([]float64, len(c.own)), make([]float64, c.rows*w)
	for i, m := range c.mean {
		y, x := i/w, i%w
		v := c.norm / ((2*max(0, c.norm*(c.square[i]-float64(m*m))) + c.c2) * float64(h*w))
		for k, u := range c.wy {
			mid[(y+k)*w+x] += float64(u * v)
		}
	}
	for y := range c.rows {
		for x, v := range mid[y*w:][:w] {
			for k, u := range c.wx {
				out[y*c.cols+x+k] += float64(u * v)
			}
		}
	}
	return out
}
