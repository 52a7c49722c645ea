package op

import (
	"fmt"
	"math"
	"slices"

	"krypton/internal/tensor"
)

// Recurrent is RNN, GRU or LSTM over a sequence, in one direction or both. Inputs:
// the sequence, weights of it and of the state, biases of both, lengths, the first
// state and, for LSTM, the first cell and peepholes.
type Recurrent struct {
	Type      string
	direction string
	gates     int // 1, 3 or 4
	hidden    int // 0 if not said
	// activations are those of one direction after the other, names what they are called.
	activations                           []func(float64) float64
	names                                 []string
	clip                                  float64
	batchFirst, inputForget, linearBefore bool
	// dynamic says that the state is quantized by its range before it is multiplied.
	dynamic bool
}

func newRecurrent(n *Node) (Operator, error) {
	r := &Recurrent{Type: n.Type, gates: map[string]int{"RNN": 1, "GRU": 3, "LSTM": 4}[n.Type], clip: math.Inf(1)}
	var err error
	if r.direction, err = n.Attr.OneOf("direction", "forward", "reverse", "bidirectional"); err != nil {
		return nil, err
	}
	if r.hidden, err = n.Attr.Int("hidden_size", 0); err != nil {
		return nil, err
	}
	if n.Attr.Has("clip") {
		c, err := n.Attr.Float("clip", 0)
		if err != nil {
			return nil, err
		}
		r.clip = float64(c)
	}
	if !(r.clip > 0) {
		return nil, fmt.Errorf("attribute \"clip\" is %g, want more than 0", r.clip)
	}
	if n.Opset < 7 {
		n.Attr.Ignore("output_sequence")
	}
	if n.Opset >= 14 {
		if r.batchFirst, err = n.Attr.Bool("layout", false); err != nil {
			return nil, err
		}
	}
	switch n.Type {
	case "GRU":
		r.linearBefore, err = n.Attr.Bool("linear_before_reset", false)
	case "LSTM":
		r.inputForget, err = n.Attr.Bool("input_forget", false)
	}
	if err != nil {
		return nil, err
	}
	return r, r.readActivations(n.Attr)
}

// readActivations resolves the names, with their parameters in turn.
func (r *Recurrent) readActivations(a *Attributes) error {
	names, err := a.Strings("activations")
	if err != nil {
		return err
	}
	alpha, err := a.Floats("activation_alpha")
	if err != nil {
		return err
	}
	beta, err := a.Floats("activation_beta")
	if err != nil {
		return err
	}
	defaults := map[string][]string{"RNN": {"Tanh"}, "GRU": {"Sigmoid", "Tanh"}, "LSTM": {"Sigmoid", "Tanh", "Tanh"}}[r.Type]
	want := len(defaults) * r.directions()
	if len(names) == 0 {
		for range r.directions() {
			names = append(names, defaults...)
		}
	}
	if len(names) != want {
		return fmt.Errorf("attribute \"activations\" is %q, want %d", names, want)
	}
	r.names = names
	next := func(list *[]float32, def float64) float64 {
		if len(*list) == 0 {
			return def
		}
		v := float64((*list)[0])
		*list = (*list)[1:]
		return v
	}
	for _, name := range names {
		f, err := recurrentActivation(name, func(def float64) float64 { return next(&alpha, def) }, func(def float64) float64 { return next(&beta, def) })
		if err != nil {
			return err
		}
		r.activations = append(r.activations, f)
	}
	return nil
}

// recurrentActivation is a function by name; alpha and beta give its parameters.
func recurrentActivation(name string, alpha, beta func(def float64) float64) (func(float64) float64, error) {
	switch name {
	case "Relu":
		return relu, nil
	case "Tanh":
		return math.Tanh, nil
	case "Sigmoid":
		return sigmoid, nil
	case "Softsign":
		return func(x float64) float64 { return x / (1 + math.Abs(x)) }, nil
	case "Softplus":
		return softplus, nil
	}
	switch name {
	case "Affine":
		a, b := alpha(1), beta(0)
		return func(x float64) float64 { return float64(a*x) + b }, nil
	case "LeakyRelu":
		a := alpha(0.01)
		return func(x float64) float64 { return x * map[bool]float64{true: a, false: 1}[x < 0] }, nil
	case "ThresholdedRelu":
		a := alpha(1)
		return func(x float64) float64 {
			if x < a {
				return 0
			}
			return x
		}, nil
	case "ScaledTanh":
		a, b := alpha(1), beta(1)
		return func(x float64) float64 { return a * math.Tanh(b*x) }, nil
	case "HardSigmoid":
		a, b := alpha(0.2), beta(0.5)
		return func(x float64) float64 { return math.Max(0, math.Min(1, float64(a*x)+b)) }, nil
	case "Elu":
		a := alpha(1)
		return func(x float64) float64 {
			if x < 0 {
				return a * math.Expm1(x)
			}
			return x
		}, nil
	}
	return nil, fmt.Errorf("activation %q is not supported", name)
}

func (r *Recurrent) directions() int {
	if r.direction == "bidirectional" {
		return 2
	}
	return 1
}

