package batch

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
	"krypton/internal/failure"
)

// What a batch's folder holds besides outputs.
const (
	JournalFolder = ".krypton"
	ResultsFile   = "results.jsonl"
	TimingsFile   = "timings.jsonl"
	ItemsFile     = "items.jsonl" // the list of all items, in JournalFolder
)

// ErrBegun says that a folder holds a batch's journal already, and that nobody asked to
// go on with it or to begin anew.
var ErrBegun = errors.New("a batch was here already")

// ErrOtherShard says that the journal of another shard, in the same folder, was made
// with another model, settings or version.
var ErrOtherShard = fmt.Errorf("%w", ErrOther)

// Run does one shard of a batch: it knows what is done, by its own journal and by those
// of other shards, and writes down what becomes of the rest. Drive uses it.
type Run struct {
	dir     string
	columns []string
	journal *Journal
	others  []*Log // of the other shards, as they were at the beginning
	// Shard is the run's part of the batch, and Mine are the items in it.
	Shard Shard
	Mine  []Item
	// ours says that outputs which are there are this batch's own, or may be
	// replaced.
	ours bool
}

// RunOptions say what a run is of.
type RunOptions struct {
	// Dir is the batch's folder, Items are all of the batch, of all shards, and Columns
	// the settings that they may have.
	Dir     string
	Items   []Item
	Columns []string
	// Shard is the part to do, and Mine are the items in it (Shard.Pick).
	Shard Shard
	Mine  []Item
	// Fingerprint stands for what all items have in common.
	Fingerprint string
	// Resume goes on with a batch that is there, Force begins it anew; of both, Resume.
	Resume, Force bool
	// Check, if set, refuses files that must not be written.
	Check func(path string) error
}

// Start opens the journal of a shard. Close ends the run.
//
// Errors are of the kinds that package failure has; among them are ErrBegun, ErrBusy,
// ErrOther, ErrDamaged and ErrVersion.
func Start(o RunOptions) (*Run, error) {
	r := &Run{dir: o.Dir, columns: o.Columns, Shard: o.Shard.complete(), Mine: o.Mine}
	path := r.journalPath(r.Shard)
	for _, f := range []string{ResultsFile, TimingsFile, filepath.Join(JournalFolder, ItemsFile), r.journalName(r.Shard)} {
		if o.Check == nil {
			break
		}
		if err := o.Check(r.At(f)); err != nil {
			return nil, err
		}
	}
	if err := atomicfile.MakeFolder(filepath.Join(o.Dir, JournalFolder)); err != nil {
		return nil, failure.As(failure.CantCreate, err)
	}
	if i, err := os.Stat(path); err == nil && i.Size() > 0 {
		if !o.Resume && !o.Force {
			return nil, failure.CantCreatef("%s: %w", o.Dir, ErrBegun)
		}
		r.ours = true
	}
	// Before the journal is made: one that is refused here must leave none.
	if err := r.readOthers(o.Fingerprint, path); err != nil {
		return nil, err
	}
	var err error
	r.journal, err = Open(path, Header{Fingerprint: o.Fingerprint, Shard: r.Shard}, OpenOptions{Root: o.Dir, Restart: o.Force && !o.Resume})
	if err != nil {
		return nil, classify(err)
	}
	if err := r.begin(&o); err != nil {
		return nil, errors.Join(err, r.journal.Close())
	}
	return r, nil
}

// begin does what comes once the journal is open.
func (r *Run) begin(o *RunOptions) error {
	// One that was killed while it wrote results leaves them under a temporary name.
	list := filepath.Join(JournalFolder, ItemsFile)
	if err := r.Sweep([]string{ResultsFile, TimingsFile, list}); err != nil {
		return err
	}
	r.ours = r.ours || o.Force || len(r.others) > 0
	// It is kept for merging. Shards write the same one.
	err := atomicfile.Write(r.At(list), true, func(w io.Writer) error { return WriteManifest(w, o.Items) })
	return failure.As(failure.CantCreate, err)
}

func (r *Run) journalName(s Shard) string {
	return filepath.Join(JournalFolder, fmt.Sprintf("shard-%d-of-%d.jsonl", s.I, s.N))
}

func (r *Run) journalPath(s Shard) string { return filepath.Join(r.dir, r.journalName(s)) }

// classify gives a journal's error its kind.
func classify(err error) error {
	switch {
	case errors.Is(err, ErrBusy):
		return failure.As(failure.Temporary, err)
	case errors.Is(err, ErrOther):
		return failure.As(failure.Usage, err)
	case errors.Is(err, ErrDamaged), errors.Is(err, ErrVersion):
		return failure.As(failure.Data, err)
	}
	return failure.As(failure.CantCreate, err)
}

