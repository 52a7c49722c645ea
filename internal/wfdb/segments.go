package wfdb

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"krypton/internal/recording"
)

// maxSegments bounds the segments of a record.
const maxSegments = 1 << 16

// maxFrames bounds a segment, in samples a signal.
const maxFrames = 1 << 31

// nobody is the name of a segment that is a gap.
const nobody = "~"

// segment is a record that is a part of another one.
type segment struct {
	name   string
	frames int
}

// segmentLine reads a segment's line: a record, and how many samples a signal it has.
func segmentLine(line string) (s segment, err error) {
	f := strings.Fields(line)
	if len(f) < 2 {
		return s, fmt.Errorf("%q is no segment's line: want a record and its number of samples", recording.Clip(line))
	}
	s.name = f[0]
	if s.name != nobody && (!isBeside(s.name) || strings.ContainsRune(s.name, '/')) {
		return s, fmt.Errorf("%q: want a record beside the header", recording.Clip(s.name))
	}
	if s.frames, err = strconv.Atoi(f[1]); err != nil || s.frames < 0 || s.frames > maxFrames {
		return s, fmt.Errorf("%q samples", recording.Clip(f[1]))
	}
	return s, nil
}

// openHeader reads the header of a segment.
func openHeader(open func(name string) (io.ReadCloser, error), name string, signalLine func(string) (*signal, error)) (*header, error) {
	f, err := open(name + Ending)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h, err := parse(f, signalLine)
	if err == nil && h.segmented {
		err = recording.Bad("a segment that has segments itself")
	}
	if err != nil {
		return nil, fmt.Errorf("segment %s: %w", recording.Clip(name), err)
	}
	return h, nil
}

// readSegments reads a record of several segments, one behind the other: the same signals in
// each, or, where the first has no samples and is the layout, those that it has by their
// names. What no segment has is missing.
func (h *header) readSegments(open func(name string) (io.ReadCloser, error), want recording.Want) (*recording.Recording, error) {
	parts, layout, err := h.layout(open)
	if err != nil {
		return nil, err
	}
	j := &joiner{header: h, open: open, layout: layout, named: len(parts) < len(h.segments), most: want.Most}
	budget := want.Budget()
	for i := range layout {
		s := &layout[i]
		c := recording.Channel{Name: recording.Clean(s.name, fmt.Sprintf("signal %d", i)), Unit: recording.Clean(s.unit, "mV"), Rate: h.rate * float64(s.perFrame)}
		k, err := want.Collect(i, c, budget)
		if err != nil {
			return nil, err
		}
		j.to = append(j.to, k)
	}
	frames := 0
	for i, seg := range parts {
		if recording.AllDone(j.to) {
			break
		}
		frames += seg.frames
		if err := j.add(seg); err != nil {
			return nil, fmt.Errorf("segment %d: %w", i+1, err)
		}
	}
	if h.frames > 0 && frames != h.frames && !recording.AllDone(j.to) {
		j.note(fmt.Sprintf("its segments have %d samples a signal, its header says %d", frames, h.frames))
	}
	channels, err := recording.Finish(j.to)
	if err != nil {
		return nil, err
	}
	return &recording.Recording{Channels: channels, Format: fmt.Sprintf("WFDB, %d signals, %d segments", len(layout), len(parts)), Notes: j.notes}, nil
}

// layout gives the segments that have samples, or are gaps, and the signals that they are
// taken for: those of the layout, or of the first that is no gap.
func (h *header) layout(open func(name string) (io.ReadCloser, error)) (parts []segment, signals []signal, err error) {
	parts = h.segments
	if first := parts[0]; first.frames == 0 && first.name != nobody {
		own, err := openHeader(open, first.name, anySignal)
		if err != nil {
			return nil, nil, err
		}
		for i, s := range own.signals {
			if s.name == "" || slices.ContainsFunc(own.signals[:i], func(t signal) bool { return t.name == s.name }) {
				return nil, nil, recording.Bad("the layout has two signals called %q: segments' cannot be told apart", recording.Clip(s.name))
			}
		}
		return parts[1:], own.signals, h.fits(own)
	}
	for _, seg := range parts {
		if seg.name == nobody {
			continue
		}
		own, err := openHeader(open, seg.name, signalLine)
		if err != nil {
			return nil, nil, err
		}
		return parts, own.signals, h.fits(own)
	}
	return nil, nil, recording.Bad("all of its segments are gaps")
}

