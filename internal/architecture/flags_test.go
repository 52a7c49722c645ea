package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// flag is what a flag of the command line looks like in a text.
var flag = regexp.MustCompile(`(^|[^-\w])--[a-z]`)

// writesFlags are the files whose work is to write command lines.
var writesFlags = map[string]bool{"internal/serve/command.go": true}

// TestNoFlagsBelowTheCommand: no text of a package below the command names a flag: it
// names a failure.Setting, which each program spells as its users know it.
func TestNoFlagsBelowTheCommand(t *testing.T) {
	root := filepath.Join("..", "..")
	looked := 0
	err := filepath.WalkDir(filepath.Join(root, "internal"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (strings.HasPrefix(d.Name(), "_") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		name, _ := filepath.Rel(root, path)
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || writesFlags[filepath.ToSlash(name)] {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				looked++
				if text, err := strconv.Unquote(l.Value); err != nil || flag.MatchString(text) {
					t.Errorf("%s: %s names a flag: say failure.Setting (%v)", set.Position(l.Pos()), l.Value, err)
				}
			}
			return true
		})
		return nil
	})
	if err != nil || looked < 5000 {
		t.Fatalf("%v after %d texts", err, looked)
	}
}
