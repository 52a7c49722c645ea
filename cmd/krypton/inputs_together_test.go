package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"krypton/internal/explain"
	"krypton/internal/onnxwrite"
)

// colourAndDepth is a network of a picture x of 8 by 8, a plane d of one channel and half
// its size, and one n of two channels, last: its classes are the mean of each and the mean
// of the product of the first two's means, so that all is reckoned by hand.
func colourAndDepth() []byte {
	mean := func(of string) onnxwrite.Node {
		return onnxwrite.Lines(of + "-mean = ReduceMean " + of)[0].With(onnxwrite.Ints("axes", 1, 2, 3), onnxwrite.Int("keepdims", 0))
	}
	return (&onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Graph: onnxwrite.Graph{
		Inputs:       []onnxwrite.ValueInfo{onnxwrite.Floats32("d", 1, 1, 4, 4), onnxwrite.Floats32("x", 1, 3, 8, 8), onnxwrite.Floats32("n", 1, 8, 8, 2)},
		Outputs:      []onnxwrite.ValueInfo{onnxwrite.Floats32("y", 1, 4)},
		Initializers: []onnxwrite.Tensor{ints("row", 1, 1)},
		Nodes: append([]onnxwrite.Node{mean("d"), mean("x"), mean("n")}, append(
			onnxwrite.Lines("p = Mul x-mean d-mean", "a = Reshape x-mean row", "b = Reshape d-mean row", "c = Reshape n-mean row", "e = Reshape p row"),
			onnxwrite.Lines("y = Concat a b c e")[0].With(onnxwrite.Int("axis", 1)))...),
	}}).Marshal()
}

