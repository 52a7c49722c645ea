package batch

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// What became of an item.
const (
	// StatusDone says that the item's outputs are written.
	StatusDone = "done"
	// StatusFailed says that the item was tried and gave an error.
	StatusFailed = "failed"
	// StatusMissing says that no journal has a word about the item; it is in
	// results alone, never in a journal.
	StatusMissing = "missing"
)

const (
	// maxRecord bounds a line of a journal: some 100 000 outputs of one item.
	maxRecord = 16 << 20
	// maxError bounds the text of an error in a record, in bytes.
	maxError = 4096
	// maxName bounds keys, digests and fingerprints, in bytes.
	maxName = 1024
)

// Output is a file that an item gave.
type Output struct {
	// Path is absolute, or relative to the journal's root.
	Path string `json:"path"`
	// SHA256 is of the file's content: 64 hexadecimal digits in lower case.
	SHA256 string `json:"sha256"`
}

// Record is what became of an item: a line of a journal.
type Record struct {
	// Key is the item's (Item.Key).
	Key string `json:"key"`
	// Item is the item's path.
	Item string `json:"item"`
	// Digest stands for the input's content; "" if there is none to speak of,
	// such as of a camera.
	Digest string `json:"digest,omitempty"`
	// Status is StatusDone or StatusFailed.
	Status string `json:"status"`
	// Error says why the item failed; longer texts are cut.
	Error string `json:"error,omitempty"`
	// Outputs are sorted by path; none if the item failed.
	Outputs []Output `json:"outputs,omitempty"`
	// Seconds is how long the item took.
	Seconds float64 `json:"seconds"`
}

// check refuses records that no journal may hold.
func (r *Record) check() error {
	for _, f := range []struct {
		what, text string
		empty      bool
		max        int
	}{{"key", r.Key, false, maxName}, {"item", r.Item, false, maxRecord}, {"digest", r.Digest, true, maxName}, {"error", r.Error, true, maxError}} {
		if f.text == "" && !f.empty {
			return fmt.Errorf("no %s", f.what)
		}
		if len(f.text) > f.max {
			return fmt.Errorf("the %s is longer than %d bytes", f.what, f.max)
		}
		if err := checkText(f.what, f.text); err != nil {
			return err
		}
	}
	switch {
	case r.Status == StatusDone && r.Error != "":
		return errors.New("done, but with an error")
	case r.Status == StatusFailed && (r.Error == "" || len(r.Outputs) > 0):
		return errors.New("failed, but with outputs or without an error")
	case r.Status != StatusDone && r.Status != StatusFailed:
		return fmt.Errorf("unknown status %q", r.Status)
	case !(r.Seconds >= 0) || math.IsInf(r.Seconds, 1):
		return fmt.Errorf("it took %v seconds", r.Seconds)
	}
	for i, o := range r.Outputs {
		if o.Path == "" {
			return errors.New("an output has no path")
		}
		if err := checkText("output", o.Path); err != nil {
			return err
		}
		if len(o.SHA256) != 64 || strings.Trim(o.SHA256, "0123456789abcdef") != "" {
			return fmt.Errorf("output %s: %q is not a digest", o.Path, o.SHA256)
		}
		if i > 0 && r.Outputs[i-1].Path >= o.Path {
			return fmt.Errorf("output %s is there twice, or out of order", o.Path)
		}
	}
	return nil
}

// encode gives the record's line, its outputs sorted and its error cut to
// length.
func (r Record) encode() ([]byte, error) {
	r.Outputs = slices.Clone(r.Outputs)
	slices.SortFunc(r.Outputs, func(a, b Output) int { return cmp.Compare(a.Path, b.Path) })
	r.Error = cleanError(r.Error)
	if err := r.check(); err != nil {
		return nil, err
	}
	line, err := encodeLine(r)
	if err == nil && len(line) > maxRecord {
		err = fmt.Errorf("%d outputs make a line longer than %d bytes", len(r.Outputs), maxRecord)
	}
	return line, err
}

// cleanError makes any text fit for a record.
func cleanError(s string) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
	if len(s) > maxError {
		s = s[:maxError]
		for !utf8.ValidString(s) { // a rune was cut; it has at most four bytes
			s = s[:len(s)-1]
		}
	}
	return s
}

// encodeLine gives v as a line of JSON, its newline included.
func encodeLine(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // nobody puts it into a page, and & is common in names
	err := e.Encode(v)
	return b.Bytes(), err
}

// parseRecord reads a line. Fields that later versions may add are skipped.
func parseRecord(line []byte) (Record, error) {
	var r Record
	if !utf8.Valid(line) {
		return r, errors.New("not UTF-8")
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, err
	}
	if len(r.Outputs) == 0 {
		r.Outputs = nil // none is none, however it is written
	}
	return r, r.check()
}

// holds says whether what the record says is still so, and if not why.
func (r *Record) holds(root, digest string) (done bool, why string) {
	switch {
	case r.Status != StatusDone:
		return false, "it failed: " + r.Error
	case r.Digest != digest:
		return false, "the input has changed"
	}
	if err := CheckOutputs(root, r.Outputs); err != nil {
		return false, err.Error()
	}
	return true, ""
}
