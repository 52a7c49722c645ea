package engine

import (
	"fmt"
	"unsafe"

	"krypton/internal/caches"
	"krypton/internal/engine/asm"
	"krypton/internal/pages"
	"krypton/internal/region"
)

// Conv is a convolution with bias and activation bounds, over two spatial axes
// (one of length 1 for series). A fully connected layer is the convolution
// whose kernel is the whole plane.
type Conv struct {
	In, Out Plane
	Y, X    region.Window
	Group   int
	Clamp   Clamp

	panels []panel
	reads  convReads
	// sparse says that products by zero may be left out: all weights are
	// finite, and lists can name the channels.
	sparse bool
	// finite says that all weights are.
	finite bool
	// quads says that elements are quads, and outputs are added to the jobs'
	// bases: see ConvInt8.
	quads bool
}

// convReads is how a convolution finds its inputs.
type convReads int

const (
	// readSegments: one pointer for each row of the window, to all of its
	// pixels, which lie together; where they do not (at the borders of
	// updates and planes) they are copied. Needs neighbouring taps and one
	// group.
	readSegments convReads = iota
	// readTaps: one pointer for each pixel of the window.
	readTaps
)

// rowTaps is the number of pointers for each output pixel.
func (c *Conv) rowTaps() int {
	if c.reads == readSegments {
		return c.Y.Kernel
	}
	return c.Y.Kernel * c.X.Kernel
}

// panel is a block of output channels with its packed weights.
type panel struct {
	begin, end int // channels of the input row that it reads
	column     int // first output channel
	valid      int // output channels, at most len(bias)
	weights    []float32
	at         int // of the weights among those that lie one behind the other, of Winograd
	bias       []float32
	// Of quads: each column's scale, and the biases for some of the window's rows
	// alone, see rowBias.
	scales []float32
	rows   [][]float32
}

// NewConv packs weights given as [Out.C][In.C/group][Y.Kernel][X.Kernel] (the
// ONNX order) and bias (nil for none) for the scratch's kernel set.
func NewConv(s *Scratch, in Plane, y, x region.Window, group int, weights, bias []float32, outC int, clamp Clamp) (*Conv, error) {
	taps := y.Kernel * x.Kernel
	if group < 1 || in.C%group != 0 || outC%group != 0 || len(weights) != outC*(in.C/group)*taps || (bias != nil && len(bias) != outC) {
		return nil, fmt.Errorf("convolution of %d to %d channels in %d groups: %d weights, %d biases", in.C, outC, group, len(weights), len(bias))
	}
	c := &Conv{In: in, Out: Plane{y.Out, x.Out, outC}, Y: y, X: x, Group: group, Clamp: clamp}
	cin, cout := in.C/group, outC/group
	if group > 1 || x.Dilation > 1 && x.Kernel > 1 {
		c.reads = readTaps
	}
	c.finite = Finite(weights)
	c.sparse = c.finite && c.listable(s.Kernels)
	columns := 0
	for j := 0; j < cout; j += s.Kernels.PanelColumns(j, cout) {
		columns += s.Kernels.PanelColumns(j, cout)
	}
	// Together, so that what is fetched ahead of a panel's end is the next one.
	slab := zeroWeights(group * columns * taps * cin)
	for g := range group {
		for j := 0; j < cout; {
			n := s.Kernels.PanelColumns(j, cout)
			p := panel{begin: g * cin, end: (g + 1) * cin, column: g*cout + j, valid: min(n, cout-j)}
			if c.reads == readSegments {
				p.end = cin * x.Kernel
			}
			p.weights, p.bias = slab[:taps*cin*n:taps*cin*n], make([]float32, n)
			slab = slab[taps*cin*n:]
			if bias != nil {
				copyBias(p.bias, bias[p.column:][:p.valid])
			}
			// Whole rows of the panel: its columns' weights are read in order.
			w := weights[p.column*cin*taps:][:p.valid*cin*taps]
			for ci := range cin {
				for t := range taps {
					row := p.weights[(t*cin+ci)*n:][:p.valid]
					for v := range row {
						row[v] = w[v*cin*taps+ci*taps+t]
					}
				}
			}
			c.panels = append(c.panels, p)
			j += n
		}
	}
	return c, nil
}

