package target

import (
	"errors"
	"fmt"
	"math"

	"krypton/internal/failure"
	"krypton/internal/prediction"
	"krypton/internal/region"
)

// Layout says where the numbers of a plane of pixels lie in an output.
type Layout struct {
	// C is how many numbers a pixel has, H and W are the plane's sides.
	C, H, W int
	// Last says that a pixel's numbers lie together; otherwise those of each channel do.
	Last bool
}

// At is the place of number c of pixel i, row by row.
func (l Layout) At(c, i int) int {
	if l.Last {
		return i*l.C + c
	}
	return c*l.H*l.W + i
}

// Segments is the target of a segmentation network: how surely, or how well, the pixels
// that are a class's on the clean picture are still the class's.
type Segments struct {
	// Output is the index of the model's output and Name what it is called.
	Output int
	Name   string
	Layout Layout
	// Reading makes scores of classes of one pixel's numbers.
	Reading prediction.Reading
	// Labels says that the one number of a pixel is its class.
	Labels bool
	// Score is Value, the mean over the pixels of the class's score, Margin or Entropy,
	// their means, or Dice or IoU, the overlap of the class's pixels with those of the
	// clean picture.
	Score Score
	// Part is where is looked; empty is everywhere. Whole says that all pixels there
	// count, whatever they are on the clean picture, and not those of the class alone.
	Part  region.Rect
	Whole bool
	// Choose picks classes by the share of the pixels that each has on the clean picture;
	// nil, or none chosen, is the largest, but where a pixel has one number what that
	// stands for.
	Choose func(shares []float32) []int
	// Label names a class, "" if it has no name; nil knows none.
	Label func(class int) string
}

// Kind implements Target.
func (s Segments) Kind() Kind { return SegmentKind }

// Reads implements Target.
func (s Segments) Reads() []int { return []int{s.Output} }

// Narrow implements Narrower.
func (s Segments) Narrow(item Item) Target {
	s.Choose = func([]float32) []int { return []int{item.Index} }
	return s
}

// ErrNoPixel says that a class has no pixel on the clean picture.
var ErrNoPixel = errors.New("no pixel is one of it")

// maxLabels bounds the classes that numbers of pixels name.
const maxLabels = 1 << 16

// Bind implements Target.
func (s Segments) Bind(clean [][]float32) (Bound, error) {
	l := s.Layout
	if want := l.C * l.H * l.W; len(clean[0]) != want {
		return nil, fmt.Errorf("output %q has %d numbers, want %d", s.Name, len(clean[0]), want)
	}
	if s.Part.Empty() {
		s.Part = region.Plane(l.H, l.W)
	} else if !region.Plane(l.H, l.W).Contains(s.Part) {
		return nil, fmt.Errorf("output %q has %dx%d pixels, and none at %v", s.Name, l.H, l.W, s.Part)
	}
	b := &boundSegments{Segments: s, clean: clean[0], classes: s.Reading.Classes(l.C)}
	if s.Labels {
		b.classes = 1
		for _, v := range clean[0] {
			if v >= 0 && v < maxLabels {
				b.classes = max(b.classes, int(v)+1)
			}
		}
	}
	r := b.reader()
	b.best = make([]int32, l.H*l.W)
	shares := make([]float32, b.classes)
	total := float32(s.Part.Y.Len() * s.Part.X.Len())
	b.each(func(i int) {
		b.best[i] = r.read(i, clean[0])
		if b.best[i] >= 0 {
			shares[b.best[i]] += 1 / total
		}
	})
	return b, b.choose(shares, r)
}

// choose makes the items, each with its pixels and what these give on the clean picture.
func (b *boundSegments) choose(shares []float32, r *pixelReader) error {
	var list []int
	if b.Choose != nil {
		list = b.Choose(shares)
	}
	if len(list) == 0 {
		list = []int{b.Reading.Own(shares)}
	}
	all := len(list) == b.classes && len(list) > 1
	for _, c := range list {
		if c < 0 || c >= b.classes {
			return fmt.Errorf("class %d: output %q has classes 0 to %d", c, b.Name, b.classes-1)
		}
		m := segment{class: c}
		b.each(func(i int) {
			if b.Whole && b.Score != Dice && b.Score != IoU || int(b.best[i]) == c {
				m.pixels = append(m.pixels, int32(i))
			}
		})
		if len(m.pixels) == 0 {
			if all {
				continue
			}
			// The next picture may have one.
			return failure.As(failure.Data, fmt.Errorf("class %d: output %q: %w on the clean picture", c, b.Name, ErrNoPixel))
		}
		for _, i := range m.pixels {
			r.read(int(i), b.clean)
			m.values = append(m.values, r.value(c))
		}
		item := Item{Index: c}
		if b.Label != nil {
			item.Name = b.Label(c)
		}
		b.items, b.segments = append(b.items, item), append(b.segments, m)
	}
	return nil
}

