package op

import (
	"fmt"
	"math"
	"slices"

	"krypton/internal/region"
	"krypton/internal/tensor"
)

// GridSample reads X [N, C, spatial...] at the positions of a grid
// [N, out..., spatial rank], whose last axis holds coordinates from -1 to 1,
// the last spatial axis first.
type GridSample struct {
	Mode         string // linear, nearest or cubic
	Padding      string // zeros, border or reflection
	AlignCorners bool
}

func newGridSample(n *Node) (Operator, error) {
	g := &GridSample{}
	var err error
	names := []string{"linear", "nearest", "cubic"}
	if n.Opset < 20 {
		names = []string{"bilinear", "nearest", "bicubic"}
	}
	if g.Mode, err = n.Attr.OneOf("mode", names...); err != nil {
		return nil, err
	}
	switch g.Mode {
	case "bilinear":
		g.Mode = "linear"
	case "bicubic":
		g.Mode = "cubic"
	}
	if g.Padding, err = n.Attr.OneOf("padding_mode", "zeros", "border", "reflection"); err != nil {
		return nil, err
	}
	g.AlignCorners, err = n.Attr.Bool("align_corners", false)
	return g, err
}

// Infer implements Operator.
func (g *GridSample) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	if err := allFloat32(in); err != nil {
		return nil, err
	}
	if !allKnown(in) {
		return unknown(tensor.Float32)
	}
	x, grid := in[0].Shape, in[1].Shape
	if len(x) < 3 || len(grid) != len(x) || grid[0] != x[0] || grid[len(grid)-1] != len(x)-2 || len(x) > 7 {
		return nil, fmt.Errorf("grid has shape %v for input shape %v", grid, x)
	}
	out := slices.Concat(x[:2], grid[1:len(grid)-1])
	if slices.Contains(x[2:], 0) && product(out) != 0 {
		return nil, fmt.Errorf("input shape %v has nothing to sample", x)
	}
	return single(tensor.Float32, out)
}

// far bounds coordinates: beyond it they are outside in the same way.
const far = 1 << 30

// coordinate is the position on an axis of length n of a grid value.
func (g *GridSample) coordinate(v float64, n int) float64 {
	p := (float64((v+1)*float64(n)) - 1) / 2
	low, high := -0.5, float64(n)-0.5
	if g.AlignCorners {
		p = (v + 1) / 2 * float64(n-1)
		low, high = 0, float64(n-1)
	}
	if math.IsNaN(p) {
		p = -far
	}
	p = min(max(p, -far), far)
	if g.Mode == "nearest" {
		p = math.RoundToEven(p)
	}
	// As in PyTorch and ONNX Runtime a cubic filter lies where it is, and only what it
	// reads is moved inside.
	if g.Mode != "cubic" && (p < low || p > high) {
		switch g.Padding {
		case "border":
			p = min(max(p, 0), float64(n-1))
		case "reflection":
			p = reflected(p, low, high)
		}
	}
	return p
}

// reflected folds a coordinate into [low, high] at its ends.
func reflected(p, low, high float64) float64 {
	span := high - low
	if span <= 0 {
		return low
	}
	p = math.Mod(p-low, 2*span)
	if p < 0 {
		p += 2 * span
	}
	return low + min(p, 2*span-p)
}

// tap is one input position on an axis and its weight.
type tap struct {
	index  int // -1 for zero padding
	weight float64
}

// taps lists what the interpolation at a coordinate reads.
func (g *GridSample) taps(p float64, n int) []tap {
	base := math.Floor(p)
	f := p - base
	var weights []float64
	first := int(base)
	switch g.Mode {
	case "nearest":
		weights = []float64{1}
		first = int(math.RoundToEven(p))
	case "linear":
		weights = []float64{1 - f, f}
	default:
		k := Resize{Mode: "cubic", CubicA: -0.75}
		weights = []float64{k.kernel(1 + f), k.kernel(f), k.kernel(1 - f), k.kernel(2 - f)}
		first--
	}
	r := make([]tap, len(weights))
	for i, w := range weights {
		r[i] = tap{g.inside(first+i, n), w}
	}
	return r
}

