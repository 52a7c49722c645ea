package asm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// guarded is a slice of n values inside a larger one of sentinels.
type guarded struct{ all, mid []float32 }

const sentinel = float32(-12345.678)

func newGuarded(n, pad int, rng *rand.Rand) guarded {
	all := make([]float32, n+2*pad)
	for i := range all {
		all[i] = sentinel
	}
	mid := all[pad : pad+n : pad+n]
	if rng != nil {
		for i := range mid {
			mid[i] = rng.Float32()*2 - 1
		}
	}
	return guarded{all, mid}
}

func (g guarded) check(t *testing.T) {
	t.Helper()
	pad := (len(g.all) - len(g.mid)) / 2
	for i, v := range g.all {
		if (i < pad || i >= pad+len(g.mid)) && v != sentinel {
			t.Fatalf("wrote outside the output at %d of %d", i-pad, len(g.mid))
		}
	}
}

func near(got float32, want, scale float64) bool {
	return math.Abs(float64(got)-want) <= 1e-5*(scale+1)
}

// TestGemm compares every tile of every set with a float64 sum, checks that
// nothing outside the valid columns is written and that each row's bits do not
// depend on the tile it is computed in.
func TestGemm(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, k := range EverySet(t) {
		t.Run(k.Name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			for _, g := range k.gemm {
				for trial := range 20 {
					taps, c, begin := 1+rng.IntN(10), 1+rng.IntN(40), rng.IntN(5)
					valid := 1 + rng.IntN(g.columns)
					if trial%3 == 0 {
						valid = g.columns
					}
					clamp := [2]float32{-inf, inf}
					if trial%2 == 0 {
						clamp = [2]float32{0, 0.9}
					}
					rows := make([]guarded, taps*g.rows)
					table := make([]*float32, len(rows))
					for i := range rows {
						rows[i] = newGuarded(begin+c, 3, rng)
						table[i] = &rows[i].mid[0]
					}
					w, bias := newGuarded(taps*c*g.columns, 1, rng).mid, newGuarded(g.columns, 1, rng).mid
					column := rng.IntN(7)
					outs := make([]guarded, g.rows)
					out := make([]*float32, g.rows)
					for r := range outs {
						outs[r] = newGuarded(column+valid, 40, nil)
						out[r] = &outs[r].mid[0]
					}
					k.Gemm(table, taps, begin, begin+c, w, out, column, bias, &clamp, valid)
					if taps > 1 {
						// Its sums in two parts have the same bits.
						first := 1 + rng.IntN(taps-1)
						parts, to := make([]guarded, g.rows), make([]*float32, g.rows)
						for r := range parts {
							parts[r] = newGuarded(column+valid, 40, nil)
							to[r] = &parts[r].mid[0]
						}
						k.GemmPart(table, first, begin, begin+c, w, to, column, bias, nil, valid, Part{Unbounded: true})
						k.GemmPart(table[first*g.rows:], taps-first, begin, begin+c, w[first*c*g.columns:], to, column, bias, &clamp, valid, Part{Resumed: true, Ahead: rng.IntN(9999) - 5000})
						for r := range parts {
							parts[r].check(t)
							for j, v := range parts[r].mid[column:] {
								if math.Float32bits(v) != math.Float32bits(outs[r].mid[column+j]) {
									t.Fatalf("%dx%d taps %d and %d: [%d][%d] = %g, at once %g", g.rows, g.columns, first, taps-first, r, j, v, outs[r].mid[column+j])
								}
							}
						}
					}
					for r := range outs {
						outs[r].check(t)
						for j := range valid {
							want, scale := float64(bias[j]), 0.0
							for tap := range taps {
								for ci := range c {
									p := float64(rows[tap*g.rows+r].mid[begin+ci]) * float64(w[(tap*c+ci)*g.columns+j])
									want += p
									scale += math.Abs(p)
								}
							}
							want = math.Min(math.Max(want, float64(clamp[0])), float64(clamp[1]))
							if got := outs[r].mid[column+j]; !near(got, want, scale) {
								t.Fatalf("%dx%d taps %d c %d: [%d][%d] = %g, want %g", g.rows, g.columns, taps, c, r, j, got, want)
							}
						}
						// The same row alone, in the one-row tile.
						one := make([]*float32, taps)
						for tap := range taps {
							one[tap] = table[tap*g.rows+r]
						}
						alone := make([]float32, g.columns)
						k.Gemm(one, taps, begin, begin+c, w, []*float32{&alone[0]}, 0, bias, &clamp, g.columns)
						for j := range valid {
							if math.Float32bits(alone[j]) != math.Float32bits(outs[r].mid[column+j]) {
								t.Fatalf("%dx%d: row %d differs from the one-row tile", g.rows, g.columns, r)
							}
						}
					}
				}
			}
		})
	}
}

