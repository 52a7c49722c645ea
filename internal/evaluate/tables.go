package evaluate

import (
	"fmt"
	"io"
	"path/filepath"
	"strconv"

	"krypton/internal/explain"
	"krypton/internal/faithful"
	"krypton/internal/labels"
	"krypton/internal/spreadsheet"
)

// AreaTable is the areas as a table for programs: a head, and a row for each map.
func AreaTable(records []*Record) [][]string {
	rows := [][]string{{"map", "image", "class", "label", "base_score", "deletion", "insertion", "random_maps", "random_deletion", "random_insertion"}}
	for _, r := range records {
		row := []string{
			spreadsheet.Harmless(r.Map), spreadsheet.Harmless(r.Image), strconv.Itoa(r.Class.Index), label(r),
			text(r.Class.BaseScore), text(r.Deletion.Area), text(r.Insertion.Area), "0", "", "",
		}
		if q := r.Random; q != nil {
			row = append(row[:7], strconv.Itoa(q.Maps), text(q.Deletion.Mean), text(q.Insertion.Mean))
		}
		rows = append(rows, row)
	}
	return rows
}

// Table is the areas as a table for people, beside those of random maps if these were
// measured.
func Table(records []*Record, random bool) [][]string {
	head := []string{"map", "class", "score", "deletion", "insertion"}
	if random {
		head = append(head, "random deletion", "random insertion", "beaten")
	}
	rows := [][]string{head}
	area := func(n explain.Number) string { return fmt.Sprintf("%.4f", float32(n)) }
	for _, r := range records {
		row := []string{labels.Printable(r.Map), labels.Printable(r.Class.Name()), fmt.Sprintf("%.3f", float32(r.Class.BaseScore)), area(r.Deletion.Area), area(r.Insertion.Area)}
		if q := r.Random; q != nil {
			row = append(row, area(q.Deletion.Mean), area(q.Insertion.Mean), fmt.Sprintf("%d and %d of %d", q.Deletion.Beaten, q.Insertion.Beaten, q.Maps))
		}
		rows = append(rows, row)
	}
	return rows
}

// label is the class's in tables for programs; several boxes of a class have their numbers
// too.
func label(r *Record) string {
	if r.Class.Box > 0 {
		return spreadsheet.Harmless(r.Class.Name())
	}
	return spreadsheet.Harmless(r.Class.Label)
}

// text writes a number with the digits that single precision has.
func text(n explain.Number) string { return strconv.FormatFloat(float64(n), 'g', -1, 32) }

// CurveTable is every point of every curve: a head, and a row for each.
func CurveTable(records []*Record) [][]string {
	rows := [][]string{{"map", "class", "label", "curve", "share", "score", "random_mean"}}
	for _, r := range records {
		for i, curve := range []string{"deletion", "insertion"} {
			for k, share := range r.curves[i].Shares {
				row := []string{
					spreadsheet.Harmless(r.Map), strconv.Itoa(r.Class.Index), label(r),
					curve, text(explain.Number(share)), text(explain.Number(r.curves[i].Scores[k])), "",
				}
				if r.Random != nil {
					row[6] = text(explain.Number(r.random[i].Scores[k]))
				}
				rows = append(rows, row)
			}
		}
	}
	return rows
}

// maxPlotted is the number of lines up to which each map has its own.
const maxPlotted = 12

// PlotCurves draws the curves; of many maps their mean.
func PlotCurves(w io.Writer, records []*Record) error {
	var lines []faithful.Line
	var all, random [2][]faithful.Curve
	for _, r := range records {
		name := []rune(labels.Printable(filepath.Base(r.Map) + ", " + r.Class.Name()))
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
