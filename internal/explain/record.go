package explain

import (
	"errors"
	"fmt"
	"slices"

	"krypton/internal/heatmap"
	"krypton/internal/incremental"
	"krypton/internal/model"
	"krypton/internal/number"
)

// Number is a score that JSON can hold.
type Number = number.Single

// ClassRecord is one class's map.
type ClassRecord struct {
	Index     int        `json:"index"`
	Label     string     `json:"label,omitempty"`
	Box       int        `json:"box,omitempty"` // of BoxesRecord.Found, by number
	Unit      string     `json:"unit,omitempty"`
	BaseScore Number     `json:"base_score"`
	Scores    [][]Number `json:"scores,omitempty"` // row by row
}

// Name tells a map of a record from the others in words: the class's label, or its number;
// of a box also the box's.
func (c ClassRecord) Name() string {
	if c.Box > 0 {
		return BoxRecord{Number: c.Box, Class: c.Index, Label: c.Label}.Name()
	}
	return className(c.Label, c.Index)
}

// Record is everything about one picture's map: what the .json file holds, and
// without the scores what the PNG carries and --json prints. New fields may be
// added; existing ones keep their meaning.
type Record struct {
	Version           string         `json:"krypton_version"`
	Model             string         `json:"model"`
	ModelSHA256       string         `json:"model_sha256"`
	Image             string         `json:"image"`
	ImageSHA256       string         `json:"image_sha256"`
	Classes           []ClassRecord  `json:"classes"`
	Output            string         `json:"output"`
	Activation        string         `json:"activation"`
	ActivationReason  string         `json:"activation_reason,omitempty"`
	Value             *model.Value   `json:"value,omitempty"`  // what the number is, unless a class's score
	Target            *TargetRecord  `json:"target,omitempty"` // nil for classes of a row
	Score             string         `json:"score"`
	Mode              string         `json:"mode"`
	Patch             [2]int         `json:"patch"`
	Shape             *ShapeRecord   `json:"shape,omitempty"` // nil for rectangles
	Stride            [2]int         `json:"stride"`
	Border            string         `json:"border"`
	Fill              string         `json:"fill"`
	Seed              uint64         `json:"seed"`
	Input             [2]int         `json:"input"`
	Rows              int            `json:"rows"`
	Cols              int            `json:"cols"`
	Ys                []int          `json:"ys"`
	Xs                []int          `json:"xs"`
	Positions         int            `json:"positions"`
	Skipped           int            `json:"positions_unchanged"`
	Flips             int            `json:"positions_other_winner"`
	FlipMap           [][]int32      `json:"winners,omitempty"`
	Verified          int            `json:"positions_verified"`
	NaN               bool           `json:"has_nan"`
	MultiplyAddsWhole int64          `json:"multiply_adds_whole"`
	MultiplyAddsSpent int64          `json:"multiply_adds_spent"`
	SecondsViews      float64        `json:"seconds_views,omitempty"`
	SecondsMap        float64        `json:"seconds_map,omitempty"`
	Kernels           string         `json:"kernels,omitempty"`
	Threads           int            `json:"threads,omitempty"`
	Device            string         `json:"device,omitempty"`    // "" for this machine's processors
	Precision         string         `json:"precision,omitempty"` // of the device's products, "" for float32
	Preprocess        map[string]any `json:"preprocess"`
	Notes             []string       `json:"notes,omitempty"`
	Heatmap           string         `json:"heatmap,omitempty"`
	// Only some runs have these: several patch sizes, a mask, a comparison with
	// whole runs, a fixed range of colours.
	Scales  []ScaleRecord  `json:"scales,omitempty"`
	Mask    *MaskRecord    `json:"mask,omitempty"`
	Compare *CompareRecord `json:"compare,omitempty"`
	Scale   *[2]float64    `json:"scale,omitempty"`
	// Approximated is nil for exact and naive maps.
	Approximated *Given `json:"approximate,omitempty"`
	// Global says why an exact map saves little, where it does for such a reason.
	Global *incremental.Global `json:"global,omitempty"`
	// Boxes is what a detector found: Classes are of boxes, and of false ones.
	Boxes *BoxesRecord `json:"boxes,omitempty"`
	// Bound are the values of other inputs than the picture's.
	Bound []model.Bound `json:"bind,omitempty"`
	// FillFiles are the files that fills are of.
	FillFiles []FillRecord `json:"fill_files,omitempty"`
	// With are the inputs that were covered together with the picture's.
	With []WithRecord `json:"with,omitempty"`
}

