package incremental

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"krypton/internal/engine/asm"
	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/tensor"
)

// quantizedValue is a value of 8 bits with its scale and zero point.
type quantizedValue struct{ id, scale, zero graph.ValueID }

// quantizedNetwork grows a network of quantized layers, as ONNX Runtime's quantizer writes
// them, whose output is float32.
func quantizedNetwork(t testing.TB, rng *rand.Rand) *network {
	n, x := newNetwork(t, rng, 1, 1+rng.IntN(18), 4+rng.IntN(8), 4+rng.IntN(8))
	signed := rng.IntN(2) == 0
	parameters := func(most float32) (scale, zero graph.ValueID) {
		s := most / 128
		if rng.IntN(2) == 0 {
			s = 1. / 64 // ties
		}
		if signed {
			return n.constant(tensor.Scalar(s)), n.constant(tensor.Scalar(int8(rng.IntN(40) - 20)))
		}
		return n.constant(tensor.Scalar(s)), n.constant(tensor.Scalar(uint8(rng.IntN(256))))
	}
	quantize := func(x graph.ValueID) quantizedValue {
		s, z := parameters(1)
		return quantizedValue{n.node("QuantizeLinear", nil, x, s, z), s, z}
	}
	dequantize := func(v quantizedValue) graph.ValueID { return n.node("DequantizeLinear", nil, v.id, v.scale, v.zero) }
	filter := func(out, in, k, most int) graph.ValueID {
		w := tensor.Zeros[int8](out, in, k, k)
		for i := range w.Data.([]int8) {
			w.Data.([]int8)[i] = int8(rng.IntN(2*most+1) - most)
		}
		return n.constant(w)
	}
	live := []quantizedValue{quantize(x)}
	for range 2 + rng.IntN(6) {
		v := live[len(live)-1-rng.IntN(min(2, len(live)))]
		s := n.shape(v.id)
		c := s[1]
		scale, zero := parameters(2)
		put := func(typ string, attr map[string]any, in ...graph.ValueID) {
			if out, err := n.try(typ, attr, 1, in...); err == nil && !slices.Contains(n.shape(out[0]), 0) {
				live = append(live, quantizedValue{out[0], scale, zero})
			}
		}
		out, group, k, most := 1+rng.IntN(20), 1, 1+2*rng.IntN(2), []int{3, 40, 127}[rng.IntN(3)]
		if rng.IntN(4) == 0 {
			out, group = c, c
		}
		window := map[string]any{"pads": []int64{int64(k / 2), 0, int64(k / 2), int64(rng.IntN(2))}, "strides": []int64{int64(1 + rng.IntN(2)), 1}, "group": int64(group)}
		switch rng.IntN(12) {
		case 0, 1, 2:
			ws, bias := tensor.Zeros[float32](out), tensor.Zeros[int32](out)
			for i := range out {
				ws.Data.([]float32)[i] = (0.5 + rng.Float32()) / float32(most*k*k*c/group)
				bias.Data.([]int32)[i] = int32(rng.IntN(4000) - 2000)
			}
			wz := tensor.Zeros[int8](out)
			if rng.IntN(3) == 0 {
				wz.Data.([]int8)[0] = 5
			}
			put("QLinearConv", window, v.id, v.scale, v.zero, filter(out, c/group, k, most), n.constant(ws), n.constant(wz), scale, zero, n.constant(bias))
		case 3:
			w := live[rng.IntN(len(live))]
			put("com.microsoft.QLinearAdd", nil, v.id, v.scale, v.zero, w.id, w.scale, w.zero, scale, zero)
		case 4:
			ps, pz := parameters(1)
			pool := n.node("com.microsoft.QLinearGlobalAveragePool", nil, v.id, v.scale, v.zero, ps, pz)
			put("com.microsoft.QLinearMul", nil, v.id, v.scale, v.zero, pool, ps, pz, scale, zero)
		case 5:
			w := live[rng.IntN(len(live))]
			put("com.microsoft.QLinearConcat", map[string]any{"axis": int64(1)}, scale, zero, v.id, v.scale, v.zero, w.id, w.scale, w.zero)
		case 6:
			put("com.microsoft.QLinearLeakyRelu", map[string]any{"alpha": float32(.25)}, v.id, v.scale, v.zero, scale, zero)
		case 7:
			scale, zero = v.scale, v.zero
			put("MaxPool", map[string]any{"kernel_shape": []int64{2, 2}, "strides": []int64{1, 2}}, v.id)
		case 8: // as dynamic quantization has it
			d, err := n.try("DynamicQuantizeLinear", nil, 3, dequantize(v))
			if err != nil {
				t.Fatal(err)
			}
			wz := n.constant(tensor.Scalar(int8(rng.IntN(3))))
			sum, err := n.try("ConvInteger", window, 1, d[0], filter(out, c/group, k, most), d[2], wz)
			if err != nil || slices.Contains(n.shape(sum[0]), 0) {
				continue
			}
			f := n.node("Mul", nil, n.node("Cast", map[string]any{"to": int64(1)}, sum[0]), d[1])
			f = n.node("Mul", nil, f, n.constant(tensor.Scalar(1/float32(most*k*k*c))))
			live = append(live, quantize(n.node("Relu", nil, f)))
		case 9:
			live = append(live, quantize(n.node("LeakyRelu", map[string]any{"alpha": float32(.5)}, dequantize(v))))
		case 10:
			put("com.microsoft.QLinearAveragePool", map[string]any{"kernel_shape": []int64{2, int64(1 + rng.IntN(3))}, "strides": []int64{1, 2}, "pads": []int64{0, 0, 1, 0}, "count_include_pad": int64(rng.IntN(2))}, v.id, v.scale, v.zero, scale, zero)
		case 11:
			scale, zero = v.scale, v.zero
			put("Pad", nil, v.id, n.constant(tensor.New([]int64{0, 0, 1, 0, 0, 0, 0, 2}, 8)), v.zero)
		}
	}
	last := live[len(live)-1]
	matrix := func(rows, columns int) graph.ValueID {
		w := n.g.Values[filter(rows*columns, 1, 1, []int{9, 127}[rng.IntN(2)])].Info.Value
		return n.constant(tensor.New(w.Data.([]int8), rows, columns))
	}
	// each is a scale and a zero point for each of so many columns, of numbers like those of
	// a weight, or one for all.
	each := func(columns int) (scale, zero graph.ValueID) {
		if rng.IntN(2) == 0 {
			return n.constant(tensor.Scalar(float32(.002))), n.constant(tensor.Scalar(int8(rng.IntN(3))))
		}
		s, z := tensor.Zeros[float32](columns), tensor.Zeros[int8](columns)
		for i := range columns {
			s.Data.([]float32)[i], z.Data.([]int8)[i] = .001*(1+rng.Float32()), int8(rng.IntN(5))
		}
		return n.constant(s), n.constant(z)
	}
	// tokens is the pixels of a value as rows of channels.
	tokens := func(v graph.ValueID) graph.ValueID {
		s := n.shape(v)
		v = n.node("Reshape", nil, v, n.constant(tensor.New([]int64{1, int64(s[1]), int64(s[2] * s[3])}, 3)))
		return n.node("Transpose", map[string]any{"perm": []int64{0, 2, 1}}, v)
	}
	switch rng.IntN(8) {
	case 0: // what nothing else is known of
		last.id = n.node("Abs", nil, last.id)
		n.output(dequantize(last))
	case 1:
		last.id = n.node("Gather", map[string]any{"axis": int64(1)}, last.id, n.constant(tensor.New([]int64{0, int64(n.shape(last.id)[1] - 1)}, 2)))
		n.output(n.node("Cast", map[string]any{"to": int64(1)}, last.id))
	case 2:
		rows, columns := tokens(last.id), 1+rng.IntN(20)
		ws, wz := each(columns)
		s, z := parameters(1)
		y := n.node("QLinearMatMul", nil, rows, last.scale, last.zero, matrix(n.shape(rows)[2], columns), ws, wz, s, z)
		ps, pz := parameters(1)
		turned := n.node("Transpose", map[string]any{"perm": []int64{0, 2, 1}}, y)
		y = n.node("QLinearMatMul", nil, y, s, z, turned, s, z, ps, pz) // of two activations
		n.output(dequantize(quantizedValue{y, ps, pz}))
	case 3:
		flat, columns := n.node("Flatten", nil, last.id), 1+rng.IntN(20)
		ws, wz := each(columns)
		bias := tensor.Zeros[int32](columns)
		for i := range columns {
			bias.Data.([]int32)[i] = int32(rng.IntN(4000) - 2000)
		}
		w, turned := matrix(n.shape(flat)[1], columns), rng.IntN(2)
		if turned == 1 {
			w = matrix(columns, n.shape(flat)[1])
		}
		in := []graph.ValueID{flat, last.scale, last.zero, w, ws, wz, n.constant(bias)}
		attr := map[string]any{"transB": int64(turned), "alpha": float32(.75)}
		if rng.IntN(2) == 0 {
			n.output(n.node("com.microsoft.QGemm", attr, in...))
			break
		}
		s, z := parameters(1)
		n.output(dequantize(quantizedValue{n.node("com.microsoft.QGemm", attr, append(in, s, z)...), s, z}))
	case 4: // as dynamic quantization has it, with a second product of two activations
		d, err := n.try("DynamicQuantizeLinear", nil, 3, tokens(dequantize(last)))
		if err != nil {
			t.Fatal(err)
		}
		columns := 1 + rng.IntN(20)
		ws, wz := each(columns)
		f := n.node("Cast", map[string]any{"to": int64(1)}, n.node("MatMulInteger", nil, d[0], matrix(n.shape(d[0])[2], columns), d[2], wz))
		f = n.node("Mul", nil, f, n.node("Mul", nil, d[1], ws))
		e, err := n.try("DynamicQuantizeLinear", nil, 3, f)
		if err != nil {
			t.Fatal(err)
		}
		turned := n.node("Transpose", map[string]any{"perm": []int64{0, 2, 1}}, e[0])
		n.output(f, n.node("Cast", map[string]any{"to": int64(1)}, n.node("MatMulInteger", nil, e[0], turned, e[2], e[2])))
	default:
		n.output(dequantize(last))
	}
	if rng.IntN(3) == 0 {
		n.output(dequantize(live[len(live)/2]))
	}
	return n
}

