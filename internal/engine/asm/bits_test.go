package asm

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// bits sums up numbers bit by bit. All NaNs are one: which of an operation's NaNs stays,
// and the sign of one that it makes, differ between processors.
func bits(out ...[]float32) uint64 {
	h := fnv.New64a()
	for _, list := range out {
		for _, v := range list {
			b := math.Float32bits(v)
			if v != v {
				b = 0x7fc00000
			}
			h.Write([]byte{byte(b), byte(b >> 8), byte(b >> 16), byte(b >> 24)})
		}
	}
	return h.Sum64()
}

// odd are n numbers of all kinds: most of them ordinary, some as far off as numbers get.
func odd(rng *rand.Rand, n int) []float32 {
	strange := []float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 1e-42, -1e-40, 3e38, -3e38}
	x := floats(rng, n, 3)
	for i := range x {
		if rng.IntN(12) == 0 {
			x[i] = strange[rng.IntN(len(strange))]
		}
	}
	return x
}

// pointers to n rows of some channels of x.
func rowsOf(x []float32, n, channels int) (p []*float32) {
	for i := range n {
		p = append(p, &x[i*channels])
	}
	return p
}

// kernelBits computes with each kind of kernel and sums up what it gives.
func kernelBits(k *Kernels) map[string]uint64 {
	sums := map[string]uint64{}
	rng := rand.New(rand.NewPCG(7, 20))
	wide := &[2]float32{float32(math.Inf(-1)), float32(math.Inf(1))}
	narrow := &[2]float32{-1, 2}
	for _, numbers := range []struct {
		name string
		of   func(*rand.Rand, int) []float32
	}{{"", func(rng *rand.Rand, n int) []float32 { return floats(rng, n, 3) }}, {" of odd numbers", odd}} {
		add := func(name string, out ...[]float32) { sums[name+numbers.name] = bits(out...) }
		of := func(n int) []float32 { return numbers.of(rng, n) }
		for _, rows := range []int{6, 4, 2, 1} {
			for _, columns := range []int{16, 8} {
				const taps, channels = 3, 23
				out := make([]float32, rows*columns)
				for n, valid := range []int{columns, columns/2 + 1} {
					k.Gemm(rowsOf(of(taps*rows*channels), taps*rows, channels), taps, 2, channels, of(taps*(channels-2)*columns), rowsOf(out, rows, columns), 0, of(columns), narrow, valid)
					add(fmt.Sprintf("product %dx%d.%d", rows, columns, n), out)
				}
			}
		}
		out := make([]float32, RowPanels*k.Columns)
		k.GemmRow(rowsOf(of(2*37), 2, 37), 2, 0, 37, rowsOf(of(RowPanels*2*37*k.Columns), RowPanels, 2*37*k.Columns), &out[0], rowsOf(of(RowPanels*k.Columns), RowPanels, k.Columns), wide)
		add("row", out)
		for _, channels := range []int{3, 24, 45} {
			for _, pixels := range []int{1, 7} {
				name := fmt.Sprintf(" %d of %d", pixels, channels)
				out := make([]float32, pixels*channels)
				for _, kx := range []int{2, 3, 5, 7} {
					for _, step := range []int{1, 2} {
						r := &Run{Rows: rowsOf(of(kx*(pixels*2+kx)*channels), kx, (pixels*2+kx)*channels), Kx: kx, N: pixels, Step: step * channels, Pixel: channels}
						of := func(n int) []float32 { return numbers.of(rng, n) }
						k.Depthwise(r, of(kx*kx*channels), out, of(channels), narrow)
						add(fmt.Sprintf("depthwise%s by %d, %d", name, kx, step), out)
						k.MaxPool(r, channels, out)
						add(fmt.Sprintf("maximum%s by %d, %d", name, kx, step), out)
						k.SumPool(r, channels, out, &[2]float32{0.3})
						add(fmt.Sprintf("mean%s by %d, %d", name, kx, step), out)
					}
				}
				k.Affine(of(pixels*(channels+2)), of(channels), of(channels), out, pixels, channels+2, narrow)
				add("affine"+name, out)
				k.Add(of(len(out)), of(len(out)), out, narrow)
				add("sum"+name, out)
				k.Blend(of(len(out)), of(len(out)), out, &[2]float32{0.3, 0.7})
				add("blend"+name, out)
				k.PixelSum(of(pixels*channels), out[:channels], pixels, &[2]float32{0.25})
				add("pixels"+name, out[:channels])
				for o := range arithmetics {
					k.Combine(o, of(len(out)), of(len(out)), out, pixels, channels, channels, false)
					add(fmt.Sprintf("arithmetic %d%s", o, name), out)
					k.Combine(o, of(len(out)), of(pixels), out, pixels, 1, channels, true)
					add(fmt.Sprintf("arithmetic %d by numbers%s", o, name), out)
				}
				a, b := of(pixels*channels), of(pixels*channels)
				add("distance"+name, []float32{k.Distance(a, b)})
				moved := k.ExceedsDistance(a, b, pixels, channels, channels, channels, float32(6*channels))
				sums["moved"+name+numbers.name] = moved
			}
		}
		for f := range functions {
			x := of(203)
			k.Apply(f, Table(f, 0.7, 1.3), x, x)
			add(fmt.Sprintf("function %d", f), x)
		}
		for _, tile := range []WinogradTile{{2, 2, 2}, {4, 2, 2}, {4, 2, 3}, {4, 2, 4}, {4, 3, 2}, {4, 3, 3}, {4, 3, 4}, {4, 4, 2}, {4, 4, 3}, {4, 4, 4}} {
			for _, channels := range []int{16, 21} {
				e, tmp := tile.Size.Elements(), make([]float32, WinogradTmp)
				dst, out := make([]float32, e*channels), make([]float32, tile.Y*tile.X*channels)
				k.WinogradInput(tile, rowsOf(of((tile.Y+2)*(tile.X+2)*channels), (tile.Y+2)*(tile.X+2), channels), channels, dst, channels, tmp, 0)
				k.WinogradOutput(tile, of(e*channels), channels, rowsOf(out, tile.Y*tile.X, channels), 0, of(channels), narrow, tmp, nil, nil)
				add(fmt.Sprintf("winograd %v, %d", tile, channels), dst, out)
			}
		}
		for _, group := range []int{1, 4, 8} {
			for _, stride := range []int{1, 2} {
				const channels = 40
				w := &Windows{Y: Axis{5, 3, stride, 1}, X: Axis{7, 3, stride, 1}, Group: group, Pitch: channels, To: channels}
				n := w.Y.Extent() * w.X.Extent()
				w.Pixels = rowsOf(of(n*channels), n, channels)
				out := make([]float32, 5*7*channels)
				k.DepthwiseWindows(w, of(9*group*channels), out, of(channels), narrow)
				add(fmt.Sprintf("windows in groups of %d, %d", group, stride), out)
			}
		}
	}
	ordinary := floats(rng, 500, 3)
	out := make([]float32, 500)
	sum := RowSum(ordinary)
	squares := RowSquares(ordinary, sum/500)
	total := RowExp(ordinary, out, 3)
	sums["rows"] = bits(out) ^ math.Float64bits(sum) ^ math.Float64bits(squares)<<1 ^ math.Float64bits(total)<<2
	RowScale(ordinary, out, floats(rng, 500, 1), floats(rng, 500, 1), 0.3, 0.9)
	sums["row scaled"] = bits(out)
	for _, log := range []bool{false, true} {
		ShortSoftmax(ordinary, out, 5, log)
		sums[fmt.Sprintf("short rows %t", log)] = bits(out)
	}
	return sums
}

// sameBits lists the sets that give the same bits: those that fuse products and sums, with
// eight partial sums where a distance has some.
// The kernels of AVX2 and NEON give the same bits on their processors: what testdata/bits.txt
// says. KRYPTON_WRITE_BITS=1 writes that anew.
func TestBits(t *testing.T) {
	KeptBits(t, "testdata/bits.txt", func(_ *testing.T, k *Kernels) string {
		var list strings.Builder
		got := kernelBits(k)
		for _, name := range sortedKeys(got) {
			fmt.Fprintf(&list, "%016x %s\n", got[name], name)
		}
		return list.String()
	})
}

func sortedKeys(m map[string]uint64) []string {
	return slices.Sorted(maps.Keys(m))
}
