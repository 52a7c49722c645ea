package asm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestRows: every way of computing gives the same bits as plain Go, whatever is beside the
// rows, and sums near the exact ones.
func TestRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for n := 1; n < 200; n += 1 + n/20 {
		for _, special := range []float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 3e38, 1e-44} {
			x, scale, bias := floats(rng, n, 4), floats(rng, n, 2), floats(rng, n, 2)
			if special != 0 || math.Signbit(float64(special)) {
				x[rng.IntN(n)] = special
			}
			top := RowLargest(x)
			blocks, rest := n/rowLanes*rowLanes, 0.0
			var sum, squares float64
			if blocks > 0 {
				sum, squares = rowSumGeneric(&x[0], blocks/rowLanes), rowSquaresGeneric(&x[0], blocks/rowLanes, 0.3)
			}
			for _, v := range x[blocks:] {
				rest += float64(v)
			}
			restSquares := 0.0
			for _, v := range x[blocks:] {
				restSquares = math.FMA(float64(v)-0.3, float64(v)-0.3, restSquares)
			}
			same64(t, fmt.Sprintf("sum of %v", x), RowSum(x), sum+rest)
			same64(t, fmt.Sprintf("squares of %v", x), RowSquares(x, 0.3), squares+restSquares)
			out, want := beforeGuard(n), make([]float32, n)
			RowScale(x, out, scale, bias, 0.3, 1.7)
			for i := range want {
				want[i] = scaled(x[i], scale[i], bias[i], 0.3, 1.7)
			}
			sameRow(t, "scaled", x, out, want)
			for i := range want {
				want[i] = x[i] * 1.7
			}
			RowTimes(x, out, 1.7)
			sameRow(t, "times", x, out, want)
			exps := RowExp(x, out, top)
			total := 0.0
			for i, v := range x {
				e := exp(float64(v)-float64(top), expTable)
				want[i] = float32(e)
				total += e
			}
			sameRow(t, "exponentials", x, out, want)
			if d := math.Abs(exps - total); d > 1e-13*total {
				t.Errorf("exponentials of %v add up to %g, want %g", x, exps, total)
			}
			if special == special {
				for _, v := range x {
					if v > top {
						t.Errorf("largest of %v is %g", x, top)
					}
				}
			}
		}
	}
}

// TestRowExpBlocks: the kernel and plain Go give the same sums, bit for bit.
func TestRowExpBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	for blocks := 1; blocks < 9; blocks++ {
		x := floats(rng, blocks*rowLanes, 30)
		a, b := make([]float32, len(x)), make([]float32, len(x))
		same64(t, "sum of exponentials", rowExp(&x[0], &a[0], blocks, 29, &expTable[0]), rowExpGeneric(&x[0], &b[0], blocks, 29, &expTable[0]))
		sameRow(t, "exponentials", x, a, b)
		if got, want := rowLargest(&x[0], blocks), rowLargestGeneric(&x[0], blocks); got != want {
			t.Errorf("largest of %v is %g, want %g", x, got, want)
		}
	}
}

// TestSoftmaxRows: many rows in one call are what each is by itself, to the bit.
func TestSoftmaxRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	for blocks := 1; blocks < 6; blocks++ {
		for _, rows := range []int{1, 2, 7} {
			for _, special := range []float32{0, float32(math.Copysign(0, -1)), float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 3e38} {
				n := blocks * rowLanes
				x := floats(rng, rows*n, []float32{1, 30, 3e38}[rng.IntN(3)])
				x[rng.IntN(len(x))] = special
				out, want := beforeGuard(rows*n), make([]float32, rows*n)
				SoftmaxRows(x, out, n)
				for i := range rows {
					from, to := x[i*n:][:n], want[i*n:][:n]
					RowTimes(to, to, float32(1/RowExp(from, to, RowLargest(from))))
					softmaxIsNear(t, from, out[i*n:][:n], false)
				}
				sameRow(t, "softmax", x, out, want)
				softmaxRowsGeneric(&x[0], &want[0], rows, 4*n, &expTable[0])
				sameRow(t, "softmax in plain Go", x, out, want)
				SoftmaxRows(x, x, n)
				sameRow(t, "softmax in place", want, x, want)
			}
		}
	}
}

// TestNormRows: many rows in one call are what each is by itself, to the bit.
func TestNormRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for _, n := range []int{1, 15, 16, 32, 80, 97} {
		for rows := range 6 {
			for _, special := range []float32{0, float32(math.Copysign(0, -1)), float32(math.NaN()), float32(math.Inf(1)), 3e38} {
				x, scale, bias := floats(rng, rows*n, []float32{1, 1e-30, 3e38}[rng.IntN(3)]), floats(rng, n, 2), floats(rng, n, 2)
				if rows > 0 {
					x[rng.IntN(len(x))] = special
				}
				out, want := beforeGuard(rows*n), make([]float32, rows*n)
				NormRows(x, out, scale, bias, 1e-6)
				for i := range rows {
					row := x[i*n:][:n]
					mean := RowSum(row) / float64(n)
					RowScale(row, want[i*n:], scale, bias, mean, 1/math.Sqrt(RowSquares(row, mean)/float64(n)+1e-6))
				}
				sameRow(t, "normalized", x, out, want)
				NormRows(x, x, scale, bias, 1e-6)
				sameRow(t, "normalized in place", want, x, want)
			}
		}
	}
}

