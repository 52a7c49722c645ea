package obe

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync/atomic"

	"krypton/internal/certify"
	"krypton/internal/incremental"
	"krypton/internal/number"
	"krypton/internal/target"
)

// Certify asks for a map that is about as cheap as can be and whose similarity to the exact
// map is bounded: random positions are computed exactly too, and tell how much the others
// are off. Positions and precision are added until the bound meets the wish.
type Certify struct {
	// SSIM is the wish, for the lower of both similarities (package certify): up to 1.
	SSIM float64
	// Rungs are what positions may give up, the boldest first: regions and classes, no
	// positions.
	Rungs []Approximation
	// Always certifies also what takes hardly longer exactly; otherwise such maps are exact.
	Always bool
}

// Certificate is what is known of a certified map.
type Certificate struct {
	// Wish is Certify.SSIM.
	Wish float64 `json:"ssim_wished,omitempty"`
	// Scores and Rendered bound the similarities of the scores and of the rendered maps to
	// the exact map's from below, at Confidence; Rendered is left out where the maps have
	// no colours (the clean score is not positive, or far above 1). Of several maps the
	// least counts.
	Scores     number.Double  `json:"ssim_at_least"`
	Rendered   *number.Double `json:"ssim_rendered_at_least,omitempty"`
	Confidence float64        `json:"confidence"`
	// Expected and ExpectedRendered are the similarities in the mean.
	Expected         number.Double  `json:"ssim_expected"`
	ExpectedRendered *number.Double `json:"ssim_rendered_expected,omitempty"`
	// Sampled positions were drawn at random and computed exactly; Exact counts all that
	// were, Approximate those computed otherwise, Interpolated those not computed.
	Sampled      int `json:"positions_sampled"`
	Exact        int `json:"positions_exact"`
	Approximate  int `json:"positions_approximate"`
	Interpolated int `json:"positions_interpolated"`
	// Looks is the number of times that the bound was estimated.
	Looks int `json:"estimates"`
	// Reason says why the whole map is exact, if it is.
	Reason string `json:"exact_because,omitempty"`

	// Setting is the rung that was taken.
	Setting Approximation `json:"-"`
}

// Bound is the lower bound of both similarities.
func (c *Certificate) Bound() float64 {
	if c.Rendered != nil {
		return math.Min(float64(c.Scores), float64(*c.Rendered))
	}
	return float64(c.Scores)
}

const (
	// smallestCertified is the number of positions under which a map is computed exactly.
	smallestCertified = 256
	// mostCertified is the number of maps of one task that are certified together.
	mostCertified = 8
	// A share of the positions is sampled, within bounds.
	sampleShare, fewestSamples, mostSamples = 0.04, 96, 144
	// The step of the lattice's first positions, of which the middles of its squares are
	// computed too, is coarse4, or fine2 on grids of fewer positions than largeGrid, of
	// which each counts.
	coarse4, fine2, largeGrid = 4, 2, 1500
	// Of the loss that the wish allows, a rung may take a part where there is a more
	// careful one, and positions are added until what is expected of them is not much more:
	// what they save is often more than is expected, since others are interpolated of them.
	// The first look at a large grid, where a coarse lattice is all that is known, leaves
	// more to the looks after it, and of those none asks for less than half of its loss.
	rungShare, aim, firstAim, half = 0.7, 1.2, 2.7, 0.5
	// leastAdded is the smallest share of the grid that is added at a look.
	leastAdded = 1. / 80
	// mostLooks is the number of estimates after which the map is computed exactly.
	mostLooks = 24
	// firstShare of the samples are drawn before there is a map, secondShare when the first
	// positions of the lattice are known, and thirdShare when the loss is not more than near
	// times what is allowed: samples by which a map was chosen flatter it, and more of them
	// often are all that the bound lacks. On grids that are not large they flatter it more:
	// there thirdShare is drawn each time that the bound has met the wish, confirmations
	// times at most, and positions are added until what is expected of them leaves some loss.
	firstShare, secondShare, thirdShare = 0.3, 0.35, 0.35
	near                                = 1.4
	confirmations, smallAim             = 2, 0.9
	// stalled is the share of the loss before from which on exact positions do not help.
	stalled = 0.9
)

