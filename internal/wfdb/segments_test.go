package wfdb

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"krypton/internal/recording"
)

// part is a segment that a test writes: signals by their names, nil for a gap.
type part struct {
	frames int
	gains  map[string]float64
	order  []string
}

// written writes a record of parts, and what each of the signals all then has, in order.
func written(parts []part, all []string, layout bool) (map[string][]byte, map[string][]float64) {
	rng := rand.New(rand.NewPCG(5, 6))
	files, want := map[string][]byte{}, map[string][]float64{}
	var lines []string
	total := 0
	if layout {
		var l strings.Builder
		fmt.Fprintf(&l, "layout %d 100 0\n", len(all))
		for _, name := range all {
			fmt.Fprintf(&l, "~ 0 200(0)/mV 16 0 0 0 0 %s\n", name)
		}
		files["layout.hea"] = []byte(l.String())
		lines = append(lines, "layout 0")
	}
	for i, p := range parts {
		total += p.frames
		for _, name := range all {
			if p.gains[name] == 0 {
				for range p.frames {
					want[name] = append(want[name], math.NaN())
				}
			}
		}
		if p.order == nil {
			lines = append(lines, fmt.Sprintf("~ %d", p.frames))
			continue
		}
		name := fmt.Sprintf("r_%d", i)
		lines = append(lines, fmt.Sprintf("%s %d", name, p.frames))
		head := fmt.Sprintf("%s %d 100 %d\n", name, len(p.order), p.frames)
		for _, s := range p.order {
			head += fmt.Sprintf("%s.dat 16 %g(7)/mV 16 0 0 0 0 %s\n", name, p.gains[s], s)
		}
		files[name+".hea"] = []byte(head)
		var data []byte
		for range p.frames {
			for _, s := range p.order {
				v := int16(rng.IntN(1<<16-1) - 1<<15 + 1)
				data = binary.LittleEndian.AppendUint16(data, uint16(v))
				want[s] = append(want[s], (float64(v)-7)/p.gains[s])
			}
		}
		files[name+".dat"] = data
	}
	files["r.hea"] = []byte(fmt.Sprintf("r/%d %d 100 %d\n%s\n", len(lines), len(all), total, strings.Join(lines, "\n")))
	return files, want
}

func like(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return x == y || x != x && y != y })
}

