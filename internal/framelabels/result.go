// Package framelabels writes what was recognized in a video: frames with labels
// and objects, in the formats that people read and programs expect.
package framelabels

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"

	"krypton/internal/number"
	"krypton/internal/region"
)

// Header is what is the same for all frames.
type Header struct {
	Version     string `json:"krypton_version"`
	Model       string `json:"model"`
	ModelSHA256 string `json:"model_sha256"`
	Video       string `json:"video"`
	// Width and Height are those of the video's frames as they are decoded, turned
	// upright, but not stretched by the shape of their pixels: places are told in these
	// pixels, as Coordinates says.
	Width       int    `json:"width"`
	Height      int    `json:"height"`
	PixelShape  string `json:"sample_aspect_ratio"` // width to height of a pixel, "1:1" if unknown
	Coordinates string `json:"coordinates"`
	// Stored says how the frames lie in the file, nil if upright.
	Stored     any            `json:"stored,omitempty"`
	FieldOrder string         `json:"field_order,omitempty"`    // of an interlaced video
	Transfer   string         `json:"color_transfer,omitempty"` // of one of high dynamic range
	FPS        float64        `json:"fps"`                      // nominal, 0 if unknown
	Detector   bool           `json:"detector"`
	Settings   map[string]any `json:"settings"`
	// Fingerprint is of all that decides what is written: another run with the
	// same one gives the same bytes.
	Fingerprint string `json:"fingerprint"`
	// Unit is that of scores which are values and no class's.
	Unit string `json:"-"`
	// Labels are the names of the classes, if there are any.
	Labels []string `json:"-"`
	// Pictures are the names of the files that the frames are, if they are files.
	Pictures []string `json:"-"`
	// Confidence asks the format yolo for a sixth column.
	Confidence bool `json:"-"`
	// Tracked says that objects are followed: the format mot then holds tracks.
	Tracked bool `json:"-"`
}

// Coordinates is what Header.Coordinates says.
const Coordinates = "pixels of the upright frame, not stretched by sample_aspect_ratio; 0, 0 is its upper left corner"

// Picture is the name of a frame's picture: its file's, or NAME_NNNNNN.jpg with the
// frame's number from 0, as ffmpeg calls what it takes out of a video by
// -start_number 0 -fps_mode passthrough NAME_%06d.jpg.
func (h *Header) Picture(frame int) string {
	if frame < len(h.Pictures) {
		return h.Pictures[frame]
	}
	base := filepath.Base(h.Video)
	if h.Video == "-" {
		base = "stdin"
	}
	return fmt.Sprintf("%s_%06d.jpg", strings.TrimSuffix(base, filepath.Ext(base)), frame)
}

// Label is a class with its score.
type Label struct {
	Class int           `json:"class"`
	Label string        `json:"label,omitempty"`
	Score number.Single `json:"score"`
}

// Object is something found at a place, whose corners are in pixels of the
// video. ID is 0 if it is not followed.
type Object struct {
	ID    int           `json:"id,omitempty"`
	Class int           `json:"class"`
	Label string        `json:"label,omitempty"`
	Score number.Single `json:"score"`
	X0    float32       `json:"x0"`
	Y0    float32       `json:"y0"`
	X1    float32       `json:"x1"`
	Y1    float32       `json:"y1"`
}

// Verified is how an answer compares with a whole run's.
type Verified struct {
	Agrees  bool          `json:"agrees"`
	Largest number.Double `json:"largest_difference"`
	// Shift is the largest error of any box's score, faint ones included, as it would
	// be at the lowest score that counts. Detectors only.
	Shift number.Double `json:"shift,omitempty"`
	F1    float64       `json:"f1,omitempty"`
}

// Result is one frame.
type Result struct {
	Frame   int      `json:"frame"`
	Seconds float64  `json:"seconds"` // presentation time
	Labels  []Label  `json:"labels,omitempty"`
	Objects []Object `json:"objects,omitempty"`
	// Smoothed is the best label over the last frames, if that is wanted.
	Smoothed *Label `json:"smoothed,omitempty"`
	// How is skip, update or whole. Changed is the share of the picture that
	// changed, Recomputed the share of a whole run's multiply-adds that the
	// frame took, null where a whole run takes none. Listed says that it was for the likeliest classes only.
	How     string `json:"how"`
	Guarded bool   `json:"guarded,omitempty"`
	// Refreshed frames were run whole to see what the approximate answer would
	// have been worth: that is Verified. Level is how careful the approximation
	// is, 0 the boldest.
	Refreshed  bool          `json:"refreshed,omitempty"`
	Level      int           `json:"level,omitempty"`
	Changed    float64       `json:"changed"`
	Recomputed number.Double `json:"recomputed"`
	Listed     bool          `json:"listed,omitempty"`
	Exact      bool          `json:"exact"`
	Verified   *Verified     `json:"verified,omitempty"`
	// Milliseconds is the time that the frame took, if timings are wanted.
	Milliseconds float64 `json:"milliseconds,omitempty"`
	// Moved is the mask of what changed on the network's plane, nil if that is not known.
	Moved *region.Mask `json:"-"`
}

// Time is the presentation time.
func (r *Result) Time() time.Duration {
	return time.Duration(math.Round(r.Seconds * float64(time.Second)))
}

// name is a class's label, or its number.
func name(label string, class int) string {
	if label != "" {
		return label
	}
	return "class " + itoa(class)
}
