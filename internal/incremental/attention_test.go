package incremental

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

// TestAttention: transformers' blocks in the ways that exporters write them are computed
// by the engine's primitives, and updates equal whole runs.
func TestAttention(t *testing.T) {
	count := 150
	if testing.Short() {
		count = 20
	}
	for _, a := range arithmetics(t) {
		t.Run(a.String(), func(t *testing.T) {
			moves := 0
			for seed := range uint64(count) {
				rng := rand.New(rand.NewPCG(seed, 17))
				n := randomTransformer(t, rng)
				p := checkGraph(t, a, seed, n, rng)
				if a.precision != INT8 && seed%3 == 0 {
					checkStreamOf(t, a, seed, n, rng)
					n.cutDown(rng)
				}
				for _, s := range p.steps {
					if s.reference != nil {
						t.Fatalf("seed %d: %s (%s) is computed by its reference\n%s", seed, s.node, s.operator, n)
					}
					if s.operator == "(relayout)" {
						moves++
					}
				}
			}
			t.Logf("%d values were moved", moves)
		})
	}
}

// TestAttend: products with a softmax between, computed together, give the bits and count
// the multiply-adds of three steps.
func TestAttend(t *testing.T) {
	together, between, windows, runs := 0, 0, 0, 0
	for _, a := range arithmetics(t) {
		if a.precision != FP32 {
			continue
		}
		for seed := range uint64(30) {
			n := randomTransformer(t, rand.New(rand.NewPCG(seed, 18)))
			var plans [2]*Plan
			for i := range plans {
				p, err := Compile(n.g, CompileOptions{Kernels: a.k, Direct: true, Dynamic: i == 0}) // which joins nothing
				if err != nil {
					t.Fatal(err)
				}
				plans[i] = p
			}
			base := make([]float32, plans[0].InputPlane().Len())
			for i := range base {
				base[i] = rand.Float32()*2 - 1
			}
			var outputs [2][]float32
			var work [2]int64
			for i, p := range plans {
				v, err := p.Materialize(context.Background(), base, 2)
				if err != nil {
					t.Fatal(err)
				}
				if outputs[i], err = p.Output(v, 0).Floats(); err != nil {
					t.Fatal(err)
				}
				for _, s := range p.steps {
					work[i] += engine.Work(s.computes(), p.values[s.out].plane.Rect())
					if l, ok := s.prim.(*engine.LayerNorm); ok && len(l.Scale) < s.in[0].plane.C {
						runs++
					}
					if a, ok := s.prim.(*engine.Attention); ok {
						together++
						between += len(a.Between)
						if a.Windows != nil {
							windows++
						}
					}
				}
			}
			if !slices.EqualFunc(outputs[0], outputs[1], func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) }) || work[0] != work[1] {
				t.Fatalf("%s, seed %d: the outputs differ, or multiply-adds, %d and %d\n%s", a, seed, work[0], work[1], n)
			}
		}
	}
	if together == 0 || between == 0 || windows == 0 || runs == 0 {
		t.Errorf("%d products were computed together, with %d biases and masks between, %d of windows, %d of unit vectors", together, between, windows, runs)
	}
}

// cutDown checks that updates whose regions are cut down, or trimmed, give numbers, which
// are the view's where nothing changes.
func (n *network) cutDown(rng *rand.Rand) {
	n.t.Helper()
	p, err := Compile(n.g, CompileOptions{Dynamic: true, Policy: Tau(0.3)})
	if err != nil {
		n.t.Fatal(err)
	}
	plane := p.InputPlane()
	base := make([]float32, plane.Len())
	for i := range base {
		base[i] = rng.Float32()*2 - 1
	}
	v, err := p.Materialize(context.Background(), base, 2)
	if err != nil {
		n.t.Fatal(err)
	}
	changes := randomPatches(rng, 5, plane.H, plane.W, plane.C, base)
	for _, opt := range []Options{{Policy: Tau(0.3)}, {Epsilon: 0.2}} {
		for i, out := range answers(n.t, p, v, changes, opt) {
			for o, f := range out {
				want, _ := p.Output(v, o).Floats()
				for k, x := range f {
					if x != x || changes.rects[i].Empty() && x != want[k] {
						n.t.Fatalf("change %d, output %d [%d]: %g, the view has %g\n%s", i, o, k, x, want[k], n)
					}
				}
			}
		}
	}
}

