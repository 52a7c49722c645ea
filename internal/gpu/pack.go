package gpu

import (
	"encoding/binary"
	"errors"
	"math"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/gpu/kernels"
	"krypton/internal/incremental"
	"krypton/internal/region"
)

// packed is a step with its weights on the device.
type packed struct {
	// run lists what computes positions.
	run func(p *positions) error
	// meanwhile, if not nil, is how many bytes a position uses only while the step runs, given
	// the regions of its sources and of its output.
	meanwhile func(seen func(s incremental.Source) region.Rect, out region.Rect) int
}

// launcher makes the launch of a batch of jobs.
type launcher func(b kernels.Batch) (kernels.Launch, error)

// ErrUnsupported is of networks with a step that no kernel computes.
var ErrUnsupported = errors.New("no kernel of the graphics processor computes this yet")

// free are bounds that limit nothing.
var free = engine.Clamp{float32(math.Inf(-1)), float32(math.Inf(1))}

// plain is the shape of what takes a pixel of a plane for one of another.
func plain(in engine.Plane) kernels.Shape {
	return kernels.Shape{Y: region.Identity(in.H), X: region.Identity(in.W), C: in.C, OutC: in.C, Group: 1, Clamp: free, Sum: free}
}

// packing is a step whose weights are put on the device.
type packing struct {
	*Network
	step    *incremental.Step
	in, out engine.Plane
}

// pack puts a step's weights on the device.
func (n *Network) pack(s *incremental.Step) (*packed, error) {
	if len(s.In) == 0 {
		return nil, ErrUnsupported
	}
	k := &packing{n, s, s.In[0].Plane, n.program.Values[s.Out].Plane}
	switch p := s.Spec.(type) {
	case *engine.Convolution:
		return k.convolution(p)
	case *engine.MaxPool:
		return k.simple(k.windows(p.Y, p.X), kernels.MaxPool)
	case *engine.AveragePool:
		return k.averagePool(p)
	case *engine.Mean, *engine.RowSums, *engine.Reduce, *engine.LayerNorm, *engine.Softmax, *engine.Moments, *engine.Rescale:
		return k.reduction(p)
	case *engine.Sum:
		if len(s.In) != 2 {
			return nil, ErrUnsupported
		}
		return k.simple(k.bounded(p.Clamp), kernels.Sum)
	case *engine.Binary:
		return k.binary(p)
	case *engine.Bounds:
		return k.simple(k.bounded(p.Clamp), kernels.Bounds)
	case *engine.Affine, *engine.PRelu, *engine.Table, *engine.Select:
		return k.constants(p)
	case *engine.Unary:
		of, err := k.function(p)
		if err != nil {
			return nil, err
		}
		return k.simple(k.shape(), of)
	case *engine.Product:
		return k.product(p)
	}
	return k.movement(s.Spec)
}

// shape is that of what takes a pixel of the input for one of the output.
func (k *packing) shape() kernels.Shape {
	s := plain(k.in)
	s.OutC = k.out.C
	return s
}

func (k *packing) bounded(c engine.Clamp) kernels.Shape {
	s := k.shape()
	s.Clamp = c
	return s
}

func (k *packing) windows(y, x region.Window) kernels.Shape {
	s := k.shape()
	s.Y, s.X = y, x
	return s
}

// between is the shape of planes that have nothing in common.
func (k *packing) between() kernels.Shape {
	return k.windows(region.Window{In: k.in.H, Out: k.out.H}, region.Window{In: k.in.W, Out: k.out.W})
}

// simple is a step of one launch, whose output has the shape's plane.
func (k *packing) simple(shape kernels.Shape, of func(b kernels.Batch, s kernels.Shape) (kernels.Launch, error)) (*packed, error) {
	if out := (engine.Plane{H: shape.Y.Out, W: shape.X.Out, C: shape.OutC}); out != k.out {
		return nil, ErrUnsupported
	}
	return k.once(func(b kernels.Batch) (kernels.Launch, error) { return of(b, shape) }), nil
}

