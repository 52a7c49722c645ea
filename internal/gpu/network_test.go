package gpu

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/gpu/kernels"
	"krypton/internal/graph"
	"krypton/internal/incremental"
	"krypton/internal/onnxload"
	"krypton/internal/onnxwrite"
	"krypton/internal/op"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

// changes are those of a network, as a plan has them.
type changes []Change

func (c changes) Len() int                   { return len(c) }
func (c changes) Rect(i int) region.Rect     { return c[i].Rect }
func (c changes) Write(i int, dst []float32) { copy(dst, c[i].Pixels) }

// randomChange is a rectangle of a plane, of at most size pixels a side, and its pixels.
func randomChange(rng *rand.Rand, plane engine.Plane, size int) Change {
	span := func(n int) region.Span {
		lo := rng.IntN(n)
		return region.Span{Lo: lo, Hi: lo + 1 + rng.IntN(min(size, n-lo))}
	}
	c := Change{Rect: region.Rect{Y: span(plane.H), X: span(plane.W)}}
	for range c.Rect.Area() * plane.C {
		c.Pixels = append(c.Pixels, rng.Float32()*2-1)
	}
	return c
}

// compare runs a graph on a device, whole and behind some patches, and compares all
// outputs' bits with those of plans for every set that rounds products and sums once; if
// again, those behind the first patch with a whole run's of the patched input.
func compare(t *testing.T, d Device, g *graph.Graph, rng *rand.Rand, patches, size int, again bool) {
	t.Helper()
	compareWays(t, d, g, rng, patches, size, again, incremental.CompileOptions{Direct: true})
}

