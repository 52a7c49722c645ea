package op

import (
	"fmt"
	"math"

	"krypton/internal/tensor"
)

// Attention is scaled dot-product attention over several heads. Inputs: queries,
// keys, values (each [batch, heads, length, size] or [batch, length, heads*size]), a
// mask (bool: what takes part; float: what is added), keys and values of before, and
// the number of keys that count in each batch.
type Attention struct {
	causal         bool
	qHeads, kHeads int
	scale, softcap float64
	mode           int
}

func newAttention(n *Node) (Operator, error) {
	a := &Attention{scale: math.NaN()}
	var err error
	if a.causal, err = n.Attr.Bool("is_causal", false); err != nil {
		return nil, err
	}
	for _, x := range []struct {
		name string
		p    *int
		most int
	}{{"q_num_heads", &a.qHeads, maxAxis}, {"kv_num_heads", &a.kHeads, maxAxis}, {"qk_matmul_output_mode", &a.mode, 3}} {
		if *x.p, err = n.Attr.Int(x.name, 0); err != nil {
			return nil, err
		}
		if *x.p < 0 || *x.p > x.most {
			return nil, fmt.Errorf("attribute %q is %d", x.name, *x.p)
		}
	}
	n.Attr.Ignore("softmax_precision") // sums are in float64 anyway
	softcap, err := n.Attr.Float("softcap", 0)
	if err != nil {
		return nil, err
	}
	a.softcap = float64(softcap)
	if n.Attr.Has("scale") {
		scale, err := n.Attr.Float("scale", 1)
		if err != nil {
			return nil, err
		}
		a.scale = float64(scale)
	}
	return a, nil
}

// heads is a tensor seen as [batch, heads, length, size].
type heads struct {
	x                             []float32
	batch, heads, length, size    int
	ofBatch, ofHead, ofStep, rank int
}

func viewHeads(shape []int, number int) (heads, error) {
	switch {
	case len(shape) == 4:
		h := heads{batch: shape[0], heads: shape[1], length: shape[2], size: shape[3], rank: 4}
		h.ofStep, h.ofHead, h.ofBatch = h.size, h.size*h.length, h.size*h.length*h.heads
		return h, nil
	case len(shape) == 3 && number > 0 && shape[2]%number == 0:
		h := heads{batch: shape[0], heads: number, length: shape[1], size: shape[2] / number, rank: 3}
		h.ofHead, h.ofStep, h.ofBatch = h.size, shape[2], shape[1]*shape[2]
		return h, nil
	}
	return heads{}, fmt.Errorf("shape %v for %d heads", shape, number)
}

func (h *heads) row(b, head, step int) []float32 {
	return h.x[b*h.ofBatch+head*h.ofHead+step*h.ofStep:][:h.size]
}

// attentionSizes is the geometry: past is the length of before.
type attentionSizes struct {
	q, k, v     heads
	past, total int
}

func (a *Attention) sizes(in []*Info) (s attentionSizes, err error) {
	if err := checkInputs(in, 3); err != nil {
		return s, err
	}
	for i, x := range in {
		switch {
		case x == nil:
			continue
		case !x.Known():
			return s, fmt.Errorf("shape of input %d must be known", i)
		case i == 3 && x.Type == tensor.Bool, i == 6 && x.Type == tensor.Int64, i != 6 && x.Type == tensor.Float32:
			continue
		}
		return s, fmt.Errorf("input %d: %w", i, DTypeError(x.Type))
	}
	for i, h := range []*heads{&s.q, &s.k, &s.v} {
		number := a.kHeads
		if i == 0 {
			number = a.qHeads
		}
		if *h, err = viewHeads(in[i].Shape, number); err != nil {
			return s, fmt.Errorf("input %d: %w", i, err)
		}
	}
	if s.k.batch != s.q.batch || s.v.batch != s.q.batch || s.k.heads != s.v.heads || s.k.length != s.v.length || s.k.size != s.q.size ||
		s.k.heads == 0 || s.q.heads%s.k.heads != 0 {
		return s, fmt.Errorf("queries, keys and values of shapes %v, %v and %v do not fit", in[0].Shape, in[1].Shape, in[2].Shape)
	}
	if given(in, 4) != given(in, 5) {
		return s, fmt.Errorf("keys of before without values, or values without keys")
	}
	if given(in, 4) {
		k, v := in[4].Shape, in[5].Shape
		if len(k) != 4 || len(v) != 4 || k[0] != s.q.batch || k[1] != s.k.heads || k[3] != s.k.size || v[0] != k[0] || v[1] != k[1] || v[2] != k[2] || v[3] != s.v.size {
			return s, fmt.Errorf("keys and values of before have shapes %v and %v", k, v)
		}
		s.past = k[2]
	}
	s.total = s.past + s.k.length
	if given(in, 3) {
		m := in[3].Shape
		full := []int{s.q.batch, s.q.heads, s.q.length, s.total}
		if len(m) > 0 && m[len(m)-1] < s.total && m[len(m)-1] != 1 {
			full[3] = m[len(m)-1] // what the mask does not reach does not take part
		}
		if c, err := commonShape(m, full); err != nil || fmt.Sprint(c) != fmt.Sprint(full) {
			return s, fmt.Errorf("mask of shape %v does not broadcast to %v", m, full)
		}
	}
	if given(in, 6) && (len(in[6].Shape) != 1 || in[6].Shape[0] != s.q.batch) {
		return s, fmt.Errorf("input 6 has shape %v, want [%d]", in[6].Shape, s.q.batch)
	}
	return s, nil
}

