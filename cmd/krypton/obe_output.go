package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"krypton/internal/atomicfile"
	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/heatmap"
	"krypton/internal/inputs"
	"krypton/internal/model"
)

func (o *obeOptions) isFolder() bool {
	if endsFolder(o.out) {
		return true
	}
	i, err := os.Stat(o.out)
	return err == nil && i.IsDir()
}

// target is where a picture's heatmap goes, "-" for stdout, "" if none is drawn.
func (o *obeOptions) target(in string) string {
	switch {
	case o.scoresOnly:
		return ""
	case o.out == "":
		dir := "."
		if in != "-" {
			dir = filepath.Dir(in)
		}
		return filepath.Join(dir, model.NameOf(in)+inputs.MapEnding)
	case o.isFolder():
		return filepath.Join(o.out, model.NameOf(in)+inputs.MapEnding)
	}
	return o.out
}

// newOutcome names a picture's outputs.
func (o *obeOptions) newOutcome(in string) *outcome {
	x := &outcome{in: in, label: label(in), target: o.target(in), force: o.force}
	if x.target != "-" {
		x.imprint.Heatmap = x.target
	}
	for _, f := range o.scores {
		x.files = append(x.files, strings.ReplaceAll(f, "{name}", model.NameOf(in)))
	}
	if o.dicom != "" {
		f := strings.ReplaceAll(o.dicom, "{name}", model.NameOf(in))
		x.dicom = []string{f, besides(f, "map")}
	}
	return x
}

// outputs are all files of a picture.
func (o *outcome) outputs() []string {
	files := slices.Concat(o.files, o.dicom)
	if o.target == "-" || o.target == "" {
		return files
	}
	return append([]string{o.target}, files...)
}

// checkOutputs fails if an output cannot be written or must not be.
func (r *obeRun) checkOutputs(o *outcome) error {
	outputs := o.outputs()
	for i, f := range outputs {
		if slices.Contains(outputs[:i], f) {
			return failure.Usagef("%s would be written twice", f)
		}
		if err := r.inputs.Check(f); err != nil {
			return err
		}
		if other, ok := r.written[filepath.Clean(f)]; ok {
			return failure.CantCreatef("%s: %s was written for %s in this run", o.label, f, other)
		}
		if flag, ok := r.rep.paths[filepath.Clean(f)]; ok {
			return failure.Usagef("%s is the file of %s", f, flag)
		}
		if err := r.makeFolder(f); err != nil {
			return err
		}
		if err := atomicfile.Check(f, o.force); err != nil {
			return failure.As(failure.CantCreate, err)
		}
	}
	for _, f := range outputs {
		if r.written == nil {
			break // whose names are unlike anyway
		}
		r.written[filepath.Clean(f)] = o.label
	}
	return nil
}

func (o *obeOptions) makeFolder(file string) error {
	if !o.isFolder() || filepath.Clean(filepath.Dir(file)) != filepath.Clean(o.out) {
		return nil
	}
	return failure.As(failure.CantCreate, atomicfile.MakeFolder(o.out))
}

// writeScores writes the files of --scores.
func (r *obeRun) writeScores(o *outcome) error {
	for _, f := range o.files {
		err := atomicfile.Write(f, o.force, func(w io.Writer) error { return o.answer.WriteScores(w, explain.ScoreEnding(f), o.imprint) })
		if err != nil {
			return failure.As(failure.CantCreate, err)
		}
	}
	return nil
}

// writeDICOM writes the objects of --dicom.
func (r *obeRun) writeDICOM(o *outcome, style heatmap.Style) error {
	if o.dicom == nil {
		return nil
	}
	capture, parametric, err := o.answer.DICOM(o.input, style, r.anonymous)
	if err != nil {
		return fmt.Errorf("--dicom: %w", err)
	}
	for i, b := range [][]byte{capture, parametric} {
		err := atomicfile.Write(o.dicom[i], o.force, func(w io.Writer) error {
			_, err := w.Write(b)
			return err
		})
		if err != nil {
			return failure.As(failure.CantCreate, err)
		}
	}
	return nil
}

// draw writes the heatmap of the first class, if one is wanted.
func (r *obeRun) draw(o *outcome, style heatmap.Style) error {
	if err := r.writeDICOM(o, style); err != nil {
		return err
	}
	if o.target == "" {
		return nil
	}
	o.imprint.Scale = style.Scale
	if err := r.drawOthers(o, style); err != nil {
		return err
	}
	img, err := o.answer.Draw(o.input, style)
	if err != nil {
		return err
	}
	return r.writePicture(o, func(w io.Writer) error { return o.answer.EncodePNG(w, img, o.imprint) })
}

// writePicture writes a PNG to where an outcome's picture goes.
func (r *obeRun) writePicture(o *outcome, png func(w io.Writer) error) error {
	if o.target == "-" {
		if err := png(r.io.out); err != nil {
			return failure.CantCreatef("standard output: %w", err)
		}
		return nil
	}
	return failure.As(failure.CantCreate, atomicfile.Write(o.target, o.force, png))
}

// drawOthers writes the heatmaps of the other boxes that were asked for, beside the
// first's: how many there are is known only now. In a batch, whose files are named
// before, and where the picture goes to standard output, the first is drawn alone.
func (r *obeRun) drawOthers(o *outcome, style heatmap.Style) error {
	if r.batch.wanted() || o.target == "-" {
		return nil
	}
	others := o.answer.Others()
	for _, other := range others {
		f := besides(o.target, other.Name)
		if err := r.inputs.CheckOutput(f, o.force); err != nil {
			return err
		}
		if owner, ok := r.written[filepath.Clean(f)]; ok {
			return failure.CantCreatef("%s: %s was written for %s in this run", o.label, f, owner)
		}
		r.written[filepath.Clean(f)] = o.label
		o.more = append(o.more, f)
	}
	for i, other := range others {
		img, err := other.Draw(o.input, style)
		if err != nil {
			return err
		}
		imprint := o.imprint
		imprint.Heatmap = o.more[i]
		err = atomicfile.Write(o.more[i], o.force, func(w io.Writer) error { return other.EncodePNG(w, img, imprint) })
		if err != nil {
			return failure.As(failure.CantCreate, err)
		}
	}
	return nil
}

// besides is the name of a file beside another one.
func besides(file, name string) string {
	dir, base := filepath.Split(file)
	ending := filepath.Ext(base)
	if strings.HasSuffix(base, inputs.MapEnding) {
		ending = inputs.MapEnding
	}
	return dir + strings.TrimSuffix(base, ending) + "." + name + ending
}

// endsFolder says whether a name that somebody wrote is a folder's by its last character.
func endsFolder(name string) bool { return name != "" && os.IsPathSeparator(name[len(name)-1]) }
