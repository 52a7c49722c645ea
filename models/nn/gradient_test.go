package nn

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

func randomTensor(rng *rand.Rand, n, c, h, w int) *Tensor {
	t := NewTensor(n, c, h, w)
	for i := range t.Data {
		t.Data[i] = float32(rng.NormFloat64())
	}
	return t
}

// clone is a copy that layers may overwrite.
func clone(t *Tensor) *Tensor {
	return &Tensor{t.N, t.C, t.H, t.W, slices.Clone(t.Data)}
}

// checkGradients compares a layer's Backward with central differences of the
// loss sum(weights * output), for inputs and parameters picked at random.
func checkGradients(t *testing.T, l Layer, x *Tensor) {
	t.Helper()
	rng := rand.New(rand.NewPCG(3, 4))
	weights := clone(l.Forward(clone(x), true))
	for i := range weights.Data {
		weights.Data[i] = float32(rng.NormFloat64())
	}
	loss := func() float64 {
		y := l.Forward(clone(x), true)
		var sum float64
		for i, v := range y.Data {
			sum += float64(v) * float64(weights.Data[i])
		}
		return sum
	}
	l.Forward(clone(x), true)
	dx := l.Backward(clone(weights))
	check := func(name string, values, grad []float32) {
		grad = slices.Clone(grad) // the passes below overwrite it
		// The error is measured against the size of the whole gradient: float32
		// differences say little about one small component.
		var norm float64
		for _, g := range grad {
			norm += float64(g) * float64(g)
		}
		norm = math.Sqrt(norm / float64(len(grad)))
		if norm == 0 {
			t.Fatalf("%s: the gradient is zero", name)
		}
		for range 60 {
			i := rng.IntN(len(values))
			old := values[i]
			const e = 1e-2
			values[i] = old + e
			up := loss()
			values[i] = old - e
			down := loss()
			values[i] = old
			want := (up - down) / (2 * e)
			if math.Abs(want-float64(grad[i])) > 0.02*norm {
				t.Errorf("%s[%d]: gradient %g, differences give %g (norm %g)", name, i, grad[i], want, norm)
			}
		}
	}
	if dx != nil {
		check("input", x.Data, dx.Data)
	}
	for _, p := range l.Params() {
		check(p.Name, p.Value, p.Grad)
	}
}

func TestGradientsMatchFiniteDifferences(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name    string
		layer   Layer
		n, c, s int
	}{
		{"conv stride 1", NewConv(rng, "w", 3, 5, 3, 1), 5, 3, 7},
		{"conv stride 2 odd", NewConv(rng, "w", 3, 5, 3, 2), 5, 3, 7},
		{"conv stride 2 even", NewConv(rng, "w", 2, 4, 3, 2), 9, 2, 8},
		{"conv 1x1", NewConv(rng, "w", 3, 2, 1, 1), 2, 3, 4},
		{"conv 5x5 stride 3", NewConv(rng, "w", 2, 3, 5, 3), 3, 2, 11},
		{"batch norm", NewBatchNorm("bn", 4), 3, 4, 5},
		{"average pool", &AveragePool{}, 3, 4, 5},
		{"linear", NewLinear(rng, "fc", 6, 4), 5, 6, 1},
		{"residual", &Residual{Inner: Sequence{NewConv(rng, "w", 3, 3, 3, 1), NewBatchNorm("bn", 3)}}, 4, 3, 6},
		{"sequence", Sequence{NewConv(rng, "w", 2, 4, 3, 2), NewBatchNorm("bn", 4), &AveragePool{}, NewLinear(rng, "fc", 4, 3)}, 4, 2, 6},
	} {
		t.Run(c.name, func(t *testing.T) { checkGradients(t, c.layer, randomTensor(rng, c.n, c.c, c.s, c.s)) })
	}
	t.Run("line", func(t *testing.T) {
		checkGradients(t, NewLineConv(rng, "w", 3, 4, 5, 2), randomTensor(rng, 5, 3, 1, 12))
	})
}

func TestReLUGradientAwayFromTheKink(t *testing.T) {
	x := randomTensor(rand.New(rand.NewPCG(5, 6)), 2, 3, 4, 4)
	for i, v := range x.Data {
		if math.Abs(float64(v)) < 0.05 {
			x.Data[i] = 0.5
		}
	}
	checkGradients(t, &ReLU{}, x)
}

