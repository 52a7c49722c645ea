package textseries

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"krypton/internal/recording"
)

func TestTables(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"names":                {"a,b\n1,2\n3,4\n", "a [1 3] 0 b [2 4] 0"},
		"no names":             {"1,2\n3,4", "column 1 [1 3] 0 column 2 [2 4] 0"},
		"time":                 {"time,x\n0,5\n0.01,6\n0.02,7\n", "x [5 6 7] 100"},
		"milliseconds":         {"x;time (ms)\n5;10\n6;12\n7;14", "x [5 6 7] 500"},
		"rounded times":        {"t,x\n0.000,1\n0.003,2\n0.006,3\n0.008,4\n0.011,5\n0.014,6\n", ""},
		"tabs":                 {"a\tb\n1\t2\n", "a [1] 0 b [2] 0"},
		"blanks":               {"  1   2\n  \n 3 4\n", "column 1 [1 3] 0 column 2 [2 4] 0"},
		"commas":               {"a;b\n1,5;2\n-3,25;1e3\n", "a [1.5 -3.25] 0 b [2 1000] 0"},
		"missing":              {"a,b\n,NaN\n1,-\n", "a [NaN 1] 0 b [NaN NaN] 0"},
		"mark":                 {"\xef\xbb\xbfa,b\n1,2\n", "a [1] 0 b [2] 0"},
		"rows":                 {",a,b\n0,1,2\n1,3,4\n2,5,6\n", "a [1 3 5] 0 b [2 4 6] 0"},
		"rows of R":            {"\"\",\"a\"\n\"1\",5\n\"2\",6\n", "a [5 6] 0"},
		"rows, time":           {"Unnamed: 0,time,a\n7,0,1\n9,0.5,3\n11,1,4\n", "a [1 3 4] 2"},
		"counted":              {"0,1,2\n5,6,7\n", "column 1 [5] 0 column 2 [6] 0 column 3 [7] 0"},
		"counted, rows":        {",0\n0,5.5\n1,6.5\n", "column 2 [5.5 6.5] 0"},
		"times":                {"0,5\n0.003,5\n0.006,5\n0.008,5\n0.011,5\n0.014,5\n0.017,5\n0.019,5\n", "column 1 [0 0.003 0.006 0.008 0.011 0.014 0.017 0.019] 0 column 2 [5 5 5 5 5 5 5 5] 0 column 1 rises evenly from 0 to 0.019, and is taken for a channel, as the table has no names: if it is time, write a line of names above it]"},
		"no times":             {"0,5\n3,5\n6,5\n8,5\n11,5\n14,5\n17,5\n17,5\n", "column 1 [0 3 6 8 11 14 17 17] 0 column 2 [5 5 5 5 5 5 5 5] 0"},
		"a sample":             {"0,1\n0.5,0.5\n", "column 1 [0 0.5] 0 column 2 [1 0.5] 0 the first line, 0,1, was taken for a sample, not for names: without it, or with names that are no numbers, there is no doubt]"},
		"whole numbers":        {"1\n4\n", "column 1 [1 4] 0"},
		"first missing":        {"a,b\n,2\n3,4\n", "a [NaN 3] 0 b [2 4] 0"},
		"comment":              {"# from a lab\n\n# and two, or three\na;b\n1;2\n", "a [1] 0 b [2] 0"},
		"blank in it":          {"left arm\n1\n2\n", "left arm [1 2] 0"},
		"returns":              {"a,b\r1,2\r3,4\r", "a [1 3] 0 b [2 4] 0"},
		"units":                {"Time [ms],II [mV],V1 (µV)\n0,1,2\n4,3,4\n", "II mV [1 3] 250 V1 µV [2 4] 250"},
		"no units":             {"a (x),b [1],t2\n1,2,3\n", "a (x) [1] 0 b [1] [2] 0 t2 [3] 0"},
		"alike":                {"a (mV),a (V)\n1,2\n", "a (mV) [1] 0 a (V) [2] 0"},
		"line of units":        {"'Elapsed time','MLII','V5'\n'ms','mV','-'\n0,1,2\n4,3,4\n", "MLII mV [1 3] 250 V5 [2 4] 250"},
		"microseconds":         {"time/us,x\n0,1\n4000,2\n", "x [1 2] 250"},
		"savetxt's":            {"# time,II (mV),V1\n0.00,1,2\n0.01,3,4\n", "II mV [1 3] 100 V1 [2 4] 100"},
		"savetxt's, blanks":    {"# a b\n1.5e+00 2.0e+00\n3.0e+00 4.0e+00\n", "a [1.5 3] 0 b [2 4] 0"},
		"savetxt's, counted":   {"# a,b,c\n0,1,2\n", "a [0] 0 b [1] 0 c [2] 0"},
		"a comment":            {"# of, three, cells\n1,2\n", "column 1 [1] 0 column 2 [2] 0"},
		"numbers in a comment": {"# gain,2\n3,4\n", "column 1 [3] 0 column 2 [4] 0"},
		"pandas' index":        {",a,b\n2024-01-01 23:59:59.990,1,2\n2024-01-02 00:00:00.000,3,4\n2024-01-02 00:00:00.010,5,6\n", "a [1 3 5] 100 b [2 4 6] 100"},
		"ISO 8601":             {"when;a\n2024-01-01T10:00:00,5+02:00;1,5\n2024-01-01T10:00:01,0+02:00;2\n", "a [1.5 2] 2"},
		"no names, dates":      {"2024-01-01 10:00:00,1\n2024-01-01 10:00:02,2\n", "column 2 [1 2] 0.5"},
		"rdsamp's":             {"'Elapsed time','MLII','V5'\n'hh:mm:ss.mmm','mV','mV'\n'0:59.996',0,1\n'1:00.000',3,4\n'1:00.004',5,6\n", "MLII mV [0 3 5] 250 V5 mV [1 4 6] 250"},
		"rdsamp's dates":       {"'Time and date','a'\n'hh:mm:ss.mmm dd/mm/yyyy','mV'\n'[23:59:59.500 31/01/2001]',1\n'[00:00:00.000 01/02/2001]',2\n", "a mV [1 2] 2"},
		"a clock":              {"time,a\n10:00:00,1\n10:00:01,2\n10:00:02,2\n", "a [1 2 2] 1"},
		"seconds since 1970":   {"timestamp,x\n1700000000,1\n1700000001,2\n1700000002,2\n", "x [1 2 2] 1"},
		"its fractions":        {"ts,x\n1700000000.000,1\n1700000000.004,2\n1700000000.008,2\n", "x [1 2 2] 250"},
		"its milliseconds":     {"unix,x\n1700000000000,1\n1700000000004,2\n1700000000008,2\n", "x [1 2 2] 250"},
		"its microseconds":     {"time,x\n1700000000000000,1\n1700000000004000,2\n", "x [1 2] 250"},
		"its nanoseconds":      {"Timestamp;x\n1700000000000000000;1\n1700000000004000000;2\n", "x [1 2] 250"},
		"told nanoseconds":     {"Timestamp (ns),x\n0,1\n4000000,2\n", "x [1 2] 250"},
		"told seconds":         {"time (s),x\n1e12,1\n1000000000004,2\n", "x [1 2] 0.25"},
		"rdsamp's numbers":     {"'sample #','MLII'\n0,5\n1,6\n2,7\n", "MLII [5 6 7] 0"},
		"pandas' reset index":  {"index,a\n0,5\n1,6\n", "a [5 6] 0"},
		"Zeit":                 {"Zeit [ms];a\n0,0;1,5\n0,5;2,5\n1,0;1\n", "a [1.5 2.5 1] 2000"},
		"a German date":        {"Datum;a\n31.01.2024 23:59:59,996;1,5\n01.02.2024 00:00:00,000;2\n", "a [1.5 2] 250"},
		"days":                 {"Date,a\n2024-01-01,1\n2024-01-02,1\n2024-01-03,1\n2024-01-04,1\n2024-01-05,1\n2024-01-06,1\n2024-01-07,1\n2024-01-08,2\n", "a [1 1 1 1 1 1 1 2] 1.1574074074074073e-05"},
		"slashes":              {"when,a\n2024/01/31 10:00:00,1\n2024/01/31 10:00:01,2\n", "a [1 2] 1"},
		"rising":               {"nr,a\n0,5\n1,5\n2,5\n3,5\n4,5\n5,5\n6,5\n7,6\n", "nr [0 1 2 3 4 5 6 7] 0 a [5 5 5 5 5 5 5 6] 0 nr rises evenly from 0 to 7, and is taken for a channel, as it is called: if it is time, call it so]"},
		"thousands, comma":     {"a;b\n8.820;0,4\n-1.234.567,5;1,234\n12;8.820,26\n", "a [8820 -1.2345675e+06 12] 0 b [0.4 1.234 8820.26] 0"},
		"thousands, point":     {"a,b\n\"8,820\",0.4\n\"-1,234,567.5\",1.234\n", "a [8820 -1.2345675e+06] 0 b [0.4 1.234] 0"},
		"thousands, tabs":      {"a\tb\n8,820\t0.4\n9,100.5\t1.234\n", "a [8820 9100.5] 0 b [0.4 1.234] 0"},
		"thousands, blanks":    {"a;b\n8\u202f820,26;1 000\n8\u00a0820;12'345,5\n", "a [8820.26 8820] 0 b [1000 12345.5] 0"},
		"commas of three":      {"a;b\n1,234;5,678\n", "a [1.234] 0 b [5.678] 0"},
		"points of three":      {"a;b\n1.234;5.678\n", "a [1.234] 0 b [5.678] 0"},
		"both":                 {"a;b\n1,5;2.5\n", "a [1.5] 0 b [2.5] 0"},
		"whole seconds":        {"t,x\n5,1\n6,2\n7,3\n8,3\n", "x [1 2 3 3] 1"},
	} {
		r, err := Read(strings.NewReader(c.text), Options{}, recording.Want{})
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: uneven times were taken", name)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, ch := range r.Channels {
			name := ch.Name
			if ch.Unit != "" {
				name += " " + ch.Unit
			}
			got = append(got, fmt.Sprint(name, " ", ch.Samples, " ", ch.Rate))
		}
		if len(r.Notes) > 0 {
			got = append(got, strings.TrimPrefix(fmt.Sprint(r.Notes), "["))
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("%s: %s, want %s", name, g, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":          {"", "empty"},
		"binary":         {"a\x00b", "no table"},
		"names":          {"a,b\n", "without numbers"},
		"a gap of dates": {"a,t\n1,2024-01-01 10:00\n2,2024-01-01 10:01\n2,2024-01-01 10:03\n", "time goes from 60 to 180"},
		"midnight":       {"t,a\n23:59:59,1\n00:00:00,2\n", "time goes from"},
		"two dates":      {"t,u\n2024-01-01,2024-01-01\n", `"2024-01-01" is no number`},
		"a number":       {"t,a\n10:00:00,1\n1,2\n", "no time as the first line has"},
		"a clock":        {"t,a\n2024-01-01 10:00:00,1\n10:00:01,2\n", "no time as the first line has"},
		"no clock":       {"t,a\n10:00,1\n10:01,2\n", `"10:00" is no number`},
		"61":             {"t,a\n10:00:61,1\n", "is no number"},
		"word":           {"a,b\n1,x\n", `"x" is no number`},
		"too much":       {"a,b\n1,1e39\n", `"1e39" is more than a float32 holds`},
		"columns":        {"a,b\n1\n", "wrong number of fields"},
		"uneven":         {"t,x\n0,1\n1,2\n3,3\n", "do not tell"},
		"longer":         {rounded(1, 0, 30, 2), "even"},
		"backwards":      {"t,x\n1,1\n0,2\n", "time goes from"},
		"rows":           {",a\n0,1\n1,2\n3,3\n", "give it another name"},
		"infinite":       {"a\n1e999\n", "no number"},
		"program's":      {"a\n1\n1_0\n", "no number"},
		"commas":         {"a,b\n1,2\n\"3,5\",4\n", "numbers have a point where commas"},
		"UTF-16":         {"\xff\xfea\x00", "without numbers"},
		"no mark":        {"a\x001\x00", "UTF-8"},
		"either":         {"a;b\n1.234;5,678\n", "either may keep thousands apart"},
		"both, either":   {"a;b\n1,5;2.5\n1,234;1\n", "either may keep thousands apart"},
		"wrong groups":   {"a;b\n1.23.456;1\n", "no number"},
		"too few":        {"t,x\n0.000,1\n0.003,2\n0.006,3\n0.008,4\n", "do not tell"},
		"gap":            {rounded(360, 3, 400, 399), "even"},
		"change":         {rounded(360, 3, 400, 200), "even"},
	} {
		_, err := Read(strings.NewReader(c.text), Options{}, recording.Want{})
		if !errors.Is(err, recording.ErrBad) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestMomentsOfRoundedTimes: a moment is found by the times of many lines, not by the first
// two, which are rounded: at 360 samples a second and times of four digits these say 357.
func TestMomentsOfRoundedTimes(t *testing.T) {
	var b strings.Builder
	b.WriteString("time,x\n")
	for i := range 5000 {
		fmt.Fprintf(&b, "%.4f,%d\n", float64(i)/360, i)
	}
	start := recording.Moment{Value: 10}
	r, err := Read(strings.NewReader(b.String()), Options{}, recording.Want{Start: &start})
	if err != nil {
		t.Fatal(err)
	}
	// So is how much is wanted.
	for _, rate := range []float64{250, 360} {
		var asked float64
		_, err := Read(strings.NewReader(rounded(rate, 4, 5000, 5000)), Options{}, recording.Want{Length: func(rate float64) int { asked = rate; return 2000 }})
		if err != nil || asked != rate {
			t.Errorf("%g samples a second are asked about, want %g (%v)", asked, rate, err)
		}
	}
	if c := r.Channels[0]; c.Rate != 360 || c.First != 3600 || c.Samples[0] != 3600 || len(c.Samples) != 1400 {
		t.Errorf("rate %g, from %d, sample %g, %d samples", c.Rate, c.First, c.Samples[0], len(c.Samples))
	}
}

// rounded is a table of times of so many digits, of which those from some line on are two steps
// later.
func rounded(rate float64, digits, lines, from int) string {
	var b strings.Builder
	b.WriteString("time,x\n")
	for i := range lines {
		at := i
		if i >= from {
			at += 2
		}
		fmt.Fprintf(&b, "%.*f,%d\n", digits, float64(at)/rate, i)
	}
	return b.String()
}

// TestRoundedTimes: of times that are rounded to a good part of a step those are even that some
// rate agrees with.
func TestRoundedTimes(t *testing.T) {
	for _, rate := range []float64{100, 250, 257, 360, 480} {
		r, err := Read(strings.NewReader(rounded(rate, 3, 3000, 3000)), Options{}, recording.Want{})
		if err != nil || r.Channels[0].Rate != rate {
			t.Errorf("%g samples a second: %v, %v", rate, r, err)
		}
	}
}

// TestWide: a table of 16-bit units, in either order, has the numbers and names of the same in
// UTF-8, wherever reads and pairs of units end.
func TestWide(t *testing.T) {
	var b strings.Builder
	b.WriteString("µ😀\tb\r\n")
	for i := range 9000 { // more than is looked at first
		fmt.Fprintf(&b, "%d,5\t%d\r\n", i, -i)
	}
	want, err := Read(strings.NewReader(b.String()), Options{}, recording.Want{})
	if err != nil {
		t.Fatal(err)
	}
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		raw := order.AppendUint16(nil, 0xfeff)
		for _, u := range utf16.Encode([]rune(b.String())) {
			raw = order.AppendUint16(raw, u)
		}
		got, err := Read(iotest.OneByteReader(bytes.NewReader(raw)), Options{}, recording.Want{})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %v", order, err)
		}
	}
	w := &wide{from: strings.NewReader("\x3d\xd8a\x00\x00\xdc"), order: binary.LittleEndian}
	if text, err := io.ReadAll(w); err != nil || string(text) != "\ufffda\ufffd" {
		t.Errorf("%q, %v", text, err)
	}
}

