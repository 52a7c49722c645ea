package models

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"krypton/models/scenes"
)

type config struct {
	Name       string
	License    string
	Input      string
	Size       []int
	Preprocess struct{ Preset, Order, Resize string }
	Labels     []string
	Output     string
	Activation string
	Accuracy   float64
	Training   struct {
		Command     string
		Seed        uint64
		Samples     int
		HeldOut     int    `yaml:"held_out"`
		HeldOutSeed uint64 `yaml:"held_out_seed"`
		Bytes       int
		SHA256      string
	}
}

func readConfig(t *testing.T, e Entry) config {
	t.Helper()
	var c config
	if err := yaml.Unmarshal(e.Config, &c); err != nil {
		t.Fatalf("%s: %v", e.Name, err)
	}
	return c
}

func TestCatalogue(t *testing.T) {
	list := List()
	if len(list) == 0 {
		t.Fatal("the catalogue is empty")
	}
	if list[0].Name != Default().Name {
		t.Errorf("the list begins with %s, the default is %s", list[0].Name, Default().Name)
	}
	if _, ok := Lookup("no such model"); ok {
		t.Error("Lookup finds a model that does not exist")
	}
	for _, e := range list {
		found, ok := Lookup(e.Name)
		if !ok || !bytes.Equal(found.Model, e.Model) {
			t.Errorf("Lookup(%q) does not give the listed model", e.Name)
		}
		if e.Description == "" {
			t.Errorf("%s has no description", e.Name)
		}
		if n := len(e.Model); n == 0 || n > 2<<20 {
			t.Errorf("%s has %d bytes, want at most 2 MiB", e.Name, n)
		}
		c := readConfig(t, e)
		if c.Name != e.Name {
			t.Errorf("%s: its configuration is of %s", e.Name, c.Name)
		}
		sum := sha256.Sum256(e.Model)
		if got := hex.EncodeToString(sum[:]); got != c.Training.SHA256 || len(e.Model) != c.Training.Bytes {
			t.Errorf("%s: the model has %d bytes and SHA-256 %s, the configuration says %d and %s",
				e.Name, len(e.Model), got, c.Training.Bytes, c.Training.SHA256)
		}
	}
}

func TestConfigFitsTheModel(t *testing.T) {
	c := readConfig(t, Default())
	g, err := readModel(Default().Model)
	if err != nil {
		t.Fatal(err)
	}
	if c.Input != g.input || c.Output != g.output {
		t.Errorf("the configuration has %s to %s, the model %s to %s", c.Input, c.Output, g.input, g.output)
	}
	if d := cmp.Diff(g.inputShape, append([]int{1, 3}, c.Size...)); d != "" {
		t.Errorf("input shape (-model +configuration):\n%s", d)
	}
	if d := cmp.Diff(scenes.Labels, c.Labels); d != "" {
		t.Errorf("labels (-scenes +configuration):\n%s", d)
	}
	if c.Preprocess.Preset != "unit" || c.Preprocess.Order != "rgb" || c.Activation != "softmax" {
		t.Errorf("preprocessing %+v and activation %s are not what these tests apply", c.Preprocess, c.Activation)
	}
	if c.Training.Seed == c.Training.HeldOutSeed || c.Training.HeldOut < 2000 {
		t.Errorf("held-out scenes: %+v", c.Training)
	}
}

func TestReadmeStatesTheRecord(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	c := readConfig(t, Default())
	for _, want := range []string{
		c.Training.SHA256, fmt.Sprintf("%.2f %%", c.Accuracy*100), fmt.Sprint(c.Training.Bytes),
		fmt.Sprint(c.Training.Samples), fmt.Sprint(c.Training.HeldOut), c.Training.Command,
	} {
		if !strings.Contains(string(readme), want) {
			t.Errorf("README.md does not say %q", want)
		}
	}
}

// pixels is the network's input for a picture, as the preset unit says.
func pixels(img *image.RGBA) array {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	a := array{[]int{1, 3, h, w}, make([]float64, 3*h*w)}
	for c := range 3 {
		for p := range h * w {
			a.data[c*h*w+p] = float64(img.Pix[p*4+c]) / 255
		}
	}
	return a
}

// probabilities is the softmax of the network's output.
func probabilities(t *testing.T, g *onnxGraph, x array) []float64 {
	out, err := g.run(x)
	if err != nil {
		t.Error(err)
		return make([]float64, len(scenes.Labels))
	}
	var sum float64
	for i, v := range out.data {
		out.data[i] = math.Exp(v)
		sum += out.data[i]
	}
	for i := range out.data {
		out.data[i] /= sum
	}
	return out.data
}

func best(p []float64) int {
	at := 0
	for i := range p {
		if p[i] > p[at] {
			at = i
		}
	}
	return at
}

// forAll calls work for 0 to n-1 on all processors.
func forAll(n int, work func(i int)) {
	var wg sync.WaitGroup
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				work(i)
			}
		})
	}
	wg.Wait()
}

