package main

import (
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"strings"

	"krypton/internal/atomicfile"
	"krypton/internal/heatmap"
	"krypton/internal/imagein"
	"krypton/internal/obe"
)

func (j *job) isFolder() bool {
	if strings.HasSuffix(j.out, "/") {
		return true
	}
	i, err := os.Stat(j.out)
	return err == nil && i.IsDir()
}

// target is where a picture's heatmap goes, "-" for stdout.
func (j *job) target(in string) string {
	name := strings.TrimSuffix(filepath.Base(in), filepath.Ext(in))
	dir := filepath.Dir(in)
	switch in {
	case "":
		name, dir = "sample", "."
	case "-":
		name, dir = "stdin", "."
	}
	switch {
	case j.out == "":
		return filepath.Join(dir, name+".krypton.png")
	case j.isFolder():
		return filepath.Join(j.out, name+".krypton.png")
	}
	return j.out
}

func (j *job) scoreTarget(pattern, in string) string {
	name := strings.TrimSuffix(filepath.Base(in), filepath.Ext(in))
	if in == "" {
		name = "sample"
	}
	return strings.ReplaceAll(pattern, "{name}", name)
}

func (j *job) makeFolder(file string) error {
	if !j.isFolder() || filepath.Clean(filepath.Dir(file)) != filepath.Clean(j.out) {
		return nil
	}
	return coded(exitCantCreate, os.MkdirAll(j.out, 0o755))
}

// write draws the heatmap of the first class and writes all outputs.
func (j *job) write(target string, files []string, record *heatmap.Record, picture *image.NRGBA, t imagein.Transform, r *obe.Result) error {
	m := &heatmap.Map{Ys: j.grid.Ys, Xs: j.grid.Xs, Patch: j.grid.Patch, Input: j.grid.Plane, Scores: r.Scores[0], Base: r.Base[0]}
	mode := "overlay"
	switch {
	case j.mapOnly:
		mode = "map-only"
	case j.sideBySide:
		mode = "side-by-side"
	}
	img, err := heatmap.Render(m, picture, t.Apply, heatmap.Style{Mode: mode, Alpha: j.alpha, Colormap: j.colormap, Scale: j.scale,
		Combine: j.combine, Blocks: j.blocks, Title: j.title(record), Caption: j.caption(record)})
	if err != nil {
		return err
	}
	png := func(w io.Writer) error { return heatmap.EncodePNG(w, img, record) }
	if target == "-" {
		if err := png(j.io.out); err != nil {
			return coded(exitCantCreate, fmt.Errorf("standard output: %w", err))
		}
	} else if err := atomicfile.Write(target, j.force, png); err != nil {
		return coded(exitCantCreate, err)
	}
	for _, f := range files {
		err := atomicfile.Write(f, j.force, func(w io.Writer) error { return heatmap.WriteScores(w, filepath.Ext(f), record) })
		if err != nil {
			return coded(exitCantCreate, err)
		}
	}
	return nil
}

func (j *job) title(r *heatmap.Record) string {
	c := r.Classes[0]
	name := c.Label
	if name == "" {
		name = fmt.Sprintf("class %d", c.Index)
	}
	return fmt.Sprintf("%s  %.3g", name, float32(c.BaseScore))
}

func (j *job) caption(r *heatmap.Record) []string {
	what := map[string]string{"value": "the class's score", "margin": "its margin to the best other class", "entropy": "the entropy of all scores"}[r.Score]
	lines := []string{
		fmt.Sprintf("model %s, output %s, activation %s; mapped: %s", filepath.Base(r.Model), r.Output, r.Activation, what),
		fmt.Sprintf("patch %dx%d, stride %dx%d, fill %s, %d positions, %s", r.Patch[0], r.Patch[1], r.Stride[0], r.Stride[1], r.Fill, r.Positions, r.Mode),
	}
	if r.NaN {
		lines = append(lines, "some scores are not numbers (NaN)")
	}
	return lines
}
