package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"krypton/internal/atomicfile"
	"krypton/internal/failure"
	"krypton/internal/incremental"
	"krypton/internal/number"
	"krypton/internal/orv"
)

// The settings that --sweep measures.
var (
	sweepTolerances = []int{0, 2, 4, 8, 16}
	sweepEpsilons   = []float64{0, .02, .05, .1, .2}
	sweepShapes     = []incremental.Shape{incremental.Masks, incremental.Tiles, incremental.Box}
)

// sweepSettings measures agreement and cost of settings on the first frames, side
// by side with whole runs.
func (j *orvJob) sweepSettings(ctx context.Context) error {
	if j.sweep != "-" {
		if err := j.inputs.checkOutput(j.sweep, j.force); err != nil {
			return err
		}
	}
	t, next := j.tuner(ctx)
	for {
		rgb, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return videoError(err)
		}
		t.Add(rgb) // and no more yet: whole runs are timed too
	}
	if t.Frames() == 0 {
		return failure.As(failure.Data, errors.New(j.name+": no frames"))
	}
	var trials []*orv.Trial
	try := func(o orv.Options, shape incremental.Shape) error {
		t.Shape = shape
		trial, err := t.Try(ctx, o)
		if err != nil {
			return err
		}
		trials = append(trials, trial)
		if !j.quiet {
			fmt.Fprintf(j.io.err, "tolerance %d, epsilon %g, %s: agreement %.3f, %s %% recomputed, %.2f ms a frame (whole runs: %.2f)\n", o.Tolerance, o.Epsilon, shape, trial.Agreement, j.ofWork(trial.Share).Text("%.1f", 100), ms(trial.Each), ms(t.Naive))
		}
		return nil
	}
	if err := try(orv.Options{Mode: orv.Exact}, incremental.Masks); err != nil {
		return err
	}
	for _, tolerance := range sweepTolerances {
		for _, epsilon := range sweepEpsilons {
			if err := try(orv.Options{Mode: orv.Approximate, Tolerance: tolerance, Epsilon: epsilon, Specks: j.specks, Shortlist: j.options.Shortlist, Output: j.options.Output}, incremental.Masks); err != nil {
				return err
			}
		}
	}
	for _, shape := range sweepShapes[1:] {
		for _, c := range []struct {
			tolerance int
			epsilon   float64
		}{{4, 0}, {4, .05}, {8, .1}} {
			if err := try(orv.Options{Mode: orv.Approximate, Tolerance: c.tolerance, Epsilon: c.epsilon, Specks: j.specks, Shortlist: j.options.Shortlist, Output: j.options.Output}, shape); err != nil {
				return err
			}
		}
	}
	rows := [][]string{sweepHead}
	for _, q := range trials {
		rows = append(rows, j.sweepRow(t, q))
	}
	if j.sweep == "-" {
		return printSweep(j.io.out, rows)
	}
	return failure.As(failure.CantCreate, atomicfile.Write(j.sweep, j.force, func(w io.Writer) error { return csv.NewWriter(w).WriteAll(rows) }))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// sweepRow is a trial's row; a number that is none is left out.
func (j *orvJob) sweepRow(t *orv.Tuner, q *orv.Trial) []string {
	o := q.Options
	text := func(v number.Double) string {
		if !v.Finite() {
			return ""
		}
		return strconv.FormatFloat(float64(v), 'g', 4, 64)
	}
	row := []string{string(o.Mode), strconv.Itoa(o.Tolerance), text(number.Double(o.Epsilon)), string(o.Shape)}
	for _, v := range []number.Double{number.Double(q.Agreement), number.Double(q.Largest), j.ofWork(q.Share), number.Double(q.Guarded), number.Double(ms(q.Each)), number.Double(ms(t.Naive)), number.Ratio(float64(t.Naive), float64(q.Each))} {
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
