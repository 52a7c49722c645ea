package onnxload

import (
	"errors"
	"fmt"
	"testing"

	"krypton/internal/onnxwrite"
)

// TestOpenChannels: where a file leaves all axes of a picture open, its weights say how
// many channels it has, and where they are.
func TestOpenChannels(t *testing.T) {
	perm := func(n onnxwrite.Node, p ...int64) onnxwrite.Node { return n.With(onnxwrite.Ints("perm", p...)) }
	one := onnxwrite.Lines("a = Transpose x", "y = Conv a w", "c = DequantizeLinear w s", "y = Conv x c", "y = BatchNormalization x m m m m", "z = Shape x", "a = Sub x mean", "b = Div mean a", "y = Conv b w", "y = Relu x", "y = Conv x w", "y = Conv x g", "a = Slice x from to", "y = Conv a w")
	for name, c := range map[string]struct {
		nodes  []onnxwrite.Node
		layout string
		want   string
	}{
		"a convolution":     {one[10:11], "", "[1 3 8 9]"},
		"behind arithmetic": {one[6:9], "", "[1 3 8 9]"},
		"of groups":         {[]onnxwrite.Node{one[11].With(onnxwrite.Int("group", 2))}, "", "[1 6 8 9]"},
		"channels last":     {[]onnxwrite.Node{perm(one[0], 0, 3, 1, 2), one[1]}, "", "[1 8 9 3]"},
		"as it is said":     {[]onnxwrite.Node{perm(one[0], 0, 3, 1, 2), one[1]}, "nhwc", "[1 8 9 3]"},
		"otherwise":         {[]onnxwrite.Node{perm(one[0], 0, 3, 1, 2), one[1]}, "nchw", ""},
		"turned":            {[]onnxwrite.Node{perm(one[0], 3, 1, 2), one[1]}, "", ""},
		"quantized weights": {one[2:4], "", "[1 3 8 9]"},
		"a normalization":   {one[4:5], "", "[1 3 8 9]"},
		"nothing":           {one[9:10], "", ""},
		"a part":            {one[12:14], "", ""},
	} {
		m := lines()
		m.Graph.Inputs[0].Dims = []onnxwrite.Dim{onnxwrite.Symbolic("batch"), onnxwrite.Symbolic("channels"), onnxwrite.Symbolic("h"), onnxwrite.Symbolic("w")}
		m.Graph.Initializers = []onnxwrite.Tensor{onnxwrite.Raw("w", []int64{4, 3, 1, 1}, make([]float32, 12)), onnxwrite.Raw("g", []int64{4, 3, 1, 1}, make([]float32, 12)), onnxwrite.Raw("s", nil, []float32{1}),
			onnxwrite.Raw("m", []int64{3}, make([]float32, 3)), onnxwrite.Raw("mean", []int64{1, 1, 1}, make([]float32, 1)), onnxwrite.Raw("from", []int64{1}, []int64{0}), onnxwrite.Raw("to", []int64{1}, []int64{3})}
		m.Graph.Nodes = c.nodes
		if name == "quantized weights" {
			m.Graph.Initializers[0] = onnxwrite.Raw("w", []int64{4, 3, 1, 1}, make([]int8, 12))
		}
		g, err := LoadBytes(m.Marshal(), "m", "", Options{Picture: true, Size: [2]int{8, 9}, Layout: c.layout})
		if c.want == "" {
			if !errors.Is(err, ErrShape) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := fmt.Sprint(g.Values[g.Inputs[0]].Info.Shape); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	// A number that somebody gives counts.
	m := lines("y = Identity x")
	m.Graph.Inputs[0].Dims = []onnxwrite.Dim{onnxwrite.Symbolic("n"), onnxwrite.Symbolic("c"), {Value: 8}, {Value: 9}}
	if g, err := LoadBytes(m.Marshal(), "m", "", Options{Picture: true, Dims: map[string]int{"c": 5}}); err != nil || g.Values[g.Inputs[0]].Info.Shape[1] != 5 {
		t.Error(err)
	}
}
