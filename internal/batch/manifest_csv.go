package batch

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
)

// readCSV reads a table with a header.
func readCSV(b *bounded, columns []string, c *collector) error {
	r := csv.NewReader(b)
	r.ReuseRecord = true
	row, err := r.Read()
	if err == io.EOF {
		return nil
	}
	if err != nil {
		return csvError(c.name, err)
	}
	header := slices.Clone(row)
	at, err := checkHeader(header, columns)
	if err != nil {
		line, _ := r.FieldPos(0)
		return &LineError{c.name, line, err}
	}
	for {
		row, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return csvError(c.name, err)
		}
		it := Item{Path: row[at]}
		for i, value := range row {
			if i != at && value != "" {
				if it.Set == nil {
					it.Set = map[string]string{}
				}
				it.Set[header[i]] = value
			}
		}
		line, _ := r.FieldPos(0)
		if err := c.add(line, it); err != nil {
			return err
		}
	}
}

// checkHeader gives the column of the items.
func checkHeader(header, columns []string) (int, error) {
	for i, name := range header {
		if slices.Contains(header[:i], name) {
			return 0, fmt.Errorf("column %q is there twice", name)
		}
		if name == itemColumn {
			continue
		}
		if err := checkColumn(name, columns); err != nil {
			return 0, err
		}
	}
	at := slices.Index(header, itemColumn)
	if at < 0 {
		return 0, fmt.Errorf("no column %s", itemColumn)
	}
	return at, nil
}

func csvError(name string, err error) error {
	var p *csv.ParseError
	if errors.As(err, &p) {
		return &LineError{name, p.Line, p.Err}
	}
	return fmt.Errorf("%s: %w", name, err)
}
