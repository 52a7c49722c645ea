package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"

	"go.yaml.in/yaml/v3"
)

const sampleFile = "sample.png"

// config is the file beside the model. Krypton reads the part above Training,
// which only records how the model came about.
type config struct {
	Name        string      `yaml:"name"`
	Description string      `yaml:"description"`
	License     string      `yaml:"license"`
	Input       string      `yaml:"input"`
	Size        []int       `yaml:"size,flow,omitempty"`
	Preprocess  *preprocess `yaml:"preprocess,omitempty"`
	Series      *series     `yaml:"series,omitempty"`
	Labels      []string    `yaml:"labels,flow"`
	Output      string      `yaml:"output"`
	Activation  string      `yaml:"activation"`
	Accuracy    float64     `yaml:"accuracy"`
	Training    record      `yaml:"training"`
}

type preprocess struct {
	Preset string `yaml:"preset"`
	Order  string `yaml:"order"`
	Resize string `yaml:"resize"`
}

type series struct {
	Rate      float64  `yaml:"rate"`
	Channels  []string `yaml:"channels,flow"`
	Normalize string   `yaml:"normalize"`
}

type record struct {
	Command     string `yaml:"command"`
	Closeups    int    `yaml:"closeups,omitempty"`
	Samples     int    `yaml:"samples"`
	Seed        uint64 `yaml:"seed"`
	HeldOut     int    `yaml:"held_out"`
	HeldOutSeed uint64 `yaml:"held_out_seed"`
	Bytes       int    `yaml:"bytes"`
	SHA256      string `yaml:"sha256"`
}

// describe is the text of the model's configuration file.
func (t *task) describe(o options, model []byte, accuracy float64) ([]byte, error) {
	command := "go run ./models/train"
	if t != shapes {
		command += " -model " + t.name
	}
	if o != t.options {
		command += fmt.Sprintf(" -closeups %d -steps %d -batch %d -rate %g -seed %d -held-out %d -held-out-seed %d",
			o.Closeups, o.Steps, o.Batch, o.Rate, o.Seed, o.HeldOut, o.HeldOutSeed)
	}
	sum := sha256.Sum256(model)
	c := config{
		Name: t.name, Description: t.description, License: license,
		Input: t.input, Labels: t.labels, Output: outputName, Activation: "softmax",
		Accuracy: math.Round(accuracy*1e4) / 1e4,
		Training: record{
			Command: command, Closeups: o.Closeups * o.Batch, Samples: o.Steps * o.Batch, Seed: o.Seed, HeldOut: o.HeldOut, HeldOutSeed: o.HeldOutSeed,
			Bytes: len(model), SHA256: hex.EncodeToString(sum[:]),
		},
	}
	t.settings(&c)
	data, err := yaml.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("describe the model: %w", err)
	}
	return append([]byte("# Written by models/train. The model's output is logits; apply the activation.\n"), data...), nil
}
