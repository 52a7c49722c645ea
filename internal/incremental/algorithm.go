package incremental

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// convolution is a convolution step whose algorithm is chosen, and whose
// weights are packed, once all steps are known.
type convolution struct {
	step    int
	in      engine.Plane
	y, x    region.Window
	group   int
	weights []float32
	bias    []float32
	outC    int
	clamp   engine.Clamp
	zeros   bool // many inputs are zero and worth passing over
	bf16    bool // sums round to bfloat16
	int8    bool // the plain sum is of differences in eight bits
	quad    int  // channels of an element of these
	// together says that there are kernels for its small groups.
	together bool
}

// winogradFrom is the number of channels on either side from which Winograd's
// transforms can pay.
const winogradFrom = 16

func (v *convolution) depthwise() bool {
	return v.group == v.in.C && v.outC == v.group && v.group > 1
}

func (v *convolution) canWinograd() bool {
	return engine.WinogradFits(v.y, v.x, v.group) && v.in.C >= winogradFrom && v.outC >= winogradFrom
}

// mostTile is the largest size of Winograd's tiles: larger ones, rounded to
// bfloat16, err five times as much as plain sums do, the smaller ones less than
// twice as much (TestWinogradError).
func (v *convolution) mostTile() int {
	if v.bf16 {
		return int(asm.Winograd2)
	}
	return int(asm.Winograd4)
}

// group marks the convolutions in small groups that have kernels of their own.
func (c *compiler) group() {
	for _, v := range c.pending {
		v.together = v.outC == v.in.C && engine.GroupedTogether(c.p.kernels, v.x, v.in.C/v.group, v.in.C)
	}
}

// round marks the convolutions whose plain sums a precision rounds.
func (c *compiler) round(opt CompileOptions) {
	if opt.Precision != BF16 && opt.Precision != INT8 {
		return
	}
	for _, v := range c.pending {
		if v.depthwise() {
			continue
		}
		v.bf16 = engine.BF16Fits(c.p.kernels, v.in, v.x, v.group)
		v.int8 = opt.Precision == INT8 && engine.Int8Fits(c.p.kernels, v.in, v.y, v.x, v.group) && engine.Finite(v.weights)
		if v.int8 {
			v.quad = c.p.kernels.QuadChannels()
		}
		if v.int8 && opt.force == nil {
			plain := *v
			plain.int8 = false
			pixel := region.Plane(1, 1)
			int8, _ := v.cost(0, pixel)
			other, _ := plain.cost(0, pixel)
			v.int8 = int8 < other
		}
	}
}

// choose picks each convolution's algorithm. Winograd's tiles take fewer
// multiplications but make the regions of all layers behind them larger, so
// that layers cannot be judged one by one: beginning with the same algorithm
// everywhere, a layer's is changed where that makes the typical changes cheaper
// altogether, from the last layer to the first, until nothing is gained. The
// best of three beginnings is taken.
func (c *compiler) choose(opt CompileOptions) {
	var layers []*convolution
	for _, v := range c.pending {
		c.p.steps[v.step].sum = v
		switch {
		case opt.force != nil && engine.WinogradFits(v.y, v.x, v.group):
			c.p.steps[v.step].tile = int(opt.force(v.step))
		case v.canWinograd():
			layers = append(layers, v)
		}
	}
	if opt.Direct || opt.force != nil || len(layers) == 0 {
		return
	}
	typical := []region.Rect{c.p.InputPlane().Rect()}
	if opt.Typical != nil {
		typical = opt.Typical(c.p.InputPlane())
	}
	c.findZeros()
	best := math.Inf(1)
	var chosen []int
	for _, start := range tileSizes {
		for _, v := range layers {
			c.p.steps[v.step].tile = min(start, v.mostTile())
		}
		if n := c.descend(layers, typical, opt.Policy); n < best {
			best, chosen = n, nil
			for _, v := range layers {
				chosen = append(chosen, c.p.steps[v.step].tile)
			}
		}
	}
	for i, v := range layers {
		c.p.steps[v.step].tile = chosen[i]
	}
}