// TestChannelKernels compares the per-channel kernels of every set with plain
// loops, over channel counts around the vector width.
func TestChannelKernels(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, k := range EverySet(t) {
		t.Run(k.Name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, 4))
			for n := 1; n < 140; n += 1 + n/20 {
				taps := 1 + rng.IntN(12)
				rows := make([]guarded, taps)
				table := make([]*float32, taps)
				for i := range rows {
					rows[i] = newGuarded(n, 1, rng)
					table[i] = &rows[i].mid[0]
				}
				w, bias := newGuarded(n*taps, 0, rng).mid, newGuarded(n, 0, rng).mid
				clamp := [2]float32{-0.5, inf}
				o := newGuarded(n, 20, nil)
				each := func(what string, f func(c int) float64) {
					t.Helper()
					o.check(t)
					for c := range n {
						if want := f(c); !near(o.mid[c], want, float64(taps)) {
							t.Fatalf("%s n %d: [%d] = %g, want %g", what, n, c, o.mid[c], want)
						}
					}
				}
				r := &Run{Rows: table, Kx: 1, N: 1}
				k.Depthwise(r, w, o.mid, bias, &clamp)
				each("depthwise", func(c int) float64 {
					s := float64(bias[c])
					for i := range rows {
						s += float64(rows[i].mid[c]) * float64(w[i*n+c])
					}
					return math.Max(s, -0.5)
				})
				k.MaxPool(r, n, o.mid)
				each("max", func(c int) float64 {
					m := math.Inf(-1)
					for i := range rows {
						m = math.Max(m, float64(rows[i].mid[c]))
					}
					return m
				})
				k.SumPool(r, n, o.mid, &[2]float32{0.25})
				each("sum", func(c int) float64 {
					s := 0.0
					for i := range rows {
						s += float64(rows[i].mid[c])
					}
					return s / 4
				})
				sum := 0.0
				for c := range n {
					d := float64(w[c]) - float64(bias[c])
					sum += d * d
				}
				if got := k.Distance(w[:n], bias); !near(got, sum, sum) {
					t.Fatalf("distance of %d: %g, want %g", n, got, sum)
				}
				k.Add(w[:n], bias, o.mid, &clamp)
				each("add", func(c int) float64 { return math.Max(float64(w[c])+float64(bias[c]), -0.5) })
			}
		})
	}
}

// TestMoved holds the comparison of pixels to a plain loop, over channel counts
// around the vector width, numbers of pixels, and steps; distances are well apart
// from the limit.
func TestMoved(t *testing.T) {
	for _, k := range EverySet(t) {
		t.Run(k.Name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(5, 6))
			for c := 1; c < 140; c += 1 + c/20 {
				n := 1 + rng.IntN(64)
				fromStep, toStep := c+rng.IntN(9), c+rng.IntN(9)
				from, to := make([]float32, (n-1)*fromStep+c), make([]float32, (n-1)*toStep+c)
				for i := range from {
					from[i] = rng.Float32()
				}
				for i := range to {
					to[i] = float32(math.NaN()) // between pixels: is not read
				}
				want := uint64(0)
				for i := range n {
					f, o := from[i*fromStep:][:c], to[i*toStep:][:c]
					copy(o, f)
					switch rng.IntN(4) {
					case 0:
						o[rng.IntN(c)] += 3
						want |= 1 << i
					case 1:
						o[c-1] += 1.5
					case 2:
						o[rng.IntN(c)] = float32(math.NaN())
						want |= 1 << i
					}
				}
				if got := k.ExceedsDistance(from, to, n, fromStep, toStep, c, 4); got != want {
					t.Fatalf("%d pixels of %d channels: %b, want %b", n, c, got, want)
				}
				for i := range to {
					to[i] = 0
				}
				if got := k.ExceedsDistance(make([]float32, len(from)), to, n, fromStep, toStep, c, 0); got != 0 {
					t.Fatalf("%d equal pixels: %b", n, got)
				}
			}
		})
	}
}

