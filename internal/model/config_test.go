package model

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"krypton/internal/catalogue"
	"krypton/internal/detect"
	"krypton/internal/imagein"
	"krypton/internal/prediction"
	"krypton/internal/tune"
	"krypton/models"
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
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &File{Name: "fuzz", Where: "fuzz.krypton.yaml"}
		if err := m.decode(b); err != nil {
			if strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("more than one plain line: %q", err)
			}
			return
		}
		_, _ = m.Settings() // refused or taken
		if p := m.Config.Approximate; p != nil {
			for _, choose := range []func() (tune.Point, error){
				func() (tune.Point, error) { return p.ForQuality(0.9) }, func() (tune.Point, error) { return p.ForSpeed(2) }} {
				if q, err := choose(); err == nil && q.Validate() != nil {
					t.Errorf("a point that nobody can run: %+v", q)
				}
			}
		}
		if d := m.Config.Detector; d != nil {
			out := []detect.Output{{Name: "a", Shape: []int{1, 4, 2, 2}, Data: make([]float32, 16)}, {Name: "boxes", Shape: []int{1, 3, 4}, Data: make([]float32, 12)}, {Name: "scores", Shape: []int{1, 3, 2}, Data: make([]float32, 6)}}
			if fitted, err := d.Fit(out, 0, 32, 32); err == nil {
				if _, err := fitted.Decode(out, 0.5, 32, 32); err != nil {
					t.Errorf("a head that passed: %v", err)
				}
			}
		}
		if m.Config.Labels.Kind == yaml.SequenceNode {
			_, _ = m.labels("", nil) // refused or taken
		}
	})
}

// What the catalogue says of each model is understood as a file beside a model
// would be, and is a preparation that pictures can have.
func TestCatalogueConfigurations(t *testing.T) {
	public, err := catalogue.Parse(models.Zoo())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range public.Models {
		m := &File{Name: e.Name, Where: "catalogue " + e.Name}
		if err := m.decode(e.Config); err != nil {
			t.Error(err)
			continue
		}
		list, err := m.Settings()
		if err != nil {
			t.Error(err)
			continue
		}
		said := map[string]string{"order": "rgb"}
		for _, s := range list {
			if s.Values == nil {
				t.Errorf("%s: labels in its configuration: the catalogue has a field for them", e.Name)
				continue
			}
			said[s.Key] = s.Values[0]
		}
		pre, err := imagein.Preset(said["preset"])
		if err != nil {
			t.Errorf("%s: %v", e.Name, err)
			continue
		}
		numbers := func(key string, to *[]float64) {
			if said[key] == "" {
				return
			}
			*to = nil
			for _, w := range strings.Split(said[key], ",") {
				f, err := strconv.ParseFloat(w, 64)
				if err != nil {
					t.Errorf("%s: %s: %v", e.Name, key, err)
				}
				*to = append(*to, f)
			}
		}
		numbers("mean", &pre.Mean)
		numbers("std", &pre.Std)
		if crop := []float64{pre.CropFraction}; said["crop-fraction"] != "" {
			numbers("crop-fraction", &crop)
			pre.CropFraction = crop[0]
		}
		pre.Order = said["order"]
		pre.Resize = cmp.Or(said["resize"], pre.Resize)
		channels := 3
		if pre.Order == "gray" {
			channels = 1
		}
		if err := pre.Validate(channels); err != nil {
			t.Errorf("%s: %v", e.Name, err)
		}
		if len(m.Config.Size) != 2 || m.Config.Size[0] < 28 || m.Config.Size[1] < 28 {
			t.Errorf("%s: size %v", e.Name, m.Config.Size)
		}
		if err := prediction.Activation(cmp.Or(said["activation"], "auto")).Check(); err != nil {
			t.Errorf("%s: %v", e.Name, err)
		}
		if e.Kind == "classifier" && !slices.Contains([]string{"softmax", "none"}, said["activation"]) {
			t.Errorf("%s: nothing says what its outputs are: activation %q", e.Name, said["activation"])
		}
	}
}
