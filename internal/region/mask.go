package region

import "math/bits"

// Mask is a set of positions on a plane of H rows and W columns, a bit for
// each. It is a region of any shape; the rules of Window and Table hold for it
// row by row and column by column.
type Mask struct {
	H, W  int
	words int // of one row
	bits  []uint64
}

// NewMask makes an empty mask.
func NewMask(h, w int) *Mask {
	n := (w + 63) / 64
	return &Mask{h, w, n, make([]uint64, h*n)}
}

func (m *Mask) row(y int) []uint64 { return m.bits[y*m.words:][:m.words] }

// Clear empties the mask.
func (m *Mask) Clear() { clear(m.bits) }

// Fill puts every position into the mask.
func (m *Mask) Fill() { m.Add(Plane(m.H, m.W)) }

// Has says whether the mask holds a position of the plane.
func (m *Mask) Has(y, x int) bool { return m.bits[y*m.words+x>>6]>>(x&63)&1 != 0 }

// Add puts the positions of a rectangle of the plane into the mask.
func (m *Mask) Add(r Rect) {
	for y := r.Y.Lo; y < r.Y.Hi; y++ {
		addSpan(m.row(y), r.X)
	}
}

// AddBits puts positions x to x+31 of row y into the mask for which bits has a 1,
// the lowest one for x, which is a multiple of 32. Bits beyond the plane must be 0.
func (m *Mask) AddBits(y, x int, bits uint32) {
	m.bits[y*m.words+x>>6] |= uint64(bits) << (x & 63)
}

// addSpan sets the bits of a span.
func addSpan(row []uint64, s Span) {
	if s.Empty() {
		return
	}
	first, last := s.Lo>>6, (s.Hi-1)>>6
	head, tail := ^uint64(0)<<(s.Lo&63), ^uint64(0)>>(63-(s.Hi-1)&63)
	if first == last {
		row[first] |= head & tail
		return
	}
	row[first] |= head
	for i := first + 1; i < last; i++ {
		row[i] = ^uint64(0)
	}
	row[last] |= tail
}

// nextSpan is the first span of set bits at or after column x, empty if there
// is none.
func nextSpan(row []uint64, x int) Span {
	lo, ok := scan(row, x, 0)
	if !ok {
		return Span{}
	}
	hi, ok := scan(row, lo, ^uint64(0))
	if !ok {
		hi = len(row) * 64
	}
	return Span{lo, hi}
}

// scan finds the first bit at or after x that is set in row, its bits flipped
// where flip has them.
func scan(row []uint64, x int, flip uint64) (int, bool) {
	i := x >> 6
	if i >= len(row) {
		return 0, false
	}
	w := (row[i] ^ flip) & (^uint64(0) << (x & 63))
	for w == 0 {
		if i++; i == len(row) {
			return 0, false
		}
		w = row[i] ^ flip
	}
	return i<<6 + bits.TrailingZeros64(w), true
}

// Spans calls f for each span of neighbouring positions in row y, from left to
// right.
func (m *Mask) Spans(y int, f func(Span)) {
	row := m.row(y)
	for s := nextSpan(row, 0); !s.Empty(); s = nextSpan(row, s.Hi) {
		f(s)
	}
}

// Empty says whether the mask holds nothing.
func (m *Mask) Empty() bool {
	for _, w := range m.bits {
		if w != 0 {
			return false
		}
	}
	return true
}

// Area is the number of positions in the mask.
func (m *Mask) Area() int {
	n := 0
	for _, w := range m.bits {
		n += bits.OnesCount64(w)
	}
	return n
}

// Bounds is the smallest rectangle that holds the mask.
func (m *Mask) Bounds() Rect {
	var r Rect
	for y := range m.H {
		row := m.row(y)
		first, last := -1, -1
		for i, w := range row {
			if w != 0 {
				if first < 0 {
					first = i<<6 + bits.TrailingZeros64(w)
				}
				last = i<<6 + 63 - bits.LeadingZeros64(w)
			}
		}
		if first >= 0 {
			r = r.Union(Rect{Span{y, y + 1}, Span{first, last + 1}})
		}
	}
	return r
}

// Or puts another mask of the same plane into this one.
func (m *Mask) Or(o *Mask) {
	for i, w := range o.bits {
		m.bits[i] |= w
	}
}

// Copy makes the mask equal to another one of the same plane.
func (m *Mask) Copy(o *Mask) { copy(m.bits, o.bits) }

// Equal says whether two masks of the same plane hold the same positions.
func (m *Mask) Equal(o *Mask) bool {
	for i, w := range o.bits {
		if m.bits[i] != w {
			return false
		}
	}
	return true
}

// Reach puts into the mask of an output all that changes of the input from can
// reach through windows along y and x. Spans keep Window.Reach's promise: none
// is missed.
func (m *Mask) Reach(from *Mask, y, x Window) {
	if x.Stride <= 2 && x.Kernel <= mostShifts && x.Extent() <= 64 && max(from.words, 2*m.words) < maxLine {
		m.through(from, y.Reach, func(line, row []uint64) { reachBits(line, row, &x) })
		return
	}
	m.through(from, y.Reach, alongSpans(x.Reach))
}

