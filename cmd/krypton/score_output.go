package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"text/tabwriter"

	"krypton/internal/explain"
	"krypton/internal/faithful"
	"krypton/internal/spreadsheet"
)

// scoreRecord is everything about one class's map in one file.
type scoreRecord struct {
	Version           string              `json:"krypton_version"`
	Map               string              `json:"map"`
	MapSHA256         string              `json:"map_sha256"`
	Model             string              `json:"model"`
	ModelSHA256       string              `json:"model_sha256"`
	Image             string              `json:"image"`
	ImageSHA256       string              `json:"image_sha256"`
	Class             explain.ClassRecord `json:"class"`
	Output            string              `json:"output"`
	Activation        string              `json:"activation"`
	ActivationReason  string              `json:"activation_reason"`
	Combine           string              `json:"combine"`
	Fill              string              `json:"fill"`
	Start             string              `json:"start"`
	Seed              uint64              `json:"seed"`
	Steps             int                 `json:"steps"`
	Deletion          scoreCurve          `json:"deletion"`
	Insertion         scoreCurve          `json:"insertion"`
	Random            *scoreRandom        `json:"random,omitempty"`
	MultiplyAddsWhole int64               `json:"multiply_adds_whole"`
	MultiplyAddsSpent int64               `json:"multiply_adds_spent"`
	NaN               bool                `json:"has_nan"`
	Seconds           float64             `json:"seconds"`
	Kernels           string              `json:"kernels"`
	Threads           int                 `json:"threads"`
	Notes             []string            `json:"notes,omitempty"`

	curves [2]faithful.Curve // deletion, insertion
	random [2]faithful.Curve // the means
}

// scoreCurve is a curve with its area.
type scoreCurve struct {
	Area   explain.Number   `json:"area"`
	Shares []explain.Number `json:"shares"`
	Scores []explain.Number `json:"scores"`
}

func newScoreCurve(c faithful.Curve) scoreCurve {
	s := scoreCurve{Area: explain.Number(c.Area())}
	for i := range c.Scores {
		s.Shares, s.Scores = append(s.Shares, explain.Number(c.Shares[i])), append(s.Scores, explain.Number(c.Scores[i]))
	}
	return s
}

// hasNaN says whether a score is not a number.
func (c *scoreCurve) hasNaN() bool {
	return slices.ContainsFunc(c.Scores, func(v explain.Number) bool { return v != v })
}

// scoreRandom compares with random maps.
type scoreRandom struct {
	Maps      int         `json:"maps"`
	Deletion  randomAreas `json:"deletion"`
	Insertion randomAreas `json:"insertion"`
}

// randomAreas are the areas of random maps.
type randomAreas struct {
	Mean     explain.Number `json:"mean"`
	Least    explain.Number `json:"least"`
	Greatest explain.Number `json:"greatest"`
	// Beaten is the number of them that the map is better than.
	Beaten int `json:"beaten"`
}

// randomMaps gathers what random maps give.
type randomMaps struct {
	of     [2]faithful.Curve // the map's own
	n      int
	mean   [2]faithful.Curve // so far, over n
	sums   [2]float64
	record scoreRandom
}

func newRandomMaps(of [2]faithful.Curve, n int) *randomMaps {
	m := &randomMaps{of: of, n: n}
	for i, c := range of {
		m.mean[i] = faithful.Curve{Shares: c.Shares, Scores: make([]float64, len(c.Scores))}
	}
	return m
}

// add adds the curves of one random map.
func (m *randomMaps) add(deletion, insertion faithful.Curve) {
	for i, c := range []faithful.Curve{deletion, insertion} {
		for k, v := range c.Scores {
			m.mean[i].Scores[k] += v / float64(m.n)
		}
		area, own := c.Area(), m.of[i].Area()
		m.sums[i] += area
		r, better := &m.record.Deletion, own < area
		if i == 1 {
			r, better = &m.record.Insertion, own > area
		}
		n := explain.Number(area)
		if m.record.Maps == 0 {
			r.Least, r.Greatest = n, n
		}
		r.Least, r.Greatest = min(r.Least, n), max(r.Greatest, n)
		if better {
			r.Beaten++
		}
		r.Mean = explain.Number(m.sums[i] / float64(m.record.Maps+1))
	}
	m.record.Maps++
}

// name is the class's label, or its number.
func (r *scoreRecord) name() string {
	if r.Class.Label != "" {
		return r.Class.Label
	}
	return fmt.Sprintf("class %d", r.Class.Index)
}

// write prints the areas: a table, or CSV, or JSON lines.
func (o *scoreOptions) write(w writer, records []*scoreRecord) error {
	switch {
	case o.asJSON:
		e := json.NewEncoder(w)
		for _, r := range records {
			if err := e.Encode(r); err != nil {
				return err
			}
		}
		return nil
	case o.asCSV:
		return writeAreas(w, records)
	}
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	head := "map\tclass\tscore\tdeletion\tinsertion"
	if o.random > 0 {
		head += "\trandom deletion\trandom insertion\tbeaten"
	}
	fmt.Fprintln(t, head)
	for _, r := range records {
		fmt.Fprintf(t, "%s\t%s\t%.3f\t%.4f\t%.4f", printable(r.Map), printable(r.name()), float32(r.Class.BaseScore), float32(r.Deletion.Area), float32(r.Insertion.Area))
		if q := r.Random; q != nil {
			fmt.Fprintf(t, "\t%.4f\t%.4f\t%d and %d of %d", float32(q.Deletion.Mean), float32(q.Insertion.Mean), q.Deletion.Beaten, q.Insertion.Beaten, q.Maps)
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// writeAreas writes the areas as CSV.
func writeAreas(w writer, records []*scoreRecord) error {
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

// writeCurves writes every point of every curve as CSV.
func writeCurves(w writer, records []*scoreRecord) error {
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

// plotCurves draws the curves; of many maps their mean.
func plotCurves(w writer, records []*scoreRecord) error {
	var lines []faithful.Line
	var all, random [2][]faithful.Curve
	for _, r := range records {
		name := []rune(printable(filepath.Base(r.Map) + ", " + r.name()))
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
	return faithful.Plot(w, fmt.Sprintf("%s, fill %s, start %s, %d steps", printable(filepath.Base(r.Model)), r.Fill, r.Start, r.Steps), lines)
}
