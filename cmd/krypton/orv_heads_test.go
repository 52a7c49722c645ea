package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"krypton/internal/onnxwrite"
)

// table is an output that is always the same.
type table struct {
	name  string
	shape []int64
	data  []float32
}

// tables makes a model of 64 by 64 pixels whose outputs are tables: the mean of a
// convolution, times zero, is added to each. open leaves the input's size open.
func tables(meta map[string]string, open bool, outputs ...table) []byte {
	return tablesOf(meta, open, outputs...).Marshal()
}

// tablesOf is tables before it is written.
func tablesOf(meta map[string]string, open bool, outputs ...table) *onnxwrite.Model {
	dims := onnxwrite.Fixed(1, 3, 64, 64)
	if open {
		dims = []onnxwrite.Dim{onnxwrite.Symbolic("batch"), {Value: 3}, onnxwrite.Symbolic("height"), onnxwrite.Symbolic("width")}
	}
	g := onnxwrite.Graph{
		Inputs:       []onnxwrite.ValueInfo{{Name: "images", ElemType: onnxwrite.TypeFloat32, Dims: dims}},
		Initializers: []onnxwrite.Tensor{onnxwrite.Raw("w", []int64{2, 3, 3, 3}, make([]float32, 54)), onnxwrite.Raw("zero", []int64{1}, []float32{0})},
		Nodes: []onnxwrite.Node{
			{OpType: "Conv", Inputs: []string{"images", "w"}, Outputs: []string{"c"}},
			{OpType: "ReduceMean", Inputs: []string{"c"}, Outputs: []string{"m"}, Attributes: []onnxwrite.Attribute{onnxwrite.Ints("axes", 1, 2, 3), onnxwrite.Int("keepdims", 0)}},
			{OpType: "Mul", Inputs: []string{"m", "zero"}, Outputs: []string{"z"}},
		},
	}
	for _, o := range outputs {
		g.Outputs = append(g.Outputs, onnxwrite.ValueInfo{Name: o.name, ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(o.shape...)})
		g.Initializers = append(g.Initializers, onnxwrite.Raw("table of "+o.name, o.shape, o.data))
		g.Nodes = append(g.Nodes, onnxwrite.Node{OpType: "Add", Inputs: []string{"z", "table of " + o.name}, Outputs: []string{o.name}})
	}
	return &onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Metadata: meta, Graph: g}
}

// asRows lays boxes out as so many rows; those that are left are zero.
func asRows(n int, boxes ...[]float32) table {
	data := slices.Concat(boxes...)
	width := len(boxes[0])
	return table{"output0", []int64{1, int64(n), int64(width)}, append(data, make([]float32, n*width-len(data))...)}
}

// asColumns lays them out as columns.
func asColumns(n int, boxes ...[]float32) table {
	width := len(boxes[0])
	t := table{"output0", []int64{1, int64(width), int64(n)}, make([]float32, n*width)}
	for i, b := range boxes {
		for k, v := range b {
			t.data[k*n+i] = v
		}
	}
	return t
}

// greyFilm is a film of two frames of 128 by 96 pixels.
func greyFilm(t *testing.T) string {
	b := []byte("YUV4MPEG2 W128 H96 F10:1 Ip A1:1 C444\n")
	for range 2 {
		b = append(append(b, "FRAME\n"...), bytes.Repeat([]byte{100}, 3*128*96)...)
	}
	path := filepath.Join(t.TempDir(), "film.y4m")
	holding(b)(t, path)
	return path
}

// found runs orv and gives the objects of the last frame, as text.
func found(t *testing.T, film, model string, more ...string) (objects []string, code int, message string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(append([]string{"orv", film, "--model", model, "-q", "-o", "-"}, more...), strings.NewReader(""), &stdout, &stderr)
	lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
	var r struct {
		Objects []struct {
			Class          int
			Label          string
			Score          float64
			X0, Y0, X1, Y1 float64
		}
	}
	if code == 0 {
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &r); err != nil {
			t.Fatalf("%v: %s", err, lines[len(lines)-1])
		}
	}
	for _, o := range r.Objects {
		objects = append(objects, fmt.Sprintf("%d %s %.2f: %.1f %.1f %.1f %.1f", o.Class, o.Label, o.Score, o.X0, o.Y0, o.X1, o.Y1))
	}
	return objects, code, stderr.String()
}

