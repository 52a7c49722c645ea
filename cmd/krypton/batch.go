package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/pflag"

	"krypton/internal/batch"
	"krypton/internal/failure"
	"krypton/internal/inputs"
	"krypton/internal/model"
)

// batchOptions are the flags of batches: many items, on one machine or several,
// all done in the end, whatever interrupts them.
type batchOptions struct {
	manifest, dir, name, shard, shardBy string
	resume                              bool
}

// addFlags adds all but --resume. items are what a batch is of, and ending is
// what an item's output has behind {name}.
func (b *batchOptions) addFlags(f *pflag.FlagSet, items, ending string) {
	f.StringVar(&b.manifest, "manifest", "", "batch: `list` of "+items+": lines, .csv with a header or .jsonl, where an item may have settings of its own (- for lines on standard input)")
	f.StringVar(&b.dir, "out-dir", "", "batch: `folder` for all outputs, with a journal of what is done and results.jsonl")
	f.StringVar(&b.name, "name", "{name}"+ending, "batch: `name` of an item's output in --out-dir; {name} is the item's, {dir} its folder, {key} 12 digits that stand for path and settings")
	f.StringVar(&b.shard, "shard", "", "batch: do only this part, `i/n` such as 2/8, or auto: what Slurm, Kubernetes, AWS Batch, ... say")
	f.StringVar(&b.shardBy, "shard-by", batch.ByCost, "batch: deal items to shards by predicted cost, by hash (an item keeps its shard when the list grows) or in order")
}

// notShared are the flags that do not change what an item's outputs hold, and
// those that other parts of a fingerprint stand for.
var notShared = []string{"config", "print-config", "quiet", "threads", "memory", "gpu-memory", "chunk", "events", "progress", "force", "json", "dry-run",
	"manifest", "out-dir", "shard", "shard-by", "resume", "files-from", "files-from0", "cache", "labels", "help"}

// wanted says whether any flag asks for a batch.
func (b *batchOptions) wanted() bool {
	return b.manifest != "" || b.dir != "" || b.shard != ""
}

// items reads the manifest, or takes the inputs that are named otherwise.
func (b *batchOptions) items(columns, inputs []string, stdin io.Reader) ([]batch.Item, error) {
	if b.dir == "" {
		return nil, failure.Usagef("a batch (--manifest, --shard) needs an --out-dir")
	}
	if b.manifest == "" {
		seen := map[string]bool{}
		var items []batch.Item
		for _, in := range inputs {
			if in == "-" {
				return nil, failure.Usagef("a batch takes no picture or video from standard input")
			}
			if !seen[in] {
				items = append(items, batch.Item{Path: in})
			}
			seen[in] = true
		}
		if len(items) == 0 {
			return nil, failure.Usagef("nothing is named, and no --manifest")
		}
		return items, nil
	}
	if len(inputs) > 0 {
		return nil, failure.Usagef("--manifest and further inputs exclude each other")
	}
	r, name := stdin, "standard input"
	if b.manifest != "-" {
		f, err := os.Open(b.manifest)
		if err != nil {
			return nil, failure.Missingf("--manifest: %w", err)
		}
		defer f.Close()
		r, name = f, b.manifest
	}
	items, err := batch.ReadManifest(r, name, batch.Options{Columns: columns})
	if err != nil {
		return nil, failure.Dataf("--manifest: %w", err)
	}
	return items, nil
}

// part is this process's part of a batch, and the items in it. What --shard auto was told
// by goes to say.
func (b *batchOptions) part(items []batch.Item, cost func(batch.Item) float64, say io.Writer) (batch.Shard, []batch.Item, error) {
	shard := batch.Shard{I: 1, N: 1, By: b.shardBy}
	if b.shard != "" {
		var from string
		var err error
		if shard, from, err = batch.ParseShard(b.shard, b.shardBy, os.LookupEnv); err != nil {
			return shard, nil, failure.Usagef("--shard: %w", err)
		}
		if from != "" {
			fmt.Fprintf(say, "krypton: shard %s (%s)\n", shard, printable(from))
		}
	}
	mine, err := shard.Pick(items, cost)
	if err != nil {
		return shard, nil, failure.Usagef("--shard-by: %w", err)
	}
	return shard, mine, nil
}

// start opens the journal of this process's part of a batch. Its end is closed by the
// caller.
func (b *batchOptions) start(inputs *inputs.Set, items []batch.Item, columns []string, fingerprint string, force bool, cost func(batch.Item) float64, say io.Writer) (*batch.Run, error) {
	shard, mine, err := b.part(items, cost, say)
	if err != nil {
		return nil, err
	}
	run, err := batch.Start(batch.RunOptions{Dir: b.dir, Items: items, Columns: columns, Shard: shard, Mine: mine,
		Fingerprint: fingerprint, Resume: b.resume, Force: force, Check: inputs.Check})
	switch {
	case errors.Is(err, batch.ErrBegun):
		return nil, fmt.Errorf("%w: --resume goes on with it, --force begins anew", err)
	case errors.Is(err, batch.ErrOtherShard):
		return nil, fmt.Errorf("%w: use another --out-dir", err)
	case errors.Is(err, batch.ErrOther):
		return nil, fmt.Errorf("%w: use another --out-dir, or --force to begin anew", err)
	}
	return run, err
}

// checkNames fails if two items have an output in common.
func checkNames(items []batch.Item, outputs func(batch.Item) ([]string, error)) error {
	err := batch.CheckNames(items, outputs)
	var clash *batch.Clash
	if errors.As(err, &clash) {
		err = fmt.Errorf("%w: a --name with {dir} or {key} tells them apart", err)
	}
	return failure.As(failure.Usage, err)
}

// fingerprint stands for what all items have in common: command, version, the
// model with what lies beside it, the kernels, whose last bits differ, and the
// flags that show in outputs.
func (b *batchOptions) fingerprint(command string, s *settings, m *model.Model) string {
	parts := []string{command, version, m.Identity(), m.Plan.Kernels()}
	s.flags.VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(notShared, f.Name) {
			part := f.Name + "=" + f.Value.String()
			if s.given(f.Name) {
				part += " given" // some defaults depend on the model
			}
			parts = append(parts, part)
		}
	})
	return batch.Fingerprint(parts...)
}
