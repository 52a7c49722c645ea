package video

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Position is a place in a video: a time or a frame's index.
type Position struct {
	Time    time.Duration
	Frame   int
	IsFrame bool
}

// ParsePosition reads "4s", "250ms", "1m30s", "120f" (frame 120), "00:01:02.5",
// "1:02" or a plain number of seconds. Positions are not negative.
func ParsePosition(s string) (Position, error) {
	bad := func() (Position, error) {
		return Position{}, fmt.Errorf("position %q: want seconds (4, 4s), hours:minutes:seconds (00:01:02.5) or a frame (120f)", s)
	}
	if n, found := strings.CutSuffix(s, "f"); found {
		v, err := strconv.ParseUint(n, 10, 31)
		if err != nil {
			return bad()
		}
		return Position{Frame: int(v), IsFrame: true}, nil
	}
	if t, ok := plainSeconds(s); ok {
		return Position{Time: t}, nil
	}
	if parts := strings.Split(s, ":"); len(parts) == 2 || len(parts) == 3 {
		total := time.Duration(0)
		for i, p := range parts[:len(parts)-1] {
			v, err := strconv.ParseUint(p, 10, 16)
			if err != nil || i > 0 && v > 59 {
				return bad()
			}
			total = total*60 + time.Duration(v)
		}
		sec, ok := plainSeconds(parts[len(parts)-1])
		if !ok || sec >= time.Minute {
			return bad()
		}
		return Position{Time: total*time.Minute + sec}, nil
	}
	if t, err := time.ParseDuration(s); err == nil && t >= 0 && s[0] != '-' && s[0] != '+' {
		return Position{Time: t}, nil
	}
	return bad()
}

// plainSeconds reads digits with or without a fraction.
func plainSeconds(s string) (time.Duration, bool) {
	if s == "" || strings.Trim(s, "0123456789.") != "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v > math.MaxInt64/1e9/2 {
		return 0, false
	}
	return time.Duration(math.Round(v * 1e9)), true
}

// String gives a text that ParsePosition reads as p.
func (p Position) String() string {
	if p.IsFrame {
		return strconv.Itoa(p.Frame) + "f"
	}
	return p.Time.String()
}

// reached says whether a frame is at p or behind it.
func (p *Position) reached(index int, t time.Duration) bool {
	if p.IsFrame {
		return index >= p.Frame
	}
	return t >= p.Time
}
