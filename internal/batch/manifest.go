package batch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// Limits bound what is read of a manifest. Zero means the field of
// DefaultLimits.
type Limits struct {
	// Lines bounds the lines of the file, empty ones included.
	Lines int
	// LineBytes bounds one line, its end not counted.
	LineBytes int
	// Bytes bounds the whole file.
	Bytes int64
	// Items bounds the items.
	Items int
}

// DefaultLimits are far above any batch that one list should hold.
var DefaultLimits = Limits{Lines: 1 << 22, LineBytes: 64 << 10, Bytes: 256 << 20, Items: 1 << 20}

// DefaultColumns are the flags that a manifest may set for an item if the caller
// names none.
var DefaultColumns = []string{"model", "labels", "output", "preset", "class", "patch", "stride", "fill", "border", "region", "mask", "score", "mode", "tau", "seed", "scores", "out",
	"target", "box", "min-score", "iou", "at", "segment-region", "reduce", "reference", "activation", "bind", "with"}

// itemColumn names the input in a table or object.
const itemColumn = "item"

// outFlag names the file that an item's picture goes to, scoresFlag those of its scores.
const (
	outFlag    = "out"
	scoresFlag = "scores"
)

// Options say how a manifest is read.
type Options struct {
	// Columns are the flags that may be set for one item; nil means
	// DefaultColumns.
	Columns []string
	// Limits bound the file.
	Limits Limits
}

func (o Options) complete() Options {
	if o.Columns == nil {
		o.Columns = DefaultColumns
	}
	l, d := &o.Limits, DefaultLimits
	if l.Lines <= 0 {
		l.Lines = d.Lines
	}
	if l.LineBytes <= 0 {
		l.LineBytes = d.LineBytes
	}
	if l.Bytes <= 0 {
		l.Bytes = d.Bytes
	}
	if l.Items <= 0 {
		l.Items = d.Items
	}
	return o
}

// ReadManifest reads the items of a manifest, in its order. name is used in
// errors, and its ending says what the file holds:
//
//   - .csv: a table whose header names item and any of the columns that opt
//     allows; an empty cell sets nothing;
//   - .jsonl or .ndjson: an object a line, with a key item and any of the
//     columns, whose values are texts, numbers or truth values;
//   - anything else: a path a line; empty lines are skipped.
//
// The same path with the same settings twice is refused, and so are two items
// with the same output file, unknown columns, text that is not UTF-8 and a
// manifest without items. Errors about a line are of type *LineError.
func ReadManifest(r io.Reader, name string, opt Options) ([]Item, error) {
	opt = opt.complete()
	c := &collector{name: name, max: opt.Limits.Items, keys: map[string]int{}, outs: map[string]int{}}
	b := newBounded(r, name, opt.Limits)
	var err error
	switch strings.ToLower(filepath.Ext(name)) {
	case ".csv":
		err = readCSV(b, opt.Columns, c)
	case ".jsonl", ".ndjson":
		err = readObjects(b, opt.Columns, c)
	default:
		err = readPaths(b, c)
	}
	if b.err != nil { // the cause of whatever a parser made of it
		err = b.err
	}
	if err != nil {
		return nil, err
	}
	if len(c.items) == 0 {
		return nil, fmt.Errorf("%s: no items in it", name)
	}
	return c.items, nil
}

// bounded gives the lines of a manifest while they keep to the limits. It is
// also a reader, for parsers that want one. A mark of UTF-8 (BOM) is dropped.
type bounded struct {
	lines *lineReader
	name  string
	limit Limits
	rest  []byte
	err   error // what stopped it, but for the end of the file
}

func newBounded(r io.Reader, name string, l Limits) *bounded {
	return &bounded{lines: newLineReader(io.LimitReader(r, l.Bytes+1), l.LineBytes), name: name, limit: l}
}

// next gives a line with its newline, if it has one.
func (b *bounded) next() ([]byte, error) {
	line, err := b.lines.next()
	switch {
	case err == io.EOF:
		return nil, err
	case b.lines.bytes > b.limit.Bytes:
		b.err = fmt.Errorf("%s: larger than %d bytes", b.name, b.limit.Bytes)
	case errors.Is(err, errLineLong):
		b.err = &LineError{b.name, b.lines.line, fmt.Errorf("longer than %d bytes", b.limit.LineBytes)}
	case err != nil:
		b.err = fmt.Errorf("%s: %w", b.name, err)
	case b.lines.line > b.limit.Lines:
		b.err = fmt.Errorf("%s: more than %d lines", b.name, b.limit.Lines)
	default:
		if b.lines.line == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		return line, nil
	}
	return nil, b.err
}

// Read gives the lines one after the other.
func (b *bounded) Read(p []byte) (int, error) {
	for len(b.rest) == 0 {
		line, err := b.next()
		if err != nil {
			return 0, err
		}
		b.rest = line
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// collector gathers items and refuses those that are there already.
type collector struct {
	name  string
	max   int
	items []Item
	keys  map[string]int // key to line
	outs  map[string]int // output file to line
}

// add takes the item that line names.
func (c *collector) add(line int, it Item) error {
	fail := func(format string, args ...any) error {
		return &LineError{c.name, line, fmt.Errorf(format, args...)}
	}
	if err := it.check(); err != nil {
		return &LineError{c.name, line, err}
	}
	if len(c.items) == c.max {
		return fail("more than %d items", c.max)
	}
	key := it.Key()
	if first, found := c.keys[key]; found {
		return fail("%s is on line %d already, with the same settings", it.Path, first)
	}
	c.keys[key] = line
	if out := it.Set[outFlag]; namesFile(out) {
		out = filepath.Clean(out)
		if first, found := c.outs[out]; found {
			return fail("line %d writes %s already", first, out)
		}
		c.outs[out] = line
	}
	c.items = append(c.items, it)
	return nil
}

// namesFile says whether an output is one file, rather than a folder or a
// pattern that items can share.
func namesFile(out string) bool {
	return out != "" && !strings.HasSuffix(out, "/") && !strings.Contains(out, "{name}")
}

// checkColumn refuses a column that no item may have.
func checkColumn(name string, columns []string) error {
	if slices.Contains(columns, name) {
		return nil
	}
	if filepath.Ext(name) != "" { // no column's name has a dot
		return fmt.Errorf("%q is no column's name, and the first line of a .csv manifest holds those (%s, ...): a list of files alone ends in .txt, or begins with the line %[2]s", name, itemColumn)
	}
	return fmt.Errorf("unknown column %q (known: %s, %s)", name, itemColumn, strings.Join(columns, ", "))
}

// readPaths reads a path a line. Paths may begin or end in blanks.
func readPaths(b *bounded, c *collector) error {
	for {
		line, err := b.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		path := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
		if path == "" {
			continue
		}
		if err := c.add(b.lines.line, Item{Path: path}); err != nil {
			return err
		}
	}
}
