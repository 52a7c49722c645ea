package op

import (
	"fmt"
	"math"
	"slices"

	"krypton/internal/region"
	"krypton/internal/tensor"
)

// Resize interpolates along its axes: by input 2 (scales) or input 3 (sizes),
// within input 1 (roi) for tf_crop_and_resize. Upsample is Resize with scales
// of at least 1, asymmetric coordinates and rounding down.
type Resize struct {
	// Mode is nearest, linear or cubic.
	Mode string
	// Coordinates is the coordinate_transformation_mode.
	Coordinates string
	// Nearest is the nearest_mode; "simple" is operator set 10's, which
	// rounds up when it makes smaller and down otherwise.
	Nearest        string
	CubicA         float64
	Antialias      bool
	ExcludeOutside bool
	Extrapolation  float32
	// Aspect is the keep_aspect_ratio_policy.
	Aspect string

	axes                     []int     // nil for all
	scales                   []float32 // attribute of Upsample before 9
	roiIn, scalesIn, sizesIn int       // input slots, 0 if there is none
	up                       bool
}

func newResize(n *Node) (Operator, error) {
	a := n.Attr
	if n.Opset == 10 {
		mode, err := a.OneOf("mode", "nearest", "linear")
		return &Resize{Mode: mode, Coordinates: "asymmetric", Nearest: "simple", scalesIn: 1}, err
	}
	r := &Resize{roiIn: 1, scalesIn: 2, sizesIn: 3}
	coordinates := []string{"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_crop_and_resize"}
	switch {
	case n.Opset < 13:
		coordinates = append(coordinates, "tf_half_pixel_for_nn")
	case n.Opset >= 19:
		coordinates = append(coordinates, "half_pixel_symmetric")
	}
	var err error
	if r.Mode, err = a.OneOf("mode", "nearest", "linear", "cubic"); err != nil {
		return nil, err
	}
	if r.Coordinates, err = a.OneOf("coordinate_transformation_mode", coordinates...); err != nil {
		return nil, err
	}
	if r.Nearest, err = a.OneOf("nearest_mode", "round_prefer_floor", "round_prefer_ceil", "floor", "ceil"); err != nil {
		return nil, err
	}
	cubic, err := a.Float("cubic_coeff_a", -0.75)
	if err != nil {
		return nil, err
	}
	r.CubicA = float64(cubic)
	if math.IsNaN(r.CubicA) || math.IsInf(r.CubicA, 0) {
		return nil, fmt.Errorf("attribute \"cubic_coeff_a\" is %g", cubic)
	}
	if r.ExcludeOutside, err = a.Bool("exclude_outside", false); err != nil {
		return nil, err
	}
	if r.Extrapolation, err = a.Float("extrapolation_value", 0); err != nil {
		return nil, err
	}
	if n.Opset < 18 {
		return r, nil
	}
	if r.Antialias, err = a.Bool("antialias", false); err != nil {
		return nil, err
	}
	if r.Aspect, err = a.OneOf("keep_aspect_ratio_policy", "stretch", "not_larger", "not_smaller"); err != nil {
		return nil, err
	}
	r.axes, err = a.Ints("axes")
	return r, err
}

func newUpsample(n *Node) (Operator, error) {
	linear := "linear"
	if n.Opset < 7 {
		linear = "bilinear"
	}
	mode, err := n.Attr.OneOf("mode", "nearest", linear)
	if err != nil {
		return nil, err
	}
	if mode == linear {
		mode = "linear"
	}
	r := &Resize{Mode: mode, Coordinates: "asymmetric", Nearest: "floor", scalesIn: 1, up: true}
	if n.Opset >= 9 {
		return r, nil
	}
	r.scalesIn = 0
	if n.Opset < 7 {
		r.scales = []float32{1, 1, 0, 0}
		for i, name := range []string{"height_scale", "width_scale"} {
			if r.scales[2+i], err = n.Attr.Float(name, 0); err != nil {
				return nil, err
			}
		}
		return r, nil
	}
	if r.scales, err = n.Attr.Floats("scales"); err != nil {
		return nil, err
	}
	if r.scales == nil {
		return nil, fmt.Errorf("attribute \"scales\" is missing")
	}
	return r, nil
}

