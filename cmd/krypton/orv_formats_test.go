package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"krypton/internal/onnxwrite"
)

// hostile are names of classes that mean something to each of the formats.
var hostile = []string{"=SUM(A1:A2)", `a "b", c; d`, "<b>bold</b> & x --> y", "two\nlines here", `{\an8}top`, "a < b &amp; c", "00:00:01,000 --> 00:00:02,000", "7", "-", "@x"}

// flashFilm is a film of 128 by 96 pixels whose frames are white, where the text has a
// w, and black.
func flashFilm(t *testing.T, frames string) string {
	b := []byte("YUV4MPEG2 W128 H96 F30000:1001 Ip A1:1 C444\n")
	for _, f := range frames {
		luma := byte(16)
		if f == 'w' {
			luma = 235
		}
		b = append(append(b, "FRAME\n"...), bytes.Repeat([]byte{luma}, 128*96)...)
		b = append(b, bytes.Repeat([]byte{128}, 2*128*96)...)
	}
	path := filepath.Join(t.TempDir(), "film.y4m")
	holding(b)(t, path)
	return path
}

// flashDetector is a detector that finds a box of each hostile class in a white frame,
// some of which stick out of it, and none in a black one.
func flashDetector(t *testing.T) string {
	var boxes [][]float32
	for i := range hostile {
		scores := make([]float32, len(hostile))
		scores[i] = .95 - .04*float32(i)
		boxes = append(boxes, append([]float32{float32(i) * 7, float32(i%3) * 30, 20, 11}, scores...))
	}
	m := tablesOf(nil, false, asColumns(84, boxes...))
	mean := slices.Repeat([]float32{1. / 27}, 54)
	m.Graph.Initializers[0] = onnxwrite.Raw("w", []int64{2, 3, 3, 3}, mean)
	m.Graph.Initializers[1] = onnxwrite.Raw("zero", []int64{1}, []float32{1})
	m.Graph.Nodes[3].OpType = "Mul" // by the picture's mean
	model := filepath.Join(t.TempDir(), "m.onnx")
	holding(m.Marshal())(t, model)
	names, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	holding(fmt.Appendf(nil, "preprocess: {preset: unit, resize: stretch}\nlabels: %s\ndetector: {form: yolov8}\n", names))(t, strings.TrimSuffix(model, ".onnx")+".krypton.yaml")
	return model
}

// stamp is a time of a subtitle in milliseconds.
func stamp(t *testing.T, text, point string) int {
	t.Helper()
	m := regexp.MustCompile(`^(\d\d+):([0-5]\d):([0-5]\d)` + regexp.QuoteMeta(point) + `(\d{3})$`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("%q is no time", text)
	}
	ms := 0
	for i, factor := range []int{3600000, 60000, 1000, 1} {
		n, err := strconv.Atoi(m[i+1])
		if err != nil {
			t.Fatal(err)
		}
		ms += n * factor
	}
	return ms
}

// cue is a subtitle with its times in milliseconds.
type cue struct {
	start, end int
	text       string
}

// cuesOf reads WebVTT or SubRip strictly: blocks apart by one empty line, of one line
// of text each, times in order and apart.
func cuesOf(t *testing.T, text string, vtt bool) (cues []cue) {
	t.Helper()
	point := ","
	if vtt {
		var ok bool
		if text, ok = strings.CutPrefix(text, "WEBVTT\n\n"); !ok {
			t.Fatalf("no header: %q", text)
		}
		point = "."
	}
	if !utf8.ValidString(text) || strings.ContainsAny(text, "\r\x00") || text != "" && !strings.HasSuffix(text, "\n\n") {
		t.Fatalf("%q", text)
	}
	for i, block := range strings.Split(strings.TrimSuffix(text, "\n\n"), "\n\n") {
		if text == "" {
			break
		}
		lines := strings.Split(block, "\n")
		if !vtt {
			if lines[0] != strconv.Itoa(i+1) {
				t.Fatalf("block %d: %q", i, block)
			}
			lines = lines[1:]
		}
		if len(lines) != 2 || strings.TrimSpace(lines[1]) == "" || strings.Contains(lines[1], "-->") {
			t.Fatalf("block %d: %q", i, block)
		}
		from, to, ok := strings.Cut(lines[0], " --> ")
		c := cue{stamp(t, from, point), stamp(t, to, point), lines[1]}
		if !ok || c.end <= c.start || len(cues) > 0 && c.start < cues[len(cues)-1].end {
			t.Errorf("block %d: %q after %v", i, block, cues)
		}
		if vtt && (strings.ContainsAny(c.text, "<>") || strings.Contains(regexp.MustCompile(`&(amp|lt|gt);`).ReplaceAllString(c.text, ""), "&")) {
			t.Errorf("block %d: %q", i, block)
		}
		if !vtt && regexp.MustCompile(`<[^<>]*>|\{\\`).MatchString(c.text) {
			t.Errorf("block %d: a player takes %q for a tag", i, block)
		}
		cues = append(cues, c)
	}
	return cues
}