// randomTransformer makes a network of one or two blocks over tokens or windows.
func randomTransformer(t testing.TB, rng *rand.Rand) *network {
	c := 8 * (1 + rng.IntN(4))
	n, x := newNetwork(t, rng, 1, 3, 8, 12)
	x = n.node("Conv", map[string]any{"strides": []int64{2, 2}}, x, n.weights(0.4, c, 3, 2, 2)) // 4 x 6
	if rng.IntN(4) == 0 {
		x = n.node("LpNormalization", map[string]any{"axis": int64(1)}, x)
	}
	if rng.IntN(3) == 0 {
		n.windowed(x, c)
		return n
	}
	x = n.node("Transpose", map[string]any{"perm": []int64{0, 2, 1}}, n.node("Reshape", nil, x, n.ints(1, int64(c), -1)))
	tokens := 24
	if rng.IntN(2) == 0 { // a token of the class, and places
		x = n.node("Concat", map[string]any{"axis": int64(1)}, n.weights(1, 1, 1, c), x)
		tokens++
	}
	if rng.IntN(2) == 0 {
		x = n.node("Add", nil, x, n.weights(1, 1, tokens, c))
	}
	for range 1 + rng.IntN(2) {
		if rng.IntN(3) == 0 {
			x = n.multiHead(x, tokens, c)
		} else {
			x = n.attend(x, []int64{1}, tokens, c)
		}
		x = n.perceptron(x, c)
	}
	switch rng.IntN(3) {
	case 0:
		first := n.node("Gather", map[string]any{"axis": int64(1)}, x, n.constant(tensor.Scalar(int64(rng.IntN(tokens)))))
		n.output(n.node("Gemm", map[string]any{"transB": int64(1)}, first, n.weights(1, 5, c), n.weights(1, 5)))
	case 1:
		n.output(n.node("Gemm", nil, n.node("ReduceMean", map[string]any{"axes": []int64{1}, "keepdims": int64(0)}, x), n.weights(1, c, 5)))
	default:
		n.output(x)
	}
	return n
}

func (n *network) normalized(x graph.ValueID, c int) graph.ValueID {
	if n.rng.IntN(2) == 0 {
		return n.normInPieces(n.rng, x, c)
	}
	return n.node("LayerNormalization", nil, x, n.weights(1, c), n.weights(1, c))
}

// dense is a linear layer of the last axis.
func (n *network) dense(x graph.ValueID, in, out int) graph.ValueID {
	y := n.node("MatMul", nil, x, n.weights(1.5/float32(math.Sqrt(float64(in))), in, out))
	if n.rng.IntN(4) > 0 {
		y = n.node("Add", nil, n.weights(0.5, out), y)
	}
	return y
}

func (n *network) perceptron(x graph.ValueID, c int) graph.ValueID {
	y := n.dense(n.normalized(x, c), c, 2*c)
	if n.rng.IntN(2) == 0 { // gated
		parts, err := n.try("Split", map[string]any{"axis": int64(-1)}, 2, y)
		if err != nil {
			n.t.Fatal(err)
		}
		return n.node("Add", nil, x, n.dense(n.node("Mul", nil, parts[0], n.node("Sigmoid", nil, parts[1])), c, c))
	}
	return n.node("Add", nil, x, n.dense(n.node("Relu", nil, y), 2*c, c))
}

// scores are softmax(q k' s + biases), with the number s wherever exporters put it. kt are
// the keys with tokens last.
func (n *network) scores(q, kt graph.ValueID, biases [][]int) graph.ValueID {
	s := n.number(0.35)
	switch n.rng.IntN(4) {
	case 0:
		q = n.node("Mul", nil, q, s)
	case 1:
		q = n.node("Div", nil, q, n.number(2.8))
		kt = n.node("Mul", nil, s, kt)
	case 2:
		kt = n.node("Mul", nil, s, kt)
	}
	y := n.node("MatMul", nil, q, kt)
	if n.rng.IntN(3) == 0 {
		y = n.node([]string{"Mul", "Div"}[n.rng.IntN(2)], nil, y, s)
	}
	for _, shape := range biases {
		y = n.node([]string{"Add", "Sub", "Mul"}[n.rng.IntN(3)], nil, y, n.weights(1, shape...))
	}
	if n.rng.IntN(3) == 0 { // masked
		s := n.shape(y)
		rows := s[len(s)-2]
		mask := tensor.Zeros[bool](rows, s[len(s)-1])
		for i := range mask.Data.([]bool) {
			mask.Data.([]bool)[i] = i%s[len(s)-1] > i/s[len(s)-1]
		}
		if n.rng.IntN(2) == 0 {
			y = n.node("Where", nil, n.constant(mask), n.constant(tensor.Scalar(float32(math.Inf(-1)))), y)
		} else {
			y = n.node("Where", nil, n.constant(mask), y, n.number(-3))
		}
	}
	return n.node("Softmax", map[string]any{"axis": int64(-1)}, y)
}

