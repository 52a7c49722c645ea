package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"krypton/internal/engine/asm"
	"krypton/internal/environment"
	"krypton/internal/failure"
)

func newEnv(io streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "env",
		Short: "Show what Krypton found on this machine and what it will use",
		Long:  "Show the version, the processor's kernel sets and measured peak, caches, threads and memory limit, and where each choice comes from. Below threads and memory stands everything that limits them: control groups, affinity, resource limits and the scheduler. Without --threads and --memory the least counts. Where kernels are those in plain Go, a line says why. NVIDIA cards and their driver are listed where Linux knows some; krypton obe and orv --device gpu compute on them by the program krypton-gpu, whose own env asks the driver what it can use." + exitHelp,
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
			e := environment.Look(k, s.origin("kernels"))
			e.Version, e.Threads, e.ThreadsFrom, e.Memory, e.MemoryFrom = version, threads, from, memory, memoryFrom
			e.CardUse = cardUse(len(e.Cards) > 0)
			if asJSON {
				return json.NewEncoder(io.out).Encode(e)
			}
			_, err = fmt.Fprint(io.out, e.Text())
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
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
