package serve

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"krypton/internal/explain"
	"krypton/internal/heatmap"
	"krypton/internal/obe"
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
	if n.Clean.Boxes == nil || n.Clean.Classes[0].Label != want.Record().Classes[0].Label {
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
