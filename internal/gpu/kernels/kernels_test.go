package kernels

import (
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

var unclamped = engine.Clamp{float32(math.Inf(-1)), float32(math.Inf(1))}

func randomWindow(rng *rand.Rand, n int) region.Window {
	for {
		w := region.Window{Kernel: 1 + rng.IntN(4), Stride: 1 + rng.IntN(3), Dilation: 1 + rng.IntN(2), Pad: rng.IntN(3), In: n}
		if span := n + w.Pad + rng.IntN(3) - w.Extent(); span >= 0 {
			w.Out = span/w.Stride + 1
			return w
		}
	}
}

func randomClamp(rng *rand.Rand) engine.Clamp {
	return []engine.Clamp{unclamped, {0, float32(math.Inf(1))}, {0, 0.25}, {-0.5, 0.5}}[rng.IntN(4)]
}

// shapeOf is that of windows.
func shapeOf(in engine.Plane, y, x region.Window, outC int) Shape {
	return Shape{Y: y, X: x, C: in.C, OutC: outC, Group: 1, Clamp: unclamped, Sum: unclamped}
}

func TestConvolve(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 24 {
		group := []int{1, 1, 2, 3}[rng.IntN(4)]
		in := engine.Plane{H: 1 + rng.IntN(9), W: 1 + rng.IntN(9), C: group * (1 + rng.IntN(20))}
		convolution(t, rng, in, randomWindow(rng, in.H), randomWindow(rng, in.W), group, group*(1+rng.IntN(40)))
	}
	in := engine.Plane{H: 4, W: 3, C: 5}
	// More than one block of columns; a fully connected layer.
	convolution(t, rng, in, region.Window{Kernel: 3, Stride: 1, Dilation: 1, Pad: 1, In: 4, Out: 4}, region.Identity(3), 1, 131)
	convolution(t, rng, in, region.Whole(4), region.Whole(3), 1, 70)
}

func convolution(t *testing.T, rng *rand.Rand, in engine.Plane, y, x region.Window, group, outC int) {
	t.Helper()
	cin, taps := in.C/group, y.Kernel*x.Kernel
	weights, bias := random(rng, outC*cin*taps), random(rng, outC)
	if rng.IntN(4) == 0 {
		bias = nil
	}
	s := shapeOf(in, y, x, outC)
	s.Group, s.Clamp = group, randomClamp(rng)
	c := subject{in: []engine.Plane{in}, out: engine.Plane{H: y.Out, W: x.Out, C: outC}, pitched: true}
	if rng.IntN(2) == 0 {
		s.Sum = randomClamp(rng)
		c.residual = &s.Sum
	}
	c.make = func(sc *engine.Scratch) (engine.Primitive, error) {
		return engine.NewConv(sc, in, y, x, group, weights, bias, outC, s.Clamp)
	}
	c.launch = func(d *device, b Batch) (Launch, error) {
		w, bs := PackDense(weights, bias, cin, taps, group, outC)
		return Convolve(b, s, d.floats("weights", w), d.floats("biases", bs))
	}
	c.check(t, rng)
}

// TestWinograd looks at tiles of both sizes, whole ones and those at planes' ends, of which jobs want
// any part.
func TestWinograd(t *testing.T) {
	rng := rand.New(rand.NewPCG(81, 82))
	window := func(n int) region.Window {
		w := region.Window{Kernel: 3, Stride: 1, Dilation: 1, Pad: rng.IntN(3), In: n}
		w.Out = n + 2*w.Pad - 2
		return w
	}
	for i := range 10 {
		size := []asm.WinogradSize{asm.Winograd4, asm.Winograd2}[i%2]
		in := engine.Plane{H: 3 + rng.IntN(9), W: 3 + rng.IntN(9), C: 1 + rng.IntN(37)}
		y, x, outC := window(in.H), window(in.W), 1+rng.IntN(37)
		if i == 4 {
			outC = 67 // more than a block's
		}
		weights, bias := random(rng, outC*in.C*9), random(rng, outC)
		s := shapeOf(in, y, x, outC)
		s.Clamp = randomClamp(rng)
		c := subject{in: []engine.Plane{in}, out: engine.Plane{H: y.Out, W: x.Out, C: outC}, pitched: true}
		if rng.IntN(2) == 0 {
			s.Sum = randomClamp(rng)
			c.residual = &s.Sum
		}
		c.make = func(sc *engine.Scratch) (engine.Primitive, error) {
			return engine.NewWinograd(sc, in, y, x, size, false, weights, bias, outC, s.Clamp)
		}
		c.launches = func(d *device, jobs []Job) ([]Launch, error) {
			inputs, outputs := slices.Clone(jobs), slices.Clone(jobs)
			for i, j := range jobs {
				inputs[i].Rect = engine.WinogradTiles(size, j.Rect)
				outputs[i].In = Patched{Update: j.Out, Rect: j.Rect}
				outputs[i].Rect, outputs[i].Pitch = inputs[i].Rect, max(j.Pitch, outC)
			}
			from, to := d.batch(inputs, in.C), d.batch(outputs, outC)
			w := Winograd{Size: size, Weights: d.floats("weights", PackWinograd(weights, in.C, outC, size)), Bias: d.floats("biases", bias)}
			w.Inputs = d.memory.Alloc("inputs", 4*w.Numbers(from.Pixels, in.C))
			w.Products = d.memory.Alloc("products", 4*w.Numbers(from.Pixels, outC))
			return w.Launches(from, to, s)
		}
		c.check(t, rng)
	}
}

func TestDepthwise(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 12 {
		in := engine.Plane{H: 1 + rng.IntN(9), W: 1 + rng.IntN(9), C: 1 + rng.IntN(40)}
		y, x := randomWindow(rng, in.H), randomWindow(rng, in.W)
		weights, bias := random(rng, in.C*y.Kernel*x.Kernel), random(rng, in.C)
		s := shapeOf(in, y, x, in.C)
		s.Clamp = randomClamp(rng)
		subject{in: []engine.Plane{in}, out: engine.Plane{H: y.Out, W: x.Out, C: in.C},
			make: func(*engine.Scratch) (engine.Primitive, error) {
				return engine.NewDepthwise(in, y, x, weights, bias, s.Clamp)
			},
			launch: func(d *device, b Batch) (Launch, error) {
				return Depthwise(b, s, d.floats("weights", PackDepthwise(weights, 1, y.Kernel*x.Kernel, in.C)), d.floats("biases", bias))
			}}.check(t, rng)
	}
}

// TestGrouped looks at small groups that the engine computes together.
func TestGrouped(t *testing.T) {
	rng, tested := rand.New(rand.NewPCG(5, 6)), 0
	for range 12 {
		per := 2 << rng.IntN(3)
		in := engine.Plane{H: 3 + rng.IntN(6), W: 3 + rng.IntN(6), C: 32 + per*rng.IntN(4)}
		y, x := region.Window{Kernel: 3, Stride: 1, Dilation: 1, Pad: 1, In: in.H, Out: in.H}, region.Window{Kernel: 3, Stride: 1, Dilation: 1, Pad: 1, In: in.W, Out: in.W}
		together := true
		for _, k := range fusedSets(t) {
			together = together && engine.GroupedTogether(k, y, x, per, in.C)
		}
		if !together {
			continue
		}
		tested++
		weights, bias := random(rng, in.C*per*9), random(rng, in.C)
		s := shapeOf(in, y, x, in.C)
		s.Group, s.Clamp = per, randomClamp(rng)
		subject{in: []engine.Plane{in}, out: engine.Plane{H: y.Out, W: x.Out, C: in.C},
			make: func(sc *engine.Scratch) (engine.Primitive, error) {
				return engine.NewGrouped(sc.Kernels, in, y, x, per, weights, bias, s.Clamp)
			},
			launch: func(d *device, b Batch) (Launch, error) {
				return Depthwise(b, s, d.floats("weights", PackDepthwise(weights, per, 9, in.C)), d.floats("biases", bias))
			}}.check(t, rng)
	}
	if tested == 0 {
		t.Error("no groups are computed together")
	}
}

func TestPools(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for i := range 18 {
		in := engine.Plane{H: 1 + rng.IntN(9), W: 1 + rng.IntN(9), C: 1 + rng.IntN(40)}
		y, x := randomWindow(rng, in.H), randomWindow(rng, in.W)
		out := engine.Plane{H: y.Out, W: x.Out, C: in.C}
		s := shapeOf(in, y, x, in.C)
		c := subject{in: []engine.Plane{in}, out: out}
		if i%3 == 0 {
			c.make = func(*engine.Scratch) (engine.Primitive, error) {
				return &engine.MaxPool{In: in, Out: out, Y: y, X: x}, nil
			}
			c.launch = func(_ *device, b Batch) (Launch, error) { return MaxPool(b, s) }
			c.check(t, rng)
			continue
		}
		p := &engine.AveragePool{In: in, Out: out, Y: y, X: x}
		if i%3 == 1 {
			p.DivisorY, p.DivisorX = divisors(rng, y), divisors(rng, x)
		}
		c.make = func(*engine.Scratch) (engine.Primitive, error) { return p, nil }
		c.launch = func(d *device, b Batch) (Launch, error) {
			var rows, columns uint64
			if p.DivisorY != nil {
				rows, columns = d.ints("rows", int32s(p.DivisorY)), d.ints("columns", int32s(p.DivisorX))
			}
			return AveragePool(b, s, rows, columns)
		}
		c.check(t, rng)
	}
}

// TestPick copies regions by tables of rows and columns, and channels of two inputs.
func TestPick(t *testing.T) {
	rng := rand.New(rand.NewPCG(19, 20))
	indices := func(n, of int) []int32 {
		index := make([]int32, n)
		for i := range index {
			index[i] = int32(rng.IntN(of+1)) - 1
		}
		return index
	}
	for range 6 {
		in := engine.Plane{H: 1 + rng.IntN(9), W: 1 + rng.IntN(9), C: 1 + rng.IntN(40)}
		out := engine.Plane{H: 1 + rng.IntN(9), W: 1 + rng.IntN(9), C: in.C}
		p := &engine.Interpolate{In: in, Out: out, Fill: 0.5,
			Y: region.Table{In: in.H, Taps: 1, Index: indices(out.H, in.H)}, X: region.Table{In: in.W, Taps: 1, Index: indices(out.W, in.W)}}
		s := shapeOf(in, region.Window{In: in.H, Out: out.H}, region.Window{In: in.W, Out: out.W}, in.C)
		subject{in: []engine.Plane{in}, out: out, make: func(*engine.Scratch) (engine.Primitive, error) { return p, nil },
			launch: func(d *device, b Batch) (Launch, error) {
				return Pick(b, s, d.ints("rows", p.Y.Index), d.ints("columns", p.X.Index), 0, p.Fill)
			}}.check(t, rng)

		channels := indices(1+rng.IntN(20), in.C)
		picked := engine.Plane{H: in.H, W: in.W, C: len(channels)}
		c := &engine.Channels{Fill: -2}
		for _, v := range channels {
			c.Source = append(c.Source, int(v))
		}
		s = shapeOf(in, region.Identity(in.H), region.Identity(in.W), picked.C)
		subject{in: []engine.Plane{in}, out: picked, make: func(*engine.Scratch) (engine.Primitive, error) { return c, nil },
			launch: func(d *device, b Batch) (Launch, error) {
				return Pick(b, s, 0, 0, d.ints("channels", channels), c.Fill)
			}}.check(t, rng)
	}
}

// TestCombine spreads operands of all kinds, constants and inputs, over outputs, for all
// operations; constants have equal numbers, zeros and NaN among them.
func TestCombine(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	for i := range 40 {
		out := engine.Plane{H: 1 + rng.IntN(6), W: 1 + rng.IntN(6), C: 1 + rng.IntN(40)}
		b := &engine.Binary{Out: out, Native: true, Operation: asm.Arithmetic(i % (int(asm.GreaterOrEqual) + 1))}
		var inputs []engine.Plane
		var operands [2]Operand
		for k := range operands {
			b.Kind[k] = engine.Operand(rng.IntN(4))
			p := out
			if b.Kind[k] == engine.PerChannel || b.Kind[k] == engine.Scalar {
				p.W = 1
			}
			if b.Kind[k] == engine.PerPixel || b.Kind[k] == engine.Scalar {
				p.C = 1
			}
			if rng.IntN(3) == 0 || b.Kind[k] != engine.Full && rng.IntN(2) == 0 {
				p.H = 1
			}
			operands[k] = Operand{Kind: int(b.Kind[k]), H: p.H, W: p.W, C: p.C}
			if (k == 1 && len(inputs) > 0 || k == 0) && rng.IntN(2) == 0 {
				if b.Kind[k] == engine.Full || b.Kind[k] == engine.PerPixel {
					p.H = out.H
				} else {
					p.H = 1
				}
				b.Const[k] = random(rng, p.Len())
				for n := range b.Const[k] {
					switch rng.IntN(8) {
					case 0:
						b.Const[k][n] = 0
					case 1:
						b.Const[k][n] = float32(math.NaN())
					}
				}
				continue
			}
			operands[k].Second = len(inputs) == 1
			inputs = append(inputs, p)
		}
		s := shapeOf(out, region.Identity(out.H), region.Identity(out.W), out.C)
		subject{in: inputs, out: out, whole: inputs[0] != out || len(inputs) > 1 && inputs[1] != out,
			make: func(*engine.Scratch) (engine.Primitive, error) { return b, nil },
			launch: func(d *device, batch Batch) (Launch, error) {
				on := operands
				for k := range on {
					if b.Const[k] != nil {
						on[k].Constants = d.floats("constants", b.Const[k])
					}
				}
				return Combine(batch, s, b.Operation, on[0], on[1])
			}}.check(t, rng)
	}
}

func divisors(rng *rand.Rand, w region.Window) []int {
	d := make([]int, w.Out)
	for i := range d {
		d[i] = 1 + rng.IntN(w.Kernel)
	}
	return d
}

func int32s(x []int) []int32 {
	var y []int32
	for _, v := range x {
		y = append(y, int32(v))
	}
	return y
}

func TestMean(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for range 6 {
		in := engine.Plane{H: 1 + rng.IntN(6), W: 1 + rng.IntN(6), C: 1 + rng.IntN(40)}
		s, count := shapeOf(in, region.Whole(in.H), region.Whole(in.W), in.C), 1+rng.IntN(50)
		subject{in: []engine.Plane{in}, out: engine.Plane{H: 1, W: 1, C: in.C}, whole: true,
			make:   func(*engine.Scratch) (engine.Primitive, error) { return &engine.Mean{Count: count}, nil },
			launch: func(_ *device, b Batch) (Launch, error) { return Mean(b, s, count) }}.check(t, rng)
		rows := shapeOf(in, region.Identity(in.H), region.Whole(in.W), in.C)
		subject{in: []engine.Plane{in}, out: engine.Plane{H: in.H, W: 1, C: in.C},
			make:   func(*engine.Scratch) (engine.Primitive, error) { return &engine.RowSums{}, nil },
			launch: func(_ *device, b Batch) (Launch, error) { return Mean(b, rows, 1) }}.check(t, rng)
	}
}

// TestPointwise looks at what takes one pixel of each input for one of the output.
func TestPointwise(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for range 4 {
		p := engine.Plane{H: 1 + rng.IntN(9), W: 1 + rng.IntN(9), C: 1 + rng.IntN(40)}
		s := shapeOf(p, region.Identity(p.H), region.Identity(p.W), p.C)
		s.Clamp = randomClamp(rng)
		scale, shift := random(rng, p.C), random(rng, p.C)
		pointwise := func(inputs int, of engine.Primitive, launch func(d *device, b Batch) (Launch, error)) {
			c := subject{in: []engine.Plane{p, p}[:inputs], out: p, launch: launch}
			c.make = func(*engine.Scratch) (engine.Primitive, error) { return of, nil }
			c.check(t, rng)
		}
		pointwise(2, &engine.Sum{Clamp: s.Clamp}, func(_ *device, b Batch) (Launch, error) { return Sum(b, s) })
		pointwise(1, &engine.Bounds{Clamp: s.Clamp}, func(_ *device, b Batch) (Launch, error) { return Bounds(b, s) })
		pointwise(1, &engine.Affine{Scale: scale, Shift: shift, Clamp: s.Clamp}, func(d *device, b Batch) (Launch, error) {
			return Affine(b, s, d.floats("scale", scale), d.floats("shift", shift))
		})
	}
}

// TestSpecialNumbers gives NaN, infinities, zeros with signs and numbers at the ends of
// float32 to what compares.
func TestSpecialNumbers(t *testing.T) {
	inf, nan, zero := float32(math.Inf(1)), float32(math.NaN()), float32(math.Copysign(0, -1))
	special := []float32{0, zero, nan, inf, -inf, math.MaxFloat32, -math.MaxFloat32, math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 0x1p-126, 1, -1}
	n := len(special)
	p := engine.Plane{H: n, W: n, C: 3}
	var x, y []float32
	for i := range p.Len() {
		x, y = append(x, special[i/3/n]), append(y, special[i/3%n])
	}
	window := region.Window{Kernel: 2, Stride: 1, Dilation: 1, Pad: 1, In: n, Out: n + 1}
	identity := region.Identity(n)
	for _, clamp := range []engine.Clamp{unclamped, {0, inf}, {zero, 0}, {-1, 1}} {
		s, w := shapeOf(p, identity, identity, p.C), shapeOf(p, window, window, p.C)
		s.Clamp, w.Clamp = clamp, clamp
		ones := []float32{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}
		for name, c := range map[string]struct {
			of     engine.Primitive
			inputs int
			shape  Shape
			launch func(d *device, b Batch) (Launch, error)
		}{
			"sum":    {&engine.Sum{Clamp: clamp}, 2, s, func(_ *device, b Batch) (Launch, error) { return Sum(b, s) }},
			"bounds": {&engine.Bounds{Clamp: clamp}, 1, s, func(_ *device, b Batch) (Launch, error) { return Bounds(b, s) }},
			"max":    {&engine.MaxPool{In: p, Out: engine.Plane{H: n + 1, W: n + 1, C: 3}, Y: window, X: window}, 1, w, func(_ *device, b Batch) (Launch, error) { return MaxPool(b, w) }},
			"depthwise": {must(engine.NewDepthwise(p, window, window, ones, nil, clamp)), 1, w, func(d *device, b Batch) (Launch, error) {
				return Depthwise(b, w, d.floats("weights", ones), d.floats("biases", make([]float32, 3)))
			}},
			"convolution": {nil, 1, w, func(d *device, b Batch) (Launch, error) {
				packed, biases := PackDense(slices.Repeat(ones, 3), nil, 3, 4, 1, 3)
				return Convolve(b, w, d.floats("weights", packed), d.floats("biases", biases))
			}},
		} {
			job := engine.Job{In: []engine.Patched{{Plane: p, View: x}, {Plane: p, View: y}}[:c.inputs], Rect: region.Plane(c.shape.Y.Out, c.shape.X.Out)}
			job.Out = make([]float32, job.Rect.Area()*3)
			d := newDevice(t)
			on := d.jobs([]engine.Job{job}, 3)
			d.run(c.launch(d, d.batch(on, 3)))
			got := d.read(on[0].Out, len(job.Out))
			for _, k := range fusedSets(t) {
				s, of := engine.NewScratch(k), c.of
				if of == nil {
					of = must(engine.NewConv(s, p, window, window, 1, slices.Repeat(ones, 3), nil, 3, clamp))
				}
				of.Run(s, []engine.Job{job})
				for i, want := range job.Out {
					if !sameBits(got[i], want) {
						t.Fatalf("%s, bounds %v, number %d: %g (%x), %s has %g (%x)", name, clamp, i, got[i], math.Float32bits(got[i]), k.Name, want, math.Float32bits(want))
					}
				}
			}
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestFunctions compares all functions with those of package asm, which gives the same bits
// on every set.
func TestFunctions(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	parameters := map[asm.Function][]float64{
		asm.Swish: {1.702}, asm.Elu: {0.7, 1.05}, asm.HardSigmoid: {1. / 6, 0.5}, asm.HardSwish: {1. / 6, 0.5}, asm.LeakyRelu: {0.01},
		asm.Celu: {0.7, 1 / 0.7}, asm.Pow: {3, asm.PowSign(3)},
	}
	x := []float32{0, float32(math.Copysign(0, -1)), float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), math.MaxFloat32, -math.MaxFloat32,
		math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 1, -1, 0.8, 20, -20, 88.8, -104, -110, 80, -64}
	for len(x) < 512 {
		x = append(x, float32(math.Copysign(math.Exp2(rng.Float64()*60-45), rng.Float64()-0.5)))
	}
	p := engine.Plane{H: 1, W: len(x) / 2, C: 2}
	s := shapeOf(p, region.Identity(1), region.Identity(p.W), 2)
	compare := func(f asm.Function, parameters ...float64) {
		table := asm.Table(f, parameters...)
		want := make([]float32, len(x))
		asm.Generic.Apply(f, table, x, want)
		d := newDevice(t)
		on := d.jobs([]engine.Job{{In: []engine.Patched{{Plane: p, View: x}}, Rect: p.Rect(), Out: want}}, 2)
		factor := 0.0
		if len(parameters) > 0 {
			factor = parameters[0]
		}
		d.run(Function(d.batch(on, 2), s, f, factor, d.doubles("table", table)))
		for i, got := range d.read(on[0].Out, len(x)) {
			if !sameBits(got, want[i]) {
				t.Errorf("function %d %v of %g (%x): %g (%x), want %g (%x)", f, parameters, x[i], math.Float32bits(x[i]), got, math.Float32bits(got), want[i], math.Float32bits(want[i]))
				break
			}
		}
	}
	for f := range functions {
		compare(f, parameters[f]...)
	}
	compare(asm.Swish, 1)
	compare(asm.Pow, 0.5, asm.PowSign(0.5))
}

func TestProduct(t *testing.T) {
	rng := rand.New(rand.NewPCG(15, 16))
	for i := range 8 {
		rows, columns, depth, batch := 1+rng.IntN(12), 1+rng.IntN(40), 1+rng.IntN(20), 1+rng.IntN(3)
		if i == 0 { // more than one block along each axis
			rows, columns, depth = 67, 130, 35
		}
		left, right := engine.Plane{H: batch, W: rows, C: depth}, engine.Plane{H: batch, W: columns, C: depth}
		out := engine.Plane{H: batch, W: rows, C: columns}
		p := &engine.Product{Left: engine.Matrix{In: 0}, Right: engine.Matrix{In: 1}, Scale: []float32{1, 0.3}[rng.IntN(2)], Pixels: batch * rows}
		// The right matrices lie turned: their columns one behind the other, some backwards.
		for b := range batch {
			p.Left.Batch, p.Right.Batch, p.OutBatch = append(p.Left.Batch, int32(b*rows*depth)), append(p.Right.Batch, int32(b*columns*depth)), append(p.OutBatch, int32(b*rows*columns))
		}
		for k := range depth {
			p.Left.Column, p.Right.Row = append(p.Left.Column, int32(k)), append(p.Right.Row, int32(k))
			if rows%2 == 0 {
				p.Left.Column[k] = int32(depth - 1 - k)
			}
		}
		for r := range rows {
			p.Left.Row, p.OutRow = append(p.Left.Row, int32(r*depth)), append(p.OutRow, int32((rows-1-r)*columns))
		}
		for c := range columns {
			p.Right.Column = append(p.Right.Column, int32(c*depth))
		}
		subject{in: []engine.Plane{left, right}, out: out, whole: true, updates: true,
			make: func(*engine.Scratch) (engine.Primitive, error) { return p, nil },
			launch: func(d *device, b Batch) (Launch, error) {
				matrix := func(name string, m engine.Matrix) Matrix {
					return Matrix{Batch: d.ints(name, m.Batch), Row: d.ints(name, m.Row), Column: d.ints(name, m.Column), First: m.First, Second: m.In == 1}
				}
				return Product(b, Products{Left: matrix("left", p.Left), Right: matrix("right", p.Right),
					Out: matrix("out", engine.Matrix{Batch: p.OutBatch, Row: p.OutRow}), Batch: batch, Rows: rows, Columns: columns, Depth: depth, Scale: p.Scale})
			}}.check(t, rng)
	}
}

// once checks a primitive of one input.
func once(t *testing.T, rng *rand.Rand, in, out engine.Plane, whole bool, of engine.Primitive, launch func(d *device, b Batch) (Launch, error)) {
	t.Helper()
	subject{in: []engine.Plane{in}, out: out, whole: whole, launch: launch,
		make: func(*engine.Scratch) (engine.Primitive, error) { return of, nil }}.check(t, rng)
}

// TestRows looks at what reads all of a pixel: normalizations and softmax, of few channels and of
// many, in one run or in several.
func TestRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 24))
	for i, size := range []int{1, 5, 6, 7, 15, 16, 17, 70, 131} {
		for _, runs := range []int{1, 3} {
			p := engine.Plane{H: 1 + rng.IntN(4), W: 1 + rng.IntN(9), C: size * runs}
			if i%3 == 0 {
				p.H, p.W = 1, 1
			}
			s := shapeOf(p, region.Identity(p.H), region.Identity(p.W), p.C)
			for _, log := range []bool{false, true} {
				m := &engine.Softmax{Size: size, Log: log}
				once(t, rng, p, p, false, m, func(d *device, b Batch) (Launch, error) {
					return Softmax(b, s, m, d.doubles("table", asm.Table(asm.Log)))
				})
			}
			l := &engine.LayerNorm{Mean: i%2 == 0, Length: i%4 == 1, Epsilon: 1e-5, Scale: random(rng, p.C), Bias: random(rng, p.C)}
			once(t, rng, p, p, false, l, func(d *device, b Batch) (Launch, error) {
				return LayerNorm(b, s, l, d.floats("scale", l.Scale), d.floats("bias", l.Bias))
			})
		}
	}
}

