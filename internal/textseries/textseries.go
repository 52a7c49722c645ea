// Package textseries reads series from tables of text: a line for each sample, a column for
// each channel.
package textseries

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"krypton/internal/recording"
)

// maxColumns bounds the columns of a table, maxLine the bytes that its separator is told by.
const (
	maxColumns = 1 << 12
	maxLine    = 1 << 16
)

// timeNames are what columns of seconds are called; of milliseconds, millisecondNames.
var (
	timeNames        = []string{"time", "t", "s", "sec", "seconds", "time (s)", "time [s]", "time_s"}
	millisecondNames = []string{"ms", "milliseconds", "time (ms)", "time [ms]", "time_ms", "t_ms"}
)

// rowNames are what the column is called in which a table numbers its lines: nothing, by
// pandas and R, or as pandas then reads it.
var rowNames = []string{"", "unnamed: 0"}

// Options say how a table is read.
type Options struct {
	// Separator stands between columns; 0 is told from the first line.
	Separator rune
	// Rate is how many samples a second has, where no column of time says so.
	Rate float64
}

// Read reads a table. The first line holds names if any of it is no number, or if it
// counts the columns. A column of time, by its name, gives the rate, and must be even, as
// must be one in front that numbers the lines, which is no channel.
func Read(r io.Reader, opt Options, want recording.Want) (*recording.Recording, error) {
	b := bufio.NewReaderSize(r, maxLine)
	head, err := b.Peek(maxLine)
	if len(head) == 0 {
		return nil, recording.Bad("an empty table (%w)", err)
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return nil, recording.Bad("no table of text")
	}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		_, _ = b.Discard(3)
		head = head[3:]
	}
	t := &table{separator: opt.Separator, want: &want, budget: want.Budget(), rate: opt.Rate}
	if t.separator == 0 {
		line, _, _ := bytes.Cut(head, []byte("\n"))
		t.separator = separatorOf(string(line))
	}
	c := csv.NewReader(b)
	c.Comma, c.Comment, c.LazyQuotes, c.ReuseRecord, c.TrimLeadingSpace = t.separator, '#', true, true, t.separator != '\t'
	for {
		record, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, recording.Bad("%w", err)
		}
		if t.separator == ' ' {
			record = slices.DeleteFunc(record, func(s string) bool { return s == "" })
			c.FieldsPerRecord = -1
			if len(record) == 0 {
				continue // a line of blanks is as good as an empty one
			}
		}
		if err := t.line(record); err != nil {
			line, _ := c.FieldPos(0)
			return nil, recording.Bad("line %d: %w", line, err)
		}
		if t.to != nil && recording.AllDone(t.to) {
			break
		}
	}
	return t.finish()
}

// separatorOf tells what stands between the columns of a line: what occurs most.
func separatorOf(line string) rune {
	best, most := ',', 0
	for _, r := range []rune{'\t', ';', ',', ' '} {
		if n := strings.Count(line, string(r)); n > most && (r != ' ' || most == 0) && !(r == ',' && most > 0) {
			best, most = r, n
		}
	}
	return best
}

// mostHeld is how many lines tell the rate by which moments are found.
const mostHeld = 1 << 10

// table is what was read of one.
type table struct {
	separator rune
	rate      float64
	want      *recording.Want
	budget    *recording.Budget
	names     []string
	time      int        // the column of time, -1 if there is none
	rows      int        // the column of the lines' numbers, -1 if there is none
	steps     [2]float64 // from one of these to the next, and the last one
	unit      float64
	counted   string // the first line, if it was taken as numbers and may be names
	notes     []string
	held      [][]float64 // the first lines, as long as the rate is not known well
	times     []float64   // of the first lines
	last      float64
	lines     int
	to        []*recording.Collector // of the columns, nil for those of time and of lines
}

// number reads a cell: NaN where there is none.
func (t *table) number(s string) (float64, error) {
	s = strings.TrimSpace(s)
	switch strings.ToLower(s) {
	case "", "-", "na", "nan", "null":
		return math.NaN(), nil
	}
	if t.separator != ',' && strings.Count(s, ",") == 1 && !strings.Contains(s, ".") {
		s = strings.Replace(s, ",", ".", 1) // as languages write it that have a comma there
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%q is no number", recording.Clip(s))
	}
	if math.IsInf(float64(float32(v)), 0) {
		return 0, fmt.Errorf("%q is more than a float32 holds", recording.Clip(s))
	}
	return v, nil
}

// line takes a line.
func (t *table) line(record []string) error {
	if t.names == nil {
		if len(record) > maxColumns {
			return fmt.Errorf("%d columns, at most %d are read", len(record), maxColumns)
		}
		if t.header(record) {
			return nil
		}
	}
	if len(record) != len(t.names) {
		return fmt.Errorf("%d columns, the first line has %d", len(record), len(t.names))
	}
	row := make([]float64, len(record))
	for i, cell := range record {
		v, err := t.number(cell)
		if err != nil {
			return err
		}
		row[i] = v
	}
	t.doubt(record)
	if err := t.even(row); err != nil {
		return err
	}
	if err := t.numbered(row); err != nil {
		return err
	}
	t.lines++
	if t.to != nil {
		return t.add(row)
	}
	t.held = append(t.held, row)
	if t.time < 0 || len(t.held) == mostHeld {
		return t.begin()
	}
	return nil
}