// zeroWeights is room for n weights, zeros, on large pages: most are read from memory
// once for each chunk of pixels, and small pages keep that waiting for addresses.
func zeroWeights(n int) []float32 {
	w := pages.Numbers(n)
	clear(w)
	return w
}

// listable says whether lists can name the channels, and may pay.
func (c *Conv) listable(k *asm.Kernels) bool {
	n := c.In.C
	if c.reads == readSegments {
		n *= c.X.Kernel
	}
	return k.Sparse() && c.Group == 1 && n >= sparseFrom && n < asm.MostListed
}

// Flat is the same convolution of the plane's pixels in one row; nil if windows have more
// than one pixel, or do not begin at each.
func (c *Conv) Flat() *Conv {
	if c.Y != region.Identity(c.In.H) || c.X != region.Identity(c.In.W) || c.quads {
		return nil
	}
	n := c.In.H * c.In.W
	f := *c
	f.In.H, f.In.W, f.Out.H, f.Out.W = 1, n, 1, n
	f.Y, f.X = region.Identity(1), region.Identity(n)
	return &f
}

// MultiplyAdds implements Primitive.
func (c *Conv) MultiplyAdds() int64 {
	return int64(c.Out.C) * int64(c.In.C/c.Group) * int64(c.Y.Kernel*c.X.Kernel)
}

// blockTiles is the number of tiles whose pointers are laid out at a time: a
// panel of weights is read from the second-level cache once for each block.
const blockTiles = 42

// Run implements Primitive: output pixels of all jobs are numbered one after
// the other, tiles are cut from that sequence, and each panel of weights passes
// over all tiles of a block.
func (c *Conv) Run(s *Scratch, jobs []Job) { c.RunPanels(s, jobs, 0, len(c.panels)) }

// Panels implements Panelled.
func (c *Conv) Panels() int { return len(c.panels) }

// Weights implements Panelled.
func (c *Conv) Weights() int {
	return c.Out.C * c.In.C / c.Group * c.Y.Kernel * c.X.Kernel
}

// RunPanels implements Panelled.
func (c *Conv) RunPanels(s *Scratch, jobs []Job, lo, hi int) {
	mr := s.Kernels.Rows
	b := tiles{conv: c, scratch: s, panels: c.panels[lo:hi], taps: c.Y.Kernel * c.X.Kernel, rowTaps: c.rowTaps()}
	left := 0
	for i := range jobs {
		left += jobs[i].Rect.Area()
	}
	if c.reads == readSegments {
		// Room for the worst case; segments seldom need any of it.
		b.space = grow(&s.gather, min(left, blockTiles*mr)*b.taps*c.In.C)
	}
	s.table = grow(&s.table, (blockTiles+1)*mr*b.rowTaps) // some more for level
	s.out = grow(&s.out, (blockTiles+1)*mr)
	if len(jobs) > 0 && jobs[0].Residual != nil {
		s.adds = grow(&s.adds, (blockTiles+1)*mr)
		b.sum = &jobs[0].Residual.Clamp
	}
	s.rows = grow(&s.rows, c.Y.Kernel)
	b.beyond = s.zeros(c.In.C * c.X.Kernel)
	if c.quads {
		b.beyond = s.noDifference(c.In.C * c.X.Kernel)
		s.base, s.scales = grow(&s.base, blockTiles*mr), grow(&s.scales, blockTiles*mr)
		s.differing = grow(&s.differing, blockTiles)
	}
	grow(&s.sink, c.Out.C)
	b.most = c.blockPixels(mr)
	b.begin(left)
	for i := range jobs {
		j := &jobs[i]
		b.job = j
		b.forget()
		pitch, row := j.pitch(c.Out.C), j.row(c.Out.C)
		for y := j.Rect.Y.Lo; y < j.Rect.Y.Hi; y++ {
			at := (y - j.Rect.Y.Lo) * row
			for ky := range s.rows {
				s.rows[ky] = j.In[0].row(y*c.Y.Stride - c.Y.Pad + ky*c.Y.Dilation)
			}
			straight := b.straight(j.Rect.X)
			b.pixel = y*c.Out.W + j.Rect.X.Lo
			if b.sum != nil {
				b.residual = j.Residual.row(y)
			}
			for x := j.Rect.X.Lo; x < j.Rect.X.Hi; x++ {
				if x == straight.Lo && !straight.Empty() {
					b.addRun(x*c.X.Stride-c.X.Pad, straight.Len(), j.Out[at:], pitch)
					at += pitch * straight.Len()
					x = straight.Hi - 1
					continue
				}
				b.add(x*c.X.Stride-c.X.Pad, &j.Out[at])
				at += pitch
			}
		}
	}
}

