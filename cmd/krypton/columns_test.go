package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"krypton/internal/explain"
)

// TestTargetColumns: what is mapped is an item's own, in tables and objects, and its map
// is that of the flags.
func TestTargetColumns(t *testing.T) {
	dir := boxFolder(t)
	for name, b := range targetData(t) {
		holding(b)(t, filepath.Join(dir, name))
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	half := at("half.png")
	object := func(set map[string]any) string {
		b, err := json.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		return string(b) + "\n"
	}
	for i, c := range []struct {
		model, list, ending string
		flags               [][]string // of each item
	}{
		{"segment.onnx", "item,class,at,segment-region,score,reduce,target,activation\n" +
			half + `,,"15,15",,,,,` + "\n" + half + `,road,,"8,0,8,16",dice,,,` + "\n" + half + ",,,,,sum,," + "\n" + half + `,index:2,"15,15",,,,number,` + "\n" + half + ",road,,,,,,sigmoid\n", ".csv",
			[][]string{{"--at", "15,15"}, {"--class", "road", "--segment-region", "8,0,8,16", "--score", "dice"}, {"--reduce", "sum"}, nil, {"--class", "road", "--activation", "sigmoid"}}},
		{"vector.onnx", object(map[string]any{"item": half, "reference": at("other.png")}) + object(map[string]any{"item": half, "reference": at("vector.npy"), "score": "euclidean"}), ".jsonl",
			[][]string{{"--reference", at("other.png")}, {"--reference", at("vector.npy"), "--score", "euclidean"}}},
		{"m.onnx", object(map[string]any{"item": at("p.png"), "box": "2,false"}) + object(map[string]any{"item": at("p.png"), "box": "label:dog", "score": "drise"}) + object(map[string]any{"item": at("p.png"), "box": "all", "min-score": .99, "iou": .3}), ".jsonl",
			[][]string{{"--box", "2,false"}, {"--box", "label:dog", "--score", "drise"}, {"--box", "all", "--min-score", ".99", "--iou", ".3"}}},
	} {
		list, out := at(fmt.Sprint("list", i, c.ending)), at(fmt.Sprint("out", i))
		holding([]byte(c.list))(t, list)
		want := exitOK
		if slices.ContainsFunc(c.flags, func(f []string) bool { return f == nil }) {
			want = exitPartial // an item whose settings make no sense; the others go on
		}
		if code, _, text := krypton(t, "obe", "--manifest", list, "--model", at(c.model), "--patch", "8", "--stride", "8", "--fill", "black", "--out-dir", out, "--name", "{key}.png", "--scores", "{key}.json", "-q"); code != want {
			t.Fatalf("%s: %d, %s", c.model, code, text)
		}
		results, err := os.ReadFile(filepath.Join(out, "results.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		for k, line := range slices.Collect(strings.Lines(string(results))) {
			var r struct{ Item, Key, Status, Error string }
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatal(err)
			}
			if c.flags[k] == nil {
				if r.Status != "failed" || !strings.Contains(r.Error, `class "index:2"`) && !strings.Contains(r.Error, "exclude") {
					t.Errorf("%s: item %d: %s", c.model, k, line)
				}
				continue
			}
			data, err := os.ReadFile(filepath.Join(out, r.Key[:12]+".json"))
			var got explain.Record
			if err == nil {
				err = json.Unmarshal(data, &got)
			}
			if err != nil {
				t.Fatalf("%s: item %d: %v, %s", c.model, k, err, line)
			}
			alone, _ := obeRecord(t, append([]string{r.Item, "--model", at(c.model), "--patch", "8", "--stride", "8", "--fill", "black"}, c.flags[k]...)...)
			a, _ := json.Marshal([]any{got.Classes, got.Target, got.Score, got.Activation, got.Boxes})
			b, _ := json.Marshal([]any{alone.Classes, alone.Target, alone.Score, alone.Activation, alone.Boxes})
			if string(a) != string(b) {
				t.Errorf("%s: item %d: %s, by flags %s", c.model, k, a, b)
			}
		}
	}
}
