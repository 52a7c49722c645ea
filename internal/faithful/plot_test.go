package faithful

import (
	"bytes"
	"fmt"
	"image/png"
	"math"
	"testing"
)

// TestPlot: many lines make one picture, the same every time; what is no number
// is an error and no panic.
func TestPlot(t *testing.T) {
	shares := []float64{0, .5, 1}
	var lines []Line
	for i := range 20 {
		lines = append(lines, Line{Name: fmt.Sprint("map \x1b長い", i), Deletion: Curve{shares, []float64{1, float64(i) / 20, 0}}, Insertion: Curve{shares, []float64{0, 1, 1}}, Baseline: i == 19})
	}
	var a, b bytes.Buffer
	if err := Plot(&a, "title", lines); err != nil {
		t.Fatal(err)
	}
	if err := Plot(&b, "title", lines); err != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Errorf("the second picture differs, %v", err)
	}
	img, err := png.Decode(&a)
	if err != nil || img.Bounds().Dx() < 800 {
		t.Fatalf("%v, %v", img.Bounds(), err)
	}
	colours := map[[3]uint32]bool{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			r, g, b, _ := img.At(x, y).RGBA()
			colours[[3]uint32{r >> 8, g >> 8, b >> 8}] = true
		}
	}
	for _, c := range lineColors {
		if !colours[[3]uint32{uint32(c.R), uint32(c.G), uint32(c.B)}] {
			t.Errorf("no line of %v", c)
		}
	}
	bad := []Line{{Name: "x", Deletion: Curve{shares, []float64{1, math.NaN(), 0}}, Insertion: Curve{shares, []float64{0, 1, 1}}}}
	if err := Plot(&b, "", bad); err == nil {
		t.Error("a score that is no number is drawn")
	}
	if err := Plot(&b, "", nil); err != nil {
		t.Errorf("nothing to draw: %v", err)
	}
}
