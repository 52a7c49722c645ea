package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"krypton/internal/explain"
)

// TestRealBoxes: maps of boxes of public detectors, of two forms of heads, on a few
// positions. Each is bit for bit that of whole runs; hiding what a box shows takes most of
// its score, hiding what lies elsewhere next to nothing; and false boxes rise somewhere.
func TestRealBoxes(t *testing.T) {
	data := os.Getenv("KRYPTON_DATA")
	if data == "" {
		t.Skip("KRYPTON_DATA is not set")
	}
	for _, c := range []struct {
		model, config, picture, patch, stride, label string
		drop                                         float64 // share of the score that hiding the box takes at least
	}{
		{"ultraface_rfb320", "preprocess: {preset: raw, mean: [127], std: [128], resize: stretch}\nlabels: [background, face]\ndetector: {form: ssd, scores: scores, boxes: boxes, corners: true, relative: true}\n", "faces_1.jpg", "40", "40", "face", .6},
		{"fastestdet", "preprocess: {preset: unit, order: bgr}\nlabels: [" + classesOfCOCO + "]\ndetector: {form: grid}\n", "dog_1.jpg", "88", "88", "person", .2},
	} {
		t.Run(c.model, func(t *testing.T) {
			network, err := os.ReadFile(filepath.Join(data, "models", c.model+".onnx"))
			if err != nil {
				t.Fatal(err)
			}
			dir := inFolder(t, map[string][]byte{"m.onnx": network, "m.krypton.yaml": []byte(c.config)})
			ask := func(more ...string) *explain.Record {
				r, _ := obeRecord(t, append([]string{filepath.Join(data, "images", c.picture), "--model", filepath.Join(dir, "m.onnx"), "--patch", c.patch, "--stride", c.stride, "--box", "1,false"}, more...)...)
				return r
			}
			r, naive := ask("--verify", "4"), ask("--mode", "naive")
			a, err := json.Marshal(r.Classes)
			b, err2 := json.Marshal(naive.Classes)
			if err != nil || err2 != nil || !bytes.Equal(a, b) || r.Verified != 4 {
				t.Fatalf("%v, %v, %d verified: not the map of whole runs", err, err2, r.Verified)
			}
			box := r.Boxes.Found[0]
			if box.Label != c.label || box.Score < .85 || r.Classes[0].Box != 1 {
				t.Fatalf("found %+v, mapped %+v", box, r.Summary().Classes)
			}
			hidden, elsewhere := lowestAndHighest(r.Classes[0].Scores)
			base := float64(r.Classes[0].BaseScore)
			if hidden > (1-c.drop)*base || elsewhere < .97*base {
				t.Errorf("from %g to %g, of %g on the clean picture", hidden, elsewhere, base)
			}
			if _, most := lowestAndHighest(r.Classes[1].Scores); r.Classes[1].Label != "false boxes" || most <= float64(r.Classes[1].BaseScore) {
				t.Errorf("false boxes: at most %g, %g on the clean picture", most, r.Classes[1].BaseScore)
			}
		})
	}
}

// classesOfCOCO are the first names of the 80 classes, and numbers of the others.
const classesOfCOCO = "person, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, dog, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79"

// lowestAndHighest are the ends of a map's scores.
func lowestAndHighest(scores [][]explain.Number) (lo, hi float64) {
	lo, hi = float64(scores[0][0]), float64(scores[0][0])
	for _, row := range scores {
		for _, v := range row {
			lo, hi = min(lo, float64(v)), max(hi, float64(v))
		}
	}
	return lo, hi
}
