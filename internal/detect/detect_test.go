package detect

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"
)

func near(t *testing.T, got []Box, want ...Box) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d boxes %v, want %v", len(got), got, want)
	}
	for i, g := range got {
		w := want[i]
		for _, d := range []float32{g.X0 - w.X0, g.Y0 - w.Y0, g.X1 - w.X1, g.Y1 - w.Y1, 100 * (g.Score - w.Score)} {
			if math.Abs(float64(d)) > .01 {
				t.Errorf("box %d is %+v, want %+v", i, g, w)
				break
			}
		}
		if g.Class != w.Class {
			t.Errorf("box %d has class %d, want %d", i, g.Class, w.Class)
		}
	}
}

func logit(p float64) float32 { return float32(math.Log(p / (1 - p))) }

// Each form on a small head worked out by hand.
func TestForms(t *testing.T) {
	none := -1
	t.Run("ssd", func(t *testing.T) {
		s := Spec{Form: "ssd", Scores: "s", Boxes: "b", Corners: true, Relative: true}
		outs := []Output{{"b", []int{1, 2, 4}, []float32{.1, .2, .5, .6, .5, .5, 1.2, 1}}, {"s", []int{1, 2, 3}, []float32{.9, .05, .6, .2, .7, .55}}}
		got, err := s.Decode(outs, .5, 320, 240)
		if err != nil {
			t.Fatal(err)
		}
		near(t, got, Box{32, 48, 160, 144, 2, .6}, Box{160, 120, 320, 240, 1, .7}, Box{160, 120, 320, 240, 2, .55})
		s.Background = &none
		if got, _ = s.Decode(outs, .5, 320, 240); len(got) != 4 {
			t.Errorf("without a background class %d boxes", len(got))
		}
	})
	t.Run("yolov5", func(t *testing.T) {
		s := Spec{Form: "yolov5"}
		got, err := s.Decode([]Output{{"o", []int{1, 2, 7}, []float32{50, 40, 20, 10, .9, .1, .8, 1, 1, 1, 1, .4, 1, 1}}}, .5, 100, 100)
		if err != nil {
			t.Fatal(err)
		}
		near(t, got, Box{40, 35, 60, 45, 1, .72})
	})
	t.Run("yolov8", func(t *testing.T) {
		s := Spec{Form: "yolov8"}
		got, err := s.Decode([]Output{{"o", []int{1, 6, 2}, []float32{50, 10, 40, 10, 20, 4, 10, 4, .1, .3, .8, .2}}}, .5, 100, 100)
		if err != nil {
			t.Fatal(err)
		}
		near(t, got, Box{40, 35, 60, 45, 1, .8})
	})
	t.Run("grid", func(t *testing.T) {
		s := Spec{Form: "grid"}
		// 1 x 2 cells, 2 classes; the second cell holds something.
		got, err := s.Decode([]Output{{"o", []int{1, 7, 1, 2}, []float32{0, .81, 0, 0, 0, 0, 0, logit(.5), 0, logit(.25), .5, .1, .5, .64}}}, .5, 200, 80)
		if err != nil {
			t.Fatal(err)
		}
		score := float32(math.Pow(.81, .6) * math.Pow(.64, .4))
		near(t, got, Box{50, 0, 150, 10, 1, score})
	})
	for _, form := range []string{"yolov2", "yolov3"} {
		t.Run(form, func(t *testing.T) {
			s := Spec{Form: form, Strides: []int{10}, Anchors: [][]float32{{4, 2, 1, 1}}}
			if form == "yolov3" {
				s.Anchors = [][]float32{{40, 20, 10, 10}}
			}
			// 2 anchors, 1 class more than one, 1 x 1 cell.
			data := []float32{logit(.5), logit(.3), 0, float32(math.Log(2)), logit(.9), 2, 1, 0, 0, 0, 0, logit(.1), 0, 0}
			got, err := s.Decode([]Output{{"o", []int{1, 14, 1, 1}, data}}, .3, 100, 100)
			if err != nil {
				t.Fatal(err)
			}
			p := 1 / (1 + math.Exp(-1)) // softmax of 2 and 1
			if form == "yolov3" {
				p = 1 / (1 + math.Exp(-2))
			}
			near(t, got, Box{0, 0, 25, 23, 0, float32(.9 * p)})
		})
	}
}

func TestNMS(t *testing.T) {
	a, b, c := Box{0, 0, 10, 10, 0, .8}, Box{1, 0, 11, 10, 0, .9}, Box{1, 0, 11, 10, 1, .7}
	near(t, NMS([]Box{a, b, c}, .5), b, c)
	near(t, NMS([]Box{a, b, c}, .9), b, a, c)
	near(t, Filter([]Box{a, b, c}, []int{1}), c)
	near(t, Clip([]Box{a, b}, .5, 2, 10.5, 8), Box{.5, 2, 10, 8, 0, .8}, Box{1, 2, 10.5, 8, 0, .9})
	near(t, Clip([]Box{a, b}, 10, 0, 20, 20), Box{10, 0, 11, 10, 0, .9})
	if got := IoU(a, b); math.Abs(float64(got)-9./11) > 1e-6 {
		t.Errorf("IoU %g", got)
	}
	// Whatever is left overlaps by no more than allowed, and all that went
	// overlaps something better.
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		var boxes []Box
		for range rng.IntN(30) {
			x, y := rng.Float32()*50, rng.Float32()*50
			boxes = append(boxes, Box{x, y, x + 1 + rng.Float32()*30, y + 1 + rng.Float32()*30, rng.IntN(2), rng.Float32()})
		}
		kept := NMS(boxes, .4)
		for i, k := range kept {
			for _, o := range kept[:i] {
				if o.Class == k.Class && IoU(o, k) > .4 {
					t.Fatalf("%v and %v are both left", o, k)
				}
			}
		}
		for _, b := range boxes {
			if !slices.Contains(kept, b) && !slices.ContainsFunc(kept, func(k Box) bool { return k.Class == b.Class && k.Score >= b.Score && IoU(k, b) > .4 }) {
				t.Fatalf("%v went without reason", b)
			}
		}
	}
}

