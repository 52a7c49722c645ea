package main

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"krypton/internal/explain"
	"krypton/internal/onnxwrite"
)

// means is a network of one gray channel of 8 by 8 whose classes are the mean of the
// picture, and that of its left half.
func means() []byte {
	w := make([]float32, 2*64)
	for i := range 64 {
		w[i] = 1. / 64
		if i%8 < 4 {
			w[64+i] = 1. / 32
		}
	}
	m := onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Graph: onnxwrite.Graph{
		Inputs: []onnxwrite.ValueInfo{onnxwrite.Floats32("x", 1, 1, 8, 8)}, Outputs: []onnxwrite.ValueInfo{onnxwrite.Floats32("y", 1, 2, 1, 1)},
		Initializers: []onnxwrite.Tensor{onnxwrite.Raw("w", []int64{2, 1, 8, 8}, w)},
		Nodes:        []onnxwrite.Node{{OpType: "Conv", Inputs: []string{"x", "w"}, Outputs: []string{"y"}}},
	}}
	return m.Marshal()
}

// levels is a gray 16-bit picture of 16 by 16: low, and high on the right.
func levels(t testing.TB, low, high uint16) []byte {
	img := image.NewGray16(image.Rect(0, 0, 16, 16))
	for i := range 256 {
		v := low
		if i%16 >= 8 {
			v = high
		}
		img.SetGray16(i%16, i/16, color.Gray16{v})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// inFolder writes files into a folder of their own and gives the way to it.
func inFolder(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestDepthOfPictures: the network sees sixteen bits, patches are filled at the same
// scale, and a window maps the file's own numbers.
func TestDepthOfPictures(t *testing.T) {
	dir := inFolder(t, map[string][]byte{"m.onnx": means(), "a.png": levels(t, 1000, 1000), "b.png": levels(t, 1000, 1060), "w.onnx": means(), "w.krypton.yaml": []byte("preprocess: {preset: unit, window: [0, 4000]}\n")})
	at := func(name string) string { return filepath.Join(dir, name) }
	base := func(picture string, args ...string) *explain.Record {
		r, _ := obeRecord(t, append([]string{at(picture), "--patch", "4", "--stride", "4", "--class", "all", "--activation", "none", "--preset", "unit", "--resize", "stretch"}, args...)...)
		return r
	}
	check := func(what string, got float64, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-6 {
			t.Errorf("%s: %.7f, want %.7f", what, got, want)
		}
	}
	a, b := base("a.png", "--model", at("m.onnx")), base("b.png", "--model", at("m.onnx"))
	check("1000", float64(a.Classes[0].BaseScore), 1000./65535)
	check("1000 and 1060", float64(b.Classes[0].BaseScore), 1030./65535)
	check("left of these", float64(b.Classes[1].BaseScore), 1001.875/65535) // next to the middle an eighth is from the right
	if b.Preprocess["samples"] != "uint16" || b.Preprocess["window"] != nil {
		t.Errorf("the record says %v", b.Preprocess)
	}
	// What a patch hides behind is of the picture's own scale.
	if r := base("a.png", "--model", at("m.onnx"), "--fill", "mean"); r.Skipped != r.Positions {
		t.Errorf("the mean of an even picture changed %d of %d positions", r.Positions-r.Skipped, r.Positions)
	}
	for fill, want := range map[string]float64{"mean": 1030. / 65535, "black": 0, "white": 1, "gray": 128. / 255} {
		r := base("b.png", "--model", at("m.onnx"), "--fill", fill)
		check("behind "+fill, float64(r.Classes[0].Scores[0][0]), 1030./65535+(want-1001.875/65535)*16/64)
	}
	even := base("a.png", "--model", at("m.onnx"), "--fill", "blur")
	for _, row := range even.Classes[0].Scores {
		for _, v := range row {
			check("an even picture blurred", float64(v), 1000./65535)
		}
	}
	// Through a window.
	w := base("b.png", "--model", at("m.onnx"), "--window", "1000,1060")
	check("window 1000,1060", float64(w.Classes[0].BaseScore), .5)
	if got, ok := w.Preprocess["window"].([]any); !ok || !slices.Equal(got, []any{1000., 1060.}) {
		t.Errorf("the record says %v", w.Preprocess)
	}
	check("the model's own window", float64(base("a.png", "--model", at("w.onnx")).Classes[0].BaseScore), .25)
	check("another than the model's", float64(base("a.png", "--model", at("w.onnx"), "--window", "0,2000").Classes[0].BaseScore), .5)
}
