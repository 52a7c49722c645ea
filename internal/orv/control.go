package orv

import (
	"cmp"
	"math"
)

// Control keeps an approximation as bold as its answers allow: at each refresh
// the approximate answer meets the whole network's. One disagreement makes the
// next frames more careful; a long line of agreements makes them bolder again.
// It depends on nothing but what was compared, so that the same video gives the
// same answers.
type Control struct {
	// Levels are the settings, the boldest first. After the last one comes
	// another level: whole runs of every frame that differs from the last.
	Levels []Options
	// Target is the share of answers that should agree.
	Target float64
	// Longest is how many times as long stretches may become while all answers
	// agree: whole runs are what is left to save then. 0 and 1 leave them alone.
	Longest int
	// Dear is the mean share of a whole run's multiply-adds from which on updates do
	// not pay; 0 stands for that of sessions that compute all classes.
	Dear float64

	at    int
	line  int // agreements in a row, or frames of whole runs
	calm  int // clear agreements in a row, whatever the level does
	dear  int // the first level that does not pay, len(Levels) if all do
	probe int // whole runs after which approximation is tried again
	begun *level
}

// probeAfter is the number of frames run whole after which approximation is
// tried again, at first; each time that it fails again, it is twice as many.
const probeAfter = 50

// dearFrom is the share of what a whole run would take from which on updates do not
// pay: they take their time for finding, comparing and copying, and small
// pieces reach the peak less well than whole planes.
const dearFrom = 0.4

// patience is the number of agreements in a row after which a bolder level is
// tried: errors grow from refresh to refresh, so that those seen there are about
// twice the mean.
func (c *Control) patience() int {
	return max(5, int(math.Ceil(0.5/max(1e-3, 1-c.Target))))
}

// Length is how many times as long as usual the stretches to come are: after a few
// clear agreements in a row twice, after as many again four times.
func (c *Control) Length() int {
	if _, o := c.Level(); o == nil {
		return 1
	}
	few := max(2, c.patience()/5)
	n := 1
	for k := few; k <= c.calm && 2*n <= c.Longest; k += few {
		n *= 2
	}
	return n
}

// Start begins at the level of the given setting, or behind all if there is none.
// calm is the number of clear agreements that tuning has seen.
func (c *Control) Start(o *Options, calm int) {
	c.at, c.line, c.calm, c.dear, c.probe = len(c.Levels), 0, calm, len(c.Levels), probeAfter
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
	if c.at < c.dear {
		return c.at, &c.Levels[c.at]
	}
	return len(c.Levels), nil
}

// Observe takes the comparison at a refresh into account, made at a level that
// may no longer be the present one. clear says that the agreement was not a near
// miss.
func (c *Control) Observe(level int, agrees, clear bool) {
	if c.calm++; !clear {
		c.calm = 0
	}
	switch now, _ := c.Level(); {
	case level != now:
		// It says nothing about the present level, but that a bolder one is
		// no better.
	case !agrees:
		c.move(c.at + 1)
	case c.line+1 >= c.patience():
		c.move(c.at - 1)
		c.probe = probeAfter
	default:
		c.line++
	}
}

// Cost takes the mean share of a whole run into account that the updates of a
// stretch took.
func (c *Control) Cost(level int, share float64) {
	if share > cmp.Or(c.Dear, dearFrom) && level < c.dear {
		c.dear = level
		if c.at >= c.dear {
			c.move(len(c.Levels))
		}
	}
}

// Frame takes a frame into account that was run whole on the last level.
func (c *Control) Frame() {
	if _, o := c.Level(); o != nil || c.dear == 0 {
		return
	}
	if c.line++; c.line >= c.probe {
		c.move(c.dear - 1)
		c.probe *= 2
	}
}

func (c *Control) move(to int) { c.at, c.line = min(max(to, 0), len(c.Levels)), 0 }
