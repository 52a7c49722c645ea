package serve

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"krypton/internal/explain"
	"krypton/internal/framelabels"
	"krypton/internal/imagein"
	"krypton/internal/model"
	"krypton/internal/orv"
	"krypton/internal/recognize"
	"krypton/internal/region"
	"krypton/internal/video"
	"krypton/models/scenes"
)

// modelFile is a model of a file, "" for the built-in one, for maps and videos.
func modelFile(path string) Model {
	cache := model.NewCache(1 << 30)
	with := func(ctx context.Context, need func(*model.Network) model.Need) (*model.Model, error) {
		f, err := cache.Open(ctx, path, model.OpenOptions{MaxBytes: 1 << 30})
		if err != nil {
			return nil, err
		}
		n, err := cache.Load(ctx, f, model.LoadOptions{})
		if err != nil {
			return nil, err
		}
		p, err := cache.Plan(ctx, n, need(n))
		if err != nil {
			return nil, err
		}
		return n.Prepare(p, model.Preparation{Preset: "unit", Activation: true, Resize: "stretch", Pad: 128})
	}
	return Model{
		Make: func(ctx context.Context, q *explain.Question, view imagein.View) (*model.Model, error) {
			return with(ctx, func(n *model.Network) model.Need { return q.Need(n) })
		},
		Watch: func(ctx context.Context) (*model.Model, error) {
			return with(ctx, func(*model.Network) model.Need { return model.Need{} })
		},
	}
}

