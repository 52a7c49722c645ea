package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"krypton/internal/atomicfile"
	"krypton/internal/failure"
	"krypton/internal/number"
	"krypton/internal/recognize"
)

// sweepSettings measures agreement and cost of settings on the first frames, side
// by side with whole runs.
func (j *orvJob) sweepSettings(ctx context.Context) error {
	if j.sweep != "-" {
		if err := j.inputs.CheckOutput(j.sweep, j.force); err != nil {
			return err
		}
	}
	rows := [][]string{sweepHead}
	err := recognize.Sweep(ctx, j.job, j.film, func(m recognize.Measured) error {
		rows = append(rows, sweepRow(m))
		if !j.quiet {
			fmt.Fprintf(j.io.err, "tolerance %d, epsilon %g, %s: agreement %.3f, %s %% recomputed, %.2f ms a frame (whole runs: %.2f)\n", m.Tolerance, m.Epsilon, m.Shape, m.Agreement, m.Recomputed.Text("%.1f", 100), ms(m.Each), ms(m.Whole))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if j.sweep == "-" {
		return printSweep(j.io.out, rows)
	}
	return failure.As(failure.CantCreate, atomicfile.Write(j.sweep, j.force, func(w io.Writer) error { return csv.NewWriter(w).WriteAll(rows) }))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// sweepRow is a setting's row; a number that is none is left out.
func sweepRow(m recognize.Measured) []string {
	text := func(v number.Double) string {
		if !v.Finite() {
			return ""
		}
		return strconv.FormatFloat(float64(v), 'g', 4, 64)
	}
	row := []string{string(m.Mode), strconv.Itoa(m.Tolerance), text(number.Double(m.Epsilon)), string(m.Shape)}
	for _, v := range []number.Double{m.Agreement, m.Largest, m.Recomputed, m.Guarded, number.Double(ms(m.Each)), number.Double(ms(m.Whole)), number.Ratio(float64(m.Whole), float64(m.Each))} {
		row = append(row, text(v))
	}
	return row
}

var sweepHead = []string{"mode", "tolerance", "epsilon", "shape", "agreement", "largest_difference", "recomputed", "guarded", "ms_frame", "ms_whole", "speedup"}

// printSweep writes a table for people, in Markdown.
func printSweep(w io.Writer, rows [][]string) error {
	tw := tabwriter.NewWriter(w, 0, 4, 1, ' ', 0)
	line := func(cells []string) {
		fmt.Fprint(tw, "|")
		for _, c := range cells {
			fmt.Fprintf(tw, " %s\t|", c)
		}
		fmt.Fprintln(tw)
	}
	line(rows[0])
	rule := make([]string, len(sweepHead))
	for i := range rule {
		rule[i] = "---"
	}
	line(rule)
	for _, r := range rows[1:] {
		line(r)
	}
	return tw.Flush()
}
