package model

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"krypton/internal/catalogue"
	"krypton/internal/failure"
	"krypton/internal/incremental"
	"krypton/internal/obe"
	"krypton/internal/onnxwrite"
	"krypton/models"
)

// network is a small network of 3 by 24 by 24 pixels with four classes; seed tells
// weights.
func network(seed uint64) *onnxwrite.Model {
	rng := rand.New(rand.NewPCG(seed, 1))
	weights := func(name string, dims ...int64) onnxwrite.Tensor {
		n := int64(1)
		for _, d := range dims {
			n *= d
		}
		v := make([]float32, n)
		for i := range v {
			v[i] = rng.Float32() - .5
		}
		return onnxwrite.Raw(name, dims, v)
	}
	return &onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 17}, Graph: onnxwrite.Graph{
		Inputs:       []onnxwrite.ValueInfo{{Name: "x", ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(1, 3, 24, 24)}},
		Outputs:      []onnxwrite.ValueInfo{{Name: "y"}},
		Initializers: []onnxwrite.Tensor{weights("w", 8, 3, 3, 3), weights("v", 8, 8, 3, 3), weights("f", 8, 4)},
		Nodes: []onnxwrite.Node{
			{OpType: "Conv", Inputs: []string{"x", "w"}, Outputs: []string{"a"}},
			{OpType: "Relu", Inputs: []string{"a"}, Outputs: []string{"b"}},
			{OpType: "Conv", Inputs: []string{"b", "v"}, Outputs: []string{"c"}},
			{OpType: "GlobalAveragePool", Inputs: []string{"c"}, Outputs: []string{"p"}},
			{OpType: "Flatten", Inputs: []string{"p"}, Outputs: []string{"h"}},
			{OpType: "MatMul", Inputs: []string{"h", "f"}, Outputs: []string{"l"}},
			{OpType: "Softmax", Inputs: []string{"l"}, Outputs: []string{"y"}},
		}}}
}