// TestRuns holds the kernels of runs to plain loops, and each pixel of a run to
// the run of that pixel alone, bit for bit.
func TestRuns(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, k := range EverySet(t) {
		t.Run(k.Name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(21, 22))
			for trial := range 200 {
				c, ky, kx, n := 1+rng.IntN(70), 1+rng.IntN(4), 1+rng.IntN(7), 1+rng.IntN(20)
				if trial%2 == 0 {
					ky, kx = 3, []int{3, 5, 7}[rng.IntN(3)]
				}
				stride, dilation := 1+rng.IntN(3), 1+rng.IntN(3)
				width := (n-1)*stride + (kx-1)*dilation + 1
				rows := make([]guarded, ky)
				r := &Run{Rows: make([]*float32, ky), Kx: kx, N: n, Step: stride * c, Pixel: dilation * c}
				for i := range rows {
					rows[i] = newGuarded(width*c, 3, rng)
					r.Rows[i] = &rows[i].mid[0]
				}
				w, bias := newGuarded(ky*kx*c, 1, rng).mid, newGuarded(c, 1, rng).mid
				clamp, scale := [2]float32{-0.5, inf}, [2]float32{0.25}
				kinds := map[string]func(r *Run, out []float32){
					"depthwise": func(r *Run, out []float32) { k.Depthwise(r, w, out, bias, &clamp) },
					"max":       func(r *Run, out []float32) { k.MaxPool(r, c, out) },
					"sum":       func(r *Run, out []float32) { k.SumPool(r, c, out, &scale) },
				}
				for name, f := range kinds {
					o := newGuarded(n*c, 40, nil)
					f(r, o.mid)
					o.check(t)
					for i := range n {
						alone := make([]float32, c)
						one := &Run{Kx: 1, N: 1}
						for y := range ky {
							for x := range kx {
								one.Rows = append(one.Rows, &rows[y].mid[(i*stride+x*dilation)*c])
							}
						}
						f(one, alone)
						for ch := range c {
							want := map[string]float64{"depthwise": float64(bias[ch]), "max": math.Inf(-1)}[name]
							for tap, p := range one.Rows {
								v := float64(unsafe.Slice(p, c)[ch])
								switch name {
								case "depthwise":
									want += v * float64(w[tap*c+ch])
								case "max":
									want = math.Max(want, v)
								case "sum":
									want += v / 4
								}
							}
							if name == "depthwise" {
								want = math.Max(want, -0.5)
							}
							got := o.mid[i*c+ch]
							if !near(got, want, 9) || math.Float32bits(got) != math.Float32bits(alone[ch]) {
								t.Fatalf("%s of %d pixels, %dx%d taps, %d channels: [%d][%d] = %g, alone %g, want %g", name, n, ky, kx, c, i, ch, got, alone[ch], want)
							}
						}
					}
				}
			}
		})
	}
}

// TestMaxPoolNaN: wherever the NaN is among a window's taps and the channels, the
// result is NaN there and nowhere else, beside infinities too.
func TestMaxPoolNaN(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, k := range EverySet(t) {
		rng := rand.New(rand.NewPCG(23, 24))
		for trial := range 400 {
			c, ky, kx, n := 1+rng.IntN(90), 1+rng.IntN(3), 1+rng.IntN(3), 1+rng.IntN(4)
			x := newGuarded((n+kx-1)*ky*c, 0, rng).mid
			for i := range x {
				switch rng.IntN(9) {
				case 0:
					x[i] = math.Float32frombits(uint32(rng.IntN(2))<<31 | 0x7f800001 + uint32(rng.IntN(0x7fffff)))
				case 1:
					x[i] = inf
				case 2:
					x[i] = -inf
				}
			}
			r := &Run{Kx: kx, N: n, Step: c, Pixel: c}
			for y := range ky {
				r.Rows = append(r.Rows, &x[y*(n+kx-1)*c])
			}
			o := newGuarded(n*c, 20, nil)
			k.MaxPool(r, c, o.mid)
			o.check(t)
			for i, got := range o.mid {
				want := -inf
				for y := range ky {
					for t := range kx {
						want = max(want, x[(y*(n+kx-1)+i/c+t)*c+i%c])
					}
				}
				if got != want && (got == got || want == want) {
					t.Fatalf("%s, trial %d: %dx%d taps, %d channels: [%d] = %g, want %g", k.Name, trial, ky, kx, c, i, got, want)
				}
			}
		}
	}
}

