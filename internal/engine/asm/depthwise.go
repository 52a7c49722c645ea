package asm

import (
	"fmt"
	"unsafe"

	"krypton/internal/caches"
)

// sharedKernel computes m rows of a convolution by windows of kx columns, which lie pixel
// bytes apart, at every stride-th of such columns, in groups of per channels: see shared
// in the generator. first is where the first window begins, next and down are the
// distances of outputs and of their rows.
type sharedKernel struct {
	kx, stride, per int
	rows            int // that are computed at a time
	run             depthwiseKernel
	// pointed reads pixels wherever they lie: rows point to rows of pointers, whose bytes
	// first and pixel count. nil for groups.
	pointed depthwiseKernel
}

type depthwiseKernel func(rows **float32, m, n, first, pixel, ky, bytes int, weights, out *float32, next, down int, bias, clamp *float32)

// tallKernel computes what a sharedKernel's pointed one does, by windows as high as they are wide,
// of which some rows of so many columns at a time: see depthwiseTall in the generator.
type tallKernel struct {
	kernel, stride, rows, columns int
	run                           depthwiseKernel
}

// tallRows is the most rows of outputs that a tallKernel computes at a time.
const tallRows = 2

// tallWindows is the kernel of those that computes such windows with the fewest outputs beside
// them; nil if there is none.
func (k *Kernels) tallWindows(y, x Axis, group int) (best *tallKernel) {
	if group > 1 || y.Dilation > 1 || x.Dilation > 1 || y.Kernel != x.Kernel || y.Stride != x.Stride {
		return nil
	}
	whole := func(t *tallKernel) int { return up(y.Out, t.rows) * up(x.Out, t.columns) }
	for i := range k.tall {
		if t := &k.tall[i]; t.kernel == x.Kernel && t.stride == x.Stride && t.rows <= y.Out && t.columns <= x.Out && t.suits(x) && (best == nil || whole(t) < whole(best)) {
			best = t
		}
	}
	return best
}

// up is n rounded up to a multiple of each.
func up(n, each int) int { return (n + each - 1) / each * each }

// suits says whether the kernel takes less time than a sharedKernel, which loads no pointers and
// has eight outputs: with one row of the highest windows only where it computes fewer of them.
func (t *tallKernel) suits(x Axis) bool {
	return t.rows > 1 || t.kernel < wideTaps || up(x.Out, t.columns) < up(x.Out, 8)
}

// block is how many rows and columns of windows a tallKernel had better compute at a time, for one
// vector of channels after the other: what a pair of rows reads stays in the first-level cache
// until the next pair has read it, and so does, if it can, what is fetched for the next vector.
// The smallest caches hold a block of leastRows rows. There are none where not even the kernel's
// columns stay, nor where single rows have windows so high that most of a block's pixels are read
// for the block beside it or below it, too.
func (t *tallKernel) block(y, x Axis, channels int) (rows, columns int) {
	if t.rows == 1 && t.kernel >= wideTaps {
		return 0, 0
	}
	lines, beside := linesKept(channels), t.kernel-t.stride
	fit := func(lines int) int { return (lines/(t.kernel+t.stride) - beside) / t.stride / t.columns * t.columns }
	columns = min(fit(lines), mostColumns/t.columns*t.columns, x.Out)
	if columns < t.columns {
		// Some processors' first-level caches have half as many lines again.
		if columns = t.columns; fit(lines*max(leastCache, caches.This().L1)/leastCache) < columns {
			return 0, 0
		}
	}
	if caches.This().L1 <= leastCache {
		for high := min(leastRows, y.Out)*t.stride + beside; columns > t.columns && high*(columns*t.stride+beside) > lines; {
			columns = max(t.columns, (columns-1)/t.columns*t.columns)
		}
	}
	rows = (lines/2/(columns*t.stride+beside) - beside) / t.stride
	return min(max(rows, leastRows)/tallRows*tallRows, y.Out), columns
}

// wideKernel computes m rows of a convolution by windows of kx columns, which lie pixel bytes
// apart, step bytes from one another: see depthwiseWide in the generator.
type wideKernel func(rows **float32, m, n, first, pixel, ky, bytes int, weights, out *float32, next, down int, bias, clamp *float32, kx, step int)

// sharing finds the kernel for windows of kx columns that lie pixel apart, step from one
// another, in groups of per channels, and the number of interleaved rows of outputs that
// share columns: with dilated taps, windows share them with every so many-th one.
func (k *Kernels) sharing(kx, step, pixel, per int) (kernel *sharedKernel, every int) {
	if step < 1 || pixel < 1 {
		return nil, 0
	}
	stride, every := max(1, step/pixel), max(1, pixel/step)
	for i := range k.shared {
		if d := &k.shared[i]; d.kx == kx && d.stride == stride && d.per == per && pixel*stride == step*every {
			return d, every
		}
	}
	return nil, 0
}

