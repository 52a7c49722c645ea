package faithful

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"krypton/internal/incremental"
	"krypton/internal/region"
	"krypton/internal/target"
)

// Setup says what is measured on.
type Setup struct {
	Plan *incremental.Plan
	// Picture is the network's input; Removed is what deletion replaces its
	// pixels by, Start what insertion puts them into. All as Plan.InputPlane
	// says, channels last. They are kept and must not be changed.
	Picture, Removed, Start []float32
	// Target is whose scores are measured; nil is the best of the first output's numbers.
	Target target.Target
	// Steps is the number of steps of a curve, at least 1.
	Steps int
	// Workers and Memory (bytes, 0 for no limit) bound what is used.
	Workers int
	Memory  int64
}

// ErrSetup says that a setup or an order does not fit the model.
var ErrSetup = errors.New("measure does not fit the model")

// Meter measures orders of pixels on one picture. Every point of a curve is a
// change of the picture, of what deletion leaves or of what insertion starts
// from: of whichever recomputes least. Its score is that of a whole run, bit for
// bit. A Meter must not be used by several goroutines at a time.
type Meter struct {
	setup        Setup
	pixels       int
	counts       []int
	views        [3]*incremental.Views // of the images
	bound        target.Bound
	crew         *target.Crew
	base         []float32
	whole, spent atomic.Int64
}

// The images that points are changes of.
const (
	picture = iota
	removed
	start
)

// image gives an image's numbers.
func (s *Setup) image(i int) []float32 {
	return [...][]float32{picture: s.Picture, removed: s.Removed, start: s.Start}[i]
}

// NewMeter runs the network on the three images.
func NewMeter(ctx context.Context, s Setup) (*Meter, error) {
	plane := s.Plan.InputPlane()
	if s.Steps < 1 {
		return nil, fmt.Errorf("%w: %d steps", ErrSetup, s.Steps)
	}
	if s.Target == nil {
		s.Target = target.Classes{}
	}
	m := &Meter{setup: s, pixels: plane.H * plane.W, counts: Counts(plane.H*plane.W, s.Steps)}
	for i := range m.views {
		if n := len(s.image(i)); n != plane.Len() {
			return nil, fmt.Errorf("%w: an image of %d numbers, the network reads %dx%dx%d", ErrSetup, n, plane.H, plane.W, plane.C)
		}
		if i == start && slices.EqualFunc(s.Start, s.Removed, same) {
			m.views[start] = m.views[removed]
			continue
		}
		var err error
		if m.views[i], err = s.Plan.Materialize(ctx, s.image(i), s.Workers); err != nil {
			return nil, err
		}
	}
	return m, m.bind()
}

// bind puts the target to the picture's outputs.
func (m *Meter) bind() error {
	s := &m.setup
	clean, err := target.Outputs(s.Target, s.Plan, m.views[picture])
	if err == nil {
		m.bound, err = s.Target.Bind(clean)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSetup, err)
	}
	m.base = make([]float32, len(m.bound.Items()))
	m.bound.Scorer().Score(m.base, clean)
	m.crew = target.NewCrew(s.Target, s.Plan, m.bound, clean, nil, s.Workers)
	return nil
}

// same says whether two numbers have the same bits.
func same(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }

// Items are what is measured, and Base their scores on the picture.
func (m *Meter) Items() []target.Item { return m.bound.Items() }

// Bound is the target on the picture.
func (m *Meter) Bound() target.Bound { return m.bound }

// Base are the picture's own scores of Items.
func (m *Meter) Base() []float32 { return m.base }

// Points is the number of points of the two curves of an order.
func (m *Meter) Points() int { return 2 * len(m.counts) }

// MultiplyAdds counts what all points so far would have taken by whole runs of
// plain sums, and what was spent.
func (m *Meter) MultiplyAdds() (whole, spent int64) { return m.whole.Load(), m.spent.Load() }

// Curves measures an order of all pixels, the most important first, by the scores
// of one of Items. done, if not nil, is called from several goroutines with the number
// of points that were just finished.
func (m *Meter) Curves(ctx context.Context, order []int, item int, done func(points int)) (deletion, insertion Curve, err error) {
	if item < 0 || item >= len(m.base) {
		return deletion, insertion, fmt.Errorf("%w: item %d, there are 0 to %d", ErrSetup, item, len(m.base)-1)
	}
	place, err := places(order, m.pixels)
	if err != nil {
		return deletion, insertion, err
	}
	shares := make([]float64, len(m.counts))
	for k, n := range m.counts {
		shares[k] = float64(n) / float64(m.pixels)
	}
	deletion, insertion = Curve{shares, make([]float64, len(shares))}, Curve{shares, make([]float64, len(shares))}
	points := append(m.points(order, place, removed, picture, deletion.Scores), m.points(order, place, picture, start, insertion.Scores)...)
	for from, v := range m.views {
		var group []point
		for _, p := range points {
			if p.from == from {
				group = append(group, p)
			}
		}
		if err := m.ask(ctx, v, group, item, done); err != nil {
			return Curve{}, Curve{}, err
		}
	}
	return deletion, insertion, nil
}

