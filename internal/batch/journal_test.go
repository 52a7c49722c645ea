package batch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var testHead = Header{Fingerprint: Fingerprint("test"), Shard: Shard{I: 1, N: 2}}

func mustOpen(t *testing.T, path string, opt OpenOptions) *Journal {
	t.Helper()
	j, err := Open(path, testHead, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func mustAppend(t *testing.T, j *Journal, records ...Record) {
	t.Helper()
	for _, r := range records {
		if err := j.Append(r); err != nil {
			t.Fatal(err)
		}
	}
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// doneRecord writes an item's output below root and gives its record.
func doneRecord(t testing.TB, root string, it Item) Record {
	t.Helper()
	name := it.Key()[:8] + ".out"
	writeFile(t, filepath.Join(root, name), "output of "+it.Path)
	out, err := Outputs(root, name)
	if err != nil {
		t.Fatal(err)
	}
	return Record{Key: it.Key(), Item: it.Path, Digest: "in " + it.Path, Status: StatusDone, Outputs: out, Seconds: 1.5}
}

func failedRecord(it Item) Record {
	return Record{Key: it.Key(), Item: it.Path, Status: StatusFailed, Error: "cannot read " + it.Path}
}

func TestJournalResumes(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "j.jsonl")
	a, b, c := Item{Path: "a<&>.png"}, Item{Path: "b"}, Item{Path: "c"}
	j := mustOpen(t, path, OpenOptions{Root: dir})
	ra := doneRecord(t, dir, a)
	mustAppend(t, j, ra, failedRecord(b))
	check := func(j *Journal) {
		t.Helper()
		for _, x := range []struct {
			it   Item
			done bool
			why  string
		}{{a, true, ""}, {b, false, "it failed: cannot read b"}, {c, false, ""}} {
			if done, why := j.Done(x.it.Key(), "in "+x.it.Path); done != x.done || why != x.why {
				t.Errorf("%s: %v %q", x.it.Path, done, why)
			}
		}
		if got, found := j.Record(a.Key()); !found || !cmp.Equal(got, ra) {
			t.Errorf("record %+v", got)
		}
		if _, found := j.Record(c.Key()); found {
			t.Error("a record from nowhere")
		}
	}
	check(j)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if err := j.Append(failedRecord(c)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("append to a closed journal: %v", err)
	}
	before := readFile(t, path)
	if !strings.HasPrefix(before, headStart) {
		t.Errorf("a head of another form than torn ones are told by: %s", before)
	}
	if n := strings.Count(before, "\n"); n != 3 || !strings.Contains(before, `"item":"a<&>.png"`) {
		t.Errorf("%d lines:\n%s", n, before)
	}
	j = mustOpen(t, path, OpenOptions{Root: dir})
	check(j)
	if readFile(t, path) != before || j.Cut() != 0 {
		t.Error("opening changed the journal")
	}
	// The failed item is done again, and that is the last word.
	mustAppend(t, j, doneRecord(t, dir, b))
	if done, why := j.Done(b.Key(), "in b"); !done {
		t.Error(why)
	}
	if !strings.HasPrefix(readFile(t, path), before) {
		t.Error("appending changed earlier records")
	}
}

func TestDoneLooksAtOutputs(t *testing.T) {
	root := t.TempDir()
	it := Item{Path: "a"}
	for _, c := range []struct {
		name string
		do   func(out string) error
		why  string
	}{
		{"nothing", func(string) error { return nil }, ""},
		{"touched", func(out string) error { return os.Chmod(out, 0o600) }, ""},
		{"gone", os.Remove, "is gone"},
		{"longer", func(out string) error { return os.WriteFile(out, []byte("output of a!"), 0o644) }, "has changed"},
		{"empty", func(out string) error { return os.Truncate(out, 0) }, "has changed"},
		{"one bit", func(out string) error { return os.WriteFile(out, []byte("output og a"), 0o644) }, "has changed"},
		{"folder", func(out string) error { os.Remove(out); return os.Mkdir(out, 0o755) }, "not a regular file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, abs := range []bool{false, true} {
				where := filepath.Join(dir, fmt.Sprint(abs))
				if err := os.Mkdir(where, 0o755); err != nil {
					t.Fatal(err)
				}
				r := doneRecord(t, where, it)
				out := filepath.Join(where, r.Outputs[0].Path)
				j := mustOpen(t, filepath.Join(where, "j"), OpenOptions{Root: where})
				if abs {
					r.Outputs[0].Path = out
					j = mustOpen(t, filepath.Join(where, "k"), OpenOptions{Root: root})
				}
				mustAppend(t, j, r)
				if err := c.do(out); err != nil {
					t.Fatal(err)
				}
				done, why := j.Done(it.Key(), "in a")
				if done != (c.why == "") || !strings.Contains(why, c.why) {
					t.Errorf("absolute %v: %v %q", abs, done, why)
				}
				if done, why := j.Done(it.Key(), "other"); done || why != "the input has changed" {
					t.Errorf("other input: %v %q", done, why)
				}
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "j")
	j := mustOpen(t, path, OpenOptions{})
	for _, restart := range []bool{false, true} {
		if _, err := Open(path, testHead, OpenOptions{Restart: restart}); !errors.Is(err, ErrBusy) {
			t.Errorf("open twice: %v", err)
		}
	}
	mustAppend(t, j, failedRecord(Item{Path: "a"}))
	j.Close()

	for _, head := range []Header{
		{Fingerprint: Fingerprint("other"), Shard: testHead.Shard},
		{Fingerprint: testHead.Fingerprint, Shard: Shard{I: 2, N: 2}},
		{Fingerprint: testHead.Fingerprint, Shard: Shard{I: 1, N: 3}},
		{Fingerprint: testHead.Fingerprint, Shard: Shard{I: 1, N: 2, By: ByOrder}},
	} {
		before := readFile(t, path)
		if _, err := Open(path, head, OpenOptions{}); !errors.Is(err, ErrOther) {
			t.Errorf("%+v: %v", head, err)
		}
		if readFile(t, path) != before {
			t.Errorf("%+v: changed by a refused opening", head)
		}
	}
	same := testHead
	same.Shard.By = ByHash // the default by its name
	j, err := Open(path, same, OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	j.Close()

	for _, head := range []Header{{}, {Shard: testHead.Shard}, {Fingerprint: "f"}, {Fingerprint: "\xff", Shard: testHead.Shard}, {Fingerprint: strings.Repeat("f", maxName+1), Shard: testHead.Shard}} {
		if j, err := Open(filepath.Join(dir, "new"), head, OpenOptions{}); err == nil {
			j.Close()
			t.Errorf("%+v is taken", head)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "new")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a refused head left a file: %v", err)
	}
	if _, err := Open(filepath.Join(dir, "no", "j"), testHead, OpenOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	if _, err := Open(dir, testHead, OpenOptions{}); err == nil {
		t.Error("a folder is taken")
	}
	if _, err := ReadLogFile(dir); err == nil {
		t.Error("a folder is read")
	}
}

func TestRestartForgets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	j := mustOpen(t, path, OpenOptions{})
	mustAppend(t, j, failedRecord(Item{Path: "a"}))
	j.Close()
	head := Header{Fingerprint: "other", Shard: Shard{I: 1, N: 1}}
	j, err := Open(path, head, OpenOptions{Restart: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, found := j.Record(Item{Path: "a"}.Key()); found {
		t.Error("a record of before")
	}
	mustAppend(t, j, failedRecord(Item{Path: "b"}))
	j.Close()
	log, err := ReadLogFile(path)
	if err != nil || log.Header.Fingerprint != "other" || len(log.Records) != 1 || log.Records[0].Item != "b" {
		t.Errorf("%+v, %v", log, err)
	}
}

// TestForeignFilesAreLeftAlone: whatever is no journal is refused and unchanged.
func TestForeignFilesAreLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "precious")
	head, err := encodeLine(Header{Version: 1, Fingerprint: "f", Shard: Shard{1, 1, ByHash}})
	if err != nil {
		t.Fatal(err)
	}
	rec, err := failedRecord(Item{Path: "a"}).encode()
	if err != nil {
		t.Fatal(err)
	}
	h, r := string(head), string(rec)
	for _, c := range []struct {
		text string
		want error
		line string
	}{
		{"thesis", ErrDamaged, "precious:1"},
		{"a.png\nb.png\n", ErrDamaged, "precious:1"},
		{"\n", ErrDamaged, "precious:1"},
		{"{}\n", ErrDamaged, "precious:1"},
		{`{"version":1}` + "\n", ErrDamaged, "precious:1"},
		{`{"version":2,"what":"ever"}` + "\n", ErrVersion, "precious:1"},
		{strings.Replace(h, `"i":1`, `"i":2`, 1), ErrDamaged, "precious:1"},
		{h + "garbage\n" + r, ErrDamaged, "precious:2"},
		{h + r + "\n" + r, ErrDamaged, "precious:3"},
		{h + "{}\n" + r, ErrDamaged, "precious:2"},
		{h + strings.Replace(r, `"a"`, `"b"`, 1) + r + r, ErrDamaged, "precious:3"},
		{h + h + r, ErrDamaged, "precious:2"},
	} {
		writeFile(t, path, c.text)
		for _, restart := range []bool{false, true} {
			_, err := Open(path, testHead, OpenOptions{Restart: restart})
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.line+":") {
				t.Errorf("%q: %v", c.text, err)
			}
			if readFile(t, path) != c.text {
				t.Fatalf("%q was changed", c.text)
			}
		}
		if _, err := ReadLogFile(path); !errors.Is(err, c.want) {
			t.Errorf("%q: %v", c.text, err)
		}
	}
}

// TestJournalCutAtEveryByte cuts a journal everywhere, also with the zeros or
// garbage that a file system may leave behind: what was whole is there, the rest
// is gone, and the journal can be appended to.
func TestJournalCutAtEveryByte(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "j")
	j := mustOpen(t, path, OpenOptions{Root: dir})
	items := []Item{{Path: "a"}, {Path: "b", Set: map[string]string{"patch": "8"}}, {Path: "ü"}}
	mustAppend(t, j, doneRecord(t, dir, items[0]), failedRecord(items[1]), doneRecord(t, dir, items[2]), doneRecord(t, dir, items[1]))
	j.Close()
	whole := readFile(t, path)
	for cut := 0; cut <= len(whole); cut++ {
		for _, tail := range []string{"", "\x00\x00\x00", "\x00\x00\x00}\n"} {
			if strings.HasSuffix(tail, "\n") && !strings.Contains(whole[:cut], "\n") {
				continue // the head is synced before anything else is written
			}
			kept := whole[:strings.LastIndex(whole[:cut], "\n")+1]
			want, err := ReadLog(strings.NewReader(kept), "j")
			if err != nil {
				t.Fatal(err)
			}
			log, err := ReadLog(strings.NewReader(whole[:cut]+tail), "j")
			if err != nil || !cmp.Equal(log.Records, want.Records) || log.Header != want.Header {
				t.Fatalf("cut at %d, tail %q: %+v, %v", cut, tail, log, err)
			}
			if tail != "" && cut%17 != 0 {
				continue // the disk is slow, and cuts without a tail go through it all
			}
			writeFile(t, path, whole[:cut]+tail)
			j, err := Open(path, testHead, OpenOptions{Root: dir})
			if err != nil {
				t.Fatalf("cut at %d, tail %q: %v", cut, tail, err)
			}
			if kept == "" {
				kept = whole[:strings.Index(whole, "\n")+1]
			} else if int(j.Cut()) != cut+len(tail)-len(kept) {
				t.Errorf("cut at %d, tail %q: says %d", cut, tail, j.Cut())
			}
			if readFile(t, path) != kept {
				t.Fatalf("cut at %d, tail %q: kept %q", cut, tail, readFile(t, path))
			}
			r := failedRecord(Item{Path: "next"})
			line, err := r.encode()
			if err != nil {
				t.Fatal(err)
			}
			mustAppend(t, j, r)
			j.Close()
			if readFile(t, path) != kept+string(line) {
				t.Fatalf("cut at %d, tail %q: appended to %q", cut, tail, readFile(t, path))
			}
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j")
	j := mustOpen(t, path, OpenOptions{})
	mustAppend(t, j, failedRecord(Item{Path: "a"}))
	before := readFile(t, path)
	sum := strings.Repeat("0", 64)
	good := Record{Key: "k", Item: "i", Status: StatusDone, Outputs: []Output{{"b", sum}, {"a", sum}}}
	for name, change := range map[string]func(*Record){
		"no key":            func(r *Record) { r.Key = "" },
		"long key":          func(r *Record) { r.Key = strings.Repeat("k", maxName+1) },
		"key of another":    func(r *Record) { r.Key = Item{Path: "a"}.Key() },
		"no item":           func(r *Record) { r.Item = "" },
		"item not UTF-8":    func(r *Record) { r.Item = "\xff" },
		"item with NUL":     func(r *Record) { r.Item = "a\x00" },
		"digest not UTF-8":  func(r *Record) { r.Digest = "\xff" },
		"no status":         func(r *Record) { r.Status = "" },
		"missing":           func(r *Record) { r.Status = StatusMissing },
		"done with error":   func(r *Record) { r.Error = "e" },
		"failed, no error":  func(r *Record) { r.Status, r.Outputs = StatusFailed, nil },
		"failed, outputs":   func(r *Record) { r.Status, r.Error = StatusFailed, "e" },
		"negative time":     func(r *Record) { r.Seconds = -1 },
		"time not a number": func(r *Record) { r.Seconds = math.NaN() },
		"infinite time":     func(r *Record) { r.Seconds = math.Inf(1) },
		"output twice":      func(r *Record) { r.Outputs = []Output{{"a", sum}, {"a", sum}} },
		"output, no path":   func(r *Record) { r.Outputs = []Output{{"", sum}} },
		"output not UTF-8":  func(r *Record) { r.Outputs = []Output{{"\xff", sum}} },
		"short digest":      func(r *Record) { r.Outputs = []Output{{"a", sum[1:]}} },
		"digest in capitals": func(r *Record) {
			r.Outputs = []Output{{"a", strings.Repeat("A", 64)}}
		},
	} {
		r := good
		change(&r)
		if err := j.Append(r); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if readFile(t, path) != before {
		t.Error("refused records are in the journal")
	}
	mustAppend(t, j, good)
	if good.Outputs[0].Path != "b" {
		t.Error("Append sorted the caller's outputs")
	}
	if r, _ := j.Record("k"); r.Outputs[0].Path != "a" {
		t.Errorf("not sorted: %+v", r)
	}
	r := failedRecord(Item{Path: "long"})
	r.Error = "\xff\x00" + strings.Repeat("ü", maxError)
	mustAppend(t, j, r)
	r, _ = j.Record(r.Key)
	if len(r.Error) > maxError || len(r.Error) < maxError-3 || !strings.HasPrefix(r.Error, "\uFFFDü") || !strings.HasSuffix(r.Error, "ü") {
		t.Errorf("error of %d bytes: %.20q", len(r.Error), r.Error)
	}
}

// failingFile fails at will, writing part of what it should.
type failingFile struct {
	journalFile
	write, sync, truncate bool
}

var errDisk = errors.New("disk full")

func (f *failingFile) Write(b []byte) (int, error) {
	if f.write {
		n, _ := f.journalFile.Write(b[:len(b)/2])
		return n, errDisk
	}
	return f.journalFile.Write(b)
}

func (f *failingFile) Sync() error {
	if f.sync {
		return errDisk
	}
	return f.journalFile.Sync()
}

func (f *failingFile) Truncate(n int64) error {
	if f.truncate {
		return errDisk
	}
	return f.journalFile.Truncate(n)
}

// TestAppendToAFailingDisk: a record half written is taken back; where that
// fails, nothing is written behind it.
func TestAppendToAFailingDisk(t *testing.T) {
	dir := t.TempDir()
	a, b, c := failedRecord(Item{Path: "a"}), failedRecord(Item{Path: "b"}), failedRecord(Item{Path: "c"})
	for i, f := range []*failingFile{{write: true}, {sync: true}, {write: true, truncate: true}, {write: true, sync: true}} {
		path := filepath.Join(dir, fmt.Sprint(i))
		j := mustOpen(t, path, OpenOptions{})
		mustAppend(t, j, a)
		f.journalFile = j.file
		j.file = f
		if err := j.Append(b); !errors.Is(err, errDisk) {
			t.Fatalf("%d: %v", i, err)
		}
		if _, found := j.Record(b.Key); found {
			t.Errorf("%d: a record that was not written", i)
		}
		recovers := f.write && !f.sync && !f.truncate
		*f = failingFile{journalFile: f.journalFile}
		if err := j.Append(c); (err == nil) != recovers {
			t.Errorf("%d: then %v", i, err)
		}
		j.Close()
		// Whatever happened, the next run can read it.
		j = mustOpen(t, path, OpenOptions{})
		if _, found := j.Record(a.Key); !found {
			t.Errorf("%d: an earlier record is lost", i)
		}
		if _, found := j.Record(c.Key); found != recovers {
			t.Errorf("%d: c found %v", i, found)
		}
		mustAppend(t, j, b)
		j.Close()
	}
}

// countingFile counts calls.
type countingFile struct {
	journalFile
	calls string
}

func (f *countingFile) Write(b []byte) (int, error) { f.calls += "w"; return f.journalFile.Write(b) }
func (f *countingFile) Sync() error                 { f.calls += "s"; return f.journalFile.Sync() }

func TestAppendIsOneWriteAndOneSync(t *testing.T) {
	j := mustOpen(t, filepath.Join(t.TempDir(), "j"), OpenOptions{})
	f := &countingFile{journalFile: j.file}
	j.file = f
	mustAppend(t, j, failedRecord(Item{Path: "a"}), failedRecord(Item{Path: "b"}))
	if f.calls != "wsws" {
		t.Error(f.calls)
	}
}

func TestJournalConcurrently(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "j")
	j := mustOpen(t, path, OpenOptions{Root: dir})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 10 {
				it := Item{Path: fmt.Sprintf("%d-%d", w, i)}
				if err := j.Append(doneRecord(t, dir, it)); err != nil {
					t.Error(err)
				}
				if done, why := j.Done(it.Key(), "in "+it.Path); !done {
					t.Error(why)
				}
			}
		})
	}
	wg.Wait()
	j.Close()
	log, err := ReadLogFile(path)
	if err != nil || len(log.Records) != 40 {
		t.Errorf("%+v, %v", log, err)
	}
}

func TestOutputs(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "x"), "abc")
	got, err := Outputs(dir, "x")
	// The digest of "abc" is in the standard's appendix.
	if err != nil || len(got) != 1 || got[0] != (Output{"x", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := Outputs(dir, "x", "y"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestReadLogLimits(t *testing.T) {
	head, err := encodeLine(Header{Version: 1, Fingerprint: "f", Shard: Shard{1, 1, ByHash}})
	if err != nil {
		t.Fatal(err)
	}
	endless := io.MultiReader(bytes.NewReader(head), zeros{})
	if _, err := ReadLog(endless, "j"); !errors.Is(err, ErrDamaged) || !strings.HasPrefix(err.Error(), "j:2: ") {
		t.Error(err)
	}
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// FuzzReadLog checks that what is read could have been written, and reads the
// same after a cut at what held.
func FuzzReadLog(f *testing.F) {
	head, err := encodeLine(Header{Version: 1, Fingerprint: "f", Shard: Shard{1, 2, ByHash}})
	if err != nil {
		f.Fatal(err)
	}
	failed, err := failedRecord(Item{Path: "a"}).encode()
	if err != nil {
		f.Fatal(err)
	}
	done, err := doneRecord(f, f.TempDir(), Item{Path: "a"}).encode()
	if err != nil {
		f.Fatal(err)
	}
	all := string(head) + string(failed) + string(done)
	for _, s := range []string{"", all, all[:len(all)-1], all + "\x00", string(head) + "{}\n", string(head[:9]), `{"version":2}` + "\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		log, err := ReadLog(bytes.NewReader(b), "j")
		if err != nil {
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrVersion) {
				t.Fatal(err)
			}
			return
		}
		if log.size > log.read || log.read != int64(len(b)) {
			t.Fatalf("%d of %d, of %d", log.size, log.read, len(b))
		}
		again, err := ReadLog(bytes.NewReader(b[:log.size]), "j")
		if err != nil || !cmp.Equal(again.Records, log.Records) || again.Header != log.Header || again.size != log.size {
			t.Fatalf("%+v, then %+v, %v", log, again, err)
		}
		var out bytes.Buffer
		if log.size > 0 {
			line, err := encodeLine(log.Header)
			if err != nil {
				t.Fatal(err)
			}
			out.Write(line)
		}
		for _, r := range log.Records {
			line, err := r.encode()
			if err != nil {
				t.Fatalf("%+v: %v", r, err)
			}
			out.Write(line)
		}
		written, err := ReadLog(&out, "j")
		if err != nil || !cmp.Equal(written.Records, log.Records) || written.Header != log.Header {
			t.Fatalf("%+v, written %+v, %v", log, written, err)
		}
	})
}
