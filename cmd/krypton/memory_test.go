package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"krypton/internal/limits"
	"krypton/internal/onnxwrite"
)

// TestMemoryIsKept: the process that makes a map under --memory never holds more
// than that and a tenth, by what the kernel saw; where the limit is too small for
// one position, it says so and holds little.
func TestMemoryIsKept(t *testing.T) {
	data := os.Getenv("KRYPTON_DATA")
	if data == "" {
		t.Skip("KRYPTON_DATA is not set")
	}
	if raceDetector {
		t.Skip("the race detector's own memory counts several times as much")
	}
	if limits.Peak() == 0 {
		t.Skip("this system does not tell how much memory a process holds")
	}
	for limit, want := range map[string]int{"200MiB": exitOK, "120MiB": exitOK, "96MiB": exitOK, "30MiB": exitTemporary} {
		events := filepath.Join(t.TempDir(), "events.jsonl")
		cmd := exec.Command(os.Args[0])
		cmd.Args = []string{"krypton", "obe", filepath.Join(data, "images", "dog_2.jpg"), "--model", filepath.Join(data, "models", "squeezenet1.onnx"),
			"--preset", "caffe", "--stride", "8", "--threads", "2", "--memory", limit, "--events", events, "-q", "-o", filepath.Join(t.TempDir(), "map.png")}
		out, err := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("%s: exit code %d, want %d: %v\n%s", limit, got, want, err, out)
			continue
		}
		peak := peakOf(t, events)
		most, err := limits.ParseBytes(limit)
		if err != nil {
			t.Fatal(err)
		}
		if want != exitOK {
			most = 96 << 20
		}
		if peak == 0 || peak > most+most/10 {
			t.Errorf("--memory %s: the process held %d MiB", limit, peak>>20)
		}
		t.Logf("--memory %s: the process held %d MiB", limit, peak>>20)
	}
}

// peakOf is the most memory that a process held, by the end of its events: what the
// system says of a child counts what its parent held before it became another program.
func peakOf(t *testing.T, events string) int64 {
	t.Helper()
	text, err := os.ReadFile(events)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	var last struct {
		Peak int64 `json:"peak_memory"`
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		t.Fatal(err)
	}
	return last.Peak
}

// manyClasses is a small network of n classes.
func manyClasses(n int) []byte {
	w, c := make([]float32, n*4), make([]float32, 4*3*9)
	for i := range w {
		w[i] = float32(i%13-6) / 7
	}
	for i := range c {
		c[i] = float32(i%11-5) / 9
	}
	m := onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Graph: onnxwrite.Graph{
		Inputs: []onnxwrite.ValueInfo{onnxwrite.Floats32("x", 1, 3, 32, 32)}, Outputs: []onnxwrite.ValueInfo{onnxwrite.Floats32("y", 1, int64(n))},
		Initializers: []onnxwrite.Tensor{onnxwrite.Raw("c", []int64{4, 3, 3, 3}, c), onnxwrite.Raw("w", []int64{int64(n), 4}, w)},
		Nodes: []onnxwrite.Node{
			{OpType: "Conv", Inputs: []string{"x", "c"}, Outputs: []string{"a"}},
			{OpType: "Relu", Inputs: []string{"a"}, Outputs: []string{"r"}},
			{OpType: "GlobalAveragePool", Inputs: []string{"r"}, Outputs: []string{"p"}},
			{OpType: "Flatten", Inputs: []string{"p"}, Outputs: []string{"f"}},
			{OpType: "Gemm", Inputs: []string{"f", "w"}, Outputs: []string{"y"}, Attributes: []onnxwrite.Attribute{onnxwrite.Int("transB", 1)}},
		},
	}}
	return m.Marshal()
}

// TestMemoryOfScores: the scores of many classes count, and their text does not take
// many times as much; what is known to be too much is refused before the work.
func TestMemoryOfScores(t *testing.T) {
	dir := t.TempDir()
	model := filepath.Join(dir, "many.onnx")
	holding(manyClasses(4000))(t, model)
	picture := filepath.Join(smallPictures(t, 1, 32), "p0000.png")
	for limit, code := range map[int64]int{140 << 20: exitOK, 70 << 20: exitTemporary} {
		events := filepath.Join(t.TempDir(), "events.jsonl")
		cmd := command("obe", picture, "--model", model, "--events", events, "--class", "all", "--patch", "4", "--stride", "1", "--memory", fmt.Sprint(limit), "--force", "-q",
			"-o", filepath.Join(dir, "m.png"), "--scores", filepath.Join(dir, "s.json")+","+filepath.Join(dir, "s.npy")+","+filepath.Join(dir, "s.csv"))
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != code || code != exitOK && !strings.Contains(string(out), "4000 classes at 841 positions") {
			t.Errorf("%d MiB: exit code %d, want %d: %s", limit>>20, got, code, out)
		}
		if peak := peakOf(t, events); limits.Peak() != 0 && !raceDetector {
			t.Logf("--memory %d MiB: %d MiB", limit>>20, peak>>20)
			if peak == 0 || peak > limit+limit/10 {
				t.Errorf("--memory %d MiB: it took %d", limit>>20, peak>>20)
			}
		}
	}
}

// TestMemoryOfPictures: a picture that takes more than --memory while it is decoded is
// refused before it is, and the others of a batch are done.
func TestMemoryOfPictures(t *testing.T) {
	dir := smallPictures(t, 3, 64)
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 8000, 7000))); err != nil {
		t.Fatal(err)
	}
	big := filepath.Join(dir, "big.png")
	if err := os.WriteFile(big, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"obe", big, "-o", filepath.Join(t.TempDir(), "m.png")}, exitTemporary, "8000 x 7000 pixels take about 267 MiB to decode"},
		{[]string{"obe", dir, "--out-dir", t.TempDir()}, exitPartial, "1 of 4 pictures failed"},
		{[]string{"obe", dir, "-o", t.TempDir() + "/"}, exitPartial, "1 of 4 pictures failed"},
		{[]string{"obe", filepath.Join(dir, "p0001.png"), "--mask", big, "-o", filepath.Join(t.TempDir(), "m.png")}, exitTemporary, "--mask: "},
		{[]string{"obe", filepath.Join(dir, "p0001.png"), "--fill", "gray,mean,blur,noise", "--memory", "16MiB", "-o", filepath.Join(t.TempDir(), "m.png")}, exitTemporary, "--memory"},
	} {
		cmd := command(append(c.args[:len(c.args):len(c.args)], "--patch", "64", "--stride", "64", "-q")...)
		if !slices.Contains(c.args, "--memory") {
			cmd.Args = append(cmd.Args, "--memory", "200MiB")
		}
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(string(out), c.says) || !strings.Contains(string(out), "--memory") {
			t.Errorf("%q: exit code %d, want %d: %s", c.args, code, c.code, out)
		}
		if n := peakMemory(cmd.ProcessState); !raceDetector && n > max(200<<20, limits.Peak()+16<<20) { // of this process too, before it became another
			t.Errorf("%q took %d MiB", c.args, n>>20)
		}
	}
}
