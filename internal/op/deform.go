package op

import (
	"fmt"
	"math"
	"slices"

	"krypton/internal/region"
	"krypton/internal/tensor"
)

// DeformConv is a convolution of planes whose taps are moved: inputs are X, W, how far (down,
// then right, for each tap of each group of input channels, for each output), a bias, and
// what each tap is multiplied by. Between pixels it interpolates; around X there are zeros.
type DeformConv struct {
	conv    *Conv
	offsets int // groups of input channels that are moved alike
}

func newDeformConv(n *Node) (Operator, error) {
	if n.Attr.Has("auto_pad") {
		return nil, fmt.Errorf("attribute \"auto_pad\" is not supported")
	}
	c, err := newConv(n)
	if err != nil {
		return nil, err
	}
	d := &DeformConv{conv: c.(*Conv)}
	d.offsets, err = n.Attr.Int("offset_group", 1)
	if err == nil && (d.offsets < 1 || d.offsets > maxWindow) {
		err = fmt.Errorf("attribute \"offset_group\" is %d", d.offsets)
	}
	return d, err
}

// Infer implements Operator.
func (d *DeformConv) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 3); err != nil {
		return nil, err
	}
	if err := allFloat32(in); err != nil {
		return nil, err
	}
	if !allKnown(in) {
		return nil, fmt.Errorf("shapes of the inputs must be known")
	}
	x, w := in[0].Shape, in[1].Shape
	if len(x) != 4 || len(w) != 4 {
		return nil, fmt.Errorf("inputs have shapes %v and %v: want planes", x, w)
	}
	ws, err := d.conv.Windows(x, w)
	if err != nil {
		return nil, err
	}
	if x[1]%d.offsets != 0 {
		return nil, fmt.Errorf("%d channels in %d groups of offsets", x[1], d.offsets)
	}
	out := outs(ws)
	taps := d.offsets * product(w[2:])
	if want := append([]int{x[0], 2 * taps}, out...); !slices.Equal(in[2].Shape, want) {
		return nil, fmt.Errorf("input 2 (offset) has shape %v, want %v", in[2].Shape, want)
	}
	if given(in, 3) && !slices.Equal(in[3].Shape, w[:1]) {
		return nil, fmt.Errorf("input 3 (B) has shape %v, want [%d]", in[3].Shape, w[0])
	}
	if want := append([]int{x[0], taps}, out...); given(in, 4) && !slices.Equal(in[4].Shape, want) {
		return nil, fmt.Errorf("input 4 (mask) has shape %v, want %v", in[4].Shape, want)
	}
	return single(tensor.Float32, append([]int{x[0], w[0]}, out...))
}

// Eval implements Operator, with sums in float64.
func (d *DeformConv) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(d, in)
	if err != nil {
		return nil, err
	}
	x, w := in[0].Shape, in[1].Shape
	ws, err := d.conv.Windows(x, w)
	if err != nil {
		return nil, err
	}
	src, weights, offset := in[0].Data.([]float32), in[1].Data.([]float32), in[2].Data.([]float32)
	taps, plane, in2 := product(w[2:]), product(shape[2:]), x[2]*x[3]
	perIn, perOut, moved := w[1], w[0]/d.conv.Group, x[1]/d.offsets
	y := tensor.Zeros[float32](shape...)
	to := y.Data.([]float32)
	column := make([]float64, x[1]*taps)
	for batch := range shape[0] {
		for p := range plane {
			for g := range d.offsets {
				for t := range taps {
					at := (batch*d.offsets+g)*taps + t
					v := tapAt(ws[0], p/shape[3], t/w[3]) + float64(offset[2*at*plane+p])
					h := tapAt(ws[1], p%shape[3], t%w[3]) + float64(offset[(2*at+1)*plane+p])
					scale := 1.0
					if given(in, 4) {
						scale = float64(in[4].Data.([]float32)[at*plane+p])
					}
					for c := g * moved; c < (g+1)*moved; c++ {
						column[c*taps+t] = scale * between(src[(batch*x[1]+c)*in2:][:in2], x[2], x[3], v, h)
					}
				}
			}
			for m := range shape[1] {
				sum, from := 0.0, m/perOut*perIn*taps
				for k, f := range weights[m*perIn*taps:][:perIn*taps] {
					sum += float64(f) * column[from+k]
				}
				if given(in, 3) {
					sum += float64(in[3].Data.([]float32)[m])
				}
				to[(batch*shape[1]+m)*plane+p] = float32(sum)
			}
		}
	}
	return []*tensor.Tensor{y}, nil
}

// tapAt is where tap k of a window at output o lies.
func tapAt(w region.Window, o, k int) float64 { return float64(o*w.Stride - w.Pad + k*w.Dilation) }

// between interpolates a plane of zeros beyond its borders.
func between(x []float32, rows, columns int, v, h float64) float64 {
	if !(v > -1 && h > -1 && v < float64(rows) && h < float64(columns)) {
		return 0
	}
	top, left := math.Floor(v), math.Floor(h)
	sum := 0.0
	for i := range 2 {
		for j := range 2 {
			r, c := int(top)+i, int(left)+j
			if r < 0 || r >= rows || c < 0 || c >= columns {
				continue
			}
			sum += (1 - math.Abs(v-float64(r))) * (1 - math.Abs(h-float64(c))) * float64(x[r*columns+c])
		}
	}
	return sum
}

// newAffineGrid makes the grid of GridSample for an affine map of each picture: the centres of
// its output's pixels (or, with align_corners, points from border to border), mapped by the
// matrices of input 0.
func newAffineGrid(n *Node) (Operator, error) {
	corners, err := n.Attr.Bool("align_corners", false)
	return &Compound{least: 2, build: func(p *parts, in []*Info) error {
		size, err := constantInts(in, 1, "size")
		if err != nil {
			return err
		}
		if !in[0].Known() {
			return fmt.Errorf("shape of the input must be known")
		}
		theta, rank := in[0].Shape, len(size)-2
		if rank != 2 && rank != 3 || !slices.Equal(theta, []int{size[0], rank, rank + 1}) {
			return fmt.Errorf("matrices of shape %v for an output of shape %v", theta, size)
		}
		plane := size[2:]
		if err := checkShape(append(slices.Clone(plane), rank+1)); err != nil {
			return err
		}
		if corners && slices.Contains(plane, 1) {
			return fmt.Errorf("attribute \"align_corners\" of an output of shape %v: an axis of one pixel has no two borders", size)
		}
		base := tensor.Zeros[float32](product(plane), rank+1)
		at := make([]int, rank)
		for i := range product(plane) {
			unravel(i, plane, at)
			row := base.Data.([]float32)[i*(rank+1):]
			for a, k := range at {
				v := (2*float64(k)+1)/float64(plane[a]) - 1
				if corners {
					v = 2*float64(k)/float64(plane[a]-1) - 1
				}
				row[rank-1-a] = float32(v) // the last axis first
			}
			row[rank] = 1
		}
		y, err := p.add("Transpose", 13, map[string]any{"perm": []int64{0, 2, 1}}, p.input(0))
		if err == nil {
			y, err = p.add("MatMul", 13, nil, p.constant(base), y)
		}
		if err == nil {
			shape := []int64{int64(size[0])}
			for _, k := range plane {
				shape = append(shape, int64(k))
			}
			y, err = p.add("Reshape", 13, nil, y, p.ints(append(shape, int64(rank))...))
		}
		p.result(y)
		return err
	}}, err
}
