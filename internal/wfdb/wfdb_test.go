package wfdb

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"krypton/internal/recording"
)

// records is the folder of real ones, "" if there is none.
func records(t *testing.T) string {
	t.Helper()
	data := os.Getenv("KRYPTON_DATA")
	if data == "" {
		t.Skip("KRYPTON_DATA is not set")
	}
	return filepath.Join(data, "series", "wfdb")
}

func opener(dir string) func(string) (io.ReadCloser, error) {
	return func(name string) (io.ReadCloser, error) { return os.Open(filepath.Join(dir, name)) }
}

// printed reads the columns that rdsamp printed.
func printed(t *testing.T, file string) (columns [][]float64) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(file, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	s := bufio.NewScanner(r)
	for s.Scan() {
		for i, text := range strings.Fields(s.Text()) {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				v = math.NaN() // a dash is no sample
			}
			if i == len(columns) {
				columns = append(columns, nil)
			}
			columns[i] = append(columns[i], v)
		}
	}
	return columns
}

// TestRecordsEqualRdsamp: every record is, sample for sample, what PhysioNet's rdsamp
// printed.
func TestRecordsEqualRdsamp(t *testing.T) {
	dir := records(t)
	seconds := func(v float64) *recording.Moment { return &recording.Moment{Value: v} }
	for _, c := range []struct {
		file, record string
		from, to     *recording.Moment
		signals      []int
		physical     bool
	}{
		{"record-1a", "test01_00s", nil, nil, nil, false},
		{"record-1b", "a103l", seconds(50), seconds(160), []int{2, 0}, true},
		{"record-1c", "a103l", seconds(80), nil, []int{0, 1}, false},
		{"record-1d", "3000003_0003", seconds(1), seconds(8), []int{1}, true},
		{"record-1f.gz", "binformats", nil, nil, nil, false},
		{"record-2b", "100", seconds(.002), seconds(30), []int{1}, false},
		{"record-2c", "100_3chan", nil, nil, nil, true},
		{"record-2d", "310derive", seconds(.007), nil, nil, false},
		{"record-2e", "311derive", seconds(.005), seconds(3.91), nil, true},
		{"record-3b", "s0010_re", seconds(5), seconds(38), []int{13, 0, 4, 8, 3}, true},
		{"record-flac.gz", "flacformats", nil, nil, nil, false},
	} {
		head, err := os.ReadFile(filepath.Join(dir, c.record+".hea"))
		if err != nil {
			t.Fatal(err)
		}
		h, err := parseHeader(bytes.NewReader(head))
		if err != nil {
			t.Fatal(err)
		}
		all, notes, err := h.digital(opener(dir), &recording.Want{Start: c.from, End: c.to})
		if err != nil {
			t.Errorf("%s: %v", c.record, err)
			continue
		}
		if len(notes) > 0 && c.file != "record-1f.gz" {
			t.Logf("%s: %v", c.record, notes)
		}
		if c.signals == nil {
			for i := range all {
				c.signals = append(c.signals, i)
			}
		}
		want := printed(t, filepath.Join(dir, "expected", c.file))
		if len(want) != len(c.signals) {
			t.Fatalf("%s: %d columns", c.file, len(want))
		}
		for k, i := range c.signals {
			got, s := all[i].Channel.Samples, h.signals[i]
			if len(got) != len(want[k]) {
				t.Errorf("%s, signal %d: %d samples, want %d", c.record, i, len(got), len(want[k]))
				continue
			}
			for j, v := range got {
				w, near := want[k][j], 0.0
				if c.physical {
					v, near = (v-s.baseline)/s.gain, 5.1e-9
				} else if v != v {
					v = float64(forms[s.format].invalid)
				}
				if !(math.Abs(v-w) <= near || v != v && w != w) {
					t.Errorf("%s, signal %d, sample %d: %v, want %v", c.record, i, j, v, w)
					break
				}
			}
		}
	}
}

