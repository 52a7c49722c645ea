package framelabels

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"krypton/internal/number"
)

var header = Header{Version: "v", Model: "m.onnx", ModelSHA256: "aa", Video: "v.mp4", Width: 200, Height: 100, FPS: 10, Detector: true, Settings: map[string]any{"mode": "exact"}, Fingerprint: "f1"}

func frames() []Result {
	car := Object{ID: 3, Class: 2, Label: "=car", Score: .75, X0: 10, Y0: 20, X1: 50, Y1: 40}
	dog := Object{Class: 1, Score: .5, X0: 0, Y0: 0, X1: 100, Y1: 50}
	return []Result{
		{Frame: 0, Seconds: 0, Objects: []Object{car, dog}, How: "whole", Changed: 1, Recomputed: 1},
		{Frame: 1, Seconds: .1, How: "skip", Verified: &Verified{Agrees: true}},
		{Frame: 2, Seconds: .25, Objects: []Object{car}, How: "update", Changed: .5, Recomputed: .25},
	}
}

func write(t *testing.T, format string, h Header, list []Result) string {
	t.Helper()
	var b bytes.Buffer
	w, err := New(format, &b, h)
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		if err := w.Write(&list[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(true); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// checkCOCO holds what importers ask for: ids from 1 and unlike, names of pictures that
// are plain and unlike, annotations that name an image and a category, boxes in the
// picture, and all categories.
func checkCOCO(t *testing.T, text string, h Header, pictures int) {
	t.Helper()
	var c struct {
		Info     map[string]any
		Licenses []any
		Images   []struct {
			ID, Width, Height int
			Name              string `json:"file_name"`
		}
		Annotations []struct {
			ID       int
			Image    int `json:"image_id"`
			Category int `json:"category_id"`
			Bbox     []float64
			Area     float64
			Crowd    *int `json:"iscrowd"`
		}
		Categories []struct {
			ID   int
			Name string
		}
	}
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	if c.Info == nil || c.Licenses == nil || c.Images == nil || c.Annotations == nil || c.Categories == nil || len(c.Images) != pictures {
		t.Fatalf("parts are missing: %s", text)
	}
	images, ids, names, categories := map[int]bool{}, map[int]bool{}, map[string]bool{}, map[int]bool{}
	for _, i := range c.Images {
		if i.ID < 1 || images[i.ID] || names[i.Name] || i.Name != filepath.Base(i.Name) || i.Width != h.Width || i.Height != h.Height {
			t.Errorf("image %+v", i)
		}
		images[i.ID], names[i.Name] = true, true
	}
	for i, k := range c.Categories {
		if k.ID != i+1 || k.Name == "" || i < len(h.Labels) && k.Name != h.Labels[i] {
			t.Errorf("category %+v", k)
		}
		categories[k.ID] = true
	}
	if len(c.Categories) < len(h.Labels) {
		t.Errorf("%d categories of %d", len(c.Categories), len(h.Labels))
	}
	for _, a := range c.Annotations {
		if a.ID < 1 || ids[a.ID] || !images[a.Image] || !categories[a.Category] || len(a.Bbox) != 4 || a.Crowd == nil || *a.Crowd != 0 {
			t.Fatalf("annotation %+v", a)
		}
		if b := a.Bbox; b[0] < 0 || b[1] < 0 || b[2] <= 0 || b[3] <= 0 || b[0]+b[2] > float64(h.Width) || b[1]+b[3] > float64(h.Height) || a.Area != b[2]*b[3] {
			t.Errorf("annotation %+v", a)
		}
		ids[a.ID] = true
	}
}

// checkYOLO holds what trainers ask for: five columns, a class that data.yaml names,
// shares of the picture, and a file for each picture.
func checkYOLO(t *testing.T, dir string, h Header, pictures int) {
	t.Helper()
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var data struct {
		Train, Val string
		NC         int `yaml:"nc"`
		Names      map[int]string
	}
	if err := yaml.Unmarshal([]byte(read("data.yaml")), &data); err != nil {
		t.Fatal(err)
	}
	list := strings.Split(strings.TrimSuffix(read("classes.txt"), "\n"), "\n")
	if data.Train == "" || data.Val == "" || data.NC != len(data.Names) || data.NC != len(list) || data.NC < len(h.Labels) {
		t.Errorf("%+v, classes %q", data, list)
	}
	for i, l := range h.Labels {
		if data.Names[i] != l || list[i] != l {
			t.Errorf("class %d is %q and %q, want %q", i, data.Names[i], list[i], l)
		}
	}
	columns := 5
	if h.Confidence {
		columns = 6
	}
	for frame := range pictures {
		name := strings.TrimSuffix(h.Picture(frame), ".jpg") + ".txt"
		for line := range strings.Lines(read(name)) {
			fields := strings.Fields(line)
			if len(fields) != columns {
				t.Fatalf("%s: %q", name, line)
			}
			for i, f := range fields {
				v, err := strconv.ParseFloat(f, 64)
				if err != nil || v < 0 || i > 0 && v > 1 || i == 0 && int(v) >= data.NC {
					t.Errorf("%s: %q", name, line)
				}
			}
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != pictures+2 {
		t.Errorf("%v, %v", entries, err)
	}
	for _, e := range entries {
		if !IsFrameFile(filepath.Join(dir, e.Name())) {
			t.Errorf("%s is not known to be ours", e.Name())
		}
	}
	for name, text := range map[string]string{"notes.txt": "buy milk", "x.md": "1 2 3 4 5"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if IsFrameFile(path) {
			t.Errorf("%s is taken for ours", name)
		}
	}
}

// Small outputs that a person has looked at.
func TestDetectorFormats(t *testing.T) {
	for format, want := range map[string]string{
		"mot": "1,3,10,20,40,20,0.75,-1,-1,-1\n1,-1,0,0,100,50,0.5,-1,-1,-1\n3,3,10,20,40,20,0.75,-1,-1,-1\n",
		"csv": "frame,seconds,id,class,label,score,x0,y0,x1,y1,how\n0,0.000,3,2,'=car,0.75,10,20,50,40,whole\n0,0.000,0,1,,0.5,0,0,100,50,whole\n2,0.250,3,2,'=car,0.75,10,20,50,40,update\n",
	} {
		if got := write(t, format, header, frames()); got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", format, got, want)
		}
	}
	checkCOCO(t, write(t, "coco", header, frames()), header, 3)
	checkCOCO(t, write(t, "coco", header, nil), header, 0)
	for _, confidence := range []bool{false, true} {
		h := header
		h.Confidence, h.Labels = confidence, []string{"a: \"b\"", "c # d", "=car", "never seen"}
		checkCOCO(t, write(t, "coco", h, frames()), h, 3)
		dir := filepath.Join(t.TempDir(), "labels")
		w, err := NewFolder(dir, h)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range frames() {
			if err := w.Write(&r); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(true); err != nil {
			t.Fatal(err)
		}
		checkYOLO(t, dir, h, 3)
	}
	dir := filepath.Join(t.TempDir(), "labels")
	if _, err := NewFolder(dir, header); err != nil {
		t.Fatal(err)
	}
	if _, err := NewFolder(dir, header); err == nil {
		t.Error("a folder that is not empty is taken")
	}
}

// TestEarlierFolder: folders without a data.yaml are ours where each file is called
// after its frame's number and has six columns.
func TestEarlierFolder(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		text string
		ours bool
	}{
		"000000.txt": {"0 0.5 0.5 0.1 0.1 0.75\n", true}, "1234567.txt": {"", true}, "000001.txt": {"0 0.5 0.5 0.1 0.1\n", false},
		"000002.txt": {"buy milk and bread for two\n", false}, "00003.txt": {"0 0.5 0.5 0.1 0.1 0.75\n", false}, "a_000000.txt": {"", false}, "classes.txt": {"", false},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := IsFrameFile(path); got != c.ours {
			t.Errorf("%s with %q: ours %v", name, c.text, got)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "data.yaml"), []byte("train: .\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if IsFrameFile(filepath.Join(dir, "000000.txt")) {
		t.Error("a file beside somebody's data.yaml is taken for ours")
	}
}

// TestPicturesOfOneName: pictures that a trainer could not tell apart are refused.
func TestPicturesOfOneName(t *testing.T) {
	for _, pictures := range [][]string{{"a.jpg", "b.jpg", "a.png"}, {"classes.jpg"}} {
		h := header
		h.Pictures = pictures
		dir := filepath.Join(t.TempDir(), "labels")
		if _, err := NewFolder(dir, h); err == nil || !strings.Contains(err.Error(), ".txt for ") {
			t.Errorf("%q: %v", pictures, err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%q: the folder is made", pictures)
		}
	}
}

// TestNoNumbers: what is no number reaches no format for programs.
func TestNoNumbers(t *testing.T) {
	nan := float32(math.NaN())
	list := []Result{{Objects: []Object{{ID: 1, Score: number.Single(nan), X1: 10, Y1: 20}, {ID: 2, Score: .5, X0: nan, X1: 10, Y1: 20}, {Score: .5, X1: 10, Y1: 20}}}}
	if got, want := write(t, "mot", header, list), "1,1,0,0,10,20,-1,-1,-1,-1\n1,-1,0,0,10,20,0.5,-1,-1,-1\n"; got != want {
		t.Errorf("mot: %q", got)
	}
	h := header
	h.Tracked = true
	if got, want := write(t, "mot", h, list), "1,1,0,0,10,20,-1,-1,-1,-1\n"; got != want {
		t.Errorf("tracks: %q", got)
	}
	if got, want := write(t, "coco-results", header, list), "[\n{\"image_id\":1,\"category_id\":1,\"bbox\":[0,0,10,20],\"score\":0.5}\n]\n"; got != want {
		t.Errorf("results: %q", got)
	}
	if got := write(t, "coco-results", header, nil); got != "[]\n" {
		t.Errorf("no results: %q", got)
	}
	checkCOCO(t, write(t, "coco", header, list), header, 1)
}

// classified are frames of a classifier whose labels follow a text, a letter for
// each frame, ten frames a second.
func classified(text string) []Result {
	var list []Result
	for i, c := range text {
		list = append(list, Result{Frame: i, Seconds: float64(i) / 10, How: "update", Labels: []Label{{Class: int(c - 'a'), Label: string(c) + " <b>", Score: .5}, {Class: 25, Label: "z", Score: .25}}})
	}
	return list
}

func TestSegments(t *testing.T) {
	h := header
	h.Detector = false
	list := classified("aaaabaaabbbbbb")
	if got, want := write(t, "segments", h, list), "label,first_frame,last_frame,start_seconds,end_seconds,mean_score\na <b>,0,7,0.000,0.800,0.5000\nb <b>,8,13,0.800,1.400,0.5000\n"; got != want {
		t.Errorf("segments:\n%s", got)
	}
	if got, want := write(t, "vtt", h, list), "WEBVTT\n\n00:00:00.000 --> 00:00:00.800\na &lt;b&gt;\n\n00:00:00.800 --> 00:00:01.400\nb &lt;b&gt;\n\n"; got != want {
		t.Errorf("vtt:\n%q", got)
	}
	if got, want := write(t, "srt", h, list), "1\n00:00:00,000 --> 00:00:00,800\na ‹b›\n\n2\n00:00:00,800 --> 00:00:01,400\nb ‹b›\n\n"; got != want {
		t.Errorf("srt:\n%q", got)
	}
	if got := write(t, "vtt", h, nil); got != "WEBVTT\n\n" {
		t.Errorf("vtt without frames: %q", got)
	}
	if got := clock(25*time.Hour+61*time.Second+7*time.Millisecond, "."); got != "25:01:01.007" {
		t.Errorf("clock %s", got)
	}
	// Every frame is in one segment, whatever comes.
	for _, text := range []string{"a", "ab", "abc", "abab", "aabbccaabbcc", "aaabbbab"} {
		s := Segments{Hold: 3}
		next := 0
		check := func(g *Segment) {
			if g == nil {
				return
			}
			if g.First != next || g.Last < g.First {
				t.Errorf("%s: a segment from %d to %d, frame %d is the next", text, g.First, g.Last, next)
			}
			next = g.Last + 1
		}
		list := classified(text)
		for i := range list {
			check(s.Add(&list[i]))
		}
		check(s.End())
		if next != len(text) {
			t.Errorf("%s: %d frames are in segments", text, next)
		}
	}
	if got, _ := Text(&frames()[0]); got != "1 =car, 1 class 1" {
		t.Errorf("text of objects %q", got)
	}
}

func TestSmoother(t *testing.T) {
	s := Smoother{Window: 3}
	var got []int
	for _, r := range classified("aabaabbb") {
		l, ok := s.Add(r.Labels)
		if !ok {
			t.Fatal("no label")
		}
		got = append(got, l.Class)
	}
	if fmt.Sprint(got) != "[0 0 0 0 0 0 1 1]" {
		t.Errorf("smoothed %v", got)
	}
	if _, ok := (&Smoother{}).Add(nil); ok {
		t.Error("a label from nothing")
	}
}

// What was written is read again, to the last complete line.
func TestScan(t *testing.T) {
	text := write(t, "jsonl", header, frames())
	for cut := len(text); cut >= 0; cut-- {
		var got []Result
		n, err := Scan(strings.NewReader(text[:cut]), "f1", func(r *Result) error {
			got = append(got, *r)
			return nil
		})
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		whole := strings.LastIndexByte(text[:cut], '\n') + 1
		if int(n) != whole || len(got) != max(0, strings.Count(text[:cut], "\n")-1) {
			t.Fatalf("cut at %d: %d bytes and %d frames", cut, n, len(got))
		}
		if cut == len(text) && !reflect.DeepEqual(got, frames()) {
			t.Errorf("%+v, want %+v", got, frames())
		}
	}
	if _, err := Scan(strings.NewReader(text), "f2", nil); !errors.Is(err, ErrOther) {
		t.Errorf("another fingerprint: %v", err)
	}
	nothing := func(*Result) error { return nil }
	for _, bad := range []string{"{}\n", "x\n"} {
		if _, err := Scan(strings.NewReader(bad), "f1", nothing); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	first := text[:strings.IndexByte(text, '\n')+1]
	for _, bad := range []string{"[]\n", "{\"frame\":1}\n{\"frame\":1}\n", "{\"other\":1}\n"} {
		if _, err := Scan(strings.NewReader(first+bad), "f1", nothing); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestUnknown(t *testing.T) {
	h := header
	h.Detector = false
	for _, f := range []string{"xml", "mot", "coco", "yolo"} {
		if _, err := New(f, &bytes.Buffer{}, h); err == nil {
			t.Errorf("%s for a classifier", f)
		}
	}
	for _, f := range Formats {
		if f == "yolo" {
			continue
		}
		if _, err := New(f, &bytes.Buffer{}, header); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
	rows, err := csv.NewReader(strings.NewReader(write(t, "csv", h, classified("ab")))).ReadAll()
	if err != nil || len(rows) != 5 || rows[4][2] != "2" || rows[4][4] != "z" {
		t.Errorf("%v, %v", rows, err)
	}
}

// FuzzScan: whatever a file holds, scanning ends with frames in order or an
// error, and what it counts as complete ends a line.
func FuzzScan(f *testing.F) {
	var b bytes.Buffer
	w, err := New("jsonl", &b, header)
	if err != nil {
		f.Fatal(err)
	}
	for _, r := range frames() {
		if err := w.Write(&r); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:b.Len()-3])
	f.Fuzz(func(t *testing.T, data []byte) {
		last := -1
		n, err := Scan(bytes.NewReader(data), "f1", func(r *Result) error {
			if r.Frame <= last {
				t.Fatalf("frame %d after %d", r.Frame, last)
			}
			last = r.Frame
			return nil
		})
		if err == nil && n > 0 && (n > int64(len(data)) || data[n-1] != '\n') {
			t.Fatalf("%d bytes", n)
		}
	})
}
