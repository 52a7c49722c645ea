package region

// Blocks is a Mapping of a plane to itself whose rows and columns are in blocks: a pixel is
// made of those where its row's block and its column's meet. Pixels of a block need not be
// neighbours.
type Blocks struct{ y, x blocks }

// blocks are those of an axis.
type blocks struct {
	of    []int  // each row's, -1 for none yet
	spans []Span // that each block lies in
	sizes []int  // how many rows each block has
}

// NewBlocks is a plane of h rows and w columns that are in no block yet.
func NewBlocks(h, w int) Blocks { return Blocks{newBlocks(h), newBlocks(w)} }

func newBlocks(n int) blocks {
	b := blocks{of: make([]int, n)}
	for i := range b.of {
		b.of[i] = -1
	}
	return b
}

// Add adds the blocks of pixels that depend on each other; false if these are not a block of
// rows by one of columns, or one of those overlaps another block.
func (b *Blocks) Add(pixels *Mask) bool {
	r := pixels.Bounds()
	if r.Empty() {
		return false
	}
	var ys, xs []int
	for y := r.Y.Lo; y < r.Y.Hi; y++ {
		if pixels.Has(y, r.X.Lo) {
			ys = append(ys, y)
		}
	}
	for x := r.X.Lo; x < r.X.Hi; x++ {
		if pixels.Has(r.Y.Lo, x) {
			xs = append(xs, x)
		}
	}
	for _, y := range ys {
		for _, x := range xs {
			if !pixels.Has(y, x) {
				return false
			}
		}
	}
	return len(ys)*len(xs) == pixels.Area() && b.y.add(ys) && b.x.add(xs)
}

// add adds a block of these rows, in ascending order, if it is not there.
func (b *blocks) add(rows []int) bool {
	k := b.of[rows[0]]
	for _, r := range rows {
		if b.of[r] != k {
			return false
		}
	}
	if k >= 0 {
		return b.sizes[k] == len(rows)
	}
	for _, r := range rows {
		b.of[r] = len(b.spans)
	}
	b.spans, b.sizes = append(b.spans, Span{rows[0], rows[len(rows)-1] + 1}), append(b.sizes, len(rows))
	return true
}

// Whole says whether all pixels depend on each other.
func (b Blocks) Whole() bool { return len(b.y.spans) <= 1 && len(b.x.spans) <= 1 }

// Size is how many rows and columns there are.
func (b Blocks) Size() (h, w int) { return len(b.y.of), len(b.x.of) }

// Plane is the rectangle of all.
func (b Blocks) Plane() Rect { return Plane(b.Size()) }

// Reach implements Mapping.
func (b Blocks) Reach(r Rect) Rect { return Rect{b.y.reach(r.Y), b.x.reach(r.X)} }

// Reads implements Mapping: what depends on each other reads each other.
func (b Blocks) Reads(r Rect) Rect { return b.Reach(r) }

// reach is the span of all blocks that a span meets.
func (b *blocks) reach(s Span) (all Span) {
	for _, k := range b.of[s.Lo:s.Hi] {
		if k >= 0 {
			all = all.Union(b.spans[k])
		}
	}
	return all
}

// ReachMask implements Mapping.
func (b Blocks) ReachMask(to, from *Mask) {
	met := make([]bool, len(b.y.spans)*len(b.x.spans))
	for y := range from.H {
		if k := b.y.of[y]; k >= 0 {
			from.Spans(y, func(s Span) {
				for x := s.Lo; x < s.Hi; x++ {
					if i := b.x.of[x]; i >= 0 {
						met[k*len(b.x.spans)+i] = true
					}
				}
			})
		}
	}
	for y := range to.H {
		for x := range to.W {
			if k, i := b.y.of[y], b.x.of[x]; k >= 0 && i >= 0 && met[k*len(b.x.spans)+i] {
				to.Add(Pixel(y, x))
			}
		}
	}
}
