package obe

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"krypton/internal/engine"
	"krypton/internal/failure"
	"krypton/internal/region"
	"krypton/internal/slic"
)

// Listed is a Coverage whose patches lie one behind the other in a list, and not on a grid:
// the grid has one row, and its columns are their numbers. What the map is at each pixel
// it says itself.
type Listed interface {
	Coverage
	// Importance is what each pixel of the plane matters to each of some items, row by row,
	// given its score with each patch and that without any; NaN where nothing is covered.
	Importance(scores [][]float32, base []float32) [][]float64
}

// Listed is what the grid's patches are, nil where they lie on a grid.
func (g *Grid) Listed() Listed {
	l, _ := g.Covers.(Listed)
	return l
}

// listGrid is the grid of n patches of a list.
func listGrid(plane engine.Plane, n int, covers Listed) *Grid {
	g := &Grid{Patch: [2]int{1, 1}, Stride: [2]int{1, 1}, Ys: []int{0}, Xs: make([]int, n), Plane: [2]int{plane.H, plane.W}, Covers: covers}
	for i := range g.Xs {
		g.Xs[i] = i
	}
	return g
}

// within is the part of a plane that a region stands for.
func within(plane engine.Plane, roi Region) (region.Rect, error) {
	r := roi.Rect()
	if roi == (Region{}) {
		r = plane.Rect()
	}
	return r, inside(r, plane.H, plane.W)
}

// Segments are patches that cover one segment of the plane each.
type Segments struct {
	w      int
	rects  []region.Rect
	labels []int32 // of each pixel of the plane, -1 of those that nothing covers
}

// NewSegments is the grid of n segments of the part of a plane that a region stands for.
// labels are the numbers of the part's pixels, row by row.
func NewSegments(plane engine.Plane, roi Region, labels []int32, n int) (*Grid, error) {
	part, err := within(plane, roi)
	if err != nil {
		return nil, err
	}
	s := &Segments{w: plane.W, rects: make([]region.Rect, n), labels: make([]int32, plane.H*plane.W)}
	for i := range s.labels {
		s.labels[i] = -1
	}
	for i, l := range labels {
		y, x := part.Y.Lo+i/part.X.Len(), part.X.Lo+i%part.X.Len()
		s.labels[y*plane.W+x] = l
		s.rects[l] = s.rects[l].Union(region.Rect{Y: region.Span{Lo: y, Hi: y + 1}, X: region.Span{Lo: x, Hi: x + 1}})
	}
	return listGrid(plane, n, s), nil
}

// Rect implements Coverage.
func (s *Segments) Rect(_, x int) region.Rect { return s.rects[x] }

// Row implements Coverage.
func (s *Segments) Row(_, x, row int, cols region.Span, dst []float32) {
	for i, l := range s.labels[row*s.w+cols.Lo : row*s.w+cols.Hi] {
		if dst[i] = 0; int(l) == x {
			dst[i] = 1
		}
	}
}

// Importance implements Listed: each pixel has its segment's drop.
func (s *Segments) Importance(scores [][]float32, base []float32) [][]float64 {
	out := nowhere(len(scores), len(s.labels))
	for i, l := range s.labels {
		for k := range out {
			if l >= 0 {
				out[k][i] = float64(base[k]) - float64(scores[k][l])
			}
		}
	}
	return out
}

// nowhere are maps of n pixels for some items that nothing covers.
func nowhere(items, n int) [][]float64 {
	out := make([][]float64, items)
	for k := range out {
		out[k] = slices.Repeat([]float64{math.NaN()}, n)
	}
	return out
}

// Labels are the numbers of the segments of all pixels, row by row, -1 of those of none: not
// to be written.
func (s *Segments) Labels() []int32 { return s.labels }

