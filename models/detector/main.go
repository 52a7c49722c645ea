// Command detector writes a small detector for tests, and the settings beside it.
//
//	go run ./models/detector -o cells.onnx -side 128
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"krypton/models/scenes"
)

func main() {
	out := flag.String("o", "cells.onnx", "model file")
	side := flag.Int("side", 128, "pixels of a picture's side, a multiple of 16")
	flag.Parse()
	if *side < 16 || *side%16 != 0 {
		fail(fmt.Errorf("-side %d: want a multiple of 16", *side))
	}
	if err := os.WriteFile(*out, scenes.Detector(*side), 0o644); err != nil {
		fail(err)
	}
	if err := os.WriteFile(strings.TrimSuffix(*out, ".onnx")+".krypton.yaml", []byte(scenes.DetectorSettings), 0o644); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
