package annotate

import (
	"bytes"
	"image"
	"image/color"
	"math"
	"testing"
)

// grey is a frame of one grey.
func grey(w, h int) *Frame {
	return &Frame{Pix: bytes.Repeat([]byte{100}, 3*w*h), W: w, H: h}
}

var back = color.RGBA{100, 100, 100, 255}

// changed is the smallest rectangle with all pixels that are not grey.
func changed(f *Frame) image.Rectangle {
	var r image.Rectangle
	for y := range f.H {
		for x := range f.W {
			if f.At(x, y) != back {
				r = r.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return r
}

func painter(t *testing.T, height int) *Painter {
	t.Helper()
	q, err := NewPainter(height)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// TestFrame: a pixel comes back as it was set, and outside of the frame there is none.
func TestFrame(t *testing.T) {
	f := grey(3, 2)
	f.Set(2, 1, color.RGBA{1, 2, 3, 255})
	if f.At(2, 1) != (color.RGBA{1, 2, 3, 255}) || !bytes.Equal(f.Pix[15:], []byte{1, 2, 3}) || changed(f) != image.Rect(2, 1, 3, 2) {
		t.Error(f.Pix)
	}
	before := bytes.Clone(f.Pix)
	for _, p := range []image.Point{{-1, 0}, {0, -1}, {3, 0}, {0, 2}} {
		f.Set(p.X, p.Y, color.White)
		if f.At(p.X, p.Y) != (color.RGBA{}) || !bytes.Equal(f.Pix, before) {
			t.Errorf("%v lies outside", p)
		}
	}
}

// TestBoxes: a box is a frame of lines just inside of its rectangle, in its key's colour,
// of a thickness that follows the height; what lies outside of the picture is cut.
func TestBoxes(t *testing.T) {
	for _, c := range []struct {
		height, line int
		box, drawn   image.Rectangle
	}{
		{120, 1, image.Rect(10, 20, 50, 60), image.Rect(10, 20, 50, 60)},
		{720, 3, image.Rect(10, 20, 50, 60), image.Rect(10, 20, 50, 60)},
		{120, 1, image.Rect(-30, -30, 50, 60), image.Rect(0, 0, 50, 60)},
		{120, 1, image.Rect(90, 100, 500, 600), image.Rect(90, 100, 100, 120)},
		{120, 1, image.Rect(200, 20, 300, 60), image.Rectangle{}},
		{120, 1, image.Rect(math.MinInt32, math.MinInt32, math.MaxInt32, math.MaxInt32), image.Rectangle{}},
	} {
		f := grey(100, c.height)
		painter(t, c.height).Boxes(f, []Box{{Rect: c.box, Key: 5}})
		if got := changed(f); got != c.drawn {
			t.Errorf("%v: %v is drawn, want %v", c.box, got, c.drawn)
		}
		for y := range f.H {
			for x := range f.W {
				p := image.Pt(x, y)
				want := back
				if p.In(c.box) && !p.In(c.box.Inset(c.line)) {
					want = Color(5)
				}
				if f.At(x, y) != want {
					t.Fatalf("%v: %v is %v, want %v", c.box, p, f.At(x, y), want)
				}
			}
		}
	}
}

// TestColors: equal keys have equal colours, neighbours differ clearly, and all are
// bright.
func TestColors(t *testing.T) {
	for k := range 1000 {
		a, b := Color(k), Color(k+1)
		d := math.Abs(float64(a.R)-float64(b.R)) + math.Abs(float64(a.G)-float64(b.G)) + math.Abs(float64(a.B)-float64(b.B))
		if a != Color(k) || d < 100 || max(a.R, a.G, a.B) != 255 || a.A != 255 {
			t.Errorf("%d: %v, then %v", k, a, b)
		}
	}
}

// TestText: a box's name stands above it on a bar of its colour, and lines in the upper
// left corner; both are moved into the frame, whatever they hold, and longer ones are
// wider.
func TestText(t *testing.T) {
	q := painter(t, 240)
	bar := q.size * 5 / 4
	box := image.Rect(60, 100, 160, 180)
	label := func(rect image.Rectangle, text string) *Frame {
		f := grey(320, 240)
		q.Boxes(f, []Box{{rect, text, 3}})
		return f
	}
	f := label(box, "dog 7")
	if got := changed(f); got != image.Rect(60, 100-bar, 160, 180) {
		t.Errorf("%v is drawn", got)
	}
	if got := f.At(61, 100-bar+1); got != Color(3) {
		t.Errorf("the bar is %v, want the box's %v", got, Color(3))
	}
	ink := 0
	for y := 100 - bar; y < 100; y++ {
		for x := 60; x < 160; x++ {
			if c := f.At(x, y); c != Color(3) && c != back {
				ink++
			}
		}
	}
	if ink < 20 {
		t.Errorf("%d pixels of ink", ink)
	}
	if short, long := changed(label(image.Rect(0, 100, 1, 101), "a")), changed(label(image.Rect(0, 100, 1, 101), "a longer name")); long.Dx() < 3*short.Dx() {
		t.Errorf("%v, and of a longer name %v", short, long)
	}
	for _, rect := range []image.Rectangle{image.Rect(-50, -50, 20, 20), image.Rect(310, 0, 330, 20), image.Rect(0, 500, 9, 509), image.Rect(-1<<30, -1<<30, 1<<30, 1<<30)} {
		if got := changed(label(rect, "dog")); got.Dy() < bar || got.Dx() < bar {
			t.Errorf("%v: of the name %v is drawn", rect, got)
		}
	}
	for _, text := range []string{"\x00\n\t", "日本語", "\xff\xfe", string(bytes.Repeat([]byte("w"), 5000))} {
		label(box, text)
	}
	f = grey(320, 240)
	q.Lines(f, []string{"ring 0.98", "key 0.01"})
	if got := changed(f); got.Min != (image.Point{}) || got.Max.Y < 2*bar || got.Max.Y > 2*bar+q.size/4 || got.Max.X > 200 {
		t.Errorf("two lines take %v", got)
	}
	f = grey(2, 2) // smaller than any text
	q.Lines(f, []string{"ring 0.98"})
	q.Boxes(f, []Box{{image.Rect(0, 0, 2, 2), "x", 1}})
}

// TestRegions: pixels that changed are tinted, no others.
func TestRegions(t *testing.T) {
	f := grey(20, 10)
	part := image.Rect(3, 4, 9, 8)
	painter(t, 10).Regions(f, func(x, y int) bool { return image.Pt(x, y).In(part) })
	if got := changed(f); got != part {
		t.Errorf("%v is tinted, want %v", got, part)
	}
	for y := part.Min.Y; y < part.Max.Y; y++ {
		for x := part.Min.X; x < part.Max.X; x++ {
			if c := f.At(x, y).(color.RGBA); c != (color.RGBA{177, 62, 130, 255}) {
				t.Fatalf("%d, %d is %v", x, y, c)
			}
		}
	}
}
