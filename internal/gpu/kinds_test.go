package gpu

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"krypton/internal/engine"
	"krypton/internal/gpu/kernels"
	"krypton/internal/graph"
	"krypton/internal/incremental"
	"krypton/internal/onnxload"
	"krypton/internal/onnxwrite"
)

// whole makes a constant of whole numbers, and gives its name.
func (m *maker) whole(v ...int64) string {
	name := fmt.Sprintf("w%d", len(m.init))
	m.init = append(m.init, onnxwrite.Raw(name, []int64{int64(len(v))}, v))
	return name
}

// constant makes one of numbers, and gives its name.
func (m *maker) constant(dims []int64, v ...float32) string {
	name := fmt.Sprintf("w%d", len(m.init))
	m.init = append(m.init, onnxwrite.Raw(name, dims, v))
	return name
}

// one adds a node of an input, and perhaps of constants.
func (m *maker) one(op string, p plane, constants []string, attributes ...onnxwrite.Attribute) plane {
	p.name = m.node(op, append([]string{p.name}, constants...), attributes...)
	return p
}

// tokens gives a plane's pixels as rows of channels.
func (m *maker) tokens(p plane) string {
	x := m.node("Reshape", []string{p.name, m.whole(1, p.c, p.h*p.w)})
	return m.node("Transpose", []string{x}, onnxwrite.Ints("perm", 0, 2, 1))
}

// back makes a plane of what tokens gives.
func (m *maker) back(x string, p plane) plane {
	x = m.node("Transpose", []string{x}, onnxwrite.Ints("perm", 0, 2, 1))
	return plane{m.node("Reshape", []string{x, m.whole(1, p.c, p.h, p.w)}), p.c, p.h, p.w}
}

// resized is a plane of twice the rows and columns.
func (m *maker) resized(p plane, mode string) plane {
	scales := m.constant([]int64{4}, 1, 1, 2, 2)
	return plane{m.node("Resize", []string{p.name, "-", scales}, onnxwrite.String("mode", mode), onnxwrite.String("coordinate_transformation_mode", "half_pixel")), p.c, 2 * p.h, 2 * p.w}
}

