package detect

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

func numbers(v ...float32) []float32 { return v }

// columnsOf lays rows out as columns: the number of each box side by side.
func columnsOf(rows ...[]float32) Output {
	o := Output{Name: "o", Shape: []int{1, len(rows[0]), len(rows)}}
	for k := range rows[0] {
		for _, r := range rows {
			o.Data = append(o.Data, r[k])
		}
	}
	return o
}

func rowsOf(rows ...[]float32) Output {
	return Output{Name: "o", Shape: []int{1, len(rows), len(rows[0])}, Data: slices.Concat(rows...)}
}

func flat(o Output) Output {
	o.Shape = o.Shape[1:]
	return o
}

// Heads whose boxes are read and whose rest is passed over, and boxes that come chosen.
func TestHeadsWithMore(t *testing.T) {
	a, b := Box{40, 35, 60, 45, 0, .9}, Box{10, 20, 30, 60, 1, .7}
	masks := make([]float32, 32)
	points := make([]float32, 6)
	for i := range masks {
		masks[i] = 1.4 - float32(i)/8 // far outside of 0 to 1
	}
	for i := range points {
		points[i] = 50 + float32(i)
	}
	one := -1
	for name, c := range map[string]struct {
		spec   Spec
		outs   []Output
		labels int
		want   []Box
	}{
		"segmentation":     {Spec{Form: "yolov8", Masks: 32}, []Output{columnsOf(slices.Concat(numbers(50, 40, 20, 10, .9, .1), masks), slices.Concat(numbers(20, 40, 20, 40, 0, .7), masks))}, 2, []Box{a, b}},
		"old segmentation": {Spec{Form: "yolov5", Masks: 32}, []Output{rowsOf(slices.Concat(numbers(50, 40, 20, 10, .9, 1, .1), masks))}, 2, []Box{a}},
		"pose":             {Spec{Form: "yolov8", Keypoints: []int{2, 3}}, []Output{columnsOf(slices.Concat(numbers(50, 40, 20, 10, .9), points))}, 1, []Box{a}},
		"pose of two":      {Spec{Form: "yolov8", Keypoints: []int{3, 2}}, []Output{columnsOf(slices.Concat(numbers(50, 40, 20, 10, .9), points))}, 0, []Box{a}},
		// A box of 20 by 10, turned by a right angle, and one by 30 degrees.
		"turned":              {Spec{Form: "yolov8", Angle: true}, []Output{columnsOf(numbers(50, 40, 10, 20, .9, 0, math.Pi/2), numbers(50, 40, 20, 10, 0, .7, math.Pi/6))}, 2, []Box{a, {50 - 11.16, 40 - 9.33, 50 + 11.16, 40 + 9.33, 1, .7}}},
		"detr":                {Spec{Form: "detr", Relative: true}, []Output{rowsOf(numbers(.5, .5, .2, .125, .9, .1), numbers(.2, .5, .2, .5, .2, .7))}, 2, []Box{a, b}},
		"logits":              {Spec{Form: "detr", Activation: "sigmoid"}, []Output{rowsOf(numbers(50, 40, 20, 10, logit(.9), -9))}, 2, []Box{a}},
		"softmax":             {Spec{Form: "yolov8", Activation: "softmax"}, []Output{columnsOf(numbers(50, 40, 20, 10, 1+float32(math.Log(9)), 1))}, 2, []Box{a}},
		"ssd logits":          {Spec{Form: "ssd", Scores: "o", Boxes: "b", Activation: "sigmoid", Background: &one, Corners: true}, []Output{rowsOf(numbers(logit(.9), -9)), {"b", []int{1, 1, 4}, numbers(40, 35, 60, 45)}}, 2, []Box{a}},
		"yolox":               {Spec{Form: "yolox", Strides: []int{20, 50}}, []Output{yoloxOf(t)}, 2, []Box{{41 - 10, 20 - 5, 41 + 10, 20 + 5, 1, .81}, {50, 0, 100, 50, 0, .72}}},
		"chosen":              {Spec{Form: "nms"}, []Output{rowsOf(numbers(40, 35, 60, 45, .9, 0), numbers(10, 20, 30, 60, .7, 1), make([]float32, 6))}, 2, []Box{a, b}},
		"chosen, two axes":    {Spec{Form: "nms"}, []Output{flat(rowsOf(numbers(40, 35, 60, 45, .9, 0), numbers(10, 20, 30, 60, .7, 1)))}, 0, []Box{a, b}},
		"chosen of one class": {Spec{Form: "nms"}, []Output{rowsOf(numbers(40, 35, 60, 45, .9))}, 1, []Box{a}},
		"chosen with masks":   {Spec{Form: "nms", Masks: 32}, []Output{rowsOf(slices.Concat(numbers(40, 35, 60, 45, .9, 0), masks))}, 3, []Box{a}},
		"chosen poses":        {Spec{Form: "nms", Keypoints: []int{2, 3}}, []Output{rowsOf(slices.Concat(numbers(40, 35, 60, 45, .9, 0), points))}, 1, []Box{a}},
		"chosen and turned":   {Spec{Form: "nms", Angle: true}, []Output{rowsOf(numbers(50, 40, 10, 20, .9, 0, math.Pi/2))}, 15, []Box{a}},
		"with batch":          {Spec{Form: "nms", Columns: strings.Fields("skip x0 y0 x1 y1 class score")}, []Output{flat(rowsOf(numbers(0, 40, 35, 60, 45, 0, .9), numbers(0, 10, 20, 30, 60, 1, .7)))}, 2, []Box{a, b}},
		"Paddle":              {Spec{Form: "nms", Columns: strings.Fields("class score x0 y0 x1 y1")}, []Output{flat(rowsOf(numbers(0, .9, 40, 35, 60, 45), numbers(-1, 0, 0, 0, 0, 0)))}, 2, []Box{a}},
		"four outputs":        {Spec{Form: "nms", Boxes: "o", Scores: "s", Labels: "l", Count: "n"}, []Output{{"n", []int{1, 1}, numbers(2)}, rowsOf(numbers(40, 35, 60, 45), numbers(10, 20, 30, 60), numbers(1, 1, 50, 50)), {"s", []int{1, 3}, numbers(.9, .7, .8)}, {"l", []int{1, 3}, numbers(0, 1, 7)}}, 2, []Box{a, b}},
		"TensorFlow":          {Spec{Form: "nms", Boxes: "o", Scores: "s", Labels: "l", Relative: true, FirstClass: 1, Columns: strings.Fields("y0 x0 y1 x1")}, []Output{rowsOf(numbers(35./80, .4, 45./80, .6), numbers(20./80, .1, 60./80, .3)), {"s", []int{1, 2}, numbers(.9, .7)}, {"l", []int{1, 2}, numbers(1, 2)}}, 2, []Box{a, b}},
		"dets and labels":     {Spec{Form: "nms", Labels: "l"}, []Output{rowsOf(numbers(40, 35, 60, 45, .9), numbers(10, 20, 30, 60, .7)), {"l", []int{1, 2}, numbers(0, 1)}}, 2, []Box{a, b}},
	} {
		s, err := c.spec.Fit(c.outs, c.labels, 100, 80)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := s.Decode(c.outs, .5, 100, 80)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		t.Run(name, func(t *testing.T) { near(t, got, c.want...) })
	}
}

