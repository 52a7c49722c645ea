package op

import (
	"fmt"
	"math"
	"slices"

	"krypton/internal/region"
	"krypton/internal/tensor"
)

// ReduceKind is what a Reduce computes from a set of elements.
type ReduceKind int

// The kinds of reduction, with their value for an empty set in parentheses.
const (
	ReduceMean      ReduceKind = iota // sum / n (NaN; 0 for integers)
	ReduceSum                         // (0)
	ReduceMax                         // (least value of the type)
	ReduceMin                         // (greatest value of the type)
	ReduceProd                        // (1)
	ReduceL1                          // sum |x| (0)
	ReduceL2                          // sqrt(sum x^2) (0)
	ReduceSumSquare                   // (0)
	ReduceLogSum                      // log(sum x) (-infinity)
	ReduceLogSumExp                   // log(sum e^x) (-infinity)
)

var reduceNames = [...]string{"Mean", "Sum", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSum", "LogSumExp"}

// String gives the ONNX name without "Reduce".
func (k ReduceKind) String() string { return reduceNames[k] }

// Reduce reduces over a set of axes, which stay with length 1 if KeepDims. No
// axes means all of them, or none with noop_with_empty_axes.
type Reduce struct {
	Kind     ReduceKind
	KeepDims bool
	axes     axesArgument
	noop     bool
}

// newReduce reads a reduction whose axes became an input in operator set since.
func newReduce(kind ReduceKind, since int) func(n *Node) (Operator, error) {
	return func(n *Node) (Operator, error) {
		r := &Reduce{Kind: kind}
		var err error
		if r.KeepDims, err = n.Attr.Bool("keepdims", true); err != nil {
			return nil, err
		}
		if n.Opset >= since {
			if r.noop, err = n.Attr.Bool("noop_with_empty_axes", false); err != nil {
				return nil, err
			}
		}
		r.axes, err = readAxes(n, since)
		return r, err
	}
}

// Axes are the reduced axes, normalised and sorted.
func (r *Reduce) Axes(in []*Info) ([]int, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	axes, err := r.axes.resolve(in)
	if err != nil {
		return nil, err
	}
	rank := len(in[0].Shape)
	if len(axes) == 0 {
		if r.noop {
			return []int{}, nil
		}
		axes = make([]int, rank)
		for a := range axes {
			axes[a] = a
		}
		return axes, nil
	}
	if axes, err = normalAxes(axes, rank); err != nil {
		return nil, err
	}
	slices.Sort(axes)
	return axes, nil
}

// Infer implements Operator.
func (r *Reduce) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	t := in[0].Type
	extreme := r.Kind == ReduceMax || r.Kind == ReduceMin
	if !numeric(t) && !(extreme && t == tensor.Bool) {
		return nil, fmt.Errorf("input 0: %w", DTypeError(t))
	}
	if !in[0].Known() {
		return unknown(t)
	}
	axes, err := r.Axes(in)
	if err != nil {
		return nil, err
	}
	shape := []int{}
	for a, n := range in[0].Shape {
		switch {
		case !slices.Contains(axes, a):
			shape = append(shape, n)
		case r.KeepDims:
			shape = append(shape, 1)
		}
	}
	return single(t, shape)
}

// Locality implements Localizer: a window over the whole plane if exactly the
// spatial axes are reduced, pointwise if only the channels are and stay.
func (r *Reduce) Locality(in []*Info, _ []Info) Locality {
	if !in[0].Known() || len(in[0].Shape) < 3 {
		return Locality{}
	}
	axes, err := r.Axes(in)
	if err != nil {
		return Locality{}
	}
	plane := in[0].Shape[2:]
	switch {
	case slices.Contains(plane, 0):
		return Locality{}
	case slices.Equal(axes, []int{1}) && r.KeepDims:
		return Locality{Kind: Pointwise}
	case len(axes) == len(plane) && axes[0] == 2: // sorted and distinct: all spatial
		ws := make([]region.Window, len(plane))
		for i, n := range plane {
			ws[i] = region.Whole(n)
		}
		return Locality{Kind: Windowed, Windows: ws}
	}
	return Locality{}
}

// Eval implements Operator. Floats are summed in float64; integers wrap around
// in their own type, and where the formula has a root, a logarithm or
// a quotient it is truncated.
func (r *Reduce) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(r, in)
	if err != nil {
		return nil, err
	}
	axes, err := r.Axes(infosOf(in))
	if err != nil {
		return nil, err
	}
	y, err := tensor.Make(in[0].DType(), shape...)
	if err != nil {
		return nil, err
	}
	read := reductionSets(in[0].Shape, axes)
	switch d := y.Data.(type) {
	case []float32:
		reduceFloats(d, in[0].Data.([]float32), read, r.Kind)
	case []float64:
		reduceFloats(d, in[0].Data.([]float64), read, r.Kind)
	case []bool:
		reduceBools(d, in[0].Data.([]bool), read, r.Kind)
	case []int8:
		reduceInts(d, in[0].Data.([]int8), read, r.Kind)
	case []int16:
		reduceInts(d, in[0].Data.([]int16), read, r.Kind)
	case []int32:
		reduceInts(d, in[0].Data.([]int32), read, r.Kind)
	case []int64:
		reduceInts(d, in[0].Data.([]int64), read, r.Kind)
	case []uint8:
		reduceInts(d, in[0].Data.([]uint8), read, r.Kind)
	case []uint16:
		reduceInts(d, in[0].Data.([]uint16), read, r.Kind)
	case []uint32:
		reduceInts(d, in[0].Data.([]uint32), read, r.Kind)
	case []uint64:
		reduceInts(d, in[0].Data.([]uint64), read, r.Kind)
	}
	return []*tensor.Tensor{y}, nil
}

