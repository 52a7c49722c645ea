package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"krypton/internal/atomicfile"
	"krypton/internal/batch"
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
		return nil, coded(exitNoInput, fmt.Errorf("%s: no batch was here (there is no %s)", dir, path))
	}
	if err != nil {
		return nil, coded(exitNoInput, err)
	}
	defer f.Close()
	items, err := batch.ReadManifest(f, path, batch.Options{Columns: columns})
	if err != nil {
		return nil, coded(exitData, err)
	}
	paths, err := journals(dir)
	if err != nil {
		return nil, coded(exitNoInput, err)
	}
	var logs []*batch.Log
	for _, p := range paths {
		log, err := batch.ReadLogFile(p)
		if err != nil {
			return nil, coded(exitData, err)
		}
		logs = append(logs, log)
	}
	m, err := batch.Results(items, logs...)
	if err != nil {
		return nil, coded(exitData, err)
	}
	return m, nil
}

// writeResults writes what became of each item: results.jsonl is the same
// however the batch was split and interrupted, timings.jsonl is not.
func writeResults(dir string, m *batch.Merged) error {
	if err := atomicfile.Write(filepath.Join(dir, resultsFile), true, m.WriteResults); err != nil {
		return coded(exitCantCreate, err)
	}
	return coded(exitCantCreate, atomicfile.Write(filepath.Join(dir, timingsFile), true, m.WriteTimings))
}
