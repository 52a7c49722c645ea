package obe

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"krypton/internal/engine"
	"krypton/internal/failure"
	"krypton/internal/region"
)

// Length is a number of pixels, a share of a side in percent, or millimetres.
type Length struct {
	// Pixels is from 1 on; Percent, if it is not 0, is above 0 and up to 100 and counts
	// instead.
	Pixels  int
	Percent float64
	// Millimetres, if it is not 0, is a length of what a picture shows, whose pixels' size is
	// to be told: see Size.In.
	Millimetres float64
	// Seconds, if it is not 0, is a length of a series whose rate is to be told: see Size.At.
	Seconds float64
}

// maxLength bounds a length in pixels.
const maxLength = 1 << 20

// on is the length in pixels of a side, rounded and at least one.
func (l Length) on(side int) int {
	if l.Percent != 0 {
		return max(1, int(math.Round(l.Percent/100*float64(side))))
	}
	return l.Pixels
}

func (l Length) text() string {
	if l.Millimetres != 0 {
		return strconv.FormatFloat(l.Millimetres, 'g', -1, 64) + "mm"
	}
	if l.Seconds != 0 {
		return strconv.FormatFloat(l.Seconds, 'g', -1, 64) + "s"
	}
	if l.Percent != 0 {
		return strconv.FormatFloat(l.Percent, 'g', -1, 64) + "%"
	}
	return strconv.Itoa(l.Pixels)
}

// Size is a height and a width, or a step along y and one along x.
type Size struct{ H, W Length }

// ParseSize reads N or HxW, each number in pixels, with % in percent, with mm in
// millimetres, with s or ms a time.
func ParseSize(s string) (Size, error) {
	parts := strings.Split(s, "x")
	if len(parts) == 1 {
		parts = append(parts, s)
	}
	var both [2]Length
	for i, p := range parts {
		if l, ok := lengthOf(p); ok && i < 2 {
			both[i] = l
			continue
		}
		number, percent := strings.CutSuffix(p, "%")
		if percent && i < 2 {
			f, err := strconv.ParseFloat(number, 64)
			if err != nil || !(f > 0 && f <= 100) {
				return Size{}, fmt.Errorf("%q is not a size: want percent above 0 and up to 100", s)
			}
			both[i] = Length{Percent: f}
			continue
		}
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 || n > maxLength || len(parts) != 2 {
			return Size{}, fmt.Errorf("%q is not a size: want pixels or percent, such as 16 or 10%%, or two as HxW", s)
		}
		both[i] = Length{Pixels: n}
	}
	return Size{both[0], both[1]}, nil
}

// maxSeconds bounds a length in seconds, as moments of recordings are bounded.
const maxSeconds = 1e9

// units are those that lengths other than of pixels are said in: which length they are of,
// how much of its unit each is, and what bounds it. ms stands before s.
var units = []struct {
	name        string
	scale, most float64
	length      func(v float64) Length
}{
	{"mm", 1, maxMillimetres, func(v float64) Length { return Length{Millimetres: v} }},
	{"ms", 1e-3, maxSeconds, func(v float64) Length { return Length{Seconds: v} }},
	{"s", 1, maxSeconds, func(v float64) Length { return Length{Seconds: v} }},
}

// lengthOf reads 10mm, 1.5s or 200ms.
func lengthOf(s string) (Length, bool) {
	for _, u := range units {
		if number, ok := strings.CutSuffix(s, u.name); ok {
			f, err := strconv.ParseFloat(number, 64)
			return u.length(f * u.scale), err == nil && f > 0 && f*u.scale <= u.most
		}
	}
	return Length{}, false
}

// Timed says whether a length is one of seconds.
func (s Size) Timed() bool { return s.H.Seconds != 0 || s.W.Seconds != 0 }

// OfSeries is the size along time of a series: one number is a time, over all of the other
// axis. timeIsRow says that time goes down the plane.
func (s Size) OfSeries(timeIsRow bool) Size {
	all := Length{Percent: 100}
	switch {
	case s.H != s.W:
		return s
	case timeIsRow:
		return Size{H: s.W, W: all}
	}
	return Size{H: all, W: s.W}
}

// at is a length of a series of so many samples a second: times become samples, at least one.
func (l Length) at(rate float64) Length {
	if l.Seconds == 0 {
		return l
	}
	return Length{Pixels: int(min(max(1, math.Round(l.Seconds*rate)), maxLength))}
}

// Brief says whether a time of a series of so many samples a second is nearer to none than to
// one.
func (s Size) Brief(rate float64) bool {
	brief := func(l Length) bool { return l.Seconds != 0 && l.Seconds*rate < .5 }
	return brief(s.H) || brief(s.W)
}

// At is the size where a series has so many samples a second.
func (s Size) At(rate float64) Size { return Size{s.H.at(rate), s.W.at(rate)} }

// At is the patch where a series has so many samples a second.
func (p Patch) At(rate float64) Patch {
	p.Size = p.Size.At(rate)
	return p
}

