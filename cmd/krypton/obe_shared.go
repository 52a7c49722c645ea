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
	o.record = o.record.summary()
	o.mask = nil
	o.input.base, o.input.fills = nil, nil
	if o.in != "-" {
		o.input.picture = nil
	}
}

// drawShared draws all pictures with one scale and one map of colours.
func (j *job) drawShared(ctx context.Context, kept []*outcome, t *tally) error {
	if len(kept) == 0 {
		return nil
	}
	maps := make([]*heatmap.Map, len(kept))
	for i, o := range kept {
		maps[i] = o.shown
	}
	scale, err := heatmap.SharedScale(maps, j.obeOptions.combine)
	if err != nil {
		return err
	}
	j.scale = &scale
	if j.render.colormap == "auto" { // by the scale, not by each picture's own values
		j.render.colormap = "blackbody"
		if scale.Lo < 0 {
			j.render.colormap = "bluered"
		}
	}
	for _, o := range kept {
		err := j.drawKept(ctx, o)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			j.rep.run.Spoil()
			j.fail(t, o.in, err)
		}
	}
	return nil
}

// drawKept draws one of them. Its file must be what it was.
func (j *job) drawKept(ctx context.Context, o *outcome) error {
	if o.input.picture == nil {
		again, err := heed(ctx, func() (*pictureInput, error) { return j.input(o.in) })
		if err != nil {
			return err
		}
		if again.sha256 != o.input.sha256 {
			return failure.Dataf("%s: changed since its map was computed", o.label)
		}
		o.input = again
		defer func() { o.input = nil }()
	}
	return j.finish(o)
}
