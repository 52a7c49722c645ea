package gpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"krypton/internal/gpu/ptx"
	"krypton/internal/incremental"
	"krypton/internal/onnxwrite"
)

// wide makes a network whose convolutions have enough channels for tensor cores.
func (m *maker) wide() *onnxwrite.Model { return m.blocks(18, 35, 20, 9) }

// blocks makes a network of 3 x 6 x 6 inputs with a residual block of c channels and d within,
// two groups of e channels, a concatenation of f more, and a classifier.
func (m *maker) blocks(c, d, e, f int64) *onnxwrite.Model {
	p := plane{"x", 3, 6, 6}
	conv := func(p plane, c, k, group int64) plane {
		pad := k / 2
		return plane{m.node("Conv", []string{p.name, m.tensor(c, p.c/group, k, k), m.tensor(c)}, onnxwrite.Ints("pads", pad, pad, pad, pad), onnxwrite.Int("group", group)), c, p.h, p.w}
	}
	relu := func(p plane) plane { return m.one("Relu", p, nil) }
	p = relu(conv(p, c, 3, 1))
	a := relu(conv(p, d, 3, 1))
	p = relu(plane{m.node("Add", []string{conv(a, c, 1, 1).name, p.name}), c, p.h, p.w})
	b := relu(conv(p, e, 3, 2))
	p = plane{m.node("Concat", []string{b.name, conv(p, f, 1, 1).name}, onnxwrite.Int("axis", 1)), e + f, p.h, p.w}
	p = plane{m.node("MaxPool", []string{p.name}, onnxwrite.Ints("kernel_shape", 2, 2), onnxwrite.Ints("strides", 2, 2)), p.c, p.h / 2, p.w / 2}
	y := m.node("Gemm", []string{m.node("Flatten", []string{p.name}), m.tensor(5, p.c*p.h*p.w), m.tensor(5)}, onnxwrite.Int("transB", 1))
	return &onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 14}, Graph: onnxwrite.Graph{Name: "wide", Nodes: m.nodes,
		Inputs:       []onnxwrite.ValueInfo{onnxwrite.Floats32("x", 1, 3, 6, 6)},
		Outputs:      []onnxwrite.ValueInfo{onnxwrite.Floats32(y, 1, 5), onnxwrite.Floats32(p.name, 1, p.c, p.h, p.w)},
		Initializers: m.init}}
}

// TestPrecisions: with tensor cores, too, an update equals a whole run bit for bit, on two
// generations, and results are near those of float32.
func TestPrecisions(t *testing.T) {
	precisions(t, func(t *testing.T, cores ptx.Cores) Device {
		d := newInterpreter(t)
		d.cores = cores
		return d
	})
}

// precisions tries them on devices of their own, which have the tensor cores of a generation if
// that can be chosen.
func precisions(t *testing.T, device func(t *testing.T, cores ptx.Cores) Device) {
	m := &maker{rng: rand.New(rand.NewPCG(1, 28))}
	_, p := lowered(t, m.wide())
	inputs := p.Values[p.Input].Plane
	base := make([]float32, inputs.Len())
	for i := range base {
		base[i] = m.rng.Float32()*2 - 1
	}
	c := []Change{randomChange(m.rng, inputs, 4), randomChange(m.rng, inputs, 6)}
	var exact [][]float32 // of float32, [change]
	for _, of := range []struct {
		precision incremental.Precision
		cores     ptx.Cores
		near      float64
	}{{incremental.FP32, ptx.Hopper, 0}, {incremental.TF32, ptx.Hopper, 2e-3}, {incremental.BF16, ptx.Ampere, 2e-2}} {
		n, err := LoadAs(device(t, of.cores), p, of.precision)
		if err != nil {
			t.Fatal(err)
		}
		outputs := func(k int) (all []float32) {
			for i := range p.Outputs() {
				f, err := n.Output(k, i)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, f...)
			}
			return all
		}
		if err := n.Run(base); err != nil {
			t.Fatal(err)
		}
		if err := n.Update(c); err != nil {
			t.Fatal(err)
		}
		var behind [][]float32
		for k := range c {
			behind = append(behind, outputs(k))
		}
		for k, change := range c {
			whole := slices.Clone(base)
			from := change.Pixels
			for y := change.Rect.Y.Lo; y < change.Rect.Y.Hi; y++ {
				from = from[copy(whole[(y*inputs.W+change.Rect.X.Lo)*inputs.C:], from[:change.Rect.X.Len()*inputs.C]):]
			}
			if err := n.Run(whole); err != nil {
				t.Fatal(err)
			}
			same(t, fmt.Sprintf("precision %s, change %d", of.precision, k), behind[k], outputs(Clean))
		}
		if exact == nil {
			exact = behind
			continue
		}
		for k := range exact {
			size, distance := 0.0, 0.0
			for i, v := range exact[k] {
				size, distance = size+float64(v)*float64(v), distance+float64(v-behind[k][i])*float64(v-behind[k][i])
			}
			if off := math.Sqrt(distance / size); !(off > 0 && off < of.near) {
				t.Errorf("precision %s: %g off", of.precision, off)
			}
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
