package labels

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// parseLines reads a file of lines: synsets, a table, numbered or plain.
func parseLines(text string) ([]string, error) {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if l, ok := synsets(lines); ok {
		return l, nil
	}
	if l, ok, err := table(text); ok {
		return l, err
	}
	if l, ok, err := numbered(lines); ok {
		return l, err
	}
	return lines, nil
}

// synsets reads "n01440764 tench, Tinca tinca", if all lines are so.
func synsets(lines []string) ([]string, bool) {
	l := make([]string, len(lines))
	for i, line := range lines {
		id, names, ok := cutAny(line, " \t")
		if !ok || len(id) != 9 || id[0] != 'n' {
			return nil, false
		}
		if _, err := strconv.ParseUint(id[1:], 10, 64); err != nil {
			return nil, false
		}
		l[i], _, _ = strings.Cut(strings.TrimSpace(names), ",")
	}
	return l, true
}

// numbered reads "0: tench" or "0 tench", if all lines are so and the first
// index is 0 or 1: "7 up" and "90s car" are names.
func numbered(lines []string) ([]string, bool, error) {
	names := make(map[int]string, len(lines))
	for i, line := range lines {
		number, name, ok := cutAny(line, ":=\t ,;")
		n, err := strconv.Atoi(number)
		if !ok || err != nil || n < 0 || i == 0 && n > 1 {
			return nil, false, nil
		}
		if _, twice := names[n]; twice {
			return nil, false, nil
		}
		names[n] = name
	}
	l, err := indexed(names)
	return l, true, err
}

// Names of columns in the tables' first lines, best first.
var (
	nameColumns  = []string{"display_name", "label", "labels", "class_name", "category_name", "name", "names", "class", "category", "description"}
	indexColumns = []string{"index", "class_index", "class_id", "label_id", "category_id", "id", "idx", "class", "label"}
)

// table reads CSV with commas, semicolons or tabs. It is one if its first line
// names a column that we know and has more than one, or if its lines begin with
// different indices from 0 or 1 up. Else "tench, Tinca tinca" is a plain line.
func table(text string) ([]string, bool, error) {
	first, _, _ := strings.Cut(text, "\n")
	for _, comma := range ",;\t" {
		if !strings.ContainsRune(first, comma) {
			continue
		}
		head, err := reader(first, comma).Read()
		if err != nil {
			continue
		}
		name, index := columns(head)
		headed := name >= 0
		if !headed {
			if n, err := strconv.Atoi(strings.TrimSpace(head[0])); err != nil || n < 0 || n > 1 {
				continue
			}
			name, index = 1, 0
		}
		l, err := rows(reader(text, comma), headed, name, index)
		if err != nil && !headed {
			continue // lines that only look like a table's
		}
		return l, true, err
	}
	return nil, false, nil
}

func reader(text string, comma rune) *csv.Reader {
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.TrimLeadingSpace, r.ReuseRecord = comma, -1, true, true
	return r
}

// columns finds the columns of names and of indices in a table's first line, -1
// if there is none.
func columns(head []string) (name, index int) {
	lower := make([]string, len(head))
	for i, h := range head {
		lower[i] = strings.ToLower(strings.TrimSpace(h))
	}
	find := func(known []string, not int) int {
		for _, k := range known {
			if i := slices.Index(lower, k); i >= 0 && i != not {
				return i
			}
		}
		return -1
	}
	name = find(nameColumns, -1)
	if name < 0 {
		return -1, -1
	}
	return name, find(indexColumns, name)
}

// rows reads the names of a table, in the order of its lines if index is -1.
func rows(r *csv.Reader, headed bool, name, index int) ([]string, error) {
	var l []string
	names := map[int]string{}
	for line := 1; ; line++ {
		record, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			if index < 0 {
				return l, nil
			}
			return indexed(names)
		case err != nil:
			return nil, err
		case headed && line == 1:
			continue
		case len(record) <= max(name, index):
			return nil, fmt.Errorf("record %d has %d columns, want %d", line, len(record), max(name, index)+1)
		case index < 0:
			l = append(l, record[name])
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(record[index]))
		if err != nil || n < 0 {
			return nil, fmt.Errorf("record %d: %q is no class index", line, record[index])
		}
		if _, twice := names[n]; twice {
			return nil, fmt.Errorf("record %d: class %d is there twice", line, n)
		}
		names[n] = record[name]
	}
}

// cutAny cuts s at the first byte that is one of chars.
func cutAny(s, chars string) (before, after string, found bool) {
	i := strings.IndexAny(s, chars)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}
