package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"strings"
)

// translateStubs gives the Go file beside the assembly: the stubs of the set's kernels
// with their comments, and the table of the set itself.
func translateStubs(stubs, table string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(header + "package asm\n\n")
	files := token.NewFileSet()
	text, err := os.ReadFile(stubs)
	if err != nil {
		return nil, err
	}
	f, err := parser.ParseFile(files, stubs, text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || !translated(fn.Name.Name) {
			continue
		}
		at := func(p token.Pos) int { return files.Position(p).Offset }
		stub := string(text[at(fn.Doc.Pos()):at(fn.End())])
		for _, twin := range twins(fn.Name.Name) {
			b.WriteString(renamed(strings.ReplaceAll(stub, fn.Name.Name, twin)) + "\n\n")
		}
	}
	set, err := tableOf(files, table)
	if err != nil {
		return nil, err
	}
	b.WriteString("var set" + toSet + " = " + strings.ReplaceAll(renamed(set), `"avx2"`, `"neon"`) + "\n")
	return format.Source(b.Bytes())
}

// tableOf is the value of the variable that names the kernels of the set.
func tableOf(files *token.FileSet, path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	f, err := parser.ParseFile(files, path, text, 0)
	if err != nil {
		return "", err
	}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range g.Specs {
			if v, ok := s.(*ast.ValueSpec); ok && v.Names[0].Name == "set"+fromSet && len(v.Values) == 1 {
				at := func(p token.Pos) int { return files.Position(p).Offset }
				return string(text[at(v.Values[0].Pos()):at(v.Values[0].End())]), nil
			}
		}
	}
	return "", fmt.Errorf("%s: no variable set%s", path, fromSet)
}
