package exporter

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"krypton/internal/detect"
)

// said writes settings as key=value (from).
func said(s *Settings) string {
	var l []string
	for _, v := range s.Values {
		l = append(l, v.Key+"="+v.Value+" ("+v.From+")")
	}
	return strings.Join(l, " ")
}

const letterboxed = "preset=unit (task) order=rgb (task) resize=letterbox (task) pad=114 (task)"

// TestRead: metadata as exporters write them, and what they mean.
func TestRead(t *testing.T) {
	names := "{0: 'person', 1: \"dog's\"}"
	two := []string{"person", "dog's"}
	for name, c := range map[string]struct {
		meta   map[string]string
		axes   int
		by     string
		want   string
		labels []string
		head   *detect.Hint
	}{
		"none": {nil, 2, "", "", nil, nil},
		"Ultralytics detection": {map[string]string{"description": "Ultralytics YOLOv8n model trained on coco.yaml", "author": "Ultralytics", "date": "2024-05-01T10:00:00", "version": "8.2.0", "stride": "32", "task": "detect", "batch": "1", "imgsz": "[640, 480]", "names": names, "args": "{'batch': 1, 'half': False, 'nms': False}", "channels": "3"}, 3,
			"Ultralytics", "size=640x480 (imgsz) " + letterboxed, two, &detect.Hint{Task: "detect", Classes: 2}},
		"Ultralytics, one size": {map[string]string{"task": "detect", "imgsz": "640", "names": names}, 3, "Ultralytics", "size=640x640 (imgsz) " + letterboxed, two, &detect.Hint{Task: "detect", Classes: 2}},
		"chosen":                {map[string]string{"task": "detect", "names": names, "args": "{'nms': True}"}, 3, "Ultralytics", letterboxed, two, &detect.Hint{Task: "detect", Classes: 2, Chosen: true}},
		"end to end":            {map[string]string{"task": "detect", "names": names, "end2end": "True"}, 3, "Ultralytics", letterboxed, two, &detect.Hint{Task: "detect", Classes: 2, Chosen: true}},
		"poses":                 {map[string]string{"task": "pose", "names": "{0: 'person'}", "kpt_shape": "[17, 3]"}, 3, "Ultralytics", letterboxed, []string{"person"}, &detect.Hint{Task: "pose", Classes: 1, Keypoints: []int{17, 3}}},
		"turned":                {map[string]string{"task": "obb", "names": names}, 3, "Ultralytics", letterboxed, two, &detect.Hint{Task: "obb", Classes: 2}},
		"RT-DETR":               {map[string]string{"task": "detect", "names": names, "description": "Ultralytics rtdetr-l model trained on coco.yaml"}, 3, "Ultralytics", "preset=unit (task) order=rgb (task) resize=stretch (task)", two, &detect.Hint{Task: "detect", Classes: 2, Detr: true}},
		"RT-DETR by its head":   {map[string]string{"task": "detect", "names": names, "head": "RTDETRDecoder"}, 3, "Ultralytics", "preset=unit (task) order=rgb (task) resize=stretch (task)", two, &detect.Hint{Task: "detect", Classes: 2, Detr: true}},
		"classes":               {map[string]string{"task": "classify", "names": names, "imgsz": "[224, 224]"}, 2, "Ultralytics", "size=224x224 (imgsz) preset=unit (task) order=rgb (task) resize=crop (task) crop-fraction=1 (task)", two, nil},
		"YOLOv5":                {map[string]string{"stride": "32", "names": "['person', \"dog's\"]"}, 3, "Ultralytics", strings.ReplaceAll(letterboxed, "task", "stride"), two, &detect.Hint{Task: "detect", Classes: 2, Objectness: true}},
		"YOLOv5, classes":       {map[string]string{"stride": "32", "names": names}, 2, "Ultralytics", "preset=imagenet (stride) order=rgb (stride) resize=crop (stride) crop-fraction=1 (stride)", two, nil},
		"Windows ML":            {map[string]string{"Image.BitmapPixelFormat": "Bgr8", "Image.ColorSpaceGamma": "SRGB", "Image.NominalPixelRange": "NominalRange_0_255"}, 2, "Windows ML", "preset=raw (Image.NominalPixelRange) resize=crop (Image.NominalPixelRange) crop-fraction=1 (Image.NominalPixelRange) order=bgr (Image.BitmapPixelFormat)", nil, nil},
		"Windows ML, 0 to 1":    {map[string]string{"Image.BitmapPixelFormat": "Rgb8", "Image.NominalPixelRange": "Normalized_0_1"}, 2, "Windows ML", "preset=unit (Image.NominalPixelRange) resize=crop (Image.NominalPixelRange) crop-fraction=1 (Image.NominalPixelRange) order=rgb (Image.BitmapPixelFormat)", nil, nil},
		"Windows ML, -1 to 1":   {map[string]string{"Image.BitmapPixelFormat": "Gray8", "Image.NominalPixelRange": "Normalized_1_1"}, 2, "Windows ML", "preset=symmetric (Image.NominalPixelRange) resize=crop (Image.NominalPixelRange) crop-fraction=1 (Image.NominalPixelRange) order=gray (Image.BitmapPixelFormat)", nil, nil},
		"Windows ML, 16 to 235": {map[string]string{"Image.NominalPixelRange": "NominalRange_16_235"}, 2, "Windows ML", "preset=raw (Image.NominalPixelRange) pixel-scale=0.8588235294117647 (Image.NominalPixelRange) mean=-16 (Image.NominalPixelRange) resize=crop (Image.NominalPixelRange) crop-fraction=1 (Image.NominalPixelRange) order=bgr (Image.BitmapPixelFormat)", nil, nil},
		"Custom Vision": {map[string]string{"CustomVision.Preprocess.NormalizeMean": "[0.0, 0.0, 0.0]", "CustomVision.Preprocess.NormalizeStd": "[1.0, 1.0, 1.0]", "CustomVision.Preprocess.TargetHeight": "224", "CustomVision.Preprocess.TargetWidth": "300", "Image.BitmapPixelFormat": "Rgb8", "Image.NominalPixelRange": "Normalized_0_1", "labels": "cat\ndog"}, 2,
			"Custom Vision", "preset=unit (Image.NominalPixelRange) resize=crop (Image.NominalPixelRange) crop-fraction=1 (Image.NominalPixelRange) order=rgb (Image.BitmapPixelFormat) size=224x300 (CustomVision.Preprocess.TargetHeight)", []string{"cat", "dog"}, nil},
		"Custom Vision's mean": {map[string]string{"CustomVision.Preprocess.NormalizeMean": "[127.5, 127.5, 0]", "Image.NominalPixelRange": "Normalized_0_1", "Image.BitmapPixelFormat": "Rgb8"}, 2,
			"Custom Vision", "preset=unit (Image.NominalPixelRange) resize=crop (Image.NominalPixelRange) crop-fraction=1 (Image.NominalPixelRange) order=rgb (Image.BitmapPixelFormat) mean=0.5,0.5,0 (CustomVision.Preprocess.NormalizeMean)", nil, nil},
		"mean and deviation": {map[string]string{"mean": "[0.485, 0.456, 0.406]", "std": "0.229 0.224 0.225", "classes": `["cat", "dog"]`}, 2, "", "preset=unit (mean) mean=0.485,0.456,0.406 (mean) std=0.229,0.224,0.225 (std)", []string{"cat", "dog"}, nil},
		"of pixels":          {map[string]string{"mean": "127", "std": "128", "classes": "80"}, 2, "", "preset=raw (mean) mean=127 (mean) std=128 (std)", nil, nil},
		"a word":             {map[string]string{"classes": "imagenet"}, 2, "", "", nil, nil},
		"one name":           {map[string]string{"labels": "face"}, 2, "", "", []string{"face"}, nil},
		"a mean alone":       {map[string]string{"mean": "127"}, 2, "", "", nil, nil},
		"names in a line":    {map[string]string{"labels": "cat, dog,sea lion"}, 2, "", "", []string{"cat", "dog", "sea lion"}, nil},
	} {
		s := Read(Facts{Metadata: c.meta, Outputs: []int{c.axes}})
		if s.By != c.by || said(s) != c.want || !slices.Equal(s.Labels, c.labels) || !reflect.DeepEqual(s.Head, c.head) || s.Unread != nil || s.Notes != nil {
			t.Errorf("%s: by %q: %s; labels %q, head %+v, %v %v\n\twant by %q: %s; labels %q, head %+v", name, s.By, said(s), s.Labels, s.Head, s.Unread, s.Notes, c.by, c.want, c.labels, c.head)
		}
	}
}

