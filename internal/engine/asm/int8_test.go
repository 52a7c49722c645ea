package asm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

// everyQuads runs a test for each kind of kernel of quads.
func everyQuads(t *testing.T, test func(t *testing.T, k *Kernels)) {
	sets := QuadSets()
	if len(sets) == 0 {
		Missing(t, PartQuads)
	}
	if runtime.GOARCH == "arm64" && !slices.ContainsFunc(sets, func(k *Kernels) bool { return k.quads.paired }) {
		t.Run(PartMatrices, func(t *testing.T) { Missing(t, PartMatrices) })
	}
	for _, k := range sets {
		t.Run(fmt.Sprintf("%s by %d, paired %t", k.Name, k.QuadChannels(), k.quads.paired), func(t *testing.T) { test(t, k) })
	}
}

// TestGemmQuads holds every tile of the matrix product of quads to sums of
// integers, bit for bit.
func TestGemmQuads(t *testing.T) { everyQuads(t, testGemmQuads) }

func testGemmQuads(t *testing.T, k *Kernels) {
	k.quads.peak(2) // where nothing is measured it runs at least
	inf := float32(math.Inf(1))
	per, centre := k.QuadChannels(), k.QuadCentre()
	rng := rand.New(rand.NewPCG(51, 52))
	for _, g := range k.quads.gemm {
		for trial := range 40 {
			taps, c := 1+rng.IntN(5), 1+rng.IntN(30)
			begin := rng.IntN(3)
			// Extremes too: products of bytes must not saturate on the way.
			number := func() int { return []int{-128, 127, rng.IntN(256) - 128}[rng.IntN(3)] }
			element := func(x []int, plus int) float32 {
				return k.quads.element(func(i int) int { x[i] = number(); return x[i] + plus })
			}
			table := make([]*float32, taps*g.rows)
			rows := make([][][4]int, len(table)) // differences
			for i := range table {
				row := make([]float32, begin+c)
				rows[i] = make([][4]int, begin+c)
				for j := range row {
					row[j] = element(rows[i][j][:], centre)
				}
				table[i] = &row[0]
			}
			w, quads := make([]float32, taps*c*g.columns), make([][4]int, taps*c*g.columns)
			for i := range w {
				w[i] = element(quads[i][:], 0)
			}
			bias, columnScales, scales := make([]float32, g.columns), make([]float32, g.columns), make([]float32, g.rows)
			start := make([]int32, g.columns)
			for j := range bias {
				start[j] = int32(rng.IntN(1<<20) - 1<<19)
				bias[j], columnScales[j] = math.Float32frombits(uint32(start[j])), rng.Float32()
			}
			plain := slices.Clone(w)
			k.PackQuads(w, c, g.columns)
			for e := range taps * c {
				for j := range g.columns {
					if at := k.QuadAt(e, j, c, g.columns); math.Float32bits(w[at]) != math.Float32bits(plain[e*g.columns+j]) {
						t.Fatalf("%d taps of %d elements, %d columns: element %d, column %d is not at %d", taps, c, g.columns, e, j, at)
					}
				}
			}
			const column = 3
			valid := 1 + rng.IntN(g.columns)
			outs, base, bases, to := make([]guarded, g.rows), make([]*float32, g.rows), make([]guarded, g.rows), make([]*float32, g.rows)
			for r := range outs {
				// What lies beside the base's channels is not a number, and what lies
				// beside the output's stays.
				outs[r], bases[r] = newGuarded(valid, 40, nil), newGuarded(valid, 40, rng)
				for i := range bases[r].all {
					if i < 40 || i >= 40+valid {
						bases[r].all[i] = float32(math.NaN())
					}
				}
				to[r], base[r] = &outs[r].all[40-column], &bases[r].all[40-column]
				scales[r] = rng.Float32() / 1000
			}
			if trial == 1 {
				scales[0] = float32(math.NaN())
			}
			clamp := [2]float32{-inf, inf}
			if trial%3 == 0 {
				clamp = [2]float32{0, 2}
			}
			k.GemmQuads(table, taps, begin, begin+c, w, to, column, bias, &clamp, valid, base, scales, columnScales)
			for r := range outs {
				outs[r].check(t)
				for j := range valid {
					acc := start[j]
					for tap := range taps {
						for ci := range c {
							x, y := rows[tap*g.rows+r][begin+ci], quads[(tap*c+ci)*g.columns+j]
							for i := range per {
								acc += int32(x[i]+centre) * int32(y[i])
							}
						}
					}
					scale := float32(scales[r] * columnScales[j])
					want := float32(math.FMA(float64(scale), float64(float32(acc)), float64(bases[r].mid[j])))
					want = min(max(want, clamp[0]), clamp[1])
					if got := outs[r].mid[j]; math.Float32bits(got) != math.Float32bits(want) && !(got != got && want != want) {
						t.Fatalf("%dx%d, %d taps of %d quads: [%d][%d] = %g, want %g", g.rows, g.columns, taps, c, r, j, got, want)
					}
				}
			}
		}
	}
}