// kinds are what networks do beside what maker's random ones do: each makes a plane of a plane of
// six channels, six rows and six columns.
var kinds = map[string]func(m *maker, p plane) plane{
	"layer normalization": func(m *maker, p plane) plane {
		x := m.node("LayerNormalization", []string{m.tokens(p), m.tensor(p.c), m.tensor(p.c)}, onnxwrite.Int("axis", -1))
		return m.back(x, p)
	},
	"length":      func(m *maker, p plane) plane { return m.one("LpNormalization", p, nil, onnxwrite.Int("axis", 1)) },
	"softmax":     func(m *maker, p plane) plane { return m.one("Softmax", p, nil, onnxwrite.Int("axis", 1)) },
	"log softmax": func(m *maker, p plane) plane { return m.one("LogSoftmax", p, nil, onnxwrite.Int("axis", 1)) },
	"many channels": func(m *maker, p plane) plane {
		p.name, p.c = m.node("Conv", []string{p.name, m.tensor(35, p.c, 1, 1)}), 35
		p.name = m.node("Sub", []string{p.name, m.node("LogSoftmax", []string{p.name}, onnxwrite.Int("axis", 1))})
		return m.one("Softmax", p, nil, onnxwrite.Int("axis", 1))
	},
	"attention": func(m *maker, p plane) plane {
		x := m.tokens(p)
		heads := func() string {
			q := m.node("Reshape", []string{m.node("MatMul", []string{x, m.tensor(p.c, p.c)}), m.whole(1, p.h*p.w, 2, p.c/2)})
			return m.node("Transpose", []string{q}, onnxwrite.Ints("perm", 0, 2, 1, 3))
		}
		q, k, v := heads(), m.node("Transpose", []string{heads()}, onnxwrite.Ints("perm", 0, 1, 3, 2)), heads()
		scores := m.node("Mul", []string{m.node("MatMul", []string{q, k}), m.constant([]int64{1}, 0.4)})
		y := m.node("MatMul", []string{m.node("Softmax", []string{scores}, onnxwrite.Int("axis", -1)), v})
		y = m.node("Transpose", []string{y}, onnxwrite.Ints("perm", 0, 2, 1, 3))
		y = m.node("Reshape", []string{y, m.whole(1, p.h*p.w, p.c)})
		return m.back(m.node("Add", []string{x, m.node("MatMul", []string{y, m.tensor(p.c, p.c)})}), p)
	},
	"a class token": func(m *maker, p plane) plane {
		x := m.node("Concat", []string{m.tensor(1, 1, p.c), m.tokens(p)}, onnxwrite.Int("axis", 1))
		x = m.node("Add", []string{x, m.tensor(1, p.h*p.w+1, p.c)})
		x = m.node("Slice", []string{x, m.whole(1), m.whole(p.h*p.w + 1), m.whole(1)})
		return m.back(x, p)
	},
	"resize, linear":  func(m *maker, p plane) plane { return m.resized(p, "linear") },
	"resize, cubic":   func(m *maker, p plane) plane { return m.resized(p, "cubic") },
	"resize, nearest": func(m *maker, p plane) plane { return m.resized(p, "nearest") },
	"transposed convolution": func(m *maker, p plane) plane {
		return plane{m.node("ConvTranspose", []string{p.name, m.tensor(p.c, 4, 3, 3), m.tensor(4)}, onnxwrite.Ints("strides", 2, 2), onnxwrite.Ints("pads", 1, 1, 1, 1)), 4, 2*p.h - 1, 2*p.w - 1}
	},
	"depth to space": func(m *maker, p plane) plane {
		x := m.node("Conv", []string{p.name, m.tensor(8, p.c, 1, 1)})
		return plane{m.node("DepthToSpace", []string{x}, onnxwrite.Int("blocksize", 2)), 2, 2 * p.h, 2 * p.w}
	},
	"space to depth": func(m *maker, p plane) plane {
		return plane{m.node("SpaceToDepth", []string{p.name}, onnxwrite.Int("blocksize", 2)), 4 * p.c, p.h / 2, p.w / 2}
	},
	"turned": func(m *maker, p plane) plane {
		x := m.node("Transpose", []string{p.name}, onnxwrite.Ints("perm", 0, 1, 3, 2))
		return m.convolution(plane{m.node("Add", []string{x, p.name}), p.c, p.w, p.h}, true)
	},
	"instance normalization": func(m *maker, p plane) plane {
		return m.one("Relu", m.one("InstanceNormalization", p, []string{m.tensor(p.c), m.tensor(p.c)}), nil)
	},
	"group normalization": func(m *maker, p plane) plane {
		x := m.node("Reshape", []string{p.name, m.whole(1, 3, -1)})
		x = m.node("InstanceNormalization", []string{x, m.tensor(3), m.tensor(3)})
		p.name = m.node("Reshape", []string{x, m.whole(1, p.c, p.h, p.w)})
		return m.one("Mul", p, []string{m.tensor(p.c, 1, 1)})
	},
	"slopes": func(m *maker, p plane) plane { return m.one("PRelu", p, []string{m.tensor(p.c, 1, 1)}) },
	"channels": func(m *maker, p plane) plane {
		p = m.one("ReduceMax", p, nil, onnxwrite.Ints("axes", 1))
		p.c = 1
		return p
	},
	"lengths of planes": func(m *maker, p plane) plane {
		return m.one("Mul", p, []string{m.node("ReduceL2", []string{p.name}, onnxwrite.Ints("axes", 2, 3))})
	},
	"shuffled channels": func(m *maker, p plane) plane {
		x := m.node("Transpose", []string{m.node("Reshape", []string{p.name, m.whole(1, 2, p.c/2, p.h, p.w)})}, onnxwrite.Ints("perm", 0, 2, 1, 3, 4))
		return plane{m.node("Reshape", []string{x, m.whole(1, p.c, p.h, p.w)}), p.c, p.h, p.w}
	},
	"padding": func(m *maker, p plane) plane {
		return plane{m.node("Pad", []string{p.name, m.whole(0, 0, 1, 0, 0, 0, 2, 1), m.constant(nil, 0.3)}), p.c, p.h + 3, p.w + 1}
	},
	"rows one behind the other": func(m *maker, p plane) plane {
		return plane{m.node("Concat", []string{p.name, m.node("Sigmoid", []string{p.name})}, onnxwrite.Int("axis", 2)), p.c, 2 * p.h, p.w}
	},
	"lists": func(m *maker, p plane) plane {
		var lists []string
		for _, stride := range []int64{1, 2} {
			x := m.node("Conv", []string{p.name, m.tensor(4, p.c, 1, 1)}, onnxwrite.Ints("strides", stride, stride))
			x = m.node("Transpose", []string{x}, onnxwrite.Ints("perm", 0, 2, 3, 1))
			lists = append(lists, m.node("Reshape", []string{x, m.whole(1, -1, 2)}))
		}
		n := 2 * (p.h*p.w + (p.h+1)/2*((p.w+1)/2))
		x := m.node("Softmax", []string{m.node("Concat", lists, onnxwrite.Int("axis", 1))}, onnxwrite.Int("axis", -1))
		return plane{m.node("Reshape", []string{x, m.whole(1, 2, 1, n)}), 2, 1, n}
	},
	"a field": func(m *maker, p plane) plane {
		var grid []float32
		for range 5 * 4 * 2 {
			grid = append(grid, m.rng.Float32()*2.4-1.2)
		}
		return plane{m.node("GridSample", []string{p.name, m.constant([]int64{1, 5, 4, 2}, grid...)}), p.c, 5, 4}
	},
	"a mask": func(m *maker, p plane) plane {
		name := fmt.Sprintf("w%d", len(m.init))
		marks := make([]bool, p.c*p.h*p.w)
		for i := range marks {
			marks[i] = m.rng.IntN(2) == 0
		}
		m.init = append(m.init, onnxwrite.Raw(name, []int64{1, p.c, p.h, p.w}, marks))
		p.name = m.node("Where", []string{name, m.constant([]int64{1}, 2), p.name})
		return p
	},
	"rows of constants":       func(m *maker, p plane) plane { return m.one("Add", p, []string{m.tensor(1, p.h, p.w)}) },
	"constants along columns": func(m *maker, p plane) plane { return m.one("Mul", p, []string{m.tensor(p.c, 1, p.w)}) },
	"windows": func(m *maker, p plane) plane { // of nine tokens, two heads, with a bias for each two
		x := m.node("Reshape", []string{m.tokens(p), m.whole(4, 9, 2, p.c/2)})
		x = m.node("Transpose", []string{x}, onnxwrite.Ints("perm", 0, 2, 1, 3))
		scores := m.node("MatMul", []string{x, m.node("Transpose", []string{x}, onnxwrite.Ints("perm", 0, 1, 3, 2))})
		scores = m.node("Add", []string{scores, m.tensor(1, 2, 9, 9)})
		y := m.node("MatMul", []string{m.node("Softmax", []string{scores}, onnxwrite.Int("axis", -1)), x})
		y = m.node("Transpose", []string{y}, onnxwrite.Ints("perm", 0, 2, 1, 3))
		return m.back(m.node("Reshape", []string{y, m.whole(1, p.h*p.w, p.c)}), p)
	},
	"anyhow": func(m *maker, p plane) plane {
		x := m.node("Reshape", []string{m.node("Transpose", []string{p.name}, onnxwrite.Ints("perm", 0, 2, 1, 3)), m.whole(1, 4, 9, 6)})
		return m.convolution(plane{m.node("Sigmoid", []string{x}), 4, 9, 6}, true)
	},
	"a large plane": func(m *maker, p plane) plane {
		p.name = m.node("Resize", []string{p.name, "-", m.constant([]int64{4}, 1, 1, 18, 19)}, onnxwrite.String("mode", "nearest"))
		return plane{m.node("ReduceL2", []string{p.name}, onnxwrite.Ints("axes", 2, 3)), p.c, 1, 1}
	},
	"upright squares": func(m *maker, p plane) plane {
		x := m.node("Transpose", []string{m.one("SpaceToDepth", p, nil, onnxwrite.Int("blocksize", 2)).name}, onnxwrite.Ints("perm", 0, 1, 3, 2))
		x = m.node("Reshape", []string{x, m.whole(1, 4*p.c, p.w/2, p.h/2)})
		return plane{m.node("Relu", []string{x}), 4 * p.c, p.w / 2, p.h / 2}
	},
	"flattened": func(m *maker, p plane) plane {
		x := m.node("Reshape", []string{m.node("Transpose", []string{p.name}, onnxwrite.Ints("perm", 0, 2, 1, 3)), m.whole(1, p.h, p.c, p.w)})
		return plane{m.node("Sigmoid", []string{x}), p.h, p.c, p.w}
	},
}