// attend adds self-attention over tokens of windows (batch of them), x being [windows,
// tokens, c] whatever its residue.
func (n *network) attend(x graph.ValueID, windows []int64, tokens, c int) graph.ValueID {
	return n.node("Add", nil, x, n.attention(n.normalized(x, c), windows, tokens, c, nil))
}

func (n *network) attention(x graph.ValueID, windows []int64, tokens, c int, biases func(heads int) [][]int) graph.ValueID {
	heads := []int{1, 2, 4}[n.rng.IntN(3)]
	w, l, h, d := windows[0], int64(tokens), int64(heads), int64(c/heads)
	pick := func(v graph.ValueID, i int) graph.ValueID {
		return n.node("Gather", map[string]any{"axis": int64(0)}, v, n.constant(tensor.Scalar(int64(i))))
	}
	var q, k, v graph.ValueID
	qkv := n.dense(x, c, 3*c)
	switch n.rng.IntN(4) {
	case 0: // three of one, by indices
		all := n.node("Transpose", map[string]any{"perm": []int64{2, 0, 3, 1, 4}}, n.node("Reshape", nil, qkv, n.ints(w, l, 3, h, d)))
		q, k, v = pick(all, 0), pick(all, 1), pick(all, -1)
	case 1: // by a split
		all := n.node("Transpose", map[string]any{"perm": []int64{2, 0, 3, 1, 4}}, n.node("Reshape", nil, qkv, n.ints(w, l, 3, h, d)))
		parts, err := n.try("Split", map[string]any{"axis": int64(0)}, 3, all)
		if err != nil {
			n.t.Fatal(err)
		}
		squeeze := func(v graph.ValueID) graph.ValueID { return n.node("Squeeze", nil, v, n.ints(0)) }
		q, k, v = squeeze(parts[0]), squeeze(parts[1]), squeeze(parts[2])
	case 2: // by slices of the last axis
		part := func(i int) graph.ValueID {
			y := n.node("Slice", nil, qkv, n.ints(int64(i*c)), n.ints(int64((i+1)*c)), n.ints(2))
			return n.node("Transpose", map[string]any{"perm": []int64{0, 2, 1, 3}}, n.node("Reshape", nil, y, n.ints(w, l, h, d)))
		}
		q, k, v = part(0), part(1), part(2)
	default: // three layers
		part := func() graph.ValueID {
			return n.node("Transpose", map[string]any{"perm": []int64{0, 2, 1, 3}}, n.node("Reshape", nil, n.dense(x, c, c), n.ints(w, l, h, d)))
		}
		q, k, v = part(), part(), part()
		switch n.rng.IntN(3) { // queries and keys are normalized
		case 0:
			q = n.node("LayerNormalization", nil, q, n.weights(1, int(d)), n.weights(1, int(d)))
		case 1:
			q = n.node("LpNormalization", nil, q)
		}
	}
	if n.rng.IntN(4) == 0 { // attention by angles
		q, k = n.unit(q), n.unit(k)
	}
	var added [][]int
	if biases != nil {
		added = biases(heads)
	} else if n.rng.IntN(2) == 0 {
		shapes := [][]int{{1, heads, tokens, tokens}, {tokens, tokens}, {heads, 1, 1}, {1, 1, tokens, 1}, {tokens}}
		added = append(added, shapes[n.rng.IntN(len(shapes))])
	}
	y := n.scores(q, n.node("Transpose", map[string]any{"perm": []int64{0, 1, 3, 2}}, k), added)
	if n.rng.IntN(3) == 0 {
		y = n.einsum("b h i j, b h j d -> b i h d", y, v)
	} else {
		y = n.node("Transpose", map[string]any{"perm": []int64{0, 2, 1, 3}}, n.node("MatMul", nil, y, v))
	}
	y = n.node("Reshape", nil, y, n.ints(w, l, int64(c)))
	return n.dense(y, c, c)
}

