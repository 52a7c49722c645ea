package onnxwrite

import (
	"math"
	"slices"
)

// CellDetector is a detector of the form grid of 64 by 64 pixels and 8 by 8 cells: red is
// objectness, green the share of class 0 and blue that of class 1, each as the mean over
// the cell. All boxes are 12.8 pixels wide and high, in the middle of their cell.
func CellDetector() []byte {
	conv := func(name string, channels []int, bias ...float32) (Node, []Tensor) {
		n := len(bias)
		w := make([]float32, n*3*64)
		for i, c := range channels {
			for k := range 64 {
				w[(i*3+c)*64+k] = 1. / 64
			}
		}
		return Node{OpType: "Conv", Inputs: []string{"images", name + " w", name + " b"}, Outputs: []string{name}, Attributes: []Attribute{Ints("strides", 8, 8)}},
			[]Tensor{Raw(name+" w", []int64{int64(n), 3, 8, 8}, w), Raw(name+" b", []int64{int64(n)}, bias)}
	}
	clip := func(of, name string) Node {
		return Node{OpType: "Clip", Inputs: []string{of, "zero", "one"}, Outputs: []string{name}}
	}
	middle, size := float32(math.Atanh(.5)), float32(math.Log(.2/.8))
	a, wa := conv("red", []int{0}, 0)
	b, wb := conv("places", nil, middle, middle, size, size)
	c, wc := conv("colours", []int{1, 2}, 0, 0)
	g := Graph{
		Inputs:       []ValueInfo{{Name: "images", ElemType: TypeFloat32, Dims: Fixed(1, 3, 64, 64)}},
		Outputs:      []ValueInfo{{Name: "boxes", ElemType: TypeFloat32, Dims: Fixed(1, 7, 8, 8)}},
		Initializers: slices.Concat(wa, wb, wc, []Tensor{Raw("zero", nil, []float32{0}), Raw("one", nil, []float32{1})}),
		Nodes: []Node{a, b, c, clip("red", "object"), clip("colours", "classes"),
			{OpType: "Concat", Inputs: []string{"object", "places", "classes"}, Outputs: []string{"boxes"}, Attributes: []Attribute{Int("axis", 1)}}},
	}
	m := Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Graph: g}
	return m.Marshal()
}
