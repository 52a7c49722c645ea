package op

import (
	"fmt"
	"math"

	"krypton/internal/tensor"
)

// BatchNorm is batch normalization in inference: (x-mean)/sqrt(var+Epsilon) *
// scale + bias, channel by channel.
type BatchNorm struct{ Epsilon float32 }

func newBatchNorm(n *Node) (Operator, error) {
	e, err := n.Attr.Float("epsilon", 1e-5)
	if err != nil {
		return nil, err
	}
	momentum, err := n.Attr.Float("momentum", 0.9)
	if err != nil {
		return nil, err
	}
	if n.Opset < 9 {
		if s, err := n.Attr.Int("spatial", 1); err != nil || s != 1 {
			return nil, fmt.Errorf("attribute \"spatial\" is %d, want 1", s)
		}
	}
	if n.Opset < 7 {
		n.Attr.Ignore("is_test") // the number of outputs says it too
	}
	training := n.Outputs > 1 // the mode was told by the outputs
	if n.Opset >= 14 {
		if training, err = n.Attr.Bool("training_mode", false); err != nil {
			return nil, err
		}
	}
	if training {
		return &BatchStatistics{Epsilon: e, momentum: momentum}, nil
	}
	return &BatchNorm{e}, nil
}

// BatchStatistics is batch normalization in training mode: by the mean and the
// variance of each channel of its own input. Further outputs are the running mean
// and variance and, before operator set 14, the input's own.
type BatchStatistics struct{ Epsilon, momentum float32 }

// Infer implements Operator.
func (b *BatchStatistics) Infer(in []*Info, outputs int) ([]Info, error) {
	out, err := (&BatchNorm{b.Epsilon}).Infer(in, 1)
	if err != nil {
		return nil, err
	}
	if c := in[0].Shape[1]; product(in[0].Shape) == 0 && c > 0 {
		return nil, fmt.Errorf("input has shape %v: an empty channel has no mean", in[0].Shape)
	}
	for range outputs - 1 {
		out = append(out, Info{Type: tensor.Float32, Shape: in[0].Shape[1:2]})
	}
	return out, nil
}

// Eval implements Operator.
func (b *BatchStatistics) Eval(in []*tensor.Tensor, outputs int) ([]*tensor.Tensor, error) {
	if _, err := evalShape(b, in); err != nil {
		return nil, err
	}
	x, c, plane := in[0].Data.([]float32), in[0].Shape[1], product(in[0].Shape[2:])
	out := make([]*tensor.Tensor, 5)
	out[0] = tensor.Zeros[float32](in[0].Shape...)
	for i := 1; i < 5; i++ {
		out[i] = tensor.Zeros[float32](c)
	}
	channel := make([]float32, 0, in[0].Shape[0]*plane)
	for m := range c {
		channel = channel[:0]
		for n := range in[0].Shape[0] {
			channel = append(channel, x[(n*c+m)*plane:][:plane]...)
		}
		mean, root := moments(channel, 0)
		variance := float64(root * root)
		deviation := math.Sqrt(variance + float64(b.Epsilon))
		scale, bias := float64(in[1].Data.([]float32)[m]), float64(in[2].Data.([]float32)[m])
		for i, v := range channel {
			out[0].Data.([]float32)[(i/plane*c+m)*plane+i%plane] = float32(float64((float64(v)-mean)/deviation*scale) + bias)
		}
		keep := float64(b.momentum)
		for i, v := range []float64{mean, variance} {
			out[1+i].Data.([]float32)[m] = float32(float64(float64(in[3+i].Data.([]float32)[m])*keep) + float64(v*(1-keep)))
			out[3+i].Data.([]float32)[m] = float32(v)
		}
	}
	return out[:max(1, min(5, outputs))], nil
}

