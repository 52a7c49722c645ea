package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"krypton/models/nn"
)

// options are what a training run depends on.
type options struct {
	// Closeups is the number of steps on close-ups, at a quarter of the cost of
	// a whole scene. Steps is the number on whole samples that follow.
	Closeups, Steps int
	Batch           int
	// Rate is the peak of the learning rate, Decay the decay of the weights.
	Rate, Decay float64
	// Smoothing keeps the network from being so sure of itself that hiding a
	// part of an object changes nothing.
	Smoothing float64
	// Seed is that of the training samples and of the first weights.
	Seed uint64
	// HeldOut is the number of samples to measure on, HeldOutSeed their seed.
	HeldOut     int
	HeldOutSeed uint64
}

func (o options) check(of *task) error {
	switch {
	case o.Closeups < 0:
		return errors.New("-closeups must not be negative")
	case o.Closeups > 0 && of.closeup == nil:
		return fmt.Errorf("-closeups: there are none of %s", of.samples)
	case o.Steps < 1 || o.Batch < 1 || o.HeldOut < 1:
		return errors.New("-steps, -batch and -held-out have to be positive")
	case o.Rate <= 0:
		return errors.New("-rate has to be positive")
	case o.Seed == o.HeldOutSeed:
		return errors.New("-seed and -held-out-seed have to differ")
	}
	return nil
}

// train runs the optimizer over fresh samples, none of which is seen twice, and
// returns the loss of every step.
func (t *task) train(net nn.Sequence, o options, out io.Writer) (losses []float64) {
	adam := nn.NewAdam(net.Params(), o.Decay)
	whole, labels := t.whole(o.Batch), make([]int, o.Batch)
	var closeup *nn.Tensor
	if o.Closeups > 0 {
		closeup = t.closeup(o.Batch)
	}
	start, total := time.Now(), o.Closeups+o.Steps
	var loss float64
	var correct, seen int
	for step := range total {
		x := whole
		if step < o.Closeups {
			x = closeup
		}
		t.fill(x, labels, o.Seed, step*o.Batch)
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

// fill makes the samples from number first on.
func (t *task) fill(x *nn.Tensor, labels []int, seed uint64, first int) {
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			for i := w; i < x.N; i += workers {
				labels[i] = t.draw(x, i, seed, uint64(first+i))
			}
		})
	}
	wg.Wait()
}

// evaluate is the share of samples whose largest output is the right one, and
// how often each class (row) was taken for each (column).
func (t *task) evaluate(net nn.Sequence, count int, seed uint64) (float64, [][]int) {
	const batch = 32
	confusion := make([][]int, len(t.labels))
	for i := range confusion {
		confusion[i] = make([]int, len(t.labels))
	}
	right := 0
	for first := 0; first < count; first += batch {
		n := min(batch, count-first)
		x, labels := t.whole(n), make([]int, n)
		t.fill(x, labels, seed, first)
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

func printConfusion(out io.Writer, labels []string, confusion [][]int) {
	for i, row := range confusion {
		fmt.Fprintf(out, "%-9s", labels[i])
		for _, n := range row {
			fmt.Fprintf(out, "%5d", n)
		}
		fmt.Fprintln(out)
	}
}