// Depthwise computes, for each pixel of the run and channel c < len(bias),
// out = clamp(bias[c] + sum over taps t of x[c] * weights[t*len(bias)+c]).
func (k *Kernels) Depthwise(r *Run, weights, out, bias []float32, clamp *[2]float32) {
	n := len(bias)
	r.check(n, out)
	if len(weights) < len(r.Rows)*r.Kx*n {
		panic(fmt.Sprintf("asm: Depthwise of %d channels, %d taps, %d weights", n, len(r.Rows)*r.Kx, len(weights)))
	}
	if d, every := k.sharing(r.Kx, r.Step, r.Pixel, 1); d != nil && r.N > 1 && n >= k.Columns/2 {
		for i := range min(every, r.N) {
			d.run(&r.Rows[0], 1, (r.N-i+every-1)/every, 4*i*r.Step, 4*r.Pixel, len(r.Rows), 4*n, &weights[0], &out[i*n], 4*n*every, 0, &bias[0], &clamp[0])
		}
		return
	}
	run := k.depthwise
	if k.depthwiseRows != nil && r.N > 1 && r.inCache(n) {
		run = k.depthwiseRows
	}
	run(&r.Rows[0], r.N, 4*r.Step, 4*r.Pixel, len(r.Rows), r.Kx, 4*n, &weights[0], &out[0], &bias[0], &clamp[0], k.tail(n))
}

// inCache says whether the lines that four neighbouring windows of n channels take, one
// vector of channels at a time, stay in a first-level cache of 64 sets of 8: pixels whose
// distance is a multiple of many lines share few of the sets.
func (r *Run) inCache(n int) bool {
	return len(r.Rows)*(r.Kx+3) <= linesKept(n)
}

// leastCache is the size of the first-level cache that linesKept is of.
const leastCache = 32 << 10

// linesKept is how many lines, one of each of neighbouring pixels of n channels, such a
// cache holds.
func linesKept(n int) int {
	const line, sets, ways = 64, 64, leastCache / 64 / 64
	apart := 4 * n
	return sets / max(1, apart&-apart/line) * ways
}

// Axis is one axis of a rectangle of windows: Out of them.
type Axis struct{ Out, Kernel, Stride, Dilation int }

// Extent is the number of pixels that the windows take.
func (a Axis) Extent() int { return (a.Out-1)*a.Stride + a.depth() }

// depth is that of one window.
func (a Axis) depth() int { return (a.Kernel-1)*a.Dilation + 1 }

// Windows is a rectangle of windows over pixels that may lie anywhere: Pixels has
// Y.Extent() rows of X.Extent() pointers to their first channels. Outputs are of Group
// channels each, those of their own group. Rows of outputs lie one behind the other,
// pixels Pitch apart. Only the channels from From to To are computed: all of them, or two
// vectors at least, which begin with a group.
type Windows struct {
	Y, X     Axis
	Pixels   []*float32
	Group    int
	Pitch    int
	From, To int

	space []float32
	slots []*float32 // where each row of pixels is put
	rows  []*float32 // of each row of outputs, those that its windows read
	taps  []*float32
	// points are the pixels in space, and high the tables of each row of outputs that point to
	// rows of these.
	points, high []*float32
	// packed are the weights put together; here because kernels take its address.
	packed *float32
}

// pointedBytes is the most that pixels have which are read where they lie: a vector of
// channels of them then stays in the first-level cache, and all come from the second or
// third while the vectors before are multiplied.
const pointedBytes = 1 << 20

// A tallKernel's block has at most so many columns, and so many rows at least.
const (
	mostColumns = 28
	leastRows   = 4
)

// Channels are put together in blocks of some vectors of AVX-512, of vectorChannels each:
// as many as let a band of rows stay within bandBytes, the first-level cache's share. Those
// of groups are some of their kernels' rows.
const (
	vectorChannels = 16
	mostVectors    = 4
	bandBytes      = 28 << 10
)

// wideTaps is how many pixels windows have at least for which no kernel is made, so that
// putting pixels together costs less than it saves.
const wideTaps = 7

// Together says whether DepthwiseWindows, or GroupedWindows, computes such windows in such
// groups.
func (k *Kernels) Together(y, x Axis, group, channels int) bool {
	if k.Grouped(y, x, group) && channels%group == 0 {
		return true
	}
	d, _ := k.sharing(x.Kernel, x.Stride, x.Dilation, group)
	wide := k.wide != nil && group == 1 && y.Kernel*x.Kernel >= wideTaps
	return (d != nil || wide) && channels >= vectorChannels && channels%group == 0
}

