package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"krypton/internal/batch"
	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/inputs"
	"krypton/internal/model"
	"krypton/internal/ui"
)

// obeColumns are the flags that an item of a batch may set for itself.
var obeColumns = batch.DefaultColumns

// obeBatch explains the pictures of a batch's shard: while one is computed the
// next is read and the one before is written.
type obeBatch struct {
	*obeOptions
	flags  *pflag.FlagSet // as the command line set them
	inputs *inputs.Set
	io     streams
	models *model.Cache
	run    *batch.Run
	rep    *reporter
	bar    *ui.Progress
	quiet  bool
	tally  tally
	done   int // that were so before
	// summed is the recording that was summed up last.
	summed struct{ name, sum string }
}

// batchPicture is a picture of a batch on its way.
type batchPicture = batch.Task[*outcome]

// runOBEBatch explains the pictures of a batch.
func runOBEBatch(ctx context.Context, flags *pflag.FlagSet, io streams, o *obeOptions, mo *modelOptions, args []string) error {
	if err := o.checkBatch(); err != nil {
		return failure.As(failure.Usage, err)
	}
	inputs, err := o.lists.expand(args, io)
	if err != nil {
		return err
	}
	items, err := o.batch.items(obeColumns, inputs, io.in)
	if err != nil {
		return err
	}
	b := &obeBatch{obeOptions: o, flags: flags, io: io}
	if err := checkNames(items, b.outputs); err != nil {
		return err
	}
	b.models = model.NewCache(0) // one plan at a time: items with equal settings come one after the other
	mo.models = b.models
	s, err := loadSettingsOf(flags)
	if err != nil {
		return err
	}
	b.inputs = s.inputs
	addItems(b.inputs, items)
	base, err := makeOBERun(ctx, s, io, o, mo)
	if err != nil {
		return err
	}
	if b.windowed() {
		if items, err = b.windowItems(ctx, base, items); err != nil {
			return err
		}
		if err := checkNames(items, b.outputs); err != nil {
			return err
		}
	}
	for _, it := range items {
		b.inputs.Add(base.maskFile(it.Path))
		b.inputs.Add(withFiles(base.with, it.Path)...)
	}
	b.quiet = base.quiet
	fingerprint := o.batch.fingerprint("obe", s, base.job.Model())
	if o.dryRun {
		return b.estimate(ctx, base, items)
	}
	if b.rep, err = newReporter(ctx, o, io, s.inputs); err != nil {
		return err
	}
	workBegins(ctx)
	return b.rep.finish(ctx, func() error {
		if b.run, err = o.batch.start(b.inputs, items, obeColumns, fingerprint, o.force, b.costs(ctx, base), io.err); err != nil {
			return err
		}
		err := b.all(ctx, base)
		return b.run.Close(ctx.Err() != nil, err)
	}())
}

// checkBatch refuses flags that are about one picture, or about all together.
func (o *obeOptions) checkBatch() error {
	switch {
	case o.out != "":
		return errors.New("--out and --out-dir exclude each other (--name names the outputs of a batch)")
	case o.dicom != "":
		return errors.New("--dicom and --out-dir exclude each other: objects are derived without a batch")
	case o.render.scale.Shared:
		return errors.New("--scale shared needs all pictures at once: give a batch min,max")
	case o.scoresOnly && len(o.scores) == 0:
		return errors.New("--scores-only needs --scores")
	case o.asJSON:
		return errors.New("--json and --out-dir exclude each other: a batch writes results.jsonl, and records into --scores {name}.json")
	}
	return nil
}

// outputs are the names of an item's outputs.
func (b *obeBatch) outputs(it batch.Item) ([]string, error) {
	names, err := it.Outputs(b.batch.name, b.scores)
	if err != nil || !b.scoresOnly {
		return names, err
	}
	return names[1:], nil
}

// variant makes ready what an item's own settings need.
func (b *obeBatch) variant(ctx context.Context, set map[string]string) (*obeRun, error) {
	var o obeOptions
	m := modelOptions{models: b.models}
	s, err := settingsWith(b.flags, b.inputs, set, func(f *pflag.FlagSet) {
		o.addFlags(f)
		m.addFlags(f)
		m.addWindowFlag(f)
		m.addWithFlag(f)
	})
	if err != nil {
		return nil, err
	}
	return makeOBERun(ctx, s, b.io, &o, &m)
}

// costs predicts an item's work: its positions' multiply-adds. Settings that
// cannot be used cost nothing. What was predicted once holds for all items with
// the same settings.
func (b *obeBatch) costs(ctx context.Context, base *obeRun) func(batch.Item) float64 {
	known := map[string]float64{}
	cost := func(r *obeRun) (sum float64) {
		for _, m := range r.job.Maps() {
			for i := range m.Grid.Len() {
				sum += float64(r.job.Model().Plan.Count(m.Grid.Rect(i)))
			}
		}
		return sum
	}
	none := cost(base)
	return func(it batch.Item) float64 {
		if len(it.Set) == 0 {
			return none
		}
		key := it.SettingsKey()
		if c, ok := known[key]; ok {
			return c
		}
		known[key] = 0
		if j, err := b.variant(ctx, it.Set); err == nil {
			known[key] = cost(j)
		}
		return known[key]
	}
}

