package op

import (
	"errors"
	"fmt"
	"slices"

	"krypton/internal/tensor"
)

// newDynamicLSTM reads com.microsoft.DynamicQuantizeLSTM (ContribOperators.md of ONNX Runtime):
// an LSTM whose weights are of 8 bits, [directions, inputs, 4*hidden], with scales and zero
// points behind the inputs of LSTM, one for each direction or one for each of its columns.
// What they are multiplied by is quantized by its own range: the sequence as a whole, and the
// state at each step. ONNX Runtime takes the range of several states together where there is a
// batch, of as many as its threads make parts: such are refused.
func newDynamicLSTM(n *Node) (Operator, error) {
	m := *n
	m.Type, m.Opset = "LSTM", 7
	o, err := newRecurrent(&m)
	if err != nil {
		return nil, err
	}
	r := o.(*Recurrent)
	r.dynamic = true
	return &Compound{build: func(p *parts, in []*Info) error {
		x := in[0]
		if !x.Known() || len(x.Shape) != 3 || x.Shape[1] != 1 {
			return fmt.Errorf("sequences of shape %v: only one of them is supported", x.Shape)
		}
		w, err := columnWeights(in, 1, 8)
		if err != nil {
			return err
		}
		u, err := columnWeights(in, 2, 10)
		if err != nil {
			return err
		}
		q, err := p.addOutputs(3, "DynamicQuantizeLinear", 11, nil, p.input(0))
		if err != nil {
			return err
		}
		y, err := p.add("DequantizeLinear", 13, nil, q, Ref{Part: q.Part, Output: 1}, Ref{Part: q.Part, Output: 2})
		if err != nil {
			return err
		}
		args := []Ref{y, p.constant(w), p.constant(u)}
		for i := 3; i < 8; i++ {
			args = append(args, p.input(i))
		}
		def, err := Lookup("LSTM", 7)
		if err != nil {
			return err
		}
		if y, err = p.append(def, r, 3, args); err == nil {
			p.result(y, Ref{Part: y.Part, Output: 1}, Ref{Part: y.Part, Output: 2})
		}
		return err
	}}, nil
}

// columnWeights gives constant weights [directions, inputs, columns] of 8 bits as ONNX's LSTM
// has them, [directions, columns, inputs], by the scales and zero points of inputs at and at+1.
func columnWeights(in []*Info, i, at int) (*tensor.Tensor, error) {
	if !given(in, at) || in[i].Value == nil || in[at].Value == nil || given(in, at+1) && in[at+1].Value == nil {
		return nil, errors.New("weights, scales or zero points that are missing or depend on data are not supported")
	}
	w, s := in[i].Value, in[at].Value
	if t := w.DType(); t != tensor.Uint8 && t != tensor.Int8 || s.DType() != tensor.Float32 {
		return nil, fmt.Errorf("weights of %v with scales of %v", w.DType(), s.DType())
	}
	if len(w.Shape) != 3 {
		return nil, fmt.Errorf("weights have shape %v, want three axes", w.Shape)
	}
	dirs, inputs, columns := w.Shape[0], w.Shape[1], w.Shape[2]
	each := slices.Equal(s.Shape, []int{dirs, columns})
	if !each && !slices.Equal(s.Shape, []int{dirs}) {
		return nil, fmt.Errorf("scales have shape %v for weights of shape %v", s.Shape, w.Shape)
	}
	zero := func(int) float64 { return 0 }
	if given(in, at+1) {
		z := in[at+1].Value
		if z.DType() != w.DType() || !slices.Equal(z.Shape, s.Shape) {
			return nil, fmt.Errorf("zero points of %v and shape %v for weights of %v and scales of shape %v", z.DType(), z.Shape, w.DType(), s.Shape)
		}
		zero = floatReader(z)
	}
	scale, value := s.Data.([]float32), floatReader(w)
	y := tensor.Zeros[float32](dirs, columns, inputs)
	for d := range dirs {
		for k := range inputs {
			for c := range columns {
				of := d
				if each {
					of = d*columns + c
				}
				y.Data.([]float32)[(d*columns+c)*inputs+k] = float32(value((d*inputs+k)*columns+c)-zero(of)) * scale[of]
			}
		}
	}
	return y, nil
}

// rangeQuantized gives numbers as DynamicQuantizeLinear and DequantizeLinear leave them.
func rangeQuantized(x []float64) []float64 {
	narrow := make([]float32, len(x))
	for i, v := range x {
		narrow[i] = float32(v)
	}
	q, scale, zero := dynamicallyQuantized(narrow)
	y := make([]float64, len(x))
	for i, v := range q {
		y[i] = float64(scale) * (float64(v) - float64(zero))
	}
	return y
}
