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
	sampleShare, fewestSamples, mostSamples = 0.04, 80, 144
	// The step of the lattice's first positions, of which the middles of its squares are
	// computed too, is coarse4, or fine2 on grids of fewer positions than largeGrid, of
	// which each counts.
	coarse4, fine2, largeGrid = 4, 2, 1500
	// Of the loss that the wish allows, a rung may take a part where there is a more
	// careful one, and positions are added until what is expected of them leaves some.
	rungShare, aim = 0.5, 0.9
	// mostLooks is the number of estimates after which the map is computed exactly.
	mostLooks  = 10
	roughDraws = 12
)

// noNumbers is why a map is exact whose similarity nobody can tell.
const noNumbers = "some scores are not finite numbers"

// certifier makes one certified map.
type certifier struct {
	*Task
	ctx     context.Context
	r       *Result
	c       *changes
	exact   *asker
	plain   incremental.Options
	spent   atomic.Int64
	nan     atomic.Bool
	lattice *lattice
	step    int // of the lattice
	order   []inner

	samples []int
	sampled []bool
	cheap   [][]float32    // of each item at each position that the rung has computed
	kinds   []certify.Kind // as if nobody had sampled
	known   []bool         // exactly
	guess   [][]float32    // of each item: without what only sampling told
	reach   []float64
	between [][]float32 // what interpolation would have given
	made    Certificate
}

// certified answers the positions of a map that is to be certified.
func (t *Task) certified(ctx context.Context, views *incremental.Views, moved *reference, r *Result, clean [][]float32) error {
	n := t.Grid.Len()
	w := &certifier{Task: t, ctx: ctx, r: r, c: newChanges(t, false), plain: t.options(), known: make([]bool, n), sampled: make([]bool, n), kinds: make([]certify.Kind, n), reach: make([]float64, n)}
	w.made = Certificate{Wish: t.Certify.SSIM, Confidence: certify.Confidence}
	if moved != nil {
		truth := *t
		truth.Plan = moved.plan
		w.exact = truth.newAsker(moved.views, nil, r.Bound, moved.clean)
	} else {
		w.exact = t.newAsker(views, nil, r.Bound, clean)
	}
	r.Computed, r.Certificate = make([]bool, n), &w.made
	if w.step = coarse4; n < largeGrid {
		w.step = fine2
	}
	w.lattice = newLattice(len(t.Grid.Ys), len(t.Grid.Xs), w.step)
	if err := w.make(views, moved, clean); err != nil {
		return err
	}
	r.NaN = r.NaN || w.nan.Load()
	w.tally()
	t.count(r, w.c, w.spent.Load())
	return nil
}

// make computes the map.
func (w *certifier) make(views *incremental.Views, moved *reference, clean [][]float32) error {
	var population, free []int
	for i := range w.known {
		if w.c.masked[i] || w.c.same[i] {
			free = append(free, i)
		} else {
			population = append(population, i)
		}
	}
	switch {
	case len(population) < smallestCertified:
		return w.all("there are too few positions to sample")
	case len(w.r.Items) > mostCertified:
		return w.all("there are too many maps to certify together")
	case w.Certify.SSIM >= 1:
		return w.all("nothing less is wished")
	}
	size := min(max(int(math.Round(sampleShare*float64(len(population)))), fewestSamples), mostSamples)
	w.samples = certify.Draw(population, w.lattice.cols, size, w.Seed)
	for _, i := range w.samples {
		w.sampled[i] = true
	}
	if err := w.exactly(append(free, w.samples...)); err != nil {
		return err
	}
	for k := range w.r.Items {
		if w.flat(k) {
			return w.all("the sampled positions do not differ")
		}
	}
	for rung, a := range w.Certify.Rungs {
		last := rung == len(w.Certify.Rungs)-1
		ask, err := w.climb(a, views, moved, clean)
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
			continue
		}
		if loss > most {
			break
		}
		return w.refine(ask, a)
	}
	return w.all("what approximate answers miss is more than what may be lost")
}

// flat says that all scores that are known of an item are the same.
func (w *certifier) flat(k int) bool { return w.span(k) == 0 }

