//go:build readers

package edf

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"krypton/internal/recording"
)

// python is Debian's, which has its packages python3-biosig and python3-mne.
const python = "/usr/bin/python3"

// othersChannel is what another reader says of a channel.
type othersChannel struct {
	Name    string    `json:"name"`
	Rate    float64   `json:"rate"`
	Samples []float64 `json:"samples"`
}

// others asks another reader about a file.
func others(t *testing.T, reader, file string) (all []othersChannel, err error) {
	t.Helper()
	var told bytes.Buffer
	cmd := exec.Command(python, filepath.Join("testdata", "others.py"), reader, file)
	cmd.Stderr = &told
	out, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == 3, errors.Is(err, os.ErrNotExist):
		t.Fatalf("%s is not installed (Debian's python3-%s)", reader, reader)
	case err != nil:
		lines := strings.Split(strings.TrimSpace(told.String()), "\n")
		return nil, fmt.Errorf("%w: %s", err, lines[len(lines)-1])
	}
	s := bufio.NewScanner(bytes.NewReader(out))
	s.Buffer(nil, 1<<26)
	for s.Scan() {
		var c othersChannel
		if err := json.Unmarshal(s.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all, s.Err()
}

// numbers are n random ones of so many bytes.
func numbers(rng *rand.Rand, n, size int) string {
	var b []byte
	for range n {
		v := binary.LittleEndian.AppendUint32(nil, rng.Uint32())
		b = append(b, v[:size]...)
	}
	return string(b)
}

// TestAgainstOthers: what other readers make of real files, and of files with what real ones
// have seldom, is what we read, sample for sample. What they cannot read is said where it is
// left out.
func TestAgainstOthers(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	signal := func(name string, least, most float64, n, bits int) one {
		low, high := "-32768", "32767"
		if bits == 24 {
			low, high = "-8388608", "8388607"
		}
		return one{name, "x", fmt.Sprint(least), fmt.Sprint(most), low, high, n}
	}
	annotation := notes
	annotation.perRecord = 16
	tal := func(at string) string { return at + "\x14\x14" + strings.Repeat("\x00", 30-len(at)) }
	records := func(n int, size int, of func(i int) string, counts ...int) (all string) {
		for i := range n {
			for _, c := range counts {
				all += numbers(rng, c, size)
			}
			all += of(i)
		}
		return all
	}
	none := func(int) string { return "" }
	plain := write("plain.edf", made("", "3", "1", []one{signal("a", -3.5, 12.25, 100, 16), signal("b", 0, 1, 100, 16)}, records(3, 2, none, 100, 100)))
	negative := write("negative.edf", made("", "3", "1", []one{signal("a", 300, -200, 100, 16)}, records(3, 2, none, 100)))
	rates := write("rates.edf", made("", "4", "2", []one{signal("a", -1, 1, 200, 16), signal("b", -2, 5, 50, 16)}, records(4, 2, none, 200, 50)))
	raw := made("24BIT", "3", "1", []one{signal("a", -262144, 262143, 64, 24)}, records(3, 3, none, 64))
	copy(raw, bdfMagic)
	wide := write("wide.bdf", raw)
	gaps := write("gaps.edf", made("EDF+D", "3", "1", []one{signal("a", -1, 1, 10, 16), annotation}, records(3, 2, func(i int) string { return tal(fmt.Sprintf("+%d", 3*i)) }, 10)))
	whole := write("whole.edf", made("EDF+C", "3", "1", []one{signal("a", -1, 1, 10, 16), annotation}, records(3, 2, func(i int) string { return tal(fmt.Sprintf("+%d", i)) }, 10)))
	files := []string{plain, negative, rates, wide, whole, gaps}
	real := map[string][]string{} // of few rates for libbiosig, which brings all to their least common multiple
	if data := os.Getenv("KRYPTON_DATA"); data != "" {
		at := func(name string) string { return filepath.Join(data, "series", "edf", name) }
		real["biosig"] = []string{at("test_subsecond.edf")}
		real["mne"] = []string{at("test_subsecond.edf"), at("test_generator.bdf")}
	}
	for _, reader := range []string{"biosig", "mne"} {
		t.Run(reader, func(t *testing.T) {
			for _, file := range append(files[:len(files):len(files)], real[reader]...) {
				name := filepath.Base(file)
				theirs, err := others(t, reader, file)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				ours, err := Read(bytes.NewReader(mustRead(t, file)), recording.Want{})
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				if len(theirs) != len(ours.Channels) {
					t.Errorf("%s: %d channels, %d are read", name, len(theirs), len(ours.Channels))
					continue
				}
				for i, c := range ours.Channels {
					if err := alike(c, theirs[i]); err != nil {
						t.Errorf("%s: %s of %s: %v", reader, c.Name, name, err)
					}
				}
			}
		})
	}
}

// alike fails unless another reader has the samples of a channel. Gaps are left out there, and
// channels of lower rates have each sample several times.
func alike(ours recording.Channel, theirs othersChannel) error {
	var present []float64
	least, most := math.Inf(1), math.Inf(-1)
	for _, v := range ours.Samples {
		if v == v {
			present = append(present, v)
			least, most = min(least, v), max(most, v)
		}
	}
	times := len(theirs.Samples) / len(present)
	if times < 1 || len(theirs.Samples) != times*len(present) || theirs.Name != "" && (theirs.Name != ours.Name || theirs.Rate != ours.Rate) {
		return fmt.Errorf("%q, %g a second, %d samples; %q, %g and %d are read", theirs.Name, theirs.Rate, len(theirs.Samples), ours.Name, ours.Rate, len(present))
	}
	for k, v := range present {
		if d := math.Abs(theirs.Samples[k*times] - v); !(d <= 1e-12*(most-least)) {
			return fmt.Errorf("sample %d is %v, %v is read", k, theirs.Samples[k*times], v)
		}
	}
	return nil
}

func mustRead(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
