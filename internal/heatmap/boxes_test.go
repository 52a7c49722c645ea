package heatmap

import (
	"image"
	"image/color"
	"testing"
)

// TestBoxes: outlines lie where boxes do, main ones above, and boxes that reach over the
// border or have no extent do no harm.
func TestBoxes(t *testing.T) {
	panel := image.NewNRGBA(image.Rect(0, 0, 400, 200))
	picture := image.Rect(0, 0, 800, 400) // twice the panel
	err := frame(panel, picture, []Box{{X0: 100, Y0: 80, X1: 300, Y1: 240, Main: true}, {X0: 200, Y0: 160, X1: 700, Y1: 360}, {X0: -50, Y0: -9, X1: 2000, Y1: 1000}, {X0: 40, Y0: 40, X1: 40, Y1: 40}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		x, y int
		want color.NRGBA
	}{
		{50, 60, paper}, {51, 60, paper}, {49, 60, ink}, {52, 60, ink}, {53, 60, color.NRGBA{}}, // the main one's left side
		{100, 40, paper}, {100, 41, paper}, {100, 39, ink}, // its upper side
		{149, 100, paper}, {150, 100, ink}, {148, 119, paper}, // its right side and lower corner
		{349, 130, paper}, {350, 130, ink}, {348, 130, ink}, {347, 130, color.NRGBA{}}, // the other's right side
		{80, 80, color.NRGBA{}}, // inside of the main one
		{120, 118, paper},       // the main one is above the other
	} {
		if got := panel.NRGBAAt(c.x, c.y); got != c.want {
			t.Errorf("pixel %d,%d is %v, want %v", c.x, c.y, got, c.want)
		}
	}
	small := image.NewNRGBA(image.Rect(0, 0, 400, 200))
	if err := frame(small, picture, []Box{{X0: 100, Y0: 80, X1: 106, Y1: 86, Text: "1 a name that is by far too long for a picture of this width, so that it is cut"}}); err != nil {
		t.Fatal(err)
	}
	if got := small.NRGBAAt(50, 40); got != paper {
		t.Errorf("a small box is %v", got)
	}
	if got := small.NRGBAAt(8, 25); got != ink {
		t.Errorf("the text's ground is %v", got)
	}
}