// inside maps an input position by the padding mode.
func (g *GridSample) inside(i, n int) int {
	switch {
	case i >= 0 && i < n:
		return i
	case g.Padding == "zeros":
		return -1
	case g.Padding == "border":
		return min(max(i, 0), n-1)
	case g.AlignCorners:
		return int(reflected(float64(i), 0, float64(n-1)))
	}
	return min(int(reflected(float64(i), -0.5, float64(n)-0.5)), n-1)
}

// maxField bounds the taps of all pixels of a region.Field.
const maxField = 1 << 24

// Locality implements Localizer: where each pixel reads is known if the grid is constant.
func (g *GridSample) Locality(in []*Info, out []Info) Locality {
	x, grid := in[0], in[1].Value
	if !x.Known() || x.Value != nil || grid == nil || len(x.Shape) > 4 || x.Shape[0] != 1 || product(out[0].Shape) == 0 {
		return Locality{}
	}
	plane, points := x.Shape[2:], product(out[0].Shape[2:])
	rank := len(plane)
	axes := make([][]tap, 2)
	axes[0] = []tap{{0, 1}} // the row of a plane that has none
	each := len(g.taps(0, 1))
	t := region.Table{In: product(plane), Taps: 1}
	for range rank {
		t.Taps *= each
	}
	if t.In > maxField || points > maxField/t.Taps {
		return Locality{}
	}
	t.Index = make([]int32, 0, points*t.Taps)
	at, width := grid.Data.([]float32), plane[rank-1]
	for p := range points {
		for a, length := range plane {
			axes[2-rank+a] = g.taps(g.coordinate(float64(at[p*rank+rank-1-a]), length), length)
		}
		for _, y := range axes[0] {
			for _, x := range axes[1] {
				i := y.index*width + x.index
				if y.index < 0 || x.index < 0 {
					i = -1
				}
				t.Index = append(t.Index, int32(i))
				if g.Mode != "nearest" {
					t.Weight = append(t.Weight, float32(y.weight*x.weight))
				}
			}
		}
	}
	pair := func(s []int) [2]int { return [2]int{product(s[:len(s)-1]), s[len(s)-1]} }
	return Locality{Kind: Rearranging, Field: region.NewField(pair(plane), pair(out[0].Shape[2:]), t)}
}

// Eval implements Operator.
func (g *GridSample) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(g, in)
	if err != nil {
		return nil, err
	}
	x, grid := in[0].Data.([]float32), in[1].Data.([]float32)
	plane := in[0].Shape[2:]
	rank, size, points := len(plane), product(plane), product(shape[2:])
	y := tensor.Zeros[float32](shape...)
	d := y.Data.([]float32)
	if len(d) == 0 {
		return []*tensor.Tensor{y}, nil
	}
	axes := make([][]tap, rank)
	for n := range shape[0] {
		for p := range points {
			at := grid[(n*points+p)*rank:][:rank]
			for a, length := range plane {
				axes[a] = g.taps(g.coordinate(float64(at[rank-1-a]), length), length)
			}
			for c := range shape[1] {
				base := n*shape[1] + c
				d[base*points+p] = float32(sampled(x[base*size:][:size], plane, axes))
			}
		}
	}
	return []*tensor.Tensor{y}, nil
}

// sampled is the sum over all taps of all axes.
func sampled(x []float32, shape []int, axes [][]tap) float64 {
	if len(axes) == 0 {
		return float64(x[0])
	}
	sum, run := 0.0, len(x)/shape[0]
	for _, t := range axes[0] {
		if t.index >= 0 {
			sum += float64(t.weight * sampled(x[t.index*run:][:run], shape[1:], axes[1:]))
		}
	}
	return sum
}
