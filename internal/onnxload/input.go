package onnxload

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/tensor"
)

// ErrBind says that a value does not fit the input that it is given to, or that there
// is no such input.
var ErrBind = errors.New("cannot be bound")

// ErrWith says that an input cannot be joined to the picture's.
var ErrWith = errors.New("cannot be covered together")

// InputsError says that inputs have no value: besides the picture's, or where it is not
// known which one that is.
type InputsError struct {
	// Picture is the picture's input, "" if nobody knows.
	Picture string
	// Free are the inputs without a value, but for the picture's.
	Free []graph.Declared
}

// Error implements error.
func (e *InputsError) Error() string {
	var names []string
	for _, d := range e.Free {
		names = append(names, fmt.Sprintf("%q (%s [%s])", d.Name, d.Elem, strings.Join(d.Dims, " ")))
	}
	if len(names) > 8 {
		names = append(names[:8], fmt.Sprintf("and %d more", len(names)-8))
	}
	list := strings.Join(names, ", ")
	if e.Picture != "" {
		return fmt.Sprintf("%v: besides the picture %q these inputs need a value: %s", ErrModel, e.Picture, list)
	}
	return fmt.Sprintf("%v: the model has %d inputs: %s", ErrModel, len(e.Free), list)
}

// Unwrap says what kind of error it is.
func (e *InputsError) Unwrap() error { return ErrModel }

// usual are inputs that exporters always call so, with what they hold for a picture of h
// by w pixels that is the network's own input: im_shape and scale_factor of
// PaddleDetection (older files have im_size), image_shape of the YOLOv3 of keras-yolo3,
// im_info of Caffe2's detectors, orig_target_sizes of RT-DETR and its like, which wants
// the width first. So boxes come in pixels of the network's input.
var usual = map[string]func(h, w float64) []float64{
	"im_shape":          func(h, w float64) []float64 { return []float64{h, w} },
	"im_size":           func(h, w float64) []float64 { return []float64{h, w} },
	"image_shape":       func(h, w float64) []float64 { return []float64{h, w} },
	"scale_factor":      func(float64, float64) []float64 { return []float64{1, 1} },
	"im_info":           func(h, w float64) []float64 { return []float64{h, w, 1} },
	"orig_target_sizes": func(h, w float64) []float64 { return []float64{w, h} },
}

// picture finds the picture's input among those that have no value, with those behind it
// that are joined to it, and gives the others theirs.
func (b *builder) picture(free []valueInfo) ([]valueInfo, error) {
	with, free, err := b.with(free)
	if err != nil {
		return nil, err
	}
	found, err := b.onePicture(free)
	if err == nil && len(found) == 1 {
		err = b.fixed(found[0])
	}
	if err == nil && len(with) > 0 && len(found) != 1 {
		err = fmt.Errorf("inputs %s %w: there is none beside them for the picture", strings.Join(b.opt.With, ", "), ErrWith)
	}
	return append(found, with...), err
}

// fixed refuses a size that is given for a picture whose own the file says.
func (b *builder) fixed(v valueInfo) error {
	if b.opt.Size[0] <= 0 {
		return nil
	}
	var own []string
	other, open := false, false
	dims := b.channels(v)
	for k, d := range dims {
		if want := b.sized(dims, k); want > 0 && (k > 0 || len(v.dims) < 3) {
			own = append(own, d.String())
			other = other || d.value > 0 && d.value != int64(want)
			open = open || d.value <= 0 || d.value == int64(want)
		}
	}
	// Of a series any of its axes may be time.
	if !other || len(dims) < 4 && open {
		return nil
	}
	return fmt.Errorf("%w %dx%d: input %q is of %s", ErrSize, b.opt.Size[0], b.opt.Size[1], v.name, strings.Join(own, "x"))
}

