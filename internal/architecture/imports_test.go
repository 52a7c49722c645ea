// Package architecture holds the test that keeps imports pointing one way, as
// docs/architecture.md says.
package architecture

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// allowed lists, for each package, the packages of ours that it may import.
// Tests may import more.
var allowed = map[string]string{
	"internal/failure":      "",
	"internal/region":       "",
	"internal/regular":      "",
	"internal/tiffin":       "",
	"internal/number":       "",
	"internal/lock":         "internal/regular",
	"internal/tensor":       "",
	"internal/op":           "internal/region internal/tensor",
	"internal/graph":        "internal/op internal/tensor",
	"internal/onnxload":     "internal/graph internal/op internal/regular internal/tensor",
	"internal/softmax":      "internal/engine/asm",
	"internal/engine":       "internal/engine/asm internal/region internal/softmax",
	"internal/engine/asm":   "",
	"internal/incremental":  "internal/engine internal/engine/asm internal/graph internal/op internal/region internal/softmax internal/tensor",
	"internal/obe":          "internal/engine internal/incremental internal/number internal/prediction internal/region internal/softmax",
	"internal/imagein":      "internal/region internal/regular internal/tiffin",
	"internal/orv":          "internal/detect internal/engine/asm internal/imagein internal/incremental internal/prediction internal/region internal/tensor internal/video",
	"internal/detect":       "",
	"internal/track":        "internal/detect",
	"internal/framelabels":  "internal/number internal/spreadsheet",
	"internal/spreadsheet":  "",
	"internal/prediction":   "internal/graph internal/incremental internal/softmax internal/tensor",
	"internal/quality":      "",
	"internal/tune":         "internal/graph internal/incremental internal/obe internal/op internal/quality",
	"internal/faithful":     "internal/incremental internal/prediction internal/region",
	"internal/heatmap":      "internal/number internal/spreadsheet",
	"internal/annotate":     "",
	"internal/atomicfile":   "internal/lock internal/regular",
	"internal/batch":        "internal/atomicfile internal/lock internal/regular",
	"internal/limits":       "",
	"internal/ui":           "",
	"internal/video":        "internal/atomicfile internal/engine/asm internal/imagein internal/regular",
	"internal/onnxwrite":    "",
	"internal/labels":       "internal/pyliteral internal/regular",
	"internal/pyliteral":    "",
	"internal/exporter":     "internal/detect internal/labels internal/pyliteral",
	"internal/catalogue":    "internal/atomicfile internal/lock",
	"internal/architecture": "",
	"models":                "",
	"deploy":                "",
}

// free are packages that may import anything of ours: programs.
var free = []string{"cmd/", "models/", "scripts/"}

func TestImportsPointOneWay(t *testing.T) {
	imports := importsOfPackages(t, "../..")
	for pkg, all := range imports {
		may, known := allowed[pkg]
		if !known {
			ok := false
			for _, prefix := range free {
				ok = ok || strings.HasPrefix(pkg, prefix)
			}
			if !ok {
				t.Errorf("package %s is not in the table: add it here and to docs/architecture.md", pkg)
			}
			continue
		}
		for _, imp := range all {
			ours, found := strings.CutPrefix(imp, "krypton/")
			if found && !strings.Contains(" "+may+" ", " "+ours+" ") {
				t.Errorf("%s imports %s: it may import only [%s]", pkg, ours, may)
			}
		}
	}
	for pkg := range allowed {
		if imports[pkg] == nil {
			t.Errorf("the table lists %s, which is not a package", pkg)
		}
	}
}

// TestDocumentedTable: the table of docs/architecture.md names every package, and lets
// the packages of a row import what they may together, but one another.
func TestDocumentedTable(t *testing.T) {
	data, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	name := regexp.MustCompile("`([a-z/]+)`")
	for _, row := range regexp.MustCompile(`(?m)^\| (`+"`[^|]*"+`) \|[^|]*\| (.*) \|$`).FindAllStringSubmatch(string(data), -1) {
		var group, want []string
		for _, n := range name.FindAllStringSubmatch(row[1], -1) {
			group = append(group, n[1])
		}
		if group[0] == "cmd/krypton" {
			continue
		}
		for _, pkg := range group {
			if _, known := allowed["internal/"+pkg]; known {
				pkg = "internal/" + pkg
			}
			if _, known := allowed[pkg]; !known || seen[pkg] {
				t.Errorf("%s stands in the documented table twice, or is no package", pkg)
			}
			seen[pkg] = true
			for _, may := range strings.Fields(allowed[pkg]) {
				if may = strings.TrimPrefix(may, "internal/"); !slices.Contains(group, may) && !slices.Contains(want, may) {
					want = append(want, may)
				}
			}
		}
		var got []string
		if !strings.HasPrefix(row[2], "nothing") {
			got = strings.Split(row[2], ", ")
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%v: the documented table lets them import %v, the test %v", group, got, want)
		}
	}
	for pkg := range allowed {
		if !seen[pkg] {
			t.Errorf("the documented table lacks %s", pkg)
		}
	}
}

// importsOfPackages reads what every package below root imports, for any system
// and without its tests. It reads the files itself, as the test's cached result
// stands for what the test read, not for what a "go list" would have read.
func importsOfPackages(t *testing.T, root string) map[string][]string {
	t.Helper()
	imports := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && path != root && (name[0] == '.' || name[0] == '_' || name == "testdata" || name == "node_modules"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(dir)
		if imports[pkg] == nil {
			imports[pkg] = []string{} // a package it is, if only of tests
		}
		if strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if !slices.Contains(imports[pkg], imp) {
				imports[pkg] = append(imports[pkg], imp)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return imports
}
