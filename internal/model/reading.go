package model

import (
	"context"
	"errors"
	"fmt"

	"krypton/internal/failure"
	"krypton/internal/prediction"
)

// ErrActivation: there is no activation of a name.
var ErrActivation = errors.New("activation")

// Part is a part of an output, by its index. Text stands for what is taken of it, "" for
// all.
type Part struct {
	Output int
	Text   string
	prediction.Part
}

// readingKey is what a reading depends on beside the plan.
type readingKey struct {
	output     int
	part       string
	each       int
	activation string
	why        string
	names      int
	value      bool
}

// Reading finds out how numbers of an output become scores of classes, once for plans, an
// output and what is asked. memory is what that may take, in bytes, 0 if it does not
// count.
func (m *Model) Reading(ctx context.Context, part Part, activation string, workers int, memory int64) (prediction.Reading, error) {
	if err := prediction.Activation(activation).Check(); err != nil {
		return prediction.Reading{}, failure.Mark(failure.As(failure.Usage, err), ErrActivation)
	}
	why := ""
	if m.Own && activation == m.File.Config.Activation {
		why = "the model's own file says so"
	}
	names, value := len(m.Labels), m.File.Config.Value != nil && part.Each == 0
	if part.Each == 1 { // a plane of one number each: what is there, and what is not
		names = 2
	}
	key := readingKey{part.Output, part.Text, part.Each, activation, why, names, value}
	return m.plans.readings.get(ctx, key, key, 0, func() (prediction.Reading, error) {
		r, err := prediction.Read(ctx, prediction.Question{Plan: m.Plan, Output: part.Output, Part: part.Part, Activation: prediction.Activation(activation), Why: why, Names: names, Value: value, Workers: workers, Memory: memory})
		switch {
		case errors.Is(err, prediction.ErrNoClasses):
			return r, failure.Dataf("model %s: %w", m.File.Name, err)
		case err != nil:
			return r, err
		case value && r.Outputs != 1:
			return r, failure.Dataf("%s: value: output %q has %d numbers, a value is one", m.File.Where, m.Plan.Outputs()[part.Output], r.Outputs)
		}
		return r, nil
	})
}

// Doubts are notes on what makes numbers and names of classes doubtful. spell writes the
// names of settings, nil as they are.
func (m *Model) Doubts(r prediction.Reading, spell func(failure.Setting) string) []string {
	var notes []string
	if r.Doubt != nil {
		notes = append(notes, failure.Spell(r.Doubt, spell))
	}
	if l, n := len(m.Labels), r.Classes(r.Outputs); l > 0 && l != n {
		notes = append(notes, fmt.Sprintf("there are %d labels for %d classes: names may belong to other classes", l, n))
	}
	return notes
}
