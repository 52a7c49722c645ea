package serve

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"krypton/internal/explain"
	"krypton/internal/heatmap"
	"krypton/internal/imagein"
	"krypton/internal/obe"
	"krypton/models"
)

// answerOf answers a question without the server.
func answerOf(t *testing.T, m Model, set func(*explain.Question)) (*explain.Answer, *explain.Input) {
	t.Helper()
	q := explain.Default()
	set(&q)
	loaded, err := m.Make(context.Background(), &q, imagein.View{})
	if err != nil {
		t.Fatal(err)
	}
	job, err := explain.Prepare(context.Background(), loaded, q, usually().Host)
	if err != nil {
		t.Fatal(err)
	}
	name, data := models.Sample()
	in, err := job.Read(context.Background(), explain.Bytes(name, name, data), explain.Source{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := job.Ask(context.Background(), in, explain.Events{})
	if err != nil {
		t.Fatal(err)
	}
	return a, in
}

func numbersOf(t *testing.T, text string) []uint32 {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b)%4 != 0 {
		t.Fatalf("%v in %d bytes", err, len(b))
	}
	var out []uint32
	for ; len(b) > 0; b = b[4:] {
		out = append(out, binary.LittleEndian.Uint32(b))
	}
	return out
}

// bitsOf are the scores of an answer's first class.
func bitsOf(a *explain.Answer) []uint32 {
	var out []uint32
	for _, row := range a.Record().Classes[0].Scores {
		for _, v := range row {
			out = append(out, math.Float32bits(float32(v)))
		}
	}
	return out
}

// TestMapGrows: what a listener is told, part by part, is the map, bit for bit; the whole
// picture comes first; and who comes back is told the rest only.
func TestMapGrows(t *testing.T) {
	opt := usually()
	s := begin(t, opt)
	two := obe.Size{H: obe.Length{Pixels: 2}, W: obe.Length{Pixels: 2}}
	want, _ := answerOf(t, opt.Models[0], func(q *explain.Question) { q.Strides = []obe.Size{two} })
	id := s.sample(s.http)
	m := s.start(s.http, id, question("2"))
	got := map[uint32]uint32{}
	told := -1 // the first event with positions
	var names []string
	s.listen(s.http, m, "", func(e event) bool {
		names = append(names, e.name)
		if e.name != "part" {
			return true
		}
		at, scores, winners := numbersOf(t, e.data["positions"].(string)), numbersOf(t, e.data["scores"].(string)), numbersOf(t, e.data["winners"].(string))
		if len(at) != len(scores) || len(at) != len(winners) {
			t.Fatalf("%d positions, %d scores, %d winners", len(at), len(scores), len(winners))
		}
		if told < 0 && len(at) > 0 {
			told = len(names) - 1
			for _, p := range at[:min(64, len(at))] { // of 57 rows: every eighth row and column
				if p/57%8 != 0 || p%57%8 != 0 {
					t.Fatalf("position %d is among the first", p)
				}
			}
		}
		for i, p := range at {
			if _, again := got[p]; again {
				t.Fatalf("position %d is told of twice", p)
			}
			got[p] = scores[i]
		}
		return true
	})
	if clean := slices.Index(names, "clean"); clean < 0 || clean > told || names[len(names)-1] != "done" || slices.Contains(names[clean+1:], "clean") {
		t.Errorf("events %v", names)
	}
	whole := bitsOf(want)
	for p, v := range got {
		if v != whole[p] {
			t.Fatalf("position %d: %x, want %x", p, v, whole[p])
		}
	}
	var n numbers
	s.must(s.http, "GET", "/api/maps/"+m+"/scores", nil, &n)
	if !slices.Equal(numbersOf(t, n.Scores[0]), whole) {
		t.Error("the map that is there is another one")
	}
	if r := want.Record(); n.Clean.Classes[0].Index != r.Classes[0].Index || n.Clean.Top[0].Index != r.Classes[0].Index || len(n.Clean.Top) != likeliest || len(numbersOf(t, n.Winners)) != r.Positions {
		t.Errorf("%+v, %d winners", n.Clean, len(numbersOf(t, n.Winners)))
	}

	// A listener who comes back, and one who reads nothing until all is there.
	m = s.start(s.http, id, question("1"))
	heard, last := 0, ""
	s.listen(s.http, m, "", func(e event) bool {
		if e.name == "part" {
			heard += len(numbersOf(t, e.data["positions"].(string)))
			last = e.id
		}
		return heard < 100
	})
	if last != fmt.Sprint(heard) {
		t.Errorf("%d positions were told of, the last event is %s", heard, last)
	}
	s.listen(s.http, m, last, func(e event) bool {
		if e.name == "part" && e.data["first"].(float64) < float64(heard) {
			t.Errorf("told of position %v again", e.data["first"])
		}
		return e.name != "part"
	})
	s.must(s.http, "DELETE", "/api/maps/"+m, nil, nil)
}

// finished waits until a map is there.
func (s *served) finished(c *http.Client, id string) event {
	s.t.Helper()
	var last event
	s.listen(c, id, "", func(e event) bool { last = e; return true })
	if last.name != "done" {
		s.t.Fatalf("%+v", last)
	}
	return last
}

// TestFiles: downloads are the bytes that the command's own writers make, for what was
// asked and read anew with other classes, activations and scores, which takes no runs.
func TestFiles(t *testing.T) {
	opt := usually()
	s := begin(t, opt)
	id := s.sample(s.http)
	var p struct{ ID string }
	s.must(s.http, "POST", "/api/pictures?file=", nil, &p)
	for _, picture := range []string{id, p.ID} {
		m := s.start(s.http, picture, question("16"))
		s.finished(s.http, m)
		for _, c := range []struct {
			query string
			set   func(*explain.Question)
			style heatmap.Style
		}{
			{"", func(*explain.Question) {}, heatmap.Style{Mode: "overlay", Alpha: .6, Colormap: "auto"}},
			{"class=key", func(q *explain.Question) { q.Classes = []string{"key"} }, heatmap.Style{Mode: "overlay", Alpha: .6, Colormap: "auto"}},
			{"class=index:2&activation=sigmoid&score=margin&colormap=viridis&alpha=0.3&scale=-1,1&contours=10%25,0.05&blocks=true",
				func(q *explain.Question) { q.Classes, q.Activation, q.Score = []string{"index:2"}, "sigmoid", "margin" },
				heatmap.Style{Mode: "overlay", Alpha: .3, Colormap: "viridis", Scale: &heatmap.Scale{Lo: -1, Hi: 1}, Blocks: true, Contours: []heatmap.Level{{Share: true, Value: .1}, {Value: .05}}}},
		} {
			want, in := answerOf(t, opt.Models[0], func(q *explain.Question) {
				q.Strides = []obe.Size{q.Patches[0].Size}
				c.set(q)
			})
			for name, write := range map[string]func(*bytes.Buffer) error{
				"heatmap.png": func(b *bytes.Buffer) error {
					return want.WritePNG(b, in, c.style, explain.Imprint{Heatmap: "sample.krypton.png", Timeless: true})
				},
				"scores.npy": func(b *bytes.Buffer) error { return want.WriteScores(b, ".npy", explain.Imprint{}) },
				"scores.csv": func(b *bytes.Buffer) error { return want.WriteScores(b, ".csv", explain.Imprint{}) },
				"scores.json": func(b *bytes.Buffer) error {
					return want.WriteScores(b, ".json", explain.Imprint{Heatmap: "sample.krypton.png", Scale: c.style.Scale, Timeless: true})
				},
			} {
				var b bytes.Buffer
				if err := write(&b); err != nil {
					t.Fatal(err)
				}
				status, got := s.call(s.http, "GET", "/api/maps/"+m+"/files/"+name+"?"+c.query, nil)
				if status != 200 || !bytes.Equal(got, b.Bytes()) {
					t.Errorf("%s?%s: status %d, %d bytes, want %d", name, c.query, status, len(got), b.Len())
				}
			}
		}
		for path, want := range map[string]int{"files/heatmap.png?alpha=2": 400, "files/heatmap.png?colormap=plaid": 400, "files/x": 404, "files/scores.exe": 404, "scores?class=zebra": 400, "files/heatmap.png?scale=1,0": 400, "files/heatmap.png?scale=-1e308,1e308": 400, "files/heatmap.png?scale=-Inf,0": 400, "command?scale=-1e308,1e308": 400, "command?alpha=NaN": 400, "files/heatmap.png?contours=x": 400} {
			if status, body := s.call(s.http, "GET", "/api/maps/"+m+"/"+path, nil); status != want {
				t.Errorf("%s: %d %s, want %d", path, status, body[:min(100, len(body))], want)
			}
		}
	}
}

// TestCommand: the command line says what was asked and nothing that goes without saying.
func TestCommand(t *testing.T) {
	opt := usually()
	opt.Models[0].Flags = []string{"--model", "it's.onnx"}
	s := begin(t, opt)
	var p struct{ ID string }
	_, data := models.Sample()
	s.must(s.http, "POST", "/api/pictures?name=a+b.png", data, &p)
	for _, c := range []struct{ question, query, want string }{
		{`{"stride":["64"],"verify":2,"compare":-1}`, "", `krypton obe 'a b.png' --model 'it'\''s.onnx' --stride 64 --verify 2 --compare all`},
		{`{"stride":["64"],"approximate":{"steps":[]}}`, "", `krypton obe 'a b.png' --model 'it'\''s.onnx' --stride 64 --steps ''`},
		{`{"stride":["64"],"approximate":{"checkerboard":false}}`, "", `krypton obe 'a b.png' --model 'it'\''s.onnx' --stride 64 --checkerboard=false`},
		{`{"stride":["64"],"target":"class"}`, "", `krypton obe 'a b.png' --model 'it'\''s.onnx' --stride 64 --target class`},
		{`{"stride":["64"],"part":"[0,1:3]","reduce":"max"}`, "", `krypton obe 'a b.png' --model 'it'\''s.onnx' --stride 64 --output 'logits[0,1:3]' --reduce max`},
		{`{"stride":["64"],"part":"0,-1"}`, "", `krypton obe 'a b.png' --model 'it'\''s.onnx' --stride 64 --output 'logits[0,-1]'`},
		{`{"stride":["16"]}`, "", `krypton obe 'a b.png' --model 'it'\''s.onnx' --stride 16`},
		{`{"patch":["16","10%x24"],"stride":["30","40"],"region":"8,8,100,90","fill":["#102030","blur"],"class":["key"],"seed":7,"score":"margin"}`, "alpha=0.3&contours=10%25&blocks=true",
			`krypton obe 'a b.png' --model 'it'\''s.onnx' --patch 16,10%x24 --stride 30,40 --region 8,8,100,90 --fill '#102030,blur' --seed 7 --class key --score margin --alpha 0.3 --contours 10% --blocks`},
		{`{"stride":["16"],"mode":"approximate","approximate":{"tau":0.5,"steps":[2,1],"drill_down":0.25}}`, "", `krypton obe 'a b.png' --model 'it'\''s.onnx' --stride 16 --mode approximate --tau 0.5 --drill-down 0.25 --steps 2,1`},
	} {
		m := s.startJSON(p.ID, json.RawMessage(c.question))
		s.finished(s.http, m)
		var got struct{ Command string }
		s.must(s.http, "GET", "/api/maps/"+m+"/command?"+c.query, nil, &got)
		if got.Command != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.question, got.Command, c.want)
		}
	}
}