// noNumbers is why a map is exact whose similarity nobody can tell.
const noNumbers = "some scores are not finite numbers"

// certifier makes one certified map.
type certifier struct {
	*Task
	r       *Result
	c       *changes
	spent   atomic.Int64
	nan     atomic.Bool
	lattice *lattice
	step    int // of the lattice
	order   []inner

	population, samples []int
	drawn               bool      // the second samples
	chance              []float64 // of each position to be sampled
	sampled             []bool
	cheap               [][]float32    // of each item at each position that a rung has computed
	kinds               []certify.Kind // as if nobody had sampled
	known               []bool         // exactly
	asked               []bool         // a rung has been, about a position
	raw                 [][]float32    // of each item: computed by the rung, or interpolated of what is
	between             [][]float32    // of each item: interpolated, also where computed
	lean                []*leaning     // of each item: what the rung's answers are off by
	guess               [][]float32    // of each item: without what only sampling told
	reach               []float64
	made                Certificate

	// answers and answersBy compute positions exactly, and as a rung does.
	answers   answers
	answersBy func(a Approximation) (answers, error)
	// exactPays says that so many positions take hardly longer exactly than certified.
	exactPays func(positions, samples int) bool
}

// answers computes positions and hands over their scores, from several goroutines.
type answers func(pick []int, take func(i int, scores []float32, winner int32)) error

// certified answers the positions of a map that is to be certified.
func (t *Task) certified(ctx context.Context, views *incremental.Views, moved *reference, r *Result, clean [][]float32) error {
	w := newCertifier(t, r)
	w.c = newChanges(t, false)
	exact, plain := t.truth(views, moved, r, clean), t.options()
	by := func(a *asker, opt incremental.Options) answers {
		return func(pick []int, take func(i int, scores []float32, winner int32)) error {
			return t.update(ctx, a, w.c, opt, pick, &w.spent, func(i int, h *target.Hand, winner int32) { take(i, h.Scores, winner) })
		}
	}
	w.answers = by(exact, plain)
	w.answersBy = func(a Approximation) (answers, error) {
		of := *t
		of.Approximation, r.Shortlisted = a, 0
		asker, err := of.asker(views, moved, r, clean)
		if err != nil {
			return nil, err
		}
		return by(asker, a.options(plain)), nil
	}
	w.exactPays = func(positions, samples int) bool { return t.exactPays(exact.plan, positions, samples) }
	if err := w.make(); err != nil {
		return err
	}
	r.NaN = r.NaN || w.nan.Load()
	w.tally()
	t.count(r, w.c, w.spent.Load())
	return nil
}

// truth answers as the exact map does.
func (t *Task) truth(views *incremental.Views, moved *reference, r *Result, clean [][]float32) *asker {
	if moved == nil {
		return t.newAsker(views, nil, r.Bound, clean)
	}
	of := *t
	of.Plan = moved.plan
	return of.newAsker(moved.views, nil, r.Bound, moved.clean)
}

// newCertifier prepares a task's map, but for who answers.
func newCertifier(t *Task, r *Result) *certifier {
	n := t.Grid.Len()
	w := &certifier{Task: t, r: r, known: make([]bool, n), sampled: make([]bool, n), chance: make([]float64, n), kinds: make([]certify.Kind, n), reach: make([]float64, n)}
	w.made = Certificate{Wish: t.Certify.SSIM, Confidence: certify.Confidence}
	r.Computed, r.Certificate = make([]bool, n), &w.made
	if w.step = coarse4; !w.large() {
		w.step = fine2
	}
	w.lattice = newLattice(len(t.Grid.Ys), len(t.Grid.Xs), w.step)
	return w
}

