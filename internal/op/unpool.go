package op

import (
	"fmt"
	"math"
	"slices"

	"krypton/internal/tensor"
)

// MaxUnpool puts each element of its input where an index says, zeros everywhere else: the
// indices are those that MaxPool gave, into the flattened output. Its plane is what the
// windows reach, or that of input 2. Where two elements have one index the last one counts.
type MaxUnpool struct{ window WindowAttributes }

func newMaxUnpool(n *Node) (Operator, error) {
	u := &MaxUnpool{}
	var err error
	if u.window.Kernel, err = n.Attr.Ints("kernel_shape"); err != nil {
		return nil, err
	}
	if u.window.Kernel == nil {
		return nil, fmt.Errorf("attribute \"kernel_shape\" is missing")
	}
	if u.window.Pads, err = n.Attr.Ints("pads"); err != nil {
		return nil, err
	}
	u.window.Strides, err = n.Attr.Ints("strides")
	return u, err
}

// plane is how far the windows reach.
func (u *MaxUnpool) plane(spatial []int) ([]int, error) {
	w, rank := &u.window, len(spatial)
	if len(w.Kernel) != rank || w.Strides != nil && len(w.Strides) != rank || w.Pads != nil && len(w.Pads) != 2*rank {
		return nil, fmt.Errorf("kernel_shape %v, strides %v and pads %v for %d spatial axes", w.Kernel, w.Strides, w.Pads, rank)
	}
	out := make([]int, rank)
	for i, n := range spatial {
		stride, pads := 1, 0
		if w.Strides != nil {
			stride = w.Strides[i]
		}
		if w.Pads != nil {
			if w.Pads[i] < 0 || w.Pads[rank+i] < 0 || w.Pads[i] > maxWindow || w.Pads[rank+i] > maxWindow {
				return nil, fmt.Errorf("attribute \"pads\" is %v", w.Pads)
			}
			pads = w.Pads[i] + w.Pads[rank+i]
		}
		if w.Kernel[i] < 1 || w.Kernel[i] > maxWindow || stride < 1 || stride > maxWindow {
			return nil, fmt.Errorf("kernel_shape %v and strides %v", w.Kernel, w.Strides)
		}
		if out[i] = (n-1)*stride + w.Kernel[i] - pads; out[i] < 0 {
			return nil, fmt.Errorf("pads %v leave nothing of spatial axis %d", w.Pads, i)
		}
	}
	return out, nil
}

// Infer implements Operator.
func (u *MaxUnpool) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	if err := allFloat32(in[:1]); err != nil {
		return nil, err
	}
	if in[1].Type != tensor.Int64 {
		return nil, fmt.Errorf("input 1: %w", DTypeError(in[1].Type))
	}
	if !allKnown(in) {
		return nil, fmt.Errorf("shape of the input must be known")
	}
	x := in[0].Shape
	if len(x) < 3 || !slices.Equal(in[1].Shape, x) {
		return nil, fmt.Errorf("inputs have shapes %v and %v: want at least one spatial axis, and the same", x, in[1].Shape)
	}
	plane, err := u.plane(x[2:])
	if err != nil {
		return nil, err
	}
	shape := slices.Concat(x[:2], plane)
	if given(in, 2) {
		if shape, err = constantInts(in, 2, "output_shape"); err != nil {
			return nil, err
		}
		if len(shape) != len(x) || !slices.Equal(shape[:2], x[:2]) {
			return nil, fmt.Errorf("input 2 (output_shape) is %v for input shape %v", shape, x)
		}
	}
	return single(in[0].Type, slices.Clone(shape))
}

// Eval implements Operator.
func (u *MaxUnpool) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(u, in)
	if err != nil {
		return nil, err
	}
	y := tensor.Zeros[float32](shape...)
	d := y.Data.([]float32)
	for i, v := range in[0].Data.([]float32) {
		at := in[1].Data.([]int64)[i]
		if at < 0 || at >= int64(len(d)) {
			return nil, fmt.Errorf("%w: %d for an output of shape %v", errIndex, at, shape)
		}
		d[at] = v
	}
	return []*tensor.Tensor{y}, nil
}

// Col2Im adds up the columns of an input [N, channels*window, positions] where each window of
// an image lies: the inverse of cutting an image into windows, but that what overlaps is
// summed.
type Col2Im struct{ dilations, pads, strides []int }

func newCol2Im(n *Node) (Operator, error) {
	c := &Col2Im{}
	var err error
	if c.dilations, err = n.Attr.Ints("dilations"); err != nil {
		return nil, err
	}
	if c.pads, err = n.Attr.Ints("pads"); err != nil {
		return nil, err
	}
	c.strides, err = n.Attr.Ints("strides")
	return c, err
}

