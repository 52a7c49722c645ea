package obe

import "krypton/internal/incremental"

// What certified maps are reckoned to take, to tell beforehand which are not worth it.
const (
	// expectedShare of the positions is computed by a rung, on small grids: that and tries of
	// several rungs, as on trained networks at the wish 0.9.
	expectedShare, expectedTries = 0.8, 1.2
	// thresholdSaves is what is left of a rung's price where epsilon drops what hardly moves,
	// on networks where that helps most: what it saves only values tell.
	thresholdSaves = 0.7
	// estimating is the price of all estimates of a map, for each of its positions, and
	// hardly so much that an exact map may cost more and still is taken, in multiply-adds at
	// full speed: a twentieth of a second or so of one core.
	estimating, hardly = 5e5, 6e9
)

// hardlyDearer is why a map is exact that takes hardly longer than a certified one.
const hardlyDearer = "an exact map takes hardly longer"

// exactPays says that computing all of so many positions exactly is reckoned to take hardly
// longer than certifying a map by the task's first rung: where positions are few or the
// network small, samples and estimates cost what cheaper answers save. It depends on plans
// and patches alone, so that it is the same for all pictures and on any number of threads.
func (t *Task) exactPays(exact *incremental.Plan, positions, samples int) bool {
	some := t.Grid.sample(25).spread()
	if len(some) == 0 {
		return false
	}
	rung := t.Certify.Rungs[0]
	each := exact.Price(some, nil) / float64(len(some))
	cheap := t.Plan.Price(some, rung.Policy()) / float64(len(some))
	if rung.Epsilon > 0 {
		cheap *= thresholdSaves
	}
	n, drawn := float64(positions), float64(samples)
	certified := drawn*(each+cheap) + expectedShare*expectedTries*n*cheap + estimating*n
	return n*each <= certified+hardly
}