// tiles lays out pointers of one block of tiles and multiplies when it is full.
type tiles struct {
	conv          *Conv
	scratch       *Scratch
	panels        []panel
	taps, rowTaps int
	left          int       // pixels still to come, those of the block included
	most          int       // pixels of a block, at most
	size          int       // pixels in the block
	n             int       // pixels laid out
	tile          int       // index of the present tile
	lane, lanes   int       // next lane of the present tile, and their number
	base          int       // first pointer of the present tile
	beyond        []float32 // a row of the window beside the plane
	job           *Job      // whose pixels are laid out
	pixel         int       // the next one's number in the output plane
	sum           *Clamp    // the bounds of the sum with the jobs' residuals, nil if there are none
	residual      rowRef    // of the row of pixels
	space         []float32 // for copied inputs
	used          int       // of space, by the present block
	padded        bool      // windows of the block reach rows or pixels beside the plane
}

func (b *tiles) begin(left int) {
	b.left = left
	b.size = left
	if left > b.most {
		// Blocks of about the same size, in whole tiles.
		rows := b.scratch.Kernels.Rows
		n := (left + b.most - 1) / b.most
		b.size = (left + n*rows - 1) / (n * rows) * rows
	}
	b.n, b.tile, b.base, b.used, b.padded = 0, 0, 0, 0, false
	b.open()
}

// open starts a tile: a full one, or the smallest that holds what is left.
func (b *tiles) open() {
	b.lane, b.lanes = 0, b.scratch.Kernels.TileRows(b.size-b.n)
}

// add lays out the output pixel whose window begins at input column x and
// whose result goes to out.
func (b *tiles) add(x int, out *float32) {
	s := b.scratch
	s.out[b.tile*s.Kernels.Rows+b.lane] = out
	b.addBeside(1)
	if b.conv.reads == readSegments {
		b.segments(x)
	} else {
		b.pointers(x)
	}
	b.n++
	b.lane++
	if b.lane == b.lanes || b.n == b.size {
		b.close()
	}
}

// straight is the part of a span of output columns whose windows lie inside of
// the plane, where each of the rows in s.rows gives all of their pixels from its
// view or all from its update.
func (b *tiles) straight(x region.Span) region.Span {
	c := b.conv
	if c.reads != readSegments {
		return region.Span{}
	}
	inside := region.Span{Lo: (c.X.Pad + c.X.Stride - 1) / c.X.Stride, Hi: (c.In.W-c.X.Kernel+c.X.Pad)/c.X.Stride + 1}
	if c.In.W-c.X.Kernel+c.X.Pad < 0 {
		return region.Span{}
	}
	x = x.Intersect(inside)
	if x.Empty() {
		return x
	}
	reads := region.Span{Lo: x.Lo*c.X.Stride - c.X.Pad, Hi: (x.Hi-1)*c.X.Stride - c.X.Pad + c.X.Kernel}
	for i := range b.scratch.rows {
		if r := &b.scratch.rows[i]; r.inside {
			if in := r.span.Intersect(reads); !in.Empty() && in != reads {
				return region.Span{}
			}
		}
	}
	return x
}