// reductionSets returns a function that calls visit with the input positions of
// the set of output o, in row-major order.
func reductionSets(shape, axes []int) func(o int, visit func(i int)) {
	stride := strides(shape)
	var kept, keptStride, gone, goneStride []int
	for a, n := range shape {
		if slices.Contains(axes, a) {
			gone, goneStride = append(gone, n), append(goneStride, stride[a])
		} else {
			kept, keptStride = append(kept, n), append(keptStride, stride[a])
		}
	}
	offsets := []int(nil)
	if size, err := tensor.Size(shape); err == nil && size > 0 {
		offsets = make([]int, product(gone))
		at := make([]int, len(gone))
		for i := range offsets {
			unravel(i, gone, at)
			offsets[i] = flat(at, goneStride)
		}
	}
	at := make([]int, len(kept))
	return func(o int, visit func(i int)) {
		unravel(o, kept, at)
		base := flat(at, keptStride)
		for _, off := range offsets {
			visit(base + off)
		}
	}
}

// reduceFloats keeps a NaN in every kind: math.Max would let an infinity win.
func reduceFloats[T float32 | float64](y, x []T, set func(o int, visit func(i int)), kind ReduceKind) {
	for o := range y {
		v, n := reduceIdentity(kind), 0
		switch kind {
		case ReduceMax:
			set(o, func(i int) { v = max(v, float64(x[i])) })
		case ReduceMin:
			set(o, func(i int) { v = min(v, float64(x[i])) })
		case ReduceProd:
			set(o, func(i int) { v *= float64(x[i]) })
		case ReduceL1:
			set(o, func(i int) { v += math.Abs(float64(x[i])) })
		case ReduceL2, ReduceSumSquare:
			set(o, func(i int) { v += float64(float64(x[i]) * float64(x[i])) })
		case ReduceLogSumExp:
			v = logSumExp(func(visit func(float64)) { set(o, func(i int) { visit(float64(x[i])) }) })
		default:
			set(o, func(i int) { v += float64(x[i]); n++ })
		}
		y[o] = T(reduceFinish(kind, v, n))
	}
}

// reduceIdentity is where the accumulation begins.
func reduceIdentity(kind ReduceKind) float64 {
	switch kind {
	case ReduceMax:
		return math.Inf(-1)
	case ReduceMin:
		return math.Inf(1)
	case ReduceProd:
		return 1
	}
	return 0
}

// reduceFinish turns the accumulated value of n elements into the result.
func reduceFinish(kind ReduceKind, v float64, n int) float64 {
	switch kind {
	case ReduceMean:
		return v / float64(n)
	case ReduceL2:
		return math.Sqrt(v)
	case ReduceLogSum:
		return math.Log(v)
	}
	return v
}

// logSumExp is log(sum e^x), with the maximum taken out so that it does not
// overflow.
func logSumExp(each func(visit func(float64))) float64 {
	m, sum := math.Inf(-1), 0.0
	each(func(v float64) { m = max(m, v) })
	if math.IsInf(m, 0) || math.IsNaN(m) {
		return m
	}
	each(func(v float64) { sum += math.Exp(v - m) })
	return m + math.Log(sum)
}

func reduceInts[T integer](y, x []T, set func(o int, visit func(i int)), kind ReduceKind) {
	low, high := bounds[T]()
	for o := range y {
		var v, n T
		switch kind {
		case ReduceMax:
			v = low
			set(o, func(i int) { v = max(v, x[i]) })
		case ReduceMin:
			v = high
			set(o, func(i int) { v = min(v, x[i]) })
		case ReduceProd:
			v = 1
			set(o, func(i int) { v *= x[i] })
		case ReduceSum:
			set(o, func(i int) { v += x[i] })
		case ReduceL1:
			set(o, func(i int) {
				n = x[i]
				if n < 0 {
					n = -n
				}
				v += n
			})
		case ReduceSumSquare:
			set(o, func(i int) { v += x[i] * x[i] })
		default:
			v = reduceRounded[T](x, kind, func(visit func(i int)) { set(o, visit) })
		}
		y[o] = v
	}
}

// reduceRounded is the integer result of the formulas that leave the integers.
func reduceRounded[T integer](x []T, kind ReduceKind, set func(visit func(i int))) T {
	v, n := 0.0, 0
	switch kind {
	case ReduceLogSumExp:
		v = logSumExp(func(visit func(float64)) { set(func(i int) { visit(float64(x[i])) }) })
	case ReduceL2:
		set(func(i int) { v += float64(float64(x[i]) * float64(x[i])) })
	default:
		set(func(i int) { v += float64(x[i]); n++ })
	}
	return truncated[T](reduceFinish(kind, v, n))
}

// reduceBools is the maximum (any) or minimum (all) of booleans.
func reduceBools(y, x []bool, set func(o int, visit func(i int)), kind ReduceKind) {
	for o := range y {
		v := kind == ReduceMin
		set(o, func(i int) {
			if kind == ReduceMax {
				v = v || x[i]
			} else {
				v = v && x[i]
			}
		})
		y[o] = v
	}
}
