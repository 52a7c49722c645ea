package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"krypton/internal/atomicfile"
	"krypton/internal/failure"
	"krypton/internal/heatmap"
)

func (j *job) isFolder() bool {
	if strings.HasSuffix(j.out, "/") {
		return true
	}
	i, err := os.Stat(j.out)
	return err == nil && i.IsDir()
}

// nameOf is what an input's outputs are called after.
func nameOf(in string) string {
	switch in {
	case "":
		return "sample"
	case "-":
		return "stdin"
	}
	return strings.TrimSuffix(filepath.Base(in), filepath.Ext(in))
}

// target is where a picture's heatmap goes, "-" for stdout, "" if none is drawn.
func (j *job) target(in string) string {
	switch {
	case j.scoresOnly:
		return ""
	case j.out == "":
		dir := "."
		if in != "-" {
			dir = filepath.Dir(in)
		}
		return filepath.Join(dir, nameOf(in)+ownEnding)
	case j.isFolder():
		return filepath.Join(j.out, nameOf(in)+ownEnding)
	}
	return j.out
}

// newOutcome names a picture's outputs.
func (j *job) newOutcome(in string) *outcome {
	o := &outcome{in: in, label: label(in), target: j.target(in), force: j.force}
	if o.target != "-" {
		o.heatmap = o.target
	}
	for _, f := range j.scores {
		o.files = append(o.files, strings.ReplaceAll(f, "{name}", nameOf(in)))
	}
	return o
}

// outputs are all files of a picture.
func (o *outcome) outputs() []string {
	if o.target == "-" || o.target == "" {
		return o.files
	}
	return append([]string{o.target}, o.files...)
}

// checkOutputs fails if an output cannot be written or must not be.
func (j *job) checkOutputs(o *outcome) error {
	outputs := o.outputs()
	for i, f := range outputs {
		if slices.Contains(outputs[:i], f) {
			return failure.Usagef("%s would be written twice", f)
		}
		if err := j.inputs.check(f); err != nil {
			return err
		}
		if other, ok := j.written[filepath.Clean(f)]; ok {
			return failure.CantCreatef("%s: %s was written for %s in this run", o.label, f, other)
		}
		if flag, ok := j.rep.paths[filepath.Clean(f)]; ok {
			return failure.Usagef("%s is the file of %s", f, flag)
		}
		if err := j.makeFolder(f); err != nil {
			return err
		}
		if err := atomicfile.Check(f, o.force); err != nil {
			return failure.As(failure.CantCreate, err)
		}
	}
	for _, f := range outputs {
		if j.written == nil {
			break // whose names are unlike anyway
		}
		j.written[filepath.Clean(f)] = o.label
	}
	return nil
}

func (j *job) makeFolder(file string) error {
	if !j.isFolder() || filepath.Clean(filepath.Dir(file)) != filepath.Clean(j.out) {
		return nil
	}
	return failure.As(failure.CantCreate, atomicfile.MakeFolder(j.out))
}

// published is the record as files hold it. Where their bytes must not depend on
// who made them, and when, it says nothing of time, cores and processor.
func (o *outcome) published() *record {
	if !o.timeless {
		return o.record
	}
	r := *o.record.Record
	r.SecondsViews, r.SecondsMap, r.Threads, r.Kernels = 0, 0, 0, ""
	return &record{&r, o.record.Approximated, o.record.Bound}
}

// writeScores writes the files of --scores.
func (j *job) writeScores(o *outcome) error {
	for _, f := range o.files {
		err := atomicfile.Write(f, o.force, func(w io.Writer) error { return o.published().writeScores(w, filepath.Ext(f)) })
		if err != nil {
			return failure.As(failure.CantCreate, err)
		}
	}
	return nil
}

// draw writes the heatmap of the first class, if one is wanted.
func (j *job) draw(o *outcome) error {
	if o.target == "" {
		return nil
	}
	if j.scale != nil {
		o.record.Scale = &[2]float64{j.scale.Lo, j.scale.Hi}
	}
	style := j.drawn
	style.Colormap, style.Scale, style.Combine = j.render.colormap, j.scale, j.obeOptions.combine // shared scales come late
	style.Title, style.Caption = o.record.title(), o.record.caption()
	img, err := heatmap.Render(o.shown, o.input.picture, o.input.transform.Apply, style)
	if err != nil {
		return err
	}
	png := func(w io.Writer) error { return heatmap.EncodePNG(w, img, o.published().Record) }
	if o.target == "-" {
		if err := png(j.io.out); err != nil {
			return failure.CantCreatef("standard output: %w", err)
		}
		return nil
	}
	return failure.As(failure.CantCreate, atomicfile.Write(o.target, o.force, png))
}
