package kernels

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"krypton/internal/engine"
	"krypton/internal/gpu/narrow"
	"krypton/internal/gpu/ptx"
	"krypton/internal/region"
)

// TestConvolveTensor: each output is the sum of its products in their order by the tensor cores'
// arithmetic, whatever rectangle it is computed in, and near the sum in float64.
func TestConvolveTensor(t *testing.T) {
	rng := rand.New(rand.NewPCG(33, 34))
	for i := range 10 {
		p, round, bytes, bound := TF32, narrow.TF32, 4, 0x1p-10
		if i%2 == 0 {
			p, round, bytes, bound = BF16, narrow.BF16, 2, 0x1p-7
		}
		cores := ptx.Cores(i / 2 % 2)
		group := []int{1, 1, 2}[rng.IntN(3)]
		in := engine.Plane{H: 2 + rng.IntN(6), W: 2 + rng.IntN(6), C: group * (1 + rng.IntN(40))}
		y, x := randomWindow(rng, in.H), randomWindow(rng, in.W)
		outC := group * (1 + rng.IntN(90))
		cin, taps, cout := in.C/group, y.Kernel*x.Kernel, outC/group
		numbers := func(n int) []float32 {
			f := make([]float32, n)
			for i := range f {
				f[i] = rng.Float32()*2 - 1
			}
			return f
		}
		weights, bias, input := numbers(outC*cin*taps), numbers(outC), numbers(in.Len())
		s := shapeOf(in, y, x, outC)
		s.Group, s.Clamp = group, randomClamp(rng)
		out := engine.Plane{H: y.Out, W: x.Out, C: outC}
		jobs := []engine.Job{{In: []engine.Patched{{Plane: in, View: input}}, Rect: out.Rect(), Out: make([]float32, out.Len())}}
		for range 3 {
			r := randomRect(rng, out.H, out.W)
			jobs = append(jobs, engine.Job{In: []engine.Patched{patch(rng, in, input)}, Rect: r, Out: make([]float32, r.Area()*outC)})
		}
		d := newDevice(t)
		d.cores = cores
		words, biases := PackTensor(weights, bias, cin, taps, group, outC, p)
		var data []byte
		for _, w := range words {
			data = binary.LittleEndian.AppendUint32(data, w)
		}
		on := d.jobs(jobs, outC)
		d.run(ConvolveTensor(d.batch(on, outC), s, p, d.bytes("weights", data), d.floats("biases", biases)))
		whole := d.read(on[0].Out, out.Len())
		depth := 32 / bytes // of one product of matrices
		for at, got := range whole {
			c, px := at%outC, at/outC
			exact, size, v := float64(bias[c]), 0.0, bias[c]
			for tap := range taps {
				iy, ix := px/out.W*y.Stride-y.Pad+tap/x.Kernel*y.Dilation, px%out.W*x.Stride-x.Pad+tap%x.Kernel*x.Dilation
				a, b := make([]float32, (cin+depth-1)/depth*depth), make([]float32, (cin+depth-1)/depth*depth)
				if iy >= 0 && iy < in.H && ix >= 0 && ix < in.W {
					for k := range cin {
						f, w := input[(iy*in.W+ix)*in.C+c/cout*cin+k], weights[(c*cin+k)*taps+tap]
						a[k], b[k] = round(f), round(w)
						exact, size = exact+float64(f)*float64(w), size+math.Abs(float64(f)*float64(w))
					}
				}
				for k := 0; k < len(a); k += depth {
					v = cores.Dot(a[k:k+depth], b[k:k+depth], v, bytes)
				}
			}
			want := max(s.Clamp[0], min(s.Clamp[1], v))
			if !sameBits(got, want+0) {
				t.Fatalf("case %d, number %d: %x, want %x", i, at, got, want)
			}
			if near := max(float64(s.Clamp[0]), min(float64(s.Clamp[1]), exact)); math.Abs(float64(got)-near) > 2*bound*(size+1) {
				t.Fatalf("case %d, number %d: %g, exactly %g", i, at, got, near)
			}
		}
		for k, j := range jobs[1:] {
			got := d.read(on[1+k].Out, len(j.Out))
			for px := range j.Rect.Area() {
				row, column := j.Rect.Y.Lo+px/j.Rect.X.Len(), j.Rect.X.Lo+px%j.Rect.X.Len()
				for c := range outC {
					if want := whole[(row*out.W+column)*outC+c]; !sameBits(got[px*outC+c], want) {
						t.Fatalf("case %d, update %d, [%d,%d,%d]: %x, in the whole run %x", i, k, row, column, c, got[px*outC+c], want)
					}
				}
			}
		}
	}
	if _, err := ConvolveTensor(Batch{Count: 1, Pixels: 1}, Shape{OutC: 1, Group: 1, Y: region.Identity(1), X: region.Identity(1)}, FP32, 0, 0); err == nil {
		t.Error("32 bits on tensor cores")
	}
}
