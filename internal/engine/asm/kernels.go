package asm

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"time"
	"unsafe"
)

// Kernels is one set of kernels for one class of processors. The functions
// check sizes and then run; tables hold pointers to channel rows that must
// stay valid for as many elements as the call reads.
type Kernels struct {
	// Name is generic, neon, avx2 or avx512.
	Name string
	// Rows and Columns are the tile of the matrix product: Mr output pixels
	// by Nr output channels, as in the literature. Weights are packed in
	// panels of Columns; a last panel of at most Columns/2 output channels
	// is packed in Columns/2.
	Rows, Columns int

	gemm []gemmKernel // widest tile first
	row  func(table **float32, taps, begin, end int, panels **float32, out *float32, biases **float32, clamp *float32)
	// The kernels of runs; see Run.
	together                    func(from **float32, m, n, off, bytes int, to **float32)
	shared                      []sharedKernel
	tall                        []tallKernel
	wide                        wideKernel   // windows of any width and distance
	groups                      groupsKernel // of a vector of channels
	lanes                       lanesKernels // none of sets that put no pixels side by side
	depthwiseRows               runKernel    // for more than one pixel
	depthwise, maxPool, sumPool runKernel

	add    func(a, b, out *float32, bytes int, clamp *float32, mask *int32)
	affine func(x, scale, shift, out *float32, n, pitch, bytes int, clamp *float32, mask *int32)
	blend  func(a, b, out *float32, bytes int, weights *float32, mask *int32)
	// blendPixels is blend of pairs of pixels of a row.
	blendPixels func(row *float32, index *int32, weights, out *float32, n, bytes, first int, mask *int32)
	pixelSum    func(x, out *float32, n, bytes int, scale *float32, mask *int32)
	functions   [functions]pointwiseKernel
	singles     [functions]pointwiseKernel // those in float32
	arithmetic  [arithmetics]arithmeticKernels
	distance    func(a, b *float32, bytes int, mask *int32) float32
	moved       func(from, to *float32, n, fromStep, toStep, bytes int, limit uint64, mask *int32) uint64
	sparse      sparseKernels
	winograd2   winogradKernels
	winograd4   [3][3]winogradKernels // by a tile's rows and columns less 2
	// pairs, if not nil, is the same set for elements that are pairs of
	// bfloat16; round makes them.
	pairs *Kernels
	round func(src, dst *float32, bytes int, mask *int32)
	// quads, if not nil, are the kernels for differences in eight bits.
	quads *quadKernels
	// peak runs multiply-adds on registers, peakFlops floating-point
	// operations in each loop.
	peak      func(loops int)
	peakFlops int
}

type runKernel func(rows **float32, n, step, pixel, ky, kx, bytes int, weights, out, bias, clamp *float32, mask *int32)

type gemmKernel struct {
	rows, columns int
	run           func(table **float32, taps, begin, end int, weights *float32, out **float32, column int, bias, clamp *float32, mask *int32, ahead, tiles, skip, again int, add **float32, sum *float32, pace int)
}

// maxLanes is the widest panel of any set.
const maxLanes = 32

// lanes[maxLanes-n:] begins with n lanes of -1 and goes on with zeros: the
// mask of n valid lanes.
var lanes = func() (m [2 * maxLanes]int32) {
	for i := range maxLanes {
		m[i] = -1
	}
	return m
}()

// mask gives the lane mask of n valid lanes out of width, nil for all.
func mask(n, width int) *int32 {
	if n >= width {
		return nil
	}
	return &lanes[maxLanes-n]
}

// TileRows is the smallest tile height for n rows that the set has a kernel
// for: table and out of a Gemm call have that many entries for each tap. It is one that
// lists of channels that are not zero divide, or less than they need.
func (k *Kernels) TileRows(n int) int {
	best := k.Rows
	if n >= best {
		return best // most tiles are full, and this is asked for each
	}
	listed := k.sparse.rows
	for i := range k.gemm {
		if r := k.gemm[i].rows; r >= n && r < best && (listed == 0 || r < listed || r%listed == 0) {
			best = r
		}
	}
	return best
}

// Cut is how rows are cut into tiles: Full ones, as high as the set's are, and then Low ones of
// another Height.
type Cut struct{ Full, Height, Low int }

