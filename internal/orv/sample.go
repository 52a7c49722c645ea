package orv

import "math/rand/v2"

// sampleSeed makes which frames are drawn the same in every run.
const sampleSeed = 0x6b727970746f6e

// Sampled says whether a run's frame n is one of those that are drawn at random, each with
// the chance share, whatever is in it.
func Sampled(n int, share float64) bool {
	return share > 0 && rand.New(rand.NewPCG(sampleSeed, uint64(n))).Float64() < share
}

// Sample is what frames that were drawn at random say of all frames of a run.
type Sample struct {
	// Frames are all of them, Approximate those whose answers could be others than whole
	// runs'.
	Frames, Approximate int
	// Drawn frames are approximate ones that were compared, Disagreed those of them whose
	// answers are not the whole runs'.
	Drawn, Disagreed int
}

// Join counts the frames of another part of the run, too.
func (s *Sample) Join(o Sample) {
	s.Frames += o.Frames
	s.Approximate += o.Approximate
	s.Drawn += o.Drawn
	s.Disagreed += o.Disagreed
}

// Add counts frame n of a run that draws the share: exact says that a whole run of all classes
// answered it, verified is the comparison of its answer with a whole run's, nil without one.
func (s *Sample) Add(n int, share float64, exact bool, verified *Agreement) {
	s.Frames++
	if exact {
		return
	}
	s.Approximate++
	if verified != nil && Sampled(n, share) {
		s.Drawn++
		if !verified.Agrees {
			s.Disagreed++
		}
	}
}