// cells writes a detector whose boxes are cells of the picture.
func cells(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cells.onnx")
	for name, data := range map[string][]byte{path: scenes.Detector(128), strings.TrimSuffix(path, ".onnx") + ".krypton.yaml": []byte(scenes.DetectorSettings)} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// clip writes a video of so many frames into a folder.
func clip(t *testing.T, folder, name string, frames int) {
	t.Helper()
	f, err := os.Create(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	scene := scenes.NewClip(3, 128, 128, 128, 12)
	if err := scene.WriteY4M(f, frames, 25, func(int, scenes.Class, image.Rectangle) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// filming are options with a folder of one clip, and a detector as second model.
func filming(t *testing.T, frames int) Options {
	t.Helper()
	opt := usually()
	opt.Models = []Model{modelFile(""), modelFile(cells(t))}
	opt.Folder = t.TempDir()
	clip(t, opt.Folder, "clip.y4m", frames)
	return opt
}

// chosen chooses a video and gives what the server says of it.
func (s *served) chosen(c *http.Client, name string) filmInfo {
	s.t.Helper()
	var f filmInfo
	s.must(c, "POST", "/api/videos?file="+url.QueryEscape(name), nil, &f)
	return f
}

// recognize starts to recognize a video and gives the recognition's ID.
func (s *served) recognize(c *http.Client, video string, model int, question string) string {
	s.t.Helper()
	var r struct{ ID string }
	s.must(c, "POST", "/api/recognitions", map[string]any{"video": video, "model": model, "question": json.RawMessage(question)}, &r)
	return r.ID
}

// alone recognizes a video without the server: the labels in all formats, the video with
// them drawn in, and masks.
func alone(t *testing.T, m Model, path, question string) (files map[string][]byte, moved map[int]*region.Mask) {
	t.Helper()
	ctx := context.Background()
	q := recognize.Defaults()
	if err := json.Unmarshal([]byte(question), &q); err != nil {
		t.Fatal(err)
	}
	opt, err := q.Reading(video.Options{})
	if err != nil {
		t.Fatal(err)
	}
	j, film, err := recognize.Open(ctx, path, opt, func() (*recognize.Job, error) {
		loaded, err := m.Watch(ctx)
		if err != nil {
			return nil, err
		}
		return recognize.Prepare(ctx, loaded, q, recognize.Limits{Threads: 2})
	})
	if err != nil {
		t.Fatal(err)
	}
	defer film.Close()
	r, err := recognize.Start(ctx, j, film)
	if err != nil {
		t.Fatal(err)
	}
	h, err := r.Header("test")
	if err != nil {
		t.Fatal(err)
	}
	bufs, moved := map[string]*bytes.Buffer{}, map[int]*region.Mask{}
	var sinks []recognize.Sink
	var writers []framelabels.Writer
	dir := filepath.Join(t.TempDir(), "yolo")
	for _, f := range framelabels.Formats {
		if framelabels.OfDetectors(f) && !h.Detector {
			continue
		}
		var w framelabels.Writer
		if f == "yolo" {
			w, err = framelabels.NewFolder(dir, h)
		} else {
			bufs[f] = &bytes.Buffer{}
			w, err = framelabels.New(f, bufs[f], h)
		}
		if err != nil {
			t.Fatal(err)
		}
		writers, sinks = append(writers, w), append(sinks, w)
	}
	sinks = append(sinks, recognize.SinkFunc(func(res *framelabels.Result) error {
		if res.How != string(orv.Skip) {
			moved[res.Frame] = res.Moved
		}
		return nil
	}))
	drawn := map[string]*recognize.Annotator{}
	for query, regions := range map[string]bool{"": false, "?regions=true": true} {
		again, err := video.Open(ctx, path, opt)
		if err != nil {
			t.Fatal(err)
		}
		i := again.Info()
		out, err := video.NewWriter(ctx, filepath.Join(dir, "../drawn"+fmt.Sprint(regions)+".avi"), i.Width, i.Height, i.FPS/float64(q.Every), video.WriterOptions{Pixels: i.Shape})
		if err != nil {
			t.Fatal(err)
		}
		if drawn[query], err = r.Annotator(ctx, again, out, regions); err != nil {
			t.Fatal(err)
		}
		sinks = append(sinks, drawn[query])
	}
	if _, err := r.Run(ctx, nil, sinks...); err != nil {
		t.Fatal(err)
	}
	files = map[string][]byte{}
	for query, a := range drawn {
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(dir, "../drawn"+fmt.Sprint(query != "")+".avi"))
		if err != nil {
			t.Fatal(err)
		}
		files["annotated.avi"+query] = data
	}
	for _, w := range writers {
		if err := w.Close(true); err != nil {
			t.Fatal(err)
		}
	}
	for f, b := range bufs {
		files["labels"+framelabels.Ending(f)] = b.Bytes()
	}
	if h.Detector {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var all bytes.Buffer
		for _, e := range entries {
			data, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&all, "%s\n%s", e.Name(), data)
		}
		files["labels.yolo.zip"] = all.Bytes()
	}
	return files, moved
}

// unzipped is what alone makes of a folder.
func unzipped(t *testing.T, data []byte, folder string) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(z.File, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	var all bytes.Buffer
	for _, f := range z.File {
		name, ok := strings.CutPrefix(f.Name, folder+"/")
		if !ok {
			t.Fatalf("file %s", f.Name)
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%s\n", name)
		if _, err := io.Copy(&all, r); err != nil {
			t.Fatal(err)
		}
	}
	return all.Bytes()
}

// watched listens to a recognition until its end, and gives the frames as JSON lines.
func (s *served) watched(c *http.Client, id string) (lines []byte, begun, last event) {
	s.t.Helper()
	frames := 0
	s.hear(c, "/api/recognitions/"+id, "", func(e event) bool {
		switch e.name {
		case "begun":
			begun = e
		case "frames":
			var f struct {
				First   int
				Results []json.RawMessage
			}
			if err := json.Unmarshal(e.raw, &f); err != nil {
				s.t.Fatal(err)
			}
			if f.First != frames {
				s.t.Fatalf("frames from %d on, after %d", f.First, frames)
			}
			for _, r := range f.Results {
				lines = append(append(lines, r...), '\n')
			}
			if frames += len(f.Results); e.id != fmt.Sprint(frames) {
				s.t.Fatalf("event %s after %d frames", e.id, frames)
			}
		}
		last = e
		return true
	})
	return lines, begun, last
}

// TestRecognition: what a listener is told, frame by frame, and all files are what the
// command line writes, byte for byte, for labels and for boxes; so is what was recomputed.
func TestRecognition(t *testing.T) {
	opt := filming(t, 60)
	s := begin(t, opt)
	f := s.chosen(s.http, "clip.y4m")
	if f.Width != 128 || f.Height != 128 || f.FPS != 25 || f.Name != "clip.y4m" {
		t.Errorf("%+v", f)
	}
	for _, c := range []struct {
		model    int
		question string
	}{{0, `{}`}, {0, `{"mode":"exact","every":3,"top":1,"smooth":5}`}, {1, `{"start":"10f"}`}, {1, `{"mode":"naive","min_score":0.7,"no_track":true,"end":"1s"}`}} {
		want, moved := alone(t, opt.Models[c.model], filepath.Join(opt.Folder, "clip.y4m"), c.question)
		id := s.recognize(s.http, f.ID, c.model, c.question)
		lines, head, last := s.watched(s.http, id)
		if last.name != "done" || head.data["detector"] != (c.model == 1) {
			t.Fatalf("%s: %s %s, begun %s", c.question, last.name, last.raw, head.raw)
		}
		_, all, _ := bytes.Cut(want["labels.jsonl"], []byte("\n"))
		if !bytes.Equal(lines, all) {
			t.Errorf("%s: told\n%.300s\nwant\n%.300s", c.question, lines, all)
		}
		for name, data := range want {
			status, got := s.call(s.http, "GET", "/api/recognitions/"+id+"/files/"+name, nil)
			if name == "labels.yolo.zip" && status == 200 {
				got = unzipped(t, got, "clip.krypton.yolo")
			}
			if status != 200 || !bytes.Equal(got, data) {
				t.Errorf("%s: %s: %d, %d bytes, want %d", c.question, name, status, len(got), len(data))
			}
		}
		for _, name := range []string{"annotated", "annotated.webm", "labels.mp4", "labels", "x.jsonl", "labels.yolo", "labels.mot.txt"} {
			if status, _ := s.call(s.http, "GET", "/api/recognitions/"+id+"/files/"+name, nil); status != 404 && (c.model == 0 || name != "labels.mot.txt") {
				t.Errorf("%s: %d", name, status)
			}
		}
		for n := range 60 {
			_, body := s.call(s.http, "GET", fmt.Sprintf("/api/recognitions/%s/regions/%d", id, n), nil)
			img, err := png.Decode(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			area := 0
			for _, p := range img.(*image.Paletted).Pix {
				area += int(p)
			}
			if m := moved[n]; m == nil && area != 0 || m != nil && area != m.Area() {
				t.Fatalf("%s: frame %d: %d pixels were recomputed, want those of %v", c.question, n, area, m != nil)
			}
		}
	}
}

// TestFrames: frames come by their numbers, in any order, and their decoder ends.
func TestFrames(t *testing.T) {
	opt := filming(t, 60)
	s := begin(t, opt)
	f := s.chosen(s.http, "clip.y4m")
	frames := decoded(t, filepath.Join(opt.Folder, "clip.y4m"))
	for _, n := range []int{0, 1, 30, 59, 12, 12, 13} {
		status, body := s.call(s.http, "GET", fmt.Sprintf("/api/videos/%s/frames/%d", f.ID, n), nil)
		if status != 200 || !bytes.Equal(body, frames[n]) {
			t.Errorf("frame %d: %d, another one", n, status)
		}
	}
	for at, want := range map[string]int{"60": 404, "-1": 400, "x": 400, "99999999999": 400} {
		if status, body := s.call(s.http, "GET", "/api/videos/"+f.ID+"/frames/"+at, nil); status != want {
			t.Errorf("frame %s: %d %s", at, status, body)
		}
	}
	if status, _ := s.call(s.http, "GET", "/api/videos/x/frames/0", nil); status != 404 {
		t.Errorf("no such video: %d", status)
	}
	if status, body := s.call(s.http, "GET", "/api/thumbnail?file=clip.y4m", nil); status != 200 {
		t.Errorf("thumbnail: %d %s", status, body)
	}
}

// TestFramesOfManyAtOnce: whoever looks into many videos and at many frames at once starts
// no more decoders than there may be, all get theirs, and one who leaves waits no more.
func TestFramesOfManyAtOnce(t *testing.T) {
	opt := filming(t, 60)
	s := begin(t, opt)
	frames := decoded(t, filepath.Join(opt.Folder, "clip.y4m"))
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			f := s.chosen(s.http, "clip.y4m")
			for _, n := range []int{i, 59 - i} {
				if status, body := s.call(s.http, "GET", fmt.Sprintf("/api/videos/%s/frames/%d", f.ID, n), nil); status != 200 || !bytes.Equal(body, frames[n]) {
					t.Errorf("frame %d: %d, another one", n, status)
				}
			}
		})
	}
	most := mostUntil(&wg, func() int64 {
		s.server.films.mu.Lock()
		defer s.server.films.mu.Unlock()
		return int64(len(s.server.films.viewers))
	})
	if most == 0 || most > mostViewers {
		t.Errorf("%d viewers", most)
	}

	// All viewers are held by somebody else.
	var held []*viewer
	for range mostViewers {
		v, err := s.server.films.viewer(context.Background(), &film{})
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, v)
	}
	ctx, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer stop()
	last := &film{folder: s.server.folder, name: "clip.y4m", path: filepath.Join(opt.Folder, "clip.y4m"), info: s.server.films.list[0].info}
	if _, err := s.server.films.frame(ctx, last, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a viewer too many: %v", err)
	}
	for _, v := range held {
		time.AfterFunc(20*time.Millisecond, func() { s.server.films.free(v) })
	}
	if b, err := s.server.films.frame(context.Background(), last, 5); err != nil || !bytes.Equal(b, frames[5]) {
		t.Errorf("when one is free: %v", err)
	}
}

