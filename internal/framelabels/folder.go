package framelabels

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// NewFolder makes a writer of the format yolo: a file NNNNNN.txt for each frame,
// with a line for each object: class, centre, width and height as shares of the
// picture, score. The folder must not exist yet, or be empty.
func NewFolder(dir string, h Header) (Writer, error) {
	if !h.Detector {
		return nil, errors.New("the format yolo is for detectors")
	}
	if h.Width < 1 || h.Height < 1 {
		return nil, errors.New("the format yolo needs the size of the video")
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
	return &folder{dir, float64(h.Width), float64(h.Height)}, nil
}

type folder struct {
	dir  string
	w, h float64
}

func (f *folder) Write(r *Result) error {
	var b strings.Builder
	for _, o := range r.Objects {
		fmt.Fprintf(&b, "%d %.6f %.6f %.6f %.6f %s\n", o.Class, float64(o.X0+o.X1)/2/f.w, float64(o.Y0+o.Y1)/2/f.h, float64(o.X1-o.X0)/f.w, float64(o.Y1-o.Y0)/f.h,
			strconv.FormatFloat(float64(o.Score), 'g', -1, 32))
	}
	return os.WriteFile(filepath.Join(f.dir, fmt.Sprintf("%06d.txt", r.Frame)), []byte(b.String()), 0o644)
}

// IsFrameFile says whether a file of this name is one that NewFolder's writer makes.
func IsFrameFile(name string) bool {
	digits, ok := strings.CutSuffix(name, ".txt")
	return ok && len(digits) >= 6 && strings.Trim(digits, "0123456789") == ""
}

func (f *folder) Close(bool) error { return nil }
