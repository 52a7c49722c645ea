// Package limits finds how much memory and how many processors this process may
// use: what its control groups, its resource limits, its affinity and the
// scheduler that started it say. The least of them counts, and each says where it
// comes from.
//
// github.com/KimMachineGun/automemlimit reads the memory of control groups too. It
// stops at the first file that it cannot read, knows no processors, resource limits
// or schedulers, and cannot be shown another machine's files; the Go runtime's own
// GOMAXPROCS looks at the process's own group only, not at those around it.
package limits

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// MaxProcessors bounds what the environment can ask for.
const MaxProcessors = 4096

// Limit is a number that this process should not go beyond.
type Limit struct {
	// N is in bytes, or a number of processors.
	N int64 `json:"n"`
	// From says who set it: a file, a variable of the environment.
	From string `json:"from"`
}

// System is where limits are read.
type System struct {
	// Root is the folder that /proc and /sys lie in.
	Root string
	// Getenv reads a variable of the environment; "" means it is not set.
	Getenv func(string) string
	// CPUs is the number of processors that this process may run on.
	CPUs int
	// Physical is the machine's memory in bytes where /proc does not tell it, 0 if nobody does.
	Physical int64
	// Fast is how many of the processors are of the fastest kind, 0 where all are one kind or
	// nobody tells.
	Fast int
}

// This is the system that this process runs on.
func This() System {
	return System{Root: "/", Getenv: os.Getenv, CPUs: runtime.NumCPU(), Physical: physicalMemory(), Fast: fastProcessors()}
}

// fallbackMemory is the limit where nothing can be read.
const fallbackMemory = 4 << 30

// Memory gives what this process may take of memory, in bytes, by everything that
// says so, the least first. There is at least one. Of what a group, a scheduler
// or a resource limit allows, a tenth is left free: what reaches the limit is
// killed. Of a machine that nobody has limited it is half.
func (s System) Memory() []Limit {
	all := slices.Concat(s.groupMemory(), s.resourceLimits(), s.schedulerMemory())
	for i := range all {
		all[i].N = max(1, all[i].N/10*9)
	}
	physical := s.Physical
	if kib := s.numbersAfter("/proc/meminfo", "MemTotal:"); len(kib) > 0 {
		physical = kib[0] << 10
	}
	if physical > 0 {
		all = append(all, Limit{physical / 2, "half of the machine's memory"})
	}
	if len(all) == 0 {
		return []Limit{{fallbackMemory, "default, as the system does not tell its memory"}}
	}
	return leastFirst(all)
}

// Processors gives how many processors this process may use, by everything that
// says so, the least first. There is at least one.
func (s System) Processors() []Limit {
	affinity := Limit{int64(max(1, s.CPUs)), "processors that the system lets the process run on"}
	all := slices.Concat([]Limit{affinity}, s.schedulerProcessors(), s.groupProcessors())
	if s.Fast > 0 && s.Fast < s.CPUs {
		all = append(all, Limit{int64(s.Fast), "performance cores: efficiency cores would be waited for"})
	}
	return leastFirst(all)
}

func leastFirst(all []Limit) []Limit {
	slices.SortStableFunc(all, func(a, b Limit) int { return cmp.Compare(a.N, b.N) })
	return all
}

// maxFile bounds the files that are read; a machine with thousands of mounts has
// some MiB of them.
const maxFile = 16 << 20

// read gives a file's text, "" if there is none.
func (s System) read(path string) string {
	f, err := os.Open(filepath.Join(s.Root, path))
	if err != nil {
		return ""
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return ""
	}
	return string(data)
}

// numbersAfter gives the numbers behind a word that begins a line of a file, up to
// the first word that is none.
func (s System) numbersAfter(path, begin string) (numbers []int64) {
	for line := range strings.Lines(s.read(path)) {
		rest, ok := strings.CutPrefix(line, begin)
		if !ok {
			continue
		}
		for _, word := range strings.Fields(rest) {
			n, err := strconv.ParseInt(word, 10, 64)
			if err != nil || n < 0 {
				break
			}
			numbers = append(numbers, n)
		}
		break
	}
	return numbers
}

// resourceLimits are those of the process for memory (ulimit, and what Grid
// Engine's h_vmem and PBS's pvmem become). Address space and data that the
// process has taken without touching them, which Go does, are no memory, and do
// not come back: they are taken off.
func (s System) resourceLimits() (all []Limit) {
	resident := s.status("VmRSS:")
	for _, l := range []struct{ name, taken string }{
		{"Max address space", "VmSize:"},
		{"Max data size", "VmData:"},
		{"Max resident set", ""},
	} {
		n := s.numbersAfter("/proc/self/limits", l.name)
		if len(n) == 0 || n[0] >= unlimited {
			continue
		}
		idle := int64(0)
		if l.taken != "" {
			idle = max(0, s.status(l.taken)-resident)
		}
		all = append(all, Limit{max(0, n[0]-idle), fmt.Sprintf("resource limit %q of %d MiB", strings.ToLower(l.name), n[0]>>20)})
	}
	return all
}

// status is one of the kernel's numbers about this process, in bytes.
func (s System) status(key string) int64 {
	if kib := s.numbersAfter("/proc/self/status", key); len(kib) > 0 {
		return kib[0] << 10
	}
	return 0
}
