package batch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// logOf makes a journal's log without a file.
func logOf(name, fingerprint string, s Shard, records ...Record) *Log {
	l := &Log{Name: name, Header: Header{Version: 1, Fingerprint: fingerprint, Shard: s}, at: map[string]int{}}
	for _, r := range records {
		l.put(r)
	}
	return l
}

// plainDone is a record of an item that is done, without a file.
func plainDone(it Item, digest, sum string) Record {
	return Record{Key: it.Key(), Item: it.Path, Digest: digest, Status: StatusDone, Outputs: []Output{{it.Path + ".png", strings.Repeat(sum, 64)}}, Seconds: 2}
}

func TestResults(t *testing.T) {
	a, b, c, d := Item{Path: "a&b"}, Item{"b", map[string]string{"tau": "0.5", "patch": "8"}}, Item{Path: "c"}, Item{Path: "d"}
	gone := Item{Path: "gone"}
	one := logOf("one", "f", Shard{1, 2, ByHash}, plainDone(b, "ib", "2"), failedRecord(c), plainDone(gone, "", "9"))
	two := logOf("two", "f", Shard{2, 2, ByHash}, plainDone(a, "ia", "1"), failedRecord(gone), failedRecord(b))
	empty := &Log{Name: "empty"}
	m, err := Results([]Item{a, b, c, d}, one, empty, two)
	if err != nil {
		t.Fatal(err)
	}
	if m.Done != 2 || m.Failed != 1 || m.Missing != 1 || m.Extra != 1 {
		t.Errorf("%+v", m)
	}
	var got bytes.Buffer
	if err := m.WriteResults(&got); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"item":"a&b","key":%q,"status":"done","digest":"ia","outputs":[{"path":"a&b.png","sha256":"%s"}]}
{"item":"b","set":{"patch":"8","tau":"0.5"},"key":%q,"status":"done","digest":"ib","outputs":[{"path":"b.png","sha256":"%s"}]}
{"item":"c","key":%q,"status":"failed","error":"cannot read c"}
{"item":"d","key":%q,"status":"missing"}
`, a.Key(), strings.Repeat("1", 64), b.Key(), strings.Repeat("2", 64), c.Key(), d.Key())
	if d := cmp.Diff(want, got.String()); d != "" {
		t.Error(d)
	}
	got.Reset()
	if err := m.WriteTimings(&got); err != nil {
		t.Fatal(err)
	}
	want = fmt.Sprintf(`{"item":"a&b","key":%q,"shard":"2/2","seconds":2}
{"item":"b","key":%q,"shard":"1/2","seconds":2}
{"item":"c","key":%q,"shard":"1/2","seconds":0}
`, a.Key(), b.Key(), c.Key())
	if d := cmp.Diff(want, got.String()); d != "" {
		t.Error(d)
	}
}

func TestResultsRefuses(t *testing.T) {
	a := Item{Path: "a"}
	s := Shard{1, 1, ByHash}
	renamed := plainDone(a, "i", "1")
	renamed.Item = "b"
	for _, c := range []struct {
		name  string
		items []Item
		logs  []*Log
		want  error
		text  string
	}{
		{"other fingerprints", []Item{a}, []*Log{logOf("x", "f", s), logOf("y", "g", s)}, ErrOther, "journals x and y"},
		{"other inputs", []Item{a}, []*Log{logOf("x", "f", s, plainDone(a, "i", "1")), logOf("y", "f", s, plainDone(a, "j", "1"))}, ErrConflict, "journal y: "},
		{"other outputs", []Item{a}, []*Log{logOf("x", "f", s, plainDone(a, "i", "1")), logOf("y", "f", s, plainDone(a, "i", "2"))}, ErrConflict, "different outputs"},
		{"other item", []Item{a}, []*Log{logOf("x", "f", s, renamed)}, ErrConflict, "is of b, not a"},
		{"item twice", []Item{a, {Path: "b"}, a}, nil, nil, "items 1 and 3 are the same: a"},
	} {
		_, err := Results(c.items, c.logs...)
		if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	// Within one journal the later word counts: the input has changed since.
	m, err := Results([]Item{a}, logOf("x", "f", s, plainDone(a, "i", "1"), plainDone(a, "j", "2")))
	if err != nil || m.Results[0].Digest != "j" {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestResultsDoNotDependOnShards does the same items in many ways: split
// anyhow, in any order, with failures and repetitions in between, through
// journals on disk. The results have the same bytes.
func TestResultsDoNotDependOnShards(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	items := randomItems(rng, 30)
	records := map[string]Record{}
	for i, it := range items {
		r := plainDone(it, fmt.Sprint(i), fmt.Sprint(i%10))
		if i%7 == 0 {
			r = failedRecord(it)
		}
		records[it.Key()] = r
	}
	var want []byte
	for round := range 12 {
		n := 1 + rng.IntN(5)
		by := []string{ByHash, ByOrder, ByCost}[rng.IntN(3)]
		dir := t.TempDir()
		var logs []*Log
		for i := 1; i <= n; i++ {
			s := Shard{i, n, by}
			picked, err := s.Pick(items, func(it Item) float64 { return float64(len(it.Path)) })
			if err != nil {
				t.Fatal(err)
			}
			rng.Shuffle(len(picked), func(a, b int) { picked[a], picked[b] = picked[b], picked[a] })
			path := filepath.Join(dir, fmt.Sprint(i))
			open := func() *Journal {
				j, err := Open(path, Header{Fingerprint: "f", Shard: s}, OpenOptions{Root: dir})
				if err != nil {
					t.Fatal(err)
				}
				return j
			}
			j := open()
			for _, it := range picked {
				if rng.IntN(4) == 0 {
					mustAppend(t, j, Record{Key: it.Key(), Item: it.Path, Status: StatusFailed, Error: fmt.Sprint("for now ", round)})
				}
				if rng.IntN(4) == 0 {
					j.Close()
					j = open()
				}
				r := records[it.Key()]
				r.Seconds = rng.Float64()
				mustAppend(t, j, r)
			}
			j.Close()
			log, err := ReadLogFile(path)
			if err != nil {
				t.Fatal(err)
			}
			logs = append(logs, log)
		}
		rng.Shuffle(len(logs), func(a, b int) { logs[a], logs[b] = logs[b], logs[a] })
		m, err := Results(items, logs...)
		if err != nil {
			t.Fatal(err)
		}
		if m.Done != 25 || m.Failed != 5 || m.Missing != 0 || m.Extra != 0 {
			t.Fatalf("round %d: %d done, %d failed, %d missing, %d extra", round, m.Done, m.Failed, m.Missing, m.Extra)
		}
		var got bytes.Buffer
		if err := m.WriteResults(&got); err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got.Bytes()
			checkLines(t, want, items)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Fatalf("round %d: other results:\n%s\nwant\n%s", round, got.Bytes(), want)
		}
	}
}

// checkLines checks that there is a line for each item, in order, without
// timings.
func checkLines(t *testing.T, text []byte, items []Item) {
	t.Helper()
	lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	if len(lines) != len(items) {
		t.Fatalf("%d lines for %d items", len(lines), len(items))
	}
	for i, line := range lines {
		var got map[string]any
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatal(err)
		}
		if got["item"] != items[i].Path || got["key"] != items[i].Key() {
			t.Errorf("line %d: %s", i+1, line)
		}
		if _, found := got["seconds"]; found {
			t.Errorf("line %d has a time", i+1)
		}
	}
}

// TestResultsOfSeveralFailures: of failures in several journals, the same one is
// told whatever their order; a success beats them all.
func TestResultsOfSeveralFailures(t *testing.T) {
	it := Item{Path: "a"}
	fail := func(text string) *Log {
		return logOf(text, "f", Shard{1, 1, ByHash}, Record{Key: it.Key(), Item: "a", Status: StatusFailed, Error: text})
	}
	done := logOf("done", "f", Shard{1, 1, ByHash}, plainDone(it, "i", "1"))
	x, y := fail("x"), fail("y")
	for _, logs := range [][]*Log{{x, y}, {y, x}} {
		if m, err := Results([]Item{it}, logs...); err != nil || m.Results[0].Error != "x" || m.Failed != 1 {
			t.Errorf("%+v, %v", m, err)
		}
	}
	for _, logs := range [][]*Log{{x, done}, {done, x}, {x, done, y}, {done, done}} {
		if m, err := Results([]Item{it}, logs...); err != nil || m.Results[0].Status != StatusDone || m.Results[0].Error != "" || len(m.Results[0].Outputs) != 1 {
			t.Errorf("%+v, %v", m, err)
		}
	}
}

func TestWriteResultsTellsOfFailingWriters(t *testing.T) {
	m, err := Results([]Item{{Path: "a"}}, logOf("x", "f", Shard{1, 1, ByHash}, failedRecord(Item{Path: "a"})))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.WriteResults(brokenWriter{}); !errors.Is(err, errDisk) {
		t.Error(err)
	}
	if err := m.WriteTimings(brokenWriter{}); !errors.Is(err, errDisk) {
		t.Error(err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errDisk }
