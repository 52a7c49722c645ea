package heatmap

import (
	"fmt"
	"image"
	"image/color"
	"math"

	"github.com/disintegration/imaging"
)

// Trace is a series that maps are drawn over: channels below each other.
type Trace struct {
	// Channels have as many samples each.
	Channels []TraceChannel
	// Rate is how many samples a second has, 0 if it is not known; Start is the time of the
	// first, in seconds, or its number.
	Rate, Start float64
}

// TraceChannel is one channel of a Trace.
type TraceChannel struct {
	Name, Unit string
	Samples    []float64
}

// Sizes of traces, in pixels of the canvas.
const (
	traceWidth  = 1160
	traceLeft   = 150
	traceRight  = 20
	traceTop    = 8
	traceBottom = 44
	traceHigh   = 150 // of a channel, if there are few
	traceLow    = 44
	traceMost   = 1300
)

// traceSize is how high each of so many channels is drawn, and how large the picture of all is.
func traceSize(channels int) (each int, size image.Point) {
	each = min(traceHigh, max(traceLow, traceMost/channels))
	if channels == 1 {
		each = 2 * traceHigh
	}
	return each, image.Pt(traceLeft+traceWidth+traceRight, traceTop+each*channels+traceBottom)
}

// Image draws the series, and gives the rectangle that it lies in: what is beside it are
// names and axes.
func (t *Trace) Image() (*image.NRGBA, image.Rectangle, error) {
	each, size := traceSize(len(t.Channels))
	plot := image.Rect(traceLeft, traceTop, traceLeft+traceWidth, traceTop+each*len(t.Channels))
	out := imaging.New(size.X, size.Y, paper)
	f, err := face(0, 13)
	if err != nil {
		return nil, plot, err
	}
	defer f.Close()
	faint := color.NRGBA{225, 225, 225, 255}
	t.ticks(func(at float64, label string) {
		x := plot.Min.X + int(math.Round(at*float64(traceWidth-1)))
		for y := plot.Min.Y; y < plot.Max.Y; y++ {
			out.SetNRGBA(x, y, faint)
		}
		for y := range 5 {
			out.SetNRGBA(x, plot.Max.Y+y, ink)
		}
		w := measure(f, label)
		text(out, f, label, min(x-w/2, out.Rect.Dx()-w-2), plot.Max.Y+18, ink)
	})
	axis := "samples"
	if t.Rate > 0 {
		axis = "seconds"
	}
	text(out, f, axis, plot.Min.X+(traceWidth-measure(f, axis))/2, plot.Max.Y+38, pale)
	for i, c := range t.Channels {
		band := image.Rect(plot.Min.X, plot.Min.Y+i*each, plot.Max.X, plot.Min.Y+(i+1)*each)
		if i > 0 {
			for x := plot.Min.X; x < plot.Max.X; x++ {
				out.SetNRGBA(x, band.Min.Y, faint)
			}
		}
		lo, hi := c.draw(out, band)
		middle := (band.Min.Y + band.Max.Y) / 2
		text(out, f, clip(f, c.Name, traceLeft-12), 6, middle-2, ink)
		text(out, f, clip(f, fmt.Sprintf("%.3g to %.3g %s", lo, hi, c.Unit), traceLeft-12), 6, middle+13, pale)
	}
	return out, plot, nil
}

// ticks calls f with round times and where they lie, from 0 to 1.
func (t *Trace) ticks(f func(at float64, label string)) {
	n := float64(len(t.Channels[0].Samples))
	rate := t.Rate
	if rate <= 0 {
		rate = 1
	}
	all := ticks(Scale{Lo: t.Start, Hi: t.Start + n/rate})
	for _, v := range all {
		f((v-t.Start)*rate/n, fmt.Sprintf("%.6g", v))
	}
}

// draw draws a channel into a band: of each column, from the least to the greatest sample in
// it, joined to the one before.
func (c *TraceChannel) draw(out *image.NRGBA, band image.Rectangle) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, v := range c.Samples {
		lo, hi = min(lo, v), max(hi, v)
	}
	span := hi - lo
	if !(span > 0) {
		span = 1
	}
	const room = 4
	height := float64(band.Dy() - 2*room - 1)
	row := func(v float64) int { return band.Max.Y - 1 - room - int(math.Round((v-lo)/span*height)) }
	n, w := len(c.Samples), band.Dx()
	before := -1
	for x := range w {
		from, to := x*n/w, max(x*n/w+1, (x+1)*n/w)
		top, bottom := math.MaxInt, math.MinInt
		for _, v := range c.Samples[from:min(to, n)] {
			y := row(v)
			top, bottom = min(top, y), max(bottom, y)
		}
		if before >= 0 {
			top, bottom = min(top, before), max(bottom, before)
		}
		before = row(c.Samples[min(to, n)-1])
		for y := max(top, band.Min.Y); y <= min(bottom, band.Max.Y-1); y++ {
			out.SetNRGBA(band.Min.X+x, y, ink)
		}
	}
	return lo, hi
}
