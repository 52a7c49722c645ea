package asm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// residuals are rows of pixels of so many numbers, not all of them finite, and the bounds
// of what they are added to.
func residuals(rng *rand.Rand, rows, n int) (of []guarded, at []*float32, bounds [2]float32) {
	odd := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.Copysign(0, -1)), 0}
	for range rows {
		g := newGuarded(n, 40, rng)
		for i := range g.mid {
			if rng.IntN(9) == 0 {
				g.mid[i] = odd[rng.IntN(len(odd))]
			}
		}
		of, at = append(of, g), append(at, &g.mid[0])
	}
	bounds = [2]float32{float32(math.Inf(-1)), float32(math.Inf(1))}
	if rng.IntN(2) == 0 {
		bounds = [2]float32{0, 0.5}
	}
	return of, at, bounds
}

// added holds rows that a kernel has added residuals to, from a column on, to what Add
// makes of the rows without, bit for bit.
func added(t *testing.T, k *Kernels, got, plain, residuals []guarded, column, n int, bounds *[2]float32) {
	t.Helper()
	for r := range got {
		got[r].check(t)
		want := append([]float32{}, plain[r].mid...)
		k.Add(plain[r].mid[column:][:n], residuals[r].mid[column:][:n], want[column:][:n], bounds)
		for i, w := range want {
			if g := got[r].mid[i]; math.Float32bits(g) != math.Float32bits(w) {
				t.Fatalf("row %d, number %d: %g, want %g (%g added to %g, between %g)", r, i, g, w, residuals[r].mid[i], plain[r].mid[i], *bounds)
			}
		}
	}
}

// TestGemmAdds: products that add residuals in their last step give what Add makes of the
// same products, for every tile of every set, several of them in a call too.
func TestGemmAdds(t *testing.T) {
	for _, k := range EverySet(t) {
		for i := range k.gemm {
			g := &k.gemm[i]
			t.Run(fmt.Sprintf("%s/%dx%d", k.Name, g.rows, g.columns), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(5, uint64(i)))
				for trial := range 40 {
					tiles, taps, channels, column := 1+rng.IntN(3), 1+rng.IntN(3), 1+rng.IntN(9), rng.IntN(4)
					valid := 1 + rng.IntN(g.columns)
					if trial%3 == 0 {
						valid = g.columns
					}
					rows := tiles * g.rows
					random := func(n int) []float32 { return newGuarded(n, 0, rng).mid }
					table := make([]*float32, rows*taps)
					for i := range table {
						table[i] = &random(channels)[0]
					}
					weights, bias, clamp := random(taps*channels*g.columns), random(g.columns), [2]float32{-0.6, 0.7}
					var got, plain []guarded
					var to, plainTo []*float32
					for range rows {
						a, b := newGuarded(column+valid, 40, nil), newGuarded(column+valid, 40, nil)
						got, plain, to, plainTo = append(got, a), append(plain, b), append(to, &a.mid[0]), append(plainTo, &b.mid[0])
					}
					add, adds, bounds := residuals(rng, rows, column+valid)
					part := Part{Tiles: tiles, Stride: taps * g.rows}
					k.GemmPart(table, taps, 0, channels, weights, plainTo, column, bias, &clamp, valid, part)
					part.Add, part.Sum = adds, &bounds
					k.GemmPart(table, taps, 0, channels, weights, to, column, bias, &clamp, valid, part)
					added(t, k, got, plain, add, column, valid, &bounds)
				}
			})
		}
	}
}

// TestWinogradAdds is TestGemmAdds for products that are transformed back.
func TestWinogradAdds(t *testing.T) {
	for _, k := range EverySet(t) {
		tiles := []WinogradTile{Winograd2.Tile()}
		for y := 2; y <= 4; y++ {
			for x := 2; x <= 4; x++ {
				tiles = append(tiles, WinogradTile{Winograd4, y, x})
			}
		}
		rng := rand.New(rand.NewPCG(6, 6))
		for _, tile := range tiles {
			for channels := 1; channels < 70; channels += 1 + channels/8 {
				column, e := rng.IntN(5), tile.Size.Elements()
				stride := channels + rng.IntN(5)
				src, bias, clamp := newGuarded((e-1)*stride+channels, 0, rng).mid, newGuarded(channels, 0, rng).mid, [2]float32{-0.6, 2}
				tmp := make([]float32, WinogradTmp)
				var got, plain []guarded
				var to, plainTo []*float32
				for range tile.Y * tile.X {
					a, b := newGuarded(column+channels, 40, nil), newGuarded(column+channels, 40, nil)
					got, plain, to, plainTo = append(got, a), append(plain, b), append(to, &a.mid[0]), append(plainTo, &b.mid[0])
				}
				add, adds, bounds := residuals(rng, len(to), column+channels)
				k.WinogradOutput(tile, src, stride, plainTo, column, bias, &clamp, tmp, nil, nil)
				k.WinogradOutput(tile, src, stride, to, column, bias, &clamp, tmp, adds, &bounds)
				added(t, k, got, plain, add, column, channels, &bounds)
			}
		}
	}
}
