package evaluate

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/sbinet/npyio"

	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/faithful"
	"krypton/internal/heatmap"
	"krypton/internal/spreadsheet"
)

// unusable says whether an error is of the kind of bad inputs.
func unusable(err error) bool {
	kind, _ := failure.Of(err)
	return kind == failure.Data
}

func npy(t testing.TB, v any) []byte {
	var b bytes.Buffer
	if err := npyio.Write(&b, v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// mapRecord is a good record of two classes on an input of 8 by 6.
func mapRecord() *explain.Record {
	r := &explain.Record{Rows: 2, Cols: 3, Ys: []int{0, 4}, Xs: []int{0, 2, 4}, Patch: [2]int{4, 2}, Input: [2]int{8, 6}, Score: "value"}
	for k := range 2 {
		c := explain.ClassRecord{Index: 3 * k, BaseScore: .5}
		for y := range 2 {
			c.Scores = append(c.Scores, []explain.Number{.5, explain.Number(float32(y) / 4), explain.Number(float32(k) / 4)})
		}
		r.Classes = append(r.Classes, c)
	}
	return r
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMapOfARecord(t *testing.T) {
	m, err := parseMap("x.json", marshal(t, mapRecord()))
	if err != nil {
		t.Fatal(err)
	}
	maps, err := m.maps(8, 6)
	if err != nil || len(maps) != 2 || maps[0].class != 0 || maps[1].class != 3 {
		t.Fatalf("%+v, %v", maps, err)
	}
	drops, err := maps[1].importance("mean", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range drops {
		y, x := i/6/4, i%6/2
		if want := [2][3]float64{{0, .5, .25}, {0, .25, .25}}[y][x]; got != want {
			t.Fatalf("pixel %d: %g, want %g", i, got, want)
		}
	}
	// A random map has the same numbers in the same grain, and leaves the map.
	random, err := maps[1].importance("mean", rand.New(rand.NewPCG(1, 1)))
	if err != nil || slices.Equal(random, drops) {
		t.Errorf("%v, %v", random, err)
	}
	for i := range random {
		if random[i] != random[i/6/4*4*6+i%6/2*2] {
			t.Fatalf("pixel %d differs from its patch", i)
		}
	}
	again, _ := maps[1].importance("mean", nil)
	sorted := slices.Sorted(slices.Values(random))
	if !slices.Equal(again, drops) || !slices.Equal(sorted, slices.Sorted(slices.Values(drops))) {
		t.Error("the numbers are not the map's")
	}
}

func TestMapOfATensor(t *testing.T) {
	var v [8][6]float32
	for i := range 48 {
		v[i/6][i%6] = float32(i)
	}
	m, err := parseMap("x.npy", npy(t, v))
	if err != nil || m.Record != nil {
		t.Fatal(err)
	}
	maps, err := m.maps(8, 6)
	if err != nil || len(maps) != 1 || maps[0].class >= 0 || maps[0].pixels[17] != 17 {
		t.Fatalf("%+v, %v", maps, err)
	}
	random, err := maps[0].importance("mean", rand.New(rand.NewPCG(1, 1)))
	if err != nil || slices.Equal(random, maps[0].pixels) || !slices.Equal(slices.Sorted(slices.Values(random)), maps[0].pixels) {
		t.Errorf("%v, %v", random, err)
	}
	if _, err := m.maps(6, 8); !unusable(err) {
		t.Errorf("another shape: %v", err)
	}
}

// TestBadMaps: what is no map of obe is refused when it is read.
func TestBadMaps(t *testing.T) {
	for name, spoil := range map[string]func(*explain.Record){
		"rows":            func(r *explain.Record) { r.Rows = 1 },
		"no classes":      func(r *explain.Record) { r.Classes = nil },
		"summary":         func(r *explain.Record) { *r = *r.Summary() },
		"no input":        func(r *explain.Record) { r.Input = [2]int{} },
		"huge input":      func(r *explain.Record) { r.Input[0] = 1 << 40 },
		"no patch":        func(r *explain.Record) { r.Patch[1] = 0 },
		"huge patch":      func(r *explain.Record) { r.Patch[0] = math.MaxInt },
		"offset outside":  func(r *explain.Record) { r.Xs[2] = 6 },
		"negative offset": func(r *explain.Record) { r.Ys[0] = -1 },
		"empty": func(r *explain.Record) {
			r.Rows, r.Ys, r.Classes = 0, nil, []explain.ClassRecord{{Scores: [][]explain.Number{}}}
		},
	} {
		r := mapRecord()
		spoil(r)
		if m, err := parseMap("x.json", marshal(t, r)); !unusable(err) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
	for _, text := range []string{"", "{", "[]", "a picture"} {
		if _, err := parseMap("x.json", []byte(text)); !unusable(err) {
			t.Errorf("%q: %v", text, err)
		}
	}
	r := mapRecord()
	r.Classes[1].Index = -1
	m, err := parseMap("x.json", marshal(t, r))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.maps(8, 6); !unusable(err) {
		t.Errorf("a negative class: %v", err)
	}
}

// FuzzMap: any bytes give an error, or maps that can be ranked.
func FuzzMap(f *testing.F) {
	f.Add(marshal(f, mapRecord()), uint8(8), uint8(6))
	f.Add([]byte("\x93NUMPY\x01\x00\x3d\x00{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2), }  \n\x01\x02"), uint8(1), uint8(2))
	f.Add([]byte(`{"rows":1,"cols":1,"ys":[0],"xs":[0],"patch":[1,1],"input":[1,1],"classes":[{"base_score":null,"scores":[[1e38]]}]}`), uint8(1), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, h, w uint8) {
		m, err := parseMap("x", data)
		if err != nil || m.Record != nil && m.Record.Input[0]*m.Record.Input[1] > 1<<16 {
			return
		}
		maps, err := m.maps(int(h), int(w))
		if err != nil {
			return
		}
		for _, one := range maps {
			for _, rule := range heatmap.Combines {
				drops, err := one.importance(rule, nil)
				if err != nil {
					t.Fatal(err)
				}
				if order := faithful.Order(drops); len(order) != len(drops) || m.Record != nil && len(drops) != m.Record.Input[0]*m.Record.Input[1] {
					t.Fatalf("%d of %d pixels", len(order), len(drops))
				}
			}
		}
	})
}

// TestRandomMaps holds the summary to its definition.
func TestRandomMaps(t *testing.T) {
	shares := []float64{0, 1}
	flat := func(v float64) faithful.Curve { return faithful.Curve{Shares: shares, Scores: []float64{v, v}} }
	m := newRandomMaps([2]faithful.Curve{flat(.25), flat(.5)}, 3)
	for _, v := range []float64{.5, .125, 1} {
		m.add(flat(v), flat(v/2))
	}
	want := Random{Maps: 3, Deletion: Areas{Mean: explain.Number(1.625 / 3), Least: .125, Greatest: 1, Beaten: 2}, Insertion: Areas{Mean: explain.Number(.8125 / 3), Least: .0625, Greatest: .5, Beaten: 2}}
	if m.record != want {
		t.Errorf("%+v, want %+v", m.record, want)
	}
	if got := m.mean[1].Area(); math.Abs(got-.8125/3) > 1e-12 {
		t.Errorf("the mean curve has an area of %g", got)
	}
}

// TestScoreOutputs: many maps make one plot, labels no formulas, numbers that are
// none null.
func TestScoreOutputs(t *testing.T) {
	curve := faithful.Curve{Shares: []float64{0, 1}, Scores: []float64{1, math.NaN()}}
	r := &Record{Map: "=x.json", Class: explain.ClassRecord{Index: 2, Label: "@sum"}, Deletion: newCurve(curve), Insertion: newCurve(curve), curves: [2]faithful.Curve{curve, curve}}
	var b bytes.Buffer
	if err := spreadsheet.CSV(&b, AreaTable([]*Record{r})); err != nil || !strings.HasSuffix(b.String(), "\n'=x.json,,2,'@sum,0,NaN,NaN,0,,\n") {
		t.Errorf("areas, %v:\n%s", err, b.String())
	}
	b.Reset()
	if err := spreadsheet.CSV(&b, CurveTable([]*Record{r})); err != nil || !strings.Contains(b.String(), "\n'=x.json,2,'@sum,insertion,1,NaN,\n") || strings.Count(b.String(), "\n") != 5 {
		t.Errorf("curves, %v:\n%s", err, b.String())
	}
	if text := string(marshal(t, r)); !strings.Contains(text, `"deletion":{"area":null,"shares":[0,1],"scores":[1,null]}`) || strings.Contains(text, "random") {
		t.Error(text)
	}
	r.Random = &Random{Maps: 4}
	for random, head := range map[bool]string{false: "map class score deletion insertion", true: "map class score deletion insertion random deletion random insertion beaten"} {
		if rows := Table([]*Record{r}, random); strings.Join(rows[0], " ") != head || rows[1][0] != "=x.json" || rows[1][len(rows[1])-1] != "0 and 0 of 4" {
			t.Errorf("%q", rows)
		}
	}
	r.Random = nil
	good := faithful.Curve{Shares: []float64{0, 1}, Scores: []float64{1, 0}}
	for _, n := range []int{1, 6, 7, 40} {
		var records []*Record
		for range n {
			records = append(records, &Record{Map: strings.Repeat("long\x1b", 40), Random: &Random{}, curves: [2]faithful.Curve{good, good}, random: [2]faithful.Curve{good, good}})
		}
		if err := PlotCurves(&bytes.Buffer{}, records); err != nil {
			t.Errorf("%d maps: %v", n, err)
		}
	}
}
