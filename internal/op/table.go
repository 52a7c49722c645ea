package op

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// table lists every operator, from one list for each family. Compound operators
// look their parts up in it, which an initializer of the variable must not.
var table []Definition

func init() {
	table = slices.Concat(nnOperators, pointwiseOperators, shapeOperators, reduceOperators, microsoftOperators)
	for i := range table {
		table[i].New = withoutHints(table[i].New)
	}
}

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

// Qualified is the name under which the table has an operator of a domain: its
// op_type in the default domain.
func Qualified(domain, name string) string {
	if domain == "" {
		return name
	}
	return domain + "." + name
}

// unqualified takes a name apart again.
func unqualified(name string) (domain, typ string) {
	i := strings.LastIndexByte(name, '.')
	return name[:max(i, 0)], name[i+1:]
}

// blocked is the domain of ONNX Runtime's operators on blocks of channels, whose
// layout depends on the processor that the file was written on.
const blocked = "com.microsoft.nchwc"

// Lookup finds the definition of an operator, by its qualified name, in an
// operator set of the default domain. The error names the operator and says which
// operator sets are supported, if any.
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
	switch domain, typ := unqualified(name); {
	case domain == blocked:
		return nil, fmt.Errorf("operator %s of domain %q is not supported: ONNX Runtime wrote this file for one kind of processor; let it write with the graph optimization level basic or extended, or take the model that it was made of", typ, domain)
	case domain != "":
		return nil, fmt.Errorf("operator %s of domain %q is not supported", typ, domain)
	case known:
		return nil, fmt.Errorf("operator %s of operator set %d is not supported", name, opset)
	}
	return nil, fmt.Errorf("operator %s (operator set %d) is not supported", name, opset)
}

// withoutHints passes over consumed_inputs, which said in the first operator sets
// that an input's memory may be written to.
func withoutHints(make func(*Node) (Operator, error)) func(*Node) (Operator, error) {
	return func(n *Node) (Operator, error) {
		if n.Opset < 6 {
			n.Attr.Ignore("consumed_inputs")
		}
		return make(n)
	}
}
