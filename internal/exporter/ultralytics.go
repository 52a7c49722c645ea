package exporter

import (
	"fmt"
	"strings"

	"krypton/internal/detect"
	"krypton/internal/pyliteral"
)

// isUltralytics says whether metadata are such as Ultralytics' exporters leave: the
// package says its task; YOLOv5's own exporter, which others took over (v7, v9), leaves
// but stride and names.
func isUltralytics(m map[string]string) bool {
	return m["names"] != "" && (m["task"] != "" || m["stride"] != "") || strings.EqualFold(m["author"], "Ultralytics")
}

// tasks are those that Ultralytics knows, with whether boxes come of them.
var tasks = map[string]bool{"detect": true, "segment": true, "pose": true, "obb": true, "classify": false}

// ultralytics reads what Ultralytics' exporters leave (engine/exporter.py, metadata), as
// its predictors prepare pictures: pixels of 0 to 1, red, green and blue; for boxes
// letterboxed in the middle of a gray of 114 (data/augment.py, LetterBox), but stretched
// for RT-DETR (models/rtdetr/predict.py, pre_transform); for classes the short side
// scaled to the input's, then the middle (data/augment.py, classify_transforms).
func (s *Settings) ultralytics(f Facts) {
	m := f.Metadata
	s.By = "Ultralytics"
	task, from := m["task"], "task"
	plain := task == ""
	if plain {
		task, from = "detect", "stride"
		if len(f.Outputs) > 0 && f.Outputs[0] == 2 { // a row of classes
			task = "classify"
		}
	}
	boxes, known := tasks[task]
	if !known {
		s.note("metadata task is %q, which is not known", task)
		return
	}
	s.size(m["imgsz"])
	if !boxes {
		s.classify(plain, from)
		return
	}
	h := &detect.Hint{Task: task, Classes: len(s.Labels), Objectness: plain, Detr: isDetr(m), Chosen: m["end2end"] == "True", Keypoints: shape(m["kpt_shape"])}
	if args, ok := literal(m["args"]).(pyliteral.Dict); ok {
		if nms, _ := args.Get("nms"); nms == any(true) {
			h.Chosen = true
		}
	}
	s.Head = h
	s.set("preset", "unit", from)
	s.set("order", "rgb", from)
	if h.Detr {
		s.set("resize", "stretch", from)
		return
	}
	s.set("resize", "letterbox", from)
	s.set("pad", "114", from)
}

// classify says how classifiers' pictures are prepared. YOLOv5's own subtract
// ImageNet's mean (utils/augmentations.py, classify_transforms).
func (s *Settings) classify(plain bool, from string) {
	preset := "unit"
	if plain {
		preset = "imagenet"
	}
	s.set("preset", preset, from)
	s.set("order", "rgb", from)
	s.set("resize", "crop", from)
	s.set("crop-fraction", "1", from)
}

// isDetr says whether the head is RT-DETR's: newer files name it, in older ones the
// description has the name of the model.
func isDetr(m map[string]string) bool {
	if head := m["head"]; head != "" {
		return head == "RTDETRDecoder"
	}
	return strings.Contains(strings.ToLower(m["description"]), "rtdetr") || strings.Contains(strings.ToLower(m["description"]), "rt-detr")
}

// size reads the input's size: one number, or height and width.
func (s *Settings) size(text string) {
	switch v := literal(text).(type) {
	case int64:
		if v > 0 && v < 1<<16 {
			s.set("size", fmt.Sprintf("%dx%d", v, v), "imgsz")
			return
		}
	case []any:
		if hw := shape(text); len(hw) == 2 {
			s.set("size", fmt.Sprintf("%dx%d", hw[0], hw[1]), "imgsz")
			return
		}
	}
	if text != "" {
		s.note("metadata imgsz is %q, which is no size", text)
	}
}

// shape reads a list of small numbers, nil if it is none.
func shape(text string) []int {
	l, ok := literal(text).([]any)
	if !ok {
		return nil
	}
	out := make([]int, len(l))
	for i, v := range l {
		n, ok := v.(int64)
		if !ok || n < 1 || n >= 1<<16 {
			return nil
		}
		out[i] = int(n)
	}
	return out
}