// compareWays is compare with convolutions computed as plans with these options do.
func compareWays(t *testing.T, d Device, g *graph.Graph, rng *rand.Rand, patches, size int, again bool, opt incremental.CompileOptions) {
	t.Helper()
	like := planOf(t, g, opt)
	p, err := incremental.Lower(g, incremental.CompileOptions{Like: like})
	if err != nil {
		t.Fatal(err)
	}
	n, err := Load(d, p)
	if err != nil {
		t.Fatal(err)
	}
	plane := p.Values[p.Input].Plane
	input := make([]float32, plane.Len())
	for i := range input {
		input[i] = rng.Float32()*2 - 1
	}
	var c changes
	for range patches {
		c = append(c, randomChange(rng, plane, size))
	}
	if err := n.Run(input); err != nil {
		t.Fatal(err)
	}
	if err := n.Update(c); err != nil {
		t.Fatal(err)
	}
	outputs := func(k int) (all [][]float32) {
		for i := range p.Outputs() {
			f, err := n.Output(k, i)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, f)
		}
		return all
	}
	clean, behind := outputs(Clean), make([][][]float32, len(c))
	for k := range c {
		behind[k] = outputs(k)
	}
	sets := asm.Sets()
	if len(sets) == 1 {
		asm.Missing(t, "avx2")
	}
	compared := 0
	for _, k := range sets[:len(sets)-1] {
		opt.Kernels = k
		plan := planOf(t, g, opt)
		if !slices.Equal(plan.Tiles(), like.Tiles()) {
			continue // it has other costs
		}
		compared++
		v, err := plan.Materialize(context.Background(), input, 1)
		if err != nil {
			t.Fatal(err)
		}
		for i := range clean {
			same(t, fmt.Sprintf("%s, whole, output %d", k.Name, i), clean[i], plan.Output(v, i).Data.([]float32))
		}
		var lock sync.Mutex
		err = plan.Update(context.Background(), v, c, incremental.Options{Workers: 1}, func(i int, r incremental.Results) error {
			lock.Lock()
			defer lock.Unlock()
			var all error
			for o := range clean {
				f, err := r.Floats(o)
				same(t, fmt.Sprintf("%s, output %d of change %d, %v", k.Name, o, i, c[i].Rect), behind[i][o], f)
				all = errors.Join(all, err)
			}
			return all
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if compared == 0 {
		t.Fatalf("no set has tiles %v", like.Tiles())
	}
	if again {
		whole := append([]float32{}, input...)
		r, from := c[0].Rect, c[0].Pixels
		for y := r.Y.Lo; y < r.Y.Hi; y++ {
			from = from[copy(whole[(y*plane.W+r.X.Lo)*plane.C:], from[:r.X.Len()*plane.C]):]
		}
		if err := n.Run(whole); err != nil {
			t.Fatal(err)
		}
		for o, f := range outputs(Clean) {
			same(t, "an update and a whole run", behind[0][o], f)
		}
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if i, is := d.(*interpreter); is && i.memory.Buffers() != 0 {
		t.Fatalf("%d buffers are left", i.memory.Buffers())
	}
}

// planOf is a graph's plan.
func planOf(t *testing.T, g *graph.Graph, opt incremental.CompileOptions) *incremental.Plan {
	t.Helper()
	p, err := incremental.Compile(g, opt)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// same compares bits; NaN alone may have any.
func same(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i, v := range got {
		if math.Float32bits(v) != math.Float32bits(want[i]) && (v == v || want[i] == want[i]) {
			t.Fatalf("%s: number %d is %g (%x), want %g (%x)", what, i, v, math.Float32bits(v), want[i], math.Float32bits(want[i]))
		}
	}
}

// maker makes the nodes of a random network of what the kernels compute.
type maker struct {
	rng   *rand.Rand
	nodes []onnxwrite.Node
	init  []onnxwrite.Tensor
}

// tensor makes a constant of random numbers, and gives its name.
func (m *maker) tensor(dims ...int64) string {
	n := int64(1)
	for _, d := range dims {
		n *= d
	}
	w := make([]float32, n)
	for i := range w {
		w[i] = m.rng.Float32() - 0.45
	}
	name := fmt.Sprintf("w%d", len(m.init))
	m.init = append(m.init, onnxwrite.Raw(name, dims, w))
	return name
}

// node adds one, and gives its output's name.
func (m *maker) node(op string, in []string, attributes ...onnxwrite.Attribute) string {
	out := fmt.Sprintf("v%d", len(m.nodes))
	m.nodes = append(m.nodes, onnxwrite.Lines(fmt.Sprintf("%s = %s %s", out, op, strings.Join(in, " ")))[0].With(attributes...))
	return out
}

// plane is a value of a random network.
type plane struct {
	name    string
	c, h, w int64
}

// convolution adds one of any windows and groups.
func (m *maker) convolution(p plane, keeps bool) plane {
	c, ky, kx := int64(1+m.rng.IntN(9)), int64(1+2*m.rng.IntN(2)), int64(1+2*m.rng.IntN(2))
	group, stride := int64(1), int64(1)
	switch m.rng.IntN(4) {
	case 0:
		c, group = p.c, p.c
	case 1:
		if p.c%2 == 0 {
			c, group = 2*c, 2
		}
	}
	if !keeps && p.h > 4 && p.w > 4 && m.rng.IntN(3) == 0 {
		stride = 2
	}
	py, px := ky/2, kx/2
	out := plane{c: c, h: (p.h+2*py-ky)/stride + 1, w: (p.w+2*px-kx)/stride + 1}
	out.name = m.node("Conv", []string{p.name, m.tensor(c, p.c/group, ky, kx), m.tensor(c)},
		onnxwrite.Ints("pads", py, px, py, px), onnxwrite.Ints("strides", stride, stride), onnxwrite.Int("group", group))
	return out
}

// next adds a layer, or a block of some.
func (m *maker) next(p plane) plane {
	one := func(op string) plane {
		p.name = m.node(op, []string{p.name})
		return p
	}
	switch m.rng.IntN(10) {
	case 8: // a gate, by which all of the plane changes
		g := m.node("GlobalAveragePool", []string{p.name})
		g = m.node("Relu", []string{m.node("Conv", []string{g, m.tensor(3, p.c, 1, 1)})})
		g = m.node("Sigmoid", []string{m.node("Conv", []string{g, m.tensor(p.c, 3, 1, 1)})})
		p.name = m.node("Mul", []string{p.name, g})
		return p
	case 9: // arithmetic with constants, or of two planes
		other := m.tensor([]int64{1, p.c}[m.rng.IntN(2)], 1, 1)
		if m.rng.IntN(2) == 0 {
			other = m.node("Sigmoid", []string{p.name})
		}
		in := []string{p.name, other}
		m.rng.Shuffle(2, func(i, k int) { in[i], in[k] = in[k], in[i] })
		p.name = m.node([]string{"Mul", "Sub", "Div", "Max", "Min", "Add"}[m.rng.IntN(6)], in)
		return p
	case 0:
		return one([]string{"Relu", "Sigmoid", "HardSwish"}[m.rng.IntN(3)])
	case 1:
		if p.h < 3 || p.w < 3 {
			return p
		}
		p.name = m.node([]string{"MaxPool", "AveragePool"}[m.rng.IntN(2)], []string{p.name}, onnxwrite.Ints("kernel_shape", 3, 2), onnxwrite.Ints("strides", 2, 1), onnxwrite.Ints("pads", 1, 0, 1, 1))
		p.h = (p.h-1)/2 + 1
		return p
	case 2: // branches
		a, b := m.convolution(p, true), m.convolution(p, true)
		a.name = m.node("Relu", []string{a.name})
		in := []string{a.name, b.name, p.name}
		m.rng.Shuffle(3, func(i, k int) { in[i], in[k] = in[k], in[i] })
		return plane{m.node("Concat", in, onnxwrite.Int("axis", 1)), a.c + b.c + p.c, p.h, p.w}
	case 3: // a residual block
		a := m.convolution(p, true)
		last := m.node("Conv", []string{a.name, m.tensor(p.c, a.c, 1, 1)})
		p.name = m.node("Relu", []string{m.node("Add", []string{last, p.name})})
		return p
	}
	p = m.convolution(p, false)
	if m.rng.IntN(2) == 0 {
		return one("Relu")
	}
	return p
}

// network makes one that ends in a classifier, and has another output before.
func (m *maker) network() *onnxwrite.Model {
	p := plane{"x", int64(1 + m.rng.IntN(4)), int64(6 + m.rng.IntN(10)), int64(6 + m.rng.IntN(10))}
	input := onnxwrite.Floats32("x", 1, p.c, p.h, p.w)
	for range 3 + m.rng.IntN(5) {
		p = m.next(p)
	}
	p = m.convolution(p, false)
	before, classes := p, int64(2+m.rng.IntN(6))
	if m.rng.IntN(2) == 0 {
		p.name, p.h, p.w = m.node("GlobalAveragePool", []string{p.name}), 1, 1
	}
	y := m.node("Gemm", []string{m.node("Flatten", []string{p.name}), m.tensor(classes, p.c*p.h*p.w), m.tensor(classes)}, onnxwrite.Int("transB", 1))
	if m.rng.IntN(2) == 0 {
		y = m.node("Softmax", []string{y})
	}
	return &onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 14}, Graph: onnxwrite.Graph{Name: "random", Nodes: m.nodes,
		Inputs:       []onnxwrite.ValueInfo{input},
		Outputs:      []onnxwrite.ValueInfo{onnxwrite.Floats32(y, 1, classes), onnxwrite.Floats32(before.name, 1, before.c, before.h, before.w)},
		Initializers: m.init}}
}

// TestRandomNetworks: on the device, too, updates equal whole runs, and both have the bits of
// plans of this machine's processors.
func TestRandomNetworks(t *testing.T) {
	for seed := range uint64(16) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := &maker{rng: rand.New(rand.NewPCG(seed, 23))}
			g, err := onnxload.LoadBytes(m.network().Marshal(), "random", "", onnxload.Options{})
			if err != nil {
				t.Fatal(err)
			}
			compare(t, newInterpreter(t), g, m.rng, 4, 24, true)
		})
	}
}

