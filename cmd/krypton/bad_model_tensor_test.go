package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"krypton/internal/onnxwrite"
)

// badTensors are the rows M07 to M10: weights that cannot be what they say.
func badTensors() []badInput {
	var rows []badInput
	for _, c := range []struct {
		name string
		dims []int64
		says string
	}{
		{"2^31-by-2^31", []int64{1 << 31, 1 << 31}, "2147483648 2147483648"}, {"minus-one", []int64{-1}, "[-1]"}, {"2^62-by-4", []int64{1 << 62, 4}, "4611686018427387904"},
		{"wraps-to-108", []int64{1 << 32, 1 << 32, 108}, "4294967296"}, {"wraps-to-0", []int64{1 << 32, 1 << 32}, "4294967296"}, {"2^63-1", []int64{math.MaxInt64}, "9223372036854775807"},
		{"one-too-few", []int64{4, 3, 3, 2}, "want 288"}, {"zero", []int64{0, 3, 3, 3}, "want 0"}, {"100-of-them", make([]int64, 100), "100 dimensions"},
	} {
		rows = append(rows, looked("M07/"+c.name, weight(func(w *onnxwrite.Tensor) { w.Dims = c.dims }), exitData, c.says))
	}
	bad := func(id string, f func(*onnxwrite.Tensor), says string) {
		rows = append(rows, looked(id, weight(f), exitData, `initializer "w"`), looked(id+"-why", weight(f), exitData, says))
	}
	bad("M08/raw-too-short", func(w *onnxwrite.Tensor) { w.RawData = w.RawData[:40] }, "40 bytes of data")
	bad("M08/raw-too-long", func(w *onnxwrite.Tensor) { w.RawData = append(w.RawData, 0, 0, 0, 0) }, "436 bytes of data")
	bad("M08/raw-of-half-an-element", func(w *onnxwrite.Tensor) { w.RawData = w.RawData[:41] }, "41 bytes of data")
	bad("M08/no-data", func(w *onnxwrite.Tensor) { w.RawData = nil }, "want 108")
	bad("M08/raw-and-typed", func(w *onnxwrite.Tensor) { w.FloatData = make([]float32, 108) }, "both raw and typed")
	bad("M08/typed-too-short", func(w *onnxwrite.Tensor) { w.RawData, w.FloatData = nil, make([]float32, 107) }, "107 numbers")
	bad("M08/typed-of-another-type", func(w *onnxwrite.Tensor) { w.RawData, w.Int64Data = nil, make([]int64, 108) }, "0 numbers")
	bad("M08/typed-twice", func(w *onnxwrite.Tensor) {
		w.RawData, w.FloatData, w.Int64Data = nil, make([]float32, 108), make([]int64, 108)
	}, "numbers of data")
	for typ, says := range map[onnxwrite.DataType]string{0: "type 0", 99: "type 99", onnxwrite.TypeString: "string", 14: "type 14", 18: "float8e4m3fnuz", 23: "float4e2m1", 25: "uint2", -1: "type -1"} {
		bad(fmt.Sprintf("M09/element-type-%d", typ), func(w *onnxwrite.Tensor) { w.DataType = typ }, says)
	}
	for typ, size := range map[onnxwrite.DataType]int{17: 108, 19: 108, 21: 54, 22: 54} { // of a convolution: only DequantizeLinear reads them
		rows = append(rows, looked(fmt.Sprintf("M09/element-type-%d", typ), weight(func(w *onnxwrite.Tensor) { w.DataType, w.RawData = typ, make([]byte, size) }), exitData, "is not supported here"))
		bad(fmt.Sprintf("M09/element-type-%d-bytes", typ), func(w *onnxwrite.Tensor) { w.DataType = typ }, fmt.Sprintf("want %d", size))
	}
	bad("M09/strings", func(w *onnxwrite.Tensor) {
		w.RawData, w.StringData, w.DataType = nil, []string{"a"}, onnxwrite.TypeString
	}, "element type string")
	rows = append(rows,
		looked("M09/input-of-strings", changed(func(m *onnxwrite.Model) { m.Graph.Inputs[0].ElemType = onnxwrite.TypeString }), exitData, "string"),
		looked("M09/bfloat16-beside-float32", weight(func(w *onnxwrite.Tensor) {
			w.DataType, w.RawData = onnxwrite.TypeBFloat16, make([]byte, 216)
		}), exitOK, ""))
	for name, bits := range map[string]uint32{"nan": 0x7fc00000, "signalling-nan": 0x7f800001, "inf": 0x7f800000, "minus-inf": 0xff800000, "denormal": 1} {
		set := weight(func(w *onnxwrite.Tensor) { binary.LittleEndian.PutUint32(w.RawData, bits) })
		rows = append(rows, looked("M10/"+name, set, exitOK, ""), mapped("M10/"+name+"-map", set, exitOK, ""))
	}
	return rows
}

// TestMapsOfNoNumbers are the rows M10 and M21: numbers that are none go through
// the network as IEEE 754 has it, and the map says so. Where all are numbers, it
// does not.
func TestMapsOfNoNumbers(t *testing.T) {
	bits := func(b uint32) func(testing.TB, string) {
		return weight(func(w *onnxwrite.Tensor) { binary.LittleEndian.PutUint32(w.RawData, b) })
	}
	normalized := func(variance float32) func(testing.TB, string) {
		return betweenWith("BatchNormalization", []onnxwrite.Tensor{floats("s", 1, 1, 1, 1), floats("bias", 0, 0, 0, 0), floats("mean", 0, 0, 0, 0), floats("var", variance, 1, 1, 1)}, onnxwrite.Float("epsilon", 0.25))
	}
	for _, row := range []struct {
		id    string
		make  func(testing.TB, string)
		class string // that the numbers of the row reach
		none  bool
	}{
		{"M10/nan", bits(0x7fc00000), "0", true}, {"M10/inf", bits(0x7f800000), "0", true}, {"M10/denormal", bits(1), "0", false},
		{"M21/variance-below-minus-epsilon", normalized(-1), "0", true}, {"M21/variance-minus-epsilon", normalized(-0.25), "0", true}, {"M21/variance-zero", normalized(0), "0", false},
		{"M21/division-by-zero", betweenWith("Div", []onnxwrite.Tensor{onnxwrite.Raw("z", nil, []float32{0})}), "1", true},
		{"M21/division-of-one-channel", betweenWith("Div", []onnxwrite.Tensor{onnxwrite.Raw("z", []int64{1, 4, 1, 1}, []float32{1, 1, 1, 0})}), "3", true},
	} {
		t.Run(row.id, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "m.onnx")
			row.make(t, path)
			picture := filepath.Join(dir, "picture.png")
			holding(samplePicture())(t, picture)
			cmd := command("obe", picture, "--model", path, "--patch", "4", "--stride", "4", "--activation", "none", "--class", row.class, "--json", "-o", filepath.Join(dir, "map.png"), "--scores", filepath.Join(dir, "map.csv"))
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v: %s", err, stderr.String())
			}
			var record struct {
				NaN *bool `json:"has_nan"`
			}
			if err := json.Unmarshal(stdout.Bytes(), &record); err != nil || record.NaN == nil || *record.NaN != row.none {
				t.Errorf("has_nan is not %v: %v\n%s", row.none, err, stdout.String())
			}
			for _, name := range []string{"map.png", "map.csv"} {
				if contents(t, dir)[name] == "" {
					t.Errorf("no %s", name)
				}
			}
		})
	}
}