// once is a step of one launch.
func (k *packing) once(of launcher) *packed {
	channels := k.out.C
	return &packed{run: func(p *positions) error { return p.launch(p.jobs(), channels, of) }}
}

// floats puts numbers on the device.
func (k *packing) floats(what string, numbers []float32) (uint64, error) {
	return k.memory.floats(what+" of "+k.step.Node, numbers)
}

// factors puts what numbers are multiplied by on the device, and what is added to them.
func (k *packing) factors(scale, shift []float32) (factors, addends uint64, err error) {
	if factors, err = k.floats("factors", scale); err == nil {
		addends, err = k.floats("addends", shift)
	}
	return factors, addends, err
}

// ints and words put a table on the device.
func (k *packing) ints(what string, table []int32) (uint64, error) { return put32(k, what, table) }

func (k *packing) words(what string, table []uint32) (uint64, error) { return put32(k, what, table) }

func put32[T int32 | uint32](k *packing, what string, table []T) (uint64, error) {
	data := make([]byte, 4*len(table))
	for i, v := range table {
		binary.LittleEndian.PutUint32(data[4*i:], uint32(v))
	}
	return k.memory.put(what+" of "+k.step.Node, data)
}

// doubles puts what functions take on the device.
func (k *packing) doubles(table []float64) (uint64, error) {
	var data []byte
	for _, v := range table {
		data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
	}
	return k.memory.put("table of "+k.step.Node, data)
}

// fewChannels is how many input channels tensor cores are used from.
const fewChannels = 8

func (k *packing) convolution(c *engine.Convolution) (*packed, error) {
	if c.Way.BF16 || c.Way.Int8 {
		return nil, ErrUnsupported
	}
	taps, per, precision := c.Y.Kernel*c.X.Kernel, c.In.C/c.Group, products[k.precision]
	if c.Way.Tile != 0 && precision == kernels.FP32 {
		return k.winograd(c)
	}
	shape := k.windows(c.Y, c.X)
	shape.Group, shape.Clamp = c.Group, c.Clamp
	kernel := kernels.Convolve
	bias := make([]float32, c.OutC)
	var w uint64
	var err error
	switch {
	case c.Depthwise() || c.Way.Together:
		kernel, shape.Group = kernels.Depthwise, per
		copy(bias, c.Bias)
		w, err = k.floats("weights", kernels.PackDepthwise(c.Weights, per, taps, c.In.C))
	case precision != kernels.FP32 && per >= fewChannels:
		kernel = func(b kernels.Batch, s kernels.Shape, weights, bias uint64) (kernels.Launch, error) {
			return kernels.ConvolveTensor(b, s, precision, weights, bias)
		}
		var words []uint32
		k.rounds = true
		words, bias = kernels.PackTensor(c.Weights, c.Bias, per, taps, c.Group, c.OutC, precision)
		w, err = k.words("weights", words)
	default:
		var weights []float32
		weights, bias = kernels.PackDense(c.Weights, c.Bias, per, taps, c.Group, c.OutC)
		w, err = k.floats("weights", weights)
	}
	if err != nil {
		return nil, err
	}
	b, err := k.floats("biases", bias)
	if err != nil {
		return nil, err
	}
	return k.once(func(batch kernels.Batch) (kernels.Launch, error) { return kernel(batch, shape, w, b) }), nil
}

