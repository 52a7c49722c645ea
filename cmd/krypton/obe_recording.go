package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/pflag"

	"krypton/internal/explain"
	"krypton/internal/flagvalue"
	"krypton/internal/model"
	"krypton/internal/recording"
)

// recordingOptions are the flags that say what is read of recordings.
type recordingOptions struct {
	set        model.Recordings
	start, end *recording.Moment
	occlude    []string
	every      *recording.Moment
}

// parseMoment reads a moment, none for no text.
func parseMoment(text string) (*recording.Moment, error) {
	if text == "" {
		return nil, nil
	}
	m, err := recording.ParseMoment(text)
	return &m, err
}

// parseRate reads samples a second, 0 for no text.
func parseRate(text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v == 0 {
		return 0, fmt.Errorf("%q is no number of samples a second", text)
	}
	return v, nil
}

func (o *recordingOptions) addFlags(f *pflag.FlagSet) {
	f.StringSliceVar(&o.set.Channels, "channels", nil, "recordings: the `channels` that the network reads, in its order, by name or number from 1 on (default: all)")
	flagvalue.Add(f, &o.start, "start", "", parseMoment, "recordings: where what the network sees begins, a `time` as 1.5s or 200ms, or samples")
	flagvalue.Add(f, &o.end, "end", "", parseMoment, "recordings: what lies behind it, a `time` or samples (default: as much as the network reads)")
	flagvalue.Add(f, &o.every, "every", "", parseMoment, "recordings: a map of each window of a long one, which begin every so far: a `time` or samples (--start and --end bound them all)")
	f.StringSliceVar(&o.occlude, "occlude", nil, "recordings: the `channels` that patches hide, group by group, with + between those of a group (I+II,V1), or each by itself: each (default: all together)")
	flagvalue.Add(f, &o.set.Rate, "rate", "", parseRate, "recordings: samples a second that the network reads (default: the file's)")
	f.StringVar(&o.set.Resample, "resample", "", "recordings: how another rate becomes the network's: sinc (windowed) or linear (default: it is refused)")
	f.StringVar(&o.set.Normalize, "normalize", "", "recordings: none, or zscore of each channel of the clean recording (default: the model's own file)")
	f.StringVar(&o.set.Missing, "missing", "", "recordings: what stands for missing samples: refuse, zero, mean or line (between their neighbours)")
}

// recording is what is read of recordings.
func (o *recordingOptions) recording() explain.Recording {
	r := explain.Recording{Recordings: o.set, Start: o.start, End: o.end, Occlude: o.occlude, Every: o.every}
	if len(r.Channels) == 0 {
		r.Channels = nil
	}
	if len(r.Occlude) == 0 {
		r.Occlude = nil
	}
	return r
}
