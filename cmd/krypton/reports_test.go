package main

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// reported gives the paths of the files that stand for public reports.
func reported(t *testing.T) func(name string) string {
	t.Helper()
	data := os.Getenv("KRYPTON_DATA")
	if data == "" {
		t.Skip("KRYPTON_DATA is not set")
	}
	return func(name string) string { return filepath.Join(data, "..", "reports", name) }
}

// reportedScores are networks and pictures that people asked about, and the scores of
// all classes, or of those that arguments name: as ONNX Runtime 1.30.0 computes them,
// for pictures as numpy does from the numbers divided by 65535.
var reportedScores = []struct {
	model, picture string
	args           string // @NAME is a file of the folder, %NAME one of the test's
	want           []float64
}{
	{"multilabel.onnx", "p.npy", "", []float64{.44325, .62188, .46071, .56874, .57140}},
	{"sure2.onnx", "p.npy", "--class 0", []float64{.9989}},
	{"onesig.onnx", "p.npy", "", []float64{.47736}},
	{"onesig.onnx", "p.npy", "--labels %names.txt --class positive", []float64{.47736}},
	{"onesig.onnx", "p.npy", "--labels %names.txt --class negative", []float64{1 - .47736}},
	{"twoinputs.onnx", "p.npy", "--input xa --bind xb=@p.npy --activation none", []float64{-.73008, -.80051}},
	{"twoinputs.onnx", "p.npy", "--input xa --bind xb=0 --activation none", []float64{-.22135, -.15543}},
	{"twoinputs.onnx", "p.npy", "--input xb --bind xa=0 --activation none", []float64{-.87455, -.88524}},
	{"paddle.onnx", "p.npy", "--activation none", []float64{-.8527, 2.8036, 2.6362, -.7539}},
	{"paddle.onnx", "p.npy", "--bind im_shape=1 --bind scale_factor=1,1 --activation none", []float64{-.8527, 2.8036, 2.6362, -.7539}},
	{"gray.onnx", "g12.png", "--preset unit --activation none --class 0", []float64{.83730}},
	{"gray.onnx", "low1.png", "--preset unit --activation none --class 0,1", []float64{.66237, .18598}},
	{"gray.onnx", "low2.png", "--preset unit --activation none --class 0,1", []float64{.66116, .18436}},
	{"zipmap.onnx", "p.npy", "", []float64{.74259, .12681, .13059}},
	{"zipmap.onnx", "p.npy", "--output y", []float64{.74259, .12681, .13059}},
	{"qlinearadd.onnx", "p.npy", "--activation none", []float64{10.01024, 2.80250, -12.07625}},
	{"bntrain3.onnx", "p.npy", "--activation none", []float64{-.62725, -2.94189, 3.22146}},
	{"u8nhwc_fixed.onnx", "%u.npy", "", []float64{.0668920, .3261915, .6069164}},
	{"fp16io.onnx", "p.npy", "--activation none", []float64{1.09744, -.34351, 2.72137}},
	{"function.onnx", "p.npy", "--activation none", []float64{.20862, -.24749, .68081}},
	{"rs_cubic11.onnx", "p.npy", "--activation none", []float64{1.01089, .11453, -.97045}},
	{"nomac.onnx", "p.npy", "--activation none", []float64{.55219, .47423, .43221}},
}

// TestReportedScores: the right numbers, whose maps are bit for bit those of whole runs.
func TestReportedScores(t *testing.T) {
	at := reported(t)
	var pixels [1][32][32][3]uint8
	for i := range 32 * 32 * 3 {
		pixels[0][i/96][i/3%32][i%3] = uint8(i)
	}
	dir := inFolder(t, map[string][]byte{"names.txt": []byte("negative\npositive\n"), "u.npy": npy(t, pixels)})
	find := func(text string) string {
		return strings.NewReplacer("@", at("")+"/", "%", dir+"/").Replace(text)
	}
	for _, c := range reportedScores {
		picture := find(c.picture)
		if picture == c.picture {
			picture = at(c.picture)
		}
		args := []string{picture, "--model", at(c.model), "--patch", "16", "--stride", "16", "--fill", "mean", "--verify", "2", "--class", "all"}
		r, _ := obeRecord(t, append(args, strings.Fields(find(c.args))...)...)
		if len(r.Classes) < len(c.want) {
			t.Errorf("%s %s: %d classes", c.model, c.args, len(r.Classes))
			continue
		}
		for i, want := range c.want {
			if got := float64(r.Classes[i].BaseScore); !(math.Abs(got-want) <= 1e-4*max(1, math.Abs(want))) {
				t.Errorf("%s %s: class %d is %.5f, want %.5f", c.model, c.args, i, got, want)
			}
		}
		if strings.Contains(fmt.Sprint(r.Notes), "uniform") {
			t.Errorf("%s %s: %q", c.model, c.args, r.Notes)
		}
		if c.model == "zipmap.onnx" && fmt.Sprint(r.Classes[0].Label, r.Classes[2].Label) != "ac" {
			t.Errorf("labels %+v", r.Classes)
		}
	}
}

