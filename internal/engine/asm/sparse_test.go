package asm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// nonzeroGeneric is the plain loop of Nonzero.
func nonzeroGeneric(together int, table **float32, stride, taps, bytes int, lists *uint16) int {
	n := bytes / 4
	rows := unsafe.Slice(table, (taps-1)*stride/8+together)
	out := unsafe.Slice(lists, taps*(n+1))
	used := 0
	for t := range taps {
		head := used
		used++
		for c := range n {
			for r := range together {
				if unsafe.Slice(rows[t*stride/8+r], n)[c] != 0 {
					out[used] = uint16(c)
					used++
					break
				}
			}
		}
		out[head] = uint16(used - head - 1)
	}
	return used
}

// TestSparse holds the lists to the plain loop and the sparse products to the
// dense kernel, bit for bit, between guard values, over densities from none to
// all, NaN and infinite inputs among them.
func TestSparse(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, k := range EverySet(t) {
		if !k.Sparse() {
			continue
		}
		t.Run(k.Name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(17, 18))
			for trial := range 300 {
				taps, c, panels := 1+rng.IntN(5), 1+rng.IntN(70), 1+rng.IntN(2)
				stride := k.SparseRows() + rng.IntN(9)
				density := float32(trial%7) / 6
				rows := make([]guarded, taps*stride)
				table := make([]*float32, len(rows))
				for i := range rows {
					rows[i] = newGuarded(c, 3, rng)
					for j := range rows[i].mid {
						switch {
						case rng.Float32() >= density:
							rows[i].mid[j] = float32(math.Copysign(0, float64(rng.IntN(2))-.5))
						case rng.IntN(500) == 0:
							rows[i].mid[j] = []float32{float32(math.NaN()), inf, 1e-40}[rng.IntN(3)]
						}
					}
					table[i] = &rows[i].mid[0]
				}
				lists := make([]uint16, taps*(c+1)+ListSlack)
				n := k.Nonzero(table, stride, taps, c, lists)
				want := make([]uint16, len(lists))
				m := nonzeroGeneric(k.SparseRows(), &table[0], 8*stride, taps, 4*c, &want[0])
				if !slices.Equal(lists[:n], want[:m]) {
					t.Fatalf("trial %d: lists %v, want %v", trial, lists[:n], want[:m])
				}

				valid := k.Columns
				if trial%3 == 0 {
					valid = 1 + rng.IntN(k.Columns)
				}
				clamp := [2]float32{-inf, inf}
				if trial%2 == 0 {
					clamp = [2]float32{0, 0.9}
				}
				column := rng.IntN(5)
				width := (panels-1)*k.Columns + valid
				ps := make([]Panel, panels)
				for p := range ps {
					ps[p] = Panel{newGuarded(taps*c*k.Columns, 1, rng).mid, newGuarded(k.Columns, 1, rng).mid}
				}
				outs, dense := make([]guarded, k.SparseRows()), make([]guarded, k.SparseRows())
				out := make([]*float32, k.SparseRows())
				for r := range outs {
					outs[r], dense[r] = newGuarded(column+width, 40, nil), newGuarded(column+width, 40, nil)
					out[r] = &outs[r].mid[0]
				}
				k.GemmSparse(table, stride, taps, c, lists, ps, out, column, &clamp, valid, nil, nil)
				for r := range outs {
					outs[r].check(t)
					for p := range ps {
						v := k.Columns
						if p == panels-1 {
							v = valid
						}
						one := make([]*float32, taps)
						for tap := range taps {
							one[tap] = table[tap*stride+r]
						}
						k.Gemm(one, taps, 0, c, ps[p].Weights, []*float32{&dense[r].mid[0]}, column+p*k.Columns, ps[p].Bias, &clamp, v)
					}
					for j, v := range outs[r].mid {
						if d := dense[r].mid[j]; math.Float32bits(v) != math.Float32bits(d) && !(v != v && d != d) {
							t.Fatalf("trial %d: taps %d c %d panels %d: [%d][%d] = %g, dense %g", trial, taps, c, panels, r, j, v, d)
						}
					}
				}
				sums := make([]guarded, k.SparseRows())
				for r := range sums {
					sums[r] = newGuarded(column+width, 40, nil)
					out[r] = &sums[r].mid[0]
				}
				add, adds, bounds := residuals(rng, k.SparseRows(), column+width)
				k.GemmSparse(table, stride, taps, c, lists, ps, out, column, &clamp, valid, adds, &bounds)
				added(t, k, sums, outs, add, column, width, &bounds)
			}
		})
	}
}

// BenchmarkSparse gives the sparse product's share of the core's peak, counting
// what it multiplies, and its speed relative to the dense kernel's at several
// densities of single inputs (independent of each other, the worst case).
func BenchmarkSparse(b *testing.B) {
	k := Sets()[0]
	if !k.Sparse() {
		b.Skip("no sparse kernels")
	}
	peak := k.Peak()
	rng := rand.New(rand.NewPCG(19, 20))
	for _, c := range []int{64, 256, 1024} {
		for _, density := range []float32{0.05, 0.2, 0.5, 1} {
			b.Run(fmt.Sprintf("c%d/%.2f", c, density), func(b *testing.B) {
				const rows = 12
				table, out := make([]*float32, rows), make([]*float32, rows)
				for i := range table {
					x := make([]float32, c)
					for j := range x {
						if rng.Float32() < density {
							x[j] = rng.Float32()
						}
					}
					table[i], out[i] = &x[0], &make([]float32, 64)[0]
				}
				ps := []Panel{{make([]float32, c*k.Columns), make([]float32, k.Columns)}, {make([]float32, c*k.Columns), make([]float32, k.Columns)}}
				lists := make([]uint16, c+1+ListSlack)
				clamp := [2]float32{0, 6}
				n := 0
				for b.Loop() {
					n = 0
					for r := 0; r < rows; r += k.SparseRows() {
						n += k.Nonzero(table[r:], rows, 1, c, lists) - 1
						k.GemmSparse(table[r:], rows, 1, c, lists, ps, out[r:], 0, &clamp, k.Columns, nil, nil)
					}
				}
				rate := float64(b.N) / b.Elapsed().Seconds() / peak
				b.ReportMetric(100*rate*2*float64(n*k.SparseRows()*2*k.Columns), "%peak")
				b.ReportMetric(rate*2*float64(rows*c*2*k.Columns), "x")
			})
		}
	}
}
