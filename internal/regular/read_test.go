package regular

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRead: files up to the limit are read whole, larger ones and such that never end
// are refused.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := Read(path, 1<<20); err != nil || len(b) != 1<<20 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if b, err := Read(path, 1<<20-1); err == nil || b != nil || strings.Contains(err.Error(), path) {
		t.Errorf("one too many: %d bytes, %v", len(b), err)
	}
	if _, err := Read(dir, 1<<20); !errors.Is(err, ErrNot) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := Read(path+"x", 1<<20); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
	if _, err := ReadAll(endless{}, 1<<20); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("without end: %v", err)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }
