package edf

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"krypton/internal/recording"
)

// one is a signal of a test's file.
type one struct {
	label, unit            string
	pmin, pmax, dmin, dmax string
	perRecord              int
}

// made makes a file: kind is "", EDF+C, EDF+D or BDF; records are their bytes.
func made(kind string, records, seconds string, signals []one, data ...string) []byte {
	var b strings.Builder
	pad := func(width int, s string) { fmt.Fprintf(&b, "%-*s", width, s) }
	if strings.HasPrefix(kind, "BDF") {
		b.WriteString(bdfMagic)
	} else {
		b.WriteString(edfMagic)
	}
	pad(80, "PATIENT")
	pad(80, "RECORDING")
	pad(16, "01.01.8500.00.00")
	pad(8, fmt.Sprint(256*(1+len(signals))))
	pad(44, kind)
	pad(8, records)
	pad(8, seconds)
	pad(4, fmt.Sprint(len(signals)))
	for _, f := range []struct {
		width int
		text  func(s one) string
	}{
		{16, func(s one) string { return s.label }}, {80, func(one) string { return "" }}, {8, func(s one) string { return s.unit }},
		{8, func(s one) string { return s.pmin }}, {8, func(s one) string { return s.pmax }}, {8, func(s one) string { return s.dmin }}, {8, func(s one) string { return s.dmax }},
		{80, func(one) string { return "" }}, {8, func(s one) string { return fmt.Sprint(s.perRecord) }}, {32, func(one) string { return "" }},
	} {
		for _, s := range signals {
			pad(f.width, f.text(s))
		}
	}
	return append([]byte(b.String()), strings.Join(data, "")...)
}

func signalOf(perRecord int) one { return one{"ECG", "uV", "-100", "100", "-100", "100", perRecord} }

var notes = one{"EDF Annotations", "", "-1", "1", "-32768", "32767", 4}

