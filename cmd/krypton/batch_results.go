package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"krypton/internal/atomicfile"
	"krypton/internal/batch"
	"krypton/internal/failure"
)

// mergeBatch reads all that is known of the batch in a folder. columns are the
// settings that its items may have; nil means those of any command.
func mergeBatch(dir string, columns []string) (*batch.Merged, error) {
	if columns == nil {
		columns = slices.Concat(obeColumns, orvColumns)
	}
	path := filepath.Join(dir, journalFolder, itemsFile)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, failure.Missingf("%s: no batch was here (there is no %s)", dir, path)
	}
	if err != nil {
		return nil, failure.As(failure.Missing, err)
	}
	defer f.Close()
	items, err := batch.ReadManifest(f, path, batch.Options{Columns: columns})
	if err != nil {
		return nil, failure.As(failure.Data, err)
	}
	paths, err := journals(dir)
	if err != nil {
		return nil, failure.As(failure.Missing, err)
	}
	var logs []*batch.Log
	for _, p := range paths {
		log, err := batch.ReadLogFile(p)
		if err != nil {
			return nil, failure.As(failure.Data, err)
		}
		logs = append(logs, log)
	}
	m, err := batch.Results(items, logs...)
	if err != nil {
		return nil, failure.As(failure.Data, err)
	}
	return m, nil
}

// writeResults writes what became of each item: results.jsonl is the same
// however the batch was split and interrupted, timings.jsonl is not.
func writeResults(dir string, m *batch.Merged) error {
	if err := atomicfile.Write(filepath.Join(dir, resultsFile), true, m.WriteResults); err != nil {
		return failure.As(failure.CantCreate, err)
	}
	return failure.As(failure.CantCreate, atomicfile.Write(filepath.Join(dir, timingsFile), true, m.WriteTimings))
}