// onePicture finds the picture's input alone.
func (b *builder) onePicture(free []valueInfo) ([]valueInfo, error) {
	name := b.opt.Input
	if name != "" && !slices.ContainsFunc(free, func(v valueInfo) bool { return v.name == name }) {
		var has []string
		for _, v := range free {
			has = append(has, v.name)
		}
		return nil, fmt.Errorf("%w %q: the model has %s", ErrInput, name, strings.Join(has[:min(len(has), 20)], ", "))
	}
	var pictures, others []valueInfo
	for _, v := range free {
		if name == "" && (len(free) == 1 || usual[v.name] == nil) || name != "" && v.name == name {
			pictures = append(pictures, v)
		} else {
			others = append(others, v)
		}
	}
	if len(others) == 0 && len(pictures) <= 1 {
		return free, nil
	}
	if len(pictures) != 1 {
		return nil, inputsError("", free)
	}
	info, err := b.inputInfo(pictures[0])
	if err != nil {
		return nil, err
	}
	var missing []valueInfo
	for _, v := range others {
		if !b.bindUsual(v, info.Shape) {
			missing = append(missing, v)
		}
	}
	if missing != nil {
		return nil, inputsError(pictures[0].name, missing)
	}
	return pictures, nil
}

func inputsError(picture string, free []valueInfo) error {
	e := &InputsError{Picture: picture}
	for _, v := range free {
		e.Free = append(e.Free, v.declared())
	}
	return e
}

// bindUsual gives an input that has one of the usual names its value, if that fits.
func (b *builder) bindUsual(v valueInfo, picture []int) bool {
	of := usual[v.name]
	if of == nil || len(picture) != 4 {
		return false
	}
	h, w := picture[2], picture[3]
	if graph.ChannelsLast(picture, b.opt.Layout) {
		h, w = picture[1], picture[2]
	}
	values := of(float64(h), float64(w))
	if b.bindOne(v, tensor.New(values, len(values))) != nil {
		return false
	}
	b.g.Facts.Bound = append(b.g.Facts.Bound, graph.Bound{Name: v.name, Values: values})
	return true
}

// bind makes constants of the inputs that were given a value.
func (b *builder) bind() error {
	names := sortedNames(b.opt.Bind)
	for _, name := range names {
		i := slices.IndexFunc(b.m.graph.inputs, func(v valueInfo) bool { return v.name == name })
		if i < 0 || b.m.graph.initializers[name] != nil {
			var has []string
			for _, d := range b.g.Facts.Inputs {
				has = append(has, d.Name)
			}
			return fmt.Errorf("%q %w: the model has the inputs %s", name, ErrBind, strings.Join(has[:min(len(has), 20)], ", "))
		}
		if !b.needed[name] {
			continue
		}
		if err := b.bindOne(b.m.graph.inputs[i], b.opt.Bind[name]); err != nil {
			return fmt.Errorf("input %q (%s %v) %w: %w", name, b.m.graph.inputs[i].elem, b.m.graph.inputs[i].declared().Dims, ErrBind, err)
		}
	}
	return nil
}

func (b *builder) bindOne(v valueInfo, t *tensor.Tensor) error {
	shape, err := b.boundShape(v, t)
	if err != nil {
		return err
	}
	to := v.elem
	if b.widens(to) {
		to = tensor.Float32
		b.types[v.elem] = true
	}
	t, err = fitted(t, to, shape)
	if err != nil {
		return err
	}
	b.add(v.name, op.Info{Type: t.DType(), Shape: t.Shape, Value: t}, -1)
	return nil
}

// boundShape is the shape of an input that gets a value: where the file leaves it open,
// the value's own.
func (b *builder) boundShape(v valueInfo, t *tensor.Tensor) ([]int, error) {
	if !v.shaped {
		return t.Shape, nil
	}
	shape := make([]int, len(v.dims))
	known, open := 1, -1
	for i, d := range v.dims {
		n := int(d.value)
		if x, ok := b.opt.Dims[d.symbol]; ok && d.symbol != "" {
			n = x
		}
		if n < 0 || n == 0 && i == 0 {
			switch {
			case len(t.Shape) == len(v.dims):
				n = t.Shape[i]
			case i == 0 && len(v.dims) > 1 || b.batch(d.symbol):
				n = 1
			case open >= 0:
				return nil, fmt.Errorf("its shape is open: say it before a number (%s:0), or give it a .npy of the whole shape", v.shapeText())
			default:
				open = i
				continue
			}
		}
		if n > tensor.MaxElements || known*max(n, 1) > tensor.MaxElements {
			return nil, tensor.ErrSize
		}
		shape[i], known = n, known*max(n, 1)
	}
	if open >= 0 {
		if t.Len() == 1 && len(t.Shape) == 0 {
			return nil, fmt.Errorf("its shape is open: say it before the number (%s:0), or give it a .npy", v.shapeText())
		}
		shape[open] = t.Len() / known
	}
	return shape, nil
}

