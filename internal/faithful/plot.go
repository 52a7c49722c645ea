package faithful

import (
	"fmt"
	"image/color"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// Line is what is drawn of a map: both its curves.
type Line struct {
	Name                string
	Deletion, Insertion Curve
	// Baseline lines are drawn thin and dashed, in the colour of the line in
	// front of them.
	Baseline bool
}

// lineColors are Okabe and Ito's, which everybody can tell apart.
var lineColors = []color.RGBA{{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {230, 159, 0, 255}, {86, 180, 233, 255}, {0, 0, 0, 255}}

// Plot draws, as PNG, the curves of some maps: deletion on the left, insertion on
// the right. The legends say the areas.
func Plot(w io.Writer, title string, lines []Line) error {
	img := vgimg.New(26*vg.Centimeter, 12*vg.Centimeter)
	tiles := draw.Tiles{Rows: 1, Cols: 2, PadX: vg.Centimeter / 2, PadTop: 4, PadBottom: 4, PadLeft: 4, PadRight: 8}
	canvas := draw.New(img)
	for i, side := range []struct {
		name  string
		share string
		curve func(Line) Curve
		top   bool // where the legend is least in the way
	}{
		{"deletion: lower is better", "share of the pixels removed, the most important first", func(l Line) Curve { return l.Deletion }, true},
		{"insertion: higher is better", "share of the pixels inserted, the most important first", func(l Line) Curve { return l.Insertion }, false},
	} {
		fig := plot.New()
		fig.Title.Text = side.name
		if title != "" {
			fig.Title.Text = title + "\n" + side.name
		}
		fig.X.Label.Text, fig.Y.Label.Text = side.share, "score of the class"
		fig.X.Min, fig.X.Max = 0, 1
		fig.Legend.Top = side.top
		fig.Legend.Padding = 2
		fig.Add(plotter.NewGrid())
		drawn, lo, hi := 0, 0.0, 0.0
		for _, l := range lines {
			c := side.curve(l)
			xys := make(plotter.XYs, len(c.Scores))
			for k := range xys {
				xys[k].X, xys[k].Y = c.Shares[k], c.Scores[k]
			}
			line, err := plotter.NewLine(xys)
			if err != nil {
				return fmt.Errorf("plotting %s of %s: %w", side.name, l.Name, err)
			}
			if l.Baseline {
				line.Color, line.Width = lineColors[max(0, drawn-1)%len(lineColors)], vg.Points(1)
				line.Dashes = []vg.Length{vg.Points(4), vg.Points(2)}
			} else {
				line.Color, line.Width = lineColors[drawn%len(lineColors)], vg.Points(2)
				if drawn >= len(lineColors) { // the colours are used up
					line.Dashes = []vg.Length{vg.Points(8), vg.Points(2)}
				}
				drawn++
			}
			for _, v := range c.Scores {
				lo, hi = min(lo, v), max(hi, v)
			}
			fig.Add(line)
			fig.Legend.Add(fmt.Sprintf("%s  %.3f", l.Name, c.Area()), line)
		}
		if fig.Y.Min = lo; hi > .5 && hi <= 1 { // probabilities
			fig.Y.Max = 1
		}
		fig.Draw(tiles.At(canvas, i, 0))
	}
	_, err := vgimg.PngCanvas{Canvas: img}.WriteTo(w)
	return err
}
