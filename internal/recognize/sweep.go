package recognize

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"krypton/internal/incremental"
	"krypton/internal/number"
	"krypton/internal/orv"
)

// The settings that Sweep measures.
var (
	sweepTolerances = []int{0, 2, 4, 8, 16}
	sweepEpsilons   = []float64{0, .02, .05, .1, .2}
	sweepShapes     = []incremental.Shape{incremental.Masks, incremental.Tiles, incremental.Box}
)

// Measured is what a setting came to on some frames.
type Measured struct {
	Mode      orv.Mode
	Shape     incremental.Shape
	Tolerance int
	Epsilon   float64
	// Agreement with whole runs, and the largest difference of a score.
	Agreement, Largest number.Double
	// Recomputed is the share of a whole run's multiply-adds that a frame took, Guarded
	// the share of frames that were close calls.
	Recomputed, Guarded number.Double
	// Each and Whole are the mean times of a frame, by the setting and by whole runs.
	Each, Whole time.Duration
}

// Sweep measures agreement and cost of settings on the first frames, side by side with
// whole runs, and hands each to each as soon as it is known.
func Sweep(ctx context.Context, j *Job, f *Film, each func(Measured) error) error {
	r := newRecognition(j, f)
	t, next := r.tuner(), r.first(ctx)
	for {
		rgb, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Classify(err)
		}
		t.Add(rgb) // and no more yet: whole runs are timed too
	}
	if t.Frames() == 0 {
		return fmt.Errorf("%s: %w", f.Name, ErrNoFrames)
	}
	for _, o := range j.sweep() {
		t.Shape = o.Shape
		trial, err := t.Try(ctx, o)
		if err != nil {
			return err
		}
		m := Measured{
			Mode: o.Mode, Shape: o.Shape, Tolerance: o.Tolerance, Epsilon: o.Epsilon,
			Agreement: number.Double(trial.Agreement), Largest: number.Double(trial.Largest),
			Recomputed: j.ofWork(trial.Share), Guarded: number.Double(trial.Guarded),
			Each: trial.Each, Whole: t.Naive,
		}
		if err := each(m); err != nil {
			return err
		}
	}
	return nil
}

// sweep lists the settings that are measured.
func (j *Job) sweep() []orv.Options {
	list := []orv.Options{{Mode: orv.Exact, Shape: incremental.Masks}}
	add := func(tolerance int, epsilon float64, shape incremental.Shape) {
		list = append(list, orv.Options{Mode: orv.Approximate, Tolerance: tolerance, Epsilon: epsilon, Shape: shape,
			Specks: j.options.Specks, Shortlist: j.options.Shortlist, Output: j.options.Output})
	}
	for _, tolerance := range sweepTolerances {
		for _, epsilon := range sweepEpsilons {
			add(tolerance, epsilon, incremental.Masks)
		}
	}
	for _, shape := range sweepShapes[1:] {
		add(4, 0, shape)
		add(4, .05, shape)
		add(8, .1, shape)
	}
	return list
}

// Milliseconds is a time with three decimals.
func Milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// SweepTable is what was measured as a table: a head, and a row for each setting.
func SweepTable(all []Measured) [][]string {
	rows := [][]string{sweepHead}
	for i := range all {
		rows = append(rows, all[i].row())
	}
	return rows
}

// row is a setting's row; a number that is none is left out.
func (m *Measured) row() []string {
	text := func(v number.Double) string {
		if !v.Finite() {
			return ""
		}
		return strconv.FormatFloat(float64(v), 'g', 4, 64)
	}
	row := []string{string(m.Mode), strconv.Itoa(m.Tolerance), text(number.Double(m.Epsilon)), string(m.Shape)}
	for _, v := range []number.Double{m.Agreement, m.Largest, m.Recomputed, m.Guarded, number.Double(Milliseconds(m.Each)), number.Double(Milliseconds(m.Whole)), number.Ratio(float64(m.Whole), float64(m.Each))} {
		row = append(row, text(v))
	}
	return row
}

var sweepHead = []string{"mode", "tolerance", "epsilon", "shape", "agreement", "largest_difference", "recomputed", "guarded", "ms_frame", "ms_whole", "speedup"}
