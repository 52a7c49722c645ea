package beats

import (
	"math"
	"math/rand/v2"
)

// wave is a bell of two halves: so many millivolts high, so many seconds behind its beat,
// rising and falling within so many seconds.
type wave struct{ at, high, rise, fall float64 }

// add adds the wave of a beat to some samples.
func (w wave) add(to []float64, beat float64) {
	middle := (beat + w.at) * Rate
	from, end := int(math.Ceil(middle-4.5*w.rise*Rate)), int(middle+4.5*w.fall*Rate)
	for i := max(0, from); i <= min(end, len(to)-1); i++ {
		d := float64(i) - middle
		width := w.rise * Rate
		if d > 0 {
			width = w.fall * Rate
		}
		to[i] += w.high * math.Exp(-d*d/(2*width*width))
	}
}

// ectopicLength is how many seconds an ectopic beat takes, from the beginning of its QRS
// complex to the end of its T wave.
const ectopicLength = 0.52

// newHeart draws what the beats of a strip look like.
func newHeart(rng *rand.Rand) *heart {
	between := func(lo, hi float64) float64 { return lo + (hi-lo)*rng.Float64() }
	h := &heart{rng: rng, period: 60 / between(52, 100)}
	gain, breadth := between(0.6, 1.5), between(0.85, 1.2)
	pr, qt := between(0.13, 0.19), between(0.24, 0.29)
	two := []wave{
		{-pr, between(0.06, 0.18), 0.022, 0.026},
		{-0.026, -between(0, 0.12), 0.008, 0.008},
		{0, between(0.8, 1.3), 0.0105, 0.0105},
		{0.028, -between(0.05, 0.35), 0.009, 0.010},
		{qt, between(0.12, 0.40), 0.052, 0.034},
	}
	v := []wave{
		{-pr, between(-0.04, 0.09), 0.020, 0.022},
		{-0.010, between(0.08, 0.3), 0.008, 0.009},
		{0.020, -between(0.5, 1.2), 0.011, 0.012},
		{qt, between(-0.12, 0.25), 0.05, 0.036},
	}
	// Where it begins decides which way the ectopic beat points in each lead; it is broad,
	// has a notch, no P wave before it, and a T wave the other way.
	size, broad := between(0.9, 1.7), between(0.85, 1.15)
	up, right := sign(rng), sign(rng)
	odd := func(way, size float64) []wave {
		notch := between(0.15, 0.5)
		return []wave{
			{0.055 * broad, way * size, 0.020 * broad, 0.026 * broad},
			{0.105 * broad, way * size * notch, 0.018 * broad, 0.022 * broad},
			{0.150 * broad, -way * size * between(0.1, 0.3), 0.018, 0.030},
			{0.320, -way * size * between(0.25, 0.45), 0.062, 0.045},
		}
	}
	h.ectopic = [][]wave{odd(up, size), odd(right, size*between(0.7, 1.1))}
	h.normal = [][]wave{two, v}
	for _, waves := range [][][]wave{h.normal, h.ectopic} {
		for _, lead := range waves {
			for i := range lead {
				lead[i].high *= gain
			}
		}
	}
	for _, lead := range h.normal {
		for i := range lead {
			lead[i].rise, lead[i].fall = lead[i].rise*breadth, lead[i].fall*breadth
		}
	}
	return h
}

func sign(rng *rand.Rand) float64 { return float64(2*rng.IntN(2) - 1) }

// disturb adds what lies over the heart: a baseline that wanders, noise of mains, muscles and
// amplifiers, an electrode that moves, and a part that is lost, which is a line at the mean
// of the lead. None of it says of which class a strip is, and the part that is lost spares
// the ectopic beat.
func disturb(rng *rand.Rand, s *Strip) {
	slow := [2][3]float64{}
	for i := range slow {
		slow[i] = [3]float64{0.05 + 0.4*rng.Float64(), 2 * math.Pi * rng.Float64(), 0.18 * rng.Float64()}
	}
	mains, hum := []float64{50, 60}[rng.IntN(2)], 0.015*rng.Float64()
	grain, muscle := 0.006+0.03*rng.Float64(), rng.IntN(3) == 0
	at, long, strong := seconds*rng.Float64(), 0.3+1.5*rng.Float64(), 0.03+0.07*rng.Float64()
	moved := wave{seconds * rng.Float64(), 0, 0.1 + 0.4*rng.Float64(), 0.2 + 0.5*rng.Float64()}
	push := 0.
	if rng.IntN(3) == 0 {
		push = sign(rng) * (0.1 + 0.3*rng.Float64())
	}
	for _, lead := range s.Leads {
		share, offset := 0.4+0.6*rng.Float64(), 0.3*rng.NormFloat64()
		for i := range lead {
			t := float64(i) / Rate
			for _, w := range slow {
				lead[i] += share * w[2] * math.Sin(2*math.Pi*w[0]*t+w[1])
			}
			noise := grain
			if muscle && t >= at && t < at+long {
				noise += strong
			}
			lead[i] += offset + hum*math.Sin(2*math.Pi*mains*t) + noise*rng.NormFloat64()
		}
		moved.high = push * share
		moved.add(lead, 0)
	}
	lose(rng, s)
}

// lose loses a part of half of the strips: a line is in its place.
func lose(rng *rand.Rand, s *Strip) {
	if rng.IntN(2) == 0 {
		return
	}
	n := int(Rate * (0.1 + 0.5*rng.Float64()))
	from := rng.IntN(Samples - n)
	if from < s.To && from+n > s.From {
		return
	}
	for _, lead := range s.Leads {
		mean := 0.
		for _, v := range lead {
			mean += v / Samples
		}
		for i := from; i < from+n; i++ {
			lead[i] = mean
		}
	}
}
