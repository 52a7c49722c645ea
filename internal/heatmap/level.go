package heatmap

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Level parts what matters from what does not: by a share of the measured
// pixels, those with the largest drops, or by the drop itself.
type Level struct {
	// Share says that Value is a share of the pixels, above 0 and up to 1.
	// Otherwise it is a score drop above 0.
	Share bool
	Value float64
}

// ParseLevel reads a share of the pixels in percent (20%) or a score drop (0.05).
func ParseLevel(s string) (Level, error) {
	number, share := strings.CutSuffix(strings.TrimSpace(s), "%")
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !(v > 0) || math.IsInf(v, 0) || share && v > 100 {
		return Level{}, fmt.Errorf("%q is no level: want a share of the pixels such as 20%%, up to 100%%, or a score drop above 0 such as 0.05", s)
	}
	if share {
		v /= 100
	}
	return Level{share, v}, nil
}

// ParseLevels reads several levels.
func ParseLevels(texts []string) ([]Level, error) {
	var all []Level
	for _, text := range texts {
		l, err := ParseLevel(text)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

// String writes a level as ParseLevel reads it.
func (l Level) String() string {
	if l.Share {
		return fmt.Sprintf("%.4g%%", 100*l.Value)
	}
	return fmt.Sprintf("%.4g", l.Value)
}

// Cut is the drop from which on a pixel belongs to the level, given the drops of
// all pixels (NaN where nothing was measured). A share's cut lies half way to
// the next smaller drop; of equal drops all belong to it or, if they are no
// drops, none. Infinity means that no pixel does.
func (l Level) Cut(drops []float64) float64 {
	var falling []float64
	for _, d := range drops {
		if d == d {
			falling = append(falling, d)
		}
	}
	slices.SortFunc(falling, func(a, b float64) int {
		switch {
		case a > b:
			return -1
		case a < b:
			return 1
		}
		return 0
	})
	if len(falling) == 0 || falling[0] <= 0 {
		return math.Inf(1)
	}
	if !l.Share {
		return l.Value
	}
	n := min(len(falling), max(1, int(math.Round(l.Value*float64(len(falling))))))
	least := falling[n-1]
	if least <= 0 { // what does not lower the score does not matter
		i := slices.IndexFunc(falling, func(d float64) bool { return d <= 0 })
		return falling[i-1] / 2
	}
	for _, d := range falling[n:] {
		if d < least {
			return max(least+d, least) / 2 // drops below 0 do not draw the line nearer to 0
		}
	}
	return least / 2
}
