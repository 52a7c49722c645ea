package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"io"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

var files = []entry{{"krypton", []byte("binary"), true}, {"man/man1/krypton.1", []byte("page"), false}}

// TestArchives: both kinds hold what was put into them, and are the same each time.
func TestArchives(t *testing.T) {
	for name, pack := range map[string]func(string, []entry) ([]byte, error){"tar": tarGz, "zip": zipped} {
		a, err := pack("v1", files)
		if err != nil {
			t.Fatal(err)
		}
		b, err := pack("v1", files)
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: two archives differ: %v", name, err)
		}
		got := map[string]string{}
		if name == "zip" {
			z, err := zip.NewReader(bytes.NewReader(a), int64(len(a)))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range z.File {
				r, err := f.Open()
				if err != nil {
					t.Fatal(err)
				}
				text, err := io.ReadAll(r)
				if err != nil {
					t.Fatal(err)
				}
				got[f.Name] = string(text)
			}
		} else {
			z, err := gzip.NewReader(bytes.NewReader(a))
			if err != nil {
				t.Fatal(err)
			}
			for r := tar.NewReader(z); ; {
				h, err := r.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				text, err := io.ReadAll(r)
				if err != nil {
					t.Fatal(err)
				}
				got[h.Name] = string(text)
				if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || !h.ModTime.Equal(epoch) || h.Mode != map[bool]int64{true: 0o755, false: 0o644}[h.Name == "v1/krypton"] {
					t.Errorf("%s: %+v", name, h)
				}
			}
		}
		if len(got) != 2 || got["v1/krypton"] != "binary" || got["v1/man/man1/krypton.1"] != "page" {
			t.Errorf("%s holds %v", name, got)
		}
	}
}

// TestBillOfMaterials: every module of a binary is listed with its version, the standard
// library too, and the root depends on each.
func TestBillOfMaterials(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Path: "krypton"}, Deps: []*debug.Module{
		{Path: "a.example/m", Version: "v1.0.0+incompatible", Sum: "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
		{Path: "b.example/old", Version: "v1.0.0", Replace: &debug.Module{Path: "b.example/new", Version: "v2.0.0"}},
	}}
	text, err := billOfMaterials(info, "v9")
	if err != nil {
		t.Fatal(err)
	}
	var b bill
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	if b.Format != "CycloneDX" || b.Metadata.Component.PURL != "pkg:golang/krypton@v9" || len(b.Dependencies) != 4 || len(b.Dependencies[0].On) != 3 {
		t.Errorf("%s", text)
	}
	for i, want := range []string{"pkg:golang/std@1.26.8", "pkg:golang/a.example/m@v1.0.0%2Bincompatible", "pkg:golang/b.example/new@v2.0.0"} {
		if c := b.Components[i]; c.PURL != want {
			t.Errorf("component %d is %s, want %s", i, c.PURL, want)
		}
	}
	if h := b.Components[1].Hashes; len(h) != 1 || len(h[0].Content) != 64 {
		t.Errorf("%+v", h)
	}
}

// TestStatic: the program asks the system for no library, nor for what loads some (ldd says
// "not a dynamic executable"), and has nothing in it of what binds drivers of cards.
func TestStatic(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("of Linux")
	}
	t.Chdir(filepath.Join("..", ".."))
	path, err := build(t.TempDir(), "test", runtime.GOOS, runtime.GOARCH, "krypton")
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the program has a %v segment", p.Type)
		}
	}
	if libraries, err := f.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("libraries %v, %v", libraries, err)
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil || len(info.Deps) == 0 {
		t.Fatal(err)
	}
	for _, m := range info.Deps {
		if strings.Contains(m.Path, "purego") {
			t.Errorf("the program has %s", m.Path)
		}
	}
}