// squares parts a part of a plane into about count squares, as long as nobody knows its
// segments.
func (p Patch) squares(plane engine.Plane, roi Region) (*Grid, error) {
	part, err := within(plane, roi)
	if err != nil {
		return nil, err
	}
	h, w := part.Y.Len(), part.X.Len()
	if p.Count > h*w {
		return nil, failure.As(failure.Usage, fmt.Errorf("%w: %d segments of %d pixels", ErrGrid, p.Count, h*w))
	}
	rows, cols := slic.Grid(h, w, p.Count)
	labels := make([]int32, h*w)
	for i := range labels {
		labels[i] = int32(i/w*rows/h*cols + i%w*cols/w)
	}
	return NewSegments(plane, roi, labels, rows*cols)
}

// Masks are random masks: each keeps what a coarse grid of cells says, at random places, and
// covers the rest (Petsiuk, Das and Saenko, RISE, BMVC 2018).
type Masks struct {
	part region.Rect // of the plane of h by w pixels
	h, w int
	keep float64
	grid [2]int // cells of each mask
	// pixels is how many a cell has along each axis.
	pixels [2]int
	// up are the tables that enlarge rows and columns of cells to (cells + 1) times the
	// pixels of a cell, of which a window shows: lo is the first of two cells, share that of
	// the second.
	up [2]struct {
		lo    []int
		share []float32
	}
	n    int
	seed uint64

	once   sync.Once // draws the masks
	kept   []uint64  // a bit for each cell that is, mask by mask
	shifts [][2]int32
}

// maxCells bounds the cells of all masks together.
const maxCells = 1 << 26

// masks draws the masks of a patch.
func (p Patch) masks(plane engine.Plane, roi Region, seed uint64) (*Grid, error) {
	part, err := within(plane, roi)
	if err != nil {
		return nil, err
	}
	m := &Masks{part: part, h: plane.H, w: plane.W, keep: p.Keep, grid: [2]int{p.Cells, p.Cells}, n: p.Count, seed: seed}
	size := [2]int{part.Y.Len(), part.X.Len()}
	for a := range size {
		if m.grid[a] = min(p.Cells, size[a]); size[a] > 1 && p.Cells > size[a] {
			return nil, failure.As(failure.Usage, fmt.Errorf("%w: %d cells of %d pixels", ErrGrid, p.Cells, size[a]))
		}
		m.pixels[a] = (size[a] + m.grid[a] - 1) / m.grid[a]
		m.enlarge(a, m.pixels[a])
	}
	if each := m.grid[0] * m.grid[1]; p.Count > maxCells/each {
		return nil, failure.As(failure.Usage, fmt.Errorf("%w: %d masks of %d cells are too many", ErrGrid, p.Count, each))
	}
	return listGrid(plane, p.Count, m), nil
}

// draw draws the masks, when the first is asked for.
func (m *Masks) draw() {
	each := m.grid[0] * m.grid[1]
	rng := rand.New(rand.NewPCG(m.seed, 0x72697365))
	m.kept, m.shifts = make([]uint64, (m.n*each+63)/64), make([][2]int32, m.n)
	for i := range m.shifts {
		for k := i * each; k < (i+1)*each; k++ {
			if rng.Float64() < m.keep {
				m.kept[k>>6] |= 1 << (k & 63)
			}
		}
		m.shifts[i] = [2]int32{int32(rng.IntN(m.pixels[0])), int32(rng.IntN(m.pixels[1]))}
	}
}

// Drawn are the masks as they were drawn, for those who enlarge them themselves.
type Drawn struct {
	// Part is what they cover, Cells how many cells of how many Pixels each has along an
	// axis: rows, then columns.
	Part          region.Rect
	Cells, Pixels [2]int
	// Keep is the chance that a cell was kept. Kept has a bit for each cell that was, mask
	// by mask and row by row, the lowest first.
	Keep float64
	Kept []uint64
	// Shifts are where the windows of the masks begin.
	Shifts [][2]int32
}

