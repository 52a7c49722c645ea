package model

import (
	"math"
	"slices"

	"krypton/internal/failure"
)

// Recordings say how a network reads recordings: series of samples with names, units and a
// rate. It is the entry series of a model's file.
type Recordings struct {
	// Rate is how many samples a second the network reads, 0 for as many as the file has.
	Rate float64 `yaml:"rate" json:"rate,omitempty"`
	// Channels are those that it reads, in its order, by name or by number from 1 on; none
	// are all of the file's.
	Channels []string `yaml:"channels" json:"channels,omitempty"`
	// Resample is how samples of another rate become the network's: sinc or linear; "" is
	// not at all.
	Resample string `yaml:"resample" json:"resample,omitempty"`
	// Normalize is none, the same as "", or zscore: less their mean, by their standard
	// deviation, of each channel in what the network sees of the clean recording.
	Normalize string `yaml:"normalize" json:"normalize,omitempty"`
	// Mean and Std, of each channel or of all, are subtracted and divided by instead.
	Mean []float64 `yaml:"mean" json:"mean,omitempty"`
	Std  []float64 `yaml:"std" json:"std,omitempty"`
	// Missing is what stands for samples that are missing: zero, mean or line; "" or refuse
	// refuses them.
	Missing string `yaml:"missing" json:"missing,omitempty"`
}

// What may be said of recordings.
var (
	Resamplers = []string{"sinc", "linear"}
	Normalizes = []string{"none", "zscore"}
	Missings   = []string{"refuse", "zero", "mean", "line"}
)

// With are the settings with those of another in the place of what it says.
func (r Recordings) With(o Recordings) Recordings {
	if o.Rate != 0 {
		r.Rate = o.Rate
	}
	if o.Channels != nil {
		r.Channels = o.Channels
	}
	if o.Resample != "" {
		r.Resample = o.Resample
	}
	if o.Normalize != "" {
		r.Normalize, r.Mean, r.Std = o.Normalize, nil, nil
	}
	if o.Missing != "" {
		r.Missing = o.Missing
	}
	return r
}

// Check refuses settings that make no sense.
func (r *Recordings) Check() error {
	for _, s := range []struct {
		name, value string
		of          []string
	}{{"resample", r.Resample, Resamplers}, {"normalize", r.Normalize, Normalizes}, {"missing", r.Missing, Missings}} {
		if s.value != "" && !slices.Contains(s.of, s.value) {
			return failure.Wrongf("%v is %q, want one of %v", failure.Setting(s.name), s.value, s.of)
		}
	}
	if !(r.Rate >= 0 && r.Rate <= 1e9) {
		return failure.Wrongf("%v is %g, want samples a second", failure.Setting("rate"), r.Rate)
	}
	for _, v := range r.Mean {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return failure.Wrongf("series: mean is %g, want numbers", v)
		}
	}
	for _, v := range r.Std {
		if !(v > 0) || math.IsInf(v, 0) {
			return failure.Wrongf("series: std is %g, want numbers above 0", v)
		}
	}
	if (len(r.Mean) > 0 || len(r.Std) > 0) && r.Normalize != "" && r.Normalize != "none" {
		return failure.Wrongf("series: %v %s and fixed mean or std exclude each other", failure.Setting("normalize"), r.Normalize)
	}
	return nil
}

// Series says where a network's input has the samples of a series.
type Series struct {
	// Leads is the number of channels, Samples the length.
	Leads, Samples int
	// LeadStep and TimeStep are how far the next channel's, and the next sample, lie in the
	// input, channels last.
	LeadStep, TimeStep int
	// Rows and Columns are those of the input's plane; TimeIsRow says that time goes down.
	Rows, Columns int
	TimeIsRow     bool
}

// Series says how the network reads series; ok is false of one that reads pictures alone.
func (n *Network) Series() (s Series, ok bool) {
	g := n.Graph
	if g.Joined != nil || len(g.Inputs) != 1 {
		return s, false
	}
	shape := g.Values[g.Inputs[0]].Info.Shape
	a, ok, err := g.InputAxes(g.Inputs[0], n.opt.Layout)
	if err != nil || !ok || a.Time < 0 {
		return s, false
	}
	size := func(axis int) int {
		if axis < 0 {
			return 1
		}
		return shape[axis]
	}
	channels := size(a.Channel)
	s = Series{Leads: size(a.Lead), Samples: size(a.Time), Rows: size(a.Row), Columns: size(a.Column), TimeIsRow: a.Time == a.Row}
	step := func(axis int) int {
		switch {
		case axis < 0:
			return 0
		case axis == a.Channel:
			return 1
		case axis == a.Column:
			return channels
		}
		return s.Columns * channels
	}
	s.LeadStep, s.TimeStep = step(a.Lead), step(a.Time)
	return s, s.Leads*s.Samples == s.Rows*s.Columns*channels
}

// Series is the network's.
func (m *Model) Series() (Series, bool) { return m.network.Series() }
