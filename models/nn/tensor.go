package nn

// Tensor is a batch of activations in the layout [N][C][H][W].
type Tensor struct {
	N, C, H, W int
	Data       []float32
}

// NewTensor is a tensor of zeros.
func NewTensor(n, c, h, w int) *Tensor {
	return &Tensor{n, c, h, w, make([]float32, n*c*h*w)}
}

// Sample is the part of one sample, [C][H][W].
func (t *Tensor) Sample(i int) []float32 {
	size := t.C * t.H * t.W
	return t.Data[i*size : (i+1)*size]
}

// resized is t if it has the shape, or else a new tensor. The elements are
// undefined.
func (t *Tensor) resized(n, c, h, w int) *Tensor {
	if t != nil && t.N == n && t.C == c && t.H == h && t.W == w {
		return t
	}
	return NewTensor(n, c, h, w)
}

// Param is a group of trained numbers with their gradient.
type Param struct {
	Name        string
	Value, Grad []float32
	// Decay says whether the optimizer pulls the numbers towards zero.
	Decay bool
}

func newParam(name string, n int, decay bool) *Param {
	return &Param{Name: name, Value: make([]float32, n), Grad: make([]float32, n), Decay: decay}
}

// Layer is a differentiable function of a tensor.
type Layer interface {
	// Forward is the layer's output. In training a layer keeps what its
	// Backward needs.
	Forward(x *Tensor, training bool) *Tensor
	// Backward takes the gradient of the loss with respect to the output of the
	// last Forward, sets the gradients of the parameters and returns the
	// gradient with respect to the input. It may overwrite dy.
	Backward(dy *Tensor) *Tensor
	// Params are the trained numbers.
	Params() []*Param
	// emit writes the layer as ONNX nodes that read the value in, and returns
	// the name of the value that they produce.
	emit(e *exporter, in string) string
}
