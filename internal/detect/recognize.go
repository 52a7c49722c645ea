package detect

import (
	"fmt"
	"strings"
)

// Hint is what an exporter says of a head.
type Hint struct {
	// Task is what comes beside the boxes: detect (nothing), segment, pose, obb.
	Task string
	// Classes is the number of classes.
	Classes int
	// Objectness: the exporter is YOLOv5's own, whose heads may have it.
	Objectness bool
	// Detr: the head is RT-DETR's. Chosen: boxes come chosen.
	Detr, Chosen bool
	// Keypoints is Spec.Keypoints, nil if it is not known.
	Keypoints []int
}

// Recognize describes the head of a network whose exporter left a hint: what is said
// and the shape of the first output have to fit. labels is the number of names, which
// counts unless the hint knows.
func Recognize(h Hint, outputs []Output, labels int) (*Spec, error) {
	if h.Classes == 0 {
		h.Classes = labels
	}
	if len(outputs) == 0 {
		return nil, fmt.Errorf("%w: there are no outputs", ErrHead)
	}
	o := outputs[0]
	rests := h.rests(outputs)
	for _, rest := range rests {
		for _, s := range h.forms(rest) {
			if len(o.Shape) == 3 && o.Shape[0] == 1 && h.Classes > 0 && s.fits(o.Shape, h.Classes) {
				s.Classes = h.Classes
				return &s, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: output %q has shape %v, and the file's metadata speak of the task %s with %d classes: want %s", ErrHead, o.Name, o.Shape, h.Task, h.Classes, h.wanted(rests[0]))
}

// rests gives what may follow the classes, as descriptions without a form.
func (h *Hint) rests(outputs []Output) []Spec {
	masks := 0 // as many as the second output has prototypes
	for _, p := range outputs[1:] {
		if len(p.Shape) == 4 && p.Shape[0] == 1 {
			masks = p.Shape[1]
		}
	}
	switch h.Task {
	case "segment":
		if masks == 0 {
			masks = 32
		}
		return []Spec{{Masks: masks}}
	case "obb":
		return []Spec{{Angle: true}}
	case "pose":
		if h.Keypoints != nil {
			return []Spec{{Keypoints: h.Keypoints}}
		}
		return []Spec{{Keypoints: []int{17, 3}}} // of people
	}
	if h.Objectness && masks > 0 { // YOLOv5's exporter does not tell its task
		return []Spec{{}, {Masks: masks}}
	}
	return []Spec{{}}
}

// forms gives what may be, the likeliest first.
func (h *Hint) forms(rest Spec) []Spec {
	with := func(form string) Spec {
		s := rest
		s.Form, s.Relative = form, form == "detr"
		return s
	}
	switch {
	case h.Detr:
		return []Spec{with("detr")}
	case h.Objectness:
		return []Spec{with("yolov5"), with("yolov8")}
	case h.Chosen:
		return []Spec{with("nms"), with("yolov8")}
	}
	return []Spec{with("yolov8"), with("nms"), with("detr")}
}

// fits says whether an output has the shape of this head.
func (s *Spec) fits(shape []int, classes int) bool {
	switch rest := s.extras(); s.Form {
	case "yolov8":
		return shape[1] == 4+classes+rest
	case "yolov5":
		return shape[2] == 5+classes+rest
	case "detr":
		return shape[2] == 4+classes+rest
	case "nms":
		return shape[2] == 6+rest
	}
	return false
}

// wanted says which shapes would do.
func (h *Hint) wanted(rest Spec) string {
	var l []string
	for _, s := range h.forms(rest) {
		n := h.Classes + s.extras()
		l = append(l, map[string]string{
			"yolov8": fmt.Sprintf("[1,%d,N]", 4+n), "yolov5": fmt.Sprintf("[1,N,%d]", 5+n), "detr": fmt.Sprintf("[1,N,%d]", 4+n), "nms": fmt.Sprintf("[1,N,%d]", 6+s.extras()),
		}[s.Form])
	}
	return strings.Join(l, " or ")
}
