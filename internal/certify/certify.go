// Package certify bounds from below how similar a map is to the exact one, where the exact
// map is known at positions drawn at random only. What the map misses at each of them tells
// what similarity that error alone takes away; divided by the chance that the position had
// to be drawn it stands for others like it (Horvitz and Thompson, 1952). Positions are drawn
// the likelier the more their errors are expected to cost, so that the few on which much
// depends are among them.
package certify

import (
	"cmp"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
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

// Confidence is that of every bound: the share of maps whose similarities are at least what
// their bounds say.
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
	// Kind is what the position's would have been had nobody drawn it.
	Kind Kind
	// Chance is that of being drawn: above 0, up to 1.
	Chance float64
	// Exact is the exact score, and Guess what the score would have been by Computed and by
	// Interpolated, had nobody drawn the position; NaN if nobody knows.
	Exact float64
	Guess [2]float64
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

const (
	// caution multiplies what is lost: several errors in one window may cost more than each
	// alone, and samples by which a map was chosen flatter it.
	caution = 1.2
	// least is a loss that is always reckoned with.
	least = 0.004
)

// normal is the quantile of the standard normal distribution by which both similarities
// together are bounded at Confidence, whatever they have to do with one another.
var normal = math.Sqrt2 * math.Erfinv(Confidence)

// Estimate says how similar the map is to the exact one, by samples that were drawn
// independently of what their errors turned out to be.
func (m *Map) Estimate(samples []Sample) (*Estimate, error) {
	if len(samples) < Fewest {
		return nil, ErrFew
	}
	judge, err := quality.NewJudge(m.Scores, m.Cols, m.Base, m.Span)
	if err != nil {
		return nil, err
	}
	e := &Estimate{HasRendered: judge.Rendered(), Scores: Similarity{1, 1}, Rendered: Similarity{1, 1}}
	if !slices.ContainsFunc(m.Kinds, func(k Kind) bool { return k != Exact }) {
		return e, nil
	}
	var scores, rendered losses
	between := 0.0
	for _, k := range m.Kinds {
		if k == Interpolated {
			between++
		}
	}
	if slices.ContainsFunc(samples, func(s Sample) bool { return math.IsNaN(s.Guess[s.Kind]) }) {
		return nil, ErrFew
	}
	sites := make([][2][2]quality.Alone, len(samples))
	together(len(samples), func(j int) {
		s := samples[j]
		sites[j][0][0], sites[j][0][1] = judge.Site(s.At, s.Guess[s.Kind])
		if between > 0 {
			// What lies between computed positions may show at none: as much as from one
			// sample to another.
			sites[j][1][0], sites[j][1][1] = judge.Site(s.At, samples[(j+1)%len(samples)].Exact)
		}
	})
	unseen := between * unseenShare / float64(len(samples))
	for j, s := range samples {
		scores.add(sites[j][0][0], sites[j][1][0].Lost*unseen, s.Chance)
		rendered.add(sites[j][0][1], sites[j][1][1].Lost*unseen, s.Chance)
	}
	if e.Scores = scores.similarity(); e.HasRendered {
		e.Rendered = rendered.similarity()
	}
	return e, nil
}

// unseenShare is about the number of times that samples are expected to miss what is between
// computed positions and shows at none.
const unseenShare = 0.5

// narrowest bounds how much less the exact map's windows vary.
const narrowest = 0.5

// losses are what the errors of samples cost, each as if it were alone.
type losses struct {
	samples        []loss
	unseen, weight float64 // in the mean over positions, times weight
	wider          float64 // by what share the map's windows vary more than the exact map's
}

// loss is what the error of a sample that was drawn by a chance costs.
type loss struct{ lost, chance float64 }

func (l *losses) add(alone quality.Alone, unseen, chance float64) {
	l.samples = append(l.samples, loss{max(0, alone.Lost), chance})
	l.wider += alone.Wider * (1/chance - 1) // from the exact score to the map's
	l.unseen, l.weight = l.unseen+unseen/chance, l.weight+1/chance
}

// similarity is what is left where nobody sampled. A sample stands for as many positions as
// its chance says, itself not counted. The bound is that of a sum of independent draws,
// corrected for its skewness by the first term of Edgeworth's series (Hall, 1992).
func (l *losses) similarity() Similarity {
	sum, mean, weight := 0.0, 0.0, 0.0
	for _, s := range l.samples {
		sum += s.lost * (1/s.chance - 1)
		weight += 1 - s.chance
		mean += (1 - s.chance) * s.lost / s.chance
	}
	if weight > 0 {
		mean /= weight
	}
	square, cube := 0.0, 0.0
	for _, s := range l.samples {
		d := s.lost/s.chance - mean
		square += (1 - s.chance) * d * d
		cube += (1 - s.chance) * d * d * d
	}
	over := normal * math.Sqrt(square)
	if square > 0 {
		over += (2*normal*normal + 1) / 6 * cube / square
	}
	// What is noise in the map makes its windows vary more than the exact map's do.
	apart := 1 / min(1, max(narrowest, 1-l.wider))
	bound := max(0, 1-least-l.unseen/l.weight-caution*apart*(sum+over))
	return Similarity{max(bound, 1-sum*apart), bound}
}

// features are what errors grow with: logarithms of the map's variance around a position,
// and of its reach.
type features struct {
	variance, reach []float64
	floor           float64 // under squared errors
}

func (m *Map) features() *features {
	rows := len(m.Guess) / m.Cols
	f := &features{variance: make([]float64, len(m.Guess)), reach: make([]float64, len(m.Guess)), floor: math.Pow(3e-4*m.Span, 2) + math.SmallestNonzeroFloat64}
	floor := math.Pow(1e-3*m.Span, 2) + math.SmallestNonzeroFloat64
	together(rows, func(y int) {
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
			f.reach[i] = math.Log(max(1, m.Reach[i]))
		}
	})
	return f
}

