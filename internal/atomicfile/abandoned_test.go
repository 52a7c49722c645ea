package atomicfile

import (
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// TestRemoveAbandoned: what is being written stays, however old it looks; what
// nobody writes goes; other names and other kinds of files are somebody's.
func TestRemoveAbandoned(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for _, name := range []string{".a1", ".a27", ".b3", ".a", ".ax", "a1"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, ".a5"), 0o700); err != nil {
		t.Fatal(err)
	}
	err := Write(path, false, func(w io.Writer) error {
		f, ok := w.(interface{ Name() string })
		if !ok {
			t.Fatal("no file")
		}
		old := time.Now().Add(-48 * time.Hour)
		if err := os.Chtimes(f.Name(), old, old); err != nil {
			t.Fatal(err)
		}
		if err := RemoveAbandoned(dir, []string{"a", "c"}, time.Hour); err != nil {
			t.Error(err)
		}
		_, err := io.WriteString(w, "text")
		return err
	})
	if err != nil || content(t, path) != "text" {
		t.Fatalf("the file that is written was taken away: %v", err)
	}
	for name, stays := range map[string]bool{".a1": false, ".a27": false, ".b3": true, ".a": true, ".ax": true, "a1": true, ".a5": true} {
		if _, err := os.Lstat(filepath.Join(dir, name)); (err == nil) != stays {
			t.Errorf("%s: %v, want it to stay: %v", name, err, stays)
		}
	}
	if err := RemoveAbandoned(filepath.Join(dir, "none"), []string{"a"}, 0); err != nil {
		t.Error(err)
	}
}

// TestWriteWhileSwept: sweeping as often as can be never takes a file from under
// those who write it, nor fails those who ask whether it could be written.
func TestWriteWhileSwept(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	var writers, sweeper sync.WaitGroup
	stop := make(chan struct{})
	sweeper.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if err := RemoveAbandoned(dir, []string{"a"}, time.Hour); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for range 2 {
		writers.Go(func() {
			for range 50 {
				if err := Write(path, true, text("text")); err != nil {
					t.Error(err)
				}
			}
		})
		writers.Go(func() {
			for range 1000 {
				if err := Check(path, true); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	sweeper.Wait()
	if got := content(t, path); got != "text" {
		t.Errorf("%q", got)
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
}