// resizeAxis is the resolved geometry of one axis.
type resizeAxis struct {
	in, out int
	// num/den is the scale: a given scale over 1, or a quotient of lengths,
	// kept apart so that positions that are integers come out exact.
	num, den float64
	// lo and hi are the region of interest as fractions of the axis.
	lo, hi float64
	same   bool // not resized
}

func (x *resizeAxis) scale() float64 { return x.num / x.den }

// resolve finds the geometry of all axes.
func (r *Resize) resolve(in []*Info) ([]resizeAxis, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	shape := in[0].Shape
	ax := make([]resizeAxis, len(shape))
	for a, n := range shape {
		ax[a] = resizeAxis{in: n, out: n, num: 1, den: 1, hi: 1, same: true}
	}
	axes := make([]int, len(shape))
	for a := range axes {
		axes[a] = a
	}
	if r.axes != nil {
		var err error
		if axes, err = normalAxes(r.axes, len(shape)); err != nil {
			return nil, err
		}
	}
	scales, sizes, err := r.targets(in)
	if err != nil {
		return nil, err
	}
	if n := max(len(scales), len(sizes)); n != len(axes) {
		return nil, fmt.Errorf("%d scales or sizes for %d axes of input shape %v", n, len(axes), shape)
	}
	if scales != nil {
		err = r.byScales(ax, axes, scales)
	} else {
		err = r.bySizes(ax, axes, sizes)
	}
	if err != nil {
		return nil, err
	}
	return ax, r.crop(in, ax, axes)
}

// targets returns the scales or the sizes: exactly one is not nil.
func (r *Resize) targets(in []*Info) (scales []float32, sizes []int, err error) {
	scales = r.scales
	if r.scalesIn > 0 && given(in, r.scalesIn) {
		t, err := constant(in, r.scalesIn, "scales")
		if err != nil {
			return nil, nil, err
		}
		if t.DType() != tensor.Float32 {
			return nil, nil, fmt.Errorf("input %d (scales): %w", r.scalesIn, DTypeError(t.DType()))
		}
		scales = t.Data.([]float32)
	}
	if r.sizesIn > 0 && given(in, r.sizesIn) {
		if sizes, err = constantInts(in, r.sizesIn, "sizes"); err != nil {
			return nil, nil, err
		}
	}
	// An empty tensor stands for an absent one.
	if (len(scales) > 0) == (len(sizes) > 0) && len(in[0].Shape) > 0 {
		return nil, nil, fmt.Errorf("want either scales or sizes, have %d scales and %d sizes", len(scales), len(sizes))
	}
	if len(sizes) > 0 {
		return nil, sizes, nil
	}
	return append([]float32{}, scales...), nil, nil
}

func (r *Resize) byScales(ax []resizeAxis, axes []int, scales []float32) error {
	for i, a := range axes {
		s := scales[i]
		x := &ax[a]
		// As runtimes do, the length is the float32 product rounded down.
		out := math.Floor(float64(float32(x.in) * s))
		if !(s > 0) || math.IsInf(float64(s), 0) || out > maxAxis {
			return fmt.Errorf("%w: scale %g of axis %d of length %d", tensor.ErrSize, s, a, x.in)
		}
		if r.up && s < 1 {
			return fmt.Errorf("scale %g of axis %d: want at least 1", s, a)
		}
		x.out, x.num, x.same = int(out), float64(s), s == 1
	}
	return nil
}

