package op

import (
	"fmt"
	"slices"
)

// activated appends the activation that a fused operator names. params gives
// the value of its i-th parameter, which attribute is called name.
func (p *parts) activated(x Ref, activation string, params func(i int, name string) (float32, bool)) (Ref, error) {
	names, known := map[string][]string{
		"": nil, "Relu": nil, "Tanh": nil, "Sigmoid": nil, "Softplus": nil, "Softsign": nil, "LeakyRelu": {"alpha"}, "Elu": {"alpha"},
		"ThresholdedRelu": {"alpha"}, "HardSigmoid": {"alpha", "beta"}, "Selu": {"alpha", "gamma"}, "Clip": {"min", "max"}, "HardSwish": nil,
	}[activation]
	switch {
	case !known:
		return Ref{}, fmt.Errorf("activation %q is not supported", activation)
	case activation == "":
		return x, nil
	}
	attr, opset := map[string]any{}, 10
	if activation == "HardSwish" {
		opset = 14
	}
	for i, name := range names {
		if v, ok := params(i, name); ok {
			attr[name] = v
		}
	}
	return p.add(activation, opset, attr, x)
}

// newFusedConv is ONNX Runtime's convolution with a sum (input 3) and an
// activation behind it.
func newFusedConv(n *Node) (Operator, error) {
	attr := n.Attr.pass("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")
	activation, err := n.Attr.String("activation", "")
	if err != nil {
		return nil, err
	}
	params, err := n.Attr.Floats("activation_params")
	if err != nil {
		return nil, err
	}
	return &Compound{build: func(p *parts, _ []*Info) error {
		y, err := p.add("Conv", 11, attr, p.input(0), p.input(1), p.input(2))
		if err == nil && given(p.in, 3) {
			y, err = p.add("Add", 13, nil, y, p.input(3))
		}
		if err == nil {
			y, err = p.activated(y, activation, func(i int, _ string) (float32, bool) {
				return append(params, make([]float32, 2)...)[i], i < len(params)
			})
		}
		p.result(y)
		return err
	}}, nil
}

// newFusedGemm is Gemm with an activation behind it.
func newFusedGemm(n *Node) (Operator, error) {
	attr := n.Attr.pass("alpha", "beta", "transA", "transB")
	activation, err := n.Attr.String("activation", "")
	if err != nil {
		return nil, err
	}
	params := map[string]float32{}
	for _, name := range []string{"alpha", "beta", "gamma"} {
		if a := "activation_" + name; n.Attr.Has(a) {
			if params[name], err = n.Attr.Float(a, 0); err != nil {
				return nil, err
			}
		}
	}
	return &Compound{build: func(p *parts, _ []*Info) error {
		y, err := p.add("Gemm", 13, attr, p.input(0), p.input(1), p.input(2))
		if err == nil {
			y, err = p.activated(y, activation, func(_ int, name string) (float32, bool) { v, ok := params[name]; return v, ok })
		}
		p.result(y)
		return err
	}}, nil
}

// newFusedMatMul is alpha times the product of both operands, each transposed
// in its last two axes (trans) or in all but the last (transBatch) before that.
func newFusedMatMul(n *Node) (Operator, error) {
	alpha, err := n.Attr.Float("alpha", 1)
	if err != nil {
		return nil, err
	}
	var flags [4]bool
	for i, name := range []string{"transA", "transB", "transBatchA", "transBatchB"} {
		if flags[i], err = n.Attr.Bool(name, false); err != nil {
			return nil, err
		}
	}
	return &Compound{build: func(p *parts, in []*Info) error {
		var operand [2]Ref
		for i := range operand {
			operand[i] = p.input(i)
			if !in[i].Known() {
				return fmt.Errorf("shape of input %d must be known", i)
			}
			perm, err := matrixOrder(len(in[i].Shape), flags[i], flags[2+i])
			if err != nil {
				return fmt.Errorf("input %d: %w", i, err)
			}
			if perm == nil {
				continue
			}
			if operand[i], err = p.add("Transpose", 13, map[string]any{"perm": perm}, operand[i]); err != nil {
				return err
			}
		}
		y, err := p.add("MatMul", 13, nil, operand[0], operand[1])
		if err == nil && alpha != 1 {
			y, err = p.add("Mul", 13, nil, y, p.float(alpha))
		}
		p.result(y)
		return err
	}}, nil
}

