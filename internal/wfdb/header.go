// Package wfdb reads records of PhysioNet's WFDB format: a text header (.hea) and files of
// samples beside it.
package wfdb

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"path"
	"regexp"
	"strconv"
	"strings"

	"krypton/internal/recording"
)

// Ending is that of headers' names.
const Ending = ".hea"

// MaxHeader bounds a header, in bytes.
const MaxHeader = 1 << 20

// The most that a header may have.
const (
	maxSignals = 1 << 10
	maxFrame   = 1 << 12 // samples of a signal in a frame
)

// signal is one line of a header.
type signal struct {
	file            string
	format          int
	perFrame, skew  int
	offset          int64
	gain, baseline  float64
	unit, name      string
	initial         int64
	checksum        int
	hasSum, guessed bool // a checksum is there; the gain is not known
}

// header is what a .hea file says.
type header struct {
	rate   float64
	frames int // 0 if it does not say
	// segmented says that the record has segments; leads is how many signals it then has.
	segmented bool
	leads     int
	signals   []signal
	// segments are those of a record of several, which has no signals of its own.
	segments []segment
}

// parseHeader reads a .hea file.
func parseHeader(r io.Reader) (*header, error) { return parse(r, signalLine) }

// parse is parseHeader with a function that reads lines of signals.
func parse(r io.Reader, signalLine func(line string) (*signal, error)) (*header, error) {
	s := bufio.NewScanner(io.LimitReader(r, MaxHeader+1))
	s.Buffer(nil, MaxHeader)
	size := 0
	var h *header
	wants := 0
	for s.Scan() {
		if size += len(s.Bytes()) + 1; size > MaxHeader {
			return nil, recording.Bad("a header of more than %d bytes", MaxHeader)
		}
		line := strings.TrimSpace(s.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if h == nil {
			var err error
			if h, wants, err = recordLine(line); err != nil {
				return nil, err
			}
			continue
		}
		if len(h.signals)+len(h.segments) == wants {
			break
		}
		if h.segmented {
			seg, err := segmentLine(line)
			if err != nil {
				return nil, recording.Bad("segment %d: %w", len(h.segments), err)
			}
			h.segments = append(h.segments, seg)
			continue
		}
		sig, err := signalLine(line)
		if err != nil {
			return nil, recording.Bad("signal %d: %w", len(h.signals), err)
		}
		h.signals = append(h.signals, *sig)
	}
	switch {
	case s.Err() != nil:
		return nil, recording.Bad("header: %w", s.Err())
	case h == nil:
		return nil, recording.Bad("a header without a record")
	case h.segmented && len(h.segments) < wants:
		return nil, recording.Bad("a header of %d segments, the record has %d", len(h.segments), wants)
	case !h.segmented && len(h.signals) < wants:
		return nil, recording.Bad("a header of %d signals, the record has %d", len(h.signals), wants)
	}
	return h, nil
}

// recordLine reads the first line, and gives the number of signals, or of segments.
func recordLine(line string) (h *header, wants int, err error) {
	f := strings.Fields(line)
	if len(f) < 2 {
		return nil, 0, recording.Bad("%q is no record line of a WFDB header", recording.Clip(line))
	}
	h = &header{rate: 250}
	signals, err := strconv.Atoi(f[1])
	if err != nil || signals < 0 || signals > maxSignals {
		return nil, 0, recording.Bad("%q signals: want 1 to %d", recording.Clip(f[1]), maxSignals)
	}
	if signals == 0 {
		return nil, 0, recording.Bad("a record without signals")
	}
	if len(f) > 2 {
		text, _, _ := strings.Cut(f[2], "/") // behind it, the counter's
		text, _, _ = strings.Cut(text, "(")
		if h.rate, err = strconv.ParseFloat(text, 64); err != nil || !(h.rate > 0 && h.rate <= 1e9) {
			return nil, 0, recording.Bad("%q samples a second", recording.Clip(f[2]))
		}
	}
	if len(f) > 3 {
		if h.frames, err = strconv.Atoi(f[3]); err != nil || h.frames < 0 {
			return nil, 0, recording.Bad("%q samples a signal", recording.Clip(f[3]))
		}
	}
	if _, segments, ok := strings.Cut(f[0], "/"); ok {
		h.segmented, h.leads = true, signals
		if signals, err = strconv.Atoi(segments); err != nil || signals < 1 || signals > maxSegments {
			return nil, 0, recording.Bad("%q segments: want 1 to %d", recording.Clip(segments), maxSegments)
		}
	}
	return h, signals, nil
}

// formatField is FORMAT[xSAMPLES][:SKEW][+OFFSET].
var formatField = regexp.MustCompile(`^(\d+)(?:x(\d+))?(?::(\d+))?(?:\+(\d+))?$`)

// gainField is GAIN[(BASELINE)][/UNIT].
var gainField = regexp.MustCompile(`^([-+0-9.eE]+)(?:\(([-+]?\d+)\))?(?:/(.*))?$`)

// signalLine reads a signal's line: a file, a format, and up to seven more, of which the
// last goes to the end.
func signalLine(line string) (*signal, error) {
	s, err := anySignal(line)
	if err == nil && !isBeside(s.file) {
		return nil, fmt.Errorf("the samples are in %q: want a file beside the header", recording.Clip(s.file))
	}
	return s, err
}

// isBeside says whether a name may be that of a file beside a header.
func isBeside(name string) bool {
	return name != "" && name != "~" && name != "-" && !path.IsAbs(name) && !strings.ContainsAny(name, "\\:") && !strings.Contains(name, "..")
}

// anySignal is signalLine of a signal whose samples may be nowhere.
func anySignal(line string) (*signal, error) {
	next := func() string {
		line = strings.TrimLeft(line, " \t")
		end := strings.IndexAny(line, " \t")
		if end < 0 {
			end = len(line)
		}
		field := line[:end]
		line = line[end:]
		return field
	}
	s := &signal{file: next(), perFrame: 1, gain: 200, unit: "mV", guessed: true}
	text := next()
	m := formatField.FindStringSubmatch(text)
	if m == nil {
		return nil, fmt.Errorf("%q is no format", recording.Clip(text))
	}
	var err error
	number := func(text string, to *int, least, most int) {
		if text == "" || err != nil {
			return
		}
		n, e := strconv.Atoi(text)
		if *to = n; e != nil || n < least || n > most {
			err = fmt.Errorf("%q: want %d to %d", recording.Clip(text), least, most)
		}
	}
	var offset int
	number(m[1], &s.format, 0, 1<<16)
	number(m[2], &s.perFrame, 1, maxFrame)
	number(m[3], &s.skew, 0, 1<<24)
	number(m[4], &offset, 0, 1<<40)
	s.offset = int64(offset)
	gain := next()
	hasBaseline := false
	if gain != "" && err == nil {
		if hasBaseline, err = s.setGain(gain); err != nil {
			return nil, err
		}
	}
	var resolution, zero, initial, sum, block int
	const far = 1 << 40
	number(next(), &resolution, -far, far)
	number(next(), &zero, -far, far)
	initial = zero
	number(next(), &initial, -far, far)
	s.initial = int64(initial)
	checksum := next()
	number(checksum, &sum, -far, far)
	s.checksum, s.hasSum = sum&0xffff, checksum != ""
	number(next(), &block, 0, far)
	if !hasBaseline {
		s.baseline = float64(zero)
	}
	s.name = strings.TrimSpace(line)
	return s, err
}

// setGain reads how samples become what is measured, and says whether the number that
// stands for 0 is there.
func (s *signal) setGain(text string) (baseline bool, err error) {
	m := gainField.FindStringSubmatch(text)
	if m == nil {
		return false, fmt.Errorf("%q is no gain", recording.Clip(text))
	}
	g, err := strconv.ParseFloat(m[1], 64)
	if err != nil || math.IsNaN(g) || math.IsInf(g, 0) {
		return false, fmt.Errorf("%q is no gain", recording.Clip(text))
	}
	if g != 0 { // else it is not known: the usual one
		s.gain, s.guessed = g, false
	}
	if m[2] != "" {
		b, err := strconv.ParseInt(m[2], 10, 64)
		if err != nil {
			return false, fmt.Errorf("%q is no baseline", recording.Clip(m[2]))
		}
		s.baseline, baseline = float64(b), true
	}
	if m[3] != "" {
		s.unit = m[3]
	}
	return baseline, nil
}

// Files are the files beside a header that the record is read of, each once: open opens one.
func Files(head io.Reader, open func(name string) (io.ReadCloser, error)) []string {
	h, err := parseHeader(head)
	if err != nil {
		return nil // reading the record says so
	}
	var names []string
	seen := map[string]bool{}
	add := func(of *header) {
		for _, s := range of.signals {
			if isBeside(s.file) && !seen[s.file] {
				seen[s.file], names = true, append(names, s.file)
			}
		}
	}
	add(h)
	for _, seg := range h.segments {
		file := seg.name + Ending
		if seg.name == nobody || seen[file] {
			continue
		}
		seen[file], names = true, append(names, file)
		if own, err := openHeader(open, seg.name, anySignal); err == nil { // else reading says so
			add(own)
		}
	}
	return names
}

// Is says whether a file is a header by its name.
func Is(name string) bool { return strings.EqualFold(path.Ext(name), Ending) }