// TestCommandTakesNoFileForAFlag, whether it was sent or lies in a folder.
func TestCommandTakesNoFileForAFlag(t *testing.T) {
	_, data := models.Sample()
	folder := filepath.Join("-", "sub")
	t.Chdir(t.TempDir())
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "a.png"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	opt := usually()
	opt.Folder = "-"
	s := begin(t, opt)
	for path, want := range map[string]string{"name=-x.png": "./-x.png", "file=sub/a.png": "./-/sub/a.png"} {
		var p struct{ ID string }
		s.must(s.http, "POST", "/api/pictures?"+path, data, &p)
		m := s.startJSON(p.ID, json.RawMessage(`{"stride":["64"]}`))
		s.finished(s.http, m)
		var got struct{ Command string }
		s.must(s.http, "GET", "/api/maps/"+m+"/command", nil, &got)
		if want = "krypton obe " + want + " --stride 64"; got.Command != want {
			t.Errorf("%s: %s, want %s", path, got.Command, want)
		}
	}
}

func (s *served) startJSON(picture string, q json.RawMessage) string {
	s.t.Helper()
	var m struct{ ID string }
	s.must(s.http, "POST", "/api/maps", map[string]any{"picture": picture, "question": q}, &m)
	return m.ID
}

// TestPauseAndCancel: a paused map computes nothing, and goes on to the same end.
func TestPauseAndCancel(t *testing.T) {
	s := begin(t, usually())
	id := s.sample(s.http)
	m := s.start(s.http, id, question("1"))
	var states []string
	count := -1.0
	s.listen(s.http, m, "", func(e event) bool {
		if e.name != "part" || e.data["done"].(float64) == 0 {
			return true
		}
		if count < 0 {
			count = 0
			s.must(s.http, "POST", "/api/maps/"+m+"/pause", nil, nil)
			return true
		}
		states = append(states, e.data["state"].(string))
		return states[len(states)-1] != "paused"
	})
	at := func() float64 {
		var x struct{ Part map[string]any }
		s.must(s.http, "GET", "/api/maps/"+m, nil, &x)
		if x.Part["state"] != "paused" {
			t.Fatalf("state %v", x.Part["state"])
		}
		return x.Part["done"].(float64)
	}
	before := rest(t, at)
	// Others are computed meanwhile.
	s.finished(s.client(), s.start(s.client(), id, question("16")))
	s.must(s.http, "POST", "/api/maps/"+m+"/resume", nil, nil)
	heard := false
	s.listen(s.http, m, "", func(e event) bool {
		heard = heard || e.data["state"] == "running" && e.data["done"].(float64) > before
		return !heard
	})
	if !heard {
		t.Error("it does not go on")
	}
	s.must(s.http, "DELETE", "/api/maps/"+m, nil, nil)
	for deadline := time.Now().Add(time.Minute); s.server.working() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a map that was cancelled goes on")
		}
	}
}

