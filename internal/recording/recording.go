// Package recording holds what files of series have in common: channels of samples, and what
// of them is wanted.
package recording

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// What is wrong with a recording.
var (
	// ErrBad says that a file cannot be read: it is damaged, or of a kind that is not supported.
	ErrBad = errors.New("unreadable recording")
	// ErrOutside says that there is nothing where what is wanted begins.
	ErrOutside = errors.New("none where what is wanted begins")
	// ErrRate says that it is not known how many samples a second has.
	ErrRate = errors.New("the recording does not say how many samples a second has")
)

// bad is an error of a file.
type bad struct{ err error }

// Error says once that the recording cannot be read, whatever it wraps.
func (e *bad) Error() string {
	prefix := ErrBad.Error() + ": "
	return prefix + strings.ReplaceAll(e.err.Error(), prefix, "")
}

func (e *bad) Unwrap() []error { return []error{ErrBad, e.err} }

// Bad is an error of a file.
func Bad(format string, args ...any) error { return &bad{fmt.Errorf(format, args...)} }

// Recording is what was read of a file.
type Recording struct {
	Channels []Channel
	// Format says what the file is, in a few words; Notes what there is to say of it.
	Format string
	Notes  []string
}

// Channel is one of a recording's.
type Channel struct {
	Name, Unit string
	// Rate is how many samples a second has, 0 where the file does not say.
	Rate float64
	// First is the number of the first of Samples in the file, from 0 on.
	First int
	// Samples are in Unit; NaN is one that is missing.
	Samples []float64
}

// Moment is a place in time: a number of seconds, or of samples.
type Moment struct {
	Value   float64
	Samples bool
}

// mostMoment bounds a moment, in seconds or samples: 30 years, or a month at 400 a second.
const mostMoment = 1e9

// ParseMoment reads a number of samples, or of seconds as 1.5s or 200ms.
func ParseMoment(s string) (Moment, error) {
	text, scale, samples := s, 1.0, true
	if t, ok := strings.CutSuffix(s, "ms"); ok {
		text, scale, samples = t, 1e-3, false
	} else if t, ok := strings.CutSuffix(s, "s"); ok {
		text, samples = t, false
	}
	v, err := strconv.ParseFloat(text, 64)
	if v *= scale; err != nil || !(v >= 0 && v <= mostMoment) || samples && v != math.Trunc(v) {
		return Moment{}, fmt.Errorf("%q is no time: want samples, or seconds as 1.5s or 200ms, up to %d", s, int(mostMoment))
	}
	return Moment{v, samples}, nil
}

// String writes a moment as ParseMoment reads it.
func (m Moment) String() string {
	text := strconv.FormatFloat(m.Value, 'g', -1, 64)
	if !m.Samples {
		text += "s"
	}
	return text
}

// MarshalText implements encoding.TextMarshaler.
func (m Moment) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *Moment) UnmarshalText(text []byte) (err error) {
	*m, err = ParseMoment(string(text))
	return err
}

// At is the sample nearest to a moment, at a rate.
func (m Moment) At(rate float64) (int, error) {
	if m.Samples {
		return int(m.Value), nil
	}
	if !(rate > 0) {
		return 0, fmt.Errorf("%v: %w", m, ErrRate)
	}
	return int(min(math.Round(m.Value*rate), 1e15)), nil
}

// MostSamples is how many samples are kept of all channels together where nobody says.
const MostSamples = 1 << 26

// Want says what is read of a recording.
type Want struct {
	// Start and End are where what is wanted begins, and what lies behind it; nil is
	// where the recording begins and ends.
	Start, End *Moment
	// Only, if set, says which channels are kept: their number, from 0 on, and name.
	Only func(i int, name string) bool
	// Length, if set, is how many samples of a channel are wanted at most, by its rate.
	Length func(rate float64) int
	// Most bounds the samples kept, 0 being MostSamples.
	Most int
}

// Keeps says whether a channel is wanted.
func (w *Want) Keeps(i int, name string) bool { return w.Only == nil || w.Only(i, name) }

// Budget is what may be kept still.
type Budget struct{ left int }

