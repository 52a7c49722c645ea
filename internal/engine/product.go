package engine

import "krypton/internal/engine/asm"

// Product multiplies matrices, of two activations or of one and constants: for each of a
// batch of pairs, out[m][n] = Scale * sum over k of left[m][k]*right[k][n]. Rows and
// columns lie wherever their tables say, so that the matrices may be parts of what
// another step computed, and the result may have any order but for its last axis.
type Product struct {
	Left, Right Matrix
	// OutBatch and OutRow are where the results of each pair and of each row begin.
	OutBatch, OutRow []int32
	Scale            float32
	// Pixels is the number of pixels of the output's plane.
	Pixels int
}

// Matrix says where the matrices of an operand are: element [r][c] of matrix b is
// Batch[b]+Row[r]+Column[c] from First on.
type Matrix struct {
	In                 int       // which input
	Const              []float32 // if not nil, instead of it
	First              int
	Batch, Row, Column []int32
}

// blockRows is how many rows are multiplied at a time: as many as the pointers of a
// convolution's block.
const blockRows = 384

// Divided is a Primitive whose parts can be shared out among workers. Of regions it makes
// whole outputs alone, but for an Attention with Windows.
type Divided interface {
	Parts() int
	// RunParts computes parts [lo, hi) of the jobs.
	RunParts(s *Scratch, jobs []Job, lo, hi int)
}

// MultiplyAdds implements Primitive.
func (p *Product) MultiplyAdds() int64 {
	return int64(len(p.OutBatch)) * int64(len(p.OutRow)) * int64(len(p.Left.Column)) * int64(len(p.Right.Column)) / int64(p.Pixels)
}

// Run implements Primitive.
func (p *Product) Run(s *Scratch, jobs []Job) { p.RunParts(s, jobs, 0, p.Parts()) }

// blocks is in how many blocks the rows of a matrix are computed.
func (p *Product) blocks() int { return (len(p.OutRow) + blockRows - 1) / blockRows }

// Parts implements Divided.
func (p *Product) Parts() int { return len(p.OutBatch) * p.blocks() }

// RunParts implements Divided.
func (p *Product) RunParts(s *Scratch, jobs []Job, lo, hi int) {
	grow(&s.sink, len(p.Right.Column))
	blocks, rows := p.blocks(), len(p.OutRow)
	for i := range jobs {
		j := &jobs[i]
		left, right := p.Left.of(s, j), p.Right.of(s, j)
		for part := lo; part < hi; part++ {
			b, lo, hi := part/blocks, rows*(part%blocks)/blocks, rows*(part%blocks+1)/blocks
			p.block(s, left[p.Left.Batch[b]:], p.Left.Row[lo:hi], right[p.Right.Batch[b]:], j.Out[p.OutBatch[b]:], p.OutRow[lo:hi])
		}
	}
}

// channels is how many channels the output's pixels have.
func (p *Product) channels() int {
	return len(p.OutBatch) * len(p.OutRow) * len(p.Right.Column) / p.Pixels
}

// of is the memory of a job's matrices.
func (m *Matrix) of(s *Scratch, j *Job) []float32 {
	if m.Const != nil {
		return m.Const[m.First:]
	}
	return j.whole(s, m.In)[m.First:]
}

// block computes some rows of one product: leftRows and outRows say where these begin.
func (p *Product) block(s *Scratch, left []float32, leftRows []int32, right, out []float32, outRows []int32) {
	k, depth, n := s.Kernels, len(p.Left.Column), len(p.Right.Column)
	count := len(outRows)
	s.table, s.out = grow(&s.table, count+k.Rows), grow(&s.out, count+k.Rows)
	packed := grow(&s.gather, depth*k.Columns)
	var rows []float32
	if !consecutive(p.Left.Column) {
		rows = grow(&s.products, count*depth)
	}
	cut := k.Cut(count, depth)
	for i := range cut.Rows(k) {
		if i >= count {
			s.table[i], s.out[i] = s.table[0], &s.sink[:1][0]
			continue
		}
		s.out[i] = &out[outRows[i]]
		row := left[leftRows[i]:]
		if rows != nil {
			to := rows[i*depth:][:depth]
			for c, o := range p.Left.Column {
				to[c] = row[o]
			}
			row = to
		}
		s.table[i] = &row[0]
	}
	zeros, along := s.zeros(k.Columns), [2]bool{consecutive(p.Right.Row), consecutive(p.Right.Column)}
	for j := 0; j < n; {
		width := k.PanelColumns(j, n)
		valid := min(width, n-j)
		p.pack(packed[:depth*width], right, j, valid, width, along)
		// All tiles of a height in one call: products of few numbers take no longer than calls.
		pass := func(at, tiles, lanes int) {
			if tiles > 0 {
				k.GemmPart(s.table[at:][:tiles*lanes], 1, 0, depth, packed, s.out[at:][:tiles*lanes], j, zeros[:width], &unclamped, valid,
					asm.Part{Ahead: asm.StreamAhead, Tiles: tiles, Stride: lanes})
			}
		}
		pass(0, cut.Full, k.Rows)
		pass(cut.Full*k.Rows, cut.Low, cut.Height)
		j += width
	}
}

// pack makes a panel of columns [j, j+valid), with zeros up to width. along says whether
// elements of columns, and of rows, lie together.
func (p *Product) pack(dst, right []float32, j, valid, width int, along [2]bool) {
	if valid < width {
		clear(dst)
	}
	rows, columns := p.Right.Row, p.Right.Column[j:][:valid]
	switch {
	case along[1]:
		for r, o := range rows {
			copy(dst[r*width:][:valid], right[int(o+columns[0]):])
		}
	case along[0]:
		asm.Transpose(dst, width, right[rows[0]:], columns, len(rows))
	default:
		for r, o := range rows {
			from, to := right[o:], dst[r*width:][:valid]
			for c, o := range columns {
				to[c] = from[o]
			}
		}
	}
	if p.Scale != 1 {
		asm.RowTimes(dst, dst, p.Scale)
	}
}

// consecutive says whether a table's entries follow each other.
func consecutive(table []int32) bool {
	for i, o := range table {
		if o != table[0]+int32(i) {
			return false
		}
	}
	return true
}
