package op

import (
	"fmt"
	"math"

	"krypton/internal/tensor"
)

// Clip bounds every element: min(max(x, min), max), so that max wins where the
// bounds cross. The bounds are attributes before operator set 11 and optional
// inputs from then on.
type Clip struct {
	lo, hi           float32
	inputs, integers bool
}

func newClip(n *Node) (Operator, error) {
	c := &Clip{lo: float32(math.Inf(-1)), hi: float32(math.Inf(1)), inputs: n.Opset >= 11, integers: n.Opset >= 12}
	if c.inputs {
		return c, nil
	}
	var err error
	if c.lo, err = n.Attr.Float("min", c.lo); err != nil {
		return nil, err
	}
	c.hi, err = n.Attr.Float("max", c.hi)
	return c, err
}

// Bounds gives the bounds if they are known before a run and the input is
// float32.
func (c *Clip) Bounds(in []*Info) (lo, hi float32, ok bool) {
	lo, hi = c.lo, c.hi
	for i, p := range []*float32{&lo, &hi} {
		if !c.inputs || !given(in, 1+i) {
			continue
		}
		if in[1+i].Value == nil {
			return 0, 0, false
		}
		f, err := tensor.Of[float32](in[1+i].Value)
		if err != nil || len(f) != 1 {
			return 0, 0, false
		}
		*p = f[0]
	}
	return lo, hi, true
}

// Infer implements Operator.
func (c *Clip) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	if t := in[0].Type; t != tensor.Float32 && t != tensor.Float64 && !(c.integers && numeric(t)) {
		return nil, DTypeError(t)
	}
	for i := 1; i < len(in); i++ {
		if in[i] == nil {
			continue
		}
		if in[i].Type != in[0].Type || in[i].Shape != nil && product(in[i].Shape) != 1 {
			return nil, fmt.Errorf("input %d is a bound of %v with shape %v, want one %v", i, in[i].Type, in[i].Shape, in[0].Type)
		}
	}
	return broadcastInfo(in[:1], in[0].Type)
}

// Locality implements Localizer.
func (c *Clip) Locality(in []*Info, _ []Info) Locality {
	if !allConstant(in[1:]) {
		return Locality{}
	}
	return Locality{Kind: Pointwise}
}

// Eval implements Operator.
func (c *Clip) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	switch in[0].Data.(type) {
	case []float32:
		return clipOf[float32](c, in)
	case []float64:
		return clipOf[float64](c, in)
	case []int8:
		return clipOf[int8](c, in)
	case []int16:
		return clipOf[int16](c, in)
	case []int32:
		return clipOf[int32](c, in)
	case []int64:
		return clipOf[int64](c, in)
	case []uint8:
		return clipOf[uint8](c, in)
	case []uint16:
		return clipOf[uint16](c, in)
	case []uint32:
		return clipOf[uint32](c, in)
	case []uint64:
		return clipOf[uint64](c, in)
	}
	return nil, DTypeError(in[0].DType())
}

func clipOf[T tensor.Number](c *Clip, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	var bound [2]T
	var set [2]bool
	for i, limit := range []float32{c.lo, c.hi} {
		switch {
		case c.inputs && given(in, 1+i):
			v, err := tensor.Of[T](in[1+i])
			if err != nil || len(v) != 1 {
				return nil, fmt.Errorf("input %d: not one bound of the input's type", 1+i)
			}
			bound[i], set[i] = v[0], true
		case !math.IsInf(float64(limit), 0):
			bound[i], set[i] = T(limit), true
		}
	}
	x := in[0].Data.([]T)
	y := tensor.Zeros[T](in[0].Shape...)
	d := y.Data.([]T)
	for i, v := range x {
		if set[0] && v < bound[0] {
			v = bound[0]
		}
		if set[1] && v > bound[1] {
			v = bound[1]
		}
		d[i] = v
	}
	return []*tensor.Tensor{y}, nil
}