// put writes a file into a folder, and gives its path.
func put(t testing.TB, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var opening = OpenOptions{MaxBytes: 1 << 20, Public: func() (*catalogue.Catalogue, error) { return catalogue.Parse(models.Zoo()) }}

// patches is the need of one size of patches.
func patches(n int) Need {
	size := obe.Size{H: obe.Length{Pixels: n}, W: obe.Length{Pixels: n}}
	return Need{}.For([]obe.Patch{obe.Plain(size)}, size)
}

// scores runs a plan once.
func scores(t testing.TB, p *incremental.Plan) []float32 {
	t.Helper()
	plane := p.InputPlane()
	in := make([]float32, plane.Len())
	for i := range in {
		in[i] = float32(i%17) / 17
	}
	v, err := p.Materialize(context.Background(), in, 1)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer p.Release(v)
	f, err := p.Output(v, 0).Floats()
	if err != nil {
		t.Error(err)
	}
	return slices.Clone(f)
}

// TestCacheAtOnce: several ask for plans of two models at once, by a cache that keeps all
// of them and by one that keeps the last: each gets the numbers of its model, also from
// plans that were let go of meanwhile, and what is kept is made once.
func TestCacheAtOnce(t *testing.T) {
	dir := t.TempDir()
	paths := []string{put(t, dir, "a.onnx", network(1).Marshal()), put(t, dir, "b.onnx", network(2).Marshal())}
	var want [2][]float32
	for i, path := range paths {
		_, made := planned(t, nil, path, Need{})
		want[i] = scores(t, made.First)
	}
	if slices.Equal(want[0], want[1]) {
		t.Fatal("both models give the same")
	}
	for name, budget := range map[string]int64{"all": 1 << 30, "one": 0} {
		t.Run(name, func(t *testing.T) {
			c := NewCache(budget)
			var mu sync.Mutex
			seen := map[[2]int]map[*Plans]bool{}
			var wg sync.WaitGroup
			for g := range 8 {
				wg.Go(func() {
					for i := range 6 {
						which, size := (g+i)%2, 4+(g*i)%3
						_, made := planned(t, c, paths[which], patches(size))
						if made == nil {
							return
						}
						mu.Lock()
						key := [2]int{which, size}
						if seen[key] == nil {
							seen[key] = map[*Plans]bool{}
						}
						seen[key][made] = true
						mu.Unlock()
						// Needs decide algorithms, and those the last bits.
						for k, v := range scores(t, made.First) {
							if d := v - want[which][k]; d > 1e-5 || d < -1e-5 {
								t.Errorf("model %d, class %d: %g, want %g", which, k, v, want[which][k])
							}
						}
					}
				})
			}
			wg.Wait()
			for key, plans := range seen {
				if budget > 0 && len(plans) != 1 {
					t.Errorf("%v: made %d times", key, len(plans))
				}
			}
		})
	}
}

// planned opens, loads and plans by a cache.
func planned(t testing.TB, c *Cache, path string, need Need) (*Network, *Plans) {
	t.Helper()
	f, err := c.Open(t.Context(), path, opening)
	if err != nil {
		t.Error(err)
		return nil, nil
	}
	n, err := c.Load(t.Context(), f, LoadOptions{})
	if err != nil {
		t.Error(err)
		return nil, nil
	}
	made, err := c.Plan(t.Context(), n, need)
	if err != nil {
		t.Error(err)
		return nil, nil
	}
	return n, made
}

// TestCacheKeeps: plans for equal needs are the same, those for others are not, and
// beyond the budget those go that were asked for longest ago.
func TestCacheKeeps(t *testing.T) {
	path := put(t, t.TempDir(), "m.onnx", network(1).Marshal())
	_, one := planned(t, nil, path, patches(4))
	c := NewCache(2*one.bytes() + one.bytes()/2)
	get := func(n int) *Plans {
		_, made := planned(t, c, path, patches(n))
		return made
	}
	a, b := get(4), get(5)
	if a == b || get(4) != a || get(5) != b || get(4) != a {
		t.Error("two plans are not kept")
	}
	d := get(6) // in the place of b
	if get(4) != a || get(6) != d {
		t.Error("the plans asked for last are not kept")
	}
	if get(5) == b {
		t.Error("three plans are kept: the budget is for two")
	}
	// What else differs in a need makes another plan as well.
	for _, need := range []Need{{}, {Dynamic: true}, {Tau: .5}, {Direct: true}, {Precision: incremental.BF16}, {Also: incremental.BF16}, {Kernels: "generic"}} {
		big := NewCache(1 << 30)
		_, first := planned(t, big, path, patches(4))
		_, other := planned(t, big, path, need)
		_, again := planned(t, big, path, need)
		if first == other || other != again {
			t.Errorf("%+v: plans are mixed up", need)
		}
	}
}

// TestCacheChanged: a file that has changed gives no more plans until it is forgotten;
// plans that are kept go on, and what went wrong is not kept.
func TestCacheChanged(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	c := NewCache(1 << 30)
	if _, err := c.Open(t.Context(), path, opening); kind(err) != failure.Missing {
		t.Fatalf("no file: %v", err)
	}
	put(t, dir, "m.onnx", network(1).Marshal())
	n, made := planned(t, c, path, patches(4))
	if _, same := planned(t, c, path, patches(4)); same != made {
		t.Error("it is made again")
	}
	put(t, dir, "m.onnx", network(2).Marshal())
	if _, err := c.Plan(t.Context(), n, patches(5)); !errors.Is(err, ErrChanged) || kind(err) != failure.Data || !strings.Contains(err.Error(), path) {
		t.Errorf("the file has changed: %v", err)
	}
	if _, same := planned(t, c, path, patches(4)); same != made {
		t.Error("the plan that is kept is gone")
	}
	put(t, dir, "m.onnx", network(1).Marshal())
	if _, err := c.Plan(t.Context(), n, patches(5)); err != nil {
		t.Errorf("the file is as it was: %v", err)
	}
}

// TestCacheOptions: files loaded otherwise are other networks.
func TestCacheOptions(t *testing.T) {
	m := network(1)
	m.Graph.Outputs = append(m.Graph.Outputs, onnxwrite.ValueInfo{Name: "l"})
	path := put(t, t.TempDir(), "m.onnx", m.Marshal())
	c := NewCache(1 << 30)
	f, err := c.Open(t.Context(), path, opening)
	if err != nil {
		t.Fatal(err)
	}
	for _, opt := range []LoadOptions{{}, {Output: "l"}, {Output: "y"}, {Layout: "nchw"}, {Size: [2]int{24, 24}}, {Dims: map[string]int{"n": 1}}} {
		n, err := c.Load(t.Context(), f, opt)
		if err != nil {
			t.Fatalf("%+v: %v", opt, err)
		}
		if n.opt.key() != opt.key() {
			t.Errorf("%+v: a network of %+v", opt, n.opt)
		}
		made, err := c.Plan(t.Context(), n, Need{})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"y", "l"}
		if opt.Output != "" {
			want = []string{opt.Output}
		}
		if got := made.First.Outputs(); !slices.Equal(got, want) {
			t.Errorf("%+v: outputs %v, want %v", opt, got, want)
		}
	}
}

// TestReadingAtOnce: several ask how the same plans are to be read.
func TestReadingAtOnce(t *testing.T) {
	path := put(t, t.TempDir(), "m.onnx", network(1).Marshal())
	c := NewCache(1 << 30)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			n, made := planned(t, c, path, Need{})
			m, err := n.Prepare(made, Preparation{Pad: 128})
			if err != nil {
				t.Error(err)
				return
			}
			for _, activation := range []string{"auto", "softmax", "none"} {
				r, err := m.Reading(t.Context(), Part{}, activation, 1, 0)
				want := activation
				if want == "auto" {
					want = "none"
				}
				if err != nil || r.Outputs != 4 || string(r.Activation) != want {
					t.Errorf("%s: %+v, %v", activation, r, err)
				}
			}
		})
	}
	wg.Wait()
}

func kind(err error) failure.Kind {
	k, _ := failure.Of(err)
	return k
}