// addRun is add for n neighbouring output pixels of a straight span, the first
// of whose windows begins at input column x and whose results go to out.
func (b *tiles) addRun(x, n int, out []float32, pitch int) {
	c, s := b.conv, b.scratch
	for n > 0 {
		k, rows, whole := min(n, b.lanes-b.lane, b.size-b.n), s.Kernels.Rows, 0
		switch most := min(n, b.size-b.n); {
		case c.quads:
		case b.rowTaps == 1:
			k = most // tiles lie one behind the other
		case b.lane == 0 && most > rows:
			whole = most / rows
			k = whole * rows
		}
		asm.Pointers(s.out[b.tile*s.Kernels.Rows+b.lane:][:k], out, pitch)
		b.addBeside(k)
		for ky := range s.rows {
			r := &s.rows[ky]
			from, step := b.beyond, 0
			switch {
			case !r.inside:
				b.padded = true
			case x >= r.span.Lo && x < r.span.Hi:
				from, step = r.update[(x-r.span.Lo)*r.pitch:], c.X.Stride*r.pitch
			default:
				from, step = r.view[x*r.pitch:], c.X.Stride*r.pitch
			}
			table := s.table[b.base+ky*b.lanes+b.lane:]
			if whole > 0 {
				asm.PointersInTiles(table, whole, rows, rows*b.rowTaps, from, step)
			} else {
				asm.Pointers(table[:k], from, step)
			}
		}
		b.n += k
		b.lane += k
		if b.lane > b.lanes {
			full := (b.lane - 1) / rows
			b.tile, b.base, b.lane = b.tile+full, b.base+full*rows*b.rowTaps, b.lane-full*rows
			b.lanes = s.Kernels.TileRows(b.size - b.n + b.lane)
		}
		if b.lane == b.lanes || b.n == b.size {
			b.close()
		}
		n -= k
		x += k * c.X.Stride
		if n > 0 {
			out = out[k*pitch:]
		}
	}
}

// addBeside lays out what the next n pixels' outputs are added to: of quads where their
// bases are, and their scale, else residuals, if there are any.
func (b *tiles) addBeside(n int) {
	s, c := b.scratch, b.conv.Out.C
	at := b.tile*s.Kernels.Rows + b.lane
	switch {
	case b.conv.quads:
		base, scales := s.base[at:][:n], s.scales[at:][:n]
		from := b.job.Base[b.pixel*c:][:n*c]
		for i := range base {
			base[i], scales[i] = &from[i*c], b.job.scale
		}
	case b.sum != nil:
		x := b.pixel - b.residual.y*b.conv.Out.W
		for i := range s.adds[at:][:n] {
			s.adds[at+i] = b.residual.at(x+i, c)
		}
	}
	b.pixel += n
}

// differing is the span of the window's rows, one at least, outside of which no
// pixel of a tile differs.
func (b *tiles) differing(table []*float32) region.Span {
	none := &b.beyond[0]
	differs := func(row int) bool {
		for _, p := range table[row*b.lanes:][:b.lanes] {
			if p != none {
				return true
			}
		}
		return false
	}
	d := region.Span{Hi: b.rowTaps}
	for d.Len() > 1 && !differs(d.Hi-1) {
		d.Hi--
	}
	for d.Len() > 1 && !differs(d.Lo) {
		d.Lo++
	}
	return d
}

// segments lays out one pointer for each row of the window that begins at
// input column x.
func (b *tiles) segments(x int) {
	c, s := b.conv, b.scratch
	end := x + c.X.Kernel
	at := b.base + b.lane
	for ky := range s.rows {
		r := &s.rows[ky]
		p := &b.beyond[0]
		switch {
		case !r.inside:
			b.padded = true
		case x >= r.span.Lo && end <= r.span.Hi:
			p = &r.update[(x-r.span.Lo)*r.pitch]
		case x >= 0 && end <= c.In.W && (end <= r.span.Lo || x >= r.span.Hi):
			p = &r.view[x*r.pitch]
		default:
			p = b.copied(r, x)
		}
		s.table[at] = p
		at += b.lanes
	}
}

