package serve

import (
	"context"
	"net/http"

	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/heatmap"
	"krypton/internal/imagein"
	"krypton/internal/model"
)

// scan is a DICOM file's frame in numbers, as the page reads them.
type scan struct {
	Width  int `json:"width"`
	Height int `json:"height"`
	// Step says that of so many rows and columns one is told, the first of them.
	Step int `json:"step"`
	// Numbers are row by row, float32, little-endian, base64; NaN is padding.
	Numbers  string `json:"numbers"`
	Inverted bool   `json:"inverted"`
	// Windows are those of the file, Range the least and the greatest number.
	Windows []string   `json:"windows"`
	Range   [2]float64 `json:"range"`
}

// mostNumbers is how many numbers of a frame are told.
const mostNumbers = 1 << 20

// scanOf makes a frame small enough to be told.
func scanOf(n *imagein.Numbers) scan {
	out := scan{Width: n.W, Height: n.H, Step: 1, Inverted: n.Inverted, Windows: append([]string{}, n.Windows...), Range: n.Range}
	for (n.W/out.Step+1)*(n.H/out.Step+1) > mostNumbers {
		out.Step++
	}
	var told []float32
	for y := 0; y < n.H; y += out.Step {
		for x := 0; x < n.W; x += out.Step {
			told = append(told, n.Pix[y*n.W+x])
		}
	}
	out.Numbers = floats(told)
	return out
}

// series says which series a model reads.
type series struct {
	Leads   int `json:"leads"`
	Samples int `json:"samples"`
	// Rate is how many samples a second has, 0 where recordings say it. Channels are the
	// names of those that it reads, if its file has them.
	Rate     float64  `json:"rate,omitempty"`
	Channels []string `json:"channels,omitempty"`
	// Rows is how many of the network's rows lie below each other, each with all samples, as
	// TimeDown says down its plane.
	Rows     int  `json:"rows"`
	TimeDown bool `json:"time_down"`
}

// seriesOf is what a model reads of series, nil if it reads none.
func seriesOf(m *model.Model) *series {
	s, ok := m.Series()
	if !ok {
		return nil
	}
	set, rows := m.File.Config.Series, s.Rows
	if s.TimeIsRow {
		rows = s.Columns
	}
	return &series{s.Leads, s.Samples, set.Rate, set.Channels, rows, s.TimeIsRow}
}

// trace is a recording as the network sees it, before it is normalized.
type trace struct {
	// Rate is how many samples a second has, 0 if that is not known; Start is the time of the
	// first, or its number.
	Rate     float64 `json:"rate"`
	Start    float64 `json:"start"`
	Channels []lead  `json:"channels"`
}

// lead is a channel of a trace. Samples are float32, little-endian, base64.
type lead struct {
	Name    string `json:"name"`
	Unit    string `json:"unit"`
	Samples string `json:"samples"`
}

// trace gives the part of a recording that a question is about.
func (s *Server) trace(w http.ResponseWriter, r *http.Request, client string) {
	s.ask(w, r, client, func(ctx context.Context, a *ask, p *picture) (any, error) { return a.trace(ctx, p) })
}

// trace reads a recording.
func (a *ask) trace(ctx context.Context, p *picture) (*trace, error) {
	in, err := a.read(ctx, p)
	if err != nil {
		return nil, err
	}
	return traceOf(in, p.Name)
}

// traceOf is the trace of what the network reads of a recording, called so.
func traceOf(in *explain.Input, called string) (*trace, error) {
	of, ok := in.Backdrop.(interface{ Trace() *heatmap.Trace })
	if !ok {
		return nil, failure.Dataf("%s is no recording", called)
	}
	t := of.Trace()
	out := &trace{Rate: t.Rate, Start: t.Start}
	for _, c := range t.Channels {
		samples := make([]float32, len(c.Samples))
		for i, v := range c.Samples {
			samples[i] = float32(v)
		}
		out.Channels = append(out.Channels, lead{c.Name, c.Unit, floats(samples)})
	}
	return out, nil
}
