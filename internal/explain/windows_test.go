package explain

import (
	"math/rand/v2"
	"testing"

	"krypton/internal/recording"
)

// TestWindows: windows of random recordings lie every so far, each is whole, and the last one
// ends where the recording does.
func TestWindows(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	rates := []float64{0, 100, 250, 360, 22050, 1000. / 3}
	for range 2000 {
		own := rates[rng.IntN(len(rates))]
		w := &windowing{n: 1 + rng.IntN(500), network: own, rates: []float64{own}, ends: []int{1 + rng.IntN(5000)}}
		if own > 0 && rng.IntN(2) == 0 {
			w.network = rates[1+rng.IntN(len(rates)-1)]
		}
		if own > 0 && rng.IntN(3) == 0 { // another channel, of as many seconds
			w.rates, w.ends = append(w.rates, own/2), append(w.ends, w.ends[0]/2)
		}
		first := recording.Moment{Value: float64(rng.IntN(20)), Samples: true}
		every := recording.Moment{Value: float64(1 + rng.IntN(700)), Samples: true}
		if own > 0 && rng.IntN(2) == 0 {
			every = recording.Moment{Value: float64(1+rng.IntN(40)) / 8}
		}
		all, err := w.starts(first, every)
		if !w.fits(w.moment(first.Value)) {
			if err == nil {
				t.Fatalf("%+v from %v: no error", w, first)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%+v from %v every %v: %v", w, first, every, err)
		}
		step := every.Value
		if !every.Samples {
			step *= own
		}
		at := func(k int) float64 {
			n, err := all[k].At(own)
			if err != nil {
				t.Fatal(err)
			}
			return float64(n)
		}
		for k := range all {
			if !w.fits(all[k]) {
				t.Fatalf("%+v: window %v is not whole", w, all[k])
			}
			if want := first.Value + float64(k)*step; k < len(all)-1 && at(k)-want > .5+1e-6 || want-at(k) > .5+1e-6 && k < len(all)-1 {
				t.Fatalf("%+v every %v: window %d begins at %g, want %g", w, every, k, at(k), want)
			}
		}
		// One that begins a sample of the slowest channel later is not whole.
		slowest := own
		for _, r := range w.rates {
			slowest = min(slowest, r)
		}
		later := at(len(all)-1) + 1
		if own > 0 {
			later = at(len(all)-1) + 1.01*own/slowest
		}
		if w.fits(w.moment(later)) {
			t.Fatalf("%+v every %v: the last window begins at %g, and one at %g is whole", w, every, at(len(all)-1), later)
		}
	}
}
