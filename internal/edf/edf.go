// Package edf reads recordings in the European Data Format (EDF, EDF+) and its variant of 24
// bits (BDF, BDF+).
package edf

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"krypton/internal/recording"
)

// The most that a file may have.
const (
	maxSignals = 1 << 10
	maxRecord  = 1 << 26 // bytes of a data record
	maxGap     = 1 << 31 // samples missing between records
)

// bdfMagic begins a BDF file, edfMagic an EDF file.
const (
	edfMagic = "0       "
	bdfMagic = "\xffBIOSEMI"
)

// Magic is the number of bytes that Is needs.
const Magic = len(edfMagic)

// Is says whether a file that begins with head is EDF or BDF.
func Is(head []byte) bool {
	return bytes.HasPrefix(head, []byte(edfMagic)) || bytes.HasPrefix(head, []byte(bdfMagic))
}

// signal is a channel's part of the header.
type signal struct {
	label, unit  string
	gain, offset float64 // what is measured = gain*number + offset
	perRecord    int
	annotations  bool
}

// header is a file's.
type header struct {
	bytes         int // of a number: 2 or 3
	plus          bool
	discontinuous bool
	records       int // -1 if it is not known
	seconds       float64
	signals       []signal
	recordBytes   int
}

// text is a field of a header.
func text(b []byte) string { return strings.TrimSpace(string(b)) }

// number reads a field; name says which.
func number(b []byte, name string) (float64, error) {
	v, err := strconv.ParseFloat(strings.Replace(text(b), ",", ".", 1), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, recording.Bad("%s is %q", name, recording.Clip(text(b)))
	}
	return v, nil
}

// whole reads a field that is a whole number of a range.
func whole(b []byte, name string, least, most int) (int, error) {
	v, err := number(b, name)
	if err != nil || v != math.Trunc(v) || v < float64(least) || v > float64(most) {
		return 0, recording.Bad("%s is %q, want %d to %d", name, recording.Clip(text(b)), least, most)
	}
	return int(v), nil
}

// readHeader reads a header.
func readHeader(r io.Reader) (*header, error) {
	b := make([]byte, 256)
	if _, err := io.ReadFull(r, b); err != nil || !Is(b) {
		return nil, recording.Bad("no EDF or BDF file")
	}
	h := &header{bytes: 2}
	if b[0] == 0xff {
		h.bytes = 3
	}
	kind := text(b[192:236])
	h.plus = strings.HasPrefix(kind, "EDF+") || strings.HasPrefix(kind, "BDF+")
	h.discontinuous = h.plus && strings.HasPrefix(kind[4:], "D")
	n, err := whole(b[252:256], "the number of signals", 1, maxSignals)
	if err != nil {
		return nil, err
	}
	if h.records, err = whole(b[236:244], "the number of records", -1, math.MaxInt32); err != nil {
		return nil, err
	}
	if h.seconds, err = number(b[244:252], "the length of a record"); err != nil {
		return nil, err
	}
	if h.seconds < 0 || h.seconds > 1e9 {
		return nil, recording.Bad("a record of %g seconds", h.seconds)
	}
	size, err := whole(b[184:192], "the size of the header", 256*(n+1), 256*(n+1))
	if err != nil {
		return nil, err
	}
	b = make([]byte, size-256)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, recording.Bad("the header is cut off")
	}
	f := &fields{b, n}
	h.signals = make([]signal, n)
	for i, label := range f.next(16) {
		h.signals[i].label = text(label)
	}
	f.next(80) // transducers
	for i, unit := range f.next(8) {
		h.signals[i].unit = text(unit)
	}
	var ranges [4][]float64 // least and greatest values, least and greatest numbers
	for k := range ranges {
		for i, one := range f.next(8) {
			v, err := number(one, fmt.Sprintf("a range of signal %d", i))
			if err != nil {
				return nil, err
			}
			ranges[k] = append(ranges[k], v)
		}
	}
	f.next(80) // filters
	for i, one := range f.next(8) {
		if h.signals[i].perRecord, err = whole(one, fmt.Sprintf("the number of samples of signal %d", i), 1, maxRecord); err != nil {
			return nil, err
		}
	}
	return h, h.scale(ranges)
}

// fields are what a header has of n signals, field by field.
type fields struct {
	rest []byte
	n    int
}

// next gives the next field of each signal.
func (f *fields) next(width int) [][]byte {
	var all [][]byte
	for range f.n {
		all, f.rest = append(all, f.rest[:width]), f.rest[width:]
	}
	return all
}

// scale finds out how numbers become what is measured: ranges are the least and greatest
// values, and the least and greatest numbers, of each signal.
func (h *header) scale(ranges [4][]float64) error {
	for i := range h.signals {
		s := &h.signals[i]
		s.annotations = h.plus && (s.label == "EDF Annotations" || s.label == "BDF Annotations")
		if h.recordBytes += s.perRecord * h.bytes; h.recordBytes > maxRecord {
			return recording.Bad("a record of more than %d bytes", maxRecord)
		}
		pmin, pmax, dmin, dmax := ranges[0][i], ranges[1][i], ranges[2][i], ranges[3][i]
		if s.annotations {
			continue
		}
		if dmin == dmax || pmin == pmax {
			return recording.Bad("signal %d (%q): its numbers %g to %g are %g to %g: no scale", i, recording.Clip(s.label), dmin, dmax, pmin, pmax)
		}
		s.gain = (pmax - pmin) / (dmax - dmin)
		s.offset = pmin - s.gain*dmin
		if h.seconds == 0 {
			return recording.Bad("records of 0 seconds with samples")
		}
	}
	return nil
}

