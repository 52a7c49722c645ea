package evaluate

import (
	"slices"

	"krypton/internal/explain"
	"krypton/internal/faithful"
)

// Record is everything about one class's map in one file: what JSON has of it.
type Record struct {
	Version           string                `json:"krypton_version"`
	Map               string                `json:"map"`
	MapSHA256         string                `json:"map_sha256"`
	Model             string                `json:"model"`
	ModelSHA256       string                `json:"model_sha256"`
	Image             string                `json:"image"`
	ImageSHA256       string                `json:"image_sha256"`
	Class             explain.ClassRecord   `json:"class"`
	Output            string                `json:"output"`
	Activation        string                `json:"activation"`
	ActivationReason  string                `json:"activation_reason"`
	Score             string                `json:"score,omitempty"` // of targets that are none of classes
	Target            *explain.TargetRecord `json:"target,omitempty"`
	Combine           string                `json:"combine"`
	Fill              string                `json:"fill"`
	Start             string                `json:"start"`
	Seed              uint64                `json:"seed"`
	Steps             int                   `json:"steps"`
	Deletion          Curve                 `json:"deletion"`
	Insertion         Curve                 `json:"insertion"`
	Random            *Random               `json:"random,omitempty"`
	MultiplyAddsWhole int64                 `json:"multiply_adds_whole"`
	MultiplyAddsSpent int64                 `json:"multiply_adds_spent"`
	NaN               bool                  `json:"has_nan"`
	Seconds           float64               `json:"seconds"`
	Kernels           string                `json:"kernels"`
	Threads           int                   `json:"threads"`
	Notes             []string              `json:"notes,omitempty"`

	curves [2]faithful.Curve // deletion, insertion
	random [2]faithful.Curve // the means
}

// Curve is a curve with its area.
type Curve struct {
	Area   explain.Number   `json:"area"`
	Shares []explain.Number `json:"shares"`
	Scores []explain.Number `json:"scores"`
}

func newCurve(c faithful.Curve) Curve {
	s := Curve{Area: explain.Number(c.Area())}
	for i := range c.Scores {
		s.Shares, s.Scores = append(s.Shares, explain.Number(c.Shares[i])), append(s.Scores, explain.Number(c.Scores[i]))
	}
	return s
}

// hasNaN says whether a score is not a number.
func (c *Curve) hasNaN() bool {
	return slices.ContainsFunc(c.Scores, func(v explain.Number) bool { return v != v })
}

// Random compares with random maps.
type Random struct {
	Maps      int   `json:"maps"`
	Deletion  Areas `json:"deletion"`
	Insertion Areas `json:"insertion"`
}

// Areas are those of random maps.
type Areas struct {
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
	record Random
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