// Infer implements Operator.
func (a *Attention) Infer(in []*Info, outputs int) ([]Info, error) {
	s, err := a.sizes(in)
	if err != nil {
		return nil, err
	}
	y := []int{s.q.batch, s.q.heads, s.q.length, s.v.size}
	if s.q.rank == 3 {
		y = []int{s.q.batch, s.q.length, s.q.heads * s.v.size}
	}
	var out []Info
	for _, shape := range [][]int{y, {s.q.batch, s.k.heads, s.total, s.k.size}, {s.q.batch, s.k.heads, s.total, s.v.size}, {s.q.batch, s.q.heads, s.q.length, s.total}} {
		i, err := single(tensor.Float32, shape)
		if err != nil {
			return nil, err
		}
		out = append(out, i...)
	}
	return out[:max(1, min(outputs, 4))], nil
}

// joined puts what was before in front.
func joined(past *tensor.Tensor, h heads, total int) *tensor.Tensor {
	y := tensor.Zeros[float32](h.batch, h.heads, total, h.size)
	d := y.Data.([]float32)
	before := total - h.length
	for b := range h.batch {
		for k := range h.heads {
			at := d[(b*h.heads+k)*total*h.size:]
			if before > 0 {
				copy(at, past.Data.([]float32)[(b*h.heads+k)*before*h.size:][:before*h.size])
			}
			for t := range h.length {
				copy(at[(before+t)*h.size:], h.row(b, k, t))
			}
		}
	}
	return y
}

// Eval implements Operator.
func (a *Attention) Eval(in []*tensor.Tensor, outputs int) ([]*tensor.Tensor, error) {
	infos := infosOf(in)
	s, err := a.sizes(infos)
	if err != nil {
		return nil, err
	}
	info, err := a.Infer(infos, 4)
	if err != nil {
		return nil, err
	}
	for i, h := range []*heads{&s.q, &s.k, &s.v} {
		h.x = in[i].Data.([]float32)
	}
	past := [2]*tensor.Tensor{}
	if given(in, 4) {
		past = [2]*tensor.Tensor{in[4], in[5]}
	}
	keys, values := joined(past[0], s.k, s.total), joined(past[1], s.v, s.total)
	y, scores := tensor.Zeros[float32](info[0].Shape...), tensor.Zeros[float32](info[3].Shape...)
	yh, err := viewHeads(info[0].Shape, s.q.heads)
	if err != nil {
		return nil, err
	}
	yh.x = y.Data.([]float32)
	bias := a.bias(in, s)
	kd, vd := keys.Data.([]float32), values.Data.([]float32)
	for b := range s.q.batch {
		for h := range s.q.heads {
			kv := (b*s.k.heads + h/(s.q.heads/s.k.heads)) * s.total
			for i := range s.q.length {
				row := ((b*s.q.heads+h)*s.q.length + i) * s.total
				p := a.row(s.q.row(b, h, i), kd[kv*s.k.size:], s, func(j int) float64 { return bias(b, h, i, j) }, scores.Data.([]float32)[row:][:s.total])
				out := yh.row(b, h, i)
				for c := range out {
					sum := 0.0
					for j, w := range p {
						if w != 0 { // what does not take part may be anything
							sum += float64(w * float64(vd[(kv+j)*s.v.size+c]))
						}
					}
					out[c] = float32(sum)
				}
			}
		}
	}
	return []*tensor.Tensor{y, keys, values, scores}[:max(1, min(outputs, 4))], nil
}

