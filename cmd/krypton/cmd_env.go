package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"

	"github.com/klauspost/cpuid/v2"
	"github.com/spf13/cobra"

	"krypton/internal/engine/asm"
	"krypton/internal/failure"
	"krypton/internal/limits"
)

// environment is what `krypton env` reports.
type environment struct {
	Version     string   `json:"version"`
	Go          string   `json:"go"`
	System      string   `json:"system"`
	CPU         string   `json:"cpu"`
	KernelSets  []string `json:"kernel_sets"`
	Kernels     string   `json:"kernels"`
	KernelsFrom string   `json:"kernels_from"`
	Threads     int      `json:"threads"`
	ThreadsFrom string   `json:"threads_from"`
	// Processors and Memories are all that limits the process, the least first.
	Processors []limits.Limit `json:"processor_limits"`
	Memory     int64          `json:"memory_limit"`
	MemoryFrom string         `json:"memory_from"`
	Memories   []limits.Limit `json:"memory_limits"`
	L1Data     int            `json:"l1_data"`
	L2         int            `json:"l2"`
	L3         int            `json:"l3"`
	PeakGFLOPs float64        `json:"peak_gflops_per_core"`
}

func newEnv(io streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "env",
		Short: "Show what Krypton found on this machine and what it will use",
		Long:  "Show the version, the processor's kernel sets and measured peak, caches, threads and memory limit, and where each choice comes from. Below threads and memory stands everything that limits them: control groups, affinity, resource limits and the scheduler. Without --threads and --memory the least counts." + exitHelp,
		Example: `  krypton env
  krypton env --json
  KRYPTON_KERNELS=avx2 krypton env`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := loadSettings(cmd)
			if err != nil {
				return err
			}
			k, _, err := s.kernels()
			if err != nil {
				return err
			}
			threads, from, err := s.threads()
			if err != nil {
				return err
			}
			memory, memoryFrom, err := s.memoryFrom()
			if err != nil {
				return err
			}
			system := limits.This()
			e := environment{Version: version, Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH,
				CPU: cpuid.CPU.BrandName, Kernels: k.Name, KernelsFrom: s.origin("kernels"), Threads: threads, ThreadsFrom: from, Memory: memory, MemoryFrom: memoryFrom,
				Processors: system.Processors(), Memories: system.Memory(),
				L1Data: cpuid.CPU.Cache.L1D, L2: cpuid.CPU.Cache.L2, L3: cpuid.CPU.Cache.L3, PeakGFLOPs: k.Peak() / 1e9}
			for _, set := range asm.Sets() {
				e.KernelSets = append(e.KernelSets, set.Name)
			}
			if asJSON {
				return json.NewEncoder(io.out).Encode(e)
			}
			_, err = fmt.Fprintf(io.out, `version      %s (%s, %s)
processor    %s
kernel sets  %v
kernels      %s (%s)
peak         %.0f GFLOP/s on one core with these kernels
caches       L1 %d KiB, L2 %d KiB, L3 %d KiB
threads      %d (%s)
%smemory       %d MiB at most (%s)
%s`, e.Version, e.Go, e.System, e.CPU, e.KernelSets, e.Kernels, e.KernelsFrom, e.PeakGFLOPs, e.L1Data>>10, e.L2>>10, e.L3>>10,
				e.Threads, e.ThreadsFrom, limitLines(e.Processors, 1), e.Memory>>20, e.MemoryFrom, limitLines(e.Memories, 1<<20))
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// limitLines shows limits, one a line, in the given unit.
func limitLines(all []limits.Limit, unit int64) string {
	var b strings.Builder
	for _, l := range all {
		fmt.Fprintf(&b, "             %6d  %s\n", l.N/unit, printable(l.From))
	}
	return b.String()
}

// kernels is the kernel set of the settings, and whether convolutions are to be
// computed by their plain sums.
func (s *settings) kernels() (k *asm.Kernels, direct bool, err error) {
	value, err := s.flags.GetString("kernels")
	if err != nil {
		return nil, false, err
	}
	name := ""
	for _, word := range strings.Split(value, ",") {
		if word == "direct" {
			direct = true
		} else if name == "" {
			name = word
		} else {
			return nil, false, failure.Usagef("--kernels is %q, want one set, and direct", value)
		}
	}
	if k, err = asm.Named(name); err != nil {
		return nil, false, failure.Usagef("--kernels: %w", err)
	}
	return k, direct, nil
}