// TestQuantizedNetworks: quantized networks have the references' bits with every kernel set
// and in every precision, and updates those of whole runs.
func TestQuantizedNetworks(t *testing.T) {
	seeds := 15
	if testing.Short() {
		seeds = 5
	}
	for _, a := range arithmetics(t) {
		for seed := range seeds {
			rng := rand.New(rand.NewPCG(uint64(seed), 88))
			n := quantizedNetwork(t, rng)
			p := checkGraph(t, a, uint64(seed), n, rng)
			equalsReferences(t, p, n, rng, fmt.Sprintf("%v seed %d", a, seed))
			if slices.ContainsFunc(n.g.Nodes, func(n *graph.Node) bool { return n.Def.Name == "Abs" }) {
				continue // what lies before it is not carried
			}
			for i := range p.steps {
				if s := &p.steps[i]; s.reference != nil {
					t.Errorf("%v seed %d: step %s (%s) is by reference\n%s", a, seed, s.node, s.operator, n)
				}
			}
		}
	}
}

// equalsReferences compares a whole run of random numbers with the operators' references,
// bit for bit.
func equalsReferences(t *testing.T, p *Plan, n *network, rng *rand.Rand, what string) {
	t.Helper()
	input := tensor.Zeros[float32](n.shape(n.g.Inputs[0])...)
	for i := range input.Data.([]float32) {
		input.Data.([]float32)[i] = float32(math.Round(float64(rng.Float32()*2-1)*128) / 128)
	}
	equalsReferencesOn(t, p, n, input, what)
}