// TestUnread: what cannot be understood is said, and makes no setting.
func TestUnread(t *testing.T) {
	for key, c := range map[string]struct{ value, says string }{
		"task":                    {"dream", `task is "dream"`},
		"imgsz":                   {"(640, x)", `imgsz is "(640, x)"`},
		"Image.NominalPixelRange": {"Range_7", `Image.NominalPixelRange is "Range_7"`},
		"Image.BitmapPixelFormat": {"Nv12", `Image.BitmapPixelFormat is "Nv12"`},
		"Image.ColorSpaceGamma":   {"Linear", "in sRGB"},
	} {
		m := map[string]string{key: c.value}
		if !strings.HasPrefix(key, "Image.") {
			m["author"] = "Ultralytics"
			if key != "task" {
				m["task"] = "detect"
			}
		}
		s := Read(Facts{Metadata: m})
		if len(s.Notes) != 1 || !strings.Contains(s.Notes[0], c.says) || strings.Contains(said(s), c.value) {
			t.Errorf("%s: %q, settings %s", key, s.Notes, said(s))
		}
	}
	if s := Read(Facts{Metadata: map[string]string{"names": "{0: 'a', 0: 'b'}", "task": "detect"}}); s.Unread == nil || s.Labels != nil {
		t.Errorf("labels %q", s.Labels)
	}
}

// FuzzRead: whatever metadata say, they make settings of known keys, or notes.
func FuzzRead(f *testing.F) {
	f.Add("names", "{0: 'a'}", "task", "pose", "kpt_shape", "[17, 3]")
	f.Add("Image.NominalPixelRange", "Normalized_0_1", "CustomVision.Preprocess.NormalizeStd", "[1,2,3]", "imgsz", "[9]")
	f.Add("mean", "1 2 nan", "std", "1,2,inf", "labels", "a,b")
	keys := append(slices.Clone(Preprocessing), "size")
	f.Fuzz(func(t *testing.T, a, b, c, d, e, g string) {
		s := Read(Facts{Metadata: map[string]string{a: b, c: d, e: g}, Outputs: []int{3}})
		for _, v := range s.Values {
			if !slices.Contains(keys, v.Key) || v.Value == "" {
				t.Errorf("%+v", v)
			}
		}
	})
}
