package main

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"krypton/internal/onnxwrite"
)

// noNumber is what must not be in any output.
var noNumber = regexp.MustCompile(`(?i)\bnan\b|[-+]?\binf(inity)?\b`)

// quoted is text in JSON, which may speak of them.
var quoted = regexp.MustCompile(`"([^"\\]|\\.)*"`)

// checkNumbers fails if a text holds what is no number, or JSON that is none.
func checkNumbers(t *testing.T, what, text string) {
	t.Helper()
	if m := noNumber.FindString(quoted.ReplaceAllString(text, "")); m != "" {
		t.Errorf("%s holds %q: %s", what, m, text)
	}
	for d := json.NewDecoder(strings.NewReader(text)); strings.HasPrefix(text, "{") || strings.HasPrefix(text, "["); {
		var v any
		if err := d.Decode(&v); err == io.EOF {
			break
		} else if err != nil {
			t.Errorf("%s is no JSON: %v: %s", what, err, text)
			break
		}
	}
}

// numbersOf runs a command, which must end well, and looks at all it gives.
func numbersOf(t *testing.T, dir string, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, said bytes.Buffer
	cmd := command(args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v: %s", args, err, &said)
	}
	what := strings.Join(args, " ")
	checkNumbers(t, what+": standard output", out.String())
	checkNumbers(t, what+": standard error", said.String())
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case ".json", ".jsonl", ".csv", ".srt", ".vtt", ".yaml":
			checkNumbers(t, what+": "+e.Name(), readText(t, filepath.Join(dir, e.Name())))
		}
	}
	return out.String(), said.String()
}

// poolOnly is a network without multiply-adds: the means of the channels of a picture
// of 32 by 32.
func poolOnly() []byte {
	m := onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Graph: onnxwrite.Graph{
		Inputs:  []onnxwrite.ValueInfo{{Name: "x", ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(1, 3, 32, 32)}},
		Outputs: []onnxwrite.ValueInfo{{Name: "y", ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(1, 3)}},
		Nodes: []onnxwrite.Node{
			{OpType: "GlobalAveragePool", Inputs: []string{"x"}, Outputs: []string{"p"}},
			{OpType: "Flatten", Inputs: []string{"p"}, Outputs: []string{"y"}},
		},
	}}
	return m.Marshal()
}

// movingSquare is a folder of pictures of 128 by 64 whose square moves on by 8 pixels.
func movingSquare(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		img := image.NewNRGBA(image.Rect(0, 0, 128, 64))
		draw.Draw(img, img.Rect, image.NewUniform(color.Gray{100}), image.Point{}, draw.Src)
		draw.Draw(img, image.Rect(8*i, 20, 8*i+20, 40), image.NewUniform(color.NRGBA{255, 0, 0, 255}), image.Point{}, draw.Src)
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		holding(b.Bytes())(t, filepath.Join(dir, "f"+string(rune('a'+i))+".png"))
	}
	return dir
}