// copiedRow is where the pixels of row y of a window lie together, if it is of the present
// turn: see forget.
type copiedRow struct {
	y    int // of the input plane
	turn uint64
	at   *float32
}

// copied puts the pixels of a window's row r from column x on together. Windows one
// below the other share most of their rows, which are copied once.
func (b *tiles) copied(r *rowRef, x int) *float32 {
	c, out := b.conv, b.job.Rect.X
	column := (x+c.X.Pad)/c.X.Stride - out.Lo
	d := &b.scratch.copies[r.y%c.Y.Kernel*out.Len()+column]
	if d.y != r.y || d.turn != b.scratch.turn {
		to := b.space[b.used:][:c.X.Kernel*c.In.C]
		b.used += len(to)
		r.copy(to, x, c.In.W, c.In.C, b.beyond)
		*d = copiedRow{r.y, b.scratch.turn, &to[0]}
	}
	return d.at
}

// forget makes copied copy anew: for another job, or another block, which has the
// space again. A job of single pixels may be one row of a whole plane's, of which a block
// takes a small part: what is older is told by its turn, not cleared.
func (b *tiles) forget() {
	if b.conv.reads != readSegments {
		return
	}
	s := b.scratch
	s.turn++
	s.copies = grow(&s.copies, b.conv.Y.Kernel*b.job.Rect.X.Len())
}

// copy writes the pixels from column x on to d, beyond for those beside the
// plane.
func (r *rowRef) copy(d []float32, x, w, ch int, beyond []float32) {
	for len(d) > 0 {
		n := 0 // pixels of one source
		switch {
		case x < 0:
			n = min(-x, len(d)/ch)
			copy(d[:n*ch], beyond)
		case x >= w:
			n = len(d) / ch
			copy(d, beyond)
		case x >= r.span.Lo && x < r.span.Hi:
			n = min(r.span.Hi-x, len(d)/ch)
			copy(d[:n*ch], r.update[(x-r.span.Lo)*ch:])
		default:
			n = min(w-x, len(d)/ch)
			if x < r.span.Lo {
				n = min(n, r.span.Lo-x)
			}
			copy(d[:n*ch], r.view[x*ch:])
		}
		d, x = d[n*ch:], x+n
	}
}

// pointers lays out one pointer for each tap.
func (b *tiles) pointers(x int) {
	c, s := b.conv, b.scratch
	at := b.base + b.lane
	w, ch := c.In.W, c.In.C
	for ky := range s.rows {
		r := &s.rows[ky]
		for kx, xi := 0, x; kx < c.X.Kernel; kx, xi = kx+1, xi+c.X.Dilation {
			p := &b.beyond[0]
			if r.inside && uint(xi) < uint(w) {
				if xi >= r.span.Lo && xi < r.span.Hi {
					p = &r.update[(xi-r.span.Lo)*ch]
				} else {
					p = &r.view[xi*ch]
				}
			} else {
				b.padded = true
			}
			s.table[at] = p
			at += b.lanes
		}
	}
}

// close ends a tile: lanes beyond the last pixel repeat lane 0 and store into
// the sink. A full block is multiplied.
func (b *tiles) close() {
	s := b.scratch
	for lane := b.lane; lane < b.lanes; lane++ {
		at := b.tile * s.Kernels.Rows
		s.out[at+lane] = &s.sink[:1][0]
		if b.conv.quads {
			s.base[at+lane], s.scales[at+lane] = s.base[at], s.scales[at]
		}
		if b.sum != nil {
			s.adds[at+lane] = s.adds[at]
		}
		for t := range b.rowTaps {
			s.table[b.base+t*b.lanes+lane] = s.table[b.base+t*b.lanes]
		}
	}
	if b.conv.quads {
		s.differing[b.tile] = b.differing(s.table[b.base:][:b.lanes*b.rowTaps])
	}
	b.base += b.lanes * b.rowTaps
	b.tile++
	if b.n < b.size {
		b.open()
		return
	}
	b.multiply()
	if b.left > b.size {
		b.begin(b.left - b.size)
		b.forget()
	}
}

