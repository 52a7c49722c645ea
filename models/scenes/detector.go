package scenes

import "krypton/internal/onnxwrite"

// DetectorSettings is what stands beside the Detector's file for krypton to read it.
const DetectorSettings = "labels: [bright, dark]\ndetector: {form: yolov8, threshold: 0.6}\n"

// Detector makes a model file of a detector for tests, of pictures of side x side pixels,
// of which 16 is a divisor. Its boxes are cells of the picture: the score of the class
// bright is the sigmoid of the brightness there, less what is usual, that of dark the
// other way round.
func Detector(side int) []byte {
	weights := make([]float32, CellWeights)
	for i := range weights {
		weights[i] = 6. / (3 * cell * cell)
		if i >= len(weights)/2 {
			weights[i] *= -1
		}
	}
	return CellDetector(side, weights, []float32{-2.5, 2})
}

// cell is the side of a cell in pixels.
const cell = 16

// CellWeights is how many numbers two classes of a cell have.
const CellWeights = 2 * 3 * cell * cell

// CellDetector makes a Detector whose two classes have the sigmoids of these weighted sums
// over a cell, and of a bias each.
func CellDetector(side int, weights, bias []float32) []byte {
	n := side / cell
	all := n * n
	boxes := make([]float32, 4*all) // centre, width and height
	for i := range all {
		boxes[i], boxes[all+i], boxes[2*all+i], boxes[3*all+i] = float32(cell*(i%n)+cell/2), float32(cell*(i/n)+cell/2), 20, 24
	}
	pixels, cells := int64(side), int64(all)
	m := &onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Graph: onnxwrite.Graph{
		Inputs:       []onnxwrite.ValueInfo{{Name: "x", ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(1, 3, pixels, pixels)}},
		Outputs:      []onnxwrite.ValueInfo{{Name: "output0", ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(1, 6, cells)}},
		Initializers: []onnxwrite.Tensor{onnxwrite.Raw("w", []int64{2, 3, cell, cell}, weights), onnxwrite.Raw("bias", []int64{2}, bias), onnxwrite.Raw("boxes", []int64{1, 4, int64(n), int64(n)}, boxes), onnxwrite.Raw("zero", []int64{1}, []float32{0}), onnxwrite.Raw("shape", []int64{3}, []int64{1, 6, cells})},
		Nodes: []onnxwrite.Node{
			{OpType: "Conv", Inputs: []string{"x", "w", "bias"}, Outputs: []string{"a"}, Attributes: []onnxwrite.Attribute{onnxwrite.Ints("strides", cell, cell)}},
			{OpType: "Sigmoid", Inputs: []string{"a"}, Outputs: []string{"s"}},
			{OpType: "ReduceMean", Inputs: []string{"a"}, Outputs: []string{"m"}, Attributes: []onnxwrite.Attribute{onnxwrite.Ints("axes", 1, 2, 3)}},
			{OpType: "Mul", Inputs: []string{"m", "zero"}, Outputs: []string{"z"}},
			{OpType: "Add", Inputs: []string{"boxes", "z"}, Outputs: []string{"b"}},
			{OpType: "Concat", Inputs: []string{"b", "s"}, Outputs: []string{"c"}, Attributes: []onnxwrite.Attribute{onnxwrite.Int("axis", 1)}},
			{OpType: "Flatten", Inputs: []string{"c"}, Outputs: []string{"d"}, Attributes: []onnxwrite.Attribute{onnxwrite.Int("axis", 2)}},
			{OpType: "Reshape", Inputs: []string{"d", "shape"}, Outputs: []string{"output0"}},
		},
	}}
	return m.Marshal()
}