// tiled is a network whose plans compute convolutions by Winograd's tiles, into parts of a
// concatenation too, and behind each other, on planes that tiles do not fill. Bounds are not at
// 0: zeros that a ReLU makes would be left out, which these tiles cannot, so that fewer were used.
func (m *maker) tiled() *onnxwrite.Model {
	least, most := m.constant(nil, -0.5), m.constant(nil, 6)
	next := func(in string, from, to int64) string {
		w := m.node("Conv", []string{in, m.tensor(to, from, 3, 3), m.tensor(to)}, onnxwrite.Ints("pads", 1, 1, 1, 1))
		return m.node("Clip", []string{w, least, most})
	}
	h, w := int64(6+m.rng.IntN(4)), int64(6+m.rng.IntN(4))
	a := next("x", 16, 16)
	a = m.node("Concat", []string{next(a, 16, 16), next(a, 16, 17)}, onnxwrite.Int("axis", 1))
	before := next(a, 33, 16)
	y := m.node("Gemm", []string{m.node("Flatten", []string{m.node("GlobalAveragePool", []string{before})}), m.tensor(3, 16)}, onnxwrite.Int("transB", 1))
	return &onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 14}, Graph: onnxwrite.Graph{Name: "tiled", Nodes: m.nodes,
		Inputs:       []onnxwrite.ValueInfo{onnxwrite.Floats32("x", 1, 16, h, w)},
		Outputs:      []onnxwrite.ValueInfo{onnxwrite.Floats32(y, 1, 3), onnxwrite.Floats32(before, 1, 16, h, w)},
		Initializers: m.init}}
}