// unit divides vectors of the last axis by their lengths, in pieces.
func (n *network) unit(x graph.ValueID) graph.ValueID {
	length := n.node("Clip", nil, n.node("ReduceL2", map[string]any{"axes": []int64{-1}, "keepdims": int64(1)}, x), n.number(1e-12))
	return n.node("Div", nil, x, length)
}

// einsum adds an Einsum's parts, as a loaded graph has them.
func (n *network) einsum(equation string, in ...graph.ValueID) graph.ValueID {
	def, err := op.Lookup("Einsum", 17)
	if err != nil {
		n.t.Fatal(err)
	}
	o, err := def.New(&op.Node{Type: "Einsum", Opset: 17, Inputs: len(in), Outputs: 1, Attr: op.NewAttributes(map[string]any{"equation": equation})})
	if err != nil {
		n.t.Fatal(err)
	}
	infos := make([]*op.Info, len(in))
	for i, id := range in {
		infos[i] = &n.g.Values[id].Info
	}
	parts, out, err := o.(*op.Compound).Parts(infos, 1)
	if err != nil {
		n.t.Fatal(err)
	}
	made := make([]graph.ValueID, len(parts))
	for i, p := range parts {
		node := &graph.Node{Name: p.Def.Name, Def: p.Def, Op: p.Op, Opset: 17}
		for _, r := range p.In {
			switch {
			case r.Value != nil:
				node.In = append(node.In, n.constant(r.Value))
			case r.Input > 0:
				node.In = append(node.In, in[r.Input-1])
			default:
				node.In = append(node.In, made[r.Part-1])
			}
		}
		made[i] = n.value(p.Def.Name, p.Out[0], len(n.g.Nodes))
		node.Out = []graph.ValueID{made[i]}
		n.g.Nodes = append(n.g.Nodes, node)
		n.log = append(n.log, "part "+p.Def.Name)
	}
	return made[out[0].Part-1]
}

// multiHead adds self-attention as PyTorch's layer of that name writes it: tokens before the
// batch, heads as part of it.
func (n *network) multiHead(x graph.ValueID, tokens, c int) graph.ValueID {
	heads := []int{1, 2, 4}[n.rng.IntN(3)]
	l, h, d := int64(tokens), int64(heads), int64(c/heads)
	qkv := n.dense(n.node("Transpose", map[string]any{"perm": []int64{1, 0, 2}}, n.normalized(x, c)), c, 3*c)
	part := func(i int, perm ...int64) graph.ValueID {
		y := n.node("Slice", nil, qkv, n.ints(int64(i*c)), n.ints(int64((i+1)*c)), n.ints(-1))
		return n.node("Transpose", map[string]any{"perm": perm}, n.node("Reshape", nil, y, n.ints(l, h, d)))
	}
	q, kt, v := part(0, 1, 0, 2), part(1, 1, 2, 0), part(2, 1, 0, 2)
	y := n.node("Transpose", map[string]any{"perm": []int64{1, 0, 2}}, n.node("MatMul", nil, n.scores(q, kt, nil), v))
	y = n.node("Gemm", map[string]any{"transB": int64(1)}, n.node("Reshape", nil, y, n.ints(l, int64(c))), n.weights(0.3, c, c), n.weights(1, c))
	y = n.node("Reshape", nil, y, n.ints(l, 1, int64(c)))
	return n.node("Add", nil, x, n.node("Transpose", map[string]any{"perm": []int64{1, 0, 2}}, y))
}

