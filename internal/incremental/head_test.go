package incremental

import (
	"context"
	"math/rand/v2"
	"testing"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/graph"
)

// headClasses is the number of classes of the networks of heads.
const headClasses = 75

// heads are ends of networks in which classes do not meet.
var heads = map[string]func(n *network, x graph.ValueID) graph.ValueID{
	"convolution, pooled": func(n *network, x graph.ValueID) graph.ValueID {
		x = n.node("Conv", nil, x, n.weights(.2, headClasses, n.shape(x)[1], 1, 1), n.weights(.2, headClasses))
		return n.node("Flatten", nil, n.node("GlobalAveragePool", nil, n.node("Relu", nil, x)))
	},
	"slopes, pooled twice": func(n *network, x graph.ValueID) graph.ValueID {
		x = n.node("Conv", map[string]any{"pads": []int64{1, 1, 1, 1}, "dilations": []int64{1, 1}, "kernel_shape": []int64{3, 3}}, x, n.weights(.2, headClasses, n.shape(x)[1], 3, 3))
		x = n.node("PRelu", nil, x, n.weights(1, headClasses, 1, 1))
		x = n.node("MaxPool", map[string]any{"kernel_shape": []int64{2, 2}, "strides": []int64{2, 2}}, x)
		return n.node("Flatten", nil, n.node("GlobalMaxPool", nil, n.node("Sigmoid", nil, x)))
	},
	"fully connected": func(n *network, x graph.ValueID) graph.ValueID {
		s := n.shape(x)
		return n.node("Gemm", map[string]any{"transB": int64(1)}, n.node("Flatten", nil, x), n.weights(.1, headClasses, s[1]*s[2]*s[3]), n.weights(.2, headClasses))
	},
}

// headNetwork is a small network that ends so.
func headNetwork(t *testing.T, seed uint64, head func(n *network, x graph.ValueID) graph.ValueID, softmax bool) *network {
	rng := rand.New(rand.NewPCG(seed, 3))
	n, x := newNetwork(t, rng, 1, 4, 13, 12)
	x = n.node("Relu", nil, n.node("Conv", map[string]any{"pads": []int64{1, 1, 1, 1}}, x, n.weights(.4, 24, 4, 3, 3)))
	x = head(n, x)
	if softmax {
		x = n.node("Softmax", map[string]any{"axis": int64(1)}, x)
	}
	n.output(x)
	return n
}

// TestTail: computing some classes gives their numbers before the softmax, bit
// for bit, on the clean image and at every change, whatever the head is made of,
// the kernels and the precision.
func TestTail(t *testing.T) {
	const classes = headClasses
	for name, head := range heads {
		for seed, k := range asm.EverySet(t) {
			for _, precision := range Precisions {
				for _, softmax := range []bool{false, true} {
					opt := CompileOptions{Kernels: k, Precision: precision, Direct: true}
					plain, err := Compile(headNetwork(t, uint64(seed), head, false).g, opt)
					if err != nil {
						t.Fatal(err)
					}
					p, err := Compile(headNetwork(t, uint64(seed), head, softmax).g, opt)
					if err != nil {
						t.Fatal(err)
					}
					rng := rand.New(rand.NewPCG(uint64(seed), 4))
					plane := p.InputPlane()
					base := make([]float32, plane.Len())
					for i := range base {
						base[i] = rng.Float32()*2 - 1
					}
					v, err := plain.Materialize(context.Background(), base, 1)
					if err != nil {
						t.Fatal(err)
					}
					w, err := p.Materialize(context.Background(), base, 1)
					if err != nil {
						t.Fatal(err)
					}
					end, ok := p.Head(0)
					if !ok || end.Softmax != softmax {
						t.Fatalf("%s: head %+v, found %v", name, end, ok)
					}
					want, _ := plain.Output(v, 0).Floats()
					if d := differs([][][]float32{{want}}, [][][]float32{{end.Logits(w)}}); d != "" || len(end.Logits(w)) != classes {
						t.Errorf("%s: %d logits: %s", name, len(end.Logits(w)), d)
					}
					for _, keep := range [][]int{{7}, rng.Perm(classes)[:33], rng.Perm(classes)} {
						short, views, err := end.Keep(w, keep)
						if err != nil {
							t.Fatal(err)
						}
						changes := randomPatches(rng, 7, plane.H, plane.W, plane.C, base)
						all := answers(t, plain, v, changes, Options{})
						some := answers(t, short, views, changes, Options{Workers: 2, Chunk: 3})
						for i := range some {
							if len(some[i][0]) != len(keep) {
								t.Fatalf("%s: %d of %d classes", name, len(some[i][0]), len(keep))
							}
							for j, c := range keep {
								if got, want := some[i][0][j], all[i][0][c]; got != want {
									t.Fatalf("%s, %s, %s: change %d class %d: %g, want %g", name, k.Name, precision, i, c, got, want)
								}
							}
						}
					}
					if _, _, err := end.Keep(w, []int{classes}); err == nil {
						t.Errorf("%s: a class that is not there", name)
					}
				}
			}
		}
	}
}