func TestCrossEntropyGradient(t *testing.T) {
	x := randomTensor(rand.New(rand.NewPCG(7, 8)), 4, 5, 1, 1)
	labels := []int{0, 3, 4, 3}
	_, _, grad := CrossEntropy(x, labels, 0.1)
	for i := range x.Data {
		old := x.Data[i]
		x.Data[i] = old + 1e-2
		up, _, _ := CrossEntropy(x, labels, 0.1)
		x.Data[i] = old - 1e-2
		down, _, _ := CrossEntropy(x, labels, 0.1)
		x.Data[i] = old
		if want := (up - down) / 2e-2; math.Abs(want-float64(grad.Data[i])) > 1e-4 {
			t.Errorf("logit %d: gradient %g, differences give %g", i, grad.Data[i], want)
		}
	}
}

// naiveConv is the definition of a convolution.
func naiveConv(c *Conv, x *Tensor) []float32 {
	oh, ow := (x.H+2*c.Pad-c.Kernel)/c.Stride+1, (x.W+2*c.Pad-c.Kernel)/c.Stride+1
	rows := c.Kernel
	if c.Line { // one row, without padding
		oh, rows = x.H, 1
	}
	var out []float32
	for n := range x.N {
		for o := range c.Out {
			for oy := range oh {
				for ox := range ow {
					var sum float64
					for i := range c.In {
						for ky := range rows {
							for kx := range c.Kernel {
								y, xx := oy*c.Stride-c.Pad+ky, ox*c.Stride-c.Pad+kx
								if c.Line {
									y = oy
								}
								if y < 0 || xx < 0 || y >= x.H || xx >= x.W {
									continue
								}
								sum += float64(x.Data[((n*x.C+i)*x.H+y)*x.W+xx]) *
									float64(c.Weight.Value[((o*c.In+i)*rows+ky)*c.Kernel+kx])
							}
						}
					}
					out = append(out, float32(sum))
				}
			}
		}
	}
	return out
}

func TestConvMatchesItsDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for _, s := range []struct{ in, out, kernel, stride, h, w int }{
		{3, 5, 3, 1, 7, 9}, {2, 4, 3, 2, 8, 5}, {3, 2, 1, 1, 4, 4}, {2, 3, 5, 3, 11, 6}, {1, 1, 3, 2, 1, 1},
		{2, 3, 5, 2, 1, 13},
	} {
		c := NewConv(rng, "w", s.in, s.out, s.kernel, s.stride)
		if s.h == 1 && s.w > 1 {
			c = NewLineConv(rng, "w", s.in, s.out, s.kernel, s.stride)
		}
		x := randomTensor(rng, 3, s.in, s.h, s.w)
		got, want := c.Forward(x, false).Data, naiveConv(c, x)
		if len(got) != len(want) {
			t.Fatalf("%+v: %d outputs, want %d", s, len(got), len(want))
		}
		for i := range got {
			if math.Abs(float64(got[i]-want[i])) > 1e-5 {
				t.Fatalf("%+v: output %d is %g, want %g", s, i, got[i], want[i])
			}
		}
	}
}

func TestResultsDoNotDependOnProcessors(t *testing.T) {
	step := func(procs int) []float32 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		rng := rand.New(rand.NewPCG(11, 12))
		net := Sequence{NewConv(rng, "a", 3, 70, 3, 1), NewBatchNorm("b", 70), &ReLU{}, NewConv(rng, "c", 70, 8, 3, 2),
			NewBatchNorm("d", 8), &ReLU{}, &AveragePool{}, NewLinear(rng, "e", 8, 3)}
		x := randomTensor(rng, 11, 3, 20, 20)
		adam := NewAdam(net.Params(), 0.1)
		for range 3 {
			_, _, grad := CrossEntropy(net.Forward(x, true), make([]int, 11), 0)
			net.Backward(grad)
			adam.Step(0.01)
		}
		var all []float32
		for _, p := range net.Params() {
			all = append(all, p.Value...)
		}
		return all
	}
	want := step(1)
	for _, procs := range []int{2, 3, 8} {
		if !slices.Equal(step(procs), want) {
			t.Errorf("%d processors give other weights than 1", procs)
		}
	}
}
