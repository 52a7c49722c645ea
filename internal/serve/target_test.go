package serve

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sbinet/npyio"

	"krypton/internal/explain"
	"krypton/internal/heatmap"
	"krypton/internal/obe"
	"krypton/internal/onnxwrite"
)

// TestBoxes: of a detector the prediction has the boxes that were found, and a map of one
// of them has the command's files and its command line.
func TestBoxes(t *testing.T) {
	opt := filming(t, 1)
	s := begin(t, opt)
	picture := s.sample(s.http)
	size := obe.Size{H: obe.Length{Pixels: 16}, W: obe.Length{Pixels: 16}}
	want, in := answerOf(t, opt.Models[1], func(q *explain.Question) { q.Strides, q.Boxes = []obe.Size{size}, []string{"2"} })
	var seen clean
	s.must(s.http, "POST", "/api/predictions", map[string]any{"model": 1, "picture": picture, "question": question("16")}, &seen)
	if found := want.Record().Boxes.Found; seen.Kind != "box" || len(seen.Boxes.Found) != len(found) || len(found) < 2 || seen.Boxes.Found[1] != found[1] {
		t.Fatalf("%s: %+v, want %+v", seen.Kind, seen.Boxes, found)
	}
	var m struct{ ID string }
	s.must(s.http, "POST", "/api/maps", map[string]any{"model": 1, "picture": picture, "question": map[string]any{"patch": []string{"16"}, "stride": []string{"16"}, "box": []string{"2"}}}, &m)
	s.finished(s.http, m.ID)
	var n numbers
	s.must(s.http, "GET", "/api/maps/"+m.ID+"/scores", nil, &n)
	if n.Clean.Boxes == nil || n.Clean.Classes[0].Label != n.Clean.Boxes.Found[1].Name() || n.Clean.Classes[0].Index != want.Record().Classes[0].Index {
		t.Errorf("%+v", n.Clean)
	}
	var png bytes.Buffer
	if err := want.WritePNG(&png, in, heatmap.Style{Mode: "overlay", Alpha: .6, Colormap: "auto"}, explain.Imprint{Heatmap: "sample.krypton.png", Timeless: true}); err != nil {
		t.Fatal(err)
	}
	if status, got := s.call(s.http, "GET", "/api/maps/"+m.ID+"/files/heatmap.png", nil); status != 200 || !bytes.Equal(got, png.Bytes()) {
		t.Errorf("heatmap: %d, %d bytes, want %d", status, len(got), png.Len())
	}
	var c struct{ Command string }
	s.must(s.http, "GET", "/api/maps/"+m.ID+"/command", nil, &c)
	if !strings.HasSuffix(c.Command, " --stride 16 --box 2") {
		t.Errorf("command %s", c.Command)
	}
	// What a question about files would name stays the server's.
	if status, body := s.call(s.http, "POST", "/api/maps", map[string]any{"picture": picture, "question": map[string]any{"reference": filepath.Join("..", "x.npy")}}); status != 400 || !strings.Contains(string(body), "reference") {
		t.Errorf("a reference: %d %s", status, body)
	}
}

