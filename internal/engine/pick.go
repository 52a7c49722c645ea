package engine

import "krypton/internal/engine/asm"

// Pick is a convolution of one group that computes the given output channels of
// this one, in their order. Every channel's sums are what they are here, bit for
// bit.
func (c *Conv) Pick(k *asm.Kernels, channels []int) *Conv {
	p := *c
	p.Out.C = len(channels)
	p.panels = nil
	for j := 0; j < len(channels); {
		n := k.PanelColumns(j, len(channels))
		to := panel{begin: c.panels[0].begin, end: c.panels[0].end, column: j, valid: min(n, len(channels)-j), bias: make([]float32, n)}
		if c.quads {
			to.scales = make([]float32, n)
		}
		for v := range to.valid {
			from := c.panelOf(channels[j+v])
			lane, width := channels[j+v]-from.column, len(from.bias)
			rows := len(from.weights) / width
			if to.weights == nil {
				to.weights = make([]float32, rows*n)
			}
			to.bias[v] = from.bias[lane]
			if c.quads {
				to.scales[v] = from.scales[lane]
			}
			for r := range rows {
				at := r*width + lane
				if c.quads {
					at = k.QuadAt(r, lane, from.end-from.begin, width)
				}
				to.weights[r*n+v] = from.weights[at]
			}
		}
		if c.quads {
			to.rows = rowBiases(k, to.weights, n, c.Y.Kernel)
			k.PackQuads(to.weights, to.end-to.begin, n)
		}
		p.panels = append(p.panels, to)
		j += n
	}
	return &p
}

// panelOf is the panel that an output channel's weights lie in.
func (c *Conv) panelOf(channel int) *panel {
	for i := range c.panels {
		if p := &c.panels[i]; channel < p.column+p.valid {
			return p
		}
	}
	panic("no such channel")
}

// Pick does for a convolution in bfloat16 what Conv.Pick does.
func (c *ConvBF16) Pick(k *asm.Kernels, channels []int) *ConvBF16 {
	return &ConvBF16{In: c.In, pairs: c.pairs.Pick(k.Pairs(), channels)}
}

// Pick does for a convolution in eight bits what Conv.Pick does.
func (c *ConvInt8) Pick(k *asm.Kernels, channels []int) *ConvInt8 {
	p := *c
	p.quads = c.quads.Pick(k, channels)
	switch whole := c.Whole.(type) {
	case *Conv:
		p.Whole = whole.Pick(k, channels)
	case *ConvBF16:
		p.Whole = whole.Pick(k, channels)
	}
	return &p
}