// windowed adds blocks of attention in windows of 2 x 3 tokens of the plane of 4 x 6, the
// second of which is shifted, and puts four pixels into one.
func (n *network) windowed(x graph.ValueID, c int) {
	x = n.node("Transpose", map[string]any{"perm": []int64{0, 2, 3, 1}}, x)
	for shift := range int64(2) {
		y := n.normalized(x, c)
		if n.rng.IntN(2) == 0 { // to whole windows: nothing
			y = n.node("Pad", nil, y, n.ints(0, 0, 0, 0, 0, 0, 0, 0))
		}
		y = n.rolled(y, shift, 1)
		y = n.node("Transpose", map[string]any{"perm": []int64{0, 1, 3, 2, 4, 5}}, n.node("Reshape", nil, y, n.ints(1, 2, 2, 2, 3, int64(c))))
		y = n.node("Reshape", nil, y, n.ints(4, 6, int64(c)))
		y = n.attention(y, []int64{4}, 6, c, func(heads int) [][]int {
			return [][]int{{1, heads, 6, 6}, {4, 1, 6, 6}}[:1+shift]
		})
		y = n.node("Transpose", map[string]any{"perm": []int64{0, 1, 3, 2, 4, 5}}, n.node("Reshape", nil, y, n.ints(1, 2, 2, 2, 3, int64(c))))
		y = n.rolled(n.node("Reshape", nil, y, n.ints(1, 4, 6, int64(c))), shift, -1)
		x = n.perceptron(n.node("Add", nil, x, y), c)
	}
	if n.rng.IntN(2) == 0 {
		x = n.node("Pad", nil, x, n.ints(0, 0, 1, 0, 0, 2, 1, int64(n.rng.IntN(2))))
		c = n.shape(x)[3]
	}
	second := func(v graph.ValueID, axis, from int64) graph.ValueID {
		return n.node("Slice", nil, v, n.ints(from), n.ints(1000), n.ints(axis), n.ints(2))
	}
	x = n.node("Concat", map[string]any{"axis": int64(-1)}, second(second(x, 1, 0), 2, 0), second(second(x, 1, 1), 2, 0), second(second(x, 1, 0), 2, 1), second(second(x, 1, 1), 2, 1))
	x = n.dense(n.normalized(x, 4*c), 4*c, 2*c)
	x = n.node("Transpose", map[string]any{"perm": []int64{0, 3, 1, 2}}, x)
	n.output(n.node("Flatten", nil, n.node("GlobalAveragePool", nil, x)), x)
}

// rolled moves a plane's pixels around its ends, forth or back.
func (n *network) rolled(x graph.ValueID, by, sign int64) graph.ValueID {
	if by == 0 {
		return x
	}
	for axis := int64(1); axis <= 2; axis++ {
		cut := by * sign
		head := n.node("Slice", nil, x, n.ints(cut), n.ints(math.MaxInt32), n.ints(axis))
		tail := n.node("Slice", nil, x, n.ints(0), n.ints(cut), n.ints(axis))
		x = n.node("Concat", map[string]any{"axis": axis}, head, tail)
	}
	return x
}

// TestWindowsStay: windows of a plane are cut and put together again without moving a
// number but to roll it, and what is changed of one reaches it alone.
func TestWindowsStay(t *testing.T) {
	for shift := range int64(2) {
		t.Run(fmt.Sprint("rolled by ", shift), func(t *testing.T) { testWindowsStay(t, shift) })
	}
}

func testWindowsStay(t *testing.T, shift int64) {
	rng := rand.New(rand.NewPCG(3, 3))
	c := 16
	n, x := newNetwork(t, rng, 1, 3, 8, 12)
	x = n.node("Conv", map[string]any{"strides": []int64{2, 2}}, x, n.weights(1, c, 3, 2, 2))
	x = n.node("Transpose", map[string]any{"perm": []int64{0, 2, 3, 1}}, x)
	y := n.node("Reshape", nil, n.rolled(x, shift, 1), n.ints(1, 2, 2, 2, 3, int64(c)))
	y = n.node("Reshape", nil, n.node("Transpose", map[string]any{"perm": []int64{0, 1, 3, 2, 4, 5}}, y), n.ints(4, 6, int64(c)))
	y = n.attention(y, []int64{4}, 6, c, nil)
	y = n.node("Transpose", map[string]any{"perm": []int64{0, 1, 3, 2, 4, 5}}, n.node("Reshape", nil, y, n.ints(1, 2, 2, 2, 3, int64(c))))
	y = n.rolled(n.node("Reshape", nil, y, n.ints(1, 4, 6, int64(c))), shift, -1)
	n.output(n.node("Transpose", map[string]any{"perm": []int64{0, 3, 1, 2}}, n.node("Add", nil, x, y)))
	p := checkGraph(t, arithmetic{asm.Sets()[0], FP32}, 0, n, rng)
	rolls := 0
	for _, s := range p.steps {
		if s.reference != nil || s.kind == op.Global || s.operator == "(relayout)" {
			t.Errorf("%s (%s) is global, or its reference\n%s", s.node, s.operator, n)
		}
		if _, ok := s.prim.(*engine.Interpolate); ok {
			rolls++
		}
	}
	if rolls != int(2*shift) {
		t.Errorf("the plane is rolled %d times\n%s", rolls, n)
	}
	pixel := region.Pixel(3, 5) // of twice as many
	got := p.regions(pixel)[p.outputs[0].pieces[0].value]
	want := region.Rect{Y: region.Span{Hi: 2}, X: region.Span{Hi: 3}}
	if shift > 0 {
		want = region.Rect{Y: region.Span{Lo: 1, Hi: 3}, X: region.Span{Lo: 1, Hi: 4}}
	}
	if got != want {
		t.Errorf("a pixel reaches %v, want %v\n%s", got, want, n)
	}
}