// grays is a picture of one gray, but for its upper left quarter.
func grays(t testing.TB, side int, quarter, rest uint8) []byte {
	img := image.NewGray(image.Rect(0, 0, side, side))
	for i := range img.Pix {
		if img.Pix[i] = rest; i%side < side/2 && i/side < side/2 {
			img.Pix[i] = quarter
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestInputsTogether: pictures of several inputs are covered at the same place, each by
// its own fill, or held; maps are what reckoning by hand gives, in each mode; records say
// which inputs were covered; and a batch takes those of each picture.
func TestInputsTogether(t *testing.T) {
	var normals [8][8][2]float32
	for i := range 64 {
		normals[i/8][i%8] = [2]float32{1, 3}
	}
	dir := inFolder(t, map[string][]byte{"m.onnx": colourAndDepth(), "own.onnx": colourAndDepth(),
		"own.krypton.yaml": []byte("preprocess: {preset: unit}\nwith: {d: {preset: raw, fill: white}, n: {fill: none}}\n"),
		"p.png":            grays(t, 16, 102, 102), "p-d.png": grays(t, 4, 51, 102), "q.png": pngOf(t, 16, 16, color.White), "q-d.png": grays(t, 4, 0, 0), "n.npy": npy(t, normals), "wide.png": pngOf(t, 40, 16, color.White)})
	at := func(name string) string { return filepath.Join(dir, name) }
	base := []string{at("p.png"), "--preset", "unit", "--activation", "none", "--class", "all", "--patch", "4", "--stride", "4", "--verify", "4"}
	near := func(what string, got explain.Number, want float64) {
		t.Helper()
		if math.Abs(float64(got)-want) > 1e-5*math.Max(1, math.Abs(want)) {
			t.Errorf("%s: %g, want %g", what, got, want)
		}
	}
	for _, c := range []struct {
		name  string
		args  []string
		fills [2]string
		d, n  [2]float64 // clean, and behind the patch in the upper left
	}{
		{"one fill", []string{"--model", at("m.onnx"), "--fill", "mean", "--with", "d=" + at("{name}-d.png"), "--with", "n=" + at("n.npy")}, [2]string{"mean", "mean"}, [2]float64{.35, .3 + .1*89/102}, [2]float64{2, 2}},
		{"fills of their own", []string{"--model", at("m.onnx"), "--with", "d=" + at("p-d.png") + ",fill=white", "--with", "n=" + at("n.npy") + ",fill=mean"}, [2]string{"white", "mean"}, [2]float64{.35, .3 + .25}, [2]float64{2, 2}},
		{"held", []string{"--model", at("m.onnx"), "--with", "n=" + at("n.npy") + ",fill=none", "--with", "d=" + at("p-d.png") + ",fill=none"}, [2]string{"none", "none"}, [2]float64{.35, .35}, [2]float64{2, 2}},
		{"prepared otherwise", []string{"--model", at("m.onnx"), "--with", "d=" + at("p-d.png") + ",scale=1,mean=51,std=10", "--with", "n=" + at("n.npy") + ",fill=none"}, [2]string{"black", "none"}, [2]float64{5.1 * .75, 5.1*.75 - 5.1/4}, [2]float64{2, 2}},
		{"by the model's file", []string{"--model", at("own.onnx"), "--with", "d=" + at("p-d.png"), "--with", "n=" + at("n.npy")}, [2]string{"white", "none"}, [2]float64{.35 * 255, .3*255 + 255/4.}, [2]float64{2, 2}},
	} {
		if c.name != "one fill" {
			c.args = append(c.args, "--fill", "black")
		}
		for _, mode := range []string{"exact", "naive"} {
			r, _ := obeRecord(t, slices.Concat(base, c.args, []string{"--input", "x", "--mode", mode})...)
			x := [2]float64{.4, .3}
			if c.name == "one fill" {
				x[1] = .4
			}
			for i, want := range [4][2]float64{x, c.d, c.n, {x[0] * c.d[0], x[1] * c.d[1]}} {
				near(c.name+", clean", r.Classes[i].BaseScore, want[0])
				if c.name == "one fill" && i%2 == 1 {
					continue // of grays that are rounded
				}
				near(c.name+", upper left", r.Classes[i].Scores[0][0], want[1])
			}
			for _, w := range r.With {
				if want := c.fills[map[string]int{"d": 0, "n": 1}[w.Input]]; w.Fill != want || w.SHA256 == "" || w.Image == "" || w.Preprocess == nil {
					t.Errorf("%s: the record has %+v, want fill %s", c.name, w, want)
				}
			}
			if len(r.With) != 2 {
				t.Errorf("%s: the record has %d inputs beside the picture's", c.name, len(r.With))
			}
		}
	}
	both := []string{"--input", "x", "--with", "d=" + at("{name}-d.png"), "--with", "n=" + at("n.npy") + ",fill=none"}
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{exitUsage, `input "q" cannot be covered together: it is none of those without a value: d, x, n`, []string{"--with", "q=a.png"}},
		{exitUsage, `input "d" cannot be covered together with itself`, []string{"--input", "x", "--with", "d=a.png", "--with", "d=b.png", "--with", "n=" + at("n.npy")}},
		{exitUsage, `the picture's input "d" 4x4`, []string{"--input", "d", "--with", "x=a.png", "--with", "n=" + at("n.npy")}},
		{exitUsage, `there is none beside them for the picture`, []string{"--with", "x=a.png", "--with", "d=a.png", "--with", "n=a.png"}},
		{exitData, `besides the picture "x" these inputs need a value: "n"`, []string{"--input", "x", "--with", "d=" + at("p-d.png")}},
		{exitUsage, `want NAME=FILE`, []string{"--with", "d"}},
		{exitUsage, `unknown fill "pink"`, []string{"--with", "d=a.png,fill=pink"}},
		{exitUsage, `mean is "a"`, []string{"--with", "d=a.png,mean=a"}},
		{exitUsage, `fill has no value`, []string{"--with", "d=a.png,fill="}},
		{exitUsage, `scale is "0"`, []string{"--with", "d=a.png,scale=0"}},
		{exitUsage, `--with: window has 3 numbers`, []string{"--with", "d=a.png,window=1:2:3"}},
		{exitUsage, `--with d: preprocessing: mean has 2 numbers`, []string{"--input", "x", "--with", "d=" + at("p-d.png") + ",mean=1:2", "--with", "n=" + at("n.npy")}},
		{exitUsage, `want NAME=FILE`, []string{"--with", "d="}},
		{exitUsage, `want NAME=FILE`, []string{"--with", "d=,fill=none"}},
		{exitUsage, `said twice`, []string{"--with", "d=a.png,mean=1,mean=2"}},
		{exitNoInput, `none.png`, []string{"--input", "x", "--with", "d=none.png", "--with", "n=" + at("n.npy") + ",fill=none"}},
		{exitData, `pictures of the same place have the same shape`, []string{"--input", "x", "--with", "d=" + at("wide.png"), "--with", "n=" + at("n.npy") + ",fill=none"}},
		{exitData, `give it .npy tensors`, []string{"--input", "x", "--with", "d=" + at("p-d.png"), "--with", "n=" + at("p.png")}},
		{exitUsage, `is of pictures, and the network reads 2 channels that are none`, []string{"--input", "x", "--with", "d=" + at("p-d.png"), "--with", "n=" + at("n.npy")}},
	} {
		args := append([]string{"obe", at("p.png"), "--model", at("m.onnx"), "--patch", "4", "--stride", "4", "-o", at("x.png")}, c.args...)
		if code, out, text := krypton(t, args...); code != c.code || !strings.Contains(text, c.says) || out != "" || strings.Count(text, "\n") != 1 {
			t.Errorf("%v: %d, %s %s", c.args, code, out, text)
		}
	}
	// What the model's file says wrongly is its fault, and not that of a flag.
	for _, said := range []string{"{fill: pink}", "{mean: a}", "{preset: nothing}", "{fill: }", "{scale: x}", "{scale: 0}", "{window: [1, 2, 3]}", "{mean: [1, 2]}", "{colour: red}"} {
		holding(fmt.Append(nil, "with: {d: ", said, "}\n"))(t, at("own.krypton.yaml"))
		code, _, text := krypton(t, "obe", at("p.png"), "--model", at("own.onnx"), "--input", "x", "--with", "d="+at("p-d.png"), "--with", "n="+at("n.npy")+",fill=none", "-o", at("x.png"))
		if code != exitData || !strings.Contains(text, "own.krypton.yaml: with: d") || strings.Contains(text, "--with") {
			t.Errorf("with: %s in the model's file: %d, %s", said, code, text)
		}
	}
	// Segments are those of the picture, also of what is only counted.
	if code, out, text := krypton(t, slices.Concat([]string{"obe", at("p.png"), "--model", at("m.onnx"), "--patch", "slic:4", "--dry-run"}, both)...); code != exitOK || !strings.Contains(out, "positions") {
		t.Errorf("a dry run with segments: %d, %s%s", code, out, text)
	}
	// A batch has the pictures of each item, by name or by column, and knows when they change.
	holding(fmt.Appendf(nil, "item,with\n%s,\n%s,\"d=%s,fill=white;n=%s,fill=none\"\n", at("p.png"), at("q.png"), at("q-d.png"), at("n.npy")))(t, at("list.csv"))
	batch := append([]string{"obe", "--manifest", at("list.csv"), "--model", at("m.onnx"), "--preset", "unit", "--activation", "none", "--class", "all", "--patch", "4", "--stride", "4", "--fill", "black", "--out-dir", at("out"), "--resume", "--scores", "{name}.json"}, both...)
	for i, want := range []string{"2 done, 0 of these before", "2 done, 2 of these before", "2 done, 1 of these before"} {
		if i == 2 {
			holding(grays(t, 4, 51, 51))(t, at("p-d.png"))
		}
		if code, _, text := krypton(t, batch...); code != exitOK || !strings.Contains(text, want) {
			t.Fatalf("batch: %d, want %q: %s", code, want, text)
		}
	}
	for name, want := range map[string]string{"p": "black", "q": "white"} {
		record, err := os.ReadFile(at("out/" + name + ".json"))
		var r explain.Record
		if err == nil {
			err = json.Unmarshal(record, &r)
		}
		if err != nil || len(r.With) != 2 || r.With[0].Input != "d" || r.With[0].Image != at(name+"-d.png") || r.With[0].Fill != want {
			t.Errorf("%v, %+v, want fill %s", err, r.With, want)
		}
	}
	// Curves are of the same pictures.
	score := append([]string{"score", at("out/p.json"), "--model", at("m.onnx"), "--preset", "unit", "--activation", "none", "--fill", "black", "--insertion-start", "black", "--steps", "4", "--json", "-q"}, both...)
	if code, out, text := krypton(t, score...); code != exitOK || strings.Count(out, "\n") != 4 {
		t.Errorf("score: %d, %s %s", code, out, text)
	}
	score[len(score)-3] = "d=" + at("q-d.png")
	if code, _, text := krypton(t, score...); code != exitData || !strings.Contains(text, "made with other pictures of other inputs (--with)") {
		t.Errorf("score with another picture: %d, %s", code, text)
	}
}
