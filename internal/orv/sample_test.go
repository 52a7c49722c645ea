package orv

import "testing"

// TestSampled: the share of the frames that are drawn is about what was asked for, none and
// all at the ends, and a larger share draws those of a smaller one and more.
func TestSampled(t *testing.T) {
	const frames = 20000
	for _, share := range []float64{0, 0.05, 0.2, 0.5, 1} {
		drawn := 0.0
		for n := range frames {
			if Sampled(n, share) {
				drawn++
				if !Sampled(n, share+0.01) {
					t.Fatalf("frame %d is drawn at %g and not above", n, share)
				}
			}
		}
		if got := drawn / frames; got < share*0.9 || got > share*1.1 {
			t.Errorf("of %g drawn: %g", share, got)
		}
	}
}
