package incremental

import (
	"slices"

	"krypton/internal/engine"
	"krypton/internal/graph"
)

// layout says how a value of the model lies in the memory of a plan value: for
// each ONNX axis the distance of neighbours in elements. Reshapes and
// transposes that only rename axes are layouts, not copies.
type layout struct {
	shape  []int
	stride []int
	// offset is where the first element lies: beyond 0 only on the way
	// through picked, never in a ref.
	offset int
}

// rowMajor is the ONNX order.
func rowMajor(shape []int) layout {
	l := layout{shape: append([]int{}, shape...), stride: make([]int, len(shape))}
	n := 1
	for a := len(shape) - 1; a >= 0; a-- {
		l.stride[a] = n
		n *= shape[a]
	}
	return l
}

// rowsOf is the channels-last layout of [1, C], [1, C, W] or [1, C, H, W], and
// its plane. ok is false for other shapes.
func rowsOf(shape []int) (l layout, p engine.Plane, ok bool) {
	if len(shape) < 2 || len(shape) > 4 || shape[0] != 1 {
		return l, p, false
	}
	p = engine.Plane{H: 1, W: 1, C: shape[1]}
	switch len(shape) {
	case 2:
		l.stride = []int{p.C, 1}
	case 3:
		p.W = shape[2]
		l.stride = []int{p.Len(), 1, p.C}
	case 4:
		p.H, p.W = shape[2], shape[3]
		l.stride = []int{p.Len(), 1, p.W * p.C, p.C}
	}
	l.shape = append([]int{}, shape...)
	return l, p, p.H > 0 && p.W > 0 && p.C > 0
}

// planeOf is the plane of an input with these axes, and how the input lies on it: channels
// last.
func planeOf(shape []int, a graph.Axes) (layout, engine.Plane) {
	n := func(axis int) int {
		if axis < 0 {
			return 1
		}
		return shape[axis]
	}
	p := engine.Plane{H: n(a.Row), W: n(a.Column), C: n(a.Channel)}
	l := layout{shape: append([]int{}, shape...), stride: make([]int, len(shape))}
	for i := range shape {
		switch i {
		case a.Row:
			l.stride[i] = p.W * p.C
		case a.Column:
			l.stride[i] = p.C
		case a.Channel:
			l.stride[i] = 1
		default:
			l.stride[i] = p.Len()
		}
	}
	return l, p
}

// same says whether two layouts address the same elements: axes of length 1
// may have any stride.
func (l layout) same(m layout) bool {
	if len(l.shape) != len(m.shape) || l.offset != m.offset {
		return false
	}
	for a, n := range l.shape {
		if n != m.shape[a] || n > 1 && l.stride[a] != m.stride[a] {
			return false
		}
	}
	return true
}

// transposed is the layout with axes in the order perm.
func (l layout) transposed(perm []int) layout {
	m := layout{shape: make([]int, len(perm)), stride: make([]int, len(perm)), offset: l.offset}
	for i, a := range perm {
		m.shape[i], m.stride[i] = l.shape[a], l.stride[a]
	}
	return m
}

// picked is the layout of the elements with index k on an axis, which goes.
func (l layout) picked(axis, k int) layout {
	return layout{shape: slices.Delete(slices.Clone(l.shape), axis, axis+1), stride: slices.Delete(slices.Clone(l.stride), axis, axis+1), offset: l.offset + k*l.stride[axis]}
}

// reshaped is the layout under another shape of the same size, without moving
// an element; ok is false where that is impossible. (The rule of a strided
// view: runs of axes that lie together can be split and merged.)
func (l layout) reshaped(shape []int) (m layout, ok bool) {
	m = layout{shape: append([]int{}, shape...), stride: make([]int, len(shape)), offset: l.offset}
	var oldShape, oldStride []int
	for a, n := range l.shape {
		if n == 0 {
			return rowMajor(shape), true
		}
		if n > 1 {
			oldShape, oldStride = append(oldShape, n), append(oldStride, l.stride[a])
		}
	}
	i, j := 0, 0 // next old axis, next new axis
	for i < len(oldShape) || j < len(shape) {
		// Take the shortest runs of old and new axes of equal size.
		oi, nj := i, j
		on, nn := 1, 1
		if i < len(oldShape) {
			on = oldShape[i]
			i++
		}
		if j < len(shape) {
			nn = shape[j]
			j++
		}
		for on != nn {
			switch {
			case on < nn && i < len(oldShape):
				on *= oldShape[i]
				i++
			case nn < on && j < len(shape):
				nn *= shape[j]
				j++
			default:
				return layout{}, false
			}
		}
		for a := oi; a+1 < i; a++ { // the old axes must lie together
			if oldStride[a] != oldStride[a+1]*oldShape[a+1] {
				return layout{}, false
			}
		}
		n := 1
		if oi < i {
			n = oldStride[i-1]
		}
		for a := j - 1; a >= nj; a-- {
			m.stride[a] = n
			n *= shape[a]
		}
	}
	return m, true
}

// gather copies elements in ONNX order from the memory the layout describes.
func (l layout) gather(dst, src []float32) {
	if l.same(rowMajor(l.shape)) {
		copy(dst, src[:len(dst)])
		return
	}
	at := make([]int, len(l.shape))
	from := l.offset
	for i := range dst {
		dst[i] = src[from]
		for a := len(at) - 1; a >= 0; a-- {
			from += l.stride[a]
			if at[a]++; at[a] < l.shape[a] {
				break
			}
			from -= at[a] * l.stride[a]
			at[a] = 0
		}
	}
}

// scatter is the inverse of gather: from ONNX order into the memory.
func (l layout) scatter(dst, src []float32) {
	if l.same(rowMajor(l.shape)) {
		copy(dst, src)
		return
	}
	at := make([]int, len(l.shape))
	to := l.offset
	for _, v := range src {
		dst[to] = v
		for a := len(at) - 1; a >= 0; a-- {
			to += l.stride[a]
			if at[a]++; at[a] < l.shape[a] {
				break
			}
			to -= at[a] * l.stride[a]
			at[a] = 0
		}
	}
}