func (r *Resize) bySizes(ax []resizeAxis, axes []int, sizes []int) error {
	for i, a := range axes {
		n, x := sizes[i], &ax[a]
		if n < 1 || n > maxAxis || x.in < 1 {
			return fmt.Errorf("%w: size %d for axis %d of length %d", tensor.ErrSize, n, a, x.in)
		}
		x.out, x.num, x.den, x.same = n, float64(n), float64(x.in), n == x.in
	}
	if r.Aspect == "" || r.Aspect == "stretch" {
		return nil
	}
	best := ax[axes[0]]
	for _, a := range axes {
		if s := ax[a].scale(); r.Aspect == "not_larger" && s < best.scale() || r.Aspect == "not_smaller" && s > best.scale() {
			best = ax[a]
		}
	}
	for _, a := range axes {
		x := &ax[a]
		out := math.Floor(float64(x.in)*best.num/best.den + 0.5)
		if out > maxAxis {
			return fmt.Errorf("%w: scale %g of axis %d of length %d", tensor.ErrSize, best.scale(), a, x.in)
		}
		x.out, x.num, x.den = int(out), best.num, best.den
		x.same = x.num == x.den
	}
	return nil
}

// crop reads the region of interest.
func (r *Resize) crop(in []*Info, ax []resizeAxis, axes []int) error {
	if r.Coordinates != "tf_crop_and_resize" {
		return nil
	}
	t, err := constant(in, r.roiIn, "roi")
	if err != nil {
		return err
	}
	roi, err := t.Floats()
	if err != nil {
		return fmt.Errorf("input %d (roi): %w", r.roiIn, err)
	}
	if len(roi) != 2*len(axes) {
		return fmt.Errorf("input %d (roi) has %d elements for %d axes", r.roiIn, len(roi), len(axes))
	}
	for i, a := range axes {
		lo, hi := float64(roi[i]), float64(roi[len(axes)+i])
		if math.IsNaN(lo-hi) || math.IsInf(lo, 0) || math.IsInf(hi, 0) {
			return fmt.Errorf("input %d (roi) is [%g, %g) for axis %d", r.roiIn, lo, hi, a)
		}
		ax[a].lo, ax[a].hi = lo, hi
		ax[a].same = ax[a].same && lo == 0 && hi == 1
	}
	return nil
}

// position is the input coordinate of output o. It is NaN where the output is
// the extrapolation value. Where the operator's text says length_resized it is
// the output's length, as in ONNX Runtime; the reference code of the ONNX project
// takes the product of scale and length before it is rounded.
func (r *Resize) position(x *resizeAxis, o int) float64 {
	f, n, last := float64(o), float64(x.in), float64(x.out-1)
	half := r.rounded(r.rounded((f+0.5)*x.den/x.num) - 0.5)
	switch r.Coordinates {
	case "asymmetric":
		return r.rounded(f * x.den / x.num)
	case "align_corners":
		if x.out == 1 {
			return 0
		}
		return r.rounded(f * (n - 1) / last)
	case "pytorch_half_pixel":
		if x.out == 1 {
			return 0
		}
	case "tf_half_pixel_for_nn":
		return r.rounded((f + 0.5) * x.den / x.num)
	case "half_pixel_symmetric":
		// The centre of the input is the centre of the output, whose length
		// before rounding is meant here.
		return r.rounded(float64(n/2*(1-float64(x.out)/(n*x.num/x.den))) + (f+0.5)*x.den/x.num - 0.5)
	case "tf_crop_and_resize":
		p := float64(x.lo*(n-1)) + f*(x.hi-x.lo)*(n-1)/last
		if x.out == 1 {
			p = (x.lo + x.hi) * (n - 1) / 2
		}
		if !(p >= 0 && p <= n-1) {
			return math.NaN()
		}
		return r.rounded(p)
	}
	return half
}

// rounded takes a coordinate to float32 in mode nearest, where runtimes compute
// it so: a scale such as float32(0.6) otherwise misses the integers.
func (r *Resize) rounded(v float64) float64 {
	if r.Mode == "nearest" {
		return float64(float32(v))
	}
	return v
}

// axisTable is a region.Table with float64 weights.
type axisTable struct {
	taps   int
	index  []int
	weight []float64 // nil for copies
}

// maxTaps bounds the taps of antialiased filters.
const maxTaps = 1 << 16

// checkTable bounds the table of an axis before it is built.
func (r *Resize) checkTable(x *resizeAxis) error {
	if taps := r.taps(x); taps > maxTaps || !tableSized(x.in, x.out, taps) {
		return fmt.Errorf("%w: resizing an axis from %d to %d", tensor.ErrSize, x.in, x.out)
	}
	return nil
}