// yoloxOf has 5 x 4 cells of 20 pixels and 2 x 1 of 50: one box in each grid.
func yoloxOf(t *testing.T) Output {
	rows := make([][]float32, 22)
	for i := range rows {
		rows[i] = make([]float32, 7)
	}
	rows[1*5+2] = numbers(.05, 0, 0, float32(math.Log(.5)), .9, .1, .9)
	rows[20+1] = numbers(.5, .5, 0, 0, .9, .8, 0)
	return rowsOf(rows...)
}

// A head that is another than described ends with an error that holds the number, or
// both numbers, and what would fit.
func TestWrongHeads(t *testing.T) {
	segmentation := slices.Concat(numbers(50, 40, 20, 10, .9), make([]float32, 31), numbers(1.4))
	for name, c := range map[string]struct {
		spec   Spec
		outs   []Output
		labels int
		says   string
	}{
		"labels":          {Spec{Form: "yolov8"}, []Output{columnsOf(segmentation)}, 1, "33 classes, and the labels name 1; if 32 numbers follow the classes, say masks: 32"},
		"classes":         {Spec{Form: "yolov8", Classes: 1}, []Output{columnsOf(segmentation)}, 0, "33 classes, and the description says 1"},
		"masks and more":  {Spec{Form: "yolov8", Classes: 2, Masks: 32}, []Output{columnsOf(segmentation)}, 0, "1 classes, and the description says 2"},
		"few labels":      {Spec{Form: "yolov5"}, []Output{rowsOf(make([]float32, 85), make([]float32, 85))}, 79, "80 classes, and the labels name 79"},
		"ssd labels":      {Spec{Form: "ssd", Scores: "o", Boxes: "b"}, []Output{rowsOf(make([]float32, 3)), {"b", []int{1, 1, 4}, make([]float32, 4)}}, 2, "3 classes, and the labels name 2"},
		"coefficients":    {Spec{Form: "yolov8"}, []Output{columnsOf(segmentation)}, 0, "box 0 has 1.4 as the score of class 32"},
		"negative":        {Spec{Form: "yolov8"}, []Output{columnsOf(numbers(50, 40, 20, 10, .9, -.3))}, 2, "box 0 has -0.3 as the score of class 1"},
		"prototypes":      {Spec{Form: "yolov8"}, []Output{columnsOf(segmentation), {"p", []int{1, 32, 20, 20}, nil}}, 0, `masks in output "p" of shape [1 32 20 20] (masks: 32)`},
		"logits":          {Spec{Form: "detr"}, []Output{rowsOf(numbers(50, 40, 20, 10, 4.5, -3))}, 2, "activation: sigmoid"},
		"objectness":      {Spec{Form: "yolov5"}, []Output{rowsOf(numbers(50, 40, 20, 10, 3, .5))}, 1, "box 0 has 3 as its score"},
		"chosen":          {Spec{Form: "yolov5", Corners: true}, []Output{rowsOf(slices.Repeat([][]float32{{40, 35, 60, 45, .9, 1}}, 300)...)}, 0, "form: nms"},
		"chosen, columns": {Spec{Form: "yolov8"}, []Output{rowsOf(slices.Repeat([][]float32{{40, 35, 60, 45, .9, 1}}, 300)...)}, 0, "form: nms"},
		"rows":            {Spec{Form: "yolov8"}, []Output{rowsOf(slices.Repeat([][]float32{make([]float32, 85)}, 300)...)}, 80, "detector: {form: yolov5}"},
		"shares":          {Spec{Form: "detr"}, []Output{rowsOf(numbers(.5, .5, .2, .1, .9, .1))}, 2, "relative: true"},
		"pixels":          {Spec{Form: "detr", Relative: true}, []Output{rowsOf(numbers(50, 40, 20, 10, .9, .1))}, 2, "leave out relative: true"},
		"corners":         {Spec{Form: "detr", Corners: true}, []Output{rowsOf(numbers(50, 40, 20, 10, .9, .1))}, 2, "leave out corners: true"},
		"class":           {Spec{Form: "nms"}, []Output{rowsOf(numbers(40, 35, 60, 45, .9, .5))}, 2, "class 0.5, which is no whole number: say which columns hold what; or these are the scores of 2 classes, as RT-DETR has them: form: detr"},
		"class too high":  {Spec{Form: "nms"}, []Output{rowsOf(numbers(40, 35, 60, 45, .9, 2))}, 2, "class 2, and there are classes 0 to 1"},
		"class below":     {Spec{Form: "nms", FirstClass: 1}, []Output{rowsOf(numbers(40, 35, 60, 45, .9, 0))}, 2, "class 0, and there are classes 1 to 2"},
		"order":           {Spec{Form: "nms"}, []Output{rowsOf(numbers(0, .9, 40, 35, 60, 45))}, 2, "box 0 has 60 as its score"},
		"seven":           {Spec{Form: "nms"}, []Output{rowsOf(numbers(0, 40, 35, 60, 45, 0, .9))}, 2, "columns: [skip, x0, y0, x1, y1, class, score]"},
		"masks chosen":    {Spec{Form: "nms"}, []Output{rowsOf(make([]float32, 38))}, 2, "masks: 32"},
		"no class":        {Spec{Form: "nms"}, []Output{rowsOf(make([]float32, 5))}, 0, "classes: 1"},
		"too many boxes":  {Spec{Form: "nms", Scores: "s", Count: "n"}, []Output{rowsOf(make([]float32, 5)), {"s", []int{1}, numbers(1)}, {"n", []int{1}, numbers(2)}}, 0, "says that there are 2 boxes of 1"},
		"other scores":    {Spec{Form: "nms", Scores: "s"}, []Output{rowsOf(make([]float32, 5)), {"s", []int{2}, numbers(1, 1)}}, 0, "one number for each of 1 boxes"},
		"column":          {Spec{Form: "nms", Columns: []string{"left"}}, []Output{rowsOf(make([]float32, 6))}, 0, "columns [left]"},
		"mixed columns":   {Spec{Form: "nms", Columns: strings.Fields("x0 y0 w h score class")}, []Output{rowsOf(make([]float32, 6))}, 0, "want x0, y0, x1, y1, or x, y, w, h"},
		"keypoints":       {Spec{Form: "yolov8", Keypoints: []int{17}}, []Output{columnsOf(make([]float32, 56))}, 1, "keypoints are [17]"},
		"activation":      {Spec{Form: "yolov8", Activation: "tanh"}, []Output{columnsOf(make([]float32, 56))}, 1, `activation is "tanh"`},
		"key of others":   {Spec{Form: "grid", Masks: 32}, []Output{{"o", []int{1, 7, 2, 2}, nil}}, 0, "form grid has no masks"},
		"cells":           {Spec{Form: "yolox"}, []Output{rowsOf(make([]float32, 7))}, 0, "strides [8 16 32] on 100x80 pixels have 156 cells"},
	} {
		s, err := c.spec.Fit(c.outs, c.labels, 100, 80)
		if err == nil {
			_, err = s.Decode(c.outs, .5, 100, 80)
		}
		if !errors.Is(err, ErrHead) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.says)
		}
	}
}

