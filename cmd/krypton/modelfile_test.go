package main

import (
	"io"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"krypton/internal/detect"
	"krypton/internal/tune"
)

// FuzzModelConfig reads what may lie beside a model: it is refused, or it can be
// worked with.
func FuzzModelConfig(f *testing.F) {
	f.Add([]byte("name: four\npreprocess: {preset: unit, mean: [0.1, 0.2, 0.3]}\nlabels: [a, b]\nsize: [224, 224]\n"))
	f.Add([]byte("preprocess: {preset: raw}\nlabels: [background, face]\ndetector: {form: ssd, scores: scores, boxes: boxes, corners: true}\n"))
	f.Add([]byte("detector: {form: yolov3, outputs: [a, b], strides: [8, 16], anchors: [[[1, 2]], [[3, 4]]]}\n"))
	f.Add([]byte("approximate:\n  samples: 3\n  patch: 16\n  stride: 4\n  exact_speedup: 3\n  points:\n  - {tau: 0.5, shortlist: 64, checkerboard: true, drill_down: 0.1, precision: bf16, speedup: 20, ssim: 0.95, ssim_paper: 0.9}\n"))
	f.Add([]byte("labels: &a [x]\nname: *a\n"))
	f.Add([]byte("a: &a [*a]\n"))
	cmd := newOBE(streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard})
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &modelFile{name: "fuzz", where: "fuzz.krypton.yaml"}
		if err := m.decode(b); err != nil {
			if strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("more than one plain line: %q", err)
			}
			return
		}
		s, err := loadSettings(cmd)
		if err != nil {
			t.Fatal(err)
		}
		_ = m.apply(s) // refused or taken
		if p := m.config.Approximate; p != nil {
			for _, choose := range []func() (tune.Point, error){
				func() (tune.Point, error) { return p.ForQuality(0.9) }, func() (tune.Point, error) { return p.ForSpeed(2) }} {
				if q, err := choose(); err == nil && q.Validate() != nil {
					t.Errorf("a point that nobody can run: %+v", q)
				}
			}
		}
		if d := m.config.Detector; d != nil {
			out := []detect.Output{{Name: "a", Shape: []int{1, 4, 2, 2}, Data: make([]float32, 16)}, {Name: "boxes", Shape: []int{1, 3, 4}, Data: make([]float32, 12)}, {Name: "scores", Shape: []int{1, 3, 2}, Data: make([]float32, 6)}}
			if fitted, err := d.Fit(out, 0, 32, 32); err == nil {
				if _, err := fitted.Decode(out, 0.5, 32, 32); err != nil {
					t.Errorf("a head that passed: %v", err)
				}
			}
		}
		if m.config.Labels.Kind == yaml.SequenceNode {
			_, _ = m.labels("", nil) // refused or taken
		}
	})
}
