package engine

import (
	"fmt"
	"math/bits"

	"krypton/internal/caches"
	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// Winograd is a 3x3 convolution of stride 1 by Winograd's minimal filtering:
// tiles of Size x Size outputs, laid out from the plane's origin, each take
// (Size+2)^2 products for a pair of channels instead of 9 Size^2. Where fewer
// outputs are left at the plane's end, tiles are smaller, and so are the products:
// 14 outputs are 4 + 4 + 4 + 2, 7 are 4 + 3. A tile's outputs depend, through
// rounding, on more inputs than their windows hold (see WinogradReach).
type Winograd struct {
	In, Out Plane
	Y, X    region.Window
	Size    asm.WinogradSize
	Clamp   Clamp
	// BF16 says that the transformed inputs and weights are rounded to bfloat16
	// (see asm.Kernels.Pairs); transforms and sums are float32.
	BF16 bool

	elements [][]panel // [element][panel]
	bias     []float32
	lanes    *winogradLanes // nil where tiles are not computed side by side
}

// WinogradBF16Fits says whether a convolution that WinogradFits holds for can be
// computed in bfloat16 with this kernel set: channels go in pairs.
func WinogradBF16Fits(k *asm.Kernels, in Plane) bool { return k.Pairs() != nil && in.C%2 == 0 }

// WinogradFits says whether a convolution can be computed this way.
func WinogradFits(y, x region.Window, group int) bool {
	three := func(w region.Window) bool { return w.Kernel == 3 && w.Stride == 1 && w.Dilation == 1 }
	return three(y) && three(x) && group == 1
}

// NewWinograd transforms and packs weights given as [outC][In.C][3][3] and
// bias (nil for none) for the scratch's kernel set; with bf16, rounded.
func NewWinograd(s *Scratch, in Plane, y, x region.Window, size asm.WinogradSize, bf16 bool, weights, bias []float32, outC int, clamp Clamp) (*Winograd, error) {
	if !WinogradFits(y, x, 1) || bf16 && !WinogradBF16Fits(s.Kernels, in) || len(weights) != outC*in.C*9 || (bias != nil && len(bias) != outC) {
		return nil, fmt.Errorf("winograd convolution of %d to %d channels: %d weights, %d biases", in.C, outC, len(weights), len(bias))
	}
	w := &Winograd{In: in, Out: Plane{y.Out, x.Out, outC}, Y: y, X: x, Size: size, Clamp: clamp, BF16: bf16,
		elements: make([][]panel, size.Elements()), bias: make([]float32, outC)}
	copyBias(w.bias, bias)
	zero := make([]float32, s.Kernels.Columns)
	columns := 0
	for j := 0; j < outC; j += s.Kernels.PanelColumns(j, outC) {
		columns += s.Kernels.PanelColumns(j, outC)
	}
	slab := zeroWeights(len(w.elements) * columns * in.C)
	for j := 0; j < outC; {
		n := s.Kernels.PanelColumns(j, outC)
		for e := range w.elements {
			at := e*columns + j // as multiply reads them
			if w.panelsFirst(s.Kernels) {
				at = j*len(w.elements) + e*n
			}
			w.elements[e] = append(w.elements[e], panel{at: at * in.C, end: in.C, column: j, valid: min(n, outC-j), weights: slab[at*in.C:][:n*in.C], bias: zero[:n]})
		}
		j += n
	}
	var u [36]float32
	var sideways []float32 // [element][output channel][input channel]
	if w.lanesFit(s.Kernels) {
		sideways = zeroWeights(len(w.elements) * outC * in.C)
	}
	for m := range outC {
		p := m / s.Kernels.Columns
		n := len(w.elements[0][p].bias)
		for c := range in.C {
			asm.WinogradKernel(size, (*[9]float32)(weights[(m*in.C+c)*9:]), u[:])
			at := c*n + m - w.elements[0][p].column
			for e := range w.elements {
				w.elements[e][p].weights[at] = u[e]
				if sideways != nil {
					sideways[(e*outC+m)*in.C+c] = u[e]
				}
			}
		}
	}
	if sideways != nil {
		w.lanes = w.packLanes(s.Kernels, sideways)
	}
	if bf16 {
		for _, panels := range w.elements {
			for i := range panels {
				p := &panels[i]
				n := len(p.bias)
				pairs := make([]float32, len(p.weights)/2)
				for k := range pairs {
					at := k/n*2*n + k%n
					pairs[k] = asm.Pair(p.weights[at], p.weights[at+n])
				}
				p.weights, p.end = pairs, p.end/2
			}
		}
	}
	return w, nil
}

// MultiplyAdds implements Primitive: those of the direct sum, so that whole
// networks can be compared.
func (w *Winograd) MultiplyAdds() int64 { return int64(w.Out.C) * int64(w.In.C) * 9 }

// WinogradReach maps the region of an output that a change reaches through the windows
// to the region whose bits may change.
func WinogradReach(size asm.WinogradSize, out Plane, r region.Rect) region.Rect {
	if r = r.Intersect(out.Rect()); r.Empty() {
		return r
	}
	r.Y.Lo, r.Y.Hi = size.Reach(r.Y.Lo, r.Y.Hi, out.H)
	r.X.Lo, r.X.Hi = size.Reach(r.X.Lo, r.X.Hi, out.W)
	return r
}

// Work implements Coster: the products that the region's tiles take.
func (w *Winograd) Work(r region.Rect) int64 {
	return WinogradProducts(w.Size, w.Out, r) * int64(w.In.C) * int64(w.Out.C)
}

// WinogradProducts is the number of products for a pair of channels that the tiles
// take that cover region r of the output, for its outputs.
func WinogradProducts(size asm.WinogradSize, out Plane, r region.Rect) int64 {
	along := func(s region.Span, n int) (products int) {
		for at := s.Lo / int(size) * int(size); at < s.Hi; at += int(size) {
			products += bits.OnesCount64(size.Taken(size.Outputs(n-at), s.Lo-at, s.Hi-at))
		}
		return products
	}
	return int64(along(r.Y, out.H)) * int64(along(r.X, out.W))
}

// panelBytes is the most that all elements' weights for one panel may have to be
// passed over by one tile after the other in the second-level cache.
var panelBytes = caches.Fit(400 << 10)

// panelsFirst says that a panel of all elements passes over the tiles before the
// next one, and its products are transformed back at once, while they are in the
// first caches. Otherwise, where that panel is too large, or has so few columns that
// tiles would be transformed back in many small pieces, an element's panels pass
// over all tiles, one element after the other.
func (w *Winograd) panelsFirst(k *asm.Kernels) bool {
	return k.Columns >= wideColumns && 4*w.Size.Elements()*w.In.C*k.Columns <= panelBytes
}

// wideColumns is from how many columns on panels may go first.
const wideColumns = 32

// blockTiles is the number of tiles that pass through the three stages
// together: enough that each pass over the transformed weights is worth it, few
// enough that inputs and products stay in the second-level cache, beside the
// weights if these do.
func (w *Winograd) blockTiles(s *Scratch) int {
	const most = 240
	little, much, both := caches.Fit(192<<10), caches.Fit(384<<10), caches.Fit(512<<10)
	rows := s.Kernels.Rows
	weights, tile := 4*w.Size.Elements()*w.In.C*w.Out.C, 4*w.Size.Elements()*w.In.C
	n := 0
	switch {
	case s.Kernels.Columns < wideColumns && weights <= fromMemory*caches.This().Second():
		n = max(48, both/(tile+tile/w.In.C*w.Out.C))
	case w.panelsFirst(s.Kernels) && weights <= panelBytes*3/2:
		n = little / tile
	case w.panelsFirst(s.Kernels):
		n = much / tile
	case weights > caches.This().Second():
		n = max(96, both/(tile+tile/w.In.C*w.Out.C))
	default:
		n = both / (tile + tile/w.In.C*w.Out.C)
	}
	return max(min(n, most)/rows, 1) * rows
}

// fromMemory is from how many times the second-level cache on weights are read from memory.
const fromMemory = 16

// Run implements Primitive.
func (w *Winograd) Run(s *Scratch, jobs []Job) { w.RunPanels(s, jobs, 0, w.Panels()) }

// apart is how far from one another the elements' rows of n numbers lie: an odd number of
// cache lines, so that the elements of a tile do not share sets of a cache.
func apart(n int) int {
	const line = 16
	return ((n+line-1)/line | 1) * line
}

// Panels implements Panelled.
func (w *Winograd) Panels() int { return len(w.elements[0]) }

// Weights implements Panelled.
func (w *Winograd) Weights() int {
	n := w.Size.Elements() * w.In.C * w.Out.C
	if w.BF16 {
		n /= 2
	}
	return n
}

// RunPanels implements Panelled.
func (w *Winograd) RunPanels(s *Scratch, jobs []Job, lo, hi int) {
	w.run(s, jobs, region.Span{Lo: lo, Hi: hi}, region.Span{Hi: w.count(jobs)})
}

// RunTiles computes those of the jobs' tiles, numbered row by row and one job after the
// other, that are parts [lo, hi) of so many equal ones.
func (w *Winograd) RunTiles(s *Scratch, jobs []Job, lo, hi, parts int) {
	n := w.count(jobs)
	w.run(s, jobs, region.Span{Hi: w.Panels()}, region.Span{Lo: n * lo / parts, Hi: n * hi / parts})
}

// weightsForTile is how many bytes of weights are read in the time in which one byte of a
// tile's transformed inputs is made.
const weightsForTile = 8

// ByTiles says whether so many workers share out so many numbers of outputs by tiles, each
// of which takes all weights, and not by panels, where each transforms all inputs.
func (w *Winograd) ByTiles(k *asm.Kernels, outputs, workers int) bool {
	n := outputs / (w.Out.C * int(w.Size) * int(w.Size))
	return n >= workers*k.Rows && w.Out.C <= weightsForTile*n
}

// count is the number of the jobs' tiles.
func (w *Winograd) count(jobs []Job) (n int) {
	for i := range jobs {
		n += w.tiles(jobs[i].Rect).Area()
	}
	return n
}

// run computes some panels of some of the jobs' tiles.
func (w *Winograd) run(s *Scratch, jobs []Job, panels, tiles region.Span) {
	left := tiles.Len()
	if left <= 0 {
		return
	}
	if w.lanes != nil && panels.Len() == w.Panels() && w.lanesPay(jobs) {
		w.runLanes(s, jobs, tiles)
		return
	}
	m, n, elements := int(w.Size), w.Size.Side(), w.Size.Elements()
	b := winogradBlock{Winograd: w, scratch: s, most: w.blockTiles(s), lo: panels.Lo, hi: panels.Hi, panelsFirst: w.panelsFirst(s.Kernels), common: ^uint64(0)}
	// Blocks of about equal size: each reads all weights.
	blocks := (left + b.most - 1) / b.most
	each := (left + blocks - 1) / blocks
	b.most = min(left, (each+s.Kernels.Rows-1)/s.Kernels.Rows*s.Kernels.Rows)
	b.vStride, b.mStride = apart(b.most*w.In.C), apart(b.most*w.Out.C)
	pointers := b.most + s.Kernels.Rows
	if b.panelsFirst {
		b.group = min(b.most, groupTiles)
		b.mStride = b.group*s.Kernels.Columns + 16
		groups := (b.most + b.group - 1) / b.group
		pointers = elements * (b.most + groups*s.Kernels.Rows)
		b.rows = grow(&s.counts, elements*groups)
	}
	if b.panelsFirst || max(w.In.C, w.Out.C) > 2*min(w.In.C, w.Out.C) {
		b.v, b.m = grow(&s.gather, elements*b.vStride), grow(&s.products, elements*b.mStride)
	} else {
		// An element's products lie where the inputs of the one before did, which nothing
		// reads any more: so less has to stay in the cache. Where one side has many more
		// channels, too much of its room would be left empty.
		stride := max(b.vStride, b.mStride)
		b.vStride, b.mStride = stride, stride
		b.m = grow(&s.gather, (elements+1)*stride)
		b.v = b.m[stride:]
	}
	b.tmp = grow(&s.tmp, asm.WinogradTmp)
	b.window = grow(&s.window, elements)
	b.outs = grow(&s.outs, b.most*m*m)
	if len(jobs) > 0 && jobs[0].Residual != nil {
		b.adds = grow(&s.adds, b.most*m*m)
		b.sum = &jobs[0].Residual.Clamp
	}
	b.shapes = grow(&s.shapes, b.most)
	b.taken = grow(&s.taken, b.most)
	s.table = grow(&s.table, pointers)
	s.out = grow(&s.out, pointers)
	s.rows = grow(&s.rows, n)
	s.zeros(w.In.C)
	grow(&s.sink, w.Out.C)
	at := 0
	for i := range jobs {
		j := &jobs[i]
		t := w.tiles(j.Rect)
		for ty := t.Y.Lo; ty < t.Y.Hi; ty++ {
			x := region.Span{Lo: tiles.Lo - at, Hi: tiles.Hi - at}.Intersect(region.Span{Hi: t.X.Len()})
			if at += t.X.Len(); x.Empty() {
				continue
			}
			for i := range s.rows {
				s.rows[i] = j.In[0].row(ty*m - w.Y.Pad + i)
			}
			b.last = winogradPlace{}
			for tx := t.X.Lo + x.Lo; tx < t.X.Lo+x.Hi; tx++ {
				b.add(j, ty, tx)
				if b.n == b.most {
					b.multiply()
				}
			}
		}
	}
	if b.n > 0 {
		b.multiply()
	}
}

// tiles is the rectangle of tiles that cover r.
func (w *Winograd) tiles(r region.Rect) region.Rect { return WinogradTiles(w.Size, r) }

// WinogradTiles is the rectangle of tiles, counted from the plane's origin, that cover region r of
// an output.
func WinogradTiles(size asm.WinogradSize, r region.Rect) region.Rect {
	m := int(size)
	return region.Rect{Y: region.Span{Lo: r.Y.Lo / m, Hi: (r.Y.Hi + m - 1) / m}, X: region.Span{Lo: r.X.Lo / m, Hi: (r.X.Hi + m - 1) / m}}
}

// winogradBlock is a block of tiles that pass through the three stages
// together.
type winogradBlock struct {
	*Winograd
	scratch          *Scratch
	n, most          int
	last             winogradPlace
	group            int // of tiles, where panels come first
	lo, hi           int // panels
	panelsFirst      bool
	vStride, mStride int
	v, m, tmp        []float32
	window, outs     []*float32
	adds             []*float32 // the jobs' residuals, like outs, and the bounds of the sums
	sum              *Clamp
	shapes           []asm.WinogradTile
	taken            []uint64 // elements of each tile, a bit for each
	common           uint64   // those of all tiles
	rows             []int    // of each group's tiles that take an element
}

// winogradPlace is what a tile of a block reads and writes: where its neighbour on the right
// does so in the same way, that one's pixels lie a tile further on.
type winogradPlace struct {
	n            int // in the block
	shape        asm.WinogradTile
	inputs, adds origin
	whole        bool // all outputs are wanted
}

// add transforms the inputs of tile (ty, tx), whose input rows stand in
// s.rows, and notes where its outputs go: those outside the job's rectangle to
// the sink. The tile before is the one on the left, unless b.last has no shape.
func (b *winogradBlock) add(j *Job, ty, tx int) {
	s, m, ch := b.scratch, int(b.Size), b.In.C
	shape := asm.WinogradTile{Size: b.Size, Y: b.Size.Outputs(b.Out.H - ty*m), X: b.Size.Outputs(b.Out.W - tx*m)}
	out := region.Rect{Y: region.Span{Lo: ty * m, Hi: ty*m + shape.Y}, X: region.Span{Lo: tx * m, Hi: tx*m + shape.X}}
	place := winogradPlace{n: b.n, shape: shape, whole: j.Rect.Contains(out)}
	b.addInputs(j, &place, out)
	s.Kernels.WinogradInput(shape, b.window, ch, b.v[b.n*ch:], b.vStride, b.tmp, 2*m*ch)
	b.addOutputs(j, &place, out)
	if b.sum != nil {
		b.addResiduals(j, &place, out)
	}
	b.shapes[b.n] = shape
	b.taken[b.n] = b.takes(shape, j.Rect, out.Y.Lo, out.X.Lo)
	b.common &= b.taken[b.n]
	b.last = place
	b.n++
}

// addInputs points to a tile's inputs.
func (b *winogradBlock) addInputs(j *Job, place *winogradPlace, out region.Rect) {
	s, n := b.scratch, place.shape.X+2
	y, x := out.Y.Lo-b.Y.Pad, out.X.Lo-b.X.Pad
	place.inputs = j.In[0].originOf(region.Rect{Y: region.Span{Lo: y, Hi: y + place.shape.Y + 2}, X: region.Span{Lo: x, Hi: x + n}})
	next := place.inputs != scattered && place.inputs == b.last.inputs && place.shape == b.last.shape
	zero := &s.zero[:1][0]
	for i := range place.shape.Y + 2 {
		r, at := &s.rows[i], b.window[i*n:][:n]
		switch {
		case !next:
			r.pixels(at, x, b.In.W, zero)
		case r.inside:
			asm.Advance(at, at, int(b.Size)*r.pitch)
		}
	}
}

// addOutputs notes where a tile's outputs go.
func (b *winogradBlock) addOutputs(j *Job, place *winogradPlace, out region.Rect) {
	m := int(b.Size)
	to, pitch, row := b.outs[place.n*m*m:][:out.Area()], j.pitch(b.Out.C), j.row(b.Out.C)
	if place.whole && b.last.whole && place.shape == b.last.shape {
		asm.Advance(to, b.outs[b.last.n*m*m:], m*pitch)
		return
	}
	sink, n := &b.scratch.sink[:1][0], place.shape.X
	for y := range out.Y.Len() {
		for x := range n {
			p := sink
			if oy, ox := out.Y.Lo+y, out.X.Lo+x; oy >= j.Rect.Y.Lo && oy < j.Rect.Y.Hi && ox >= j.Rect.X.Lo && ox < j.Rect.X.Hi {
				p = &j.Out[(oy-j.Rect.Y.Lo)*row+(ox-j.Rect.X.Lo)*pitch]
			}
			to[y*n+x] = p
		}
	}
}

// addResiduals notes what is added to a tile's outputs.
func (b *winogradBlock) addResiduals(j *Job, place *winogradPlace, out region.Rect) {
	m := int(b.Size)
	to := b.adds[place.n*m*m:][:out.Area()]
	if place.whole {
		place.adds = j.Residual.originOf(out)
	}
	if place.adds != scattered && place.adds == b.last.adds && place.shape == b.last.shape {
		asm.Advance(to, b.adds[b.last.n*m*m:], m*b.Out.C)
		return
	}
	for dy := range place.shape.Y {
		row := j.Residual.row(out.Y.Lo + dy)
		for dx := range place.shape.X {
			p := &b.scratch.sink[:1][0]
			if y, x := out.Y.Lo+dy, out.X.Lo+dx; j.Rect.Y.Lo <= y && y < j.Rect.Y.Hi && j.Rect.X.Lo <= x && x < j.Rect.X.Hi {
				p = row.at(x, b.Out.C)
			}
			to[dy*place.shape.X+dx] = p
		}
	}
}

// takes is which elements the outputs in r of a tile, whose first one is (y, x), are
// made of, a bit for each.
func (w *Winograd) takes(shape asm.WinogradTile, r region.Rect, y, x int) (taken uint64) {
	side := w.Size.Side()
	rows, columns := w.Size.Taken(shape.Y, r.Y.Lo-y, r.Y.Hi-y), w.Size.Taken(shape.X, r.X.Lo-x, r.X.Hi-x)
	for i := range side {
		if rows>>i&1 != 0 {
			taken |= columns << (i * side)
		}
	}
	return taken
}

// multiply multiplies all tiles by the weights and transforms the products back.
func (b *winogradBlock) multiply() {
	if b.BF16 {
		for e := range b.elements {
			v := b.v[e*b.vStride:]
			b.scratch.Kernels.Round(v, v[:b.n*b.In.C]) // pairs need half the room: in place
		}
	}
	if b.panelsFirst {
		b.multiplyPanels()
	} else {
		b.multiplyElements()
	}
	b.n, b.common = 0, ^uint64(0)
}

// kernels are those of the products, and the number of their elements in a
// transformed tile.
func (b *winogradBlock) kernels() (*asm.Kernels, int) {
	if b.BF16 {
		return b.scratch.Kernels.Pairs(), b.In.C / 2
	}
	return b.scratch.Kernels, b.In.C
}

// lay lays out, from entry at of the tables on, the rows of those of tiles [lo, hi)
// that take element e, and their products, which are pitch apart. It returns their
// number with those that fill the last rows.
func (b *winogradBlock) lay(k *asm.Kernels, in, e, lo, hi, at, pitch int) int {
	s := b.scratch
	v, m := b.v[e*b.vStride:], b.m[e*b.mStride:]
	n := 0
	if b.common>>e&1 != 0 {
		n = hi - lo
		asm.Pointers(s.table[at:][:n], v[lo*in:], in)
		asm.Pointers(s.out[at:][:n], m, pitch)
	} else {
		for t := lo; t < hi; t++ {
			if b.taken[t]>>e&1 != 0 {
				s.table[at+n], s.out[at+n] = &v[t*in], &m[(t-lo)*pitch]
				n++
			}
		}
	}
	if n == 0 {
		return 0
	}
	padded := (n-1)/k.Rows*k.Rows + k.TileRows((n-1)%k.Rows+1)
	for r := n; r < padded; r++ {
		s.table[at+r], s.out[at+r] = s.table[at], &s.sink[:1][0]
	}
	return padded
}

// groupTiles is the most tiles of a group, which each panel passes over before their
// products are transformed back: enough that few rows of a kernel's tile are left
// over, few enough that the products of all elements stay in the second-level cache.
const groupTiles = 48

// products is how transformed tiles are multiplied.
var products = asm.Part{Unbounded: true, Ahead: asm.StreamAhead}

// multiplyPanels passes each panel over all tiles, a group of them at a time.
func (b *winogradBlock) multiplyPanels() {
	k, in := b.kernels()
	b.rows = b.rows[:0]
	at := 0
	for lo := 0; lo < b.n; lo += b.group {
		for e := range b.elements {
			n := b.lay(k, in, e, lo, min(lo+b.group, b.n), at, k.Columns)
			b.rows = append(b.rows, n)
			at += n
		}
	}
	for i := b.lo; i < b.hi; i++ {
		rows, at := b.rows, 0
		for lo := 0; lo < b.n; lo += b.group {
			for e, panels := range b.elements {
				b.pass(k, &panels[i], &panels[i], at, rows[e], 0)
				at += rows[e]
			}
			rows = rows[len(b.elements):]
			q := &b.elements[0][i]
			for t := lo; t < min(lo+b.group, b.n); t++ {
				b.store(t, b.m[(t-lo)*k.Columns:], q.column, q.valid)
			}
		}
	}
}

// pass multiplies n rows, laid out from entry at of the tables on, by a panel of one
// element. Their products go to so many columns from where they are laid out. The panel
// after it is fetched meanwhile.
func (b *winogradBlock) pass(k *asm.Kernels, q, after *panel, at, n, column int) {
	table, out := b.scratch.table[at:][:n], b.scratch.out[at:][:n]
	full, part := n/k.Rows, products
	if k.Paced() && n > 0 {
		tiles := (n + k.Rows - 1) / k.Rows
		part.Ahead, part.Pace = after.at-q.at, (4*len(q.bias)+tiles-1)/tiles
	}
	if full > 0 {
		all := part
		all.Tiles, all.Stride = full, k.Rows
		k.GemmPart(table, 1, 0, q.end, q.weights, out[:full*k.Rows], column, q.bias, nil, q.valid, all)
		table, out = table[full*k.Rows:], out[full*k.Rows:]
	}
	if len(out) > 0 {
		part.Ahead += full * q.end * part.Pace / 4
		k.GemmPart(table, 1, 0, q.end, q.weights, out, column, q.bias, nil, q.valid, part)
	}
}

// multiplyElements passes each element's panels over all tiles.
func (b *winogradBlock) multiplyElements() {
	k, in := b.kernels()
	for e, panels := range b.elements {
		padded := b.lay(k, in, e, 0, b.n, 0, b.Out.C)
		for i := b.lo; i < b.hi; i++ {
			q := &panels[i]
			b.pass(k, q, b.after(e, i), 0, padded, q.column)
		}
	}
	first, last := b.elements[0][b.lo], b.elements[0][b.hi-1]
	for t := range b.n {
		b.store(t, b.m[t*b.Out.C+first.column:], first.column, last.column+last.valid-first.column)
	}
}

// after is the panel that multiplyElements takes after panel i of element e; the last one is its own.
func (b *winogradBlock) after(e, i int) *panel {
	switch {
	case i+1 < b.hi:
		return &b.elements[e][i+1]
	case e+1 < len(b.elements):
		return &b.elements[e+1][b.lo]
	}
	return &b.elements[e][i]
}

// store transforms the products of one tile, from an output channel on, back.
func (b *winogradBlock) store(tile int, products []float32, column, channels int) {
	m := int(b.Size)
	var adds []*float32
	if b.sum != nil {
		adds = b.adds[tile*m*m:]
	}
	b.scratch.Kernels.WinogradOutput(b.shapes[tile], products, b.mStride, b.outs[tile*m*m:], column, b.bias[column:][:channels], &b.Clamp, b.tmp, adds, b.sum)
}
