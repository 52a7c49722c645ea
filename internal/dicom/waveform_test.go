package dicom

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"krypton/internal/dicomwrite"
	"krypton/internal/recording"
)

// lead is a channel of a waveform that a test writes.
type lead struct {
	meaning, label, unit            string
	sensitivity, correction, offset string
	skew                            string
	stored                          uint16
}

// waves is an object with a waveform of each of some groups of samples, channels one after the
// other.
func waves(syntax, kind string, bits uint16, leads []lead, groups ...[]byte) []byte {
	s := dicomwrite.Set{Coding: codings[syntax]}
	s.Text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.9.1.1")
	s.Text(0x00100010, "PN", "NOBODY")
	var items []func(*dicomwrite.Set)
	for _, data := range groups {
		items = append(items, func(s *dicomwrite.Set) {
			s.Shorts(0x003a0005, "US", uint16(len(leads)))
			s.Longs(0x003a0010, "UL", uint32(len(data)/len(leads)/int(bits/8)))
			s.Text(0x003a001a, "DS", "500")
			var channels []func(*dicomwrite.Set)
			for _, l := range leads {
				channels = append(channels, l.write)
			}
			s.Sequence(0x003a0200, channels...)
			s.Shorts(0x54001004, "US", bits)
			s.Text(0x54001006, "CS", kind)
			if bits == 16 {
				s.Raw(0x5400100a, "OW", data[len(data)-2:])
			}
			s.Raw(0x54001010, "OW", data)
		})
	}
	s.Sequence(0x54000100, items...)
	return dicomwrite.File("1.2.840.10008.5.1.4.1.1.9.1.1", "2.25.7", syntax, s.Bytes)
}

func (l lead) write(s *dicomwrite.Set) {
	if l.label != "" {
		s.Text(0x003a0203, "SH", l.label)
	}
	s.Sequence(0x003a0208, func(s *dicomwrite.Set) { s.Text(0x00080104, "LO", l.meaning) })
	for _, e := range []struct {
		tag  uint32
		text string
	}{{0x003a0210, l.sensitivity}, {0x003a0212, l.correction}, {0x003a0213, l.offset}, {0x003a0215, l.skew}} {
		if e.tag == 0x003a0212 && l.unit != "" {
			s.Sequence(0x003a0211, func(s *dicomwrite.Set) { s.Text(0x00080100, "SH", l.unit) })
		}
		if e.text != "" {
			s.Text(e.tag, "DS", e.text)
		}
	}
	if l.stored != 0 {
		s.Shorts(0x003a021a, "US", l.stored)
	}
}

// TestWaveforms: channels have names, units, sensitivities, corrections and offsets of their
// own; those that are sampled later are moved; padding is missing; in both byte orders.
func TestWaveforms(t *testing.T) {
	leads := []lead{
		{meaning: "Lead I (Einthoven)", unit: "uV", sensitivity: "2.5", correction: "2", offset: "100", stored: 12},
		{meaning: "aVR, augmented voltage, right", unit: "mV", sensitivity: "1", skew: "1"},
		{label: "spare", skew: "-1"},
	}
	numbers := []uint16{0xf001, 10, 20, 0xffff, 11, 21, 0x0800, 12, 22, 3, 13, 0x7fff} // of 12 bits: 1, -1, -2048, 3
	for _, syntax := range []string{explicit, "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"} {
		var order binary.AppendByteOrder = binary.LittleEndian
		if syntax == "1.2.840.10008.1.2.2" {
			order = binary.BigEndian
		}
		var data []byte
		for _, v := range numbers {
			data = order.AppendUint16(data, v)
		}
		r, err := Waveform(waves(syntax, "SS", 16, leads, data, data[:6]), 1, 1<<20, recording.Want{})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, c := range r.Channels {
			got += fmt.Sprintf("%s (%s, %g) %v; ", c.Name, c.Unit, c.Rate, c.Samples)
		}
		if want := "I (uV, 500) [105 95 -10140 115]; aVR (mV, 500) [NaN 10 11 12 13]; spare (, 500) [21 22 NaN]; "; got != want {
			t.Errorf("%s: %s, want %s", syntax, got, want)
		}
		end := recording.Moment{Value: 2, Samples: true}
		r, err = Waveform(waves(syntax, "US", 16, leads[:1], data, data[:4]), 0, 1<<20, recording.Want{End: &end})
		if err != nil || fmt.Sprint(r.Channels[0].Samples) != "[105 150]" || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "2 waveforms") {
			t.Errorf("%s: %v, %v", syntax, r, err)
		}
	}
}

