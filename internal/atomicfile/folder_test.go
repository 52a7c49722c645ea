package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAdoptFolder: a folder gets its name, another of the same kind is replaced only
// with force, and nothing else ever is.
func TestAdoptFolder(t *testing.T) {
	own := func(name string) bool { return strings.HasSuffix(name, ".txt") }
	atOnce := exchangeNames
	t.Cleanup(func() { exchangeNames = atOnce })
	for _, by := range []struct {
		name     string
		exchange func(a, b string) error
	}{{"at once", atOnce}, {"one after the other", func(a, b string) error { return errors.ErrUnsupported }}} {
		t.Run(by.name, func(t *testing.T) {
			exchangeNames = by.exchange
			dir := t.TempDir()
			temp, path := filepath.Join(dir, "a.part"), filepath.Join(dir, "a")
			folder := func(at string, files ...string) {
				t.Helper()
				if err := os.Mkdir(at, 0o755); err != nil {
					t.Fatal(err)
				}
				for _, f := range files {
					if err := os.WriteFile(filepath.Join(at, f), nil, 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
			holds := func(at string, want ...string) {
				t.Helper()
				entries, err := os.ReadDir(at)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, e := range entries {
					got = append(got, e.Name())
				}
				if strings.Join(got, " ") != strings.Join(want, " ") {
					t.Fatalf("%s holds %q, want %q", at, got, want)
				}
			}
			folder(temp, "1.txt")
			if err := AdoptFolder(temp, path, false, own); err != nil {
				t.Fatal(err)
			}
			holds(dir, "a")
			holds(path, "1.txt")

			folder(temp, "2.txt")
			if err := AdoptFolder(temp, path, false, own); !errors.Is(err, ErrExists) {
				t.Fatalf("without force: %v", err)
			}
			holds(path, "1.txt")
			if err := AdoptFolder(temp, path, true, own); err != nil {
				t.Fatal(err)
			}
			holds(dir, "a")
			holds(path, "2.txt")

			folder(temp, "3.txt")
			if err := os.WriteFile(filepath.Join(path, "notes.md"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := AdoptFolder(temp, path, true, own); !errors.Is(err, ErrCannotWrite) || !strings.Contains(err.Error(), "notes.md") {
				t.Fatalf("over somebody's file: %v", err)
			}
			holds(path, "2.txt", "notes.md")
			holds(temp, "3.txt")
		})
	}
	dir := t.TempDir()
	if err := CheckFolder(filepath.Join(dir, "no", "a"), true, own); !errors.Is(err, ErrCannotWrite) {
		t.Errorf("in no folder: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := CheckFolder(file, true, own); !errors.Is(err, ErrCannotWrite) {
		t.Errorf("over a file: %v", err)
	}
	if linked(t, t.TempDir(), filepath.Join(dir, "link")) {
		if err := CheckFolder(filepath.Join(dir, "link"), true, own); !errors.Is(err, ErrCannotWrite) {
			t.Errorf("over a link: %v", err)
		}
	}
	if err := RemoveFolder(filepath.Join(dir, "none"), own); err != nil {
		t.Errorf("nothing to remove: %v", err)
	}
}
