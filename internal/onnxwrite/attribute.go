package onnxwrite

// AttributeType is AttributeProto.AttributeType, the values of field type (20).
type AttributeType int32

// The kinds of attribute that this package writes.
const (
	AttrFloat   AttributeType = 1
	AttrInt     AttributeType = 2
	AttrString  AttributeType = 3
	AttrTensor  AttributeType = 4
	AttrGraph   AttributeType = 5
	AttrFloats  AttributeType = 6
	AttrInts    AttributeType = 7
	AttrStrings AttributeType = 8
	AttrTensors AttributeType = 9
	AttrGraphs  AttributeType = 10
)

// Attribute is an AttributeProto. Only the field that belongs to Type is
// written. The functions below make one of each kind.
type Attribute struct {
	Name    string        // name (1)
	Type    AttributeType // type (20); zero leaves it out, with every value
	F       float32       // f (2)
	I       int64         // i (3)
	S       string        // s (4), any bytes
	T       Tensor        // t (5)
	G       Graph         // g (6)
	Floats  []float32     // floats (7)
	Ints    []int64       // ints (8)
	Strings []string      // strings (9)
	Tensors []Tensor      // tensors (10)
	Graphs  []Graph       // graphs (11)
	Ref     string        // ref_attr_name (21), in functions; then no value is written
}

// Float is an attribute with one float.
func Float(name string, v float32) Attribute {
	return Attribute{Name: name, Type: AttrFloat, F: v}
}

// Int is an attribute with one integer.
func Int(name string, v int64) Attribute {
	return Attribute{Name: name, Type: AttrInt, I: v}
}

// String is an attribute with one string.
func String(name, v string) Attribute {
	return Attribute{Name: name, Type: AttrString, S: v}
}

// TensorValue is an attribute with one tensor.
func TensorValue(name string, v Tensor) Attribute {
	return Attribute{Name: name, Type: AttrTensor, T: v}
}

// GraphValue is an attribute with one graph, as the branches of If have.
func GraphValue(name string, v Graph) Attribute {
	return Attribute{Name: name, Type: AttrGraph, G: v}
}

// Floats is an attribute with a list of floats.
func Floats(name string, v ...float32) Attribute {
	return Attribute{Name: name, Type: AttrFloats, Floats: v}
}

// Ints is an attribute with a list of integers.
func Ints(name string, v ...int64) Attribute {
	return Attribute{Name: name, Type: AttrInts, Ints: v}
}

// Strings is an attribute with a list of strings.
func Strings(name string, v ...string) Attribute {
	return Attribute{Name: name, Type: AttrStrings, Strings: v}
}

// Reference is an attribute of a function's node that stands for one of the function.
func Reference(name, of string, kind AttributeType) Attribute {
	return Attribute{Name: name, Ref: of, Type: kind}
}

func (w *writer) attribute(a *Attribute) {
	w.optString(1, a.Name)
	if a.Ref != "" {
		w.varint(20, int64(a.Type))
		w.string(21, a.Ref)
		return
	}
	switch a.Type {
	case AttrFloat:
		w.float(2, a.F)
	case AttrInt:
		w.varint(3, a.I)
	case AttrString:
		w.string(4, a.S)
	case AttrTensor:
		w.message(5, func(w *writer) { w.tensor(&a.T) })
	case AttrGraph:
		w.message(6, func(w *writer) { w.graph(&a.G) })
	case AttrFloats:
		if w.packed {
			w.packedFloats(7, a.Floats)
			break
		}
		for _, v := range a.Floats {
			w.float(7, v)
		}
	case AttrInts:
		w.varints(8, a.Ints)
	case AttrStrings:
		for _, v := range a.Strings {
			w.string(9, v)
		}
	case AttrTensors:
		for i := range a.Tensors {
			w.message(10, func(w *writer) { w.tensor(&a.Tensors[i]) })
		}
	case AttrGraphs:
		for i := range a.Graphs {
			w.message(11, func(w *writer) { w.graph(&a.Graphs[i]) })
		}
	}
	w.optVarint(20, int64(a.Type))
}
