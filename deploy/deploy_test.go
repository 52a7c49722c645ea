// Package deploy holds the tests of the files here, which run Krypton on many
// machines: that they say what the program and the build mean.
package deploy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What an engine should do after an exit code: run the shard again, where it
// goes on, or give it up, for it would be the same again. 0 is neither.
var again = map[int]bool{
	1: true, 69: true, 73: true, 75: true, 130: true, 143: true,
	3: false, 64: false, 65: false, 66: false,
}

// exitCodes are the program's own, but for 0.
func exitCodes(t *testing.T) []int {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../cmd/krypton/exit.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []int
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(v.Names[0].Name, "exit") || len(v.Values) != 1 {
			return true
		}
		if l, ok := v.Values[0].(*ast.BasicLit); ok && l.Kind == token.INT {
			code, err := strconv.Atoi(l.Value)
			if err != nil {
				t.Fatal(err)
			}
			if code != 0 {
				codes = append(codes, code)
			}
		}
		return true
	})
	slices.Sort(codes)
	return codes
}

func TestExitCodesAreAllDecided(t *testing.T) {
	if got, want := exitCodes(t), slices.Sorted(maps.Keys(again)); !slices.Equal(got, want) {
		t.Errorf("the program exits with %v, but what to do is decided for %v", got, want)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
