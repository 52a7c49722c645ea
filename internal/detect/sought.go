package detect

import (
	"fmt"
	"math"
)

// Place is where a box is in a head, and which class it has there. The zero value is the
// first box, of class 0.
type Place struct{ plane, box, class int }

// Sought is a box of one run that is looked for in others.
type Sought struct {
	Box
	lies   quad // where boxes may be turned
	place  Place
	vector []float64 // its classes' shares
	length float64   // of the vector
}

// Seek finds a box that Spec.Find gave for the same outputs, and that was cut at the
// frame, among all boxes.
func (r *Raw) Seek(outs [][]float32, found Box) (*Sought, error) {
	var s *Sought
	share := float32(-1)
	for k := range r.planes {
		b := r.of(&r.planes[k], outs)
		for i := range b.n {
			x, q, ok := b.box(i)
			if !ok || x.X0 != found.X0 || x.Y0 != found.Y0 || x.X1 != found.X1 || x.Y1 != found.Y1 || !b.chosen && found.Class >= b.classes {
				continue
			}
			if v := r.score(b.object(i), b.share(i, found.Class)); v > share {
				share, s = v, &Sought{Box: found, lies: q, place: Place{k, i, found.Class}}
			}
		}
	}
	if s == nil {
		return nil, fmt.Errorf("the box %+v is none of the head's", found)
	}
	b := r.of(&r.planes[s.place.plane], outs)
	for c := range b.classes {
		v := float64(b.share(s.place.box, c))
		s.vector = append(s.vector, v)
		s.length += float64(v * v)
	}
	s.length = math.Sqrt(s.length)
	return s, nil
}

// overlap is that of a box of a head and a sought one, over their union.
func (r *Raw) overlap(s *Sought, x Box, q quad) float32 {
	o := IoU(s.Box, x)
	if o > 0 && r.spec.turns() {
		return s.lies.overlap(q)
	}
	return o
}

// Best is the largest product of a box's overlap with a sought one and of its score for
// that one's class, over all boxes: 0 if none overlaps.
func (r *Raw) Best(outs [][]float32, s *Sought) float32 {
	b := r.of(&r.planes[s.place.plane], outs)
	best := b.alike(s, s.place.box, 0) // most often it is that one still
	for k := range r.planes {
		b := r.of(&r.planes[k], outs)
		if !b.chosen && s.Class >= b.classes {
			continue
		}
		floor, numbers, step := r.floor(best, false), b.data, b.step
		switch {
		case b.chosen: // the class is 0 or 1 times the score
			floor, numbers, step = r.floor(best, true), b.values, b.valueStep
		default:
			numbers = numbers[b.classAt+s.Class*b.classStep:]
		}
		for i := range b.n {
			if !(numbers[i*step] > floor) {
				continue
			}
			if v := b.alike(s, i, best); v > best {
				best, floor = v, r.floor(v, b.chosen)
			}
		}
	}
	return best
}

// alike is the product that Best means of one box, or some number up to least if that is
// not more.
func (b *boxes) alike(s *Sought, i int, least float32) float32 {
	if i >= b.n {
		return 0
	}
	if b.raw.soft { // scores cost more than places
		x, q, ok := b.box(i)
		if !ok {
			return 0
		}
		o := b.raw.overlap(s, x, q)
		if !(o > least) {
			return 0
		}
		return above(o * b.raw.score(b.object(i), b.share(i, s.Class)))
	}
	score := b.raw.score(b.object(i), b.share(i, s.Class))
	if !(score > least) {
		return 0
	}
	x, q, ok := b.box(i)
	if !ok {
		return 0
	}
	return above(b.raw.overlap(s, x, q) * score)
}

// above is v if it is above 0, else 0: what is not a number counts for nothing.
func above(v float32) float32 {
	if v > 0 {
		return v
	}
	return 0
}

// DRISE is the largest similarity of a box with a sought one over all boxes, as Petsiuk
// et al. (Black-box Explanation of Object Detectors via Saliency Maps, CVPR 2021) define
// it: the overlap of both, times the cosine between the vectors of their classes' shares,
// times the box's objectness. A head without objectness has no such
// factor, as there; the vector of one that has a background holds that too; of boxes that
// come chosen the score is the objectness, and the vector 1 for the box's class.
func (r *Raw) DRISE(outs [][]float32, s *Sought) float32 {
	b := r.of(&r.planes[s.place.plane], outs)
	best := b.similar(s, s.place.box, 0)
	for k := range r.planes {
		b := r.of(&r.planes[k], outs)
		for i := range b.n {
			if v := b.similar(s, i, best); v > best {
				best = v
			}
		}
	}
	return best
}

