package textseries

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"krypton/internal/recording"
)

// marks say how a table writes numbers: what stands before fractions, as far as its first
// lines tell.
type marks int

// Marks add up: both is a table that has some numbers of either kind.
const (
	point marks = 1 << iota
	comma
)

// Numbers whose thousands are apart: by points or commas, with the other mark or nothing
// behind them; by one of what else stands there.
var (
	byPoints = regexp.MustCompile(`^[+-]?[1-9]\d{0,2}(?:\.\d{3})+(?:,\d*)?$`)
	byCommas = regexp.MustCompile(`^[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?$`)
	byOthers = regexp.MustCompile(`^[+-]?[1-9]\d{0,2}(?:(?: \d{3})+|(?:\x{a0}\d{3})+|(?:\x{2009}\d{3})+|(?:\x{202f}\d{3})+|(?:'\d{3})+|(?:’\d{3})+)(?:[.,]\d*)?$`)
	others   = strings.NewReplacer(" ", "", "\u00a0", "", "\u2009", "", "\u202f", "", "'", "", "’", "")
)

// counted says how often a number has a point and a comma.
func counted(s string) (points, commas int) { return strings.Count(s, "."), strings.Count(s, ",") }

// marksOf tells what stands before fractions by numbers that can be read in one way alone:
// 0,5 and 1.234,5 have a comma there, 1,234 may be either.
func marksOf(c *csv.Reader) marks {
	var m marks
	for {
		record, err := c.Read()
		if errors.Is(err, io.EOF) {
			return m
		}
		if err != nil && len(record) == 0 {
			return m
		}
		for _, cell := range record {
			cell = strings.TrimSpace(cell)
			points, commas := counted(cell)
			switch {
			case points+commas == 0:
			case byPoints.MatchString(cell):
				if commas == 1 || points > 1 {
					m |= comma
				}
			case byCommas.MatchString(cell):
				if points == 1 || commas > 1 {
					m |= point
				}
			case points+commas == 1:
				if _, err := strconv.ParseFloat(strings.Replace(cell, ",", ".", 1), 64); err == nil {
					m |= map[bool]marks{true: point, false: comma}[points == 1]
				}
			}
		}
	}
}

// plain writes a number as programs do, without what keeps thousands apart and with a point
// before its fraction. What can be read in two ways is an error.
func (t *table) plain(s string) (string, error) {
	if strings.ContainsAny(s, " \u00a0\u2009\u202f'’") && byOthers.MatchString(s) {
		s = others.Replace(s)
	}
	points, commas := counted(s)
	switch {
	case points+commas == 0:
		return s, nil
	case points+commas > 1 && byPoints.MatchString(s):
		return strings.Replace(strings.ReplaceAll(s, ".", ""), ",", ".", 1), nil
	case points+commas > 1 && byCommas.MatchString(s):
		return strings.ReplaceAll(s, ",", ""), nil
	case points+commas > 1:
		return s, nil
	case points == 1 && (t.marks == point || t.marks == 0 && t.seen != comma):
		t.seen = point
		return s, nil
	case points == 1 && byPoints.MatchString(s):
		if t.marks != comma {
			return s, t.unsure(s)
		}
		return strings.Replace(s, ".", "", 1), nil
	case points == 1:
		return s, nil
	case byCommas.MatchString(s) && t.marks == point:
		return strings.Replace(s, ",", "", 1), nil
	case t.separator == ',':
		return s, nil
	case byCommas.MatchString(s) && (t.marks == point|comma || t.marks == 0 && t.seen == point):
		return s, t.unsure(s)
	}
	if t.marks == 0 {
		t.seen = comma
	}
	return strings.Replace(s, ",", ".", 1), nil // as languages write it that have a comma there
}

// unsure says that a number of a table with points and commas can be read in two ways.
func (t *table) unsure(s string) error {
	return fmt.Errorf("%q: some numbers of the table have a comma, others a point, and either may keep thousands apart: write them without", recording.Clip(s))
}

// number reads a cell: NaN where there is none.
func (t *table) number(s string) (float64, error) {
	s = strings.TrimSpace(s)
	switch strings.ToLower(s) {
	case "", "-", "na", "nan", "null":
		return math.NaN(), nil
	}
	written := s
	s, err := t.plain(s)
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(v, 0) || strings.ContainsAny(s, "_xXpP") { // as programs write them
		hint := ""
		if t.separator == ',' && strings.Contains(s, ",") {
			hint = " (numbers have a point where commas stand between columns)"
		}
		return 0, fmt.Errorf("%q is no number%s", recording.Clip(written), hint)
	}
	if math.IsInf(float64(float32(v)), 0) {
		return 0, fmt.Errorf("%q is more than a float32 holds", recording.Clip(written))
	}
	return v, nil
}
