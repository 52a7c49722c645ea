package engine

import (
	"krypton/internal/caches"
	"krypton/internal/engine/asm"
)

// After a ReLU half of a layer's inputs and more are zero. Where enough of them
// are, a block of tiles is multiplied by lists of the channels that are not
// zero in any of a few neighbouring pixels. Leaving out products by zero keeps
// every bit (see asm.Kernels.GemmSparse), so that the choice is made anew for
// each block, by looking at it.

// sparseFrom is the number of inputs of a tap from which lists can pay.
const sparseFrom = 16

// sparseBelowWide is the share of channels listed below which lists pay where panels are so
// large that they pass one by one: they are read too often to be as fast as others, see
// asm.Kernels.SparseBelow. Making the lists costs as much as some columns of output. A tile
// that lists more than sparseNever is like all others of a layer whose inputs no ReLU bounds.
const (
	sparseNever     = 0.97
	sparseBelowWide = 0.55
	listColumns     = 6
)

// listed are the lanes of a tile that share lists.
type listed struct {
	tile  int // first pointer of the tile
	lanes int // of the tile
	lane  int // the first one
	out   int // first output
	list  int // where its lists begin
}

// Finite says whether all numbers are.
func Finite(w []float32) bool {
	for _, v := range w {
		if v-v != 0 { // infinities and NaN
			return false
		}
	}
	return true
}

// copyBias copies what sums begin with. Of -0 it makes 0: products by zero, which may be left
// out, change the sign of a sum that is -0, and of no other.
func copyBias(to, bias []float32) {
	for i, v := range bias {
		to[i] = v + 0
	}
}

// eachTile calls f for the tiles of the block.
func (b *tiles) eachTile(f func(tile, base, rows int)) {
	k, base := b.scratch.Kernels, 0
	for t, left := 0, b.size; left > 0; t, left = t+1, left-k.Rows {
		rows := k.TileRows(left)
		f(t, base, rows)
		base += rows * b.rowTaps
	}
}

// worthSparse looks at some tiles of the block.
func (b *tiles) worthSparse() bool {
	s := b.scratch
	// Panels beyond the second-level cache are passed over once for each
	// tile: fewer, higher tiles are better then.
	if b.size < s.Kernels.SparseRows() || b.panels[0].inputs() > 2*wideInputs {
		return false
	}
	n := b.panels[0].end
	s.lists = grow(&s.lists, b.rowTaps*(n+1)+asm.ListSlack)
	tiles := (b.size + s.Kernels.Rows - 1) / s.Kernels.Rows
	listed, all := 0, 0
	for t := 0; t < tiles; t += max(1, tiles/4) {
		rows := s.Kernels.TileRows(b.size - t*s.Kernels.Rows)
		if rows < s.Kernels.SparseRows() {
			break
		}
		listed += s.Kernels.Nonzero(s.table[t*s.Kernels.Rows*b.rowTaps:], rows, b.rowTaps, n, s.lists) - b.rowTaps
		all += b.rowTaps * n
		if float64(listed) > sparseNever*float64(all) {
			return false
		}
	}
	below, sharing := s.Kernels.SparseBelow(), 0
	if b.panels[0].wide() {
		below = sparseBelowWide
	}
	if 4*b.conv.Weights() > caches.This().Second() {
		sharing = max(1, b.size/s.Kernels.SparseRows())
	}
	below -= s.Kernels.SparseLoss(b.rowTaps*n, b.sum != nil, sharing)
	return float64(listed) < (below-listColumns/float64(b.conv.Out.C))*float64(all)
}

// list makes the lists of all pixels of the block.
func (b *tiles) list() {
	s := b.scratch
	n := b.panels[0].end
	each := b.rowTaps*(n+1) + asm.ListSlack
	s.lists = grow(&s.lists, (b.size/s.Kernels.SparseRows()+1)*each)
	s.listed = s.listed[:0]
	used := 0
	b.eachTile(func(t, base, rows int) {
		if rows < s.Kernels.SparseRows() {
			return
		}
		for lane := 0; lane < rows; lane += s.Kernels.SparseRows() {
			if lane > 0 && t*s.Kernels.Rows+lane >= b.size {
				return // lanes that only repeat
			}
			s.listed = append(s.listed, listed{base, rows, lane, t*s.Kernels.Rows + lane, used})
			used += s.Kernels.Nonzero(s.table[base+lane:], rows, b.rowTaps, n, s.lists[used:])
		}
	})
}

// wideInputs is the number of inputs of a window above which panels are passed over one by
// one, to stay in the second-level cache: two of 32 columns have 640 KB then, and two of 16,
// of processors whose caches are smaller, half of that. It is one number for all sets, as
// plans depend on it.
const wideInputs = 2560

// wide says that panels like it are passed over one by one.
func (p *panel) wide() bool { return p.inputs() > wideInputs }

// inputs is the number of inputs that the panel multiplies for a pixel.
func (p *panel) inputs() int { return len(p.weights) / len(p.bias) }

// ListsFit says whether leaving out zeros is worth much for windows of n inputs: their
// panels are not wide.
func ListsFit(n int) bool { return n <= wideInputs }

// multiplySparse passes panels, where they fit by two, over the listed lanes.
func (b *tiles) multiplySparse() {
	c, s := b.conv, b.scratch
	k := s.Kernels
	adds := func(out int) []*float32 {
		if b.sum == nil {
			return nil
		}
		return s.adds[out:]
	}
	for i := 0; i < len(b.panels); {
		p := &b.panels[i]
		if len(p.bias) < k.Columns { // a narrow last panel
			b.multiplyDense(b.panels[i:], 0)
			break
		}
		pair := [2]asm.Panel{{Weights: p.weights, Bias: p.bias}}
		n, valid := 1, p.valid
		if i+1 < len(b.panels) && len(b.panels[i+1].bias) == k.Columns && !p.wide() {
			q := &b.panels[i+1]
			pair[1] = asm.Panel{Weights: q.weights, Bias: q.bias}
			n, valid = 2, q.valid
		}
		for j := range s.listed {
			q := &s.listed[j]
			k.GemmSparse(s.table[q.tile+q.lane:], q.lanes, b.rowTaps, p.end, s.lists[q.list:], pair[:n], s.out[q.out:], p.column, &c.Clamp, valid, adds(q.out), b.sum)
		}
		i += n
	}
	if last := (b.size - 1) / k.Rows; k.TileRows(b.size-last*k.Rows) < s.Kernels.SparseRows() {
		b.multiplyDense(b.panels, last)
	}
}
