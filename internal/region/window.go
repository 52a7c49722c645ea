package region

// Window is the geometry of a sliding window along one axis: kernel size,
// stride, dilation, leading pad, and the lengths of the input and the output.
// Convolutions and all poolings share this one formula.
//
//	input   . . [ a . . b ) . .      pad positions left of 0 and right of In
//	window      |k-----|             output o reads o*Stride-Pad + t*Dilation,
//	               |k-----|          t = 0..Kernel-1
type Window struct {
	Kernel, Stride, Dilation, Pad int
	In, Out                       int
}

// Extent is the distance between the first and last input of one window, plus
// one: d(k-1)+1.
func (w Window) Extent() int { return w.Dilation*(w.Kernel-1) + 1 }

// Reach is the span of outputs that a change of the inputs s can reach:
// lo = max(0, ceil((a+p-k'+1)/stride)), hi = min(Out, floor((b-1+p)/stride)+1).
// With dilation it may hold outputs that read none of s; it never misses one.
func (w Window) Reach(s Span) Span {
	if s.Empty() {
		return Span{}
	}
	lo := ceilDiv(s.Lo+w.Pad-w.Extent()+1, w.Stride)
	hi := floorDiv(s.Hi-1+w.Pad, w.Stride) + 1
	return Span{max(0, lo), min(w.Out, hi)}.canonical()
}

// Reads is the span of inputs that the outputs o read, padding included: it
// may begin below 0 and end beyond In.
func (w Window) Reads(o Span) Span {
	if o.Empty() {
		return Span{}
	}
	return Span{o.Lo*w.Stride - w.Pad, (o.Hi-1)*w.Stride - w.Pad + w.Extent()}
}

// Read is the span of taps that some output reads an input by, padding aside, grown where the
// first of them would leave less than no padding; empty if there is none.
func (w Window) Read() Span {
	var taps Span
	for t := range w.Kernel {
		at := t*w.Dilation - w.Pad // for output 0
		o := max(0, ceilDiv(-at, w.Stride))
		if o < w.Out && o*w.Stride+at < w.In {
			taps = taps.Union(Span{t, t + 1})
		}
	}
	if !taps.Empty() {
		taps.Lo = min(taps.Lo, w.Pad/w.Dilation)
	}
	return taps
}

// Taps is the window of some of the taps alone, which make the same outputs.
func (w Window) Taps(of Span) Window {
	w.Kernel, w.Pad = of.Len(), w.Pad-of.Lo*w.Dilation
	if w.Kernel == 1 {
		w.Dilation = 1
	}
	return w
}

// Whole is the window of an operator that reads a whole axis of length n for
// its one output: global pooling, a fully connected layer.
func Whole(n int) Window {
	return Window{Kernel: n, Stride: 1, Dilation: 1, In: n, Out: 1}
}

// Identity is the window of a pointwise operator on an axis of length n.
func Identity(n int) Window {
	return Window{Kernel: 1, Stride: 1, Dilation: 1, In: n, Out: n}
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func ceilDiv(a, b int) int { return -floorDiv(-a, b) }
