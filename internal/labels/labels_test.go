package labels

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// files are label files as found beside models, and the names in them.
var files = []struct {
	name, text string
	want       []string
}{
	{"array", `["tench", "goldfish, Carassius auratus"]`, []string{"tench", "goldfish, Carassius auratus"}},
	{"array of numbers", `[0, 1, 2]`, []string{"0", "1", "2"}},
	{"array of objects", `[{"id": 7, "name": "car"}, {"name": "dog"}]`, []string{"car", "dog"}},
	{"byte order mark", "\xef\xbb\xbf[\"a\"]\r\n", []string{"a"}},
	{"keras", `{"1": ["n01443537", "goldfish"], "0": ["n01440764", "tench"]}`, []string{"tench", "goldfish"}},
	{"index to name", `{"0": "tench", "1": "goldfish"}`, []string{"tench", "goldfish"}},
	{"name to index", `{"tench": 0, "goldfish": 1}`, []string{"tench", "goldfish"}},
	{"names that are numbers", `{"0": 7, "1": 8}`, []string{"7", "8"}},
	{"configuration", `{"model_type": "vit", "id2label": {"0": "tench", "1": "goldfish"}}`, []string{"tench", "goldfish"}},
	{"python", "{0: 'tench, Tinca tinca',\n 1: \"jack-o'-lantern\"}", []string{"tench, Tinca tinca", "jack-o'-lantern"}},
	{"python, with escapes", `{0: 'it\'s', 1: 'caf\xe9', 2: "x\ty", 3: '\U0001f600'}`, []string{"it's", "café", "x\ty", "😀"}},
	{"python, name to index", "{'tench': 0, 'goldfish': 1}", []string{"tench", "goldfish"}},
	{"python objects", "[{'id': 0, 'name': 'tench'}, {'name': 'goldfish'}]", []string{"tench", "goldfish"}},
	{"python list", "['a', \"b'\",\n 'c']", []string{"a", "b'", "c"}},
	{"synsets", "n01440764 tench, Tinca tinca\nn01443537 goldfish, Carassius auratus\n", []string{"tench", "goldfish"}},
	{"synsets with tabs", "n01440764\ttench, Tinca tinca\r\nn01443537\tgoldfish\r\n", []string{"tench", "goldfish"}},
	{"synsets alone", "n01440764\nn01443537\n", []string{"n01440764", "n01443537"}},
	{"one odd line", "n01440764 tench, Tinca tinca\nother\n", []string{"n01440764 tench, Tinca tinca", "other"}},
	{"lines", "cat\n  dog \n\nsea lion\n\n", []string{"cat", "dog", "sea lion"}},
	{"lines of an old Mac", "cat\rdog\r", []string{"cat", "dog"}},
	{"lines with commas", "tench, Tinca tinca\ngoldfish, Carassius auratus\n", []string{"tench, Tinca tinca", "goldfish, Carassius auratus"}},
	{"lines of several words with a known one", "name tag\ncat\n", []string{"name tag", "cat"}},
	{"numbered with colons", "0: cat\n1: dog\n", []string{"cat", "dog"}},
	{"numbered with blanks", "0  person\n1  traffic light\n", []string{"person", "traffic light"}},
	{"numbered from one, with a gap", "1 person\n3 car\n", []string{"", "person", "", "car"}},
	{"numbers that are names", "7 up\n90s car\n", []string{"7 up", "90s car"}},
	{"digits", "0\n1\n2\n", []string{"0", "1", "2"}},
	{"csv", "0,cat\n1,dog\n", []string{"cat", "dog"}},
	{"csv in another order", "1,dog\n0,\"cat, tabby\"\n", []string{"cat, tabby", "dog"}},
	{"csv headed", "index,mid,display_name\n0,/m/09x0r,Speech\n1,/m/05zppz,\"Male speech, man speaking\"\n", []string{"Speech", "Male speech, man speaking"}},
	{"csv of names", "name,colour\ncat,red\ndog,blue\n", []string{"cat", "dog"}},
	{"csv with class", "class,name\n0,cat\n1,dog\n", []string{"cat", "dog"}},
	{"csv with semicolons", "id;label\n1;dog\n0;cat\n", []string{"cat", "dog"}},
	{"csv with tabs", "0\tsea lion\n1\tdog\n", []string{"sea lion", "dog"}},
	{"a quote that is none", "0,12\" disc\n1,dog\n", []string{"12\" disc", "dog"}},
	{"one", "cat", []string{"cat"}},
	{"other letters", "猫\nсобака\n", []string{"猫", "собака"}},
}

