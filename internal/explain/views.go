package explain

import (
	"context"
	"slices"
	"sync"
	"time"

	"krypton/internal/incremental"
)

// viewCache holds what plans' clean runs of one input left behind: for questions that
// are asked at once, and as far as keep allows for later ones.
type viewCache struct {
	mu     sync.Mutex
	runs   []*cleanRun // the latest used last
	keep   int64       // bytes of views that nobody uses
	closed bool
}

// cleanRun is a plan's. All but users is fixed once ready is closed.
type cleanRun struct {
	plan  *incremental.Plan
	ready chan struct{}
	views *incremental.Views
	err   error
	users int
}

// Keep lets the input keep views that nobody uses, of so many bytes, until Close: another
// question on the same plan needs no clean run then.
func (in *Input) Keep(bytes int64) {
	in.views.mu.Lock()
	defer in.views.mu.Unlock()
	in.views.keep = bytes
	in.views.trim()
}

// Close lets go of what Keep kept. Questions under way end as they would.
func (in *Input) Close() {
	in.views.mu.Lock()
	defer in.views.mu.Unlock()
	in.views.closed = true
	in.views.trim()
}

// use gives the views of a plan's clean run and the time that it took now. The caller
// releases them.
func (c *viewCache) use(ctx context.Context, plan *incremental.Plan, base []float32, workers int) (*incremental.Views, time.Duration, func(), error) {
	start := time.Now()
	for {
		run, mine := c.find(plan)
		if mine {
			run.views, run.err = plan.Materialize(ctx, base, workers)
			close(run.ready)
		}
		select {
		case <-run.ready:
		case <-ctx.Done():
			c.release(run)
			return nil, 0, nil, context.Cause(ctx)
		}
		if run.err == nil {
			return run.views, time.Since(start), func() { c.release(run) }, nil
		}
		c.release(run)
		switch {
		case ctx.Err() != nil:
			return nil, 0, nil, context.Cause(ctx)
		case mine:
			return nil, 0, nil, run.err
		}
		// Another question's run failed, perhaps because somebody cancelled that one.
	}
}

// find gives a plan's clean run, and whether the caller has to make it.
func (c *viewCache) find(plan *incremental.Plan) (run *cleanRun, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.IndexFunc(c.runs, func(r *cleanRun) bool { return r.plan == plan }); i >= 0 {
		run = c.runs[i]
		c.runs = append(slices.Delete(c.runs, i, i+1), run)
	} else {
		run, mine = &cleanRun{plan: plan, ready: make(chan struct{})}, true
		c.runs = append(c.runs, run)
	}
	run.users++
	return run, mine
}

func (c *viewCache) release(run *cleanRun) {
	c.mu.Lock()
	defer c.mu.Unlock()
	run.users--
	c.trim()
}

// trim lets go of views that nobody uses and that are more than may be kept, the latest
// used last; of runs that failed at once.
func (c *viewCache) trim() {
	idle := int64(0)
	for i := len(c.runs) - 1; i >= 0; i-- {
		run := c.runs[i]
		failed := false
		select {
		case <-run.ready:
			failed = run.err != nil
		default:
		}
		if run.users == 0 {
			idle += run.plan.ViewBytes()
		}
		switch {
		case failed:
		case run.users > 0 || !c.closed && idle <= c.keep:
			continue
		default:
			run.plan.Release(run.views)
		}
		c.runs = slices.Delete(c.runs, i, i+1)
	}
}
