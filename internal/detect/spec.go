package detect

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Output is one output of a network.
type Output struct {
	Name  string
	Shape []int
	Data  []float32
}

// Spec describes a detector's head: the entry `detector` of a model's own file.
type Spec struct {
	// Form is the kind of head, see Forms.
	Form string `yaml:"form" json:"form"`
	// Output names the network's output that the head is in; "" is the first.
	Output string `yaml:"output,omitempty" json:"output,omitempty"`
	// Scores and Boxes name the outputs of the form ssd; of the form nms too where
	// scores are in an output of their own, as Labels (the classes) and Count (how
	// many of the rows are boxes) are.
	Scores string `yaml:"scores,omitempty" json:"scores,omitempty"`
	Boxes  string `yaml:"boxes,omitempty" json:"boxes,omitempty"`
	Labels string `yaml:"labels,omitempty" json:"labels,omitempty"`
	Count  string `yaml:"count,omitempty" json:"count,omitempty"`
	// Background is the class of the form ssd that is nothing, -1 for none.
	Background *int `yaml:"background,omitempty" json:"background,omitempty"`
	// Corners says that boxes are x0, y0, x1, y1 and not centre, width and
	// height (ssd, yolov5, yolov8, detr).
	Corners bool `yaml:"corners,omitempty" json:"corners,omitempty"`
	// Relative says that coordinates are shares of the input's width and
	// height and not its pixels (ssd, yolov5, yolov8, detr, nms).
	Relative bool `yaml:"relative,omitempty" json:"relative,omitempty"`
	// Outputs, Strides and Anchors belong to the forms yolov2 and yolov3: one
	// output for each stride of the grid, with its anchors as width, height,
	// width, ... in pixels of the input (yolov2: of the grid's cells). The form
	// yolox has strides too, 8, 16 and 32 unless they are given.
	Outputs []string    `yaml:"outputs,omitempty,flow" json:"outputs,omitempty"`
	Strides []int       `yaml:"strides,omitempty,flow" json:"strides,omitempty"`
	Anchors [][]float32 `yaml:"anchors,omitempty,flow" json:"anchors,omitempty"`
	// Classes is the number of classes; 0 for as many as there are labels or, without
	// any, as the shape leaves.
	Classes int `yaml:"classes,omitempty" json:"classes,omitempty"`
	// Masks, Keypoints and Angle say what a box's numbers end with (yolov5, yolov8,
	// detr, nms): so many coefficients of a mask; keypoints, as how many and of how
	// many numbers each (2, or 3 with visibility); an angle in radians, by which the
	// box is turned. The first two are passed over; a turned box is read as its hull.
	Masks     int   `yaml:"masks,omitempty" json:"masks,omitempty"`
	Keypoints []int `yaml:"keypoints,omitempty,flow" json:"keypoints,omitempty"`
	Angle     bool  `yaml:"angle,omitempty" json:"angle,omitempty"`
	// Activation is what makes scores of the head's numbers: none (the default; they
	// are scores), sigmoid (ssd, yolov5, yolov8, detr, yolox), or softmax over the
	// classes (ssd, yolov8, detr).
	Activation string `yaml:"activation,omitempty" json:"activation,omitempty"`
	// Columns name the numbers of a row of the form nms, of x0, y0, x1, y1 (or x, y,
	// w, h), score, class, angle and skip; x0, y0, x1, y1, score, class unless given.
	Columns []string `yaml:"columns,omitempty,flow" json:"columns,omitempty"`
	// FirstClass is the number of the first class (nms): 1 where 0 is the background.
	FirstClass int `yaml:"first_class,omitempty" json:"first_class,omitempty"`
	// Threshold is the lowest score that makes an object unless one is asked
	// for, IoU the overlap for non-maximum suppression; 0 leaves them open.
	Threshold float32 `yaml:"threshold,omitempty" json:"threshold,omitempty"`
	IoU       float32 `yaml:"iou,omitempty" json:"iou,omitempty"`
}

