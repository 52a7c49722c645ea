package heatmap

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/disintegration/imaging"
)

// randomMap has uneven spacing, as a grid whose last patch touches the border.
func randomMap(rng *rand.Rand) *Map {
	m := &Map{Input: [2]int{13 + rng.IntN(9), 10 + rng.IntN(9)}, Patch: [2]int{1 + rng.IntN(6), 1 + rng.IntN(6)}, Base: .8}
	for _, a := range []struct {
		to   *[]int
		n, p int
	}{{&m.Ys, m.Input[0], m.Patch[0]}, {&m.Xs, m.Input[1], m.Patch[1]}} {
		for at := rng.IntN(3); at+a.p <= a.n; at += 1 + rng.IntN(5) {
			*a.to = append(*a.to, at)
		}
	}
	for range len(m.Ys) * len(m.Xs) {
		m.Scores = append(m.Scores, rng.Float32())
	}
	return m
}

// TestImportance holds the fast spreading to the plain loop over patches.
func TestImportance(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		m := randomMap(rng)
		mean, err := m.Importance("mean")
		if err != nil {
			t.Fatal(err)
		}
		sum, _ := m.Importance("sum")
		cell, _ := m.Importance("cell")
		for y := range m.Input[0] {
			for x := range m.Input[1] {
				total, n := 0.0, 0
				for r, py := range m.Ys {
					for c, px := range m.Xs {
						if y >= py && y < py+m.Patch[0] && x >= px && x < px+m.Patch[1] {
							total += float64(m.Base) - float64(m.Scores[r*len(m.Xs)+c])
							n++
						}
					}
				}
				i := y*m.Input[1] + x
				if n == 0 {
					if !math.IsNaN(mean[i]) || !math.IsNaN(sum[i]) || !math.IsNaN(cell[i]) {
						t.Fatalf("uncovered pixel has %g, %g, %g", mean[i], sum[i], cell[i])
					}
					continue
				}
				if math.Abs(mean[i]-total/float64(n)) > 1e-9 || math.Abs(sum[i]-total) > 1e-9 || math.IsNaN(cell[i]) {
					t.Fatalf("pixel %d,%d: mean %g sum %g cell %g, want %g of %d", y, x, mean[i], sum[i], cell[i], total, n)
				}
			}
		}
	}
	if _, err := (&Map{}).Importance("most"); err == nil {
		t.Error("an unknown rule is accepted")
	}
}

// TestRenderNonSquare: on a wide picture the coloured part is where the patch
// was, along the right axes.
// TestKeptHasAnotherLegend: what keeping is worth has the colours of drops, and other words
// beside them.
func TestKeptHasAnotherLegend(t *testing.T) {
	m := &Map{Input: [2]int{4, 4}, Patch: [2]int{2, 2}, Ys: []int{0, 2}, Xs: []int{0, 2}, Base: 1, Scores: []float32{0, 2, 1, 1}}
	picture := imaging.New(100, 100, color.NRGBA{0, 0, 0, 255})
	var drawn [2]*image.NRGBA
	for i := range drawn {
		var err error
		if drawn[i], err = Render(m, picture, func(x, y float64) (float64, float64) { return x * 25, y * 25 }, Style{Kept: i == 1}); err != nil {
			t.Fatal(err)
		}
	}
	differ := image.Rectangle{}
	for i := range drawn[0].Pix {
		if p := i / 4; drawn[0].Pix[i] != drawn[1].Pix[i] {
			x, y := p%drawn[0].Rect.Dx(), p/drawn[0].Rect.Dx()
			differ = differ.Union(image.Rect(x, y, x+1, y+1))
		}
	}
	if bar := drawn[0].Rect.Dx() - barSpace; differ.Empty() || differ.Min.X < bar || differ.Max.X > drawn[0].Rect.Dx()-1 {
		t.Errorf("they differ in %v, the bar begins at %d", differ, bar)
	}
}

