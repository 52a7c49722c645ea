package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"krypton/internal/explain"
)

// obeRecord runs krypton obe and reads the record that it writes.
func obeRecord(t *testing.T, args ...string) (*explain.Record, string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "s.json")
	args = append([]string{"obe", "--patch", "32", "--stride", "24", "-o", filepath.Join(dir, "o.png"), "--scores", file}, args...)
	var out, err bytes.Buffer
	if code := run(args, strings.NewReader(""), &out, &err); code != 0 {
		t.Fatalf("%q: exit code %d\n%s", args, code, err.String())
	}
	b, e := os.ReadFile(file)
	if e != nil {
		t.Fatal(e)
	}
	var r explain.Record
	if e := json.Unmarshal(b, &r); e != nil {
		t.Fatal(e)
	}
	return &r, string(b)
}

// TestSeveralFills holds a map over fills to the maps of each fill by itself: its
// parts are the same bit for bit, and its drops are their mean.
func TestSeveralFills(t *testing.T) {
	names := []string{"gray", "blur", "noise"}
	all, _ := obeRecord(t, "--fill", "gray,blur", "--fill", "noise", "--class", "top2")
	if all.Fill != "gray,blur,noise" || len(all.Scales) != len(names) || all.Positions != len(names)*all.Rows*all.Cols || all.FlipMap != nil {
		t.Fatalf("fill %q, %d parts, %d positions of %dx%d", all.Fill, len(all.Scales), all.Positions, all.Rows, all.Cols)
	}
	var single []*explain.Record
	flips, whole := 0, int64(0)
	for i, name := range names {
		one, text := obeRecord(t, "--fill", name, "--class", "top2")
		if strings.Contains(text, `"scales"`) || one.Fill != name {
			t.Errorf("%s alone: fill %q, %d parts", name, one.Fill, len(one.Scales))
		}
		part := all.Scales[i]
		if part.Fill != name || !slices.Equal(part.Ys, one.Ys) || part.Flips != one.Flips {
			t.Errorf("%s: part %+v", name, part)
		}
		for k := range one.Classes {
			for y, row := range one.Classes[k].Scores {
				if !slices.Equal(row, part.Classes[k].Scores[y]) || !slices.Equal(one.FlipMap[y], part.FlipMap[y]) {
					t.Errorf("%s: class %d, row %d: %v, alone %v", name, k, y, part.Classes[k].Scores[y], row)
				}
			}
		}
		single = append(single, one)
		flips += one.Flips
		whole += one.MultiplyAddsWhole
	}
	if all.Flips != flips || all.MultiplyAddsWhole != whole {
		t.Errorf("%d other winners and %d multiply-adds, the parts %d and %d", all.Flips, all.MultiplyAddsWhole, flips, whole)
	}
	for k, c := range all.Classes {
		for y, row := range c.Scores {
			for x, got := range row {
				sum := 0.0
				for _, one := range single {
					sum += float64(one.Classes[k].Scores[y][x])
				}
				if math.Abs(float64(got)-sum/float64(len(single))) > 1e-6 {
					t.Fatalf("class %d at %d,%d: %g, mean %g", k, y, x, got, sum/float64(len(single)))
				}
			}
		}
	}
}

// TestFillsAndSizes: a map over sizes and fills has a part for each pair.
func TestFillsAndSizes(t *testing.T) {
	r, _ := obeRecord(t, "--patch", "32,64", "--fill", "gray,black", "--verify", "2")
	if len(r.Scales) != 4 || r.Rows != 128 || r.Verified != 8 || r.Scales[1].Fill != "black" || r.Scales[1].Patch != [2]int{32, 32} || r.Scales[2].Patch != [2]int{64, 64} {
		t.Fatalf("%dx%d, %d verified, parts %+v", r.Rows, r.Cols, r.Verified, r.Summary().Scales)
	}
	lines := strings.Join(r.Caption(), "\n")
	if want := "mean over patches 32x32, 64x64, mean over fills gray, black, 82 positions"; !strings.Contains(lines, want) {
		t.Errorf("caption %q, want %q", lines, want)
	}
	if n := r.Notes[len(r.Notes)-1]; n != "mean of the maps of patches 32x32, 64x64 with fills gray, black, for each pixel of the network's input" {
		t.Errorf("note %q", n)
	}
}
