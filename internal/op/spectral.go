package op

import (
	"fmt"
	"math"
	"slices"

	"krypton/internal/tensor"
)

// What networks of sounds make of them before the first layer. A transform of constant length
// is a product with a constant matrix, and one of frames a convolution, so that a change of a
// sound reaches the frames it lies in.

// mostSpectral is how many numbers the matrix of a transform may have.
const mostSpectral = 1 << 26

// Window is HannWindow, HammingWindow or BlackmanWindow: the sum of factors times the cosines
// of multiples of an angle that goes around once, in as many steps as input 0 says, or
// (symmetric) in one fewer.
type Window struct {
	factors   []float64
	symmetric bool
	typ       tensor.DType
}

func newSpectralWindow(factors ...float64) func(*Node) (Operator, error) {
	return func(n *Node) (Operator, error) {
		t, err := n.Attr.Int("output_datatype", int(tensor.Float32))
		if err != nil {
			return nil, err
		}
		w := &Window{factors: factors, typ: tensor.DType(t)}
		if !numeric(w.typ) {
			return nil, fmt.Errorf("attribute \"output_datatype\": %w", DTypeError(w.typ))
		}
		periodic, err := n.Attr.Bool("periodic", true)
		w.symmetric = !periodic
		return w, err
	}
}

// Infer implements Operator.
func (w *Window) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	n, err := constantInt(in, 0, "size")
	if err == nil && n < 1 {
		err = fmt.Errorf("input 0 (size) is %d, want at least 1", n)
	}
	if err != nil {
		return nil, err
	}
	return single(w.typ, []int{n})
}

// Eval implements Operator.
func (w *Window) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(w, in)
	if err != nil {
		return nil, err
	}
	steps := shape[0]
	if w.symmetric {
		steps--
	}
	y := tensor.Zeros[float64](shape...)
	fill(y.Data.([]float64), func(i int) float64 {
		sum := 0.0
		for k, f := range w.factors {
			if angle := 2 * math.Pi * float64(k) * float64(i); steps > 0 {
				sum += f * math.Cos(angle/float64(steps))
			} else {
				sum += f
			}
		}
		return sum
	})
	r, err := castTensor(y, w.typ)
	return []*tensor.Tensor{r}, err
}

// turn is the cosine and sine of i of n parts of a circle, i*k being reduced first.
func turn(i, k, n int) (c, s float64) {
	angle := 2 * math.Pi * float64(i*k%n) / float64(n)
	return math.Cos(angle), math.Sin(angle)
}

// wave is what number ci (real or imaginary) of element i contributes to number co of
// frequency k of n: the real and imaginary parts of e^(-2 pi i k/n), or of its inverse.
func wave(i, ci, k, co, n int, inverse bool) float64 {
	c, s := turn(i, k, n)
	if inverse {
		s = -s
	}
	switch {
	case ci == co:
		return c
	case ci == 1: // imaginary to real
		return s
	}
	return -s
}

