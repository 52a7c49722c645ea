package main

import (
	"slices"
	"strings"

	"krypton/internal/failure"
	"krypton/internal/obe"
)

// maxFills bounds the number of fills of one run.
const maxFills = 16

// namedFill is a fill with what it was asked for as.
type namedFill struct {
	name string
	obe.Fill
}

// parseFills reads --fill.
func parseFills(names []string, seed uint64) ([]namedFill, error) {
	if len(names) == 0 || len(names) > maxFills {
		return nil, failure.Usagef("--fill: %d fills, want 1 to %d", len(names), maxFills)
	}
	var fills []namedFill
	for _, name := range names {
		f, err := obe.ParseFill(name, seed)
		if err != nil {
			return nil, failure.Usagef("--fill: %w", err)
		}
		if slices.ContainsFunc(fills, func(g namedFill) bool { return g.Fill == f }) {
			return nil, failure.Usagef("--fill: %s is named twice", name)
		}
		fills = append(fills, namedFill{name, f})
	}
	return fills, nil
}

// fillNames is what a record calls the fills.
func fillNames(names []string) string { return strings.Join(names, ",") }

// variant is one of the maps that a run's map is the mean of: those of each
// patch size with each fill.
type variant struct {
	grid *obe.Grid
	fill int // of the job's
}

// variants are all of them, fill by fill for each patch size.
func (j *job) variants() []variant {
	var all []variant
	for _, g := range j.grids {
		for f := range j.fills {
			all = append(all, variant{g, f})
		}
	}
	return all
}
