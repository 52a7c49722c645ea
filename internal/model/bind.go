package model

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"krypton/internal/failure"
	"krypton/internal/imagein"
	"krypton/internal/regular"
	"krypton/internal/tensor"
)

// Bound is the value of an input besides the picture's, as records have it.
type Bound struct {
	Input string `json:"input"`
	// Value is what was given, or what the input's name says.
	Value  string `json:"value"`
	SHA256 string `json:"sha256,omitempty"` // of the file
}

// ErrBindings: a text does not give a value to an input.
var ErrBindings = errors.New("no value of an input")

// Bindings reads texts NAME=NUMBER, NAME=A,B,..., NAME=2x1x128:NUMBER (that number in such a
// shape) and NAME=FILE.npy: values by the names of inputs, and what records say of them.
func Bindings(texts []string) (map[string]*tensor.Tensor, []Bound, error) {
	values, told := map[string]*tensor.Tensor{}, []Bound(nil)
	for _, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" || value == "" {
			return nil, nil, failure.Mark(failure.Usagef("bind %q: want NAME=NUMBER, a list NAME=A,B, a shape and a number NAME=2x1x128:0, or NAME=FILE.npy", text), ErrBindings)
		}
		if values[name] != nil {
			return nil, nil, failure.Mark(failure.Usagef("bind: %q has two values", name), ErrBindings)
		}
		record := Bound{Input: name, Value: value}
		var err error
		if strings.EqualFold(filepath.Ext(value), ".npy") {
			values[name], record.SHA256, err = readArray(value)
		} else if values[name], err = parseNumbers(value); err != nil {
			err = failure.As(failure.Usage, err)
		}
		if err != nil {
			return nil, nil, failure.Mark(fmt.Errorf("bind %s: %w", name, err), ErrBindings)
		}
		told = append(told, record)
	}
	return values, told, nil
}

// DecodeNumbers reads the numbers of a .npy file, whatever its shape, and gives its
// digest. name is for messages.
func DecodeNumbers(r io.Reader, name string) ([]float32, string, error) {
	t, sum, err := decodeArray(r, name)
	if err != nil {
		return nil, "", err
	}
	numbers, err := t.Numbers()
	return numbers, sum, failure.As(failure.Data, err)
}

// readArray reads a .npy file, and gives its digest.
func readArray(path string) (*tensor.Tensor, string, error) {
	f, err := imagein.OpenRegular(path)
	if err != nil {
		return nil, "", failure.Unread(err)
	}
	defer f.Close()
	return decodeArray(f, path)
}

func decodeArray(r io.Reader, name string) (*tensor.Tensor, string, error) {
	a, err := imagein.DecodeArray(r, name)
	if err != nil {
		return nil, "", failure.As(failure.Data, err)
	}
	if a.Ints != nil {
		return &tensor.Tensor{Shape: a.Shape, Data: a.Ints}, a.SHA256, nil
	}
	return &tensor.Tensor{Shape: a.Shape, Data: a.Floats}, a.SHA256, nil
}

// mostFilled bounds the elements of a shape that is filled.
const mostFilled = 1 << 26

// parseFilled reads a shape and the number that fills it.
func parseFilled(shape, number string) (*tensor.Tensor, error) {
	lengths := []int{}
	for _, l := range strings.Split(shape, "x") {
		n, err := strconv.Atoi(l)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no shape: want lengths such as 2x1x128", shape)
		}
		lengths = append(lengths, n)
	}
	n, err := tensor.Size(lengths)
	if err != nil || n > mostFilled {
		return nil, fmt.Errorf("shape %q has too many elements", shape)
	}
	one, err := parseNumbers(number)
	if err != nil {
		return nil, err
	}
	if len(one.Shape) > 0 {
		return nil, fmt.Errorf("%q: one number fills a shape", number)
	}
	t := &tensor.Tensor{Shape: lengths}
	switch d := one.Data.(type) {
	case []int64:
		t.Data = slices.Repeat(d, n)
	case []float64:
		t.Data = slices.Repeat(d, n)
	}
	return t, nil
}

// parseNumbers reads a number, a list of them, or a shape and a number.
func parseNumbers(text string) (*tensor.Tensor, error) {
	if shape, number, ok := strings.Cut(text, ":"); ok {
		return parseFilled(shape, number)
	}
	parts := strings.Split(strings.Trim(text, "[] "), ",")
	ints, floats := make([]int64, 0, len(parts)), make([]float64, 0, len(parts))
	for _, p := range parts {
		p = strings.TrimSpace(p)
		if n, ok := map[string]int64{"true": 1, "false": 0}[p]; ok {
			ints, floats = append(ints, n), append(floats, float64(n))
			continue
		}
		f, err := strconv.ParseFloat(p, 64)
		if err != nil || f-f != 0 {
			return nil, fmt.Errorf("%q is neither a number, nor a list of numbers, nor the name of a .npy file", text)
		}
		floats = append(floats, f)
		if n, err := strconv.ParseInt(p, 10, 64); err == nil {
			ints = append(ints, n)
		}
	}
	t := &tensor.Tensor{Shape: []int{len(parts)}, Data: floats}
	if len(ints) == len(parts) {
		t.Data = ints // exactly, beyond 2^53 too
	}
	if len(parts) == 1 && !strings.ContainsAny(text, "[,") {
		t.Shape = []int{}
	}
	return t, nil
}

// BindText writes a YAML value as Bindings reads it behind NAME=.
func BindText(v any) string {
	if _, list := v.([]any); list {
		return "[" + scalarText(v) + "]"
	}
	return scalarText(v)
}

// bindTexts are the values that a model's own file gives to inputs, as Bindings reads
// them. Files lie in the model's folder.
func (m *File) bindTexts() ([]string, error) {
	var texts []string
	for name, v := range m.Config.Bind {
		text := BindText(v)
		if strings.EqualFold(filepath.Ext(text), ".npy") {
			if err := m.below(text); err != nil {
				return nil, fmt.Errorf("%s: bind: %s: %q: %w", m.Where, name, text, err)
			}
			text = filepath.Join(filepath.Dir(m.Path), text)
		}
		texts = append(texts, name+"="+text)
	}
	sort.Strings(texts)
	return texts, nil
}

// below fails unless a name is that of a file below the model's folder.
func (m *File) below(name string) error {
	if m.Path == "" {
		return failure.As(failure.Data, regular.ErrOutside) // nothing is beside it
	}
	f, err := regular.Below(filepath.Dir(m.Path), name)
	if err != nil {
		return failure.Unread(err)
	}
	return f.Close()
}

// Files are the files that hold values of inputs.
func Files(bound []Bound) []string {
	var files []string
	for _, b := range bound {
		if b.SHA256 != "" {
			files = append(files, b.Value)
		}
	}
	return files
}