// winograd packs a convolution by Winograd's tiles. Transformed inputs and products of all positions
// lie in memory meanwhile.
func (k *packing) winograd(c *engine.Convolution) (*packed, error) {
	if !engine.WinogradFits(c.Y, c.X, c.Group) || len(c.Weights) != 9*c.In.C*c.OutC {
		return nil, ErrUnsupported
	}
	w := kernels.Winograd{Size: c.Way.Tile}
	bias := make([]float32, c.OutC)
	copy(bias, c.Bias)
	var err error
	if w.Weights, w.Bias, err = k.factors(kernels.PackWinograd(c.Weights, c.In.C, c.OutC, w.Size), bias); err != nil {
		return nil, err
	}
	shape, in, out := k.windows(c.Y, c.X), c.In.C, c.OutC
	shape.Clamp = c.Clamp
	meanwhile := func(_ func(s incremental.Source) region.Rect, r region.Rect) int {
		tiles := engine.WinogradTiles(w.Size, r).Area()
		return align(4*w.Numbers(tiles, in)) + align(4*w.Numbers(tiles, out))
	}
	return &packed{meanwhile: meanwhile, run: func(p *positions) error {
		inputs, tiles := p.jobs(), 0
		outputs := make([]kernels.Job, len(inputs))
		for i := range inputs {
			j := &inputs[i]
			outputs[i] = kernels.Job{In: kernels.Patched{Update: j.Out, Rect: j.Rect}, Rect: engine.WinogradTiles(w.Size, j.Rect), Pitch: j.Pitch}
			j.Rect = outputs[i].Rect
			tiles += j.Rect.Area()
		}
		if tiles == 0 {
			return nil
		}
		of := w
		of.Inputs, of.Products = p.numbers(w.Numbers(tiles, in)), p.numbers(w.Numbers(tiles, out))
		from, err := p.batch(inputs, in)
		if err != nil {
			return err
		}
		to, err := p.batch(outputs, out)
		if err != nil {
			return err
		}
		launches, err := of.Launches(from, to, shape)
		p.listed.ops = append(p.listed.ops, launches...)
		return err
	}}, nil
}

func (k *packing) averagePool(p *engine.AveragePool) (*packed, error) {
	var at [2]uint64 // of rows and columns
	if p.DivisorY != nil {
		for i, divisors := range [][]int{p.DivisorY, p.DivisorX} {
			table := make([]int32, len(divisors))
			for k, d := range divisors {
				table[k] = int32(d)
			}
			var err error
			if at[i], err = k.ints("divisors", table); err != nil {
				return nil, err
			}
		}
	}
	return k.simple(k.windows(p.Y, p.X), func(b kernels.Batch, s kernels.Shape) (kernels.Launch, error) {
		return kernels.AveragePool(b, s, at[0], at[1])
	})
}

// function puts on the device what a function of numbers takes.
func (k *packing) function(u *engine.Unary) (func(b kernels.Batch, s kernels.Shape) (kernels.Launch, error), error) {
	if u.Table == nil {
		return nil, ErrUnsupported
	}
	table, err := k.doubles(u.Table)
	return func(b kernels.Batch, s kernels.Shape) (kernels.Launch, error) {
		return kernels.Function(b, s, u.Function, u.Table[0], table)
	}, err
}

// constants packs what combines each number with a constant.
func (k *packing) constants(spec engine.Spec) (*packed, error) {
	switch p := spec.(type) {
	case *engine.Affine:
		scale, shift, err := k.factors(p.Scale, p.Shift)
		if err != nil {
			return nil, err
		}
		return k.simple(k.bounded(p.Clamp), func(b kernels.Batch, s kernels.Shape) (kernels.Launch, error) {
			return kernels.Affine(b, s, scale, shift)
		})
	case *engine.PRelu:
		return k.binary(&engine.Binary{Native: true, Operation: asm.Slope, Out: k.out, Kind: [2]engine.Operand{engine.Full, engine.PerChannel}, Const: [2][]float32{nil, p.Slope}})
	case *engine.Table:
		constants, rows, err := k.table(p)
		if err != nil {
			return nil, err
		}
		return k.simple(k.shape(), func(b kernels.Batch, s kernels.Shape) (kernels.Launch, error) {
			return kernels.Table(b, s, p, constants, rows)
		})
	case *engine.Select:
		constants, rows, err := k.table(&p.Table)
		if err != nil {
			return nil, err
		}
		return k.simple(k.shape(), func(b kernels.Batch, s kernels.Shape) (kernels.Launch, error) {
			return kernels.Select(b, s, p, constants, rows)
		})
	}
	return nil, ErrUnsupported
}

