package orv

import (
	"cmp"
	"math"
)

// Control keeps an approximation as bold as its answers allow: at each key frame
// the approximate answer meets the whole network's. One disagreement makes the
// next frames more careful; many agreements in a row make them bolder again.
// It depends on nothing but what was compared, so that the same video gives the
// same answers.
type Control struct {
	// Levels are the settings, the boldest first. After the last one comes
	// another level: whole runs of every frame that differs from the last.
	Levels []Options
	// Target is the share of answers that should agree.
	Target float64
	// Longest is how many times as long segments may become while all answers
	// agree: whole runs are what is left to save then. 0 and 1 leave them alone.
	Longest int
	// UpdateCostLimit is the mean share of a whole run's multiply-adds from which on
	// updates do not pay; 0 stands for that of sessions that compute all classes.
	UpdateCostLimit float64

	at          int
	inARow      int // agreements, or frames of whole runs, since the level last changed
	clearInARow int // clear agreements, whatever the level does
	firstCostly int // the first level that does not pay, len(Levels) if all do
	retryAfter  int // frames run whole after which approximation is tried again
	initial     *level
}

// firstRetryAfter is the number of frames run whole after which approximation is
// tried again, at first; each time that it fails again, it is twice as many.
const firstRetryAfter = 50

// defaultUpdateCostLimit is the share of what a whole run would take from which on updates do not
// pay: they take their time for finding, comparing and copying, and small
// pieces reach the peak less well than whole planes.
const defaultUpdateCostLimit = 0.4

// patience is the number of agreements in a row after which a bolder level is
// tried: errors grow from key frame to key frame, so that those seen there are about
// twice the mean.
func (c *Control) patience() int {
	return max(5, int(math.Ceil(0.5/max(1e-3, 1-c.Target))))
}

// Length is how many times as long as usual the segments to come are: after a few
// clear agreements in a row twice, after as many again four times.
func (c *Control) Length() int {
	if _, o := c.Level(); o == nil {
		return 1
	}
	few := max(2, c.patience()/5)
	n := 1
	for k := few; k <= c.clearInARow && 2*n <= c.Longest; k += few {
		n *= 2
	}
	return n
}

// Start begins at the level of the given setting, or behind all if there is none.
// clear is the number of clear agreements that tuning has seen.
func (c *Control) Start(o *Options, clear int) {
	c.at, c.inARow, c.clearInARow, c.firstCostly, c.retryAfter = len(c.Levels), 0, clear, len(c.Levels), firstRetryAfter
	for i, l := range c.Levels {
		if o != nil && l.Tolerance == o.Tolerance && l.Epsilon == o.Epsilon {
			c.at = i
			return
		}
	}
}

// Level is the number of the present level, from 0, and its setting; nil stands
// for whole runs.
func (c *Control) Level() (int, *Options) {
	if c.at < c.firstCostly {
		return c.at, &c.Levels[c.at]
	}
	return len(c.Levels), nil
}

// Observe takes the comparison at a key frame into account, made at a level that
// may no longer be the present one.
func (c *Control) Observe(level int, came Outcome) {
	if c.clearInARow++; came != AgreedClearly {
		c.clearInARow = 0
	}
	switch now, _ := c.Level(); {
	case level != now:
		// It says nothing about the present level, but that a bolder one is
		// no better.
	case came == Disagreed:
		c.move(c.at + 1)
	case c.inARow+1 >= c.patience():
		c.move(c.at - 1)
		c.retryAfter = firstRetryAfter
	default:
		c.inARow++
	}
}

// Cost takes the mean share of a whole run into account that the updates of a
// segment took.
func (c *Control) Cost(level int, share float64) {
	if share > cmp.Or(c.UpdateCostLimit, defaultUpdateCostLimit) && level < c.firstCostly {
		c.firstCostly = level
		if c.at >= c.firstCostly {
			c.move(len(c.Levels))
		}
	}
}

// Frame takes a frame into account that was run whole on the last level.
func (c *Control) Frame() {
	if _, o := c.Level(); o != nil || c.firstCostly == 0 {
		return
	}
	if c.inARow++; c.inARow >= c.retryAfter {
		c.move(c.firstCostly - 1)
		c.retryAfter *= 2
	}
}

func (c *Control) move(to int) { c.at, c.inARow = min(max(to, 0), len(c.Levels)), 0 }