// Budget is that of one recording.
func (w *Want) Budget() *Budget {
	if w.Most > 0 {
		return &Budget{w.Most}
	}
	return &Budget{MostSamples}
}

// Collector takes a channel's samples one after the other, and keeps those that are wanted.
type Collector struct {
	Channel  Channel
	at       int
	from, to int
	budget   *Budget
	keeps    bool
}

// Collect makes the collector of channel i.
func (w *Want) Collect(i int, c Channel, b *Budget) (*Collector, error) {
	k := &Collector{Channel: c, to: math.MaxInt, budget: b, keeps: w.Keeps(i, c.Name)}
	var err error
	if w.Start != nil {
		if k.from, err = w.Start.At(c.Rate); err != nil {
			return nil, Bad("channel %q: %w", c.Name, err)
		}
	}
	if w.End != nil {
		if k.to, err = w.End.At(c.Rate); err != nil {
			return nil, Bad("channel %q: %w", c.Name, err)
		}
	}
	if w.Length != nil {
		if n := w.Length(c.Rate); n < k.to-k.from {
			k.to = k.from + n
		}
	}
	k.Channel.First = k.from
	return k, nil
}

// Wanted says whether the next sample is kept.
func (k *Collector) Wanted() bool { return k.keeps && k.at >= k.from && k.at < k.to }

// Done says that no later sample will be kept.
func (k *Collector) Done() bool { return !k.keeps || k.at >= k.to }

// AllDone says that no later sample of any channel will be kept. Some may be nil.
func AllDone(all []*Collector) bool {
	for _, k := range all {
		if k != nil && !k.Done() {
			return false
		}
	}
	return true
}

// Wants says whether any of the next n samples is kept.
func (k *Collector) Wants(n int) bool { return k.keeps && k.at < k.to && k.at+n > k.from }

// Skip passes over samples.
func (k *Collector) Skip(n int) { k.at += n }

// Add takes the next sample.
func (k *Collector) Add(v float64) error {
	if k.Wanted() {
		if k.budget.left--; k.budget.left < 0 {
			return Bad("there are too many samples: say which part is wanted")
		}
		k.Channel.Samples = append(k.Channel.Samples, v)
	}
	k.at++
	return nil
}

// Miss takes n samples that are missing. It does not take longer the more of them are not
// wanted: a file may claim any number.
func (k *Collector) Miss(n int) error {
	if !k.keeps || k.at >= k.to {
		k.Skip(n)
		return nil
	}
	before := min(n, max(0, k.from-k.at))
	wanted := max(0, min(n-before, k.to-max(k.at, k.from)))
	k.Skip(before)
	for range wanted {
		if err := k.Add(math.NaN()); err != nil {
			return err
		}
	}
	k.Skip(n - before - wanted)
	return nil
}

// Trim takes back what came behind the first n samples: of a frame that is not whole.
func (k *Collector) Trim(n int) {
	if keep := max(0, n-k.from); k.at > n && keep < len(k.Channel.Samples) {
		k.Channel.Samples = k.Channel.Samples[:keep]
	}
	k.at = min(k.at, n)
}

// Count is how many samples came.
func (k *Collector) Count() int { return k.at }

// Finish are the channels that were wanted; a part that nothing lies in is an error.
func Finish(all []*Collector) ([]Channel, error) {
	var out []Channel
	for _, k := range all {
		if !k.keeps {
			continue
		}
		if len(k.Channel.Samples) == 0 {
			return nil, Bad("channel %q has %d samples, %w", k.Channel.Name, k.at, ErrOutside)
		}
		out = append(out, k.Channel)
	}
	if len(out) == 0 {
		return nil, Bad("there are no channels")
	}
	return out, nil
}

// Clean makes a name or unit from a file one line without spaces around it, or, if there is
// nothing, the other.
func Clean(s, other string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f || r == ' ' || r == 0xfffd }), " ")
	if len(s) > 80 {
		s = strings.ToValidUTF8(s[:80], "")
	}
	if s == "" {
		return other
	}
	return s
}

// Clip bounds what a message quotes of a file.
func Clip(s string) string {
	if len(s) > 40 {
		return s[:40]
	}
	return s
}
