package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"krypton/models/nn"
	"krypton/models/scenes"
)

// options are what a training run depends on.
type options struct {
	// Closeups is the number of steps on close-ups, at a quarter of the cost of
	// a whole scene. Steps is the number on whole scenes that follow.
	Closeups, Steps int
	Batch           int
	// Rate is the peak of the learning rate, Decay the decay of the weights.
	Rate, Decay float64
	// Smoothing keeps the network from being so sure of itself that hiding a
	// part of an object changes nothing.
	Smoothing float64
	// Seed is that of the training scenes and of the first weights.
	Seed uint64
	// HeldOut is the number of scenes to measure on, HeldOutSeed their seed.
	HeldOut     int
	HeldOutSeed uint64
}

var defaultOptions = options{
	Closeups: 3000, Steps: 1700, Batch: 32, Rate: 3e-3, Decay: 0.02, Smoothing: 0.05,
	Seed: 1, HeldOut: 3000, HeldOutSeed: 2,
}

func (o options) check() error {
	switch {
	case o.Closeups < 0:
		return errors.New("-closeups must not be negative")
	case o.Steps < 1 || o.Batch < 1 || o.HeldOut < 1:
		return errors.New("-steps, -batch and -held-out have to be positive")
	case o.Rate <= 0:
		return errors.New("-rate has to be positive")
	case o.Seed == o.HeldOutSeed:
		return errors.New("-seed and -held-out-seed have to differ")
	}
	return nil
}

// train runs the optimizer over fresh scenes, none of which is seen twice, and
// returns the loss of every step.
func train(net nn.Sequence, o options, out io.Writer) (losses []float64) {
	adam := nn.NewAdam(net.Params(), o.Decay)
	whole, labels := nn.NewTensor(o.Batch, 3, side, side), make([]int, o.Batch)
	closeup := nn.NewTensor(o.Batch, 3, side/2, side/2)
	start, total := time.Now(), o.Closeups+o.Steps
	var loss float64
	var correct, seen int
	for step := range total {
		x := whole
		if step < o.Closeups {
			x = closeup
		}
		fill(x, labels, o.Seed, step*o.Batch)
		l, ok, grad := nn.CrossEntropy(net.Forward(x, true), labels, o.Smoothing)
		net.Backward(grad)
		adam.Step(nn.CosineRate(o.Rate, step, min(100, total/10), total))
		losses = append(losses, l)
		loss, correct, seen = loss+l, correct+ok, seen+1
		if seen == 100 || step == total-1 {
			fmt.Fprintf(out, "step %d/%d  loss %.4f  accuracy %.3f  %s\n", step+1, total, loss/float64(seen),
				float64(correct)/float64(seen*o.Batch), time.Since(start).Round(time.Second))
			loss, correct, seen = 0, 0, 0
		}
	}
	return losses
}

// fill draws the scenes from number first on, one for each sample.
func fill(x *nn.Tensor, labels []int, seed uint64, first int) {
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			for i := w; i < x.N; i += workers {
				s := scenes.Generate(seed, uint64(first+i), x.W, x.H, side)
				labels[i] = int(s.Class)
				planes(x.Sample(i), s.Image.Pix)
			}
		})
	}
	wg.Wait()
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

// evaluate is the share of scenes whose largest output is the right one, and
// how often each class (row) was taken for each (column).
func evaluate(net nn.Sequence, count int, seed uint64) (float64, [][]int) {
	const batch = 32
	confusion := make([][]int, len(scenes.Labels))
	for i := range confusion {
		confusion[i] = make([]int, len(scenes.Labels))
	}
	right := 0
	for first := 0; first < count; first += batch {
		n := min(batch, count-first)
		x, labels := nn.NewTensor(n, 3, side, side), make([]int, n)
		fill(x, labels, seed, first)
		logits := net.Forward(x, false)
		for i, label := range labels {
			best := 0
			for c, v := range logits.Sample(i) {
				if v > logits.Sample(i)[best] {
					best = c
				}
			}
			confusion[label][best]++
			if best == label {
				right++
			}
		}
	}
	return float64(right) / float64(count), confusion
}

func printConfusion(out io.Writer, confusion [][]int) {
	for i, row := range confusion {
		fmt.Fprintf(out, "%-9s", scenes.Labels[i])
		for _, n := range row {
			fmt.Fprintf(out, "%5d", n)
		}
		fmt.Fprintln(out)
	}
}
