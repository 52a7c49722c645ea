package asm

import (
	"math"
	"math/rand/v2"
	"testing"
)

// pairSets are the sets of this machine that multiply bfloat16.
func pairSets(t testing.TB) (sets []*Kernels) {
	for _, k := range Sets() {
		if k.Pairs() != nil {
			sets = append(sets, k)
		}
	}
	if sets == nil {
		Missing(t, PartPairs)
	}
	return sets
}

// flush is x without denormals.
func flush(x float32) float32 {
	if math.Float32bits(x)&0x7f800000 == 0 {
		return float32(math.Copysign(0, float64(x)))
	}
	return x
}

// dot is the scalar model of VDPBF16PS, after the pseudocode in Intel's manual.
func dot(a, b, acc float32) float32 {
	a0, a1 := Unpair(a)
	b0, b1 := Unpair(b)
	// Products of bfloat16 are exact in float64, and a sum of one with a
	// float32 is rounded twice only far below the float32's last bit.
	fma := func(x, y, z float32) float32 {
		return flush(float32(math.FMA(float64(flush(x)), float64(flush(y)), float64(flush(z)))))
	}
	return fma(a0, b0, fma(a1, b1, acc))
}

// anyFloat is a random number: often of common size, now and then a zero, a
// denormal, a tie between two bfloat16, very large or very small.
func anyFloat(rng *rand.Rand) float32 {
	switch rng.IntN(12) {
	case 0:
		return 0
	case 1:
		return math.Float32frombits(rng.Uint32() & 0x807fffff)
	case 2:
		return math.Float32frombits(math.Float32bits(rng.Float32()*2-1)&0xffff0000 | 0x8000)
	case 3:
		return (rng.Float32()*2 - 1) * float32(math.Exp2(float64(rng.IntN(200)-140)))
	}
	return rng.Float32()*2 - 1
}

// TestRound holds the rounding kernel, tails and all, to its scalar model.
func TestRound(t *testing.T) {
	special := []float32{0, float32(math.Copysign(0, -1)), 1, math.Float32frombits(0x3f808000), math.Float32frombits(0x3f818000), math.Float32frombits(0x3f808001),
		math.MaxFloat32, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), math.Float32frombits(0xff800001), 1e-40, -1e-45, math.Float32frombits(0x00800000), math.Float32frombits(0x007fffff)}
	for _, k := range pairSets(t) {
		rng := rand.New(rand.NewPCG(31, 32))
		for n := 0; n < 200; n += 2 {
			src, dst := newGuarded(n, 3, nil), newGuarded(n/2, 40, nil)
			for i := range src.mid {
				src.mid[i] = anyFloat(rng)
				if n%4 == 0 {
					src.mid[i] = special[rng.IntN(len(special))]
				}
			}
			k.Round(dst.mid, src.mid)
			dst.check(t)
			for i, p := range dst.mid {
				if want := Pair(src.mid[2*i], src.mid[2*i+1]); math.Float32bits(p) != math.Float32bits(want) {
					t.Fatalf("%d numbers: %x and %x give %x, want %x", n, math.Float32bits(src.mid[2*i]), math.Float32bits(src.mid[2*i+1]), math.Float32bits(p), math.Float32bits(want))
				}
			}
		}
	}
}

// TestBF16 holds the scalar rounding to its definition: no bfloat16 is nearer.
func TestBF16(t *testing.T) {
	rng := rand.New(rand.NewPCG(33, 34))
	value := func(b uint16) float64 { return float64(math.Float32frombits(uint32(b) << 16)) }
	for range 20000 {
		x := flush(anyFloat(rng))
		got := BF16(x)
		off := math.Abs(value(got) - float64(x))
		for _, other := range []uint16{got - 1, got + 1} {
			if d := math.Abs(value(other) - float64(x)); d < off || d == off && got&1 == 1 {
				t.Fatalf("%g rounds to %g, and %g is nearer or even", x, value(got), value(other))
			}
		}
	}
}

// TestGemmPairs holds every tile of the matrix product of pairs, and the sparse
// one, to the scalar model bit for bit.
func TestGemmPairs(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, set := range pairSets(t) {
		k := set.Pairs()
		rng := rand.New(rand.NewPCG(35, 36))
		for _, g := range k.gemm {
			for trial := range 40 {
				taps, c := 1+rng.IntN(5), 1+rng.IntN(30)
				pair := func() float32 { return Pair(anyFloat(rng), anyFloat(rng)) }
				table := make([]*float32, taps*g.rows)
				rows := make([][]float32, len(table))
				for i := range table {
					rows[i] = make([]float32, c)
					for j := range rows[i] {
						if trial%2 == 0 || rng.IntN(3) > 0 {
							rows[i][j] = pair()
						}
					}
					table[i] = &rows[i][0]
				}
				w, bias := make([]float32, taps*c*g.columns), make([]float32, g.columns)
				for i := range w {
					w[i] = pair()
				}
				for i := range bias {
					bias[i] = flush(anyFloat(rng))
				}
				valid := 1 + rng.IntN(g.columns)
				clamp := [2]float32{-inf, inf}
				if trial%3 == 0 {
					clamp = [2]float32{0, 2}
				}
				check := func(what string, outs []guarded) {
					t.Helper()
					for r := range outs {
						outs[r].check(t)
						for j := range valid {
							want := bias[j]
							for tap := range taps {
								for ci := range c {
									want = dot(rows[tap*g.rows+r][ci], w[(tap*c+ci)*g.columns+j], want)
								}
							}
							want = min(max(want, clamp[0]), clamp[1]) + 0
							if got := outs[r].mid[j]; math.Float32bits(got) != math.Float32bits(want) {
								t.Fatalf("%s %dx%d, %d taps of %d pairs: [%d][%d] = %x, want %x", what, g.rows, g.columns, taps, c, r, j, math.Float32bits(got), math.Float32bits(want))
							}
						}
					}
				}
				outs, out := make([]guarded, g.rows), make([]*float32, g.rows)
				fresh := func() {
					for r := range outs {
						outs[r] = newGuarded(valid, 40, nil)
						out[r] = &outs[r].mid[0]
					}
				}
				fresh()
				k.Gemm(table, taps, 0, c, w, out, 0, bias, &clamp, valid)
				check("gemm", outs)
				if g.rows >= k.SparseRows() && g.columns == k.Columns {
					fresh()
					lists := make([]uint16, taps*(c+1)+ListSlack)
					k.Nonzero(table, g.rows, taps, c, lists)
					k.GemmSparse(table, g.rows, taps, c, lists, []Panel{{w, bias}}, out, 0, &clamp, valid, nil, nil)
					check("sparse", outs[:k.SparseRows()])
				}
			}
		}
	}
}

// TestPeakPairs runs the loop that measures the peak.
func TestPeakPairs(t *testing.T) {
	for _, k := range pairSets(t) {
		plain, pairs := k.Peak(), k.Pairs().Peak()
		if !(pairs > 0) || math.IsInf(pairs, 0) {
			t.Errorf("%s: peak %g", k.Name, pairs)
		}
		t.Logf("%s: %.1f GFLOP/s in float32, %.1f in bfloat16", k.Name, plain/1e9, pairs/1e9)
	}
}
