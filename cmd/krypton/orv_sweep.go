package main

import (
	"context"
	"fmt"
	"io"

	"krypton/internal/atomicfile"
	"krypton/internal/failure"
	"krypton/internal/recognize"
	"krypton/internal/spreadsheet"
)

// sweepSettings measures agreement and cost of settings on the first frames, side
// by side with whole runs.
func (j *orvJob) sweepSettings(ctx context.Context) error {
	if j.sweep != "-" {
		if err := j.inputs.CheckOutput(j.sweep, j.force); err != nil {
			return err
		}
	}
	var all []recognize.Measured
	err := recognize.Sweep(ctx, j.job, j.film, func(m recognize.Measured) error {
		all = append(all, m)
		if !j.quiet {
			fmt.Fprintf(j.io.err, "tolerance %d, epsilon %g, %s: agreement %.3f, %s %% recomputed, %.2f ms a frame (whole runs: %.2f)\n", m.Tolerance, m.Epsilon, m.Shape, m.Agreement, m.Recomputed.Text("%.1f", 100), recognize.Milliseconds(m.Each), recognize.Milliseconds(m.Whole))
		}
		return nil
	})
	if err != nil {
		return err
	}
	rows := recognize.SweepTable(all)
	if j.sweep == "-" {
		return spreadsheet.Markdown(j.io.out, rows)
	}
	return failure.As(failure.CantCreate, atomicfile.Write(j.sweep, j.force, func(w io.Writer) error { return spreadsheet.CSV(w, rows) }))
}
