package batch

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"slices"
)

// WriteManifest writes items as ReadManifest reads them from a .jsonl file: an
// object a line, its settings in the order of their names.
func WriteManifest(w io.Writer, items []Item) error {
	for _, it := range items {
		if err := it.check(); err != nil {
			return err
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		pair := func(sep, name, value string) error {
			for i, s := range []string{name, value} {
				b.WriteString([]string{sep, ":"}[i])
				if err := e.Encode(s); err != nil {
					return err
				}
				b.Truncate(b.Len() - 1) // the encoder's newline
			}
			return nil
		}
		if err := pair("{", itemColumn, it.Path); err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(it.Set)) {
			if err := pair(",", name, it.Set[name]); err != nil {
				return err
			}
		}
		b.WriteString("}\n")
		if _, err := w.Write(b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}
