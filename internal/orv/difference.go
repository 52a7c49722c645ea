package orv

import (
	"math"
	"math/bits"

	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// thirds[b] has bit i set if any of bits 3i to 3i+2 of b is: of twelve bytes'
// marks, those of four pixels.
var thirds = func() (t [1 << 12]uint8) {
	for b := range t {
		for i := range 4 {
			if b>>(3*i)&7 != 0 {
				t[b] |= 1 << i
			}
		}
	}
	return t
}()

// block is the number of pixels that are compared at a time: three words of marks.
const block = 32

// difference puts into changed the pixels of three bytes each where frame and
// used differ by more than tolerance in any byte, and returns their number.
func difference(changed *region.Mask, frame, used []byte, tolerance int) int {
	n := 0
	w := changed.W
	t := uint8(min(tolerance, 255))
	var marks [3]uint32
	for y := range changed.H {
		a, b := frame[y*w*3:][:w*3], used[y*w*3:][:w*3]
		x := 0
		for ; x+block <= w; x += block {
			asm.Differ(a[3*x:][:3*block], b[3*x:][:3*block], t, marks[:])
			if marks == ([3]uint32{}) {
				continue
			}
			// 96 marks, 48 and 48: sixteen pixels each.
			half := [2]uint64{uint64(marks[0]) | uint64(marks[1])<<32, uint64(marks[1])>>16 | uint64(marks[2])<<16}
			pixels := uint32(0)
			for i, m := range half {
				for k := range 4 {
					pixels |= uint32(thirds[m>>(12*k)&0xfff]) << (16*i + 4*k)
				}
			}
			changed.AddBits(y, x, pixels)
			n += bits.OnesCount32(pixels)
		}
		for ; x < w; x++ {
			for i := 3 * x; i < 3*x+3; i++ {
				if d := int(a[i]) - int(b[i]); d > tolerance || -d > tolerance {
					changed.Add(region.Rect{Y: region.Span{Lo: y, Hi: y + 1}, X: region.Span{Lo: x, Hi: x + 1}})
					n++
					break
				}
			}
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
	counts [256]int // of each distance but 0
}

// Add takes the differences of two frames of the same size into account.
func (n *Noise) Add(a, b []byte) {
	const word = 8
	for len(a) >= word && len(b) >= word {
		// Most of what did not move lies together, and is not counted.
		if x, y := (*[word]byte)(a), (*[word]byte)(b); *x != *y {
			for i, v := range x {
				n.counts[max(v, y[i])-min(v, y[i])]++
			}
		}
		a, b = a[word:], b[word:]
	}
	for i, v := range a {
		n.counts[max(v, b[i])-min(v, b[i])]++
	}
}

// join takes what another has seen into account.
func (n *Noise) join(o *Noise) {
	for i, c := range o.counts {
		n.counts[i] += c
	}
}

// The tolerances that Tolerance gives.
const (
	leastTolerance = 6
	mostTolerance  = 32
)

// Tolerance is the tolerance for what was added, between 6 and 32.
func (n *Noise) Tolerance() int {
	moved := 0
	for _, c := range n.counts[1:] {
		moved += c
	}
	if moved == 0 {
		return leastTolerance
	}
	below := 0
	for i, c := range n.counts[1:] {
		below += c
		if d := i + 1; 2*below >= moved {
			return int(min(max(math.Ceil(3*float64(d)/0.6745), leastTolerance), mostTolerance))
		}
	}
	return mostTolerance
}