func TestCompare(t *testing.T) {
	a, b := Box{0, 0, 10, 10, 0, .8}, Box{50, 0, 60, 10, 0, .9}
	moved := Box{2, 0, 12, 10, 0, .6}
	other := a
	other.Class = 1
	for _, c := range []struct {
		got, want []Box
		out       Comparison
	}{
		{nil, nil, Comparison{}},
		{[]Box{a, b}, []Box{b, a}, Comparison{Matched: 2}},
		{[]Box{moved}, []Box{a, b}, Comparison{Matched: 1, Missed: 1, Largest: .2}},
		{[]Box{other}, []Box{a}, Comparison{Missed: 1, Extra: 1}},
		{[]Box{a, moved}, []Box{a}, Comparison{Matched: 1, Extra: 1}},
	} {
		got := Compare(c.got, c.want, .5)
		if math.Abs(got.Largest-c.out.Largest) > 1e-6 {
			t.Errorf("%v and %v: largest difference %g", c.got, c.want, got.Largest)
		}
		got.Largest = c.out.Largest
		if got != c.out {
			t.Errorf("%v and %v: %+v, want %+v", c.got, c.want, got, c.out)
		}
	}
}

// What does not fit is an error that says so.
func TestRefusals(t *testing.T) {
	out := func(shape ...int) []Output { return []Output{{Name: "o", Shape: shape}} }
	for name, c := range map[string]struct {
		spec Spec
		outs []Output
	}{
		"form":           {Spec{Form: "magic"}, out(1, 2, 7)},
		"no names":       {Spec{Form: "ssd"}, out(1, 2, 7)},
		"unknown output": {Spec{Form: "yolov5", Output: "x"}, out(1, 2, 7)},
		"axes":           {Spec{Form: "yolov5"}, out(2, 7)},
		"batch":          {Spec{Form: "yolov5"}, out(2, 5, 7)},
		"few":            {Spec{Form: "yolov8"}, out(1, 4, 100)},
		"boxes":          {Spec{Form: "ssd", Scores: "o", Boxes: "o"}, out(1, 5, 2)},
		"anchors":        {Spec{Form: "yolov3", Strides: []int{8}, Anchors: [][]float32{{1}}}, out(1, 18, 2, 2)},
		"channels":       {Spec{Form: "yolov3", Strides: []int{8}, Anchors: [][]float32{{1, 1, 2, 2}}}, out(1, 17, 2, 2)},
		"threshold":      {Spec{Form: "yolov5", Threshold: 2}, out(1, 2, 7)},
		"no numbers":     {Spec{Form: "grid"}, []Output{{"o", []int{1, 7, 2, 2}, []float32{1}}}},
	} {
		if _, err := c.spec.Fit(c.outs, 0, 100, 80); !errors.Is(err, ErrHead) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (&Spec{Form: "yolov5"}).Fit(out(1, 100, 85), 80, 100, 80); err != nil {
		t.Error(err)
	}
}

// FuzzDecode: whatever a description and the outputs are, decoding makes boxes of
// numbers inside of the input, or an error.
func FuzzDecode(f *testing.F) {
	for _, form := range Forms {
		f.Add("form: "+form+"\nscores: a\nboxes: a\nstrides: [8]\nanchors: [[1, 2]]", 1, 6, 2, 2, []byte{0, 0, 128, 63, 0, 0, 192, 127})
	}
	f.Add("form: yolov8\nangle: true", 1, 6, 3, 1, []byte{0, 0, 0, 63, 0, 0, 32, 66})
	f.Add("form: nms\ncolumns: [x, y, w, h, score, class, angle]", 1, 2, 7, 1, []byte{0, 0, 0, 63, 0, 0, 32, 66})
	f.Add("form: yolov3\nstrides: [8, 16]\noutputs: [a, a]\nanchors: [[1, 2], [3, 4]]", 1, 6, 2, 2, []byte{1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, text string, a, b, c, d int, data []byte) {
		var s Spec
		if yaml.Unmarshal([]byte(text), &s) != nil {
			return
		}
		for _, shape := range [][]int{{a, b, c}, {a, b, c, d}} {
			size := 1
			for _, n := range shape {
				if n < 0 || n > 64 {
					return
				}
				size *= n
			}
			if size > 1<<14 {
				return
			}
			out := Output{Name: "a", Shape: shape, Data: make([]float32, size)}
			for i := range out.Data {
				if len(data) >= 4 {
					out.Data[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[i*4%(len(data)-3):]))
				}
			}
			boxes, err := s.Find([]Output{out}, .25, .5, 100, 80)
			if err != nil {
				continue
			}
			for _, b := range boxes {
				if !b.valid() || b.X0 < 0 || b.Y0 < 0 || b.X1 > 100 || b.Y1 > 80 || b.Score < .25 {
					t.Fatalf("box %+v", b)
				}
			}
		}
	})
}
