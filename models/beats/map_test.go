package beats_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"krypton/internal/explain"
	"krypton/internal/model"
	"krypton/internal/obe"
	"krypton/models"
	"krypton/models/beats"
)

// beatsJob makes the question of make demo-series ready for the model of heartbeats.
func beatsJob(t *testing.T, patch, stride string) *explain.Job {
	t.Helper()
	f, err := model.Open("beats", model.OpenOptions{MaxBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	n, err := f.Load(model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	q := explain.Default()
	q.Classes = []string{"label:" + beats.Labels[beats.Ectopic]}
	if q.Patches, err = obe.ParsePatches(patch); err != nil {
		t.Fatal(err)
	}
	if q.Strides, err = obe.ParseSizes(stride); err != nil {
		t.Fatal(err)
	}
	made, err := n.Plan(q.Need(n))
	if err != nil {
		t.Fatal(err)
	}
	m, err := n.Prepare(made, model.Preparation{Activation: true})
	if err != nil {
		t.Fatal(err)
	}
	j, err := explain.Prepare(t.Context(), m, q, explain.Host{Threads: 2, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// ask maps a strip, as it is written to a file, and gives the score of the ectopic class.
func ask(t *testing.T, j *explain.Job, s *beats.Strip) (*explain.Record, float32) {
	t.Helper()
	var table bytes.Buffer
	if err := s.WriteCSV(&table); err != nil {
		t.Fatal(err)
	}
	in, err := j.Read(t.Context(), explain.Bytes("strip.csv", "strip.csv", table.Bytes()), explain.Source{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := j.Ask(t.Context(), in, explain.Events{})
	if err != nil {
		t.Fatal(err)
	}
	return a.Record(), a.Results()[0].Base[0]
}

// What is stated of held-out strips, in shares of them. KRYPTON_STRIPS names how many strips
// are looked at in place of a few.
const (
	found  = 0.97 // of those with an ectopic beat, the map's first interval overlaps it
	answer = 0.99 // of all, the answer is right
)

// TestBeats: on strips that training never draws, read from tables by Krypton itself, the
// answer is right, and what matters most to it is where the ectopic beat was rendered.
func TestBeats(t *testing.T) {
	n := 40
	if text := os.Getenv("KRYPTON_STRIPS"); text != "" {
		if _, err := fmt.Sscan(text, &n); err != nil {
			t.Fatal(err)
		}
	} else if testing.Short() {
		n = 15
	}
	mapped, whole := beatsJob(t, "400ms", "50ms"), beatsJob(t, "100%", "100%")
	right, ectopic, hits := 0, 0, 0
	for i := range n {
		s, job := beats.Generate(2, uint64(i)), whole
		if s.Class == beats.Ectopic {
			job = mapped
		}
		record, score := ask(t, job, s)
		if (score > 0.5) == (s.Class == beats.Ectopic) {
			right++
		}
		if s.Class != beats.Ectopic {
			continue
		}
		ectopic++
		all, err := record.Intervals()
		if err != nil {
			t.Fatal(err)
		}
		if len(all) > 0 && all[0].From < s.To && all[0].To > s.From {
			hits++
		} else {
			t.Logf("strip %d: %v, the ectopic beat lies from %d to %d", i, all, s.From, s.To)
		}
	}
	t.Logf("%d of %d answers are right; the first interval overlaps the ectopic beat in %d of %d strips", right, n, hits, ectopic)
	if float64(right) < answer*float64(n) || float64(hits) < found*float64(ectopic) || ectopic < n/3 {
		t.Errorf("less than is stated")
	}
}

// TestBeatsAreDescribed: the model's file and README say what was trained, and how well it
// does.
func TestBeatsAreDescribed(t *testing.T) {
	e, ok := models.Lookup("beats")
	if !ok || len(e.Model) > 200<<10 {
		t.Fatalf("%v: %d bytes", ok, len(e.Model))
	}
	var c struct {
		Accuracy float64
		Series   struct {
			Rate     float64
			Channels []string
		}
		Training struct {
			Samples int
			HeldOut int `yaml:"held_out"`
			SHA256  string
		}
	}
	if err := yaml.Unmarshal(e.Config, &c); err != nil {
		t.Fatal(err)
	}
	if c.Series.Rate != beats.Rate || strings.Join(c.Series.Channels, " ") != strings.Join(beats.Leads, " ") {
		t.Errorf("series: %+v", c.Series)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{c.Training.SHA256, fmt.Sprintf("%.2f %%", c.Accuracy*100), fmt.Sprint(len(e.Model)), fmt.Sprint(c.Training.Samples), fmt.Sprint(c.Training.HeldOut)} {
		if !strings.Contains(string(readme), want) {
			t.Errorf("README.md does not say %q", want)
		}
	}
}
