// Package labels reads files of class names as they are found beside models:
// JSON arrays and objects, Python dictionaries, synset lines, lines with an
// index, CSV tables, and plain lines.
package labels

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"krypton/internal/regular"
)

// Limits of a file. Nothing that names classes is near them.
const (
	// MaxBytes bounds a file.
	MaxBytes = 16 << 20
	// MaxLabels bounds the number of classes.
	MaxLabels = 1 << 20
	// MaxLabel bounds one name, in bytes.
	MaxLabel = 4096
)

// Read reads the regular file path as Parse does. Errors do not name the path,
// but for those of the operating system.
func Read(path string) ([]string, error) {
	f, _, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseFrom(f)
}

// ReadBelow reads the file of labels that a model's own file names: it lies below the
// folder of both.
func ReadBelow(dir, name string) ([]string, error) {
	f, err := regular.Below(dir, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseFrom(f)
}

func parseFrom(r io.Reader) ([]string, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, err
	}
	return Parse(b)
}

// Parse gives the class names in class order. A class that a file with indices
// leaves out is "". The form is told from the whole file, so that one odd line
// does not change its meaning:
//
//   - a JSON array of names, or an object of index to name, of index to
//     [synset, name], or of name to index; the same below a key id2label,
//     label2id, names or labels; a Python dictionary of index to name;
//   - synset lines ("n01440764 tench, Tinca tinca"), of which the first name is
//     taken;
//   - a CSV table with a column of names, and perhaps one of indices;
//   - lines with their index in front ("0: tench", "0 tench");
//   - plain lines.
//
// Names keep their spelling, without blanks around them.
func Parse(b []byte) ([]string, error) {
	text, err := decode(b)
	if err != nil {
		return nil, err
	}
	var l []string
	switch {
	case text == "":
		return nil, errors.New("no labels in it")
	case text[0] == '[' || text[0] == '{':
		l, err = parseObject(text)
	case strings.HasPrefix(text, "item {") || strings.HasPrefix(text, "item{"):
		return nil, errors.New("a label map in protobuf text: write its names one a line")
	default:
		l, err = parseLines(text)
	}
	if err != nil {
		return nil, err
	}
	if len(l) == 0 {
		return nil, errors.New("no labels in it")
	}
	if len(l) > MaxLabels {
		return nil, fmt.Errorf("%d labels, more than %d", len(l), MaxLabels)
	}
	for i, s := range l {
		l[i] = strings.TrimSpace(s)
		if !utf8.ValidString(s) { // YAML can write any bytes
			return nil, fmt.Errorf("label %d is not UTF-8", i)
		}
		if len(s) > MaxLabel {
			return nil, fmt.Errorf("label %d has %d bytes, more than %d", i, len(s), MaxLabel)
		}
	}
	return l, nil
}

// decode checks that b is text in UTF-8, and gives it with a newline for every
// end of line and no blanks around it.
func decode(b []byte) (string, error) {
	switch {
	case len(b) > MaxBytes:
		return "", fmt.Errorf("larger than %d MiB", MaxBytes>>20)
	case bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")):
		return "", errors.New("text in UTF-16: save it as UTF-8")
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == 0 {
			return "", fmt.Errorf("a NUL byte at offset %d: not a text file", i)
		}
		if r == utf8.RuneError && n == 1 {
			return "", fmt.Errorf("not UTF-8 at offset %d", i)
		}
		i += n
	}
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(b))
	return strings.TrimSpace(text), nil
}

// indexed puts names at their indices. Gaps are allowed as far as real files
// have them: COCO's 80 classes lie among 91.
func indexed(names map[int]string) ([]string, error) {
	top := -1
	for i := range names {
		top = max(top, i)
	}
	if top >= MaxLabels || top >= 16*len(names)+1024 {
		return nil, fmt.Errorf("an index of %d with %d labels", top, len(names))
	}
	l := make([]string, top+1)
	for i, s := range names {
		l[i] = s
	}
	return l, nil
}
