package main

import (
	"bytes"
	"image"
	"os"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"krypton/models/scenes"
)

// clip FRAMES FILE renders a film of moving objects, 16 frames each.
func clip(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	b, err := film(n)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b, 0o600))
}

// film renders moving objects, 16 frames each, as Y4M.
func film(frames int) ([]byte, error) {
	var b bytes.Buffer
	err := scenes.NewClip(1, 128, 128, 128, 16).WriteY4M(&b, frames, 25, func(int, scenes.Class, image.Rectangle) error { return nil })
	return b.Bytes(), err
}

// renderFilm writes a film to a file.
func renderFilm(t testing.TB, path string, frames int) {
	t.Helper()
	b, err := film(frames)
	if err != nil {
		t.Fatal(err)
	}
	holding(b)(t, path)
}

// head SHARE FROM TO copies the first part of a file: SHARE is in percent.
func head(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	text := ts.ReadFile(args[1])
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(text[:len(text)*n/100]), 0o600))
}
