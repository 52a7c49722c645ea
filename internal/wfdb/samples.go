package wfdb

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"krypton/internal/recording"
)

// form is how a format has samples: a function that reads them one after the other, and the
// number that stands for one that is missing.
type form struct {
	reader  func(r *bufio.Reader) func() (int64, error)
	invalid int64
}

// none is no sample's number.
const none = int64(-1) << 40

// forms are the formats but those of FLAC and the differences of format 8.
var forms = map[int]form{
	16:  {fixed(2, func(b []byte) int64 { return int64(int16(binary.LittleEndian.Uint16(b))) }), -1 << 15},
	24:  {fixed(3, func(b []byte) int64 { return int64(int32(b[0])<<8|int32(b[1])<<16|int32(b[2])<<24) >> 8 }), -1 << 23},
	32:  {fixed(4, func(b []byte) int64 { return int64(int32(binary.LittleEndian.Uint32(b))) }), -1 << 31},
	61:  {fixed(2, func(b []byte) int64 { return int64(int16(binary.BigEndian.Uint16(b))) }), -1 << 15},
	80:  {fixed(1, func(b []byte) int64 { return int64(b[0]) - 128 }), -1 << 7},
	160: {fixed(2, func(b []byte) int64 { return int64(binary.LittleEndian.Uint16(b)) - 1<<15 }), -1 << 15},
	212: {packed(3, []int{2, 3}, func(b []byte, k int) int64 {
		if k == 0 {
			return extended(int(b[0])|int(b[1]&0xf)<<8, 12)
		}
		return extended(int(b[2])|int(b[1]>>4)<<8, 12)
	}), -1 << 11},
	310: {packed(4, []int{2, 4, 4}, func(b []byte, k int) int64 {
		if k < 2 {
			return extended(int(binary.LittleEndian.Uint16(b[2*k:]))>>1, 10)
		}
		return extended(int(b[1]>>3)|int(b[3]>>3)<<5, 10)
	}), -1 << 9},
	311: {packed(4, []int{2, 3, 4}, func(b []byte, k int) int64 {
		return extended(int(binary.LittleEndian.Uint32(b)>>(10*k)), 10)
	}), -1 << 9},
}

// flacDepths are the bits of a sample of the formats that are FLAC streams.
var flacDepths = map[int]int{508: 8, 516: 16, 524: 24}

// extended is the number that the lowest bits are in two's complement.
func extended(v, bits int) int64 { return int64(v) << (64 - bits) >> (64 - bits) }

// fixed reads samples of so many bytes.
func fixed(size int, value func(b []byte) int64) func(*bufio.Reader) func() (int64, error) {
	return func(r *bufio.Reader) func() (int64, error) {
		b := make([]byte, size)
		return func() (int64, error) {
			if _, err := io.ReadFull(r, b); err != nil {
				return 0, err
			}
			return value(b), nil
		}
	}
}

// packed reads samples that several share size bytes: sample k needs the first has[k].
func packed(size int, has []int, value func(b []byte, k int) int64) func(*bufio.Reader) func() (int64, error) {
	return func(r *bufio.Reader) func() (int64, error) {
		b := make([]byte, size)
		k, read := len(has), 0
		return func() (int64, error) {
			if k == len(has) {
				var err error
				k = 0
				if read, err = io.ReadFull(r, b); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
					return 0, err
				}
				clear(b[read:])
			}
			if has[k] > read {
				return 0, io.EOF
			}
			k++
			return value(b, k-1), nil
		}
	}
}

// differences reads format 8: each byte is how far a signal moved. Signals take turns by
// frames.
func differences(r *bufio.Reader, group []signal) func() (int64, error) {
	last := make([]int64, len(group))
	for i, s := range group {
		last[i] = s.initial
	}
	turn := turns{group: group}
	return func() (int64, error) {
		b, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		at := turn.next()
		last[at] += int64(int8(b))
		return last[at], nil
	}
}

// turns says whose the samples of a file are, one after the other: in each frame come all
// of a signal's before the next one's.
type turns struct {
	group []signal
	at, k int
}

// next is the signal of the next sample.
func (t *turns) next() int {
	if t.k == t.group[t.at].perFrame {
		t.at, t.k = (t.at+1)%len(t.group), 0
	}
	t.k++
	return t.at
}

// Read reads the record of a header: open opens the files beside it.
func Read(head io.Reader, open func(name string) (io.ReadCloser, error), want recording.Want) (r *recording.Recording, err error) {
	defer func() {
		if p := recover(); p != nil {
			r, err = nil, recording.Bad("%v", p)
		}
	}()
	h, err := parseHeader(head)
	if err != nil {
		return nil, err
	}
	if h.segmented {
		return h.readSegments(open, want)
	}
	return h.read(open, want)
}

// read reads a record of one segment.
func (h *header) read(open func(name string) (io.ReadCloser, error), want recording.Want) (*recording.Recording, error) {
	all, notes, err := h.digital(open, &want)
	if err != nil {
		return nil, err
	}
	for i, k := range all {
		s := &h.signals[i]
		for j, v := range k.Channel.Samples {
			k.Channel.Samples[j] = (v - s.baseline) / s.gain
		}
	}
	channels, err := recording.Finish(all)
	if err != nil {
		return nil, err
	}
	return &recording.Recording{Channels: channels, Format: fmt.Sprintf("WFDB, %d signals", len(h.signals)), Notes: notes}, nil
}