// TestSegments: segments lie one behind the other; what none has is missing; and a part of the
// record is the same as that part of all of it, whichever segments it is in.
func TestSegments(t *testing.T) {
	both := map[string]float64{"II": 200, "V1": 100}
	for name, c := range map[string]struct {
		parts  []part
		layout bool
	}{
		"fixed":           {[]part{{5, both, []string{"II", "V1"}}, {3, both, []string{"II", "V1"}}}, false},
		"fixed, with gap": {[]part{{4, nil, nil}, {5, both, []string{"II", "V1"}}, {3, nil, nil}, {2, both, []string{"II", "V1"}}}, false},
		"variable": {[]part{{5, map[string]float64{"V1": 50}, []string{"V1"}}, {4, nil, nil}, {6, map[string]float64{"II": 200, "V1": 25}, []string{"V1", "II"}},
			{3, map[string]float64{"II": 10}, []string{"II"}}}, true},
	} {
		files, want := written(c.parts, []string{"II", "V1"}, c.layout)
		open := beside(files)
		r, err := Read(bytes.NewReader(files["r.hea"]), open, recording.Want{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		n := len(want["II"])
		for i, s := range []string{"II", "V1"} {
			if got := r.Channels[i]; got.Name != s || got.Rate != 100 || !like(got.Samples, want[s]) {
				t.Errorf("%s: %s is %v, want %v", name, s, got, want[s])
			}
		}
		for from := range n {
			for to := from + 1; to <= n; to++ {
				r, err := Read(bytes.NewReader(files["r.hea"]), open, recording.Want{Start: &recording.Moment{Value: float64(from), Samples: true}, End: &recording.Moment{Value: float64(to), Samples: true}})
				if err != nil {
					t.Fatalf("%s, %d to %d: %v", name, from, to, err)
				}
				for i, s := range []string{"II", "V1"} {
					if got := r.Channels[i]; got.First != from || !like(got.Samples, want[s][from:to]) {
						t.Errorf("%s, %d to %d: %s is %v, want %v", name, from, to, s, got, want[s][from:to])
					}
				}
			}
		}
		names := Files(bytes.NewReader(files["r.hea"]), open)
		if len(names) != len(files)-1 {
			t.Errorf("%s: beside it are %q of %d files", name, names, len(files))
		}
	}
}

// TestSegmentsRefused: what does not fit is named.
func TestSegmentsRefused(t *testing.T) {
	both := map[string]float64{"II": 200, "V1": 100}
	parts := []part{{5, both, []string{"II", "V1"}}, {3, both, []string{"II", "V1"}}}
	for _, c := range []struct {
		layout               bool
		file, from, to, says string
	}{
		{false, "r_1.hea", " 100 3", " 200 3", "a segment of 200 samples a second, the record has 100"},
		{false, "r_1.hea", " 2 100", " 1 100", "a segment of 1 signals, the record has 2"},
		{false, "r_1.hea", "100 3", "100 4", "r_1 has 4 samples a signal, the record says 3"},
		{false, "r_1.hea", "/mV 16 0 0 0 0 II", "/V 16 0 0 0 0 II", `signal "II" is in "V", and in "mV" in the record`},
		{false, "r_1.hea", "0 II", "0 III", `signal 0 is called "III", and "II" in the segment before`},
		{false, "r_1.hea", "r_1 2", "r_1/1 2", "a segment that has segments itself"},
		{false, "r.hea", "r_1 3", "../r_1 3", "want a record beside the header"},
		{false, "r.hea", "r_1 3", "r_1", "no segment's line"},
		{false, "r.hea", "r/2", "r/3", "a header of 2 segments, the record has 3"},
		{true, "layout.hea", "0 V1", "0 II", `the layout has two signals called "II"`},
		{true, "layout.hea", "layout 2", "layout 1", "of 1 signals, the record has 2"},
		{true, "r_0.hea", "r_0.dat 16 2", "r_0.dat 16x2 2", `signal "II" has 2 samples a frame, and 1 in the record`},
	} {
		files, _ := written(parts, []string{"II", "V1"}, c.layout)
		changed := strings.Replace(string(files[c.file]), c.from, c.to, 1)
		if changed == string(files[c.file]) {
			t.Fatalf("%s has no %q", c.file, c.from)
		}
		files[c.file] = []byte(changed)
		if _, err := Read(bytes.NewReader(files["r.hea"]), beside(files), recording.Want{}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s with %q: %v, want %q", c.file, c.to, err, c.says)
		}
	}
	files, _ := written(parts, []string{"II", "V1"}, false)
	delete(files, "r_1.hea")
	if _, err := Read(bytes.NewReader(files["r.hea"]), beside(files), recording.Want{}); err == nil {
		t.Error("a segment that is not there is passed over")
	}
	end := &recording.Moment{Value: 5, Samples: true}
	if _, err := Read(bytes.NewReader(files["r.hea"]), beside(files), recording.Want{End: end}); err != nil {
		t.Errorf("a segment of which nothing is wanted is looked for: %v", err)
	}
	if _, err := Read(strings.NewReader("r/1 1 100 4000000000\n~ 2000000000\n"), beside(files), recording.Want{}); err == nil {
		t.Error("a record of gaps alone is read")
	}
	files["g.hea"] = []byte("r/2 2 100\nr_0 5\n~ 2000000000\n")
	if _, err := Read(bytes.NewReader(files["g.hea"]), beside(files), recording.Want{Most: 1000}); err == nil || !strings.Contains(err.Error(), "too many samples") {
		t.Errorf("a gap of two thousand million samples: %v", err)
	}
}
