package main

import (
	"context"
	"fmt"
	"time"

	"krypton/internal/failure"
	"krypton/internal/incremental"
	"krypton/internal/model"
	"krypton/internal/recognize"
)

// forVideos refuses what makes no sense for videos, whatever the machine is.
func (o *deviceOptions) forVideos(v *orvOptions) error {
	o.precision = incremental.FP32
	switch {
	case o.device == onAuto && v.batch.wanted():
		return failure.Usagef("--device auto: what a batch writes must not depend on where it runs: say cpu or gpu")
	case o.device != onCPU && v.sweep != "":
		return failure.Usagef("--device %s: --sweep measures this machine's processors", o.device)
	}
	return o.check()
}

// video makes a model ready for videos, with the device that is asked for, which l is told of.
func (o *deviceOptions) video(ctx context.Context, s *settings, mo *modelOptions, l *recognize.Limits, say deviceNotes) (*model.Model, error) {
	o.precision = incremental.FP32
	if o.device == onCPU {
		return mo.load(ctx, s)
	}
	more, err := o.opens(s, say)
	if err != nil {
		return nil, err
	}
	if more == nil {
		return mo.load(ctx, s)
	}
	mo.more = more
	m, err := mo.load(ctx, s)
	if err != nil {
		return nil, err
	}
	on, err := o.use(m, say)
	if err != nil {
		return nil, err
	}
	if on != nil && o.device == onAuto {
		cpu, card, err := on.predictedFrame(ctx, m, l.Threads)
		if err != nil {
			return nil, err
		}
		if card < cpu {
			say.note(fmt.Sprintf("--device auto: on %s (predicted: %s a whole run, and %s on this machine's processors)", on.card.Name, roughly(card), roughly(cpu)))
		} else {
			o.onCPU(say, fmt.Errorf("predicted to take %s a whole run, and %s on %s", roughly(cpu), roughly(card), on.card.Name))
			on = nil
		}
	}
	if on == nil {
		mo.more = nil
		return mo.load(ctx, s) // in the way that is fastest there
	}
	l.Device = on.follow
	if o.device == onAuto {
		l.Failed = on.fail
	}
	return m, nil
}

// predictedFrame is how long the processors and the card are expected to take for a whole run on
// a frame. The card's rate is guessed, the processors' measured.
func (c *cardInUse) predictedFrame(ctx context.Context, m *model.Model, threads int) (cpu, card time.Duration, err error) {
	run, input := m.Plan.NewInference(threads), make([]float32, m.Plan.InputPlane().Len())
	began := time.Now()
	// The first run finds its memory. Of short ones several are measured: one alone may have been
	// interrupted.
	for i := 0; i < 2 || i < mostRuns && time.Since(began) < predictFor; i++ {
		start := time.Now()
		if err := run.Run(ctx, input); err != nil {
			return 0, 0, err
		}
		if took := time.Since(start); i < 2 || took < cpu {
			cpu = took
		}
	}
	// Updates wait for every step; they are what is to be fast.
	steps := time.Duration(len(m.Program.Steps)) * stepTime
	return cpu, steps + time.Duration(float64(m.Plan.MultiplyAdds())/c.card.Rate()*1e9), nil
}

// mostRuns is how many whole runs are measured at the most.
const mostRuns = 10

// stepTime is what a step takes beside its arithmetic where it is waited for: a guess.
const stepTime = 25 * time.Microsecond