// TestHeadsOfExports: what Ultralytics and YOLOv5 export runs without a description, and
// boxes come back through the letterbox: the film's 128 by 96 pixels lie as 64 by 48 in
// the middle of the network's 64 by 64.
func TestHeadsOfExports(t *testing.T) {
	film := greyFilm(t)
	// On the network's plane 22 27 42 37, and 6 4 14 24, of which 8 to 24 are in the frame.
	a, b := []float32{32, 32, 20, 10}, []float32{10, 14, 8, 20}
	want := []string{"1 dog's 0.90: 44.0 38.0 84.0 58.0", "0 person 0.70: 12.0 0.0 28.0 32.0"}
	row := func(box []float32, more ...float32) []float32 { return slices.Concat(box, more) }
	corners := func(box []float32) []float32 {
		return []float32{box[0] - box[2]/2, box[1] - box[3]/2, box[0] + box[2]/2, box[1] + box[3]/2}
	}
	masks := slices.Repeat([]float32{-1, 1.4, 37, .5}, 8)
	protos := table{"output1", []int64{1, 32, 4, 4}, make([]float32, 512)}
	points := []float32{5, 6, .9, 7, 8, .1}
	names := "{0: 'person', 1: \"dog's\"}"
	meta := func(task string, more ...string) map[string]string {
		m := map[string]string{"names": names, "task": task, "stride": "32", "imgsz": "[64, 64]", "author": "Ultralytics", "batch": "1"}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	quarter := float32(math.Pi / 2)
	for name, c := range map[string]struct {
		meta map[string]string
		outs []table
		want []string
	}{
		"v8":                    {meta("detect"), []table{asColumns(84, row(a, .1, .9), row(b, .7, 0))}, want},
		"v8, thinned":           {meta("detect"), []table{asColumns(84, row(a, .1, .9), row(b, .7, 0), row([]float32{33, 32, 20, 10}, 0, .8))}, want},
		"with NMS":              {meta("detect", "args", "{'batch': 1, 'nms': True}"), []table{asRows(300, row(corners(a), .9, 1), row(corners(b), .7, 0))}, want},
		"v10, 26":               {meta("detect", "end2end", "True"), []table{asRows(300, row(corners(a), .9, 1), row(corners(b), .7, 0))}, want},
		"v10, older":            {meta("detect"), []table{asRows(300, row(corners(a), .9, 1), row(corners(b), .7, 0))}, want},
		"26 without":            {meta("detect", "end2end", "True"), []table{asColumns(84, row(a, .1, .9), row(b, .7, 0))}, want},
		"segmentation":          {meta("segment"), []table{asColumns(84, row(a, slices.Concat([]float32{.1, .9}, masks)...), row(b, slices.Concat([]float32{.7, 0}, masks)...)), protos}, want},
		"segmentation with NMS": {meta("segment"), []table{asRows(300, row(corners(a), slices.Concat([]float32{.9, 1}, masks)...), row(corners(b), slices.Concat([]float32{.7, 0}, masks)...)), protos}, want},
		"poses":                 {meta("pose", "kpt_shape", "[2, 3]"), []table{asColumns(84, row(a, slices.Concat([]float32{.1, .9}, points)...), row(b, slices.Concat([]float32{.7, 0}, points)...))}, want},
		"poses with NMS":        {meta("pose", "kpt_shape", "[2, 3]"), []table{asRows(300, row(corners(a), slices.Concat([]float32{.9, 1}, points)...), row(corners(b), slices.Concat([]float32{.7, 0}, points)...))}, want},
		"turned":                {meta("obb"), []table{asColumns(84, []float32{32, 32, 10, 20, .1, .9, quarter}, row(b, .7, 0, 0))}, want},
		"turned with NMS":       {meta("obb"), []table{asRows(300, []float32{32, 32, 10, 20, .9, 1, quarter}, row(b, .7, 0, 0))}, want},
		"YOLOv5":                {map[string]string{"names": "['person', \"dog's\"]", "stride": "32"}, []table{asRows(252, row(a, .9, .1, 1), row(b, .7, 1, 0))}, want},
		// Stretched, and not thinned.
		"RT-DETR": {meta("detect", "description", "Ultralytics rtdetr-l model"), []table{asRows(300, []float32{.5, .5, .25, .25, .1, .9}, []float32{.5, .5, .25, .25, .1, .8})}, []string{"1 dog's 0.90: 48.0 36.0 80.0 60.0", "1 dog's 0.80: 48.0 36.0 80.0 60.0"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, open := range []bool{false, true} {
				if open && c.meta["imgsz"] == "" {
					continue // nobody says how large it is
				}
				model := filepath.Join(t.TempDir(), "m.onnx")
				holding(tables(c.meta, open, c.outs...))(t, model)
				if got, code, message := found(t, film, model); code != 0 || !slices.Equal(got, c.want) {
					t.Errorf("open size %v: exit code %d, %s, objects %q, want %q", open, code, message, got, c.want)
				}
			}
		})
	}
}

// TestWrongHeads: a head that is none of what its metadata or its description say ends
// with 65 and the numbers that do not fit.
func TestWrongHeads(t *testing.T) {
	film := greyFilm(t)
	one := map[string]string{"names": "{0: 'cell'}", "task": "detect"}
	coefficients := asColumns(84, slices.Concat([]float32{32, 32, 20, 10, .9}, slices.Repeat([]float32{1.4, -1}, 16)))
	for name, c := range map[string]struct {
		meta   map[string]string
		config string
		out    table
		says   string
	}{
		"unknown shape":   {one, "", coefficients, "shape [1 37 84], and the file's metadata speak of the task detect with 1 classes: want [1,5,N]"},
		"labels":          {nil, "labels: [cell]\ndetector: {form: yolov8}\n", coefficients, "33 classes, and the labels name 1; the shape would fit detector: {form: yolov8, masks: 32}"},
		"scores":          {nil, "detector: {form: yolov8}\n", coefficients, "which is not within 0 to 1: it may be logits"},
		"no description":  {nil, "", asRows(300, []float32{1, 2, 3, 4, .9, 0}), "'detector: {form: nms}'"},
		"two axes":        {nil, "", table{"output0", []int64{300, 6}, make([]float32, 1800)}, "'detector: {form: nms}'"},
		"shares":          {nil, "detector: {form: nms}\n", asRows(300, []float32{.1, .2, .3, .4, .9, 0}), "relative: true"},
		"classes":         {nil, "labels: [a, b]\ndetector: {form: nms}\n", asRows(300, []float32{10, 20, 30, 40, .9, 2}), "class 2, and there are classes 0 to 1"},
		"RT-DETR unsaid":  {map[string]string{"names": "['a', 'b']", "task": "detect"}, "", asRows(300, []float32{.5, .5, .2, .1, .9, .1}), "m.onnx: the description of the detector does not fit the network: output \"output0\" of shape [1 300 6], read as form nms: box 0 has class 0.1"},
		"other names":     {map[string]string{"names": "['a', 'b']", "task": "detect"}, "labels: [a]\n", asColumns(84, []float32{32, 32, 20, 10, .9, .1}), "as its metadata have it: detector: the description of the detector does not fit the network: output \"output0\" of shape [1 6 84], read as form yolov8, has 2 classes, and the labels name 1"},
		"no whole number": {nil, "detector: {form: nms}\n", asRows(300, []float32{10, 20, 30, 40, .9, .4}), "class 0.4, which is no whole number"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			model := filepath.Join(dir, "m.onnx")
			holding(tables(c.meta, false, c.out))(t, model)
			if c.config != "" {
				holding([]byte("preprocess: {preset: unit}\n"+c.config))(t, filepath.Join(dir, "m.krypton.yaml"))
			}
			if got, code, message := found(t, film, model); code != exitData || !strings.Contains(message, c.says) || strings.Count(message, "\n") != 1 {
				t.Errorf("exit code %d, objects %q: %s, want %s", code, got, message, c.says)
			}
		})
	}
}