// Forms lists the kinds of heads:
//
//	ssd     scores [1,N,classes] and boxes [1,N,4]
//	grid    FastestDet's: [1,5+classes,H,W]: objectness, x, y (tanh, from the
//	        cell's corner), width, height (sigmoid, of the input), classes;
//	        score = objectness^0.6 * class^0.4
//	yolov2  [1,A*(5+classes),H,W]: logits; softmax over classes
//	yolov3  [1,A*(5+classes),H,W]: logits; sigmoids
//	yolov5  [1,N,5+classes]: decoded x, y, width, height, objectness, classes
//	yolov8  [1,4+classes,N]: decoded x, y, width, height, classes
//	detr    [1,N,4+classes]: x, y, width, height, classes; no box is there twice
//	yolox   [1,N,5+classes]: as yolov5, but x and y from the cell's corner in
//	        cells, width and height as logarithms of cells
//	nms     [1,N,6] or [N,6]: boxes that are chosen already: x0, y0, x1, y1, score,
//	        class, or as columns say
var Forms = []string{"ssd", "grid", "yolov2", "yolov3", "yolov5", "yolov8", "detr", "yolox", "nms"}

// ErrHead says that a head does not fit a network's outputs.
var ErrHead = errors.New("the description of the detector does not fit the network")

// Activations lists what Spec.Activation may be.
var Activations = []string{"none", "sigmoid", "softmax"}

// What Spec.Threshold and Spec.IoU stand for where they are left open.
const (
	DefaultMinScore = 0.5
	DefaultIoU      = 0.45
)

// Thresholds are the lowest score of an object and the overlap from which on the weaker
// of two boxes of a class goes, unless others are asked for: as the description says, or
// else the usual ones, and no thinning (0) where boxes come chosen.
func (s *Spec) Thresholds() (score, iou float64) {
	score, iou = DefaultMinScore, DefaultIoU
	if s.Threshold > 0 {
		score = float64(s.Threshold)
	}
	switch {
	case s.IoU > 0:
		iou = float64(s.IoU)
	case s.Chosen():
		iou = 0
	}
	return score, iou
}

// Chosen says that the head's boxes have been thinned: none is there twice.
func (s *Spec) Chosen() bool { return s.Form == "nms" || s.Form == "detr" }

// check finds what does not need the outputs.
func (s *Spec) check() error {
	if !slices.Contains(Forms, s.Form) {
		return fmt.Errorf("%w: form is %q, want one of %s", ErrHead, s.Form, strings.Join(Forms, ", "))
	}
	if s.Form == "ssd" && (s.Scores == "" || s.Boxes == "") {
		return fmt.Errorf("%w: form ssd names its outputs as scores and boxes", ErrHead)
	}
	if s.Form == "yolov2" || s.Form == "yolov3" {
		if err := s.checkGrids(); err != nil {
			return err
		}
	}
	if err := s.checkKeys(); err != nil {
		return err
	}
	if !(s.Threshold >= 0 && s.Threshold <= 1) || !(s.IoU >= 0 && s.IoU <= 1) {
		return fmt.Errorf("%w: threshold %g and iou %g, want 0 to 1", ErrHead, s.Threshold, s.IoU)
	}
	return nil
}

// checkGrids checks strides and anchors.
func (s *Spec) checkGrids() error {
	n := len(s.Strides)
	if n == 0 || len(s.Anchors) != n || len(s.Outputs) != n && !(n == 1 && len(s.Outputs) == 0) {
		return fmt.Errorf("%w: form %s wants as many outputs, strides and lists of anchors (%d, %d, %d)", ErrHead, s.Form, len(s.Outputs), n, len(s.Anchors))
	}
	for i, a := range s.Anchors {
		if len(a) == 0 || len(a)%2 != 0 || slices.ContainsFunc(a, func(v float32) bool { return !(v > 0) }) || s.Strides[i] < 1 {
			return fmt.Errorf("%w: anchors %v at stride %d", ErrHead, a, s.Strides[i])
		}
	}
	return nil
}

// most bounds numbers of classes, and of what follows them.
const most = 1 << 20

