package onnxload

import (
	"errors"
	"strings"
	"testing"

	"krypton/internal/onnxwrite"
)

// TestWithRefused: inputs that are no pictures of one place are not joined, and an input
// of all their channels that would be too large is refused before anything is made of it.
func TestWithRefused(t *testing.T) {
	const side = 1 << 15
	for name, c := range map[string]struct {
		picture, other []int64
		kind           onnxwrite.DataType
		want           error
		says           string
	}{
		"batch":             {[]int64{1, 3, 8, 8}, []int64{2, 1, 8, 8}, 1, ErrWith, "no picture"},
		"three axes":        {[]int64{1, 3, 8, 8}, []int64{1, 8, 8}, 1, ErrWith, "no picture"},
		"empty":             {[]int64{1, 3, 8, 8}, []int64{1, 1, 0, 8}, 1, ErrWith, "no picture"},
		"no whole number":   {[]int64{1, 3, 8, 8}, []int64{1, 1, 5, 5}, 1, ErrWith, "has 5x5 pixels"},
		"another each side": {[]int64{1, 3, 8, 8}, []int64{1, 1, 4, 8}, 1, ErrWith, "has 4x8 pixels"},
		"larger":            {[]int64{1, 3, 8, 8}, []int64{1, 1, 16, 16}, 1, ErrWith, "has 16x16 pixels"},
		"another type":      {[]int64{1, 3, 8, 8}, []int64{1, 1, 8, 8}, 2, ErrWith, "different types"},
		"too many channels": {[]int64{1, 1, side, side}, []int64{1, 1 << 20, 1, 1}, 1, ErrModel, "x, d"},
		"too large in sum":  {[]int64{1, 1, side, side}, []int64{1, 2, side, side}, 1, ErrModel, "x, d"},
	} {
		t.Run(name, func(t *testing.T) {
			m := lines("a = ReduceMax x", "b = Cast d", "c = ReduceMax b", "y = Add a c")
			m.Graph.Nodes[1] = m.Graph.Nodes[1].With(onnxwrite.Int("to", 1))
			m.Graph.Inputs = []onnxwrite.ValueInfo{{Name: "x", ElemType: 1, Dims: onnxwrite.Fixed(c.picture...)}, {Name: "d", ElemType: c.kind, Dims: onnxwrite.Fixed(c.other...)}}
			_, err := LoadBytes(m.Marshal(), "m", "", Options{Picture: true, Input: "x", With: []string{"d"}})
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %v: %s", err, c.want, c.says)
			}
		})
	}
}