// TestWaveformsRefused: what is wrong is said in one line.
func TestWaveformsRefused(t *testing.T) {
	one := []lead{{meaning: "a"}}
	data := []byte{1, 2, 3, 4}
	for says, c := range map[string]struct {
		data  []byte
		group int
	}{
		"there is no waveform 2: the file has 1":      {waves(explicit, "SS", 16, one, data), 2},
		`samples of interpretation "MB"`:              {waves(explicit, "MB", 8, one, data), 0},
		"samples of 16 bits that are UB":              {waves(explicit, "UB", 16, one, data), 0},
		"samples of 12 bits, each 0":                  {waves(explicit, "SS", 16, []lead{{sensitivity: "0", stored: 12}}, data), 0},
		"a DICOM object without a waveform":           {object{syntax: explicit, rows: 1, columns: 1, allocated: 8, native: []byte{1, 2}}.bytes(), 0},
		"1 channels, of which 0 are described":        {nil, 0},
		"channel \"channel 1\" begins 1e+300 samples": {waves(explicit, "SS", 16, []lead{{skew: "1e300"}}, data), 0},
	} {
		if c.data == nil {
			c.data = []byte(strings.Replace(string(waves(explicit, "SS", 16, one, data)), "\x3a\x00\x00\x02SQ", "\x3a\x00\x01\x02SQ", 1))
		}
		if _, err := Waveform(c.data, c.group, 1<<20, recording.Want{}); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %q", err, says)
		}
	}
	if _, err := Open(waves(explicit, "SS", 16, one, data), 0); err == nil || !strings.Contains(err.Error(), "with a waveform") {
		t.Error(err)
	}
}

// TestRealWaveform: the sums of the channels are those that pydicom 2.3.1 gives of the numbers
// as they are stored, in units of 1.25 uV.
func TestRealWaveform(t *testing.T) {
	dir := os.Getenv("KRYPTON_DATA")
	if dir == "" {
		t.Skip("KRYPTON_DATA names no data")
	}
	data, err := os.ReadFile(filepath.Join(dir, "dicom", "waveform_ecg.dcm"))
	if err != nil {
		t.Fatal(err)
	}
	for group, want := range map[int][]float64{1: {10000, 741291, 726870, -14421, -731598}, 2: {1200, 54940, 126860, 71920, -90610}} {
		r, err := Waveform(data, group, 1<<20, recording.Want{})
		if err != nil || len(r.Channels) != 12 {
			t.Fatal(r, err)
		}
		for i, sum := range want[1:] {
			c, got := r.Channels[i], 0.0
			for _, v := range c.Samples {
				got += v
			}
			if float64(len(c.Samples)) != want[0] || math.Abs(got-1.25*sum) > 1e-6 || c.Unit != "uV" || c.Rate != 1000 || c.Name != []string{"I", "II", "III", "aVR"}[i] {
				t.Errorf("waveform %d, %s (%s, %g): %d samples, sum %g, want %g", group, c.Name, c.Unit, c.Rate, len(c.Samples), got, 1.25*sum)
			}
		}
	}
}

// FuzzWaveform: no object panics.
func FuzzWaveform(f *testing.F) {
	f.Add(waves(explicit, "SS", 16, []lead{{meaning: "Lead I", sensitivity: "2"}, {skew: "1"}}, []byte{1, 2, 3, 4, 5, 6, 7, 8}))
	f.Add(waves("1.2.840.10008.1.2.2", "UB", 8, []lead{{meaning: "a"}}, []byte{1, 2}))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = Waveform(data, 0, 1<<20, recording.Want{Most: 1 << 20})
	})
}