// matrixOrder is the order of axes of a transposed operand, nil for its own.
func matrixOrder(rank int, matrix, batch bool) ([]int64, error) {
	if !matrix && !batch || rank < 2 && !batch { // a vector is its own transpose
		return nil, nil
	}
	if batch && rank < 3 {
		return nil, fmt.Errorf("%d axes are too few to transpose the batch", rank)
	}
	perm := make([]int64, rank)
	for a := range perm {
		perm[a] = int64(a)
	}
	if batch {
		perm = append(append(slices.Clone(perm[1:rank-1]), 0), int64(rank-1))
	}
	if matrix {
		perm[rank-1], perm[rank-2] = perm[rank-2], perm[rank-1]
	}
	return perm, nil
}

// newFusedGelu is Gelu of the sum of its inputs.
func newFusedGelu(approximate string) func(*Node) (Operator, error) {
	return func(*Node) (Operator, error) {
		return &Compound{build: func(p *parts, _ []*Info) error {
			y, err := p.input(0), error(nil)
			if given(p.in, 1) {
				y, err = p.add("Add", 13, nil, y, p.input(1))
			}
			if err == nil {
				y, err = p.add("Gelu", 20, map[string]any{"approximate": approximate}, y)
			}
			p.result(y)
			return err
		}}, nil
	}
}

// newQuickGelu is x * sigmoid(alpha x).
func newQuickGelu(n *Node) (Operator, error) {
	alpha, err := n.Attr.Float("alpha", 1.702)
	return &Compound{build: func(p *parts, _ []*Info) error {
		y, err := p.add("Swish", 24, map[string]any{"alpha": alpha}, p.input(0))
		p.result(y)
		return err
	}}, err
}

// newSkipNorm normalizes the sum of its first two inputs and, where it is given,
// of a bias. Outputs are the result, mean and inverse deviation, and the sum.
func newSkipNorm(simplified bool) func(*Node) (Operator, error) {
	return func(n *Node) (Operator, error) {
		epsilon, err := n.Attr.Float("epsilon", 1e-12)
		if err != nil {
			return nil, err
		}
		bias, norm, opset := 4, "LayerNormalization", 17
		if simplified {
			bias, norm, opset = 3, "SimplifiedLayerNormalization", 17
		}
		attr := map[string]any{"epsilon": epsilon, "axis": int64(-1)}
		return &Compound{build: func(p *parts, _ []*Info) error {
			sum, err := p.add("Add", 13, nil, p.input(0), p.input(1))
			if err == nil && given(p.in, bias) {
				sum, err = p.add("Add", 13, nil, sum, p.input(bias))
			}
			if err != nil {
				return err
			}
			in := []Ref{sum, p.input(2)}
			if !simplified {
				in = append(in, p.input(3))
			}
			y, err := p.add(norm, opset, attr, in...)
			if err != nil {
				return err
			}
			p.result(y)
			if n.Outputs > 1 { // what ONNX Runtime leaves empty in inference
				stats, err := p.addOutputs(2+bias-3, norm, opset, attr, in...)
				if err != nil {
					return err
				}
				p.result(Ref{Part: stats.Part, Output: 1})
				p.result(Ref{Part: stats.Part, Output: len(p.list[stats.Part-1].Out) - 1}, sum)
			}
			return nil
		}}, nil
	}
}