// TestNoTail: where classes meet behind the last convolution, or others read what
// comes before the output, there is nothing to leave out.
func TestNoTail(t *testing.T) {
	for name, end := range map[string]func(n *network, x graph.ValueID){
		"a residual": func(n *network, x graph.ValueID) {
			n.output(n.node("GlobalAveragePool", nil, n.node("Add", nil, n.node("Conv", nil, x, n.weights(1, 8, 8, 1, 1)), x)))
		},
		"read twice": func(n *network, x graph.ValueID) {
			y := n.node("Flatten", nil, n.node("GlobalAveragePool", nil, n.node("Conv", nil, x, n.weights(1, 8, 8, 1, 1))))
			n.output(n.node("Softmax", map[string]any{"axis": int64(1)}, y), y)
		},
		"a plane": func(n *network, x graph.ValueID) { n.output(n.node("Conv", nil, x, n.weights(1, 8, 8, 1, 1))) },
		"logarithms": func(n *network, x graph.ValueID) {
			n.output(n.node("LogSoftmax", map[string]any{"axis": int64(1)}, n.node("Flatten", nil, n.node("GlobalAveragePool", nil, n.node("Conv", nil, x, n.weights(1, 8, 8, 1, 1))))))
		},
		"no convolution": func(n *network, x graph.ValueID) { n.output(n.node("GlobalAveragePool", nil, x)) },
	} {
		n, x := newNetwork(t, rand.New(rand.NewPCG(1, 1)), 1, 8, 9, 9)
		end(n, x)
		p, err := Compile(n.g, CompileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.outputs {
			if head, ok := p.Head(i); ok {
				t.Errorf("%s: head %+v", name, head)
			}
		}
	}
}

// TestParts: where regions depend on values, a concatenation's parts are written
// in place too, though one branch is longer than the other.
func TestParts(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	n, x := newNetwork(t, rng, 1, 8, 20, 20)
	conv := func(x graph.ValueID, out, k int64) graph.ValueID {
		return n.node("Relu", nil, n.node("Conv", map[string]any{"pads": []int64{k / 2, k / 2, k / 2, k / 2}}, x, n.weights(.3, int(out), n.shape(x)[1], int(k), int(k))))
	}
	y := n.node("Concat", map[string]any{"axis": int64(1)}, conv(x, 16, 1), conv(conv(x, 8, 1), 24, 3), conv(conv(conv(x, 8, 1), 8, 5), 8, 3))
	n.output(conv(y, 8, 3))
	p, err := Compile(n.g, CompileOptions{Dynamic: true})
	if err != nil {
		t.Fatal(err)
	}
	parts, group := 0, 0
	for i := range p.steps {
		if p.values[p.steps[i].out].partOf != 0 {
			parts++
		}
		group += p.steps[i].group
		if c, ok := p.steps[i].prim.(*engine.Concat); ok && c.Out.C != 48 {
			t.Errorf("concatenation of %d channels", c.Out.C)
		}
	}
	if parts != 3 || group != 4 {
		t.Errorf("%d parts in groups of %d steps", parts, group)
	}
	base := make([]float32, p.InputPlane().Len())
	for i := range base {
		base[i] = rng.Float32()
	}
	v, err := p.Materialize(context.Background(), base, 2)
	if err != nil {
		t.Fatal(err)
	}
	changes := randomPatches(rng, 12, 20, 20, 8, base)
	if d := differs(answers(t, p, v, changes, Options{}), answers(t, p, v, changes, Options{Epsilon: 1e-30})); d != "" {
		t.Error(d)
	}
}

// TestRelease: memory that is used again changes nothing.
func TestRelease(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 9))
		n := randomNetwork(t, rng)
		p, err := Compile(n.g, CompileOptions{Precision: Precisions[seed%3], force: func(int) asm.WinogradSize { return 0 }})
		if err != nil {
			t.Fatal(err)
		}
		plane := p.InputPlane()
		var sums []uint64
		var first [][][]float32
		for round := range 3 {
			r := rand.New(rand.NewPCG(seed, uint64(round%2)))
			base := make([]float32, plane.Len())
			for i := range base {
				base[i] = r.Float32()*2 - 1
			}
			v, err := p.Materialize(context.Background(), base, 2)
			if err != nil {
				t.Fatal(err)
			}
			sums = append(sums, checksum(v))
			got := answers(t, p, v, randomPatches(r, 6, plane.H, plane.W, plane.C, base), Options{Workers: 2, Chunk: 2})
			if round == 0 {
				first = got
			} else if d := differs(first, got); round == 2 && d != "" {
				t.Errorf("seed %d: %s", seed, d)
			}
			p.Release(v)
		}
		if sums[0] != sums[2] {
			t.Errorf("seed %d: views differ", seed)
		}
	}
}
