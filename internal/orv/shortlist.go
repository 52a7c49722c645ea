package orv

import (
	"context"
	"slices"

	"krypton/internal/incremental"
	"krypton/internal/prediction"
)

// shortlist computes, from one run of all classes to the next, only the classes that
// the first one makes likely. The others keep their numbers before the softmax, whose
// sum still counts them. (Vocabulary shortlists of machine translation do the same to
// a softmax: Jean et al., ACL 2015, section 3.3.) A nil shortlist computes all classes.
type shortlist struct {
	head  *incremental.ClassifierHead
	least int     // classes that are listed
	share float64 // of a whole run's multiply-adds that one of so many takes

	classes []int // nil if all are to be computed next
	all     []float32
	best    float32 // the largest number of a class that is not listed
	runner  listedRunner
	// shortened are those that know that only these classes are to be computed.
	shortened []listedRunner
}

// A class that is not listed must be far from the best when the list is made, and
// while it is used the best must stay ahead of where they all were: by so many natural
// logarithms of a ratio of probabilities.
const (
	leadListed = 4
	leadUsed   = 2.5
)

// mostListed is the share of the classes that a list may hold.
const mostListed = 0.25

// newShortlist is nil where there is nothing to leave out: the model's last layers mix
// classes, or it has too few of them.
func newShortlist(p *incremental.Plan, output, n int) *shortlist {
	if n == 0 {
		return nil
	}
	head, ok := p.Head(output)
	if !ok || !head.Ends() || float64(n) > mostListed*float64(head.Classes()) {
		return nil
	}
	return &shortlist{head: head, least: n, share: head.Share(n)}
}

// listedRunner runs a plan whole, all of it or without the classes that are not listed.
type listedRunner interface {
	all(context.Context) error
	logits(*incremental.ClassifierHead) []float32
	shorten(t *incremental.ClassifierHead, classes []int, all []float32) error
	listed(context.Context) error
	listedLogits() []float32
}

// forget has the next run compute all classes.
func (l *shortlist) forget() {
	if l != nil {
		l.classes = nil
	}
}

// listed says whether only listed classes are computed.
func (l *shortlist) listed() bool { return l != nil && l.classes != nil }

// cost is the share of a whole run's multiply-adds that the next one takes.
func (l *shortlist) cost() float64 {
	switch {
	case !l.listed():
		return 1
	case len(l.classes) > l.least:
		return l.head.Share(len(l.classes))
	}
	return l.share
}

// whole runs a plan whole, and says what share of a whole run's multiply-adds that
// took, and whether only listed classes were computed.
func (l *shortlist) whole(ctx context.Context, r listedRunner) (share float64, listed bool, err error) {
	if !l.listed() {
		return 1, false, l.everything(ctx, r)
	}
	share = l.cost()
	if l.runner = r; !slices.Contains(l.shortened, r) {
		if err := r.shorten(l.head, l.classes, l.all); err != nil {
			return 0, false, err
		}
		l.shortened = append(l.shortened, r)
	}
	if err := r.listed(ctx); err != nil {
		return 0, false, err
	}
	if l.leads() {
		return share, true, nil
	}
	return 1 + share, false, l.everything(ctx, r)
}

// leads says whether the best of the listed classes is still far ahead of where the
// others were, after a run of the listed ones or an update.
func (l *shortlist) leads() bool {
	if !l.listed() {
		return true
	}
	lead := slices.Max(l.runner.listedLogits()) - l.best
	return lead >= leadUsed // false for what is no number
}

// everything computes all classes and lists the likeliest, unless some are no numbers
// or too many are likely.
func (l *shortlist) everything(ctx context.Context, r listedRunner) error {
	if err := r.all(ctx); err != nil || l == nil {
		return err
	}
	l.classes = nil
	l.all = append(l.all[:0], r.logits(l.head)...)
	if slices.ContainsFunc(l.all, func(v float32) bool { return v-v != 0 }) {
		return nil
	}
	most := int(mostListed * float64(len(l.all)))
	order := prediction.Top(l.all, most+1)
	n := l.least
	for n < most && l.all[order[0]]-l.all[order[n]] < leadListed {
		n++
	}
	if l.best = l.all[order[n]]; l.all[order[0]]-l.best < leadListed {
		return nil
	}
	l.classes, l.runner, l.shortened = order[:n], r, append(l.shortened[:0], r)
	return r.shorten(l.head, l.classes, l.all)
}

// ShortlistSize is the number of classes that a session of these options computes between
// one run of all classes and the next, 0 for all.
func ShortlistSize(p *incremental.Plan, o *Options) int {
	if l := newShortlist(p, o.Output, o.Shortlist); l != nil {
		return l.least
	}
	return 0
}

// updateCostLimit is the mean share of a whole run's multiply-adds from which on the
// updates of a session of these options do not pay, see Control.
func (o *Options) updateCostLimit(p *incremental.Plan) float64 {
	if l := newShortlist(p, o.Output, o.Shortlist); l != nil {
		return l.share * defaultUpdateCostLimit
	}
	return defaultUpdateCostLimit
}

// onStream runs a plan whole in a stream.
type onStream struct{ *incremental.Stream }

func (r onStream) all(ctx context.Context) error                  { return r.Whole(ctx) }
func (r onStream) logits(t *incremental.ClassifierHead) []float32 { return r.Logits(t) }
func (r onStream) listed(ctx context.Context) error               { return r.WholeListed(ctx) }
func (r onStream) shorten(t *incremental.ClassifierHead, classes []int, all []float32) error {
	return r.Shorten(t, classes, all)
}

func (r onStream) listedLogits() []float32 { return r.ListedLogits() }

// onInference runs a session's plan whole, without its stream.
type onInference struct{ s *Session }

func (r onInference) all(ctx context.Context) error                  { return r.s.inference.Run(ctx, r.s.input) }
func (r onInference) logits(t *incremental.ClassifierHead) []float32 { return r.s.inference.Logits(t) }
func (r onInference) listedLogits() []float32                        { return r.s.inference.ListedLogits() }
func (r onInference) listed(ctx context.Context) error {
	return r.s.inference.RunListed(ctx, r.s.input)
}
func (r onInference) shorten(t *incremental.ClassifierHead, classes []int, all []float32) error {
	return r.s.inference.Shorten(t, classes, all)
}
