package op

import (
	"fmt"
	"math"

	"krypton/internal/region"
	"krypton/internal/tensor"
)

// PoolKind says what a pooling takes of each window.
type PoolKind int

// The kinds of pooling.
const (
	PoolMax PoolKind = iota
	PoolAverage
	PoolLp
)

// Pool is MaxPool, AveragePool or LpPool over any number of spatial axes.
type Pool struct {
	WindowAttributes
	Kind PoolKind
	// CountIncludePad divides averages by all cells of the window inside the
	// input and its stated padding, not only by the inputs.
	CountIncludePad bool
	// P is the norm of LpPool.
	P int
	// columnMajor counts MaxPool's indices along the first spatial axis
	// fastest.
	columnMajor bool
}

func newPool(kind PoolKind) func(*Node) (Operator, error) {
	return func(n *Node) (Operator, error) {
		w, err := readWindow(n.Attr)
		if err != nil {
			return nil, err
		}
		if w.Kernel == nil {
			return nil, fmt.Errorf("attribute \"kernel_shape\" is missing")
		}
		if n.Opset >= 10 {
			if w.CeilMode, err = n.Attr.Bool("ceil_mode", false); err != nil {
				return nil, err
			}
		}
		p := &Pool{WindowAttributes: w, Kind: kind}
		switch kind {
		case PoolAverage:
			p.CountIncludePad, err = n.Attr.Bool("count_include_pad", false)
		case PoolMax:
			p.columnMajor, err = n.Attr.Bool("storage_order", false)
		case PoolLp:
			p.P, err = readNorm(n)
		}
		return p, err
	}
}

// readNorm reads the norm of LpPool and GlobalLpPool, which was a float at first.
func readNorm(n *Node) (p int, err error) {
	if n.Opset < 2 {
		var f float32
		f, err = n.Attr.Float("p", 2)
		if p = int(f); err == nil && float32(p) != f {
			err = fmt.Errorf("attribute \"p\" is %g, want an integer", f)
		}
	} else {
		p, err = n.Attr.Int("p", 2)
	}
	if err == nil && (p < 1 || p > maxWindow) {
		err = fmt.Errorf("attribute \"p\" is %d, want at least 1", p)
	}
	return p, err
}

// Windows resolves the geometry for an input shape.
func (p *Pool) Windows(x []int) ([]region.Window, error) {
	if len(x) < 3 {
		return nil, fmt.Errorf("input has shape %v: want at least one spatial axis", x)
	}
	ws, err := p.Geometry(p.Kernel, x[2:])
	if err != nil {
		return nil, err
	}
	if err := checkShape(p.Kernel); err != nil { // every cell is visited
		return nil, fmt.Errorf("kernel_shape: %w", err)
	}
	for i, w := range ws {
		end := 0
		if p.AutoPad == "NOTSET" && p.Pads != nil {
			end = p.Pads[len(ws)+i]
		}
		if w.Pad >= w.Extent() || end >= w.Extent() {
			return nil, fmt.Errorf("padding %d and %d on spatial axis %d: a window of extent %d could lie wholly in it", w.Pad, end, i, w.Extent())
		}
	}
	return ws, nil
}

// Infer implements Operator.
func (p *Pool) Infer(in []*Info, outputs int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	if t := in[0].Type; t != tensor.Float32 && !(p.Kind == PoolMax && (t == tensor.Uint8 || t == tensor.Int8)) {
		return nil, DTypeError(t)
	}
	if !in[0].Known() {
		return nil, fmt.Errorf("shape of the input must be known")
	}
	ws, err := p.Windows(in[0].Shape)
	if err != nil {
		return nil, err
	}
	out, err := single(in[0].Type, append([]int{in[0].Shape[0], in[0].Shape[1]}, outs(ws)...))
	if err == nil && outputs > 1 {
		out = append(out, Info{Type: tensor.Int64, Shape: out[0].Shape})
	}
	return out, err
}

// Locality implements Localizer.
func (p *Pool) Locality(in []*Info, _ []Info) Locality {
	ws, err := p.Windows(in[0].Shape)
	if err != nil {
		return Locality{}
	}
	return Locality{Kind: Windowed, Windows: ws}
}

// Eval implements Operator.
func (p *Pool) Eval(in []*tensor.Tensor, outputs int) ([]*tensor.Tensor, error) {
	x, err := castTensor(in[0], tensor.Float64)
	if err != nil {
		return nil, err
	}
	ws, err := p.Windows(in[0].Shape)
	if err != nil {
		return nil, err
	}
	shape := append([]int{in[0].Shape[0], in[0].Shape[1]}, outs(ws)...)
	y, index := tensor.Zeros[float64](shape...), tensor.Zeros[int64](shape...)
	inPlane, outPlane := product(in[0].Shape[2:]), product(shape[2:])
	src, dst, idx := x.Data.([]float64), y.Data.([]float64), index.Data.([]int64)
	o, k := make([]int, len(ws)), make([]int, len(ws))
	for cell := range outPlane {
		unravel(cell, shape[2:], o)
		var taps []int
		for t := range product(p.Kernel) {
			unravel(t, p.Kernel, k)
			if s := sourceIndex(ws, o, k); s >= 0 {
				taps = append(taps, s)
			}
		}
		divisor := float64(len(taps))
		if p.CountIncludePad {
			divisor = float64(p.cells(ws, o))
		}
		for plane := range shape[0] * shape[1] {
			v, at := p.window(src[plane*inPlane:], taps)
			if p.Kind == PoolAverage {
				v /= divisor
			}
			dst[plane*outPlane+cell] = v
			if at >= 0 {
				idx[plane*outPlane+cell] = int64(plane*inPlane + p.stored(at, in[0].Shape[2:]))
			}
		}
	}
	out, err := castTensor(y, in[0].DType())
	if err != nil {
		return nil, err
	}
	return []*tensor.Tensor{out, index}[:max(1, min(outputs, 2))], nil
}

