package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"krypton/internal/batch"
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
	return tracedWith(t, dir, nil, args...)
}

// tracedWith is traced with options of strace.
func tracedWith(t *testing.T, dir string, options []string, args ...string) []call {
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
	cmd := exec.Command(strace, slices.Concat([]string{"-f", "-y", "-s", "4000", "-e", "trace=mkdir,mkdirat,flock,fsync,fdatasync,rename,renameat,renameat2,link,linkat,write,pwrite64", "-o", log}, options, []string{command}, args)...)
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
	folder := regexp.MustCompile(`^\d+ +(mkdir|mkdirat)\((?:AT_FDCWD[^,]*, )?"([^"]*)".* = 0$`)
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
		} else if m := folder.FindStringSubmatch(line); m != nil {
			calls = append(calls, call{m[1], m[2], "", line})
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

// founded fails if a folder that the command made would be lost, with all that is
// in it, when the power fails from this call on.
func founded(t *testing.T, calls []call, dir string, by int) {
	t.Helper()
	made := false
	for _, c := range calls[:by] {
		switch {
		case strings.HasPrefix(c.name, "mkdir") && c.path == dir:
			made = true
		case made && c.name == "fsync" && c.path == filepath.Dir(dir):
			return
		}
	}
	t.Errorf("%s: made %v, but the folder that it lies in was not synced", dir, made)
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

	// What replaces an earlier output does so by a rename.
	calls = traced(t, dir, "obe", "-q", "--stride", "64", "--force", "-o", picture)
	placed(t, calls, picture)
	for _, c := range calls {
		if c.to == picture && !strings.HasPrefix(c.name, "rename") {
			t.Errorf("replaced by %s", c.text)
		}
	}

	out := filepath.Join(dir, "new", "out")
	calls = traced(t, dir, "obe", smallPictures(t, 5, 48), "-q", "--stride", "64", "--out-dir", out, "--scores", "below/{name}.npy")
	journals, err := filepath.Glob(filepath.Join(out, batch.JournalFolder, "shard-*"))
	if err != nil || len(journals) != 1 {
		t.Fatalf("journals %v: %v", journals, err)
	}
	for _, item := range []string{"p0000", "p0001", "p0002", "p0003", "p0004"} {
		last := max(placed(t, calls, filepath.Join(out, item+".krypton.png")), placed(t, calls, filepath.Join(out, "below", item+".npy")))
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
	told := slices.IndexFunc(calls, func(c call) bool { return c.path == journals[0] && strings.Contains(c.text, "p0000") })
	for _, made := range []string{filepath.Dir(out), out, filepath.Join(out, batch.JournalFolder), filepath.Join(out, "below")} {
		founded(t, calls, made, told)
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

	// A file for each frame: their folder gets its name when all of them last.
	data := os.Getenv("KRYPTON_DATA")
	if data == "" {
		return
	}
	model := filepath.Join(dir, "faces.onnx")
	b, err := os.ReadFile(filepath.Join(data, "models", "ultraface_rfb320.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	holding(b)(t, model)
	holding([]byte("preprocess: {preset: raw, mean: [127, 127, 127], std: [128, 128, 128], resize: stretch}\nlabels: [background, face]\ndetector: {form: ssd, scores: scores, boxes: boxes, corners: true, relative: true}\n"))(t, filepath.Join(dir, "faces.krypton.yaml"))
	boxes := filepath.Join(dir, "boxes")
	calls = traced(t, dir, "orv", clip, "-q", "--model", model, "-o", boxes, "--format", "yolo", "--annotate", filepath.Join(dir, "drawn.avi"))
	placed(t, calls, filepath.Join(dir, "drawn.avi"))
	at := slices.IndexFunc(calls, func(c call) bool { return filepath.Dir(c.to) == dir && strings.HasPrefix(filepath.Base(c.to), "boxes") })
	if at < 0 {
		t.Fatal("the folder never got its name")
	}
	files := names(t, calls[at].to)
	if len(files) != 6 {
		t.Fatalf("files %v, want one for each of 4 frames, the classes and the description", files)
	}
	synced := map[string]bool{}
	for _, c := range calls[:at] {
		if c.name == "fsync" {
			synced[c.path] = true
		}
	}
	for _, file := range append(files, "") {
		if path := filepath.Join(calls[at].path, file); !synced[path] {
			t.Errorf("%s was not synced before its folder became %s", path, calls[at].to)
		}
	}
	if !slices.ContainsFunc(calls[at:], func(c call) bool { return c.name == "fsync" && c.path == dir }) {
		t.Error("the folder of the folder was not synced after it got its name")
	}
}

// TestBatchWithoutLocks: on a file system that has no locks a batch works all the
// same, one process at a time, and leaves nothing that stood for a lock.
func TestBatchWithoutLocks(t *testing.T) {
	pictures := smallPictures(t, 2, 32)
	for _, answer := range []string{"ENOSYS", "ENOLCK", "EOPNOTSUPP"} {
		dir := filepath.Join(t.TempDir(), "out")
		args := []string{"obe", pictures, "--out-dir", dir, "--stride", "64", "--scores", "{name}.npy", "--scores-only", "-q", "--resume"}
		for range 2 {
			tracedWith(t, t.TempDir(), []string{"-e", "inject=flock:error=" + answer}, args...)
		}
		for folder, want := range map[string]string{dir: ".krypton p0000.npy p0001.npy results.jsonl timings.jsonl", filepath.Join(dir, batch.JournalFolder): "items.jsonl shard-1-of-1.jsonl"} {
			entries, err := os.ReadDir(folder)
			var got []string
			for _, e := range entries {
				got = append(got, e.Name())
			}
			if err != nil || strings.Join(got, " ") != want {
				t.Errorf("%s: %s holds %v, want %s: %v", answer, folder, got, want, err)
			}
		}
	}
}