// errRates says that segments have rates of their own.
var errRates = errors.New("not the record's samples a second")

// fits fails unless a segment, or the layout, has the record's rate; the layout has its number
// of signals too.
func (h *header) fits(own *header) error {
	if own.rate != h.rate {
		return recording.Bad("a segment of %g samples a second, the record has %g: %w", own.rate, h.rate, errRates)
	}
	if len(own.signals) != h.leads {
		return recording.Bad("a segment, or the layout, of %d signals, the record has %d", len(own.signals), h.leads)
	}
	return nil
}

// joiner puts segments behind each other.
type joiner struct {
	*header
	open   func(name string) (io.ReadCloser, error)
	layout []signal
	named  bool // signals are found by their names
	most   int
	to     []*recording.Collector
	notes  []string
}

// mostNotes bounds what is said of segments.
const mostNotes = 20

// note says something once.
func (j *joiner) note(text string) {
	if len(j.notes) < mostNotes && !slices.Contains(j.notes, text) {
		j.notes = append(j.notes, text)
	}
}

// add takes the samples of the next segment. One of which none is wanted is not opened.
func (j *joiner) add(seg segment) error {
	if seg.frames == 0 {
		return nil
	}
	wanted := false
	for i, k := range j.to {
		wanted = wanted || k.Wants(seg.frames*j.layout[i].perFrame)
	}
	if !wanted || seg.name == nobody {
		for i, k := range j.to {
			if err := k.Miss(seg.frames * j.layout[i].perFrame); err != nil {
				return err
			}
		}
		return nil
	}
	own, err := openHeader(j.open, seg.name, signalLine)
	if err != nil {
		return err
	}
	from, err := j.match(own)
	if err != nil {
		return err
	}
	if own.frames > 0 && own.frames != seg.frames {
		return recording.Bad("%s has %d samples a signal, the record says %d", recording.Clip(seg.name), own.frames, seg.frames)
	}
	own.frames = seg.frames
	rec, err := own.read(j.open, recording.Want{Most: j.most})
	if err != nil {
		return err
	}
	for _, n := range rec.Notes {
		j.note(n)
	}
	for i, k := range j.to {
		n := seg.frames * j.layout[i].perFrame
		if from[i] < 0 {
			if err := k.Miss(n); err != nil {
				return err
			}
			continue
		}
		for _, v := range rec.Channels[from[i]].Samples {
			if err := k.Add(v); err != nil {
				return err
			}
		}
	}
	return nil
}

// match finds the signals of the record among those of a segment, -1 where there is none.
func (j *joiner) match(own *header) ([]int, error) {
	if own.rate != j.rate {
		return nil, recording.Bad("a segment of %g samples a second, the record has %g: %w", own.rate, j.rate, errRates)
	}
	if !j.named && len(own.signals) != len(j.layout) {
		return nil, recording.Bad("a segment of %d signals, the record has %d", len(own.signals), len(j.layout))
	}
	from := make([]int, len(j.layout))
	used := 0
	for i, s := range j.layout {
		at := i
		if j.named {
			at = slices.IndexFunc(own.signals, func(t signal) bool { return t.name == s.name })
		}
		if from[i] = at; at < 0 {
			continue
		}
		used++
		t := &own.signals[at]
		switch {
		case t.perFrame != s.perFrame:
			return nil, recording.Bad("signal %q has %d samples a frame, and %d in the record", recording.Clip(s.name), t.perFrame, s.perFrame)
		case t.unit != s.unit:
			return nil, recording.Bad("signal %q is in %q, and in %q in the record", recording.Clip(s.name), recording.Clip(t.unit), recording.Clip(s.unit))
		case !j.named && t.name != s.name:
			return nil, recording.Bad("signal %d is called %q, and %q in the segment before: the record has no layout", i, recording.Clip(t.name), recording.Clip(s.name))
		}
	}
	if used < len(own.signals) {
		j.note("segments have signals that the layout has not: they are passed over")
	}
	return from, nil
}