// boundSegments are the segments of a clean picture.
type boundSegments struct {
	Segments
	clean    []float32
	classes  int
	best     []int32 // the class of each pixel of the part, -1 for none
	items    []Item
	segments []segment
}

// segment is what there is of an item on the clean picture.
type segment struct {
	class  int
	pixels []int32
	values []float64 // of each of the pixels
}

// each calls f for the pixels of the part, in order.
func (s *Segments) each(f func(i int)) {
	for y := s.Part.Y.Lo; y < s.Part.Y.Hi; y++ {
		for x := s.Part.X.Lo; x < s.Part.X.Hi; x++ {
			f(y*s.Layout.W + x)
		}
	}
}

// Items implements Bound.
func (b *boundSegments) Items() []Item { return b.items }

// Pixels is how many pixels an item has on the clean picture.
func (b *boundSegments) Pixels(item int) int { return len(b.segments[item].pixels) }

// Scorer implements Bound.
func (b *boundSegments) Scorer() Scorer {
	n := b.Layout.H * b.Layout.W
	return &segmentScorer{boundSegments: b, reader: b.reader(), changed: make([]bool, n)}
}

// pixelReader reads pixels one at a time.
type pixelReader struct {
	*boundSegments
	numbers, scores []float32
}

func (b *boundSegments) reader() *pixelReader {
	return &pixelReader{b, make([]float32, b.Layout.C), make([]float32, max(b.classes, b.Layout.C))}
}

// read makes the scores of pixel i, and gives its class, -1 for a label that is none.
func (r *pixelReader) read(i int, out []float32) int32 {
	for c := range r.numbers {
		r.numbers[c] = out[r.Layout.At(c, i)]
	}
	if !r.Labels {
		r.Reading.Apply(r.scores, r.numbers)
		return int32(prediction.Winner(r.scores))
	}
	if v := r.numbers[0]; v >= 0 && v < maxLabels {
		return int32(v)
	}
	return -1
}

// value is what the pixel that was read last gives for a class.
func (r *pixelReader) value(class int) float64 {
	if !r.Labels {
		return float64(r.Score.of(r.scores, class))
	}
	if r.numbers[0] == float32(class) {
		return 1
	}
	return 0
}

// segmentScorer looks at those pixels only whose numbers changed.
type segmentScorer struct {
	*boundSegments
	reader  *pixelReader
	changed []bool
}

func (s *segmentScorer) Score(dst []float32, outs [][]float32) int32 {
	out := outs[0]
	s.differ(out)
	for k := range s.segments {
		if s.Segments.Score == Dice || s.Segments.Score == IoU {
			dst[k] = s.overlap(&s.segments[k], out)
		} else {
			dst[k] = s.mean(&s.segments[k], out)
		}
	}
	if s.Whole && s.Part.Y.Len()*s.Part.X.Len() == 1 {
		return max(None, s.reader.read(s.Part.Y.Lo*s.Layout.W+s.Part.X.Lo, out))
	}
	return None
}

// differ marks the pixels of the part whose numbers are others than the clean picture's,
// in any bit.
func (s *segmentScorer) differ(out []float32) {
	l := s.Layout
	for y := s.Part.Y.Lo; y < s.Part.Y.Hi; y++ {
		lo, hi := y*l.W+s.Part.X.Lo, y*l.W+s.Part.X.Hi
		row := s.changed[lo:hi]
		clear(row)
		if l.Last {
			for x := range row {
				row[x] = !sameBits(out[(lo+x)*l.C:(lo+x+1)*l.C], s.clean[(lo+x)*l.C:])
			}
			continue
		}
		for c := range l.C {
			from := l.At(c, lo)
			a, b := out[from:from+len(row)], s.clean[from:from+len(row)]
			for x, v := range a {
				if math.Float32bits(v) != math.Float32bits(b[x]) {
					row[x] = true
				}
			}
		}
	}
}

func sameBits(a, b []float32) bool {
	for i, v := range a {
		if math.Float32bits(v) != math.Float32bits(b[i]) {
			return false
		}
	}
	return true
}

// mean is that of a segment's values.
func (s *segmentScorer) mean(m *segment, out []float32) float32 {
	sum := 0.0
	for k, i := range m.pixels {
		v := m.values[k]
		if s.changed[i] {
			s.reader.read(int(i), out)
			v = s.reader.value(m.class)
		}
		sum += v
	}
	return float32(sum / float64(len(m.pixels)))
}

// overlap is that of the class's pixels with a segment's.
func (s *segmentScorer) overlap(m *segment, out []float32) float32 {
	both, now, class := 0, 0, int32(m.class)
	s.each(func(i int) {
		best := s.boundSegments.best[i]
		if s.changed[i] {
			best = s.reader.read(i, out)
		}
		if best == class {
			now++
			if s.boundSegments.best[i] == class {
				both++
			}
		}
	})
	before := len(m.pixels)
	if s.Segments.Score == IoU {
		return float32(float64(both) / float64(before+now-both))
	}
	return float32(2 * float64(both) / float64(before+now))
}
