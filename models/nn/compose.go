package nn

// ReLU is max(x, 0). It works in place.
type ReLU struct{ y *Tensor }

// Params implements [Layer].
func (*ReLU) Params() []*Param { return nil }

// Forward implements [Layer]; it overwrites x.
func (r *ReLU) Forward(x *Tensor, _ bool) *Tensor {
	r.y = x
	parallel(x.N, func(n int) {
		s := x.Sample(n)
		for i, v := range s {
			s[i] = max(v, 0)
		}
	})
	return x
}

// Backward implements [Layer]; it overwrites dy. The slope at 0 is 0.
func (r *ReLU) Backward(dy *Tensor) *Tensor {
	parallel(dy.N, func(n int) {
		g := dy.Sample(n)
		for i, v := range r.y.Sample(n) {
			if v <= 0 {
				g[i] = 0
			}
		}
	})
	return dy
}

// Sequence is one layer after another.
type Sequence []Layer

// Params implements [Layer].
func (s Sequence) Params() []*Param {
	var all []*Param
	for _, l := range s {
		all = append(all, l.Params()...)
	}
	return all
}

// Forward implements [Layer].
func (s Sequence) Forward(x *Tensor, training bool) *Tensor {
	for _, l := range s {
		x = l.Forward(x, training)
	}
	return x
}

// Backward implements [Layer].
func (s Sequence) Backward(dy *Tensor) *Tensor {
	for i := len(s) - 1; i >= 0; i-- {
		dy = s[i].Backward(dy)
	}
	return dy
}

// Residual is x + Inner(x). Inner must keep the shape and must not begin with
// a layer that works in place.
type Residual struct {
	Name  string
	Inner Sequence

	y, dx *Tensor
}

// Params implements [Layer].
func (r *Residual) Params() []*Param { return r.Inner.Params() }

// Forward implements [Layer].
func (r *Residual) Forward(x *Tensor, training bool) *Tensor {
	r.y = r.y.resized(x.N, x.C, x.H, x.W)
	sum(r.y, x, r.Inner.Forward(x, training))
	return r.y
}

// Backward implements [Layer].
func (r *Residual) Backward(dy *Tensor) *Tensor {
	r.dx = r.dx.resized(dy.N, dy.C, dy.H, dy.W)
	// Inner may overwrite the gradient that it gets.
	copy(r.dx.Data, dy.Data)
	sum(r.dx, r.dx, r.Inner.Backward(dy))
	return r.dx
}

// sum sets dst to a + b.
func sum(dst, a, b *Tensor) {
	parallel(dst.N, func(n int) {
		d, y := dst.Sample(n), b.Sample(n)
		for i, v := range a.Sample(n) {
			d[i] = v + y[i]
		}
	})
}
