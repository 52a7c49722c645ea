package framelabels

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"krypton/internal/number"
	"krypton/internal/spreadsheet"
)

// Writer takes the frames of a video in order. Close writes what stands at the
// end; complete says whether the video was read to its end.
type Writer interface {
	Write(*Result) error
	Close(complete bool) error
}

// Formats lists the formats of New. jsonl is JSON lines: a header, then one
// object for each frame. csv has a row for each label or object of a frame. mot
// is MOTChallenge's, yolo a folder with a file for each frame, coco one JSON object,
// coco-results a JSON list. vtt and srt are subtitles; segments is a CSV table of the
// stretches with the same label.
var Formats = []string{"jsonl", "csv", "mot", "yolo", "coco", "coco-results", "vtt", "srt", "segments"}

// OfDetectors says whether a format holds boxes.
func OfDetectors(format string) bool {
	return slices.Contains([]string{"mot", "yolo", "coco", "coco-results"}, format)
}

// Ending is a format's file name ending.
func Ending(format string) string {
	switch format {
	case "mot":
		return ".mot.txt"
	case "yolo":
		return ".yolo"
	case "coco", "coco-results":
		return "." + format + ".json"
	case "segments":
		return ".segments.csv"
	}
	return "." + format
}

// New makes a writer of a format.
func New(format string, w io.Writer, h Header) (Writer, error) {
	if OfDetectors(format) && !h.Detector {
		return nil, fmt.Errorf("the format %s is for detectors", format)
	}
	switch format {
	case "jsonl":
		return newLines(w, h)
	case "csv":
		return newTable(w, h)
	case "mot":
		return &mot{w, h.Tracked}, nil
	case "yolo":
		return nil, errors.New("the format yolo is a folder of files: see NewFolder")
	case "coco":
		return newCOCO(w, h)
	case "coco-results":
		return &cocoResults{w: w, header: h}, nil
	case "vtt", "srt":
		return newSubtitles(w, format == "vtt", &h), nil
	case "segments":
		return newSegmentTable(w, &h)
	}
	return nil, fmt.Errorf("unknown format %q: want one of %s", format, strings.Join(Formats, ", "))
}

func itoa(n int) string { return strconv.Itoa(n) }

func ftoa(v float64) string { return strconv.FormatFloat(v, 'g', -1, 32) }

// cell is a score in a table, empty if it is not a number.
func cell(v number.Single) string {
	if !v.Finite() {
		return ""
	}
	return ftoa(float64(v))
}

// lines writes JSON lines, each by one call of Write, so that a reader sees a
// frame as soon as it is there.
type lines struct{ w io.Writer }

func newLines(w io.Writer, h Header) (*lines, error) {
	l := &lines{w}
	return l, l.put(h)
}

// More is a writer of jsonl that goes on with a file that has its header.
func More(w io.Writer) Writer { return &lines{w} }

func (l *lines) put(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = l.w.Write(append(b, '\n'))
	return err
}

func (l *lines) Write(r *Result) error { return l.put(r) }

func (l *lines) Close(bool) error { return nil }

// table writes a row for each label of a classifier, each object of a detector.
type table struct {
	w        *csv.Writer
	detector bool
	unit     string // of values, a last column
}

func newTable(w io.Writer, h Header) (*table, error) {
	t := &table{csv.NewWriter(w), h.Detector, spreadsheet.Harmless(h.Unit)}
	head := []string{"frame", "seconds", "rank", "class", "label", "score", "how"}
	if h.Detector {
		head = []string{"frame", "seconds", "id", "class", "label", "score", "x0", "y0", "x1", "y1", "how"}
	}
	return t, t.row(head, "unit")
}

func (t *table) row(r []string, unit string) error {
	if t.unit != "" {
		r = append(r, unit)
	}
	return t.w.Write(r)
}

func (t *table) Write(r *Result) error {
	at := []string{itoa(r.Frame), strconv.FormatFloat(r.Seconds, 'f', 3, 64)}
	for i, l := range r.Labels {
		if err := t.row(append(slices.Clone(at), itoa(i+1), itoa(l.Class), spreadsheet.Harmless(l.Label), cell(l.Score), r.How), t.unit); err != nil {
			return err
		}
	}
	for _, o := range r.Objects {
		if err := t.row(append(slices.Clone(at), itoa(o.ID), itoa(o.Class), spreadsheet.Harmless(o.Label), cell(o.Score),
			ftoa(float64(o.X0)), ftoa(float64(o.Y0)), ftoa(float64(o.X1)), ftoa(float64(o.Y1)), r.How), t.unit); err != nil {
			return err
		}
	}
	t.w.Flush()
	return t.w.Error()
}

func (t *table) Close(bool) error {
	t.w.Flush()
	return t.w.Error()
}

