package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"krypton/internal/atomicfile"
	"krypton/internal/batch"
	"krypton/internal/failure"
)

// What a batch's folder holds besides outputs.
const (
	journalFolder = ".krypton"
	itemsFile     = "items.jsonl" // in journalFolder
	resultsFile   = "results.jsonl"
	timingsFile   = "timings.jsonl"
)

// batchRun does one shard of a batch.
type batchRun struct {
	dir     string
	columns []string
	journal *batch.Journal
	others  []*batch.Log // of the other shards, as they were at the beginning
	shard   batch.Shard
	mine    []batch.Item
	// ours says that outputs which are there are this batch's own, or may be
	// replaced.
	ours bool
}

// openBatch finds this shard's items and opens its journal. cost is an item's
// predicted work.
func (b *batchOptions) openBatch(inputs *inputFiles, items []batch.Item, columns []string, fingerprint string, force bool, cost func(batch.Item) float64, say io.Writer) (*batchRun, error) {
	r := &batchRun{dir: b.dir, columns: columns, shard: batch.Shard{I: 1, N: 1, By: b.shardBy}}
	if b.shard != "" {
		var from string
		var err error
		if r.shard, from, err = batch.ParseShard(b.shard, b.shardBy, os.LookupEnv); err != nil {
			return nil, failure.Usagef("--shard: %w", err)
		}
		if from != "" {
			fmt.Fprintf(say, "krypton: shard %s (%s)\n", r.shard, printable(from))
		}
	}
	var err error
	if r.mine, err = r.shard.Pick(items, cost); err != nil {
		return nil, failure.Usagef("--shard-by: %w", err)
	}
	path := r.journalPath(r.shard)
	for _, f := range append(b.ownFiles(), path) {
		if err := inputs.check(f); err != nil {
			return nil, err
		}
	}
	if err := atomicfile.MakeFolder(filepath.Join(b.dir, journalFolder)); err != nil {
		return nil, failure.As(failure.CantCreate, err)
	}
	if i, err := os.Stat(path); err == nil && i.Size() > 0 {
		if !b.resume && !force {
			return nil, failure.CantCreatef("%s: a batch was here already: --resume goes on with it, --force begins anew", b.dir)
		}
		r.ours = true
	}
	r.journal, err = batch.Open(path, batch.Header{Fingerprint: fingerprint, Shard: r.shard}, batch.OpenOptions{Root: b.dir, Restart: force && !b.resume})
	if err != nil {
		return nil, journalError(err)
	}
	if err := r.readOthers(fingerprint, path); err != nil {
		return nil, errors.Join(err, r.journal.Close())
	}
	// One that was killed while it wrote results leaves them under a temporary name.
	if err := r.sweep([]string{resultsFile, timingsFile, filepath.Join(journalFolder, itemsFile)}); err != nil {
		return nil, errors.Join(err, r.journal.Close())
	}
	r.ours = r.ours || force || len(r.others) > 0
	if err := writeItems(filepath.Join(b.dir, journalFolder, itemsFile), items); err != nil {
		return nil, errors.Join(err, r.journal.Close())
	}
	return r, nil
}

// ownFiles are what a batch writes besides outputs and journals.
func (b *batchOptions) ownFiles() []string {
	return []string{filepath.Join(b.dir, resultsFile), filepath.Join(b.dir, timingsFile), filepath.Join(b.dir, journalFolder, itemsFile)}
}

func (r *batchRun) journalPath(s batch.Shard) string {
	return filepath.Join(r.dir, journalFolder, fmt.Sprintf("shard-%d-of-%d.jsonl", s.I, s.N))
}

// journalError gives a journal's error its kind.
func journalError(err error) error {
	switch {
	case errors.Is(err, batch.ErrBusy):
		return failure.As(failure.Temporary, err)
	case errors.Is(err, batch.ErrOther):
		return failure.Usagef("%w: use another --out-dir, or --force to begin anew", err)
	case errors.Is(err, batch.ErrDamaged), errors.Is(err, batch.ErrVersion):
		return failure.As(failure.Data, err)
	}
	return failure.As(failure.CantCreate, err)
}

// journals are the paths of all journals in a batch's folder, sorted.
func journals(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, journalFolder))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "shard-") && strings.HasSuffix(e.Name(), ".jsonl") {
			out = append(out, filepath.Join(dir, journalFolder, e.Name()))
		}
	}
	return out, nil
}

