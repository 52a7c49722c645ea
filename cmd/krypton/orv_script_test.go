package main

import (
	"bytes"
	"image"
	"os"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"krypton/models/scenes"
)

// clip FRAMES FILE renders a film of moving objects, 16 frames each.
func clip(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	var b bytes.Buffer
	ts.Check(scenes.NewClip(1, 128, 128, 128, 16).WriteY4M(&b, n, 25, func(int, scenes.Class, image.Rectangle) error { return nil }))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b.Bytes(), 0o600))
}

// head SHARE FROM TO copies the first part of a file: SHARE is in percent.
func head(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	text := ts.ReadFile(args[1])
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(text[:len(text)*n/100]), 0o600))
}
