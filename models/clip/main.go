// Command clip renders the demonstration video: a fixed camera looks at a
// textured background over which one object after the other moves. What is in
// each frame is known, and written beside it.
//
//	go run ./models/clip -o clip.y4m -truth clip.csv
//
// It writes YUV4MPEG2 (4:2:0, 8 bits), which ffmpeg encodes to anything and
// krypton reads by itself.
package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/color"
	"io"
	"os"
	"strconv"

	"krypton/models/scenes"
)

func main() {
	out := flag.String("o", "clip.y4m", "video")
	truth := flag.String("truth", "clip.csv", "what is in each frame: frame, label, x0, y0, x1, y1")
	frames := flag.Int("frames", 480, "number of frames")
	each := flag.Int("each", 40, "frames of one object")
	side := flag.Int("side", 256, "width and height")
	fps := flag.Int("fps", 25, "frames a second")
	seed := flag.Uint64("seed", 4, "of everything random")
	flag.Parse()
	if err := run(*out, *truth, *frames, *each, *side, *fps, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "clip:", err)
		os.Exit(1)
	}
}

func run(out, truth string, frames, each, side, fps int, seed uint64) (err error) {
	if frames < 1 || each < 1 || side < 16 || side%2 != 0 || fps < 1 {
		return errors.New("want frames, each and fps from 1 on, and an even side from 16 on")
	}
	v, err := os.Create(out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	t, err := os.Create(truth)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	w, table := bufio.NewWriter(v), csv.NewWriter(t)
	if _, err := fmt.Fprintf(w, "YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420jpeg\n", side, side, fps); err != nil {
		return err
	}
	if err := table.Write([]string{"frame", "label", "x0", "y0", "x1", "y1"}); err != nil {
		return err
	}
	clip := scenes.NewClip(seed, side, side, float64(side), each)
	for i := range frames {
		img, class, box := clip.Frame(i)
		if err := writeFrame(w, img); err != nil {
			return err
		}
		if err := table.Write([]string{strconv.Itoa(i), class.String(), strconv.Itoa(box.Min.X), strconv.Itoa(box.Min.Y), strconv.Itoa(box.Max.X), strconv.Itoa(box.Max.Y)}); err != nil {
			return err
		}
	}
	table.Flush()
	return errors.Join(table.Error(), w.Flush())
}

// writeFrame writes a picture of even size in 4:2:0: a full plane of luma, then
// means of two by two pixels of the colour differences.
func writeFrame(w io.Writer, img *image.RGBA) error {
	b := img.Bounds()
	width, height := b.Dx(), b.Dy()
	y, cb, cr := make([]byte, width*height), make([]byte, width*height/4), make([]byte, width*height/4)
	for v := 0; v < height; v += 2 {
		for u := 0; u < width; u += 2 {
			var sumB, sumR int
			for k := range 4 {
				p := img.RGBAAt(b.Min.X+u+k%2, b.Min.Y+v+k/2)
				l, pb, pr := color.RGBToYCbCr(p.R, p.G, p.B)
				y[(v+k/2)*width+u+k%2] = l
				sumB += int(pb)
				sumR += int(pr)
			}
			cb[v/2*width/2+u/2], cr[v/2*width/2+u/2] = byte((sumB+2)/4), byte((sumR+2)/4)
		}
	}
	if _, err := io.WriteString(w, "FRAME\n"); err != nil {
		return err
	}
	for _, plane := range [][]byte{y, cb, cr} {
		if _, err := w.Write(plane); err != nil {
			return err
		}
	}
	return nil
}
