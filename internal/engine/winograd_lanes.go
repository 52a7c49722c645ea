package engine

import (
	"unsafe"

	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// winogradLanes is how Winograd's convolutions of few channels are computed: with tiles side by
// side. Few channels fill vectors badly, in transforms and in products; so each vector has one
// channel of sixteen tiles of the same shape. The transforms take these for channels, and the
// products have output channels for rows and tiles for columns. Each number is the same sum in the
// same order as without, and so are the bits.
type winogradLanes struct {
	// table points, for each element, to the weights of each output channel, and to the last
	// one's again where kernels have tiles of more rows.
	table []*float32
	// An element's rows are multiplied in so many tiles of one height and one of another.
	high, tiles, last int
	bias              []float32 // of each output channel asm.MostLanes times, and then half as often
}

// mostLaneChannels is the number of channels, on either side, from which on tiles side by side
// gain nothing: the more there are, the less of vectors is lost.
const mostLaneChannels = 52

// fewLaneChannels is the number of channels, on both sides together, up to which tiles side by side
// gain by taking fewer steps for each tile alone.
const fewLaneChannels = 40

// lanesFit says whether tiles can be computed side by side, and gain by it.
func (w *Winograd) lanesFit(k *asm.Kernels) bool {
	fits := func(c int) bool { return c >= asm.FewestLaneChannels && c <= mostLaneChannels }
	if !k.Lanes() || w.BF16 || !fits(w.In.C) || !fits(w.Out.C) {
		return false
	}
	const vector = asm.MostLanes / 2
	filled := func(c int) int { return (c + vector - 1) / vector * vector }
	all := w.In.C + w.Out.C
	return all <= fewLaneChannels || 10*(filled(w.In.C)+filled(w.Out.C)) >= 11*all
}

// packLanes lays out transformed weights, [element][output channel][input channel].
func (w *Winograd) packLanes(k *asm.Kernels, u []float32) *winogradLanes {
	l := &winogradLanes{}
	l.high, l.tiles, l.last = k.LaneRows(w.Out.C)
	for e := range w.Size.Elements() {
		for r := range l.rows() {
			l.table = append(l.table, &u[(e*w.Out.C+min(r, w.Out.C-1))*w.In.C])
		}
	}
	for _, lanes := range []int{asm.MostLanes, asm.MostLanes / 2} {
		for i := range w.Out.C * lanes {
			l.bias = append(l.bias, w.bias[i/lanes])
		}
	}
	return l
}

// rows is how many rows an element's products have.
func (l *winogradLanes) rows() int { return l.high*l.tiles + l.last }

// lanesPay says whether so few of the lanes stay empty that tiles side by side pay: the same
// for all who share out the jobs.
func (w *Winograd) lanesPay(jobs []Job) bool {
	var classes [4]int
	n := 0
	w.eachClass(jobs, func(class int, _ *Job, t region.Rect) { classes[class] += t.Area() })
	lanes := 0
	for _, c := range classes {
		n += c
		lanes += (c + asm.MostLanes/2 - 1) / (asm.MostLanes / 2) * (asm.MostLanes / 2)
	}
	return n*4 >= lanes*3
}

// eachClass calls f with the jobs' tiles, those of one shape after the other.
func (w *Winograd) eachClass(jobs []Job, f func(class int, j *Job, tiles region.Rect)) {
	along := func(s region.Span, outputs int, last bool) region.Span {
		whole := outputs / int(w.Size)
		if w.Size == asm.Winograd2 {
			whole = s.Hi
		}
		if last {
			return region.Span{Lo: max(s.Lo, whole), Hi: s.Hi}
		}
		return region.Span{Lo: s.Lo, Hi: min(s.Hi, whole)}
	}
	for class := range 4 {
		for i := range jobs {
			t := w.tiles(jobs[i].Rect)
			r := region.Rect{Y: along(t.Y, w.Out.H, class&2 != 0), X: along(t.X, w.Out.W, class&1 != 0)}
			if !r.Empty() {
				f(class, &jobs[i], r)
			}
		}
	}
}

// laneBlock is up to asm.MostLanes tiles of one shape, side by side.
type laneBlock struct {
	*Winograd
	scratch *Scratch
	class   int // of the tiles
	shape   asm.WinogradTile
	n       int
	taken   uint64 // elements of any of the tiles, a bit for each
	all     uint64 // elements of a tile
	sum     *Clamp // bounds of the sum with the jobs' residuals, nil if there are none
	pitch   int    // of outputs
	some    []laneTile
	// in points to the rows of each tile's inputs, outs to those of its outputs, adds to those
	// of what is added to them, as asm.Kernels.IntoLanes takes them.
	in, outs, adds []*float32
	residual       []rowRef // those of the present tiles
	// room is for rows of inputs that do not lie together, aside for outputs of tiles of which
	// some are not wanted, asideAdds for what is added to those.
	room, aside, asideAdds []float32
	// pixels, sums and plus are inputs, outputs and what is added, side by side, and inWindow,
	// outWindow and addWindow point to their pixels.
	pixels, sums, plus             []float32
	inWindow, outWindow, addWindow []*float32
	// v and m are transformed inputs and products, element by element, so many numbers apart.
	v, m             []float32
	vStride, mStride int
}

// fetchAhead is how far ahead pixels side by side are fetched into the first-level cache.
const fetchAhead = 32

// laneTile is a tile of which some outputs are not wanted.
type laneTile struct {
	job        *Job
	y, x, lane int // its first output
}

// runLanes computes some of the jobs' tiles, numbered in eachClass's order, side by side.
func (w *Winograd) runLanes(s *Scratch, jobs []Job, tiles region.Span) {
	b := &s.lanes
	b.begin(w, s, jobs)
	m, at := int(w.Size), 0
	w.eachClass(jobs, func(class int, j *Job, t region.Rect) {
		if class != b.class {
			b.compute()
			b.class, b.shape = class, asm.WinogradTile{Size: w.Size, Y: w.Size.Outputs(w.Out.H - t.Y.Lo*m), X: w.Size.Outputs(w.Out.W - t.X.Lo*m)}
			b.all = w.takes(b.shape, region.Plane(b.shape.Y, b.shape.X), 0, 0)
		}
		for ty := t.Y.Lo; ty < t.Y.Hi; ty++ {
			x := region.Span{Lo: tiles.Lo - at, Hi: tiles.Hi - at}.Intersect(region.Span{Hi: t.X.Len()})
			if at += t.X.Len(); x.Empty() {
				continue
			}
			for i := range b.shape.Y + 2 {
				s.rows[i] = j.In[0].row(ty*m - w.Y.Pad + i)
			}
			if b.sum != nil {
				for i := range b.shape.Y {
					b.residual[i] = j.Residual.row(ty*m + i)
				}
			}
			for tx := t.X.Lo + x.Lo; tx < t.X.Lo+x.Hi; tx++ {
				if b.add(j, ty*m, tx*m); b.n == asm.MostLanes {
					b.compute()
				}
			}
		}
	})
	b.compute()
}

func (b *laneBlock) begin(w *Winograd, s *Scratch, jobs []Job) {
	const lanes = asm.MostLanes
	side, m := w.Size.Side(), int(w.Size)
	b.Winograd, b.scratch, b.class, b.n, b.taken, b.sum, b.pitch, b.some = w, s, -1, 0, 0, nil, jobs[0].pitch(w.Out.C), b.some[:0]
	// Rows of one element lie a vector apart from a multiple of the page size, so that the
	// elements do not share cache sets.
	b.vStride, b.mStride = w.In.C*lanes+16, w.lanes.rows()*lanes+16
	b.v, b.m = grow(&s.gather, side*side*b.vStride), grow(&s.products, side*side*b.mStride)
	s.tmp = grow(&s.tmp, asm.WinogradTmp)
	s.rows = grow(&s.rows, side)
	b.in, b.outs = grow(&b.in, side*lanes), grow(&b.outs, m*lanes)
	b.room = grow(&b.room, side*side*lanes*w.In.C)
	b.aside = grow(&b.aside, m*m*lanes*b.pitch)
	b.pixels, b.sums = grow(&b.pixels, side*side*w.In.C*lanes), grow(&b.sums, m*m*w.Out.C*lanes)
	b.inWindow, b.outWindow = grow(&b.inWindow, side*side), grow(&b.outWindow, m*m)
	if jobs[0].Residual != nil {
		b.sum = &jobs[0].Residual.Clamp
		b.adds, b.residual = grow(&b.adds, m*lanes), grow(&b.residual, m)
		b.asideAdds = grow(&b.asideAdds, m*m*lanes*w.Out.C)
		b.plus, b.addWindow = grow(&b.plus, m*m*w.Out.C*lanes), grow(&b.addWindow, m*m)
	}
	s.out = grow(&s.out, w.lanes.rows())
	s.zeros(max(side*w.In.C, lanes))
}

// add adds the tile whose first output is (y, x), and whose rows of inputs stand in the scratch.
func (b *laneBlock) add(j *Job, y, x int) {
	const lanes = asm.MostLanes
	s, ch, n, m := b.scratch, b.In.C, b.shape.X+2, int(b.Size)
	x0 := x - b.X.Pad
	for i := range b.shape.Y + 2 {
		r := &s.rows[i]
		p := &s.zero[0]
		switch {
		case !r.inside:
		case x0 >= r.span.Lo && x0+n <= r.span.Hi:
			p = &r.update[(x0-r.span.Lo)*ch]
		case x0 >= 0 && x0+n <= b.In.W && (x0+n <= r.span.Lo || x0 >= r.span.Hi):
			p = &r.view[x0*ch]
		default:
			to := b.room[(i*lanes+b.n)*n*ch:][:n*ch]
			r.copy(to, x0, b.In.W, ch, s.zero)
			p = &to[0]
		}
		b.in[i*lanes+b.n] = p
	}
	tile := region.Rect{Y: region.Span{Lo: y, Hi: y + b.shape.Y}, X: region.Span{Lo: x, Hi: x + b.shape.X}}
	whole := tile.Intersect(j.Rect) == tile
	if whole {
		b.taken |= b.all
		row := j.row(b.Out.C)
		at := (y-j.Rect.Y.Lo)*row + (x-j.Rect.X.Lo)*b.pitch
		for i := range b.shape.Y {
			b.outs[i*lanes+b.n] = &j.Out[at+i*row]
		}
	} else {
		for i := range b.shape.Y {
			b.outs[i*lanes+b.n] = &b.aside[(b.n*m+i)*m*b.pitch]
		}
		b.some = append(b.some, laneTile{j, y, x, b.n})
		b.taken |= b.takes(b.shape, j.Rect, y, x)
	}
	if b.sum != nil {
		b.addResiduals(tile.Intersect(j.Rect), whole, x)
	}
	s.Kernels.FetchLane(b.in[b.n:], b.shape.Y+2, n*ch)
	s.Kernels.FetchLane(b.outs[b.n:], b.shape.Y, (b.shape.X-1)*b.pitch+b.Out.C)
	b.n++
}

// addResiduals notes what is added to the wanted outputs of a tile that begins at column x.
func (b *laneBlock) addResiduals(wanted region.Rect, whole bool, x int) {
	m, c, n := int(b.Size), b.Out.C, b.shape.X
	for i := range b.shape.Y {
		r := &b.residual[i]
		p := &b.adds[i*asm.MostLanes+b.n]
		if whole && (x >= r.span.Lo && x+n <= r.span.Hi || x+n <= r.span.Lo || x >= r.span.Hi) {
			*p = r.at(x, c)
			continue
		}
		to := b.asideAdds[(b.n*m+i)*m*c:][:m*c]
		*p = &to[0]
		if r.y < wanted.Y.Lo || r.y >= wanted.Y.Hi || !r.inside {
			continue
		}
		for at := wanted.X.Lo; at < wanted.X.Hi; at++ {
			copy(to[(at-x)*c:][:c], unsafe.Slice(r.at(at, c), c))
		}
	}
}

// compute computes the tiles and begins anew.
func (b *laneBlock) compute() {
	if b.n == 0 {
		return
	}
	s, k, m := b.scratch, b.scratch.Kernels, int(b.Size)
	lanes, bias := asm.MostLanes, b.lanes.bias
	if 2*b.n <= lanes {
		lanes, bias = lanes/2, bias[lanes*b.Out.C:]
	}
	b.fill(lanes)
	rows, columns := b.shape.Y+2, b.shape.X+2
	in := b.inWindow[:rows*columns]
	for i := range in {
		in[i] = &b.pixels[i*b.In.C*lanes]
	}
	k.IntoLanes(b.in, rows, lanes, columns, b.In.C, b.In.C, b.pixels)
	k.WinogradInput(b.shape, in, b.In.C*lanes, b.v, b.vStride, s.tmp, fetchAhead)
	l := b.lanes
	k.LaneProducts(b.taken, l.table, l.high, l.tiles, l.last, b.In.C, lanes, b.v, b.vStride, b.m, b.mStride, s.out, s.zero)
	out := b.outWindow[:b.shape.Y*b.shape.X]
	for i := range out {
		out[i] = &b.sums[i*b.Out.C*lanes]
	}
	var add []*float32
	if b.sum != nil {
		add = b.addWindow[:len(out)]
		for i := range add {
			add[i] = &b.plus[i*b.Out.C*lanes]
		}
		k.IntoLanes(b.adds, b.shape.Y, lanes, b.shape.X, b.Out.C, b.Out.C, b.plus)
	}
	k.WinogradOutput(b.shape, b.m, b.mStride, out, 0, bias[:b.Out.C*lanes], &b.Clamp, s.tmp, add, b.sum)
	k.FromLanes(b.outs, b.shape.Y, lanes, b.shape.X, b.pitch, b.Out.C, b.sums)
	for _, t := range b.some {
		row := t.job.row(b.Out.C)
		for y := max(t.y, t.job.Rect.Y.Lo); y < min(t.y+b.shape.Y, t.job.Rect.Y.Hi); y++ {
			for x := max(t.x, t.job.Rect.X.Lo); x < min(t.x+b.shape.X, t.job.Rect.X.Hi); x++ {
				from := b.aside[((t.lane*m+y-t.y)*m+x-t.x)*b.pitch:][:b.Out.C]
				copy(t.job.Out[(y-t.job.Rect.Y.Lo)*row+(x-t.job.Rect.X.Lo)*b.pitch:], from)
			}
		}
	}
	b.n, b.taken, b.some = 0, 0, b.some[:0]
}

// fill has empty lanes read what the first one reads, and write aside.
func (b *laneBlock) fill(lanes int) {
	m := int(b.Size)
	for l := b.n; l < lanes; l++ {
		for i := range b.shape.Y + 2 {
			b.in[i*asm.MostLanes+l] = b.in[i*asm.MostLanes]
		}
		for i := range b.shape.Y {
			b.outs[i*asm.MostLanes+l] = &b.aside[(l*m+i)*m*b.pitch]
			if b.sum != nil {
				b.adds[i*asm.MostLanes+l] = b.adds[i*asm.MostLanes]
			}
		}
	}
}