// multiply passes every panel over the tiles of the block.
func (b *tiles) multiply() {
	if b.conv.sparse && b.worthSparse() {
		b.list()
		b.multiplySparse()
		return
	}
	b.multiplyDense(b.multiplyRow(b.panels), 0)
}

// level cuts the block's pixels, of one pointer and so many products each, into tiles if all are
// multiplied by the same panels: pointers lie one behind the other then, whatever the heights
// are. What the last tile lacks is laid out.
func (b *tiles) level(products int) asm.Cut {
	s := b.scratch
	cut := s.Kernels.Cut(b.size, products)
	for n := b.size; n < cut.Rows(s.Kernels); n++ {
		s.out[n], s.table[n] = &s.sink[:1][0], s.table[0]
		if b.sum != nil {
			s.adds[n] = s.adds[0]
		}
		b.base = max(b.base, n+1)
	}
	return cut
}

// multiplyDense passes panels over the tiles from the given one on, each in parts
// that stay in the second-level cache, beside the inputs, until all tiles have had
// them.
func (b *tiles) multiplyDense(panels []panel, from int) {
	if b.conv.quads {
		for i := range panels {
			b.multiplyQuads(&panels[i], from)
		}
		return
	}
	k := b.scratch.Kernels
	cut := asm.Cut{Full: b.size / k.Rows}
	if left := b.size % k.Rows; from == 0 && b.rowTaps == 1 && len(panels) > 0 {
		cut = b.level(panels[0].end - panels[0].begin)
	} else if left > 0 {
		cut.Height, cut.Low = k.TileRows(left), 1
	}
	b.findRead()
	if len(panels) > 0 && b.conv.linear() {
		// Nothing but these pixels' inputs: a part of them stays in the cache until
		// all panels have had it.
		apart := from == 0 && len(panels) >= apartPanels && b.size > b.scratch.Kernels.Rows && b.rowTaps == 1 && b.colliding()
		b.eachPart(&panels[0], func(at part) {
			table, begin := b.scratch.table, panels[0].begin+at.channels.Lo
			if apart {
				table, begin = b.apart(at), 0
			}
			for i := range panels {
				b.multiplyPart(&panels[i], from, cut, at, table, begin)
			}
		})
		return
	}
	for i := range panels {
		p := &panels[i]
		b.eachPart(p, func(at part) { b.multiplyPart(p, from, cut, at, b.scratch.table, p.begin+at.channels.Lo) })
	}
}

// alone says that the output is one pixel, so that jobs share no inputs.
func (c *Conv) alone() bool { return c.Out.H*c.Out.W == 1 && c.Group == 1 }

// linear says that no two windows share inputs, which have one pixel each.
func (c *Conv) linear() bool {
	return !c.quads && c.Group == 1 && (c.alone() || c.Y.Kernel*c.X.Kernel == 1)
}

// blockPixels is how many output pixels are laid out at a time: of linear layers as many as
// have their inputs in the second-level cache while all panels pass over them.
func (c *Conv) blockPixels(rows int) int {
	if c.alone() || !c.linear() {
		return blockTiles * rows
	}
	n := max(linearBytes/4/c.In.C, linearPixels) / rows
	return min(max(n, 1), blockTiles) * rows
}

// part is some taps of a panel, or some channels, from its first one on, of a single
// tap.
type part struct{ taps, channels region.Span }

// partBytes is the most that the weights of one part should have, aloneBytes those and
// the inputs of pixels that share none, partLinear of blocks of linear layers, whose inputs
// have linearBytes, or more if these would be fewer than linearPixels.
var (
	partBytes   = caches.Fit(256 << 10)
	aloneBytes  = caches.Fit(512 << 10)
	partLinear  = caches.Fit(640 << 10)
	linearBytes = caches.Fit(448 << 10)
)

