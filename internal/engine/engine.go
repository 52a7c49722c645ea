// Package engine computes regions of channels-last planes: the primitives that
// a plan is made of. It knows numbers, regions and memory, and nothing of ONNX,
// Gorgonia, images or patches.
//
// Activations are rows: plane[(y*W+x)*C+c], float32. A primitive computes a
// rectangle of its output from inputs that are, pixel by pixel, either in an
// update or in a view; whole runs are the rectangle of the whole plane. Every
// output pixel is computed by the same operations in the same order whatever
// the rectangle, the batch or the worker, so that an update equals a whole run
// bit for bit. (The one exception, ConvInt8, says so.)
package engine

import (
	"math"

	"krypton/internal/engine/asm"
	"krypton/internal/pages"
	"krypton/internal/region"
)

// Plane is the shape of one value: H rows of W pixels of C channels.
type Plane struct{ H, W, C int }

// Len is the number of elements of the plane.
func (p Plane) Len() int { return p.H * p.W * p.C }

// Rect is the rectangle of the whole plane.
func (p Plane) Rect() region.Rect { return region.Plane(p.H, p.W) }

// Patched is a value as one position sees it: a view overlaid by an update.
type Patched struct {
	Plane
	// View holds the whole plane. It may be nil if nothing outside Rect is
	// read.
	View []float32
	// Update holds the pixels of Rect, row by row.
	Update []float32
	Rect   region.Rect
	// Pitch, if not 0, is the distance of neighbouring pixels in View and Update,
	// where those hold other channels too. Only Affine, Depthwise and convolutions by
	// matrix products whose windows are one column wide read such.
	Pitch int
}

// Job asks for one rectangle of a primitive's output at one position.
type Job struct {
	In []Patched
	// Rect is the wanted rectangle, never empty; Out receives its pixels,
	// row by row.
	Rect region.Rect
	Out  []float32
	// Pitch, if not 0, is the distance of neighbouring pixels in Out, where
	// that holds other channels too; Out begins at the first pixel's first
	// channel. Only convolutions and Concat take it.
	Pitch int
	// Row, if not 0, is the distance of the first pixels of neighbouring rows in Out, where
	// those hold other pixels too. Only Conv, ConvBF16, ConvInt8 and Winograd take it.
	Row int
	// Residual, if not nil, is added to the output in the primitive's last step: only
	// Conv, ConvBF16 and Winograd take it, for all jobs or none.
	Residual *Residual
	// Base, of convolutions of differences, is the whole plane of what the
	// output is in the view before its bounds: see ConvInt8.
	Base  []float32
	scale float32 // of the differences
}

// Residual is what is added to an output, and the bounds of the sum: a Sum whose first
// input is that output gives the same bits.
type Residual struct {
	Patched
	Clamp Clamp
}

// at is where column x of a row of pixels of c channels begins.
func (r *rowRef) at(x, c int) *float32 {
	if x >= r.span.Lo && x < r.span.Hi {
		return &r.update[(x-r.span.Lo)*c]
	}
	return &r.view[x*c]
}

// pitch is the distance of neighbouring pixels of c channels in Out.
func (j *Job) pitch(c int) int {
	if j.Pitch != 0 {
		return j.Pitch
	}
	return c
}

// row is the distance of the first pixels, of c channels, of neighbouring rows in Out.
func (j *Job) row(c int) int {
	if j.Row != 0 {
		return j.Row
	}
	return j.Rect.X.Len() * j.pitch(c)
}

// Primitive is what CPU makes of a Spec: one kind of computation, with its weights. It
// is immutable and shared by all workers.
type Primitive interface {
	Spec
	// Run computes the jobs. Weights are read once for all of them, as far
	// as the scratch space allows.
	Run(s *Scratch, jobs []Job)
}

// Coster is a Spec that does not compute each pixel by MultiplyAdds
// multiply-adds.
type Coster interface {
	// Work is the number of multiply-adds for a rectangle of the output.
	Work(r region.Rect) int64
}

// Work is the number of multiply-adds that p takes for a rectangle of its
// output.
func Work(p Spec, r region.Rect) int64 {
	if w, ok := p.(Coster); ok {
		return w.Work(r)
	}
	return p.MultiplyAdds() * int64(r.Area())
}

