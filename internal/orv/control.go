package orv

import "math"

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

	at    int
	line  int // agreements in a row, or frames on the last level
	begun *level
}

// probeAfter is the number of frames run whole after which approximation is
// tried again.
const probeAfter = 50

// patience is the number of agreements in a row after which a bolder level is
// tried: errors grow from refresh to refresh, so that those seen there are about
// twice the mean.
func (c *Control) patience() int {
	return max(5, int(math.Ceil(0.5/max(1e-3, 1-c.Target))))
}

// Start begins at the level of the given setting, or behind all if there is none.
func (c *Control) Start(o *Options) {
	c.at = len(c.Levels)
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
	if c.at < len(c.Levels) {
		return c.at, &c.Levels[c.at]
	}
	return c.at, nil
}

// Observe takes the comparison at a refresh into account.
func (c *Control) Observe(agrees bool) {
	switch {
	case !agrees:
		c.move(min(len(c.Levels), c.at+1))
	case c.line+1 >= c.patience():
		c.move(max(0, c.at-1))
	default:
		c.line++
	}
}

// Frame takes a frame into account that was run whole on the last level.
func (c *Control) Frame() {
	if c.line++; c.line >= probeAfter {
		c.move(max(0, len(c.Levels)-1))
	}
}

func (c *Control) move(to int) {
	c.at, c.line = to, 0
}
