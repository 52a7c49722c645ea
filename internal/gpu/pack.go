package gpu

import (
	"encoding/binary"
	"fmt"
	"math"

	"krypton/internal/engine"
	"krypton/internal/gpu/kernels"
	"krypton/internal/incremental"
	"krypton/internal/region"
)

// packed is a step with its weights on the device: how it is launched for a batch of
// jobs. Its input, or the first of two, is the jobs' In, the second their Other.
type packed struct {
	launch func(b kernels.Batch) (kernels.Launch, error)
	// picks, of steps that put channels together, are launches of an input each, softmax
	// marks what the host computes, log that it takes the logarithm.
	picks        []pick
	softmax, log bool
}

// pick copies channels of an input of a step.
type pick struct {
	in     int
	launch func(b kernels.Batch) (kernels.Launch, error)
}

// free are bounds that limit nothing.
var free = engine.Clamp{float32(math.Inf(-1)), float32(math.Inf(1))}

// pack puts a step's weights on the device.
func (n *Network) pack(s *incremental.Step) (packed, error) {
	if len(s.In) == 0 {
		return packed{}, refused(s)
	}
	in, out := s.In[0].Plane, n.program.Values[s.Out].Plane
	shape := kernels.Shape{Y: region.Identity(in.H), X: region.Identity(in.W), C: in.C, OutC: out.C, Group: 1, Clamp: free, Sum: free}
	windows := func(y, x region.Window) kernels.Shape {
		shape.Y, shape.X = y, x
		return shape
	}
	simple := func(shape kernels.Shape, clamp engine.Clamp, of func(b kernels.Batch, s kernels.Shape) (kernels.Launch, error)) (packed, error) {
		if shape.Y.Out != out.H || shape.X.Out != out.W || shape.OutC != out.C {
			return packed{}, refused(s)
		}
		shape.Clamp = clamp
		return packed{launch: func(b kernels.Batch) (kernels.Launch, error) { return of(b, shape) }}, nil
	}
	switch p := s.Spec.(type) {
	case *engine.Convolution:
		return n.convolution(s, p, windows(p.Y, p.X))
	case *engine.MaxPool:
		return simple(windows(p.Y, p.X), free, kernels.MaxPool)
	case *engine.AveragePool:
		return n.averagePool(s, p, windows(p.Y, p.X))
	case *engine.Mean:
		if p.Of != nil || p.Root {
			return packed{}, refused(s)
		}
		return simple(windows(region.Whole(in.H), region.Whole(in.W)), free, func(b kernels.Batch, s kernels.Shape) (kernels.Launch, error) { return kernels.Mean(b, s, p.Count) })
	case *engine.RowSums:
		if p.Of != nil {
			return packed{}, refused(s)
		}
		return simple(windows(region.Identity(in.H), region.Whole(in.W)), free, func(b kernels.Batch, s kernels.Shape) (kernels.Launch, error) { return kernels.Mean(b, s, 1) })
	case *engine.Sum:
		if len(s.In) != 2 {
			return packed{}, refused(s)
		}
		return simple(shape, p.Clamp, kernels.Sum)
	case *engine.Binary:
		return n.binary(s, p, shape)
	case *engine.Bounds:
		return simple(shape, p.Clamp, kernels.Bounds)
	case *engine.Affine:
		scale, err := n.memory.floats("factors of "+s.Node, p.Scale)
		if err != nil {
			return packed{}, err
		}
		shift, err := n.memory.floats("addends of "+s.Node, p.Shift)
		if err != nil {
			return packed{}, err
		}
		return simple(shape, p.Clamp, func(b kernels.Batch, s kernels.Shape) (kernels.Launch, error) {
			return kernels.Affine(b, s, scale, shift)
		})
	case *engine.Unary:
		if p.Table == nil {
			return packed{}, refused(s)
		}
		var data []byte
		for _, v := range p.Table {
			data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
		}
		table, err := n.memory.put("table of "+s.Node, data)
		if err != nil {
			return packed{}, err
		}
		return simple(shape, free, func(b kernels.Batch, s kernels.Shape) (kernels.Launch, error) {
			return kernels.Function(b, s, p.Function, p.Table[0], table)
		})
	case *engine.Concat:
		source := make([]int, out.C)
		for c := range source {
			source[c] = c
		}
		return n.channels(s, source, 0)
	case *engine.Channels:
		return n.channels(s, p.Source, p.Fill)
	case *engine.Interpolate:
		if p.Y.Weight != nil || p.X.Weight != nil || p.Y.Taps != 1 || p.X.Taps != 1 {
			return packed{}, refused(s)
		}
		rows, err := n.ints("rows of "+s.Node, p.Y.Index)
		if err != nil {
			return packed{}, err
		}
		columns, err := n.ints("columns of "+s.Node, p.X.Index)
		if err != nil {
			return packed{}, err
		}
		between := func(in, out int) region.Window { return region.Window{In: in, Out: out} }
		return simple(windows(between(in.H, out.H), between(in.W, out.W)), free, func(b kernels.Batch, s kernels.Shape) (kernels.Launch, error) {
			return kernels.Pick(b, s, rows, columns, 0, p.Fill)
		})
	case *engine.Softmax:
		if p.Size != in.Len() {
			return packed{}, refused(s)
		}
		return packed{softmax: true, log: p.Log}, nil
	}
	return packed{}, refused(s)
}