// Infer implements Operator.
func (b *BatchNorm) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 5); err != nil {
		return nil, err
	}
	if err := allFloat32(in); err != nil {
		return nil, err
	}
	if len(in[0].Shape) < 2 {
		return nil, fmt.Errorf("input has shape %v: want a channel axis", in[0].Shape)
	}
	for i := 1; i < 5; i++ {
		if len(in[i].Shape) != 1 || in[i].Shape[0] != in[0].Shape[1] {
			return nil, fmt.Errorf("input %d has shape %v, want [%d]", i, in[i].Shape, in[0].Shape[1])
		}
	}
	return single(in[0].Type, in[0].Shape)
}

// Locality implements Localizer.
func (b *BatchNorm) Locality(in []*Info, _ []Info) Locality {
	if !allConstant(in[1:]) {
		return Locality{}
	}
	return Locality{Kind: Pointwise}
}

// Eval implements Operator.
func (b *BatchNorm) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	var p [5][]float32
	for i := range p {
		p[i] = in[i].Data.([]float32)
	}
	y := tensor.Zeros[float32](in[0].Shape...)
	c, plane := in[0].Shape[1], product(in[0].Shape[2:])
	for i, v := range p[0] {
		m := i / plane % c
		y.Data.([]float32)[i] = float32(float64((float64(v)-float64(p[3][m]))/math.Sqrt(float64(p[4][m])+float64(b.Epsilon))*float64(p[1][m])) + float64(p[2][m]))
	}
	return []*tensor.Tensor{y}, nil
}

// GroupNorm normalizes groups of channels over the plane: InstanceNormalization
// is one channel in each group, GroupNormalization Groups groups.
type GroupNorm struct {
	Epsilon float32
	// Groups is 0 for one group for each channel.
	Groups int
	// perGroup says that scale and bias belong to groups, not channels.
	perGroup bool
}

func newInstanceNorm(n *Node) (Operator, error) {
	e, err := n.Attr.Float("epsilon", 1e-5)
	return &GroupNorm{Epsilon: e}, err
}

func newGroupNorm(n *Node) (Operator, error) {
	e, err := n.Attr.Float("epsilon", 1e-5)
	if err != nil {
		return nil, err
	}
	g, err := n.Attr.Int("num_groups", 0)
	if err != nil {
		return nil, err
	}
	if g < 1 {
		return nil, fmt.Errorf("attribute \"num_groups\" is %d, want at least 1", g)
	}
	n.Attr.Ignore("stash_type") // sums are in float64 anyway
	return &GroupNorm{e, g, n.Opset < 21}, nil
}

// Infer implements Operator.
func (g *GroupNorm) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 3); err != nil {
		return nil, err
	}
	if err := allFloat32(in); err != nil {
		return nil, err
	}
	if len(in[0].Shape) < 3 {
		return nil, fmt.Errorf("input has shape %v: want channel and spatial axes", in[0].Shape)
	}
	c := in[0].Shape[1]
	if g.Groups > 0 && c%g.Groups != 0 {
		return nil, fmt.Errorf("%d channels in %d groups", c, g.Groups)
	}
	want := c
	if g.perGroup {
		want = g.Groups
	}
	for i := 1; i < 3; i++ {
		if len(in[i].Shape) != 1 || in[i].Shape[0] != want {
			return nil, fmt.Errorf("input %d has shape %v, want [%d]", i, in[i].Shape, want)
		}
	}
	return single(in[0].Type, in[0].Shape)
}

// Eval implements Operator.
func (g *GroupNorm) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	x, scale, bias := in[0].Data.([]float32), in[1].Data.([]float32), in[2].Data.([]float32)
	c, plane := in[0].Shape[1], product(in[0].Shape[2:])
	groups := g.Groups
	if groups == 0 {
		groups = c
	}
	y := tensor.Zeros[float32](in[0].Shape...)
	if len(x) == 0 {
		return []*tensor.Tensor{y}, nil
	}
	size := c / groups * plane
	for k := 0; k < len(x); k += size {
		mean, deviation := moments(x[k:k+size], float64(g.Epsilon))
		for i := k; i < k+size; i++ {
			m := i / plane % c
			if g.perGroup {
				m /= c / groups
			}
			y.Data.([]float32)[i] = float32(float64((float64(x[i])-mean)/deviation*float64(scale[m])) + float64(bias[m]))
		}
	}
	return []*tensor.Tensor{y}, nil
}