func TestSmallFiles(t *testing.T) {
	negative, wide := signalOf(2), signalOf(1)
	negative.pmin, negative.pmax = "100", "-100"
	wide.pmin, wide.pmax, wide.dmin, wide.dmax = "-8388608", "8388607", "-8388608", "8388607"
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"EDF":              {made("", "2", "1", []one{signalOf(2)}, "\x01\x00\xff\xff", "\x02\x00\xfe\xff"), "[1 -1 2 -2] 2"},
		"negative gain":    {made("", "1", "1", []one{negative}, "\x01\x00\xff\xff"), "[-1 1] 2"},
		"BDF":              {made("BDF", "1", "0.5", []one{wide}, "\xff\xff\xff"), "[-1] 2"},
		"unknown length":   {made("", "-1", "2", []one{signalOf(2)}, "\x01\x00\xff\xff"), "[1 -1] 1"},
		"annotations":      {made("EDF+C", "1", "1", []one{notes, signalOf(1)}, "+0\x14\x14\x00\x00\x00\x00", "\x05\x00"), "[5] 1"},
		"discontinuous":    {made("EDF+D", "2", "1", []one{signalOf(2), notes}, "\x01\x00\x02\x00+3\x14\x14\x00\x00\x00\x00", "\x03\x00\x04\x00+6\x14\x14\x00\x00\x00\x00"), "[1 2 NaN NaN NaN NaN 3 4] 2"},
		"decimal comma":    {made("", "1", "0,5", []one{signalOf(1)}, "\x07\x00"), "[7] 2"},
		"two rates, first": {made("", "1", "1", []one{signalOf(2), signalOf(1)}, "\x01\x00\x02\x00\x03\x00"), "[1 2] 2"},
	} {
		r, err := Read(bytes.NewReader(c.b), recording.Want{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := fmt.Sprint(r.Channels[0].Samples, r.Channels[0].Rate); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if strings.Contains(fmt.Sprintf("%+v", r), "PATIENT") {
			t.Errorf("%s: a name came through", name)
		}
	}
}

func TestRefused(t *testing.T) {
	flat := signalOf(1)
	flat.dmax = flat.dmin
	bad := signalOf(1)
	bad.pmin = "x"
	good := made("", "1", "1", []one{signalOf(1)}, "\x01\x00")
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"empty":       {nil, "no EDF or BDF"},
		"cut header":  {good[:300], "cut off"},
		"cut record":  {good[:len(good)-1], "record 1 of 1"},
		"no scale":    {made("", "1", "1", []one{flat}, "\x01\x00"), "no scale"},
		"range":       {made("", "1", "1", []one{bad}, "\x01\x00"), `"x"`},
		"no seconds":  {made("", "1", "0", []one{signalOf(1)}, "\x01\x00"), "0 seconds"},
		"only notes":  {made("EDF+C", "1", "0", []one{notes}, "+0\x14\x14\x00\x00\x00\x00"), "no channels"},
		"no times":    {made("EDF+D", "1", "1", []one{signalOf(1)}, "\x01\x00"), "when records begin"},
		"backwards":   {made("EDF+D", "2", "1", []one{signalOf(9), notes}, strings.Repeat("\x01\x00", 9)+"+5\x14\x14\x00\x00\x00\x00", strings.Repeat("\x01\x00", 9)+"+1\x14\x14\x00\x00\x00\x00"), "before the end"},
		"huge record": {made("", "1", "1", []one{signalOf(maxRecord)}), "more than"},
	} {
		_, err := Read(bytes.NewReader(c.b), recording.Want{})
		if !errors.Is(err, recording.ErrBad) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestRealFiles: channels, rates and numbers of real files. Expected are sums over numbers
// that Python's struct and the format's rule give.
func TestRealFiles(t *testing.T) {
	data := os.Getenv("KRYPTON_DATA")
	if data == "" {
		t.Skip("KRYPTON_DATA is not set")
	}
	for name, want := range realFiles {
		f, err := os.Open(filepath.Join(data, "series", "edf", name))
		if err != nil {
			t.Fatal(err)
		}
		r, err := Read(f, recording.Want{})
		f.Close()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(r.Channels) != len(want) {
			t.Errorf("%s: %d channels", name, len(r.Channels))
			continue
		}
		for i, c := range r.Channels {
			sum, weighted := 0.0, 0.0
			for k, v := range c.Samples {
				sum += v
				weighted += v * float64(k%97)
			}
			w := want[i]
			near := func(a, b float64) bool { return math.Abs(a-b) <= 1e-6*(1+math.Abs(b)) }
			if c.Name != w.name || c.Rate != w.rate || len(c.Samples) != w.n || !near(sum, w.sum) || !near(weighted, w.weighted) {
				t.Errorf("%s: %q: %g a second, %d samples, %v and %v, want %+v", name, c.Name, c.Rate, len(c.Samples), sum, weighted, w)
			}
		}
	}
}

func FuzzEDF(f *testing.F) {
	f.Add(made("", "2", "1", []one{signalOf(2)}, "\x01\x00\xff\xff", "\x02\x00\xfe\xff"))
	f.Add(made("BDF+D", "-1", "1", []one{signalOf(2), {"BDF Annotations", "", "-1", "1", "-8388608", "8388607", 3}}, "\x01\x00\x02\x00\x03\x00+3\x14\x14\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Read(bytes.NewReader(b), recording.Want{Most: 1 << 16})
		if err == nil && len(r.Channels[0].Samples) == 0 {
			t.Error("nothing was read")
		}
	})
}

// realFiles are the channels of real files.
var realFiles = map[string][]struct {
	name          string
	rate          float64
	n             int
	sum, weighted float64
}{
	"test_subsecond.edf": {
		{"Fp1", 128, 89344, -26791.093553062557, -1789806.7082780427},
	},
	"test_utf8.edf": {
		{"Fp1", 128, 89344, -26791.093553062557, -1789806.7082780427},
	},
	"test_generator.bdf": {
		{"sine 5Hz", 1000, 30000, 5.9117155615240335e-12, -299737.7541504785},
		{"square 13Hz", 800, 24000, -12006002.144694332, -575524102.8766634},
		{"ramp 7Hz", 500, 15000, -3744000.018954278, -179222979.40027565},
		{"pink noise", 975, 29250, 468213.4262450639, 25679353.198132258},
		{"white noise", 999, 29970, -126675.16462058874, -6805938.052233308},
	},
}