// header finds the names of the columns, and says whether the line holds them.
func (t *table) header(record []string) bool {
	t.time, t.rows, t.unit = -1, -1, 1
	named := slices.ContainsFunc(record, func(cell string) bool {
		_, err := t.number(cell)
		return err != nil
	})
	if n := counting(record); !named && n > 0 {
		// Tables of numbers without names are written with the columns' numbers for names.
		// Of one or two columns that may as well be a sample.
		if named = n > 2 || n < len(record); !named {
			t.counted = strings.Join(record, string(t.separator))
		}
	}
	if named && len(record) > 1 && slices.Contains(rowNames, strings.ToLower(strings.TrimSpace(record[0]))) {
		t.rows = 0
	}
	if named && counting(record) > 0 {
		record = make([]string, len(record)) // numbers name channels by their place alone
	}
	for i, cell := range record {
		name := fmt.Sprintf("column %d", i+1)
		if named {
			name = recording.Clean(cell, name)
		}
		t.names = append(t.names, name)
		if t.time >= 0 {
			continue
		}
		if low := strings.ToLower(name); slices.Contains(timeNames, low) {
			t.time = i
		} else if slices.Contains(millisecondNames, low) {
			t.time, t.unit = i, 1e-3
		}
	}
	return named
}

// counting is how many cells a line has that count from 0 or 1 on, one by one, behind a
// first one that may be empty; 0 if it is another line.
func counting(record []string) int {
	cells := record
	if len(cells) > 1 && strings.TrimSpace(cells[0]) == "" {
		cells = cells[1:]
	}
	from := 0
	if strings.TrimSpace(cells[0]) == "1" {
		from = 1
	}
	for i, cell := range cells {
		if strings.TrimSpace(cell) != strconv.Itoa(from+i) {
			return 0
		}
	}
	return len(cells)
}

// doubt notes that the first line was taken as numbers, if the second one is written
// otherwise.
func (t *table) doubt(record []string) {
	if t.counted == "" || t.lines == 0 {
		return
	}
	whole := func(cell string) bool { return strings.Trim(cell, "-0123456789 ") == "" }
	if !slices.ContainsFunc(record, whole) {
		t.notes = append(t.notes, fmt.Sprintf("the first line, %s, was taken for a sample, not for names: without it, or with names that are no numbers, there is no doubt", t.counted))
	}
	t.counted = ""
}

// begin makes the collectors, when the rate is known or cannot be.
func (t *table) begin() error {
	if n := len(t.held); t.time >= 0 && n > 1 { // times are rounded: the more of them the better
		t.rate = float64(n-1) / ((t.held[n-1][t.time] - t.held[0][t.time]) * t.unit)
	}
	n := 0
	for i, name := range t.names {
		if i == t.time || i == t.rows {
			t.to = append(t.to, nil)
			continue
		}
		k, err := t.want.Collect(n, recording.Channel{Name: name, Rate: t.rate}, t.budget)
		if err != nil {
			return err
		}
		t.to, n = append(t.to, k), n+1
	}
	held := t.held
	t.held = nil
	for _, row := range held {
		if err := t.add(row); err != nil {
			return err
		}
	}
	return nil
}

// even checks that a line's time is one step behind the last one's.
func (t *table) even(row []float64) error {
	if t.time < 0 {
		return nil
	}
	now := row[t.time]
	step := (now - t.last) * t.unit
	switch {
	case t.lines == 0:
	case t.lines == 1:
		if !(step > 0 && step < 1e9) {
			return fmt.Errorf("time goes from %g to %g", t.last, now)
		}
		t.rate = 1 / step
	case !(math.Abs(step*t.rate-1) < .05):
		return fmt.Errorf("time goes from %g to %g, and before in steps of %.6g: samples must be even", t.last, now, 1/t.rate/t.unit)
	}
	t.last = now
	t.times = append(t.times[:min(len(t.times), 1)], now)
	return nil
}

// numbered checks that a line's number is as far behind the last one's as ever.
func (t *table) numbered(row []float64) error {
	if t.rows < 0 {
		return nil
	}
	now := row[t.rows]
	step := now - t.steps[1]
	switch {
	case t.lines == 0:
	case t.lines == 1 && step > 0:
		t.steps[0] = step
	case step != t.steps[0] || step <= 0:
		return fmt.Errorf("the first column has no name, as where it numbers the lines, and goes from %g to %g: samples must be even (give it a name if it is a channel)", t.steps[1], now)
	}
	t.steps[1] = now
	return nil
}

// add hands a line to the collectors.
func (t *table) add(row []float64) error {
	for i, k := range t.to {
		if k == nil {
			continue
		}
		if err := k.Add(row[i]); err != nil {
			return err
		}
	}
	return nil
}

// finish gives the channels: the rate is that over all lines.
func (t *table) finish() (*recording.Recording, error) {
	if t.to == nil && len(t.held) > 0 {
		if err := t.begin(); err != nil {
			return nil, recording.Bad("%w", err)
		}
	}
	if t.to == nil {
		return nil, recording.Bad("a table without numbers")
	}
	var all []*recording.Collector
	for _, k := range t.to {
		if k != nil {
			all = append(all, k)
		}
	}
	channels, err := recording.Finish(all)
	if err != nil {
		return nil, err
	}
	if t.time >= 0 && len(t.times) == 2 && t.lines > 2 {
		rate := float64(t.lines-1) / ((t.times[1] - t.times[0]) * t.unit)
		if near := math.Round(rate); math.Abs(rate-near) < 1e-3*near { // times are rounded
			rate = near
		}
		for i := range channels {
			channels[i].Rate = rate
		}
	}
	return &recording.Recording{Channels: channels, Format: fmt.Sprintf("table of %d lines", t.lines), Notes: t.notes}, nil
}