// moments are the mean and sqrt(variance + epsilon).
func moments(x []float32, epsilon float64) (mean, deviation float64) {
	for _, v := range x {
		mean += float64(v)
	}
	mean /= float64(len(x))
	for _, v := range x {
		deviation += float64((float64(v) - mean) * (float64(v) - mean))
	}
	return mean, math.Sqrt(deviation/float64(len(x)) + epsilon)
}

// LayerNorm normalizes over all axes from Axis on; its further outputs are the
// mean and the inverse deviation.
type LayerNorm struct {
	Axis    int
	Epsilon float32
}

func newLayerNorm(n *Node) (Operator, error) {
	e, err := n.Attr.Float("epsilon", 1e-5)
	if err != nil {
		return nil, err
	}
	axis, err := n.Attr.Int("axis", -1)
	n.Attr.Ignore("stash_type")
	return &LayerNorm{axis, e}, err
}

// Infer implements Operator.
func (l *LayerNorm) Infer(in []*Info, outputs int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	if err := allFloat32(in); err != nil {
		return nil, err
	}
	axis, err := normalAxis(l.Axis, len(in[0].Shape))
	if err != nil {
		return nil, err
	}
	for i := 1; i < len(in); i++ {
		if in[i] == nil {
			continue
		}
		if s, err := commonShape(in[i].Shape, in[0].Shape[axis:]); err != nil || fmt.Sprint(s) != fmt.Sprint(in[0].Shape[axis:]) {
			return nil, fmt.Errorf("input %d has shape %v, which does not broadcast to %v", i, in[i].Shape, in[0].Shape[axis:])
		}
	}
	out, err := single(in[0].Type, in[0].Shape)
	stats := append([]int{}, in[0].Shape...)
	for a := axis; a < len(stats); a++ {
		stats[a] = 1
	}
	for range outputs - 1 {
		out = append(out, Info{Type: tensor.Float32, Shape: stats})
	}
	return out, err
}

// Eval implements Operator.
func (l *LayerNorm) Eval(in []*tensor.Tensor, outputs int) ([]*tensor.Tensor, error) {
	info, err := l.Infer(infosOf(in), 3)
	if err != nil {
		return nil, err
	}
	axis, err := normalAxis(l.Axis, len(in[0].Shape))
	if err != nil {
		return nil, err
	}
	inner := in[0].Shape[axis:]
	scale, err := repeated(in[1], inner)
	if err != nil {
		return nil, err
	}
	bias := tensor.Zeros[float32](inner...)
	if given(in, 2) {
		if bias, err = repeated(in[2], inner); err != nil {
			return nil, err
		}
	}
	out := make([]*tensor.Tensor, 3)
	for i := range out {
		out[i] = tensor.Zeros[float32](info[i].Shape...)
	}
	x, n := in[0].Data.([]float32), product(inner)
	for k := 0; n > 0 && k < len(x); k += n {
		mean, deviation := moments(x[k:k+n], float64(l.Epsilon))
		out[1].Data.([]float32)[k/n], out[2].Data.([]float32)[k/n] = float32(mean), float32(1/deviation)
		for i := range n {
			out[0].Data.([]float32)[k+i] = float32(float64((float64(x[k+i])-mean)/deviation*float64(scale.Data.([]float32)[i])) + float64(bias.Data.([]float32)[i]))
		}
	}
	return out[:max(1, min(3, outputs))], nil
}

