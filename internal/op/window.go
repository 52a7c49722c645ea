package op

import (
	"fmt"

	"krypton/internal/region"
)

// WindowAttributes are the attributes that convolutions and poolings share.
// Lists have one entry for each spatial axis; Pads has all begins, then all
// ends. Empty lists stand for the defaults (1, and pads 0).
type WindowAttributes struct {
	Kernel, Strides, Dilations, Pads []int
	// AutoPad is NOTSET, SAME_UPPER, SAME_LOWER or VALID.
	AutoPad string
	// CeilMode rounds the number of windows up rather than down.
	CeilMode bool
}

// maxWindow bounds kernel sizes, strides, dilations and pads, so that no
// geometry can overflow.
const maxWindow = 1 << 20

// listOrNil reads a list of integers; an empty one counts as absent.
func listOrNil(a *Attributes, name string) ([]int, error) {
	v, err := a.Ints(name)
	if len(v) == 0 {
		return nil, err
	}
	return v, err
}

func readWindow(a *Attributes) (w WindowAttributes, err error) {
	if w.Kernel, err = listOrNil(a, "kernel_shape"); err != nil {
		return w, err
	}
	if w.Strides, err = listOrNil(a, "strides"); err != nil {
		return w, err
	}
	if w.Dilations, err = listOrNil(a, "dilations"); err != nil {
		return w, err
	}
	if w.Pads, err = listOrNil(a, "pads"); err != nil {
		return w, err
	}
	if w.AutoPad, err = a.OneOf("auto_pad", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"); err != nil {
		return w, err
	}
	for _, l := range []struct {
		name string
		v    []int
		low  int
	}{{"kernel_shape", w.Kernel, 1}, {"strides", w.Strides, 1}, {"dilations", w.Dilations, 1}, {"pads", w.Pads, 0}} {
		for _, x := range l.v {
			if x < l.low || x > maxWindow {
				return w, fmt.Errorf("attribute %q is %v: each entry must be from %d to %d", l.name, l.v, l.low, maxWindow)
			}
		}
	}
	return w, nil
}

// Geometry resolves the windows for a kernel over the spatial lengths in.
// Out follows the ONNX formula; with CeilMode a window that would begin in the
// trailing padding is left out. A kernel larger than its padded input is an
// error.
func (w *WindowAttributes) Geometry(kernel, in []int) ([]region.Window, error) {
	n := len(in)
	if len(kernel) != n {
		return nil, fmt.Errorf("kernel_shape %v for %d spatial axes", kernel, n)
	}
	for name, l := range map[string]int{"strides": len(w.Strides), "dilations": len(w.Dilations), "pads": len(w.Pads) / 2} {
		if l != 0 && l != n {
			return nil, fmt.Errorf("attribute %q has the wrong length for %d spatial axes", name, n)
		}
	}
	if len(w.Pads)%2 != 0 {
		return nil, fmt.Errorf("attribute \"pads\" has %d entries, want %d", len(w.Pads), 2*n)
	}
	ws := make([]region.Window, n)
	for i := range ws {
		g := region.Window{Kernel: kernel[i], Stride: 1, Dilation: 1, In: in[i]}
		if len(w.Strides) > 0 {
			g.Stride = w.Strides[i]
		}
		if len(w.Dilations) > 0 {
			g.Dilation = w.Dilations[i]
		}
		end := 0
		switch w.AutoPad {
		case "SAME_UPPER", "SAME_LOWER":
			g.Out = (in[i] + g.Stride - 1) / g.Stride
			total := max(0, (g.Out-1)*g.Stride+g.Extent()-in[i])
			g.Pad = total / 2
			if w.AutoPad == "SAME_LOWER" {
				g.Pad = total - total/2
			}
			ws[i] = g
			continue
		case "VALID":
		default:
			if len(w.Pads) > 0 {
				g.Pad, end = w.Pads[i], w.Pads[n+i]
			}
		}
		span := in[i] + g.Pad + end - g.Extent()
		if span < 0 {
			return nil, fmt.Errorf("window of extent %d is larger than the padded input %d on spatial axis %d", g.Extent(), in[i]+g.Pad+end, i)
		}
		g.Out = span/g.Stride + 1
		if w.CeilMode && span%g.Stride != 0 && g.Out*g.Stride < in[i]+g.Pad {
			g.Out++
		}
		ws[i] = g
	}
	return ws, nil
}

func outs(ws []region.Window) []int {
	o := make([]int, len(ws))
	for i, w := range ws {
		o[i] = w.Out
	}
	return o
}
