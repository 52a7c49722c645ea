package labelfiles

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"krypton/internal/failure"
	"krypton/internal/framelabels"
)

var header = framelabels.Header{Version: "v", Model: "m.onnx", Video: "v.mp4", Width: 200, Height: 100, FPS: 10, Detector: true, Fingerprint: "f1"}

func frame(n int) *framelabels.Result {
	car := framelabels.Object{ID: 1, Class: 2, Label: "car", Score: .75, X0: 10, Y0: 20, X1: float32(50 + n), Y1: 40}
	return &framelabels.Result{Frame: n, Seconds: float64(n) / 10, Objects: []framelabels.Object{car}, How: "whole"}
}

func claim(t testing.TB, o Options) *Files {
	t.Helper()
	out, err := Claim(o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func begin(t testing.TB, out *Files) []framelabels.Result {
	t.Helper()
	earlier, err := out.Begin(nil, header)
	if err != nil {
		t.Fatal(err)
	}
	return earlier
}

func write(t testing.TB, out *Files, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		if err := out.Write(frame(n)); err != nil {
			t.Fatal(err)
		}
	}
}

// contents are all files below a folder.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var formats = []string{"jsonl", "csv", "yolo", "coco"}

// TestGoingOn: a run that ends early leaves its JSON lines and nothing else, and what goes
// on with them gives the files of a run that was not disturbed.
func TestGoingOn(t *testing.T) {
	whole, dir := t.TempDir(), t.TempDir()
	out := claim(t, Options{Base: filepath.Join(whole, "a"), Formats: formats})
	begin(t, out)
	write(t, out, 0, 5)
	if err := out.Finish(); err != nil {
		t.Fatal(err)
	}
	want := contents(t, whole)
	if len(want) < 4 || out.Abandon() != "" {
		t.Fatalf("%d files", len(want))
	}
	o := Options{Base: filepath.Join(dir, "a"), Formats: formats, Resume: true}
	for _, at := range []int{0, 2, 4} {
		out := claim(t, o)
		earlier := begin(t, out)
		if len(earlier) != max(0, at-2) || out.Saved() != len(earlier) {
			t.Fatalf("%d frames were there, want %d", len(earlier), max(0, at-2))
		}
		write(t, out, len(earlier), at)
		if left := out.Abandon(); (left != "") != (at > 0) {
			t.Errorf("after %d frames %q is left", at, left)
		}
		if got := contents(t, dir); len(got) != min(at, 1) {
			t.Errorf("after %d frames these are left: %v", at, got)
		}
	}
	out = claim(t, o)
	write(t, out, len(begin(t, out)), 5)
	if err := out.Finish(); err != nil {
		t.Fatal(err)
	}
	got := contents(t, dir)
	if len(got) != len(want) {
		t.Fatalf("%d files, want %d", len(got), len(want))
	}
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s: %q, want %q", name, got[name], text)
		}
	}
}

// TestClaims: files of others, of another run and of inputs are not written to, and a
// claim that fails leaves nothing behind.
func TestClaims(t *testing.T) {
	dir := t.TempDir()
	o := Options{Base: filepath.Join(dir, "a"), Formats: formats}
	first := claim(t, o)
	if _, err := Claim(o); err == nil {
		t.Error("two runs have the same files")
	} else if kind, _ := failure.Of(err); kind != failure.Temporary {
		t.Error(err)
	}
	first.Abandon()
	if got := contents(t, dir); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
	refused := errors.New("an input")
	checked := o
	checked.Check = func(path string) error {
		if filepath.Base(path) == "a.coco.json.part" {
			return refused
		}
		return nil
	}
	if _, err := Claim(checked); !errors.Is(err, refused) {
		t.Errorf("%v", err)
	}
	path := o.Base + framelabels.Ending("csv")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Claim(o); err == nil {
		t.Error("a file that is there would be replaced")
	} else if kind, _ := failure.Of(err); kind != failure.CantCreate {
		t.Error(err)
	}
	if got := contents(t, dir); len(got) != 1 || got[filepath.Base(path)] != "mine" {
		t.Errorf("%v", got)
	}
	o.Force = true
	out := claim(t, o)
	begin(t, out)
	write(t, out, 0, 1)
	if err := out.Finish(); err != nil || contents(t, dir)[filepath.Base(path)] == "mine" {
		t.Error(err)
	}
}

// TestStandardOutput: one format goes there, and no file is made.
func TestStandardOutput(t *testing.T) {
	out := claim(t, Options{Formats: []string{"jsonl"}})
	var b bytes.Buffer
	if _, err := out.Begin(&b, header); err != nil {
		t.Fatal(err)
	}
	write(t, out, 0, 2)
	if err := out.Finish(); err != nil || bytes.Count(b.Bytes(), []byte("\n")) != 3 {
		t.Errorf("%v: %s", err, b.String())
	}
	if !slices.Equal(formats, []string{"jsonl", "csv", "yolo", "coco"}) {
		t.Error("the caller's formats were sorted")
	}
}