// TestTiles: networks computed by Winograd's tiles, of both sizes, have the bits of plans that do so,
// whole, behind patches and as streams.
func TestTiles(t *testing.T) {
	g, rng := byTiles(t, newInterpreter(t))
	streamOf(t, g, rng, 0, incremental.Masks, incremental.CompileOptions{})
}

// byTiles compares a network by tiles of both sizes, which it gives, on a device.
func byTiles(t *testing.T, d Device) (*graph.Graph, *rand.Rand) {
	t.Helper()
	m := &maker{rng: rand.New(rand.NewPCG(0, 83))}
	g, err := onnxload.LoadBytes(m.tiled().Marshal(), "tiled", "", onnxload.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sets := asm.Sets()
	if len(sets) == 1 {
		asm.Missing(t, "avx2")
	}
	last := sets[len(sets)-2] // the last with kernels in assembly
	opt := incremental.CompileOptions{Kernels: last, Typical: func(engine.Plane) []region.Rect {
		return []region.Rect{{Y: region.Span{Lo: 2, Hi: 3}, X: region.Span{Lo: 3, Hi: 4}}}
	}}
	if tiles := planOf(t, g, opt).Tiles(); !slices.Contains(tiles, asm.Winograd2) || !slices.Contains(tiles, asm.Winograd4) {
		t.Errorf("by %s: %v", last.Name, tiles)
	}
	compareWays(t, d, g, m.rng, 2, 4, false, opt)
	return g, m.rng
}

// TestTrainedNetworks runs ResNet20 and MNIST to their ends; with KRYPTON_WHOLE set SqueezeNet
// too, which takes most of a minute, the first layers of two detectors, and those of the models in
// the folder KRYPTON_MODELS.
func TestTrainedNetworks(t *testing.T) {
	trained(t, os.Getenv("KRYPTON_WHOLE") != "", func(t *testing.T) Device { return newInterpreter(t) })
}

// trained compares networks on devices of their own: small ones, or all.
func trained(t *testing.T, all bool, device func(t *testing.T) Device) {
	dir := os.Getenv("KRYPTON_DATA")
	if dir == "" {
		t.Skip("KRYPTON_DATA is not set")
	}
	names := []string{"mnist", "resnet20_cifar10"}
	if all {
		names = append(names, "squeezenet1", "ultraface_rfb320", "fastestdet")
	}
	var files []string
	for _, name := range names {
		files = append(files, filepath.Join(dir, "models", name+".onnx"))
	}
	if more := os.Getenv("KRYPTON_MODELS"); all && more != "" {
		others, err := filepath.Glob(filepath.Join(more, "*.onnx"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, others...)
	}
	for i, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			g, err := onnxload.Load(file, onnxload.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if i > 2 {
				g = begin(g)
			}
			compare(t, device(t), g, rand.New(rand.NewPCG(uint64(i), 20)), 1, 8, false)
		})
	}
}

// begin cuts a graph off before what would make it take more than some five million
// multiply-adds; of the first layer it keeps all.
func begin(g *graph.Graph) *graph.Graph {
	cut, left, layers := *g, 5_000_000, 0
	shape := func(v graph.ValueID) []int { return g.Values[v].Info.Shape }
	for i, node := range g.Nodes {
		work := 0
		switch node.Op.(type) {
		case *op.Conv:
			work = size(shape(node.Out[0])[2:]) * size(shape(node.In[1]))
		case *op.MatMul, *op.Gemm:
			in := shape(node.In[0])
			work = size(shape(node.Out[0])) * in[len(in)-1]
		}
		if left -= work; work > 0 {
			layers++
		}
		if left < 0 && layers > 1 {
			return &cut
		}
		if out := g.Values[node.Out[0]].Info; out.Type == tensor.Float32 && len(out.Shape) > 2 {
			cut.Nodes, cut.Outputs = g.Nodes[:i+1], node.Out[:1]
		}
	}
	return g
}

func size(shape []int) int {
	n := 1
	for _, k := range shape {
		n *= k
	}
	return n
}