// make computes the map.
func (w *certifier) make() error {
	var population, free []int
	for i := range w.known {
		if w.c.free(i) {
			free = append(free, i)
		} else {
			population = append(population, i)
		}
	}
	switch {
	case len(population) < smallestCertified:
		return w.all(w.few())
	case len(w.r.Items) > mostCertified:
		return w.all("there are too many maps to certify together")
	case w.Certify.SSIM >= 1:
		return w.all("nothing less is wished")
	}
	if w.population = population; !w.Certify.Always && w.exactPays(len(population), w.sampleSize()) {
		return w.all(hardlyDearer)
	}
	if err := w.exactly(append(free, w.first()...)); err != nil {
		return err
	}
	for k := range w.r.Items {
		if w.flat(k) {
			return w.all("the sampled positions do not differ")
		}
	}
	reason := "what approximate answers miss is more than what may be lost"
	w.forget()
	for rung, a := range w.Certify.Rungs {
		last := rung == len(w.Certify.Rungs)-1
		ask, err := w.climb(a)
		if err != nil {
			return err
		}
		most := (1 - w.Certify.SSIM) * rungShare
		if last {
			most = 1 - w.Certify.SSIM
		}
		loss, err := w.rough()
		if err != nil {
			return w.all(noNumbers)
		}
		if loss > most && !last {
			// Of a coarse lattice, which is a small part of the map, what the bolder rung
			// said may stay: samples on it tell what that costs.
			if !w.large() {
				w.forget()
			}
			continue
		}
		if loss > most {
			break
		}
		if done, err := w.refine(ask, a); done || err != nil {
			return err
		}
		w.forget()
		reason = "the bound does not meet the wish otherwise"
	}
	return w.all(reason)
}

// sampleSize is the number of positions to be drawn.
func (w *certifier) sampleSize() int {
	return min(max(int(math.Round(sampleShare*float64(len(w.population)))), fewestSamples), mostSamples)
}

// part is a share of them.
func (w *certifier) part(share float64) int {
	return int(math.Round(share * float64(w.sampleSize())))
}

// first draws the samples that are there before the map: all positions are as likely.
func (w *certifier) first() []int {
	n := w.part(firstShare)
	w.samples = certify.Draw(w.population, w.lattice.cols, n, w.Seed)
	for _, i := range w.population {
		w.chance[i] = float64(n) / float64(len(w.population))
	}
	for _, i := range w.samples {
		w.sampled[i] = true
	}
	return w.samples
}

// more draws so many samples, by what errors are expected to cost where positions are as they
// are, and if also says so where they are computed; it computes them exactly.
func (w *certifier) sampleMore(size int, also bool, ask func(pick []int) error) error {
	kinds := w.virtual()
	as := [][]certify.Kind{kinds}
	if also {
		as = append(as, make([]certify.Kind, len(kinds)))
	}
	of, err := w.gains(as...)
	if err != nil {
		return err
	}
	var gains [][]float64
	for _, g := range of {
		gains = append(gains, g[:]...)
	}
	var population []int
	for _, i := range w.population {
		if kinds[i] != certify.Exact {
			population = append(population, i)
		}
	}
	chances := certify.Chances(population, size, gains...)
	var drawn []int
	for _, i := range certify.DrawBy(population, chances, w.lattice.cols, w.Seed+uint64(len(w.samples))) {
		if !w.sampled[i] {
			drawn = append(drawn, i)
			w.sampled[i] = true
		}
	}
	for k, i := range population {
		w.chance[i] = 1 - (1-w.chance[i])*(1-chances[k])
	}
	w.samples = append(slices.Clone(w.samples), drawn...)
	slices.Sort(w.samples)
	if err := w.exactly(drawn); err != nil {
		return err
	}
	pick := slices.DeleteFunc(slices.Clone(drawn), func(i int) bool { return w.asked[i] })
	if err := ask(pick); err != nil {
		return err
	}
	w.learn()
	w.fill()
	return nil
}

// virtual are the kinds of positions as if nobody had sampled.
func (w *certifier) virtual() []certify.Kind {
	kinds := slices.Clone(w.kinds)
	for i, known := range w.known {
		if known && !w.sampled[i] {
			kinds[i] = certify.Exact
		}
	}
	return kinds
}

// flat says that all scores that are known of an item are the same.
func (w *certifier) flat(k int) bool { return w.span(k) == 0 }

// span is the range of an item's exact scores, as far as they are known.
func (w *certifier) span(k int) float64 {
	return spanOf(w.r.Scores[k], func(i int) bool { return w.known[i] })
}