// Drawn gives them, not to be written.
func (m *Masks) Drawn() Drawn {
	m.once.Do(m.draw)
	return Drawn{m.part, m.grid, m.pixels, m.keep, m.kept, m.shifts}
}

// enlarge makes the table of an axis whose cells have so many pixels: bilinear, middles on
// middles, and what lies beyond the last one is as it.
func (m *Masks) enlarge(axis, pixels int) {
	n := m.grid[axis]
	out := (n + 1) * pixels
	t := &m.up[axis]
	for o := range out {
		at := (float64(o)+.5)*float64(n)/float64(out) - .5
		lo := int(math.Floor(math.Max(at, 0)))
		share := float32(math.Max(at, 0) - float64(lo))
		if lo >= n-1 {
			lo, share = n-1, 0
		}
		t.lo, t.share = append(t.lo, lo), append(t.share, share)
	}
}

// Rect implements Coverage.
func (m *Masks) Rect(int, int) region.Rect { return m.part }

// Row implements Coverage.
func (m *Masks) Row(_, x, row int, cols region.Span, dst []float32) {
	m.window(x, row, cols, dst)
	for i, v := range dst {
		dst[i] = 1 - v
	}
}

// window puts how much of each pixel the mask i keeps into dst, of the columns cols of a row
// of the plane.
func (m *Masks) window(i, row int, cols region.Span, dst []float32) {
	m.once.Do(m.draw)
	y := row - m.part.Y.Lo + int(m.shifts[i][0])
	y0, fy := m.up[0].lo[y], m.up[0].share[y]
	above, below := i*m.grid[0]+y0, i*m.grid[0]+min(y0+1, m.grid[0]-1)
	var cells [maxCellsAxis]float32 // of the row between the two
	for x := range m.grid[1] {
		a, b := m.cell(above*m.grid[1]+x), m.cell(below*m.grid[1]+x)
		cells[x] = a + float32((b-a)*fy)
	}
	at := cols.Lo - m.part.X.Lo + int(m.shifts[i][1])
	for k := range dst {
		x0, fx := m.up[1].lo[at+k], m.up[1].share[at+k]
		left, right := cells[x0], cells[min(x0+1, m.grid[1]-1)]
		dst[k] = left + float32((right-left)*fx)
	}
}

// cell is 1 if that of all masks is kept, else 0.
func (m *Masks) cell(i int) float32 { return float32(m.kept[i>>6] >> (i & 63) & 1) }

// Importance implements Listed: RISE's map less its mean over the masks,
//
//	1/(N p) Σ f_i M_i(λ) - 1/N Σ f_i
//
// for the scores f_i with N masks M_i, each of which keeps a share p of its cells: the score
// that is expected where λ is kept, against that of all masks. A mask's row is drawn once for
// all items.
func (m *Masks) Importance(scores [][]float32, _ []float32) [][]float64 {
	out, means := nowhere(len(scores), m.h*m.w), make([]float64, len(scores))
	n := float64(m.n)
	for k := range scores {
		for _, f := range scores[k] {
			means[k] += float64(f) / n
		}
	}
	row := make([]float32, m.part.X.Len())
	for y := m.part.Y.Lo; y < m.part.Y.Hi; y++ {
		at := y*m.w + m.part.X.Lo
		for k := range out {
			clear(out[k][at : at+len(row)])
		}
		for i := range m.n {
			m.window(i, y, m.part.X, row)
			for k := range out {
				sums, f := out[k][at:at+len(row)], float64(scores[k][i])
				for x, v := range row {
					sums[x] += float64(f * float64(v))
				}
			}
		}
		for k := range out {
			sums := out[k][at : at+len(row)]
			for x, v := range sums {
				sums[x] = v/(n*m.keep) - means[k]
			}
		}
	}
	return out
}

// errNoGrid says that positions have no neighbours.
var errNoGrid = errors.New("patches of a list have no neighbours: no steps, no checkerboard and no time")