// findZeros marks convolutions that read what a ReLU has bounded, pooled or
// concatenated or not, and can leave zeros out.
func (c *compiler) findZeros() {
	if !c.p.kernels.Sparse() {
		return
	}
	bounded := make([]bool, len(c.p.values))
	byStep := map[int]*convolution{}
	for _, v := range c.pending {
		byStep[v.step] = v
	}
	for i := range c.p.steps {
		s := &c.p.steps[i]
		all := len(s.in) > 0
		for _, src := range s.in {
			all = all && bounded[src.value]
		}
		switch p := s.prim.(type) {
		case nil:
			if v := byStep[i]; v != nil {
				v.zeros = all && engine.ListsFit(c.p.kernels, v.in.C/v.group*v.y.Kernel*v.x.Kernel)
				bounded[s.out] = v.clamp[0] == 0
			}
		case *engine.Sum:
			bounded[s.out] = p.Clamp[0] == 0
		case *engine.Bounds:
			bounded[s.out] = p.Clamp[0] == 0
		case *engine.Affine:
			bounded[s.out] = p.Clamp[0] == 0
		case *engine.MaxPool, *engine.Concat, *engine.Channels:
			bounded[s.out] = all
		}
	}
}

// tileSizes are the algorithms: the plain sum, and Winograd's.
var tileSizes = []int{0, int(asm.Winograd2), int(asm.Winograd4)}

// descend changes one layer's algorithm at a time until nothing is gained, and
// returns the cost.
func (c *compiler) descend(layers []*convolution, typical []region.Rect, policy Policy) float64 {
	best := c.cost(typical, policy)
	for gained := true; gained; {
		gained = false
		for i := len(layers) - 1; i >= 0; i-- {
			s := &c.p.steps[layers[i].step]
			kept := s.tile
			for _, tile := range tileSizes {
				was := s.tile
				if tile == was || tile == kept || tile > layers[i].mostTile() {
					continue
				}
				s.tile = tile
				if n := c.cost(typical, policy); n < best*(1-1e-9) {
					best, gained = n, true
				} else {
					s.tile = was
				}
			}
		}
	}
	return best
}

// What things cost, in multiply-adds of the matrix product at full speed.
// Measured with BenchmarkWinograd and BenchmarkPatches of package engine.
const (
	// costProduct is for one multiply-add of a plain sum, costElementwise
	// for one of Winograd's, costSparse for one of a plain sum over inputs
	// of which half or more are zero, as behind a ReLU.
	costProduct     = 1.08
	costElementwise = 1.08
	costSparse      = 0.9
	// costProductBF16 is for one of a plain sum in bfloat16, the rounding of
	// inputs included. Measured with BenchmarkBF16.
	costProductBF16 = 0.58
	// costElementwiseBF16 is for one of Winograd's in bfloat16, the rounding of
	// transformed inputs included.
	costElementwiseBF16 = 0.6
	// costProductInt8 is for one of differences in eight bits, costQuantize for
	// rounding one element of the input to them, costBase for adding one of the
	// output to what it was, costProductWords for one where the processor multiplies
	// no bytes but numbers of 16 bits. Measured with BenchmarkInt8.
	costProductInt8  = 0.3
	costProductWords = 0.6
	costQuantize     = 10
	costBase         = 12
	// costTransform is for one element of one channel of a tile,
	// transformed in or out.
	costTransform = 14
	// costWeight is for reading one packed weight from memory; updates
	// share it among batchShare changes.
	costWeight = 10
	batchShare = 16
	// panelWidth is the number of output channels that are computed together.
	panelWidth = 32
	// costElement is for one element of steps that multiply nothing.
	costElement = 8
)

// cost estimates what typical changes cost with the algorithms as they stand.
func (c *compiler) cost(typical []region.Rect, policy Policy) float64 {
	total := 0.0
	for _, r := range typical {
		share := 1.0 / batchShare
		if r == c.p.InputPlane().Rect() {
			share = 1
		}
		rects := c.p.regionsUnder(r, policy)
		for i := range c.p.steps {
			s := &c.p.steps[i]
			total += c.p.load(s, rects[s.out], share).total()
		}
	}
	return total
}