// spanOf is the range of those of a map's scores that are exact, 0 if there are none.
func spanOf(scores []float32, exact func(i int) bool) float64 {
	lo, hi := math.Inf(1), math.Inf(-1)
	for i, v := range scores {
		if exact(i) {
			lo, hi = math.Min(lo, float64(v)), math.Max(hi, float64(v))
		}
	}
	if !(hi > lo) {
		return 0
	}
	return hi - lo
}

// exactly computes positions as the exact map has them.
func (w *certifier) exactly(pick []int) error {
	pick = slices.DeleteFunc(slices.Clone(pick), func(i int) bool { return w.known[i] })
	slices.Sort(pick)
	err := w.answers(pick, func(i int, scores []float32, winner int32) {
		if w.r.put(i, scores, winner) {
			w.nan.Store(true)
		}
		if w.Answered != nil {
			w.Answered(i, scores, winner)
		}
	})
	for _, i := range pick {
		w.known[i], w.r.Computed[i] = true, true
	}
	return err
}

// all computes what is not known yet exactly.
func (w *certifier) all(reason string) error {
	w.made.whole(reason)
	var rest []int
	for i, known := range w.known {
		if !known {
			rest = append(rest, i)
		}
	}
	return w.exactly(rest)
}

// whole says that all of the map is exact, and why.
func (c *Certificate) whole(reason string) {
	one := number.Double(1)
	c.Scores, c.Expected, c.Rendered, c.ExpectedRendered, c.Reason = one, one, &one, &one, reason
}

// forget takes back all that rungs have answered.
func (w *certifier) forget() {
	w.cheap, w.asked = make([][]float32, len(w.r.Items)), make([]bool, w.Grid.Len())
	for k := range w.cheap {
		w.cheap[k] = make([]float32, w.Grid.Len())
	}
	for i := range w.kinds {
		w.kinds[i] = certify.Interpolated
	}
}

// climb takes a rung: it computes the samples and the lattice's first positions by it, but
// for what a bolder one has said of the lattice and nobody has taken back.
func (w *certifier) climb(a Approximation) (func(pick []int) error, error) {
	by, err := w.answersBy(a)
	if err != nil {
		return nil, err
	}
	for _, i := range w.samples {
		w.asked[i] = w.asked[i] && w.kinds[i] == certify.Computed // as if nobody had sampled
	}
	ask := func(pick []int) error {
		slices.Sort(pick)
		for _, i := range pick {
			w.asked[i] = true
		}
		err := by(pick, func(i int, scores []float32, winner int32) {
			for k, v := range scores {
				w.cheap[k][i] = v
			}
			if w.r.Winners != nil && !w.known[i] {
				w.r.Winners[i] = winner
			}
			if w.Answered != nil && !w.known[i] {
				w.Answered(i, scores, winner)
			}
		})
		return err
	}
	first := slices.Clone(w.lattice.first)
	w.order = w.lattice.nodes
	for len(w.order) > 0 && w.order[0].diagonal && w.order[0].h == w.step/2 {
		first, w.order = append(first, w.order[0].at), w.order[1:]
	}
	pick := slices.Clone(w.samples)
	for _, i := range first {
		if w.kinds[i] = certify.Computed; !w.known[i] {
			pick = append(pick, i)
		}
	}
	pick = slices.DeleteFunc(pick, func(i int) bool { return w.asked[i] })
	if err := ask(pick); err != nil {
		return nil, err
	}
	w.learn()
	w.fill()
	if w.drawn {
		return ask, nil
	}
	w.drawn = true
	return ask, w.sampleMore(w.part(secondShare), true, ask)
}

