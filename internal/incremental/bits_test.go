package incremental

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"krypton/internal/engine/asm"
	"krypton/internal/onnxload"
)

// networkBits sums up, bit by bit, every output of a random network's whole run and of
// some updates: as it is compiled, and without Winograd's convolutions.
func networkBits(t *testing.T, k *asm.Kernels, seed uint64, direct bool) uint64 {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 20))
	n := randomNetwork(t, rng)
	p, err := Compile(n.g, CompileOptions{Kernels: k, Direct: direct, cached: 3000})
	if err != nil {
		t.Fatal(err)
	}
	return planBits(t, p, rng, 8)
}

// planBits sums up, bit by bit, every output of a plan's whole run and of some updates.
func planBits(t *testing.T, p *Plan, rng *rand.Rand, updates int) uint64 {
	t.Helper()
	plane := p.InputPlane()
	input := make([]float32, plane.Len())
	for i := range input {
		input[i] = rng.Float32()*2 - 1
	}
	v, err := p.Materialize(context.Background(), input, 1)
	if err != nil {
		t.Fatal(err)
	}
	h := fnv.New64a()
	add := func(f []float32) {
		for _, x := range f {
			if x != x {
				x = float32(math.NaN())
			}
			binary.Write(h, binary.LittleEndian, math.Float32bits(x))
		}
	}
	for i := range p.outputs {
		f, err := numbers(p.Output(v, i))
		if err != nil {
			t.Fatal(err)
		}
		add(f)
	}
	changes := randomPatches(rng, updates, plane.H, plane.W, plane.C, input)
	for _, outputs := range answers(t, p, v, changes, Options{Workers: 1}) {
		for _, f := range outputs {
			add(f)
		}
	}
	return h.Sum64()
}

// Random networks give the same bits by the kernels of AVX2 and NEON: what
// testdata/bits.txt says. KRYPTON_WRITE_BITS=1 writes that anew.
func TestNetworkBits(t *testing.T) {
	asm.KeptBits(t, "testdata/bits.txt", func(t *testing.T, k *asm.Kernels) string {
		var list strings.Builder
		for seed := range uint64(24) {
			for _, direct := range []bool{false, true} {
				fmt.Fprintf(&list, "%016x network %d, direct %t\n", networkBits(t, k, seed, direct), seed, direct)
			}
		}
		return list.String()
	})
}

// And so do trained ones, with plain sums: what testdata/models.txt says. (Maps of larger ones
// are compared by package obe.)
func TestModelBits(t *testing.T) {
	modelBits(t, "testdata/models.txt", map[string]uint64{"mnist": 0, "resnet20_cifar10": 1, "fastestdet": 3})
}

// TestFaceBits is TestModelBits for a network that an emulator takes long for.
func TestFaceBits(t *testing.T) {
	modelBits(t, "testdata/faces.txt", map[string]uint64{"ultraface_rfb320": 2})
}

// modelBits compares trained networks, each with a seed for its changes, with a file.
func modelBits(t *testing.T, path string, models map[string]uint64) {
	t.Helper()
	dir := os.Getenv("KRYPTON_DATA")
	if dir == "" {
		t.Skip("KRYPTON_DATA is not set")
	}
	asm.KeptBits(t, path, func(t *testing.T, k *asm.Kernels) string {
		var list strings.Builder
		for _, name := range slices.Sorted(maps.Keys(models)) {
			g, err := onnxload.Load(filepath.Join(dir, "models", name+".onnx"), onnxload.Options{})
			if err != nil {
				t.Fatal(err)
			}
			p, err := Compile(g, CompileOptions{Kernels: k, Direct: true})
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&list, "%016x %s\n", planBits(t, p, rand.New(rand.NewPCG(models[name], 21)), 4), name)
		}
		return list.String()
	})
}
