// Package architecture holds the test that keeps imports pointing one way, as the
// table of docs/architecture.md says.
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

// everywhere is the package that any other may import.
const everywhere = "failure"

// row is a row of the table: packages, each of which may import the same, or every
// package below a folder ("cmd/").
type row struct {
	packages, imports []string
	everything        bool
}

var (
	tableRow = regexp.MustCompile(`(?m)^\| (` + "`[^|]*`" + `) \|[^|]*\| ([^|]*) \|$`)
	quoted   = regexp.MustCompile("`([^`]+)`")
)

// readTable reads the rows of docs/architecture.md, and fails if their order is not
// that of imports.
func readTable(t *testing.T) (rows []row) {
	t.Helper()
	data, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	var above []string
	for _, m := range tableRow.FindAllStringSubmatch(string(data), -1) {
		var r row
		for _, name := range quoted.FindAllStringSubmatch(m[1], -1) {
			if slices.Contains(above, name[1]) || slices.Contains(r.packages, name[1]) {
				t.Errorf("%s stands in the table twice", name[1])
			}
			r.packages = append(r.packages, name[1])
		}
		switch m[2] {
		case "nothing of ours":
		case "everything":
			r.everything = true
		default:
			r.imports = strings.Split(m[2], ", ")
		}
		for _, imp := range r.imports {
			if !slices.Contains(above, imp) {
				t.Errorf("%v may import %q, which stands in no row above", r.packages, imp)
			}
		}
		above = append(above, r.packages...)
		rows = append(rows, r)
	}
	if len(rows) < 30 {
		t.Fatalf("the table has %d rows: it was not read", len(rows))
	}
	return rows
}

// rowOf returns the row of a package, by its path below the module.
func rowOf(rows []row, pkg string) *row {
	for i, r := range rows {
		for _, name := range r.packages {
			if name == strings.TrimPrefix(pkg, "internal/") || strings.HasSuffix(name, "/") && strings.HasPrefix(pkg, name) {
				return &rows[i]
			}
		}
	}
	return nil
}

// TestImportsPointOneWay: every package stands in the table of docs/architecture.md,
// imports what its row allows, and all of that; and the table names nothing else.
func TestImportsPointOneWay(t *testing.T) {
	rows := readTable(t)
	imports := importsOfPackages(t, "../..")
	for pkg, all := range imports {
		r := rowOf(rows, pkg)
		if r == nil {
			t.Errorf("package %s is not in the table of docs/architecture.md: add a row", pkg)
			continue
		}
		var ours []string
		for _, imp := range all {
			if imp, found := strings.CutPrefix(imp, "krypton/"); found {
				ours = append(ours, strings.TrimPrefix(imp, "internal/"))
			}
		}
		for _, imp := range ours {
			if !r.everything && imp != everywhere && !slices.Contains(r.imports, imp) {
				t.Errorf("%s imports %s: its row in docs/architecture.md allows only %q", pkg, imp, r.imports)
			}
		}
		for _, imp := range r.imports {
			if !slices.Contains(ours, imp) {
				t.Errorf("%s does not import %s: its row in docs/architecture.md need not allow it", pkg, imp)
			}
		}
	}
	for _, r := range rows {
		for _, name := range r.packages {
			found := strings.HasSuffix(name, "/")
			for pkg := range imports {
				found = found || strings.TrimPrefix(pkg, "internal/") == name
			}
			if !found {
				t.Errorf("the table of docs/architecture.md lists %s, which is not a package", name)
			}
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
