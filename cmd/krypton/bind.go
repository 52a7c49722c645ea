package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"krypton/internal/failure"
	"krypton/internal/graph"
	"krypton/internal/imagein"
	"krypton/internal/onnxload"
	"krypton/internal/regular"
	"krypton/internal/tensor"
)

// boundValue is the value of an input besides the picture's, as records have it.
type boundValue struct {
	Input string `json:"input"`
	// Value is what was given, or what the input's name says.
	Value  string `json:"value"`
	SHA256 string `json:"sha256,omitempty"` // of the file
}

// bindings reads --bind: values by the names of inputs, and what records say of them.
func bindings(texts []string) (map[string]*tensor.Tensor, []boundValue, error) {
	values, told := map[string]*tensor.Tensor{}, []boundValue(nil)
	for _, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" || value == "" {
			return nil, nil, failure.Usagef("--bind %q: want NAME=NUMBER, a list NAME=A,B or NAME=FILE.npy", text)
		}
		if values[name] != nil {
			return nil, nil, failure.Usagef("--bind: %q has two values", name)
		}
		record := boundValue{Input: name, Value: value}
		var err error
		if strings.EqualFold(filepath.Ext(value), ".npy") {
			values[name], record.SHA256, err = readArray(value)
		} else if values[name], err = parseNumbers(value); err != nil {
			err = failure.As(failure.Usage, err)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("--bind %s: %w", name, err)
		}
		told = append(told, record)
	}
	return values, told, nil
}

// readArray reads a .npy file, and gives its digest.
func readArray(path string) (*tensor.Tensor, string, error) {
	f, err := imagein.OpenRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", failure.As(failure.Missing, err)
	} else if err != nil {
		return nil, "", failure.As(failure.Data, err)
	}
	defer f.Close()
	a, err := imagein.DecodeArray(f, path)
	if err != nil {
		return nil, "", failure.As(failure.Data, err)
	}
	if a.Ints != nil {
		return &tensor.Tensor{Shape: a.Shape, Data: a.Ints}, a.SHA256, nil
	}
	return &tensor.Tensor{Shape: a.Shape, Data: a.Floats}, a.SHA256, nil
}

// parseNumbers reads a number, or a list of them.
func parseNumbers(text string) (*tensor.Tensor, error) {
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

// bindText writes a YAML value as --bind has it.
func bindText(v any) string {
	if _, list := v.([]any); list {
		return "[" + scalarText(v) + "]"
	}
	return scalarText(v)
}

// bindTexts are the values that a model's own file gives to inputs, as --bind would have
// them. Files lie in the model's folder.
func (m *modelFile) bindTexts() ([]string, error) {
	var texts []string
	for name, v := range m.config.Bind {
		text := bindText(v)
		if strings.EqualFold(filepath.Ext(text), ".npy") {
			if err := m.below(text); err != nil {
				return nil, fmt.Errorf("%s: bind: %s: %q: %w", m.where, name, text, err)
			}
			text = filepath.Join(filepath.Dir(m.path), text)
		}
		texts = append(texts, name+"="+text)
	}
	sort.Strings(texts)
	return texts, nil
}

// below fails unless a name is that of a file below the model's folder.
func (m *modelFile) below(name string) error {
	if m.path == "" {
		return failure.As(failure.Data, regular.ErrOutside) // nothing is beside it
	}
	f, err := regular.Below(filepath.Dir(m.path), name)
	if errors.Is(err, fs.ErrNotExist) {
		return failure.As(failure.Missing, err)
	} else if err != nil {
		return failure.As(failure.Data, err)
	}
	return f.Close()
}

// applyBind makes the values that a model's own file gives to inputs part of --bind,
// but for inputs that have one there.
func (m *modelFile) applyBind(s *settings) error {
	own, err := m.bindTexts()
	if err != nil || len(own) == 0 {
		return err
	}
	s.model["bind"] = strings.Join(own, " ")
	f := s.flags.Lookup("bind")
	if f == nil {
		return nil
	}
	list := f.Value.(interface {
		GetSlice() []string
		Replace([]string) error
	})
	given := list.GetSlice()
	for _, text := range own {
		name, _, _ := strings.Cut(text, "=")
		if !slices.ContainsFunc(given, func(g string) bool { return strings.HasPrefix(g, name+"=") }) {
			given = append(given, text)
		}
	}
	return list.Replace(given)
}

// inputsError tells which flags give inputs their values.
func inputsError(err error, missing *onnxload.InputsError) error {
	how := func(d graph.Declared) string {
		n := 1
		for _, x := range d.Dims {
			v, err := strconv.Atoi(x)
			if n *= v; err != nil {
				n = 0
			}
		}
		switch {
		case n == 1:
			return fmt.Sprintf("--bind %s=NUMBER", d.Name)
		case n > 1 && n <= 16:
			return fmt.Sprintf("--bind %s=A,B,... of %d numbers", d.Name, n)
		}
		return fmt.Sprintf("--bind %s=FILE.npy (or a number that fills it)", d.Name)
	}
	var flags []string
	for i, d := range missing.Free {
		if missing.Picture == "" && i == 0 {
			flags = append(flags, fmt.Sprintf("--input %s if that is the picture", d.Name))
			continue
		}
		if i < 8 {
			flags = append(flags, how(d))
		}
	}
	return failure.Dataf("%w; say %s", err, strings.Join(flags, ", "))
}

// boundFiles are the files that hold values of inputs.
func boundFiles(bound []boundValue) []string {
	var files []string
	for _, b := range bound {
		if b.SHA256 != "" {
			files = append(files, b.Value)
		}
	}
	return files
}
