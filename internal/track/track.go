// Package track follows objects from frame to frame and gives them numbers that
// stay: ByteTrack (Zhang et al., ECCV 2022) on SORT's motion model (Bewley et
// al., ICIP 2016), class by class.
package track

import "krypton/internal/detect"

// Options are ByteTrack's parameters; the zero value stands for its defaults.
type Options struct {
	// High is the score from which a box is matched first, and Begin the one
	// from which it may begin a track. 0.5 and 0.6.
	High, Begin float32
	// Match is the largest cost (1 - IoU times score) of a first match, Low that
	// (1 - IoU) of boxes below High, Tentative that of tracks seen once. 0.8,
	// 0.5 and 0.7.
	Match, Low, Tentative float64
	// Lost is the number of frames after which a track that is not seen ends.
	// 30.
	Lost int
}

func (o Options) filled() Options {
	set := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
	}
	if o.High == 0 {
		o.High = .5
	}
	if o.Begin == 0 {
		o.Begin = .6
	}
	set(&o.Match, .8)
	set(&o.Low, .5)
	set(&o.Tentative, .7)
	if o.Lost == 0 {
		o.Lost = 30
	}
	return o
}

// Tracker follows the objects of one video. The same boxes give the same
// numbers.
type Tracker struct {
	opt    Options
	tracks []*track
	next   int
	frame  int
}

type track struct {
	id        int
	class     int
	motion    motion
	seen      int  // the last frame
	confirmed bool // seen twice, or in the first frame
}

// New makes a tracker.
func New(o Options) *Tracker { return &Tracker{opt: o.filled(), next: 1} }

// Update takes the boxes of the next frame and gives the number of each one's
// track, 0 for those that belong to none (yet).
func (t *Tracker) Update(boxes []detect.Box) []int {
	t.frame++
	ids := make([]int, len(boxes))
	for _, tr := range t.tracks {
		tr.motion.predict()
	}
	var high, low []int
	for i, b := range boxes {
		if b.Score >= t.opt.High {
			high = append(high, i)
		} else {
			low = append(low, i)
		}
	}
	var confirmed, tentative []*track
	for _, tr := range t.tracks {
		if tr.confirmed {
			confirmed = append(confirmed, tr)
		} else {
			tentative = append(tentative, tr)
		}
	}
	// First the sure boxes with all tracks, lost ones too; then the others with
	// the tracks that were there a frame ago; then what is left of the sure ones
	// with tracks that have been seen once.
	left, high := t.match(confirmed, high, boxes, ids, t.opt.Match, overlapByScore)
	var recent []*track
	for _, tr := range left {
		if tr.seen == t.frame-1 {
			recent = append(recent, tr)
		}
	}
	t.match(recent, low, boxes, ids, t.opt.Low, overlap)
	unseen, high := t.match(tentative, high, boxes, ids, t.opt.Tentative, overlapByScore)
	gone := map[*track]bool{}
	for _, tr := range unseen {
		gone[tr] = true
	}
	kept := t.tracks[:0]
	for _, tr := range t.tracks {
		if !gone[tr] && t.frame-tr.seen <= t.opt.Lost {
			kept = append(kept, tr)
		}
	}
	t.tracks = kept
	for _, i := range high {
		if boxes[i].Score < t.opt.Begin {
			continue
		}
		tr := &track{class: boxes[i].Class, motion: newMotion(boxes[i]), seen: t.frame, confirmed: t.frame == 1}
		if tr.confirmed {
			tr.id = t.number()
			ids[i] = tr.id
		}
		t.tracks = append(t.tracks, tr)
	}
	return ids
}

// number is the next free one. Tracks get theirs once they are confirmed, so
// that single wrong boxes use none up.
func (t *Tracker) number() int {
	n := t.next
	t.next++
	return n
}

// similarity says how like a track's place a box is, from 0 to 1.
type similarity func(at, box detect.Box) float64

// overlap is by where the box lies alone, overlapByScore also by how sure it is.
func overlap(at, box detect.Box) float64        { return float64(detect.IoU(at, box)) }
func overlapByScore(at, box detect.Box) float64 { return overlap(at, box) * float64(box.Score) }

// match gives boxes to tracks and returns the tracks and boxes that are left.
func (t *Tracker) match(tracks []*track, free []int, boxes []detect.Box, ids []int, limit float64, like similarity) ([]*track, []int) {
	cost := make([][]float64, len(tracks))
	for i, tr := range tracks {
		cost[i] = make([]float64, len(free))
		at := tr.motion.box()
		for j, k := range free {
			cost[i][j] = 2 // never
			if boxes[k].Class == tr.class {
				cost[i][j] = 1 - like(at, boxes[k])
			}
		}
	}
	got := assign(cost, limit)
	taken := make([]bool, len(free))
	var unmatched []*track
	for i, tr := range tracks {
		j := got[i]
		if j < 0 {
			unmatched = append(unmatched, tr)
			continue
		}
		taken[j] = true
		tr.motion.update(boxes[free[j]])
		tr.seen = t.frame
		if !tr.confirmed {
			tr.confirmed = true
			tr.id = t.number()
		}
		ids[free[j]] = tr.id
	}
	var rest []int
	for j, k := range free {
		if !taken[j] {
			rest = append(rest, k)
		}
	}
	return unmatched, rest
}