// law says how errors grow: half the logarithm of their expected square is at(i), but for
// scale, the root of the mean of what is left of samples' squared errors.
type law struct {
	variance, reach float64 // slopes
	meanV, meanR    float64
	scale           float64
}

func (l *law) at(f *features, i int) float64 {
	return (l.variance*(f.variance[i]-l.meanV) + l.reach*(f.reach[i]-l.meanR)) / 2
}

// size is an error's, as it is expected.
func (l *law) size(f *features, i int) float64 { return l.scale * math.Exp(l.at(f, i)) }

// Slopes are drawn to what they are usually as if by so many more samples, and are not less
// than some: samples in flat parts of a map do not tell what is lost at its edges.
const (
	usualSlope        = 0.7
	prior             = 3.0
	flattest, gentler = 0.6, 0.3 // of what is interpolated, and of what is computed
	steepest          = 1.2
)

// fit finds a kind's law by least squares, nil if no sample tells of it.
func (f *features) fit(samples []Sample, k Kind) *law {
	l := &law{}
	var at []int
	var y []float64
	meanY := 0.0
	for _, s := range samples {
		missed := s.Exact - s.Guess[k]
		if math.IsNaN(missed) {
			continue
		}
		at, y = append(at, s.At), append(y, math.Log(missed*missed+f.floor))
	}
	n := float64(len(at))
	if n == 0 {
		return nil
	}
	for j, i := range at {
		l.meanV, l.meanR, meanY = l.meanV+f.variance[i]/n, l.meanR+f.reach[i]/n, meanY+y[j]/n
	}
	// The normal equations of two slopes, with a ridge towards the usual one.
	vv, rr, vr := prior, prior, 0.0
	vy, ry := prior*usualSlope, prior*usualSlope
	for j, i := range at {
		v, r, d := f.variance[i]-l.meanV, f.reach[i]-l.meanR, y[j]-meanY
		vv, rr, vr, vy, ry = vv+v*v, rr+r*r, vr+v*r, vy+v*d, ry+r*d
	}
	least := gentler
	if k == Interpolated {
		least = flattest
		det := vv*rr - vr*vr
		l.variance, l.reach = (vy*rr-ry*vr)/det, (ry*vv-vy*vr)/det
	} else {
		l.variance = vy / vv
	}
	l.variance, l.reach = min(max(l.variance, least), steepest), min(max(l.reach, 0), steepest)
	for j, i := range at {
		l.scale += math.Exp(y[j]-2*l.at(f, i)) / n
	}
	l.scale = math.Sqrt(l.scale)
	return l
}

