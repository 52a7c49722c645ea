// Pictures draws small pictures, each different and the same every time, for
// tests of batches.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
)

func main() {
	n := flag.Int("n", 200, "how many `pictures`")
	side := flag.Int("side", 64, "`pixels` along a side")
	dir := flag.String("o", "pictures", "`folder` to write to; list.txt in it names them all")
	flag.Parse()
	if err := write(*dir, *n, *side); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

func write(dir string, n, side int) error {
	if n < 1 || side < 1 || side > 4096 {
		return fmt.Errorf("cannot draw %d pictures of %d pixels", n, side)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var list bytes.Buffer
	for i := range n {
		path := filepath.Join(dir, fmt.Sprintf("%04d.png", i))
		var b bytes.Buffer
		if err := png.Encode(&b, draw(uint64(i), side)); err != nil {
			return err
		}
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			return err
		}
		fmt.Fprintln(&list, path)
	}
	return os.WriteFile(filepath.Join(dir, "list.txt"), list.Bytes(), 0o644)
}

// draw paints blots over a gradient.
func draw(seed uint64, side int) image.Image {
	r := rand.New(rand.NewPCG(seed, 1))
	m := image.NewNRGBA(image.Rect(0, 0, side, side))
	shade := func(v int) uint8 { return uint8(v * 255 / side) }
	for y := range side {
		for x := range side {
			m.SetNRGBA(x, y, color.NRGBA{shade(x), shade(y), shade((x + y) / 2), 255})
		}
	}
	for range 3 {
		c := color.NRGBA{uint8(r.IntN(256)), uint8(r.IntN(256)), uint8(r.IntN(256)), 255}
		cx, cy, radius := r.IntN(side), r.IntN(side), 1+side/8+r.IntN(side/6+1)
		for y := range side {
			for x := range side {
				if (x-cx)*(x-cx)+(y-cy)*(y-cy) <= radius*radius {
					m.SetNRGBA(x, y, c)
				}
			}
		}
	}
	return m
}