// Panelled is a Primitive whose output channels can be shared out among
// workers: where weights are much and pixels few, each then reads only its part
// of the weights.
type Panelled interface {
	// Panels is the number of blocks of output channels.
	Panels() int
	// Weights is the number of packed weights.
	Weights() int
	// RunPanels computes the output channels of panels [lo, hi) of the jobs.
	RunPanels(s *Scratch, jobs []Job, lo, hi int)
}

// Scratch is one worker's space: tables, gathered rows, temporary rows. It
// grows to what its plan needs and is then reused, so that the steady state
// allocates nothing. It must not be shared by goroutines.
//
// Kernels write its tables of pointers without telling the garbage collector. Whoever owns a
// Scratch must therefore hold what jobs read and write in the heap beside it (as views, slots
// and streams do), not on a stack alone: a table would else point to what was freed.
type Scratch struct {
	Kernels *asm.Kernels

	table  []*float32
	out    []*float32
	adds   []*float32 // what is added to out
	rows   []rowRef
	copies []copiedRow
	turn   uint64 // of copies
	// Inputs of a block that would collide where they lie, and pointers to them.
	apart      []float32
	apartTable []*float32
	gather     []float32
	zero       []float32
	sink       []float32
	line       [][]float32
	// Channels': what is done, the numbers of inputs' first channels, rows.
	moves   []move
	first   []int
	sources [][]float32
	loops   []Loop   // Move's
	lists   []uint16 // of channels that are not zero
	listed  []listed
	// ConvBF16's and ConvInt8's: pieces of jobs, the jobs they are of, their
	// inputs.
	pieces      []Job
	pieceOf     []int
	rounded     []Patched
	pairs       []float32
	none        []float32 // quads of no difference
	differences asm.Differences
	base        []*float32
	scales      []float32
	differing   []region.Span // rows of the window, by tile
	read        []uint64      // taps, as bits, by tile
	// Winograd's: transformed inputs are in gather.
	products []float32
	tmp      []float32
	window   []*float32
	outs     []*float32
	shapes   []asm.WinogradTile
	taken    []uint64
	counts   []int
	lanes    laneBlock // Winograd's tiles side by side
	run      asm.Run
	sums     []float64 // of groups
	windows  asm.Windows
	weights  []*float32 // of the panels that a row is multiplied by, and their biases
	biases   []*float32
	scale    [2]float32 // of the mean being taken; here because kernels take its address
	// Recurrent's: states and sums, and a step's products.
	states []float32
	// Attention's: scores, where rows of them begin, and where rows of a region do.
	scores []float32
	places []int32
	rowsOf [3][]int32
	stepIn []Patched
	steps  []Job
}

// NewScratch makes the scratch space of one worker.
func NewScratch(k *asm.Kernels) *Scratch { return &Scratch{Kernels: k} }

// grow returns a slice of n elements, reusing s if it is large enough. The
// elements are not cleared.
func grow[T any](s *[]T, n int) []T {
	if cap(*s) < n {
		if numbers, ok := any(s).(*[]float32); ok {
			*numbers = pages.Numbers(n + n/4)
		} else {
			*s = make([]T, n+n/4)
		}
	}
	return (*s)[:n]
}

// zeros returns n zeros that must not be written.
func (s *Scratch) zeros(n int) []float32 {
	if len(s.zero) < n {
		s.zero = make([]float32, n)
	}
	return s.zero[:n]
}

// noDifference returns n quads of no difference that must not be written.
func (s *Scratch) noDifference(n int) []float32 {
	if len(s.none) < n {
		s.none = make([]float32, n)
		for i := range s.none {
			s.none[i] = s.Kernels.QuadZero()
		}
	}
	return s.none[:n]
}

// lineBuffer returns temporary row i of n elements.
func (s *Scratch) lineBuffer(i, n int) []float32 {
	for len(s.line) <= i {
		s.line = append(s.line, nil)
	}
	return grow(&s.line[i], n)
}

// rowRef is one row of a patched plane: where its pixels lie. A row outside
// the plane has none: everything in it is padding.
type rowRef struct {
	y      int
	view   []float32
	update []float32
	span   region.Span // columns that lie in update
	pitch  int         // the distance of neighbouring pixels
	inside bool
}

