package op

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"testing"

	"krypton/internal/tensor"
)

// needed are the attributes without which New refuses a node.
func needed(d *Definition, opset int) attrs {
	switch domain, name := unqualified(d.Name); name {
	case "MaxPool", "AveragePool", "LpPool", "NhwcMaxPool", "QLinearAveragePool":
		return attrs{"kernel_shape": []int64{2, 2}}
	case "Concat", "LayerNormalization", "QLinearConcat":
		return attrs{"axis": int64(-1)}
	case "Constant":
		return attrs{"value_float": float32(1)}
	case "Cast":
		if opset < 6 {
			return attrs{"to": "INT32"}
		}
		return attrs{"to": int64(tensor.Int32)}
	case "LRN":
		return attrs{"size": int64(3)}
	case "DepthToSpace", "SpaceToDepth":
		return attrs{"blocksize": int64(2)}
	case "GroupNormalization":
		return attrs{"num_groups": int64(2)}
	case "Unsqueeze":
		if opset < 13 {
			return attrs{"axes": []int64{0}}
		}
	case "TopK":
		if opset < 10 {
			return attrs{"k": int64(1)}
		}
	case "Slice":
		if opset < 10 {
			return attrs{"starts": []int64{0}, "ends": []int64{1}}
		}
	case "BitCast":
		return attrs{"to": int64(tensor.Int32)}
	case "BitShift":
		return attrs{"direction": "LEFT"}
	case "MaxUnpool":
		return attrs{"kernel_shape": []int64{2, 2}}
	case "Attention", "MultiHeadAttention":
		if domain != "" {
			return attrs{"num_heads": int64(2)}
		}
	case "MatMulNBits":
		return attrs{"K": int64(4), "N": int64(2), "block_size": int64(16)}
	case "ImageScaler":
		return attrs{"bias": []float32{1, 2}}
	case "Reshape":
		if opset < 5 {
			return attrs{"shape": []int64{-1}}
		}
	case "Pad":
		if opset < 2 {
			return attrs{"paddings": []int64{0, 0, 1, 1, 0, 0, 1, 1}}
		}
		if opset < 11 {
			return attrs{"pads": []int64{0, 0, 1, 1, 0, 0, 1, 1}}
		}
	case "Upsample":
		if opset < 7 {
			return attrs{"height_scale": float32(2), "width_scale": float32(2)}
		}
		if opset < 9 {
			return attrs{"scales": []float32{1, 1, 2, 2}}
		}
	}
	return nil
}

func typeOf(name string) string {
	_, typ := unqualified(name)
	return typ
}

// everyOperator calls f with each definition's operator at each operator set.
func everyOperator(t *testing.T, f func(name string, d *Definition, opset int, o Operator)) {
	for _, d := range Table() {
		until := d.Until
		if until == 0 {
			until = MaxOpset
		}
		if domain, _ := unqualified(d.Name); domain != "" {
			until = d.Since // the operator sets are of another domain
		}
		for opset := d.Since; opset <= until; opset++ {
			name := fmt.Sprintf("%s-%d", d.Name, opset)
			o, err := d.New(&Node{Name: "n", Type: typeOf(d.Name), Opset: opset, Inputs: d.MinInputs, Outputs: 1, Attr: NewAttributes(needed(&d, opset))})
			if err != nil {
				t.Errorf("%s: New: %v", name, err)
				continue
			}
			f(name, &d, opset, o)
		}
	}
}

// try runs all that happens to a node while a model is loaded, and its
// evaluation if all inputs are constant and small.
func try(t *testing.T, name string, o Operator, in []*Info, outputs int) (err error) {
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("%s of %s, %d outputs: panic: %v\n%s", name, describeInfos(in), outputs, r, debug.Stack())
		}
	}()
	out, err := o.Infer(in, outputs)
	if err != nil {
		return err
	}
	if len(out) == 0 {
		t.Errorf("%s of %s: no outputs", name, describeInfos(in))
		return nil
	}
	for i, x := range out {
		if x.Shape == nil {
			continue
		}
		if n, err := tensor.Size(x.Shape); err != nil {
			t.Errorf("%s of %s: output %d has shape %v: %v", name, describeInfos(in), i, x.Shape, err)
			return nil
		} else if n > 1<<12 {
			return nil
		}
	}
	LocalityOf(o, in, out)
	values := make([]*tensor.Tensor, len(in))
	for i, x := range in {
		if x == nil {
			continue
		}
		if values[i] = x.Value; x.Value == nil {
			return nil
		}
	}
	got, err := o.Eval(values, outputs)
	if err != nil {
		return nil // an index out of range, a division by zero
	}
	for i, x := range out[:min(outputs, len(out), len(got))] {
		if got[i].DType() != x.Type || x.Shape != nil && !slices.Equal(got[i].Shape, x.Shape) {
			t.Errorf("%s of %s: output %d is %v %v, was inferred as %v %v", name, describeInfos(in), i, got[i].DType(), got[i].Shape, x.Type, x.Shape)
		}
	}
	return nil
}

