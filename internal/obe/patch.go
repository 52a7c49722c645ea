package obe

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Shape is what kind of patch hides a part of a picture.
type Shape string

// The shapes. The first three are moved over the picture, step by step; the others are lists.
const (
	Rectangle Shape = ""
	// Circle is the ellipse in the patch's rectangle.
	Circle Shape = "circle"
	// Stencil is given by a grey picture: 0 keeps, 255 covers, what is between blends.
	Stencil Shape = "mask"
	// Superpixels are segments of the picture, each hidden by itself.
	Superpixels Shape = "slic"
	// Random masks hide about a share of the whole picture each.
	Random Shape = "rise"
)

// Patch says what hides a part of a picture. Equal patches are equal values.
type Patch struct {
	Shape Shape
	// Size is that of the rectangle that the patch lies in.
	Size Size
	// Soft is the standard deviation of the bell curve that edges are blurred by, in
	// pixels of the network's input; 0 leaves them hard.
	Soft float64
	// File holds a stencil.
	File string
	// Count is about how many superpixels there are, or how many random masks.
	Count int
	// Compactness is that of superpixels (slic.Segment).
	Compactness float64
	// Cells is how many a random mask has along each axis, Keep the chance that it keeps one.
	Cells int
	Keep  float64
}

// What superpixels and random masks are where nobody says.
const (
	usualCompactness = 10
	usualCells       = 7
	usualKeep        = 0.5
)

// The most patches, and cells along an axis, that a list may have, and how little and how
// much its other numbers may be.
const (
	maxCount       = 1 << 20
	maxCellsAxis   = 256
	minCompactness = 1e-3
	maxCompactness = 1e6
	minKeep        = 1e-3
)

// Plain is a rectangular patch with hard edges.
func Plain(size Size) Patch { return Patch{Size: size} }

// maxSoft bounds how soft edges are, in pixels.
const maxSoft = 256

// patchForms say how patches are written.
const patchForms = "16, 10% or HxW, circle:SIZE or mask:SIZE:FILE, each with :soft=PIXELS behind its size, slic:COUNT or rise:COUNT"

// ParsePatch reads a size, circle:SIZE or mask:SIZE:FILE, behind whose size may stand
// :soft=PIXELS; slic:COUNT, behind which may stand :compactness=NUMBER; or rise:COUNT with
// :cells=NUMBER and :keep=SHARE.
func ParsePatch(s string) (Patch, error) {
	for _, shape := range []Shape{Superpixels, Random} {
		if after, ok := strings.CutPrefix(s, string(shape)+":"); ok {
			return parseListed(s, shape, after)
		}
	}
	var p Patch
	rest := s
	for _, shape := range []Shape{Circle, Stencil} {
		if after, ok := strings.CutPrefix(s, string(shape)+":"); ok {
			p.Shape, rest = shape, after
		}
	}
	if slices.Contains([]Shape{Circle, Stencil, Superpixels, Random}, Shape(s)) {
		return Patch{}, fmt.Errorf("%q is no patch: want %s", s, patchForms)
	}
	size, rest, _ := strings.Cut(rest, ":")
	var err error
	if p.Size, err = ParseSize(size); err != nil {
		switch {
		case p.Shape != Rectangle:
			err = fmt.Errorf("%q is no patch: %w", s, err)
		case strings.Contains(s, ":"):
			err = fmt.Errorf("%q is no patch: want %s", s, patchForms)
		}
		return Patch{}, err
	}
	if after, ok := strings.CutPrefix(rest, "soft="); ok {
		soft, file, _ := strings.Cut(after, ":")
		p.Soft, err = strconv.ParseFloat(soft, 64)
		if err != nil || !(p.Soft > 0 && p.Soft <= maxSoft) {
			return Patch{}, fmt.Errorf("%q is no patch: edges are soft by pixels above 0 and up to %d", s, maxSoft)
		}
		rest = file
	}
	if p.File = rest; (rest != "") != (p.Shape == Stencil) || strings.HasSuffix(s, ":") {
		return Patch{}, fmt.Errorf("%q is no patch: want %s", s, patchForms)
	}
	return p, nil
}