// readOthers reads what other shards have done, perhaps of another split.
func (r *batchRun) readOthers(fingerprint, own string) error {
	paths, err := journals(r.dir)
	if err != nil {
		return failure.As(failure.CantCreate, err)
	}
	for _, p := range paths {
		if p == own {
			continue
		}
		log, err := batch.ReadLogFile(p)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return journalError(err)
		case log.Header.Fingerprint == "":
			continue // it got no further than its creation
		case log.Header.Fingerprint != fingerprint:
			return failure.Usagef("journal %s: %w: model, settings or version differ: use another --out-dir", p, batch.ErrOther)
		}
		r.others = append(r.others, log)
	}
	return nil
}

// writeItems keeps the batch's list, for merging. Shards write the same one.
func writeItems(path string, items []batch.Item) error {
	err := atomicfile.Write(path, true, func(w io.Writer) error { return batch.WriteManifest(w, items) })
	return failure.As(failure.CantCreate, err)
}

// known says whether a journal has a word on an item, so that its input's
// digest is worth knowing.
func (r *batchRun) known(it batch.Item) bool {
	if _, found := r.journal.Record(it.Key()); found {
		return true
	}
	return slices.ContainsFunc(r.others, func(l *batch.Log) bool {
		_, found := l.Record(it.Key())
		return found
	})
}

// done says whether an item needs nothing more. digest is its input's.
func (r *batchRun) done(it batch.Item, digest string) bool {
	key := it.Key()
	if ok, _ := r.journal.Done(key, digest); ok {
		return true
	}
	return slices.ContainsFunc(r.others, func(l *batch.Log) bool {
		ok, _ := l.Done(r.dir, key, digest)
		return ok
	})
}

// finished writes an item into the journal: with its outputs, by their names in
// the folder or absolute, or with what went wrong.
func (r *batchRun) finished(it batch.Item, digest string, outputs []string, took time.Duration, wrong error) error {
	if err := r.journal.Gone(); err != nil {
		return journalError(err) // and the outputs with it, perhaps
	}
	rec := batch.Record{Key: it.Key(), Item: it.Path, Digest: digest, Status: batch.StatusDone, Seconds: took.Seconds()}
	if wrong != nil {
		rec.Status, rec.Error = batch.StatusFailed, wrong.Error()
	} else {
		var err error
		if rec.Outputs, err = batch.Outputs(r.dir, outputs...); err != nil {
			return failure.CantCreatef("%s: %w", it.Path, err)
		}
	}
	if err := r.journal.Append(rec); err != nil {
		return failure.As(failure.CantCreate, err)
	}
	return nil
}

// replaces says whether outputs that are there are this batch's own by now: a shard of
// another split may have begun since.
func (r *batchRun) replaces() bool {
	if r.ours {
		return true
	}
	paths, err := journals(r.dir)
	return err == nil && len(paths) > 1
}

// at is where an output of this name lies.
func (r *batchRun) at(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(r.dir, name)
}

// makeFolders makes the folders that outputs lie in, but for absolute ones. It does
// not make the batch's own folder again: whoever removed it, removed the journal.
func (r *batchRun) makeFolders(outputs []string) error {
	if err := r.journal.Gone(); err != nil {
		return journalError(err)
	}
	for _, name := range outputs {
		if filepath.IsAbs(name) {
			continue
		}
		if err := atomicfile.MakeFolder(filepath.Dir(r.at(name))); err != nil {
			return failure.As(failure.CantCreate, err)
		}
	}
	return nil
}

// abandonedAfter is the age from which on nobody still writes a temporary file, where
// the file system cannot tell.
const abandonedAfter = time.Hour

// sweep removes temporary files that a killed run has left of these outputs.
func (r *batchRun) sweep(outputs []string) error {
	folders := map[string][]string{}
	for _, name := range outputs {
		p := r.at(name)
		folders[filepath.Dir(p)] = append(folders[filepath.Dir(p)], filepath.Base(p))
	}
	for dir, names := range folders {
		if err := atomicfile.RemoveAbandoned(dir, names, abandonedAfter); err != nil {
			return failure.As(failure.CantCreate, err)
		}
	}
	return nil
}

// close ends the run, which came to err. If every item of the batch has been tried
// by then, by whichever shard, the results are written.
func (r *batchRun) close(interrupted bool, err error) error {
	gone := r.journal.Gone()
	closed := r.journal.Close()
	if interrupted || err != nil && failureKind(err) != failure.Partial {
		return err // it says what is the matter with the journal, if anything is
	}
	if gone != nil {
		return errors.Join(journalError(gone), err)
	}
	if closed != nil {
		return errors.Join(journalError(closed), err)
	}
	m, failed := mergeBatch(r.dir, r.columns)
	if failed == nil && m.Missing == 0 {
		failed = writeResults(r.dir, m)
	}
	return errors.Join(failed, err)
}