// fill puts the map together from what is known.
func (w *certifier) fill() {
	n := w.Grid.Len()
	if w.guess == nil {
		for range w.r.Items {
			w.guess, w.between, w.raw = append(w.guess, make([]float32, n)), append(w.between, make([]float32, n)), append(w.raw, make([]float32, n))
			for i := range n {
				w.between[len(w.between)-1][i] = float32(math.NaN()) // the first ones lie between none
			}
		}
	}
	inner := make([]bool, n)
	for _, node := range w.order {
		inner[node.at] = true
	}
	for i := range n {
		if w.reach[i] = 0; !inner[i] {
			w.put(i, false)
		}
	}
	for _, node := range w.order {
		i := node.at
		for k, raw := range w.raw {
			w.between[k][i] = w.lattice.between(raw, node)
		}
		interpolated := w.kinds[i] != certify.Computed
		w.put(i, interpolated)
		if !interpolated {
			continue
		}
		near := w.lattice.parents(node)
		w.reach[i] = float64(node.h * node.h)
		if node.diagonal {
			w.reach[i] *= 2
		}
		for _, j := range near {
			if !w.known[j] {
				w.reach[i] += w.reach[j] / float64(len(near))
			}
		}
		if w.r.Winners != nil && !w.known[i] {
			w.r.Winners[i] = w.r.Winners[near[0]]
		}
	}
}

// put makes a position's score, of each item: what the rung says, or what lies between
// others, and what the rung is off by around it.
func (w *certifier) put(i int, interpolated bool) {
	for k, scores := range w.r.Scores {
		off, _ := w.lean[k].at(i)
		switch raw := w.raw[k]; {
		case w.asked[i]:
			raw[i] = w.cheap[k][i]
		case w.known[i]: // nobody knows what the rung says
			raw[i] = scores[i] - float32(off)
		default:
			raw[i] = w.between[k][i]
		}
		guess := w.cheap[k][i]
		if interpolated {
			guess = w.between[k][i]
		}
		switch {
		case w.known[i] && !w.sampled[i]:
			w.guess[k][i] = scores[i]
		default:
			if w.guess[k][i] = guess + float32(off); !w.known[i] {
				scores[i] = w.guess[k][i]
			}
		}
	}
}

// learn finds what the rung's answers are off by, from the samples.
func (w *certifier) learn() {
	w.lean = w.lean[:0]
	for k, scores := range w.r.Scores {
		off := make([]float64, len(w.samples))
		for j, i := range w.samples {
			off[j] = float64(scores[i]) - float64(w.cheap[k][i])
		}
		w.lean = append(w.lean, newLeaning(w.lattice.rows, w.lattice.cols, w.samples, off))
	}
}

// mapOf is an item's map as package certify has it, with kinds and scores that may be
// other than what they are.
func (w *certifier) mapOf(k int, kinds []certify.Kind, scores []float32) *certify.Map {
	return &certify.Map{Cols: w.lattice.cols, Guess: w.guess[k], Scores: scores, Kinds: kinds, Reach: w.reach, Base: w.r.Base[k], Span: w.span(k)}
}

// samplesOf are what the samples say of an item.
func (w *certifier) samplesOf(k int) []certify.Sample {
	var all []certify.Sample
	for _, i := range w.samples {
		_, apart := w.lean[k].at(i)
		s := certify.Sample{At: i, Kind: w.kinds[i], Chance: w.chance[i], Exact: float64(w.r.Scores[k][i])}
		s.Guess[certify.Computed], s.Guess[certify.Interpolated] = float64(w.cheap[k][i])+apart, float64(w.between[k][i])+apart
		all = append(all, s)
	}
	return all
}

// rough is about the loss that is to be expected if all positions were computed by the
// rung: the largest of the items'.
func (w *certifier) rough() (float64, error) {
	kinds := make([]certify.Kind, len(w.kinds)) // all Computed
	loss := 0.0
	for k := range w.r.Items {
		samples := w.samplesOf(k)
		for i := range samples {
			samples[i].Kind = certify.Computed
		}
		e, err := w.mapOf(k, kinds, w.r.Scores[k]).Estimate(samples)
		if err != nil {
			return 0, err
		}
		loss = math.Max(loss, 1-min(e.Scores.Expected, e.Rendered.Expected))
	}
	return loss, nil
}

// large says that the grid has enough positions for a coarse lattice to say something.
func (w *certifier) large() bool { return w.Grid.Len() >= largeGrid }

