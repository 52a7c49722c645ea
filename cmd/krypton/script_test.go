package main

import (
	"archive/zip"
	"bytes"
	"context"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/sbinet/npyio"

	"krypton/internal/dicomwrite"
	"krypton/internal/explain"
	"krypton/internal/imagein"
	"krypton/internal/model"
	"krypton/internal/obe"
	"krypton/internal/onnxwrite"
	"krypton/models"
)

// The scripts run the real command: testscript starts this test binary again as
// krypton.
func TestMain(m *testing.M) {
	if path := os.Getenv("TEST_CATALOGUE"); path != "" { // of a script's krypton; the real one has no such setting
		b, err := os.ReadFile(path)
		if err != nil {
			panic(err)
		}
		zoo = func() []byte { return b }
	}
	if text := os.Getenv("TEST_PROCESSORS_TAKE"); text != "" { // a script's clock for --device auto
		processorsTake(text)
	}
	testscript.Main(m, map[string]func(){
		// compare OLD NEW compares two binaries (compare_test.go, scripts/compare).
		"compare": func() { os.Exit(compareMain(os.Args[1:], os.Stdout, os.Stderr)) },
		"krypton": func() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
		// code runs krypton and fails unless its exit code is the first argument.
		"code": func() {
			got := run(os.Args[2:], os.Stdin, os.Stdout, os.Stderr)
			if want := os.Args[1]; want != strconv.Itoa(got) {
				os.Stderr.WriteString("exit code " + strconv.Itoa(got) + ", want " + want + "\n")
				os.Exit(1)
			}
		},
	})
}

// processorsTake has --device auto measure as ever, and find that this machine's processors take
// so long for a picture's positions or for a frame.
func processorsTake(text string) {
	took, err := time.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	picture, frame := measurePicture, measureFrame
	measurePicture = func(ctx context.Context, job *explain.Job, m explain.Map) (obe.Prediction, error) {
		p, err := picture(ctx, job, m)
		p.Views, p.Map = 0, took
		return p, err
	}
	measureFrame = func(ctx context.Context, m *model.Model, threads int) (time.Duration, error) {
		_, err := frame(ctx, m, threads)
		return took, err
	}
}

// TestQuickest: neither the first run counts, nor one that was interrupted.
func TestQuickest(t *testing.T) {
	for _, c := range []struct {
		runs   []int // milliseconds
		want   int   // milliseconds
		counts int   // runs
	}{
		{[]int{1, 200}, 200, 2},
		{[]int{1, 9, 5, 70, 6, 90}, 5, 4},
		{[]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 3, 1}, 2, 10},
	} {
		at, n := time.Unix(0, 0), 0
		got, err := quickest(func() error {
			at = at.Add(time.Duration(c.runs[n]) * time.Millisecond)
			n++
			return nil
		}, 80*time.Millisecond, func() time.Time { return at })
		if want := time.Duration(c.want) * time.Millisecond; err != nil || got != want || n != c.counts {
			t.Errorf("%v: %v of %d runs (%v), want %v of %d", c.runs, got, n, err, want, c.counts)
		}
	}
}

// TestScripts runs every script of the folder. Each finds in $DATA: the built-in
// picture (sample.png), the same as the built-in network reads it (sample.npy),
// a network of four channels (four.onnx), an input for it (four.npy) and a map of
// that (four_map.npy), and masks: the right half (mask.png), one of another shape
// (wide.png), black and clear, and a picture of twelve bits in sixteen (deep.png). A script that serves (pull_server_test.go) finds a
// catalogue of what is served in $TEST_CATALOGUE, and the server's address in
// $SERVER.
func TestScripts(t *testing.T) {
	data := t.TempDir()
	scriptData(t, data)
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Setup: func(e *testscript.Env) error {
		e.Setenv("DATA", data)
		self, err := os.Executable()
		e.Setenv("PROGRAM", self)
		return err
	}, Cmds: scriptCommands()})
}