// rest gives a count that has stopped to grow, as that of something paused does once
// what was begun is done.
func rest[T comparable](t *testing.T, count func() T) T {
	t.Helper()
	var none T
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		before := count()
		time.Sleep(300 * time.Millisecond)
		if after := count(); after == before && after != none {
			return after
		}
	}
	t.Fatal("it goes on while it is paused")
	return none
}

// TestEightClients: each gets its own map, bit for bit, within the memory that there is.
func TestEightClients(t *testing.T) {
	opt := usually()
	s := begin(t, opt)
	eight := obe.Size{H: obe.Length{Pixels: 8}, W: obe.Length{Pixels: 8}}
	want, _ := answerOf(t, opt.Models[0], func(q *explain.Question) { q.Strides = []obe.Size{eight} })
	whole := bitsOf(want)
	// Memory for three maps at once.
	q := explain.Default()
	q.Strides = []obe.Size{eight}
	a, err := s.server.networks[0].prepare(context.Background(), q, "")
	if err != nil {
		t.Fatal(err)
	}
	s.server.turns.memory = 3 * a.bytes()
	var most int64
	stop := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				s.server.turns.mu.Lock()
				most = max(most, s.server.turns.taken)
				s.server.turns.mu.Unlock()
			}
		}
	}()
	var wg sync.WaitGroup
	for range 8 {
		c := s.client()
		wg.Add(1)
		go func() {
			defer wg.Done()
			m := s.start(c, s.sample(c), question("8"))
			s.finished(c, m)
			var n numbers
			s.must(c, "GET", "/api/maps/"+m+"/scores", nil, &n)
			if !slices.Equal(numbersOf(t, n.Scores[0]), whole) {
				t.Error("another map")
			}
		}()
	}
	wg.Wait()
	close(stop)
	<-watched
	if most > s.server.turns.memory || most == 0 {
		t.Errorf("%d bytes were taken of %d", most, s.server.turns.memory)
	}
}

// TestSlowReader: who does not read holds up neither the map nor others, and is left
// after a while.
func TestSlowReader(t *testing.T) {
	s := begin(t, usually())
	s.server.writing, s.server.heartbeat = 200*time.Millisecond, 20*time.Millisecond
	id := s.sample(s.http)
	m := s.start(s.http, id, question("2"))
	u := strings.TrimPrefix(s.url, "http://")
	conn, err := net.Dial("tcp", u)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.(*net.TCPConn).SetReadBuffer(1)
	fmt.Fprintf(conn, "GET /api/maps/%s/events HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", m, u, s.token)
	s.finished(s.http, m)
	// One who opens a stream of a map that is paused and never reads.
	m = s.start(s.http, id, question("1"))
	s.must(s.http, "POST", "/api/maps/"+m+"/pause", nil, nil)
	s.must(s.http, "DELETE", "/api/maps/"+m, nil, nil)
	s.finished(s.http, s.start(s.http, id, question("16")))
}