// reportedTargets are outputs that are no row of classes, with what PyTorch gives for them.
var reportedTargets = []struct {
	model, args string
	want        float64
}{
	{"seg.onnx", "", .6881591}, {"seg.onnx", "--class 3", .3810027}, {"seg.onnx", "--at 3,4", .4713125}, {"seg.onnx", "--segment-region 0,0,16,16 --class 1", .0814256},
	{"seg.onnx", "--class 2 --score dice", 1}, {"seg.onnx", "--output y[0,2] --reduce mean", 2.1584476}, {"seg.onnx", "--output y[0,2,3:9] --reduce max", 4.1893936},
	{"embed.onnx", "", 1}, {"embed.onnx", "--score euclidean", 0}, {"embed.onnx", "--reference @p.npy", 1},
}

// TestReportedTargets: what people wanted of planes and vectors.
func TestReportedTargets(t *testing.T) {
	at := reported(t)
	for _, c := range reportedTargets {
		args := []string{at("p.npy"), "--model", at(c.model), "--patch", "8", "--stride", "8", "--fill", "mean", "--verify", "3"}
		r, _ := obeRecord(t, append(args, strings.Fields(strings.ReplaceAll(c.args, "@", at("")+"/"))...)...)
		if got := float64(r.Classes[0].BaseScore); math.Abs(got-c.want) > 1e-5*max(1, math.Abs(c.want)) || r.Verified != 3 || r.Target == nil {
			t.Errorf("%s %s: %g, want %g; %+v", c.model, c.args, got, c.want, r.Target)
		}
	}
}

// TestReportedRefusals: names that fit several classes, and classes of what has none.
func TestReportedRefusals(t *testing.T) {
	at := reported(t)
	d := newDesk(t)
	if _, errs := d.krypton(exitUsage, "obe", at("p.npy"), "--model", at("embed.onnx"), "--class", "2"); !strings.Contains(errs, "features have no classes") {
		t.Error(errs)
	}
	words := filepath.Join(os.Getenv("KRYPTON_DATA"), "labels", "imagenet_synset_words.txt")
	model := d.write("thousand.onnx", headed(make([]float32, 1000), node("Softmax")).Marshal())
	for class, want := range map[string]string{"crane": "134 (crane), 517 (crane)", "maillot": "638 (maillot), 639 (maillot)"} {
		if _, errs := d.krypton(exitUsage, "obe", d.picture("p.npy", 0, 0, 0), "--model", model, "--labels", words, "--class", class); !strings.Contains(errs, want) {
			t.Error(errs)
		}
	}
	uneven := d.write("1001.onnx", headed(make([]float32, 1001), node("Softmax")).Marshal())
	if r := d.obe(d.picture("p.npy", 0, 0, 0), uneven, "--labels", words); !strings.Contains(fmt.Sprint(r.Notes), "1000 labels for 1001 classes") {
		t.Errorf("1000 names of 1001 classes: %q", r.Notes)
	}
}

// reportedHeads are detectors, and what they find.
var reportedHeads = map[string][]string{
	"y8.onnx":    {"1 ID_FRONT 0.90: 22.0 27.0 42.0 37.0", "0 ID_BACK 0.70: 6.0 6.0 14.0 14.0"},
	"y8nms.onnx": {"1 ID_FRONT 0.90: 22.0 27.0 42.0 37.0", "0 ID_BACK 0.70: 6.0 6.0 14.0 14.0"},
	"y8seg.onnx": {"0 cell 0.90: 22.0 27.0 42.0 37.0"},
}

// TestReportedHeads: on a video as large as the networks' input.
func TestReportedHeads(t *testing.T) {
	at := reported(t)
	film := filepath.Join(t.TempDir(), "film.y4m")
	holding(append([]byte("YUV4MPEG2 W64 H64 F10:1 Ip A1:1 C444\nFRAME\n"), bytes.Repeat([]byte{100}, 3*64*64)...))(t, film)
	for name, want := range reportedHeads {
		if got, code, message := found(t, film, at(name)); code != 0 || !slices.Equal(got, want) {
			t.Errorf("%s: exit code %d, %s, objects %q, want %q", name, code, message, got, want)
		}
	}
}

// TestEveryReportedFile: each file of the folder is in one of these tables.
func TestEveryReportedFile(t *testing.T) {
	at := reported(t)
	entries, err := os.ReadDir(at(""))
	if err != nil {
		t.Fatal(err)
	}
	known := slices.Collect(maps.Keys(reportedHeads))
	for _, c := range reportedTargets {
		known = append(known, c.model)
	}
	for _, c := range reportedScores {
		known = append(known, c.model, c.picture)
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".md" && !slices.Contains(known, e.Name()) {
			t.Errorf("no test runs %s", e.Name())
		}
	}
}
