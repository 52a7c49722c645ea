package detect

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// TestRecognize: heads as exporters make them.
func TestRecognize(t *testing.T) {
	out := func(shape ...int) []Output { return []Output{{Name: "output0", Shape: shape}} }
	masks := func(shape ...int) []Output {
		return append(out(shape...), Output{Name: "output1", Shape: []int{1, 32, 160, 160}})
	}
	coco, person := Hint{Task: "detect", Classes: 80}, Hint{Task: "pose", Classes: 1, Keypoints: []int{17, 3}}
	ships := Hint{Task: "obb", Classes: 15}
	plain := Hint{Task: "detect", Classes: 80, Objectness: true}
	for name, c := range map[string]struct {
		hint   Hint
		outs   []Output
		labels int
		want   Spec
	}{
		"v8":                   {coco, out(1, 84, 8400), 80, Spec{Form: "yolov8", Classes: 80}},
		"chosen":               {Hint{Task: "detect", Classes: 80, Chosen: true}, out(1, 300, 6), 80, Spec{Form: "nms", Classes: 80}},
		"v10":                  {coco, out(1, 300, 6), 80, Spec{Form: "nms", Classes: 80}},
		"26 without":           {Hint{Task: "detect", Classes: 80, Chosen: true}, out(1, 84, 8400), 80, Spec{Form: "yolov8", Classes: 80}},
		"two classes, chosen":  {Hint{Task: "detect", Classes: 2}, out(1, 300, 6), 2, Spec{Form: "nms", Classes: 2}},
		"two classes":          {Hint{Task: "detect", Classes: 2}, out(1, 6, 8400), 2, Spec{Form: "yolov8", Classes: 2}},
		"RT-DETR":              {Hint{Task: "detect", Classes: 2, Detr: true}, out(1, 300, 6), 2, Spec{Form: "detr", Relative: true, Classes: 2}},
		"RT-DETR, unsaid":      {coco, out(1, 300, 84), 80, Spec{Form: "detr", Relative: true, Classes: 80}},
		"segmentation":         {Hint{Task: "segment", Classes: 80}, masks(1, 116, 8400), 80, Spec{Form: "yolov8", Masks: 32, Classes: 80}},
		"segmentation, chosen": {Hint{Task: "segment", Classes: 80, Chosen: true}, masks(1, 300, 38), 80, Spec{Form: "nms", Masks: 32, Classes: 80}},
		"poses":                {person, out(1, 56, 8400), 1, Spec{Form: "yolov8", Keypoints: []int{17, 3}, Classes: 1}},
		"poses, chosen":        {person, out(1, 300, 57), 1, Spec{Form: "nms", Keypoints: []int{17, 3}, Classes: 1}},
		"turned":               {ships, out(1, 20, 21504), 15, Spec{Form: "yolov8", Angle: true, Classes: 15}},
		"turned, chosen":       {ships, out(1, 300, 7), 15, Spec{Form: "nms", Angle: true, Classes: 15}},
		"v5":                   {plain, out(1, 25200, 85), 80, Spec{Form: "yolov5", Classes: 80}},
		"v5 of one class":      {Hint{Task: "detect", Classes: 1, Objectness: true}, out(1, 252, 6), 1, Spec{Form: "yolov5", Classes: 1}},
		"v5, segmentation":     {plain, masks(1, 25200, 117), 80, Spec{Form: "yolov5", Masks: 32, Classes: 80}},
		"v9":                   {plain, out(1, 84, 8400), 80, Spec{Form: "yolov8", Classes: 80}},
		"names from a file":    {Hint{Task: "detect"}, out(1, 7, 8400), 3, Spec{Form: "yolov8", Classes: 3}},
	} {
		got, err := Recognize(c.hint, c.outs, c.labels)
		if err != nil || !reflect.DeepEqual(*got, c.want) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, c.want)
			continue
		}
		if _, err := got.Fit(c.outs, c.labels, 640, 640); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		hint Hint
		outs []Output
		says string
	}{
		"other classes": {coco, out(1, 85, 8400), "[1 85 8400], and the file's metadata speak of the task detect with 80 classes: want [1,84,N] or [1,N,6] or [1,N,84]"},
		"other axes":    {coco, out(1, 3, 80, 80, 85), "[1 3 80 80 85]"},
		"nothing":       {Hint{Task: "detect"}, out(1, 84, 8400), "0 classes"},
		"no outputs":    {coco, nil, "no outputs"},
	} {
		if got, err := Recognize(c.hint, c.outs, 0); !errors.Is(err, ErrHead) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
