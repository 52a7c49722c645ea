package engine

import (
	"krypton/internal/region"
	"krypton/internal/softmax"
)

// Attention is a Product whose rows are normalized as Softmax does and multiplied by other
// matrices: what Scores gives, in rows of its own, is never there as a whole. Each number is
// computed as the three do one after the other.
type Attention struct {
	// Scores is the first product; where it would lie counts for Between alone.
	Scores Product
	// Between are done with the scores, one after the other, before they are normalized:
	// biases and masks.
	Between []Between
	// Values is the second: its left matrices are the scores, pair by pair and row by row, so
	// that Left does not count.
	Values Product
	// Windows, if not nil, are sets of pixels none of which has to do with the others': see
	// SetWindows. Regions are then computed, else only whole outputs.
	Windows *Windows
}

// Between combines scores with constants that are broadcast over them, as a Table or a
// Select of the plane in which the first product would lay them does, runs being rows of
// scores. One of the two is not nil.
type Between struct {
	Table  *Table
	Select *Select
	// Pairs says of each pair of matrices whether this changes anything there.
	Pairs []bool
}

// Windows says which pixels the pairs of an Attention have to do with: those of a row of
// windows and of a column of them. Pixels of all inputs and of the output are numbered alike.
type Windows struct {
	region.Blocks
	// Rects hold each pair's pixels.
	Rects []region.Rect
}

// scoreNumbers bounds the scores that are there at a time: they and what they are multiplied
// by stay in a second-level cache.
const scoreNumbers = 96 << 10

// MultiplyAdds implements Primitive.
func (a *Attention) MultiplyAdds() int64 {
	scores := a.Numbers() * int64(len(a.Scores.Left.Column)) / int64(a.Values.Pixels)
	return scores + a.Numbers()*int64(len(a.Values.Right.Column))/int64(a.Values.Pixels)
}

// Numbers is how many scores there are.
func (a *Attention) Numbers() int64 {
	return int64(len(a.Scores.OutBatch)) * int64(len(a.Scores.OutRow)) * int64(len(a.Scores.Right.Column))
}

// Run implements Primitive.
func (a *Attention) Run(s *Scratch, jobs []Job) { a.RunParts(s, jobs, 0, a.Parts()) }

// blocks is in how many blocks the rows of a pair are computed.
func (a *Attention) blocks() int {
	most := max(1, min(blockRows, scoreNumbers/len(a.Scores.Right.Column)))
	return (len(a.Scores.OutRow) + most - 1) / most
}

// Parts implements Divided.
func (a *Attention) Parts() int { return len(a.Scores.OutBatch) * a.blocks() }

// RunParts implements Divided.
func (a *Attention) RunParts(s *Scratch, jobs []Job, lo, hi int) {
	n, blocks, rows := len(a.Scores.Right.Column), a.blocks(), len(a.Scores.OutRow)
	grow(&s.sink, max(n, len(a.Values.Right.Column)))
	for i := range jobs {
		j := &jobs[i]
		if a.Windows != nil && j.Rect != a.Windows.Plane() {
			a.windowed(s, j, lo, hi)
			continue
		}
		left, right, values := a.Scores.Left.of(s, j), a.Scores.Right.of(s, j), a.Values.Right.of(s, j)
		for part := lo; part < hi; part++ {
			b, from, to := part/blocks, rows*(part%blocks)/blocks, rows*(part%blocks+1)/blocks
			a.pair(s, b, left, right, values, a.Scores.Left.Row[from:to], a.Scores.OutRow[from:to], j.Out[a.Values.OutBatch[b]:], a.Values.OutRow[from:to])
		}
	}
}

// pair computes rows of a pair, each of which begins where left and out say, scoreRows where
// its scores would.
func (a *Attention) pair(s *Scratch, b int, left, right, values []float32, leftRows, scoreRows []int32, out []float32, outRows []int32) {
	n := len(a.Scores.Right.Column)
	at := grow(&s.places, len(outRows))
	for i := range at {
		at[i] = int32(i * n)
	}
	scores := grow(&s.scores, len(at)*n)
	a.Scores.block(s, left[a.Scores.Left.Batch[b]:], leftRows, right[a.Scores.Right.Batch[b]:], scores, at)
	for i := range a.Between {
		if x := &a.Between[i]; x.Pairs[b] {
			x.run(s, scores, n, a.Scores.OutBatch[b], scoreRows)
		}
	}
	softmax.Rows(scores, scores, n, false)
	a.Values.block(s, scores, at, values[a.Values.Right.Batch[b]:], out, outRows)
}

// Constants is what is read, and where from.
func (x *Between) Constants() *Table {
	if x.Table == nil {
		return &x.Select.Table
	}
	return x.Table
}