const linearPixels = 144

// eachPart calls f for the parts of a panel that pass over all tiles together.
func (b *tiles) eachPart(p *panel, f func(part)) {
	each := p.end - p.begin
	most := partBytes / 4 / len(p.bias) // channels of a part
	linear := b.conv.linear()
	switch {
	case b.conv.alone():
		most = min(most, aloneBytes/4/(len(p.bias)+b.size))
	case linear:
		most = min(most, partLinear/4/(len(p.bias)+b.size))
	}
	parts := (b.rowTaps*each + most - 1) / most
	switch {
	case b.size <= b.scratch.Kernels.Rows: // each weight is read once
		parts = 1
	case !linear:
		parts = min(parts, b.rowTaps)
	}
	if parts <= b.rowTaps {
		taps := (b.rowTaps + parts - 1) / parts
		for t := 0; t < b.rowTaps; t += taps {
			f(part{region.Span{Lo: t, Hi: min(t+taps, b.rowTaps)}, region.Span{Hi: each}})
		}
		return
	}
	cuts := (parts + b.rowTaps - 1) / b.rowTaps
	for t := range b.rowTaps {
		for i := range cuts {
			f(part{region.Span{Lo: t, Hi: t + 1}, region.Span{Lo: each * i / cuts, Hi: each * (i + 1) / cuts}})
		}
	}
}

// colliding says that most of the first tile's rows lie in the same lines of the first-level
// cache, whose ways repeat after so many bytes: those of 1024 channels do, and of 3072.
func (b *tiles) colliding() bool {
	const line, way = 64, 4096
	rows := b.scratch.table[:min(b.size, b.scratch.Kernels.Rows)]
	at := func(p *float32) uintptr { return uintptr(unsafe.Pointer(p)) % way / line }
	n := 0
	for _, p := range rows {
		if at(p) == at(rows[0]) {
			n++
		}
	}
	return 2*n > len(rows)
}

// apart copies a part of the inputs of a linear layer's block, row by row, so that rows lie in
// different lines of the first-level cache, and gives the table of the copies.
func (b *tiles) apart(at part) []*float32 {
	const line = 16 // numbers
	s, n := b.scratch, at.channels.Len()
	pitch := (n+line-1)/line | 1 // lines of a row, an odd number
	pitch *= line
	rows := s.table[:b.base]
	s.apart = grow(&s.apart, len(rows)*pitch)
	s.apartTable = grow(&s.apartTable, len(rows))
	for i, p := range rows {
		to := s.apart[i*pitch:][:n]
		copy(to, unsafe.Slice(p, at.channels.Hi)[at.channels.Lo:])
		s.apartTable[i] = &to[0]
	}
	return s.apartTable
}

// apartPanels is how many panels at least must share a copy of the inputs.
const apartPanels = 4

// skipFrom is the number of inputs of a tap from which a tap is left out whose inputs are all
// beside the plane: fewer are sooner multiplied.
const skipFrom = 32

// findRead tells of each tile of the block which taps read the plane for any of its pixels, as
// bits; the last one alone where none does. Products of the others are by zeros, and change no
// sum. Nothing is told where all taps are to be multiplied.
func (b *tiles) findRead() {
	s, c := b.scratch, b.conv
	s.read = s.read[:0]
	if !b.padded || !c.finite || b.rowTaps == 1 || b.rowTaps > 64 || c.linear() || c.panels[0].end-c.panels[0].begin < skipFrom {
		return
	}
	none := &b.beyond[0]
	b.eachTile(func(_, base, rows int) {
		read := uint64(0)
		for t := range b.rowTaps {
			for _, p := range s.table[base+t*rows:][:rows] {
				if p != none {
					read |= 1 << t
					break
				}
			}
		}
		if read == 0 {
			read = 1 << (b.rowTaps - 1)
		}
		s.read = append(s.read, read)
	})
}