func TestParse(t *testing.T) {
	for _, c := range files {
		got, err := Parse([]byte(c.text))
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "no labels"},
		{"blank", " \n\r\n\t", "no labels"},
		{"empty array", "[]", "no labels"},
		{"empty object", "{}", "no labels"},
		{"nested", `[["a", ["b"]]]`, "element 0"},
		{"null", `["a", null]`, "element 1"},
		{"half", `["a", "b`, "unexpected end"},
		{"index", `{"0": "a", "x": "b"}`, `"x" is no class index`},
		{"negative", `{"-1": "a"}`, "no class index"},
		{"twice", `{"0": "a", " 0": "b"}`, "twice"},
		{"no name", `{"0": {}}`, "no name"},
		{"far", `{"0": "a", "1000000000": "b"}`, "index of 1000000000"},
		{"far lines", "0 a\n999999 b\n", "index of 999999"},
		{"utf-16", "\xff\xfea\x00", "UTF-16"},
		{"nul", "a\x00b", "NUL byte at offset 1"},
		{"latin-1", "caf\xe9\n", "not UTF-8 at offset 3"},
		{"pbtxt", "item {\n  id: 1\n}\n", "protobuf"},
		{"long", strings.Repeat("x", MaxLabel+1), "more than 4096"},
		{"many", strings.Repeat("x\n", MaxLabels+1), "more than 1048576"},
		{"large", strings.Repeat("\n", MaxBytes+1), "larger than 16 MiB"},
		{"headed, broken", "id,name\n0,a\nb\n", "record 3"},
		{"headed, no index", "id,name\nx,a\n", "no class index"},
		{"headed, twice", "id,name\n0,a\n0,b\n", "twice"},
		{"aliases", "{a: &a [x,x,x,x,x,x,x,x], b: &b [*a,*a,*a,*a,*a,*a,*a,*a], c: &c [*b,*b,*b,*b,*b,*b,*b,*b]}", "no class index"},
		{"raw bytes", "{0: !!binary gIGC}", "not UTF-8"},
	} {
		got, err := Parse([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d labels, error %v; want one with %q", c.name, len(got), err, c.want)
		}
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "l.txt")
	if err := os.WriteFile(path, []byte("a\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := Read(path); err != nil || !slices.Equal(l, []string{"a", "b"}) {
		t.Errorf("%q, %v", l, err)
	}
	if _, err := Read(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "regular") {
		t.Errorf("a folder: %v", err)
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 1<<40); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(large); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Errorf("a file of 1 TiB: %v", err)
	}
}

// Two real files name ImageNet's classes, each in its own form and spelling.
func TestRealFiles(t *testing.T) {
	data := os.Getenv("KRYPTON_DATA")
	if data == "" {
		t.Skip("KRYPTON_DATA is not set")
	}
	for file, want := range map[string]map[int]string{
		"imagenet-simple-labels.json": {0: "tench", 15: "American robin", 999: "toilet paper"},
		"imagenet_synset_words.txt":   {0: "tench", 15: "robin", 999: "toilet tissue"},
	} {
		l, err := Read(filepath.Join(data, "labels", file))
		if err != nil || len(l) != 1000 {
			t.Errorf("%s: %d labels, %v", file, len(l), err)
			continue
		}
		for i, name := range want {
			if l[i] != name {
				t.Errorf("%s: class %d is %q, want %q", file, i, l[i], name)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range files {
		f.Add([]byte(c.text))
	}
	f.Add([]byte("id,name\n0,a\nb\n"))
	f.Add([]byte(`{"0": {}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := Parse(b)
		if err != nil {
			return
		}
		if len(l) == 0 || len(l) > MaxLabels {
			t.Errorf("%d labels", len(l))
		}
		for i, s := range l {
			if !utf8.ValidString(s) || len(s) > MaxLabel || s != strings.TrimSpace(s) {
				t.Errorf("label %d is %q", i, s)
			}
		}
		again, err := Parse(b)
		if err != nil || !slices.Equal(l, again) {
			t.Errorf("a second reading gives %q, %v", again, err)
		}
	})
}