// refine computes more positions until the bound meets the wish, and says whether the map is
// done: what does not come to that may with a more careful rung.
func (w *certifier) refine(ask func(pick []int) error, a Approximation) (done bool, err error) {
	w.made.Setting = a
	allowed, within, draws := 1-w.Certify.SSIM, near, 1
	if !w.large() {
		within, draws = 1, confirmations
	}
	before := math.Inf(1)
	for look := 1; look <= mostLooks; look++ {
		if err := w.extremes(); err != nil {
			return false, err
		}
		loss, err := w.look()
		if err != nil {
			return true, w.all(noNumbers)
		}
		if draws > 0 && loss <= within*allowed {
			draws--
			if err := w.sampleMore(w.part(thirdShare), false, ask); err != nil {
				return false, err
			}
			if loss, err = w.look(); err != nil {
				return true, w.all(noNumbers)
			}
		}
		if loss <= allowed {
			return true, nil
		}
		more, exact, err := w.next(loss)
		if err != nil {
			return true, w.all(noNumbers)
		}
		if len(exact) > w.Grid.Len()/2 {
			return false, nil
		}
		if len(more) == 0 && loss > stalled*before {
			// Nothing is left to compute by the rung, and what is exact besides helps little:
			// the bound lacks samples, or more than they can give.
			if draws == 0 {
				return false, nil
			}
			draws--
			if err := w.sampleMore(w.part(thirdShare), false, ask); err != nil {
				return false, err
			}
			continue
		}
		before = loss
		if err := w.exactly(exact); err != nil {
			return false, err
		}
		var pick []int
		for _, i := range more {
			if w.kinds[i] = certify.Computed; !w.known[i] {
				pick = append(pick, i)
			}
		}
		if err := ask(pick); err != nil {
			return false, err
		}
		w.fill()
	}
	return false, nil
}

// extremes makes the lowest and the highest score of each map exact, for its range.
func (w *certifier) extremes() error {
	var pick []int
	for _, scores := range w.r.Scores {
		lo, hi := 0, 0
		for i, v := range scores {
			if v < scores[lo] {
				lo = i
			}
			if v > scores[hi] {
				hi = i
			}
		}
		pick = append(pick, lo, hi)
	}
	slices.Sort(pick)
	return w.exactly(slices.Compact(pick))
}

// look estimates the bounds of all items, and gives the largest loss.
func (w *certifier) look() (float64, error) {
	w.made.Looks++
	kinds := w.finalKinds()
	loss := math.Inf(-1)
	for k := range w.r.Items {
		e, err := w.mapOf(k, kinds, w.r.Scores[k]).Estimate(w.samplesOf(k))
		if err != nil {
			return 0, err
		}
		w.made.least(e, k == 0)
		loss = math.Max(loss, 1-e.Bound())
	}
	return loss, nil
}

func (w *certifier) finalKinds() []certify.Kind {
	kinds := slices.Clone(w.kinds)
	for i, known := range w.known {
		if known {
			kinds[i] = certify.Exact
		}
	}
	return kinds
}

// least keeps the lowest bounds of several maps.
func (c *Certificate) least(e *certify.Estimate, first bool) {
	of := &Certificate{Scores: number.Double(e.Scores.Bound), Expected: number.Double(e.Scores.Expected)}
	if e.HasRendered {
		bound, expected := number.Double(e.Rendered.Bound), number.Double(e.Rendered.Expected)
		of.Rendered, of.ExpectedRendered = &bound, &expected
	}
	if first {
		c.Scores, c.Expected, c.Rendered, c.ExpectedRendered = of.Scores, of.Expected, of.Rendered, of.ExpectedRendered
		return
	}
	c.lower(of)
}

// lower lowers similarities to those of d, where they are lower.
func (c *Certificate) lower(d *Certificate) {
	least := func(a, b *number.Double) *number.Double {
		if a == nil || b != nil && *b < *a {
			return b
		}
		return a
	}
	c.Scores, c.Expected = min(c.Scores, d.Scores), min(c.Expected, d.Expected)
	c.Rendered, c.ExpectedRendered = least(c.Rendered, d.Rendered), least(c.ExpectedRendered, d.ExpectedRendered)
}