// cost is what region r of the output takes with tiles of a size: multiply-adds at full
// speed, and weights that are read, in numbers of float32.
func (v *convolution) cost(tile int, r region.Rect) (adds, weights float64) {
	in, out, area := float64(v.in.C/v.group), float64(v.outC), float64(r.Area())
	if tile == 0 {
		taps := float64(v.y.Kernel * v.x.Kernel)
		weights = taps * in * out
		switch {
		case v.int8:
			each := costProductInt8
			if v.quad == 2 {
				each = costProductWords
			}
			return area * (float64(each*taps*in*out) + float64(costQuantize*float64(v.y.Stride*v.x.Stride)*in) + float64(costBase*out)), weights / float64(v.quad)
		case v.bf16:
			return costProductBF16 * area * weights, weights / 2
		case v.depthwise():
			return costDepthwise * area * weights, weights
		case v.together:
			return costGrouped * area * weights, weights
		}
		each := costProduct
		if v.zeros {
			each = costSparse
		}
		if v.group > 1 {
			in += costPointers
		}
		return each * area * taps * in * v.panelled(), weights
	}
	elements, each := float64((tile+2)*(tile+2)), costElementwise
	weights = elements * in * out
	if v.bf16 {
		each, weights = costElementwiseBF16, weights/2
	}
	products := float64(engine.WinogradProducts(asm.WinogradSize(tile), engine.Plane{H: v.y.Out, W: v.x.Out}, r))
	return products * (float64(each*in*v.panelled()) + float64(costTransform*(in+out))), weights
}

// panelled is the number of output channels that are computed: panels are panelWidth
// wide, and one of half the width takes as long.
func (v *convolution) panelled() float64 {
	each := (v.outC/v.group + panelWidth - 1) / panelWidth * panelWidth
	return float64(each * v.group)
}

// build packs the weights of all convolutions, on all cores.
func (c *compiler) build() error {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, len(c.pending))
	for range min(runtime.GOMAXPROCS(0), len(c.pending)) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := int(next.Add(1)) - 1; i < len(c.pending); i = int(next.Add(1)) - 1 {
				v := c.pending[i]
				s := &c.p.steps[v.step]
				var err error
				if s.prim, err = v.build(c.scratch, s.tile); err != nil {
					errs[i] = fmt.Errorf("node %s (%s): %w", s.node, s.operator, err)
				}
				c.pending[i].weights = nil // the packed ones are enough
			}
		}()
	}
	wg.Wait()
	for _, v := range c.pending {
		switch p := c.p.steps[v.step].prim.(type) {
		case *engine.ConvInt8:
			c.p.differences = true
		case *engine.ConvBF16:
			c.p.rounds = true
		case *engine.Winograd:
			c.p.rounds = c.p.rounds || p.BF16
		}
	}
	return errors.Join(errs...)
}

func (v *convolution) build(s *engine.Scratch, tile int) (engine.Primitive, error) {
	switch {
	case tile > 0:
		return engine.NewWinograd(s, v.in, v.y, v.x, asm.WinogradSize(tile), v.bf16, v.weights, v.bias, v.outC, v.clamp)
	case v.depthwise():
		return engine.NewDepthwise(v.in, v.y, v.x, v.weights, v.bias, v.clamp)
	case v.together:
		return engine.NewGrouped(s.Kernels, v.in, v.y, v.x, v.in.C/v.group, v.weights, v.bias, v.clamp)
	case v.int8:
		return engine.NewConvInt8(s, v.in, v.y, v.x, v.weights, v.bias, v.outC, v.clamp)
	case v.bf16:
		return engine.NewConvBF16(s, v.in, v.y, v.x, v.weights, v.bias, v.outC, v.clamp)
	}
	return engine.NewConv(s, v.in, v.y, v.x, v.group, v.weights, v.bias, v.outC, v.clamp)
}
