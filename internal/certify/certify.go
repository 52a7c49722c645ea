// Package certify bounds from below how similar a map is to the exact one, where the exact
// map is known at positions drawn at random only. What the map misses there says how large
// its errors are, and how they grow with what the map shows around a position; maps that
// miss as much elsewhere are drawn again and again and compared with it.
package certify

import (
	"cmp"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"krypton/internal/quality"
)

// Kind is how a position's score came to be.
type Kind uint8

// The kinds.
const (
	// Computed scores are approximate answers of the network.
	Computed Kind = iota
	// Interpolated scores are made of others around them.
	Interpolated
	// Exact scores are those of the exact map.
	Exact
)

// Confidence is that of every bound: the share of maps whose similarity is at least what
// their bound says.
const Confidence = 0.9

// Fewest is the smallest number of samples that say something of a map.
const Fewest = 24

// ErrFew says that there are too few samples.
var ErrFew = errors.New("too few positions were sampled")

// Map is a map whose similarity is asked for, of one item.
type Map struct {
	Cols int
	// Guess is the map with nothing in it that only sampling told, Scores the map as it is.
	Guess, Scores []float32
	// Kinds say how positions' scores came to be, and Reach, of interpolated ones, how far
	// from computed ones they lie (a larger number is farther; from 1 on).
	Kinds []Kind
	Reach []float64
	// Base is the clean score, Span the range of the exact map, as far as it is known.
	Base float32
	Span float64
}

// Sample is a position of a map where the exact score is known, drawn at random.
type Sample struct {
	At int
	// Kind is what the position's would have been had nobody drawn it, and Missed the exact
	// score less what it would have been by Computed and by Interpolated; NaN if nobody
	// knows.
	Kind   Kind
	Missed [2]float64
}

// Similarity is one similarity of a map to the exact one: what is expected, and the bound.
type Similarity struct{ Expected, Bound float64 }

// Estimate is what samples say of a map: the similarity of its scores, and of what is
// rendered of them (quality.SSIMScores, quality.SSIMPaper).
type Estimate struct {
	Scores, Rendered Similarity
	// HasRendered says that the rendered maps have colours that differ.
	HasRendered bool
}

// Bound is the lower of the two.
func (e *Estimate) Bound() float64 { return min(e.Scores.Bound, e.Rendered.Bound) }

// Options say how an estimate is made.
type Options struct {
	// Draws is the number of maps that are drawn, 0 for the usual one.
	Draws   int
	Seed    uint64
	Workers int
}

const (
	usualDraws = 32
	// caution multiplies what is lost: errors that hang together, the largest ones that no
	// sample met, and settings that were chosen because they looked good.
	caution = 1.5
	// least is a loss that is always reckoned with.
	least = 0.004
)

// unseenShare is about the number of times that the samples would have to be drawn for one
// of them to meet something that is between the computed positions and shows at none: the
// map then differs from what is interpolated as much as from one sample to the next.
const unseenShare = 2

// together is the share of computed positions that err as the nearest sample does: what an
// approximation passes over is much the same for neighbours.
const together = 0.5

// normal is the quantile of the standard normal distribution at Confidence.
var normal = math.Sqrt2 * math.Erfinv(2*Confidence-1)

