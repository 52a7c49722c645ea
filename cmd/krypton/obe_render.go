package main

import (
	"strings"

	"github.com/spf13/pflag"

	"krypton/internal/failure"
	"krypton/internal/flagvalue"
	"krypton/internal/heatmap"
)

// renderOptions are the flags that say how a map is drawn.
type renderOptions struct {
	overlay, mapOnly, sideBySide, blocks bool
	alpha                                float64
	colormap                             string
	masked                               *heatmap.Level
	contours                             []heatmap.Level
	scale                                heatmap.Range
}

// parseLevel reads a level, none for no text.
func parseLevel(text string) (*heatmap.Level, error) {
	if text == "" {
		return nil, nil
	}
	l, err := heatmap.ParseLevel(text)
	return &l, err
}

// setContours takes the levels to draw lines around.
func (o *renderOptions) setContours(texts []string) (err error) {
	o.contours, err = heatmap.ParseLevels(texts)
	return err
}

func (o *renderOptions) addFlags(f *pflag.FlagSet) {
	f.BoolVar(&o.overlay, "overlay", false, "draw the map over the picture (the default)")
	f.BoolVar(&o.mapOnly, "map-only", false, "draw the map alone")
	f.BoolVar(&o.sideBySide, "side-by-side", false, "draw the picture and the overlay beside each other")
	f.Float64Var(&o.alpha, "alpha", 0.6, "opacity of the map over the picture, 0 to 1")
	f.StringVar(&o.colormap, "colormap", "auto", "auto (bluered if hiding raises the score anywhere noticeably, else blackbody), "+strings.Join(heatmap.Colormaps[1:], ", "))
	flagvalue.Add(f, &o.masked, "masked", "", parseLevel, "in place of colours, darken all but what matters most: a `level`, either a share of the pixels (20%) or a score drop (0.05)")
	f.StringSlice("contours", nil, "draw lines around these `levels`: shares of the pixels that matter most (5%,20%) or score drops (0.05)")
	flagvalue.Check(f, "contours", o.setContours)
	f.BoolVar(&o.blocks, "blocks", false, "draw the network's pixels as blocks instead of smoothing")
}

// style checks the flags. The caller adds what else a style has.
func (o *renderOptions) style() (heatmap.Style, error) {
	s := heatmap.Style{Mode: "overlay", Alpha: o.alpha, Colormap: o.colormap, Scale: o.scale.Fixed, Blocks: o.blocks, Masked: o.masked, Contours: o.contours}
	drawn := 0
	for mode, on := range map[string]bool{"overlay": o.overlay, "map-only": o.mapOnly, "side-by-side": o.sideBySide} {
		if on {
			drawn++
			s.Mode = mode
		}
	}
	if drawn > 1 {
		return s, failure.Usagef("--overlay, --map-only and --side-by-side exclude each other")
	}
	return s, hinted(s.Check())
}