func TestRenderNonSquare(t *testing.T) {
	m := &Map{Input: [2]int{10, 20}, Patch: [2]int{2, 2}, Base: 1}
	for y := 0; y <= 8; y += 2 {
		m.Ys = append(m.Ys, y)
	}
	for x := 0; x <= 18; x += 2 {
		m.Xs = append(m.Xs, x)
	}
	m.Scores = make([]float32, len(m.Ys)*len(m.Xs))
	for i := range m.Scores {
		m.Scores[i] = 1
	}
	m.Scores[1*10+8] = 0 // row 1, column 8: y 2..4, x 16..18
	picture := imaging.New(800, 400, color.NRGBA{0, 0, 0, 255})
	img, err := Render(m, picture, func(x, y float64) (float64, float64) { return x * 40, y * 40 }, Style{Mode: "map-only", Colormap: "gray", Blocks: true, Title: "x"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		x, y  int // in the picture, which is drawn at its own size
		white bool
	}{{680, 120, true}, {120, 340, false}, {680, 300, false}, {400, 120, false}} {
		if got := img.NRGBAAt(margin+c.x, 56+c.y); (got.R > 200) != c.white {
			t.Errorf("at %d,%d: %v", c.x, c.y, got)
		}
	}
}

// TestBehind: a map that lies behind what is drawn colours the paper and leaves ink dark.
func TestBehind(t *testing.T) {
	base, heat := imaging.New(2, 1, color.White), imaging.New(2, 1, color.NRGBA{200, 40, 40, 255})
	base.SetNRGBA(1, 0, color.NRGBA{32, 32, 32, 255})
	over, behind := blend(base, heat, 0.5, false), blend(base, heat, 0.5, true)
	if over.NRGBAAt(0, 0) != behind.NRGBAAt(0, 0) {
		t.Errorf("paper is %v, want %v", behind.NRGBAAt(0, 0), over.NRGBAAt(0, 0))
	}
	if at := behind.NRGBAAt(1, 0); at.R > 32 || at.G > 32 || over.NRGBAAt(1, 0).R <= 32 {
		t.Errorf("ink is %v behind, %v over", at, over.NRGBAAt(1, 0))
	}
}

func TestScaleAndColours(t *testing.T) {
	c, err := choose("auto", []float64{0, .5, math.NaN(), -.01}, nil, false)
	if err != nil || c.name != "blackbody" || c.scale != (Scale{0, .5}) {
		t.Errorf("%v %v, %v", c.name, c.scale, err)
	}
	c, err = choose("auto", []float64{.5, -.2}, nil, false)
	if err != nil || c.name != "bluered" || c.scale != (Scale{-.5, .5}) {
		t.Errorf("%v %v, %v", c.name, c.scale, err)
	}
	c, err = choose("auto", []float64{0, .5}, nil, true)
	if err != nil || c.name != "reds" || c.scale != (Scale{0, .5}) || c.at(0).R < 200 || c.at(0).B < 200 || c.at(.5).B > 80 {
		t.Errorf("%v %v, %v", c.name, c.scale, err)
	}
	c, err = choose("gray", []float64{.5}, &Scale{-1, 1}, false)
	if err != nil || c.at(-2).R != 0 || c.at(5).R != 255 || c.at(0).R != 128 {
		t.Errorf("%v, %v", c.at(0), err)
	}
	if _, err := choose("jet", nil, nil, false); err == nil {
		t.Error("jet is accepted")
	}
	for _, s := range []Scale{{0, 1}, {-.3, .3}, {0, 7e-5}, {2, 900}} {
		if n := len(ticks(s)); n < 3 || n > 12 {
			t.Errorf("%v has ticks %v", s, ticks(s))
		}
	}
}

func TestHostileLabels(t *testing.T) {
	m := &Map{Input: [2]int{8, 8}, Patch: [2]int{8, 8}, Ys: []int{0}, Xs: []int{0}, Scores: []float32{float32(math.NaN())}, Base: 1}
	title := "\x1b[31m" + strings.Repeat("長い名前 ", 400) + "\x00"
	img, err := Render(m, imaging.New(8, 8, color.White), func(x, y float64) (float64, float64) { return x, y }, Style{Title: title, Caption: []string{title}})
	if err != nil || img.Bounds().Dx() > 800 {
		t.Errorf("%v, %v", img.Bounds(), err)
	}
}

// TestPNGCarriesItsText parses the chunks of the file by itself.
func TestPNGCarriesItsText(t *testing.T) {
	var b bytes.Buffer
	const said = `{"rows": 2}`
	if err := EncodePNG(&b, image.NewNRGBA(image.Rect(0, 0, 3, 2)), []byte(said)); err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(b.Bytes())); err != nil {
		t.Fatal(err)
	}
	found := false
	for p := b.Bytes()[8:]; len(p) >= 12; {
		n := int(binary.BigEndian.Uint32(p))
		if string(p[4:8]) == "iTXt" {
			key, text, _ := strings.Cut(string(p[8:8+n]), "\x00\x00\x00\x00\x00")
			if key != "krypton" || text != said {
				t.Errorf("%q: %s", key, text)
			}
			found = true
		}
		p = p[12+n:]
	}
	if !found {
		t.Error("no iTXt chunk")
	}
}