// Gains say, for each position that is not exact, about how much its error is expected to
// cost: of the similarity of scores, and of that of rendered maps, for positions of each of
// several kinds (m.Kinds does not count).
func (m *Map) Gains(samples []Sample, kinds ...[]Kind) ([][2][]float64, error) {
	judge, err := quality.NewJudge(m.Scores, m.Cols, m.Base, m.Span)
	if err != nil {
		return nil, err
	}
	of := m.features()
	laws := [2]*law{of.fit(samples, Computed), of.fit(samples, Interpolated)}
	ws, wr := judge.Weights()
	all := make([][2][]float64, len(kinds))
	for j := range all {
		all[j] = [2][]float64{make([]float64, len(m.Scores)), make([]float64, len(m.Scores))}
	}
	for k, l := range laws {
		if l == nil {
			continue
		}
		together(len(m.Scores), func(i int) {
			scores, rendered, done := 0.0, 0.0, false
			for j, those := range kinds {
				if those[i] != Kind(k) {
					continue
				}
				if !done {
					done = true
					d := l.size(of, i)
					scores = ws[i] * d * d
					if judge.Rendered() {
						v := float64(m.Scores[i])
						at, up, down := judge.Colours(v), judge.Colours(v+d), judge.Colours(v-d)
						for c := range at {
							u, w := up[c]-at[c], down[c]-at[c]
							rendered += wr[c][i] * (u*u + w*w) / 6
						}
					}
				}
				all[j][0][i], all[j][1][i] = scores, rendered
			}
		})
	}
	return all, nil
}

// together does n things that have nothing to do with one another, on all processors.
func together(n int, do func(i int)) {
	var all sync.WaitGroup
	parts := min(n, runtime.GOMAXPROCS(0))
	for k := range parts {
		all.Go(func() {
			for i := k * n / parts; i < (k+1)*n/parts; i++ {
				do(i)
			}
		})
	}
	all.Wait()
}

// Draw picks n of the positions in population at random, spread over the map: of each of
// n parts that lie together one. It is the same for the same seed.
func Draw(population []int, cols, n int, seed uint64) []int {
	n = min(n, len(population))
	if n == 0 {
		return nil
	}
	order := winding(population, cols, float64(n))
	rng := rand.New(rand.NewPCG(seed, 2))
	var drawn []int
	for k := range n {
		lo, hi := k*len(order)/n, (k+1)*len(order)/n
		drawn = append(drawn, order[lo+rng.IntN(hi-lo)])
	}
	slices.Sort(drawn)
	return drawn
}

// winding orders positions so that n parts of them that follow one another each lie
// together: in bands of rows, there and back.
func winding(population []int, cols int, n float64) []int {
	band := max(1, int(math.Round(math.Sqrt(float64(len(population))/n))))
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
	return order
}

// Chances are those of the positions of a population to be among about n that are drawn: a
// part of them alike, the others as gains say, as many by each.
func Chances(population []int, n int, gains ...[]float64) []float64 {
	chances, shares := make([]float64, len(population)), make([]float64, len(population))
	var totals []float64
	var some [][]float64
	for _, g := range gains {
		total := 0.0
		for _, i := range population {
			total += g[i]
		}
		if total > 0 {
			some, totals = append(some, g), append(totals, total)
		}
	}
	for k, i := range population {
		shares[k] = alike / float64(len(population))
		for j, g := range some {
			shares[k] += (1 - alike) / float64(len(some)) * g[i] / totals[j]
		}
	}
	// What is certain to be drawn leaves its share to the others.
	certain := 0
	for {
		rest := 0.0
		for k, share := range shares {
			if chances[k] < 1 {
				rest += share
			}
		}
		before := certain
		for k, share := range shares {
			if chances[k] < 1 {
				if chances[k] = share / rest * float64(n-before); chances[k] >= 1 {
					chances[k], certain = 1, certain+1
				}
			}
		}
		if certain == before || certain >= n {
			return chances
		}
	}
}

// alike is the share of what Chances give that is the same for all positions.
const alike = 0.3

// DrawBy picks positions of a population by their chances, spread over the map: it goes
// through neighbours one after the other and picks one each time that their chances have
// added up to 1. It is the same for the same seed.
func DrawBy(population []int, chances []float64, cols int, seed uint64) []int {
	at := make(map[int]float64, len(population))
	for k, i := range population {
		at[i] = chances[k]
	}
	total := 0.0
	for _, c := range chances {
		total += c
	}
	if total == 0 {
		return nil
	}
	sum := rand.New(rand.NewPCG(seed, 4)).Float64()
	var drawn []int
	for _, i := range winding(population, cols, total) {
		before := math.Floor(sum)
		if sum += at[i]; math.Floor(sum) > before {
			drawn = append(drawn, i)
		}
	}
	slices.Sort(drawn)
	return drawn
}