// kindNetwork is a convolution, what a kind does, and another convolution.
func kindNetwork(m *maker, kind func(m *maker, p plane) plane) *onnxwrite.Model {
	input := plane{"x", 3, 6, 6}
	p := plane{m.node("Conv", []string{"x", m.tensor(6, 3, 3, 3), m.tensor(6)}, onnxwrite.Ints("pads", 1, 1, 1, 1)), 6, 6, 6}
	p = kind(m, p)
	y := m.node("Conv", []string{p.name, m.tensor(2, p.c, 1, 1)})
	return &onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 17}, Graph: onnxwrite.Graph{Name: "kind", Nodes: m.nodes,
		Inputs:       []onnxwrite.ValueInfo{onnxwrite.Floats32("x", 1, input.c, input.h, input.w)},
		Outputs:      []onnxwrite.ValueInfo{onnxwrite.Floats32(y, 1, 2, p.h, p.w), onnxwrite.Floats32(p.name, 1, p.c, p.h, p.w)},
		Initializers: m.init}}
}

// specs are the names of all that a graph's steps compute.
func specs(t *testing.T, g *graph.Graph) (names []string) {
	t.Helper()
	p, err := incremental.Lower(g, incremental.CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.Steps {
		names = append(names, strings.TrimPrefix(fmt.Sprint(reflect.TypeOf(p.Steps[i].Spec)), "*engine."))
	}
	return names
}

// TestKinds: every kind of step gives the bits of this machine's processors, whole and behind
// patches.
func TestKinds(t *testing.T) {
	everyKind(t, func(t *testing.T) Device { return newInterpreter(t) })
}

// everyKind compares the kinds on devices of their own.
func everyKind(t *testing.T, device func(t *testing.T) Device) {
	met := map[string]bool{}
	for i, name := range slices.Sorted(func(yield func(string) bool) {
		for k := range kinds {
			if !yield(k) {
				return
			}
		}
	}) {
		t.Run(name, func(t *testing.T) {
			m := &maker{rng: rand.New(rand.NewPCG(uint64(i), 24))}
			g, err := onnxload.LoadBytes(kindNetwork(m, kinds[name]).Marshal(), "kind", "", onnxload.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range specs(t, g) {
				met[s] = true
			}
			compare(t, device(t), g, m.rng, 2, 3, true)
		})
	}
	for _, want := range []engine.Spec{&engine.Convolution{}, &engine.Spread{}, &engine.Squares{}, &engine.Turn{}, &engine.Interpolate{}, &engine.Sample{}, &engine.Row{}, &engine.Move{},
		&engine.Channels{}, &engine.Product{}, &engine.Softmax{}, &engine.LayerNorm{}, &engine.Moments{}, &engine.Rescale{}, &engine.Reduce{}, &engine.Mean{}, &engine.RowSums{},
		&engine.PRelu{}, &engine.Select{}, &engine.Permute{}, &engine.Binary{}, &engine.Unary{}} {
		if n := strings.TrimPrefix(fmt.Sprintf("%T", want), "*engine."); !met[n] {
			t.Errorf("no network has a %s", n)
		}
	}
}

// counting is a device of memory alone: it counts bytes.
type counting struct {
	next  uint64
	bytes int
}

func (d *counting) Alloc(_ string, bytes int) (uint64, error) {
	d.bytes += bytes
	d.next += uint64(bytes+255) / 256 * 256
	return 1<<40 + d.next, nil
}
func (*counting) Free(uint64) error           { return nil }
func (*counting) Write(uint64, []byte) error  { return nil }
func (*counting) Read([]byte, uint64) error   { return nil }
func (*counting) Launch(kernels.Launch) error { return nil }

// TestRealNetworks: there are kernels for every step of all networks at hand, and launches can
// be made of them, whole and behind a patch.
func TestRealNetworks(t *testing.T) {
	dir := os.Getenv("KRYPTON_DATA")
	if dir == "" {
		t.Skip("KRYPTON_DATA is not set")
	}
	files, err := filepath.Glob(filepath.Join(dir, "models", "*.onnx"))
	if more := os.Getenv("KRYPTON_MODELS"); more != "" && err == nil {
		var others []string
		others, err = filepath.Glob(filepath.Join(more, "*.onnx"))
		files = append(files, others...)
	}
	if err != nil || len(files) == 0 {
		t.Fatalf("no models in %s: %v", dir, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			g, err := onnxload.Load(file, onnxload.Options{})
			if err != nil {
				t.Skip(err) // of inputs whose size is not known
			}
			p, err := incremental.Lower(g, incremental.CompileOptions{})
			if err != nil {
				t.Fatal(err)
			}
			d := &counting{}
			n, err := Load(d, p)
			if err != nil {
				t.Fatal(err)
			}
			plane := p.Values[p.Input].Plane
			if err := n.Run(make([]float32, plane.Len())); err != nil {
				t.Fatal(err)
			}
			before := d.bytes
			if err := n.Update([]Change{randomChange(rand.New(rand.NewPCG(1, 1)), plane, 16)}); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d steps, %d MiB, and %d KiB for a patch", len(p.Steps), before>>20, (d.bytes-before)>>10)
		})
	}
}