// taps is the number of inputs that one output reads.
func (r *Resize) taps(x *resizeAxis) int {
	support := map[string]float64{"linear": 1, "cubic": 2}[r.Mode]
	if support == 0 || x.same {
		return 1
	}
	if !r.Antialias {
		return int(2 * support)
	}
	first := math.Floor(-support/min(x.scale(), 1)) + 1
	return int(min(2-2*first, maxTaps+1))
}

// table builds the table of an axis. Positions outside the input read its edge.
func (r *Resize) table(x *resizeAxis) axisTable {
	t := axisTable{taps: r.taps(x), index: make([]int, 0, x.out)}
	if x.same {
		for o := range x.out {
			t.index = append(t.index, o)
		}
		return t
	}
	for o := range x.out {
		p := r.position(x, o)
		switch {
		case math.IsNaN(p):
			for k := range t.taps {
				t.index = append(t.index, -1)
				if r.Mode != "nearest" {
					t.weight = append(t.weight, float64(1-min(k, 1)))
				}
			}
		case r.Mode == "nearest":
			t.index = append(t.index, min(max(r.nearest(p, x.scale() < 1), 0), x.in-1))
		default:
			r.addTaps(&t, x, p)
		}
	}
	return t
}

// nearest rounds a coordinate.
func (r *Resize) nearest(p float64, smaller bool) int {
	switch r.Nearest {
	case "ceil":
		return int(math.Ceil(p))
	case "floor":
		return int(math.Floor(p))
	case "round_prefer_ceil":
		return int(math.Floor(p + 0.5))
	case "simple":
		if smaller {
			return int(math.Ceil(p))
		}
		return int(math.Floor(p))
	}
	return int(math.Ceil(p - 0.5))
}

// addTaps appends the filter around coordinate p.
func (r *Resize) addTaps(t *axisTable, x *resizeAxis, p float64) {
	stretch := 1.0
	if r.Antialias {
		stretch = min(x.scale(), 1)
	}
	// The filter is symmetric around the two inputs left and right of p; an
	// integer p counts as the right one.
	right := math.Ceil(p)
	first := int(right) - t.taps/2
	sum := 0.0
	from := len(t.weight)
	for k := range t.taps {
		i := first + k
		w := r.kernel((float64(i) - p) * stretch)
		if r.ExcludeOutside && (i < 0 || i >= x.in) {
			w = 0
		}
		sum += w
		t.index = append(t.index, min(max(i, 0), x.in-1))
		t.weight = append(t.weight, w)
	}
	if (r.Antialias || r.ExcludeOutside) && sum != 0 {
		for k := range t.weight[from:] {
			t.weight[from+k] /= sum
		}
	}
}

// kernel is the interpolation filter at a distance: a tent, or the cubic
// convolution of Keys with parameter CubicA.
func (r *Resize) kernel(d float64) float64 {
	d = math.Abs(d)
	a := r.CubicA
	switch {
	case r.Mode == "linear":
		return max(0, 1-d)
	case d <= 1:
		return float64((float64((a+2)*d)-(a+3))*d*d) + 1
	case d < 2:
		return float64((float64((float64(a*d)-float64(5*a))*d)+float64(8*a))*d) - float64(4*a)
	}
	return 0
}

// Infer implements Operator.
func (r *Resize) Infer(in []*Info, _ int) ([]Info, error) {
	required := 1
	if r.scalesIn == 1 { // later operator sets have sizes for it
		required = 2
	}
	if err := checkInputs(in, required); err != nil {
		return nil, err
	}
	t := in[0].Type
	if r.Mode != "nearest" && t != tensor.Float32 && t != tensor.Float64 {
		return nil, fmt.Errorf("mode %s: %w", r.Mode, DTypeError(t))
	}
	if !in[0].Known() {
		return unknown(t)
	}
	ax, err := r.resolve(in)
	if err != nil {
		return nil, err
	}
	shape := make([]int, len(ax))
	for a := range ax {
		shape[a] = ax[a].out
	}
	info, err := single(t, shape)
	if err != nil {
		return nil, err
	}
	for a := range ax {
		if err := r.checkTable(&ax[a]); err != nil {
			return nil, err
		}
	}
	return info, nil
}