// TestVideoChanges: a file that became another video after it was chosen is not taken for
// the one that clients were told of.
func TestVideoChanges(t *testing.T) {
	opt := filming(t, 12)
	s := begin(t, opt)
	f := s.chosen(s.http, "clip.y4m")
	s.must(s.http, "GET", "/api/videos/"+f.ID+"/frames/0", nil, nil)
	s.server.films.close()
	path := filepath.Join(opt.Folder, "clip.y4m")
	large, err := os.Create(path + ".new")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(scenes.NewClip(3, 256, 192, 192, 12).WriteY4M(large, 12, 25, func(int, scenes.Class, image.Rectangle) error { return nil }), large.Close(), os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
	const want = "has changed since it was chosen"
	if status, body := s.call(s.http, "GET", "/api/videos/"+f.ID+"/frames/3", nil); status != 404 || !strings.Contains(string(body), want) {
		t.Errorf("a frame: %d %.200s", status, body)
	}
	if _, _, last := s.watched(s.http, s.recognize(s.http, f.ID, 0, `{}`)); last.name != "failed" || !strings.Contains(string(last.raw), want) {
		t.Errorf("labels: %s %s", last.name, last.raw)
	}
	f = s.chosen(s.http, "clip.y4m")
	if status, _ := s.call(s.http, "GET", "/api/videos/"+f.ID+"/frames/3", nil); status != 200 || f.Width != 256 || f.Height != 192 {
		t.Errorf("chosen once more: %d, %+v", status, f)
	}
	if _, _, last := s.watched(s.http, s.recognize(s.http, f.ID, 0, `{}`)); last.name != "done" {
		t.Errorf("labels: %s %s", last.name, last.raw)
	}
	// While it is recognized and looked at, it goes.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if status, body := s.call(s.http, "GET", "/api/videos/"+f.ID+"/frames/1", nil); status != 404 || bytes.Contains(body, []byte(opt.Folder)) {
		t.Errorf("a frame of a file that is gone: %d %s", status, body)
	}
}