// TestRefuses: what the kernels do not compute is named, and leaves nothing on the device.
func TestRefuses(t *testing.T) {
	model := onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 14}, Graph: onnxwrite.Graph{Name: "sorted",
		Nodes:        []onnxwrite.Node{onnxwrite.Lines("a = Conv x w")[0], onnxwrite.Lines("y = LRN a")[0].With(onnxwrite.Int("size", 3)), onnxwrite.Lines("z = Relu y")[0]},
		Inputs:       []onnxwrite.ValueInfo{onnxwrite.Floats32("x", 1, 3, 4, 4)},
		Outputs:      []onnxwrite.ValueInfo{onnxwrite.Floats32("z", 1, 2, 4, 4)},
		Initializers: []onnxwrite.Tensor{onnxwrite.Raw("w", []int64{2, 3, 1, 1}, []float32{1, 2, 3, 4, 5, 6})}}}
	g, err := onnxload.LoadBytes(model.Marshal(), "lrn", "", onnxload.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := incremental.Lower(g, incremental.CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	d := newInterpreter(t)
	if _, err := Load(d, p); err == nil || !strings.Contains(err.Error(), "(LRN): no kernel") || d.memory.Buffers() != 0 {
		t.Fatalf("%v, %d buffers are left", err, d.memory.Buffers())
	}
}

// failing is a device whose n-th request fails.
type failing struct {
	Device
	left int
}

var errFailed = errors.New("fell off the bus")

// loadFailing puts a program on an interpreter that is to fail later, if at all.
func loadFailing(t *testing.T, p *incremental.Program) (*failing, *Network) {
	t.Helper()
	d := &failing{newInterpreter(t), 1 << 30}
	n, err := Load(d, p)
	if err != nil {
		t.Fatal(err)
	}
	return d, n
}

func (d *failing) fails() bool { d.left--; return d.left < 0 }

func (d *failing) Alloc(what string, bytes int) (uint64, error) {
	if d.fails() {
		return 0, errFailed
	}
	return d.Device.Alloc(what, bytes)
}

func (d *failing) Write(address uint64, data []byte) error {
	if d.fails() {
		return errFailed
	}
	return d.Device.Write(address, data)
}

func (d *failing) Read(data []byte, address uint64) error {
	if d.fails() {
		return errFailed
	}
	return d.Device.Read(data, address)
}

func (d *failing) Launch(l kernels.Launch) error {
	if d.fails() {
		return errFailed
	}
	return d.Device.Launch(l)
}

// TestDeviceFails: an error of any request comes out, nothing stays on the device, and no
// output is given that was not computed.
func TestDeviceFails(t *testing.T) {
	m := &maker{rng: rand.New(rand.NewPCG(3, 23))}
	_, p := lowered(t, m.network())
	plane := p.Values[p.Input].Plane
	c := []Change{randomChange(m.rng, plane, 5), randomChange(m.rng, plane, 5)}
	for fail := 0; ; fail += 1 + fail/10 {
		on := newInterpreter(t)
		d := &failing{on, fail}
		n, err := Load(d, p)
		ran := false
		if err == nil {
			if err = n.Run(make([]float32, plane.Len())); err == nil {
				ran = true
				if err = n.Update(c); err == nil {
					_, err = n.Output(1, 0)
				} else if _, e := n.Output(0, 0); e == nil {
					t.Fatalf("request %d: an update failed (%v), and has an output", fail, err)
				}
			}
			if _, e := n.Output(Clean, 0); !ran && e == nil {
				t.Fatalf("request %d: a run failed (%v), and has an output", fail, err)
			}
			if e := n.Close(); e != nil {
				t.Fatal(e)
			}
		}
		if on.memory.Buffers() != 0 {
			t.Fatalf("request %d: %d buffers are left", fail, on.memory.Buffers())
		}
		if err == nil {
			if fail < 20 {
				t.Fatalf("only %d requests", fail)
			}
			return
		}
		if !errors.Is(err, errFailed) {
			t.Fatalf("request %d: %v", fail, err)
		}
	}
}

// lowered is a network as a graph and as a program.
func lowered(t *testing.T, m *onnxwrite.Model) (*graph.Graph, *incremental.Program) {
	t.Helper()
	g, err := onnxload.LoadBytes(m.Marshal(), "random", "", onnxload.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := incremental.Lower(g, incremental.CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return g, p
}
