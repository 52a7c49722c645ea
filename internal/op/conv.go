package op

import (
	"fmt"

	"krypton/internal/region"
	"krypton/internal/tensor"
)

// Conv is the convolution Y = X * W + B over any number of spatial axes, with
// groups. X is [N, C, spatial...], W is [M, C/Group, kernel...], B is [M].
type Conv struct {
	WindowAttributes
	Group int
}

func newConv(n *Node) (Operator, error) {
	w, err := readWindow(n.Attr)
	if err != nil {
		return nil, err
	}
	g, err := n.Attr.Int("group", 1)
	if err != nil {
		return nil, err
	}
	if g < 1 || g > maxWindow {
		return nil, fmt.Errorf("attribute \"group\" is %d, want from 1 to %d", g, maxWindow)
	}
	return &Conv{w, g}, nil
}

// Windows resolves the geometry for an input and a weight shape.
func (c *Conv) Windows(x, w []int) ([]region.Window, error) {
	if len(x) < 3 || len(w) != len(x) {
		return nil, fmt.Errorf("input has shape %v and weight %v: want equal ranks of at least 3", x, w)
	}
	if c.Kernel != nil && fmt.Sprint(c.Kernel) != fmt.Sprint(w[2:]) {
		return nil, fmt.Errorf("kernel_shape %v disagrees with weight shape %v", c.Kernel, w)
	}
	for _, k := range w[2:] {
		if k < 1 || k > maxWindow {
			return nil, fmt.Errorf("weight shape %v has an empty kernel", w)
		}
	}
	if w[0] < 1 || w[1] < 1 {
		return nil, fmt.Errorf("weight shape %v has no channels", w)
	}
	if x[1] != w[1]*c.Group || w[0]%c.Group != 0 {
		return nil, fmt.Errorf("input has %d channels, weight shape %v, group %d: they do not fit", x[1], w, c.Group)
	}
	return c.Geometry(w[2:], x[2:])
}

// Infer implements Operator.
func (c *Conv) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	if err := allFloat32(in); err != nil {
		return nil, err
	}
	x, w := in[0], in[1]
	ws, err := c.Windows(x.Shape, w.Shape)
	if err != nil {
		return nil, err
	}
	if given(in, 2) && (len(in[2].Shape) != 1 || in[2].Shape[0] != w.Shape[0]) {
		return nil, fmt.Errorf("bias has shape %v, want [%d]", in[2].Shape, w.Shape[0])
	}
	return single(x.Type, append([]int{x.Shape[0], w.Shape[0]}, outs(ws)...))
}

// Locality implements Localizer.
func (c *Conv) Locality(in []*Info, _ []Info) Locality {
	if !allConstant(in[1:]) {
		return Locality{}
	}
	ws, err := c.Windows(in[0].Shape, in[1].Shape)
	if err != nil {
		return Locality{}
	}
	return Locality{Kind: Windowed, Windows: ws}
}

// Eval implements Operator: a plain loop over every output and tap, summed in
// float64, so that it is the more exact side of any comparison.
func (c *Conv) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	x, err := tensor.Of[float32](in[0])
	if err != nil {
		return nil, err
	}
	w, err := tensor.Of[float32](in[1])
	if err != nil {
		return nil, err
	}
	xs, wsh := in[0].Shape, in[1].Shape
	ws, err := c.Windows(xs, wsh)
	if err != nil {
		return nil, err
	}
	var bias []float32
	if given(in, 2) {
		if bias, err = tensor.Of[float32](in[2]); err != nil {
			return nil, err
		}
	}
	out := tensor.Zeros[float32](append([]int{xs[0], wsh[0]}, outs(ws)...)...)
	y := out.Data.([]float32)
	inPlane, _ := tensor.Size(xs[2:])
	outPlane, _ := tensor.Size(out.Shape[2:])
	taps, _ := tensor.Size(wsh[2:])
	perGroupIn, perGroupOut := wsh[1], wsh[0]/c.Group
	o, k, source := make([]int, len(ws)), make([]int, len(ws)), make([]int, taps)
	for p := range outPlane {
		unravel(p, out.Shape[2:], o)
		for t := range taps { // where each tap reads, or -1 for padding
			unravel(t, wsh[2:], k)
			source[t] = sourceIndex(ws, o, k)
		}
		for n := range xs[0] {
			for m := range wsh[0] {
				sum := 0.0
				g := m / perGroupOut
				for t, src := range source {
					if src < 0 {
						continue
					}
					for ci := range perGroupIn {
						sum += float64(float64(x[(n*xs[1]+g*perGroupIn+ci)*inPlane+src]) * float64(w[(m*perGroupIn+ci)*taps+t]))
					}
				}
				if bias != nil {
					sum += float64(bias[m])
				}
				y[(n*wsh[0]+m)*outPlane+p] = float32(sum)
			}
		}
	}
	return []*tensor.Tensor{out}, nil
}

// unravel writes the coordinates of flat index i in shape.
func unravel(i int, shape, at []int) {
	for a := len(shape) - 1; a >= 0; a-- {
		at[a] = i % shape[a]
		i /= shape[a]
	}
}

// sourceIndex is the flat spatial index of tap k of the window at output o,
// or -1 when it lies in the padding.
func sourceIndex(ws []region.Window, o, k []int) int {
	idx := 0
	for a, w := range ws {
		i := o[a]*w.Stride - w.Pad + k[a]*w.Dilation
		if i < 0 || i >= w.In {
			return -1
		}
		idx = idx*w.In + i
	}
	return idx
}

func allFloat32(in []*Info) error {
	for i, x := range in {
		if x != nil && x.Type != tensor.Float32 {
			return fmt.Errorf("input %d: %w", i, DTypeError(x.Type))
		}
	}
	return nil
}
