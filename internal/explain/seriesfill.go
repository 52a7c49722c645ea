package explain

import (
	"bufio"
	"errors"
	"fmt"

	"krypton/internal/failure"
	"krypton/internal/model"
	"krypton/internal/recording"
	"krypton/internal/region"
)

// line is the fill of series that goes straight across the gap that a patch makes, from the
// sample in front of it to the one behind it. At an end of the series, where there is one of
// them alone, that one stands; a patch over all of it shows the mean.
type line struct {
	series model.Series
	plane  *model.Plane
	// hidden says which channels are hidden, nil for all: others keep their samples.
	hidden []bool
	// sample is one of a channel, number what the network reads in place of it.
	sample func(lead, t int) float64
	number func(lead int, v float64) float64
}

// paint puts what the patch over a rectangle of the plane shows into dst.
func (l *line) paint(r region.Rect, dst []float32) {
	s, p := &l.series, l.plane
	time := r.X
	if s.TimeIsRow {
		time = r.Y
	}
	for lead := range s.Leads {
		value := func(t int) float64 { return l.sample(lead, t) }
		if l.hidden == nil || l.hidden[lead] {
			value = l.across(lead, time)
		}
		for t := time.Lo; t < time.Hi; t++ {
			at := lead*s.LeadStep + t*s.TimeStep
			pixel := at / p.C
			y, x := pixel/p.W, pixel%p.W
			if y >= r.Y.Lo && y < r.Y.Hi && x >= r.X.Lo && x < r.X.Hi {
				dst[((y-r.Y.Lo)*r.X.Len()+x-r.X.Lo)*p.C+at%p.C] = float32(l.number(lead, value(t)))
			}
		}
	}
	p.Round(dst[:r.Y.Len()*r.X.Len()*p.C])
}

// across is the line of a channel over a gap.
func (l *line) across(lead int, gap region.Span) func(t int) float64 {
	before, behind := gap.Lo-1, gap.Hi
	if before < 0 && behind >= l.series.Samples {
		mean := 0.0
		for t := range l.series.Samples {
			mean += l.sample(lead, t)
		}
		mean /= float64(l.series.Samples)
		return func(int) float64 { return mean }
	}
	if before < 0 {
		before = behind
	}
	if behind >= l.series.Samples {
		behind = before
	}
	a, b := l.sample(lead, before), l.sample(lead, behind)
	if before == behind {
		return func(int) float64 { return a }
	}
	return func(t int) float64 {
		share := float64(t-before) / float64(behind-before)
		return float64(a*(1-share)) + float64(b*share)
	}
}

// line is what patches show that put one across the gap.
func (k *recordingKind) line(p *model.Plane, hidden []bool) func(r region.Rect, dst []float32) {
	l := &line{
		series: k.series, plane: p, hidden: hidden,
		sample: func(lead, t int) float64 { return k.channels[lead].Samples[t] },
		number: func(lead int, v float64) float64 { return (v - k.mean[lead]) / k.std[lead] },
	}
	return l.paint
}

// FillRecord is a file that a fill is of.
type FillRecord struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
}

// fillFile is where a file that a fill names comes from.
func (r *Reader) fillFile(name string) Source {
	if of, ok := r.files[name]; ok {
		return of
	}
	return File(name)
}

// sumFills sums up the files that fills are of.
func (j *Job) sumFills() error {
	for _, f := range j.fills {
		if f.Kind != "recording" {
			continue
		}
		of := j.fillFile(f.File)
		sum, err := of.sum()
		if err != nil {
			return pictureError(failure.Settingf("%v %s: %w", failure.Setting("fill"), f.name, err))
		}
		j.of = append(j.of, FillRecord{of.Name, sum})
	}
	return nil
}

// otherRecording reads the recording of a fill as that was read whose patches show it: the same
// channels at its rate, resampled where that is said, and as long. It begins with its file, or
// where its name says.
func (r *Reader) otherRecording(file string, like *recordingKind) ([]recording.Channel, error) {
	of := r.fillFile(file)
	f, err := of.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	from := bufio.NewReader(f)
	head, _ := from.Peek(HeadBytes) // what cannot be read fails below
	if isPlainTensor(head) {
		return nil, failure.Wrongf("%s: a fill is of a recording", of.Called)
	}
	set := like.set
	set.Rate = like.rate
	part := Recording{Recordings: set, Start: of.At}
	of.At = nil
	rec, _, err := r.readPart(from, of, &part, &set, like.series.Samples)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", of.Called, part.blamed(err))
	}
	k := &recordingKind{name: of.Called, series: like.series, set: set, part: &part}
	if err := k.take(rec); err != nil {
		return nil, fmt.Errorf("%s: %w", of.Called, err)
	}
	for i, c := range k.channels {
		own := &like.channels[i]
		if c.Unit != own.Unit {
			return nil, failure.Dataf("%s: channel %q is in %q, that which is hidden in %q", of.Called, c.Name, c.Unit, own.Unit)
		}
		if (c.Rate > 0) != (own.Rate > 0) {
			return nil, failure.Dataf("%s: channel %q: %w", of.Called, c.Name, errUnlikeRates)
		}
	}
	return k.channels, nil
}

// errUnlikeRates says that it is not known whether two recordings have one rate.
var errUnlikeRates = errors.New("of one of two recordings it is not known how many samples a second has")
