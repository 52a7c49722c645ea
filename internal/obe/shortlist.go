package obe

import (
	"slices"

	"krypton/internal/incremental"
	"krypton/internal/prediction"
	"krypton/internal/softmax"
	"krypton/internal/target"
)

// head is the classifier head of the output that the target reads, if it reads one and
// that has one.
func (t *Task) head() (*incremental.ClassifierHead, bool) {
	reads := t.Target.Reads()
	if len(reads) != 1 {
		return nil, false
	}
	return t.Plan.Head(reads[0])
}

// Shortlists says whether computing n classes leaves any out.
func (t *Task) Shortlists(n int) bool {
	if _, ok := t.Target.(target.Classes); !ok {
		return false
	}
	head, ok := t.head()
	return ok && head.Classes() > n
}

// shortlist computes, at each position, only the n classes that the clean image makes
// likeliest, those mapped included. The others keep the clean image's logits, which the
// softmax's sum still counts. (Vocabulary shortlists of machine translation do the same
// to a softmax: Jean et al., ACL 2015, section 3.3.) It is nil where there is nothing to
// leave out: the target is none of classes, the model's last layers mix classes, has no
// more of them, or the score needs all.
func (t *Task) shortlist(views *incremental.Views, moved *reference, r *Result, n int) (*asker, error) {
	bound, ok := r.Bound.(*target.BoundClasses)
	if !ok {
		return nil, nil
	}
	head, ok := t.head()
	if !ok || !bound.Shortens(head.Softmax) {
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
	var kept, others []int
	for _, item := range r.Items {
		kept = append(kept, item.Index)
	}
	mapped := len(kept)
	for _, c := range prediction.Top(logits, len(logits)) {
		switch {
		case slices.Contains(kept[:mapped], c):
		case len(kept) < n:
			kept = append(kept, c)
		default:
			others = append(others, c)
		}
	}
	if len(others) == 0 {
		return nil, nil
	}
	list := target.Shortlist{Classes: kept, Next: others[0], Best: logits[others[0]], Softmax: head.Softmax}
	for _, c := range others {
		list.Sum += softmax.Exp(float64(logits[c]) - float64(list.Best))
	}
	short := *t
	var mover target.Mover
	if moved != nil {
		s := make([]float32, len(kept))
		for i, c := range kept {
			s[i] = moved.shift[c]
		}
		mover = shifts{s}
	}
	var err error
	if short.Plan, views, err = head.Keep(views, kept); err != nil {
		return nil, err
	}
	r.Shortlisted = len(kept)
	return short.newAsker(views, mover, bound.Shorten(list), [][]float32{make([]float32, len(kept))}), nil
}