// Read reads a file.
func Read(r io.Reader, want recording.Want) (*recording.Recording, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	h, err := readHeader(b)
	if err != nil {
		return nil, err
	}
	budget := want.Budget()
	all := make([]*recording.Collector, len(h.signals)) // nil for annotations
	var kept []*recording.Collector
	for i, s := range h.signals {
		if s.annotations {
			continue
		}
		c := recording.Channel{Name: recording.Clean(s.label, fmt.Sprintf("signal %d", i)), Unit: recording.Clean(s.unit, ""), Rate: float64(s.perRecord) / h.seconds}
		if all[i], err = want.Collect(i, c, budget); err != nil {
			return nil, err
		}
		kept = append(kept, all[i])
	}
	f := &file{header: h, from: b, to: all}
	if err := f.records(); err != nil {
		return nil, err
	}
	channels, err := recording.Finish(kept)
	if err != nil {
		return nil, err
	}
	kind := map[int]string{2: "EDF", 3: "BDF"}[h.bytes]
	if h.plus {
		kind += "+"
	}
	return &recording.Recording{Channels: channels, Format: fmt.Sprintf("%s, %d signals", kind, len(kept)), Notes: f.notes}, nil
}

// file is one whose records are being read.
type file struct {
	*header
	from  *bufio.Reader
	to    []*recording.Collector
	notes []string
	first float64 // when the first record begins
	gaps  int
}

// records reads the data records.
func (f *file) records() error {
	raw := make([]byte, f.recordBytes)
	n := 0
	for ; f.header.records < 0 || n < f.header.records; n++ {
		if recording.AllDone(f.to) {
			return nil
		}
		if _, err := io.ReadFull(f.from, raw); errors.Is(err, io.EOF) && f.header.records < 0 {
			break
		} else if err != nil {
			return recording.Bad("it ends in record %d of %d", n+1, f.header.records)
		}
		if f.discontinuous {
			if err := f.place(raw, n); err != nil {
				return err
			}
		}
		if err := f.record(raw); err != nil {
			return err
		}
	}
	if f.gaps > 0 {
		f.notes = append(f.notes, fmt.Sprintf("%d gaps between its records: what lies there is missing", f.gaps))
	}
	if _, err := f.from.ReadByte(); err == nil && f.header.records >= 0 {
		f.notes = append(f.notes, "there is more behind its last record, which is passed over")
	}
	return nil
}

// record hands on a record's samples.
func (f *file) record(raw []byte) error {
	for i, s := range f.signals {
		k := f.to[i]
		part := raw[:s.perRecord*f.bytes]
		raw = raw[len(part):]
		if k == nil {
			continue
		}
		for ; len(part) > 0; part = part[f.bytes:] {
			v := int32(int16(uint16(part[0]) | uint16(part[1])<<8))
			if f.bytes == 3 {
				v = int32(uint32(part[0])<<8|uint32(part[1])<<16|uint32(part[2])<<24) >> 8
			}
			if err := k.Add(float64(s.gain*float64(v)) + s.offset); err != nil {
				return err
			}
		}
	}
	return nil
}

// place makes what lies between the record n of a discontinuous file and the one before it
// missing.
func (f *file) place(raw []byte, n int) error {
	onset, err := f.onset(raw)
	if err != nil {
		return recording.Bad("record %d: %w", n+1, err)
	}
	if n == 0 {
		f.first = onset
	}
	gap := false
	for i, s := range f.signals {
		k := f.to[i]
		if k == nil {
			continue
		}
		lost := math.Round((onset-f.first)/f.seconds*float64(s.perRecord)) - float64(k.Count())
		if lost < -1 || lost > maxGap {
			return recording.Bad("record %d begins at %g s: before the end of the one before, or far behind it", n+1, onset)
		}
		if lost <= 0 {
			continue
		}
		gap = true
		if err := k.Miss(int(lost)); err != nil {
			return err
		}
	}
	if gap {
		f.gaps++
	}
	return nil
}

// onset is when a record begins, as its first annotation says.
func (f *file) onset(raw []byte) (float64, error) {
	for _, s := range f.signals {
		part := raw[:s.perRecord*f.bytes]
		raw = raw[len(part):]
		if !s.annotations {
			continue
		}
		text, _, ok := bytes.Cut(part, []byte{0x14})
		v, err := strconv.ParseFloat(string(text[:min(len(text), 64)]), 64)
		if !ok || err != nil || math.IsNaN(v) || math.Abs(v) > 1e12 {
			return 0, errors.New("it does not say when it begins")
		}
		return v, nil
	}
	return 0, errors.New("the file is discontinuous and has no annotations that say when records begin")
}
