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

// convolution is a convolution step whose way is chosen, and whose weights are packed, once
// all steps are known.
type convolution struct {
	*engine.Convolution
	step  int
	zeros bool // many inputs are zero and worth passing over
	quad  int  // channels of an element of differences in eight bits
	whole bool // its sums are whole numbers, which plain sums alone keep
}

// winogradFrom is the number of channels on either side from which Winograd's
// transforms can pay.
const winogradFrom = 16

func (v *convolution) canWinograd() bool {
	return !v.whole && engine.WinogradFits(v.Y, v.X, v.Group) && v.In.C >= winogradFrom && v.OutC >= winogradFrom
}

// mostTile is the largest size of Winograd's tiles: larger ones, rounded to
// bfloat16, err five times as much as plain sums do, the smaller ones less than
// twice as much (TestWinogradError).
func (v *convolution) mostTile() asm.WinogradSize {
	if v.Way.BF16 {
		return asm.Winograd2
	}
	return asm.Winograd4
}

// group marks the convolutions in small groups that have kernels of their own.
func (c *compiler) group() {
	for _, v := range c.pending {
		v.Way.Together = v.OutC == v.In.C && engine.GroupedTogether(c.p.kernels, v.Y, v.X, v.In.C/v.Group, v.In.C)
	}
}

