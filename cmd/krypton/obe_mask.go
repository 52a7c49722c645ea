package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"krypton/internal/failure"
	"krypton/internal/heatmap"
	"krypton/internal/imagein"
)

// maskFile is the mask of a picture, "" if there is none.
func (j *job) maskFile(in string) string { return strings.ReplaceAll(j.mask, "{name}", nameOf(in)) }

// readMask reads the mask of a picture, if one is asked for.
func (j *job) readMask(o *outcome) error {
	file := j.maskFile(o.in)
	if file == "" {
		return nil
	}
	limits, err := j.limits(file, 0)
	if err != nil {
		return failure.Temporaryf("--mask: %w", err)
	}
	m, err := imagein.OpenMask(file, limits)
	if errors.Is(err, fs.ErrNotExist) {
		return failure.Missingf("--mask: %w", err)
	}
	if err != nil {
		return pictureError(fmt.Errorf("--mask: %w", err))
	}
	if m.Transparent {
		return failure.Dataf("--mask: %s: has transparent parts: what counts must be painted, the rest black", file)
	}
	plane := j.model.Plan.InputPlane()
	o.mask, err = imagein.Mask(m, o.input.picture.Bounds().Size(), o.input.transform, plane.W, plane.H)
	if err != nil {
		return failure.Dataf("--mask: %s: %w", file, err)
	}
	o.masked = &heatmap.MaskRecord{File: file, SHA256: m.SHA256}
	for _, v := range o.mask {
		if v {
			o.masked.Pixels++
		}
	}
	if o.masked.Pixels == 0 {
		return failure.Dataf("--mask: %s: nothing counts in what the network sees", file)
	}
	return nil
}

// addMask says in the record what the mask left out.
func (r *record) addMask(m *heatmap.MaskRecord, skipped int) {
	if m == nil {
		return
	}
	m.Skipped = skipped
	r.Mask = m
	r.Notes = append(r.Notes, fmt.Sprintf("%d of %d positions lie off the mask: they were not measured and have the clean picture's score", skipped, r.Positions))
}