// decoded are a video's frames as JPEG.
func decoded(t *testing.T, path string) [][]byte {
	t.Helper()
	src, err := video.Open(context.Background(), path, video.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var list [][]byte
	for {
		f, err := src.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		img := image.NewRGBA(image.Rect(0, 0, src.Info().Width, src.Info().Height))
		for i := range len(img.Pix) / 4 {
			copy(img.Pix[4*i:], []byte{f.Pixels[3*i], f.Pixels[3*i+1], f.Pixels[3*i+2], 255})
		}
		src.Release(f)
		var b bytes.Buffer
		if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 85}); err != nil {
			t.Fatal(err)
		}
		list = append(list, b.Bytes())
	}
}

// TestVideoQuestions: what makes no sense is refused with a word on what it is, and videos
// outside of the folder are not found.
func TestVideoQuestions(t *testing.T) {
	opt := filming(t, 3)
	clip(t, filepath.Dir(opt.Folder), filepath.Base(opt.Folder)+"-secret.y4m", 3)
	secret := filepath.Base(opt.Folder) + "-secret.y4m"
	defer os.Remove(filepath.Join(filepath.Dir(opt.Folder), secret))
	if err := os.Symlink("../"+secret, filepath.Join(opt.Folder, "out.y4m")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(opt.Folder, "none.y4m"), []byte("nothing of the kind"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := begin(t, opt)
	var l listing
	s.must(s.http, "GET", "/api/files", nil, &l)
	if len(l.Videos) != 2 || l.Videos[0].Name != "clip.y4m" || len(l.Pictures) != 0 {
		t.Errorf("%+v", l)
	}
	for name, want := range map[string]int{"out.y4m": 404, "../" + secret: 404, "gone.y4m": 404, "": 404, "http://127.0.0.1/x.y4m": 404, "concat:clip.y4m": 404, "-": 404, ".": 404, "none.y4m": 422} {
		status, body := s.call(s.http, "POST", "/api/videos?file="+url.QueryEscape(name), nil)
		if status != want || bytes.Contains(body, []byte(opt.Folder)) {
			t.Errorf("%q: %d %s, want %d", name, status, body, want)
		}
	}
	id := s.chosen(s.http, "clip.y4m").ID
	for body, want := range map[string]string{
		`{"video":"` + id + `","question":{"mode":"wild"}}`:       "400 wild",
		`{"video":"` + id + `","question":{"every":0}}`:           "400 every",
		`{"video":"` + id + `","question":{"start":"soon"}}`:      "400 soon",
		`{"video":"` + id + `","question":{"classes":["dog"]}}`:   "400 classes",
		`{"video":"` + id + `","question":{"colour":1}}`:          "400 colour",
		`{"video":"` + id + `","model":2}`:                        "400 model 2",
		`{"video":"x"}`:                                           "404 video",
		`{"video":"` + id + `","model":1,"question":{"iou":7}}`:   "400 iou",
		`{"video":"` + id + `"} x`:                                "400 follows",
		`{"video":"` + id + `","question":{"tune_frames":"all"}}`: "400 tune_frames",
	} {
		status, text := s.call(s.http, "POST", "/api/recognitions", body)
		code, word, _ := strings.Cut(want, " ")
		if fmt.Sprint(status) != code || !strings.Contains(string(text), word) {
			t.Errorf("%s: %d %s, want %s", body, status, text, want)
		}
	}
	if n := s.server.working(); n != 0 {
		t.Errorf("%d pieces of work", n)
	}
}

// TestRecognitionCommand: the command line says what was asked and nothing that goes
// without saying.
func TestRecognitionCommand(t *testing.T) {
	opt := filming(t, 3)
	opt.Models[1].WatchFlags = []string{"--model", "it's.onnx"}
	s := begin(t, opt)
	f := s.chosen(s.http, "clip.y4m")
	path := filepath.Join(opt.Folder, "clip.y4m")
	for _, c := range []struct {
		model          int
		question, want string
	}{
		{0, `{}`, "krypton orv " + path},
		{1, `{"mode":"exact","every":2,"start":"1f","min_score":0.5,"iou":0,"classes":["dark"],"no_track":true,"max_objects":7}`,
			"krypton orv " + path + ` --model 'it'\''s.onnx' --start 1f --every 2 --mode exact --min-score 0.5 --iou 0 --classes dark --max-objects 7 --no-track`},
		{0, `{"end":"2s","tolerance":0,"epsilon":0.05,"specks":2,"shape":"tiles","refresh":0,"guard":0.2,"shortlist":0,"target_agreement":0.9,"tune_frames":5,"verify_every":3,"verify_share":0.25,"top":1,"activation":"softmax","smooth":4,"timings":true}`,
			"krypton orv " + path + " --end 2s --tolerance 0 --specks 2 --epsilon 0.05 --shape tiles --refresh 0 --guard 0.2 --shortlist 0 --target-agreement 0.9 --tune-frames 5 --verify-every 3 --verify-share 0.25 --timings --top 1 --activation softmax --smooth 4"},
	} {
		id := s.recognize(s.http, f.ID, c.model, c.question)
		var got struct{ Command string }
		s.must(s.http, "GET", "/api/recognitions/"+id+"/command", nil, &got)
		if got.Command != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.question, got.Command, c.want)
		}
	}
}

