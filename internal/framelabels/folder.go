package framelabels

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// folderMark begins the data.yaml of a folder that is ours.
const folderMark = "# Boxes in the YOLO format, by krypton orv."

// NewFolder makes a writer of the format yolo: a file for each frame, called after its
// picture, with a line for each object: class, centre, width and height as shares of
// the picture, and the score if the header asks for it. classes.txt and data.yaml name
// the classes. The folder must not exist yet, or be empty.
func NewFolder(dir string, h Header) (Writer, error) {
	f, err := newFiles(func(name, text string) error {
		return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)
	}, h)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(entries) > 0 {
		return nil, fmt.Errorf("%s: the folder is not empty", dir)
	}
	return f, f.write("data.yaml", folderMark+"\n") // as long as there are no classes
}

// NewFiles makes a writer of the format yolo that hands the folder's files to put.
func NewFiles(put func(name, text string) error, h Header) (Writer, error) {
	return newFiles(put, h)
}

func newFiles(put func(name, text string) error, h Header) (*folder, error) {
	if err := fits(&h); err != nil {
		return nil, err
	}
	return &folder{write: put, header: h, classes: classNames(&h)}, nil
}

// fits says why boxes of a video cannot be written as yolo, if so.
func fits(h *Header) error {
	switch {
	case !h.Detector:
		return errors.New("the format yolo is for detectors")
	case h.Width < 1 || h.Height < 1:
		return errors.New("the format yolo needs the size of the video")
	}
	return apart(h)
}

type folder struct {
	write   func(name, text string) error
	header  Header
	classes classList
}

func (f *folder) Write(r *Result) error {
	var b strings.Builder
	width, height := float64(f.header.Width), float64(f.header.Height)
	for _, o := range r.Objects {
		x0, y0, x1, y1, ok := inside(&f.header, &o)
		if !ok {
			continue
		}
		f.classes.add(&o)
		fmt.Fprintf(&b, "%d %.6f %.6f %.6f %.6f", o.Class, (x0+x1)/2/width, (y0+y1)/2/height, (x1-x0)/width, (y1-y0)/height)
		if f.header.Confidence {
			b.WriteString(" " + strconv.FormatFloat(float64(o.Score), 'g', -1, 32))
		}
		b.WriteByte('\n')
	}
	return f.write(frameFile(f.header.Picture(r.Frame)), b.String())
}

// frameFile is the name of a picture's file.
func frameFile(picture string) string {
	return strings.TrimSuffix(picture, filepath.Ext(picture)) + ".txt"
}

// apart fails if two pictures have one file, or one that of the classes: trainers
// find it by its name without the ending.
func apart(h *Header) error {
	owner := map[string]string{"classes.txt": "the list of classes"}
	for _, p := range h.Pictures {
		name := frameFile(p)
		if other, ok := owner[name]; ok {
			return fmt.Errorf("the format yolo has one %s for %s and for %s: rename a picture", name, other, p)
		}
		owner[name] = p
	}
	return nil
}

// Close writes the names of the classes.
func (f *folder) Close(bool) error {
	var list, names strings.Builder
	for i, n := range f.classes {
		list.WriteString(strings.Join(strings.Fields(n), " ") + "\n")
		quoted, err := json.Marshal(n) // which YAML reads too
		if err != nil {
			return err
		}
		fmt.Fprintf(&names, "  %d: %s\n", i, quoted)
	}
	if names.Len() == 0 {
		names.WriteString("  {}\n")
	}
	if err := f.write("classes.txt", list.String()); err != nil {
		return err
	}
	return f.write("data.yaml", folderMark+" Pictures go beside them.\ntrain: .\nval: .\nnc: "+itoa(len(f.classes))+"\nnames:\n"+names.String())
}

// IsFrameFile says whether a file is one that NewFolder's writer makes: it lies beside
// a data.yaml of ours, and is that, the list of classes or lines of numbers. Folders of
// earlier versions have no data.yaml: their files are called NNNNNN.txt, and all lines
// have a score.
func IsFrameFile(path string) bool {
	name := filepath.Base(path)
	data := filepath.Join(filepath.Dir(path), "data.yaml")
	if _, err := os.Lstat(data); errors.Is(err, os.ErrNotExist) {
		digits, ok := strings.CutSuffix(name, ".txt")
		return ok && len(digits) >= 6 && strings.Trim(digits, "0123456789") == "" && hasNumbers(path, 6)
	}
	switch {
	case !strings.HasPrefix(head(data), folderMark):
		return false
	case name == "data.yaml", name == "classes.txt":
		return true
	}
	return filepath.Ext(name) == ".txt" && hasNumbers(path, 5, 6)
}

// hasNumbers says whether a file is empty or begins with a line of so many numbers.
func hasNumbers(path string, columns ...int) bool {
	line, _, _ := strings.Cut(head(path), "\n")
	fields := strings.Fields(line)
	for _, v := range fields {
		if _, err := strconv.ParseFloat(v, 64); err != nil {
			return false
		}
	}
	return len(fields) == 0 || slices.Contains(columns, len(fields))
}

// head is how a file begins; "" if it cannot be read.
func head(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	var b [256]byte
	n, _ := f.Read(b[:])
	return string(bytes.TrimRight(b[:n], "\x00"))
}

// classList are the names of all classes, by number.
type classList []string

// classNames are those that the model has.
func classNames(h *Header) classList {
	var list classList
	for i, l := range h.Labels {
		list = append(list, name(l, i))
	}
	return list
}

// add takes an object's class, where the model names fewer.
func (c *classList) add(o *Object) {
	for len(*c) <= o.Class {
		*c = append(*c, name("", len(*c)))
	}
	if o.Label != "" {
		(*c)[o.Class] = o.Label
	}
}

// inside is the part of an object's box that lies in the picture: importers refuse
// others. ok is false if there is none.
func inside(h *Header, o *Object) (x0, y0, x1, y1 float64, ok bool) {
	in := func(v float32, most int) float64 {
		if most > 0 {
			return min(max(float64(v), 0), float64(most))
		}
		return max(float64(v), 0)
	}
	x0, y0, x1, y1 = in(o.X0, h.Width), in(o.Y0, h.Height), in(o.X1, h.Width), in(o.Y1, h.Height)
	return x0, y0, x1, y1, x1 > x0 && y1 > y0
}
