package batch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// readObjects reads an object a line; lines of blanks are skipped.
func readObjects(b *bounded, columns []string, c *collector) error {
	for {
		line, err := b.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		it, err := parseObject(line, columns)
		if err != nil {
			return &LineError{c.name, b.lines.line, err}
		}
		if err := c.add(b.lines.line, it); err != nil {
			return err
		}
	}
}

// parseObject reads one line. It goes token by token, because decoding into a
// map takes the last of equal keys and says nothing.
func parseObject(line []byte, columns []string) (Item, error) {
	if !utf8.Valid(line) { // or the decoder would replace it silently
		return Item{}, errors.New("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if t, err := token(d); err != nil {
		return Item{}, err
	} else if t != json.Delim('{') {
		return Item{}, errors.New("not an object")
	}
	var it Item
	seen := map[string]bool{}
	for d.More() {
		t, err := token(d)
		if err != nil {
			return Item{}, err
		}
		name, ok := t.(string)
		if !ok {
			return Item{}, errors.New("not an object")
		}
		if seen[name] {
			return Item{}, fmt.Errorf("%q is there twice", name)
		}
		seen[name] = true
		if name != itemColumn {
			if err := checkColumn(name, columns); err != nil {
				return Item{}, err
			}
		}
		if t, err = token(d); err != nil {
			return Item{}, err
		}
		var value string
		switch v := t.(type) {
		case string:
			value = v
		case json.Number:
			value = v.String()
		case bool:
			value = fmt.Sprint(v)
		default:
			return Item{}, fmt.Errorf("%q is neither text, number nor truth value", name)
		}
		if name == itemColumn {
			if _, ok := t.(string); !ok {
				return Item{}, fmt.Errorf("%q is not text", name)
			}
			it.Path = value
			continue
		}
		if it.Set == nil {
			it.Set = map[string]string{}
		}
		it.Set[name] = value
	}
	if _, err := token(d); err != nil { // the closing bracket
		return Item{}, err
	}
	if _, err := d.Token(); err != io.EOF {
		return Item{}, errors.New("something follows the object")
	}
	if !seen[itemColumn] {
		return Item{}, fmt.Errorf("no %s", itemColumn)
	}
	return it, nil
}

// token is the decoder's, but an object that ends early is an error of its own.
func token(d *json.Decoder) (json.Token, error) {
	t, err := d.Token()
	if err == io.EOF {
		return nil, io.ErrUnexpectedEOF
	}
	return t, err
}
