package op

import (
	"fmt"
	"slices"

	"krypton/internal/tensor"
)

// Compound is an operator that is given as others: the fused operators of
// runtimes and the older meanings of operators. A loaded graph holds its parts in
// its place, so that they are as fast and as local as if the file had them.
type Compound struct {
	build func(p *parts, in []*Info) error
	// least is the number of inputs that must be given.
	least int
}

// Part is one operator of a compound, with what it reads.
type Part struct {
	Def *Definition
	Op  Operator
	In  []Ref
	// Out describes its outputs.
	Out []Info
}

// Ref names a value inside a compound: an input of the whole, an output of a part,
// a constant, or nothing.
type Ref struct {
	// Value is set for constants.
	Value *tensor.Tensor
	// Input counts the compound's inputs from 1; Part counts its parts from 1, and
	// Output that part's outputs from 0. All zero is an absent input.
	Input, Part, Output int
}

// parts collects the parts of a compound.
type parts struct {
	in   []*Info
	list []Part
	out  []Ref
}

// input refers to input i; it is absent if the node lacks it.
func (p *parts) input(i int) Ref {
	if !given(p.in, i) {
		return Ref{}
	}
	return Ref{Input: i + 1}
}

// constant refers to a number or a list.
func (p *parts) constant(t *tensor.Tensor) Ref { return Ref{Value: t} }

func (p *parts) ints(v ...int64) Ref { return p.constant(tensor.New(v, len(v))) }

func (p *parts) float(v float32) Ref { return p.constant(tensor.Scalar(v)) }

// info describes what a reference names, nil for an absent one.
func (p *parts) info(r Ref) *Info {
	switch {
	case r.Value != nil:
		return infosOf([]*tensor.Tensor{r.Value})[0]
	case r.Input > 0:
		return p.in[r.Input-1]
	case r.Part > 0:
		return &p.list[r.Part-1].Out[r.Output]
	}
	return nil
}

// add appends a part: an operator of the table in the operator set whose meaning
// applies. It returns its first output.
func (p *parts) add(name string, opset int, attr map[string]any, in ...Ref) (Ref, error) {
	return p.addOutputs(1, name, opset, attr, in...)
}

func (p *parts) addOutputs(outputs int, name string, opset int, attr map[string]any, in ...Ref) (Ref, error) {
	def, err := Lookup(name, opset)
	if err != nil {
		return Ref{}, err
	}
	_, typ := unqualified(name)
	o, err := def.New(&Node{Type: typ, Opset: opset, Inputs: len(in), Outputs: outputs, Attr: NewAttributes(attr)})
	if err != nil {
		return Ref{}, fmt.Errorf("its %s: %w", typ, err)
	}
	return p.append(def, o, outputs, in)
}

// append appends an operator.
func (p *parts) append(def *Definition, o Operator, outputs int, in []Ref) (Ref, error) {
	infos := make([]*Info, len(in))
	for i, r := range in {
		infos[i] = p.info(r)
	}
	out, err := o.Infer(infos, outputs)
	if err != nil {
		return Ref{}, fmt.Errorf("its %s: %w", def.Name, err)
	}
	if len(out) < outputs {
		return Ref{}, fmt.Errorf("its %s has no output %d", def.Name, outputs-1)
	}
	p.list = append(p.list, Part{Def: def, Op: o, In: in, Out: out[:outputs]})
	return Ref{Part: len(p.list)}, nil
}

// result makes r the next output of the whole.
func (p *parts) result(r ...Ref) { p.out = append(p.out, r...) }

// Parts gives the parts, in order, and where the outputs come from: each from
// another output of a part.
func (c *Compound) Parts(in []*Info, outputs int) ([]Part, []Ref, error) {
	if err := checkInputs(in, c.least); err != nil {
		return nil, nil, err
	}
	p := &parts{in: in}
	if err := c.build(p, in); err != nil {
		return nil, nil, err
	}
	if outputs > len(p.out) {
		return nil, nil, fmt.Errorf("%d outputs, the operator has %d", outputs, len(p.out))
	}
	out := p.out[:max(outputs, min(1, len(p.out)))]
	for i, r := range out {
		if r.Part > 0 && !slices.Contains(out[:i], r) {
			continue
		}
		var err error
		if out[i], err = p.add("Identity", 13, nil, r); err != nil {
			return nil, nil, err
		}
	}
	return p.list, out, nil
}

// Infer implements Operator.
func (c *Compound) Infer(in []*Info, outputs int) ([]Info, error) {
	list, out, err := c.Parts(in, outputs)
	if err != nil {
		return nil, err
	}
	infos := make([]Info, len(out))
	for i, r := range out {
		infos[i] = list[r.Part-1].Out[r.Output]
	}
	return infos, nil
}

// Eval implements Operator: one part after the other.
func (c *Compound) Eval(in []*tensor.Tensor, outputs int) ([]*tensor.Tensor, error) {
	list, out, err := c.Parts(infosOf(in), outputs)
	if err != nil {
		return nil, err
	}
	values := make([][]*tensor.Tensor, len(list))
	read := func(r Ref) *tensor.Tensor {
		switch {
		case r.Value != nil:
			return r.Value
		case r.Input > 0:
			return in[r.Input-1]
		case r.Part > 0:
			return values[r.Part-1][r.Output]
		}
		return nil
	}
	for i, p := range list {
		args := make([]*tensor.Tensor, len(p.In))
		for k, r := range p.In {
			args[k] = read(r)
		}
		if values[i], err = p.Op.Eval(args, len(p.Out)); err != nil {
			return nil, err
		}
	}
	results := make([]*tensor.Tensor, len(out))
	for i, r := range out {
		results[i] = read(r)
	}
	return results, nil
}
