package textseries

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// dates are how moments of a day are written: ISO 8601, with a blank as pandas has it,
// as WFDB's rdsamp does, with slashes from the year on, and with points from the day on. Seconds may have fractions.
var dates = []string{
	"2006-01-02 15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04",
	"2006-01-02T15:04:05", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04",
	"2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z0700", "2006-01-02", "15:04:05 02/01/2006",
	"2006/01/02 15:04:05", "2006/01/02 15:04", "02.01.2006 15:04:05", "02.01.2006 15:04",
}

// clock is a time of day or since the beginning: hours, minutes and seconds, or minutes and
// seconds with a fraction (rdsamp), without which they may be hours and minutes.
var clock = regexp.MustCompile(`^(?:(\d{1,6}):(\d{1,2}):(\d{2}(?:[.,]\d{1,9})?)|(\d{1,6}):(\d{2}[.,]\d{1,9}))$`)

// fraction is that of a moment's seconds.
var fraction = regexp.MustCompile(`:\d{2}[.,](\d+)`)

// A moment is one of those that a column of times may hold in place of numbers.
type moment struct {
	at          time.Time
	digits      int  // of the fraction of its seconds
	told, dated bool // it is a moment, and has a date
}

// momentOf reads one; told is false where there is none.
func momentOf(cell string) (m moment) {
	cell = strings.Trim(strings.TrimSpace(cell), "'[]")
	if len(cell) < len("0:00.0") || len(cell) > 48 {
		return m
	}
	if f := fraction.FindStringSubmatch(cell); f != nil {
		m.digits = len(f[1])
	}
	if c := clock.FindStringSubmatch(cell); c != nil {
		hours, minutes, seconds := c[1], c[2], c[3]
		if hours == "" {
			hours, minutes, seconds = "0", c[4], c[5]
		}
		h, _ := strconv.Atoi(hours) // digits alone, and few
		min, _ := strconv.Atoi(minutes)
		s, err := strconv.ParseFloat(strings.Replace(seconds, ",", ".", 1), 64)
		if err != nil || s >= 60 || c[1] != "" && min >= 60 {
			return m
		}
		since := time.Duration(h)*time.Hour + time.Duration(min)*time.Minute + time.Duration(math.Round(s*1e9))
		m.at, m.told = m.at.Add(since), true
		return m
	}
	for _, layout := range dates {
		if at, err := time.Parse(layout, cell); err == nil {
			m.at, m.told, m.dated = at, true, true
			return m
		}
	}
	return m
}
