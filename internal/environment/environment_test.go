package environment

import (
	"cmp"
	"encoding/json"
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
