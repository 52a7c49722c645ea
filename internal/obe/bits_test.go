package obe_test

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"krypton/internal/engine/asm"
	"krypton/internal/graph"
	"krypton/internal/imagein"
	"krypton/internal/incremental"
	"krypton/internal/obe"
	"krypton/internal/onnxload"
	"krypton/internal/onnxwrite"
)

// resnet18 is a ResNet18 with batch normalization folded in, random weights and ten classes,
// for pictures of a side.
func resnet18(t *testing.T, side int) *graph.Graph {
	t.Helper()
	rng := rand.New(rand.NewPCG(18, 18))
	random := make([]float32, 8191) // again and again: an emulator is slow
	for i := range random {
		random[i] = rng.Float32()*2 - 1
	}
	m := &maps{in: [2]int{side, side}}
	conv := func(name, from string, in, out, kernel, stride int) string {
		weights, bias := make([]float32, out*in*kernel*kernel), make([]float32, out)
		scale := float32(math.Sqrt(6 / float64(in*kernel*kernel)))
		for i := range weights {
			weights[i] = random[i%len(random)] * scale
		}
		for i := range bias {
			bias[i] = (rng.Float32()*2 - 1) / 8
		}
		o, c, k, s, p := int64(out), int64(in), int64(kernel), int64(stride), int64(kernel/2)
		m.inits = append(m.inits, onnxwrite.Raw("w"+name, []int64{o, c, k, k}, weights), onnxwrite.Raw("b"+name, []int64{o}, bias))
		m.add("Conv", name, []string{from, "w" + name, "b" + name}, onnxwrite.Ints("kernel_shape", k, k), onnxwrite.Ints("pads", p, p, p, p), onnxwrite.Ints("strides", s, s))
		return name
	}
	relu := func(from string) string {
		m.add("Relu", "relu "+from, []string{from})
		return "relu " + from
	}
	x := relu(conv("first", "in", 3, 64, 7, 2))
	m.add("MaxPool", "pool", []string{x}, onnxwrite.Ints("kernel_shape", 3, 3), onnxwrite.Ints("pads", 1, 1, 1, 1), onnxwrite.Ints("strides", 2, 2))
	x = "pool"
	in := 64
	for block := range 8 {
		out, stride := 64<<(block/2), 1
		beside := x
		if block > 0 && block%2 == 0 {
			stride = 2
			beside = conv(fmt.Sprint("beside", block), x, in, out, 1, 2)
		}
		y := conv(fmt.Sprint("b", block), relu(conv(fmt.Sprint("a", block), x, in, out, 3, stride)), out, out, 3, 1)
		m.add("Add", fmt.Sprint("sum", block), []string{y, beside})
		x, in = relu(fmt.Sprint("sum", block)), out
	}
	m.add("GlobalAveragePool", "mean", []string{x})
	conv("classes", "mean", 512, 10, 1, 1)
	m.add("Flatten", "flat", []string{"classes"})
	m.add("Softmax", "y", []string{"flat"})
	file := onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 17}, Graph: onnxwrite.Graph{Name: "resnet18", Nodes: m.nodes, Initializers: m.inits,
		Inputs:  []onnxwrite.ValueInfo{{Name: "in", ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(1, 3, int64(side), int64(side))}},
		Outputs: []onnxwrite.ValueInfo{{Name: "y"}}}}
	g, err := onnxload.LoadBytes(file.Marshal(), "resnet18", "", onnxload.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestMapBits: maps of a photo, from its file to scores, are the same bit for bit by the
// kernels of AVX2 and NEON with plain sums: what testdata/maps.txt says. KRYPTON_WRITE_BITS=1
// writes that anew.
func TestMapBits(t *testing.T) {
	dir := os.Getenv("KRYPTON_DATA")
	if dir == "" {
		t.Skip("KRYPTON_DATA is not set: it names the folder of real models and pictures")
	}
	pic, err := imagein.Open(filepath.Join(dir, "images", "dog_2.jpg"), imagein.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	squeezenet, err := onnxload.Load(filepath.Join(dir, "models", "squeezenet1.onnx"), onnxload.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name          string
		g             *graph.Graph
		preset        string
		patch, stride int
	}{{"squeezenet1", squeezenet, "caffe", 32, 192}, {"resnet18", resnet18(t, 64), "imagenet", 16, 48}}
	asm.KeptBits(t, "testdata/maps.txt", func(t *testing.T, k *asm.Kernels) string {
		var list strings.Builder
		for _, c := range cases {
			p, err := incremental.Compile(c.g, incremental.CompileOptions{Kernels: k, Direct: true})
			if err != nil {
				t.Fatal(err)
			}
			h := fnv.New64a()
			r := explain(t, p, pic, c.preset, [2]int{c.patch, c.patch}, [2]int{c.stride, c.stride}, obe.Exact, "gray")
			for _, s := range r.Scores {
				for _, v := range s {
					fmt.Fprintf(h, "%08x", math.Float32bits(v))
				}
			}
			fmt.Fprintf(&list, "%016x %s, class %d, %d positions\n", h.Sum64(), c.name, r.Items[0].Index, len(r.Scores[0]))
		}
		return list.String()
	})
}
