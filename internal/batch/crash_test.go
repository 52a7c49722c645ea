package batch

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// childDir, if set, makes the test binary a worker that a test kills.
const childDir, childShard = "KRYPTON_BATCH_TEST_DIR", "KRYPTON_BATCH_TEST_SHARD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := work(dir, os.Getenv(childShard)); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println("end")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// crashItems are the worker's items. The last fails until a file named fixed is
// there.
func crashItems() []Item {
	var out []Item
	for i := range 30 {
		out = append(out, Item{Path: fmt.Sprintf("in-%02d.png", i)})
	}
	out[3].Set = map[string]string{"patch": "8"}
	return append(out, Item{Path: "broken"})
}

func crashOutput(it Item) string { return "out-" + it.Key()[:12] }

// work does a shard as the command would, and says on standard output what it
// does.
func work(dir, text string) error {
	shard, _, err := ParseShard(text, ByOrder, os.LookupEnv)
	if err != nil {
		return err
	}
	items, err := shard.Pick(crashItems(), nil)
	if err != nil {
		return err
	}
	j, err := Open(journalOf(dir, shard), Header{Fingerprint: "crash", Shard: shard}, OpenOptions{Root: dir})
	if err != nil {
		return err
	}
	for _, it := range items {
		if done, _ := j.Done(it.Key(), "d"); done {
			fmt.Println("skip", it.Path)
			continue
		}
		fmt.Println("run", it.Path)
		r := Record{Key: it.Key(), Item: it.Path, Digest: "d", Status: StatusDone, Seconds: rand.Float64()}
		if _, err := os.Stat(filepath.Join(dir, "fixed")); it.Path == "broken" && err != nil {
			r.Status, r.Error = StatusFailed, "broken"
		} else {
			name := crashOutput(it)
			temp := filepath.Join(dir, name+".tmp")
			if err := os.WriteFile(temp, bytes.Repeat([]byte(it.Key()), 500), 0o644); err != nil {
				return err
			}
			pause()
			if err := os.Rename(temp, filepath.Join(dir, name)); err != nil {
				return err
			}
			if r.Outputs, err = Outputs(dir, name); err != nil {
				return err
			}
		}
		pause()
		if err := j.Append(r); err != nil {
			return err
		}
		pause()
		fmt.Println(r.Status, it.Path)
	}
	return j.Close()
}

// pause spreads the work out, so that a kill can hit any point of it.
func pause() { time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond) }

func journalOf(dir string, s Shard) string {
	return filepath.Join(dir, fmt.Sprintf("shard-%d-of-%d.jsonl", s.I, s.N))
}

// runWorker runs a worker and kills it after some lines and a little time; with
// lines < 0 it lets it finish. It gives what the worker said.
func runWorker(t *testing.T, dir string, s Shard, lines int, after time.Duration) []string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childDir+"="+dir, childShard+"="+s.String())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said []string
	scan := bufio.NewScanner(out)
	if lines == 0 {
		time.Sleep(after)
		kill(t, cmd)
	}
	for scan.Scan() {
		said = append(said, scan.Text())
		if len(said) == lines {
			time.Sleep(after)
			kill(t, cmd)
		}
	}
	err = cmd.Wait()
	if lines < 0 && err != nil {
		t.Fatalf("the worker failed: %v\n%s", err, strings.Join(said, "\n"))
	}
	return said
}

// kill is kill -9; the worker may have ended by itself.
func kill(t *testing.T, cmd *exec.Cmd) {
	if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
}

