package op

import (
	"fmt"
	"slices"
	"sort"
)

// table lists every operator. It is built from one list for each family, each
// beside its operators; there is no registration at start-up.
var table = slices.Concat(nnOperators, pointwiseOperators, shapeOperators, reduceOperators)

// Table returns all definitions, sorted by name and first operator set.
func Table() []Definition {
	t := slices.Clone(table)
	sort.SliceStable(t, func(i, j int) bool {
		if t[i].Name != t[j].Name {
			return t[i].Name < t[j].Name
		}
		return t[i].Since < t[j].Since
	})
	return t
}

// Lookup finds the definition of an operator in an operator set. The error
// names the operator and says which operator sets are supported, if any.
func Lookup(name string, opset int) (*Definition, error) {
	known := false
	for i := range table {
		d := &table[i]
		if d.Name != name {
			continue
		}
		known = true
		if opset >= d.Since && (d.Until == 0 || opset <= d.Until) {
			return d, nil
		}
	}
	if known {
		return nil, fmt.Errorf("operator %s of operator set %d is not supported", name, opset)
	}
	return nil, fmt.Errorf("operator %s (operator set %d) is not supported", name, opset)
}