func equalsReferencesOn(t *testing.T, p *Plan, n *network, input *tensor.Tensor, what string) {
	t.Helper()
	base := make([]float32, input.Len())
	p.inputLayout.scatter(base, input.Data.([]float32))
	v, err := p.Materialize(context.Background(), base, 2)
	if err != nil {
		t.Fatal(err)
	}
	for o, want := range n.evaluate(input) {
		got, err := p.Output(v, o).Floats()
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range want.Data.([]float32) {
			if math.Float32bits(got[i]) != math.Float32bits(w) && (got[i] == got[i] || w == w) && got[i] != w {
				t.Fatalf("%s: output %d [%d] = %g, want %g\n%s", what, o, i, got[i], w, n)
			}
		}
	}
}

// TestLargeWholeSums: sums beyond what float32 holds without an error are rounded once.
func TestLargeWholeSums(t *testing.T) {
	for _, k := range asm.EverySet(t) {
		for _, group := range []int{1, 4} {
			rng := rand.New(rand.NewPCG(4, uint64(group)))
			n, x := newNetwork(t, rng, 1, 320, 5, 4)
			d, err := n.try("DynamicQuantizeLinear", nil, 3, x)
			if err != nil {
				t.Fatal(err)
			}
			w := tensor.Zeros[int8](8, 320/group, 3, 3)
			for i := range w.Data.([]int8) {
				w.Data.([]int8)[i] = int8(90 + rng.IntN(38))
			}
			sum, err := n.try("ConvInteger", map[string]any{"pads": []int64{1, 1, 1, 1}, "group": int64(group)}, 1, d[0], n.constant(w), n.constant(tensor.Scalar(uint8(0))))
			if err != nil {
				t.Fatal(err)
			}
			n.output(n.node("Cast", map[string]any{"to": int64(1)}, sum[0]))
			p, err := Compile(n.g, CompileOptions{Kernels: k})
			if err != nil {
				t.Fatal(err)
			}
			noReferences(t, p)
			input := tensor.Zeros[float32](1, 320, 5, 4)
			for i := range input.Data.([]float32) {
				input.Data.([]float32)[i] = 1 - rng.Float32()*.3
			}
			equalsReferencesOn(t, p, n, input, fmt.Sprintf("%s, %d groups", k.Name, group))
		}
	}
}

