package main

import (
	"math/rand/v2"

	"krypton/models/nn"
	"krypton/models/scenes"
)

// The network's input is 1 x 3 x side x side, channels in the order RGB, values
// in [0, 1].
const (
	side       = 128
	inputName  = "image"
	outputName = "logits"
)

// network is the classifier with its first weights: four convolutions of
// stride 2, two residual ones of stride 1, the mean over the plane and a linear
// layer. It takes about 20 million multiply-adds for an image.
func network(seed uint64) nn.Sequence {
	rng := rand.New(rand.NewPCG(seed, 0x6e6574)) // a stream that no scene uses
	var net nn.Sequence
	down := func(name string, in, out int) *nn.Conv {
		c := nn.NewConv(rng, name, in, out, 3, 2)
		net = append(net, c, nn.NewBatchNorm(name+".bn", out), &nn.ReLU{})
		return c
	}
	same := func(name string, channels int) {
		net = append(net, &nn.Residual{Name: name, Inner: nn.Sequence{
			nn.NewConv(rng, name, channels, channels, 3, 1), nn.NewBatchNorm(name+".bn", channels),
		}}, &nn.ReLU{})
	}
	down("conv1", 3, 12).First = true
	down("conv2", 12, 24)
	down("conv3", 24, 48)
	same("conv4", 48)
	down("conv5", 48, 96)
	same("conv6", 96)
	return append(net, &nn.AveragePool{}, nn.NewLinear(rng, "fc", 96, len(scenes.Labels)))
}

func export(net nn.Sequence) []byte {
	return nn.Export(net, modelName, inputName, outputName, 3, side, side, len(scenes.Labels), map[string]string{
		"license": license, "description": description,
	})
}
