package obe

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"krypton/internal/certify"
	"krypton/internal/incremental"
	"krypton/internal/target"
)

// timed says of a map that ended with time how similar it is to the exact one: as soon as the
// coarsest step is there positions are drawn at random and computed exactly, which none of the
// others learn from until all is over.
type timed struct {
	*Task
	r     *Result
	c     *changes
	exact *asker
	plain incremental.Options
	began time.Time
	// given says that positions are computed as the exact map has them.
	given bool

	samples []int
	chance  float64 // of each position to be one
	mu      sync.Mutex
	scores  map[int][]float32 // exact ones, of each sample
	winners map[int]int32
}

// newTimed is that of a task, nil where time ends no map or nothing can be said of it.
func (t *Task) newTimed(views *incremental.Views, moved *reference, r *Result, c *changes, clean [][]float32, began time.Time) *timed {
	if t.Approximation.Within == 0 || len(r.Items) > mostCertified {
		return nil
	}
	a := t.Approximation
	a.Within, a.Steps = 0, nil
	w := &timed{Task: t, r: r, c: c, plain: t.options(), began: began, given: a.Exact() && moved == nil, scores: map[int][]float32{}, winners: map[int]int32{}}
	w.exact = t.truth(views, moved, r, clean)
	return w
}

// sampleTime is the share of the time left that samples may take.
const sampleTime = 1. / 3

// sample computes positions at random, as many as time allows, once so many were computed since
// the map began.
func (w *timed) sample(ctx context.Context, computed int, since time.Time, spent *atomic.Int64) error {
	var population []int
	for i := range w.Grid.Len() {
		if !w.c.free(i) {
			population = append(population, i)
		}
	}
	each := float64(w.now().Sub(since)) / float64(max(1, computed))
	fit := sampleTime * float64(w.Approximation.Within-w.now().Sub(w.began)) / max(1, each)
	size := int(min(max(sampleShare*float64(len(population)), fewestSamples), mostSamples, fit))
	if len(population) < smallestCertified || size < certify.Fewest {
		return nil
	}
	w.samples, w.chance = certify.Draw(population, len(w.Grid.Xs), size, w.Seed), float64(size)/float64(len(population))
	return w.update(ctx, w.exact, w.c, w.plain, w.samples, spent, func(i int, h *target.Hand, winner int32) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.scores[i], w.winners[i] = append([]float32(nil), h.Scores...), winner
	})
}

// around is how a map's positions are computed: after the first step, samples are.
func (w *timed) around(ctx context.Context, compute func(pick []int) error, spent *atomic.Int64) func(pick []int) error {
	started := false
	return func(pick []int) error {
		since := w.now()
		rest := slices.DeleteFunc(slices.Clone(pick), w.take)
		if err := compute(rest); err != nil || started {
			return err
		}
		started = true
		return w.sample(ctx, len(rest), since, spent)
	}
}

// take gives a sample's exact scores to the map, if it is computed as the exact map is.
func (w *timed) take(i int) bool {
	scores, known := w.scores[i]
	if !known || !w.given {
		return false
	}
	w.put(i, scores)
	return true
}

func (w *timed) put(i int, scores []float32) {
	if w.r.put(i, scores, w.winners[i]) {
		w.r.NaN = true
	}
	if w.Answered != nil {
		w.Answered(i, scores, w.winners[i])
	}
}

// end estimates how similar the map is and puts the samples into it.
func (w *timed) end() {
	kinds := w.kinds()
	made := &Certificate{Confidence: certify.Confidence, Setting: w.Approximation}
	made.count(w.samples, w.final(kinds), w.c)
	if !slices.ContainsFunc(kinds, func(k certify.Kind) bool { return k != certify.Exact }) {
		made.whole("time was enough for all positions")
		w.r.Certificate = made
		return
	}
	if len(w.samples) == 0 || !w.bound(made, kinds) {
		made = nil
	}
	w.r.Certificate = made
	for _, i := range w.samples {
		if kinds[i] != certify.Exact {
			w.put(i, w.scores[i])
		}
		w.r.Computed[i] = true
	}
}

// kinds say how positions' scores came to be, but for samples.
func (w *timed) kinds() []certify.Kind {
	kinds := make([]certify.Kind, w.Grid.Len())
	for i := range kinds {
		switch {
		case w.c.free(i) || w.r.Computed[i] && w.given:
			kinds[i] = certify.Exact
		case w.r.Computed[i]:
			kinds[i] = certify.Computed
		default:
			kinds[i] = certify.Interpolated
		}
	}
	return kinds
}

// final are the kinds that positions have with what the samples told.
func (w *timed) final(kinds []certify.Kind) []certify.Kind {
	final := slices.Clone(kinds)
	for _, i := range w.samples {
		final[i] = certify.Exact
	}
	return final
}

// bound estimates the similarities of all items, whose scores have nothing yet that only the
// samples told. It returns false where they say too little.
func (w *timed) bound(made *Certificate, kinds []certify.Kind) bool {
	final := w.final(kinds)
	for k, guess := range w.r.Scores {
		scores := append([]float32(nil), guess...)
		var samples []certify.Sample
		for _, i := range w.samples {
			v := w.scores[i][k]
			scores[i] = v
			would := float64(guess[i])
			samples = append(samples, certify.Sample{At: i, Kind: min(kinds[i], certify.Interpolated), Chance: w.chance, Exact: float64(v), Guess: [2]float64{would, would}})
		}
		span := spanOf(scores, func(i int) bool { return final[i] == certify.Exact })
		m := &certify.Map{Cols: len(w.Grid.Xs), Guess: guess, Scores: scores, Kinds: final, Base: w.r.Base[k], Span: span}
		if !(m.Span > 0) {
			return false
		}
		e, err := m.Estimate(samples)
		if err != nil {
			return false
		}
		made.Looks = 1
		made.least(e, k == 0)
	}
	return true
}