// TestVideoPauses: a paused recognition answers nothing, others are answered meanwhile,
// and it goes on to the same end; files are there at the end only.
func TestVideoPauses(t *testing.T) {
	opt := filming(t, 300)
	s := begin(t, opt)
	f := s.chosen(s.http, "clip.y4m")
	id := s.recognize(s.http, f.ID, 0, `{"mode":"naive"}`)
	at := func() (state string, done int) {
		var now struct {
			Frames struct {
				State string
				Done  int
			}
		}
		s.must(s.http, "GET", "/api/recognitions/"+id, nil, &now)
		return now.Frames.State, now.Frames.Done
	}
	s.hear(s.http, "/api/recognitions/"+id, "", func(e event) bool {
		return e.name == "begun" || e.data["done"].(float64) == 0
	})
	if status, _ := s.call(s.http, "GET", "/api/recognitions/"+id+"/files/labels.jsonl", nil); status != http.StatusConflict {
		t.Errorf("files before the end: %d", status)
	}
	s.must(s.http, "POST", "/api/recognitions/"+id+"/pause", nil, nil)
	if n := rest(t, func() int { _, n := at(); return n }); n == 300 {
		t.Errorf("all %d frames are done", n)
	}
	if state, _ := at(); state != "paused" {
		t.Errorf("%s at rest", state)
	}
	s.finished(s.client(), s.start(s.client(), s.sample(s.http), question("16")))
	s.must(s.http, "POST", "/api/recognitions/"+id+"/resume", nil, nil)
	if lines, _, last := s.watched(s.http, id); last.name != "done" || bytes.Count(lines, []byte("\n")) != 300 {
		t.Errorf("%s after %d frames", last.name, bytes.Count(lines, []byte("\n")))
	}
}

