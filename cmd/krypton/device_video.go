package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"krypton/internal/failure"
	"krypton/internal/gpu"
	"krypton/internal/incremental"
	"krypton/internal/model"
	"krypton/internal/orv"
	"krypton/internal/recognize"
)

// forVideos refuses what makes no sense for videos, whatever the machine is.
func (o *deviceOptions) forVideos(v *orvOptions) error {
	switch {
	case o.device == onAuto && v.batch.wanted():
		return failure.Usagef("--device auto: what a batch writes must not depend on where it runs: say cpu or gpu")
	case o.device != onCPU && v.sweep != "":
		return failure.Usagef("--device %s: --sweep measures this machine's processors", o.device)
	}
	if err := o.check(); err != nil || v.precision == incremental.FP32 {
		return err
	}
	if o.device == onCPU {
		return failure.Usagef("--precision %s: videos have it by graphics cards alone (--device gpu)", v.precision)
	}
	if err := o.chosen(v.precision); err != nil {
		return err
	}
	if orv.Mode(v.mode) == orv.Approximate {
		return failure.Usagef("--precision %s gives no approximate answers, whose thresholds are chosen in float32: want --mode exact or naive", v.precision)
	}
	return nil
}

// parseVideoPrecision reads that of a card's products.
func parseVideoPrecision(text string) (incremental.Precision, error) {
	if p := incremental.Precision(text); slices.Contains(gpu.Precisions, p) {
		return p, nil
	}
	return "", failure.Wrongf("%v is %q, want %s", failure.Setting("precision"), text, precisionsOfCards)
}

// video makes a model ready for videos, with the device that is asked for and products of a
// precision there, which l is told of.
func (o *deviceOptions) video(ctx context.Context, s *settings, mo *modelOptions, p incremental.Precision, l *recognize.Limits, say deviceNotes) (*model.Model, error) {
	o.precision = p
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
			say.note(fmt.Sprintf("--device auto: on %s (a whole run is guessed to take %s there, and takes %s on this machine's processors)", on.card.Name, roughly(card), roughly(cpu)))
		} else {
			o.onCPU(say, fmt.Errorf("a whole run takes %s, and is guessed to take %s on %s", roughly(cpu), roughly(card), on.card.Name))
			on = nil
		}
	}
	if on == nil {
		mo.more = nil
		return mo.load(ctx, s) // in the way that is fastest there
	}
	l.Device, l.DeviceName = on, on.card.Name
	if o.device == onAuto {
		l.Failed = on.fail
	}
	return m, nil
}

// predictedFrame is how long the processors and the card are expected to take for a whole run on
// a frame. The card's rate is guessed, the processors' measured.
func (c *cardInUse) predictedFrame(ctx context.Context, m *model.Model, threads int) (cpu, card time.Duration, err error) {
	if cpu, err = measureFrame(ctx, m, threads); err != nil {
		return 0, 0, err
	}
	// Updates wait for every step; they are what is to be fast.
	steps := time.Duration(len(m.Program.Steps)) * stepTime
	return cpu, steps + time.Duration(float64(m.Plan.MultiplyAdds())/c.card.Rate()*1e9), nil
}

// measureFrame is how long the processors take for a whole run; tests say so themselves.
var measureFrame = func(ctx context.Context, m *model.Model, threads int) (time.Duration, error) {
	run, input := m.Plan.NewInference(threads), make([]float32, m.Plan.InputPlane().Len())
	return quickest(func() error { return run.Run(ctx, input) }, predictFor, time.Now)
}

// quickest runs something twice at least, and again for about as long as budget says, and gives
// the time of the quickest run: one may have been interrupted. The first one, which finds its
// memory, does not count.
func quickest(run func() error, budget time.Duration, now func() time.Time) (least time.Duration, err error) {
	began := now()
	for i := 0; i < 2 || i < mostRuns && now().Sub(began) < budget; i++ {
		start := now()
		if err := run(); err != nil {
			return 0, err
		}
		if took := now().Sub(start); i < 2 || took < least {
			least = took
		}
	}
	return least, nil
}

// mostRuns is how many runs are measured at the most.
const mostRuns = 10

// stepTime is what a step takes beside its arithmetic where it is waited for: a guess.
const stepTime = 25 * time.Microsecond
