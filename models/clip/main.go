// Command clip renders the demonstration video: a fixed camera looks at a
// textured background over which one object after the other moves. What is in
// each frame is known, and written beside it.
//
//	go run ./models/clip -o clip.y4m -truth clip.csv
//	go run ./models/clip -truth clip.csv -check labels.csv
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
	"io"
	"os"
	"slices"
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
	seed := flag.Uint64("seed", 1, "of everything random")
	check := flag.String("check", "", "compare the labels that krypton orv --format csv wrote to this file with the truth, and render nothing")
	flag.Parse()
	if *check != "" {
		if err := compare(os.Stdout, *check, *truth); err != nil {
			fmt.Fprintln(os.Stderr, "clip:", err)
			os.Exit(1)
		}
		return
	}
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
	if err := table.Write([]string{"frame", "label", "x0", "y0", "x1", "y1"}); err != nil {
		return err
	}
	err = scenes.NewClip(seed, side, side, float64(side), each).WriteY4M(w, frames, fps, func(i int, class scenes.Class, box image.Rectangle) error {
		return table.Write([]string{strconv.Itoa(i), class.String(), strconv.Itoa(box.Min.X), strconv.Itoa(box.Min.Y), strconv.Itoa(box.Max.X), strconv.Itoa(box.Max.Y)})
	})
	table.Flush()
	return errors.Join(err, table.Error(), w.Flush())
}

// compare says on how many frames the first label is the truth.
func compare(w io.Writer, labels, truth string) error {
	want, err := column(truth, "frame", "label", "", "")
	if err != nil {
		return err
	}
	got, err := column(labels, "frame", "label", "rank", "1")
	if err != nil {
		return err
	}
	right := 0
	for frame, label := range got {
		if want[frame] == label {
			right++
		}
	}
	if len(got) == 0 {
		return fmt.Errorf("%s: no labels", labels)
	}
	_, err = fmt.Fprintf(w, "%d of %d frames (%.1f %%) have the right label\n", right, len(got), 100*float64(right)/float64(len(got)))
	return err
}

// column reads a CSV table: the value column by the key column, of the rows in
// which the column where, if not empty, is is.
func column(file, key, value, where, is string) (map[string]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, fmt.Errorf("%s: no table: %w", file, err)
	}
	at := func(name string) int { return slices.Index(rows[0], name) }
	k, v, c := at(key), at(value), at(where)
	if k < 0 || v < 0 || where != "" && c < 0 {
		return nil, fmt.Errorf("%s: lacks a column %s, %s or %s", file, key, value, where)
	}
	out := map[string]string{}
	for _, r := range rows[1:] {
		if where == "" || r[c] == is {
			out[r[k]] = r[v]
		}
	}
	return out, nil
}
