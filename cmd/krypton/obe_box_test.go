package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"krypton/internal/explain"
	"krypton/internal/onnxwrite"
)

// boxFolder holds that detector, and a picture of 64 by 32 pixels, which a letterbox puts
// on the network's rows 16 to 48: a dog in the cell of row 3 and column 3, and a cat in
// that of row 5 and column 6.
func boxFolder(t *testing.T) string {
	return inFolder(t, map[string][]byte{
		"m.onnx": onnxwrite.CellDetector(), "p.png": dogAndCat(t), "none.onnx": tables(nil, false, asColumns(84, make([]float32, 6))),
		"m.krypton.yaml": []byte("preprocess: {preset: unit, resize: letterbox, pad: 100}\nlabels: names.txt\ndetector: {form: grid}\n"),
		"names.txt":      []byte("cat\ndog\n"),
	})
}

// dogAndCat is its picture.
func dogAndCat(t testing.TB) []byte {
	img := image.NewNRGBA(image.Rect(0, 0, 64, 32))
	for y := range 32 {
		for x := range 64 {
			c := color.NRGBA{A: 255}
			switch [2]int{(y + 16) / 8, x / 8} {
			case [2]int{3, 3}:
				c = color.NRGBA{255, 51, 255, 255}
			case [2]int{5, 6}:
				c = color.NRGBA{204, 230, 0, 255}
			}
			img.SetNRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// scoreAt is the score of a map with the patch at a cell.
func scoreAt(r *explain.Record, k, row, column int) float64 {
	return float64(r.Classes[k].Scores[row][column])
}

// TestBoxMaps: a box vanishes where its cell is hidden, a false one appears where a cell
// becomes one of an object, and boxes are in pixels of the picture and end where it does.
func TestBoxMaps(t *testing.T) {
	dir := boxFolder(t)
	args := func(more ...string) []string {
		return append([]string{filepath.Join(dir, "p.png"), "--model", filepath.Join(dir, "m.onnx"), "--patch", "8", "--stride", "8"}, more...)
	}
	cat := math.Pow(.8, .6) * math.Pow(230./255, .4)
	padded := 100. / 255 // the gray of a letterbox is a thing that is half there
	near := func(what string, got, want float64) {
		t.Helper()
		if !(math.Abs(got-want) < 1e-5) {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}

	r, _ := obeRecord(t, args("--box", "all", "--fill", "black", "--verify", "20")...)
	if len(r.Classes) != 3 || r.Classes[0].Label != "dog" || r.Classes[0].Index != 1 || r.Classes[0].Box != 1 || r.Classes[1].Label != "cat" || r.Classes[1].Box != 2 || r.Classes[2].Label != "false boxes" || r.Classes[2].Box != 0 {
		t.Fatalf("maps of %+v", r.Summary().Classes)
	}
	if r.Score != "overlap" || r.Target.Kind != "box" || r.Verified != 20 || r.FlipMap != nil {
		t.Errorf("score %q of %+v, %d verified, winners %v", r.Score, r.Target, r.Verified, r.FlipMap)
	}
	found := r.Boxes.Found
	if len(found) != 2 || found[0].Label != "dog" || found[1].Class != 0 {
		t.Fatalf("found %+v", found)
	}
	for i, want := range [][5]float64{{1, 21.6, 5.6, 34.4, 18.4}, {cat, 45.6, 21.6, 58.4, 32}} {
		b := found[i]
		for k, got := range []explain.Number{b.Score, b.X0, b.Y0, b.X1, b.Y1} {
			near(fmt.Sprintf("number %d of box %d", k, b.Number), float64(got), want[k])
		}
	}
	near("the dog", float64(r.Classes[0].BaseScore), 1)
	near("the cat", float64(r.Classes[1].BaseScore), cat)
	near("a false box", float64(r.Classes[2].BaseScore), padded)
	for row := range 8 {
		for column := range 8 {
			dog, other := 1., cat
			if row == 3 && column == 3 {
				dog = 0
			}
			if row == 5 && column == 6 { // the gray below has a box that reaches into the picture
				other = padded * boxOverlap(37.6, 48, 45.6, 48)
			}
			near("the dog hidden at a cell", scoreAt(r, 0, row, column), dog)
			near("the cat hidden at a cell", scoreAt(r, 1, row, column), other)
			near("false boxes", scoreAt(r, 2, row, column), padded)
		}
	}

	white, _ := obeRecord(t, args("--box", "false", "--fill", "white")...)
	for row := 2; row < 6; row++ {
		for column := range 8 {
			want := 1. // a cat, as the first of the classes that are there
			if row == 5 && column == 6 {
				want = padded // the cat that is there
			}
			near(fmt.Sprintf("false boxes behind white at %d,%d", row, column), scoreAt(white, 0, row, column), want)
		}
	}
	if len(white.Classes) != 1 || white.Classes[0].Index != -1 {
		t.Errorf("maps of %+v", white.Summary().Classes)
	}

	alike, _ := obeRecord(t, args("--score", "drise", "--fill", "white", "--box", "dog,2")...)
	near("the dog by D-RISE", float64(alike.Classes[0].BaseScore), 1)
	near("the cat by D-RISE", float64(alike.Classes[1].BaseScore), .8) // its objectness
	// White has both classes where the dog has .2 and 1.
	near("white where the dog was", scoreAt(alike, 0, 3, 3), 1.2/math.Sqrt(2*1.04))
}

// boxOverlap is how much two boxes of the same columns overlap.
func boxOverlap(a0, a1, b0, b1 float64) float64 {
	both := max(0, min(a1, b1)-max(a0, b0))
	return both / (a1 - a0 + b1 - b0 - both)
}

// TestBoxMapsAreExact: incremental maps of boxes are those of whole runs bit for bit.
func TestBoxMapsAreExact(t *testing.T) {
	dir := boxFolder(t)
	for _, score := range []string{"overlap", "drise"} {
		var records []*explain.Record
		for _, mode := range []string{"exact", "naive"} {
			r, _ := obeRecord(t, filepath.Join(dir, "p.png"), "--model", filepath.Join(dir, "m.onnx"), "--patch", "7", "--stride", "3", "--fill", "noise", "--box", "all", "--score", score, "--mode", mode)
			records = append(records, r)
		}
		for k := range records[0].Classes {
			if !reflect.DeepEqual(records[0].Classes[k].Scores, records[1].Classes[k].Scores) {
				t.Errorf("%s: maps of %q differ", score, records[0].Classes[k].Label)
			}
		}
	}
}

// TestBoxesThatAreAskedFor: by number, class, how many, all; what is not there is said.
func TestBoxesThatAreAskedFor(t *testing.T) {
	dir := boxFolder(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, c := range []struct {
		args string
		want string // the boxes' numbers, 0 for false ones; or an exit code and what is said
	}{
		{"", "1 0"}, {"--box best", "1 0"}, {"--box top", "1 0"}, {"--box top2", "1 2 0"}, {"--box top9", "1 2 0"}, {"--box 2", "2 0"}, {"--box cat", "2 0"},
		{"--box index:1", "1 0"}, {"--box label:cat,dog", "2 1 0"}, {"--box false,2", "0 2"}, {"--box all", "1 2 0"}, {"--box 2,all", "2 1 0"}, {"--score value", "1 0"},
		{"--min-score 0.9", "1 0"}, {"--min-score 0.9 --box all", "1 0"}, {"--min-score 1 --iou 0.1", "1 0"},
		{"--box 3", "65 --box 3: no box of this number is found: 2 with a score of 0.5 or more"},
		{"--box 0", "64 --box 0: boxes are numbered from 1"},
		{"--box bird", "64 --box \"bird\" is no number"},
		{"--min-score 0.9 --box cat", "65 --box cat: no box of this class is found with a score of 0.9 or more, among 1 of others"},
		{"--region 0,0,8,8 --min-score 2", "64 --min-score is 2, want 0 to 1"},
		{"--class dog", "64 --class is for classifiers"},
		{"--score margin", "64 --score is \"margin\""},
		{"--target class", "65 output \"boxes\" has shape [1 7 8 8]"},
		{"--target class --box 1", "64 --box, --min-score and --iou are for boxes"},
	} {
		var out, err bytes.Buffer
		args := append([]string{"obe", at("p.png"), "--model", at("m.onnx"), "--patch", "32", "--stride", "32", "--json", "-o", filepath.Join(t.TempDir(), "o.png")}, strings.Fields(c.args)...)
		code := run(args, strings.NewReader(""), &out, &err)
		if code != 0 {
			want, says, _ := strings.Cut(c.want, " ")
			if fmt.Sprint(code) != want || !strings.Contains(err.String(), says) {
				t.Errorf("%q: exit code %d, %s, want %s", c.args, code, err.String(), c.want)
			}
			continue
		}
		r, _ := obeRecord(t, append([]string{at("p.png"), "--model", at("m.onnx")}, strings.Fields(c.args)...)...)
		var got []string
		for _, k := range r.Classes {
			got = append(got, fmt.Sprint(k.Box))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q: boxes %v, want %s", c.args, got, c.want)
		}
	}
}

// TestUndescribedDetector: a detector whose head nobody described is refused, and told how
// it would be; one that is no detector has no boxes.
func TestUndescribedDetector(t *testing.T) {
	dir := boxFolder(t)
	for _, c := range []struct{ args, says string }{
		{"", "if it is a detector's head, describe it as 'detector: {form: yolov8, classes: 2}'"},
		{"--box 1", "--box is for detectors, and"},
		{"--score overlap", "--score overlap is for detectors, and"},
		{"--target box", "--target box is for detectors, and"},
		{"--min-score 0.1", "--min-score is for detectors, and"},
		{"--iou 0.4", "--iou is for detectors, and"},
	} {
		var out, err bytes.Buffer
		args := append([]string{"obe", filepath.Join(dir, "p.png"), "--model", filepath.Join(dir, "none.onnx"), "-o", filepath.Join(dir, "o.png")}, strings.Fields(c.args)...)
		if code := run(args, strings.NewReader(""), &out, &err); code != 65 && code != 64 || !strings.Contains(err.String(), c.says) {
			t.Errorf("%q: exit code %d, %s", c.args, code, err.String())
		}
	}
}

// TestBoxFiles: each box that is asked for has a picture of its own, which replaces
// nothing unasked; the record in it begins with its box.
func TestBoxFiles(t *testing.T) {
	dir := boxFolder(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	ask := func(more ...string) (int, string) {
		var out, err bytes.Buffer
		code := run(append([]string{"obe", at("p.png"), "--model", at("m.onnx"), "--patch", "16", "--stride", "16", "--box", "all,false"}, more...), strings.NewReader(""), &out, &err)
		return code, err.String()
	}
	code, said := ask()
	if code != 0 || !strings.Contains(said, "found with a score of 0.5 or more: 2\n   *box 1, dog  1.000  at 22,6 to 34,18\n   *box 2, cat  0.839  at 46,22 to 58,32") {
		t.Fatalf("exit code %d, %s", code, said)
	}
	for name, first := range map[string]string{"p.krypton.png": `"label":"dog","box":1`, "p.box2.krypton.png": `"label":"cat","box":2`, "p.false.krypton.png": `"label":"false boxes"`} {
		b, err := os.ReadFile(at(name))
		if err != nil {
			t.Fatal(err)
		}
		if i := bytes.Index(b, []byte(`"classes":[{`)); i < 0 || !bytes.Contains(b[i:i+70], []byte(first)) || !bytes.Contains(b, []byte(name+`"`)) {
			t.Errorf("%s: the record has not %s first, or another name", name, first)
		}
	}
	if code, said := ask("-o", at("x.png")); code != 0 || !strings.Contains(said, "x.box2.png, "+at("x.false.png")) {
		t.Errorf("exit code %d, %s", code, said)
	}
	if err := os.Remove(at("p.krypton.png")); err != nil {
		t.Fatal(err)
	}
	if code, said := ask(); code != 73 || !strings.Contains(said, "p.box2.krypton.png") {
		t.Errorf("files that are there: exit code %d, %s", code, said)
	}
}

// TestBoxCurves: deletion and insertion measure the box that a map is of: hiding what
// its map says ends it, showing that brings it.
func TestBoxCurves(t *testing.T) {
	dir := boxFolder(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	var out, err bytes.Buffer
	if code := run([]string{"obe", at("p.png"), "--model", at("m.onnx"), "--patch", "8", "--stride", "8", "--fill", "black", "--box", "2,1", "--scores", at("s.json"), "-q"}, strings.NewReader(""), &out, &err); code != 0 {
		t.Fatalf("exit code %d, %s", code, err.String())
	}
	out.Reset()
	if code := run([]string{"score", at("s.json"), "--model", at("m.onnx"), "--fill", "black", "--insertion-start", "black", "--steps", "64", "--json", "-q"}, strings.NewReader(""), &out, &err); code != 0 {
		t.Fatalf("exit code %d, %s", code, err.String())
	}
	type curve struct{ Area float64 }
	var records []struct {
		Class               explain.ClassRecord
		Score               string
		Deletion, Insertion curve
	}
	for line := range strings.Lines(out.String()) {
		var r struct {
			Class               explain.ClassRecord
			Score               string
			Deletion, Insertion curve
		}
		if e := json.Unmarshal([]byte(line), &r); e != nil {
			t.Fatalf("%v: %s", e, line)
		}
		records = append(records, r)
	}
	if len(records) != 2 {
		t.Fatalf("%d maps are measured: %s", len(records), out.String())
	}
	out.Reset()
	if code := run([]string{"score", at("s.json"), "--model", at("m.onnx"), "--steps", "4", "--csv", "-q"}, strings.NewReader(""), &out, &err); code != 0 || !strings.Contains(out.String(), `"box 2, cat"`) || !strings.Contains(out.String(), `"box 1, dog"`) {
		t.Errorf("exit code %d: tables do not tell boxes apart: %s%s", code, out.String(), err.String())
	}
	// --box says which of the maps' boxes, or which one a map of numbers is of.
	holding(npy(t, [64][64]float32{}))(t, at("map.npy"))
	for _, c := range []struct {
		args []string
		want string // boxes and their classes
	}{
		{[]string{at("s.json"), "--box", "dog"}, "1 1 dog"},
		{[]string{at("s.json"), "--box", "2,false"}, "2 0 cat, 0 -1 false boxes"},
		{[]string{at("map.npy"), "--image", at("p.png")}, "1 1 dog"},
		{[]string{at("map.npy"), "--image", at("p.png"), "--box", "cat", "--score", "drise"}, "2 0 cat"},
		{[]string{at("map.npy"), "--image", at("p.png"), "--box", "all"}, "1 1 dog, 2 0 cat"},
		{[]string{at("map.npy"), "--image", at("p.png"), "--box", "false", "--min-score", ".5"}, "0 -1 false boxes"},
	} {
		code, stdout, text := krypton(t, append([]string{"score", "--model", at("m.onnx"), "--steps", "2", "--json", "-q"}, c.args...)...)
		var got []string
		for line := range strings.Lines(stdout) {
			var r struct{ Class explain.ClassRecord }
			if e := json.Unmarshal([]byte(line), &r); e != nil {
				t.Fatal(e)
			}
			got = append(got, fmt.Sprint(r.Class.Box, " ", r.Class.Index, " ", r.Class.Label))
		}
		if strings.Join(got, ", ") != c.want || code != exitOK {
			t.Errorf("%v: %d, measured %q, want %q: %s", c.args, code, got, c.want, text)
		}
	}
	if code, _, text := krypton(t, "score", at("s.json"), "--model", at("m.onnx"), "--iou", "2"); code != exitUsage || !strings.Contains(text, "--iou is 2, want 0 to 1") {
		t.Errorf("--iou 2: %d, %s", code, text)
	}
	for i, want := range []string{"cat", "dog"} {
		r := records[i]
		base := float64(r.Class.BaseScore)
		if r.Class.Label != want || r.Class.Box != 2-i || r.Score != "overlap" || !(base > .8) {
			t.Errorf("measured %+v as %q", r.Class, r.Score)
		}
		if !(r.Deletion.Area < .1*base && r.Insertion.Area > .9*base) {
			t.Errorf("%s: deletion %v, insertion %v of %v", want, r.Deletion.Area, r.Insertion.Area, base)
		}
	}
}

// TestBoxTuning: what maps are compared is that of the box that --box names, on each
// picture; profiles of different boxes differ in what they are of.
func TestBoxTuning(t *testing.T) {
	dir := boxFolder(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	profiles := map[string]string{}
	for _, box := range []string{"", "1", "cat", "false"} {
		args := []string{"tune", at("p.png"), "--model", at("m.onnx"), "--patch", "8", "--stride", "4", "--fill", "black", "-q", "--json", "-o", "-"}
		if box != "" {
			args = append(args, "--box", box)
		}
		code, out, text := krypton(t, args...)
		if code != exitOK {
			t.Fatalf("--box %s: %d, %s", box, code, text)
		}
		profiles[box] = out
	}
	if profiles[""] != profiles["1"] || profiles["1"] == profiles["cat"] || profiles["1"] == profiles["false"] {
		t.Errorf("the profiles are %s", profiles)
	}
	for args, says := range map[string]string{"--box 9": "--box 9", "--box 1 --class cat": "--class is for classifiers", "--iou 7": "--iou is 7"} {
		if code, _, text := krypton(t, append([]string{"tune", at("p.png"), "--model", at("m.onnx"), "-o", at("x.yaml"), "-q"}, strings.Fields(args)...)...); code == exitOK || !strings.Contains(text, says) || strings.Count(text, "\n") != 1 {
			t.Errorf("%s: %d, %s, want %s", args, code, text, says)
		}
	}
}
