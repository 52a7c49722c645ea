package target

import (
	"errors"
	"fmt"
	"slices"

	"krypton/internal/detect"
	"krypton/internal/prediction"
)

// BoxKind is the similarity of a detector's best box with one of the clean picture.
const BoxKind Kind = "box"

// The scores of boxes say how alike a box of a changed picture and one of the clean
// picture are. Both look at all boxes of the head before any is thinned, whatever their
// scores, and take the largest number.
const (
	// Overlap is IoU(L, L') s(c): the overlap of both boxes, and the score for the clean
	// box's class c that the other one has, as the head makes it (of its objectness, if
	// there is one, and of the class). It is the clean box's own score where nothing
	// changed, and falls as that does.
	Overlap Score = "overlap"
	// DRISE is IoU(L, L') cos(P, P') O': the overlap, the cosine between the vectors of
	// the classes' scores, and the other box's objectness, as Petsiuk et al. define it
	// (Black-box Explanation of Object Detectors via Saliency Maps, CVPR 2021).
	// detect.Raw.DRISE says what stands for them in heads that lack one.
	DRISE Score = "drise"
)

// Boxes is the target of a detector: boxes of the clean picture, and last, unless it was
// asked for by itself, what is there at other places. Of a box the number is its
// likeness with the best of all boxes, see Overlap and DRISE. Of the others it is the best score
// of a box that overlaps no box of its class that was found on the clean picture by more
// than the IoU threshold: a false one, if it is large enough to be found.
type Boxes struct {
	head  Head
	score Score
	// choose gives the boxes to map, of those that are found, OtherBoxes for the others.
	choose func(found []detect.Box) ([]int, error)
	raw    *detect.Raw
}

// Head is a detector's head, and how its boxes are found.
type Head struct {
	// Spec describes the head, and fits the network's Outputs, of which only names and
	// shapes are looked at, and its input of Width by Height pixels.
	Spec          *detect.Spec
	Outputs       []detect.Output
	Width, Height int
	// Frame is the part of the input that shows the picture: boxes end there.
	Frame detect.Box
	// MinScore is the lowest score of a box that is found, IoU the overlap from which on
	// the weaker of two of a class goes, 0 for never.
	MinScore, IoU float32
	// Label names a class, "" if it has no name; nil knows none.
	Label func(class int) string
}

// OtherBoxes stands among indexes of found boxes for those that overlap none. Of items,
// boxes that are found have their number as an index, from 1, the best one first;
// OthersItem is that of the others, and OthersName what it is called.
const (
	OtherBoxes = -1
	OthersItem = 0
	OthersName = "false boxes"
)

// ErrNoBox says that a picture has no box of those asked for.
var ErrNoBox = errors.New("no box")

// NewBoxes makes a target of a head. choose gives the indexes of the boxes to map among
// those found, the best first, OtherBoxes for the others, which come last otherwise; its
// errors are ErrNoBox. nil is the best one.
func NewBoxes(head Head, score Score, choose func(found []detect.Box) ([]int, error)) (*Boxes, error) {
	raw, err := head.Spec.Raw(head.Outputs, head.Width, head.Height, head.Frame)
	if err != nil {
		return nil, err
	}
	if choose == nil {
		choose = func(found []detect.Box) ([]int, error) {
			if len(found) == 0 {
				return nil, fmt.Errorf("%w is found", ErrNoBox)
			}
			return []int{0}, nil
		}
	}
	return &Boxes{head, score, choose, raw}, nil
}

// In is the target for a picture that lies elsewhere on the network's input.
func (b *Boxes) In(frame detect.Box) (*Boxes, error) {
	h := b.head
	h.Frame = frame
	return NewBoxes(h, b.score, b.choose)
}

// Head is how boxes are found.
func (b *Boxes) Head() Head { return b.head }