// digital reads the samples of all signals as their files have them, NaN for those that are
// missing.
func (h *header) digital(open func(name string) (io.ReadCloser, error), want *recording.Want) (all []*recording.Collector, notes []string, err error) {
	budget := want.Budget()
	for i := range h.signals {
		s := &h.signals[i]
		c := recording.Channel{Name: recording.Clean(s.name, fmt.Sprintf("signal %d", i)), Unit: recording.Clean(s.unit, "mV"), Rate: h.rate * float64(s.perFrame)}
		k, err := want.Collect(i, c, budget)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, k)
	}
	read := map[string]bool{}
	for first := 0; first < len(h.signals); {
		// Signals of one file stand together in a header: which samples are whose would be
		// a guess.
		if name := h.signals[first].file; read[name] {
			return nil, nil, recording.Bad("signal %d: other files' signals lie between it and those of %q before", first, recording.Clip(name))
		}
		read[h.signals[first].file] = true
		last := first + 1
		for last < len(h.signals) && h.signals[last].file == h.signals[first].file {
			last++
		}
		more, err := h.readGroup(open, h.signals[first:last], all[first:last])
		if err != nil {
			return nil, nil, err
		}
		notes, first = append(notes, more...), last
	}
	for i := range h.signals {
		if s := &h.signals[i]; s.guessed && want.Keeps(i, all[i].Channel.Name) {
			notes = append(notes, fmt.Sprintf("channel %q: its gain is not known, 200 a mV is taken", all[i].Channel.Name))
		}
	}
	return all, notes, nil
}

// readGroup reads the file of some signals.
func (h *header) readGroup(open func(name string) (io.ReadCloser, error), group []signal, to []*recording.Collector) (notes []string, err error) {
	name := group[0].file
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := bufio.NewReaderSize(f, 1<<16)
	if _, err := io.CopyN(io.Discard, b, group[0].offset); err != nil {
		return nil, recording.Bad("%s: it has less than the %d bytes in front of its samples", name, group[0].offset)
	}
	next, invalid, err := samplesOf(b, group)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	g := &groupReader{next: next, invalid: invalid, signals: group, to: to, sums: make([]uint16, len(group)), skip: make([]int, len(group))}
	for i, s := range group {
		g.skip[i] = s.skew * s.perFrame
	}
	notes, err = g.read(h.frames)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return notes, nil
}

// samplesOf reads a file's samples one after the other.
func samplesOf(b *bufio.Reader, group []signal) (next func() (int64, error), invalid int64, err error) {
	format := group[0].format
	for _, s := range group {
		if s.format != format || s.offset != group[0].offset && s.offset != 0 {
			return nil, 0, recording.Bad("signals of format %d and %d in one file", format, s.format)
		}
	}
	if format == 8 {
		return differences(b, group), none, nil
	}
	if depth := flacDepths[format]; depth > 0 {
		next, err := flacSamples(b, depth, group)
		return next, -1 << (depth - 1), err
	}
	f, ok := forms[format]
	if !ok {
		return nil, 0, recording.Bad("format %d of samples: 8, 16, 24, 32, 61, 80, 160, 212, 310, 311, 508, 516 and 524 are read", format)
	}
	return f.reader(b), f.invalid, nil
}

// groupReader hands a file's samples to the collectors of its signals.
type groupReader struct {
	next    func() (int64, error)
	invalid int64
	signals []signal
	to      []*recording.Collector
	sums    []uint16 // of all samples
	skip    []int    // samples to come that lie before the first frame
}

// read reads so many frames, all there are if that is 0.
func (g *groupReader) read(frames int) (notes []string, err error) {
	n := 0
	for ; frames == 0 || n < frames; n++ {
		if recording.AllDone(g.to) {
			return nil, nil
		}
		err := g.frame()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			if frames > 0 {
				return nil, recording.Bad("it ends after %d of %d samples a signal", n, frames)
			}
			for i, s := range g.signals {
				g.to[i].Trim((n - s.skew) * s.perFrame)
			}
			break
		}
		if err != nil {
			return nil, err
		}
	}
	for i, s := range g.signals {
		if s.hasSum && frames > 0 && int(g.sums[i]) != s.checksum {
			notes = append(notes, fmt.Sprintf("channel %q: the sum of its samples is %d, its header says %d: the file may be damaged", g.to[i].Channel.Name, g.sums[i], s.checksum))
		}
		// Of frames behind the file's end, which are no more than it has.
		if err := g.to[i].Miss(min(s.skew, n) * s.perFrame); err != nil {
			return nil, err
		}
	}
	return notes, nil
}

// frame reads one frame.
func (g *groupReader) frame() error {
	for i := range g.signals {
		for range g.signals[i].perFrame {
			v, err := g.next()
			if err != nil {
				return err
			}
			g.sums[i] += uint16(v)
			if g.skip[i] > 0 {
				g.skip[i]--
				continue
			}
			f := float64(v)
			if v == g.invalid {
				f = missing
			}
			if err := g.to[i].Add(f); err != nil {
				return err
			}
		}
	}
	return nil
}