// TestChosenInFourOutputs: boxes, scores, classes and their number in outputs of their
// own, the last two as whole numbers.
func TestChosenInFourOutputs(t *testing.T) {
	film, dir := greyFilm(t), t.TempDir()
	model := filepath.Join(dir, "m.onnx")
	m := tablesOf(nil, false, table{"det_boxes", []int64{1, 3, 4}, []float32{22, 27, 42, 37, 6, 16, 14, 24, 0, 0, 64, 64}}, table{"det_scores", []int64{1, 3}, []float32{.9, .7, .8}},
		table{"classes", []int64{1, 3}, []float32{1, 0, 1}}, table{"count", []int64{1, 1}, []float32{2}})
	for i, to := range []string{"", "", "det_classes", "num_dets"} {
		if to != "" {
			m.Graph.Nodes = append(m.Graph.Nodes, onnxwrite.Node{OpType: "Cast", Inputs: []string{m.Graph.Outputs[i].Name}, Outputs: []string{to}, Attributes: []onnxwrite.Attribute{onnxwrite.Int("to", int64(onnxwrite.TypeInt32))}})
			m.Graph.Outputs[i].Name, m.Graph.Outputs[i].ElemType = to, onnxwrite.TypeInt32
		}
	}
	holding(m.Marshal())(t, model)
	holding([]byte("preprocess: {preset: unit, resize: letterbox}\nlabels: [a, b]\ndetector: {form: nms, boxes: det_boxes, scores: det_scores, labels: det_classes, count: num_dets}\n"))(t, filepath.Join(dir, "m.krypton.yaml"))
	want := []string{"1 b 0.90: 44.0 38.0 84.0 58.0", "0 a 0.70: 12.0 16.0 28.0 32.0"}
	if got, code, message := found(t, film, model); code != 0 || !slices.Equal(got, want) {
		t.Errorf("exit code %d, %s, objects %q, want %q", code, message, got, want)
	}
}

// TestSettingsOfHeads: threshold and iou of a description count unless flags do.
func TestSettingsOfHeads(t *testing.T) {
	film, dir := greyFilm(t), t.TempDir()
	model := filepath.Join(dir, "m.onnx")
	holding(tables(nil, false, asColumns(84, []float32{32, 32, 20, 10, .9}, []float32{36, 32, 20, 10, .4})))(t, model)
	holding([]byte("preprocess: {preset: unit}\ndetector: {form: yolov8, threshold: 0.3, iou: 0.8}\n"))(t, filepath.Join(dir, "m.krypton.yaml"))
	for more, want := range map[string]int{"": 2, "--min-score 0.5": 1, "--iou 0.45": 1} {
		if got, code, message := found(t, film, model, strings.Fields(more)...); code != 0 || len(got) != want {
			t.Errorf("%q: exit code %d, %s, objects %q, want %d", more, code, message, got, want)
		}
	}
}