func describeInfos(in []*Info) string {
	s := ""
	for _, x := range in {
		switch {
		case x == nil:
			s += " nil"
		case x.Value != nil && x.Value.Len() < 9:
			s += fmt.Sprintf(" %v%v=%v", x.Type, x.Shape, x.Value.Data)
		case x.Shape == nil:
			s += fmt.Sprintf(" %v?", x.Type)
		default:
			s += fmt.Sprintf(" %v%v", x.Type, x.Shape)
		}
	}
	return "(" + s + " )"
}

var everyType = []tensor.DType{
	tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16, tensor.Bool, tensor.String, tensor.Invalid,
	tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64, tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64,
}

// TestInferNeverPanics: whatever a file says of a node's inputs, the shape rule
// of every operator answers with outputs or with an error.
func TestInferNeverPanics(t *testing.T) {
	same := func(n int, x *Info) []*Info {
		in := make([]*Info, n)
		for i := range in {
			in[i] = x
		}
		return in
	}
	everyOperator(t, func(name string, d *Definition, _ int, o Operator) {
		most := d.MaxInputs
		if most < 0 {
			most = d.MinInputs + 3
		}
		for _, outputs := range []int{1, min(d.Outputs, 3)} {
			for n := range most + 1 {
				if err := try(t, name, o, same(n, nil), outputs); err == nil && d.MinInputs > 0 {
					t.Errorf("%s: %d absent inputs are no error", name, n)
				}
				for _, typ := range everyType {
					for _, shape := range [][]int{nil, {}, {3}, {2, 3}, {1, 2, 3}, {1, 2, 4, 4}, {1, 0, 3, 3}} {
						err := try(t, name, o, same(n, &Info{Type: typ, Shape: shape}), outputs)
						if n < d.MinInputs && err == nil && shape != nil {
							t.Errorf("%s: %d of %d inputs are no error", name, n, d.MinInputs)
						}
					}
					if v, err := tensor.Make(typ); err == nil {
						try(t, name, o, same(n, &Info{Type: typ, Shape: []int{}, Value: v}), outputs)
					}
				}
			}
		}
	})
}

