package op

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"krypton/internal/tensor"
)

// TestCenterCropPad: the element at a place of the output is that of the input as far behind
// as Python's slices have it in the ONNX project's cases, (a-b)//2 from the beginning of the
// longer one, or 0.
func TestCenterCropPad(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for i := range 60 {
		in, out := make([]int, 3), make([]int, 3)
		for a := range in {
			in[a], out[a] = 1+rng.IntN(7), 1+rng.IntN(9)
		}
		at := attrs{}
		lengths := []int64{int64(out[0]), int64(out[1]), int64(out[2])}
		if i%3 > 0 { // two of the axes, in any order, one from the end
			out[1] = in[1]
			lengths = []int64{int64(out[2]), int64(out[0])}
			at["axes"] = []int64{-1, 0}
		}
		data := make([]float32, in[0]*in[1]*in[2])
		for k := range data {
			data[k] = float32(k + 1)
		}
		y := evalNode(t, "CenterCropPad", 18, at, 1, tensor.New(data, in...), tensor.New(lengths, len(lengths)))[0]
		if fmt.Sprint(y.Shape) != fmt.Sprint(out) {
			t.Fatalf("%v to %v: %v", in, out, y.Shape)
		}
		from := func(at, axis int) int {
			if in[axis] > out[axis] {
				return at + (in[axis]-out[axis])/2
			}
			return at - (out[axis]-in[axis])/2
		}
		for k, v := range y.Data.([]float32) {
			a, b, c := from(k/(out[1]*out[2]), 0), from(k/out[2]%out[1], 1), from(k%out[2], 2)
			want := float32(0)
			if a >= 0 && a < in[0] && b >= 0 && b < in[1] && c >= 0 && c < in[2] {
				want = data[(a*in[1]+b)*in[2]+c]
			}
			if v != want {
				t.Fatalf("%v to %v, element %d: %g, want %g", in, out, k, v, want)
			}
		}
	}
}