// row finds row y of p. One that is in neither update nor view is like one outside
// the plane.
func (p *Patched) row(y int) rowRef {
	if y < 0 || y >= p.H {
		return rowRef{}
	}
	r := rowRef{y: y, pitch: p.pitch(), inside: true}
	if p.View == nil && (y < p.Rect.Y.Lo || y >= p.Rect.Y.Hi) {
		return rowRef{}
	}
	// Rows are not cut off at their ends: the last one may end with its last channel.
	if y >= p.Rect.Y.Lo && y < p.Rect.Y.Hi {
		r.update = p.Update[(y-p.Rect.Y.Lo)*p.Rect.X.Len()*r.pitch:]
		r.span = p.Rect.X
	}
	if p.View != nil {
		r.view = p.View[y*p.W*r.pitch:]
	}
	return r
}

// origin is where the pixels of a rectangle lie.
type origin int

const (
	scattered origin = iota // not all in one, or beside the plane
	inUpdate                // in rows that have one, else in the view
	inView
)

// originOf says where the pixels of a rectangle lie, of which some rows may lie beside the plane.
func (p *Patched) originOf(r region.Rect) origin {
	var changed region.Span
	if r.Y.Lo < p.Rect.Y.Hi && r.Y.Hi > p.Rect.Y.Lo {
		changed = p.Rect.X
	}
	switch {
	case r.X.Lo < 0 || r.X.Hi > p.W:
		return scattered
	case r.X.Lo >= changed.Lo && r.X.Hi <= changed.Hi:
		return inUpdate
	case p.View != nil && (r.X.Hi <= changed.Lo || r.X.Lo >= changed.Hi):
		return inView
	}
	return scattered
}

// pitch is the distance of neighbouring pixels.
func (p *Patched) pitch() int {
	if p.Pitch != 0 {
		return p.Pitch
	}
	return p.C
}

// pixels returns the pixels [x.Lo, x.Hi) of row y as one slice: shared where
// they lie together, put together in tmp otherwise.
func (p *Patched) pixels(y int, x region.Span, tmp []float32) []float32 {
	r := p.row(y)
	c := p.C
	in := r.span.Intersect(x)
	switch {
	case in == x:
		return r.update[(x.Lo-r.span.Lo)*c : (x.Hi-r.span.Lo)*c]
	case in.Empty():
		return r.view[x.Lo*c : x.Hi*c]
	}
	tmp = tmp[:x.Len()*c]
	copy(tmp, r.view[x.Lo*c:x.Hi*c])
	copy(tmp[(in.Lo-x.Lo)*c:], r.update[(in.Lo-r.span.Lo)*c:(in.Hi-r.span.Lo)*c])
	return tmp
}

// pieces calls f with the pixels [x.Lo, x.Hi) of row y, in pieces that lie together:
// how many there are, the distance of neighbours, and the numbers from the first on.
func (p *Patched) pieces(y int, x region.Span, f func(n, pitch int, px []float32)) {
	pitch := p.pitch()
	var in region.Span
	if y >= p.Rect.Y.Lo && y < p.Rect.Y.Hi {
		in = p.Rect.X.Intersect(x)
	}
	if in.Empty() {
		in = region.Span{Lo: x.Hi, Hi: x.Hi}
	}
	if n := in.Lo - x.Lo; n > 0 {
		f(n, pitch, p.View[(y*p.W+x.Lo)*pitch:])
	}
	if n := in.Len(); n > 0 {
		f(n, pitch, p.Update[((y-p.Rect.Y.Lo)*p.Rect.X.Len()+in.Lo-p.Rect.X.Lo)*pitch:])
	}
	if n := x.Hi - in.Hi; n > 0 {
		f(n, pitch, p.View[(y*p.W+in.Hi)*pitch:])
	}
}

// Compose writes the whole plane, view and update together, to dst.
func (p *Patched) Compose(dst []float32) {
	if p.Rect != p.Plane.Rect() {
		copy(dst, p.View)
	}
	n := p.Rect.X.Len() * p.C
	for y := p.Rect.Y.Lo; y < p.Rect.Y.Hi; y++ {
		copy(dst[(y*p.W+p.Rect.X.Lo)*p.C:], p.Update[(y-p.Rect.Y.Lo)*n:][:n])
	}
}

// Clamp is a pair of activation bounds: out = min(max(Lo, x), Hi).
type Clamp = [2]float32

// unclamped bounds nothing.
var unclamped = Clamp{float32(math.Inf(-1)), float32(math.Inf(1))}