// Rows is the number of rows of all tiles: those that are cut, and what the last tile lacks.
func (c Cut) Rows(k *Kernels) int { return c.Full*k.Rows + c.Low*c.Height }

// Cut cuts n rows of so many products, one at least, so that as little time as can be is lost to
// the last tile, which lists of channels do not concern: the 49 pixels of a plane of 7 x 7 are
// five tiles of ten, which take 50 rows' time, and not four of twelve and one of a single row,
// whose products wait for one another as long as those of four rows take. 98 are four of twelve
// and five of ten.
func (k *Kernels) Cut(n, products int) Cut {
	const (
		waiting = 4  // rows
		lower   = 40 // products that a lower tile takes longer than its rows
	)
	best, least := Cut{Full: n / k.Rows}, 0
	if n%k.Rows == 0 {
		return best
	}
	for i := range k.gemm {
		r := k.gemm[i].rows
		for low := 1; low <= k.Rows && (low == 1 || 2*r > k.Rows && (low-1)*r < n); low++ {
			c := Cut{max(0, n-low*r+k.Rows-1) / k.Rows, r, low}
			if cost := products*(c.Full*k.Rows+low*max(r, waiting)) + lower*low; least == 0 || cost < least || cost == least && r < best.Height {
				best, least = c, cost
			}
		}
	}
	return best
}

// tile is the kernel of so many rows and columns, nil if there is none.
func (k *Kernels) tile(rows, columns int) *gemmKernel {
	for i := range k.gemm {
		if g := &k.gemm[i]; g.rows == rows && g.columns == columns {
			return g
		}
	}
	return nil
}

// PanelColumns is the width of the panel that begins at output channel j of n.
func (k *Kernels) PanelColumns(j, n int) int {
	if n-j <= k.Columns/2 {
		return k.Columns / 2
	}
	return k.Columns
}

// Gemm computes one tile: out[r][column+j] = clamp(bias[j] + sum over t, c of
// table[t*rows+r][begin+c] * weights[(t*(end-begin)+c)*columns+j]) for r < rows
// and j < valid, where rows = len(out) is one that TileRows gives and columns,
// the panel's width, is len(bias).
func (k *Kernels) Gemm(table []*float32, taps, begin, end int, weights []float32, out []*float32, column int, bias []float32, clamp *[2]float32, valid int) {
	k.GemmPart(table, taps, begin, end, weights, out, column, bias, clamp, valid, Part{Ahead: StreamAhead})
}

// Part says what a Gemm is of a greater whole.
type Part struct {
	// Resumed says that the sums go on: they begin with what an earlier part,
	// unbounded, has left in out, instead of the bias.
	Resumed bool
	// Unbounded says that the sums are stored as they are: clamp is not looked at.
	Unbounded bool
	// Ahead is the distance, in elements, from the weights that are read to those
	// that are fetched into the caches at the same time.
	Ahead int
	// Pace, if not 0, is how many bytes are fetched for each row of weights in all tiles
	// together, from those on that lie Ahead of the first weights: what is read next comes
	// as fast as it is needed. Only sets with Paced take it.
	Pace int
	// Tiles, if not 0, is the number of tiles, whose first pointers lie Stride apart in
	// the table.
	Tiles, Stride int
	// Add, if not nil, points to rows of pixels like out, which are added to what is
	// bounded, and Sum bounds what comes of it, as Kernels.Add does. Unbounded parts add
	// nothing.
	Add []*float32
	Sum *[2]float32
}

// StreamAhead is how far ahead weights are fetched that are read in order, one
// after the other: about as many as are multiplied while memory answers, and
// more than a page, at whose end the processor's own prefetching stops.
const StreamAhead = 2048