// TestRecordsAreRead: the records of which nothing was printed have what their headers say,
// and the sums that these have.
func TestRecordsAreRead(t *testing.T) {
	dir := records(t)
	for record, want := range map[string]struct {
		channels, samples int
		rate              float64
	}{
		"310derive_2": {1, 1020, 360}, "310derive_3": {1, 1018, 360}, "311derive_2": {1, 1020, 360}, "311derive_3": {1, 1019, 360}, "311derive_4": {1, 1018, 360},
		"flac_3_constant": {3, 5600000, 250}, "v102s": {4, 75000, 250}, "100skew": {2, 650000, 360}, "test01_00s_frame": {3, 4000, 500},
	} {
		f, err := os.Open(filepath.Join(dir, record+".hea"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := Read(f, opener(dir), recording.Want{})
		f.Close()
		if err != nil {
			t.Errorf("%s: %v", record, err)
			continue
		}
		if c := r.Channels[0]; len(r.Channels) != want.channels || len(c.Samples) != want.samples || c.Rate != want.rate {
			t.Errorf("%s: %d channels of %d samples, %g a second", record, len(r.Channels), len(c.Samples), c.Rate)
		}
		for _, n := range r.Notes {
			if strings.Contains(n, "sum") {
				t.Errorf("%s: %s", record, n)
			}
		}
		if record == "test01_00s_frame" && (len(r.Channels[1].Samples) != 8000 || r.Channels[1].Rate != 1000) {
			t.Errorf("%s: %d samples, %g a second", record, len(r.Channels[1].Samples), r.Channels[1].Rate)
		}
		if record == "100skew" && !math.IsNaN(r.Channels[1].Samples[649997]) || record == "100skew" && math.IsNaN(r.Channels[1].Samples[649996]) {
			t.Errorf("%s: the last three samples of a signal that is three late are missing", record)
		}
	}
}

// beside opens what stands in a map.
func beside(files map[string][]byte) func(string) (io.ReadCloser, error) {
	return func(name string) (io.ReadCloser, error) {
		b, ok := files[name]
		if !ok {
			return nil, os.ErrNotExist
		}
		return io.NopCloser(bytes.NewReader(b)), nil
	}
}

// TestSmallRecords: invalid samples, gains, baselines, skew, frames and offsets.
func TestSmallRecords(t *testing.T) {
	for name, c := range map[string]struct {
		head string
		data []byte
		want string
	}{
		"invalid":        {"r 1 100 3\nd 16 10(1)/uV 16 0 0 0 0 a b", []byte{11, 0, 0, 0x80, 0xf7, 0xff}, "[[1 NaN -1]]"},
		"gain unknown":   {"r 1 100 1\nd 16 0", []byte{200, 0}, "[[1]]"},
		"zero as base":   {"r 1 100 1\nd 16 1 16 5", []byte{7, 0}, "[[2]]"},
		"no length":      {"r 2 100\nd 80 1/V\nd 80 1/V", []byte{129, 130, 131, 132, 133}, "[[1 3] [2 4]]"},
		"frames":         {"r 2 100 2\nd 80x2 1\nd 80 1", []byte{129, 130, 131, 132, 133, 134}, "[[1 2 4 5] [3 6]]"},
		"skew":           {"r 2 100 3\nd 80 1\nd 80:1 1", []byte{129, 1, 130, 131, 132, 133}, "[[1 2 4] [3 5 NaN]]"},
		"offset":         {"r 1 100 1\nd 80+2 1", []byte{0, 0, 129}, "[[1]]"},
		"differences":    {"r 2 100 2\nd 8 1 8 0 10\nd 8 1 8 0 -5", []byte{0, 1, 255, 2}, "[[10 9] [-4 -2]]"},
		"212, odd":       {"r 1 100 3\nd 212 1", []byte{0x01, 0xf0, 0xff, 0x02, 0x00}, "[[1 -1 2]]"},
		"comments":       {"# a\nr 1 100/50(3) 1 12:00:00 1/1/2000\n\n# b\nd 32 1\n# c", []byte{1, 0, 0, 0}, "[[1]]"},
		"negative gain":  {"r 1 100 1\nd 80 -2 8 0", []byte{130}, "[[-1]]"},
		"24 bits":        {"r 1 100 2\nd 24 1", []byte{0xff, 0xff, 0xff, 0, 0, 1}, "[[-1 65536]]"},
		"61, big endian": {"r 1 100 1\nd 61 1", []byte{1, 2}, "[[258]]"},
	} {
		r, err := Read(strings.NewReader(c.head), beside(map[string][]byte{"d": c.data}), recording.Want{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got [][]float64
		for _, ch := range r.Channels {
			got = append(got, ch.Samples)
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ head, want string }{
		"empty":            {"", "without a record"},
		"segments":         {"r/3 2 100", "segments"},
		"signals":          {"r 2 100\nd 16", "1 signals, the record has 2"},
		"format":           {"r 1 100\nd 17", "format 17"},
		"no format":        {"r 1 100\nd x", "no format"},
		"folder":           {"r 1 100\n/etc/passwd 16", "beside the header"},
		"above":            {"r 1 100\n../d 16", "beside the header"},
		"short":            {"r 1 100 9\nd 16", "ends after 1 of 9"},
		"rate":             {"r 1 x 9\nd 16", "samples a second"},
		"too far":          {"r 1 100 1\nd 16+99 1", "99 bytes"},
		"two formats":      {"r 2 100 1\nd 16 1\nd 80 1", "in one file"},
		"apart":            {"r 3 100 1\nd 16 1\ne 16 1\nd 16 1", "lie between"},
		"FLAC without any": {"r 1 100 1\nd 516 1", "FLAC"},
		"gain":             {"r 1 100 1\nd 16 x", "no gain"},
	} {
		_, err := Read(strings.NewReader(c.head), beside(map[string][]byte{"d": {1, 2}, "e": {1, 2}}), recording.Want{})
		if !errors.Is(err, recording.ErrBad) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := Read(strings.NewReader("r 1 100\nx 16"), beside(nil), recording.Want{}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	many := recording.Want{Most: 1}
	if _, err := Read(strings.NewReader("r 1 100\nd 80"), beside(map[string][]byte{"d": {1, 2}}), many); err == nil {
		t.Error("more samples than may be kept")
	}
}

func FuzzWFDB(f *testing.F) {
	for _, format := range []string{"8", "16", "24:1", "32+1", "61", "80x2", "160", "212", "310", "311", "508", "516"} {
		f.Add([]byte("r 2 100 3\nd "+format+" 10(1)/mV 16 0 0 0 0 a\nd "+format), []byte("fLaC\x00\x00\x00\x22abcdefghijklmnopqrstuvwxyz"))
	}
	f.Add([]byte("r/3 1 100 9\ns 2\n~ 5\ns 2"), []byte("s 1 100 2\ns.hea 16 10/mV 16 0 0 0 0 a\nabcdefghijklmno"))
	f.Add([]byte("r/3 2 100 9\nd 0\ns 2\n~ 5"), []byte("d 1 100 2\ns.hea 80 10/mV 16 0 0 0 0 a\n"))
	f.Fuzz(func(t *testing.T, head, data []byte) {
		files := beside(map[string][]byte{"d": data, "s.hea": data, "d.hea": data})
		_ = Files(bytes.NewReader(head), files)
		r, err := Read(bytes.NewReader(head), files, recording.Want{Most: 1 << 16})
		if err == nil && (len(r.Channels) == 0 || len(r.Channels[0].Samples) == 0) {
			t.Error("nothing was read")
		}
	})
}
