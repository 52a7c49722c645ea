package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"krypton/internal/batch"
	"krypton/internal/failure"
)

// newMerge is `krypton merge`.
func newMerge(io streams) *cobra.Command {
	var asJSON, check bool
	cmd := &cobra.Command{
		Use:   "merge DIR",
		Short: "Join the results of a batch's shards, and say what is missing",
		Long: `Read the journals that the shards of a batch have left in their --out-dir, and write
results.jsonl (what became of each item, in the order of the list: the same bytes
however the batch was split and interrupted) and timings.jsonl. Items that failed or
that no shard has done are named, and so are those whose outputs are gone or have
changed since: all of them are read.` + exitHelp,
		Example: `  krypton merge maps/
  krypton merge maps/ --check && echo complete
  krypton merge maps/ --json | jq .missing`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runMerge(cmd, io, args[0], asJSON, check)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the counts as JSON on stdout")
	cmd.Flags().BoolVar(&check, "check", false, "write nothing")
	return cmd
}

// mergeSummary is what --json prints.
type mergeSummary struct {
	Items   int `json:"items"`
	Done    int `json:"done"`
	Failed  int `json:"failed"`
	Missing int `json:"missing"`
	// Extra are items that journals know and the list does not.
	Extra int `json:"extra"`
	// Lost are those of the done items whose outputs are gone or have changed.
	Lost int `json:"lost"`
}

// mostNamed bounds the items that are named one by one.
const mostNamed = 20

func runMerge(cmd *cobra.Command, io streams, dir string, asJSON, check bool) error {
	quiet, err := cmd.Flags().GetBool("quiet")
	if err != nil {
		return err
	}
	m, err := batch.Merge(dir, slices.Concat(obeColumns, orvColumns)) // those of any command
	if err != nil {
		return err
	}
	if !check {
		if err := m.Write(dir); err != nil {
			return err
		}
	}
	said, lost, err := m.Remarks(cmd.Context(), dir)
	if err != nil {
		return err
	}
	sum := mergeSummary{len(m.Results), m.Done, m.Failed, m.Missing, m.Extra, lost}
	if asJSON {
		if err := json.NewEncoder(io.out).Encode(sum); err != nil {
			return err
		}
	}
	for _, line := range said[:min(len(said), mostNamed)] {
		fmt.Fprintf(io.err, "krypton: %s\n", printable(line))
	}
	if len(said) > mostNamed {
		fmt.Fprintf(io.err, "krypton: and %d more\n", len(said)-mostNamed)
	}
	switch {
	case lost > 0:
		return fmt.Errorf("of %d items %d failed, %d are missing and %d have lost outputs: --resume makes them again", sum.Items, sum.Failed, sum.Missing, lost)
	case len(said) > 0:
		return failure.As(failure.Partial, fmt.Errorf("of %d items %d failed and %d are missing", sum.Items, sum.Failed, sum.Missing))
	}
	if !quiet {
		fmt.Fprintf(io.err, "all %d items are done\n", sum.Items)
	}
	return nil
}