// String writes a size as ParseSize reads it.
func (s Size) String() string {
	if s.H == s.W {
		return s.H.text()
	}
	return s.H.text() + "x" + s.W.text()
}

// MarshalText implements encoding.TextMarshaler.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Size) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSize(string(text))
	return err
}

// On is the size in pixels, height and width, on a plane of h by w.
func (s Size) On(h, w int) [2]int { return [2]int{s.H.on(h), s.W.on(w)} }

// PatchOn is the size of a patch in pixels, height and width, on a plane of h by w: one that
// was given as one number is as high as a plane of one row, a series, allows.
func (s Size) PatchOn(h, w int) [2]int {
	size := s.On(h, w)
	if h == 1 && s.H == s.W {
		size[0] = 1
	}
	return size
}

// ParseSizes reads sizes with commas between them.
func ParseSizes(s string) ([]Size, error) { return parseList(s, ParseSize) }

// Sizes writes sizes as ParseSizes reads them.
func Sizes(all []Size) string { return joinList(all) }

// parseList reads values with commas between them.
func parseList[T any](s string, parse func(string) (T, error)) ([]T, error) {
	var all []T
	for _, one := range strings.Split(s, ",") {
		value, err := parse(one)
		if err != nil {
			return nil, err
		}
		all = append(all, value)
	}
	return all, nil
}

// joinList writes values as parseList reads them.
func joinList[T fmt.Stringer](all []T) string {
	texts := make([]string, len(all))
	for i, v := range all {
		texts[i] = v.String()
	}
	return strings.Join(texts, ",")
}

// Region is a part of the network's input in pixels; the zero value is all of it.
type Region struct{ X, Y, W, H int }

// ParseRegion reads X,Y,W,H, not empty; no text at all is all of the input.
func ParseRegion(s string) (Region, error) {
	if s == "" {
		return Region{}, nil
	}
	var v [4]int
	parts := strings.Split(s, ",")
	for i, p := range parts {
		n, err := strconv.Atoi(strings.TrimSpace(p))
		if err != nil || i > 3 || n < 0 || n > maxLength {
			return Region{}, fmt.Errorf("is %q, want x,y,w,h", s)
		}
		v[i] = n
	}
	r := Region{v[0], v[1], v[2], v[3]}
	if len(parts) != 4 || r.Rect().Empty() {
		return Region{}, fmt.Errorf("is %q, want x,y,w,h, not empty", s)
	}
	return r, nil
}

// String writes a region as ParseRegion reads it.
func (r Region) String() string {
	if r == (Region{}) {
		return ""
	}
	return fmt.Sprintf("%d,%d,%d,%d", r.X, r.Y, r.W, r.H)
}

// MarshalText implements encoding.TextMarshaler.
func (r Region) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Region) UnmarshalText(text []byte) (err error) {
	if *r, err = ParseRegion(string(text)); err != nil {
		err = fmt.Errorf("a region %w", err)
	}
	return err
}

// Rect is the region as a rectangle.
func (r Region) Rect() region.Rect {
	return region.Rect{Y: region.Span{Lo: r.Y, Hi: r.Y + r.H}, X: region.Span{Lo: r.X, Hi: r.X + r.W}}
}

// GridOn lays the grid of a patch and a stride over a part of a network's input, as NewGrid
// does. What does not fit is the fault of whoever asked.
func GridOn(p engine.Plane, patch, stride Size, border Border, roi Region) (*Grid, error) {
	if patch.Physical() || stride.Physical() {
		return nil, failure.Usagef("%s, %s: millimetres are for pictures that say how large their pixels are", patch, stride)
	}
	if patch.Timed() || stride.Timed() {
		return nil, failure.Usagef("%s, %s: there are times in recordings alone", patch, stride)
	}
	g, err := NewGrid(p.H, p.W, patch.PatchOn(p.H, p.W), stride.On(p.H, p.W), border, roi.Rect())
	return g, failure.As(failure.Usage, err)
}

// Typical tells a plan which changes it will have to answer: a spread sample of the
// positions of patches, each with the first stride. Where one does not fit, that is all
// of the input: it is refused later, where the grid is made.
func Typical(patches []Patch, stride Size) func(engine.Plane) []region.Rect {
	return func(p engine.Plane) []region.Rect {
		var sample []region.Rect
		for _, patch := range patches {
			g, err := patch.outline(p, stride)
			if err != nil {
				return []region.Rect{p.Rect()}
			}
			sample = append(sample, g.spread()...)
		}
		return sample
	}
}

// spread is a sample of the grid's patches, those of the corners and edges among them.
func (g *Grid) spread() []region.Rect {
	const side = 5
	var sample []region.Rect
	rows, cols := len(g.Ys), len(g.Xs)
	for i := range min(side, rows) {
		for j := range min(side, cols) {
			y, x := i*(rows-1)/max(1, min(side, rows)-1), j*(cols-1)/max(1, min(side, cols)-1)
			sample = append(sample, g.Rect(y*cols+x))
		}
	}
	return sample
}
