package main

import (
	"fmt"
	"math/rand/v2"

	"krypton/models/beats"
	"krypton/models/nn"
)

// heartbeats says whether one of the beats in a strip is ectopic.
var heartbeats = &task{
	name: "beats", input: "strip", samples: "strips", labels: beats.Labels,
	description: fmt.Sprintf("Says whether a beat in %d seconds of a two-lead electrocardiogram does not belong there. "+
		"Trained by models/train on rendered strips only: it is a demonstration, and no medical device.", beats.Samples/beats.Rate),
	options: options{
		Steps: 1200, Batch: 32, Rate: 3e-3, Decay: 0.02, Smoothing: 0.05,
		Seed: 1, HeldOut: 3000, HeldOutSeed: 2,
	},
	network: beatsNetwork,
	whole:   func(n int) *nn.Tensor { return nn.NewTensor(n, len(beats.Leads), 1, beats.Samples) },
	draw: func(x *nn.Tensor, i int, seed, index uint64) int {
		s := beats.Generate(seed, index)
		s.Normalize(x.Sample(i))
		return s.Class
	},
	settings: func(c *config) {
		c.Series = &series{Rate: beats.Rate, Channels: beats.Leads, Normalize: "zscore"}
	},
}

// beatsNetwork is the classifier with its first weights: four convolutions of stride 2, a
// residual one of stride 1, the mean over time and a linear layer. It takes about 6 million
// multiply-adds for a strip.
func beatsNetwork(seed uint64) nn.Sequence {
	rng := rand.New(rand.NewPCG(seed, 0x6265617473)) // a stream that no strip uses
	var net nn.Sequence
	down := func(name string, in, out, kernel int) *nn.Conv {
		c := nn.NewLineConv(rng, name, in, out, kernel, 2)
		net = append(net, c, nn.NewBatchNorm(name+".bn", out), &nn.ReLU{})
		return c
	}
	down("conv1", len(beats.Leads), 12, 7).First = true
	down("conv2", 12, 24, 7)
	down("conv3", 24, 32, 5)
	down("conv4", 32, 48, 5)
	net = append(net, &nn.Residual{Name: "conv5", Inner: nn.Sequence{
		nn.NewLineConv(rng, "conv5", 48, 48, 5, 1), nn.NewBatchNorm("conv5.bn", 48),
	}}, &nn.ReLU{})
	return append(net, &nn.AveragePool{}, nn.NewLinear(rng, "fc", 48, len(beats.Labels)))
}
