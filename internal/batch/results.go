package batch

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// ErrConflict says that two journals contradict each other about an item.
var ErrConflict = errors.New("the journals contradict each other")

// Result is what became of an item of the manifest.
type Result struct {
	// Item is the item's path, and Set its own settings.
	Item string            `json:"item"`
	Set  map[string]string `json:"set,omitempty"`
	// Key is the item's.
	Key string `json:"key"`
	// Status is StatusDone, StatusFailed or StatusMissing.
	Status string `json:"status"`
	// Digest, Error and Outputs are the record's.
	Digest  string   `json:"digest,omitempty"`
	Error   string   `json:"error,omitempty"`
	Outputs []Output `json:"outputs,omitempty"`

	seconds float64
	shard   Shard
}

// Lost says why what the result tells of outputs below root is no longer so: one is
// gone, has changed or cannot be read. It is nil for a result that is not done.
func (r *Result) Lost(root string) error { return CheckOutputs(root, r.Outputs) }

// Merged is what became of all items of a manifest.
type Merged struct {
	// Results has one entry for each item, in the manifest's order.
	Results []Result
	// Done, Failed and Missing count them.
	Done, Failed, Missing int
	// Extra counts the items of the journals that the manifest does not have.
	Extra int
}

// Results merges the journals of a batch's shards, in any order. An item that
// failed in one and is done in another is done; one that is done in several must
// have the same input and outputs in all (ErrConflict). Journals of different
// fingerprints are not of one batch (ErrOther); their shards may be of different
// splits.
func Results(items []Item, logs ...*Log) (*Merged, error) {
	m := &Merged{Results: make([]Result, len(items))}
	at := make(map[string]int, len(items))
	for i, it := range items {
		key := it.Key()
		if first, found := at[key]; found {
			return nil, fmt.Errorf("items %d and %d are the same: %s", first+1, i+1, it.Path)
		}
		at[key] = i
		m.Results[i] = Result{Item: it.Path, Set: maps.Clone(it.Set), Key: key, Status: StatusMissing}
	}
	extra := map[string]bool{}
	var first *Log
	for _, log := range logs {
		if log.Header == (Header{}) { // it got no further than its creation
			continue
		}
		if first == nil {
			first = log
		}
		if log.Header.Fingerprint != first.Header.Fingerprint {
			return nil, fmt.Errorf("journals %s and %s: %w: model, settings or version differ", first.Name, log.Name, ErrOther)
		}
		for _, r := range log.Records {
			i, found := at[r.Key]
			if !found {
				extra[r.Key] = true
				continue
			}
			if err := m.Results[i].take(r, log.Header.Shard); err != nil {
				return nil, fmt.Errorf("journal %s: %w", log.Name, err)
			}
		}
	}
	m.Extra = len(extra)
	for _, r := range m.Results {
		switch r.Status {
		case StatusDone:
			m.Done++
		case StatusFailed:
			m.Failed++
		default:
			m.Missing++
		}
	}
	return m, nil
}

// take merges a record. The outcome does not depend on the order of calls, but
// for seconds and shard.
func (r *Result) take(rec Record, shard Shard) error {
	if rec.Item != r.Item {
		return fmt.Errorf("%w: key %s is of %s, not %s", ErrConflict, r.Key, rec.Item, r.Item)
	}
	switch {
	case r.Status == StatusDone && rec.Status == StatusDone:
		if r.Digest != rec.Digest {
			return fmt.Errorf("%w: %s was done with different inputs", ErrConflict, r.Item)
		}
		if !slices.Equal(r.Outputs, rec.Outputs) {
			return fmt.Errorf("%w: %s was done with different outputs", ErrConflict, r.Item)
		}
		return nil
	case r.Status == StatusDone:
		return nil
	case r.Status == StatusFailed && rec.Status == StatusFailed &&
		cmp.Or(cmp.Compare(rec.Error, r.Error), cmp.Compare(rec.Digest, r.Digest)) >= 0:
		return nil // of several failures the first in order stays
	}
	r.Status, r.Digest, r.Error, r.Outputs = rec.Status, rec.Digest, rec.Error, slices.Clone(rec.Outputs)
	r.seconds, r.shard = rec.Seconds, shard
	return nil
}

// WriteResults writes a line of JSON for each item, in the manifest's order. How
// long things took is left out, so that the bytes are the same however the batch
// was split, ordered and interrupted.
func (m *Merged) WriteResults(w io.Writer) error {
	for _, r := range m.Results {
		if err := writeLine(w, r); err != nil {
			return err
		}
	}
	return nil
}

// WriteTimings writes a line of JSON for each item that was tried, in the
// manifest's order: item, key, shard and seconds.
func (m *Merged) WriteTimings(w io.Writer) error {
	for _, r := range m.Results {
		if r.Status == StatusMissing {
			continue
		}
		err := writeLine(w, struct {
			Item    string  `json:"item"`
			Key     string  `json:"key"`
			Shard   string  `json:"shard"`
			Seconds float64 `json:"seconds"`
		}{r.Item, r.Key, r.shard.String(), r.seconds})
		if err != nil {
			return err
		}
	}
	return nil
}

func writeLine(w io.Writer, v any) error {
	line, err := encodeLine(v)
	if err != nil {
		return err
	}
	_, err = w.Write(line)
	return err
}