// bias is what is added to the product of a query and a key; minus infinity where a
// key does not take part.
func (a *Attention) bias(in []*tensor.Tensor, s attentionSizes) func(b, h, i, j int) float64 {
	var at func(o int) int
	width := 0
	if given(in, 3) {
		width = s.total
		if m := in[3].Shape; len(m) > 0 && m[len(m)-1] < s.total && m[len(m)-1] != 1 {
			width = m[len(m)-1]
		}
		at = cyclic(in[3].Shape, []int{s.q.batch, s.q.heads, s.q.length, width})
	}
	return func(b, h, i, j int) float64 {
		switch {
		case a.causal && j > i+s.past, at != nil && j >= width, given(in, 6) && int64(j) >= in[6].Data.([]int64)[b]:
			return math.Inf(-1)
		case at == nil:
			return 0
		}
		o := at(((b*s.q.heads+h)*s.q.length+i)*width + j)
		if m, ok := in[3].Data.([]bool); ok {
			if m[o] {
				return 0
			}
			return math.Inf(-1)
		}
		return float64(in[3].Data.([]float32)[o])
	}
}

// row is one query's weights of all keys; told gets the scores at the stage that the
// fourth output is of.
func (a *Attention) row(q, keys []float32, s attentionSizes, bias func(j int) float64, told []float32) []float64 {
	scale := a.scale
	if math.IsNaN(scale) {
		scale = 1 / math.Sqrt(float64(s.q.size))
	}
	p, top := make([]float64, s.total), math.Inf(-1)
	tell := func(stage, j int, v float64) {
		if a.mode == stage {
			told[j] = float32(v)
		}
	}
	for j := range p {
		sum := 0.0
		for c, v := range q {
			sum += float64(float64(v) * float64(keys[j*s.k.size+c]))
		}
		sum *= scale
		tell(0, j, sum)
		if a.softcap != 0 {
			sum = a.softcap * math.Tanh(sum/a.softcap)
		}
		tell(2, j, sum)
		sum += bias(j)
		tell(1, j, sum)
		p[j], top = sum, max(top, sum)
	}
	total := 0.0
	for j, v := range p {
		p[j] = 0
		if !math.IsInf(v, -1) {
			p[j] = math.Exp(v - top)
		}
		total += p[j]
	}
	for j := range p {
		if total != 0 {
			p[j] /= total
		}
		tell(3, j, p[j])
	}
	return p
}

// RotaryEmbedding turns pairs of each head's first numbers by angles that depend on
// the position: input, cosines, sines and, optional, positions.
type RotaryEmbedding struct {
	interleaved     bool
	heads, rotating int
}

func newRotaryEmbedding(n *Node) (Operator, error) {
	r := &RotaryEmbedding{}
	var err error
	if r.interleaved, err = n.Attr.Bool("interleaved", false); err != nil {
		return nil, err
	}
	if r.heads, err = n.Attr.Int("num_heads", 0); err != nil {
		return nil, err
	}
	r.rotating, err = n.Attr.Int("rotary_embedding_dim", 0)
	return r, err
}

// view gives the heads and the number of pairs that turn.
func (r *RotaryEmbedding) view(in []*Info) (h heads, pairs int, err error) {
	if err := checkInputs(in, 3); err != nil {
		return h, 0, err
	}
	if err := allFloat32(in[:3]); err != nil {
		return h, 0, err
	}
	if !allKnown(in) {
		return h, 0, fmt.Errorf("shapes must be known")
	}
	if h, err = viewHeads(in[0].Shape, r.heads); err != nil {
		return h, 0, err
	}
	rotating := r.rotating
	if rotating == 0 {
		rotating = h.size
	}
	if rotating < 0 || rotating > h.size || rotating%2 != 0 {
		return h, 0, fmt.Errorf("%d of %d numbers of a head cannot turn in pairs", rotating, h.size)
	}
	want := []int{h.batch, h.length, rotating / 2}
	if given(in, 3) {
		if in[3].Type != tensor.Int64 || fmt.Sprint(in[3].Shape) != fmt.Sprint(want[:2]) {
			return h, 0, fmt.Errorf("positions of %v have shape %v, want int64 %v", in[3].Type, in[3].Shape, want[:2])
		}
		if len(in[1].Shape) != 2 || in[1].Shape[1] != want[2] {
			return h, 0, fmt.Errorf("cosines have shape %v, want %d columns", in[1].Shape, want[2])
		}
		want = in[1].Shape
	}
	for i := 1; i < 3; i++ {
		if fmt.Sprint(in[i].Shape) != fmt.Sprint(want) {
			return h, 0, fmt.Errorf("input %d has shape %v, want %v", i, in[i].Shape, want)
		}
	}
	return h, rotating / 2, nil
}