// next picks positions to be computed, those that promise most, so many that the loss is
// expected to come down to what is allowed: by the rung, and if that is not enough exactly.
func (w *certifier) next(loss float64) (more, exact []int, err error) {
	n := w.Grid.Len()
	computed, virtual := make([]certify.Kind, n), w.virtual()
	for i, k := range virtual {
		if k == certify.Exact {
			computed[i] = k
		}
	}
	gains, err := w.gains(virtual, computed)
	if err != nil {
		return nil, nil, err
	}
	now, then := both(gains[0]), both(gains[1])
	weight := make([]float64, n)
	for _, node := range w.order {
		weight[node.at] = float64(node.h)
		if node.diagonal {
			weight[node.at] *= 1.5
		}
	}
	total, allowed := 0.0, aim*(1-w.Certify.SSIM)
	switch {
	case !w.large():
		allowed = smallAim * (1 - w.Certify.SSIM)
	case w.made.Looks == 1:
		allowed = firstAim * (1 - w.Certify.SSIM)
	default:
		allowed = max(allowed, half*loss)
	}
	type choice struct {
		at          int
		saves, for_ float64
	}
	var choices []choice
	for i := range n {
		total += now[i]
		if virtual[i] == certify.Interpolated {
			saves := max(0, now[i]-then[i])
			choices = append(choices, choice{i, saves, saves * weight[i]})
		}
	}
	best := func(a, b choice) int { return cmp.Or(cmp.Compare(b.for_, a.for_), cmp.Compare(a.at, b.at)) }
	slices.SortFunc(choices, best)
	left := total
	enough := func() bool { return loss*left <= allowed*total }
	fewest := max(1, int(leastAdded*float64(n)))
	for k, c := range choices {
		if enough() && k >= fewest {
			break
		}
		left -= c.saves
		more = append(more, c.at)
	}
	if enough() {
		return more, nil, nil
	}
	choices = choices[:0]
	for i := range n {
		if computed[i] != certify.Exact {
			choices = append(choices, choice{i, then[i], then[i]})
		}
	}
	slices.SortFunc(choices, best)
	for k, c := range choices {
		if enough() && k >= fewest {
			break
		}
		left -= c.saves
		exact = append(exact, c.at)
	}
	return more, exact, nil
}

// gains are those of all items together, of both similarities, for positions of each of
// several kinds.
func (w *certifier) gains(kinds ...[]certify.Kind) ([][2][]float64, error) {
	all := make([][2][]float64, len(kinds))
	for k := range w.r.Items {
		of, err := w.mapOf(k, nil, w.guess[k]).Gains(w.samplesOf(k), kinds...)
		if err != nil {
			return nil, err
		}
		for j, gains := range of {
			for s, g := range gains {
				if k == 0 {
					all[j][s] = g
					continue
				}
				for i, v := range g {
					all[j][s][i] += v
				}
			}
		}
	}
	return all, nil
}

// both are gains of both similarities together.
func both(gains [2][]float64) []float64 {
	all := slices.Clone(gains[0])
	for i, g := range gains[1] {
		all[i] += g
	}
	return all
}

// tally counts how positions were answered.
func (w *certifier) tally() {
	kinds := w.finalKinds()
	w.made.count(w.samples, kinds, w.c)
	for i, k := range kinds {
		if k == certify.Computed && !w.c.free(i) {
			w.r.Computed[i] = true
		}
	}
}

// count counts how positions were answered that had to be.
func (c *Certificate) count(samples []int, kinds []certify.Kind, of *changes) {
	c.Sampled = len(samples)
	for i, k := range kinds {
		switch {
		case of.free(i):
		case k == certify.Exact:
			c.Exact++
		case k == certify.Computed:
			c.Approximate++
		default:
			c.Interpolated++
		}
	}
}

// Positions is the number of positions that are not free.
func (c *Certificate) Positions() int { return c.Exact + c.Approximate + c.Interpolated }

// And is what is known of several maps: c, or nothing yet, and another.
func (c *Certificate) And(d *Certificate) *Certificate {
	if c == nil {
		return d
	}
	both := *c
	both.lower(d)
	both.Sampled, both.Exact, both.Approximate, both.Interpolated = c.Sampled+d.Sampled, c.Exact+d.Exact, c.Approximate+d.Approximate, c.Interpolated+d.Interpolated
	both.Looks += d.Looks
	if both.Reason == "" {
		both.Reason = d.Reason
	}
	return &both
}