// newDFT transforms an axis of numbers, real ([..., 1]) or complex ([..., 2]), into its
// frequencies; input 1 is the length that the axis is cut or filled up to. The axis is an
// attribute before operator set 20 and input 2 from it on.
func newDFT(n *Node) (Operator, error) {
	inverse, err := n.Attr.Bool("inverse", false)
	if err != nil {
		return nil, err
	}
	half, err := n.Attr.Bool("onesided", false)
	if err != nil {
		return nil, err
	}
	if inverse && half {
		return nil, fmt.Errorf("attributes \"inverse\" and \"onesided\" together are not supported")
	}
	axis := -2
	if n.Opset < 20 {
		if axis, err = n.Attr.Int("axis", 1); err != nil {
			return nil, err
		}
	}
	old := n.Opset < 20
	return &Compound{least: 1, build: func(p *parts, in []*Info) error {
		x := in[0]
		if err := allFloat32(in[:1]); err != nil {
			return err
		}
		if !x.Known() {
			return fmt.Errorf("shape of the input must be known")
		}
		rank, a := len(x.Shape), axis
		var err error
		if !old && given(in, 2) {
			if a, err = constantInt(in, 2, "axis"); err != nil {
				return err
			}
		}
		if a, err = normalAxis(a, rank); err != nil {
			return err
		}
		numbers := 0
		if rank > 0 {
			numbers = x.Shape[rank-1]
		}
		if rank < 2 || a == rank-1 || numbers != 1 && numbers != 2 {
			return fmt.Errorf("axis %d of shape %v: want one before the last, which is 1 (real) or 2 (complex)", a, x.Shape)
		}
		if half && numbers == 2 {
			return fmt.Errorf("attribute \"onesided\" is for real numbers, and the input has shape %v", x.Shape)
		}
		size := x.Shape[a]
		if given(in, 1) {
			if size, err = constantInt(in, 1, "dft_length"); err != nil {
				return err
			}
		}
		if size < 1 || size > maxAxis {
			return fmt.Errorf("a transform of length %d", size)
		}
		bins := size
		if half {
			bins = size/2 + 1
		}
		rows, columns := x.Shape[a]*numbers, 2*bins
		if int64(rows)*int64(columns) > mostSpectral {
			return fmt.Errorf("a transform of %d numbers into %d is not supported", rows, columns)
		}
		w := make([]float32, rows*columns)
		for i := range min(x.Shape[a], size) {
			for ci := range numbers {
				for k := range bins {
					for co := range 2 {
						v := wave(i, ci, k, co, size, inverse)
						if inverse {
							v /= float64(size)
						}
						w[(i*numbers+ci)*columns+2*k+co] = float32(v)
					}
				}
			}
		}
		var there, back []int64
		var to []int64
		for b := range rank - 1 {
			if b != a {
				there, to = append(there, int64(b)), append(to, int64(x.Shape[b]))
			}
		}
		there = append(there, int64(a), int64(rank-1))
		back = make([]int64, rank)
		for i, b := range there {
			back[b] = int64(i)
		}
		y, err := p.add("Transpose", 13, map[string]any{"perm": there}, p.input(0))
		if err == nil {
			y, err = p.add("Reshape", 13, nil, y, p.ints(append(slices.Clone(to), int64(rows))...))
		}
		if err == nil {
			y, err = p.add("MatMul", 13, nil, y, p.constant(tensor.New(w, rows, columns)))
		}
		if err == nil {
			y, err = p.add("Reshape", 13, nil, y, p.ints(append(slices.Clone(to), int64(bins), 2)...))
		}
		if err == nil {
			y, err = p.add("Transpose", 13, map[string]any{"perm": back}, y)
		}
		p.result(y)
		return err
	}}, nil
}

// newSTFT transforms frames of a signal [batch, length, 1 or 2], each input 1 behind the last,
// times a window, into their frequencies [batch, frames, frequencies, 2].
func newSTFT(n *Node) (Operator, error) {
	half, err := n.Attr.Bool("onesided", true)
	return &Compound{least: 2, build: func(p *parts, in []*Info) error {
		x := in[0]
		if err := allFloat32(in[:1]); err != nil {
			return err
		}
		if !x.Known() || len(x.Shape) != 3 || x.Shape[2] != 1 && x.Shape[2] != 2 {
			return fmt.Errorf("signal of shape %v, want [batch, length, 1 or 2]", x.Shape)
		}
		step, err := constantInt(in, 1, "frame_step")
		if err != nil {
			return err
		}
		size := 0
		var window []float32
		if given(in, 2) {
			t, err := constant(in, 2, "window")
			if err != nil {
				return err
			}
			if window, err = t.Floats(); err != nil || len(t.Shape) != 1 {
				return fmt.Errorf("input 2 (window) has type %v and shape %v", t.DType(), t.Shape)
			}
			size = len(window)
		}
		if given(in, 3) {
			frame, err := constantInt(in, 3, "frame_length")
			if err != nil {
				return err
			}
			if window != nil && frame != size {
				return fmt.Errorf("input 3 (frame_length) is %d, the window has %d numbers", frame, size)
			}
			size = frame
		}
		numbers, length := x.Shape[2], x.Shape[1]
		switch {
		case size < 1 || size > length || step < 1 || step > maxWindow:
			return fmt.Errorf("frames of %d, each %d behind the last, of a signal of %d", size, step, length)
		case half && numbers == 2:
			return fmt.Errorf("attribute \"onesided\" is for real numbers, and the signal has shape %v", x.Shape)
		}
		bins := size
		if half {
			bins = size/2 + 1
		}
		if int64(size)*int64(numbers)*2*int64(bins) > mostSpectral {
			return fmt.Errorf("frames of %d numbers are not supported", size)
		}
		w := make([]float32, 2*bins*numbers*size)
		for k := range bins {
			for co := range 2 {
				for ci := range numbers {
					for i := range size {
						v := wave(i, ci, k, co, size, false)
						if window != nil {
							v *= float64(window[i])
						}
						w[((2*k+co)*numbers+ci)*size+i] = float32(v)
					}
				}
			}
		}
		turned := map[string]any{"perm": []int64{0, 2, 1}}
		y, err := p.add("Transpose", 13, turned, p.input(0))
		if err == nil {
			y, err = p.add("Conv", 11, map[string]any{"strides": []int64{int64(step)}}, y, p.constant(tensor.New(w, 2*bins, numbers, size)))
		}
		if err == nil {
			y, err = p.add("Transpose", 13, turned, y)
		}
		if err == nil {
			y, err = p.add("Reshape", 13, nil, y, p.ints(int64(x.Shape[0]), int64((length-size)/step+1), int64(bins), 2))
		}
		p.result(y)
		return err
	}}, err
}