// all explains every picture of the shard; one that fails does not stop the
// others.
func (b *obeBatch) all(ctx context.Context, base *obeRun) error {
	base.rep = b.rep
	b.rep.begin(base.job, len(b.run.Mine))
	if mine := b.run.Mine; len(mine) > 0 {
		if _, other := mine[0].Set["model"]; other { // which a manifest has for each
			base.unnamed = false
		}
		base.warn(mine[0].Path)
	}
	var names []string
	for _, it := range b.run.Mine {
		n, err := b.outputs(it)
		if err != nil {
			return err
		}
		names = append(names, n...)
	}
	if err := b.run.Sweep(names); err != nil {
		return err
	}
	b.bar = ui.NewCount(b.io.err, ui.StyleFor(b.io.err, b.quiet), "pictures", len(b.run.Mine))
	err := b.groups(ctx, base)
	b.bar.Finish()
	if err != nil {
		return err
	}
	if !b.quiet {
		fmt.Fprintf(b.io.err, "%d pictures in %s: %d done, %d of these before, %d failed\n", len(b.run.Mine), b.run.Dir(), len(b.run.Mine)-b.tally.failed, b.done, b.tally.failed)
	}
	if b.tally.failed > 0 {
		return failure.As(failure.Partial, fmt.Errorf("%d of %d pictures failed", b.tally.failed, len(b.run.Mine)))
	}
	return nil
}

// groups goes through the shard's items by kind.
func (b *obeBatch) groups(ctx context.Context, base *obeRun) error {
	for _, items := range batch.Groups(b.run.Mine) {
		if err := b.group(ctx, base, items); err != nil {
			return err
		}
	}
	return nil
}

// group explains pictures that share their settings.
func (b *obeBatch) group(ctx context.Context, base *obeRun, items []batch.Item) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	j, unusable := base, error(nil)
	if len(items[0].Set) > 0 {
		j, unusable = b.variant(ctx, items[0].Set)
	}
	if unusable == nil {
		j.rep, j.written, j.quiet = b.rep, nil, true // the bar counts pictures, not positions
	}
	return batch.Drive(ctx, b.run, items, batch.Stages[*outcome]{
		Ahead: true,
		Read: func(ctx context.Context, p *batchPicture) error {
			if unusable != nil {
				return unusable
			}
			return hinted(b.read(ctx, j, p))
		},
		Compute: func(ctx context.Context, p *batchPicture) (err error) {
			if !p.Idle() {
				if err = j.compute(ctx, p.Work); err != nil {
					err = fmt.Errorf("%s: %w", p.Work.label, err)
				}
			}
			if ctx.Err() == nil {
				b.rep.run.End(p.Err != nil || err != nil)
			}
			return err
		},
		Write: func(p *batchPicture) error { return hinted(b.write(j, p)) },
		Told:  b.tell,
	})
}

// read finds out whether a picture is done, and reads it if not.
func (b *obeBatch) read(ctx context.Context, j *obeRun, p *batchPicture) error {
	var err error
	if p.Outputs, err = b.outputs(p.Item); err != nil {
		return err
	}
	o := &outcome{in: p.Item.Path, label: p.Item.Path, target: "-", force: b.run.Replaces(), imprint: explain.Imprint{Timeless: true}}
	p.Work = o
	files := p.Outputs
	if !b.scoresOnly {
		o.target, o.imprint.Heatmap, files = b.run.At(files[0]), files[0], files[1:]
	}
	for _, name := range files {
		o.files = append(o.files, b.run.At(name))
	}
	if b.run.Known(p.Item) {
		// What cannot be read now will fail below.
		if picture, err := b.sumFile(o.in); err == nil {
			mask, _ := batch.SumFile(j.maskFile(o.in))
			var with []string
			for _, file := range withFiles(j.with, o.in) {
				sum, _ := batch.SumFile(file)
				with = append(with, sum)
			}
			if p.Already = b.run.Done(p.Item, b.digest(j, p.Item, picture, mask, with)); p.Already {
				return nil
			}
		}
	}
	if err := b.run.MakeFolders(p.Outputs); err != nil {
		return err
	}
	if err := j.read(ctx, o); err != nil {
		return err
	}
	p.Digest = b.digest(j, p.Item, o.input.SHA256, o.input.MaskSHA256, o.input.WithSHA256())
	return nil
}

// digest stands for what an item is made from, beside what all items share.
func (b *obeBatch) digest(j *obeRun, it batch.Item, picture, mask string, with []string) string {
	return j.job.Digest(picture, mask, with, it.Set["model"] != "" || it.Set["labels"] != "" || it.Set["bind"] != "")
}

// write writes a picture's outputs.
func (b *obeBatch) write(j *obeRun, p *batchPicture) error {
	p.Work.force = b.run.Replaces()
	err := j.writeScores(p.Work)
	if err == nil && !b.scoresOnly {
		err = j.draw(p.Work, j.style)
	}
	if err != nil {
		b.rep.run.Spoil()
	}
	return err
}

// tell says what became of a picture.
func (b *obeBatch) tell(p *batchPicture) {
	defer func() { b.bar.Set(b.count()) }()
	switch {
	case p.Already:
		b.done++
	case p.Err == nil:
		b.rep.item(p.Work)
	default:
		b.tally.failed++
		b.rep.Fail(p.Item.Path, p.Err)
		b.bar.Say(func() { fmt.Fprintf(b.io.err, "krypton: %s\n", printable(messageFor(p.Item.Path, p.Err))) })
	}
}

// messageFor makes sure that a message says which item it is about.
func messageFor(path string, err error) string {
	if text := err.Error(); strings.Contains(text, path) {
		return text
	}
	return path + ": " + err.Error()
}

// count is the number of pictures that nothing is left to do for.
func (b *obeBatch) count() int {
	s := b.rep.run.Status()
	return s.Done + s.Failed
}

// estimate says what there is to do.
func (b *obeBatch) estimate(ctx context.Context, base *obeRun, items []batch.Item) error {
	shard, mine, err := b.batch.part(items, b.costs(ctx, base), io.Discard)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(b.io.out, "%d pictures, %d of them in shard %s; for each without settings of its own:\n", len(items), len(mine), shard); err != nil {
		return err
	}
	return base.estimateOn(ctx, nil)
}
