package main

import "krypton/models/nn"

const (
	outputName = "logits"
	license    = "same as Krypton"
)

// task is one of the models: what it is trained on, and how.
type task struct {
	name, description, input string
	// samples is what they are called.
	samples string
	options options
	labels  []string
	// network is the classifier with its first weights.
	network func(seed uint64) nn.Sequence
	// whole makes room for n samples, closeup for n close-ups, nil if there are none.
	whole, closeup func(n int) *nn.Tensor
	// draw makes sample number index for place i, and gives its class.
	draw func(x *nn.Tensor, i int, seed, index uint64) int
	// settings adds to the model's configuration how its input is made.
	settings func(c *config)
}

// tasks are all models, the usual one first.
var tasks = []*task{shapes, heartbeats}

// export is the network as an ONNX file.
func (t *task) export(net nn.Sequence) []byte {
	x := t.whole(1)
	shape := []int{x.C, x.H, x.W}
	if x.H == 1 { // a series
		shape = []int{x.C, x.W}
	}
	return nn.Export(net, t.name, t.input, outputName, shape, len(t.labels), map[string]string{
		"license": license, "description": t.description,
	})
}