// batch says whether a name of a length is that of the batch, which is 1: it comes first in
// an input of several axes.
func (b *builder) batch(symbol string) bool {
	return symbol != "" && slices.ContainsFunc(b.m.graph.inputs, func(v valueInfo) bool {
		return b.m.graph.initializers[v.name] == nil && len(v.dims) > 1 && v.dims[0].symbol == symbol
	})
}

// shapeText is a shape as people write one that they fill, with 1 for what is open.
func (v valueInfo) shapeText() string {
	var lengths []string
	for _, d := range v.dims {
		lengths = append(lengths, fmt.Sprint(max(d.value, 1)))
	}
	return strings.Join(lengths, "x")
}

// maxBound bounds the elements of a value that is made for an input.
const maxBound = 1 << 26

// fitted converts a value to a type and a shape: a scalar fills the shape, everything
// else must have as many elements, and, but for lists, the shape itself or one that
// differs from it in axes of length 1.
func fitted(t *tensor.Tensor, to tensor.DType, shape []int) (*tensor.Tensor, error) {
	n, err := tensor.Size(shape)
	if err != nil {
		return nil, err
	}
	long := func(s []int) []int { return slices.DeleteFunc(slices.Clone(s), func(d int) bool { return d == 1 }) }
	fill := len(t.Shape) == 0
	switch {
	case fill:
	case t.Len() != n:
		return nil, fmt.Errorf("%d numbers are given, it has %d", t.Len(), n)
	case len(t.Shape) > 1 && !slices.Equal(long(t.Shape), long(shape)):
		return nil, fmt.Errorf("a value of shape %v is given", t.Shape)
	}
	if t.DType() == to && !fill {
		return &tensor.Tensor{Shape: shape, Data: t.Data}, nil
	}
	if n > maxBound {
		return nil, fmt.Errorf("it is too large to be bound")
	}
	out, err := tensor.Make(to, shape...)
	if err != nil {
		return nil, err
	}
	for i := range n {
		k := i
		if fill {
			k = 0
		}
		if err := setNumber(out, i, t, k); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// setNumber writes element k of a tensor into element i of another of any type, if it
// holds the number.
func setNumber(to *tensor.Tensor, i int, from *tensor.Tensor, k int) error {
	n, f, whole := number(from, k)
	integer := func(lo, hi int64) error {
		if !whole || n < lo || n > hi {
			return fmt.Errorf("%v is no number of type %v", f, to.DType())
		}
		return nil
	}
	var err error
	switch d := to.Data.(type) {
	case []float32:
		if d[i] = float32(f); math.IsInf(float64(d[i]), 0) && !math.IsInf(f, 0) {
			err = integer(1, 0)
		}
	case []float64:
		d[i] = f
	case []bool:
		err, d[i] = integer(0, 1), n == 1
	case []int8:
		err, d[i] = integer(math.MinInt8, math.MaxInt8), int8(n)
	case []int16:
		err, d[i] = integer(math.MinInt16, math.MaxInt16), int16(n)
	case []int32:
		err, d[i] = integer(math.MinInt32, math.MaxInt32), int32(n)
	case []int64:
		err, d[i] = integer(math.MinInt64, math.MaxInt64), n
	case []uint8:
		err, d[i] = integer(0, math.MaxUint8), uint8(n)
	case []uint16:
		err, d[i] = integer(0, math.MaxUint16), uint16(n)
	case []uint32:
		err, d[i] = integer(0, math.MaxUint32), uint32(n)
	case []uint64:
		err, d[i] = integer(0, math.MaxInt64), uint64(n)
	default:
		err = fmt.Errorf("inputs of type %v are not supported", to.DType())
	}
	return err
}

// number reads a tensor's element: n is it exactly if it is whole.
func number(t *tensor.Tensor, k int) (n int64, f float64, whole bool) {
	switch d := t.Data.(type) {
	case []float32:
		f = float64(d[k])
	case []float64:
		f = d[k]
	case []tensor.Half:
		f = float64(d[k].Float32())
	case []uint64:
		f = float64(d[k])
	case []int64:
		return d[k], float64(d[k]), true
	case []int32:
		n, whole = int64(d[k]), true
	case []int16:
		n, whole = int64(d[k]), true
	case []int8:
		n, whole = int64(d[k]), true
	case []uint32:
		n, whole = int64(d[k]), true
	case []uint16:
		n, whole = int64(d[k]), true
	case []uint8:
		n, whole = int64(d[k]), true
	case []bool:
		if whole = true; d[k] {
			n = 1
		}
	}
	if whole {
		return n, float64(n), true
	}
	if f == math.Trunc(f) && math.Abs(f) < 1<<63 {
		return int64(f), f, true
	}
	return 0, f, false
}

// handsOn are the operators that move the elements of their first input and look at
// none: what is carried in float32 stays so.
var handsOn = map[string]bool{"Identity": true, "Reshape": true, "Transpose": true, "Squeeze": true, "Unsqueeze": true, "Flatten": true, "Slice": true, "Gather": true, "Split": true}

// solid gives a carried value in its own type.
func (b *builder) solid(id graph.ValueID) (graph.ValueID, error) {
	if k, ok := b.cast[id]; ok {
		return k, nil
	}
	v, to := b.g.Values[id], b.carried[id]
	out, err := b.insert(v.Name+" as "+to.String(), "Cast", &op.Cast{To: to}, op.Info{Type: to, Shape: v.Info.Shape}, id)
	if err != nil {
		return 0, err
	}
	b.cast[id] = out
	return out, nil
}

// insert puts a node of the plain operators into the graph that the file does not have,
// behind those that are there.
func (b *builder) insert(name, operator string, o op.Operator, out op.Info, in ...graph.ValueID) (graph.ValueID, error) {
	def, err := op.Lookup(operator, int(plainOpset[""]))
	if err != nil {
		return 0, err
	}
	n := &graph.Node{Name: name, Def: def, Op: o, Opset: int(plainOpset[""]), In: in}
	infos := make([]*op.Info, len(in))
	for i, id := range in {
		infos[i] = &b.g.Values[id].Info
	}
	n.Locality = op.LocalityOf(n.Op, infos, []op.Info{out})
	b.g.Nodes = append(b.g.Nodes, n)
	n.Out = []graph.ValueID{b.add("", out, len(b.g.Nodes)-1)}
	b.g.Values[n.Out[0]].Name = name
	return n.Out[0], nil
}

// zeroPoint notes which number of a picture's input stands for 0, where the operator
// that reads it says so: all of them have the zero point as third input.
func (b *builder) zeroPoint(n *graph.Node, in []*op.Info) {
	if len(n.In) == 0 || b.g.Pixels.Type == 0 || in[0] == nil || in[0].Type != b.g.Pixels.Type {
		return
	}
	read := false
	for _, solid := range b.cast {
		read = read || solid == n.In[0]
	}
	zero := 0
	switch {
	case !read || !strings.HasPrefix(n.Def.Name, "QLinear") && n.Def.Name != "DequantizeLinear" && n.Def.Name != "ConvInteger":
		return
	case len(in) > 2 && in[2] != nil:
		if in[2].Value == nil || in[2].Value.Len() != 1 || in[2].Type != b.g.Pixels.Type {
			return
		}
		w, err := fitted(in[2].Value, tensor.Int64, []int{1})
		if err != nil {
			return
		}
		zero = int(w.Data.([]int64)[0])
	}
	b.g.Pixels.Zero = &zero
}