// places turns an order around: the rank of each pixel. Each must be there once.
func places(order []int, pixels int) ([]int32, error) {
	place := make([]int32, pixels)
	for i := range place {
		place[i] = -1
	}
	for rank, p := range order {
		if p < 0 || p >= pixels || place[p] >= 0 {
			return nil, fmt.Errorf("%w: pixel %d of an order is not one of %d, or twice there", ErrSetup, p, pixels)
		}
		place[p] = int32(rank)
	}
	if len(order) != pixels {
		return nil, fmt.Errorf("%w: an order of %d pixels, the network reads %d", ErrSetup, len(order), pixels)
	}
	return place, nil
}

// point is a point of a curve: the first count pixels of an order are those of
// one image, the others those of another, which is a change of the image from in
// rect.
type point struct {
	first, rest []float32
	place       []int32 // of each pixel in the order
	count       int
	from        int
	rect        region.Rect
	score       *float64
}

// points are those of one curve, each as a change of whichever of its two images
// costs less.
func (m *Meter) points(order []int, place []int32, first, rest int, scores []float64) []point {
	p := m.setup.Plan
	plane := p.InputPlane()
	a, b := m.setup.image(first), m.setup.image(rest)
	differs := func(pixel int) bool {
		return !slices.EqualFunc(a[pixel*plane.C:(pixel+1)*plane.C], b[pixel*plane.C:(pixel+1)*plane.C], same)
	}
	// boxes gives the rectangles around what differs of the pixels order[at(i)]
	// for i below each count.
	boxes := func(at func(i int) int, count func(k int) int) []region.Rect {
		var box region.Rect
		rects := make([]region.Rect, len(m.counts))
		i := 0
		for k := range rects {
			for ; i < count(k); i++ {
				if q := order[at(i)]; differs(q) {
					box = box.Union(region.Rect{Y: region.Span{Lo: q / plane.W, Hi: q/plane.W + 1}, X: region.Span{Lo: q % plane.W, Hi: q%plane.W + 1}})
				}
			}
			rects[k] = box
		}
		return rects
	}
	n := len(m.counts)
	changed := boxes(func(i int) int { return i }, func(k int) int { return m.counts[k] })
	left := boxes(func(i int) int { return m.pixels - 1 - i }, func(k int) int { return m.pixels - m.counts[n-1-k] })
	points := make([]point, n)
	for k := range points {
		points[k] = point{a, b, place, m.counts[k], rest, changed[k], &scores[k]}
		if other := left[n-1-k]; p.Count(other) < p.Count(changed[k]) {
			points[k].from, points[k].rect = first, other
		}
	}
	return points
}

// ask answers points that are changes of one image.
func (m *Meter) ask(ctx context.Context, v *incremental.Views, points []point, item int, done func(int)) error {
	s := &m.setup
	opt := incremental.Options{Workers: s.Workers, Memory: s.Memory, Done: done}
	return s.Plan.Update(ctx, v, &changes{points, s.Plan.InputPlane().W, s.Plan.InputPlane().C}, opt, func(i int, r incremental.Results) error {
		m.whole.Add(s.Plan.MultiplyAdds())
		m.spent.Add(r.MultiplyAdds())
		h := m.crew.Take()
		defer m.crew.Give(h)
		if err := h.Read(r); err != nil {
			return err
		}
		h.Score()
		*points[i].score = float64(h.Scores[item])
		return nil
	})
}

// changes are points as changes of their image.
type changes struct {
	points []point
	w, c   int // of the input
}

// Len implements incremental.Changes.
func (c *changes) Len() int { return len(c.points) }

// Rect implements incremental.Changes.
func (c *changes) Rect(i int) region.Rect { return c.points[i].rect }

// Write implements incremental.Changes.
func (c *changes) Write(i int, dst []float32) {
	p := &c.points[i]
	to := 0
	for y := p.rect.Y.Lo; y < p.rect.Y.Hi; y++ {
		for at := y*c.w + p.rect.X.Lo; at < y*c.w+p.rect.X.Hi; at++ {
			from := p.rest
			if int(p.place[at]) < p.count {
				from = p.first
			}
			to += copy(dst[to:to+c.c], from[at*c.c:])
		}
	}
}
