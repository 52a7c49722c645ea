package dicom

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"krypton/internal/recording"
)

// ErrWaveform: the object holds no picture, but a waveform.
var ErrWaveform = fmt.Errorf("%w, but with a waveform, which networks of series read", ErrNoPicture)

// The most that a waveform may have.
const (
	maxWaveChannels = 1 << 10
	maxWaveSamples  = 1 << 30
)

// Waveform reads a group of channels of an object with waveforms (PS3.3 C.10.9), from 1 on; 0
// is the first. inflated bounds what a deflated object may become, in bytes.
func Waveform(data []byte, group int, inflated int64, want recording.Want) (*recording.Recording, error) {
	f, body, err := open(data, inflated)
	if err != nil {
		return nil, recording.Bad("a DICOM file: %w", err)
	}
	if err := f.scan(body); err != nil && !errors.Is(err, ErrNoPicture) {
		return nil, recording.Bad("a DICOM file: %w", err)
	}
	e, ok := f.set[tagWaveforms]
	if !ok {
		return nil, recording.Bad("a DICOM object without a waveform")
	}
	g, groups := waveGroup{}, 0
	err = e.items(func(i int, item []byte) bool {
		if groups = i + 1; i == max(group, 1)-1 {
			g.set = datasetOf(item, e.coding)
		}
		return true
	})
	switch {
	case err != nil:
		return nil, recording.Bad("a DICOM file's waveforms: %w", err)
	case g.set == nil:
		return nil, recording.Bad("there is no waveform %d: the file has %d", max(group, 1), groups)
	}
	r, err := g.read(want)
	if err != nil {
		return nil, err
	}
	if group == 0 && groups > 1 {
		r.Notes = append(r.Notes, fmt.Sprintf("the file has %d waveforms: this is the first (FILE#N takes others)", groups))
	}
	return r, nil
}

// waveGroup is a group of channels that are sampled together.
type waveGroup struct {
	set   dataset
	size  int // bytes of a sample
	data  []byte
	value func(b []byte) int64
	pad   int64 // stands for samples that are missing
	pads  bool
	all   []waveChannel
	notes []string
}

// waveChannel is one of them.
type waveChannel struct {
	to             *recording.Collector
	scale, offset  float64
	unused, signed int // the highest bits that are no part of samples; 1 of signed ones
	skip           int // samples to come that lie before the group begins
}

// interpretations are how samples are written, by PS3.3 C.10.9.1.5.
var interpretations = map[string]struct {
	size   int
	signed bool
}{"SB": {1, true}, "UB": {1, false}, "SS": {2, true}, "US": {2, false}, "SL": {4, true}, "UL": {4, false}}

// read hands the samples to collectors, one of each channel after the other.
func (g *waveGroup) read(want recording.Want) (*recording.Recording, error) {
	d := g.set
	kind := d.text(tagWaveSamples)
	how, ok := interpretations[kind]
	if !ok {
		return nil, recording.Bad("samples of interpretation %q: SB, UB, SS, US, SL and UL are read", recording.Clip(kind))
	}
	if bits := d.whole(tagWaveAllocated, 8*how.size); bits != 8*how.size {
		return nil, recording.Bad("samples of %d bits that are %s", bits, kind)
	}
	channels, samples, rate := d.whole(tagWaveChannels, 0), d.number(tagWaveLength, 0), d.number(tagWaveRate, 0)
	if channels < 1 || channels > maxWaveChannels || !(samples >= 1 && samples <= maxWaveSamples) || !(rate > 0 && rate <= 1e9) {
		return nil, recording.Bad("a waveform of %d channels of %g samples, %g a second", channels, samples, rate)
	}
	e := d[tagWaveData]
	frame := channels * how.size
	if need := int64(samples) * int64(frame); int64(len(e.value)) < need {
		return nil, recording.Bad("its samples are cut short: %d bytes of %d", len(e.value), need)
	}
	g.size, g.data = how.size, e.value[:int(samples)*frame]
	g.value = sampleReader(&e, how.size)
	if p := d[tagWavePadding]; len(p.value) >= how.size {
		g.pad, g.pads = sampleReader(&p, how.size)(p.value), true
	}
	if err := g.define(channels, rate, how.signed, &want); err != nil {
		return nil, err
	}
	if err := g.collect(); err != nil {
		return nil, err
	}
	var all []*recording.Collector
	for _, c := range g.all {
		all = append(all, c.to)
	}
	out, err := recording.Finish(all)
	if err != nil {
		return nil, err
	}
	return &recording.Recording{Channels: out, Format: fmt.Sprintf("DICOM waveform, %d channels", channels), Notes: g.notes}, nil
}

