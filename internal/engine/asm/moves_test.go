package asm

import (
	"math/rand/v2"
	"testing"
)

// TestDiffer holds the comparison to one byte after the other, at all distances
// around the tolerance and at both ends of a byte.
func TestDiffer(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, tolerance := range []uint8{0, 1, 6, 127, 128, 254, 255} {
		for words := range 9 {
			a, b := make([]byte, 32*words), make([]byte, 32*words)
			for i := range a {
				a[i] = byte(rng.IntN(256))
				b[i] = a[i] + byte(int(tolerance)*(rng.IntN(3)-1)+rng.IntN(3)-1)
			}
			for _, f := range []func(a, b *byte, n int, tolerance uint64, marks *uint32){differ, differGeneric} {
				marks := make([]uint32, words+1)
				marks[words] = 0x5a5a5a5a
				if words > 0 {
					f(&a[0], &b[0], words, uint64(tolerance), &marks[0])
				}
				if marks[words] != 0x5a5a5a5a {
					t.Fatal("wrote behind the marks")
				}
				for i := range a {
					d := max(a[i], b[i]) - min(a[i], b[i])
					if got, want := marks[i/32]>>(i%32)&1 == 1, d > tolerance; got != want {
						t.Fatalf("tolerance %d: %d and %d: %v", tolerance, a[i], b[i], got)
					}
				}
			}
		}
	}
}

// TestPointers makes tables of every length, in one piece and in tiles.
func TestPointers(t *testing.T) {
	const mark = 5
	numbers, marked := make([]float32, 1000), new(float32)
	for n := range 40 {
		for _, step := range []int{0, 1, 3, 16} {
			to := make([]*float32, n+1)
			to[n] = marked
			Pointers(to[:n], numbers[mark:], step)
			for i, p := range to[:n] {
				if p != &numbers[mark+i*step] {
					t.Fatalf("%d pointers, %d apart: number %d is another", n, step, i)
				}
			}
			if to[n] != marked {
				t.Fatalf("%d pointers, %d apart: one more is written", n, step)
			}
			rows, tiles := 1+n%13, 1+n%4
			apart := rows + n%3
			to = make([]*float32, tiles*apart)
			PointersInTiles(to, tiles, rows, apart, numbers[mark:], step)
			for i, p := range to {
				want := &numbers[mark+(i/apart*rows+i%apart)*step]
				if i%apart >= rows {
					want = nil
				}
				if p != want {
					t.Fatalf("%d tiles of %d rows, %d apart, numbers %d apart: number %d is another", tiles, rows, apart, step, i)
				}
			}
		}
	}
}

// TestEverySecond moves numbers of every count, from both phases of a row.
func TestEverySecond(t *testing.T) {
	for n := range 70 {
		for phase := range 2 {
			src := make([]float32, 2*n)
			for i := range src {
				src[i] = float32(i)
			}
			g := newGuarded(n, 4, nil)
			EverySecond(g.mid, src[min(phase, len(src)):])
			g.check(t)
			for i, v := range g.mid {
				if v != float32(2*i+phase) {
					t.Fatalf("%d numbers from %d: [%d] = %g", n, phase, i, v)
				}
			}
		}
	}
}

// TestZip puts rows of every length together, by both kernels.
func TestZip(t *testing.T) {
	for n := range 70 {
		a, b := make([]float32, n), make([]float32, n)
		for i := range a {
			a[i], b[i] = float32(2*i), float32(2*i+1)
		}
		g := newGuarded(2*n, 4, nil)
		Zip(g.mid, a, b)
		g.check(t)
		plain := make([]float32, 2*n)
		if n >= 8 {
			zipGeneric(&plain[0], &a[0], &b[0], n/8)
		}
		for i, v := range g.mid {
			if v != float32(i) || i < n/8*16 && plain[i] != v {
				t.Fatalf("%d pairs: [%d] = %g", n, i, v)
			}
		}
	}
}

// TestInterleave puts rows of every length together, by both kernels.
func TestInterleave(t *testing.T) {
	for n := range 100 {
		var rows [3][]byte
		for i := range rows {
			rows[i] = make([]byte, n)
			for k := range rows[i] {
				rows[i][k] = byte(3*k + i)
			}
		}
		all := make([]byte, 3*n+2)
		all[0], all[3*n+1] = 0x5a, 0xa5
		Interleave(all[1:][:3*n], rows[0], rows[1], rows[2])
		for i, v := range all[1:][:3*n] {
			if v != byte(i) {
				t.Fatalf("%d triples: byte %d is %d", n, i, v)
			}
		}
		if all[0] != 0x5a || all[3*n+1] != 0xa5 {
			t.Fatalf("%d triples: wrote beside them", n)
		}
		if n := n / interleaved; n > 0 {
			plain := make([]byte, 3*n*interleaved)
			interleaveGeneric(&plain[0], &rows[0][0], &rows[1][0], &rows[2][0], n, nil)
			if string(plain) != string(all[1:][:len(plain)]) {
				t.Fatalf("%d blocks: the kernels differ", n)
			}
		}
	}
}