// TestHostileSizes: outputs that no memory holds, and geometry that would
// overflow, are refused by New or the shape rule.
func TestHostileSizes(t *testing.T) {
	f := func(shape ...int) *Info { return &Info{Type: tensor.Float32, Shape: shape} }
	b := func(shape ...int) *Info { return &Info{Type: tensor.Uint8, Shape: shape} }
	x, k, one, zero := f(1, 1, 4, 4), f(1, 1, 1, 1), f(1), b(1)
	pads := attrs{"pads": []int64{1 << 20, 1 << 20, 1 << 20, 1 << 20}}
	wide := attrs{"kernel_shape": []int64{2, 2}, "dilations": []int64{1 << 20, 1 << 20}, "pads": []int64{1 << 20, 1 << 20, 1 << 20, 1 << 20}}
	cells := attrs{"kernel_shape": []int64{1 << 18, 1 << 18}, "pads": []int64{1 << 17, 1 << 17, 1 << 17, 1 << 17}}
	for _, c := range []struct {
		name string
		attr attrs
		in   []*Info
	}{
		{"Conv", pads, []*Info{x, k}},
		{"Conv", nil, []*Info{f(1, 1, 1<<10, 1<<10), f(1<<20, 1, 1, 1)}},
		{"Conv", nil, []*Info{f(1, 1, math.MaxInt, 4), k}},
		{"Conv", nil, []*Info{x, f(-1, 1, 1, 1)}},
		{"Conv", nil, []*Info{x, f(1, 1, 1<<40, 1)}},
		{"Conv", attrs{"group": int64(1)<<62 + 1}, []*Info{f(1, 4, 4, 4), f(0, 4, 1, 1)}},
		{"Conv", attrs{"strides": []int64{0, 1}}, []*Info{x, k}},
		{"Conv", attrs{"strides": []int64{1 << 40, 1}}, []*Info{x, k}},
		{"Conv", attrs{"pads": []int64{-9, 0, 0, 0}}, []*Info{x, k}},
		{"Conv", attrs{"pads": []int64{1, 1, 1}}, []*Info{x, k}},
		{"ConvInteger", pads, []*Info{b(1, 1, 4, 4), b(1, 1, 1, 1)}},
		{"QLinearConv", pads, []*Info{b(1, 1, 4, 4), one, zero, b(1, 1, 1, 1), one, zero, one, zero}},
		{"ConvTranspose", attrs{"strides": []int64{1 << 20, 1 << 20}}, []*Info{x, k}},
		{"ConvTranspose", attrs{"dilations": []int64{1 << 20, 1 << 20}}, []*Info{x, f(1, 1, 2, 2)}},
		{"ConvTranspose", attrs{"output_shape": []int64{1 << 20, 1 << 20}, "strides": []int64{1 << 20, 1 << 20}}, []*Info{x, k}},
		{"ConvTranspose", attrs{"output_shape": []int64{1 << 40, 1}}, []*Info{x, k}},
		{"ConvTranspose", attrs{"group": int64(1)<<62 + 1}, []*Info{f(1, 0, 4, 4), f(0, 4, 1, 1)}},
		{"MaxPool", wide, []*Info{x}},
		{"MaxPool", cells, []*Info{x}},
		{"AveragePool", wide, []*Info{x}},
		{"LpPool", cells, []*Info{x}},
		{"MaxPool", attrs{"kernel_shape": []int64{1 << 40, 1}}, []*Info{x}},
		{"GlobalAveragePool", nil, []*Info{f(1<<20, 1<<20, 1, 1)}},
		{"GlobalMaxPool", nil, []*Info{f(1, 1, 0, 4)}},
		{"RoiAlign", attrs{"output_height": int64(1 << 20), "output_width": int64(1 << 20)}, []*Info{x, f(1, 4), {Type: tensor.Int64, Shape: []int{1}}}},
		{"MatMul", nil, []*Info{f(1<<20, 1), f(1, 1<<20)}},
		{"Gemm", nil, []*Info{f(1<<20, 1), f(1, 1<<20)}},
		{"Add", nil, []*Info{f(1<<20, 1), f(1, 1<<20)}},
		{"Where", nil, []*Info{{Type: tensor.Bool, Shape: []int{1}}, f(1<<20, 1), f(1, 1<<20)}},
	} {
		d, err := Lookup(c.name, 16)
		if err != nil {
			t.Fatal(err)
		}
		o, err := d.New(&Node{Type: c.name, Opset: 16, Inputs: len(c.in), Outputs: 1, Attr: NewAttributes(c.attr)})
		if err == nil {
			err = try(t, c.name, o, c.in, 1)
		}
		if err == nil {
			t.Errorf("%s %v of %s is accepted", c.name, c.attr, describeInfos(c.in))
		}
	}
}

// TestBroadcastBatch: one matrix against a large batch makes no copies of it,
// which would be larger than any tensor may be.
func TestBroadcastBatch(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b *tensor.Tensor
	}{
		{"MatMul", tensor.Zeros[float32](1, 64, 64), tensor.Zeros[float32](1<<20, 64, 0)},
		{"MatMul", tensor.Zeros[float32](1<<20, 0, 64), tensor.Zeros[float32](64, 64)},
		{"MatMulInteger", tensor.Zeros[uint8](1, 64, 64), tensor.Zeros[uint8](1<<20, 64, 0)},
	} {
		o, err := inferNode(c.name, 13, nil, 1, c.a, c.b)
		if err != nil {
			t.Fatal(err)
		}
		if err := try(t, c.name, o, infosOf([]*tensor.Tensor{c.a, c.b}), 1); err != nil {
			t.Error(err)
		}
	}
}