// sampleReader reads a number without a sign.
func sampleReader(e *element, size int) func(b []byte) int64 {
	o := e.coding.order
	if e.vr == "UN" {
		o = binary.LittleEndian
	}
	switch size {
	case 1:
		if o == binary.BigEndian && e.kind() == "OW" { // bytes lie in words of 16 bits
			return nil
		}
		return func(b []byte) int64 { return int64(b[0]) }
	case 2:
		return func(b []byte) int64 { return int64(o.Uint16(b)) }
	}
	return func(b []byte) int64 { return int64(o.Uint32(b)) }
}

// define finds out what the channels are.
func (g *waveGroup) define(channels int, rate float64, signed bool, want *recording.Want) error {
	if g.value == nil {
		return recording.Bad("bytes in words of 16 bits, the higher byte first: such samples are not read")
	}
	e := g.set[tagWaveDefinitions]
	budget := want.Budget()
	var wrong error
	err := e.items(func(i int, item []byte) bool {
		if i == channels {
			return false
		}
		d := datasetOf(item, e.coding)
		c := waveChannel{scale: d.number(tagWaveSensitivity, 1) * d.number(tagWaveCorrection, 1), offset: d.number(tagWaveBaseline, 0)}
		stored := d.whole(tagWaveStored, 8*g.size)
		if stored < 1 || stored > 8*g.size || !finite(c.scale) || c.scale == 0 || !finite(c.offset) {
			wrong = recording.Bad("channel %d: samples of %d bits, each %g and %g", i+1, stored, c.scale, c.offset)
			return false
		}
		if c.unused = 64 - stored; signed {
			c.signed = 1
		}
		ch := recording.Channel{Name: recording.Clean(leadName(d), fmt.Sprintf("channel %d", i+1)), Rate: rate}
		if units, ok := d[tagWaveUnits]; ok {
			ch.Unit = recording.Clean(units.first().text(tagCodeValue), "")
		}
		if c.to, wrong = want.Collect(i, ch, budget); wrong != nil {
			return false
		}
		wrong = g.skew(&c, d, rate)
		g.all = append(g.all, c)
		return wrong == nil
	})
	switch {
	case wrong != nil:
		return wrong
	case err != nil:
		return recording.Bad("the definitions of its channels: %w", err)
	case len(g.all) < channels:
		return recording.Bad("%d channels, of which %d are described", channels, len(g.all))
	}
	return nil
}

// leadName is what a channel is called: by what it is measured of, "Lead V1" being V1 and
// "aVR, augmented voltage, right" aVR, or else by its label.
func leadName(d dataset) string {
	source := d[tagWaveSource]
	name := source.first().text(tagCodeMeaning)
	if name == "" {
		return d.text(tagWaveLabel)
	}
	name, _, _ = strings.Cut(name, ",")
	name, _, _ = strings.Cut(name, " (")
	return strings.TrimPrefix(name, "Lead ")
}

// finite says whether a number is one.
func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// skew takes into account that a channel is sampled later than the group by some samples:
// whole ones move it, parts of one are told of.
func (g *waveGroup) skew(c *waveChannel, d dataset, rate float64) error {
	late := d.number(tagWaveSkew, 0)
	if late == 0 {
		late = d.number(tagWaveTimeSkew, 0) * rate
	}
	if !(math.Abs(late) <= maxWaveSamples) {
		return recording.Bad("channel %q begins %g samples late", c.to.Channel.Name, late)
	}
	whole := math.Round(late)
	if math.Abs(late-whole) > 1e-6 {
		g.notes = append(g.notes, fmt.Sprintf("channel %q is sampled %g samples late: taken for %g", c.to.Channel.Name, late, whole))
	}
	if whole < 0 {
		c.skip = int(-whole)
		return nil
	}
	return c.to.Miss(int(whole))
}

// collect hands on the samples.
func (g *waveGroup) collect() error {
	for b := g.data; len(b) > 0; {
		done := true
		for i := range g.all {
			c := &g.all[i]
			v := g.value(b)
			b = b[g.size:]
			if c.skip > 0 {
				c.skip--
				done = false
				continue
			}
			if err := c.to.Add(c.actual(v, g.pads && v == g.pad)); err != nil {
				return err
			}
			done = done && c.to.Done()
		}
		if done {
			return nil
		}
	}
	return nil
}

// actual is what was measured: nominal values times their correction, and the offset of 0.
func (c *waveChannel) actual(v int64, missing bool) float64 {
	if missing {
		return math.NaN()
	}
	u := uint64(v) << c.unused
	s := float64(u >> c.unused)
	if c.signed == 1 {
		s = float64(int64(u) >> c.unused)
	}
	return float64(s*c.scale) + c.offset
}