// TestHundredsOfVideos: recognitions that are begun and left in every way leave no
// goroutine, process, file or memory behind, nor do frames that are looked at.
func TestHundredsOfVideos(t *testing.T) {
	opt := filming(t, 200)
	s := begin(t, opt)
	names := []string{"clip.y4m"}
	if ffmpeg, err := exec.LookPath("ffmpeg"); err == nil {
		// Through a process, whose end is to be waited for.
		if out, err := exec.Command(ffmpeg, "-nostdin", "-v", "error", "-i", filepath.Join(opt.Folder, "clip.y4m"), "-c:v", "mpeg4", filepath.Join(opt.Folder, "clip.mp4")).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
		names = append(names, "clip.mp4")
	}
	s.server.unheard = 50 * time.Millisecond
	s.server.films.looking = 50 * time.Millisecond
	chosen := map[string]filmInfo{}
	for _, name := range names {
		chosen[name] = s.chosen(s.http, name)
	}
	some := func(n int) {
		for i := range n {
			c := s.http
			f := chosen[names[0]]
			if i%12 == 0 {
				f = chosen[names[len(names)-1]]
			}
			id := s.recognize(c, f.ID, 0, `{"mode":"exact"}`)
			at := "/api/recognitions/" + id
			switch i % 4 {
			case 0: // dropped, some of them as soon as anything came of them
				if i%3 == 0 {
					s.hear(c, at, "", func(e event) bool { return e.name != "begun" })
				}
				s.must(c, "DELETE", at, nil, nil)
			case 1: // its listener leaves after the first frames
				s.hear(c, at, "", func(e event) bool { return e.name != "frames" || e.data["done"].(float64) == 0 })
			case 2: // paused, then left
				s.must(c, "POST", at+"/pause", nil, nil)
			case 3: // nobody ever listens; a frame is looked at
				s.must(c, "GET", "/api/videos/"+f.ID+"/frames/3", nil, nil)
			}
			s.working(i)
		}
		s.abandoned("recognitions", 30*time.Second)
		s.http.CloseIdleConnections()
		s.server.jobs.forgetAll()
		s.server.jobs.under.Wait()
		time.Sleep(300 * time.Millisecond)
	}
	n := 200
	if testing.Short() {
		n = 48
	}
	some(12)
	goroutines, files, heap := resources()
	some(n)
	g, f, h := resources()
	if g > goroutines+3 || f > files+3 {
		t.Errorf("%d goroutines and %d files before, %d and %d after", goroutines, files, g, f)
	}
	if grown := int64(h) - int64(heap); grown > int64(n)*stub+8<<20 {
		t.Errorf("%d KiB more memory after %d recognitions", grown>>10, n)
	}
	if p := children(t); p != 0 {
		t.Errorf("%d processes go on", p)
	}
}

