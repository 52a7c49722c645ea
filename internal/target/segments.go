package target

import (
	"errors"
	"fmt"
	"math"
	"slices"

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
	pixels := make([]int, b.classes)
	b.each(func(i int) {
		b.best[i] = r.read(i, clean[0])
		if b.best[i] >= 0 {
			pixels[b.best[i]]++
		}
	})
	shares := make([]float32, b.classes)
	for c, n := range pixels {
		shares[c] = float32(float64(n) / float64(s.Part.Y.Len()*s.Part.X.Len()))
	}
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
		sum := 0.0
		for _, i := range m.pixels {
			r.read(int(i), b.clean)
			m.values, m.before = append(m.values, r.value(c)), append(m.before, sum)
			sum += r.value(c)
		}
		m.sum = sum
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
	before []float64 // the sum of the values before each
	sum    float64   // of all values
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
	return &segmentScorer{boundSegments: b, reader: b.reader(), changed: make([]bool, n), list: make([]int32, 0, b.Part.Y.Len()*b.Part.X.Len())}
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
	changed []bool  // of all pixels
	list    []int32 // the changed ones, in no order
}

// Score implements Scorer.
func (s *segmentScorer) Score(dst []float32, outs [][]float32) int32 {
	s.begin()
	l := s.Layout
	for y := s.Part.Y.Lo; y < s.Part.Y.Hi; y++ {
		lo, hi := y*l.W+s.Part.X.Lo, y*l.W+s.Part.X.Hi
		if l.Last {
			s.differ(outs[0], region.Span{Lo: lo * l.C, Hi: hi * l.C})
			continue
		}
		for c := range l.C {
			s.differ(outs[0], region.Span{Lo: l.At(c, lo), Hi: l.At(c, hi)})
		}
	}
	return s.score(dst, outs[0])
}

// ScoreChanged implements Follower.
func (s *segmentScorer) ScoreChanged(dst []float32, outs [][]float32, changed [][]region.Span) int32 {
	s.begin()
	for _, r := range changed[0] {
		s.differ(outs[0], r)
	}
	return s.score(dst, outs[0])
}

// begin forgets what changed before.
func (s *segmentScorer) begin() {
	for _, i := range s.list {
		s.changed[i] = false
	}
	s.list = s.list[:0]
}

// score makes the items' scores once it is known which pixels changed.
func (s *segmentScorer) score(dst, out []float32) int32 {
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

// differ marks the pixels of the part that have a number in a span of the output that is
// another one than the clean picture's, in any bit.
func (s *segmentScorer) differ(out []float32, in region.Span) {
	l := s.Layout
	if l.Last {
		for i := in.Lo / l.C; i*l.C < in.Hi; i++ {
			if !sameBits(out[i*l.C:(i+1)*l.C], s.clean[i*l.C:]) {
				s.mark(i)
			}
		}
		return
	}
	for n := l.H * l.W; in.Lo < in.Hi; { // of one channel at a time
		first := in.Lo / n * n
		hi := min(in.Hi, first+n)
		was := s.clean[in.Lo:hi]
		for k, v := range out[in.Lo:hi] {
			if math.Float32bits(v) != math.Float32bits(was[k]) {
				s.mark(in.Lo - first + k)
			}
		}
		in.Lo = hi
	}
}

// mark takes a pixel for changed, if it is one of the part.
func (s *segmentScorer) mark(i int) {
	if s.changed[i] {
		return
	}
	y, x := i/s.Layout.W, i%s.Layout.W
	if y >= s.Part.Y.Lo && y < s.Part.Y.Hi && x >= s.Part.X.Lo && x < s.Part.X.Hi {
		s.changed[i] = true
		s.list = append(s.list, int32(i))
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

// mean is that of a segment's values, which are summed in the order of the pixels: up to
// the first that changed the sum is known.
func (s *segmentScorer) mean(m *segment, out []float32) float32 {
	sum, n := m.sum, len(m.pixels)
	if len(s.list) > 0 {
		first, _ := slices.BinarySearch(m.pixels, slices.Min(s.list))
		if first < n {
			sum = m.before[first]
		}
		for k := first; k < n; k++ {
			v, i := m.values[k], m.pixels[k]
			if s.changed[i] {
				s.reader.read(int(i), out)
				v = s.reader.value(m.class)
			}
			sum += v
		}
	}
	return float32(sum / float64(n))
}

// overlap is that of the class's pixels with a segment's.
func (s *segmentScorer) overlap(m *segment, out []float32) float32 {
	before, class := len(m.pixels), int32(m.class)
	both, now := before, before
	for _, i := range s.list {
		was, is := s.boundSegments.best[i] == class, s.reader.read(int(i), out) == class
		if was {
			now--
			both--
		}
		if is {
			now++
		}
		if was && is {
			both++
		}
	}
	if s.Segments.Score == IoU {
		return float32(float64(both) / float64(before+now-both))
	}
	return float32(2 * float64(both) / float64(before+now))
}