// Pointed says whether DepthwiseWindows reads pixels of all channels where they lie, and
// copies none: those of small regions, where the lines that a row of windows reads do not
// drive one another out of the first-level cache.
func (k *Kernels) Pointed(y, x Axis, group, channels int) bool {
	if t := k.tallWindows(y, x, group); t != nil {
		rows, _ := t.block(y, x, channels)
		return rows > 0
	}
	d, _ := k.sharing(x.Kernel, x.Stride, x.Dilation, group)
	return d != nil && d.pointed != nil && 4*channels*y.Extent()*x.Extent() <= pointedBytes && y.Kernel*x.Extent() <= linesKept(channels)
}

// DepthwiseWindows computes out = clamp(bias[c] + sum over taps t and the channels x of
// the group of c of x[k] * weights[(t*Group+k)*len(bias)+c]), in this order, for a rectangle of
// windows. What is not Pointed it passes over with the same few channels, which it puts
// together for some rows at a time: every pixel comes into the first-level cache once,
// whatever the distance of pixels, and borders cost no more than the middle.
func (k *Kernels) DepthwiseWindows(w *Windows, weights, out, bias []float32, clamp *[2]float32) {
	c, cols := len(bias), w.X.Extent()
	taps := w.Y.Kernel * w.X.Kernel * w.Group
	d, every := k.sharing(w.X.Kernel, w.X.Stride, w.X.Dilation, w.Group)
	if !k.Together(w.Y, w.X, w.Group, c) || k.Grouped(w.Y, w.X, w.Group) || w.From%w.Group != 0 || w.To%w.Group != 0 || w.To > c || w.To-w.From < min(c, 2*vectorChannels) || w.Y.Out < 1 || w.X.Out < 1 || w.Pitch < c ||
		len(w.Pixels) < w.Y.Extent()*cols || len(weights) < taps*c || len(out) < (w.Y.Out*w.X.Out-1)*w.Pitch+c {
		panic(fmt.Sprintf("asm: DepthwiseWindows of %+v by %+v: %d pixels, %d channels in groups of %d, %d apart, %d weights, into %d",
			w.Y, w.X, len(w.Pixels), c, w.Group, w.Pitch, len(weights), len(out)))
	}
	if w.To-w.From == c && k.Pointed(w.Y, w.X, w.Group, c) {
		w.pointed(k, d, every, weights, out, bias, clamp)
		return
	}
	vectors, band := w.block(d, cols, w.To-w.From)
	tall, pointed := k.tallWindows(w.Y, w.X, w.Group), 0
	if linesKept(w.Pitch) < linesKept(512) {
		tall = nil // outputs all go to one set of the cache, and two rows of them wait longer
	}
	w.packed = w.layOut(cols*vectors*vectorChannels, band, taps, vectors*vectorChannels)
	for t := range taps {
		w.taps[t] = &weights[t*c]
	}
	for from := w.From; from < w.To; {
		// The last block begins early enough for whole vectors.
		n := min(vectors, (w.To-from+vectorChannels-1)/vectorChannels, (w.To-w.From)/vectorChannels) * vectorChannels
		from = min(from, w.To-n)
		k.together(&w.taps[0], 1, taps, 4*from, 4*n, &w.packed)
		if tall != nil && pointed != n {
			pointed = n
			w.point(cols, (band-1)*w.Y.Stride+w.Y.depth(), n)
		}
		done := 0
		for y := 0; y < w.Y.Out; y += band {
			m := min(band, w.Y.Out-y)
			end := (y+m-1)*w.Y.Stride + w.Y.depth()
			k.together(&w.Pixels[done*cols], end-done, cols, 4*from, 4*n, &w.slots[done])
			done = end
			if tall != nil && m >= tall.rows {
				tall.run(&w.high[y*w.Y.Kernel], m, w.X.Out, 0, 8, w.Y.Kernel, 4*n, w.packed, &out[y*w.X.Out*w.Pitch+from],
					4*w.Pitch, 4*w.Pitch*w.X.Out, &bias[from], &clamp[0])
				continue
			}
			if d == nil {
				k.wide(&w.rows[y*w.Y.Kernel], m, w.X.Out, 0, 4*n*w.X.Dilation, w.Y.Kernel, 4*n, w.packed, &out[y*w.X.Out*w.Pitch+from],
					4*w.Pitch, 4*w.Pitch*w.X.Out, &bias[from], &clamp[0], w.X.Kernel, 4*n*w.X.Stride)
				continue
			}
			for i := range min(every, w.X.Out) {
				d.run(&w.rows[y*w.Y.Kernel], m, (w.X.Out-i+every-1)/every, 4*n*i*w.X.Stride, 4*n*w.X.Dilation, w.Y.Kernel, 4*n,
					w.packed, &out[(y*w.X.Out+i)*w.Pitch+from], 4*w.Pitch*every, 4*w.Pitch*w.X.Out, &bias[from], &clamp[0])
			}
		}
		from += n
	}
}

