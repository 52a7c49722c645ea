package obe

import (
	"slices"

	"krypton/internal/incremental"
	"krypton/internal/prediction"
	"krypton/internal/softmax"
)

// shortlist computes, at each position, only the classes that the clean image
// makes likely. The others keep the clean image's logits, which the softmax's
// sum still counts. (Vocabulary shortlists of machine translation do the same to
// a softmax: Jean et al., ACL 2015, section 3.3.)
type shortlist struct {
	plan  *incremental.Plan
	views *incremental.Views
	// classes are those kept, and last the best of the others.
	classes []int
	// softmax says that scores are a softmax of all classes; otherwise
	// reading maps each for itself.
	softmax bool
	reading prediction.Reading
	shift   []float32 // added to each logit that is computed; nil is nothing
	best    float32   // the logit of the best of the others
	sum     float64   // exp(logit - best) of all others together
}

// newShortlist keeps the n likeliest classes, those mapped included. It is nil
// where there is nothing to leave out: the model's last layers mix classes, has
// no more of them, or the score needs all.
func (t *Task) newShortlist(views *incremental.Views, moved *reference, r *Result, n int) (*shortlist, error) {
	head, ok := t.Plan.Head(t.Output)
	if !ok || t.Score == Entropy || t.Reading.Pair || head.Softmax && t.Reading.Activation != prediction.None {
		return nil, nil
	}
	logits := slices.Clone(head.Logits(views))
	if moved != nil {
		for i, d := range moved.shift {
			logits[i] += d
		}
	}
	if slices.ContainsFunc(logits, func(v float32) bool { return v-v != 0 }) {
		return nil, nil
	}
	order := prediction.Top(logits, len(logits))
	kept := slices.Clone(r.Classes)
	var others []int
	for _, c := range order {
		switch {
		case slices.Contains(r.Classes, c):
		case len(kept) < n:
			kept = append(kept, c)
		default:
			others = append(others, c)
		}
	}
	if len(others) == 0 {
		return nil, nil
	}
	s := &shortlist{classes: append(slices.Clone(kept), others[0]), softmax: head.Softmax || t.Reading.Activation == prediction.Softmax,
		reading: t.Reading, best: logits[others[0]]}
	for _, c := range others {
		s.sum += softmax.Exp(float64(logits[c]) - float64(s.best))
	}
	if moved != nil {
		for _, c := range kept {
			s.shift = append(s.shift, moved.shift[c])
		}
	}
	var err error
	s.plan, s.views, err = head.Keep(views, kept)
	return s, err
}

// apply writes the scores of the listed classes to dst, given the logits of all
// but the last.
func (s *shortlist) apply(dst, logits []float32) {
	k := copy(dst, logits)
	for i, d := range s.shift {
		dst[i] += d
	}
	if dst[k] = s.best; s.softmax {
		softmax.RowOf(dst, dst, s.sum)
		return
	}
	s.reading.Apply(dst, dst)
}
