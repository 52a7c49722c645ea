package heatmap

import (
	"fmt"
	"image/color"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot/palette"
	"gonum.org/v1/plot/palette/moreland"
)

// Colormaps lists the colour maps. All can be read by colour-blind people: the
// sequential ones rise in lightness, bluered is Moreland's smooth diverging map, and reds the
// half of it that stands for drops, for white paper.
var Colormaps = []string{"auto", "blackbody", "kindlmann", "viridis", "inferno", "cividis", "bluered", "reds", "gray"}

// Scale is the range of importance that a colour map spans.
type Scale struct{ Lo, Hi float64 }

// ParseScale reads "min,max": two numbers that have a finite distance above zero.
func ParseScale(text string) (Scale, bool) {
	lo, hi, ok := strings.Cut(text, ",")
	a, e1 := strconv.ParseFloat(lo, 64)
	b, e2 := strconv.ParseFloat(hi, 64)
	return Scale{a, b}, ok && e1 == nil && e2 == nil && b-a > 0 && !math.IsInf(b-a, 0)
}

// colors is a colour map over a scale.
type colors struct {
	name  string
	scale Scale
	table [256]color.NRGBA
}

// rising is the share of the largest drop that a rise must have to be shown: a
// map with smaller rises is drawn as drops only.
const rising = 0.1

func rises(lo, hi float64) bool { return -lo > rising*hi }

// span is the least and the largest value, or zero.
func span(values []float64) (lo, hi float64) {
	for _, v := range values {
		if v == v {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	return lo, hi
}

// choose picks map and scale for values: auto is bluered, centred at zero,
// where occlusion raises the score somewhere by more than a tenth of the
// largest drop, and blackbody from zero otherwise, on white paper reds. A fixed scale wins.
func choose(name string, values []float64, fixed *Scale, paper bool) (*colors, error) {
	lo, hi := span(values)
	if name == "auto" || name == "" {
		name = "blackbody"
		if paper {
			name = "reds"
		}
		if rises(lo, hi) {
			name = "bluered"
		}
	}
	c := &colors{name: name, scale: Scale{0, hi}}
	if name == "bluered" {
		m := max(hi, -lo)
		c.scale = Scale{-m, m}
	}
	if fixed != nil {
		c.scale = *fixed
	}
	if !(c.scale.Hi > c.scale.Lo) { // nothing matters: an empty scale of its own size
		c.scale.Hi = c.scale.Lo + 1e-6
	}
	var err error
	c.table, err = Colors(name)
	return c, err
}

// Colors gives the colours of one of Colormaps but auto, from the least to the greatest
// value.
func Colors(name string) (t [256]color.NRGBA, err error) {
	var m palette.ColorMap
	least := 0.
	switch name {
	case "blackbody":
		m = moreland.ExtendedBlackBody()
	case "kindlmann":
		m = moreland.Kindlmann()
	case "bluered":
		m = moreland.SmoothBlueRed()
	case "reds":
		m = moreland.SmoothBlueRed()
		least = -255
	case "gray":
		for i := range t {
			t[i] = color.NRGBA{uint8(i), uint8(i), uint8(i), 255}
		}
		return t, nil
	default:
		maps, err := listed()
		if err != nil {
			return t, err
		}
		t, ok := maps[name]
		if !ok {
			return t, fmt.Errorf("unknown colormap %q: want one of %s", name, strings.Join(Colormaps, ", "))
		}
		return t, nil
	}
	m.SetMin(least)
	m.SetMax(255)
	for i := range t {
		v, err := m.At(float64(i))
		if err != nil {
			return t, fmt.Errorf("colormap %s: %w", name, err)
		}
		t[i] = color.NRGBAModel.Convert(v).(color.NRGBA)
	}
	return t, nil
}

// at is the colour of a value.
func (c *colors) at(v float64) color.NRGBA {
	t := (v - c.scale.Lo) / (c.scale.Hi - c.scale.Lo)
	return c.table[int(math.Round(255*min(1, max(0, t))))]
}

// weight is how far a value is from "does not matter", 0 to 1: the root of its
// share of the scale, so that small drops can still be seen.
func (c *colors) weight(v float64) float64 {
	return math.Sqrt(min(1, math.Abs(v)/max(math.Abs(c.scale.Lo), math.Abs(c.scale.Hi))))
}
