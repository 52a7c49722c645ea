package caches

import (
	"os"
	"path/filepath"
	"testing"
)

// TestUnder: what Linux tells of caches, instructions' left out.
func TestUnder(t *testing.T) {
	folder := t.TempDir()
	for name, files := range map[string][4]string{
		"index0": {"1", "Data", "64K", "1"}, "index1": {"1", "Instruction", "48K", "1"}, "index2": {"2", "Unified", "1024K", "0000,0000000f"},
		"index3": {"3", "Unified", "lots", "ff"}, "index4": {"4", "Unified", "9K", "ff"},
	} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o755); err != nil {
			t.Fatal(err)
		}
		for i, file := range []string{"level", "type", "size", "shared_cpu_map"} {
			if err := os.WriteFile(filepath.Join(folder, name, file), []byte(files[i]+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if s := under(folder); s != (Sizes{64 << 10, 1 << 20, 0, 4}) {
		t.Errorf("%+v", s)
	}
	if s := under(filepath.Join(folder, "none")); s != (Sizes{}) {
		t.Errorf("of no folder %+v", s)
	}
}

// TestSecond: what of a second-level cache is a core's own.
func TestSecond(t *testing.T) {
	for _, test := range []struct {
		s    Sizes
		want int
	}{
		{Sizes{}, Usual},
		{Sizes{L2: 512 << 10}, 512 << 10},
		{Sizes{L2: 12 << 20, Sharing: 4}, 3 << 20}, // Apple M1
		{Sizes{L2: 16 << 20, Sharing: 2}, 4 << 20},
		{Sizes{L2: 1 << 20, Sharing: 64}, 256 << 10},
		{Sizes{L2: 1}, 256 << 10},
	} {
		if got := test.s.Second(); got != test.want {
			t.Errorf("%+v: %d, want %d", test.s, got, test.want)
		}
	}
	for set, want := range map[string]int{"": 0, "f": 4, "00000001,80000000": 2, "x": 0} {
		if got := members(set); got != want {
			t.Errorf("%q: %d, want %d", set, got, want)
		}
	}
}
