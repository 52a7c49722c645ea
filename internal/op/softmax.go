package op

import (
	"math"

	"krypton/internal/tensor"
)

// Softmax is Softmax, LogSoftmax or Hardmax along an axis.
type Softmax struct {
	Axis int
	// Log takes the logarithm of the result; Hard gives one for the first
	// largest element and zero for the others.
	Log, Hard bool
	// Coerce, before operator set 13, views the input as a matrix whose rows
	// are all axes from Axis on.
	Coerce bool
}

func newSoftmax(log, hard bool) func(*Node) (Operator, error) {
	return func(n *Node) (Operator, error) {
		s := &Softmax{Log: log, Hard: hard, Coerce: n.Opset < 13}
		def := -1
		if s.Coerce {
			def = 1
		}
		var err error
		s.Axis, err = n.Attr.Int("axis", def)
		return s, err
	}
}

// Infer implements Operator.
func (s *Softmax) Infer(in []*Info, _ int) ([]Info, error) {
	return sameAsFirst(in, func(rank int) error {
		_, err := normalAxis(s.Axis, rank)
		return err
	})
}

// Locality implements Localizer: a softmax over channels alone stays in its
// pixel.
func (s *Softmax) Locality(in []*Info, _ []Info) Locality {
	if a, err := normalAxis(s.Axis, len(in[0].Shape)); err == nil && a == 1 && len(in[0].Shape) >= 3 && !s.Coerce {
		return Locality{Kind: Pointwise}
	}
	return Locality{}
}

// Eval implements Operator.
func (s *Softmax) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	axis, err := normalAxis(s.Axis, len(in[0].Shape))
	if err != nil {
		return nil, err
	}
	outer, n, inner := around(in[0].Shape, axis)
	if s.Coerce {
		n, inner = n*inner, 1
	}
	y := tensor.Zeros[float32](in[0].Shape...)
	x, d := in[0].Data.([]float32), y.Data.([]float32)
	for o := range outer {
		for i := range inner {
			at := func(k int) int { return (o*n+k)*inner + i }
			best, sum := 0, 0.0
			for k := range n {
				if x[at(k)] > x[at(best)] {
					best = k
				}
			}
			if n == 0 {
				continue
			}
			top := float64(x[at(best)])
			for k := range n {
				sum += math.Exp(float64(x[at(k)]) - top)
			}
			for k := range n {
				v := float64(x[at(k)]) - top
				switch {
				case s.Hard:
					v = 0
					if k == best {
						v = 1
					}
				case s.Log:
					v -= math.Log(sum)
				default:
					v = math.Exp(v) / sum
				}
				d[at(k)] = float32(v)
			}
		}
	}
	return []*tensor.Tensor{y}, nil
}