// MelWeightMatrix makes bands of a spectrum: triangles whose corners are equally far apart on
// the mel scale. Inputs are the number of bands, the transform's length, the sample rate and
// the lowest and highest frequency.
type MelWeightMatrix struct{ typ tensor.DType }

func newMelWeightMatrix(n *Node) (Operator, error) {
	t, err := n.Attr.Int("output_datatype", int(tensor.Float32))
	m := &MelWeightMatrix{tensor.DType(t)}
	if err == nil && !numeric(m.typ) {
		err = fmt.Errorf("attribute \"output_datatype\": %w", DTypeError(m.typ))
	}
	return m, err
}

// Infer implements Operator.
func (m *MelWeightMatrix) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 5); err != nil {
		return nil, err
	}
	bands, err := constantInt(in, 0, "num_mel_bins")
	if err != nil {
		return nil, err
	}
	size, err := constantInt(in, 1, "dft_length")
	if err != nil {
		return nil, err
	}
	rate, err := constantInt(in, 2, "sample_rate")
	if err != nil {
		return nil, err
	}
	if bands < 0 || size < 0 || rate < 1 || bands > maxWindow || size > maxWindow {
		return nil, fmt.Errorf("%d bands of a transform of length %d at a rate of %d", bands, size, rate)
	}
	for i, name := range []string{"lower_edge_hertz", "upper_edge_hertz"} {
		t, err := constant(in, 3+i, name)
		if err != nil {
			return nil, err
		}
		if f := floatReader(t); t.Len() != 1 || f == nil || !(f(0) >= 0 && f(0) < 1e9) {
			return nil, fmt.Errorf("input %d (%s) is no frequency", 3+i, name)
		}
	}
	return single(m.typ, []int{size/2 + 1, bands})
}

// Eval implements Operator.
func (m *MelWeightMatrix) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(m, in)
	if err != nil {
		return nil, err
	}
	number := func(i int) float64 { return floatReader(in[i])(0) }
	mel := func(hertz float64) float64 { return 2595 * math.Log10(1+hertz/700) }
	bands := shape[1]
	low := mel(number(3))
	step := (mel(number(4)) - low) / float64(bands+2)
	corners := make([]int, bands+2)
	for i := range corners {
		hertz := 700 * (math.Pow(10, (float64(i)*step+low)/2595) - 1)
		corners[i] = int(math.Floor((number(1) + 1) * hertz / number(2)))
		if corners[i] < 0 || corners[i] >= shape[0] && i <= bands || corners[i] > shape[0] {
			return nil, fmt.Errorf("%w: the bands reach frequency %d of %d", errIndex, corners[i], shape[0])
		}
	}
	y := tensor.Zeros[float64](shape...)
	d := y.Data.([]float64)
	for b := range bands {
		from, centre, to := corners[b], corners[b+1], corners[b+2]
		if from == centre {
			d[centre*bands+b] = 1
		}
		for k := from; k <= centre && from < centre; k++ {
			d[k*bands+b] = float64(k-from) / float64(centre-from)
		}
		for k := centre; k < to; k++ {
			d[k*bands+b] = float64(to-k) / float64(to-centre)
		}
	}
	r, err := castTensor(y, m.typ)
	return []*tensor.Tensor{r}, err
}
