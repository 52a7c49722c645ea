// Command draw draws pictures for the built-in model: scenes of one object each, as it
// was trained on, but of other seeds and larger.
//
//	go run ./models/draw FOLDER
package main

import (
	"flag"
	"fmt"
	"image/png"
	"os"
	"path/filepath"

	"krypton/models/scenes"
)

func main() {
	n := flag.Int("n", 12, "number of pictures")
	side := flag.Int("side", 384, "width and height")
	seed := flag.Uint64("seed", 7, "of everything random")
	flag.Parse()
	if flag.NArg() != 1 || *n < 1 || *side < 16 {
		fmt.Fprintln(os.Stderr, "draw: want a folder, a number of pictures from 1 on and a side from 16 on")
		os.Exit(1)
	}
	if err := draw(flag.Arg(0), *n, *side, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "draw:", err)
		os.Exit(1)
	}
}

// draw writes pictures that are called after what is on them.
func draw(folder string, n, side int, seed uint64) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for i := range n {
		s := scenes.Generate(seed, uint64(i), side, side, float64(side))
		f, err := os.Create(filepath.Join(folder, fmt.Sprintf("%02d-%s.png", i+1, scenes.Labels[s.Class])))
		if err != nil {
			return err
		}
		if err := png.Encode(f, s.Image); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}