// TestStampedImportance holds maps of patches with a stamp to the plain weighted sums, and
// those whose stamp is all of the patch's rectangle to maps without one.
func TestStampedImportance(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	for range 100 {
		m := randomMap(rng)
		full := *m
		full.Stamp = &Stamp{H: m.Patch[0], W: m.Patch[1], Weights: bytes.Repeat([]byte{255}, m.Patch[0]*m.Patch[1])}
		for _, rule := range Combines {
			a, err := m.Importance(rule)
			if err != nil {
				t.Fatal(err)
			}
			b, err := full.Importance(rule)
			if err != nil {
				t.Fatal(err)
			}
			for i := range a {
				if math.IsNaN(a[i]) != math.IsNaN(b[i]) || rule != "cell" && math.Abs(a[i]-b[i]) > 1e-9 {
					t.Fatalf("%s: pixel %d has %g, stamped %g", rule, i, a[i], b[i])
				}
			}
		}
		s := &Stamp{At: [2]int{rng.IntN(5) - 3, rng.IntN(5) - 3}, H: 1 + rng.IntN(6), W: 1 + rng.IntN(6)}
		for range s.H * s.W {
			s.Weights = append(s.Weights, []byte{0, 255, byte(rng.IntN(256))}[rng.IntN(3)])
		}
		m.Stamp = s
		mean, err := m.Importance("mean")
		if err != nil {
			t.Fatal(err)
		}
		sum, _ := m.Importance("sum")
		for i := range mean {
			total, weight := 0.0, 0.0
			for k, score := range m.Scores {
				y, x := i/m.Input[1]-m.Ys[k/len(m.Xs)]-s.At[0], i%m.Input[1]-m.Xs[k%len(m.Xs)]-s.At[1]
				if y >= 0 && y < s.H && x >= 0 && x < s.W {
					v := float64(s.Weights[y*s.W+x]) / 255
					total, weight = total+v*(float64(m.Base)-float64(score)), weight+v
				}
			}
			if weight == 0 {
				if !math.IsNaN(mean[i]) || !math.IsNaN(sum[i]) {
					t.Fatalf("a pixel that nothing covers has %g, %g", mean[i], sum[i])
				}
			} else if math.Abs(mean[i]-total/weight) > 1e-9 || math.Abs(sum[i]-total) > 1e-9 {
				t.Fatalf("pixel %d has %g and %g, want %g of %g", i, mean[i], sum[i], total, weight)
			}
		}
	}
	m := randomMap(rng)
	m.Stamp = &Stamp{H: 1, W: 1, Weights: []byte{255}}
	if _, err := m.Importance("most"); err == nil {
		t.Error("an unknown rule is accepted")
	}
}
