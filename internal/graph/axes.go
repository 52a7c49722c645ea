package graph

import (
	"fmt"
	"slices"
	"strings"

	"krypton/internal/op"
)

// SeriesLayouts are the layouts of series: n is the batch of one, c channels, t time, 1 an
// axis of length 1.
var SeriesLayouts = []string{"nct", "ntc", "nt", "ct", "tc", "tnc", "n1ct", "n1tc", "nc1t", "nt1c", "nct1", "ntc1"}

// Axes says which axes of an input are the rows, columns and channels of its plane, -1 for
// those that it does not have: they are of length 1.
type Axes struct {
	Row, Column, Channel int
	// Time is the axis that is time in a series, -1 of a picture; Lead that of a series'
	// channels, -1 if it has one.
	Time, Lead int
}

// InputAxes finds the axes of the input that changes. ok is false where its shape is neither
// that of a picture nor of a series, err where layout does not fit it. Layout is nchw, nhwc,
// one of SeriesLayouts, or "" to tell from what reads the input, and from its shape.
func (g *Graph) InputAxes(input ValueID, layout string) (a Axes, ok bool, err error) {
	shape := g.Values[input].Info.Shape
	letters := seriesLetters(layout, len(shape))
	if letters != "" && !fitsLetters(letters, shape) {
		if letters == layout {
			return a, false, fmt.Errorf("layout %s does not fit the input %q of shape %v", layout, g.Values[input].Name, shape)
		}
		letters = ""
	}
	if letters == "" && len(shape) == 4 {
		a, ok = pictureAxes(shape, layout)
		return a, ok, nil
	}
	if slices.Contains(shape, 0) || len(shape) < 2 || len(shape) > 4 {
		return a, false, nil
	}
	if letters == "" || strings.Contains(letters, "1") { // what 1 stands for is the layer's to say
		a, ok = g.tracedAxes(input)
	}
	if !ok {
		a, ok = shapeAxes(shape, letters)
	}
	if ok {
		a.setTime(shape, letters)
	}
	return a, ok, nil
}

// seriesLetters is the layout of a series of so many axes, "" for none: nchw and nhwc say of
// three axes which are channels.
func seriesLetters(layout string, rank int) string {
	switch {
	case slices.Contains(SeriesLayouts, layout):
		return layout
	case rank == 3 && layout == "nchw":
		return "nct"
	case rank == 3 && layout == "nhwc":
		return "ntc"
	}
	return ""
}

// fitsLetters says whether a shape has as many axes as letters, those of length 1 where they
// say so.
func fitsLetters(letters string, shape []int) bool {
	if len(letters) != len(shape) {
		return false
	}
	for i, l := range letters {
		if (l == 'n' || l == '1') && shape[i] != 1 {
			return false
		}
	}
	return true
}

// pictureAxes are those of a shape of four axes.
func pictureAxes(shape []int, layout string) (a Axes, ok bool) {
	a = Axes{Row: 2, Column: 3, Channel: 1, Time: -1, Lead: -1}
	if ChannelsLast(shape, layout) {
		a = Axes{Row: 1, Column: 2, Channel: 3, Time: -1, Lead: -1}
	}
	if shape[a.Row] == 1 { // a series in the clothes of a picture
		a.Time, a.Lead = a.Column, a.Channel
	}
	return a, shape[0] == 1 && !slices.Contains(shape, 0)
}

// shapeAxes are those of a series of which nothing is known but its shape and letters: the
// longer axis is time.
func shapeAxes(shape []int, letters string) (a Axes, ok bool) {
	a = Axes{Row: -1, Column: -1, Channel: -1}
	if letters != "" {
		a.Column, a.Channel = strings.IndexByte(letters, 't'), strings.IndexByte(letters, 'c')
		return a, true
	}
	switch {
	case len(shape) == 3 && shape[0] == 1:
		a.Channel, a.Column = 1, 2
	case len(shape) == 2 && shape[0] > 1:
		a.Channel, a.Column = 0, 1
	default:
		return a, false
	}
	if shape[a.Channel] > shape[a.Column] {
		a.Channel, a.Column = a.Column, a.Channel
	}
	return a, true
}