// TestGroupNorms: normalizations of groups, as operators and as exporters write them, are
// computed by the engine's primitives.
func TestGroupNorms(t *testing.T) {
	for _, a := range arithmetics(t) {
		t.Run(a.String(), func(t *testing.T) {
			for seed := range uint64(40) {
				rng := rand.New(rand.NewPCG(seed, 19))
				groups := 1 + rng.IntN(4)
				c := groups * (1 + rng.IntN(6))
				n, x := newNetwork(t, rng, 1, 3, 5+rng.IntN(12), 5+rng.IntN(12))
				x = n.node("Conv", nil, x, n.weights(1, c, 3, 3, 3))
				y := x
				if rng.IntN(3) == 0 {
					y = n.node("InstanceNormalization", nil, y, n.weights(1, c), n.weights(1, c))
				} else {
					y = n.node("InstanceNormalization", map[string]any{"epsilon": float32(1e-3)}, n.node("Reshape", nil, y, n.ints(0, int64(groups), -1)), n.weights(1, groups), n.weights(1, groups))
					s := n.shape(x)
					y = n.node("Reshape", nil, y, n.ints(int64(s[0]), int64(s[1]), int64(s[2]), int64(s[3])))
					if rng.IntN(3) > 0 {
						y = n.node("Mul", nil, y, n.weights(1, c, 1, 1))
					}
					if rng.IntN(3) > 0 {
						y = n.node("Add", nil, y, n.weights(1, c, 1, 1))
					}
				}
				if rng.IntN(2) == 0 {
					y = n.node("Relu", nil, y)
				}
				n.output(n.node("Conv", nil, n.node("Add", nil, y, x), n.weights(1, 4, c, 1, 1)))
				p := checkGraph(t, a, seed, n, rng)
				for _, s := range p.steps {
					if s.reference != nil || s.operator == "(relayout)" {
						t.Fatalf("seed %d: %s (%s) is computed by its reference, or moves what it reads\n%s", seed, s.node, s.operator, n)
					}
				}
			}
		})
	}
}

// TestGemmOfActivations: a Gemm of two activations, transposed or not, with what is added,
// is a product.
func TestGemmOfActivations(t *testing.T) {
	for _, a := range arithmetics(t) {
		t.Run(a.String(), func(t *testing.T) {
			for seed := range uint64(40) {
				rng := rand.New(rand.NewPCG(seed, 23))
				n, x := newNetwork(t, rng, 1, 3, 6, 6)
				matrix := func(transposed bool, rows, columns int) graph.ValueID {
					y := n.node("Conv", nil, x, n.weights(1, rows, 3, 6, 6-columns+1))
					y = n.node("Reshape", nil, y, n.ints(int64(rows), int64(columns)))
					if transposed {
						y = n.node("Transpose", nil, y)
					}
					return y
				}
				at, bt := rng.IntN(2) == 0, rng.IntN(2) == 0
				rows, columns := 1+rng.IntN(20), 1+rng.IntN(20)
				attr := map[string]any{"alpha": float32(0.5), "beta": float32(2)}
				in := []graph.ValueID{matrix(at, rows, 4), matrix(!bt, columns, 4)}
				if at {
					attr["transA"] = int64(1)
				}
				if bt {
					attr["transB"] = int64(1)
				}
				if rng.IntN(2) == 0 {
					in = append(in, n.weights(1, [][]int{{columns}, {rows, columns}, {rows, 1}, {1}}[rng.IntN(4)]...))
				}
				y := n.node("Gemm", attr, in...)
				if rng.IntN(2) == 0 {
					y = n.node("Mul", nil, y, n.number(0.3))
				}
				n.output(y)
				p := checkGraph(t, a, seed, n, rng)
				for _, s := range p.steps {
					if s.reference != nil {
						t.Fatalf("seed %d: %s (%s) is computed by its reference\n%s", seed, s.node, s.operator, n)
					}
				}
			}
		})
	}
}
