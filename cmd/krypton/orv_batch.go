package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"krypton/internal/batch"
	"krypton/internal/failure"
	"krypton/internal/framelabels"
)

// orvColumns are the flags that an item of a batch may set for itself.
var orvColumns = []string{"model", "labels", "output", "preset", "mode", "tolerance", "epsilon", "start", "end", "every", "min-score", "classes", "out"}

// orvBatch recognizes the videos of a batch's shard, one after the other.
type orvBatch struct {
	*orvOptions
	flags  *pflag.FlagSet // as the command line set them
	inputs *inputFiles
	io     streams
	store  modelStore
	run    *batchRun
}

// runORVBatch recognizes the videos of a batch.
func runORVBatch(ctx context.Context, flags *pflag.FlagSet, io streams, o *orvOptions, mo *modelOptions, args []string) (err error) {
	switch {
	case o.out != "":
		return failure.Usagef("--out and --out-dir exclude each other (--name names the outputs of a batch)")
	case o.sweep != "":
		return failure.Usagef("--sweep is for one video")
	case o.annotate != "" && !strings.Contains(o.annotate, "{name}"):
		return failure.Usagef("--annotate needs {name} in a batch: each video has its own")
	}
	items, err := o.batch.items(orvColumns, args, io.in)
	if err != nil {
		return err
	}
	b := &orvBatch{orvOptions: o, flags: flags, io: io}
	if err := checkNames(items, func(it batch.Item) ([]string, error) {
		base, err := o.batch.base(it)
		return []string{base}, err
	}); err != nil {
		return err
	}
	mo.store = &b.store
	s, err := loadSettingsOf(flags)
	if err != nil {
		return err
	}
	b.inputs = s.inputs
	b.inputs.addItems(items)
	m, err := mo.load(s)
	if err != nil {
		return err
	}
	// A longer video takes longer: its size is known everywhere.
	cost := func(it batch.Item) float64 {
		if i, err := os.Stat(it.Path); err == nil && i.Mode().IsRegular() {
			return float64(i.Size())
		}
		return 1
	}
	workBegins(ctx)
	if b.run, err = o.batch.openBatch(b.inputs, items, orvColumns, o.batch.fingerprint("orv", s, m), o.force, cost, io.err); err != nil {
		return err
	}
	err = b.all(ctx)
	return b.run.close(ctx.Err() != nil, err)
}

// all does every video of the shard; one that fails does not stop the others.
func (b *orvBatch) all(ctx context.Context) error {
	failed, before := 0, 0
	for _, it := range b.run.mine {
		already, err := b.video(ctx, it)
		if err != nil && ctx.Err() != nil {
			return err
		}
		var broken *journalBroken
		if errors.As(err, &broken) {
			return broken.err
		}
		if err != nil {
			failed++
			fmt.Fprintf(b.io.err, "krypton: %s\n", printable(messageFor(it.Path, err)))
		}
		if already {
			before++
		}
	}
	if quiet, err := b.flags.GetBool("quiet"); err == nil && !quiet {
		fmt.Fprintf(b.io.err, "%d videos in %s: %d done, %d of these before, %d failed\n", len(b.run.mine), b.run.dir, len(b.run.mine)-failed, before, failed)
	}
	if failed > 0 {
		return failure.As(failure.Partial, fmt.Errorf("%d of %d videos failed", failed, len(b.run.mine)))
	}
	return nil
}

// journalBroken is an error after which nobody knows what is done.
type journalBroken struct{ err error }

func (j *journalBroken) Error() string { return j.err.Error() }
func (j *journalBroken) Unwrap() error { return j.err }

// video does one video, unless an earlier run has.
func (b *orvBatch) video(ctx context.Context, it batch.Item) (already bool, err error) {
	begun := time.Now()
	digest := ""
	if i, err := os.Stat(it.Path); err == nil && i.Mode().IsRegular() {
		if digest, err = batch.SumFile(it.Path); err != nil {
			return false, err
		}
	}
	var o orvOptions
	m := modelOptions{store: &b.store}
	s, err := settingsWith(b.flags, b.inputs, it.Set, func(f *pflag.FlagSet) {
		o.addFlags(f)
		m.addFlags(f)
	})
	var outputs []string
	if err == nil {
		var loaded *loadedModel
		if loaded, err = m.load(s); err == nil && (it.Set["model"] != "" || it.Set["labels"] != "") {
			digest += " model " + loaded.identity()
		}
	}
	if err == nil {
		if b.run.known(it) && b.run.done(it, digest) {
			return true, nil
		}
		outputs, err = b.recognize(ctx, s, &o, &m, it)
	}
	if ctx.Err() != nil {
		return false, err
	}
	if e := b.run.finished(it, digest, outputs, time.Since(begun), err); e != nil {
		return false, &journalBroken{e}
	}
	return false, err
}

// recognize runs one video, and gives the files that came of it.
func (b *orvBatch) recognize(ctx context.Context, s *settings, o *orvOptions, mo *modelOptions, it batch.Item) ([]string, error) {
	base, err := b.batch.base(it)
	if err != nil {
		return nil, err
	}
	names := []string{base}
	o.out, o.force = b.run.at(base), b.run.replaces()
	o.resume = b.batch.resume && slices.Contains(strings.Split(o.formats, ","), "jsonl")
	if o.annotate != "" {
		name, err := b.batch.expand(o.annotate, it)
		if err != nil {
			return nil, err
		}
		o.annotate = b.run.at(name)
		names = append(names, name)
	}
	if err := b.run.makeFolders(names); err != nil {
		return nil, err
	}
	if err := runORV(ctx, s, b.io, o, mo, it.Path); err != nil {
		return nil, err
	}
	outputs := names[1:]
	for _, f := range strings.Split(o.formats, ",") {
		name := base + framelabels.Ending(strings.TrimSpace(f))
		err := filepath.WalkDir(b.run.at(name), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			rel, err := filepath.Rel(b.run.dir, path)
			outputs = append(outputs, rel)
			return err
		})
		if err != nil {
			return nil, failure.As(failure.CantCreate, err)
		}
	}
	slices.Sort(outputs)
	return slices.Compact(outputs), nil
}
