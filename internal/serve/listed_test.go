package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"krypton/internal/explain"
	"krypton/internal/heatmap"
	"krypton/internal/imagein"
	"krypton/internal/model"
	"krypton/internal/obe"
	"krypton/internal/onnxwrite"
	"krypton/models"
)

// files holds a map's downloads to what an answer's own writers make, and its command line
// to how it ends.
func (s *served) files(m string, want *explain.Answer, in *explain.Input, heat, command string, endings ...string) {
	s.t.Helper()
	for _, ending := range append(endings, ".npy", ".csv", ".json") {
		var b bytes.Buffer
		if err := want.WriteScores(&b, ending, explain.Imprint{Heatmap: heat, Timeless: true}); err != nil {
			s.t.Fatal(err)
		}
		if status, got := s.call(s.http, "GET", "/api/maps/"+m+"/files/scores"+ending, nil); status != 200 || !bytes.Equal(got, b.Bytes()) {
			s.t.Errorf("scores%s: %d, %d bytes, want %d", ending, status, len(got), b.Len())
		}
	}
	var b bytes.Buffer
	if err := want.WritePNG(&b, in, heatmap.Style{Mode: "overlay", Alpha: .6, Colormap: "auto"}, explain.Imprint{Heatmap: heat, Timeless: true}); err != nil {
		s.t.Fatal(err)
	}
	if status, got := s.call(s.http, "GET", "/api/maps/"+m+"/files/heatmap.png", nil); status != 200 || !bytes.Equal(got, b.Bytes()) {
		s.t.Errorf("heatmap: %d, %d bytes, want %d", status, len(got), b.Len())
	}
	var c struct{ Command string }
	if s.must(s.http, "GET", "/api/maps/"+m+"/command", nil, &c); !strings.HasSuffix(c.Command, command) {
		s.t.Errorf("%s, want %s", c.Command, command)
	}
}

// TestListedPatches: superpixels and random masks are told of as they come, with what they
// cover, and the map that is there has the command's bytes.
func TestListedPatches(t *testing.T) {
	opt := usually()
	s := begin(t, opt)
	picture := s.sample(s.http)
	for _, text := range []string{"slic:30", "rise:70:cells=5"} {
		patch, err := obe.ParsePatch(text)
		if err != nil {
			t.Fatal(err)
		}
		want, in := answerOf(t, opt.Models[0], func(q *explain.Question) { q.Patches = []obe.Patch{patch} })
		scale := want.Record().Scales[0]
		m := s.start(s.http, picture, map[string]any{"patch": []string{text}})
		at, got, total := []uint32{}, []uint32{}, 0.
		s.listen(s.http, m, "", func(e event) bool {
			if e.name == "part" && e.data["positions"].(string) != "" {
				at, got = append(at, numbersOf(t, e.data["positions"].(string))...), append(got, numbersOf(t, e.data["scores"].(string))...)
				total = e.data["total"].(float64)
			}
			return true
		})
		for i, p := range at {
			if bits := math.Float32bits(float32(scale.Classes[0].Scores[0][p])); got[i] != bits {
				t.Fatalf("%s: position %d is %x, want %x", text, p, got[i], bits)
			}
		}
		if len(at) > 0 && int(total) != scale.Positions {
			t.Errorf("%s: %g positions, want %d", text, total, scale.Positions)
		}
		var p patches
		s.must(s.http, "GET", "/api/maps/"+m+"/patches", nil, &p)
		endings := []string{}
		var n numbers
		s.must(s.http, "GET", "/api/maps/"+m+"/scores", nil, &n)
		if patch.Shape == obe.Superpixels {
			endings = append(endings, explain.SegmentsEnding)
			labels, pixels, winners := numbersOf(t, p.Maps[0].Labels), bitsOf(want), numbersOf(t, n.Winners)
			for i, l := range labels { // each pixel has its segment's
				if pixels[i] != math.Float32bits(float32(scale.Classes[0].Scores[0][l])) || int32(winners[i]) != scale.FlipMap[0][l] {
					t.Fatalf("pixel %d of segment %d", i, l)
				}
			}
		} else if k := p.Maps[0].Masks; k == nil || k.Cells != [2]int{5, 5} || k.Keep != .5 || len(numbersOf(t, k.Shifts)) != 2*70 || k.Region.W != 128 {
			t.Errorf("%+v", k)
		}
		if !slices.Equal(numbersOf(t, n.Scores[0]), bitsOf(want)) {
			t.Errorf("%s: another map", text)
		}
		s.files(m, want, in, "sample.krypton.png", " --patch "+text, endings...)
	}
	m := s.start(s.http, picture, question("64"))
	s.finished(s.http, m)
	for _, path := range []string{"patches", "files/scores.segments.npy"} {
		if status, body := s.call(s.http, "GET", "/api/maps/"+m+"/"+path, nil); status != 404 {
			t.Errorf("%s of squares: %d %s", path, status, body)
		}
	}
}

