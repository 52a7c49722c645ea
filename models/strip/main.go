// Command strip renders a strip of heartbeats for the demonstration of series, as a table
// that krypton reads, and beside it where the ectopic beat lies. With -check it holds the
// intervals that a map names to that.
//
//	go run ./models/strip -o strip.csv -truth truth.json
//	go run ./models/strip -truth truth.json -check strip.intervals.json
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"krypton/models/beats"
)

// truth says where the ectopic beat lies, in seconds.
type truth struct {
	Class string  `json:"class"`
	Start float64 `json:"start,omitempty"`
	End   float64 `json:"end,omitempty"`
}

func main() {
	out := flag.String("o", "strip.csv", "the strip: a table of seconds and millivolts")
	at := flag.String("truth", "strip.truth.json", "where the ectopic beat lies")
	seed := flag.Uint64("seed", 2, "of the series of strips; training draws from 1")
	index := flag.Uint64("index", 0, "number of the strip in the series")
	check := flag.String("check", "", "compare what krypton obe --scores FILE.intervals.json wrote to this file with the truth, and render nothing")
	flag.Parse()
	var err error
	if *check != "" {
		err = compare(os.Stdout, *check, *at)
	} else {
		err = render(*out, *at, *seed, *index)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "strip:", err)
		os.Exit(1)
	}
}

// render writes a strip and its truth.
func render(out, at string, seed, index uint64) error {
	s := beats.Generate(seed, index)
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	if err := errors.Join(s.WriteCSV(f), f.Close()); err != nil {
		return err
	}
	t := truth{Class: beats.Labels[s.Class], Start: float64(s.From) / beats.Rate, End: float64(s.To) / beats.Rate}
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return os.WriteFile(at, append(text, '\n'), 0o644)
}

// compare fails unless the interval that matters most overlaps the ectopic beat.
func compare(w io.Writer, intervals, at string) error {
	var of truth
	var found struct {
		Intervals []struct {
			Class      string
			Start, End float64
		}
	}
	for name, v := range map[string]any{at: &of, intervals: &found} {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, v); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if len(found.Intervals) == 0 {
		return fmt.Errorf("%s: no intervals", intervals)
	}
	top := found.Intervals[0]
	if top.Class != of.Class || of.End <= of.Start || top.End <= of.Start || top.Start >= of.End {
		return fmt.Errorf("what matters most to class %s lies from %.2f to %.2f s; the %s beat was rendered from %.2f to %.2f s", top.Class, top.Start, top.End, of.Class, of.Start, of.End)
	}
	_, err := fmt.Fprintf(w, "what matters most to class %s lies from %.2f to %.2f s: the ectopic beat was rendered from %.2f to %.2f s\n", top.Class, top.Start, top.End, of.Start, of.End)
	return err
}
