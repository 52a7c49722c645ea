package op

// TransposedAxis is the geometry of a transposed convolution along one axis: tap t of
// input i adds to output i*Stride - Pad + t*Dilation of Out.
type TransposedAxis struct{ Stride, Dilation, Pad, Out int }

// Axes gives the geometry for an input and a weight of these shapes, axis by axis.
func (c *ConvTranspose) Axes(x, w []int) ([]TransposedAxis, error) {
	s, err := c.geometry(x, w)
	if err != nil {
		return nil, err
	}
	axes := make([]TransposedAxis, len(s))
	for i, a := range s {
		axes[i] = TransposedAxis{a.stride, a.dilation, a.pad, a.out}
	}
	return axes, nil
}
