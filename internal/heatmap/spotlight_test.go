package heatmap

import (
	"image"
	"image/color"
	"math"
	"strings"
	"testing"

	"github.com/disintegration/imaging"
)

// cone is a field that falls evenly from 1 in the middle of a canvas.
func cone(w, h int) []float64 {
	f := make([]float64, w*h)
	for i := range f {
		f[i] = 1 - math.Hypot(float64(i%w)+.5-float64(w)/2, float64(i/w)+.5-float64(h)/2)/100
	}
	return f
}

// TestContourOfACone: the line around a level is a circle, light within a pixel
// or two of it and nowhere else.
func TestContourOfACone(t *testing.T) {
	const w, h, radius = 160, 120, 40.0
	grey := color.NRGBA{100, 120, 140, 255}
	img := imaging.New(w, h, grey)
	contour(img, cone(w, h), 1-radius/100)
	light := 0
	for y := range h {
		for x := range w {
			d := math.Abs(math.Hypot(float64(x)+.5-w/2, float64(y)+.5-h/2) - radius)
			switch c := img.NRGBAAt(x, y); {
			case c == paper:
				light++
				if d > 2.5 {
					t.Fatalf("%d,%d is light, %.1f from the line", x, y, d)
				}
			case c == ink:
				if d > 3.5 {
					t.Fatalf("%d,%d is dark, %.1f from the line", x, y, d)
				}
			case c != grey:
				t.Fatalf("%d,%d is %v", x, y, c)
			case d < .5:
				t.Fatalf("%d,%d on the line is untouched", x, y)
			}
		}
	}
	if round := 2 * math.Pi * radius; float64(light) < 2*round || float64(light) > 4*round {
		t.Errorf("%d light pixels, a circle of %.0f", light, round)
	}
}

// TestContourAtBorders: a level that everything or nothing reaches has no line,
// and pixels without a value do not belong to it.
func TestContourAtBorders(t *testing.T) {
	for _, c := range []struct {
		field []float64
		cut   float64
		want  bool
	}{
		{[]float64{1, 1, 1, 1, 1, 1, 1, 1, 1}, .5, false},
		{[]float64{1, 1, 1, 1, 1, 1, 1, 1, 1}, 2, false},
		{[]float64{1, 1, 1, 1, 1, 1, 1, 1, 1}, math.Inf(1), false},
		{[]float64{1, 1, math.NaN(), 1, 1, 1, 1, 1, 1}, .5, true},
	} {
		img := imaging.New(3, 3, color.Black)
		contour(img, c.field, c.cut)
		drawn := false
		for i := range img.Pix {
			drawn = drawn || img.Pix[i] == 255 && i%4 != 3
		}
		if drawn != c.want {
			t.Errorf("%v from %g on: drawn %v", c.field, c.cut, drawn)
		}
	}
}

func TestSpotlight(t *testing.T) {
	red := color.NRGBA{200, 0, 0, 255}
	out := spotlight(imaging.New(3, 1, red), []float64{.5, .4, math.NaN()}, .5)
	if c := out.NRGBAAt(0, 0); c != red {
		t.Errorf("what matters is %v", c)
	}
	for x := 1; x < 3; x++ {
		if c := out.NRGBAAt(x, 0); c.R != c.G || c.G != c.B || c.R == 0 || c.R > 40 || c.A != 255 {
			t.Errorf("what does not is %v", c)
		}
	}
}

// steps is a map of one row of four patches whose drops are .4, .3, .2, 0.
func steps() *Map {
	return &Map{Input: [2]int{10, 40}, Patch: [2]int{10, 10}, Ys: []int{0}, Xs: []int{0, 10, 20, 30}, Base: .5, Scores: []float32{.1, .2, .3, .5}}
}

// TestRenderMasked: half of the pixels stay, the others are dark, and no bar of
// colours stands beside them; a line parts the two.
func TestRenderMasked(t *testing.T) {
	picture := imaging.New(1200, 300, color.NRGBA{0, 200, 0, 255})
	toPicture := func(x, y float64) (float64, float64) { return 30 * x, 30 * y }
	render := func(s Style) *image.NRGBA {
		t.Helper()
		img, err := Render(steps(), picture, toPicture, s)
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	masked := render(Style{Masked: &Level{true, .5}})
	at := func(img *image.NRGBA, x int) color.NRGBA { return img.NRGBAAt(margin+x, 56+150) }
	for _, x := range []int{20, 450} {
		if c := at(masked, x); c.G != 200 || c.R != 0 {
			t.Errorf("%d: %v, want the picture", x, c)
		}
	}
	for _, x := range []int{750, 1100} {
		if c := at(masked, x); c.G > 60 || c.R != c.G {
			t.Errorf("%d: %v, want it dark", x, c)
		}
	}
	plain := render(Style{})
	if got, want := masked.Bounds().Dx(), plain.Bounds().Dx()-barSpace; got != want {
		t.Errorf("the masked sheet is %d wide, want %d", got, want)
	}
	lines := render(Style{Blocks: true, Contours: []Level{{true, .25}, {false, .15}}})
	for x, want := range map[int]bool{299: true, 899: true, 599: false, 1199: false, 150: false} {
		if got := at(lines, x) == paper; got != want {
			t.Errorf("%d: a line: %v", x, got)
		}
	}
	if _, err := Render(steps(), picture, toPicture, Style{Mode: "map-only", Masked: &Level{true, .5}}); err == nil {
		t.Error("a mask on the map alone is accepted")
	}
	side := render(Style{Mode: "side-by-side", Masked: &Level{true, .5}})
	if c := side.NRGBAAt(margin+1100, 56+150); c.G != 200 {
		t.Errorf("the picture beside the mask is %v", c)
	}
}

func TestLevelCaption(t *testing.T) {
	got := strings.Join(levelCaption(Style{Masked: &Level{true, .5}, Contours: []Level{{false, .15}, {true, .1}}}, []float64{.4, .3, .2, 0}), "\n")
	want := "not darkened: 50% (drop from 0.25 on)\nlines around: drop from 0.15 on (75%), 10% (drop from 0.35 on)"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := levelCaption(Style{Masked: &Level{true, .5}}, []float64{0, -1}); len(got) != 1 || !strings.Contains(got[0], "nothing lowers the score") {
		t.Errorf("%q", got)
	}
	if got := levelCaption(Style{}, nil); got != nil {
		t.Errorf("%q", got)
	}
}