// What rounding does to scores, and boxes that reach over the border or are nothing,
// are no errors.
func TestFaintSigns(t *testing.T) {
	s := Spec{Form: "detr", Relative: true}
	got, err := s.Decode([]Output{rowsOf(numbers(.5, .5, 1.2, 1.2, 1.004, -.004), numbers(0, 0, 0, 0, .9, .1))}, .5, 100, 80)
	if err != nil {
		t.Fatal(err)
	}
	near(t, got, Box{0, 0, 100, 80, 0, 1})
	if got[0].Score > 1 {
		t.Errorf("score %v", got[0].Score)
	}
	s = Spec{Form: "yolov8"}
	if got, err = s.Decode([]Output{columnsOf(numbers(.4, .4, .8, .8, .9), numbers(50, 40, 20, 10, .8))}, .5, 100, 80); err != nil || len(got) != 2 {
		t.Errorf("a small box in the corner beside another: %v, %v", got, err)
	}
}

// Descriptions that fit a shape.
func TestSuggest(t *testing.T) {
	for _, c := range []struct {
		shape   []int
		classes int
		want    string
	}{
		{[]int{1, 84, 8400}, 80, "detector: {form: yolov8}"},
		{[]int{1, 84, 8400}, 0, "detector: {form: yolov8, classes: 80}"},
		{[]int{1, 116, 8400}, 80, "detector: {form: yolov8, masks: 32}"},
		{[]int{1, 56, 8400}, 1, "detector: {form: yolov8, keypoints: [17, 3]}"},
		{[]int{1, 20, 8400}, 15, "detector: {form: yolov8, angle: true}"},
		{[]int{1, 25200, 85}, 80, "detector: {form: yolov5}"},
		{[]int{1, 300, 84}, 80, "detector: {form: detr}"},
		{[]int{1, 300, 6}, 80, "detector: {form: nms}"},
		{[]int{300, 6}, 0, "detector: {form: nms}"},
		{[]int{1, 1000}, 0, ""},
	} {
		if got := strings.Join(Suggest(c.shape, c.classes), "|"); got != c.want {
			t.Errorf("%v with %d classes: %q, want %q", c.shape, c.classes, got, c.want)
		}
	}
}