// setTime says which of the axes is time, and which the channels of the series.
func (a *Axes) setTime(shape []int, letters string) {
	if a.Time = strings.IndexByte(letters, 't'); a.Time < 0 {
		a.Time = a.Column
		if a.Row >= 0 && (a.Column < 0 || shape[a.Row] > shape[a.Column]) {
			a.Time = a.Row
		}
	}
	a.Lead = -1
	for _, k := range []int{a.Row, a.Column, a.Channel} {
		if k >= 0 && k != a.Time {
			a.Lead = k
		}
	}
}

// tracedAxes are those that what reads the input takes for channels and places: ok is false
// where nothing says so.
func (g *Graph) tracedAxes(input ValueID) (a Axes, ok bool) {
	shape := g.Values[input].Info.Shape
	own := make([]int, len(shape))
	for i := range own {
		own[i] = i
	}
	// For each value that is the input's numbers in other axes: which of the input's each is.
	traced := map[ValueID][]int{input: own}
	for _, n := range g.Nodes {
		at := slices.IndexFunc(n.In, func(id ValueID) bool { return id >= 0 && traced[id] != nil })
		if at < 0 || len(n.Out) == 0 {
			continue
		}
		t := traced[n.In[at]]
		if channel, row, column := rolesIn(n, at, len(t)); channel >= 0 {
			of := func(k int) int {
				if k < 0 || t[k] < 0 || shape[t[k]] == 1 {
					return -1
				}
				return t[k]
			}
			a = Axes{Row: of(row), Column: of(column), Channel: of(channel)}
			return a, a.covers(shape)
		}
		for _, out := range n.Out {
			if moved := movedAxes(n, t, g.Values[n.In[at]].Info.Shape, g.Values[out].Info.Shape); moved != nil {
				traced[out] = moved
			}
		}
	}
	return a, false
}

// covers says whether all axes of a shape that are longer than 1 are among those of a plane.
func (a *Axes) covers(shape []int) bool {
	if a.Row < 0 && a.Column < 0 { // a row of features
		return false
	}
	for i, n := range shape {
		if n > 1 && i != a.Row && i != a.Column && i != a.Channel {
			return false
		}
	}
	return true
}

// rolesIn says which axes of a node's input of so many axes are channels, rows and columns
// to it; channel is -1 where it does not care.
func rolesIn(n *Node, at, rank int) (channel, row, column int) {
	if at != 0 || rank < 2 {
		return -1, -1, -1
	}
	switch n.Op.(type) {
	case *op.Conv, *op.ConvTranspose, *op.ConvInteger, *op.QLinearConv, *op.Pool, *op.GlobalPool, *op.BatchNorm, *op.GroupNorm:
		switch rank {
		case 3:
			return 1, -1, 2
		case 4:
			return 1, 2, 3
		}
	case *op.Recurrent:
		return 2, -1, 0
	case *op.Gemm, *op.MatMul, *op.LayerNorm, *op.RMSNorm, *op.MatMulInteger, *op.QLinearMatMul, *op.QGemm:
		if rank <= 3 {
			return rank - 1, -1, rank - 2
		}
	}
	return -1, -1, -1
}

// movedAxes follows axes through a node that moves them, or keeps what lies along them; nil
// where it does something else.
func movedAxes(n *Node, t, from, to []int) []int {
	if to == nil || from == nil {
		return nil
	}
	switch o := n.Op.(type) {
	case *op.Transpose:
		perm, err := o.Permutation(len(t))
		if err != nil {
			return nil
		}
		out := make([]int, len(t))
		for i, a := range perm {
			out[i] = t[a]
		}
		return out
	case *op.Reshape, *op.Flatten, *op.Squeeze, *op.Unsqueeze:
		return reshapedAxes(t, from, to)
	}
	if k := n.Locality.Kind; (k == op.Pointwise || k == op.Rearranging) && len(to) == len(t) {
		return t
	}
	return nil
}

// reshapedAxes follows axes through a reshape that does nothing but put in and take out axes
// of length 1.
func reshapedAxes(t, from, to []int) []int {
	var long, lengths []int
	for i, n := range from {
		if n != 1 {
			long, lengths = append(long, t[i]), append(lengths, n)
		}
	}
	out := make([]int, len(to))
	for i, n := range to {
		if n == 1 {
			out[i] = -1
			continue
		}
		if len(long) == 0 || lengths[0] != n {
			return nil
		}
		out[i], long, lengths = long[0], long[1:], lengths[1:]
	}
	if len(long) > 0 {
		return nil
	}
	return out
}