// RMSNorm divides by the root of the mean square over all axes from Axis on; a
// second output is the inverse of that root.
type RMSNorm struct {
	Axis    int
	Epsilon float32
}

func newRMSNorm(n *Node) (Operator, error) {
	l, err := newLayerNorm(n)
	if err != nil {
		return nil, err
	}
	return &RMSNorm{l.(*LayerNorm).Axis, l.(*LayerNorm).Epsilon}, nil
}

// Infer implements Operator.
func (r *RMSNorm) Infer(in []*Info, outputs int) ([]Info, error) {
	return (&LayerNorm{r.Axis, r.Epsilon}).Infer(in, min(outputs, 2))
}

// Eval implements Operator.
func (r *RMSNorm) Eval(in []*tensor.Tensor, outputs int) ([]*tensor.Tensor, error) {
	info, err := r.Infer(infosOf(in), 2)
	if err != nil {
		return nil, err
	}
	axis, err := normalAxis(r.Axis, len(in[0].Shape))
	if err != nil {
		return nil, err
	}
	inner := in[0].Shape[axis:]
	scale, err := repeated(in[1], inner)
	if err != nil {
		return nil, err
	}
	y, inverse := tensor.Zeros[float32](info[0].Shape...), tensor.Zeros[float32](info[1].Shape...)
	x, n := in[0].Data.([]float32), product(inner)
	for k := 0; n > 0 && k < len(x); k += n {
		sum := 0.0
		for _, v := range x[k : k+n] {
			sum += float64(float64(v) * float64(v))
		}
		root := math.Sqrt(sum/float64(n) + float64(r.Epsilon))
		inverse.Data.([]float32)[k/n] = float32(1 / root)
		for i := range n {
			y.Data.([]float32)[k+i] = float32(float64(x[k+i]) / root * float64(scale.Data.([]float32)[i]))
		}
	}
	return []*tensor.Tensor{y, inverse}[:max(1, min(2, outputs))], nil
}

// LRN is local response normalization across channels.
type LRN struct {
	Size              int
	Alpha, Beta, Bias float32
}

func newLRN(n *Node) (Operator, error) {
	l := &LRN{}
	var err error
	if l.Size, err = n.Attr.Int("size", 0); err != nil {
		return nil, err
	}
	if l.Size < 1 || l.Size > maxWindow {
		return nil, fmt.Errorf("attribute \"size\" is %d, want at least 1", l.Size)
	}
	for _, a := range []struct {
		name string
		p    *float32
		def  float32
	}{{"alpha", &l.Alpha, 1e-4}, {"beta", &l.Beta, 0.75}, {"bias", &l.Bias, 1}} {
		if *a.p, err = n.Attr.Float(a.name, a.def); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Infer implements Operator.
func (l *LRN) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	if err := allFloat32(in); err != nil {
		return nil, err
	}
	if len(in[0].Shape) < 2 {
		return nil, fmt.Errorf("input has shape %v: want a channel axis", in[0].Shape)
	}
	return single(in[0].Type, in[0].Shape)
}

// Locality implements Localizer.
func (l *LRN) Locality([]*Info, []Info) Locality { return Locality{Kind: Pointwise} }

// Eval implements Operator.
func (l *LRN) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	x := in[0].Data.([]float32)
	c, plane := in[0].Shape[1], product(in[0].Shape[2:])
	y := tensor.Zeros[float32](in[0].Shape...)
	for i, v := range x {
		at := i / plane % c
		sum := 0.0
		for k := max(0, at-(l.Size-1)/2); k <= min(c-1, at+l.Size/2); k++ {
			w := float64(x[i+(k-at)*plane])
			sum += float64(w * w)
		}
		y.Data.([]float32)[i] = float32(float64(v) / math.Pow(float64(l.Bias)+float64(float64(l.Alpha)/float64(l.Size)*sum), float64(l.Beta)))
	}
	return []*tensor.Tensor{y}, nil
}