// refused is the error of a step that no kernel computes.
func refused(s *incremental.Step) error {
	return fmt.Errorf("node %s (%s): no kernel of the graphics processor computes this yet", s.Node, s.Operator)
}

func (n *Network) convolution(s *incremental.Step, c *engine.Convolution, shape kernels.Shape) (packed, error) {
	if c.Way.Tile != 0 || c.Way.BF16 || c.Way.Int8 {
		return packed{}, refused(s)
	}
	taps, per := c.Y.Kernel*c.X.Kernel, c.In.C/c.Group
	shape.Group, shape.Clamp = c.Group, c.Clamp
	kernel := kernels.Convolve
	bias := make([]float32, c.OutC)
	var weights []float32
	if c.Depthwise() || c.Way.Together {
		kernel, shape.Group = kernels.Depthwise, per
		weights = kernels.PackDepthwise(c.Weights, per, taps, c.In.C)
		copy(bias, c.Bias)
	} else {
		weights, bias = kernels.PackDense(c.Weights, c.Bias, per, taps, c.Group, c.OutC)
	}
	w, err := n.memory.floats("weights of "+s.Node, weights)
	if err != nil {
		return packed{}, err
	}
	b, err := n.memory.floats("biases of "+s.Node, bias)
	if err != nil {
		return packed{}, err
	}
	return packed{launch: func(batch kernels.Batch) (kernels.Launch, error) { return kernel(batch, shape, w, b) }}, nil
}

// channels packs a step whose output channel c is channel source[c] of its inputs, which are
// numbered one input behind the other, or fill where that is -1.
func (n *Network) channels(s *incremental.Step, source []int, fill float32) (packed, error) {
	var k packed
	first := 0
	for i, src := range s.In {
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
		if s.InPlace != nil && s.InPlace[i] {
			continue
		}
		at, err := n.ints("channels of "+s.Node, table)
		if err != nil {
			return packed{}, err
		}
		shape := kernels.Shape{Y: region.Identity(src.Plane.H), X: region.Identity(src.Plane.W), C: src.Plane.C, OutC: len(source), Group: 1}
		k.picks = append(k.picks, pick{i, func(b kernels.Batch) (kernels.Launch, error) { return kernels.Pick(b, shape, 0, 0, at, fill) }})
	}
	return k, nil
}

// ints puts a table on the device.
func (n *Network) ints(what string, table []int32) (uint64, error) {
	var data []byte
	for _, v := range table {
		data = binary.LittleEndian.AppendUint32(data, uint32(v))
	}
	return n.memory.put(what, data)
}

func (n *Network) binary(s *incremental.Step, b *engine.Binary, shape kernels.Shape) (packed, error) {
	if !b.Native {
		return packed{}, refused(s)
	}
	shape.Y, shape.X = region.Identity(b.Out.H), region.Identity(b.Out.W)
	var operands [2]kernels.Operand
	input := 0
	for k := range operands {
		o := &operands[k]
		if o.Kind = int(b.Kind[k]); b.Const[k] != nil {
			var err error
			if o.Constants, err = n.memory.floats("constants of "+s.Node, b.Const[k]); err != nil {
				return packed{}, err
			}
			continue
		}
		if input >= len(s.In) {
			return packed{}, refused(s)
		}
		p := s.In[input].Plane
		o.H, o.W, o.C, o.Second = p.H, p.W, p.C, input == 1
		input++
	}
	return packed{launch: func(batch kernels.Batch) (kernels.Launch, error) {
		return kernels.Combine(batch, shape, b.Operation, operands[0], operands[1])
	}}, nil
}

func (n *Network) averagePool(s *incremental.Step, p *engine.AveragePool, shape kernels.Shape) (packed, error) {
	var at [2]uint64 // of rows and columns
	if p.DivisorY != nil {
		for i, divisors := range [][]int{p.DivisorY, p.DivisorX} {
			table := make([]int32, len(divisors))
			for k, d := range divisors {
				table[k] = int32(d)
			}
			var err error
			if at[i], err = n.ints("divisors of "+s.Node, table); err != nil {
				return packed{}, err
			}
		}
	}
	return packed{launch: func(b kernels.Batch) (kernels.Launch, error) { return kernels.AveragePool(b, shape, at[0], at[1]) }}, nil
}