// checkMOT holds MOTChallenge's ten columns; tracked: no id twice in a frame.
func checkMOT(t *testing.T, text string, frames int, tracked bool) (rows int) {
	t.Helper()
	ids := map[string]bool{}
	last := 1
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), ",")
		if len(f) != 10 || strings.Join(f[7:], ",") != "-1,-1,-1" {
			t.Fatalf("row %q", line)
		}
		frame, err := strconv.Atoi(f[0])
		id, err2 := strconv.Atoi(f[1])
		if err != nil || err2 != nil || frame < last || frame > frames || tracked != (id > 0) || !tracked && id != -1 || tracked && ids[f[0]+" "+f[1]] {
			t.Errorf("row %q after frame %d", line, last)
		}
		last, ids[f[0]+" "+f[1]] = frame, true
		for i, v := range f[2:7] {
			n, err := strconv.ParseFloat(v, 64)
			if err != nil || math.IsNaN(n) || math.IsInf(n, 0) || i > 1 && n < 0 {
				t.Errorf("row %q", line)
			}
		}
		rows++
	}
	return rows
}

// checkTable holds RFC 4180 with the header and so many columns, numbers where they
// belong, and no cell that a spreadsheet computes.
func checkTable(t *testing.T, text, header string) [][]string {
	t.Helper()
	r := csv.NewReader(strings.NewReader(text))
	rows, err := r.ReadAll() // all rows have as many cells
	if err != nil || strings.Join(rows[0], ",") != header {
		t.Fatalf("%v, %q", err, text)
	}
	for _, row := range rows[1:] {
		for i, c := range row {
			_, err := strconv.ParseFloat(c, 64)
			if rows[0][i] == "label" && c != "" && strings.ContainsRune("=+-@", rune(c[0])) || !slices.Contains([]string{"label", "how"}, rows[0][i]) && c != "" && err != nil {
				t.Errorf("column %s of %q", rows[0][i], row)
			}
			if slices.Contains([]string{"NaN", "+Inf", "-Inf"}, c) {
				t.Errorf("column %s of %q", rows[0][i], row)
			}
		}
	}
	return rows[1:]
}

