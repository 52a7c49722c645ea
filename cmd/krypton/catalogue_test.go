package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"krypton/internal/imagein"
	"krypton/internal/prediction"
)

// What the catalogue says of each model is understood as a file beside a model
// would be, and is a preparation that pictures can have.
func TestCatalogueConfigurations(t *testing.T) {
	public, err := publicModels()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range public.Models {
		m := &modelFile{name: e.Name, where: "catalogue " + e.Name}
		if err := m.decode(e.Config); err != nil {
			t.Error(err)
			continue
		}
		var o modelOptions
		var oo obeOptions
		s := &settings{v: viper.New(), flags: pflag.NewFlagSet("", pflag.ContinueOnError)}
		o.addFlags(s.flags)
		oo.addFlags(s.flags)
		if err := m.apply(s); err != nil {
			t.Error(err)
			continue
		}
		pre, err := imagein.Preset(o.preset)
		if err != nil {
			t.Errorf("%s: %v", e.Name, err)
			continue
		}
		channels := 3
		if o.order == "gray" {
			channels = 1
		}
		if o.mean != nil {
			pre.Mean = o.mean
		}
		if o.std != nil {
			pre.Std = o.std
		}
		for _, f := range []struct {
			value string
			field *string
		}{{o.order, &pre.Order}, {o.resize, &pre.Resize}} {
			if f.value != "" {
				*f.field = f.value
			}
		}
		if o.crop != 0 {
			pre.CropFraction = o.crop
		}
		if err := pre.Validate(channels); err != nil {
			t.Errorf("%s: %v", e.Name, err)
		}
		if size, err := pair(o.size); err != nil || size[0] < 28 || size[1] < 28 {
			t.Errorf("%s: size %q: %v", e.Name, o.size, err)
		}
		if err := prediction.Activation(oo.activation).Check(); err != nil {
			t.Errorf("%s: %v", e.Name, err)
		}
		if e.Kind == "classifier" && !slices.Contains([]string{"softmax", "none"}, oo.activation) {
			t.Errorf("%s: nothing says what its outputs are: activation %q", e.Name, oo.activation)
		}
		if m.config.Labels.Kind != 0 {
			t.Errorf("%s: labels in its configuration: the catalogue has a field for them", e.Name)
		}
	}
}

// A real model of the real catalogue, from pull to plan.
func TestPullRealModel(t *testing.T) {
	data := os.Getenv("KRYPTON_DATA")
	if data == "" {
		t.Skip("KRYPTON_DATA is not set")
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/m/validated/vision/body_analysis/ultraface/models/version-RFB-320.onnx" {
			http.NotFound(w, r)
			return
		}
		http.ServeFile(w, r, filepath.Join(data, "models", "ultraface_rfb320.onnx"))
	}))
	defer s.Close()
	t.Chdir(t.TempDir())
	for _, args := range []string{
		"model pull ultraface-320 --cache c --mirror " + s.URL + "/m",
		"model info ultraface-320 --cache c",
		"orv " + filepath.Join(data, "images", "faces_1.jpg") + " --model ultraface-320 --cache c --format csv -o -",
	} {
		var out, errOut bytes.Buffer
		if code := run(strings.Fields(args), strings.NewReader(""), &out, &errOut); code != exitOK {
			t.Fatalf("%s: exit code %d: %s", args, code, errOut.String())
		}
		if strings.HasPrefix(args, "model info") && !strings.Contains(out.String(), "scores [1 4420 2]") {
			t.Errorf("%s: %s", args, out.String())
		}
		if strings.HasPrefix(args, "orv") && strings.Count(out.String(), ",face,") < 5 {
			t.Errorf("%s: %.2000s", args, out.String())
		}
	}
}