// TestReduce reduces channels that lie together, in step and anyhow, by all kinds.
func TestReduce(t *testing.T) {
	rng := rand.New(rand.NewPCG(25, 26))
	ways := map[[2]bool]int{}
	for kind := engine.ReduceMean; kind <= engine.ReduceLastMin; kind++ {
		for i := range 5 {
			p := engine.Plane{H: 2, W: 1 + rng.IntN(4), C: 40}
			r := &engine.Reduce{Kind: kind}
			n, outs := 2+rng.IntN(3), 1+rng.IntN(9)
			if i%5 > 2 {
				outs = 8 // branches: side by side, and one behind the other
			}
			for o := range outs {
				var from []int
				for k := range n {
					switch i % 5 {
					case 0:
						from = append(from, o+k)
					case 1:
						from = append(from, rng.IntN(p.C))
					case 2:
						from = append(from, 0)
					case 3:
						from = append(from, o+k*outs)
					default:
						from = append(from, o*n+k)
					}
				}
				if i%5 == 2 {
					from = nil
					for k := range 17 + rng.IntN(20) {
						from = append(from, k)
					}
				}
				slices.Sort(from)
				r.Source = append(r.Source, from)
			}
			single, wide := r.Single()
			ways[[2]bool{single, wide}]++
			s := shapeOf(p, region.Identity(p.H), region.Identity(p.W), outs)
			once(t, rng, p, engine.Plane{H: p.H, W: p.W, C: outs}, false, r, func(d *device, b Batch) (Launch, error) {
				return Reduce(b, s, r, d.ints("source", ReduceTable(r)))
			})
		}
	}
	if len(ways) < 3 {
		t.Errorf("only these ways: %v", ways)
	}
}