// forgetAll forgets all work that is over.
func (m *jobs) forgetAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for e := m.used.Front(); e != nil; {
		old := e
		if e = e.Next(); old.Value.(*entry).base().over() {
			m.forget(old)
		}
	}
}

// children counts processes that this one has started and that are not over.
func children(t *testing.T) int {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range tasks {
		data, _ := os.ReadFile(name) // a thread may have ended
		n += len(strings.Fields(string(data)))
	}
	return n
}

// TestEightVideos: recognitions of eight clients at once, a map among them, each have the
// labels that one has alone, within the memory that there is.
func TestEightVideos(t *testing.T) {
	opt := filming(t, 40)
	s := begin(t, opt)
	want, _ := alone(t, opt.Models[0], filepath.Join(opt.Folder, "clip.y4m"), `{}`)
	f := s.chosen(s.http, "clip.y4m")
	j, err := s.server.networks[0].watch(context.Background(), recognize.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	info, err := video.Probe(context.Background(), filepath.Join(opt.Folder, "clip.y4m"), video.Options{})
	if err != nil {
		t.Fatal(err)
	}
	need := j.Memory(info, false)
	picture := s.sample(s.http)
	s.server.turns.memory = max(3*(need.Views+need.Frames), s.server.turns.memory/4)
	var wg sync.WaitGroup
	for range 8 {
		c := s.client()
		wg.Go(func() {
			id := s.recognize(c, f.ID, 0, `{}`)
			if _, _, last := s.watched(c, id); last.name != "done" {
				t.Errorf("%s %s", last.name, last.raw)
			}
			if _, got := s.call(c, "GET", "/api/recognitions/"+id+"/files/labels.jsonl", nil); !bytes.Equal(got, want["labels.jsonl"]) {
				t.Error("other labels")
			}
		})
	}
	wg.Go(func() { s.finished(s.http, s.start(s.http, picture, question("8"))) })
	most := mostUntil(&wg, func() int64 {
		s.server.turns.mu.Lock()
		defer s.server.turns.mu.Unlock()
		return s.server.turns.taken
	})
	if most > s.server.turns.memory || most == 0 {
		t.Errorf("%d bytes were taken of %d", most, s.server.turns.memory)
	}
}
