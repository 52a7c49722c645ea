package batch

import (
	"context"
	"time"
)

// Task is an item on its way through the stages, which fill it.
type Task[T any] struct {
	Item Item
	// Outputs are the item's, by their names in the batch's folder or absolute.
	Outputs []string
	// Digest stands for what the item is made from, beside what all items share.
	Digest string
	// Already says that an earlier run has done the item: there is nothing to do.
	Already bool
	// Err is what went wrong, nil if nothing did so far.
	Err error
	// Work is the stages' own.
	Work T

	begun time.Time
}

// Idle says that nothing is left to compute for the item.
func (t *Task[T]) Idle() bool { return t.Already || t.Err != nil }

// Stages are what is done for an item, one after the other. Their errors are the
// item's: the next item is done all the same.
type Stages[T any] struct {
	// Read finds out whether the item is done (Run.Known, Run.Done), and reads it if not.
	// With Ahead that happens while the item before it is computed.
	Read  func(context.Context, *Task[T]) error
	Ahead bool
	// Compute does the work. It is called for every item, in their order, also where
	// there is nothing to compute (Task.Idle).
	Compute func(context.Context, *Task[T]) error
	// Write, if set, writes the outputs; with Ahead, while the next item is computed.
	Write func(*Task[T]) error
	// Told is called once the journal knows what became of the item: one at a time.
	Told func(*Task[T])
}

// Drive takes items of a run through the stages and writes into the journal what became
// of each: its outputs first, then their record, so that what the journal calls done is
// there whenever the process ends. It ends early if the context does, or if the journal
// cannot be written: nobody would know what is done.
func Drive[T any](ctx context.Context, r *Run, items []Item, s Stages[T]) error {
	if s.Ahead {
		return s.overlapped(ctx, r, items)
	}
	for _, it := range items {
		t := s.read(ctx, it)
		s.compute(ctx, t)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := s.finish(r, t); err != nil {
			return err
		}
	}
	return nil
}

// overlapped reads an item, computes the one before and writes the one before that, all
// at the same time.
func (s *Stages[T]) overlapped(ctx context.Context, r *Run, items []Item) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	read, computed, written := make(chan *Task[T]), make(chan *Task[T], 1), make(chan error, 1)
	go func() {
		defer close(read)
		for _, it := range items {
			select {
			case read <- s.read(ctx, it):
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() {
		var err error
		for t := range computed {
			if err == nil {
				if err = s.finish(r, t); err != nil {
					stop(err)
				}
			}
		}
		written <- err
	}()
	for t := range read {
		s.compute(ctx, t)
		if ctx.Err() != nil {
			break
		}
		computed <- t
	}
	close(computed)
	err := <-written
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return err
}

func (s *Stages[T]) read(ctx context.Context, it Item) *Task[T] {
	t := &Task[T]{Item: it, begun: time.Now()}
	t.Err = s.Read(ctx, t)
	return t
}

func (s *Stages[T]) compute(ctx context.Context, t *Task[T]) {
	if err := s.Compute(ctx, t); t.Err == nil {
		t.Err = err
	}
}

// finish writes the outputs, then the record. Its errors are those of the journal.
func (s *Stages[T]) finish(r *Run, t *Task[T]) error {
	if !t.Already {
		if t.Err == nil && s.Write != nil {
			t.Err = s.Write(t)
		}
		if err := r.finished(t.Item, t.Digest, t.Outputs, time.Since(t.begun), t.Err); err != nil {
			return err
		}
	}
	s.Told(t)
	return nil
}
