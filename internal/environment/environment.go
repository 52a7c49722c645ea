// Package environment says what a machine gives this process: its processor, kernel sets,
// caches and limits.
package environment

import (
	"cmp"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/klauspost/cpuid/v2"

	"krypton/internal/caches"
	"krypton/internal/engine/asm"
	"krypton/internal/labels"
	"krypton/internal/limits"
)

// Report is what a machine gives a process, and what of it the process uses. Version, Threads,
// Memory and where these come from are the program's to fill in.
type Report struct {
	Version     string   `json:"version"`
	Go          string   `json:"go"`
	System      string   `json:"system"`
	CPU         string   `json:"cpu"`
	KernelSets  []string `json:"kernel_sets"`
	Kernels     string   `json:"kernels"`
	KernelsFrom string   `json:"kernels_from"`
	// WhyGeneric says why kernels are the slow ones in plain Go, if they are.
	WhyGeneric  string `json:"why_generic,omitempty"`
	Threads     int    `json:"threads"`
	ThreadsFrom string `json:"threads_from"`
	// Processors and Memories are all that limits the process, the least first.
	Processors []limits.Limit `json:"processor_limits"`
	Memory     int64          `json:"memory_limit"`
	MemoryFrom string         `json:"memory_from"`
	Memories   []limits.Limit `json:"memory_limits"`
	L1Data     int            `json:"l1_data"`
	L2         int            `json:"l2"`
	L3         int            `json:"l3"`
	PeakGFLOPs float64        `json:"peak_gflops_per_core"`
	// Cards are the NVIDIA cards that Linux knows, Driver the version of their driver, empty
	// without one. CardUse says what computes on them, and how far that can.
	Cards   []string `json:"graphics_cards,omitempty"`
	Driver  string   `json:"graphics_driver,omitempty"`
	CardUse []string `json:"graphics_use,omitempty"`
}

// Look looks at the machine, and measures what a core does with a kernel set, which comes
// from somewhere.
func Look(k *asm.Kernels, from string) *Report {
	system := limits.This()
	c := caches.This()
	e := &Report{
		Go:          runtime.Version(),
		System:      runtime.GOOS + "/" + runtime.GOARCH,
		CPU:         cpuid.CPU.BrandName,
		Kernels:     k.Name,
		KernelsFrom: from,
		Processors:  system.Processors(),
		Memories:    system.Memory(),
		L1Data:      c.L1,
		L2:          c.L2,
		L3:          c.L3,
		PeakGFLOPs:  k.Peak() / 1e9,
	}
	if k.Name == asm.Generic.Name {
		e.WhyGeneric = cmp.Or(asm.WhyGeneric(), from)
	}
	e.Driver, e.Cards = cards(string(filepath.Separator))
	for _, set := range asm.Sets() {
		e.KernelSets = append(e.KernelSets, set.Name)
	}
	return e
}

// Text lays the report out for people.
func (e *Report) Text() string {
	return fmt.Sprintf(`version      %s (%s, %s)
processor    %s
kernel sets  %v
kernels      %s (%s)
%speak         %.0f GFLOP/s on one core with these kernels
caches       L1 %d KiB, L2 %d KiB, L3 %d KiB
threads      %d (%s)
%smemory       %d MiB at most (%s)
%s%s`, e.Version, e.Go, e.System, e.CPU, e.KernelSets, e.Kernels, e.KernelsFrom, e.warning(), e.PeakGFLOPs, e.L1Data>>10, e.L2>>10, e.L3>>10,
		e.Threads, e.ThreadsFrom, limitLines(e.Processors, 1), e.Memory>>20, e.MemoryFrom, limitLines(e.Memories, 1<<20), e.graphics())
}

// graphics are lines about cards, empty where nothing tells of them.
func (e *Report) graphics() string {
	known := "what cards there are, this system does not tell"
	switch {
	case e.Driver == "" && !strings.HasPrefix(e.System, "linux/"):
		if len(e.CardUse) == 0 {
			return "" // nothing is known
		}
	case e.Driver == "":
		known = "no NVIDIA driver found"
	case len(e.Cards) == 0:
		known = "NVIDIA driver " + e.Driver + ", no card"
	default:
		known = fmt.Sprintf("%s (driver %s)", strings.Join(e.Cards, ", "), e.Driver)
	}
	var b strings.Builder
	for i, line := range append([]string{known}, e.CardUse...) {
		what := ""
		if i == 0 {
			what = "graphics"
		}
		fmt.Fprintf(&b, "%-12s %s\n", what, labels.Printable(line))
	}
	return b.String()
}

// warning is a line about kernels that are slow, empty of others.
func (e *Report) warning() string {
	if e.WhyGeneric == "" {
		return ""
	}
	return "             plain Go, ten to twenty times slower than AVX2 or NEON: " + labels.Printable(e.WhyGeneric) + "\n"
}

// limitLines shows limits, one a line, in the given unit.
func limitLines(all []limits.Limit, unit int64) string {
	var b strings.Builder
	for _, l := range all {
		fmt.Fprintf(&b, "             %6d  %s\n", l.N/unit, labels.Printable(l.From))
	}
	return b.String()
}
