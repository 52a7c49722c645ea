package asm

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestLanes puts pixels side by side and back between guard values, and multiplies them.
func TestLanes(t *testing.T) {
	rng := rand.New(rand.NewPCG(41, 42))
	for _, k := range EverySet(t) {
		if !k.Lanes() {
			continue
		}
		for _, lanes := range []int{MostLanes / 2, MostLanes} {
			for channels := FewestLaneChannels; channels < 22; channels++ {
				rows, pixels, step := 1+rng.IntN(3), 1+rng.IntN(4), channels+rng.IntN(3)
				memory := make([]guarded, (rows-1)*MostLanes+lanes)
				table := make([]*float32, len(memory))
				for i := range memory {
					memory[i] = newGuarded((pixels-1)*step+channels, 3, rng)
					table[i] = &memory[i].mid[0]
				}
				at := func(r, p, c, l int) int { return ((r*pixels+p)*channels+c)*lanes + l }
				side := newGuarded(rows*pixels*channels*lanes, 16, nil)
				k.IntoLanes(table, rows, lanes, pixels, step, channels, side.mid)
				side.check(t)
				each := func(f func(r, p, c, l int)) {
					for r := range rows {
						for p := range pixels {
							for c := range channels {
								for l := range lanes {
									f(r, p, c, l)
								}
							}
						}
					}
				}
				each(func(r, p, c, l int) {
					if got, want := side.mid[at(r, p, c, l)], memory[r*MostLanes+l].mid[p*step+c]; got != want {
						t.Fatalf("%s: row %d, pixel %d, channel %d of %d, lane %d of %d is %g, want %g", k.Name, r, p, c, channels, l, lanes, got, want)
					}
				})
				k.FetchLane(table, rows, (pixels-1)*step+channels)
				for i := range side.mid {
					side.mid[i]++
				}
				var before [][]float32
				for i := range memory {
					before = append(before, append([]float32{}, memory[i].mid...))
				}
				k.FromLanes(table, rows, lanes, pixels, step, channels, side.mid)
				each(func(r, p, c, l int) { before[r*MostLanes+l][p*step+c] = side.mid[at(r, p, c, l)] })
				for i := range memory {
					memory[i].check(t)
					for j, want := range before[i] {
						if got := memory[i].mid[j]; got != want {
							t.Fatalf("%s: %d of %d lanes, %d channels %d apart: number %d is %g, want %g", k.Name, i, lanes, channels, step, j, got, want)
						}
					}
				}
			}
			for n := 4; n < 60; n += 1 + n/9 {
				high, tiles, last := k.LaneRows(n)
				rows, channels, taken := high*tiles+last, 1+rng.IntN(9), uint64(0b10110)
				if rows < n {
					t.Fatalf("%s: %d rows are %d tiles of %d and one of %d", k.Name, n, tiles, high, last)
				}
				vStride, mStride := channels*lanes+rng.IntN(2)*16, rows*lanes+rng.IntN(2)*16
				random := func(n int) []float32 {
					x := make([]float32, n)
					for i := range x {
						x[i] = rng.Float32() - 0.5
					}
					return x
				}
				weights, v := random(5*rows*channels), random(5*vStride)
				m := newGuarded(4*mStride+rows*lanes, 16, nil)
				table := make([]*float32, 5*rows)
				for i := range table {
					table[i] = &weights[i*channels]
				}
				k.LaneProducts(taken, table, high, tiles, last, channels, lanes, v, vStride, m.mid, mStride, make([]*float32, rows), make([]float32, lanes))
				m.check(t)
				for e := range 5 {
					for r := range rows {
						for l := range lanes {
							want := float32(0)
							for c := range channels {
								want = float32(math.FMA(float64(weights[(e*rows+r)*channels+c]), float64(v[e*vStride+c*lanes+l]), float64(want)))
							}
							if got := m.mid[e*mStride+r*lanes+l]; taken>>e&1 != 0 && math.Abs(float64(got-want)) > 1e-5 {
								t.Fatalf("%s: element %d, row %d of %d, lane %d of %d is %g, want %g", k.Name, e, r, rows, l, lanes, got, want)
							}
						}
					}
				}
			}
		}
	}
}