// mot writes MOTChallenge's rows: frame (from 1), id, left, top, width, height,
// confidence (-1 if it is no number), and -1 for the place in the world. Detections,
// which nobody follows, all have the id -1. Of tracks an object is left out that is on
// none: evaluators refuse an id that a frame has twice.
type mot struct {
	w      io.Writer
	tracks bool
}

func (m *mot) Write(r *Result) error {
	var b strings.Builder
	for _, o := range r.Objects {
		id := o.ID
		if id == 0 && m.tracks || !o.finite() {
			continue
		}
		if id == 0 {
			id = -1
		}
		fmt.Fprintf(&b, "%d,%d,%s,%s,%s,%s,%s,-1,-1,-1\n", r.Frame+1, id, ftoa(float64(o.X0)), ftoa(float64(o.Y0)), ftoa(float64(o.X1-o.X0)), ftoa(float64(o.Y1-o.Y0)), cmp.Or(cell(o.Score), "-1"))
	}
	_, err := io.WriteString(m.w, b.String())
	return err
}

func (m *mot) Close(bool) error { return nil }

// finite says whether an object lies anywhere.
func (o *Object) finite() bool {
	return number.Single(o.X0).Finite() && number.Single(o.Y0).Finite() && number.Single(o.X1).Finite() && number.Single(o.Y1).Finite()
}

// coco writes COCO's JSON of images, annotations and categories, all counted from 1:
// importers take 0 for none. Annotations are streamed; images and categories stand at
// the end.
type coco struct {
	w       io.Writer
	header  Header
	n       int // annotations
	classes classList
	frames  []json.RawMessage
}

func newCOCO(w io.Writer, h Header) (*coco, error) {
	info, err := json.Marshal(map[string]any{"description": h.Video, "version": h.Version, "model": h.Model})
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(w, "{\"info\":%s,\n\"licenses\":[],\n\"annotations\":[", info)
	return &coco{w: w, header: h, classes: classNames(&h), frames: []json.RawMessage{}}, err
}

func (c *coco) Write(r *Result) error {
	image, err := json.Marshal(map[string]any{"id": r.Frame + 1, "file_name": c.header.Picture(r.Frame), "width": c.header.Width, "height": c.header.Height, "frame": r.Frame, "seconds": r.Seconds})
	if err != nil {
		return err
	}
	c.frames = append(c.frames, image)
	for _, o := range r.Objects {
		x0, y0, x1, y1, ok := inside(&c.header, &o)
		if !ok {
			continue
		}
		c.classes.add(&o)
		bbox := []float64{x0, y0, x1 - x0, y1 - y0}
		a := map[string]any{"id": c.n + 1, "image_id": r.Frame + 1, "category_id": o.Class + 1, "bbox": bbox, "area": bbox[2] * bbox[3], "segmentation": []int{}, "score": o.Score, "iscrowd": 0}
		if o.ID != 0 {
			a["track_id"] = o.ID
		}
		b, err := json.Marshal(a)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(c.w, "%s%s", separator(c.n), b); err != nil {
			return err
		}
		c.n++
	}
	return nil
}

// separator stands before the n-th element of a list, counted from 0.
func separator(n int) string {
	if n == 0 {
		return "\n"
	}
	return ",\n"
}

func (c *coco) Close(bool) error {
	type category struct {
		ID            int    `json:"id"`
		Name          string `json:"name"`
		Supercategory string `json:"supercategory"`
	}
	list := []category{}
	for i, n := range c.classes {
		list = append(list, category{ID: i + 1, Name: n})
	}
	images, err := json.Marshal(c.frames)
	if err != nil {
		return err
	}
	categories, err := json.Marshal(list)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.w, "],\n\"images\":%s,\n\"categories\":%s}\n", images, categories)
	return err
}

// cocoResults writes what COCO's evaluation compares with a file of coco: a list of
// boxes with their scores, those without one left out.
type cocoResults struct {
	w      io.Writer
	header Header
	n      int
}

func (c *cocoResults) Write(r *Result) error {
	for _, o := range r.Objects {
		x0, y0, x1, y1, ok := inside(&c.header, &o)
		if !ok || !o.Score.Finite() {
			continue
		}
		b, err := json.Marshal(struct {
			Image    int           `json:"image_id"`
			Category int           `json:"category_id"`
			Box      [4]float64    `json:"bbox"`
			Score    number.Single `json:"score"`
		}{r.Frame + 1, o.Class + 1, [4]float64{x0, y0, x1 - x0, y1 - y0}, o.Score})
		if err != nil {
			return err
		}
		begin := separator(c.n)
		if c.n == 0 {
			begin = "[" + begin
		}
		if _, err := fmt.Fprintf(c.w, "%s%s", begin, b); err != nil {
			return err
		}
		c.n++
	}
	return nil
}

func (c *cocoResults) Close(bool) error {
	end := "\n]\n"
	if c.n == 0 {
		end = "[]\n"
	}
	_, err := io.WriteString(c.w, end)
	return err
}
