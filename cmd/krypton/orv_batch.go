package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"krypton/internal/batch"
	"krypton/internal/failure"
	"krypton/internal/framelabels"
	"krypton/internal/inputs"
	"krypton/internal/model"
)

// orvColumns are the flags that an item of a batch may set for itself.
var orvColumns = []string{"model", "labels", "output", "preset", "mode", "tolerance", "epsilon", "start", "end", "every", "min-score", "classes", "out"}

// orvBatch recognizes the videos of a batch's shard, one after the other.
type orvBatch struct {
	*orvOptions
	flags  *pflag.FlagSet // as the command line set them
	inputs *inputs.Set
	io     streams
	models *model.Cache
	run    *batch.Run
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
		base, err := it.Output(o.batch.name)
		return []string{base}, err
	}); err != nil {
		return err
	}
	b.models = model.NewCache(0)
	mo.models = b.models
	if o.where.device == onGPU {
		mo.more = needs(o.precision) // one plan for all that is asked of a video
	}
	s, err := loadSettingsOf(flags)
	if err != nil {
		return err
	}
	b.inputs = s.inputs
	addItems(b.inputs, items)
	m, err := mo.load(ctx, s)
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
	if b.run, err = o.batch.start(b.inputs, items, orvColumns, o.batch.fingerprint("orv", s, m), o.force, cost, io.err); err != nil {
		return err
	}
	err = b.all(ctx)
	return b.run.Close(ctx.Err() != nil, err)
}

// all does every video of the shard; one that fails does not stop the others.
func (b *orvBatch) all(ctx context.Context) error {
	failed, before := 0, 0
	var last error // of the video that an interruption ended: it says what is left of it
	err := batch.Drive(ctx, b.run, b.run.Mine, batch.Stages[*orvItem]{
		Read: func(ctx context.Context, v *batchVideo) error { return hinted(b.read(ctx, v)) },
		Compute: func(ctx context.Context, v *batchVideo) error {
			if last = nil; v.Idle() {
				return nil
			}
			v.Outputs, last = b.recognize(ctx, v.Work, v.Item)
			return last
		},
		Told: func(v *batchVideo) {
			if v.Err != nil {
				failed++
				fmt.Fprintf(b.io.err, "krypton: %s\n", printable(messageFor(v.Item.Path, v.Err)))
			}
			if v.Already {
				before++
			}
		},
	})
	if err != nil && ctx.Err() != nil && last != nil {
		return last
	}
	if err != nil {
		return err
	}
	if quiet, err := b.flags.GetBool("quiet"); err == nil && !quiet {
		fmt.Fprintf(b.io.err, "%d videos in %s: %d done, %d of these before, %d failed\n", len(b.run.Mine), b.run.Dir(), len(b.run.Mine)-failed, before, failed)
	}
	if failed > 0 {
		return failure.As(failure.Partial, fmt.Errorf("%d of %d videos failed", failed, len(b.run.Mine)))
	}
	return nil
}

// batchVideo is a video of a batch on its way.
type batchVideo = batch.Task[*orvItem]

// orvItem are an item's own settings, with those of the command line.
type orvItem struct {
	settings *settings
	options  orvOptions
	model    modelOptions
}

// read finds out whether a video is done, and makes its settings.
func (b *orvBatch) read(ctx context.Context, v *batchVideo) error {
	if i, err := os.Stat(v.Item.Path); err == nil && i.Mode().IsRegular() {
		if v.Digest, err = batch.SumFile(v.Item.Path); err != nil {
			return err
		}
	}
	own := &orvItem{model: modelOptions{models: b.models}}
	if b.where.device == onGPU {
		own.model.more = needs(b.precision)
	}
	v.Work = own
	var err error
	if own.settings, err = settingsWith(b.flags, b.inputs, v.Item.Set, func(f *pflag.FlagSet) {
		own.options.addFlags(f)
		own.model.addFlags(f)
	}); err != nil {
		return err
	}
	loaded, err := own.model.load(ctx, own.settings)
	if err != nil {
		return err
	}
	if v.Item.Set["model"] != "" || v.Item.Set["labels"] != "" {
		v.Digest += " model " + loaded.Identity()
	}
	v.Already = b.run.Known(v.Item) && b.run.Done(v.Item, v.Digest)
	return nil
}

// recognize runs one video, and gives the files that came of it.
func (b *orvBatch) recognize(ctx context.Context, own *orvItem, it batch.Item) ([]string, error) {
	o := &own.options
	base, err := it.Output(b.batch.name)
	if err != nil {
		return nil, err
	}
	names := []string{base}
	o.out, o.force = b.run.At(base), b.run.Replaces()
	o.resume = b.batch.resume && slices.Contains(strings.Split(o.formats, ","), "jsonl")
	if o.annotate != "" {
		name, err := it.Expand(o.annotate)
		if err != nil {
			return nil, err
		}
		o.annotate = b.run.At(name)
		names = append(names, name)
	}
	if err := b.run.MakeFolders(names); err != nil {
		return nil, err
	}
	if err := runORV(ctx, own.settings, b.io, o, &own.model, it.Path); err != nil {
		return nil, err
	}
	outputs := names[1:]
	for _, f := range strings.Split(o.formats, ",") {
		name := base + framelabels.Ending(strings.TrimSpace(f))
		err := filepath.WalkDir(b.run.At(name), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			rel, err := filepath.Rel(b.run.Dir(), path)
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
