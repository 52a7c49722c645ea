package tune

import (
	"cmp"
	"fmt"
	"image/color"
	"io"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Plot draws, as PNG, quality against speed: of tau, epsilon and drill-down
// alone, and of the best settings of all together.
func Plot(w io.Writer, p *Profile, all []Point) error {
	fig := plot.New()
	fig.Title.Text = fmt.Sprintf("%d pictures, patch %s, stride %s", p.Samples, p.Patch, p.Stride)
	fig.X.Label.Text = "times fewer multiply-adds than running the network at every position"
	fig.Y.Label.Text = "SSIM with the exact map (the lower of scores and rendered)"
	fig.X.Scale, fig.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	fig.Legend.Top, fig.Legend.Left = false, true
	fig.Add(plotter.NewGrid())
	// Okabe and Ito's colours, which everybody can tell apart.
	for _, s := range []struct {
		name   string
		points []Point
		color  color.RGBA
		shape  draw.GlyphDrawer
	}{
		{"tau", pick(all, func(q Point) bool { return q.Epsilon == 0 && q.whole() }), color.RGBA{0, 114, 178, 255}, draw.CircleGlyph{}},
		{"epsilon", pick(all, func(q Point) bool { return q.Tau == 1 && q.Gates == 0 && q.whole() }), color.RGBA{213, 94, 0, 255}, draw.SquareGlyph{}},
		{"drill-down", frontier(pick(all, func(q Point) bool { return q.Tau == 1 && q.Epsilon == 0 && !q.Checkerboard })), color.RGBA{0, 158, 115, 255}, draw.TriangleGlyph{}},
		{"checkerboard", pick(all, func(q Point) bool { return q.Tau == 1 && q.Epsilon == 0 && q.Checkerboard }), color.RGBA{204, 121, 167, 255}, draw.PyramidGlyph{}},
		{"all together", p.Points, color.RGBA{0, 0, 0, 255}, draw.CrossGlyph{}},
	} {
		xys := make(plotter.XYs, len(s.points))
		for i, q := range s.points {
			xys[i].X, xys[i].Y = q.Speedup, q.Quality()
		}
		line, marks, err := plotter.NewLinePoints(xys)
		if err != nil {
			return fmt.Errorf("plotting %s: %w", s.name, err)
		}
		line.Color, marks.Color, marks.Shape = s.color, s.color, s.shape
		fig.Add(line, marks)
		fig.Legend.Add(s.name, line, marks)
	}
	out, err := fig.WriterTo(18*vg.Centimeter, 12*vg.Centimeter, "png")
	if err != nil {
		return err
	}
	_, err = out.WriteTo(w)
	return err
}

// pick keeps some points, by rising speed.
func pick(all []Point, keep func(Point) bool) []Point {
	var some []Point
	for _, q := range all {
		if keep(q) {
			some = append(some, q)
		}
	}
	slices.SortFunc(some, func(a, b Point) int { return cmp.Compare(a.Speedup, b.Speedup) })
	return some
}