// table puts what a Table needs on the device.
func (k *packing) table(t *engine.Table) (constants, rows uint64, err error) {
	if constants, err = k.floats("constants", t.Const); err == nil {
		rows, err = k.ints("rows", t.Rows)
	}
	return constants, rows, err
}

func (k *packing) binary(b *engine.Binary) (*packed, error) {
	if !b.Native {
		return nil, ErrUnsupported
	}
	shape := k.windows(region.Identity(b.Out.H), region.Identity(b.Out.W))
	var operands [2]kernels.Operand
	input := 0
	for i := range operands {
		o := &operands[i]
		if o.Kind = int(b.Kind[i]); b.Const[i] != nil {
			var err error
			if o.Constants, err = k.floats("constants", b.Const[i]); err != nil {
				return nil, err
			}
			continue
		}
		if input >= len(k.step.In) {
			return nil, ErrUnsupported
		}
		p := k.step.In[input].Plane
		o.H, o.W, o.C, o.Second = p.H, p.W, p.C, input == 1
		input++
	}
	return k.simple(shape, func(batch kernels.Batch, s kernels.Shape) (kernels.Launch, error) {
		return kernels.Combine(batch, s, b.Operation, operands[0], operands[1])
	})
}

// product packs products of matrices, which it reads where they lie together.
func (k *packing) product(p *engine.Product) (*packed, error) {
	of := kernels.Products{Batch: len(p.OutBatch), Rows: len(p.OutRow), Columns: len(p.Right.Column), Depth: len(p.Left.Column), Scale: p.Scale}
	for _, m := range []struct {
		to   *kernels.Matrix
		from engine.Matrix
	}{{&of.Left, p.Left}, {&of.Right, p.Right}, {&of.Out, engine.Matrix{Batch: p.OutBatch, Row: p.OutRow}}} {
		m.to.First, m.to.Second = m.from.First, m.from.In == 1
		if m.from.In > 1 || m.from.Const == nil && m.from.In >= len(k.step.In) {
			return nil, ErrUnsupported
		}
		var err error
		if m.from.Const != nil {
			if m.to.Constants, err = k.floats("a matrix", m.from.Const); err != nil {
				return nil, err
			}
		}
		for to, table := range map[*uint64][]int32{&m.to.Batch: m.from.Batch, &m.to.Row: m.from.Row, &m.to.Column: m.from.Column} {
			if *to, err = k.ints("places", table); err != nil {
				return nil, err
			}
		}
	}
	channels, sources := k.out.C, k.step.In
	meanwhile := func(seen func(s incremental.Source) region.Rect, _ region.Rect) (bytes int) {
		for _, s := range sources {
			if isApart(s, seen(s)) {
				bytes += align(4 * s.Plane.Len())
			}
		}
		return bytes
	}
	return &packed{meanwhile: meanwhile, run: func(at *positions) error {
		var inputs [2][]uint64
		for i := range sources {
			var err error
			if inputs[i], err = at.wholes(i); err != nil {
				return err
			}
		}
		return at.launch(at.jobsOf(func(j *kernels.Job, k int) {
			if j.In.Update = inputs[0][k]; inputs[1] != nil {
				j.Other.Update = inputs[1][k]
			}
		}), channels, func(b kernels.Batch) (kernels.Launch, error) { return kernels.Product(b, of) })
	}}, nil
}