// similar is the similarity that DRISE means of one box, or some number up to least if
// that is not more.
func (b *boxes) similar(s *Sought, i int, least float32) float32 {
	if i >= b.n {
		return 0
	}
	object := b.object(i)
	if !(object > least) {
		return 0
	}
	x, q, ok := b.box(i)
	if !ok {
		return 0
	}
	o := b.raw.overlap(s, x, q) * object
	if !(o > least) {
		return 0
	}
	return above(o * b.cosine(s, i))
}

// cosine is that of the angle between the vectors of a box's and a sought one's shares.
func (b *boxes) cosine(s *Sought, i int) float32 {
	if b.chosen {
		if b.label(i) == s.Class {
			return 1
		}
		return 0
	}
	top := float32(0)
	if b.raw.soft { // a factor that all have makes no other angle
		_, top = b.best(i)
	}
	dot, sum := 0.0, 0.0
	for c, w := range s.vector[:min(len(s.vector), b.classes)] {
		var v float64
		if b.raw.soft {
			v = math.Exp(float64(b.logit(i, c)) - float64(top))
		} else {
			v = float64(b.raw.number(b.logit(i, c)))
		}
		dot += float64(v * w)
		sum += float64(v * v)
	}
	return float32(min(1, dot/(s.length*math.Sqrt(sum))))
}

// Unknown is the best score of the boxes that overlap no known one of their class by more
// than iou, and where that box is: 0 if there are none. A box has the class of its best
// score, or, as Spec.Decode reads the form ssd, any but the background. It looks at the
// box at likely first, which saves time if it is that, or much like it.
func (r *Raw) Unknown(outs [][]float32, known []*Sought, iou float32, likely Place) (float32, Place) {
	u := unknown{raw: r, known: known, iou: iou}
	if likely.plane < len(r.planes) {
		b := r.of(&r.planes[likely.plane], outs)
		if likely.box < b.n && likely.class != b.background && (b.chosen || likely.class < b.classes) {
			u.look(&b, likely)
		}
	}
	for k := range r.planes {
		b := r.of(&r.planes[k], outs)
		if b.chosen || b.objectAt >= 0 {
			u.byObject(&b, k)
		} else {
			u.byClass(&b, k)
		}
	}
	return u.best, u.place
}

// unknown is what Unknown has found so far.
type unknown struct {
	raw   *Raw
	known []*Sought
	iou   float32
	best  float32
	place Place
}

// byObject looks at the boxes of a plane whose objectness lets them be better.
func (u *unknown) byObject(b *boxes, plane int) {
	numbers, step := b.values, b.valueStep
	if !b.chosen {
		numbers, step = b.data[b.objectAt:], b.step
	}
	floor := u.raw.floor(u.best, true)
	for i := range b.n {
		if !(numbers[i*step] > floor) {
			continue
		}
		if c, _ := b.best(i); c >= 0 && u.look(b, Place{plane, i, c}) {
			floor = u.raw.floor(u.best, true)
		}
	}
}

// byClass looks at the boxes of a plane that have a class whose number lets them be
// better.
func (u *unknown) byClass(b *boxes, plane int) {
	floor := u.raw.floor(u.best, false)
	for c := range b.classes {
		if c == b.background {
			continue
		}
		numbers := b.data[b.classAt+c*b.classStep:]
		if b.step == 1 { // the most numbers of all heads, in the order in which they lie
			for i, v := range numbers[:b.n] {
				if v > floor && u.look(b, Place{plane, i, c}) {
					floor = u.raw.floor(u.best, false)
				}
			}
			continue
		}
		for i := range b.n {
			if numbers[i*b.step] > floor && u.look(b, Place{plane, i, c}) {
				floor = u.raw.floor(u.best, false)
			}
		}
	}
}

// look takes a box if it is better than what is there, and unknown.
func (u *unknown) look(b *boxes, p Place) bool {
	score := u.raw.score(b.object(p.box), b.share(p.box, p.class))
	if !(score > u.best) {
		return false
	}
	if !u.raw.each {
		if c, _ := b.best(p.box); c != p.class {
			return false
		}
	}
	x, q, ok := b.box(p.box)
	if !ok {
		return false
	}
	for _, k := range u.known {
		if k.Class == p.class && u.raw.overlap(k, x, q) > u.iou {
			return false
		}
	}
	u.best, u.place = score, p
	return true
}
