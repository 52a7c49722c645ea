package engine

import "krypton/internal/softmax"

// Attention is a Product whose rows are normalized as Softmax does and multiplied by other
// matrices: what Scores gives, in rows of its own, is never there as a whole. Each number is
// computed as the three do one after the other.
type Attention struct {
	// Scores is the first product; where it would lie does not count.
	Scores Product
	// Values is the second: its left matrices are the scores, pair by pair and row by row, so
	// that Left does not count.
	Values Product
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
	places := grow(&s.places, (rows+blocks-1)/blocks)
	for i := range places {
		places[i] = int32(i * n)
	}
	scores := grow(&s.scores, len(places)*n)
	for i := range jobs {
		j := &jobs[i]
		left, right, values := a.Scores.Left.of(s, j), a.Scores.Right.of(s, j), a.Values.Right.of(s, j)
		for part := lo; part < hi; part++ {
			b, from, to := part/blocks, rows*(part%blocks)/blocks, rows*(part%blocks+1)/blocks
			at := places[:to-from]
			a.Scores.block(s, left[a.Scores.Left.Batch[b]:], a.Scores.Left.Row[from:to], right[a.Scores.Right.Batch[b]:], scores, at)
			softmax.Rows(scores[:len(at)*n], scores[:len(at)*n], n, false)
			a.Values.block(s, scores, at, values[a.Values.Right.Batch[b]:], j.Out[a.Values.OutBatch[b]:], a.Values.OutRow[from:to])
		}
	}
}