// ReachTables is Reach for rearrangements.
func (m *Mask) ReachTables(from *Mask, y, x *Table) {
	m.through(from, y.Reach, alongSpans(x.Reach))
}

// alongSpans maps a row span by span.
func alongSpans(reach func(Span) Span) func(line, row []uint64) {
	return func(line, row []uint64) {
		for s := nextSpan(row, 0); !s.Empty(); s = nextSpan(row, s.Hi) {
			addSpan(line, reach(s))
		}
	}
}

// through maps each row of from by along, and puts the result into the rows that y
// reaches.
func (m *Mask) through(from *Mask, y func(Span) Span, along func(line, row []uint64)) {
	var few [8]uint64
	line := few[:]
	if m.words > len(few) {
		line = make([]uint64, m.words)
	}
	line = line[:m.words]
	last := ^uint64(0) >> (-m.W & 63) // the columns of a row's last word
	for iy := 0; iy < from.H; iy++ {
		row := from.row(iy)
		if none(row) {
			continue
		}
		rows := y(Span{iy, iy + 1})
		if rows.Empty() {
			continue
		}
		clear(line)
		along(line, row)
		line[m.words-1] &= last
		for oy := rows.Lo; oy < rows.Hi; oy++ {
			out := m.row(oy)
			for i, w := range line {
				out[i] |= w
			}
		}
	}
}

func none(row []uint64) bool {
	for _, w := range row {
		if w != 0 {
			return false
		}
	}
	return true
}

// What reachBits can do: so many taps of a window, words of a row.
const (
	mostShifts = 16
	maxLine    = 32
)

// reachBits sets the bits of a line that a window of stride 1 or 2 reaches from
// those of a row, all at once: input i reaches output o where o*stride = i + pad -
// k*dilation for a tap k. Bits behind the line's columns may be set too.
func reachBits(line, row []uint64, x *Window) {
	if x.Stride == 1 {
		for k := range x.Kernel {
			orShifted(line, row, x.Pad-k*x.Dilation)
		}
		return
	}
	var sums [maxLine]uint64
	wide := sums[:2*len(line)]
	for k := range x.Kernel {
		orShifted(wide, row, x.Pad-k*x.Dilation)
	}
	for i := range line {
		line[i] |= evenBits(wide[2*i]) | evenBits(wide[2*i+1])<<32
	}
}

// orShifted puts the bits of a row into a line, by positions further up.
func orShifted(line, row []uint64, by int) {
	words, bits := by>>6, by&63 // the first is rounded down
	for i := range line {
		w := uint64(0)
		if k := i - words; k >= 0 && k < len(row) {
			w = row[k] << bits
		}
		if k := i - words - 1; bits > 0 && k >= 0 && k < len(row) {
			w |= row[k] >> (64 - bits)
		}
		line[i] |= w
	}
}

// evenBits gathers the bits 0, 2, 4 and so on of a word.
func evenBits(w uint64) uint64 {
	w &= 0x5555555555555555
	w = (w | w>>1) & 0x3333333333333333
	w = (w | w>>2) & 0x0f0f0f0f0f0f0f0f
	w = (w | w>>4) & 0x00ff00ff00ff00ff
	w = (w | w>>8) & 0x0000ffff0000ffff
	return (w | w>>16) & 0x00000000ffffffff
}

// Align grows the mask to whole tiles of n x n positions, laid out from the
// plane's origin and cut at its borders.
func (m *Mask) Align(n int) {
	for y := 0; y < m.H; y += n {
		first := m.row(y)
		last := min(m.H, y+n)
		for o := y + 1; o < last; o++ {
			for i, w := range m.row(o) {
				first[i] |= w
			}
		}
		for s := nextSpan(first, 0); !s.Empty(); {
			s = Span{s.Lo / n * n, min(m.W, (s.Hi+n-1)/n*n)}
			addSpan(first, s)
			s = nextSpan(first, s.Hi)
		}
		for o := y + 1; o < last; o++ {
			copy(m.row(o), first)
		}
	}
}

// Rects appends disjoint rectangles that hold exactly the mask's positions:
// spans that are the same in rows after each other make one.
func (m *Mask) Rects(to []Rect) []Rect {
	// to[prev:open] ended, or may go on, in the row before.
	prev := len(to)
	for y := range m.H {
		row, open := m.row(y), len(to)
		at := prev
		for s := nextSpan(row, 0); !s.Empty(); s = nextSpan(row, s.Hi) {
			for at < open && to[at].X.Lo < s.Lo {
				at++
			}
			if at < open && to[at].X == s && to[at].Y.Hi == y {
				// It goes on: it must stay among the last row's.
				r := to[at]
				r.Y.Hi++
				to = append(to, r)
				to[at] = Rect{}
				continue
			}
			to = append(to, Rect{Span{y, y + 1}, s})
		}
		prev = open
	}
	n := 0
	for _, r := range to {
		if !r.Empty() {
			to[n] = r
			n++
		}
	}
	return to[:n]
}