// segmenter writes a network whose planes are brightness, darkness, and nothing.
func segmenter(t *testing.T) string {
	t.Helper()
	weights := []float32{4, 4, 4, -4, -4, -4, 0, 0, 0}
	m := &onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Graph: onnxwrite.Graph{
		Inputs:       []onnxwrite.ValueInfo{{Name: "x", ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(1, 3, 64, 64)}},
		Outputs:      []onnxwrite.ValueInfo{{Name: "y", ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(1, 3, 64, 64)}},
		Initializers: []onnxwrite.Tensor{onnxwrite.Raw("w", []int64{3, 3, 1, 1}, weights), onnxwrite.Raw("bias", []int64{3}, []float32{-6, 6, -40})},
		Nodes:        []onnxwrite.Node{{OpType: "Conv", Inputs: []string{"x", "w", "bias"}, Outputs: []string{"y"}}},
	}}
	path := filepath.Join(t.TempDir(), "segments.onnx")
	if err := os.WriteFile(path, m.Marshal(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSegments: of a segmentation the classes that have pixels are listed, and any of them
// is mapped.
func TestSegments(t *testing.T) {
	opt := usually()
	opt.Models = []Model{modelFile(segmenter(t))}
	s := begin(t, opt)
	picture := s.sample(s.http)
	var seen clean
	s.must(s.http, "POST", "/api/predictions", map[string]any{"picture": picture, "question": question("16")}, &seen)
	if seen.Kind != "segment" || len(seen.Top) != 2 || seen.Top[0].Index+seen.Top[1].Index != 1 {
		t.Fatalf("%+v", seen)
	}
	for _, class := range []string{"index:0", "index:1"} {
		want, _ := answerOf(t, opt.Models[0], func(q *explain.Question) {
			q.Strides, q.Classes = []obe.Size{q.Patches[0].Size}, []string{class}
		})
		m := s.startJSON(picture, []byte(`{"patch":["16"],"stride":["16"],"class":["`+class+`"]}`))
		s.finished(s.http, m)
		var n numbers
		s.must(s.http, "GET", "/api/maps/"+m+"/scores", nil, &n)
		if !slices.Equal(numbersOf(t, n.Scores[0]), bitsOf(want)) {
			t.Errorf("%s: another map", class)
		}
	}
}

// embedder writes a network whose output is a direction: the picture's mean colours, of
// length 1.
func embedder(t *testing.T) string {
	t.Helper()
	m := &onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Graph: onnxwrite.Graph{
		Inputs:  []onnxwrite.ValueInfo{{Name: "x", ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(1, 3, 64, 64)}},
		Outputs: []onnxwrite.ValueInfo{{Name: "y", ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(1, 3)}},
		Nodes:   onnxwrite.Lines("m = GlobalAveragePool x", "f = Flatten m", "y = LpNormalization f"),
	}}
	path := filepath.Join(t.TempDir(), "features.onnx")
	if err := os.WriteFile(path, m.Marshal(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestReferences: features are compared with a picture or a vector that was sent, and the
// map is that of the command's --reference; nobody names a path.
func TestReferences(t *testing.T) {
	opt := usually()
	opt.Models = []Model{modelFile(embedder(t))}
	s := begin(t, opt)
	picture := s.sample(s.http)
	red := image.NewRGBA(image.Rect(0, 0, 64, 64))
	draw.Draw(red, red.Rect, image.NewUniform(color.RGBA{255, 0, 0, 255}), image.Point{}, draw.Src)
	var other, vector bytes.Buffer
	if err := errors.Join(png.Encode(&other, red), npyio.Write(&vector, []float32{0, 1, 0})); err != nil {
		t.Fatal(err)
	}
	clean := map[string][]uint32{}
	for name, data := range map[string][]byte{"": nil, "red.png": other.Bytes(), "green.npy": vector.Bytes()} {
		want, _ := answerOf(t, opt.Models[0], func(q *explain.Question) {
			if q.Strides = []obe.Size{q.Patches[0].Size}; name != "" {
				q.Reference = explain.Bytes(name, name, data)
			}
		})
		ask := map[string]any{"picture": picture, "question": question("16")}
		if name != "" {
			var sent struct{ ID string }
			s.must(s.http, "POST", "/api/pictures?name="+name, data, &sent)
			ask["reference"] = sent.ID
		}
		var m struct{ ID string }
		s.must(s.http, "POST", "/api/maps", ask, &m)
		s.finished(s.http, m.ID)
		var n numbers
		s.must(s.http, "GET", "/api/maps/"+m.ID+"/scores", nil, &n)
		if clean[name] = numbersOf(t, n.Scores[0]); !slices.Equal(clean[name], bitsOf(want)) {
			t.Errorf("%q: another map", name)
		}
		var c struct{ Command string }
		if s.must(s.http, "GET", "/api/maps/"+m.ID+"/command", nil, &c); strings.Contains(c.Command, "--reference") != (name != "") || !strings.Contains(c.Command, name) {
			t.Errorf("%q: %s", name, c.Command)
		}
	}
	if slices.Equal(clean[""], clean["red.png"]) || slices.Equal(clean["red.png"], clean["green.npy"]) {
		t.Error("the reference makes no difference")
	}
	if status, body := s.call(s.http, "POST", "/api/maps", map[string]any{"picture": picture, "reference": "red.png", "question": question("16")}); status != 404 {
		t.Errorf("a name: %d %s", status, body)
	}
}

// TestReferencesInTurn: one reference at a time is run, and who leaves meanwhile is let go.
func TestReferencesInTurn(t *testing.T) {
	opt := usually()
	n, err := newNetwork(t.Context(), modelFile(embedder(t)), opt.Host)
	if err != nil {
		t.Fatal(err)
	}
	q := explain.Default()
	if _, err := n.prepare(t.Context(), q, ""); err != nil {
		t.Fatal(err)
	}
	var vector bytes.Buffer
	if err := npyio.Write(&vector, []float32{0, 1, 0}); err != nil {
		t.Fatal(err)
	}
	q.Reference = explain.Bytes("v.npy", "v.npy", vector.Bytes())
	n.comparing <- struct{}{}
	left, leave := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	time.AfterFunc(50*time.Millisecond, func() { leave(gone) })
	if _, err := n.prepare(left, q, ""); !errors.Is(err, gone) {
		t.Errorf("while another is run: %v", err)
	}
	<-n.comparing
	if _, err := n.prepare(t.Context(), q, ""); err != nil {
		t.Error(err)
	}
}
