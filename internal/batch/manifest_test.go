package batch

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestReadManifest(t *testing.T) {
	type set = map[string]string
	for _, c := range []struct {
		test, name, text string
		want             []Item
	}{
		{"paths", "list.txt", "a.png\n\n b c.png\r\nd,e.png", []Item{{"a.png", nil}, {" b c.png", nil}, {"d,e.png", nil}}},
		{"no ending", "-", "a.png\n", []Item{{"a.png", nil}}},
		{"BOM", "list.txt", "\ufeffa.png\n", []Item{{"a.png", nil}}},
		{"table", "l.CSV", "item,model,patch\na.png,m.onnx,16\nb.png,,\n", []Item{{"a.png", set{"model": "m.onnx", "patch": "16"}}, {"b.png", nil}}},
		{"item not first, quotes, BOM", "l.csv", "\ufeff\"class\",item\r\n\"tench, Tinca\",\"a\"\"b.png\"\r\n", []Item{{`a"b.png`, set{"class": "tench, Tinca"}}}},
		{"same path, other settings", "l.csv", "item,patch,out\na,1,\na,2,\na,2,x.png\na,2,y.png\n",
			[]Item{{"a", set{"patch": "1"}}, {"a", set{"patch": "2"}}, {"a", set{"patch": "2", "out": "x.png"}}, {"a", set{"patch": "2", "out": "y.png"}}}},
		{"shared folder and pattern", "l.csv", "item,out\na,o/\nb,o/\nc,{name}.png\nd,{name}.png\n",
			[]Item{{"a", set{"out": "o/"}}, {"b", set{"out": "o/"}}, {"c", set{"out": "{name}.png"}}, {"d", set{"out": "{name}.png"}}}},
		{"objects", "l.jsonl", "{\"item\":\"a\",\"patch\":16,\"class\":\"top3\"}\n \n{\"tau\":0.50, \"item\":\"\\u00e4\"}", []Item{{"a", set{"patch": "16", "class": "top3"}}, {"ä", set{"tau": "0.50"}}}},
	} {
		t.Run(c.test, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(c.text), iotest.OneByteReader(strings.NewReader(c.text))} {
				got, err := ReadManifest(r, c.name, Options{})
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(c.want, got); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

func TestReadManifestRefuses(t *testing.T) {
	small := Limits{Lines: 3, LineBytes: 20, Bytes: 50, Items: 2}
	for _, c := range []struct {
		test, name, text string
		limits           Limits
		want             string
	}{
		{"empty", "l.txt", "\n\n", Limits{}, "l.txt: no items in it"},
		{"empty table", "l.csv", "", Limits{}, "l.csv: no items in it"},
		{"header alone", "l.csv", "item\n", Limits{}, "l.csv: no items in it"},
		{"twice", "l.txt", "a\nb\n\na\n", Limits{}, "l.txt:4: a is on line 1 already"},
		{"twice in a table", "l.csv", "item,patch,class\na,1,\na,1,\n", Limits{}, "l.csv:3: a is on line 2 already"},
		{"order of keys is nothing", "l.jsonl", "{\"item\":\"a\",\"patch\":1,\"tau\":2}\n{\"tau\":2,\"patch\":\"1\",\"item\":\"a\"}", Limits{}, "l.jsonl:2: a is on line 1 already"},
		{"same output", "l.csv", "item,out\na,o/x.png\nb,o//x.png\n", Limits{}, "l.csv:3: line 2 writes o/x.png already"},
		{"NUL", "l.txt", "a\x00b\n", Limits{}, "l.txt:1: path \"a\\x00b\" holds a NUL byte"},
		{"Latin-1", "l.txt", "a\n\xe4.png\n", Limits{}, "l.txt:2: path \"\\xe4.png\" is not UTF-8"},
		{"Latin-1 setting", "l.csv", "item,class\na,\xe4\n", Limits{}, "l.csv:2: class \"\\xe4\" is not UTF-8"},
		{"Latin-1 object", "l.jsonl", "{\"item\":\"\xe4\"}", Limits{}, "l.jsonl:1: not UTF-8"},
		{"unknown column", "l.csv", "item,pach\n", Limits{}, "l.csv:1: unknown column \"pach\" (known: item, "},
		{"files alone", "l.csv", "a/b.png\nc.png\n", Limits{}, "l.csv:1: \"a/b.png\" is no column's name"},
		{"no item", "l.csv", "patch\n16\n", Limits{}, "l.csv:1: no column item"},
		{"column twice", "l.csv", "item,patch,patch\n", Limits{}, "l.csv:1: column \"patch\" is there twice"},
		{"no path", "l.csv", "item,patch\n,16\n", Limits{}, "l.csv:2: no path"},
		{"short row", "l.csv", "item,patch\na,16\nb\n", Limits{}, "l.csv:3: wrong number of fields"},
		{"open quote", "l.csv", "item,patch\n\"a,16\nb,16\n", Limits{}, "l.csv:3: extraneous or missing"},
		{"unknown key", "l.jsonl", "{\"item\":\"a\"}\n{\"item\":\"b\",\"pach\":1}\n", Limits{}, "l.jsonl:2: unknown column \"pach\""},
		{"Item", "l.jsonl", "{\"Item\":\"a\"}\n", Limits{}, "l.jsonl:1: unknown column \"Item\""},
		{"key twice", "l.jsonl", "{\"item\":\"a\",\"item\":\"b\"}\n", Limits{}, "l.jsonl:1: \"item\" is there twice"},
		{"number for a path", "l.jsonl", "{\"item\":5}\n", Limits{}, "l.jsonl:1: \"item\" is not text"},
		{"list", "l.jsonl", "{\"item\":\"a\",\"class\":[1]}\n", Limits{}, "l.jsonl:1: \"class\" is neither"},
		{"object", "l.jsonl", "{\"item\":\"a\",\"class\":{}}\n", Limits{}, "l.jsonl:1: \"class\" is neither"},
		{"null", "l.jsonl", "{\"item\":\"a\",\"class\":null}\n", Limits{}, "l.jsonl:1: \"class\" is neither"},
		{"no item", "l.jsonl", "{\"patch\":1}\n", Limits{}, "l.jsonl:1: no item"},
		{"array", "l.jsonl", "[1]\n", Limits{}, "l.jsonl:1: not an object"},
		{"two objects", "l.jsonl", "{\"item\":\"a\"} {\"item\":\"b\"}\n", Limits{}, "l.jsonl:1: something follows"},
		{"cut object", "l.jsonl", "{\"item\":\"a\"\n", Limits{}, "l.jsonl:1: unexpected EOF"},
		{"too many lines", "l.txt", "a\n\n\nb\n", small, "l.txt: more than 3 lines"},
		{"too many lines in a table", "l.csv", "item\na\nb\nc\n", small, "l.csv: more than 3 lines"},
		{"long line", "l.txt", "a\n" + strings.Repeat("b", 21), small, "l.txt:2: longer than 20 bytes"},
		{"long line in a table", "l.csv", "item\n\"" + strings.Repeat("b", 30), small, "l.csv:2: longer than 20 bytes"},
		{"large", "l.txt", strings.Repeat("a", 17) + "\n" + strings.Repeat("b", 17) + "\n" + strings.Repeat("c", 17), small, "l.txt: larger than 50 bytes"},
		{"too many items", "l.txt", "a\nb\nc\n", small, "l.txt:3: more than 2 items"},
	} {
		t.Run(c.test, func(t *testing.T) {
			items, err := ReadManifest(strings.NewReader(c.text), c.name, Options{Limits: c.limits})
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Fatalf("got %v, %v; want %s", items, err, c.want)
			}
			var l *LineError
			if byLine := strings.HasPrefix(c.want, c.name+":") && !strings.HasPrefix(c.want, c.name+": "); errors.As(err, &l) != byLine {
				t.Errorf("error of type %T: %v", err, err)
			}
		})
	}
}

func TestReadManifestAtItsLimits(t *testing.T) {
	text := strings.Repeat("a", 20) + "\n" + strings.Repeat("b", 19) + "\n\n"
	got, err := ReadManifest(strings.NewReader(text), "l", Options{Limits: Limits{Lines: 3, LineBytes: 20, Bytes: int64(len(text)), Items: 2}})
	if err != nil || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestReadManifestFailingReader(t *testing.T) {
	broken := errors.New("broken")
	for _, name := range []string{"l.txt", "l.csv", "l.jsonl"} {
		r := io.MultiReader(strings.NewReader("item\n"), iotest.ErrReader(broken))
		if name == "l.jsonl" {
			r = io.MultiReader(strings.NewReader("{\"item\":\"a\"}\n"), iotest.ErrReader(broken))
		}
		if _, err := ReadManifest(r, name, Options{}); !errors.Is(err, broken) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadManifestColumnsOfCaller(t *testing.T) {
	opt := Options{Columns: []string{"speed"}}
	got, err := ReadManifest(strings.NewReader("item,speed\na,3\n"), "l.csv", opt)
	if err != nil || got[0].Set["speed"] != "3" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := ReadManifest(strings.NewReader("item,patch\na,3\n"), "l.csv", opt); err == nil {
		t.Error("a column that the caller does not know is taken")
	}
}

// randomItems gives n different items, some with settings.
func randomItems(rng *rand.Rand, n int) []Item {
	texts := []string{"a", "b.png", "ä ö", `qu"ote`, "com,ma", "{}", "dir/x.jpg", " blank ", "new\nline"}
	var out []Item
	for i := range n {
		it := Item{Path: fmt.Sprintf("%s%d", texts[rng.IntN(len(texts))], i)}
		for _, c := range []string{"model", "class", "patch"} {
			if rng.IntN(3) == 0 {
				if it.Set == nil {
					it.Set = map[string]string{}
				}
				it.Set[c] = texts[rng.IntN(len(texts))]
			}
		}
		out = append(out, it)
	}
	return out
}

// TestReadManifestRoundTrip writes random items as tables and objects and reads
// them again.
func TestReadManifestRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 50 {
		items := randomItems(rng, 1+rng.IntN(20))
		for name, text := range map[string][]byte{"l.csv": tableOf(t, items), "l.jsonl": objectsOf(t, items)} {
			got, err := ReadManifest(bytes.NewReader(text), name, Options{})
			if err != nil {
				t.Fatalf("round %d: %v\n%s", round, err, text)
			}
			if d := cmp.Diff(items, got); d != "" {
				t.Fatalf("round %d, %s: %s", round, name, d)
			}
		}
	}
}

func tableOf(t testing.TB, items []Item) []byte {
	columns := map[string]bool{}
	for _, it := range items {
		for c := range it.Set {
			columns[c] = true
		}
	}
	header := append(slices.Sorted(maps.Keys(columns)), "item")
	rows := [][]string{header}
	for _, it := range items {
		var row []string
		for _, c := range header[:len(header)-1] {
			row = append(row, it.Set[c])
		}
		rows = append(rows, append(row, it.Path))
	}
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func objectsOf(t testing.TB, items []Item) []byte {
	var b bytes.Buffer
	for _, it := range items {
		o := map[string]string{"item": it.Path}
		maps.Copy(o, it.Set)
		if err := json.NewEncoder(&b).Encode(o); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// FuzzReadManifest checks that whatever is taken keeps to the rules, and means
// the same when it is written again as objects.
func FuzzReadManifest(f *testing.F) {
	f.Add("l.txt", "a.png\nb.png\n")
	f.Add("l.csv", "item,model,patch\na.png,m.onnx,16\n\"b\nc\",,\"1,2\"\n")
	f.Add("l.jsonl", "{\"item\":\"a\",\"patch\":16}\n{\"item\":\"b\",\"class\":\"\\ud800\"}")
	f.Add("l.csv", "\ufeffitem\r\na\r\n")
	limits := Limits{Lines: 100, LineBytes: 200, Bytes: 5000, Items: 50}
	f.Fuzz(func(t *testing.T, name, text string) {
		items, err := ReadManifest(strings.NewReader(text), name, Options{Limits: limits})
		if err != nil {
			return
		}
		if len(items) == 0 || len(items) > limits.Items {
			t.Fatalf("%d items", len(items))
		}
		keys := map[string]bool{}
		for _, it := range items {
			if err := it.check(); err != nil || keys[it.Key()] {
				t.Fatalf("%q: %v", it, err)
			}
			keys[it.Key()] = true
			for c := range it.Set {
				if !slices.Contains(DefaultColumns, c) {
					t.Fatalf("column %q", c)
				}
			}
		}
		again, err := ReadManifest(bytes.NewReader(objectsOf(t, items)), "l.jsonl", Options{})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(items, again); d != "" {
			t.Fatal(d)
		}
	})
}