// span is the range of an item's exact scores, as far as they are known.
func (w *certifier) span(k int) float64 {
	lo, hi := math.Inf(1), math.Inf(-1)
	for i, v := range w.r.Scores[k] {
		if w.known[i] {
			lo, hi = math.Min(lo, float64(v)), math.Max(hi, float64(v))
		}
	}
	if !(hi > lo) {
		return 0
	}
	return hi - lo
}

// asked computes positions by an asker and hands their scores over.
func (w *certifier) asked(a *asker, opt incremental.Options, pick []int, take func(i int, scores []float32, winner int32)) error {
	return w.update(w.ctx, a, w.c, opt, pick, &w.spent, func(i int, h *target.Hand, winner int32) { take(i, h.Scores, winner) })
}

// exactly computes positions as the exact map has them.
func (w *certifier) exactly(pick []int) error {
	pick = slices.DeleteFunc(slices.Clone(pick), func(i int) bool { return w.known[i] })
	slices.Sort(pick)
	err := w.asked(w.exact, w.plain, pick, func(i int, scores []float32, winner int32) {
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
	w.made.Reason = reason
	var rest []int
	for i, known := range w.known {
		if !known {
			rest = append(rest, i)
		}
	}
	one := number.Double(1)
	w.made.Scores, w.made.Expected = one, one
	w.made.Rendered, w.made.ExpectedRendered = &one, &one
	return w.exactly(rest)
}

// climb takes a rung: it computes the samples and the lattice's first positions by it.
func (w *certifier) climb(a Approximation, views *incremental.Views, moved *reference, clean [][]float32) (func(pick []int) error, error) {
	of := *w.Task
	of.Approximation = a
	w.r.Shortlisted = 0
	by, err := of.asker(views, moved, w.r, clean)
	if err != nil {
		return nil, err
	}
	opt := a.options(w.plain)
	w.cheap = make([][]float32, len(w.r.Items))
	for k := range w.cheap {
		w.cheap[k] = make([]float32, w.Grid.Len())
	}
	for i := range w.kinds {
		w.kinds[i] = certify.Interpolated
	}
	ask := func(pick []int) error {
		slices.Sort(pick)
		err := w.asked(by, opt, pick, func(i int, scores []float32, winner int32) {
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
	if err := ask(pick); err != nil {
		return nil, err
	}
	w.fill()
	return ask, nil
}

// fill puts the map together from what is known.
func (w *certifier) fill() {
	n := w.Grid.Len()
	if w.guess == nil {
		for range w.r.Items {
			w.guess, w.between = append(w.guess, make([]float32, n)), append(w.between, make([]float32, n))
		}
	}
	put := func(i int, v func(k int) float32) {
		for k, scores := range w.r.Scores {
			if w.known[i] && !w.sampled[i] {
				w.guess[k][i] = scores[i]
				continue
			}
			w.guess[k][i] = v(k)
			if !w.known[i] {
				scores[i] = w.guess[k][i]
			}
		}
	}
	for k := range w.between {
		for i := range w.between[k] {
			w.between[k][i] = float32(math.NaN())
		}
	}
	cheap := func(i int) { put(i, func(k int) float32 { return w.cheap[k][i] }) }
	ordered := make([]bool, n)
	for _, node := range w.order {
		ordered[node.at] = true
	}
	for i := range n {
		w.reach[i] = 0
		if !ordered[i] {
			cheap(i)
		}
	}
	for _, node := range w.order {
		i := node.at
		near := w.lattice.parents(node)
		for k, scores := range w.r.Scores {
			w.between[k][i] = w.lattice.between(scores, node)
		}
		if w.kinds[i] == certify.Computed {
			cheap(i)
			continue
		}
		put(i, func(k int) float32 { return w.between[k][i] })
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

// mapOf is an item's map as package certify has it, with kinds and scores that may be
// other than what they are.
func (w *certifier) mapOf(k int, kinds []certify.Kind, scores []float32) *certify.Map {
	return &certify.Map{Cols: w.lattice.cols, Guess: w.guess[k], Scores: scores, Kinds: kinds, Reach: w.reach, Base: w.r.Base[k], Span: w.span(k)}
}

// samplesOf are what the samples say of an item.
func (w *certifier) samplesOf(k int) []certify.Sample {
	var all []certify.Sample
	for _, i := range w.samples {
		v := float64(w.r.Scores[k][i])
		s := certify.Sample{At: i, Kind: w.kinds[i]}
		s.Missed[certify.Computed], s.Missed[certify.Interpolated] = v-float64(w.cheap[k][i]), v-float64(w.between[k][i])
		all = append(all, s)
	}
	return all
}

// rough is about the loss that is to be expected if all positions were computed by the
// rung: the largest of the items'.
func (w *certifier) rough() (float64, error) {
	kinds, final := make([]certify.Kind, len(w.kinds)), w.finalKinds() // all Computed, and as they are
	loss := 0.0
	for k := range w.r.Items {
		samples := w.samplesOf(k)
		// What is interpolated is too smooth: errors weigh less in a map that varies as the
		// exact one does.
		likely, err := w.mapOf(k, final, w.r.Scores[k]).Likely(samples, w.Seed)
		if err != nil {
			return 0, err
		}
		e, err := w.mapOf(k, kinds, likely).Estimate(samples, certify.Options{Draws: roughDraws, Seed: w.Seed, Workers: w.Workers})
		if err != nil {
			return 0, err
		}
		loss = math.Max(loss, 1-min(e.Scores.Expected, e.Rendered.Expected))
	}
	return loss, nil
}

// refine computes more positions until the bound meets the wish.
func (w *certifier) refine(ask func(pick []int) error, a Approximation) error {
	w.made.Setting = a
	for look := 1; look <= mostLooks; look++ {
		if err := w.extremes(); err != nil {
			return err
		}
		loss, err := w.look(uint64(look))
		if err != nil {
			return w.all(noNumbers)
		}
		if w.made.Looks = look; loss <= 1-w.Certify.SSIM {
			return nil
		}
		more, exact, err := w.next(loss)
		if err != nil {
			return w.all(noNumbers)
		}
		if len(exact) > w.Grid.Len()/2 {
			break
		}
		if err := w.exactly(exact); err != nil {
			return err
		}
		var pick []int
		for _, i := range more {
			if w.kinds[i] = certify.Computed; !w.known[i] {
				pick = append(pick, i)
			}
		}
		if err := ask(pick); err != nil {
			return err
		}
		w.fill()
	}
	return w.all("the bound does not meet the wish otherwise")
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
func (w *certifier) look(seed uint64) (float64, error) {
	kinds := w.finalKinds()
	loss := math.Inf(-1)
	for k := range w.r.Items {
		e, err := w.mapOf(k, kinds, w.r.Scores[k]).Estimate(w.samplesOf(k), certify.Options{Seed: w.Seed + seed<<32, Workers: w.Workers})
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
	computed := make([]certify.Kind, n)
	virtual := slices.Clone(w.kinds)
	for i := range n {
		if w.known[i] && !w.sampled[i] {
			computed[i], virtual[i] = certify.Exact, certify.Exact
		}
	}
	now, err := w.gains(virtual)
	if err != nil {
		return nil, nil, err
	}
	then, err := w.gains(computed)
	if err != nil {
		return nil, nil, err
	}
	weight := make([]float64, n)
	for _, node := range w.order {
		weight[node.at] = float64(node.h)
		if node.diagonal {
			weight[node.at] *= 1.5
		}
	}
	total, allowed := 0.0, aim*(1-w.Certify.SSIM)
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
	fewest := max(1, n/40)
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

// gains are those of all items together, of positions of such kinds.
func (w *certifier) gains(kinds []certify.Kind) ([]float64, error) {
	sum := make([]float64, w.Grid.Len())
	for k := range w.r.Items {
		gains, err := w.mapOf(k, kinds, w.guess[k]).Gains(w.samplesOf(k))
		if err != nil {
			return nil, err
		}
		for i, g := range gains {
			sum[i] += g
		}
	}
	return sum, nil
}

// tally counts how positions were answered.
func (w *certifier) tally() {
	w.made.Sampled = len(w.samples)
	for i, known := range w.known {
		switch {
		case w.c.masked[i] || w.c.same[i]:
		case known:
			w.made.Exact++
		case w.kinds[i] == certify.Computed:
			w.made.Approximate++
			w.r.Computed[i] = true
		default:
			w.made.Interpolated++
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