// TestFormatsForOthers: names that mean something to a format, boxes that stick out of
// the picture and frames without boxes come through every format as its description
// has it.
func TestFormatsForOthers(t *testing.T) {
	model, film := flashDetector(t), flashFilm(t, "wwwwbbbbwwww")
	dir := t.TempDir()
	runs := map[string][]string{"tracks": nil, "detections": {"--no-track"}, "nothing": {"--min-score", "0.999"}}
	for name, more := range runs {
		orvCode(t, 0, append([]string{film, "--model", model, "-o", filepath.Join(dir, name), "--iou", "0", "--format", "jsonl,csv,mot,coco,coco-results,vtt,srt,segments"}, more...)...)
		read := func(ending string) string { return readText(t, filepath.Join(dir, name+ending)) }
		boxes := strings.Count(read(".jsonl"), `"x0":`)
		if want := map[string]int{"tracks": 80, "detections": 80}[name]; boxes != want {
			t.Fatalf("%s: %d boxes, want %d", name, boxes, want)
		}
		rows := checkMOT(t, read(".mot.txt"), 12, more == nil)
		if name != "tracks" && rows != boxes || name == "tracks" && (rows == 0 || rows > boxes || rows != strings.Count(read(".jsonl"), `"id":`)) {
			t.Errorf("%s: mot has %d rows, and there are %d boxes", name, rows, boxes)
		}
		table := checkTable(t, read(".csv"), "frame,seconds,id,class,label,score,x0,y0,x1,y1,how")
		for _, row := range table {
			class, err := strconv.Atoi(row[3])
			if err != nil || strings.TrimPrefix(row[4], "'") != strings.ReplaceAll(hostile[class], "\n", " ") {
				t.Errorf("%s: row %q", name, row)
			}
		}
		if len(table) != boxes {
			t.Errorf("%s: the table has %d rows", name, len(table))
		}
		checkTable(t, read(".segments.csv"), "label,first_frame,last_frame,start_seconds,end_seconds,mean_score")
		checkResults(t, read(".coco-results.json"), read(".coco.json"), boxes)
		shown := cuesOf(t, read(".vtt"), true)
		plain := cuesOf(t, read(".srt"), false)
		if want := map[string]int{"tracks": 2, "detections": 2}[name]; len(shown) != want || len(plain) != want {
			t.Fatalf("%s: %d and %d cues, want %d", name, len(shown), len(plain), want)
		}
		for i := range shown {
			if shown[i].start != plain[i].start || shown[i].end != plain[i].end {
				t.Errorf("%s: cue %d is at %v and %v", name, i, shown[i], plain[i])
			}
			for _, part := range []string{"1 ‹b›bold‹/b› & x → y", "1 a < b &amp; c", "1 two lines here", "1 (\\an8)top"} {
				if !strings.Contains(plain[i].text, part) {
					t.Errorf("%s: %q does not hold %q", name, plain[i].text, part)
				}
			}
			for _, part := range []string{"1 &lt;b&gt;bold&lt;/b&gt; &amp; x --&gt; y", "1 a &lt; b &amp;amp; c"} {
				if !strings.Contains(shown[i].text, part) {
					t.Errorf("%s: %q does not hold %q", name, shown[i].text, part)
				}
			}
		}
		if len(plain) == 2 && (plain[0].start != 0 || plain[0].end != 133 || plain[1].start != 267) {
			t.Errorf("%s: cues at %v", name, plain) // 4 and 8 frames of 1001/30000 s
		}
	}
}

// checkResults holds the list that COCO's loadRes reads: images and categories of the
// file of coco, boxes in the picture, scores.
func checkResults(t *testing.T, text, coco string, boxes int) {
	t.Helper()
	var list []map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &list); err != nil || list == nil {
		t.Fatalf("%v: %q", err, text)
	}
	var c struct {
		Images      []struct{ ID, Width, Height int }
		Categories  []struct{ ID int }
		Annotations []struct {
			Image    int `json:"image_id"`
			Category int `json:"category_id"`
			Bbox     [4]float64
			Score    float64
		}
	}
	if err := json.Unmarshal([]byte(coco), &c); err != nil {
		t.Fatal(err)
	}
	if len(list) != len(c.Annotations) || len(list) > boxes || boxes > 0 && len(list) == 0 || len(c.Images) != 12 || len(c.Categories) != len(hostile) {
		t.Fatalf("%d results, %d annotations, %d boxes", len(list), len(c.Annotations), boxes)
	}
	for i, r := range list {
		a := c.Annotations[i]
		want := fmt.Sprintf("%d %d %v %v", a.Image, a.Category, a.Bbox, a.Score)
		var box [4]float64
		if err := json.Unmarshal(r["bbox"], &box); err != nil || len(r) != 4 || fmt.Sprintf("%s %s %v %s", r["image_id"], r["category_id"], box, r["score"]) != want {
			t.Errorf("result %s, %v, want %s", r, err, want)
		}
		if box[0] < 0 || box[1] < 0 || box[2] <= 0 || box[3] <= 0 || box[0]+box[2] > 128 || box[1]+box[3] > 96 || a.Score <= 0 || a.Score > 1 {
			t.Errorf("result %d is at %v with score %v", i, box, a.Score)
		}
	}
}

// TestOneFrameIsShown: the subtitle of a single frame lasts as long as the frame.
func TestOneFrameIsShown(t *testing.T) {
	model, film, base := flashDetector(t), flashFilm(t, "w"), filepath.Join(t.TempDir(), "one")
	orvCode(t, 0, film, "--model", model, "-o", base, "--format", "vtt,srt,segments")
	for _, vtt := range []bool{true, false} {
		cues := cuesOf(t, readText(t, base+map[bool]string{true: ".vtt", false: ".srt"}[vtt]), vtt)
		if len(cues) != 1 || cues[0].start != 0 || cues[0].end != 33 {
			t.Errorf("cues %v", cues)
		}
	}
	if rows := checkTable(t, readText(t, base+".segments.csv"), "label,first_frame,last_frame,start_seconds,end_seconds,mean_score"); len(rows) != 1 || rows[0][4] != "0.033" {
		t.Errorf("segments %q", rows)
	}
}

