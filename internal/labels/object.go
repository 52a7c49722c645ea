package labels

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"krypton/internal/pyliteral"
)

// parseObject reads JSON, a dictionary or list as Python prints it, or YAML.
func parseObject(text string) ([]string, error) {
	var v any
	if jsonErr := json.Unmarshal([]byte(text), &v); jsonErr != nil {
		var err error
		if v, err = pyliteral.Parse(text); err != nil {
			v = nil
			if err := yaml.Unmarshal([]byte(text), &v); err != nil {
				return nil, jsonErr
			}
		}
	}
	return names(v, true)
}

// names gives the class names in a decoded value. outer says that they may lie
// one key deeper.
func names(v any, outer bool) ([]string, error) {
	switch v := v.(type) {
	case []any:
		l := make([]string, len(v))
		for i, x := range v {
			s, ok := name(x)
			if !ok {
				return nil, fmt.Errorf("element %d is no name", i)
			}
			l[i] = s
		}
		return l, nil
	case pyliteral.Dict:
		m := make(map[any]any, len(v))
		for _, p := range v {
			m[p.Key] = p.Value
		}
		return names(m, outer)
	case map[any]any: // YAML with keys that are not all text
		m := make(map[string]any, len(v))
		for k, x := range v {
			m[fmt.Sprint(k)] = x
		}
		if len(m) < len(v) {
			return nil, errors.New("a class is there twice")
		}
		return names(m, outer)
	case map[string]any:
		if outer {
			for _, key := range []string{"id2label", "label2id", "names", "labels"} {
				if inner, ok := v[key]; ok {
					return names(inner, false)
				}
			}
		}
		return indexedObject(v)
	}
	return nil, errors.New("neither a list of names, nor names by index")
}

// indexedObject reads index to name, or name to index.
func indexedObject(m map[string]any) ([]string, error) {
	byIndex := make(map[int]string, len(m))
	for k, x := range m {
		i, err := strconv.Atoi(strings.TrimSpace(k))
		s, isName := name(x)
		if n, isIndex := index(x); isIndex && err != nil {
			i, s, err, isName = n, k, nil, true
		}
		if err != nil || i < 0 {
			return nil, fmt.Errorf("key %q is no class index", k)
		}
		if !isName {
			return nil, fmt.Errorf("class %d has no name", i)
		}
		if _, twice := byIndex[i]; twice {
			return nil, fmt.Errorf("class %d is there twice", i)
		}
		byIndex[i] = s
	}
	return indexed(byIndex)
}

// name gives the name in a value: text, a number or truth value (unquoted
// digits are names of digits), a list that ends in it, or an object with one.
func name(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool, int, int64, uint64, float64:
		return fmt.Sprint(v), true
	case []any:
		if len(v) > 0 {
			s, ok := v[len(v)-1].(string)
			return s, ok
		}
	case pyliteral.Dict:
		for _, key := range nameColumns {
			if x, ok := v.Get(key); ok {
				s, ok := x.(string)
				return s, ok
			}
		}
	case map[string]any:
		for _, key := range nameColumns {
			if s, ok := v[key].(string); ok {
				return s, true
			}
		}
	}
	return "", false
}

// index gives the class index in a value.
func index(v any) (int, bool) {
	switch v := v.(type) {
	case int:
		return v, v >= 0
	case int64:
		return int(v), v >= 0 && v < MaxLabels
	case float64:
		return int(v), v >= 0 && v < MaxLabels && v == math.Trunc(v)
	}
	return 0, false
}
