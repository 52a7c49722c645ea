// Package pyliteral reads literals as Python prints them: what str() and repr() make
// of dictionaries, lists, tuples, text, numbers, True, False and None. Exporters leave
// such text in the files they write.
package pyliteral

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxDepth bounds how deep lists and dictionaries lie in one another.
const MaxDepth = 32

// Dict is a dictionary in the order of its text. No key is there twice.
type Dict []Pair

// Pair is one entry of a dictionary.
type Pair struct{ Key, Value any }

// Get gives the value of a key that is text.
func (d Dict) Get(key string) (any, bool) {
	for _, p := range d {
		if p.Key == any(key) {
			return p.Value, true
		}
	}
	return nil, false
}

// Parse reads one literal, which is all of the text but for blanks around it: a Dict,
// []any (lists and tuples), string, int64, float64, bool, or nil for None.
func Parse(text string) (any, error) {
	if !utf8.ValidString(text) {
		return nil, errors.New("not UTF-8")
	}
	p := &parser{text: text}
	v, err := p.value(0)
	if err == nil {
		if p.blanks(); p.at < len(p.text) {
			err = errors.New("something follows the literal")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("no Python literal, at byte %d: %w", p.at, err)
	}
	return v, nil
}

type parser struct {
	text string
	at   int
}

// blanks passes over white space.
func (p *parser) blanks() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

// next is the byte that comes after blanks, 0 at the end.
func (p *parser) next() byte {
	if p.blanks(); p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *parser) value(depth int) (any, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("more than %d lists in one another", MaxDepth)
	}
	switch c := p.next(); {
	case c == '{':
		return p.dict(depth)
	case c == '[':
		return p.list(depth, ']')
	case c == '(':
		return p.list(depth, ')')
	case c == '\'' || c == '"':
		return p.quoted(c)
	case c == 0:
		return nil, errors.New("it ends too early")
	}
	return p.word()
}

// list reads a list or tuple. One in parentheses without a comma is what is in them.
func (p *parser) list(depth int, end byte) (any, error) {
	p.at++
	l := []any{}
	comma := false
	for {
		if p.next() == end {
			p.at++
			if end == ')' && len(l) == 1 && !comma {
				return l[0], nil
			}
			return l, nil
		}
		if len(l) > 0 && !comma {
			return nil, errors.New("want a comma")
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		l = append(l, v)
		if comma = p.next() == ','; comma {
			p.at++
		}
	}
}

func (p *parser) dict(depth int) (any, error) {
	p.at++
	d := Dict{}
	seen := map[any]bool{}
	comma := true
	for {
		if p.next() == '}' {
			p.at++
			return d, nil
		}
		if !comma {
			return nil, errors.New("want a comma")
		}
		key, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		switch key.(type) {
		case []any, Dict:
			return nil, errors.New("a key is a list or dictionary")
		}
		if seen[key] {
			return nil, fmt.Errorf("key %v is there twice", key)
		}
		seen[key] = true
		if p.next() != ':' {
			return nil, errors.New("want a colon")
		}
		p.at++
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		d = append(d, Pair{key, v})
		if comma = p.next() == ','; comma {
			p.at++
		}
	}
}

// word reads a number or a name.
func (p *parser) word() (any, error) {
	start := p.at
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n,:]})[({'\"", p.text[p.at]) < 0 {
		p.at++
	}
	w := p.text[start:p.at]
	switch w {
	case "True", "False":
		return w == "True", nil
	case "None":
		return nil, nil
	}
	if strings.Trim(w, "0123456789+-.eE") == "" { // neither hexadecimal, inf nor 1_000
		if n, err := strconv.ParseInt(w, 10, 64); err == nil {
			return n, nil
		}
		if f, err := strconv.ParseFloat(w, 64); err == nil {
			return f, nil
		}
	}
	p.at = start
	return nil, fmt.Errorf("%.40q is no number, text, True, False or None", w)
}

// quoted reads text in quotes.
func (p *parser) quoted(quote byte) (any, error) {
	p.at++
	var b strings.Builder
	for p.at < len(p.text) {
		c := p.text[p.at]
		p.at++
		switch c {
		case quote:
			return b.String(), nil
		case '\n', '\r':
			return nil, errors.New("text goes over the end of a line")
		case '\\':
			r, err := p.escape()
			if err != nil {
				return nil, err
			}
			b.WriteRune(r)
		default:
			b.WriteByte(c)
		}
	}
	return nil, errors.New("text has no end")
}

// escapes are those of one letter.
var escapes = map[byte]rune{'\\': '\\', '\'': '\'', '"': '"', 'n': '\n', 'r': '\r', 't': '\t', 'a': '\a', 'b': '\b', 'f': '\f', 'v': '\v'}

// escape reads what follows a backslash.
func (p *parser) escape() (rune, error) {
	if p.at == len(p.text) {
		return 0, errors.New("text has no end")
	}
	c := p.text[p.at]
	p.at++
	if r, ok := escapes[c]; ok {
		return r, nil
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	if digits == 0 || p.at+digits > len(p.text) {
		return 0, fmt.Errorf("escape \\%c", c)
	}
	n, err := strconv.ParseUint(p.text[p.at:p.at+digits], 16, 32)
	if err != nil || !utf8.ValidRune(rune(n)) || n > utf8.MaxRune {
		return 0, fmt.Errorf("escape \\%c%.8q", c, p.text[p.at:p.at+digits])
	}
	p.at += digits
	return rune(n), nil
}