// TestMovements looks at what puts numbers elsewhere, or makes them of few others.
func TestMovements(t *testing.T) {
	rng := rand.New(rand.NewPCG(27, 28))
	table := func(in, out, taps int) region.Table {
		t := region.Table{In: in, Taps: taps}
		for range out * taps {
			t.Index = append(t.Index, int32(rng.IntN(in+1))-1)
		}
		if taps > 1 || rng.IntN(2) == 0 {
			t.Weight = random(rng, out*taps)
		}
		return t
	}
	between := func(in, out engine.Plane) Shape {
		return shapeOf(in, region.Window{In: in.H, Out: out.H}, region.Window{In: in.W, Out: out.W}, out.C)
	}
	taps := func(d *device, t *region.Table) Taps {
		of := Taps{Index: d.ints("index", t.Index), Count: t.Taps}
		if t.Weight != nil {
			of.Weights = d.floats("weights", t.Weight)
		}
		return of
	}
	for i := range 8 {
		in := engine.Plane{H: 1 + rng.IntN(6), W: 1 + rng.IntN(6), C: 1 + rng.IntN(20)}
		out := engine.Plane{H: 1 + rng.IntN(6), W: 1 + rng.IntN(6), C: in.C}
		p := &engine.Interpolate{In: in, Out: out, Fill: 0.5, Y: table(in.H, out.H, 1+i%4), X: table(in.W, out.W, 1+i/2)}
		once(t, rng, in, out, false, p, func(d *device, b Batch) (Launch, error) {
			return Resize(b, between(in, out), taps(d, &p.Y), taps(d, &p.X), p.Fill)
		})
		f := &engine.Sample{Out: out, Field: region.NewField([2]int{in.H, in.W}, [2]int{out.H, out.W}, table(in.H*in.W, out.H*out.W, 1+i%4))}
		once(t, rng, in, out, false, f, func(d *device, b Batch) (Launch, error) {
			return Sample(b, between(in, out), taps(d, &f.Field.Table))
		})
		turned := in.Turned()
		once(t, rng, in, turned, false, &engine.Turn{Out: turned}, func(_ *device, b Batch) (Launch, error) { return Turn(b, between(in, turned)) })

		y, x := 1+rng.IntN(3), 1+rng.IntN(3)
		packed := engine.Plane{H: in.H, W: in.W, C: in.C * y * x}
		spread := &engine.Spread{Y: y, X: x, SkipY: rng.IntN(y), SkipX: rng.IntN(x)}
		spread.Out = engine.Plane{H: in.H*y - spread.SkipY, W: in.W*x - spread.SkipX, C: in.C}
		s := between(packed, spread.Out)
		s.Y.Stride, s.X.Stride, s.Y.Pad, s.X.Pad = y, x, spread.SkipY, spread.SkipX
		once(t, rng, packed, spread.Out, false, spread, func(_ *device, b Batch) (Launch, error) { return Spread(b, s) })

		squares := &engine.Squares{Y: y, X: x, Channels: engine.Channels{Fill: 3}}
		var source []int32
		for range 1 + rng.IntN(40) {
			source = append(source, int32(rng.IntN(y*x*in.C+1))-1)
			squares.Source = append(squares.Source, int(source[len(source)-1]))
		}
		large := engine.Plane{H: in.H * y, W: in.W * x, C: in.C}
		wy, wx := squares.Windows(large)
		of := shapeOf(large, wy, wx, len(source))
		once(t, rng, large, engine.Plane{H: in.H, W: in.W, C: len(source)}, false, squares, func(d *device, b Batch) (Launch, error) {
			return Squares(b, of, d.ints("source", source), squares.Fill)
		})
	}
}

