package asm

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// Kernels is one set of kernels for one class of processors. The functions
// check sizes and then run; tables hold pointers to channel rows that must
// stay valid for as many elements as the call reads.
type Kernels struct {
	// Name is generic, avx2 or avx512.
	Name string
	// Rows and Columns are the tile of the matrix product: Mr output pixels
	// by Nr output channels, as in the literature. Weights are packed in
	// panels of Columns; a last panel of at most Columns/2 output channels
	// is packed in Columns/2.
	Rows, Columns int

	gemm      []gemmKernel // widest tile first
	depthwise func(table **float32, taps, bytes int, weights, out, bias, clamp *float32, mask *int32)
	maxPool   func(table **float32, taps, bytes int, out, scale *float32, mask *int32)
	sumPool   func(table **float32, taps, bytes int, out, scale *float32, mask *int32)
	add       func(a, b, out *float32, bytes int, clamp *float32, mask *int32)
	sparse    sparseKernels
	winograd2 winogradKernels
	winograd4 winogradKernels
	// peak runs multiply-adds on registers, peakFlops floating-point
	// operations in each loop.
	peak      func(loops int)
	peakFlops int
}

type gemmKernel struct {
	rows, columns int
	run           func(table **float32, taps, begin, end int, weights *float32, out **float32, column int, bias, clamp *float32, mask *int32)
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
// for: table and out of a Gemm call have that many entries for each tap.
func (k *Kernels) TileRows(n int) int {
	best := k.Rows
	for _, g := range k.gemm {
		if g.rows >= n && g.rows < best {
			best = g.rows
		}
	}
	return best
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
	rows, columns := len(out), len(bias)
	if taps < 1 || end <= begin || len(table) < taps*rows || len(weights) < taps*(end-begin)*columns || valid < 1 || valid > columns {
		panic(fmt.Sprintf("asm: Gemm of %d rows, %d taps, channels [%d,%d), %d of %d columns: %d pointers, %d weights",
			rows, taps, begin, end, valid, columns, len(table), len(weights)))
	}
	for i := range k.gemm {
		if g := &k.gemm[i]; g.rows == rows && g.columns == columns {
			g.run(&table[0], taps, 4*begin, 4*end, &weights[0], &out[0], 4*column, &bias[0], &clamp[0], mask(valid, columns))
			return
		}
	}
	panic(fmt.Sprintf("asm: no %s kernel of %d rows and %d columns", k.Name, rows, columns))
}

// Depthwise computes out[c] = clamp(bias[c] + sum over t of table[t][c] *
// weights[t*channels+c]) for every channel c < len(out).
func (k *Kernels) Depthwise(table []*float32, weights, out, bias []float32, clamp *[2]float32) {
	n := len(out)
	if n == 0 || len(table) == 0 || len(weights) < len(table)*n || len(bias) < n {
		panic(fmt.Sprintf("asm: Depthwise of %d channels, %d taps, %d weights", n, len(table), len(weights)))
	}
	k.depthwise(&table[0], len(table), 4*n, &weights[0], &out[0], &bias[0], &clamp[0], k.tail(n))
}

// MaxPool computes out[c] = max over t of table[t][c], keeping the sum's
// first operand where the other is NaN.
func (k *Kernels) MaxPool(table []*float32, out []float32) {
	if len(out) == 0 || len(table) == 0 {
		panic("asm: MaxPool of nothing")
	}
	k.maxPool(&table[0], len(table), 4*len(out), &out[0], &one, k.tail(len(out)))
}

// SumPool computes out[c] = scale * sum over t of table[t][c].
func (k *Kernels) SumPool(table []*float32, out []float32, scale *float32) {
	if len(out) == 0 || len(table) == 0 {
		panic("asm: SumPool of nothing")
	}
	k.sumPool(&table[0], len(table), 4*len(out), &out[0], scale, k.tail(len(out)))
}

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

// one is the scale of a fold that has none.
var one = float32(1)

// tail is the mask of the last, partial vector of a row of n channels.
func (k *Kernels) tail(n int) *int32 { return &lanes[maxLanes-n%max(1, k.Columns/2)] }

// Peak measures the most floating-point operations per second that one core
// does with this set's instructions: the best of several short runs.
func (k *Kernels) Peak() float64 {
	best := 0.0
	for range 20 {
		const loops = 100000
		start := time.Now()
		k.peak(loops)
		best = max(best, float64(loops)*float64(k.peakFlops)/time.Since(start).Seconds())
	}
	return best
}

// EnvKernels names the environment variable that forces a kernel set.
const EnvKernels = "KRYPTON_KERNELS"

// Sets lists the kernel sets that this machine can run, best first. The last
// one is always generic.
func Sets() []*Kernels { return append(native(), &Generic) }

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