// Estimate says how similar the map is to the exact one. It depends on nothing but its
// arguments, whatever the number of workers.
func (m *Map) Estimate(samples []Sample, o Options) (*Estimate, error) {
	if err := m.enough(samples); err != nil {
		return nil, err
	}
	judge, err := quality.NewJudge(m.Scores, m.Cols, m.Base, m.Span)
	if err != nil {
		return nil, err
	}
	e := &Estimate{HasRendered: judge.Rendered()}
	if !slices.ContainsFunc(m.Kinds, func(k Kind) bool { return k != Exact }) {
		e.Scores, e.Rendered = Similarity{1, 1}, Similarity{1, 1}
		return e, nil
	}
	if o.Draws == 0 {
		o.Draws = usualDraws
	}
	of := m.features(samples)
	scores, rendered := make([]float64, o.Draws), make([]float64, o.Draws)
	next, workers := make(chan int), max(1, min(o.Workers, o.Draws))
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			j, drawn := judge.Clone(), make([]float64, len(m.Scores))
			for k := range next {
				m.draw(drawn, of, samples, rand.New(rand.NewPCG(o.Seed, uint64(k))))
				scores[k], rendered[k] = j.Similarities(drawn)
			}
		})
	}
	for k := range o.Draws {
		next <- k
	}
	close(next)
	all.Wait()
	e.Scores, e.Rendered = bound(scores), bound(rendered)
	if !e.HasRendered {
		e.Rendered = Similarity{1, 1}
	}
	return e, nil
}

// Likely is a map that could be the exact one.
func (m *Map) Likely(samples []Sample, seed uint64) ([]float32, error) {
	if err := m.enough(samples); err != nil {
		return nil, err
	}
	drawn := make([]float64, len(m.Scores))
	m.draw(drawn, m.features(samples), samples, rand.New(rand.NewPCG(seed, 3)))
	likely := make([]float32, len(drawn))
	for i, v := range drawn {
		likely[i] = float32(v)
	}
	return likely, nil
}

// enough fails where samples are few, or none tells of a kind of positions.
func (m *Map) enough(samples []Sample) error {
	if len(samples) < Fewest {
		return ErrFew
	}
	for _, k := range []Kind{Computed, Interpolated} {
		if slices.Contains(m.Kinds, k) && len(poolOf(samples, k)) == 0 {
			return ErrFew
		}
	}
	return nil
}

// bound is that of similarities to maps that were drawn.
func bound(drawn []float64) Similarity {
	n, mean, square := float64(len(drawn)), 0.0, 0.0
	for _, v := range drawn {
		mean += v / n
	}
	for _, v := range drawn {
		square += (v - mean) * (v - mean) / (n - 1)
	}
	if n < 2 || math.IsNaN(mean) {
		return Similarity{mean, 0}
	}
	return Similarity{mean, max(0, 1-least-caution*(1-mean+normal*math.Sqrt(square)))}
}

// draw makes a map that could be the exact one: each score plus an error that some sample
// of its kind has shown, made larger or smaller as the fitted law says. The samples
// themselves are drawn anew, with repetitions, so that what they do not know shows.
func (m *Map) draw(dst []float64, of *features, samples []Sample, rng *rand.Rand) {
	var laws [2]*law
	for k := range laws {
		pool := poolOf(samples, Kind(k))
		again := make([]Sample, len(pool))
		for i := range again {
			again[i] = pool[rng.IntN(len(pool))]
		}
		laws[k] = of.fit(again, Kind(k))
	}
	unseen := 1 / (unseenShare * float64(len(samples)+1))
	for i, v := range m.Scores {
		dst[i] = float64(v)
		switch k := m.Kinds[i]; {
		case k == Exact:
		case k == Interpolated && rng.Float64() < unseen:
			j := rng.IntN(len(samples) - 1)
			dst[i] += float64(m.Scores[samples[j+1].At]) - float64(m.Scores[samples[j].At])
		case k == Computed && rng.Float64() < together:
			s, l := &samples[of.nearest[i]], laws[k]
			dst[i] += l.lean*of.apart[i] + l.rest(of, s, k)*math.Exp(l.at(of, i)-l.at(of, s.At))
		default:
			l := laws[k]
			dst[i] += l.lean*of.apart[i] + l.errors[rng.IntN(len(l.errors))]*math.Exp(l.at(of, i))
		}
	}
}

