package incremental_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"krypton/internal/engine/asm"
	"krypton/internal/graph"
	"krypton/internal/incremental"
	"krypton/internal/onnxload"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

var realModels = []string{"squeezenet1", "resnet20_cifar10", "mnist", "ultraface_rfb320", "fastestdet"}

func loadModel(t testing.TB, name string) *graph.Graph {
	t.Helper()
	g, err := onnxload.Load(filepath.Join(data(t), "models", name+".onnx"), onnxload.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func compile(t testing.TB, g *graph.Graph, k *asm.Kernels) *incremental.Plan {
	t.Helper()
	p, err := incremental.Compile(g, incremental.CompileOptions{Kernels: k})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// agree compares within a relative tolerance of the largest value.
func agree(got, want []float32, tolerance float64) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d numbers, want %d", len(got), len(want))
	}
	scale := 0.0
	for _, v := range want {
		scale = max(scale, math.Abs(float64(v)))
	}
	for i := range want {
		if d := math.Abs(float64(got[i]) - float64(want[i])); !(d <= tolerance*max(scale, 1e-6)) {
			return fmt.Errorf("[%d] is %g, want %g: off by %.2g of the largest", i, got[i], want[i], d/scale)
		}
	}
	return nil
}

// TestGorgoniaAgrees is an oracle: Gorgonia's machine on the loaded graph and
// the engine agree, for two different inputs in a row.
func TestGorgoniaAgrees(t *testing.T) {
	for _, name := range realModels {
		if testing.Short() && name != "mnist" && name != "resnet20_cifar10" {
			continue
		}
		g := loadModel(t, name)
		p := compile(t, g, nil)
		ref, err := graph.NewReference(g)
		if err != nil {
			t.Fatal(err)
		}
		info := g.Values[g.Inputs[0]].Info
		rng := rand.New(rand.NewPCG(1, 1))
		rounds := 2
		if name == "fastestdet" || name == "ultraface_rfb320" || name == "squeezenet1" {
			rounds = 1 // slow; the two small networks show that inputs are set anew
		}
		for range rounds {
			in := tensor.Zeros[float32](info.Shape...)
			for i := range in.Data.([]float32) {
				in.Data.([]float32)[i] = rng.Float32()*2 - 1
			}
			want, err := ref.Run(map[string]*tensor.Tensor{g.Values[g.Inputs[0]].Name: in})
			if err != nil {
				t.Fatal(err)
			}
			v, err := p.Materialize(context.Background(), p.Arrange(in.Data.([]float32)), 2)
			if err != nil {
				t.Fatal(err)
			}
			for i := range want {
				a, _ := p.Output(v, i).Floats()
				b, _ := want[i].Floats()
				if err := agree(a, b, 1e-4); err != nil {
					t.Errorf("%s output %d: %v", name, i, err)
				}
			}
		}
	}
}

// squares are changes of single squares of a plane.
type squares struct {
	rects []region.Rect
	plane [3]int
	base  []float32
	whole bool
}

func (s *squares) Len() int { return len(s.rects) }
func (s *squares) Rect(i int) region.Rect {
	if s.whole {
		return region.Plane(s.plane[0], s.plane[1])
	}
	return s.rects[i]
}
func (s *squares) Write(i int, dst []float32) {
	r, at := s.rects[i], s.Rect(i)
	if s.whole {
		copy(dst, s.base)
	}
	c := s.plane[2]
	for y := r.Y.Lo; y < r.Y.Hi; y++ {
		for k := range r.X.Len() * c {
			dst[((y-at.Y.Lo)*at.X.Len()+r.X.Lo-at.X.Lo)*c+k] = 0.25
		}
	}
}

// TestRealModelsExact: updates of real networks equal whole runs bit for bit,
// on every kernel set and in every precision.
func TestRealModelsExact(t *testing.T) {
	var ways []incremental.CompileOptions
	for _, k := range asm.EverySet(t) {
		if k.Name == "generic" && testing.Short() {
			continue
		}
		ways = append(ways, incremental.CompileOptions{Kernels: k})
		if k.Pairs() != nil {
			ways = append(ways, incremental.CompileOptions{Kernels: k, Precision: incremental.BF16})
		}
	}
	for _, name := range realModels {
		g := loadModel(t, name)
		for _, way := range ways {
			p, err := incremental.Compile(g, way)
			if err != nil {
				t.Fatal(err)
			}
			plane := p.InputPlane()
			rng := rand.New(rand.NewPCG(3, 4))
			s := &squares{plane: [3]int{plane.H, plane.W, plane.C}, base: make([]float32, plane.Len())}
			for i := range s.base {
				s.base[i] = rng.Float32()*2 - 1
			}
			for i := range 4 {
				n := min(plane.H, plane.W) / (2 + 2*i)
				y, x := rng.IntN(plane.H-n+1), rng.IntN(plane.W-n+1)
				if i == 0 {
					y, x = 0, plane.W-n
				}
				s.rects = append(s.rects, region.Rect{Y: region.Span{Lo: y, Hi: y + n}, X: region.Span{Lo: x, Hi: x + n}})
			}
			v, err := p.Materialize(context.Background(), s.base, 2)
			if err != nil {
				t.Fatal(err)
			}
			run := func(whole bool) [][]float32 {
				s.whole = whole
				out := make([][]float32, s.Len())
				err := p.Update(context.Background(), v, s, incremental.Options{Workers: 2}, func(i int, r incremental.Results) error {
					for k := range p.Outputs() {
						f, err := r.Floats(k)
						if err != nil {
							return err
						}
						out[i] = append(out[i], f...)
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				return out
			}
			exact, whole := run(false), run(true)
			for i := range exact {
				for j := range exact[i] {
					if math.Float32bits(exact[i][j]) != math.Float32bits(whole[i][j]) {
						t.Fatalf("%s (%s, %s): change %v: [%d] is %g, whole run %g", name, p.Kernels(), p.Precision(), s.rects[i], j, exact[i][j], whole[i][j])
					}
				}
			}
		}
	}
}
