package region

// Mapping says of which pixels of a plane the pixels of another one are made that it is
// rearranged to.
type Mapping interface {
	// Reach is a rectangle that holds all outputs which read an input in r.
	Reach(r Rect) Rect
	// Reads is a rectangle that holds all inputs which the outputs in r read.
	Reads(r Rect) Rect
	// ReachMask puts into to all outputs that read an input in from.
	ReachMask(to, from *Mask)
}

// Tables is a Mapping by rows and by columns: an output reads where those rows cross those
// columns.
type Tables struct{ Y, X *Table }

// Reach implements Mapping. A span that is empty is so for itself.
func (t Tables) Reach(r Rect) Rect { return Rect{t.Y.Reach(r.Y), t.X.Reach(r.X)} }

// Reads implements Mapping.
func (t Tables) Reads(r Rect) Rect { return Rect{t.Y.Reads(r.Y), t.X.Reads(r.X)} }

// ReachMask implements Mapping.
func (t Tables) ReachMask(to, from *Mask) { to.ReachTables(from, t.Y, t.X) }

// Turned is the Mapping of a plane whose rows are the columns of the other one.
type Turned struct{}

// Reach implements Mapping.
func (Turned) Reach(r Rect) Rect { return Rect{r.X, r.Y} }

// Reads implements Mapping.
func (Turned) Reads(r Rect) Rect { return Rect{r.X, r.Y} }

// ReachMask implements Mapping.
func (Turned) ReachMask(to, from *Mask) {
	for x := range from.H {
		from.Spans(x, func(s Span) { to.Add(Rect{s, Span{x, x + 1}}) })
	}
}

// Field is a Mapping in which every output pixel reads where it says itself: sampling at
// the points of a grid.
type Field struct {
	// Table has all pixels of a plane for an axis, row by row.
	Table
	in, out [2]int
	readers []box // of each input pixel
}

// box is the smallest rectangle of the outputs that read an input, [y0, y1) x [x0, x1).
type box struct{ y0, y1, x0, x1 int32 }

// NewField is the field of planes of so many rows and columns. t is its table.
func NewField(in, out [2]int, t Table) *Field {
	f := &Field{Table: t, in: in, out: out, readers: make([]box, in[0]*in[1])}
	for o := range out[0] * out[1] {
		y, x := int32(o/out[1]), int32(o%out[1])
		for _, i := range t.Index[o*t.Taps:][:t.Taps] {
			if i < 0 {
				continue
			}
			switch b := &f.readers[i]; {
			case b.y1 == 0:
				*b = box{y, y + 1, x, x + 1}
			default:
				*b = box{min(b.y0, y), max(b.y1, y+1), min(b.x0, x), max(b.x1, x+1)}
			}
		}
	}
	return f
}

// Reach implements Mapping: the smallest such rectangle. A tap of weight zero counts, as in
// Table.Reach.
func (f *Field) Reach(r Rect) Rect {
	r = r.Intersect(Plane(f.in[0], f.in[1]))
	all := box{y0: int32(f.out[0]), x0: int32(f.out[1])}
	for y := r.Y.Lo; y < r.Y.Hi; y++ {
		for _, b := range f.readers[y*f.in[1]+r.X.Lo : y*f.in[1]+r.X.Hi] {
			if b.y1 > 0 {
				all = box{min(all.y0, b.y0), max(all.y1, b.y1), min(all.x0, b.x0), max(all.x1, b.x1)}
			}
		}
	}
	return Rect{Span{int(all.y0), int(all.y1)}, Span{int(all.x0), int(all.x1)}}.canonical()
}

// Reads implements Mapping: the smallest such rectangle.
func (f *Field) Reads(r Rect) Rect {
	y0, y1, x0, x1 := f.in[0], 0, f.in[1], 0
	for oy := r.Y.Lo; oy < r.Y.Hi; oy++ {
		row := f.Index[(oy*f.out[1]+r.X.Lo)*f.Taps : (oy*f.out[1]+r.X.Hi)*f.Taps]
		for _, i := range row {
			if i >= 0 {
				y, x := int(i)/f.in[1], int(i)%f.in[1]
				y0, y1, x0, x1 = min(y0, y), max(y1, y+1), min(x0, x), max(x1, x+1)
			}
		}
	}
	return Rect{Span{y0, y1}, Span{x0, x1}}.canonical()
}

// ReachMask implements Mapping: exactly those outputs.
func (f *Field) ReachMask(to, from *Mask) {
	near := f.Reach(from.Bounds())
	for oy := near.Y.Lo; oy < near.Y.Hi; oy++ {
		for ox := near.X.Lo; ox < near.X.Hi; ox++ {
			for _, i := range f.Index[(oy*f.out[1]+ox)*f.Taps:][:f.Taps] {
				if i >= 0 && from.Has(int(i)/f.in[1], int(i)%f.in[1]) {
					to.Add(Pixel(oy, ox))
					break
				}
			}
		}
	}
}