// run changes rows of n scores, which would begin at first and rows.
func (x *Between) run(s *Scratch, scores []float32, n int, first int32, rows []int32) {
	t := x.Constants()
	width := n // of a row of constants
	if t.Single {
		width = 0
	}
	begins := func(i int) int { return int(t.Rows[int(first+rows[i])/n]) }
	for i := 0; i < len(rows); {
		at, count := begins(i), 1 // rows whose constants lie as they do
		for i+count < len(rows) && begins(i+count) == at+count*width {
			count++
		}
		part := scores[i*n:][:count*n]
		if x.Select != nil {
			x.Select.replace(part, t.Const[at:], part)
		} else {
			s.Kernels.Combine(t.Operation, part, t.Const[at:], part, 1, 0, len(part), t.Single)
		}
		i += count
	}
}

// windowed computes those pixels of a region that pairs [lo, hi) make.
func (a *Attention) windowed(s *Scratch, j *Job, lo, hi int) {
	reads, in := a.Windows.Reads(j.Rect), s.sources[:0]
	for i := range j.In {
		in = append(in, j.within(s, i, reads))
	}
	s.sources = in
	composed := func(m *Matrix) []float32 {
		if m.Const != nil {
			return m.Const[m.First:]
		}
		return in[m.In][m.First:]
	}
	left, right, values := composed(&a.Scores.Left), composed(&a.Scores.Right), composed(&a.Values.Right)
	_, w := a.Windows.Size()
	c, wide := a.Values.channels(), j.Rect.X.Len()
	for b := lo; b < hi; b++ {
		if a.Windows.Rects[b].Intersect(j.Rect).Empty() {
			continue
		}
		leftRows, scoreRows, outRows := s.rowsOf[0][:0], s.rowsOf[1][:0], s.rowsOf[2][:0]
		for r, o := range a.Values.OutRow {
			o += a.Values.OutBatch[b]
			y, x := int(o)/c/w, int(o)/c%w
			if y < j.Rect.Y.Lo || y >= j.Rect.Y.Hi || x < j.Rect.X.Lo || x >= j.Rect.X.Hi {
				continue
			}
			leftRows, scoreRows = append(leftRows, a.Scores.Left.Row[r]), append(scoreRows, a.Scores.OutRow[r])
			outRows = append(outRows, int32(((y-j.Rect.Y.Lo)*wide+x-j.Rect.X.Lo)*c+int(o)%c))
		}
		s.rowsOf = [3][]int32{leftRows, scoreRows, outRows}
		if len(outRows) > 0 {
			a.pair(s, b, left, right, values, leftRows, scoreRows, j.Out, outRows)
		}
	}
}

// SetWindows finds out whether pairs make pixels of those pixels alone that they read, the
// planes of in and out being of one size, and these sets are where rows of windows and
// columns of them meet; if so regions are computed from then on.
func (a *Attention) SetWindows(in []Plane, out Plane) bool {
	a.Windows = nil
	pairs := len(a.Scores.OutBatch)
	if out.H*out.W == 1 || a.blocks() > 1 || a.Scores.Left.Const != nil || out.C != a.Values.channels() {
		return false
	}
	for _, p := range in {
		if p.H != out.H || p.W != out.W {
			return false
		}
	}
	w := &Windows{Blocks: region.NewBlocks(out.H, out.W), Rects: make([]region.Rect, pairs)}
	mask, all := region.NewMask(out.H, out.W), 0
	for b := range pairs {
		mask.Clear()
		for _, o := range a.Values.OutRow {
			p := int(o+a.Values.OutBatch[b]) / out.C
			mask.Add(region.Pixel(p/out.W, p%out.W))
		}
		w.Rects[b] = mask.Bounds()
		if mask.Area() != len(a.Values.OutRow) || !w.Add(mask) {
			return false
		}
		all += mask.Area()
		for _, m := range []struct {
			*Matrix
			pixels, channels []int32
		}{{&a.Scores.Left, a.Scores.Left.Row, a.Scores.Left.Column}, {&a.Scores.Right, a.Scores.Right.Column, a.Scores.Right.Row}, {&a.Values.Right, a.Values.Right.Row, a.Values.Right.Column}} {
			if m.Const != nil {
				continue
			}
			c := in[m.In].C
			for _, o := range m.pixels {
				first := m.First + int(m.Batch[b]) + int(o)
				p := first / c
				if !mask.Has(p/out.W, p%out.W) {
					return false
				}
				for _, k := range m.channels {
					if (first+int(k))/c != p {
						return false
					}
				}
			}
		}
	}
	if all*len(a.Values.Right.Column) != out.Len() || w.Whole() {
		return false
	}
	a.Windows = w
	return true
}
