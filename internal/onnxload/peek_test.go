package onnxload

import (
	"reflect"
	"testing"

	"krypton/internal/onnxwrite"
)

// TestPeek: metadata and declared outputs are read without the rest; what is broken is
// an error.
func TestPeek(t *testing.T) {
	m := onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Metadata: map[string]string{"names": "{0: 'a'}", "task": "detect", "": ""}, Graph: onnxwrite.Graph{
		Inputs:  []onnxwrite.ValueInfo{{Name: "x", ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(1, 3, 8, 8)}},
		Outputs: []onnxwrite.ValueInfo{{Name: "y", ElemType: onnxwrite.TypeFloat32, Dims: []onnxwrite.Dim{onnxwrite.Symbolic("batch"), {Value: 6}, onnxwrite.Symbolic("anchors")}}, {Name: "z", ElemType: onnxwrite.TypeFloat32}},
		Nodes:   []onnxwrite.Node{{OpType: "Nothing", Inputs: []string{"x"}, Outputs: []string{"y"}}},
	}}
	b := m.Marshal()
	card, err := Peek(b)
	if err != nil {
		t.Fatal(err)
	}
	if want := (&Card{Metadata: m.Metadata, Outputs: [][]string{{"batch", "6", "anchors"}, nil}}); !reflect.DeepEqual(card, want) {
		t.Errorf("%+v, want %+v", card, want)
	}
	for n := range b { // cut anywhere: an error or less, no panic
		if card, err := Peek(b[:n]); err == nil && len(card.Metadata) == len(m.Metadata) && len(card.Outputs) == 2 && n < len(b)/2 {
			t.Errorf("%d of %d bytes give all", n, len(b))
		}
	}
	if _, err := Peek([]byte("\xff\xff no model")); err == nil {
		t.Error("no error for bytes that are no model")
	}
}
