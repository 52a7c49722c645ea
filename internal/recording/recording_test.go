package recording

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestMoments(t *testing.T) {
	for text, want := range map[string]int{"1.5s": 150, "200ms": 20, "7": 7, "0s": 0} {
		m, err := ParseMoment(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := m.At(100); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "s", "-1s", "1.5", "x", "NaN", "1e99s"} {
		if m, err := ParseMoment(text); err == nil {
			t.Errorf("%q is %v", text, m)
		}
	}
	if _, err := (Moment{Value: 1}).At(0); err == nil {
		t.Error("seconds without a rate")
	}
}

// TestCollector: of 3 samples, 100 that are lost and 4 more, a part is kept.
func TestCollector(t *testing.T) {
	at := func(n float64) *Moment { return &Moment{Value: n, Samples: true} }
	for want, w := range map[string]Want{
		"[1 2 NaN]":   {Start: at(1), End: at(4)},
		"[NaN 0 1]":   {Start: at(102), End: at(105)},
		"[1 2]":       {Start: at(104), Length: func(float64) int { return 2 }},
		"[NaN NaN]":   {Start: at(50), End: at(52)},
		"[0 1 2 NaN]": {End: at(4)},
	} {
		k, err := w.Collect(0, Channel{}, w.Budget())
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			err = errors.Join(err, k.Add(float64(i)))
		}
		err = errors.Join(err, k.Miss(100))
		for i := range 4 {
			err = errors.Join(err, k.Add(float64(i)))
		}
		if fmt.Sprint(k.Channel.Samples) != want || k.Count() != 107 || err != nil {
			t.Errorf("%v, %d, %v: want %s", k.Channel.Samples, k.Count(), err, want)
		}
	}
	k, err := new(Want).Collect(0, Channel{}, &Budget{left: 5})
	if err == nil {
		err = k.Miss(1 << 30)
	}
	if !errors.Is(err, ErrBad) {
		t.Errorf("more samples than may be kept: %v", err)
	}
}

func TestFillMissing(t *testing.T) {
	nan := math.NaN()
	for how, want := range map[string]string{"zero": "[0 1 0 0 4 0]", "mean": "[2.5 1 2.5 2.5 4 2.5]", "line": "[1 1 2 3 4 4]"} {
		s := []float64{nan, 1, nan, nan, 4, nan}
		if n, err := FillMissing(s, how); n != 4 || err != nil || fmt.Sprint(s) != want {
			t.Errorf("%s: %v, %d, %v", how, s, n, err)
		}
	}
	if _, err := FillMissing([]float64{nan, 1}, ""); err == nil {
		t.Error("missing samples were taken")
	}
	if _, err := FillMissing([]float64{nan}, "line"); err == nil {
		t.Error("a line through nothing")
	}
}

// TestResample: a constant and, away from the ends, a sine far below both rates stay what
// they are; a sine above half of the new rate goes; the same rate changes nothing.
func TestResample(t *testing.T) {
	sine := func(n int, rate, hz float64) []float64 {
		s := make([]float64, n)
		for i := range s {
			s[i] = math.Sin(2 * math.Pi * hz * float64(i) / rate)
		}
		return s
	}
	for _, rates := range [][2]float64{{1000, 500}, {360, 500}, {500, 360}, {250, 250}} {
		n := int(2 * rates[1])
		in, want := sine(int(2*rates[0])+1, rates[0], 7), sine(n, rates[1], 7)
		for how, near := range map[string]float64{"sinc": 2e-3, "linear": 1e-2} {
			got, err := Resample(in, rates[0], rates[1], n, how)
			if err != nil {
				t.Fatal(err)
			}
			for i := 100; i < n-100; i++ {
				if math.Abs(got[i]-want[i]) > near {
					t.Fatalf("%v, %s: sample %d is %g, want %g", rates, how, i, got[i], want[i])
				}
			}
		}
	}
	got, err := Resample(sine(2001, 1000, 400), 1000, 500, 1000, "sinc")
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range got[100:900] {
		if math.Abs(v) > 1e-2 {
			t.Fatalf("what is above half of the new rate is folded down: %g at %d", v, i)
		}
	}
	if _, err := Resample(nil, 1, 1, 1, "x"); err == nil {
		t.Error("an unknown resampler")
	}
}

// TestMiss: samples that are missing are those that would have been added one by one, and
// those that are not wanted cost nothing, however many.
func TestMiss(t *testing.T) {
	moment := func(n int) *Moment { return &Moment{Value: float64(n), Samples: true} }
	for _, w := range []Want{{}, {Start: moment(3)}, {End: moment(5)}, {Start: moment(3), End: moment(5)}, {Start: moment(5), End: moment(3)}, {Only: func(int, string) bool { return false }}} {
		for have := range 8 {
			for n := range 8 {
				var all [2]*Collector
				for i := range all {
					k, err := w.Collect(0, Channel{Rate: 1}, w.Budget())
					if err != nil {
						t.Fatal(err)
					}
					for range have {
						if err := k.Add(1); err != nil {
							t.Fatal(err)
						}
					}
					all[i] = k
				}
				if err := all[0].Miss(n); err != nil {
					t.Fatal(err)
				}
				for range n {
					if err := all[1].Add(math.NaN()); err != nil {
						t.Fatal(err)
					}
				}
				if a, b := all[0], all[1]; a.Count() != b.Count() || fmt.Sprint(a.Channel.Samples) != fmt.Sprint(b.Channel.Samples) {
					t.Errorf("%v to %v, %d missing behind %d: %v, want %v", w.Start, w.End, n, have, a.Channel.Samples, b.Channel.Samples)
				}
			}
		}
	}
	k, err := (&Want{End: moment(2)}).Collect(0, Channel{Rate: 1}, (&Want{}).Budget())
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Miss(math.MaxInt / 2); err != nil || k.Count() != math.MaxInt/2 || len(k.Channel.Samples) != 2 {
		t.Errorf("%d of %d samples, %v", len(k.Channel.Samples), k.Count(), err)
	}
}

// TestForeign: recordings that are not read are named, with what makes one that is; others
// are nobody's.
func TestForeign(t *testing.T) {
	for begins, says := range map[string]string{
		"GDF 2.10": "GDF is not read ('save2gdf", "\ufeffBrain Vision Data Exchange": "BrainVision", "MATLAB 5.0 MAT-file": "MATLAB is not read ('numpy.save", "fLaC\x00": "FLAC is not read ('ffmpeg", "\x00\x00\x00\x20ftypM4A ": "MP4",
		"\x00\x00\x00\x64\x00\x00\x00\x1f\x00\x00\x00\x14": "FIF", "0       ": "", "RIFF": "", "": "", "time,x\n": "",
	} {
		if err := Foreign([]byte(begins)); (err == nil) != (says == "") || err != nil && (!errors.Is(err, ErrBad) || !strings.Contains(err.Error(), says)) {
			t.Errorf("%q: %v, want %q", begins, err, says)
		}
	}
}