// TestNoWork: a network without multiply-adds has no shares of them, in any output of
// any command, and that is no failure.
func TestNoWork(t *testing.T) {
	dir := t.TempDir()
	holding(poolOnly())(t, filepath.Join(dir, "pool.onnx"))
	holding(samplePicture())(t, filepath.Join(dir, "p.png"))
	film := movingSquare(t, 12)
	if reports := os.Getenv("KRYPTON_DATA"); reports != "" {
		b, err := os.ReadFile(filepath.Join(reports, "..", "reports", "nomac.onnx"))
		if err != nil {
			t.Fatal(err)
		}
		holding(b)(t, filepath.Join(dir, "pool.onnx"))
	}
	for _, mode := range []string{"exact", "approximate", "naive"} {
		out, _ := numbersOf(t, dir, "orv", film, "--model", "pool.onnx", "--mode", mode, "--format", "jsonl,csv,srt,segments", "-o", mode, "--json", "-q", "--verify-every", "3")
		if !strings.Contains(out, `"mean_recomputed":null`) || !strings.Contains(out, `"has_nan":false`) {
			t.Errorf("%s: %s", mode, out)
		}
		if text := readText(t, filepath.Join(dir, mode+".jsonl")); strings.Count(text, `"recomputed":null`) != 12 {
			t.Errorf("%s: %s", mode, text)
		}
	}
	// What an interrupted run left is gone on with.
	whole := readText(t, filepath.Join(dir, "exact.jsonl"))
	lines := strings.SplitAfter(whole, "\n")
	holding([]byte(strings.Join(lines[:6], "")))(t, filepath.Join(dir, "exact2.jsonl.part"))
	numbersOf(t, dir, "orv", film, "--model", "pool.onnx", "--mode", "exact", "--resume", "-o", "exact2", "--verify-every", "3", "--annotate", "", "-q")
	if readText(t, filepath.Join(dir, "exact2.jsonl")) != whole {
		t.Error("going on gave other bytes")
	}
	if _, said := numbersOf(t, dir, "orv", film, "--model", "pool.onnx", "--mode", "exact", "-o", "said", "--annotate", "said.avi", "--show-regions"); strings.Contains(said, "recomputed") {
		t.Error(said)
	}
	numbersOf(t, dir, "orv", film, "--model", "pool.onnx", "--sweep", "sweep.csv")
	numbersOf(t, dir, "orv", film, "--model", "pool.onnx", "--sweep", "-")
	if text := readText(t, filepath.Join(dir, "sweep.csv")); !strings.Contains(text, "exact,0,0,mask,1,0,,0,") {
		t.Error(text)
	}
	obe := []string{"obe", "p.png", "--model", "pool.onnx", "--patch", "8", "--force", "-o", "h.png", "--scores", "s.json,s.csv"}
	for _, more := range [][]string{{"--json", "--events", "e.jsonl"}, {"--json", "--events", "-"}, {"--compare", "3"}, {"--mode", "approximate", "--verify", "3", "--json"}, {"--dry-run"}} {
		out, said := numbersOf(t, dir, append(obe, more...)...)
		if strings.Contains(out+said, "times fewer multiply-adds") {
			t.Errorf("%v: %s %s", more, out, said)
		}
	}
	if text := readText(t, filepath.Join(dir, "e.jsonl")); !strings.Contains(text, `"multiply_adds_spent":0,"ratio":null`) {
		t.Error(text)
	}
	if out, _ := numbersOf(t, dir, "bench", "pool.onnx", "--json", "--rounds", "1"); !strings.Contains(out, `"ratio_counted":null`) {
		t.Error(out)
	}
	numbersOf(t, dir, "bench", "pool.onnx", "--rounds", "1")
	if out, _ := numbersOf(t, dir, "inspect", "pool.onnx", "--patch", "8", "--json"); !strings.Contains(out, `"times_fewer":null`) || strings.Contains(out, `"predicted_seconds":0}`) {
		t.Error(out)
	}
	numbersOf(t, dir, "inspect", "pool.onnx", "--patch", "8")
	numbersOf(t, dir, "score", "s.json", "--model", "pool.onnx", "--json", "--random", "2")
	if out, err := command("tune", filepath.Join(dir, "p.png"), "--model", filepath.Join(dir, "pool.onnx"), "--patch", "8", "-o", "-").CombinedOutput(); exitOf(err) != exitData || !strings.Contains(string(out), "nothing to save") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestScoresThatAreNotNumbers: a network with infinite weights gives scores that are
// no numbers: null in JSON, nothing in tables, and said.
func TestScoresThatAreNotNumbers(t *testing.T) {
	dir := t.TempDir()
	changed(func(m *onnxwrite.Model) {
		w := make([]float32, m.Graph.Initializers[0].Dims[0]*27)
		for i := range w {
			w[i] = float32(math.Inf(1 - 2*(i%2)))
		}
		m.Graph.Initializers[0] = onnxwrite.Raw(m.Graph.Initializers[0].Name, m.Graph.Initializers[0].Dims, w)
	})(t, filepath.Join(dir, "endless.onnx"))
	holding(samplePicture())(t, filepath.Join(dir, "p.png"))
	film := movingSquare(t, 9)
	for _, mode := range []string{"exact", "approximate", "naive"} {
		out, _ := numbersOf(t, dir, "orv", film, "--model", "endless.onnx", "--mode", mode, "--format", "jsonl,csv,vtt,srt,segments", "-o", mode, "--json", "-q", "--window", "3", "--verify-every", "2")
		if !strings.Contains(out, `"has_nan":true`) || !strings.Contains(out, "scores of 9 frames are not numbers") {
			t.Errorf("%s: %s", mode, out)
		}
		text := readText(t, filepath.Join(dir, mode+".jsonl"))
		if strings.Count(text, `"score":null`) < 9 {
			t.Errorf("%s: %s", mode, text)
		}
		lines := strings.SplitAfter(text, "\n")
		holding([]byte(strings.Join(lines[:5], "")))(t, filepath.Join(dir, mode+"2.jsonl.part"))
		out, _ = numbersOf(t, dir, "orv", film, "--model", "endless.onnx", "--mode", mode, "-o", mode+"2", "--resume", "--json", "-q", "--window", "3", "--verify-every", "2")
		if readText(t, filepath.Join(dir, mode+"2.jsonl")) != text {
			t.Errorf("%s: going on gave other bytes", mode)
		}
		if !strings.Contains(out, "scores of 9 frames are not numbers") {
			t.Errorf("%s, gone on with: %s", mode, out)
		}
	}
	numbersOf(t, dir, "orv", film, "--model", "endless.onnx", "-o", "drawn", "--annotate", "drawn.avi", "-q")
	out, _ := numbersOf(t, dir, "obe", "p.png", "--model", "endless.onnx", "--patch", "8", "-o", "h.png", "--json", "--scores", "s.json", "--events", "e.jsonl", "--compare", "2")
	if !strings.Contains(out, `"has_nan":true`) {
		t.Error(out)
	}
}

// exitOf is the exit code of a command's error.
func exitOf(err error) int {
	if e, ok := err.(interface{ ExitCode() int }); ok {
		return e.ExitCode()
	}
	return 0
}

func readText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// orvCode runs orv and gives what it says, once its exit code is as expected.
func orvCode(t *testing.T, code int, args ...string) string {
	t.Helper()
	var said bytes.Buffer
	cmd := command(append([]string{"orv", "-q", "--mode", "exact"}, args...)...)
	cmd.Stderr = &said
	err := cmd.Start()
	if err == nil {
		stop := time.AfterFunc(badTime, func() { _ = cmd.Process.Kill() })
		err = cmd.Wait()
		stop.Stop()
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("orv %v: exit code %d (%v), want %d: %s", args, got, err, code, &said)
	}
	return said.String()
}