// scriptData writes what scripts find in $DATA.
func scriptData(t testing.TB, data string) {
	for name, b := range map[string][]byte{"scan.dcm": scan(true), "report.dcm": scan(false), "sample.png": samplePicture(), "sample.npy": sampleTensor(t), "four.onnx": fourChannels(), "series.onnx": seriesNetwork(), "series.npy": npy(t, seriesInput()), "day.csv": []byte("left,right\n" + strings.Repeat("0,1\n2,1\n", 70)), "series.npz": npz(t, map[string]any{"beats": seriesInput(), "other": []float32{1}}), "wave.dcm": waveform(seriesInput()), "four.npy": npy(t, fourInput()), "four_map.npy": npy(t, fourMap()),
		"deep.png": levels(t, 1000, 4095), "mask.png": pngOf(t, 512, 512, color.White), "wide.png": pngOf(t, 300, 100, color.White), "black.png": pngOf(t, 64, 64, color.Black), "clear.png": pngOf(t, 64, 64, color.Transparent),
		"boxes.onnx": onnxwrite.CellDetector(), "boxes.png": dogAndCat(t), "boxes.krypton.yaml": []byte("preprocess: {preset: unit, resize: letterbox, pad: 100}\nlabels: [cat, dog]\ndetector: {form: grid}\n")} {
		if err := os.WriteFile(filepath.Join(data, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	more := targetData(t)
	maps.Copy(more, globalData())
	for name, b := range more {
		if err := os.WriteFile(filepath.Join(data, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// scriptCommands are what scripts know beside krypton, code and testscript's own.
func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"serve": serveModels, "damage": damage,
		// clip renders a film of so many frames; head copies so many bytes.
		"clip": clip, "head": head,
		// nul writes a file with NUL bytes for newlines.
		"nul": func(ts *testscript.TestScript, _ bool, args []string) {
			text := strings.ReplaceAll(ts.ReadFile(args[0]), "\n", "\x00")
			ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
		},
	}
}

func samplePicture() []byte {
	_, b := models.Sample()
	return b
}

// sampleTensor is the built-in picture normalized, channels first.
func sampleTensor(t testing.TB) []byte {
	pic, err := imagein.Decode(bytes.NewReader(samplePicture()), "sample", imagein.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	pre, err := imagein.Preset("unit")
	if err != nil {
		t.Fatal(err)
	}
	fitted, _ := pre.Fit(pic.Image, 128, 128)
	var chw [3][128][128]float32
	for i, v := range pre.Normalize(fitted, 3) {
		chw[i%3][i/3/128][i/3%128] = v
	}
	return npy(t, chw)
}

// npz is an archive of arrays.
func npz(t testing.TB, arrays map[string]any) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(arrays)) {
		w, err := z.Create(name + ".npy")
		if err == nil {
			_, err = w.Write(npy(t, arrays[name]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func npy(t testing.TB, v any) []byte {
	var b bytes.Buffer
	if err := npyio.Write(&b, v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pngOf is a picture whose left half is black and the right half as given.
func pngOf(t testing.TB, w, h int, right color.Color) []byte {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	draw.Draw(img, img.Rect, image.Black, image.Point{}, draw.Src)
	draw.Draw(img, image.Rect(w/2, 0, w, h), image.NewUniform(right), image.Point{}, draw.Src)
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// seriesNetwork is a network that reads 40 samples of 2 channels: how high the first one is
// beside the other.
func seriesNetwork() []byte {
	m := onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 17}, Graph: onnxwrite.Graph{
		Name:   "series",
		Inputs: []onnxwrite.ValueInfo{onnxwrite.Floats32("x", 1, 2, 40)}, Outputs: []onnxwrite.ValueInfo{onnxwrite.Floats32("y", 1, 2)},
		Initializers: []onnxwrite.Tensor{onnxwrite.Raw("w", []int64{2, 2, 3}, []float32{1, 1, 1, 0, 0, 0, .1, 0, .1, .5, 1, .5})},
		Nodes: []onnxwrite.Node{
			{OpType: "Conv", Inputs: []string{"x", "w"}, Outputs: []string{"c"}},
			{OpType: "Relu", Inputs: []string{"c"}, Outputs: []string{"r"}},
			{OpType: "GlobalAveragePool", Inputs: []string{"r"}, Outputs: []string{"g"}},
			{OpType: "Flatten", Inputs: []string{"g"}, Outputs: []string{"y"}},
		},
	}}
	return m.Marshal()
}

// seriesInput is what recordings.txtar has as a table.
func seriesInput() (x [2][40]float64) {
	for t := range 40 {
		if t >= 13 && t < 20 {
			x[0][t] = 1
		}
		x[1][t] = float64(t%5)/4 - .5
	}
	return x
}

// waveform is a series as an electrocardiogram of DICOM's, in steps of a quarter of a millivolt,
// 100 a second.
func waveform(x [2][40]float64) []byte {
	const class = "1.2.840.10008.5.1.4.1.1.9.1.1"
	var s dicomwrite.Set
	s.Text(0x00080016, "UI", class)
	s.Text(0x00100010, "PN", marked)
	s.Sequence(0x54000100, func(s *dicomwrite.Set) {
		s.Shorts(0x003a0005, "US", 2)
		s.Longs(0x003a0010, "UL", 40)
		s.Text(0x003a001a, "DS", "100")
		var channels []func(*dicomwrite.Set)
		for _, name := range []string{"Lead I (Einthoven)", "Lead II"} {
			channels = append(channels, func(s *dicomwrite.Set) {
				s.Sequence(0x003a0208, func(s *dicomwrite.Set) { s.Text(0x00080104, "LO", name) })
				s.Text(0x003a0210, "DS", "0.25")
				s.Sequence(0x003a0211, func(s *dicomwrite.Set) { s.Text(0x00080100, "SH", "mV") })
			})
		}
		s.Sequence(0x003a0200, channels...)
		s.Shorts(0x54001004, "US", 16)
		s.Text(0x54001006, "CS", "SS")
		var samples []uint16
		for t := range 40 {
			samples = append(samples, uint16(int16(4*x[0][t])), uint16(int16(4*x[1][t])))
		}
		s.Shorts(0x54001010, "OW", samples...)
	})
	return dicomwrite.File(class, scanUID, "1.2.840.10008.1.2.1", s.Bytes)
}

// fourChannels is a network of one layer that reads 4 channels of 8 by 8.
func fourChannels() []byte {
	var w [5 * 4 * 3 * 3]float32
	for i := range w {
		w[i] = float32((i*7)%11-5) / 8
	}
	m := onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Graph: onnxwrite.Graph{
		Inputs: []onnxwrite.ValueInfo{onnxwrite.Floats32("x", 1, 4, 8, 8)}, Outputs: []onnxwrite.ValueInfo{onnxwrite.Floats32("y", 1, 5)},
		Initializers: []onnxwrite.Tensor{onnxwrite.Raw("w", []int64{5, 4, 3, 3}, w[:])},
		Nodes: []onnxwrite.Node{
			{OpType: "Conv", Inputs: []string{"x", "w"}, Outputs: []string{"c"}, Attributes: []onnxwrite.Attribute{onnxwrite.Ints("pads", 1, 1, 1, 1)}},
			{OpType: "Relu", Inputs: []string{"c"}, Outputs: []string{"r"}},
			{OpType: "GlobalAveragePool", Inputs: []string{"r"}, Outputs: []string{"p"}},
			{OpType: "Flatten", Inputs: []string{"p"}, Outputs: []string{"y"}},
		},
	}}
	return m.Marshal()
}

func fourInput() [8][8][4]float64 {
	var x [8][8][4]float64
	for i := range 8 * 8 * 4 {
		x[i/32][i/4%8][i%4] = float64((i*13)%29) / 10
	}
	return x
}
