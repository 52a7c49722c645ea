package orv

import (
	"encoding/binary"
	"math"

	"krypton/internal/region"
)

// lanes of eight bytes: the high bit of each, and the rest.
const (
	high = 0x8080808080808080
	ones = 0x0101010101010101
)

// exceeds marks, by the high bit of each byte, where two bytes of a and b
// differ by more than t, which is below 128. A byte's difference is taken in
// both directions, saturated at zero.
func exceeds(a, b uint64, t uint8) uint64 {
	return over(a, b, t) | over(b, a, t)
}

// over marks the bytes of a that are more than t above those of b: a > b + t,
// where the sum that leaves eight bits is above any byte.
func over(a, b uint64, t uint8) uint64 {
	// b + t, byte by byte: the low seven bits cannot carry beyond the byte.
	add := uint64(t) * ones
	low := (b &^ high) + add // t < 128: below 256 in each byte
	sum := low ^ (b & high)
	carry := b & low & high // b's high bit and that of the low sum: 256 or more
	// a > sum, byte by byte: by high bits where they differ, by the low seven
	// bits' difference otherwise.
	greater := ((a &^ sum) | (^(a ^ sum) & ^((sum | high) - (a &^ high)))) & high
	return greater &^ carry
}

// difference puts into changed the pixels of three bytes each where frame and
// used differ by more than tolerance in any byte, and returns their number.
func difference(changed *region.Mask, frame, used []byte, tolerance int) int {
	n := 0
	w := changed.W
	t := uint8(min(tolerance, 127))
	for y := range changed.H {
		a, b := frame[y*w*3:][:w*3], used[y*w*3:][:w*3]
		run := region.Span{}
		add := func(x int) {
			if run.Hi != x {
				if !run.Empty() {
					changed.Add(region.Rect{Y: region.Span{Lo: y, Hi: y + 1}, X: run})
				}
				run.Lo = x
			}
			run.Hi = x + 1
			n++
		}
		pixel := func(x int) bool {
			for i := 3 * x; i < 3*x+3; i++ {
				if d := int(a[i]) - int(b[i]); d > tolerance || -d > tolerance {
					return true
				}
			}
			return false
		}
		x := 0
		for ; x+8 <= w; x += 8 { // 24 bytes
			any := uint64(0)
			for i := 3 * x; i < 3*x+24; i += 8 {
				p, q := binary.LittleEndian.Uint64(a[i:]), binary.LittleEndian.Uint64(b[i:])
				if p != q {
					any |= exceeds(p, q, t)
				}
			}
			if any == 0 {
				continue
			}
			for k := x; k < x+8; k++ {
				if pixel(k) {
					add(k)
				}
			}
		}
		for ; x < w; x++ {
			if pixel(x) {
				add(x)
			}
		}
		if !run.Empty() {
			changed.Add(region.Rect{Y: region.Span{Lo: y, Hi: y + 1}, X: run})
		}
	}
	return n
}

// despeckle takes pixels out of a mask that fewer than least of their own 5 x 5
// neighbourhood's pixels are in the mask with: codec noise comes in single
// pixels, things that move in groups.
func despeckle(m, spare *region.Mask, least int) {
	if least <= 1 || m.Empty() {
		return
	}
	const reach = 2
	spare.Copy(m)
	m.Clear()
	// Sums over columns first: counts[x] is the number of pixels of column x
	// in the five rows around y.
	counts := make([]int, m.W+1)
	for y := range m.H {
		some := false
		spare.Spans(y, func(region.Span) { some = true })
		if !some {
			continue
		}
		clear(counts)
		for o := max(0, y-reach); o <= min(m.H-1, y+reach); o++ {
			spare.Spans(o, func(s region.Span) {
				for x := s.Lo; x < s.Hi; x++ {
					counts[x]++
				}
			})
		}
		spare.Spans(y, func(s region.Span) {
			for x := s.Lo; x < s.Hi; x++ {
				n := 0
				for o := max(0, x-reach); o <= min(m.W-1, x+reach); o++ {
					n += counts[o]
				}
				if n >= least {
					m.Add(region.Rect{Y: region.Span{Lo: y, Hi: y + 1}, X: region.Span{Lo: x, Hi: x + 1}})
				}
			}
		})
	}
}

// Noise estimates how far the bytes of an unchanged picture move between two
// frames: the tolerance that all but a small part of what codec and sensor do
// stays below. It looks at bytes that moved at all and takes the median, which
// things that move hardly touch as long as they are small, as that of a
// normally distributed difference (whose median of absolute values is 0.6745
// standard deviations); three deviations are tolerated.
type Noise struct {
	counts [256]int
	moved  int
}

// Add takes the differences of two frames of the same size into account.
func (n *Noise) Add(a, b []byte) {
	for i, v := range a {
		d := int(v) - int(b[i])
		if d != 0 {
			n.counts[max(d, -d)]++
			n.moved++
		}
	}
}

// The tolerances that Tolerance gives.
const (
	leastTolerance = 6
	mostTolerance  = 32
)

// Tolerance is the tolerance for what was added, between 6 and 32.
func (n *Noise) Tolerance() int {
	if n.moved == 0 {
		return leastTolerance
	}
	below := 0
	for d, c := range n.counts {
		below += c
		if 2*below >= n.moved {
			return int(min(max(math.Ceil(3*float64(d)/0.6745), leastTolerance), mostTolerance))
		}
	}
	return mostTolerance
}
