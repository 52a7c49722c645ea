package asm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestGemmRow: four panels at a time are the one-row tile of each, bit for bit.
func TestGemmRow(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	for _, k := range EverySet(t) {
		for trial := range 60 {
			taps, begin, n := 1+rng.IntN(4), rng.IntN(5), 1+rng.IntN(70)
			table := make([]*float32, taps)
			for i := range table {
				row := newGuarded(begin+n, 3, rng).mid
				if trial%3 == 0 {
					row[begin+rng.IntN(n)] = []float32{float32(math.Inf(1)), float32(math.NaN()), 0}[rng.IntN(3)]
				}
				table[i] = &row[0]
			}
			out, want := newGuarded(RowPanels*k.Columns, 40, nil), make([]float32, RowPanels*k.Columns)
			clamp := [2]float32{-3, 5}
			var weights, biases []*float32
			for p := range RowPanels {
				w, b := newGuarded(taps*n*k.Columns, 1, rng).mid, newGuarded(k.Columns, 1, rng).mid
				weights, biases = append(weights, &w[0]), append(biases, &b[0])
				k.Gemm(table, taps, begin, begin+n, w, []*float32{&want[0]}, p*k.Columns, b, &clamp, k.Columns)
			}
			if !k.GemmRow(table, taps, begin, begin+n, weights, &out.mid[0], biases, &clamp) {
				if k.Name != "generic" {
					t.Fatal(k.Name, "has no kernel for a row")
				}
				break
			}
			out.check(t)
			for i, v := range want {
				if got := out.mid[i]; math.Float32bits(got) != math.Float32bits(v) && (got == got || v == v) {
					t.Fatalf("%s, %d taps of [%d,%d): output %d is %g, alone %g", k.Name, taps, begin, begin+n, i, got, v)
				}
			}
		}
	}
}

// BenchmarkRow measures the products of one row by matrices that lie in caches and beyond
// them, panel by panel and four at a time.
func BenchmarkRow(b *testing.B) {
	for _, k := range Sets()[:len(Sets())-1] {
		for _, shape := range [][2]int{{240, 960}, {960, 240}, {1280, 1024}, {4096, 4096}} {
			rows, columns := shape[0], shape[1]/k.Columns/RowPanels*RowPanels*k.Columns
			x, out := make([]float32, rows), make([]float32, columns)
			table, clamp := []*float32{&x[0]}, [2]float32{-1, 1}
			var panels [][]float32
			var weights, biases []*float32
			bias := make([]float32, k.Columns)
			for range columns / k.Columns {
				panels = append(panels, make([]float32, rows*k.Columns))
				weights, biases = append(weights, &panels[len(panels)-1][0]), append(biases, &bias[0])
			}
			outs := []*float32{&out[0]}
			for _, together := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s/%dx%d,together=%t", k.Name, rows, columns, together), func(b *testing.B) {
					for range b.N {
						for p := 0; p < len(panels); p++ {
							if together {
								k.GemmRow(table, 1, 0, rows, weights[p:p+RowPanels], &out[p*k.Columns], biases[p:p+RowPanels], &clamp)
								p += RowPanels - 1
							} else {
								k.Gemm(table, 1, 0, rows, panels[p], outs, p*k.Columns, bias, &clamp, k.Columns)
							}
						}
					}
					b.ReportMetric(float64(4*rows*columns)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
				})
			}
		}
	}
}