// channelsLastOf wraps an operator on images whose channels are its input's
// first axis behind the batch: with the attribute channels_last they are the last.
func channelsLastOf(n *Node, make func(*Node) (Operator, error)) (Operator, error) {
	last, err := n.Attr.Bool("channels_last", false)
	if err != nil {
		return nil, err
	}
	inner, err := make(n)
	if err != nil || !last {
		return inner, err
	}
	return lastChannels(n, inner), nil
}

// lastChannels is an operator on images, with the channels as the last axis of
// its first input and of its output.
func lastChannels(n *Node, inner Operator) Operator {
	def := &Definition{Name: n.Type, Since: MinOpset, MinInputs: 1, MaxInputs: -1, Outputs: 1}
	return &Compound{build: func(p *parts, in []*Info) error {
		if err := checkInputs(in, 1); err != nil {
			return err
		}
		rank := len(in[0].Shape)
		if rank < 3 {
			return fmt.Errorf("input has shape %v: want at least one spatial axis", in[0].Shape)
		}
		first, back := []int64{0, int64(rank - 1)}, []int64{0}
		for a := 1; a < rank-1; a++ {
			first, back = append(first, int64(a)), append(back, int64(a+1))
		}
		x, err := p.add("Transpose", 13, map[string]any{"perm": first}, p.input(0))
		if err != nil {
			return err
		}
		args := []Ref{x}
		for i := 1; i < len(in); i++ {
			args = append(args, p.input(i))
		}
		y, err := p.append(def, inner, 1, args)
		if err == nil {
			y, err = p.add("Transpose", 13, map[string]any{"perm": append(back, 1)}, y)
		}
		p.result(y)
		return err
	}}
}

func newNhwcMaxPool(n *Node) (Operator, error) {
	pool, err := asOf("MaxPool", 12)(n)
	if err != nil {
		return nil, err
	}
	return lastChannels(n, pool), nil
}

func newQLinearConvOrLast(n *Node) (Operator, error) { return channelsLastOf(n, newQLinearConv) }

// newDynamicProduct multiplies A by a matrix of 8-bit numbers: A is quantized by
// its own range first, unless it is already (integers).
func newDynamicProduct(integers bool) func(*Node) (Operator, error) {
	return func(*Node) (Operator, error) {
		return &Compound{build: func(p *parts, _ []*Info) error {
			a, b := p.input(0), p.input(1)
			scales := []Ref{p.input(2)}
			zeros := []Ref{{}, p.input(3)}
			bias := p.input(4)
			if integers {
				scales, zeros, bias = []Ref{p.input(2), p.input(3)}, []Ref{p.input(4), p.input(5)}, p.input(6)
			} else {
				q, err := p.addOutputs(3, "DynamicQuantizeLinear", 11, nil, a)
				if err != nil {
					return err
				}
				a, zeros[0] = q, Ref{Part: q.Part, Output: 2}
				scales = append([]Ref{{Part: q.Part, Output: 1}}, scales...)
			}
			y, err := p.add("MatMulInteger", 10, nil, a, b, zeros[0], zeros[1])
			if err == nil {
				y, err = p.add("Cast", 13, map[string]any{"to": int64(1)}, y)
			}
			scale := scales[0]
			if err == nil {
				scale, err = p.add("Mul", 13, nil, scales[0], scales[1])
			}
			if err == nil {
				y, err = p.add("Mul", 13, nil, y, scale)
			}
			if err == nil && bias != (Ref{}) {
				y, err = p.add("Add", 13, nil, y, bias)
			}
			p.result(y)
			return err
		}}, nil
	}
}

// asOf reads a node as one of the default domain in an operator set.
func asOf(name string, opset int) func(*Node) (Operator, error) {
	return func(n *Node) (Operator, error) {
		def, err := Lookup(name, opset)
		if err != nil {
			return nil, err
		}
		m := *n
		m.Type, m.Opset = name, opset
		return def.New(&m)
	}
}