// poolOf are the samples that tell of a kind. What is computed errs alike everywhere; what
// is interpolated was chosen to be, so that those of the kind tell, if they are enough.
func poolOf(samples []Sample, k Kind) []Sample {
	var own, all []Sample
	for _, s := range samples {
		if math.IsNaN(s.Missed[k]) {
			continue
		}
		all = append(all, s)
		if s.Kind == k {
			own = append(own, s)
		}
	}
	if k == Interpolated && len(own) >= Fewest/2 {
		return own
	}
	return all
}

// features are what errors grow with: logarithms of the map's variance around a position,
// and of its reach.
type features struct {
	variance, reach []float64
	apart           []float64 // the map's score at a position less the mean of its neighbours
	nearest         []int     // sample of each position
	floor           float64   // under squared errors
}

func (m *Map) features(samples []Sample) *features {
	rows := len(m.Guess) / m.Cols
	f := &features{nearest: m.nearest(samples), variance: make([]float64, len(m.Guess)), reach: make([]float64, len(m.Guess)), apart: make([]float64, len(m.Guess)), floor: math.Pow(3e-4*m.Span, 2) + math.SmallestNonzeroFloat64}
	floor := math.Pow(1e-3*m.Span, 2) + math.SmallestNonzeroFloat64
	for y := range rows {
		for x := range m.Cols {
			n, sum, square := 0.0, 0.0, 0.0
			here := float64(m.Guess[y*m.Cols+x])
			for p := max(0, y-1); p <= min(rows-1, y+1); p++ {
				for q := max(0, x-1); q <= min(m.Cols-1, x+1); q++ {
					v := float64(m.Guess[p*m.Cols+q]) - here
					n, sum, square = n+1, sum+v, square+v*v
				}
			}
			i := y*m.Cols + x
			f.variance[i] = math.Log(max(0, square/n-sum/n*sum/n) + floor)
			if n > 1 {
				f.apart[i] = -sum / (n - 1)
			}
			f.reach[i] = math.Log(max(1, m.Reach[i]))
		}
	}
	return f
}

// nearest are the samples next to each position, the first of several.
func (m *Map) nearest(samples []Sample) []int {
	near, best := make([]int, len(m.Guess)), make([]int, len(m.Guess))
	for i := range near {
		best[i] = math.MaxInt
	}
	for k, s := range samples {
		sy, sx := s.At/m.Cols, s.At%m.Cols
		for y := range len(near) / m.Cols {
			dy := (y - sy) * (y - sy)
			for x := range m.Cols {
				if d := dy + (x-sx)*(x-sx); d < best[y*m.Cols+x] {
					near[y*m.Cols+x], best[y*m.Cols+x] = k, d
				}
			}
		}
	}
	return near
}

// law says how errors grow: half the logarithm of their expected square is at(i), but for
// a constant that the errors of the samples, divided by it, hold.
type law struct {
	variance, reach float64 // slopes
	meanV, meanR    float64
	lean            float64 // of errors on what sets a score apart from its neighbours
	errors          []float64
}

func (l *law) at(f *features, i int) float64 {
	return (l.variance*(f.variance[i]-l.meanV) + l.reach*(f.reach[i]-l.meanR)) / 2
}

// rest is what a sample missed but for what leans on its neighbours.
func (l *law) rest(f *features, s *Sample, k Kind) float64 {
	return s.Missed[k] - l.lean*f.apart[s.At]
}

// Slopes are drawn to what they are usually as if by so many more samples.
const (
	usualSlope = 0.7
	prior      = 3.0
	steepest   = 1.2
)