// journals are the paths of all journals in a batch's folder, sorted.
func journals(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, JournalFolder))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "shard-") && strings.HasSuffix(e.Name(), ".jsonl") {
			out = append(out, filepath.Join(dir, JournalFolder, e.Name()))
		}
	}
	return out, nil
}

// readOthers reads what other shards have done, perhaps of another split.
func (r *Run) readOthers(fingerprint, own string) error {
	paths, err := journals(r.dir)
	if err != nil {
		return failure.As(failure.CantCreate, err)
	}
	for _, p := range paths {
		if p == own {
			continue
		}
		log, err := ReadLogFile(p)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return classify(err)
		case log.Header.Fingerprint == "":
			continue // it got no further than its creation
		case log.Header.Fingerprint != fingerprint:
			return classify(fmt.Errorf("journal %s: %w: model, settings or version differ", p, ErrOtherShard))
		}
		r.others = append(r.others, log)
	}
	return nil
}

// Dir is the batch's folder.
func (r *Run) Dir() string { return r.dir }

// Known says whether a journal has a word on an item, so that its input's
// digest is worth knowing.
func (r *Run) Known(it Item) bool {
	if _, found := r.journal.Record(it.Key()); found {
		return true
	}
	return slices.ContainsFunc(r.others, func(l *Log) bool {
		_, found := l.Record(it.Key())
		return found
	})
}

// Done says whether an item needs nothing more. digest is its input's.
func (r *Run) Done(it Item, digest string) bool {
	key := it.Key()
	if ok, _ := r.journal.Done(key, digest); ok {
		return true
	}
	return slices.ContainsFunc(r.others, func(l *Log) bool {
		ok, _ := l.Done(r.dir, key, digest)
		return ok
	})
}

// finished writes an item into the journal: with its outputs, by their names in
// the folder or absolute, or with what went wrong.
func (r *Run) finished(it Item, digest string, outputs []string, took time.Duration, wrong error) error {
	if err := r.journal.Gone(); err != nil {
		return classify(err) // and the outputs with it, perhaps
	}
	rec := Record{Key: it.Key(), Item: it.Path, Digest: digest, Status: StatusDone, Seconds: took.Seconds()}
	if wrong != nil {
		rec.Status, rec.Error = StatusFailed, wrong.Error()
	} else {
		var err error
		if rec.Outputs, err = Outputs(r.dir, outputs...); err != nil {
			return failure.CantCreatef("%s: %w", it.Path, err)
		}
	}
	return failure.As(failure.CantCreate, r.journal.Append(rec))
}

// Replaces says whether outputs that are there are this batch's own by now: a shard of
// another split may have begun since.
func (r *Run) Replaces() bool {
	if r.ours {
		return true
	}
	paths, err := journals(r.dir)
	return err == nil && len(paths) > 1
}

// At is where an output of this name lies: in the batch's folder, or where it says, if
// it is absolute.
func (r *Run) At(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(r.dir, name)
}

// MakeFolders makes the folders that outputs lie in, but for absolute ones. It does
// not make the batch's own folder again: whoever removed it, removed the journal.
func (r *Run) MakeFolders(outputs []string) error {
	if err := r.journal.Gone(); err != nil {
		return classify(err)
	}
	for _, name := range outputs {
		if filepath.IsAbs(name) {
			continue
		}
		if err := atomicfile.MakeFolder(filepath.Dir(r.At(name))); err != nil {
			return failure.As(failure.CantCreate, err)
		}
	}
	return nil
}

// abandonedAfter is the age from which on nobody still writes a temporary file, where
// the file system cannot tell.
const abandonedAfter = time.Hour

// Sweep removes temporary files that a killed run has left of these outputs.
func (r *Run) Sweep(outputs []string) error {
	folders := map[string][]string{}
	for _, name := range outputs {
		p := r.At(name)
		folders[filepath.Dir(p)] = append(folders[filepath.Dir(p)], filepath.Base(p))
	}
	for dir, names := range folders {
		if err := atomicfile.RemoveAbandoned(dir, names, abandonedAfter); err != nil {
			return failure.As(failure.CantCreate, err)
		}
	}
	return nil
}

// Close ends the run, which came to err. If every item of the batch has been tried
// by then, by whichever shard, the results are written; they are not after an
// interruption, or an error other than that of single items (failure.Partial).
func (r *Run) Close(interrupted bool, err error) error {
	gone := r.journal.Gone()
	closed := r.journal.Close()
	if kind, _ := failure.Of(err); interrupted || err != nil && kind != failure.Partial {
		return err // it says what is the matter with the journal, if anything is
	}
	if gone != nil {
		return errors.Join(classify(gone), err)
	}
	if closed != nil {
		return errors.Join(classify(closed), err)
	}
	m, failed := Merge(r.dir, r.columns)
	if failed == nil && m.Missing == 0 {
		failed = m.Write(r.dir)
	}
	return errors.Join(failed, err)
}