// TestShortSoftmax: rows beside one another are those of plain Go to the bit, and near
// sums in float64; what is no number makes all of its row none, and no other.
func TestShortSoftmax(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	for n := 1; n < ShortRow; n++ {
		for _, rows := range []int{1, 7, 16, 17, 50} {
			for _, log := range []bool{false, true} {
				x := floats(rng, rows*n, []float32{1, 30, 3e38}[rng.IntN(3)])
				bad := rng.IntN(rows)
				x[bad*n] = []float32{float32(math.NaN()), float32(math.Inf(1)), 0, float32(math.Inf(-1))}[rng.IntN(4)]
				out, want := beforeGuard(rows*n), make([]float32, rows*n)
				ShortSoftmax(x, out, n, log)
				for i := range rows { // by itself, in plain Go
					var block [rowLanes * ShortRow]float32
					for k := range n {
						block[k*rowLanes] = x[i*n+k]
					}
					shortSoftmaxGeneric(&block[0], n, &logTable[0], log)
					for k := range n {
						want[i*n+k] = block[k*rowLanes]
					}
					softmaxIsNear(t, x[i*n:][:n], out[i*n:][:n], log)
				}
				sameRow(t, "softmax", x, out, want)
				ShortSoftmax(x, x, n, log)
				sameRow(t, "softmax in place", want, x, want)
				if n := testing.AllocsPerRun(1, func() { ShortSoftmax(x, x, n, log) }); n != 0 {
					t.Fatalf("%v allocations", n)
				}
			}
		}
	}
}

func softmaxIsNear(t *testing.T, x, got []float32, log bool) {
	t.Helper()
	top, sum := math.Inf(-1), 0.0
	for _, v := range x {
		top = math.Max(top, float64(v))
	}
	for _, v := range x {
		sum += math.Exp(float64(v) - top)
	}
	for i, v := range x {
		want := math.Exp(float64(v)-top) / sum
		tolerance := 2e-7*want + 1e-40
		if log {
			want = float64(v) - top - math.Log(sum)
			tolerance = 1e-7*math.Abs(want) + 1e-8
		}
		if g := float64(got[i]); math.Abs(g-want) > tolerance || (g != g) != (want != want) {
			if !(math.IsInf(float64(float32(want)), 0) && g == float64(float32(want))) {
				t.Fatalf("softmax of %v, logarithm %v: %g at %d, want %g", x, log, g, i, want)
			}
		}
	}
}

func TestTranspose(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range 300 {
		n, width := 1+rng.IntN(40), 1+rng.IntN(40)
		columns := make([]int32, 1+rng.IntN(width))
		src := floats(rng, 2000, 1)
		for i := range columns {
			columns[i] = int32(rng.IntN(len(src) - n + 1))
		}
		dst, want := beforeGuard(n*width), make([]float32, n*width)
		for c, from := range columns {
			for r := range n {
				want[r*width+c] = src[int(from)+r]
			}
		}
		Transpose(dst, width, src, columns, n)
		for i := range want {
			if i%width >= len(columns) {
				want[i] = dst[i] // is not written
				if dst[i] != 77 {
					t.Fatalf("column %d of %d written", i%width, len(columns))
				}
			}
		}
		sameRow(t, "columns", src, dst, want)
	}
}

func floats(rng *rand.Rand, n int, size float32) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = (rng.Float32()*2 - 1) * size
	}
	return x
}

// beforeGuard is a slice of n numbers behind which 77 must stay.
func beforeGuard(n int) []float32 {
	all := make([]float32, n+32)
	for i := range all {
		all[i] = 77
	}
	return all[:n]
}

func sameRow(t *testing.T, what string, x, got, want []float32) {
	t.Helper()
	for i, w := range want {
		if math.Float32bits(got[i]) != math.Float32bits(w) && (got[i] == got[i] || w == w) {
			t.Fatalf("%s [%d] of %v: %g, want %g", what, i, x, got[i], w)
		}
	}
	for i, v := range got[len(got):cap(got)] {
		if v != 77 && v != 0 {
			t.Fatalf("%s: wrote %g behind the end, at %d", what, v, i)
		}
	}
}

func same64(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Float64bits(got) != math.Float64bits(want) && (got == got || want == want) {
		t.Errorf("%s: %g, want %g", what, got, want)
	}
}