// TestBlocks moves blocks of an input, backwards and again and again among them, and lists.
func TestBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(29, 30))
	for range 6 {
		in := engine.Plane{H: 1 + rng.IntN(5), W: 1 + rng.IntN(5), C: 1 + rng.IntN(20)}
		s := shapeOf(in, region.Identity(in.H), region.Identity(in.W), in.C)
		// Pixels the other way round, channels before pixels, twice.
		of := engine.Block{From: (in.H*in.W - 1) * in.C, Loops: []engine.Loop{{N: 2, From: 0, To: in.Len()}, {N: in.C, From: 1, To: in.H * in.W}, {N: in.H * in.W, From: -in.C, To: 1}}}
		out := engine.Plane{H: 2, W: in.H * in.W, C: in.C}
		once(t, rng, in, out, true, &engine.Move{Blocks: []engine.Block{of}}, func(_ *device, b Batch) (Launch, error) {
			return Move(b, s, Block{From: of.From, To: of.To, Loops: of.Loops})
		})
		constant := engine.Block{Const: random(rng, in.Len()), Loops: []engine.Loop{{N: in.Len(), From: 1, To: 1}}}
		once(t, rng, in, in, true, &engine.Move{Blocks: []engine.Block{constant}}, func(d *device, b Batch) (Launch, error) {
			return Move(b, s, Block{Constants: d.floats("constants", constant.Const), Loops: constant.Loops})
		})
		p := &engine.Permute{}
		for _, k := range rng.Perm(in.Len()) {
			p.Index = append(p.Index, int32(k))
		}
		once(t, rng, in, in, true, p, func(d *device, b Batch) (Launch, error) {
			return Move(b, s, Block{Index: d.ints("index", p.Index), Loops: constant.Loops})
		})
	}
}

