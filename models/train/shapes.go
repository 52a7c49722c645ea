package main

import (
	"math/rand/v2"

	"krypton/models/nn"
	"krypton/models/scenes"
)

// side is the width and height of the pictures that shapes reads, channels in the order
// RGB, values in [0, 1].
const side = 128

// shapes names the object in a scene.
var shapes = &task{
	name: "shapes", input: "image", samples: "scenes", labels: scenes.Labels,
	description: "Names the one object (star, key, bicycle, ...) in a 128 x 128 picture with texture and clutter. " +
		"Trained by models/train on drawn scenes only.",
	options: options{
		Closeups: 3000, Steps: 1700, Batch: 32, Rate: 3e-3, Decay: 0.02, Smoothing: 0.05,
		Seed: 1, HeldOut: 3000, HeldOutSeed: 2,
	},
	network: shapesNetwork,
	whole:   func(n int) *nn.Tensor { return nn.NewTensor(n, 3, side, side) },
	closeup: func(n int) *nn.Tensor { return nn.NewTensor(n, 3, side/2, side/2) },
	draw: func(x *nn.Tensor, i int, seed, index uint64) int {
		s := scenes.Generate(seed, index, x.W, x.H, side)
		planes(x.Sample(i), s.Image.Pix)
		return int(s.Class)
	},
	settings: func(c *config) {
		c.Size = []int{side, side}
		c.Preprocess = &preprocess{Preset: "unit", Order: "rgb", Resize: "stretch"}
	},
}

// planes turns RGBA pixels into three planes with values in [0, 1].
func planes(dst []float32, pix []uint8) {
	n := len(dst) / 3
	for p := range n {
		for c := range 3 {
			dst[c*n+p] = float32(pix[p*4+c]) / 255
		}
	}
}

// shapesNetwork is the classifier with its first weights: four convolutions of
// stride 2, two residual ones of stride 1, the mean over the plane and a linear
// layer. It takes about 20 million multiply-adds for an image.
func shapesNetwork(seed uint64) nn.Sequence {
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
