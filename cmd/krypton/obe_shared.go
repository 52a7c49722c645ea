package main

import (
	"context"

	"krypton/internal/failure"
	"krypton/internal/heatmap"
)

// keep makes an outcome small, to be drawn once all pictures are there: of the
// scores only the map that is shown stays, the rest is in its files. A picture
// that cannot be read again stays.
func (o *outcome) keep() {
	o.answer = o.answer.Small()
	if o.input = o.input.Drawable(); o.in != "-" {
		o.input = nil
	}
}

// drawShared draws all pictures with one scale and one map of colours.
func (r *obeRun) drawShared(ctx context.Context, kept []*outcome, t *tally) error {
	if len(kept) == 0 {
		return nil
	}
	var maps []*heatmap.Map
	for _, o := range kept {
		maps = append(maps, o.answer.Drawn())
		for _, other := range o.answer.Others() {
			maps = append(maps, other.Drawn())
		}
	}
	style, err := r.style.Shared(maps, r.combine)
	if err != nil {
		return err
	}
	for _, o := range kept {
		err := r.drawKept(ctx, o, style)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			r.rep.run.Spoil()
			r.fail(t, o.in, err)
		}
	}
	return nil
}

// drawKept draws one of them. Its file must be what it was.
func (r *obeRun) drawKept(ctx context.Context, o *outcome, style heatmap.Style) error {
	if o.input == nil {
		again, err := r.input(ctx, o.in)
		if err != nil {
			return err
		}
		if again.SHA256 != o.sha256 {
			return failure.Dataf("%s: changed since its map was computed", o.label)
		}
		o.input = again
		defer func() { o.input = nil }()
	}
	return r.finish(o, style)
}
