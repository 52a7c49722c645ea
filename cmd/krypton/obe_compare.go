package main

import (
	"fmt"
	"strconv"

	"krypton/internal/heatmap"
	"krypton/internal/obe"
)

// compareRecord is the comparison of a map with whole runs of the network.
type compareRecord struct {
	Positions int `json:"positions"` // that were run whole
	// Whole is the time of these runs, All that of all positions by that
	// measure, and Map what the map took with its clean run.
	Whole     float64        `json:"seconds_whole"`
	All       float64        `json:"seconds_whole_all"`
	Map       float64        `json:"seconds_map_and_views"`
	Ratio     float64        `json:"ratio"` // of the last two
	Largest   heatmap.Number `json:"largest_difference"`
	Different int            `json:"outputs_different"`
}

// parseCompare reads --compare: a number, or all as -1.
func parseCompare(s string) (int, error) {
	switch s {
	case "":
		return 0, nil
	case "all":
		return -1, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, usageError(fmt.Errorf("--compare is %q, want a number of positions or all", s))
	}
	return n, nil
}

// compared sums up the comparisons of all patch sizes; nil if there are none.
func compared(results []*obe.Result) *compareRecord {
	var c compareRecord
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
		if d := heatmap.Number(p.Largest); d > c.Largest || d != d {
			c.Largest = d
		}
	}
	if c.Positions == 0 {
		return nil
	}
	c.Ratio = c.All / max(c.Map, 1e-9)
	return &c
}

// text says it in words.
func (c *compareRecord) text() string {
	return fmt.Sprintf("running the network at %d positions took %.2f s: all would take %.1f times as long as the map did; largest difference %g", c.Positions, c.Whole, c.Ratio, float32(c.Largest))
}
