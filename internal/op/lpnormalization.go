package op

import (
	"fmt"
	"math"
	"slices"

	"krypton/internal/tensor"
)

// LpNormalization divides by the 1- or 2-norm along one axis; where the norm
// is 0 the output is 0.
type LpNormalization struct{ Axis, P int }

func newLpNormalization(n *Node) (Operator, error) {
	l := &LpNormalization{}
	var err error
	if l.Axis, err = n.Attr.Int("axis", -1); err != nil {
		return nil, err
	}
	if l.P, err = n.Attr.Int("p", 2); err == nil && l.P != 1 && l.P != 2 {
		err = fmt.Errorf("attribute \"p\" is %d, want 1 or 2", l.P)
	}
	return l, err
}

// Infer implements Operator.
func (l *LpNormalization) Infer(in []*Info, _ int) ([]Info, error) {
	return sameAsFirst(in, func(rank int) error {
		_, err := normalAxis(l.Axis, rank)
		return err
	})
}

// Locality implements Localizer.
func (l *LpNormalization) Locality(in []*Info, _ []Info) Locality {
	if !in[0].Known() || !channelAxis(l.Axis, len(in[0].Shape)) {
		return Locality{}
	}
	return Locality{Kind: Pointwise}
}

// Eval implements Operator.
func (l *LpNormalization) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(l, in)
	if err != nil {
		return nil, err
	}
	axis, err := normalAxis(l.Axis, len(shape))
	if err != nil {
		return nil, err
	}
	x, y := in[0].Data.([]float32), tensor.Zeros[float32](shape...)
	set := reductionSets(shape, []int{axis})
	rest := slices.Delete(slices.Clone(shape), axis, axis+1)
	d := y.Data.([]float32)
	if len(d) == 0 {
		return []*tensor.Tensor{y}, nil
	}
	for o := range product(rest) {
		norm := 0.0
		set(o, func(i int) {
			if l.P == 1 {
				norm += math.Abs(float64(x[i]))
			} else {
				norm += float64(float64(x[i]) * float64(x[i]))
			}
		})
		if l.P == 2 {
			norm = math.Sqrt(norm)
		}
		if norm != 0 {
			set(o, func(i int) { d[i] = float32(float64(x[i]) / norm) })
		}
	}
	return []*tensor.Tensor{y}, nil
}

// MeanVarianceNormalization subtracts the mean over Axes and divides by the
// standard deviation plus 1e-9.
type MeanVarianceNormalization struct{ Axes []int }

func newMeanVarianceNormalization(n *Node) (Operator, error) {
	axes, err := n.Attr.Ints("axes")
	if axes == nil {
		axes = []int{0, 2, 3}
	}
	return &MeanVarianceNormalization{axes}, err
}

// Infer implements Operator.
func (m *MeanVarianceNormalization) Infer(in []*Info, _ int) ([]Info, error) {
	return sameAsFirst(in, func(rank int) error {
		_, err := normalAxes(m.Axes, rank)
		return err
	})
}

// Eval implements Operator.
func (m *MeanVarianceNormalization) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(m, in)
	if err != nil {
		return nil, err
	}
	axes, err := normalAxes(m.Axes, len(shape))
	if err != nil {
		return nil, err
	}
	x, y := in[0].Data.([]float32), tensor.Zeros[float32](shape...)
	d := y.Data.([]float32)
	if len(d) == 0 {
		return []*tensor.Tensor{y}, nil
	}
	set, sets := reductionSets(shape, axes), 1
	for a, n := range shape {
		if !slices.Contains(axes, a) {
			sets *= n
		}
	}
	for o := range sets {
		sum, squares, n := 0.0, 0.0, 0.0
		set(o, func(i int) { sum += float64(x[i]); n++ })
		mean := sum / n
		set(o, func(i int) { squares += float64((float64(x[i]) - mean) * (float64(x[i]) - mean)) })
		deviation := math.Sqrt(squares/n) + 1e-9
		set(o, func(i int) { d[i] = float32((float64(x[i]) - mean) / deviation) })
	}
	return []*tensor.Tensor{y}, nil
}