// round marks the convolutions whose plain sums a precision rounds.
func (c *compiler) round(opt CompileOptions) {
	if opt.Precision != BF16 && opt.Precision != INT8 {
		return
	}
	for _, v := range c.pending {
		if v.Depthwise() || v.whole {
			continue
		}
		v.Way.BF16 = engine.BF16Fits(c.p.kernels, v.In, v.X, v.Group)
		v.Way.Int8 = opt.Precision == INT8 && engine.Int8Fits(c.p.kernels, v.In, v.Y, v.X, v.Group) && engine.Finite(v.Weights)
		if v.Way.Int8 {
			v.quad = c.p.kernels.QuadChannels()
		}
		if v.Way.Int8 && opt.force == nil {
			other := *v.Convolution
			other.Way.Int8 = false
			plain := convolution{Convolution: &other, zeros: v.zeros}
			pixel := region.Plane(1, 1)
			int8, _ := v.cost(0, pixel)
			sums, _ := plain.cost(0, pixel)
			v.Way.Int8 = int8 < sums
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
		case opt.force != nil && !v.whole && engine.WinogradFits(v.Y, v.X, v.Group):
			v.Way.Tile = opt.force(v.step)
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
	var chosen []asm.WinogradSize
	for _, start := range tileSizes {
		for _, v := range layers {
			v.Way.Tile = min(start, v.mostTile())
		}
		if n := c.descend(layers, typical, opt.Policy); n < best {
			best, chosen = n, nil
			for _, v := range layers {
				chosen = append(chosen, v.Way.Tile)
			}
		}
	}
	for i, v := range layers {
		v.Way.Tile = chosen[i]
	}
}

// like has convolutions computed in a plan's ways.
func (c *compiler) like(p *Plan) error {
	if p == nil {
		return nil
	}
	if len(p.tiles) != len(c.pending) || p.Precision() != FP32 {
		return fmt.Errorf("%d convolutions in the ways of %d in %s", len(c.pending), len(p.tiles), p.Precision())
	}
	for i, v := range c.pending {
		if v.Way.Tile = p.tiles[i]; v.Way.Tile != 0 && !engine.WinogradFits(v.Y, v.X, v.Group) {
			return fmt.Errorf("a convolution by tiles that do not fit it")
		}
		c.p.steps[v.step].sum = v
	}
	return nil
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
		switch p := s.spec.(type) {
		case *engine.Convolution:
			if v := byStep[i]; v != nil {
				v.zeros = all && engine.ListsFit(v.In.C/v.Group*v.Y.Kernel*v.X.Kernel)
				bounded[s.out] = v.Clamp[0] == 0
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
var tileSizes = []asm.WinogradSize{0, asm.Winograd2, asm.Winograd4}

// descend changes one layer's algorithm at a time until nothing is gained, and
// returns the cost.
func (c *compiler) descend(layers []*convolution, typical []region.Rect, policy Policy) float64 {
	best := c.cost(typical, policy)
	for gained := true; gained; {
		gained = false
		for i := len(layers) - 1; i >= 0; i-- {
			way := &layers[i].Way
			kept := way.Tile
			for _, tile := range tileSizes {
				was := way.Tile
				if tile == was || tile == kept || tile > layers[i].mostTile() {
					continue
				}
				way.Tile = tile
				if n := c.cost(typical, policy); n < best*(1-1e-9) {
					best, gained = n, true
				} else {
					way.Tile = was
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
	var t tracks
	for i, r := range typical {
		share := 1.0 / batchShare
		if r == c.p.InputPlane().Rect() {
			share = 1
		}
		if policy == nil {
			if len(c.prices) <= i {
				c.prices = append(c.prices, prices{})
			}
			total = c.prices[i].add(c.p, r, share, total)
			continue
		}
		rects := t.follow(c.p, r, policy)
		for i := range c.p.steps {
			s := &c.p.steps[i]
			total += c.p.load(s, rects[s.out], share).total()
		}
	}
	return total
}

// prices are what a typical change's steps cost when they were last asked for. One algorithm of
// hundreds is changed between, and most regions and costs stay what they were.
type prices struct {
	rects []region.Rect // of the values
	steps []priced
	in    []region.Rect // of all steps' inputs, one step's behind the other's
}

// priced is a step's region, with the tiles that it was computed with, and what it costs for the
// region that is its output's in the end, which a concatenation behind may have made larger.
type priced struct {
	known   bool
	tile    int
	out, of region.Rect
	cost    float64
}

// add adds what a change of the input's region r costs to a total, step by step.
func (t *prices) add(p *Plan, r region.Rect, share, total float64) float64 {
	t.rects = resize(t.rects, len(p.values))
	clear(t.rects)
	t.rects[p.input] = r
	if t.steps == nil {
		t.steps = make([]priced, len(p.steps))
		n := 0
		for i := range p.steps {
			n += len(p.steps[i].in)
		}
		t.in = make([]region.Rect, n)
	}
	in := t.in
	for i := range p.steps {
		s, was := &p.steps[i], &t.steps[i]
		tile := s.tile()
		same := was.known && was.tile == tile
		of := in[:len(s.in)]
		in = in[len(s.in):]
		for k, src := range s.in {
			if seen := p.seen(src, t.rects[src.value]); seen != of[k] {
				of[k], same = seen, false
			}
		}
		if !same {
			// Its cost is asked for anew if its tiles are others, which no region tells.
			*was = priced{known: true, tile: tile, out: p.reach(s, of), of: region.Rect{Y: region.Span{Lo: -1}}}
		}
		p.reached(s, t.rects, was.out)
	}
	for i := range p.steps {
		s, was := &p.steps[i], &t.steps[i]
		if r := t.rects[s.out]; r != was.of {
			was.of, was.cost = r, p.load(s, r, share).total()
		}
		total += was.cost
	}
	return total
}

// cost is what region r of the output takes with tiles of a size: multiply-adds at full
// speed, and weights that are read, in numbers of float32.
func (v *convolution) cost(tile asm.WinogradSize, r region.Rect) (adds, weights float64) {
	in, out, area := float64(v.In.C/v.Group), float64(v.OutC), float64(r.Area())
	if tile == 0 {
		taps := float64(v.Y.Kernel * v.X.Kernel)
		weights = taps * in * out
		switch {
		case v.Way.Int8:
			each := costProductInt8
			if v.quad == 2 {
				each = costProductWords
			}
			return area * (float64(each*taps*in*out) + float64(costQuantize*float64(v.Y.Stride*v.X.Stride)*in) + float64(costBase*out)), weights / float64(v.quad)
		case v.Way.BF16:
			return costProductBF16 * area * weights, weights / 2
		case v.Depthwise():
			return costDepthwise * area * weights, weights
		case v.Way.Together:
			return costGrouped * area * weights, weights
		}
		each := costProduct
		if v.zeros {
			each = costSparse
		}
		if v.Group > 1 {
			in += costPointers
		}
		return each * area * taps * in * v.panelled(), weights
	}
	elements, each := float64((tile+2)*(tile+2)), costElementwise
	weights = elements * in * out
	if v.Way.BF16 {
		each, weights = costElementwiseBF16, weights/2
	}
	products := float64(engine.WinogradProducts(tile, engine.Plane{H: v.Y.Out, W: v.X.Out}, r))
	return products * (float64(each*in*v.panelled()) + float64(costTransform*(in+out))), weights
}

// panelled is the number of output channels that are computed: panels are panelWidth
// wide, and one of half the width takes as long.
func (v *convolution) panelled() float64 {
	each := (v.OutC/v.Group + panelWidth - 1) / panelWidth * panelWidth
	return float64(each * v.Group)
}

// pack has the processors make primitives of all steps' specs, on all cores, and lets go of
// these.
func (c *compiler) pack() error {
	device := engine.CPU{Kernels: c.p.kernels}
	var next atomic.Int64
	var wg sync.WaitGroup
	steps := c.p.steps
	errs := make([]error, len(steps))
	for range min(runtime.GOMAXPROCS(0), len(steps)) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := int(next.Add(1)) - 1; i < len(steps); i = int(next.Add(1)) - 1 {
				s := &steps[i]
				if s.spec == nil {
					continue
				}
				var err error
				if s.prim, err = device.Pack(s.spec); err != nil {
					errs[i] = fmt.Errorf("node %s (%s): %w", s.node, s.operator, err)
				}
				if s.spec = nil; s.sum != nil {
					s.sum.Weights = nil // the packed ones are enough
				}
			}
		}()
	}
	wg.Wait()
	for i := range steps {
		switch p := steps[i].prim.(type) {
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
