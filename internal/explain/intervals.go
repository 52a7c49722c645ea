package explain

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"slices"
	"strconv"

	"krypton/internal/failure"
	"krypton/internal/number"
	"krypton/internal/spreadsheet"
)

// The endings of files of what parts of a series matter most: a table, and JSON.
const (
	IntervalsCSV  = ".intervals.csv"
	IntervalsJSON = ".intervals.json"
)

// mostIntervals is how many are named.
const mostIntervals = 10

// Interval is a part of a series in which hiding lowers the score by at least half of the
// most that it does anywhere.
type Interval struct {
	Class string `json:"class"`
	// Start and End are in seconds, or samples where the rate is not known: From and To
	// are the samples of the network's input.
	Start number.Double `json:"start"`
	End   number.Double `json:"end"`
	From  int           `json:"from"`
	To    int           `json:"to"`
	// Score is the mean drop, Peak the largest.
	Score number.Double `json:"score"`
	Peak  number.Double `json:"peak"`
}

// Intervals are the parts of the series that matter most to each class, the best first.
func (r *Record) Intervals() ([]Interval, error) {
	var all []Interval
	for _, c := range r.Classes {
		drops, err := r.dropsOf(c)
		if err != nil {
			return nil, err
		}
		start, rate := r.since()
		all = append(all, intervals(c.Name(), drops, start, rate)...)
	}
	return all, nil
}

// dropsOf is the drop of a class's score at each sample.
func (r *Record) dropsOf(c ClassRecord) ([]float64, error) {
	m := r.Map(c)
	if r.Preprocess["time"] == timeDown {
		m = m.Turned()
	}
	drops, err := m.Importance("mean")
	if err != nil {
		return nil, err
	}
	return overRows(drops, m.Input[1]), nil
}

// overRows is the largest number of each column, NaN where there is none.
func overRows(drops []float64, columns int) []float64 {
	most := slices.Repeat([]float64{math.NaN()}, columns)
	for i, v := range drops {
		if m := &most[i%columns]; v > *m || *m != *m {
			*m = v
		}
	}
	return most
}

// intervals finds those of one class in the drop at each sample: the first lies at start, and
// a unit of time has rate of them.
func intervals(class string, drops []float64, start, rate float64) []Interval {
	peak := 0.0
	for _, v := range drops {
		if v > peak {
			peak = v
		}
	}
	var all []Interval
	for from := 0; from < len(drops); {
		if !(peak > 0 && drops[from] >= peak/2) {
			from++
			continue
		}
		to, sum, most := from, 0.0, 0.0
		for ; to < len(drops) && drops[to] >= peak/2; to++ {
			sum, most = sum+drops[to], max(most, drops[to])
		}
		all = append(all, Interval{class, number.Double(start + float64(from)/rate), number.Double(start + float64(to)/rate), from, to, number.Double(sum / float64(to-from)), number.Double(most)})
		from = to
	}
	slices.SortStableFunc(all, func(a, b Interval) int {
		switch {
		case a.Peak > b.Peak:
			return -1
		case a.Peak < b.Peak:
			return 1
		}
		return 0
	})
	return all[:min(len(all), mostIntervals)]
}

// writeOwnIntervals writes those of a record.
func writeOwnIntervals(w io.Writer, r *Record, asJSON bool) error {
	if _, ok := r.Preprocess["recording"]; !ok && r.Input[0] > 1 {
		return failure.Usagef("intervals are of series: what was mapped has %d rows", r.Input[0])
	}
	all, err := r.Intervals()
	if err != nil {
		return err
	}
	return writeIntervals(w, all, r.timeUnit(), asJSON)
}

// writeIntervals writes them as a table, or as JSON.
func writeIntervals(w io.Writer, all []Interval, unit string, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(map[string]any{"unit": unit, "intervals": append([]Interval{}, all...)})
	}
	c := csv.NewWriter(w)
	if err := c.Write([]string{"class", "start (" + unit + ")", "end (" + unit + ")", "from", "to", "score", "peak"}); err != nil {
		return err
	}
	text := func(v number.Double) string { return strconv.FormatFloat(float64(v), 'g', 8, 64) }
	for _, i := range all {
		if err := c.Write([]string{spreadsheet.Harmless(i.Class), text(i.Start), text(i.End), strconv.Itoa(i.From), strconv.Itoa(i.To), text(i.Score), text(i.Peak)}); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// timeUnit is what times are counted in.
func (r *Record) timeUnit() string {
	if rate, _ := r.Preprocess["rate"].(float64); rate > 0 {
		return "seconds"
	}
	return "samples"
}
