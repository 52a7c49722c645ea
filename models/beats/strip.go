package beats

import (
	"math"
	"math/rand/v2"
)

// What strips are like.
const (
	// Rate is how many samples a second has, Samples how many a strip: ten seconds.
	Rate, Samples = 250, 2500
	// Normal and Ectopic are the classes.
	Normal, Ectopic = 0, 1

	seconds = Samples / Rate
	digits  = 1000 // a millivolt has so many steps
)

// Leads are the channels, Labels the names of the classes.
var (
	Leads  = []string{"II", "V1"}
	Labels = []string{"normal", "ectopic"}
)

// Strip is a rendered recording.
type Strip struct {
	// Leads has the samples of each of Leads, in millivolts.
	Leads [][]float64
	Class int
	// From and To are the samples of the ectopic beat, from the beginning of its QRS
	// complex to the end of its T wave; both are 0 where there is none.
	From, To int
}

// heart is what one strip's beats have in common.
type heart struct {
	rng     *rand.Rand
	normal  [][]wave // of each lead
	ectopic [][]wave
	period  float64 // seconds between beats
}

// beat is one beat in time: normal ones are placed by their R peak, ectopic ones by the
// beginning of their QRS complex.
type beat struct {
	at      float64
	ectopic bool
	before  float64 // seconds since the last one
}

// Generate renders strip number index of the series that seed names. Half of the strips
// have one ectopic beat. A third of all, whatever their class, have a beat that is
// premature but otherwise like the rest: it is the shape that tells the classes apart.
func Generate(seed, index uint64) *Strip {
	rng := rand.New(rand.NewPCG(seed, index))
	h := newHeart(rng)
	s := &Strip{Class: rng.IntN(2)}
	beats := h.rhythm(s)
	for lead := range Leads {
		s.Leads = append(s.Leads, make([]float64, Samples))
		for _, b := range beats {
			h.draw(s.Leads[lead], lead, b)
		}
	}
	disturb(rng, s)
	for _, lead := range s.Leads {
		for i, v := range lead {
			lead[i] = math.Round(v*digits) / digits
		}
	}
	return s
}

// rhythm places the beats, and says where the ectopic one lies.
func (h *heart) rhythm(s *Strip) []beat {
	rng := h.rng
	sway, breath, phase := 0.06*rng.Float64(), 0.15+0.2*rng.Float64(), 2*math.Pi*rng.Float64()
	var times []float64
	for t := -h.period * rng.Float64(); t < seconds+h.period; {
		times = append(times, t)
		t += h.period * (1 + sway*math.Sin(2*math.Pi*breath*t+phase) + 0.012*rng.NormFloat64())
	}
	// A premature beat comes in the place of the one after which others wait as usual.
	early, odd := -1, -1
	if rng.IntN(3) == 0 {
		early = 2 + rng.IntN(len(times)-4)
		times[early] -= h.period * (0.15 + 0.2*rng.Float64())
	}
	const first, last = 0.3, seconds - ectopicLength - 0.2
	if s.Class == Ectopic {
		for odd < 0 || odd == early || odd == early+1 || times[odd] < first+h.period || times[odd] > last {
			odd = 1 + rng.IntN(len(times)-2)
		}
		times[odd] -= h.period * (0.2 + 0.2*rng.Float64())
		s.From = int(times[odd] * Rate)
		s.To = s.From + int(ectopicLength*Rate)
	}
	var all []beat
	for i, t := range times {
		before := h.period
		if i > 0 {
			before = t - times[i-1]
		}
		all = append(all, beat{t, i == odd, before})
	}
	return all
}

// draw adds a beat to a lead.
func (h *heart) draw(lead []float64, k int, b beat) {
	waves := h.normal[k]
	if b.ectopic {
		waves = h.ectopic[k]
	}
	for _, w := range waves {
		w.at *= min(1, math.Sqrt(b.before)) // what follows is nearer where beats are
		w.add(lead, b.at)
	}
}