// TestLongWholeProducts: products of two activations whose sums float32 does not hold are
// rounded once.
func TestLongWholeProducts(t *testing.T) {
	for _, k := range asm.EverySet(t) {
		n, x := newNetwork(t, rand.New(rand.NewPCG(4, 4)), 1, 2, 30, 40)
		d, err := n.try("DynamicQuantizeLinear", nil, 3, x)
		if err != nil {
			t.Fatal(err)
		}
		rows := n.node("Reshape", nil, d[0], n.constant(tensor.New([]int64{1, 4, 600}, 3)))
		columns := n.node("Transpose", map[string]any{"perm": []int64{0, 2, 1}}, rows)
		n.output(n.node("Cast", map[string]any{"to": int64(1)}, n.node("MatMulInteger", nil, rows, columns, d[2], n.constant(tensor.Scalar(uint8(1))))))
		p, err := Compile(n.g, CompileOptions{Kernels: k})
		if err != nil {
			t.Fatal(err)
		}
		noReferences(t, p)
		input := tensor.Zeros[float32](1, 2, 30, 40)
		for i := range input.Data.([]float32) {
			input.Data.([]float32)[i] = 1 - n.rng.Float32()*.4
		}
		equalsReferencesOn(t, p, n, input, k.Name)
	}
}

// TestQuantizedLayersKeepRegions: what was by reference, and reached everything, is computed
// where it changed.
func TestQuantizedLayersKeepRegions(t *testing.T) {
	n, x := newNetwork(t, rand.New(rand.NewPCG(3, 3)), 1, 3, 16, 16)
	s, z := n.constant(tensor.Scalar(float32(1./64))), n.constant(tensor.Scalar(uint8(128)))
	q := n.node("QuantizeLinear", nil, x, s, z)
	w := tensor.Zeros[int8](4, 3, 3, 3)
	for i := range w.Data.([]int8) {
		w.Data.([]int8)[i] = int8(i%7 - 3)
	}
	q = n.node("QLinearConv", map[string]any{"pads": []int64{1, 1, 1, 1}}, q, s, z, n.constant(w), s, n.constant(tensor.Scalar(int8(0))), s, z)
	q = n.node("MaxPool", map[string]any{"kernel_shape": []int64{2, 2}}, q)
	q = n.node("com.microsoft.QLinearAveragePool", map[string]any{"kernel_shape": []int64{3, 3}, "pads": []int64{1, 1, 1, 1}}, q, s, z, s, z)
	q = n.node("com.microsoft.QLinearConcat", map[string]any{"axis": int64(1)}, s, z, q, s, z, q, n.constant(tensor.Scalar(float32(.5))), z)
	n.output(n.node("DequantizeLinear", nil, q, s, z))
	p, err := Compile(n.g, CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.steps {
		if s := &p.steps[i]; s.reference != nil || s.kind == op.Global {
			t.Errorf("step %d of %s (%s) is global", i, s.node, s.operator)
		}
	}
}

// TestQuantizeWhatIsNoNumber: ties, numbers beyond the type, infinities, and no numbers.
func TestQuantizeWhatIsNoNumber(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	x := []float32{0, 0.5, 1.5, 2.5, -0.5, -1.5, 0.49999997, 126.5, 127.5, 128.5, 254.5, 255.5, 1e9, -1e9, 3e38, -3e38, inf, -inf, float32(math.Copysign(0, -1)), 1e-40}
	for _, k := range asm.EverySet(t) {
		for _, zero := range []any{uint8(0), uint8(7), uint8(255), int8(-128), int8(5), int16(-7), uint16(65535)} {
			for _, some := range [][]float32{x, append(slices.Clone(x), nan)} {
				n, in := newNetwork(t, rand.New(rand.NewPCG(1, 1)), 1, 1, 1, len(some))
				s := n.constant(tensor.Scalar(float32(1)))
				var z graph.ValueID
				switch v := zero.(type) {
				case uint8:
					z = n.constant(tensor.Scalar(v))
				case int8:
					z = n.constant(tensor.Scalar(v))
				case int16:
					z = n.constant(tensor.Scalar(v))
				case uint16:
					z = n.constant(tensor.Scalar(v))
				}
				n.output(n.node("DequantizeLinear", nil, n.node("QuantizeLinear", nil, in, s, z), s, z))
				p, err := Compile(n.g, CompileOptions{Kernels: k})
				if err != nil {
					t.Fatal(err)
				}
				equalsReferencesOn(t, p, n, tensor.New(some, 1, 1, 1, len(some)), fmt.Sprintf("%s, zero point %v", k.Name, zero))
			}
		}
	}
}

// noReferences fails if a step of a plan is by reference.
func noReferences(t *testing.T, p *Plan) {
	t.Helper()
	for i := range p.steps {
		if s := &p.steps[i]; s.reference != nil {
			t.Errorf("step %d of %s (%s) is by reference", i, s.node, s.operator)
		}
	}
}