func TestAccuracyIsAsStated(t *testing.T) {
	g, err := readModel(Default().Model)
	if err != nil {
		t.Fatal(err)
	}
	c := readConfig(t, Default())
	n := 300
	if testing.Short() {
		n = 100
	}
	var right atomic.Int64
	forAll(n, func(i int) {
		s := scenes.Generate(c.Training.HeldOutSeed, uint64(i), c.Size[1], c.Size[0], float64(c.Size[0]))
		if best(probabilities(t, g, pixels(s.Image))) == int(s.Class) {
			right.Add(1)
		}
	})
	got := float64(right.Load()) / float64(n)
	// Three standard deviations of the share of n scenes.
	least := c.Accuracy - 3*math.Sqrt(c.Accuracy*(1-c.Accuracy)/float64(n))
	t.Logf("accuracy %.4f on %d scenes, stated %.4f on %d", got, n, c.Accuracy, c.Training.HeldOut)
	if got < least {
		t.Errorf("accuracy %.4f, want at least %.4f", got, least)
	}
	if c.Accuracy < 0.95 {
		t.Errorf("the stated accuracy is %.4f, want at least 0.95", c.Accuracy)
	}
}

// sample is the embedded picture at the network's size: each pixel the mean of
// a square of the original.
func sample(t *testing.T, side int) *image.RGBA {
	t.Helper()
	name, data := Sample()
	if len(data) > 300<<10 {
		t.Errorf("%s has %d bytes", name, len(data))
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if img.Bounds().Dx()%side != 0 || img.Bounds().Dx() != img.Bounds().Dy() {
		t.Fatalf("%s is %v, want a multiple of %d", name, img.Bounds(), side)
	}
	k := img.Bounds().Dx() / side
	out := image.NewRGBA(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			var sum [3]uint32
			for dy := range k {
				for dx := range k {
					r, g, b, _ := img.At(x*k+dx, y*k+dy).RGBA()
					sum[0], sum[1], sum[2] = sum[0]+r>>8, sum[1]+g>>8, sum[2]+b>>8
				}
			}
			at := out.Pix[out.PixOffset(x, y):]
			for c := range sum {
				at[c] = uint8((sum[c] + uint32(k*k/2)) / uint32(k*k))
			}
			at[3] = 255
		}
	}
	return out
}

func TestSampleShowsWhereTheObjectIs(t *testing.T) {
	g, err := readModel(Default().Model)
	if err != nil {
		t.Fatal(err)
	}
	side := readConfig(t, Default()).Size[0]
	img := sample(t, side)
	p := probabilities(t, g, pixels(img))
	t.Logf("%s with probability %.4f", scenes.Labels[best(p)], p[best(p)])
	if best(p) != int(scenes.Mug) || p[scenes.Mug] < 0.9 {
		t.Errorf("the sample is a %s with probability %.3f, want a mug with more than 0.9", scenes.Labels[best(p)], p[best(p)])
	}
	// A grey patch lowers the probability where it hides the mug and nowhere
	// else.
	mug := image.Rect(60, 22, 108, 71)
	const patch, stride = 16, 8
	n := (side-patch)/stride + 1
	drops := make([]float64, n*n)
	forAll(n*n, func(i int) {
		occluded := image.NewRGBA(img.Rect)
		copy(occluded.Pix, img.Pix)
		for y := range patch {
			for x := range patch {
				at := occluded.Pix[occluded.PixOffset(i%n*stride+x, i/n*stride+y):]
				at[0], at[1], at[2] = 128, 128, 128
			}
		}
		drops[i] = p[scenes.Mug] - probabilities(t, g, pixels(occluded))[scenes.Mug]
	})
	var top int
	var outside, count float64
	for i, d := range drops {
		if d > drops[top] {
			top = i
		}
		box := image.Rect(0, 0, patch, patch).Add(image.Pt(i%n*stride, i/n*stride))
		if !box.Overlaps(mug) {
			outside, count = outside+math.Abs(d), count+1
		}
	}
	middle := image.Pt(top%n*stride+patch/2, top/n*stride+patch/2)
	t.Logf("largest drop %.3f at %v, mean change away from the mug %.4f", drops[top], middle, outside/count)
	if !middle.In(mug) || drops[top] < 0.5 {
		t.Errorf("the largest drop is %.3f at %v, want more than 0.5 within %v", drops[top], middle, mug)
	}
	if outside/count > 0.02 {
		t.Errorf("patches away from the mug change the probability by %.3f", outside/count)
	}
}

// Nothing but the seed decides what the sample is.
func TestSampleIsWhatTheSceneDraws(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("other processors may round the last bit of a colour otherwise")
	}
	_, data := Sample()
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	want := scenes.Sample(img.Bounds().Dx())
	for y := range want.Rect.Dy() {
		for x := range want.Rect.Dx() {
			r, g, b, _ := img.At(x, y).RGBA()
			if w := want.RGBAAt(x, y); uint8(r>>8) != w.R || uint8(g>>8) != w.G || uint8(b>>8) != w.B {
				t.Fatalf("pixel %d,%d differs; run go run ./models/train -sample-only", x, y)
			}
		}
	}
}
