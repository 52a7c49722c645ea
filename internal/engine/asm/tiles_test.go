package asm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestGemmTiles: several tiles in one call give what each gives alone, whatever lies
// between their tables, and nothing else is written.
func TestGemmTiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	for _, k := range EverySet(t) {
		for i := range k.gemm {
			g := &k.gemm[i]
			for _, test := range []struct{ tiles, taps, channels, gap, valid int }{
				{1, 1, 1, 0, g.columns}, {2, 1, 5, 0, g.columns}, {3, 4, 3, 2, g.columns - 1}, {5, 2, 7, 11, 1},
			} {
				t.Run(fmt.Sprintf("%s/%dx%d/%+v", k.Name, g.rows, g.columns, test), func(t *testing.T) {
					gemmTilesCase(t, k, rng, g.rows, g.columns, test.tiles, test.taps, test.channels, test.gap, test.valid)
				})
			}
		}
	}
}

func gemmTilesCase(t *testing.T, k *Kernels, rng *rand.Rand, rows, columns, tiles, taps, channels, gap, valid int) {
	random := func(n int) []float32 {
		f := make([]float32, n)
		for i := range f {
			f[i] = rng.Float32()*2 - 1
		}
		return f
	}
	stride := taps*rows + gap
	table := make([]*float32, tiles*stride)
	for i := range table {
		table[i] = &random(channels)[0]
	}
	weights, bias := random(taps*channels*columns), random(columns)
	pixels := tiles * rows
	var got, want [][]float32
	for range pixels {
		row := random(columns + 3)
		got, want = append(got, append([]float32{}, row...)), append(want, row)
	}
	pointers := func(rows [][]float32) (p []*float32) {
		for _, r := range rows {
			p = append(p, &r[1])
		}
		return p
	}
	clamp := [2]float32{-0.5, 0.75}
	for _, part := range []Part{{}, {Resumed: true, Unbounded: true, Ahead: StreamAhead}} {
		for i := range tiles {
			k.GemmPart(table[i*stride:][:taps*rows], taps, 0, channels, weights, pointers(want)[i*rows:][:rows], 0, bias, &clamp, valid, part)
		}
		part.Tiles, part.Stride = tiles, stride
		k.GemmPart(table, taps, 0, channels, weights, pointers(got), 0, bias, &clamp, valid, part)
	}
	for r := range want {
		for j := range want[r] {
			if math.Float32bits(got[r][j]) != math.Float32bits(want[r][j]) {
				t.Fatalf("pixel %d, column %d: %g, alone %g", r, j-1, got[r][j], want[r][j])
			}
		}
	}
}

// TestCut: all rows are in tiles that there are kernels for, the last one's are not all beyond the
// last row; 49 and 98 rows are what Cut is for.
func TestCut(t *testing.T) {
	for _, k := range EverySet(t) {
		for n := 1; n < 200; n++ {
			for _, products := range []int{16, 96, 384} {
				c := k.Cut(n, products)
				if rows := c.Rows(k); rows < n || c.Low > 0 && rows-c.Height >= n || c.Low == 0 && rows != n || c.Low > 0 && (k.tile(c.Height, k.Columns) == nil || k.tile(c.Height, k.Columns/2) == nil) {
					t.Fatalf("%s: %d rows in %+v", k.Name, n, c)
				}
			}
		}
		for _, test := range map[string][]struct {
			rows, products int
			want           Cut
		}{
			"avx512": {{49, 384, Cut{0, 10, 5}}, {98, 384, Cut{4, 10, 5}}, {98, 16, Cut{8, 2, 1}}, {144, 384, Cut{12, 0, 0}}, {1, 64, Cut{0, 1, 1}}},
			"avx2":   {{49, 384, Cut{4, 5, 5}}, {49, 16, Cut{8, 1, 1}}, {196, 384, Cut{32, 4, 1}}, {144, 384, Cut{24, 0, 0}}, {1, 64, Cut{0, 1, 1}}},
		}[k.Name] {
			if got := k.Cut(test.rows, test.products); got != test.want {
				t.Errorf("%d rows of %d products in %+v, want %+v", test.rows, test.products, got, test.want)
			}
		}
	}
}
