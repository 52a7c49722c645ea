package asm

import (
	"iter"
	"os"
	"slices"
	"strings"
)

// EnvWantSets names the environment variable that lists what tests must find on this
// machine, with commas between: names of kernel sets, and of the parts that only some
// processors with a set have (PartPairs, PartQuads, PartMatrices). What is not listed may be missing.
const EnvWantSets = "KRYPTON_WANT_SETS"

// Parts of a set that only some processors have.
const (
	PartPairs = "bf16"
	PartQuads = "int8"
	// PartMatrices are products of quads by FEAT_I8MM.
	PartMatrices = "i8mm"
)

// setNames are the names of all sets, best first, whatever this machine can run.
var setNames = []string{"avx512", "avx2", "neon", "generic"}

// tester is what is needed of a *testing.T or *testing.B, which this package does not
// import outside of its tests.
type tester[T any] interface {
	skipper
	Run(name string, f func(T)) bool
}

type skipper interface {
	Helper()
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// EverySet gives a test the kernel sets of this machine, as Sets does, and lists every
// other set as a subtest of its name that is skipped, or fails if EnvWantSets names it.
func EverySet[T tester[T]](t T) iter.Seq2[int, *Kernels] {
	t.Helper()
	return func(yield func(int, *Kernels) bool) {
		sets := Sets()
		for _, name := range setNames {
			if !slices.ContainsFunc(sets, func(k *Kernels) bool { return k.Name == name }) {
				t.Run(name, func(t T) { Missing(t, name) })
			}
		}
		for i, k := range sets {
			if !yield(i, k) {
				return
			}
		}
	}
}

// Missing skips a test of a set, or of a part of one, that this machine does not have,
// or fails it if EnvWantSets names it.
func Missing(t skipper, name string) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv(EnvWantSets), ","), name) {
		t.Fatalf("%s: this machine has no kernels for it, and %s wants them", name, EnvWantSets)
	}
	t.Skipf("%s: this machine has no kernels for it", name)
}

// EnvWriteBits names the environment variable that has KeptBits write its files anew.
const EnvWriteBits = "KRYPTON_WRITE_BITS"

// KeptBits has AVX2 and NEON, whose bits are the same, each list theirs, a line for each
// thing that was computed, and fails the test where lines are not those of the file.
func KeptBits[T tester[T]](t T, path string, list func(t T, k *Kernels) string) {
	t.Helper()
	for _, k := range EverySet(t) {
		if k.Name != "avx2" && k.Name != "neon" {
			continue
		}
		t.Run(k.Name, func(t T) {
			got := list(t, k)
			if os.Getenv(EnvWriteBits) != "" {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatalf("%v", err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatalf("%v", err)
			}
			if diff := onlyIn(got, string(want)); diff != "" {
				t.Fatalf("not in %s:\n%s", path, diff)
			}
			if diff := onlyIn(string(want), got); diff != "" {
				t.Fatalf("only in %s:\n%s", path, diff)
			}
		})
	}
}

// onlyIn are the lines of a that b does not have.
func onlyIn(a, b string) string {
	has := map[string]bool{}
	for line := range strings.Lines(b) {
		has[line] = true
	}
	var only strings.Builder
	for line := range strings.Lines(a) {
		if !has[line] {
			only.WriteString(line)
		}
	}
	return only.String()
}
