package explain

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"krypton/internal/number"
)

// TestValidate spoils a good record in every way it can be wrong.
func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Record)
		want  string
	}{
		"rows":            {func(r *Record) { r.Rows++ }, "3 rows"},
		"columns":         {func(r *Record) { r.Xs = r.Xs[:2] }, "offsets of 2 and 2"},
		"negative":        {func(r *Record) { r.Rows = -1 }, "-1 rows"},
		"no class":        {func(r *Record) { r.Classes = nil }, "no class"},
		"a row too few":   {func(r *Record) { r.Classes[1].Scores = r.Classes[1].Scores[1:] }, "scores of class 1: 1 rows, want 2"},
		"a ragged row":    {func(r *Record) { r.Classes[0].Scores[1] = r.Classes[0].Scores[1][:2] }, "row 1 has 2 columns, want 3"},
		"no scores":       {func(r *Record) { r.Classes[0].Scores = nil }, "0 rows, want 2"},
		"winners":         {func(r *Record) { r.FlipMap = [][]int32{{1, 2, 3}} }, "winners: 1 rows"},
		"a ragged winner": {func(r *Record) { r.FlipMap = [][]int32{{1, 2, 3}, {1, 2}} }, "row 1 has 2 columns"},
		"a scale": {func(r *Record) {
			r.Scales = []ScaleRecord{{Rows: 1, Cols: 1, Ys: []int{0}, Xs: []int{0}, Classes: []ClassRecord{{Scores: [][]Number{{1}}}}}, {}}
		}, "patch size 2 of 2: no class"},
	} {
		r := record()
		if err := r.Validate(); err != nil {
			t.Fatalf("the good record: %v", err)
		}
		c.spoil(r)
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want it to say %q", name, err, c.want)
		}
		for _, ending := range ScoreFormats {
			var b bytes.Buffer
			if err := WriteScores(&b, ending, r); err == nil || b.Len() > 0 {
				t.Errorf("%s: %s writes %d bytes, %v", name, ending, b.Len(), err)
			}
		}
	}
}

// TestSummary: what grows with the grid is gone, and only in the copy.
func TestSummary(t *testing.T) {
	r := record()
	r.FlipMap = [][]int32{{1, 2, 3}, {4, 5, 6}}
	r.Scales = []ScaleRecord{{Rows: 1, Classes: r.Classes, FlipMap: r.FlipMap}}
	s := r.Summary()
	if s.FlipMap != nil || s.Classes[0].Scores != nil || s.Scales[0].Classes != nil || s.Scales[0].FlipMap != nil || s.Rows != 2 || len(s.Classes) != 2 {
		t.Errorf("the summary: %+v", s)
	}
	if r.FlipMap == nil || r.Classes[0].Scores == nil || r.Scales[0].Classes == nil || r.Scales[0].FlipMap == nil {
		t.Errorf("the record lost something: %+v", r)
	}
}

// TestCSVIsHarmless: whatever a class is called, its cell reads back as one cell
// that is no formula.
func TestCSVIsHarmless(t *testing.T) {
	for _, label := range []string{"=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-x", "  =1", "\t=1", "\r=1", "a,b\n=1", `"=1`, "＝1", "cat", "-1.5"} {
		r := record()
		r.Classes = r.Classes[:1]
		r.Classes[0].Label = label
		var b bytes.Buffer
		if err := WriteScores(&b, ".csv", r); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&b).ReadAll()
		if err != nil || len(rows) != 3 || len(rows[0]) != 4 {
			t.Fatalf("%q: %q, %v", label, rows, err)
		}
		got := strings.TrimLeft(rows[0][0], " \t\r\n")
		if strings.ContainsRune("=+-@＝＋－＠", []rune(got)[0]) && label != "-1.5" || !strings.HasSuffix(got, strings.TrimLeft(label, " \t\r")) {
			t.Errorf("%q is written %q", label, rows[0][0])
		}
	}
}

// TestCSVHasNumbers: a score that is no number is an empty cell.
func TestCSVHasNumbers(t *testing.T) {
	r := record()
	r.Classes = r.Classes[:1]
	for i, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		r.Classes[0].Scores[0][i%len(r.Classes[0].Scores[0])] = number.Single(v)
		var b bytes.Buffer
		if err := WriteScores(&b, ".csv", r); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&b).ReadAll()
		if err != nil || rows[1][1+i%len(r.Classes[0].Scores[0])] != "" {
			t.Errorf("%v is written %q, %v", v, rows, err)
		}
	}
}

// failing is a file that takes a number of bytes.
type failing struct{ left int }

var errFull = errors.New("no space left")

func (f *failing) Write(b []byte) (int, error) {
	f.left -= len(b)
	if f.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

// TestWritersTellOfAFullDisk: wherever the space ends, the error comes out.
func TestWritersTellOfAFullDisk(t *testing.T) {
	for _, ending := range ScoreFormats {
		var b bytes.Buffer
		if err := WriteScores(&b, ending, record()); err != nil {
			t.Fatal(err)
		}
		for n := range b.Len() {
			if err := WriteScores(&failing{n}, ending, record()); !errors.Is(err, errFull) {
				t.Fatalf("%s, %d of %d bytes: %v", ending, n, b.Len(), err)
			}
		}
		if err := WriteScores(&failing{b.Len()}, ending, record()); err != nil {
			t.Errorf("%s: %v", ending, err)
		}
	}
}

// FuzzRecordJSON: what is read as a record is written and read again as the same
// record; what is valid can be written in all formats, and nothing panics.
func FuzzRecordJSON(f *testing.F) {
	var b bytes.Buffer
	if err := WriteScores(&b, ".json", record()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"rows":1,"cols":1,"ys":[0],"xs":[0],"classes":[{"index":1,"label":"=1","base_score":null,"scores":[[null]]}],"winners":[[3]],"scales":[{"rows":0}]}`))
	f.Add([]byte(`{"rows":-1,"cols":9223372036854775807,"preprocess":{"a":[1,"b",null]},"scale":[0,1],"mask":{},"compare":{"largest_difference":null}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var r Record
		if json.Unmarshal(text, &r) != nil {
			return
		}
		once, err := json.Marshal(&r)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		var again Record
		if err := json.Unmarshal(once, &again); err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, once)
		}
		twice, err := json.Marshal(&again)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%v: %s", err, cmp.Diff(string(once), string(twice)))
		}
		if valid := r.Validate(); (valid == nil) != (again.Validate() == nil) {
			t.Fatalf("valid %v, after writing %v", valid, again.Validate())
		} else if valid == nil {
			for _, ending := range ScoreFormats {
				if err := WriteScores(&bytes.Buffer{}, ending, &r); err != nil {
					t.Errorf("%s: %v", ending, err)
				}
			}
		}
		if s := r.Summary(); slices.ContainsFunc(s.Classes, func(c ClassRecord) bool { return c.Scores != nil }) {
			t.Error("the summary has scores")
		}
	})
}
