package op

import (
	"fmt"

	"krypton/internal/tensor"
)

// ConvTranspose is the transposed convolution: every input spreads its kernel
// over the output. X is [N, C, spatial...], W is [C, M/Group, kernel...].
type ConvTranspose struct {
	WindowAttributes
	Group                      int
	outputPadding, outputShape []int
}

func newConvTranspose(n *Node) (Operator, error) {
	w, err := readWindow(n.Attr)
	if err != nil {
		return nil, err
	}
	c := &ConvTranspose{WindowAttributes: w}
	if c.Group, err = n.Attr.Int("group", 1); err != nil {
		return nil, err
	}
	if c.outputPadding, err = listOrNil(n.Attr, "output_padding"); err != nil {
		return nil, err
	}
	if c.outputShape, err = listOrNil(n.Attr, "output_shape"); err != nil {
		return nil, err
	}
	for _, l := range [][]int{c.outputPadding, c.outputShape} {
		for _, v := range l {
			if v < 0 || v > maxWindow {
				return nil, fmt.Errorf("attributes \"output_padding\" %v and \"output_shape\" %v: each entry must be from 0 to %d", c.outputPadding, c.outputShape, maxWindow)
			}
		}
	}
	if c.Group < 1 || c.Group > maxWindow {
		return nil, fmt.Errorf("attribute \"group\" is %d, want from 1 to %d", c.Group, maxWindow)
	}
	return c, nil
}

// spread is the geometry along one axis: input i reaches outputs
// i*stride - pad + t*dilation.
type spread struct{ stride, dilation, pad, out int }

func (c *ConvTranspose) geometry(x, w []int) ([]spread, error) {
	if len(x) < 3 || len(w) != len(x) {
		return nil, fmt.Errorf("input has shape %v and weight %v: want equal ranks of at least 3", x, w)
	}
	n := len(x) - 2
	if x[1] != w[0] || x[1]%c.Group != 0 {
		return nil, fmt.Errorf("input has %d channels, weight shape %v, group %d: they do not fit", x[1], w, c.Group)
	}
	if c.Kernel != nil && fmt.Sprint(c.Kernel) != fmt.Sprint(w[2:]) {
		return nil, fmt.Errorf("kernel_shape %v disagrees with weight shape %v", c.Kernel, w)
	}
	for name, l := range map[string]int{"strides": len(c.Strides), "dilations": len(c.Dilations), "output_padding": len(c.outputPadding), "output_shape": len(c.outputShape)} {
		if l != 0 && l != n {
			return nil, fmt.Errorf("attribute %q has %d entries, want %d", name, l, n)
		}
	}
	if len(c.Pads) != 0 && len(c.Pads) != 2*n {
		return nil, fmt.Errorf("attribute \"pads\" has %d entries, want %d", len(c.Pads), 2*n)
	}
	s := make([]spread, n)
	for a := range s {
		s[a] = spread{stride: 1, dilation: 1}
		if c.Strides != nil {
			s[a].stride = c.Strides[a]
		}
		if c.Dilations != nil {
			s[a].dilation = c.Dilations[a]
		}
		extra := 0
		if c.outputPadding != nil {
			extra = c.outputPadding[a]
		}
		full := s[a].stride*(x[2+a]-1) + extra + (w[2+a]-1)*s[a].dilation + 1
		out := -1
		switch {
		case c.outputShape != nil:
			out = c.outputShape[a]
		case c.AutoPad == "SAME_UPPER" || c.AutoPad == "SAME_LOWER":
			out = x[2+a] * s[a].stride
		}
		if out >= 0 { // pads follow from the wanted length
			total := max(0, full-out) // what the kernel does not reach holds the bias
			s[a].out, s[a].pad = out, total-total/2
			if c.AutoPad == "SAME_UPPER" {
				s[a].pad = total / 2
			}
			continue
		}
		s[a].out = full
		if c.Pads != nil {
			s[a].pad = c.Pads[a]
			s[a].out -= c.Pads[a] + c.Pads[n+a]
		}
		if s[a].out < 0 {
			return nil, fmt.Errorf("pads leave nothing on spatial axis %d", a)
		}
	}
	return s, nil
}

func (c *ConvTranspose) shape(x, w []int) ([]spread, []int, error) {
	s, err := c.geometry(x, w)
	if err != nil {
		return nil, nil, err
	}
	shape := []int{x[0], w[1] * c.Group}
	for _, a := range s {
		shape = append(shape, a.out)
	}
	return s, shape, nil
}

// Infer implements Operator.
func (c *ConvTranspose) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	if err := allFloat32(in); err != nil {
		return nil, err
	}
	_, shape, err := c.shape(in[0].Shape, in[1].Shape)
	if err != nil {
		return nil, err
	}
	if given(in, 2) && (len(in[2].Shape) != 1 || in[2].Shape[0] != shape[1]) {
		return nil, fmt.Errorf("bias has shape %v, want [%d]", in[2].Shape, shape[1])
	}
	return single(in[0].Type, shape)
}

// Eval implements Operator.
func (c *ConvTranspose) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	xs, wsh := in[0].Shape, in[1].Shape
	s, shape, err := c.shape(xs, wsh)
	if err != nil {
		return nil, err
	}
	x, w := in[0].Data.([]float32), in[1].Data.([]float32)
	acc := make([]float64, product(shape))
	inPlane, outPlane, taps := product(xs[2:]), product(shape[2:]), product(wsh[2:])
	perIn, perOut := xs[1]/c.Group, wsh[1]
	i, k := make([]int, len(s)), make([]int, len(s))
	for p := range inPlane {
		unravel(p, xs[2:], i)
		for t := range taps {
			unravel(t, wsh[2:], k)
			to := 0
			for a, g := range s {
				o := i[a]*g.stride - g.pad + k[a]*g.dilation
				if o < 0 || o >= g.out {
					to = -1
					break
				}
				to = to*g.out + o
			}
			if to < 0 {
				continue
			}
			for n := range xs[0] {
				for ci := range xs[1] {
					v := float64(x[(n*xs[1]+ci)*inPlane+p])
					for m := range perOut {
						acc[(n*shape[1]+ci/perIn*perOut+m)*outPlane+to] += float64(v * float64(w[(ci*perOut+m)*taps+t]))
					}
				}
			}
		}
	}
	out := tensor.Zeros[float32](shape...)
	for j, v := range acc {
		if given(in, 2) {
			v += float64(in[2].Data.([]float32)[j/outPlane%shape[1]])
		}
		out.Data.([]float32)[j] = float32(v)
	}
	return []*tensor.Tensor{out}, nil
}
