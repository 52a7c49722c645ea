package evaluate

import (
	"encoding/csv"
	"fmt"
	"io"
	"path/filepath"
	"strconv"

	"krypton/internal/explain"
	"krypton/internal/faithful"
	"krypton/internal/labels"
	"krypton/internal/spreadsheet"
)

// WriteAreas writes the areas as CSV.
func WriteAreas(w io.Writer, records []*Record) error {
	c := csv.NewWriter(w)
	rows := [][]string{{"map", "image", "class", "label", "base_score", "deletion", "insertion", "random_maps", "random_deletion", "random_insertion"}}
	for _, r := range records {
		row := []string{spreadsheet.Harmless(r.Map), spreadsheet.Harmless(r.Image), strconv.Itoa(r.Class.Index), spreadsheet.Harmless(r.Class.Label), text(r.Class.BaseScore), text(r.Deletion.Area), text(r.Insertion.Area), "0", "", ""}
		if q := r.Random; q != nil {
			row = append(row[:7], strconv.Itoa(q.Maps), text(q.Deletion.Mean), text(q.Insertion.Mean))
		}
		rows = append(rows, row)
	}
	return c.WriteAll(rows)
}

// text writes a number with the digits that single precision has.
func text(n explain.Number) string { return strconv.FormatFloat(float64(n), 'g', -1, 32) }

// WriteCurves writes every point of every curve as CSV.
func WriteCurves(w io.Writer, records []*Record) error {
	c := csv.NewWriter(w)
	rows := [][]string{{"map", "class", "label", "curve", "share", "score", "random_mean"}}
	for _, r := range records {
		for i, curve := range []string{"deletion", "insertion"} {
			for k, share := range r.curves[i].Shares {
				row := []string{spreadsheet.Harmless(r.Map), strconv.Itoa(r.Class.Index), spreadsheet.Harmless(r.Class.Label), curve, text(explain.Number(share)), text(explain.Number(r.curves[i].Scores[k])), ""}
				if r.Random != nil {
					row[6] = text(explain.Number(r.random[i].Scores[k]))
				}
				rows = append(rows, row)
			}
		}
	}
	return c.WriteAll(rows)
}

// maxPlotted is the number of lines up to which each map has its own.
const maxPlotted = 12

// PlotCurves draws the curves; of many maps their mean.
func PlotCurves(w io.Writer, records []*Record) error {
	var lines []faithful.Line
	var all, random [2][]faithful.Curve
	for _, r := range records {
		name := []rune(labels.Printable(filepath.Base(r.Map) + ", " + r.ClassName()))
		if len(name) > 48 {
			name = append(name[:47], '…')
		}
		lines = append(lines, faithful.Line{Name: string(name), Deletion: r.curves[0], Insertion: r.curves[1]})
		if r.Random != nil {
			lines = append(lines, faithful.Line{Name: "random", Deletion: r.random[0], Insertion: r.random[1], Baseline: true})
		}
		for i := range all {
			all[i] = append(all[i], r.curves[i])
			if r.Random != nil {
				random[i] = append(random[i], r.random[i])
			}
		}
	}
	if len(lines) > maxPlotted {
		lines = []faithful.Line{{Name: fmt.Sprintf("mean of %d maps", len(records)), Deletion: faithful.Mean(all[0]), Insertion: faithful.Mean(all[1])}}
		if len(random[0]) > 0 {
			lines = append(lines, faithful.Line{Name: "random", Deletion: faithful.Mean(random[0]), Insertion: faithful.Mean(random[1]), Baseline: true})
		}
	}
	r := records[0]
	return faithful.Plot(w, fmt.Sprintf("%s, fill %s, start %s, %d steps", labels.Printable(filepath.Base(r.Model)), r.Fill, r.Start, r.Steps), lines)
}
