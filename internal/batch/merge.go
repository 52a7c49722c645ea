package batch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"krypton/internal/atomicfile"
	"krypton/internal/failure"
)

// Merge reads all that is known of the batch in a folder, from all shards' journals.
// columns are the settings that its items may have. Errors have the kinds Missing, if no
// batch was there, and Data.
func Merge(dir string, columns []string) (*Merged, error) {
	path := filepath.Join(dir, JournalFolder, ItemsFile)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, failure.Missingf("%s: no batch was here (there is no %s)", dir, path)
	}
	if err != nil {
		return nil, failure.As(failure.Missing, err)
	}
	defer f.Close()
	items, err := ReadManifest(f, path, Options{Columns: columns})
	if err != nil {
		return nil, failure.As(failure.Data, err)
	}
	paths, err := journals(dir)
	if err != nil {
		return nil, failure.As(failure.Missing, err)
	}
	var logs []*Log
	for _, p := range paths {
		log, err := ReadLogFile(p)
		if err != nil {
			return nil, failure.As(failure.Data, err)
		}
		logs = append(logs, log)
	}
	m, err := Results(items, logs...)
	return m, failure.As(failure.Data, err)
}

// Write writes what became of each item into the batch's folder: ResultsFile is the same
// however the batch was split and interrupted, TimingsFile is not.
func (m *Merged) Write(dir string) error {
	if err := atomicfile.Write(filepath.Join(dir, ResultsFile), true, m.WriteResults); err != nil {
		return failure.As(failure.CantCreate, err)
	}
	return failure.As(failure.CantCreate, atomicfile.Write(filepath.Join(dir, TimingsFile), true, m.WriteTimings))
}

// Remarks has a line for each item that is not done, or whose outputs, below dir, are
// no longer what they were; lost counts the latter.
func (m *Merged) Remarks(ctx context.Context, dir string) (said []string, lost int, err error) {
	for _, r := range m.Results {
		if ctx.Err() != nil {
			return nil, 0, context.Cause(ctx)
		}
		why := r.Error
		switch {
		case r.Status == StatusDone:
			err := r.Lost(dir)
			if err == nil {
				continue
			}
			lost++
			why = err.Error()
		case why == "":
			why = "no shard has done it"
		}
		said = append(said, fmt.Sprintf("%s: %s: %s", r.Item, r.Status, why))
	}
	return said, lost, nil
}