// TestQuantize holds the rounding of differences, tails and all, to its scalar
// model, and the largest of them.
func TestQuantize(t *testing.T) { everyQuads(t, testQuantize) }

func testQuantize(t *testing.T, k *Kernels) {
	rng := rand.New(rand.NewPCG(53, 54))
	for n := 0; n < 300; n += 4 {
		a, b, dst := newGuarded(n, 3, rng), newGuarded(n, 3, rng), newGuarded(n/k.QuadChannels(), 40, nil)
		if n%8 == 0 { // ties
			for i := range a.mid {
				a.mid[i], b.mid[i] = float32(rng.IntN(255)-127)/2, 0
			}
		}
		var d Differences
		half := n / 2
		d.Add(k, a.mid[:half], b.mid[:half])
		d.Add(k, a.mid[half:], b.mid[half:])
		want := float32(0)
		for i, v := range a.mid {
			want = max(want, v-b.mid[i], b.mid[i]-v)
		}
		if d.Largest() != want {
			t.Fatalf("%d numbers: the largest difference is %g, want %g", n, d.Largest(), want)
		}
		factor := float32(1)
		if n%8 != 0 {
			factor = 127 / want
		}
		d.Quantize(k, dst.mid, a.mid, b.mid, factor)
		dst.check(t)
		all := make([]int8, n)
		for i, e := range dst.mid {
			k.Unquad(e, all[i*k.QuadChannels():])
		}
		for i, v := range a.mid {
			got := all[i]
			if want := math.RoundToEven(float64(v-b.mid[i]) * float64(factor)); float64(got) != want {
				t.Fatalf("%d numbers: %g times %g gives %d, want %g", n, v-b.mid[i], factor, got, want)
			}
		}
	}
	for _, special := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		row := make([]float32, 37)
		row[rng.IntN(37)] = special
		var d Differences
		d.Add(k, row, make([]float32, 37))
		if v := d.Largest(); v-v == 0 {
			t.Errorf("%g among the differences: the largest is %g", special, v)
		}
		if d.Reset(); d.Largest() != 0 {
			t.Errorf("of no differences the largest is %g", d.Largest())
		}
	}
	var zeros [4]int8
	k.Unquad(k.QuadZero(), zeros[:])
	if zeros != [4]int8{} {
		t.Errorf("an element of zeros is %v", zeros)
	}
	weights := []int8{-128, 127, -128, 5}
	if got, want := k.QuadSum(k.Quad(weights)), []int32{2: -1, 4: -124}[k.QuadChannels()]; got != want {
		t.Errorf("the sum of an element of %v is %d, want %d", weights, got, want)
	}
}

// TestPeakQuads prints what a core does at most.
func TestPeakQuads(t *testing.T) {
	everyQuads(t, func(t *testing.T, k *Kernels) {
		plain, quads := k.Peak(), k.PeakQuads()
		t.Logf("%s: %.0f GFLOP/s in float32, %.0f GOP/s in quads: %.1f times as many", k.Name, plain/1e9, quads/1e9, quads/plain)
		if quads <= 0 || math.IsInf(quads, 0) {
			t.Errorf("%g", quads)
		}
	})
}