// Tables gives the geometry of all axes, batch and channels included. An index
// of -1 reads Extrapolation.
func (r *Resize) Tables(in []*Info) ([]region.Table, error) {
	if _, err := r.Infer(in, 1); err != nil {
		return nil, err
	}
	ax, err := r.resolve(in)
	if err != nil {
		return nil, err
	}
	tables := make([]region.Table, len(ax))
	for a := range ax {
		t := r.table(&ax[a])
		tables[a] = region.Table{In: ax[a].in, Taps: t.taps, Index: make([]int32, len(t.index))}
		for i, s := range t.index {
			tables[a].Index[i] = int32(s)
		}
		if t.weight != nil {
			tables[a].Weight = make([]float32, len(t.weight))
			for i, w := range t.weight {
				tables[a].Weight[i] = float32(w)
			}
		}
	}
	return tables, nil
}

// Locality implements Localizer.
func (r *Resize) Locality(in []*Info, _ []Info) Locality {
	if !in[0].Known() || len(in[0].Shape) < 3 {
		return Locality{}
	}
	ax, err := r.resolve(in)
	if err != nil || !ax[0].same || !ax[1].same {
		return Locality{}
	}
	tables, err := r.Tables(in)
	if err != nil {
		return Locality{}
	}
	return Locality{Kind: Rearranging, Tables: tables[2:]}
}

// Eval implements Operator: one axis after the other, in float64.
func (r *Resize) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	infos := infosOf(in)
	info, err := r.Infer(infos, 1)
	if err != nil {
		return nil, err
	}
	ax, err := r.resolve(infos)
	if err != nil {
		return nil, err
	}
	tables := make([]axisTable, len(ax))
	copies := true
	for a := range ax {
		tables[a] = r.table(&ax[a])
		copies = copies && tables[a].weight == nil
	}
	var y *tensor.Tensor
	if copies {
		y, err = r.copyNearest(in[0], info[0].Shape, tables)
	} else {
		y, err = r.interpolate(in[0], tables)
	}
	if err != nil {
		return nil, err
	}
	return []*tensor.Tensor{y}, nil
}

func (r *Resize) copyNearest(x *tensor.Tensor, shape []int, tables []axisTable) (*tensor.Tensor, error) {
	fill, err := castTensor(tensor.Scalar(r.Extrapolation), x.DType())
	if err != nil {
		return nil, err
	}
	stride, at := strides(x.Shape), make([]int, len(shape))
	return gathered(x, shape, fill, func(o int) int {
		unravel(o, shape, at)
		i := 0
		for a, c := range at {
			s := tables[a].index[c]
			if s < 0 {
				return -1
			}
			i += s * stride[a]
		}
		return i
	})
}

func (r *Resize) interpolate(x *tensor.Tensor, tables []axisTable) (*tensor.Tensor, error) {
	wide, err := castTensor(x, tensor.Float64)
	if err != nil {
		return nil, err
	}
	v, shape := wide.Data.([]float64), slices.Clone(x.Shape)
	for a, t := range tables {
		if t.weight == nil && len(t.index) == shape[a] && !slices.Contains(t.index, -1) && identity(t.index) {
			continue
		}
		outer, n, inner := around(shape, a)
		out := len(t.index) / t.taps
		y := make([]float64, outer*out*inner)
		for o := range y {
			row, i := o/inner/out, o%inner
			first := o / inner % out * t.taps
			for k := first; k < first+t.taps; k++ {
				s, w := float64(r.Extrapolation), 1.0
				if t.index[k] >= 0 {
					s = v[(row*n+t.index[k])*inner+i]
				}
				if t.weight != nil {
					w = t.weight[k]
				}
				y[o] += float64(s * w)
			}
		}
		v, shape[a] = y, out
	}
	return castTensor(tensor.New(v, shape...), x.DType())
}

// identity says whether a table copies an axis as it is.
func identity(index []int) bool {
	for o, i := range index {
		if o != i {
			return false
		}
	}
	return true
}
