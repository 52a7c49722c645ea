package environment

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"krypton/internal/engine/asm"
	"krypton/internal/limits"
)

func TestReport(t *testing.T) {
	for _, k := range asm.Sets() {
		e := Look(k, "flag --kernels")
		e.Memories = append(e.Memories, limits.Limit{N: 7 << 20, From: "a\x1bfile"})
		e.Threads, e.ThreadsFrom = 3, "somebody"
		text := e.Text()
		if e.Kernels != k.Name || e.PeakGFLOPs <= 0 || len(e.KernelSets) != len(asm.Sets()) || len(e.Processors) == 0 || !strings.Contains(text, "kernels      "+k.Name+" (") {
			t.Errorf("%+v", e)
		}
		want := ""
		if k.Name == "generic" {
			want = "\n             plain Go, ten to twenty times slower than AVX2 or NEON: " + cmp.Or(asm.WhyGeneric(), "flag --kernels") + "\n"
		}
		if _, after, _ := strings.Cut(text, "(flag --kernels)"); !strings.HasPrefix(after, want) || (want == "") == strings.Contains(text, "plain Go") {
			t.Error(text)
		}
		if !strings.Contains(text, "threads      3 (somebody)\n") || !strings.Contains(text, "    7  a\uFFFDfile\n") {
			t.Error(text)
		}
		if _, err := json.Marshal(e); err != nil {
			t.Error(err)
		}
	}
}

// TestCaches: what Linux tells of caches, instructions' left out.
func TestCaches(t *testing.T) {
	folder := t.TempDir()
	for name, files := range map[string][3]string{
		"index0": {"1", "Data", "64K"}, "index1": {"1", "Instruction", "48K"}, "index2": {"2", "Unified", "1024K"},
		"index3": {"3", "Unified", "lots"}, "index4": {"4", "Unified", "9K"},
	} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o755); err != nil {
			t.Fatal(err)
		}
		for i, file := range []string{"level", "type", "size"} {
			if err := os.WriteFile(filepath.Join(folder, name, file), []byte(files[i]+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if l1, l2, l3 := cachesUnder(folder); l1 != 64<<10 || l2 != 1<<20 || l3 != 0 {
		t.Errorf("%d, %d, %d", l1, l2, l3)
	}
	if l1, l2, l3 := cachesUnder(filepath.Join(folder, "none")); l1 != 0 || l2 != 0 || l3 != 0 {
		t.Errorf("of no folder %d, %d, %d", l1, l2, l3)
	}
}
