// Package textseries reads series from tables of text: a line for each sample, a column for
// each channel.
package textseries

import (
	"bufio"
	"bytes"
	"encoding/binary"
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

// timeNames are what columns of times are called, with or without a unit behind it, as in
// "time (ms)"; timeUnits are units, which alone are names too, in seconds.
var (
	timeNames = []string{"elapsed time", "unix time", "unixtime", "epoch time", "time stamp", "timestamp", "time", "unix", "zeit", "tiempo", "ts", "t"}
	timeUnits = map[string]float64{
		"s": 1, "sec": 1, "second": 1, "seconds": 1,
		"ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
		"ns": 1e-9, "nsec": 1e-9, "nanosecond": 1e-9, "nanoseconds": 1e-9,
		"us": 1e-6, "µs": 1e-6, "μs": 1e-6, "usec": 1e-6, "microsecond": 1e-6, "microseconds": 1e-6,
	}
)

// rowNames are what the column is called in which a table numbers its lines: nothing, by
// pandas and R, or as pandas then reads it; by PhysioNet's rdsamp; and as others may.
var rowNames = []string{"", "unnamed: 0", "sample #", "sample number", "sample_number", "sample no.", "index"}

// unitOf is the unit of times that count from 1970 on as their size tells it, in seconds: in
// seconds those of our centuries have ten digits, and three more for each unit below.
func unitOf(v float64) float64 {
	switch v = math.Abs(v); {
	case v >= 1e17:
		return 1e-9
	case v >= 1e14:
		return 1e-6
	case v >= 1e11:
		return 1e-3
	}
	return 1
}

// timeOf says whether a column of such a name has times, and their unit in seconds, 0 if the
// name has none.
func timeOf(name string) (unit float64, ok bool) {
	name = strings.ToLower(name)
	if unit, ok = timeUnits[name]; ok {
		return unit, true
	}
	for _, n := range timeNames {
		rest, found := strings.CutPrefix(name, n)
		if found && rest == "" {
			return 0, true
		}
		if found && strings.ContainsRune(" _/([", rune(rest[0])) {
			unit, ok = timeUnits[strings.Trim(rest, " _/([])")]
			return unit, ok
		}
	}
	return 0, false
}

// units are those that a name may have behind it; those of prefixed may have one of prefixes.
var (
	prefixed = []string{"V", "A", "Hz", "m", "g", "G", "Pa", "bar", "N", "T", "Ohm", "Ω", "W", "L", "l", "s"}
	prefixes = []string{"", "p", "n", "u", "µ", "μ", "m", "c", "d", "k", "M", "G"}
	units    = []string{"K", "C", "°C", "F", "°F", "deg", "°", "rad", "deg/s", "dps", "°/s", "rad/s", "m/s", "m/s2", "m/s^2", "m/s²", "%", "bpm", "1/min", "mmHg", "cmH2O", "dB", "lx", "a.u.", "NU"}
)

// withoutUnit takes "II [mV]" or "II (mV)" apart; other names have no unit.
func withoutUnit(name string) (bare, unit string) {
	for _, around := range []string{"[]", "()"} {
		inner, found := strings.CutSuffix(name, around[1:])
		at := strings.LastIndex(inner, around[:1])
		if !found || at < 1 {
			continue
		}
		bare, unit = strings.TrimSpace(inner[:at]), strings.TrimSpace(inner[at+1:])
		known := slices.Contains(units, unit) || slices.ContainsFunc(prefixes, func(p string) bool {
			rest, found := strings.CutPrefix(unit, p)
			return found && slices.Contains(prefixed, rest)
		})
		if known && bare != "" {
			return bare, unit
		}
	}
	return name, ""
}

// Options say how a table is read.
type Options struct {
	// Separator stands between columns; 0 is told from the first line.
	Separator rune
	// Rate is how many samples a second has, where no column of time says so.
	Rate float64
	// Asked, if set, says whether a channel will be looked at, by its number, from 0 on, and
	// name. The others may hold text: their samples are missing there.
	Asked func(i int, name string) bool
}

// Read reads a table. The first line holds names if any of it is no number, or if it
// counts the columns, or a comment right above it does, and the second one units if none of
// it is a number. A column of time, by its name or as it holds dates or clocks, gives the
// rate, and must be even, but for how its times are rounded, as must be one in front that
// numbers the lines, which is no channel.
func Read(r io.Reader, opt Options, want recording.Want) (*recording.Recording, error) {
	b := bufio.NewReaderSize(r, maxLine)
	head, err := b.Peek(maxLine)
	if len(head) == 0 {
		return nil, recording.Bad("an empty table (%w)", err)
	}
	for mark, order := range map[string]binary.ByteOrder{"\xff\xfe": binary.LittleEndian, "\xfe\xff": binary.BigEndian} {
		if bytes.HasPrefix(head, []byte(mark)) {
			_, _ = b.Discard(len(mark))
			b = bufio.NewReaderSize(&wide{from: b, order: order}, maxLine)
			if head, err = b.Peek(maxLine); len(head) == 0 {
				return nil, recording.Bad("an empty table (%w)", err)
			}
			break
		}
	}
	if bytes.IndexByte(head, 0) >= 0 {
		return nil, recording.Bad("no table of text in UTF-8, or in UTF-16 with its mark in front")
	}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		_, _ = b.Discard(3)
		head = head[3:]
	}
	t := &table{separator: opt.Separator, want: &want, budget: want.Budget(), rate: opt.Rate, asked: opt.Asked, comment: commentOf(string(head))}
	if t.separator == 0 {
		t.separator = separatorOf(string(head), t.comment)
	}
	t.above = namesAbove(string(head), t.separator, t.comment)
	from := io.Reader(b)
	if bytes.IndexByte(head, '\n') < 0 && bytes.IndexByte(head, '\r') >= 0 {
		from = returns{b}
	}
	c := t.records(from)
	first := bytes.ReplaceAll(head, []byte{'\r'}, []byte{'\n'})
	if len(head) == maxLine { // its last line goes on
		first = first[:bytes.LastIndexByte(first, '\n')+1]
	}
	t.marks = marksOf(t.records(bytes.NewReader(first)))
	t.ended = t.endsLines(string(first))
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
		if n := len(record) - 1; t.ended && n > 0 && strings.TrimSpace(record[n]) == "" {
			record = record[:n]
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

// records takes lines apart.
func (t *table) records(from io.Reader) *csv.Reader {
	c := csv.NewReader(from)
	c.Comma, c.Comment, c.LazyQuotes, c.ReuseRecord, c.TrimLeadingSpace = t.separator, t.comment, true, true, t.separator != '\t'
	return c
}

// returns reads lines that carriage returns alone end.
type returns struct{ from io.Reader }

func (r returns) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	for i := range p[:n] {
		if p[i] == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}

// linesOf are the lines of a text that are neither empty nor comments.
func linesOf(text string, comment rune) []string {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	return slices.DeleteFunc(lines, func(l string) bool {
		return strings.TrimSpace(l) == "" || strings.HasPrefix(l, string(comment))
	})
}

// commentOf tells what begins comments: '#', or '%', as OpenBCI and MATLAB have it, where the
// first line begins with it and is no line of as many names as the next has cells.
func commentOf(text string) rune {
	lines := linesOf(text, '#')
	if len(lines) < 2 || !strings.HasPrefix(lines[0], "%") {
		return '#'
	}
	for _, r := range "\t;," {
		if n := strings.Count(lines[0], string(r)); n > 0 && n == strings.Count(lines[1], string(r)) {
			return '#'
		}
	}
	return '%'
}

// endsLines says whether a separator stands behind the last cell of all of these lines too.
func (t *table) endsLines(text string) bool {
	lines := linesOf(text, t.comment)
	return t.separator != ' ' && len(lines) > 1 && !slices.ContainsFunc(lines, func(l string) bool {
		return !strings.HasSuffix(strings.TrimRight(l, " "), string(t.separator))
	})
}

// separatorOf tells what stands between columns by the first line that is no comment: what
// occurs most. Blanks do where the next one has them too: a name may have some.
func separatorOf(text string, comment rune) rune {
	lines := linesOf(text, comment)
	if len(lines) == 0 {
		return ','
	}
	best, most := ',', 0
	for _, r := range []rune{'\t', ';', ',', ' '} {
		if n := strings.Count(lines[0], string(r)); n > most && (r != ' ' || most == 0) && !(r == ',' && most > 0) {
			best, most = r, n
		}
	}
	if best == ' ' && len(lines) > 1 && !strings.Contains(strings.TrimSpace(lines[1]), " ") {
		return ','
	}
	return best
}

// namesAbove are the cells of a comment right above the first other line, as NumPy's savetxt
// writes names there; nil where it can be none.
func namesAbove(text string, separator, mark rune) []string {
	comment := ""
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		rest, found := strings.CutPrefix(line, string(mark))
		if !found {
			break
		}
		comment = strings.TrimSpace(rest)
	}
	cells := strings.FieldsFunc(comment, func(r rune) bool { return r == separator })
	if len(cells) < 2 || separator != ' ' && strings.Count(comment, string(separator)) != len(cells)-1 {
		return nil
	}
	return cells
}

// mostUnsure is by how much of itself a rate may be wrong because times are rounded.
const mostUnsure = .01

// mostHeld is how many lines tell the rate by which moments are found.
const mostHeld = 1 << 10

// table is what was read of one.
type table struct {
	separator rune
	comment   rune  // begins lines that are none
	ended     bool  // a separator stands behind the last cell of each line, too
	marks     marks // of its numbers, and which one was seen where these are none
	seen      marks
	rate      float64
	asked     func(i int, name string) bool // nil for all
	want      *recording.Want
	budget    *recording.Budget
	names     []string
	words     []bool     // which cells of the line of names are neither numbers nor moments, nil where there is none
	above     []string   // names, of a table whose first line has none
	rows      int        // the column of the lines' numbers, -1 if there is none
	steps     [2]float64 // from one of these to the next, and the last one
	counted   string     // the first line, if it was taken as numbers and may be names
	named     bool       // it has names
	rise      *rise      // of the first column that is for no time, nil once it is none
	notes     []string
	units     []string
	mayBe     bool // the next line may hold units
	time      int  // the column of time, -1 if there is none
	unit      float64
	moments   bool        // times are moments, not numbers: seconds since the first
	first     moment      // line's
	digits    int         // behind the point of times
	varied    bool        // steps of times are unlike
	step      [2]float64  // of times whose rounding is coarse: what it may be, from least to greatest
	held      [][]float64 // the first lines, as long as the rate is not known well
	times     []float64   // of the first lines
	last      float64
	lines     int
	to        []*recording.Collector // of the columns, nil for those of time and of lines
}

// findMoments finds the column of the first line whose times are moments: that of time, or one
// that nobody takes for time by its name, as an index without a name.
func (t *table) findMoments(record []string) {
	for i, cell := range record {
		if m := momentOf(cell); m.told && (t.time < 0 || i == t.time) {
			t.time, t.unit, t.moments, t.first = i, 1, true, m
			if t.rows == i {
				t.rows = -1
			}
		}
	}
}

// cell reads a cell of a column, and how far times are rounded.
func (t *table) cell(i int, text string) (float64, error) {
	if i != t.time || !t.moments {
		if text = strings.TrimSpace(text); i == t.time {
			if plain, _ := t.plain(text); !strings.ContainsAny(plain, "eE") {
				if _, digits, found := strings.Cut(plain, "."); found {
					t.digits = max(t.digits, len(digits))
				}
			}
		}
		return t.number(text)
	}
	m := momentOf(text)
	if !m.told || m.dated != t.first.dated {
		return 0, fmt.Errorf("%q is no time as the first line has", recording.Clip(text))
	}
	t.digits = max(t.digits, m.digits)
	return m.at.Sub(t.first.at).Seconds(), nil
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
	if t.mayBe {
		t.mayBe = false
		if t.unitsIn(record) {
			return nil
		}
	}
	if t.lines == 0 {
		t.findMoments(record)
	}
	row, text := make([]float64, len(record)), make([]bool, len(record))
	for i, cell := range record {
		v, err := t.cell(i, cell)
		switch {
		case err != nil && t.passedOver(i):
			v, text[i] = math.NaN(), true
		case err != nil && t.asked == nil:
			return fmt.Errorf("%w, in %s (where channels are named, the other columns may hold text)", err, t.names[i])
		case err != nil:
			return err
		}
		row[i] = v
	}
	if t.lines == 0 && slices.Contains(text, true) && slices.Equal(t.words, text) {
		return errors.New("the line above has numbers where this one has: it may be a sample, or names (a line of names above both tells)")
	}
	t.doubt(record)
	if t.lines == 0 && t.time >= 0 && t.unit == 0 {
		t.unit = unitOf(row[t.time])
	}
	if err := t.even(row); err != nil {
		return err
	}
	if err := t.numbered(row); err != nil {
		return err
	}
	t.lines++
	if t.rise != nil && !t.rise.goesOn(row[0]) {
		t.rise = nil
	}
	if t.to != nil {
		return t.add(row)
	}
	t.held = append(t.held, row)
	if t.time < 0 || len(t.held) == mostHeld {
		return t.begin()
	}
	return nil
}

// passedOver says whether a column is neither asked for nor tells times: it may hold anything.
func (t *table) passedOver(column int) bool {
	if t.asked == nil || column == t.time || column == t.rows {
		return false
	}
	channel := column
	for _, other := range []int{t.time, t.rows} {
		if other >= 0 && other < column {
			channel--
		}
	}
	return !t.asked(channel, t.names[column])
}

// header finds the names of the columns, and says whether the line holds them.
func (t *table) header(record []string) bool {
	t.time, t.rows, t.unit, t.units = -1, -1, 1, make([]string, len(record))
	named := slices.ContainsFunc(record, func(cell string) bool {
		_, err := t.number(cell)
		return err != nil && !momentOf(cell).told
	})
	here := named
	if n := counting(record); !named && t.namedAbove(record) {
		named, record = true, t.above
	} else if !named && n > 0 {
		// Tables of numbers without names are written with the columns' numbers for names.
		// Of one or two columns that may as well be a sample.
		if named = n > 2 || n < len(record); !named {
			t.counted = strings.Join(record, string(t.separator))
		}
		here = named
	}
	if named && len(record) > 1 && slices.Contains(rowNames, strings.ToLower(strings.Trim(record[0], " '"))) {
		t.rows = 0
	}
	if here {
		for _, cell := range record {
			_, err := t.number(cell)
			t.words = append(t.words, err != nil && !momentOf(cell).told)
		}
	}
	if named && counting(record) > 0 {
		record = make([]string, len(record)) // numbers name channels by their place alone
	}
	for i, cell := range record {
		name := fmt.Sprintf("column %d", i+1)
		if named {
			cell = strings.TrimSpace(cell)
			if n := len(cell); n > 2 && cell[0] == '\'' && cell[n-1] == '\'' { // as rdsamp writes them
				cell = cell[1 : n-1]
			}
			name = recording.Clean(cell, name)
		}
		t.names = append(t.names, name)
		if unit, ok := timeOf(name); ok && t.time < 0 {
			t.time, t.unit = i, unit
		}
	}
	bare, of := slices.Clone(t.names), make([]string, len(record))
	for i, name := range t.names {
		if i != t.time {
			bare[i], of[i] = withoutUnit(name)
		}
	}
	if unlike(bare) == unlike(t.names) { // else what is in brackets tells them apart
		t.names, t.units = bare, of
	}
	if t.mayBe, t.named = here, named; len(record) > 1 && t.time != 0 && t.rows != 0 {
		t.rise = &rise{}
	}
	return here
}

// namedAbove says whether the comment above a line names its columns.
func (t *table) namedAbove(record []string) bool {
	return len(t.above) == len(record) && !slices.ContainsFunc(t.above, func(cell string) bool {
		_, err := t.number(cell)
		return err == nil
	})
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

// rise are numbers that rise evenly, as times and the numbers of lines do.
type rise struct {
	lines       int
	first, last float64
	step        float64 // from the first to the second
}

// fewestRising is how many lines tell times from a signal.
const fewestRising = 8

// goesOn says whether the next number is about one step further: times may be rounded.
func (r *rise) goesOn(v float64) bool {
	switch r.lines {
	case 0:
		r.first = v
	case 1:
		r.step = v - r.first
	}
	step := v - r.last
	r.last, r.lines = v, r.lines+1
	return r.lines == 1 || r.step > 0 && step > .4*r.step && step < 2.5*r.step
}

// unlike counts names that are unlike.
func unlike(names []string) int {
	all := map[string]bool{}
	for _, n := range names {
		all[n] = true
	}
	return len(all)
}

// unitsIn takes a line of units: one without numbers, and without what begins as they do.
func (t *table) unitsIn(record []string) bool {
	words := 0
	for _, cell := range record {
		cell = strings.TrimSpace(cell)
		if _, err := t.number(cell); err != nil && !strings.ContainsAny(cell[:1], "+-.,0123456789") {
			words++
		} else if cell != "" && cell != "-" {
			return false
		}
	}
	if words == 0 {
		return false
	}
	for i, cell := range record {
		unit := recording.Clean(strings.Trim(strings.TrimSpace(cell), "'[]()"), "")
		if of, ok := timeUnits[strings.ToLower(unit)]; ok && i == t.time {
			t.unit = of
		} else if unit != "" && unit != "-" {
			t.units[i] = unit
		}
	}
	return true
}

// begin makes the collectors, when the rate is known or cannot be.
func (t *table) begin() error {
	if n := len(t.held); t.time >= 0 && n > 1 { // times are rounded: the more of them the better
		t.rate = rateOf(n, (t.held[n-1][t.time]-t.held[0][t.time])*t.unit)
	}
	n := 0
	for i, name := range t.names {
		if i == t.time || i == t.rows {
			t.to = append(t.to, nil)
			continue
		}
		k, err := t.want.Collect(n, recording.Channel{Name: name, Unit: t.units[i], Rate: t.rate}, t.budget)
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

// even checks that a line's time is one step behind the last one's, as far as the digits tell
// that times have.
func (t *table) even(row []float64) error {
	if t.time < 0 {
		return nil
	}
	now := row[t.time]
	defer func() {
		t.last = now
		t.times = append(t.times[:min(len(t.times), 1)], now)
	}()
	if t.lines == 0 {
		return nil
	}
	step := now - t.last
	t.varied = t.varied || t.lines > 1 && math.Abs(step*t.unit*t.rate-1) >= evenness
	if t.lines == 1 {
		if s := step * t.unit; !(s > 0 && s < 1e9) {
			return fmt.Errorf("time goes from %g to %g", t.last, now)
		}
		t.rate, t.step = 1/(step*t.unit), [2]float64{0, math.Inf(1)}
	}
	n := float64(t.lines)
	mean := (now - t.times[0]) / n
	if last := t.rounding(); last > evenness*mean {
		// How far times are rounded leaves room for the step: there must be one that all agree
		// with. That of whole seconds, say, is no more than half of it.
		room := min(last, mean/2) + evenness*mean
		t.step = [2]float64{max(t.step[0], mean-room/n), min(t.step[1], mean+room/n)}
		if step > 0 && t.step[0] <= t.step[1] {
			return nil
		}
	} else if math.Abs(step*t.unit*t.rate-1) < evenness {
		return nil
	}
	return fmt.Errorf("time goes from %g to %g, and before in steps of %.6g: samples must be even", t.last, now, 1/t.rate/t.unit)
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
		return fmt.Errorf("the first column has no name, or that of one that numbers the lines, and goes from %g to %g: samples must be even (give it another name if it is a channel)", t.steps[1], now)
	}
	t.steps[1] = now
	return nil
}

// rateOf is that of so many lines whose times are so many seconds apart: a whole one where it is
// near, as times are rounded.
func rateOf(lines int, seconds float64) float64 {
	rate := float64(lines-1) / seconds
	if near := math.Round(rate); math.Abs(rate-near) < 1e-3*near {
		return near
	}
	return rate
}

// evenness is by how much of a step times may be off, besides rounding.
const evenness = .05

// rounding is how far times lie apart that their last digit tells apart.
func (t *table) rounding() float64 { return math.Pow(10, -float64(t.digits)) }

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
		long := t.times[1] - t.times[0]
		if t.varied && t.rounding() > mostUnsure*long {
			return nil, recording.Bad("%d times that are rounded to %g do not tell how many samples a second has", t.lines, t.rounding())
		}
		rate := rateOf(t.lines, long*t.unit)
		for i := range channels {
			channels[i].Rate = rate
		}
	}
	if r := t.rise; r != nil && t.time != 0 && r.lines >= fewestRising && t.want.Keeps(0, t.names[0]) && (t.asked == nil || t.asked(0, t.names[0])) {
		why := "as the table has no names: if it is time, write a line of names above it"
		if t.named {
			why = "as it is called: if it is time, call it so"
		}
		t.notes = append(t.notes, fmt.Sprintf("%s rises evenly from %g to %g, and is taken for a channel, %s", t.names[0], r.first, r.last, why))
	}
	return &recording.Recording{Channels: channels, Format: fmt.Sprintf("table of %d lines", t.lines), Notes: t.notes}, nil
}