// checkKeys checks the keys that only some forms have.
func (s *Spec) checkKeys() error {
	for _, k := range []struct {
		name  string
		given bool
		forms string
	}{
		{"scores", s.Scores != "", "ssd nms"}, {"boxes", s.Boxes != "", "ssd nms"}, {"labels", s.Labels != "", "nms"}, {"count", s.Count != "", "nms"},
		{"background", s.Background != nil, "ssd"}, {"corners", s.Corners, "ssd yolov5 yolov8 detr nms"}, {"relative", s.Relative, "ssd yolov5 yolov8 detr nms"},
		{"masks", s.Masks != 0, "yolov5 yolov8 detr nms"}, {"keypoints", s.Keypoints != nil, "yolov5 yolov8 detr nms"}, {"angle", s.Angle, "yolov5 yolov8 detr nms"},
		{"activation sigmoid", s.Activation == "sigmoid", "ssd yolov5 yolov8 detr yolox"}, {"activation softmax", s.Activation == "softmax", "ssd yolov8 detr"}, {"columns", s.Columns != nil, "nms"}, {"first_class", s.FirstClass != 0, "nms"},
	} {
		if k.given && !slices.Contains(strings.Fields(k.forms), s.Form) {
			return fmt.Errorf("%w: form %s has no %s, only %s", ErrHead, s.Form, k.name, strings.Join(strings.Fields(k.forms), ", "))
		}
	}
	switch k := s.Keypoints; {
	case s.Activation != "" && !slices.Contains(Activations, s.Activation):
		return fmt.Errorf("%w: activation is %q, want one of %s", ErrHead, s.Activation, strings.Join(Activations, ", "))
	case s.Classes < 0 || s.Classes > most || s.Masks < 0 || s.Masks > most || s.FirstClass < 0 || s.FirstClass > 1:
		return fmt.Errorf("%w: classes %d, masks %d, first_class %d", ErrHead, s.Classes, s.Masks, s.FirstClass)
	case k != nil && (len(k) != 2 || k[0] < 1 || k[0] > 1<<10 || k[1] != 2 && k[1] != 3):
		return fmt.Errorf("%w: keypoints are %v, want how many, and 2 or 3 numbers for each, such as [17, 3]", ErrHead, k)
	case s.Angle && (s.Corners || s.Columns != nil):
		return fmt.Errorf("%w: a box with an angle has centre, width and height; columns name the angle themselves", ErrHead)
	case s.Form == "yolox" && slices.ContainsFunc(s.Strides, func(n int) bool { return n < 1 }):
		return fmt.Errorf("%w: strides %v", ErrHead, s.Strides)
	}
	return s.checkColumns()
}

// columnNames are what Spec.Columns may hold.
var columnNames = []string{"x0", "y0", "x1", "y1", "x", "y", "w", "h", "score", "class", "angle", "skip"}

// checkColumns wants four numbers of a box, and nothing twice.
func (s *Spec) checkColumns() error {
	if s.Columns == nil {
		return nil
	}
	seen := map[string]bool{}
	for _, c := range s.Columns {
		if !slices.Contains(columnNames, c) || seen[c] && c != "skip" {
			return fmt.Errorf("%w: columns %v: want each once of %s", ErrHead, s.Columns, strings.Join(columnNames, ", "))
		}
		seen[c] = true
	}
	corners, centre := 0, 0
	for i := range 4 {
		if seen[columnNames[i]] {
			corners++
		}
		if seen[columnNames[4+i]] {
			centre++
		}
	}
	if !(corners == 4 && centre == 0 || corners == 0 && centre == 4) || seen["angle"] && centre == 0 {
		return fmt.Errorf("%w: columns %v: want x0, y0, x1, y1, or x, y, w, h (and perhaps angle)", ErrHead, s.Columns)
	}
	for name, output := range map[string]string{"score": s.Scores, "class": s.Labels} {
		if seen[name] && output != "" {
			return fmt.Errorf("%w: the %s is a column, and in output %q", ErrHead, name, output)
		}
	}
	return nil
}

// extras is how many of a box's numbers come after its classes.
func (s *Spec) extras() int {
	n := s.Masks
	if s.Keypoints != nil {
		n += s.Keypoints[0] * s.Keypoints[1]
	}
	if s.Angle {
		n++
	}
	return n
}

func sigmoid(v float32) float32 { return float32(1 / (1 + math.Exp(-float64(v)))) }
