package main

import (
	"bytes"
	"encoding/json"
	"image/color"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"krypton/internal/onnxwrite"
)

// ran runs a command in this process.
func ran(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// meansOf is a network of 32 by 32 pixels that gives each channel's mean.
func meansOf(meta map[string]string) []byte {
	m := onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Metadata: meta, Graph: onnxwrite.Graph{
		Inputs:  []onnxwrite.ValueInfo{{Name: "x", ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(1, 3, 32, 32)}},
		Outputs: []onnxwrite.ValueInfo{{Name: "y", ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(1, 3)}},
		Nodes:   []onnxwrite.Node{{OpType: "GlobalAveragePool", Inputs: []string{"x"}, Outputs: []string{"p"}}, {OpType: "Flatten", Inputs: []string{"p"}, Outputs: []string{"y"}}},
	}}
	return m.Marshal()
}

// TestMetadataPrepare: pictures reach the network as metadata say: the channels' means
// of one that is black on its left half and of one colour on its right.
func TestMetadataPrepare(t *testing.T) {
	const formatKey, rangeKey = "Image.BitmapPixelFormat", "Image.NominalPixelRange"
	half := color.NRGBA{200, 100, 50, 255}
	names := "{0: 'a', 1: 'b', 2: 'c'}"
	dir := t.TempDir()
	square, wide := filepath.Join(dir, "square.png"), filepath.Join(dir, "wide.png")
	holding(pngOf(t, 32, 32, half))(t, square)
	holding(pngOf(t, 64, 32, half))(t, wide)
	for name, c := range map[string]struct {
		meta    map[string]string
		picture string
		want    []float64
	}{
		"BGR":           {map[string]string{formatKey: "Bgr8", rangeKey: "NominalRange_0_255"}, square, []float64{25, 50, 100}},
		"RGB, 0 to 1":   {map[string]string{formatKey: "Rgb8", rangeKey: "Normalized_0_1"}, square, []float64{100 / 255., 50 / 255., 25 / 255.}},
		"-1 to 1":       {map[string]string{formatKey: "Rgb8", rangeKey: "Normalized_1_1"}, square, []float64{100/127.5 - 1, 50/127.5 - 1, 25/127.5 - 1}},
		"16 to 235":     {map[string]string{formatKey: "Rgb8", rangeKey: "NominalRange_16_235"}, square, []float64{16 + 100*219/255., 16 + 50*219/255., 16 + 25*219/255.}},
		"the middle":    {map[string]string{formatKey: "Rgb8", rangeKey: "NominalRange_0_255"}, wide, []float64{100, 50, 25}},
		"gray":          {map[string]string{formatKey: "Gray8", rangeKey: "NominalRange_0_255"}, square, []float64{62, 62, 62}},
		"Custom Vision": {map[string]string{formatKey: "Rgb8", rangeKey: "NominalRange_0_255", "CustomVision.Preprocess.NormalizeMean": "[10, 20, 5]", "CustomVision.Preprocess.NormalizeStd": "[2, 2, 2]"}, square, []float64{45, 15, 10}},
		"classes":       {map[string]string{"task": "classify", "names": names}, wide, []float64{100 / 255., 50 / 255., 25 / 255.}},
		"mean":          {map[string]string{"mean": "[0.5, 0.5, 0.5]", "std": "0.5,0.5,0.5"}, square, []float64{100/127.5 - 1, 50/127.5 - 1, 25/127.5 - 1}},
	} {
		t.Run(name, func(t *testing.T) {
			model := filepath.Join(t.TempDir(), "m.onnx")
			holding(meansOf(c.meta))(t, model)
			code, stdout, stderr := ran("obe", c.picture, "--model", model, "--patch", "16", "--stride", "16", "--class", "all", "--activation", "none", "--json", "-q", "-o", filepath.Join(t.TempDir(), "h.png"))
			if code != 0 {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			var r struct {
				Classes []struct {
					Index int
					Score float64 `json:"base_score"`
				}
			}
			if err := json.Unmarshal([]byte(stdout), &r); err != nil || len(r.Classes) != 3 {
				t.Fatalf("%v: %s", err, stdout)
			}
			for _, k := range r.Classes {
				if math.Abs(k.Score-c.want[k.Index]) > .01 {
					t.Errorf("channel %d is %g, want %g", k.Index, k.Score, c.want[k.Index])
				}
			}
		})
	}
}

// TestMetadataRank: everything that is said elsewhere wins over metadata; where each
// setting comes from is shown, and a contradiction is noted.
func TestMetadataRank(t *testing.T) {
	dir := t.TempDir()
	model := filepath.Join(dir, "m.onnx")
	holding(meansOf(map[string]string{"Image.BitmapPixelFormat": "Bgr8", "Image.NominalPixelRange": "NominalRange_0_255", "labels": "cat\ndog\nfish"}))(t, model)
	picture := filepath.Join(dir, "p.png")
	holding(pngOf(t, 32, 32, color.White))(t, picture)
	config := func(more ...string) string {
		t.Helper()
		code, stdout, stderr := ran(append([]string{"obe", "--model", model, "--print-config"}, more...)...)
		if code != 0 {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		return stdout
	}
	wants := func(text string, parts ...string) {
		t.Helper()
		for _, p := range parts {
			if !strings.Contains(text, p) {
				t.Errorf("no %q in %s", p, text)
			}
		}
	}
	wants(config(), `preset: "raw"  # model metadata Image.NominalPixelRange`, `order: "bgr"  # model metadata Image.BitmapPixelFormat`, `resize: "crop"  # model metadata`, `labels: ""  # model metadata labels`, `mean: "[]"  # default`)
	wants(config("--order", "rgb"), `preset: "raw"  # model metadata`, `order: "rgb"  # flag --order`)
	wants(config("--preset", "imagenet"), `preset: "imagenet"  # flag`, `order: ""  # default`, `resize: ""  # default`)
	_, stdout, _ := ran("inspect", model)
	wants(stdout, "metadata      Image.BitmapPixelFormat = Bgr8", "setting       order = bgr (metadata Image.BitmapPixelFormat)", "setting       labels = 3 names (metadata labels)")
	note := func(want string, more ...string) {
		t.Helper()
		code, stdout, stderr := ran(append([]string{"obe", picture, "--model", model, "--patch", "16", "--stride", "16", "--activation", "none", "--json", "-o", filepath.Join(dir, "h.png"), "--force"}, more...)...)
		if code != 0 || want == "" && strings.Contains(stdout, "metadata") || !strings.Contains(stdout, want) {
			t.Errorf("exit code %d, want %q: %s%s", code, want, stdout, stderr)
		}
	}
	note("")
	note("the model's metadata (Windows ML, key Image.NominalPixelRange) ask for preset raw; it is imagenet, by flag --preset", "--preset", "imagenet")
	note("ask for order bgr; it is rgb, by preset imagenet", "--preset", "imagenet")
	note("ask for order bgr; it is rgb, by flag --order", "--order", "rgb")
	holding([]byte("preprocess: {preset: unit, order: bgr, resize: crop}\nlabels: [a, b, c]\n"))(t, filepath.Join(dir, "m.krypton.yaml"))
	wants(config(), `preset: "unit"  # model file`, `order: "bgr"  # model file`, `labels: ""  # model file`)
	note("it is unit, by model file")
}