// pointed computes windows whose pixels are read where they lie.
func (w *Windows) pointed(k *Kernels, d *sharedKernel, every int, weights, out, bias []float32, clamp *[2]float32) {
	w.rows = sized(w.rows, w.Y.Out*w.Y.Kernel)
	cols, pitch := w.X.Extent(), 4*w.Pitch
	for y := range w.Y.Out {
		for t := range w.Y.Kernel {
			row := &w.Pixels[(y*w.Y.Stride+t*w.Y.Dilation)*cols]
			w.rows[y*w.Y.Kernel+t] = (*float32)(unsafe.Pointer(row))
		}
	}
	if t := k.tallWindows(w.Y, w.X, w.Group); t != nil {
		rows, columns := t.block(w.Y, w.X, len(bias))
		eachBlock(w.Y.Out, rows, t.rows, func(y, m int) {
			eachBlock(w.X.Out, columns, t.columns, func(x, n int) {
				t.run(&w.rows[y*w.Y.Kernel], m, n, 8*x*w.X.Stride, 8, w.Y.Kernel, 4*len(bias),
					&weights[0], &out[(y*w.X.Out+x)*w.Pitch], pitch, pitch*w.X.Out, &bias[0], &clamp[0])
			})
		})
		return
	}
	for i := range min(every, w.X.Out) {
		d.pointed(&w.rows[0], w.Y.Out, (w.X.Out-i+every-1)/every, 8*i*w.X.Stride, 8*w.X.Dilation, w.Y.Kernel, 4*len(bias),
			&weights[0], &out[i*w.Pitch], pitch*every, pitch*w.X.Out, &bias[0], &clamp[0])
	}
}

// eachBlock calls f for blocks of n, one after the other, each of so many but the last, which has
// least at least and may begin before the end of the one before.
func eachBlock(n, most, least int, f func(from, n int)) {
	for from := 0; from < n; from += most {
		from = min(from, n-least)
		f(from, min(most, n-from))
	}
}

// point makes the tables by which tall kernels read the pixels of the rows in space, of so many
// channels each, of which ring rows take turns.
func (w *Windows) point(cols, ring, channels int) {
	w.points, w.high = sized(w.points, ring*cols), sized(w.high, w.Y.Out*w.Y.Kernel)
	for r := range min(ring, len(w.slots)) {
		row := unsafe.Slice(w.slots[r], cols*channels)
		for i := range cols {
			w.points[r*cols+i] = &row[i*channels]
		}
	}
	for y := range w.Y.Out {
		for t := range w.Y.Kernel {
			w.high[y*w.Y.Kernel+t] = (*float32)(unsafe.Pointer(&w.points[(y*w.Y.Stride+t*w.Y.Dilation)%ring*cols]))
		}
	}
}

// block is how many vectors of channels are put together at a time, and for how many
// rows of outputs.
func (w *Windows) block(d *sharedKernel, cols, channels int) (vectors, band int) {
	rows := func(bytes int) int { return (bytes/(4*cols*vectors*vectorChannels)-w.Y.depth())/w.Y.Stride + 1 }
	if w.Group > 1 {
		vectors = 1 // which are the kernels'
		return vectors, min(w.Y.Out, max(1, rows(bandBytes)/d.rows)*d.rows)
	}
	for vectors = min(mostVectors, channels/vectorChannels); ; vectors /= 2 {
		if band = rows(bandBytes); vectors == 1 || band >= 4 {
			return vectors, min(w.Y.Out, max(tallRows, band/tallRows*tallRows))
		}
	}
}

// layOut makes the tables of rows of so many numbers each. As many rows of pixels lie in
// space as a band of rows of outputs needs; each takes the place of one that is no longer
// read. Behind them there is room for the weights.
func (w *Windows) layOut(row, band, taps, channels int) (packed *float32) {
	ring := (band-1)*w.Y.Stride + w.Y.depth()
	const line = 64
	if n := ring*row + taps*channels + line/4; len(w.space) < n {
		w.space = make([]float32, n+n/4)
	}
	space := w.space[(line-uintptr(unsafe.Pointer(&w.space[0]))%line)%line/4:]
	w.slots, w.rows, w.taps = sized(w.slots, w.Y.Extent()), sized(w.rows, w.Y.Out*w.Y.Kernel), sized(w.taps, taps)
	for r := range w.slots {
		w.slots[r] = &space[r%ring*row]
	}
	for y := range w.Y.Out {
		for t := range w.Y.Kernel {
			w.rows[y*w.Y.Kernel+t] = w.slots[y*w.Y.Stride+t*w.Y.Dilation]
		}
	}
	return &space[ring*row]
}

// sized is a slice of n elements, s if it is large enough.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}