// reduction packs what makes a number of many, or what they have in common.
func (k *packing) reduction(spec engine.Spec) (*packed, error) {
	switch p := spec.(type) {
	case *engine.Mean:
		mean := func(b kernels.Batch, s kernels.Shape) (kernels.Launch, error) { return kernels.Mean(b, s, p.Count) }
		return k.mean(k.windows(region.Whole(k.in.H), region.Whole(k.in.W)), p.Of, mean, p.Root)
	case *engine.RowSums:
		sum := func(b kernels.Batch, s kernels.Shape) (kernels.Launch, error) { return kernels.Mean(b, s, 1) }
		return k.mean(k.windows(region.Identity(k.in.H), region.Whole(k.in.W)), p.Of, sum, false)
	case *engine.Reduce:
		source, err := k.ints("channels", kernels.ReduceTable(p))
		if err != nil {
			return nil, err
		}
		return k.simple(k.shape(), func(b kernels.Batch, s kernels.Shape) (kernels.Launch, error) {
			return kernels.Reduce(b, s, p, source)
		})
	case *engine.LayerNorm:
		if len(p.Scale) != k.in.C || len(p.Bias) != k.in.C {
			return nil, ErrUnsupported
		}
		scale, bias, err := k.factors(p.Scale, p.Bias)
		if err != nil {
			return nil, err
		}
		return k.simple(k.shape(), func(b kernels.Batch, s kernels.Shape) (kernels.Launch, error) {
			return kernels.LayerNorm(b, s, p, scale, bias)
		})
	case *engine.Softmax:
		if p.Size < 1 || k.in.C%p.Size != 0 {
			return nil, ErrUnsupported
		}
		table, err := k.doubles(asm.Table(asm.Log))
		if err != nil {
			return nil, err
		}
		return k.simple(k.shape(), func(b kernels.Batch, s kernels.Shape) (kernels.Launch, error) {
			return kernels.Softmax(b, s, p, table)
		})
	case *engine.Moments:
		return k.moments(p)
	case *engine.Rescale:
		if len(k.step.In) != 2 || k.step.In[1].Plane != (engine.Plane{H: 1, W: 1, C: 2 * k.in.C}) {
			return nil, ErrUnsupported
		}
		return k.simple(k.bounded(p.Clamp), kernels.Rescale)
	}
	return nil, ErrUnsupported
}

// mean packs sums over windows, perhaps of what a function makes of each number first, and
// perhaps with the root of what comes of it.
func (k *packing) mean(shape kernels.Shape, of *engine.Unary, sum func(b kernels.Batch, s kernels.Shape) (kernels.Launch, error), root bool) (*packed, error) {
	if out := (engine.Plane{H: shape.Y.Out, W: shape.X.Out, C: shape.OutC}); out != k.out {
		return nil, ErrUnsupported
	}
	in, channels := plain(k.in), k.out.C
	var first, last func(b kernels.Batch, s kernels.Shape) (kernels.Launch, error)
	var err error
	if of != nil {
		if first, err = k.function(of); err != nil {
			return nil, err
		}
	}
	if root {
		if last, err = k.function(&engine.Unary{Function: asm.Sqrt, Table: asm.Table(asm.Sqrt)}); err != nil {
			return nil, err
		}
	}
	plane, out := k.in, plain(k.out)
	meanwhile := func(func(s incremental.Source) region.Rect, region.Rect) int {
		if first == nil {
			return 0
		}
		return align(4 * plane.Len())
	}
	return &packed{meanwhile: meanwhile, run: func(p *positions) error {
		jobs := p.jobs()
		if first != nil {
			var before []kernels.Job
			for i := range jobs {
				at := p.temporary(plane)
				before = append(before, kernels.Job{In: jobs[i].In, Rect: plane.Rect(), Out: at})
				jobs[i].In = kernels.Patched{View: at}
			}
			if err := p.launch(before, plane.C, func(b kernels.Batch) (kernels.Launch, error) { return first(b, in) }); err != nil {
				return err
			}
		}
		if err := p.launch(jobs, channels, func(b kernels.Batch) (kernels.Launch, error) { return sum(b, shape) }); err != nil || last == nil {
			return err
		}
		for i := range jobs { // in its place
			jobs[i].In = kernels.Patched{Update: jobs[i].Out, Rect: jobs[i].Rect}
		}
		return p.launch(jobs, channels, func(b kernels.Batch) (kernels.Launch, error) { return last(b, out) })
	}}, nil
}

