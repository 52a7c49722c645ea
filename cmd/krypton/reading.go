package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"krypton/internal/failure"
	"krypton/internal/heatmap"
	"krypton/internal/prediction"
)

// activationHelp is the help of --activation.
const activationHelp = "what makes scores of the outputs: auto (told by what makes them in the model), softmax, sigmoid, exp or none"

// valueConfig says in a model's file that its number is a quantity.
type valueConfig struct {
	Name string `yaml:"name"`
	Unit string `yaml:"unit"`
}

// oneLine is a name as it goes into messages, tables and subtitles.
func oneLine(name string) string { return strings.ReplaceAll(printable(name), "\n", " ") }

// record is what records hold of it.
func (v *valueConfig) record() *heatmap.ValueRecord {
	if v == nil {
		return nil
	}
	return &heatmap.ValueRecord{Name: v.Name, Unit: v.Unit}
}

// reading finds out how an output's numbers become scores of classes: for obe, orv,
// score and tune alike. memory is --memory, 0 if it does not count.
func (m *loadedModel) reading(ctx context.Context, output int, activation string, workers int, memory int64) (prediction.Reading, error) {
	value := m.file.config.Value
	key := fmt.Sprint(output, activation, len(m.labels), value != nil)
	if r, ok := m.readings[key]; ok {
		return r, nil
	}
	if err := prediction.Activation(activation).Check(); err != nil {
		return prediction.Reading{}, failure.Usagef("--activation: %w", err)
	}
	if memory > 0 {
		memory = max(1, memory-residentMemory())
	}
	why := ""
	if m.own && activation == m.file.config.Activation {
		why = "the model's own file says so"
	}
	r, err := prediction.Read(ctx, prediction.Question{Plan: m.plan, Output: output, Activation: prediction.Activation(activation), Why: why, Names: len(m.labels), Value: value != nil, Workers: workers, Memory: memory})
	switch {
	case errors.Is(err, prediction.ErrNoClasses):
		return r, failure.Dataf("model %s: %w", m.file.name, err)
	case err != nil:
		return r, err
	case value != nil && r.Outputs != 1:
		return r, failure.Dataf("%s: value: output %q has %d numbers, a value is one", m.file.where, m.plan.Outputs()[output], r.Outputs)
	}
	m.readings[key] = r
	return r, nil
}

// doubts are notes on what makes numbers and names of classes doubtful.
func (m *loadedModel) doubts(r prediction.Reading) []string {
	var notes []string
	if r.Doubt != "" {
		notes = append(notes, r.Doubt)
	}
	if l, n := len(m.labels), r.Classes(r.Outputs); l > 0 && l != n {
		notes = append(notes, fmt.Sprintf("there are %d labels for %d classes: names may belong to other classes", l, n))
	}
	return notes
}

// Scores are nearly uniform where the best one is less than this share of the way from
// 1/n to 1, and less than twice 1/n.
const nearlyUniform = 0.05

// uniform is a note on scores that say hardly anything, "" for others.
func uniform(r prediction.Reading, scores []float32) string {
	n, top := float64(len(scores)), float64(scores[prediction.Winner(scores)])
	if !r.Exclusive || !(top < min(2/n, 1/n+nearlyUniform*(1-1/n))) { // a NaN has its own note
		return ""
	}
	return fmt.Sprintf("the prediction is nearly uniform (%.3g, of %d classes): is the preprocessing right (--preset), and the activation (%s, as %s; --activation)?", top, len(scores), r.Activation, r.Reason)
}