// inFolder writes files of a folder that is served.
func inFolder(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// leaf is a grey picture that covers a part of a patch.
func leaf(t *testing.T) []byte {
	img := image.NewGray(image.Rect(0, 0, 20, 20))
	for i := range img.Pix {
		img.Pix[i] = uint8(i % 256)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestStencilsOfTheFolder: a mask is a file of the folder, with the command's bytes and name,
// and nothing else of this machine.
func TestStencilsOfTheFolder(t *testing.T) {
	_, data := models.Sample()
	opt := usually()
	opt.Folder = inFolder(t, map[string][]byte{"a.png": data, "sub/leaf.png": leaf(t), "x,y.png": leaf(t)})
	s := begin(t, opt)
	var p struct{ ID string }
	s.must(s.http, "POST", "/api/pictures?file=a.png", nil, &p)
	patch, err := obe.ParsePatch("mask:32x24:" + filepath.Join(opt.Folder, "sub/leaf.png"))
	if err != nil {
		t.Fatal(err)
	}
	q := explain.Default()
	q.Patches, q.Strides = []obe.Patch{patch}, []obe.Size{{H: obe.Length{Pixels: 32}, W: obe.Length{Pixels: 32}}}
	loaded, err := opt.Models[0].Make(t.Context(), &q, imagein.View{})
	if err != nil {
		t.Fatal(err)
	}
	want, in := without(t, loaded, q, explain.File(filepath.Join(opt.Folder, "a.png")))
	m := s.start(s.http, p.ID, map[string]any{"patch": []string{"mask:32x24:sub/leaf.png"}, "stride": []string{"32"}})
	s.finished(s.http, m)
	s.files(m, want, in, "a.krypton.png", " --patch "+patch.String()+" --stride 32")
	for name, code := range map[string]int{"../leaf.png": 404, filepath.Join(opt.Folder, "sub/leaf.png"): 404, "none.png": 404, "x,y.png": 400, "a.png": 422} {
		if status, body := s.call(s.http, "POST", "/api/maps", map[string]any{"picture": p.ID, "question": map[string]any{"patch": []string{"mask:8:" + name}}}); status != code {
			t.Errorf("%s: %d %s, want %d", name, status, body, code)
		}
	}
}

// without answers a question about a picture without the server.
func without(t *testing.T, m *model.Model, q explain.Question, from explain.Source, with ...explain.Source) (*explain.Answer, *explain.Input) {
	t.Helper()
	job, err := explain.Prepare(t.Context(), m, q, usually().Host)
	if err != nil {
		t.Fatal(err)
	}
	in, err := job.Read(t.Context(), from, explain.Source{}, with...)
	if err != nil {
		t.Fatal(err)
	}
	a, err := job.Ask(t.Context(), in, explain.Events{})
	if err != nil {
		t.Fatal(err)
	}
	return a, in
}

// deep is a model of a picture x and its depth d, of half the size: the mean of both.
func deep(t *testing.T, with model.With) Model {
	t.Helper()
	m := &onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Graph: onnxwrite.Graph{
		Inputs:  []onnxwrite.ValueInfo{onnxwrite.Floats32("x", 1, 3, 32, 32), onnxwrite.Floats32("d", 1, 1, 16, 16)},
		Outputs: []onnxwrite.ValueInfo{onnxwrite.Floats32("y", 1, 4)},
		Nodes: append(onnxwrite.Lines("a = GlobalAveragePool x", "b = GlobalAveragePool d", "e = Flatten a", "f = Flatten b"),
			onnxwrite.Lines("y = Concat e f")[0].With(onnxwrite.Int("axis", 1))),
	}}
	path := filepath.Join(t.TempDir(), "deep.onnx")
	if err := os.WriteFile(path, m.Marshal(), 0o600); err != nil {
		t.Fatal(err)
	}
	cache := model.NewCache(1 << 30)
	return Model{With: []model.With{with}, Make: func(ctx context.Context, q *explain.Question, view imagein.View) (*model.Model, error) {
		f, err := cache.Open(ctx, path, model.OpenOptions{MaxBytes: 1 << 30})
		if err != nil {
			return nil, err
		}
		n, err := cache.Load(ctx, f, model.LoadOptions{Input: "x", With: []string{"d"}})
		if err != nil {
			return nil, err
		}
		p, err := cache.Plan(ctx, n, q.Need(n))
		if err != nil {
			return nil, err
		}
		return n.Prepare(p, model.Preparation{Preset: "unit", View: view, With: []model.With{with}})
	}}
}

// TestSeveralInputs: pictures of inputs that are covered together come from the folder by the
// picture's name, or are named by questions; maps have the command's bytes and its line.
func TestSeveralInputs(t *testing.T) {
	_, data := models.Sample()
	const head = "{'descr': '|u1', 'fortran_order': False, 'shape': (32, 32, 3), }"
	tensor := append([]byte("\x93NUMPY\x01\x00"+string(rune(len(head)))+"\x00"+head), make([]byte, 3*32*32)...)
	with := model.With{Input: "d", File: "depth/{name}.png", Set: map[string]string{"fill": "black"}}
	opt := usually()
	opt.Models = []Model{deep(t, with)}
	opt.Folder = inFolder(t, map[string][]byte{"a.png": data, "t.npy": tensor, "depth/a.png": leaf(t), "depth/t.png": data, "other.png": data})
	s := begin(t, opt)
	chosen := func(name string) string {
		var p struct{ ID string }
		s.must(s.http, "POST", "/api/pictures?file="+name, nil, &p)
		return p.ID
	}
	at := func(name string) string { return filepath.Join(opt.Folder, name) }
	picture := chosen("a.png")
	for file, along := range map[string]map[string]string{"depth/a.png": nil, "other.png": {"d": chosen("other.png")}} {
		q := explain.Default()
		q.Strides, q.Activation = []obe.Size{q.Patches[0].Size}, "none"
		loaded, err := opt.Models[0].Make(t.Context(), &q, imagein.View{})
		if err != nil {
			t.Fatal(err)
		}
		want, in := without(t, loaded, q, explain.File(at("a.png")), explain.File(at(file)))
		ask := map[string]any{"picture": picture, "with": along, "question": map[string]any{"stride": []string{"16"}, "activation": "none"}}
		var seen clean
		s.must(s.http, "POST", "/api/predictions", ask, &seen)
		var m struct{ ID string }
		s.must(s.http, "POST", "/api/maps", ask, &m)
		s.finished(s.http, m.ID)
		s.files(m.ID, want, in, "a.krypton.png", fmt.Sprintf("krypton obe %s --with d=%s,fill=black --stride 16 --activation none", at("a.png"), at(file)))
		// Read anew it is of the same pictures.
		var c struct{ Command string }
		if s.must(s.http, "GET", "/api/maps/"+m.ID+"/command?class=index:3", nil, &c); !strings.Contains(c.Command, "--with d="+at(file)+",fill=black ") || !strings.HasSuffix(c.Command, "--class index:3 --activation none") {
			t.Errorf("read anew: %s", c.Command)
		}
	}
	if status, b := s.call(s.http, "GET", "/api/pictures/"+chosen("t.npy")+"/view", nil); status != 200 || len(b) == 0 {
		t.Errorf("a tensor is shown: %d %s", status, b)
	}
	var about struct {
		Models []struct {
			With []struct {
				Input string
				Known bool
			}
		}
	}
	if s.must(s.http, "GET", "/api/about", nil, &about); len(about.Models[0].With) != 1 || about.Models[0].With[0].Input != "d" || !about.Models[0].With[0].Known {
		t.Errorf("%+v", about)
	}
	bad := func(body, says string, code int) {
		t.Helper()
		if status, text := s.call(s.http, "POST", "/api/maps", json.RawMessage(body)); status != code || !strings.Contains(string(text), says) {
			t.Errorf("%s: %d %s, want %d %s", body, status, text, code, says)
		}
	}
	bad(`{"picture":"`+picture+`","with":{"q":"x"}}`, `no input \"q\"`, 400)
	bad(`{"picture":"`+picture+`","with":{"d":"x"}}`, `input \"d\"`, 404)
	bad(`{"picture":"`+chosen("other.png")+`"}`, `no such file`, 404)
	opt.Models = []Model{deep(t, model.With{Input: "d"})}
	s = begin(t, opt)
	bad(`{"picture":"`+chosen("a.png")+`"}`, `input \"d\": its picture is missing`, 400)
}