// TestKilledAtAnyMoment kills workers of two shards again and again, and removes
// outputs in between. What a worker said to be done is in the journal and never
// done again, unless its output is gone; in the end the results are those of an
// undisturbed run on one shard, byte for byte.
func TestKilledAtAnyMoment(t *testing.T) {
	items := crashItems()
	calm := t.TempDir()
	writeFile(t, filepath.Join(calm, "fixed"), "")
	runWorker(t, calm, Shard{I: 1, N: 1}, -1, 0)
	want := resultsOf(t, items, calm, Shard{I: 1, N: 1})

	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	removed := map[string]int{} // how often an output was removed after it was done
	kills := 0
	for i := 1; i <= 2; i++ {
		shard := Shard{I: i, N: 2}
		mine, err := Shard{I: i, N: 2, By: ByOrder}.Pick(items, nil)
		if err != nil {
			t.Fatal(err)
		}
		done := map[string]bool{} // said to be done, output not removed since
		for round := 0; ; round++ {
			if round == 100 {
				t.Fatal("no end")
			}
			// Four lines further than what is done: a run and its end are two.
			said := runWorker(t, dir, shard, len(done)+rng.IntN(5), time.Duration(rng.IntN(1000))*time.Microsecond)
			for _, line := range said {
				what, path, _ := strings.Cut(line, " ")
				switch {
				case what == "error":
					t.Fatal(line)
				case what == "run" && done[path]:
					t.Fatalf("round %d: %s was done and is done again", round, path)
				case what == StatusDone:
					done[path] = true
				}
			}
			ended := len(said) > 0 && said[len(said)-1] == "end"
			if !ended {
				kills++
			}
			if _, err := os.Stat(journalOf(dir, shard)); err != nil && len(said) == 0 {
				continue // killed before it made its journal
			}
			log, err := ReadLogFile(journalOf(dir, shard))
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			for _, it := range mine {
				r, found := log.Record(it.Key())
				isDone := found && r.Status == StatusDone
				if done[it.Path] && !isDone {
					t.Fatalf("round %d: %s was said to be done, and the journal has lost it", round, it.Path)
				}
				// It may have been killed between record and word.
				if isDone && CheckOutputs(dir, r.Outputs) == nil {
					done[it.Path] = true
				}
				if done[it.Path] && rng.IntN(60) == 0 {
					if err := os.Remove(filepath.Join(dir, crashOutput(it))); err != nil {
						t.Fatal(err)
					}
					removed[it.Path]++
					delete(done, it.Path)
				}
			}
			if ended {
				writeFile(t, filepath.Join(dir, "fixed"), "")
			}
			if len(done) == len(mine) {
				break
			}
		}
		for _, line := range runWorker(t, dir, shard, -1, 0) {
			if !strings.HasPrefix(line, "skip ") && line != "end" {
				t.Errorf("after all was done: %s", line)
			}
		}
	}
	if kills < 6 {
		t.Errorf("only %d workers were killed", kills)
	}
	t.Logf("%d kills, %d outputs removed", kills, len(removed))
	if got := resultsOf(t, items, dir, Shard{I: 2, N: 2}, Shard{I: 1, N: 2}); got != want {
		t.Errorf("results differ from those of an undisturbed run:\n%s\nwant\n%s", got, want)
	}
	raw := readFile(t, journalOf(dir, Shard{I: 1, N: 2})) + readFile(t, journalOf(dir, Shard{I: 2, N: 2}))
	for _, it := range items {
		n := strings.Count(raw, fmt.Sprintf(`"item":%q,"digest":"d","status":"done"`, it.Path))
		// An output that is there again needs no second record: its bytes count.
		if n < 1 || n > 1+removed[it.Path] {
			t.Errorf("%s: %d records that it is done, %d outputs removed", it.Path, n, removed[it.Path])
		}
		if a, b := readFile(t, filepath.Join(calm, crashOutput(it))), readFile(t, filepath.Join(dir, crashOutput(it))); a != b {
			t.Errorf("%s: other output", it.Path)
		}
	}
}

// resultsOf merges the journals of a folder.
func resultsOf(t *testing.T, items []Item, dir string, shards ...Shard) string {
	t.Helper()
	var logs []*Log
	for _, s := range shards {
		log, err := ReadLogFile(journalOf(dir, s))
		if err != nil {
			t.Fatal(err)
		}
		logs = append(logs, log)
	}
	m, err := Results(items, logs...)
	if err != nil {
		t.Fatal(err)
	}
	if m.Done != len(items) {
		t.Errorf("%d done, %d failed, %d missing", m.Done, m.Failed, m.Missing)
	}
	var b bytes.Buffer
	if err := m.WriteResults(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestDeathUnlocks: a worker's lock ends with it, and keeps others out until
// then.
func TestDeathUnlocks(t *testing.T) {
	dir := t.TempDir()
	s := Shard{I: 1, N: 1}
	j, err := Open(journalOf(dir, s), Header{Fingerprint: "crash", Shard: Shard{1, 1, ByOrder}}, OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childDir+"="+dir, childShard+"=1/1")
	if out, err := cmd.Output(); err == nil || !strings.Contains(string(out), ErrBusy.Error()) {
		t.Errorf("beside an open journal: %v\n%s", err, out)
	}
	j.Close()
	if said := runWorker(t, dir, s, 3, 0); len(said) < 3 {
		t.Errorf("said %q", said)
	}
	said := runWorker(t, dir, s, -1, 0)
	if said[len(said)-1] != "end" {
		t.Errorf("after a kill: %q", said)
	}
}