// GemmPart is Gemm as a part of a greater product, for one tile or several of the same
// height: out then has the rows of all.
func (k *Kernels) GemmPart(table []*float32, taps, begin, end int, weights []float32, out []*float32, column int, bias []float32, clamp *[2]float32, valid int, part Part) {
	tiles, columns := max(1, part.Tiles), len(bias)
	rows := len(out) / tiles
	stride := taps * rows
	if tiles > 1 {
		stride = part.Stride
	}
	if taps < 1 || end <= begin || rows*tiles != len(out) || stride < taps*rows || len(table) < (tiles-1)*stride+taps*rows || len(weights) < taps*(end-begin)*columns || valid < 1 || valid > columns {
		panic(fmt.Sprintf("asm: Gemm of %d rows, %d taps, channels [%d,%d), %d of %d columns: %d pointers, %d weights",
			rows, taps, begin, end, valid, columns, len(table), len(weights)))
	}
	from := &bias[0]
	if part.Resumed {
		from = nil
	}
	var bounds, sum *float32
	var add **float32
	if !part.Unbounded {
		bounds = &clamp[0]
	}
	if part.Add != nil {
		if len(part.Add) < len(out) || part.Unbounded {
			panic(fmt.Sprintf("asm: Gemm of %d rows adds %d", len(out), len(part.Add)))
		}
		add, sum = &part.Add[0], &part.Sum[0]
	}
	if g := k.tile(rows, columns); g != nil {
		g.run(&table[0], taps, 4*begin, 4*end, &weights[0], &out[0], 4*column, from, bounds, mask(valid, columns), 4*part.Ahead, tiles, 8*(stride-taps*rows), taps, add, sum, part.Pace)
		return
	}
	panic(fmt.Sprintf("asm: no %s kernel of %d rows and %d columns", k.Name, rows, columns))
}

// Paced says whether weights can be fetched at a pace of one's own: twelve rows' pointers
// leave no register for it.
func (k *Kernels) Paced() bool { return k.Rows < 12 }

// Run is a row of N neighbouring output pixels of a window that slides over
// plain rows of memory. Rows points to the first pixel of the first window's
// rows; the next of the Kx taps is Pixel elements further, the next window Step
// elements. Single pixels anywhere are a run of one pixel whose rows are its
// taps.
type Run struct {
	Rows           []*float32
	Kx             int
	N, Step, Pixel int
}

func (r *Run) check(channels int, out []float32) {
	if channels < 1 || len(r.Rows) < 1 || r.Kx < 1 || r.N < 1 || len(out) < r.N*channels {
		panic(fmt.Sprintf("asm: run of %d pixels of %d channels, %d rows of %d taps, into %d", r.N, channels, len(r.Rows), r.Kx, len(out)))
	}
}

// MaxPool computes the largest element over the taps of each pixel and channel,
// NaN if one of them is.
func (k *Kernels) MaxPool(r *Run, channels int, out []float32) {
	r.check(channels, out)
	k.maxPool(&r.Rows[0], r.N, 4*r.Step, 4*r.Pixel, len(r.Rows), r.Kx, 4*channels, nil, &out[0], nil, &lowest[0], k.tail(channels))
}

// SumPool computes scale[0] times the sum over the taps of each pixel and
// channel.
func (k *Kernels) SumPool(r *Run, channels int, out []float32, scale *[2]float32) {
	r.check(channels, out)
	k.sumPool(&r.Rows[0], r.N, 4*r.Step, 4*r.Pixel, len(r.Rows), r.Kx, 4*channels, nil, &out[0], nil, &scale[0], k.tail(channels))
}

// MeanPool computes the sum over the taps of each pixel and channel, in float64 from the
// first tap to the last, divided by divisor: in plain Go on every processor.
func (r *Run) MeanPool(channels int, out []float32, divisor float64) {
	r.check(channels, out)
	for i := range r.N {
		for c := range channels {
			sum := 0.0
			for _, row := range r.Rows {
				for t := range r.Kx {
					sum += float64(*behind[float32](unsafe.Pointer(row), 4*(i*r.Step+t*r.Pixel+c)))
				}
			}
			out[i*channels+c] = float32(sum / divisor)
		}
	}
}

// Distance is the sum of (a[i]-b[i])^2 over two rows of the same length.
func (k *Kernels) Distance(a, b []float32) float32 {
	if len(a) != len(b) || len(a) == 0 {
		panic(fmt.Sprintf("asm: Distance of %d and %d", len(a), len(b)))
	}
	return k.distance(&a[0], &b[0], 4*len(a), k.tail(len(a)))
}

