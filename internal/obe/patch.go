package obe

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Shape is what kind of patch hides a part of a picture.
type Shape string

// The shapes. The first three are moved over the picture, step by step.
const (
	Rectangle Shape = ""
	// Circle is the ellipse in the patch's rectangle.
	Circle Shape = "circle"
	// Stencil is given by a grey picture: 0 keeps, 255 covers, what is between blends.
	Stencil Shape = "mask"
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
}

// Plain is a rectangular patch with hard edges.
func Plain(size Size) Patch { return Patch{Size: size} }

// maxSoft bounds how soft edges are, in pixels.
const maxSoft = 256

// patchForms say how patches are written.
const patchForms = "16, 10% or HxW, circle:SIZE or mask:SIZE:FILE, each with :soft=PIXELS behind its size"

// ParsePatch reads a size, circle:SIZE or mask:SIZE:FILE. Behind the size may stand
// :soft=PIXELS.
func ParsePatch(s string) (Patch, error) {
	var p Patch
	rest := s
	for _, shape := range []Shape{Circle, Stencil} {
		if after, ok := strings.CutPrefix(s, string(shape)+":"); ok {
			p.Shape, rest = shape, after
		}
	}
	size, rest, _ := strings.Cut(rest, ":")
	var err error
	if p.Size, err = ParseSize(size); err != nil {
		if strings.Contains(s, ":") {
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

// String writes a patch as ParsePatch reads it.
func (p Patch) String() string {
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
