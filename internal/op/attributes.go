package op

import (
	"fmt"
	"sort"

	"krypton/internal/tensor"
)

// Attributes are the attributes of one node. Values are int64, float32,
// string, *tensor.Tensor, []int64, []float32 or []string. Each read marks the
// attribute as known; Unread names the others.
type Attributes struct {
	values map[string]any
	read   map[string]bool
}

// NewAttributes wraps values; the map is not copied.
func NewAttributes(values map[string]any) *Attributes {
	return &Attributes{values: values, read: map[string]bool{}}
}

// Has says whether the attribute is present; it does not count as a read.
func (a *Attributes) Has(name string) bool { _, ok := a.values[name]; return ok }

// Unread lists, sorted, the attributes that nobody asked for.
func (a *Attributes) Unread() []string {
	var names []string
	for n := range a.values {
		if !a.read[n] {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	return names
}

func get[T any](a *Attributes, name string, def T) (T, error) {
	a.read[name] = true
	v, ok := a.values[name]
	if !ok {
		return def, nil
	}
	t, ok := v.(T)
	if !ok {
		return def, fmt.Errorf("attribute %q has type %T, want %T", name, v, def)
	}
	return t, nil
}

// Ignore marks attributes that have no effect on inference as known.
func (a *Attributes) Ignore(names ...string) {
	for _, n := range names {
		a.read[n] = true
	}
}

// Int reads an integer attribute, or def if it is absent.
func (a *Attributes) Int(name string, def int) (int, error) {
	v, err := get(a, name, int64(def))
	return int(v), err
}

// Bool reads an integer attribute that must be 0 or 1.
func (a *Attributes) Bool(name string, def bool) (bool, error) {
	d := int64(0)
	if def {
		d = 1
	}
	v, err := get(a, name, d)
	if err == nil && v != 0 && v != 1 {
		err = fmt.Errorf("attribute %q is %d, want 0 or 1", name, v)
	}
	return v == 1, err
}

// Float reads a floating-point attribute, or def if it is absent.
func (a *Attributes) Float(name string, def float32) (float32, error) { return get(a, name, def) }

// String reads a string attribute, or def if it is absent.
func (a *Attributes) String(name, def string) (string, error) { return get(a, name, def) }

// OneOf reads a string attribute that must be one of allowed; the first one
// is the default.
func (a *Attributes) OneOf(name string, allowed ...string) (string, error) {
	s, err := get(a, name, allowed[0])
	if err != nil {
		return "", err
	}
	for _, v := range allowed {
		if s == v {
			return s, nil
		}
	}
	return "", fmt.Errorf("attribute %q is %q, want one of %q", name, s, allowed)
}

// Ints reads a list of integers, nil if it is absent.
func (a *Attributes) Ints(name string) ([]int, error) {
	v, err := get(a, name, []int64(nil))
	if err != nil || v == nil {
		return nil, err
	}
	r := make([]int, len(v))
	for i, x := range v {
		r[i] = int(x)
	}
	return r, nil
}

// Floats reads a list of floats, nil if it is absent.
func (a *Attributes) Floats(name string) ([]float32, error) { return get(a, name, []float32(nil)) }

// Strings reads a list of strings, nil if it is absent.
func (a *Attributes) Strings(name string) ([]string, error) { return get(a, name, []string(nil)) }

// Tensor reads a tensor attribute, nil if it is absent.
func (a *Attributes) Tensor(name string) (*tensor.Tensor, error) {
	return get(a, name, (*tensor.Tensor)(nil))
}

// pass hands the named attributes on, as they are, to another operator.
func (a *Attributes) pass(names ...string) map[string]any {
	m := map[string]any{}
	for _, name := range names {
		a.read[name] = true
		if v, ok := a.values[name]; ok {
			m[name] = v
		}
	}
	return m
}