// Infer implements Operator.
func (r *RotaryEmbedding) Infer(in []*Info, _ int) ([]Info, error) {
	if _, _, err := r.view(in); err != nil {
		return nil, err
	}
	return single(tensor.Float32, in[0].Shape)
}

// Eval implements Operator.
func (r *RotaryEmbedding) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	h, pairs, err := r.view(infosOf(in))
	if err != nil {
		return nil, err
	}
	h.x = in[0].Data.([]float32)
	y := tensor.Zeros[float32](in[0].Shape...)
	to := h
	to.x = y.Data.([]float32)
	cos, sin := in[1].Data.([]float32), in[2].Data.([]float32)
	for b := range h.batch {
		for t := range h.length {
			at := b*h.length + t
			if given(in, 3) {
				p := in[3].Data.([]int64)[at]
				if p < 0 || p >= int64(in[1].Shape[0]) {
					return nil, fmt.Errorf("%w: position %d of %d", errIndex, p, in[1].Shape[0])
				}
				at = int(p)
			}
			for k := range h.heads {
				x, d := h.row(b, k, t), to.row(b, k, t)
				copy(d, x)
				for i := range pairs {
					a, b := i, i+pairs
					if r.interleaved {
						a, b = 2*i, 2*i+1
					}
					c, s := float64(cos[at*pairs+i]), float64(sin[at*pairs+i])
					d[a] = float32(float64(c*float64(x[a])) - float64(s*float64(x[b])))
					d[b] = float32(float64(s*float64(x[a])) + float64(c*float64(x[b])))
				}
			}
		}
	}
	return []*tensor.Tensor{y}, nil
}

// TensorScatter writes an update into a cache, from a place along one axis on that
// each batch has of its own; circular goes on at the front.
type TensorScatter struct {
	axis     int
	circular bool
}

func newTensorScatter(n *Node) (Operator, error) {
	mode, err := n.Attr.OneOf("mode", "linear", "circular")
	if err != nil {
		return nil, err
	}
	axis, err := n.Attr.Int("axis", -2)
	return &TensorScatter{axis, mode == "circular"}, err
}

// Infer implements Operator.
func (t *TensorScatter) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	if in[1].Type != in[0].Type {
		return nil, fmt.Errorf("update is of %v, cache of %v", in[1].Type, in[0].Type)
	}
	if !allKnown(in) {
		return unknown(in[0].Type)
	}
	axis, err := normalAxis(t.axis, len(in[0].Shape))
	if err != nil {
		return nil, err
	}
	if axis == 0 || len(in[1].Shape) != len(in[0].Shape) {
		return nil, fmt.Errorf("update of shape %v into %v along axis %d", in[1].Shape, in[0].Shape, axis)
	}
	for a, n := range in[1].Shape {
		if n != in[0].Shape[a] && (a != axis || n > in[0].Shape[a]) {
			return nil, fmt.Errorf("update of shape %v into %v along axis %d", in[1].Shape, in[0].Shape, axis)
		}
	}
	if given(in, 2) && (in[2].Type != tensor.Int64 || len(in[2].Shape) != 1 || in[2].Shape[0] != in[0].Shape[0]) {
		return nil, fmt.Errorf("input 2 (write_indices) is %v %v, want int64 [%d]", in[2].Type, in[2].Shape, in[0].Shape[0])
	}
	return single(in[0].Type, in[0].Shape)
}

// Eval implements Operator.
func (t *TensorScatter) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	if _, err := evalShape(t, in); err != nil {
		return nil, err
	}
	y, err := copied(in[0])
	if err != nil {
		return nil, err
	}
	shape, update := in[0].Shape, in[1].Shape
	axis, err := normalAxis(t.axis, len(shape))
	if err != nil {
		return nil, err
	}
	start := make([]int, shape[0])
	for b := range start {
		if !given(in, 2) {
			continue
		}
		w := in[2].Data.([]int64)[b]
		if w < 0 || w >= int64(max(shape[axis], 1)) || !t.circular && w+int64(update[axis]) > int64(shape[axis]) {
			return nil, fmt.Errorf("%w: writing %d at %d of %d", errIndex, update[axis], w, shape[axis])
		}
		start[b] = int(w)
	}
	at, stride := make([]int, len(shape)), strides(shape)
	err = place(y, in[1], "none", func(i int) int {
		unravel(i, update, at)
		at[axis] = (at[axis] + start[at[0]]) % shape[axis]
		return flat(at, stride)
	})
	return []*tensor.Tensor{y}, err
}