// multiplyPart passes a part of a panel over the tiles from the given one on, whose inputs the table
// points to, from the given channel on.
func (b *tiles) multiplyPart(p *panel, from int, cut asm.Cut, at part, inputs []*float32, begin int) {
	c, s := b.conv, b.scratch
	k := s.Kernels
	each := p.end - p.begin
	end := begin + at.channels.Len()
	first := (at.taps.Lo*each + at.channels.Lo) * len(p.bias)
	// What comes next is fetched while all tiles take this part, so much for each row of weights,
	// unless all of them are in the cache.
	next, tiles := first+at.taps.Len()*at.channels.Len()*len(p.bias), cut.Full-from+cut.Low
	if c.linear() {
		next = first + len(p.weights) // the same part of the next panel
	}
	pace := 0
	if k.Paced() && tiles > 1 && 4*c.Weights() > caches.This().Second() {
		pace = (4*len(p.bias) + tiles - 1) / tiles
	}
	pass := func(pixel, tiles, rows int, taps region.Span, resumed, more bool) { // from a pixel on
		part := asm.Part{Resumed: resumed, Unbounded: more, Ahead: asm.StreamAhead, Tiles: tiles, Stride: rows * b.rowTaps}
		if b.sum != nil && !more {
			part.Add, part.Sum = s.adds[pixel:][:tiles*rows], b.sum
		}
		first := (taps.Lo*each + at.channels.Lo) * len(p.bias)
		weights := p.weights[first:][:taps.Len()*at.channels.Len()*len(p.bias)]
		if pace > 0 {
			part.Ahead, part.Pace = next-first, pace
			next += tiles * taps.Len() * at.channels.Len() * pace / 4
		}
		table := inputs[pixel*b.rowTaps+taps.Lo*rows:]
		k.GemmPart(table, taps.Len(), begin, end, weights, s.out[pixel:][:tiles*rows], p.column, p.bias, &c.Clamp, p.valid, part)
	}
	// those passes over tiles that read the same taps: of a single tap all do.
	those := func(tile, tiles, rows int) {
		if len(s.read) == 0 {
			pass(tile*k.Rows, tiles, rows, at.taps, at.taps.Lo > 0 || at.channels.Lo > 0, at.taps.Hi < b.rowTaps || at.channels.Hi < each)
			return
		}
		for end := tile + tiles; tile < end; {
			read, n := s.read[tile], 1
			for tile+n < end && s.read[tile+n] == read {
				n++
			}
			for t := at.taps.Lo; t < at.taps.Hi; {
				taps := region.Span{Lo: t, Hi: t}
				for taps.Hi < at.taps.Hi && read>>taps.Hi&1 != 0 {
					taps.Hi++
				}
				if !taps.Empty() {
					pass(tile*k.Rows, n, rows, taps, read&(1<<taps.Lo-1) != 0, read>>taps.Hi != 0)
				}
				t = taps.Hi + 1
			}
			tile += n
		}
	}
	if cut.Full > from {
		those(from, cut.Full-from, k.Rows)
	}
	if cut.Low > 0 {
		those(cut.Full, cut.Low, cut.Height)
	}
}

// multiplyQuads is multiplyDense for one panel of quads.
func (b *tiles) multiplyQuads(p *panel, from int) {
	c, s := b.conv, b.scratch
	k := s.Kernels
	b.eachTile(func(t, base, rows int) {
		if t < from {
			return
		}
		// Rows of the window in which nothing differs add nothing.
		d, at := s.differing[t], t*k.Rows
		weights := p.weights[d.Lo*(p.end-p.begin)*len(p.bias):]
		k.GemmQuads(s.table[base+d.Lo*rows:base+d.Hi*rows], d.Len(), p.begin, p.end, weights, s.out[at:][:rows], p.column, p.rowBias(d, b.rowTaps), &c.Clamp, p.valid, s.base[at:], s.scales[at:], p.scales)
	})
}