// randomAttributes makes the operator with hostile values of some attributes
// that it reads; it is nil where New refuses them.
func randomAttributes(r *rand.Rand, d *Definition, opset int) Operator {
	build := func(a *Attributes) Operator {
		o, err := d.New(&Node{Name: "n", Type: typeOf(d.Name), Opset: opset, Inputs: d.MinInputs, Outputs: 1, Attr: a})
		if err != nil {
			return nil
		}
		return o
	}
	number := func() int64 {
		pool := []int64{0, 1, 1, 2, 2, 3, -1, -2, 4, 7, 1 << 20, 1 << 31, 1 << 40, math.MaxInt64, math.MinInt64}
		return pool[r.IntN(len(pool))]
	}
	probe := NewAttributes(needed(d, opset))
	build(probe)
	values := maps.Clone(needed(d, opset))
	if values == nil {
		values = attrs{}
	}
	for _, name := range slices.Sorted(maps.Keys(probe.read)) {
		if r.IntN(3) > 0 {
			continue
		}
		list := make([]int64, r.IntN(6))
		for i := range list {
			list[i] = number()
		}
		// The first type that New does not refuse as such.
		for _, v := range []any{number(), list, float32(number()), []float32{1, 1, float32(number()), 2}} {
			try := maps.Clone(values)
			try[name] = v
			if build(NewAttributes(try)) != nil {
				values = try
				break
			}
		}
	}
	return build(NewAttributes(values))
}

// TestInferRandomInputs draws inputs and attributes independently of what operators want.
func TestInferRandomInputs(t *testing.T) {
	pool := []*Info{nil, nil}
	for _, typ := range everyType {
		for _, shape := range [][]int{nil, {}, {0}, {2}, {3, 2}, {1, 2, 3}, {1, 2, 4, 4}, {2, 2, 4, 4}, {1, 2, 0, 4}, {1, 2, 2, 2, 2}, {1 << 20, 1 << 10}, {math.MaxInt, 2}, {-1, 3}} {
			if typ == tensor.Float32 || typ == tensor.Int64 || len(shape) == 4 {
				pool = append(pool, &Info{Type: typ, Shape: shape})
			}
			if n, err := tensor.Size(shape); err == nil && shape != nil && n < 1000 {
				if v, err := tensor.Make(typ, shape...); err == nil {
					pool = append(pool, &Info{Type: typ, Shape: shape, Value: v})
				}
			}
		}
	}
	for _, v := range []*tensor.Tensor{
		i64(1, 2), i64(2), i64(-1), i64(1, 1, 2, 2), i64(1<<40, 1<<40), i64(math.MaxInt64), i64(math.MinInt64), i64(0, 0, 1, 1, 0, 0, 1, 1),
		i64(math.MinInt64, math.MaxInt64, 1, 1, 0, 0, 1, 1), tensor.Scalar(int64(2)), tensor.Scalar(int64(1) << 62), tensor.Scalar(float32(1e30)),
		f32(1, 1, 2, 2), f32(1, 1, 1e9, 1e9), f32(1, 2), f32(float32(math.NaN())), f32(1, -1), tensor.New([]bool{true, false}, 2), tensor.Scalar(true),
	} {
		pool = append(pool, infosOf([]*tensor.Tensor{v})...)
	}
	r := rand.New(rand.NewPCG(1, 2))
	everyOperator(t, func(name string, d *Definition, opset int, o Operator) {
		most := d.MaxInputs
		if most < 0 {
			most = d.MinInputs + 3
		}
		for range 100 {
			if changed := randomAttributes(r, d, opset); changed != nil {
				o = changed
			}
			in := make([]*Info, d.MinInputs+r.IntN(most-d.MinInputs+1))
			first := pool[2+r.IntN(len(pool)-2)]
			for i := range in {
				in[i] = pool[r.IntN(len(pool))]
				if in[i] != nil && r.IntN(2) == 0 { // often the types agree
					in[i] = first
				}
			}
			try(t, name, o, in, 1+r.IntN(min(d.Outputs, 3)))
		}
	})
}

// TestEmptyLists: an empty list of a window's attribute is the default, not an
// index out of range.
func TestEmptyLists(t *testing.T) {
	x := tensor.Zeros[float32](1, 1, 4, 4)
	for _, c := range []struct {
		name string
		attr attrs
		in   []*tensor.Tensor
	}{
		{"MaxPool", attrs{"kernel_shape": []int64{2, 2}, "pads": []int64{}, "strides": []int64{}}, []*tensor.Tensor{x}},
		{"AveragePool", attrs{"kernel_shape": []int64{2, 2}, "pads": []int64{}, "dilations": []int64{}}, []*tensor.Tensor{x}},
		{"Conv", attrs{"kernel_shape": []int64{}, "pads": []int64{}}, []*tensor.Tensor{x, x}},
		{"ConvTranspose", attrs{"pads": []int64{}, "output_shape": []int64{}, "output_padding": []int64{}}, []*tensor.Tensor{x, x}},
	} {
		o, err := inferNode(c.name, 19, c.attr, 1, c.in...)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if err := try(t, c.name, o, infosOf(c.in), 1); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
