package asm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestWinograd holds transforms and kernel together to the plain 3x3 sum of one
// channel in float64, for every set, over channel counts around the vector
// width, between guard values.
func TestWinograd(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, k := range EverySet(t) {
		tiles := []WinogradTile{Winograd2.Tile()}
		for y := 2; y <= 4; y++ {
			for x := 2; x <= 4; x++ {
				tiles = append(tiles, WinogradTile{Winograd4, y, x})
			}
		}
		for _, tile := range tiles {
			m := tile.Size
			t.Run(fmt.Sprintf("%s/F%d/%dx%d", k.Name, m, tile.Y, tile.X), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(13, 14))
				tmp := make([]float32, WinogradTmp)
				n, e := tile.X+2, m.Elements()
				for channels := 1; channels < 70; channels += 1 + channels/16 {
					pixels := make([]guarded, (tile.Y+2)*n)
					table := make([]*float32, len(pixels))
					for i := range pixels {
						pixels[i] = newGuarded(channels, 3, rng)
						table[i] = &pixels[i].mid[0]
					}
					stride := channels + rng.IntN(5)
					v := newGuarded((e-1)*stride+channels, 40, nil)
					k.WinogradInput(tile, table, channels, v.mid, stride, tmp, 0)
					v.check(t)

					g := make([][9]float32, channels)
					u := make([]float32, e)
					for c := range g {
						for i := range g[c] {
							g[c][i] = rng.Float32()*2 - 1
						}
						WinogradKernel(m, &g[c], u)
						for i := range e {
							v.mid[i*stride+c] *= u[i]
						}
					}
					bias := newGuarded(channels, 3, rng)
					clamp := [2]float32{-inf, inf}
					if channels%2 == 0 {
						clamp = [2]float32{0, 1.5}
					}
					outs := make([]guarded, tile.Y*tile.X)
					to := make([]*float32, len(outs))
					column := rng.IntN(5)
					for i := range outs {
						outs[i] = newGuarded(column+channels, 40, nil)
						to[i] = &outs[i].mid[0]
					}
					k.WinogradOutput(tile, v.mid, stride, to, column, bias.mid, &clamp, tmp, nil, nil)
					for i := range outs {
						outs[i].check(t)
						y, x := i/tile.X, i%tile.X
						for c := range channels {
							want := float64(bias.mid[c])
							for ky := range 3 {
								for kx := range 3 {
									want += float64(g[c][3*ky+kx]) * float64(pixels[(y+ky)*n+x+kx].mid[c])
								}
							}
							want = math.Min(math.Max(want, float64(clamp[0])), float64(clamp[1]))
							if got := outs[i].mid[column+c]; math.Abs(float64(got)-want) > 1e-5 {
								t.Fatalf("%d channels: output %d of channel %d is %g, want %g", channels, i, c, got, want)
							}
						}
					}
				}
			})
		}
	}
}