// Reading says by which activation scores are made.
func (b *Boxes) Reading() prediction.Reading {
	r := prediction.Reading{Activation: prediction.None, Reason: "a detector's head of the form " + b.head.Spec.Form}
	if a := b.head.Spec.Activation; a != "" {
		r.Activation = prediction.Activation(a)
	}
	return r
}

// Score is how alike boxes are.
func (b *Boxes) Score() Score { return b.score }

// Kind implements Target.
func (b *Boxes) Kind() Kind { return BoxKind }

// Reads implements Target.
func (b *Boxes) Reads() []int { return b.raw.Reads() }

// Narrow implements Narrower.
func (b *Boxes) Narrow(item Item) Target {
	n := *b
	n.choose = func(found []detect.Box) ([]int, error) {
		switch i := item.Index; {
		case i == OthersItem:
			return []int{OtherBoxes}, nil
		case i < 1 || i > len(found):
			return nil, fmt.Errorf("%w %d: %d are found", ErrNoBox, i, len(found))
		default:
			return []int{i - 1}, nil
		}
	}
	return &n
}

// Bind implements Target. What it gives is a *BoundBoxes.
func (b *Boxes) Bind(clean [][]float32) (Bound, error) {
	outs := slices.Clone(b.head.Outputs)
	for k, i := range b.raw.Reads() {
		outs[i].Data = clean[k]
	}
	found, err := b.head.Spec.Find(outs, b.head.MinScore, b.head.IoU, b.head.Width, b.head.Height)
	if err != nil {
		return nil, err
	}
	f := b.head.Frame
	bound := &BoundBoxes{target: b, found: detect.Clip(found, f.X0, f.Y0, f.X1, f.Y1), apart: b.head.IoU}
	if bound.apart == 0 { // boxes come chosen, or none is to go
		bound.apart = detect.DefaultIoU
	}
	for _, box := range bound.found {
		s, err := b.raw.Seek(clean, box)
		if err != nil {
			return nil, err
		}
		bound.sought = append(bound.sought, s)
	}
	if bound.chosen, err = b.choose(bound.found); err != nil {
		return nil, err
	}
	if !slices.Contains(bound.chosen, OtherBoxes) {
		bound.chosen = append(slices.Clone(bound.chosen), OtherBoxes)
	}
	for _, i := range bound.chosen {
		item := Item{Index: OthersItem, Name: OthersName}
		if i != OtherBoxes {
			item = Item{Index: i + 1}
			if b.head.Label != nil {
				item.Name = b.head.Label(bound.found[i].Class)
			}
		}
		bound.items = append(bound.items, item)
	}
	_, bound.likely = b.raw.Unknown(clean, bound.sought, bound.apart, detect.Place{})
	return bound, nil
}

// BoundBoxes are the boxes of a clean picture.
type BoundBoxes struct {
	target *Boxes
	found  []detect.Box
	sought []*detect.Sought // of those found
	chosen []int
	items  []Item
	apart  float32      // by how much others overlap those found at most
	likely detect.Place // of the best other
}

// Items implements Bound.
func (b *BoundBoxes) Items() []Item { return b.items }

// Found are all boxes that are found, the best first, in pixels of the network's input.
func (b *BoundBoxes) Found() []detect.Box { return b.found }

// Apart is the overlap up to which a box is another one than those found.
func (b *BoundBoxes) Apart() float32 { return b.apart }

// Scorer implements Bound.
func (b *BoundBoxes) Scorer() Scorer { return boxScorer{b} }

type boxScorer struct{ *BoundBoxes }

func (s boxScorer) Score(dst []float32, outs [][]float32) int32 {
	raw := s.target.raw
	for k, i := range s.chosen {
		switch {
		case i == OtherBoxes:
			dst[k], _ = raw.Unknown(outs, s.sought, s.apart, s.likely)
		case s.target.score == DRISE:
			dst[k] = raw.DRISE(outs, s.sought[i])
		default:
			dst[k] = raw.Best(outs, s.sought[i])
		}
	}
	return None
}