// ScaleRecord is the part of one patch size in a map over several, or of one
// patch size with one fill in a map over several fills.
type ScaleRecord struct {
	Fill string `json:"fill,omitempty"` // of several
	// Occluded are the channels that were hidden, with + between them; "" for all.
	Occluded  string        `json:"occluded,omitempty"`
	Patch     [2]int        `json:"patch"`
	Shape     *ShapeRecord  `json:"shape,omitempty"`
	Stride    [2]int        `json:"stride"`
	Rows      int           `json:"rows"`
	Cols      int           `json:"cols"`
	Ys        []int         `json:"ys"`
	Xs        []int         `json:"xs"`
	Positions int           `json:"positions"`
	Flips     int           `json:"positions_other_winner"`
	FlipMap   [][]int32     `json:"winners,omitempty"`
	Classes   []ClassRecord `json:"classes,omitempty"`
}

// MaskRecord says what a mask left out.
type MaskRecord struct {
	File    string `json:"file"`
	SHA256  string `json:"sha256"`
	Pixels  int    `json:"pixels"` // of the network's input that count
	Skipped int    `json:"positions_skipped"`
}

// CompareRecord is the comparison of a map with whole runs of the network.
type CompareRecord struct {
	Positions int `json:"positions"` // that were run whole
	// Whole is the time of these runs, All that of all positions by that
	// measure, and Map what the map took with its clean run.
	Whole     float64       `json:"seconds_whole,omitempty"`
	All       float64       `json:"seconds_whole_all,omitempty"`
	Map       float64       `json:"seconds_map_and_views,omitempty"`
	Ratio     number.Double `json:"ratio,omitempty"` // of the last two
	Largest   Number        `json:"largest_difference"`
	Different int           `json:"outputs_different"`
}

// Map is the map of one of the record's classes.
func (r *Record) Map(c ClassRecord) *heatmap.Map {
	m := &heatmap.Map{Ys: r.Ys, Xs: r.Xs, Patch: r.Patch, Input: r.Input, Base: float32(c.BaseScore), Stamp: r.Shape.Stamp()}
	for _, row := range c.Scores {
		for _, v := range row {
			m.Scores = append(m.Scores, float32(v))
		}
	}
	return m
}

// Summary is the record without what grows with the grid.
func (r *Record) Summary() *Record {
	s := *r
	s.FlipMap, s.Shape = nil, r.Shape.summary()
	s.Classes = append([]ClassRecord{}, r.Classes...)
	for i := range s.Classes {
		s.Classes[i].Scores = nil
	}
	s.Scales = slices.Clone(r.Scales)
	for i := range s.Scales {
		s.Scales[i].FlipMap, s.Scales[i].Classes, s.Scales[i].Shape = nil, nil, r.Scales[i].Shape.summary()
	}
	return &s
}

// Validate says where a record's grids do not fit: there must be a row of scores
// (and of winners, if any) for each of Ys, with a number for each of Xs.
func (r *Record) Validate() error {
	if err := validGrid(r.Rows, r.Cols, r.Ys, r.Xs, r.Classes, r.FlipMap); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if err := r.Shape.validate(); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	for i, s := range r.Scales {
		if err := validGrid(s.Rows, s.Cols, s.Ys, s.Xs, s.Classes, s.FlipMap); err != nil {
			return fmt.Errorf("record, patch size %d of %d: %w", i+1, len(r.Scales), err)
		}
	}
	return nil
}

func validGrid(rows, cols int, ys, xs []int, classes []ClassRecord, winners [][]int32) error {
	if rows != len(ys) || cols != len(xs) {
		return fmt.Errorf("%d rows and %d columns, but offsets of %d and %d", rows, cols, len(ys), len(xs))
	}
	if len(classes) == 0 {
		return errors.New("no class")
	}
	for _, c := range classes {
		if err := validRows(c.Scores, rows, cols); err != nil {
			return fmt.Errorf("scores of class %d: %w", c.Index, err)
		}
	}
	if len(winners) == 0 {
		return nil
	}
	if err := validRows(winners, rows, cols); err != nil {
		return fmt.Errorf("winners: %w", err)
	}
	return nil
}

func validRows[T any](lines [][]T, rows, cols int) error {
	if len(lines) != rows {
		return fmt.Errorf("%d rows, want %d", len(lines), rows)
	}
	for i, l := range lines {
		if len(l) != cols {
			return fmt.Errorf("row %d has %d columns, want %d", i, len(l), cols)
		}
	}
	return nil
}
