package incremental

import (
	"fmt"

	"krypton/internal/op"
	"krypton/internal/tensor"
)

// reference is a step that runs an operator's reference computation on whole
// tensors: for operators that the engine has no primitive for. It is slow and
// always global.
type reference struct {
	op      op.Operator
	outputs int
	in      []operand
	out     []int // plan value of each output, -1 if nobody reads it
}

// operand is one input of a reference step.
type operand struct {
	constant *tensor.Tensor
	source   int // index into the step's sources, -1 for absent or constant
	layout   layout
}

// evaluate runs the operator. compose gives the memory of source i, whole.
func (r *reference) evaluate(floats func(source int) []float32, host func(source int) *tensor.Tensor) ([]*tensor.Tensor, error) {
	in := make([]*tensor.Tensor, len(r.in))
	for i, o := range r.in {
		switch {
		case o.constant != nil:
			in[i] = o.constant
		case o.source >= 0:
			if h := host(o.source); h != nil {
				in[i] = h
				continue
			}
			t := tensor.Zeros[float32](o.layout.shape...)
			o.layout.gather(t.Data.([]float32), floats(o.source))
			in[i] = t
		}
	}
	out, err := r.op.Eval(in, r.outputs)
	if err != nil {
		return nil, err
	}
	if len(out) < len(r.out) {
		return nil, fmt.Errorf("operator gave %d outputs, want %d", len(out), len(r.out))
	}
	return out, nil
}
