package model

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"krypton/internal/onnxwrite"
)

// TestColourPresetOnGray: a network of one channel takes the middle one of a preset's
// numbers, and what is given beside the preset as it is.
func TestColourPresetOnGray(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gray.onnx")
	m := onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Graph: onnxwrite.Graph{
		Inputs: []onnxwrite.ValueInfo{onnxwrite.Floats32("x", 1, 1, 8, 8)}, Outputs: []onnxwrite.ValueInfo{onnxwrite.Floats32("y", 1, 64)},
		Nodes: onnxwrite.Lines("y = Flatten x"),
	}}
	if err := os.WriteFile(path, m.Marshal(), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		with      Preparation
		mean, std []float64
	}{
		{Preparation{Preset: "imagenet"}, []float64{.456}, []float64{.224}},
		{Preparation{Preset: "imagenet", Std: []float64{.5}}, []float64{.456}, []float64{.5}},
		{Preparation{Preset: "imagenet", Std: []float64{.1, .2, .3}}, []float64{.456}, []float64{.2}},
		{Preparation{Preset: "imagenet", Mean: []float64{.1}, Std: []float64{.5}}, []float64{.1}, []float64{.5}},
		{Preparation{Preset: "caffe"}, []float64{117}, nil},
	} {
		got, err := prepared(path, LoadOptions{}, c.with)
		if err != nil {
			t.Errorf("%+v: %v", c.with, err)
			continue
		}
		if !slices.Equal(got.Pre.Mean, c.mean) || !slices.Equal(got.Pre.Std, c.std) {
			t.Errorf("%+v: mean %v, std %v, want %v, %v", c.with, got.Pre.Mean, got.Pre.Std, c.mean, c.std)
		}
	}
}