// Plain says that gates have the functions of ONNX's own choice (a RNN tanh or ReLU), that
// nothing is bounded or coupled, that a sequence's steps are its first axis, and that a
// GRU's reset gate multiplies sums over the state.
func (r *Recurrent) Plain() bool {
	own := map[string][]string{"RNN": {"Tanh"}, "GRU": {"Sigmoid", "Tanh"}, "LSTM": {"Sigmoid", "Tanh", "Tanh"}}[r.Type]
	if r.Relu() {
		own = []string{"Relu"}
	}
	for i, name := range r.names {
		if name != own[i%len(own)] {
			return false
		}
	}
	return math.IsInf(r.clip, 1) && !r.dynamic && !r.inputForget && !r.batchFirst && (r.Type != "GRU" || r.linearBefore)
}

// Relu says that it is a RNN whose function is ReLU.
func (r *Recurrent) Relu() bool { return r.Type == "RNN" && r.names[0] == "Relu" }

// Reversed says of each direction whether it begins at the sequence's end.
func (r *Recurrent) Reversed() []bool {
	if r.direction == "bidirectional" {
		return []bool{false, true}
	}
	return []bool{r.direction == "reverse"}
}

// sizes are the lengths along each axis of a recurrent layer.
type recurrentSizes struct{ steps, batch, input, hidden, directions int }

func (r *Recurrent) sizes(in []*Info) (s recurrentSizes, err error) {
	if err := checkInputs(in, 3); err != nil {
		return s, err
	}
	for i, x := range in {
		switch {
		case x == nil:
		case i == 4 && x.Type != tensor.Int32, i != 4 && x.Type != tensor.Float32:
			return s, fmt.Errorf("input %d: %w", i, DTypeError(x.Type))
		case !x.Known():
			return s, fmt.Errorf("shape of input %d must be known", i)
		}
	}
	x, w := in[0].Shape, in[1].Shape
	if len(x) != 3 || len(w) != 3 {
		return s, fmt.Errorf("sequence has shape %v and weights %v: want three axes", x, w)
	}
	s = recurrentSizes{x[0], x[1], x[2], w[1] / r.gates, r.directions()}
	state := []int{s.directions, s.batch, s.hidden}
	if r.batchFirst {
		s.steps, s.batch = x[1], x[0]
		state = []int{s.batch, s.directions, s.hidden}
	} else {
		state[1] = s.batch
	}
	if r.hidden != 0 && r.hidden != s.hidden {
		return s, fmt.Errorf("attribute \"hidden_size\" is %d, the weights have shape %v", r.hidden, w)
	}
	for i, want := range [][]int{nil, {s.directions, r.gates * s.hidden, s.input}, {s.directions, r.gates * s.hidden, s.hidden},
		{s.directions, 2 * r.gates * s.hidden}, {s.batch}, state, state, {s.directions, 3 * s.hidden}} {
		if i > 0 && given(in, i) && !slices.Equal(in[i].Shape, want) {
			return s, fmt.Errorf("input %d has shape %v, want %v", i, in[i].Shape, want)
		}
	}
	return s, nil
}

// Infer implements Operator.
func (r *Recurrent) Infer(in []*Info, outputs int) ([]Info, error) {
	s, err := r.sizes(in)
	if err != nil {
		return nil, err
	}
	y, h := []int{s.steps, s.directions, s.batch, s.hidden}, []int{s.directions, s.batch, s.hidden}
	if r.batchFirst {
		y, h = []int{s.batch, s.steps, s.directions, s.hidden}, []int{s.batch, s.directions, s.hidden}
	}
	out, err := single(tensor.Float32, y)
	if err != nil {
		return nil, err
	}
	for range outputs - 1 {
		out = append(out, Info{Type: tensor.Float32, Shape: h})
	}
	return out, nil
}

// Eval implements Operator.
func (r *Recurrent) Eval(in []*tensor.Tensor, outputs int) ([]*tensor.Tensor, error) {
	infos := infosOf(in)
	s, err := r.sizes(infos)
	if err != nil {
		return nil, err
	}
	info, err := r.Infer(infos, 3)
	if err != nil {
		return nil, err
	}
	out := make([]*tensor.Tensor, 3)
	for i := range out {
		out[i] = tensor.Zeros[float32](info[i].Shape...)
	}
	for d := range s.directions {
		for b := range s.batch {
			length := s.steps
			if given(in, 4) {
				length = int(in[4].Data.([]int32)[b])
				if length < 0 || length > s.steps {
					return nil, fmt.Errorf("sequence %d has length %d of %d", b, length, s.steps)
				}
			}
			r.sequence(s, in, out, d, b, length)
		}
	}
	return out[:max(1, min(outputs, 3))], nil
}