// TestResumedFormats: a run that goes on writes the bytes of one that was not
// interrupted, in every format.
func TestResumedFormats(t *testing.T) {
	model, film := flashDetector(t), flashFilm(t, strings.Repeat("wwwwbbbbww", 4))
	dir := t.TempDir()
	formats := "jsonl,csv,mot,yolo,coco,coco-results,vtt,srt,segments"
	whole, again := filepath.Join(dir, "whole"), filepath.Join(dir, "again")
	args := []string{film, "--model", model, "--iou", "0", "--format", formats}
	orvCode(t, 0, append(args, "-o", whole)...)
	saved := readText(t, whole+".jsonl")
	holding([]byte(saved[:len(saved)*3/5]))(t, again+".jsonl.part") // torn within a line
	orvCode(t, 0, append(args, "-o", again, "--resume")...)
	for _, ending := range []string{".jsonl", ".csv", ".mot.txt", ".coco.json", ".coco-results.json", ".vtt", ".srt", ".segments.csv"} {
		if readText(t, whole+ending) != readText(t, again+ending) {
			t.Errorf("%s is not that of an undisturbed run", ending)
		}
	}
	files := names(t, whole+".yolo")
	if !slices.Equal(files, names(t, again+".yolo")) || len(files) != 42 {
		t.Fatalf("the folders hold %q and %q", files, names(t, again+".yolo"))
	}
	for _, f := range files {
		if readText(t, filepath.Join(whole+".yolo", f)) != readText(t, filepath.Join(again+".yolo", f)) {
			t.Errorf("%s is not that of an undisturbed run", f)
		}
	}
}

// TestPicturesOfAVideo: the command of docs/output-formats.md takes out of a video the
// pictures that the file of coco names, in the sizes that it gives, also where the
// video is turned and where its pixels are not square.
func TestPicturesOfAVideo(t *testing.T) {
	tool, err := exec.LookPath("ffmpeg")
	if err != nil {
		if os.Getenv("KRYPTON_DATA") != "" {
			t.Fatal("ffmpeg is missing, and KRYPTON_DATA is set: the tests on real data need it")
		}
		t.Skip("there is no ffmpeg")
	}
	ffmpeg := func(dir string, args ...string) {
		cmd := exec.Command(tool, append([]string{"-v", "error"}, args...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("ffmpeg %q: %v, %s", args, err, out)
		}
	}
	model, dir := flashDetector(t), t.TempDir()
	ffmpeg(dir, "-f", "lavfi", "-i", "testsrc2=s=96x64:r=10:d=0.7", "-vf", "setsar=4/3", "-c:v", "mpeg4", "wide.mp4")
	ffmpeg(dir, "-i", "wide.mp4", "-c", "copy", "-metadata:s:v:0", "rotate=90", "turned.mp4")
	for name, size := range map[string]image.Point{"wide": image.Pt(96, 64), "turned": image.Pt(64, 96)} {
		orvCode(t, 0, filepath.Join(dir, name+".mp4"), "--model", model, "--format", "coco")
		var c struct {
			Images []struct {
				File          string `json:"file_name"`
				Width, Height int
			}
		}
		if err := json.Unmarshal([]byte(readText(t, filepath.Join(dir, name+".krypton.coco.json"))), &c); err != nil {
			t.Fatal(err)
		}
		ffmpeg(dir, "-i", name+".mp4", "-start_number", "0", "-fps_mode", "passthrough", name+"_%06d.jpg")
		files, err := filepath.Glob(filepath.Join(dir, name+"_*.jpg"))
		if err != nil || len(files) != 7 || len(c.Images) != 7 {
			t.Fatalf("%s: %d files, %d images, %v", name, len(files), len(c.Images), err)
		}
		for _, i := range c.Images {
			got, err := jpeg.DecodeConfig(strings.NewReader(readText(t, filepath.Join(dir, i.File))))
			if err != nil || image.Pt(got.Width, got.Height) != image.Pt(i.Width, i.Height) || image.Pt(i.Width, i.Height) != size {
				t.Errorf("%s is %+v, %v, and has to be %v", i.File, got, err, size)
			}
		}
	}
}