// moments packs the moments of groups of channels: sums of parts, means of those, and the same
// of distances from the means.
func (k *packing) moments(m *engine.Moments) (*packed, error) {
	c := k.in.C
	if m.Groups < 1 || c%m.Groups != 0 || len(m.Scale) != c || k.out != (engine.Plane{H: 1, W: 1, C: 2 * c}) {
		return nil, ErrUnsupported
	}
	scale, bias, err := k.factors(m.Scale, m.Bias)
	if err != nil {
		return nil, err
	}
	parts, row := kernels.MomentParts(k.in), engine.Plane{H: 1, W: 1, C: c}
	shape, of := plain(k.in), plain(parts)
	of.Group = m.Groups
	n := float64(k.in.H * k.in.W * (c / m.Groups))
	meanwhile := func(func(s incremental.Source) region.Rect, region.Rect) int {
		return align(4*parts.Len()) + align(4*row.Len())
	}
	return &packed{meanwhile: meanwhile, run: func(p *positions) error {
		jobs := p.jobs()
		sums, means := make([]kernels.Job, len(jobs)), make([]kernels.Job, len(jobs))
		for i, j := range jobs {
			sums[i] = kernels.Job{In: j.In, Rect: parts.Rect(), Out: p.temporary(parts)}
			means[i] = kernels.Job{In: kernels.Patched{Update: sums[i].Out, Rect: parts.Rect()}, Rect: row.Rect(), Out: p.temporary(row)}
		}
		of1 := func(squares bool) launcher {
			return func(b kernels.Batch) (kernels.Launch, error) { return kernels.Moment(b, shape, squares) }
		}
		if err := p.launch(sums, c, of1(false)); err != nil {
			return err
		}
		if err := p.launch(means, c, func(b kernels.Batch) (kernels.Launch, error) { return kernels.MomentMeans(b, of, n) }); err != nil {
			return err
		}
		for i := range jobs {
			sums[i].Other = kernels.Patched{Update: means[i].Out, Rect: row.Rect()}
			jobs[i].In, jobs[i].Other = means[i].In, sums[i].Other
		}
		if err := p.launch(sums, c, of1(true)); err != nil {
			return err
		}
		return p.launch(jobs, 2*c, func(b kernels.Batch) (kernels.Launch, error) {
			return kernels.Moments(b, of, n, m.Epsilon, scale, bias)
		})
	}}, nil
}

// movement packs what puts numbers elsewhere, or makes them of few others.
func (k *packing) movement(spec engine.Spec) (*packed, error) {
	switch p := spec.(type) {
	case *engine.Concat:
		source := make([]int, k.out.C)
		for c := range source {
			source[c] = c
		}
		return k.channels(source, 0)
	case *engine.Channels:
		return k.channels(p.Source, p.Fill)
	case *engine.Squares:
		source := make([]int32, len(p.Source))
		for c, from := range p.Source {
			source[c] = int32(from)
		}
		at, err := k.ints("channels", source)
		if err != nil {
			return nil, err
		}
		return k.simple(k.windows(p.Windows(k.in)), func(b kernels.Batch, s kernels.Shape) (kernels.Launch, error) {
			return kernels.Squares(b, s, at, p.Fill)
		})
	case *engine.Turn:
		return k.simple(k.between(), kernels.Turn)
	case *engine.Spread:
		shape := k.between()
		shape.Y.Stride, shape.X.Stride, shape.Y.Pad, shape.X.Pad = p.Y, p.X, p.SkipY, p.SkipX
		return k.simple(shape, kernels.Spread)
	case *engine.Interpolate:
		return k.interpolate(p)
	case *engine.Sample:
		taps, err := k.taps(&p.Field.Table)
		if err != nil {
			return nil, err
		}
		return k.simple(k.between(), func(b kernels.Batch, s kernels.Shape) (kernels.Launch, error) { return kernels.Sample(b, s, taps) })
	case *engine.Row:
		var blocks []engine.Block
		to := 0
		for i, src := range k.step.In {
			n := src.Plane.Len()
			blocks = append(blocks, engine.Block{In: i, To: to, Loops: []engine.Loop{{N: n, From: 1, To: 1}}})
			to += n
		}
		return k.blocks(blocks, nil)
	case *engine.Move:
		return k.blocks(p.Blocks, nil)
	case *engine.Permute:
		return k.blocks([]engine.Block{{Loops: []engine.Loop{{N: len(p.Index), From: 1, To: 1}}}}, p.Index)
	}
	return nil, ErrUnsupported
}

