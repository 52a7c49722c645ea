package explain

import (
	"fmt"
	"strconv"

	"krypton/internal/number"
	"krypton/internal/obe"
)

// compared sums up the comparisons of all maps; nil if there are none.
func compared(results []*obe.Result) *CompareRecord {
	var c CompareRecord
	for _, r := range results {
		p := r.Compared
		if p == nil {
			continue
		}
		c.Positions += p.Positions
		c.Whole += p.Whole.Seconds()
		c.All += p.Whole.Seconds() * float64(p.Of) / float64(p.Positions)
		c.Map += (r.Map + r.Views).Seconds()
		c.Different += p.Different
		if d := Number(p.Largest); d > c.Largest || d != d {
			c.Largest = d
		}
	}
	if c.Positions == 0 {
		return nil
	}
	c.Ratio = number.Ratio(c.All, c.Map)
	return &c
}

// Text says it in words.
func (c *CompareRecord) Text() string {
	return fmt.Sprintf("running the network at %d positions took %.2f s: all would take %s times as long as the map did; largest difference %g", c.Positions, c.Whole, c.Ratio.Text("%.1f", 1), float32(c.Largest))
}

// ParseCompare reads how many positions are compared: a number, or all as -1.
func ParseCompare(s string) (int, error) {
	switch s {
	case "":
		return 0, nil
	case "all":
		return -1, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("is %q, want a number of positions or all", s)
	}
	return n, nil
}
