package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// call is one system call of a trace that has to do with files.
type call struct {
	name string
	// path is what the call's file descriptor stands for, or its first path;
	// to is a rename's or link's second.
	path, to string
	text     string // the line
}

// traced runs the real command under strace and gives its calls in order.
func traced(t *testing.T, dir string, args ...string) []call {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("KRYPTON_DATA") != "" {
			t.Fatal("strace is needed to see in which order things are written")
		}
		t.Skip("no strace")
	}
	log, command := filepath.Join(t.TempDir(), "trace"), filepath.Join(t.TempDir(), "krypton")
	self, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, command); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(strace, append([]string{"-f", "-y", "-s", "4000", "-e", "trace=fsync,fdatasync,rename,renameat,renameat2,link,linkat,write,pwrite64", "-o", log, command}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	descriptor := regexp.MustCompile(`^\d+ +(fsync|fdatasync|write|pwrite64)\(\d+<([^>]*)>`)
	pair := regexp.MustCompile(`^\d+ +(rename|renameat|renameat2|link|linkat)\((?:AT_FDCWD[^,]*, )?"([^"]*)", (?:AT_FDCWD[^,]*, )?"([^"]*)".* = 0$`)
	var calls []call
	pending := map[string]string{} // by thread: a call that another one's line interrupts
	for _, line := range strings.Split(string(b), "\n") {
		thread, rest, _ := strings.Cut(line, " ")
		if head, ok := strings.CutSuffix(line, " <unfinished ...>"); ok {
			pending[thread] = head
			continue
		}
		if _, tail, ok := strings.Cut(rest, " resumed>"); ok && strings.Contains(rest, "<... ") {
			line = pending[thread] + tail
		}
		if m := descriptor.FindStringSubmatch(line); m != nil {
			calls = append(calls, call{m[1], m[2], "", line})
		} else if m := pair.FindStringSubmatch(line); m != nil {
			calls = append(calls, call{m[1], m[2], m[3], line})
		}
	}
	return calls
}

// placed finds where a file got its name, and fails if it was not complete and
// synced before, or its folder not synced after; it returns the call that made it
// last a loss of power.
func placed(t *testing.T, calls []call, path string) int {
	t.Helper()
	at := -1
	for i, c := range calls {
		if c.to == path {
			at = i
		}
		if c.path == path && strings.Contains(c.name, "write") {
			t.Errorf("%s is written under its own name: %.100s", path, c.text)
		}
	}
	if at < 0 {
		t.Fatalf("%s never got its name", path)
	}
	synced := false
	for _, c := range calls[:at] {
		if c.path == calls[at].path {
			synced = strings.HasSuffix(c.name, "sync") // and nothing was written since
		}
	}
	if !synced {
		t.Errorf("%s was not synced before it became %s", calls[at].path, path)
	}
	for i, c := range calls[at:] {
		if c.name == "fsync" && c.path == filepath.Dir(path) {
			return at + i
		}
	}
	t.Errorf("the folder of %s was not synced after it got its name", path)
	return len(calls)
}

// TestPowerLoss: outputs are written under another name, synced, renamed, and
// their folder is synced; a batch's journal speaks of an item only then, and is
// synced itself.
func TestPowerLoss(t *testing.T) {
	dir := t.TempDir()
	picture := filepath.Join(dir, "map.png")
	scores := filepath.Join(dir, "scores.npy")
	calls := traced(t, dir, "obe", "-q", "--stride", "64", "-o", picture, "--scores", scores)
	placed(t, calls, picture)
	placed(t, calls, scores)

	out := filepath.Join(dir, "out")
	calls = traced(t, dir, "obe", smallPictures(t, 5, 48), "-q", "--stride", "64", "--out-dir", out, "--scores", "{name}.npy")
	journals, err := filepath.Glob(filepath.Join(out, journalFolder, "shard-*"))
	if err != nil || len(journals) != 1 {
		t.Fatalf("journals %v: %v", journals, err)
	}
	for _, item := range []string{"p0000", "p0001", "p0002", "p0003", "p0004"} {
		last := max(placed(t, calls, filepath.Join(out, item+".krypton.png")), placed(t, calls, filepath.Join(out, item+".npy")))
		told, kept := -1, false
		for i, c := range calls {
			switch {
			case c.path != journals[0]:
			case c.name == "write" && strings.Contains(c.text, item+".krypton.png"):
				told = i
			case told >= 0 && strings.HasSuffix(c.name, "sync"):
				kept = true
			}
		}
		if told < last || !kept {
			t.Errorf("%s: lasting from call %d on, in the journal from %d on, synced %v", item, last, told, kept)
		}
	}
	placed(t, calls, filepath.Join(out, "results.jsonl"))

	// A video's labels grow under a name of their own.
	clip := filepath.Join(dir, "clip")
	if err := os.Rename(smallPictures(t, 4, 48), clip); err != nil {
		t.Fatal(err)
	}
	labels := filepath.Join(dir, "labels")
	calls = traced(t, dir, "orv", clip, "-q", "-o", labels, "--format", "jsonl,csv")
	placed(t, calls, labels+".jsonl")
	placed(t, calls, labels+".csv")
}
