package incremental

import (
	"context"
	"errors"
	"time"

	"krypton/internal/engine"
	"krypton/internal/region"
)

// stepTimes are what steps have taken and had to do; nil measures nothing.
type stepTimes []stepTime

type stepTime struct {
	run, trim time.Duration // trim is that of the regions
	load      load
}

func (t stepTimes) now() (at time.Time) {
	if t != nil {
		at = time.Now()
	}
	return at
}

// from is those of a step and the ones behind it.
func (t stepTimes) from(step int) stepTimes {
	if t != nil {
		t = t[step:]
	}
	return t
}

func (t stepTimes) ran(step int, since time.Time) {
	if t != nil {
		t[step].run += time.Since(since)
	}
}

func (t stepTimes) trimmed(step int, since time.Time) {
	if t != nil {
		t[step].trim += time.Since(since)
	}
}

// count adds what a step has to do for region r of its output.
func (t stepTimes) count(p *Plan, step int, r region.Rect, share float64) {
	if t != nil {
		t[step].load.add(p.load(&p.steps[step], r, share))
	}
}

// Profile is where the time of runs goes, step by step, on one core.
type Profile struct {
	Machine Machine
	// Changes is how many were run, in chunks of so many; 1 and 1 for a whole run.
	Changes, Chunk int
	Steps          []StepProfile

	packed float64 // the rate at which weights are read
}

// StepProfile is what a step took for one change, on the mean, beside what bounds it.
type StepProfile struct {
	Node, Operator string
	// Algorithm is that of StepCost.
	Algorithm string
	Plane     engine.Plane
	// Seconds is what the step took, Trim what dropping pixels that hardly moved did
	// besides, Predicted what the plan expects of the step.
	Seconds, Trim, Predicted float64
	// MultiplyAdds are those of the step's algorithm, Direct those of the plain sum
	// for the same pixels, Bytes what is read and written, weights included.
	MultiplyAdds, Direct, Bytes float64
	// Arithmetic and Memory are the seconds that MultiplyAdds take at least at the
	// measured peak, and Bytes at the bandwidth of Where they are, the changes of a
	// chunk together: L2, L3 or memory.
	Arithmetic, Memory float64
	Where              string
}

// Seconds is what all steps took together.
func (f *Profile) Seconds() float64 {
	n := 0.0
	for i := range f.Steps {
		n += f.Steps[i].Seconds + f.Steps[i].Trim
	}
	return n
}

// ProfileWhole measures runs of the whole plan on one input.
func (p *Plan) ProfileWhole(ctx context.Context, input []float32, runs int) (*Profile, error) {
	f := p.NewInference(1)
	return p.profile(1, 1, runs, func(times stepTimes) error {
		f.views.times = times
		return f.Run(ctx, input)
	})
}

// ProfileUpdates measures changes of the input that the views are of. Of the options,
// chunk, memory, policy and thresholds count.
func (p *Plan) ProfileUpdates(ctx context.Context, v *Views, changes Changes, opt Options, runs int) (*Profile, error) {
	n := changes.Len()
	if n == 0 {
		return nil, errors.New("no changes to measure")
	}
	largest := p.largest(changes)
	st, err := p.stages(largest, n, 1, opt)
	if err != nil {
		return nil, err
	}
	chunk := min(st.chunk, n)
	w := newWorker(p, v, opt.Policy)
	w.reserve(st)
	w.thresholds = p.thresholds(v, &opt)
	return p.profile(n, chunk, runs, func(times stepTimes) error {
		w.times = times
		for lo := 0; lo < n; lo += chunk {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := w.run(ctx, changes, lo, min(n, lo+chunk)); err != nil {
				return err
			}
		}
		return nil
	})
}

// profile measures runs of so many changes each, after one that fetches memory, and
// keeps each step's best time.
func (p *Plan) profile(changes, chunk, runs int, run func(stepTimes) error) (*Profile, error) {
	if err := run(nil); err != nil {
		return nil, err
	}
	f := &Profile{Machine: p.Machine(), Changes: changes, Chunk: chunk, Steps: make([]StepProfile, len(p.steps))}
	f.packed, _ = f.Machine.rate(float64(p.WeightBytes()))
	for i := range max(1, runs) {
		times := make(stepTimes, len(p.steps))
		if err := run(times); err != nil {
			return nil, err
		}
		for k := range times {
			s, t := &f.Steps[k], &times[k]
			n := float64(changes)
			seconds, trim := t.run.Seconds()/n, t.trim.Seconds()/n
			if i == 0 {
				*s = p.stepProfile(f, k, t.load)
				s.Seconds, s.Trim = seconds, trim
			}
			s.Seconds, s.Trim = min(s.Seconds, seconds), min(s.Trim, trim)
		}
	}
	return f, nil
}

// stepProfile is what is known of a step without its times, given its load for all
// changes.
func (p *Plan) stepProfile(f *Profile, step int, l load) StepProfile {
	s, n := &p.steps[step], float64(f.Changes)
	plane := p.values[s.out].plane
	set := p.set(s, l, float64(f.Chunk)/n)
	rate, where := f.Machine.rate(set)
	t := StepProfile{Node: s.node, Operator: s.operator, Algorithm: s.algorithm(), Plane: plane, Predicted: l.seconds(f.Machine, f.packed, set) / n,
		MultiplyAdds: l.work / n, Bytes: l.bytes / n, Arithmetic: 2 * l.work / f.Machine.Flops / n, Memory: l.bytes / rate / n, Where: where}
	if s.prim != nil {
		whole := float64(s.prim.MultiplyAdds()) * float64(plane.H*plane.W)
		t.Direct = t.MultiplyAdds * whole / max(1, float64(engine.Work(s.prim, plane.Rect())))
	}
	return t
}