// TestTables combines runs of numbers with constants.
func TestTables(t *testing.T) {
	rng := rand.New(rand.NewPCG(31, 32))
	for i := range 8 {
		runs, length := 1+rng.IntN(3), 1+rng.IntN(9)
		p := engine.Plane{H: 1 + rng.IntN(4), W: 1 + rng.IntN(4), C: runs * length}
		s := shapeOf(p, region.Identity(p.H), region.Identity(p.W), p.C)
		of := engine.Table{Out: p, Length: length, Single: i%2 == 0, Operation: asm.Arithmetic(i % 5), Const: random(rng, 30)}
		for range p.H * p.W * runs {
			of.Rows = append(of.Rows, int32(rng.IntN(30-length)))
		}
		once(t, rng, p, p, false, &of, func(d *device, b Batch) (Launch, error) {
			return Table(b, s, &of, d.floats("constants", of.Const), d.ints("rows", of.Rows))
		})
		marks := &engine.Select{Table: of, Number: -7}
		for k := range marks.Const {
			marks.Const[k] = float32(rng.IntN(2))
		}
		once(t, rng, p, p, false, marks, func(d *device, b Batch) (Launch, error) {
			return Select(b, s, marks, d.floats("constants", marks.Const), d.ints("rows", marks.Rows))
		})
	}
}