// TestNaNStays holds every set to the rule that bounds let a NaN through.
func TestNaNStays(t *testing.T) {
	nan := float32(math.NaN())
	for _, k := range EverySet(t) {
		x, w, bias, out := []float32{nan}, make([]float32, k.Columns), make([]float32, k.Columns), make([]float32, k.Columns)
		k.Gemm([]*float32{&x[0]}, 1, 0, 1, w, []*float32{&out[0]}, 0, bias, &[2]float32{0, 6}, k.Columns)
		if out[0] == out[0] {
			t.Errorf("%s: Gemm lost a NaN: %g", k.Name, out[0])
		}
		k.Add(x, bias, out[:1], &[2]float32{0, 6})
		if out[0] == out[0] {
			t.Errorf("%s: Add lost a NaN: %g", k.Name, out[0])
		}
	}
}

func BenchmarkGemm(b *testing.B) {
	for _, k := range EverySet(b) {
		for _, c := range []int{64, 256, 512} {
			b.Run(fmt.Sprintf("%s/9x%d", k.Name, c), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, 1))
				taps := 9
				rows := make([][]float32, taps*k.Rows)
				table := make([]*float32, len(rows))
				x := newGuarded(c*20*20, 0, rng).mid
				for i := range rows {
					table[i] = &x[((i/k.Rows)*20+i%k.Rows)*c]
				}
				w, bias := newGuarded(taps*c*k.Columns, 0, rng).mid, newGuarded(k.Columns, 0, rng).mid
				out := make([]*float32, k.Rows)
				y := make([]float32, k.Rows*k.Columns)
				for r := range out {
					out[r] = &y[r*k.Columns]
				}
				clamp := [2]float32{0, 1e30}
				for b.Loop() {
					k.Gemm(table, taps, 0, c, w, out, 0, bias, &clamp, k.Columns)
				}
				b.ReportMetric(2*float64(taps*c*k.Rows*k.Columns)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}

func TestPeak(t *testing.T) {
	for _, k := range EverySet(t) {
		if p := k.Peak(); p <= 0 || math.IsInf(p, 0) {
			t.Errorf("%s: peak %g", k.Name, p)
		} else {
			t.Logf("%s: %.1f GFLOP/s", k.Name, p/1e9)
		}
	}
}

func TestBandwidth(t *testing.T) {
	for _, k := range EverySet(t) {
		near, far := k.Bandwidth(96<<10), k.Bandwidth(32<<20)
		t.Logf("%s: %.1f GB/s from caches, %.1f from memory", k.Name, near/1e9, far/1e9)
		if !(near > 1e8) || !(far > 1e8) || math.IsInf(near, 0) || k.Bandwidth(0) <= 0 {
			t.Errorf("%s: %g and %g bytes a second", k.Name, near, far)
		}
	}
}

// BenchmarkDepthwise measures runs whose inputs lie in the first-level cache, in per
// cent of the multiply-adds of one core.
func BenchmarkDepthwise(b *testing.B) {
	for _, k := range Sets()[:len(Sets())-1] {
		peak := k.Peak()
		for _, w := range []struct{ kx, stride, dilation int }{{3, 1, 1}, {3, 2, 1}, {3, 1, 2}, {5, 1, 1}, {5, 2, 1}, {7, 1, 1}, {9, 1, 1}} {
			for _, c := range []int{16, 64, 72} {
				n := 16
				width := (n-1)*w.stride + (w.kx-1)*w.dilation + 1
				r := &Run{Rows: make([]*float32, w.kx), Kx: w.kx, N: n, Step: w.stride * c, Pixel: w.dilation * c}
				for i := range r.Rows {
					r.Rows[i] = &make([]float32, width*c)[0]
				}
				weights, bias, out := make([]float32, w.kx*w.kx*c), make([]float32, c), make([]float32, n*c)
				clamp := [2]float32{0, 6}
				b.Run(fmt.Sprintf("%s/%dx%d,stride%d,dilation%d,channels%d", k.Name, w.kx, w.kx, w.stride, w.dilation, c), func(b *testing.B) {
					for range b.N {
						k.Depthwise(r, weights, out, bias, &clamp)
					}
					b.ReportMetric(100*float64(2*w.kx*w.kx*n*c)*float64(b.N)/b.Elapsed().Seconds()/peak, "%peak")
				})
			}
		}
	}
}

// TestDepthwiseWindows holds rectangles of windows over pixels anywhere, of all channels or
// of some and then the others, to the run of each window alone, bit for bit.
func TestDepthwiseWindows(t *testing.T) {
	for _, k := range EverySet(t) {
		t.Run(k.Name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(31, 32))
			var w Windows // keeps its space
			ran, pointed, wide, grouped, tall := 0, 0, 0, 0, 0
			for round := range 240 {
				axis := func(kernel, most int) Axis {
					return Axis{Out: 1 + rng.IntN(most), Kernel: kernel, Stride: 1 + rng.IntN(3), Dilation: 1 + rng.IntN(3)}
				}
				w.Group = []int{1, 4, 8, 16, 1}[rng.IntN(5)]
				c := w.Group * (1 + rng.IntN(100/w.Group))
				w.Pitch = c + rng.IntN(2)*rng.IntN(9)
				w.X, w.Y = axis([]int{3, 5, 7, 1, 2, 9, 13}[rng.IntN(7)], 40), axis(1+rng.IntN(9), 30)
				if round%6 == 0 {
					kernel, stride := 3+2*rng.IntN(3), 1+rng.IntN(2)
					w.X.Kernel, w.X.Stride, w.X.Dilation = kernel, stride, 1
					w.Y.Kernel, w.Y.Stride, w.Y.Dilation = kernel, stride, 1
				}
				if !k.Together(w.Y, w.X, w.Group, c) {
					continue
				}
				ran++
				packed := k.Grouped(w.Y, w.X, w.Group)
				if packed {
					grouped++
				} else if d, _ := k.sharing(w.X.Kernel, w.X.Stride, w.X.Dilation, w.Group); d == nil {
					wide++
				}
				pool := newGuarded(50*c, 3, rng).mid
				cols := w.X.Extent()
				w.Pixels = make([]*float32, w.Y.Extent()*cols)
				for i := range w.Pixels {
					w.Pixels[i] = &pool[rng.IntN(50)*c]
				}
				taps := w.Y.Kernel * w.X.Kernel
				weights, bias, clamp := newGuarded(taps*w.Group*c, 1, rng).mid, newGuarded(c, 1, rng).mid, [2]float32{-0.5, 9}
				out := newGuarded((w.Y.Out*w.X.Out-1)*w.Pitch+c, 40, nil)
				cut := rng.IntN(2) * 32 * rng.IntN(3)
				if packed {
					cut = w.Group * rng.IntN(c/w.Group)
				}
				for _, part := range [][2]int{{0, cut}, {cut, c}} {
					if w.From, w.To = part[0], part[1]; !packed && c-cut < 32 {
						w.From, w.To = 0, c
					}
					if packed && w.From < w.To {
						k.GroupedWindows(&w, PackGroups(weights, c, w.Group), out.mid, bias, &clamp)
					} else if w.From < w.To {
						if w.To-w.From == c && k.Pointed(w.Y, w.X, w.Group, c) {
							pointed++
						}
						if k.tallWindows(w.Y, w.X, w.Group) != nil {
							tall++
						}
						k.DepthwiseWindows(&w, weights, out.mid, bias, &clamp)
					}
				}
				out.check(t)
				alone := make([]float32, c)
				for i := 0; i < w.Y.Out*w.X.Out; i += 1 + rng.IntN(1+w.Group/2) {
					var inputs [][]float32 // by tap and channel of a group, spread over outputs
					for tap := range taps {
						y := i/w.X.Out*w.Y.Stride + tap/w.X.Kernel*w.Y.Dilation
						pixel := unsafe.Slice(w.Pixels[y*cols+i%w.X.Out*w.X.Stride+tap%w.X.Kernel*w.X.Dilation], c)
						for ch := range w.Group {
							inputs = append(inputs, make([]float32, c))
							for j := range c {
								inputs[len(inputs)-1][j] = pixel[j/w.Group*w.Group+ch]
							}
						}
					}
					one := &Run{Kx: 1, N: 1}
					for _, x := range inputs {
						one.Rows = append(one.Rows, &x[0])
					}
					k.Depthwise(one, weights, alone, bias, &clamp)
					for ch, v := range alone {
						if got := out.mid[i*w.Pitch+ch]; math.Float32bits(got) != math.Float32bits(v) {
							t.Fatalf("%+v by %+v, %d channels in groups of %d: output %d, channel %d is %g, alone %g", w.Y, w.X, c, w.Group, i, ch, got, v)
						}
					}
				}
			}
			if k.together != nil && (ran < 40 || pointed < 5 || wide < 15 || ran-pointed-wide-grouped < 5 || k.groups != nil && grouped < 20 || k.tall != nil && tall < 5) {
				t.Errorf("only %d rectangles, %d where they lie, %d of windows without a kernel of their own, %d of groups of a vector, %d by kernels of their height", ran, pointed, wide, grouped, tall)
			}
		})
	}
}
