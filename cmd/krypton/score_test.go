package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"krypton/internal/explain"
)

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fourMap is a map for the network of four channels.
func fourMap() (m [8][8]float64) {
	for i := range 64 {
		m[i/8][i%8] = float64((i * 7) % 23)
	}
	return m
}

// TestScoreRefusesSpoiledRecords: the digests of a record may be right and its
// map of no use.
func TestScoreRefusesSpoiledRecords(t *testing.T) {
	good, _ := obeRecord(t)
	for name, c := range map[string]struct {
		spoil func(*explain.Record)
		code  int
		want  string
	}{
		"good": {func(*explain.Record) {}, 0, ""},
		"no number": {func(r *explain.Record) {
			for _, row := range r.Classes[0].Scores {
				for x := range row {
					row[x] = explain.Number(math.NaN())
				}
			}
		}, exitData, "has no number"},
		"class":      {func(r *explain.Record) { r.Classes[0].Index = 1000 }, exitData, "class 1000"},
		"output":     {func(r *explain.Record) { r.Output = "other" }, exitData, `output "other"`},
		"activation": {func(r *explain.Record) { r.Activation = "tanh" }, exitData, "tanh"},
		"input":      {func(r *explain.Record) { r.Input = [2]int{129, 129} }, exitData, "[129 129]"},
		"model":      {func(r *explain.Record) { r.ModelSHA256 = "" }, exitData, "another model"},
		"image":      {func(r *explain.Record) { r.ImageSHA256, r.Image = "", "-" }, exitUsage, "--image"},
		"size":       {func(r *explain.Record) { r.Preprocess = nil }, exitUsage, "other preprocessing"},
	} {
		var r explain.Record
		if err := json.Unmarshal(marshal(t, good), &r); err != nil {
			t.Fatal(err)
		}
		c.spoil(&r)
		file := filepath.Join(t.TempDir(), "m.json")
		if err := os.WriteFile(file, marshal(t, r), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, err bytes.Buffer
		if code := run([]string{"score", file, "--steps", "3", "-q"}, strings.NewReader(""), &out, &err); code != c.code || !strings.Contains(err.String(), c.want) || (code != 0) != (out.Len() == 0) {
			t.Errorf("%s: exit code %d, want %d\n%s%s", name, code, c.code, out.String(), err.String())
		}
	}
}