// fit finds a kind's law by least squares.
func (f *features) fit(samples []Sample, k Kind) *law {
	l, n := &law{}, float64(len(samples))
	// What is noise in the map leans against it: the exact map is the smoother one. Each
	// position counts alike, whatever its scale.
	ea, aa := 0.0, prior
	for _, s := range samples {
		weight := math.Exp(-f.variance[s.At])
		ea, aa = ea+s.Missed[k]*f.apart[s.At]*weight, aa+f.apart[s.At]*f.apart[s.At]*weight
	}
	l.lean = min(max(ea/aa, -1), 1)
	y := make([]float64, len(samples))
	meanY := 0.0
	for i, s := range samples {
		rest := l.rest(f, &s, k)
		y[i] = math.Log(rest*rest + f.floor)
		l.meanV += f.variance[s.At] / n
		l.meanR += f.reach[s.At] / n
		meanY += y[i] / n
	}
	// The normal equations of two slopes, with a ridge towards the usual one.
	vv, rr, vr := prior, prior, 0.0
	vy, ry := prior*usualSlope, prior*usualSlope
	for i, s := range samples {
		v, r, d := f.variance[s.At]-l.meanV, f.reach[s.At]-l.meanR, y[i]-meanY
		vv, rr, vr, vy, ry = vv+v*v, rr+r*r, vr+v*r, vy+v*d, ry+r*d
	}
	if k == Interpolated {
		det := vv*rr - vr*vr
		l.variance, l.reach = (vy*rr-ry*vr)/det, (ry*vv-vy*vr)/det
	} else {
		l.variance = vy / vv
	}
	l.variance, l.reach = min(max(l.variance, 0), steepest), min(max(l.reach, 0), steepest)
	for _, s := range samples {
		l.errors = append(l.errors, l.rest(f, &s, k)*math.Exp(-l.at(f, s.At)))
	}
	return l
}

// Gains say, for each position that is not exact, about how much similarity its error is
// expected to cost as it is: of the two similarities together.
func (m *Map) Gains(samples []Sample) ([]float64, error) {
	judge, err := quality.NewJudge(m.Scores, m.Cols, m.Base, m.Span)
	if err != nil {
		return nil, err
	}
	of := m.features(samples)
	var laws [2]*law
	var scale [2]float64
	for k := range laws {
		pool := poolOf(samples, Kind(k))
		if len(pool) == 0 {
			continue
		}
		laws[k] = of.fit(pool, Kind(k))
		for _, e := range laws[k].errors {
			scale[k] += e * e / float64(len(pool))
		}
		scale[k] = math.Sqrt(scale[k])
	}
	ws, wr := judge.Weights()
	gains := make([]float64, len(m.Scores))
	for i, kind := range m.Kinds {
		if kind == Exact || laws[kind] == nil {
			continue
		}
		d := math.Hypot(scale[kind]*math.Exp(laws[kind].at(of, i)), laws[kind].lean*of.apart[i])
		gains[i] = ws[i] * d * d
		if !judge.Rendered() {
			continue
		}
		v := float64(m.Scores[i])
		at, up, down := judge.Colours(v), judge.Colours(v+d), judge.Colours(v-d)
		for c := range at {
			u, w := up[c]-at[c], down[c]-at[c]
			gains[i] += wr[c][i] * (u*u + w*w) / 6
		}
	}
	return gains, nil
}

// Draw picks n of the positions in population at random, spread over the map: of each of
// n parts that lie together one. It is the same for the same seed.
func Draw(population []int, cols, n int, seed uint64) []int {
	n = min(n, len(population))
	if n == 0 {
		return nil
	}
	// Parts are runs of positions in bands of rows, there and back.
	band := max(1, int(math.Round(math.Sqrt(float64(len(population))/float64(n)))))
	order := slices.Clone(population)
	key := func(i int) (int, int, int) {
		y, x := i/cols, i%cols
		if b := y / band; b%2 == 0 {
			return b, x, y
		}
		return y / band, -x, y
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b, c := key(i)
		d, e, f := key(j)
		return cmp.Or(cmp.Compare(a, d), cmp.Compare(b, e), cmp.Compare(c, f))
	})
	rng := rand.New(rand.NewPCG(seed, 2))
	var drawn []int
	for k := range n {
		lo, hi := k*len(order)/n, (k+1)*len(order)/n
		drawn = append(drawn, order[lo+rng.IntN(hi-lo)])
	}
	slices.Sort(drawn)
	return drawn
}