// interpolate packs what tables of rows and columns make of planes.
func (k *packing) interpolate(p *engine.Interpolate) (*packed, error) {
	y, err := k.taps(&p.Y)
	if err != nil {
		return nil, err
	}
	x, err := k.taps(&p.X)
	if err != nil {
		return nil, err
	}
	return k.simple(k.between(), func(b kernels.Batch, s kernels.Shape) (kernels.Launch, error) {
		if y.Weights == 0 && x.Weights == 0 && y.Count == 1 && x.Count == 1 {
			return kernels.Pick(b, s, y.Index, x.Index, 0, p.Fill)
		}
		return kernels.Resize(b, s, y, x, p.Fill)
	})
}

// taps puts a table on the device.
func (k *packing) taps(t *region.Table) (kernels.Taps, error) {
	taps := kernels.Taps{Count: t.Taps}
	if t.Weight == nil && t.Taps != 1 {
		return taps, ErrUnsupported
	}
	var err error
	if taps.Index, err = k.ints("places", t.Index); err == nil && t.Weight != nil {
		taps.Weights, err = k.floats("weights", t.Weight)
	}
	return taps, err
}

// channels packs a step whose output channel c is channel source[c] of its inputs, which are
// numbered one input behind the other, or fill where that is -1: a launch for each input.
func (k *packing) channels(source []int, fill float32) (*packed, error) {
	var inputs []int
	var launches []launcher
	first := 0
	for i, src := range k.step.In {
		table := make([]int32, len(source))
		for c, from := range source {
			switch {
			case from < 0 && i == 0:
				table[c] = kernels.Filled
			case from < first || from >= first+src.Plane.C:
				table[c] = kernels.Left
			default:
				table[c] = int32(from - first)
			}
		}
		first += src.Plane.C
		if s := k.step; s.InPlace != nil && s.InPlace[i] {
			continue
		}
		at, err := k.ints("channels", table)
		if err != nil {
			return nil, err
		}
		shape := plain(src.Plane)
		shape.OutC = len(source)
		inputs = append(inputs, i)
		launches = append(launches, func(b kernels.Batch) (kernels.Launch, error) { return kernels.Pick(b, shape, 0, 0, at, fill) })
	}
	return k.each(inputs, launches), nil
}

// each is a step of launches, each of which takes an input.
func (k *packing) each(inputs []int, launches []launcher) *packed {
	channels := k.out.C
	return &packed{run: func(p *positions) error {
		for i, of := range launches {
			jobs := p.jobsOf(func(j *kernels.Job, k int) { j.In = p.in(p.step.In[inputs[i]], k) })
			if err := p.launch(jobs, channels, of); err != nil {
				return err
			}
		}
		return nil
	}}
}

// blocks packs copies of blocks to whole outputs; index, if not nil, says where the numbers of
// the only one are.
func (k *packing) blocks(blocks []engine.Block, index []int32) (*packed, error) {
	if k.program.Values[k.step.Out].PartOf >= 0 {
		return nil, ErrUnsupported
	}
	var inputs []int
	var launches []launcher
	for _, b := range blocks {
		if b.Const == nil && b.In >= len(k.step.In) {
			return nil, ErrUnsupported
		}
		of := kernels.Block{From: b.From, To: b.To, Loops: b.Loops}
		in := min(b.In, len(k.step.In)-1)
		var err error
		if b.Const != nil {
			if of.Constants, err = k.floats("constants", b.Const); err != nil {
				return nil, err
			}
		}
		if index != nil {
			if of.Index, err = k.ints("places", index); err != nil {
				return nil, err
			}
		}
		shape := plain(k.step.In[in].Plane)
		inputs = append(inputs, in)
		launches = append(launches, func(b kernels.Batch) (kernels.Launch, error) { return kernels.Move(b, shape, of) })
	}
	return k.each(inputs, launches), nil
}