// window folds the inputs of one window; at is the place of the largest. A NaN
// is larger than any number and, as in PyTorch, the last of several counts.
func (p *Pool) window(x []float64, taps []int) (v float64, at int) {
	at = -1
	if p.Kind == PoolMax {
		v = math.Inf(-1)
	}
	for _, s := range taps {
		switch p.Kind {
		case PoolMax:
			if x[s] > v || x[s] != x[s] || at < 0 {
				v, at = x[s], s
			}
		case PoolAverage:
			v += x[s]
		case PoolLp:
			v += math.Pow(math.Abs(x[s]), float64(p.P))
		}
	}
	if p.Kind == PoolLp {
		v = math.Pow(v, 1/float64(p.P))
	}
	return v, at
}

// cells counts the cells of the window at output o that lie inside the input
// and its stated padding: in ceil mode the last window may reach beyond.
func (p *Pool) cells(ws []region.Window, o []int) int {
	n := 1
	for a := range ws {
		n *= p.CellsAlong(ws, a, o[a])
	}
	return n
}

// CellsAlong is the number of cells of window o along one spatial axis that lie
// inside the input and its stated padding.
func (p *Pool) CellsAlong(ws []region.Window, axis, o int) int {
	w := ws[axis]
	limit := math.MaxInt
	switch p.AutoPad {
	case "NOTSET":
		limit = w.In
		if p.Pads != nil {
			limit += p.Pads[len(ws)+axis]
		}
	case "VALID":
		limit = w.In
	}
	n := 0
	for t := range w.Kernel {
		if o*w.Stride-w.Pad+t*w.Dilation < limit {
			n++
		}
	}
	return n
}

// stored is the index that MaxPool reports for a flat place in the plane.
func (p *Pool) stored(at int, plane []int) int {
	if !p.columnMajor {
		return at
	}
	c := make([]int, len(plane))
	unravel(at, plane, c)
	i := 0
	for a := len(plane) - 1; a >= 0; a-- {
		i = i*plane[a] + c[a]
	}
	return i
}

// GlobalPool takes the mean, the maximum or a norm of the whole plane.
type GlobalPool struct {
	Kind PoolKind
	// P is the norm of GlobalLpPool.
	P int
}

func newGlobalPool(kind PoolKind) func(*Node) (Operator, error) {
	return func(n *Node) (Operator, error) {
		g := &GlobalPool{Kind: kind}
		var err error
		if kind == PoolLp {
			g.P, err = readNorm(n)
		}
		return g, err
	}
}

// Infer implements Operator.
func (g *GlobalPool) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	if err := allFloat32(in); err != nil {
		return nil, err
	}
	if len(in[0].Shape) < 3 || product(in[0].Shape[2:]) == 0 {
		return nil, fmt.Errorf("input has shape %v: want at least one spatial axis, none empty", in[0].Shape)
	}
	shape := []int{in[0].Shape[0], in[0].Shape[1]}
	for range in[0].Shape[2:] {
		shape = append(shape, 1)
	}
	return single(in[0].Type, shape)
}

// Locality implements Localizer.
func (g *GlobalPool) Locality(in []*Info, _ []Info) Locality {
	l := Locality{Kind: Windowed}
	for _, n := range in[0].Shape[2:] {
		l.Windows = append(l.Windows, region.Whole(n))
	}
	return l
}

// Eval implements Operator.
func (g *GlobalPool) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(g, in)
	if err != nil {
		return nil, err
	}
	y := tensor.Zeros[float32](shape...)
	x, n := in[0].Data.([]float32), product(in[0].Shape[2:])
	for i := range y.Data.([]float32) {
		sum, top := 0.0, math.Inf(-1)
		for _, v := range x[i*n : (i+1)*n] {
			if g.Kind == PoolLp {
				sum += math.Pow(math.Abs(float64(v)), float64(g.P))
			} else {
				sum += float64(v)
			}
			top = max(top, float64(v))
		}
		switch g.Kind {
		case PoolAverage:
			top = sum / float64(n)
		case PoolLp:
			top = math.Pow(sum, 1/float64(g.P))
		}
		y.Data.([]float32)[i] = float32(top)
	}
	return []*tensor.Tensor{y}, nil
}
