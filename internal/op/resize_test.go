package op

import (
	"math"
	"math/rand/v2"
	"sort"
	"testing"

	"krypton/internal/tensor"
)

// resizeReference is one output of a resized line, written down from the
// operator's text, length_resized being the output's length: find the coordinate,
// take the n nearest inputs of the line
// with its edges repeated, weigh them. ratio is in (0, 1]: the input left of
// the coordinate is preferred.
func resizeReference(r *Resize, line []float64, scale float64, o, out int, lo, hi float64) float64 {
	n := float64(len(line))
	length := n * scale
	f := float64(o)
	var x float64
	switch r.Coordinates {
	case "half_pixel":
		x = (f+0.5)/scale - 0.5
	case "pytorch_half_pixel":
		if out != 1 {
			x = (f+0.5)/scale - 0.5
		}
	case "half_pixel_symmetric":
		x = n/2*(1-float64(out)/length) + (f+0.5)/scale - 0.5
	case "asymmetric":
		x = f / scale
	case "align_corners":
		if out != 1 {
			x = f * (n - 1) / float64(out-1)
		}
	case "tf_crop_and_resize":
		x = lo * (n - 1)
		if out == 1 {
			x += (hi - lo) * (n - 1) / 2
		} else {
			x += f * (hi - lo) * (n - 1) / float64(out-1)
		}
		if x < 0 || x > n-1 {
			return float64(r.Extrapolation)
		}
	}
	if d := math.Abs(x - math.Round(x)); d != 0 && d < 1e-9 {
		return math.NaN() // which inputs are nearest is up to rounding
	}
	ratio := x - math.Floor(x)
	if ratio == 0 {
		ratio = 1
	}
	var w []float64
	stretch := 1.0
	if r.Antialias {
		stretch = min(scale, 1)
	}
	switch r.Mode {
	case "linear":
		w = []float64{1 - ratio, ratio}
		if r.Antialias {
			w = nil
			start := int(math.Floor(-1/stretch)) + 1
			for i := start; i < 2-start; i++ {
				w = append(w, max(0, 1-math.Abs((float64(i)-ratio)*stretch)))
			}
		}
	case "cubic":
		a := r.CubicA
		cubic := func(d float64) float64 {
			d = math.Abs(d)
			switch {
			case d <= 1:
				return (a+2)*d*d*d - (a+3)*d*d + 1
			case d < 2:
				return a*d*d*d - 5*a*d*d + 8*a*d - 4*a
			}
			return 0
		}
		start := int(math.Floor(-2/stretch)) + 1
		for i := start; i < 2-start; i++ {
			w = append(w, cubic((float64(i)-ratio)*stretch))
		}
	}
	// The nearest len(w) positions, the left one first of two equally near.
	pad := len(w)
	idx := []int{}
	for i := -pad; i < len(line)+pad; i++ {
		idx = append(idx, i)
	}
	sort.SliceStable(idx, func(i, j int) bool { return math.Abs(x-float64(idx[i])) < math.Abs(x-float64(idx[j])) })
	idx = idx[:len(w)]
	sort.Ints(idx)
	sum, total := 0.0, 0.0
	for k, i := range idx {
		if r.ExcludeOutside && (i < 0 || i >= len(line)) {
			w[k] = 0
		}
		total += w[k]
	}
	if !r.Antialias && !r.ExcludeOutside {
		total = 1
	}
	for k, i := range idx {
		sum += w[k] / total * line[min(max(i, 0), len(line)-1)]
	}
	return sum
}

func TestResizeEqualsReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		r := &Resize{scalesIn: 2, roiIn: 1, sizesIn: 3, CubicA: -0.75 + 0.25*float64(rng.IntN(2)), Extrapolation: 9}
		r.Mode = []string{"linear", "cubic"}[rng.IntN(2)]
		r.Coordinates = []string{"half_pixel", "pytorch_half_pixel", "half_pixel_symmetric", "asymmetric", "align_corners", "tf_crop_and_resize"}[rng.IntN(6)]
		r.Antialias, r.ExcludeOutside = rng.IntN(2) == 0, rng.IntN(2) == 0
		n := 1 + rng.IntN(9)
		line := make([]float64, n)
		for i := range line {
			line[i] = float64(rng.IntN(20))
		}
		scale := []float32{0.3, 0.6, 0.5, 0.8, 1.3, 2, 3, 2.7}[rng.IntN(8)]
		roi := tensor.New([]float64{rng.Float64()*0.6 - 0.1, rng.Float64()*0.6 + 0.5}, 2)
		in := []*tensor.Tensor{tensor.New(line, n), roi, tensor.New([]float32{scale}, 1)}
		exact := float64(scale)
		if rng.IntN(2) == 0 {
			out := 1 + rng.IntN(12)
			exact = float64(out) / float64(n)
			in = append(in, tensor.New([]int64{int64(out)}, 1))
			in[2] = nil
		}
		got, err := r.Eval(in, 1)
		if err != nil {
			t.Fatal(err)
		}
		y := got[0].Data.([]float64)
		v := roi.Data.([]float64)
		for o := range y {
			if exact == 1 && !(r.Coordinates == "tf_crop_and_resize") {
				continue // left alone: antialiased cubic filters would not be exact
			}
			want := resizeReference(r, line, exact, o, len(y), float64(float32(v[0])), float64(float32(v[1])))
			if math.Abs(y[o]-want) > 1e-9 {
				t.Fatalf("%+v scale %g of %v: output %d is %g, want %g", r, exact, line, o, y[o], want)
			}
		}
	}
}

// TestResizeNearest has expectations by hand.
func TestResizeNearest(t *testing.T) {
	for _, c := range []struct {
		coordinates, nearest string
		scale                float32
		size                 int64
		want                 []float32
	}{
		{"asymmetric", "floor", 2, 0, []float32{0, 0, 1, 1, 2, 2, 3, 3}},
		{"half_pixel", "round_prefer_floor", 2, 0, []float32{0, 0, 1, 1, 2, 2, 3, 3}},
		{"asymmetric", "ceil", 2, 0, []float32{0, 1, 1, 2, 2, 3, 3, 3}},
		{"asymmetric", "round_prefer_floor", 2, 0, []float32{0, 0, 1, 1, 2, 2, 3, 3}},
		{"asymmetric", "round_prefer_ceil", 2, 0, []float32{0, 1, 1, 2, 2, 3, 3, 3}},
		{"asymmetric", "simple", 0.6, 0, []float32{0, 2}},
		{"half_pixel", "round_prefer_floor", 0.6, 0, []float32{0, 2}},
		{"align_corners", "floor", 0, 7, []float32{0, 0, 1, 1, 2, 2, 3}},
		{"asymmetric", "floor", 0, 6, []float32{0, 0, 1, 2, 2, 3}},
		{"tf_half_pixel_for_nn", "floor", 0.5, 0, []float32{1, 3}},
	} {
		r := &Resize{Mode: "nearest", Coordinates: c.coordinates, Nearest: c.nearest, scalesIn: 2, sizesIn: 3}
		in := []*tensor.Tensor{tensor.New([]float32{0, 1, 2, 3}, 4), nil, tensor.New([]float32{c.scale}, 1), nil}
		if c.size != 0 {
			in[2], in[3] = nil, tensor.New([]int64{c.size}, 1)
		}
		y, err := r.Eval(in, 1)
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		got := y[0].Data.([]float32)
		if len(got) != len(c.want) {
			t.Fatalf("%+v: got %v", c, got)
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%+v: got %v", c, got)
				break
			}
		}
	}
}

// TestResizeLengths: the length is the float32 product, so that 0.7 of 10 is 7.
func TestResizeLengths(t *testing.T) {
	for _, c := range []struct {
		n, out int
		scale  float32
	}{{10, 7, 0.7}, {5, 3, 0.6}, {3, 2, 2.0 / 3}, {4, 2, 0.6}, {1, 0, 0.5}} {
		r := &Resize{Mode: "nearest", Coordinates: "half_pixel", scalesIn: 2}
		out, err := r.Infer(infosOf([]*tensor.Tensor{tensor.Zeros[float32](c.n), nil, tensor.New([]float32{c.scale}, 1)}), 1)
		if err != nil || out[0].Shape[0] != c.out {
			t.Errorf("%d by %g: got %v, %v", c.n, c.scale, out, err)
		}
	}
}