func FuzzTable(f *testing.F) {
	f.Add("time,a;b\n0,1\n")
	f.Add("1 2\n3 4\n")
	f.Add(" ")
	f.Add("# a,b\n0,1\n")
	f.Add("t,a\n2024-01-01 10:00:00.5Z,1\n0:00.5,2\n")
	f.Add(",0,1\n1,2,3\n2,3,4")
	f.Add("\xff\xfea\x00;\x00b\x00\n\x001\x00,\x002\x00")
	f.Add("a;b\n1.234,5;1 000\n\"1,234\";2")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Read(strings.NewReader(text), Options{}, recording.Want{Most: 1 << 16})
		if err == nil && len(r.Channels[0].Samples) == 0 {
			t.Error("nothing was read")
		}
	})
}

// TestPassedOver: columns that nobody asks for may hold text, lines may end with a separator,
// and comments begin as OpenBCI's and MATLAB's do; no sample is taken for names.
func TestPassedOver(t *testing.T) {
	openBCI := "%OpenBCI Raw EXG Data\n%Sample Rate = 250 Hz\nSample Index, a, b, Timestamp, Timestamp (Formatted)\n" +
		"0, 1, 2, 100.000, 1970-01-01 00:01:40.000\n1, 3, 4, 100.004, 1970-01-01 00:01:40.004\n"
	for name, c := range map[string]struct{ text, only, want string }{
		"labels":         {"a,b,label\n1,2,N\n3,4,V\n", "a b", "a [1 3] b [2 4]"},
		"labels first":   {"who,a\nme,1\nyou,2\n", "a", "a [1 2]"},
		"labels later":   {"a,b,c\n1,2,3\n3,x,4\n", "a c", "a [1 3] c [3 4]"},
		"wanted":         {"a,b\n1,2\nx,4\n", "a", `"x" is no number`},
		"all":            {"a,b\n1,2\n3,x\n", "", `"x" is no number, in b (where channels are named`},
		"a sample":       {"1.5,2,N\n3,4,V\n", "1.5 2", "it may be a sample, or names"},
		"a dated sample": {"2024-01-01 10:00:00,2,N\n2024-01-01 10:00:01,4,V\n", "2", "it may be a sample, or names"},
		"numbers name":   {"0,1,label\n5,6,N\n7,8,V\n", "0 1", "it may be a sample, or names"},
		"OpenBCI":        {openBCI, "a b", "a [1 3] b [2 4]"},
		"MATLAB":         {"% a b\n1 2\n3 4\n", "", "a [1 3] b [2 4]"},
		"a share":        {"%SpO2,b\n1,2\n3,4\n", "", "%SpO2 [1 3] b [2 4]"},
		"ended":          {"a,b,\n1,2,\n3,4,\n", "", "a [1 3] b [2 4]"},
		"ended, bare":    {"1.5;2;\n3;4;\n", "", "column 1 [1.5 3] column 2 [2 4]"},
		"ended by one":   {"a,b,\n1,2,3\n3,4,\n", "a b", "a [1 3] b [2 4]"},
		"not ended":      {"a,b,\n1,2,\n" + strings.Repeat("3,4,\n", maxLine/4) + "3,4,5\n", "", "3 columns, the first line has 2"},
	} {
		var opt Options
		if c.only != "" {
			opt.Asked = func(_ int, name string) bool { return slices.Contains(strings.Fields(c.only), name) }
		}
		r, err := Read(strings.NewReader(c.text), opt, recording.Want{})
		if err != nil {
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
			continue
		}
		var got []string
		for i, ch := range r.Channels {
			if opt.Asked != nil && !opt.Asked(i, ch.Name) {
				continue
			}
			got = append(got, fmt.Sprintf("%s %v", ch.Name, ch.Samples))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", name, s, c.want)
		}
	}
}
