package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"krypton/internal/atomicfile"
	"krypton/internal/batch"
	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/interrupt"
)

// windowed says whether windows of recordings are asked about one after the other.
func (o *obeOptions) windowed() bool { return o.recording.every != nil }

// windowsOf names the windows of a recording.
func (r *obeRun) windowsOf(ctx context.Context, recording string) ([]string, error) {
	names, err := interrupt.Do(ctx, func() ([]string, error) { return r.job.Windows(ctx, recording) })
	return names, hinted(err)
}

// stripOf names the windows of a recording, if a picture of all can be drawn where one is
// wanted.
func (r *obeRun) stripOf(ctx context.Context, recording string) ([]string, error) {
	names, err := r.windowsOf(ctx, recording)
	if err == nil && r.target(recording) != "" && !r.isFolder() {
		if err = r.job.FitsStrip(len(names)); err != nil {
			return nil, hinted(fmt.Errorf("%s: %w", recording, err))
		}
	}
	return names, err
}

// allWindows explains every window of every recording; one that fails does not stop the
// others.
func (r *obeRun) allWindows(ctx context.Context, recordings []string) error {
	workBegins(ctx)
	names, errs := make([][]string, len(recordings)), make([]error, len(recordings))
	total := 0
	for i, in := range recordings {
		names[i], errs[i] = r.stripOf(ctx, in)
		if ctx.Err() != nil {
			return errs[i]
		}
		total += max(1, len(names[i]))
	}
	r.rep.begin(r.job, total)
	r.multiple = total > 1
	var t tally
	var kept []*outcome
	for i, in := range recordings {
		if errs[i] != nil {
			r.rep.run.End(true)
			r.fail(&t, in, errs[i])
			continue
		}
		outcomes, err := r.windows(ctx, in, names[i], &t)
		if ctx.Err() != nil {
			return err
		}
		if err != nil {
			r.rep.run.Spoil()
			r.fail(&t, in, err)
		}
		kept = append(kept, outcomes...)
	}
	if err := r.drawShared(ctx, kept, &t); err != nil {
		return err
	}
	return r.ended(&t, total, "windows")
}

// windows explains the windows of a recording, and writes what is written of them together.
// With one scale for all maps of a folder they are given to be drawn later.
func (r *obeRun) windows(ctx context.Context, recording string, names []string, t *tally) (kept []*outcome, err error) {
	o := r.newOutcome(recording)
	folder := o.target != "" && r.isFolder()
	if folder {
		o.target = "" // each window has one
	}
	if err := r.checkOutputs(o); err != nil {
		return nil, err
	}
	every := *r.recording.every
	s := &explain.Strip{Recording: recording, Every: every}
	read := map[string]string{} // digests of recordings, by windows
	for _, name := range names {
		w := &outcome{in: name, label: name, force: r.force}
		if folder {
			w.target = r.target(name)
			w.imprint.Heatmap = w.target
		}
		err := r.explain(ctx, w)
		r.rep.run.End(err != nil)
		if ctx.Err() != nil && err != nil {
			return nil, err
		}
		if err != nil {
			s.Windows = append(s.Windows, explain.Window{Name: name, Err: err})
			r.fail(t, name, err)
			continue
		}
		s.Windows = append(s.Windows, explain.Window{Name: name, Answer: w.answer})
		read[name] = w.sha256
		if folder && r.render.scale.Shared {
			w.keep()
			kept = append(kept, w)
		} else if err := r.finish(w, r.style); err != nil {
			r.rep.run.Spoil()
			r.fail(t, name, err)
		}
		w.input = nil
	}
	if len(read) == 0 {
		return nil, nil // each was told
	}
	return kept, r.together(ctx, o, s, read)
}

// together writes what is written of all windows of a recording.
func (r *obeRun) together(ctx context.Context, o *outcome, s *explain.Strip, read map[string]string) error {
	for _, f := range o.files {
		err := atomicfile.Write(f, o.force, func(w io.Writer) error { return s.WriteScores(w, explain.ScoreEnding(f), o.imprint) })
		if err != nil {
			return failure.As(failure.CantCreate, err)
		}
	}
	if o.target != "" {
		img, err := s.Draw(func(w explain.Window) (*explain.Input, error) {
			in, err := r.input(ctx, w.Name)
			if err == nil && in.SHA256 != read[w.Name] {
				err = failure.Dataf("%s: changed since its map was computed", w.Name)
			}
			return in, err
		}, r.style)
		if err != nil {
			return fmt.Errorf("%s: %w", o.label, err)
		}
		if err := r.writePicture(o, func(w io.Writer) error { return s.EncodePNG(w, img, o.imprint) }); err != nil {
			return err
		}
	}
	if files := o.outputs(); len(files) > 0 && !r.quiet && !r.asJSON {
		fmt.Fprintln(r.io.err, printable(fmt.Sprintf("%s: %d windows, every %v\n  wrote %s", o.label, len(s.Windows), s.Every, listed(files))))
	}
	return nil
}

// windowItems are the items of a batch with the windows of recordings in their place.
func (b *obeBatch) windowItems(ctx context.Context, base *obeRun, items []batch.Item) ([]batch.Item, error) {
	var all []batch.Item
	for _, it := range items {
		r := base
		if len(it.Set) > 0 {
			var err error
			if r, err = b.variant(ctx, it.Set); err != nil {
				all = append(all, it) // that its settings are of no use is said when it is read
				continue
			}
		}
		names, err := r.windowsOf(ctx, it.Path)
		if ctx.Err() != nil {
			return nil, err
		}
		if err != nil {
			names = []string{it.Path} // so is that it cannot be read
		}
		for _, name := range names {
			all = append(all, batch.Item{Path: name, Set: it.Set})
		}
	}
	return all, nil
}

// sumFile is explain.SumFile, asked once for windows of a recording that come one after the
// other.
func (b *obeBatch) sumFile(path string) (string, error) {
	name := filepath.Clean(explain.File(path).File())
	if b.summed.name == name {
		return b.summed.sum, nil
	}
	sum, err := explain.SumFile(path)
	if err == nil {
		b.summed.name, b.summed.sum = name, sum
	}
	return sum, err
}