// ExceedsDistance tells which of n <= 64 pixels of some channels have moved: bit i is set
// unless the sum of (from[i*fromStep+c]-to[i*toStep+c])^2 over the channels c is at
// most limit; a NaN sets it.
func (k *Kernels) ExceedsDistance(from, to []float32, n, fromStep, toStep, channels int, limit float32) uint64 {
	if n < 1 || n > 64 || channels < 1 || fromStep < 0 || toStep < 0 || len(from) < (n-1)*fromStep+channels || len(to) < (n-1)*toStep+channels {
		panic(fmt.Sprintf("asm: ExceedsDistance of %d pixels of %d channels, %d and %d apart, in %d and %d", n, channels, fromStep, toStep, len(from), len(to)))
	}
	return k.moved(&from[0], &to[0], n, 4*fromStep, 4*toStep, 4*channels, uint64(math.Float32bits(limit)), k.tail(channels))
}

// lowest is where a maximum starts.
var lowest = [2]float32{float32(math.Inf(-1))}

// Add computes out[i] = clamp(a[i] + b[i]); out may be a or b.
func (k *Kernels) Add(a, b, out []float32, clamp *[2]float32) {
	if len(out) == 0 {
		return
	}
	if len(a) < len(out) || len(b) < len(out) {
		panic(fmt.Sprintf("asm: Add of %d and %d into %d", len(a), len(b), len(out)))
	}
	k.add(&a[0], &b[0], &out[0], 4*len(out), &clamp[0], k.tail(len(out)))
}

// tail is the mask of the last, partial vector of a row of n channels.
func (k *Kernels) tail(n int) *int32 { return &lanes[maxLanes-n%max(1, k.Columns/2)] }

// Peak measures the most floating-point operations per second that one core
// does with this set's instructions: the best of several short runs.
func (k *Kernels) Peak() float64 { return peakOf(k.peak, k.peakFlops) }

// PeakQuads is Peak of products of quads, in operations on bytes.
func (k *Kernels) PeakQuads() float64 { return peakOf(k.quads.peak, k.quads.peakOps) }

// Bandwidth measures the most bytes per second that one core reads and writes with this
// set's instructions over rows of so many bytes altogether: sums of two rows into a
// third, the best of several runs.
func (k *Kernels) Bandwidth(bytes int) float64 {
	n := max(1, bytes/12)
	rows := make([]float32, 3*n)
	passes := max(1, 4<<20/(12*n))
	best := 0.0
	for range 6 {
		start := time.Now()
		for range passes {
			k.Add(rows[:n], rows[n:2*n], rows[2*n:], &unbounded)
		}
		best = max(best, float64(passes)*float64(12*n)/time.Since(start).Seconds())
	}
	return best
}

// unbounded bounds nothing.
var unbounded = [2]float32{float32(math.Inf(-1)), float32(math.Inf(1))}

// peakOf is the most operations per second that run does, ops in each loop.
func peakOf(run func(loops int), ops int) float64 {
	best, loops := 0.0, 100000
	for range 20 {
		start := time.Now()
		run(loops)
		took := time.Since(start)
		if took <= 0 {
			loops *= 2 // a clock of few ticks
			continue
		}
		best = max(best, float64(loops)*float64(ops)/took.Seconds())
	}
	return best
}

// EnvKernels names the environment variable that forces a kernel set.
const EnvKernels = "KRYPTON_KERNELS"

// Sets lists the kernel sets that this machine can run, best first. The last
// one is always generic.
func Sets() []*Kernels { return append(native(), &Generic) }

// WhyGeneric says why this program and processor have no set but generic; it is empty where
// they have another.
func WhyGeneric() string {
	switch {
	case len(native()) > 0:
		return ""
	case assembly:
		return "the processor has no AVX2 with fused multiply-adds"
	case runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64":
		return "the program was built without assembly (tag noasm)"
	}
	return "there are no other kernels for " + runtime.GOARCH
}

// Choose returns the set that EnvKernels names, or the best one. The error
// lists what this machine has.
func Choose() (*Kernels, error) { return Named(os.Getenv(EnvKernels)) }

// Named returns the set of that name; "" and "auto" mean the best one.
func Named(name string) (*Kernels, error) {
	sets := Sets()
	if name == "" || name == "auto" {
		return sets[0], nil
	}
	var names []string
	for _, k := range sets {
		if k.Name == name {
			return k, nil
		}
		names = append(names, k.Name)
	}
	return nil, fmt.Errorf("kernel set %q is not available: this machine has %s", name, strings.Join(names, ", "))
}
