// Package nn trains small convolutional networks and writes them as ONNX
// models. It has the few layers that Krypton's built-in networks are made of,
// each with its forward and its backward pass, over gonum's float32 matrix
// product.
//
// Results depend on nothing but the numbers that go in: every sum runs in one
// order, whatever the number of processors.
//
// A layer owns the tensors that it returns and uses them again in its next
// pass. A network is therefore not safe for concurrent use; inside of a pass
// the samples of a batch are spread over the processors.
package nn