// sequence runs one sequence of the batch in one direction.
func (r *Recurrent) sequence(s recurrentSizes, in, out []*tensor.Tensor, d, b, length int) {
	state := (d*s.batch + b) * s.hidden
	if r.batchFirst {
		state = (b*s.directions + d) * s.hidden
	}
	first := func(i int) []float64 {
		v := make([]float64, s.hidden)
		if given(in, i) {
			for k := range v {
				v[k] = float64(in[i].Data.([]float32)[state+k])
			}
		}
		return v
	}
	c := &recurrentCell{r: r, s: s, w: line(in, 1, d, r.gates*s.hidden*s.input), u: line(in, 2, d, r.gates*s.hidden*s.hidden),
		bias: line(in, 3, d, 2*r.gates*s.hidden), peep: line(in, 7, d, 3*s.hidden), h: first(5), cell: first(6)}
	n := len(r.activations) / s.directions
	c.f = r.activations[d*n : (d+1)*n]
	for i := range length {
		t := i
		if r.direction == "reverse" || d == 1 {
			t = length - 1 - i
		}
		x, y := t*s.batch+b, (t*s.directions+d)*s.batch+b
		if r.batchFirst {
			x, y = b*s.steps+t, (b*s.steps+t)*s.directions+d
		}
		c.step(in[0].Data.([]float32)[x*s.input:][:s.input])
		for k, v := range c.h {
			out[0].Data.([]float32)[y*s.hidden+k] = float32(v)
		}
	}
	for k := range c.h {
		out[1].Data.([]float32)[state+k], out[2].Data.([]float32)[state+k] = float32(c.h[k]), float32(c.cell[k])
	}
}

// line is what belongs to direction d of an input, nil if that is absent.
func line(in []*tensor.Tensor, i, d, n int) []float32 {
	if !given(in, i) {
		return nil
	}
	return in[i].Data.([]float32)[d*n : (d+1)*n]
}

// recurrentCell is the state of one sequence in one direction.
type recurrentCell struct {
	r                   *Recurrent
	s                   recurrentSizes
	w, u, bias, peep    []float32
	h, cell             []float64
	f                   []func(float64) float64
	fromInput, fromPast []float64
}

// gate is a sum over an input, or the last state, with its bias, for each hidden
// unit and gate.
func gate(to *[]float64, weights, bias []float32, x []float64, n int) []float64 {
	*to = append((*to)[:0], make([]float64, n)...)
	for g := range *to {
		sum := 0.0
		for k, v := range x {
			sum += float64(v * float64(weights[g*len(x)+k]))
		}
		if bias != nil {
			sum += float64(bias[g])
		}
		(*to)[g] = sum
	}
	return *to
}

// activated is an activation of a bounded argument.
func (c *recurrentCell) activated(i int, x float64) float64 {
	return c.f[i](math.Max(-c.r.clip, math.Min(c.r.clip, x)))
}

// step takes in one element of the sequence.
func (c *recurrentCell) step(x []float32) {
	n := c.r.gates * c.s.hidden
	wide := make([]float64, len(x))
	for k, v := range x {
		wide[k] = float64(v)
	}
	var biasW, biasR []float32
	if c.bias != nil {
		biasW, biasR = c.bias[:n], c.bias[n:]
	}
	past := c.h
	if c.r.dynamic {
		past = rangeQuantized(past)
	}
	a, p := gate(&c.fromInput, c.w, biasW, wide, n), gate(&c.fromPast, c.u, biasR, past, n)
	switch c.r.Type {
	case "RNN":
		for k := range c.h {
			c.h[k] = c.activated(0, a[k]+p[k])
		}
	case "GRU":
		c.gru(a, p, biasR)
	case "LSTM":
		c.lstm(a, p)
	}
}

// gru has the gates update, reset, hidden.
func (c *recurrentCell) gru(a, p []float64, biasR []float32) {
	n := c.s.hidden
	reset, last := make([]float64, n), p[2*n:]
	for k := range reset {
		reset[k] = c.activated(0, a[n+k]+p[n+k])
	}
	if c.r.linearBefore {
		for k := range last {
			last[k] *= reset[k]
		}
	} else {
		for k := range reset {
			reset[k] *= c.h[k]
		}
		var bias []float32
		if biasR != nil {
			bias = biasR[2*n:]
		}
		last = gate(new([]float64), c.u[2*n*n:], bias, reset, n)
	}
	for k := range c.h {
		z := c.activated(0, a[k]+p[k])
		c.h[k] = float64((1-z)*c.activated(1, a[2*n+k]+last[k])) + float64(z*c.h[k])
	}
}

// lstm has the gates input, output, forget, cell.
func (c *recurrentCell) lstm(a, p []float64) {
	n := c.s.hidden
	peep := func(i, k int, cell float64) float64 {
		if c.peep == nil {
			return 0
		}
		return float64(c.peep[i*n+k]) * cell
	}
	for k := range c.h {
		old := c.cell[k]
		i := c.activated(0, a[k]+p[k]+peep(0, k, old))
		f := 1 - i
		if !c.r.inputForget {
			f = c.activated(0, a[2*n+k]+p[2*n+k]+peep(2, k, old))
		}
		c.cell[k] = float64(f*old) + float64(i*c.activated(1, a[3*n+k]+p[3*n+k]))
		o := c.activated(0, a[n+k]+p[n+k]+peep(1, k, c.cell[k]))
		c.h[k] = o * c.f[2](c.cell[k])
	}
}