// parseListed reads superpixels or random masks; text is what stands behind their name in s.
func parseListed(s string, shape Shape, text string) (Patch, error) {
	p := Patch{Shape: shape}
	settings := map[string]func(text string) bool{"compactness": realIn(&p.Compactness, minCompactness, maxCompactness)}
	form := fmt.Sprintf("slic:COUNT (up to %d), with :compactness=NUMBER (%g to %g) behind it", maxCount, minCompactness, float64(maxCompactness))
	if p.Compactness = usualCompactness; shape == Random {
		settings = map[string]func(text string) bool{"keep": realIn(&p.Keep, minKeep, 1-minKeep), "cells": wholeIn(&p.Cells, maxCellsAxis)}
		form = fmt.Sprintf("rise:COUNT (up to %d), with :cells=NUMBER (up to %d) and :keep=SHARE (%g to %g) behind it", maxCount, maxCellsAxis, minKeep, 1-minKeep)
		p.Compactness, p.Cells, p.Keep = 0, usualCells, usualKeep
	}
	count, rest, more := strings.Cut(text, ":")
	ok := wholeIn(&p.Count, maxCount)(count)
	for ok && more {
		var one string
		one, rest, more = strings.Cut(rest, ":")
		name, value, _ := strings.Cut(one, "=")
		set := settings[name]
		ok = set != nil && set(value)
		delete(settings, name) // once
	}
	if !ok {
		return Patch{}, fmt.Errorf("%q is no patch: want %s", s, form)
	}
	return p, nil
}

// realIn reads a number of a range.
func realIn(to *float64, least, most float64) func(text string) bool {
	return func(text string) bool {
		v, err := strconv.ParseFloat(text, 64)
		*to = v
		return err == nil && v >= least && v <= most
	}
}

// wholeIn reads a whole number from 1 on.
func wholeIn(to *int, most int) func(text string) bool {
	return func(text string) bool {
		v, err := strconv.Atoi(text)
		*to = v
		return err == nil && v >= 1 && v <= most
	}
}

// Listed says whether the patches lie one behind the other in a list, and not on a grid.
func (p Patch) Listed() bool { return p.Shape == Superpixels || p.Shape == Random }

// listed writes superpixels and random masks.
func (p Patch) listed() string {
	text := fmt.Sprintf("%s:%d", p.Shape, p.Count)
	if p.Shape == Superpixels && p.Compactness != usualCompactness {
		text += ":compactness=" + strconv.FormatFloat(p.Compactness, 'g', -1, 64)
	}
	if p.Shape == Random && p.Cells != usualCells {
		text += fmt.Sprintf(":cells=%d", p.Cells)
	}
	if p.Shape == Random && p.Keep != usualKeep {
		text += ":keep=" + strconv.FormatFloat(p.Keep, 'g', -1, 64)
	}
	return text
}

// String writes a patch as ParsePatch reads it.
func (p Patch) String() string {
	if p.Listed() {
		return p.listed()
	}
	var b strings.Builder
	if p.Shape != Rectangle {
		b.WriteString(string(p.Shape) + ":")
	}
	b.WriteString(p.Size.String())
	if p.Soft != 0 {
		b.WriteString(":soft=" + strconv.FormatFloat(p.Soft, 'g', -1, 64))
	}
	if p.Shape == Stencil {
		b.WriteString(":" + p.File)
	}
	return b.String()
}

// Plain says whether the patch is a rectangle with hard edges.
func (p Patch) Plain() bool { return p == Plain(p.Size) }

// MarshalText implements encoding.TextMarshaler.
func (p Patch) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Patch) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePatch(string(text))
	return err
}

// ParsePatches reads patches with commas between them.
func ParsePatches(s string) ([]Patch, error) { return parseList(s, ParsePatch) }

// Patches writes patches as ParsePatches reads them.
func Patches(all []Patch) string { return joinList(all) }

// margin is how far soft edges reach beyond the patch's rectangle.
func (p Patch) margin() int { return int(math.Ceil(3 * p.Soft)) }
