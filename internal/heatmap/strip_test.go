package heatmap

import "testing"

// TestStripHeight: what is said of a strip's rows is what they are.
func TestStripHeight(t *testing.T) {
	for _, channels := range []int{1, 2, 12, 40} {
		trace := &Trace{Channels: make([]TraceChannel, channels)}
		for i := range trace.Channels {
			trace.Channels[i].Samples = []float64{0, 1}
		}
		img, _, err := trace.Image()
		if err != nil {
			t.Fatal(err)
		}
		if got, want := StripHeight(3, channels), 3*(stripTitle+Canvas(img).Rect.Dy()); got != want {
			t.Errorf("%d channels: %d rows, want %d", channels, got, want)
		}
	}
}
