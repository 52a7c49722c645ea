package inputs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"krypton/internal/failure"
)

// folder makes files, whose contents are given, in a new folder and works there.
func folder(t testing.TB, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestExpand(t *testing.T) {
	folder(t, map[string]string{
		"d/b.png": "", "d/a.JPG": "", "d/a.krypton.png": "", "d/c.txt": "", "d/e/f.png": "",
		"empty/x.txt": "", "list": "d/b.png\r\n\n-\n*.png\n", "nul": "a\nb\x00c\x00", "none": "\n",
	})
	for _, c := range []struct {
		args  []string
		lists Lists
		want  string
		kind  failure.Kind
	}{
		{args: []string{"d"}, want: "d/a.JPG d/b.png"},
		{args: []string{"d/*.png"}, want: "d/a.krypton.png d/b.png"},
		{args: []string{"x.png", "-"}, want: "x.png -"},
		{args: []string{"@list", "d/c.txt"}, want: "d/b.png ./- *.png d/c.txt"},
		{args: []string{"q"}, lists: Lists{Lines: "-"}, want: "q said"},
		{lists: Lists{NUL: "nul"}, want: "a\nb c"},
		{lists: Lists{Lines: "nul"}, kind: failure.Data},
		{lists: Lists{Lines: "none"}, kind: failure.Missing},
		{lists: Lists{Lines: "gone"}, kind: failure.Missing},
		{lists: Lists{Lines: "-", NUL: "-"}, kind: failure.Usage},
		{args: []string{"-", "-"}, kind: failure.Usage},
		{args: []string{"empty"}, kind: failure.Missing},
		{args: []string{"z*.png"}, kind: failure.Missing},
		{args: []string{"z[.png"}, kind: failure.Usage},
	} {
		got, err := c.lists.Expand(c.args, strings.NewReader("said\n"))
		if kind, _ := failure.Of(err); kind != c.kind || (err == nil) != (c.kind == failure.Other) {
			t.Errorf("%q, %+v: %v, of kind %v", c.args, c.lists, err, kind)
		} else if err == nil && strings.Join(got, " ") != c.want {
			t.Errorf("%q, %+v: %q, want %q", c.args, c.lists, got, c.want)
		}
	}
	if _, err := (&Lists{Lines: "nul"}).Expand(nil, nil); !errors.Is(err, ErrNUL) {
		t.Error(err)
	}
}

// TestSet: no name of a file that is read may be written to, whatever leads there, and
// others may.
func TestSet(t *testing.T) {
	location := "w.bin"
	entry := "\x0a\x08location\x12" + string(rune(len(location))) + location
	folder(t, map[string]string{
		"m.onnx": strings.Repeat("x", 1<<20-5) + entry, "m.krypton.yaml": "labels: l.txt\nbind:\n  mask: k.npy\n  n: [1, 2]\n",
		"w.bin": "", "l.txt": "", "k.npy": "", "p.png": "", "list": "q.png\n", "q.png": "", "pics/r.png": "", "other": "", "out/p.png": "",
	})
	if err := errors.Join(os.Symlink("../p.png", "out/link"), os.Link("l.txt", "out/hard")); err != nil {
		t.Skip(err)
	}
	var s Set
	s.AddModel("m.onnx")
	s.AddModel("m.onnx")
	s.AddArgument("@list")
	s.AddArgument("pics")
	s.Add("p.png", "", "gone")
	for _, name := range []string{"m.onnx", "m.krypton.yaml", "w.bin", "l.txt", "k.npy", "p.png", "list", "q.png", "pics/r.png", "out/link", "out/hard", "./out/../p.png"} {
		err := s.CheckOutput(name, true)
		if kind, _ := failure.Of(err); kind != failure.CantCreate {
			t.Errorf("%s may be written to: %v", name, err)
		}
	}
	for _, name := range []string{"other", "out/p.png", "gone", "new"} {
		if err := s.CheckOutput(name, true); err != nil {
			t.Error(err)
		}
	}
	if err := s.CheckOutput("other", false); err == nil {
		t.Error("a file that is there may be replaced")
	}
	if s.CheckFolder("out") == nil || s.CheckFolder("pics") == nil || s.CheckFolder("gone") != nil {
		t.Error("folders")
	}
	if err := (*Set)(nil).Check("p.png"); err != nil {
		t.Error(err)
	}
}

// TestExternalData: files that weights lie in are found wherever their entries stand, also
// across the pieces that a model is read in.
func TestExternalData(t *testing.T) {
	entry := func(i int) string {
		name := fmt.Sprintf("%06d", i)
		return "\x0a\x08location\x12\x06" + name
	}
	for _, at := range []int{0, 1<<20 - 20, 1<<20 - 12, 1<<20 - 1, 1 << 20, 2<<20 - 9} {
		folder(t, map[string]string{"m.onnx": strings.Repeat("y", at) + entry(1) + strings.Repeat("z", 100) + entry(2)})
		got := externalData("m.onnx")
		slices.Sort(got)
		if !slices.Equal(got, []string{"000001", "000002"}) {
			t.Errorf("at %d: %q", at, got)
		}
	}
}
