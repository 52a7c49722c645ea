package engine

import (
	"unsafe"

	"krypton/internal/engine/asm"
)

// multiplyRow passes as many panels as it can over a block of a single pixel, some at a
// time, and returns the others: a single panel's few sums wait for one another, and for
// its weights, which each are read only once.
func (b *tiles) multiplyRow(panels []panel) []panel {
	c, s := b.conv, b.scratch
	if b.size != 1 || c.quads || c.Group > 1 || b.sum != nil {
		return panels
	}
	s.weights, s.biases = grow(&s.weights, asm.RowPanels), grow(&s.biases, asm.RowPanels)
	for len(panels) >= asm.RowPanels && panels[asm.RowPanels-1].valid == s.Kernels.Columns {
		for i := range s.weights {
			s.weights[i], s.biases[i] = &panels[i].weights[0], &panels[i].bias[0]
		}
		p := &panels[0]
		out := (*float32)(unsafe.Add(unsafe.Pointer(s.out[0]), 4*p.column))
		if !s.Kernels.GemmRow(s.table[:b.rowTaps], b.rowTaps, p.begin, p.end, s.weights, out, s.biases, &c.Clamp) {
			return panels
		}
		panels = panels[asm.RowPanels:]
	}
	return panels
}