// windows are the image's, one for each axis, as a convolution over it would have them.
func (c *Col2Im) windows(in []*Info) (block []int, image []int, ws []unfolded, err error) {
	if image, err = constantInts(in, 1, "image_shape"); err != nil {
		return nil, nil, nil, err
	}
	if block, err = constantInts(in, 2, "block_shape"); err != nil {
		return nil, nil, nil, err
	}
	rank := len(image)
	if rank == 0 || len(block) != rank {
		return nil, nil, nil, fmt.Errorf("image_shape %v and block_shape %v", image, block)
	}
	if err := checkShape(image); err != nil {
		return nil, nil, nil, err
	}
	if err := checkShape(block); err != nil {
		return nil, nil, nil, err
	}
	for _, a := range []struct {
		name string
		v    []int
		n    int
		low  int
	}{{"dilations", c.dilations, rank, 1}, {"strides", c.strides, rank, 1}, {"pads", c.pads, 2 * rank, 0}} {
		if a.v == nil {
			continue
		}
		if len(a.v) != a.n || slices.Min(a.v) < a.low || slices.Max(a.v) > maxWindow {
			return nil, nil, nil, fmt.Errorf("attribute %q is %v for %d axes", a.name, a.v, rank)
		}
	}
	for i := range rank {
		w := unfolded{dilation: 1, stride: 1}
		end := 0
		if c.dilations != nil {
			w.dilation = c.dilations[i]
		}
		if c.strides != nil {
			w.stride = c.strides[i]
		}
		if c.pads != nil {
			w.pad, end = c.pads[i], c.pads[rank+i]
		}
		if block[i] < 1 || block[i] > maxWindow {
			return nil, nil, nil, fmt.Errorf("block_shape %v", block)
		}
		reach := image[i] + w.pad + end - w.dilation*(block[i]-1) - 1
		if reach < 0 {
			return nil, nil, nil, fmt.Errorf("block_shape %v is larger than image_shape %v with its pads", block, image)
		}
		w.count = reach/w.stride + 1
		ws = append(ws, w)
	}
	return block, image, ws, nil
}

// unfolded is how windows lie along an axis.
type unfolded struct{ stride, dilation, pad, count int }

// Infer implements Operator.
func (c *Col2Im) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 3); err != nil {
		return nil, err
	}
	if err := allFloat32(in[:1]); err != nil {
		return nil, err
	}
	block, image, ws, err := c.windows(in)
	if err != nil {
		return nil, err
	}
	if !in[0].Known() {
		return unknown(in[0].Type)
	}
	positions := 1
	for _, w := range ws {
		if positions *= w.count; positions > maxAxis {
			return nil, fmt.Errorf("%w: %d windows", tensor.ErrSize, positions)
		}
	}
	x, taps := in[0].Shape, product(block)
	if len(x) != 3 || x[1]%taps != 0 || x[2] != positions {
		return nil, fmt.Errorf("input has shape %v, want [N, multiple of %d, %d]", x, taps, positions)
	}
	return single(in[0].Type, append([]int{x[0], x[1] / taps}, image...))
}

// Eval implements Operator, with sums in float64.
func (c *Col2Im) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(c, in)
	if err != nil {
		return nil, err
	}
	block, image, ws, err := c.windows(infosOf(in))
	if err != nil {
		return nil, err
	}
	taps, positions, plane := product(block), in[0].Shape[2], product(image)
	counts := make([]int, len(ws))
	for i, w := range ws {
		counts[i] = w.count
	}
	sums := make([]float64, product(shape))
	at, tap := make([]int, len(ws)), make([]int, len(ws))
	x := in[0].Data.([]float32)
	for t := range taps {
		unravel(t, block, tap)
		for p := range positions {
			unravel(p, counts, at)
			to, inside := 0, true
			for i, w := range ws {
				k := at[i]*w.stride - w.pad + tap[i]*w.dilation
				inside = inside && k >= 0 && k < image[i]
				to = to*image[i] + k
			}
			for channel := 0; inside && channel < shape[0]*shape[1]; channel++ {
				sums[channel*plane+to] += float64(x[(channel*taps+t)*positions+p])
			}
		}
	}
	y := tensor.Zeros[float32](shape...)
	fill(y.Data.([]float32), func(i int) float32 { return float32(sums[i]) })
	return []*tensor.Tensor{y}, nil
}

// Det is the determinant of each matrix of the last two axes.
type Det struct{}

func newDet(*Node) (Operator, error) { return &Det{}, nil }

// Infer implements Operator.
func (d *Det) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	if err := allFloat32(in); err != nil {
		return nil, err
	}
	if !in[0].Known() {
		return unknown(in[0].Type)
	}
	s := in[0].Shape
	if len(s) < 2 || s[len(s)-1] != s[len(s)-2] || s[len(s)-1] == 0 {
		return nil, fmt.Errorf("input has shape %v, want square matrices", s)
	}
	return single(in[0].Type, slices.Clone(s[:len(s)-2]))
}

// Eval implements Operator, by elimination in float64 with the largest pivot of each column.
func (d *Det) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(d, in)
	if err != nil {
		return nil, err
	}
	n := in[0].Shape[len(in[0].Shape)-1]
	x, m := in[0].Data.([]float32), make([]float64, n*n)
	y := tensor.Zeros[float32](shape...)
	fill(y.Data.([]float32), func(i int) float32 {
		for k, v := range x[i*n*n:][:n*n] {
			m[k] = float64(v)
		}
		return float32(determinant(m, n))
	})
	return []*tensor.Tensor{y}, nil
}

// determinant of a matrix of n rows, which it destroys.
func determinant(m []float64, n int) float64 {
	det := 1.0
	for c := range n {
		pivot := c
		for r := c + 1; r < n; r++ {
			if math.Abs(m[r*n+c]) > math.Abs(m[pivot*n+c]) {
				pivot = r
			}
		}
		if pivot != c {
			det = -det
			for k := range n {
				m[c*n+k], m[pivot*n+k] = m[pivot*n+k], m[c*n+k]
			}
		}
		det *= m[c*n+c]
		if m[c*n+c] == 0 {
			return det
		}
		for r := c + 1; r < n; r++ {
			f := m[r*n+c] / m[c*n+c]
			for k := c; k < n; k++ {
				m[r*n+k] -= float64(f * m[c*n+k])
			}
		}
	}
	return det
}