// TestMoreThan32Bits: what a launch cannot count is refused.
func TestMoreThan32Bits(t *testing.T) {
	if _, _, _, err := Tables([]Job{{Rect: region.Plane(1<<16, 1<<15)}}, 1); err == nil {
		t.Error("pixels")
	}
	if _, _, _, err := Tables([]Job{{}}, 1); err == nil {
		t.Error("no pixels")
	}
	if _, err := Sum(Batch{Count: 1, Pixels: 1 << 30}, Shape{OutC: 2}); err == nil {
		t.Error("numbers")
	}
	if _, err := Convolve(Batch{Count: 1, Pixels: 1}, Shape{OutC: 1 << 17, Group: 1 << 17}, 0, 0); err == nil {
		t.Error("groups")
	}
	if _, err := Product(Batch{Count: 1}, Products{Batch: 1, Rows: 1 << 16, Columns: 1 << 16}); err == nil {
		t.Error("products")
	}
	if _, err := Move(Batch{Count: 1}, Shape{}, Block{Loops: []engine.Loop{{N: 1 << 20}, {N: 1 << 20}, {N: 1 << 40}}}); err == nil {
		t.Error("blocks")
	}
	if _, err := Move(Batch{Count: 1}, Shape{}, Block{Loops: make([]engine.Loop, 9)}); err == nil {
		t.Error("loops")
	}
	if _, err := LayerNorm(Batch{Count: 1, Pixels: math.MaxInt32}, Shape{}, &engine.LayerNorm{}, 0, 0); err == nil {
		t.Error("rows")
	}
	if _, err := Function(Batch{}, Shape{}, -1, 0, 0); err == nil {
		t.Error("functions")
	}
}

// TestMadeOfTheSource: the PTX is made of the source that lies beside it.
func TestMadeOfTheSource(t *testing.T) {
	source, err := os.ReadFile("kernels.cl")
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(PTX, "\n")
	if sum := fmt.Sprintf("kernels.cl %x.", sha256.Sum256(source)); !strings.Contains(first, sum) {
		t.Errorf("kernels.ptx is of another kernels.cl: make generate\n%s\nwant %s", first, sum)
	}
}
