package engine

import (
	"math"

	"krypton/internal/engine/asm"
)

// Quantize rounds numbers to whole ones, to even where two are equally near: those that a
// quantized type of 16 bits at most has, which planes hold as they hold all numbers. It
// computes x*Scale, or x/Scale, plus Before, limited to Low and High and rounded, plus
// After; each operation is rounded to float32. What is no number becomes 0.
type Quantize struct {
	// Scale is one number, or one for each channel; nil is 1.
	Scale  []float32
	Divide bool
	// Low and High are whole numbers of less than 2^22.
	Before, After, Low, High float32
}

// MultiplyAdds implements Primitive.
func (q *Quantize) MultiplyAdds() int64 { return 0 }

// whole is what numbers below 2^22 lose their fractions by, being added and taken away
// again: float32 has none from 2^23 on.
var whole = []float32{3 << 22}

// Run implements Primitive.
func (q *Quantize) Run(s *Scratch, jobs []Job) {
	before, after, low, high := []float32{q.Before}, []float32{q.After}, []float32{q.Low}, []float32{q.High}
	eachRow(s, jobs, func(x, out []float32) {
		n := len(out)
		if n == 0 {
			return
		}
		scaled(s, q.Scale, q.Divide, x, out)
		if q.Before != 0 {
			s.Kernels.Combine(asm.Sum, out, before, out, 1, 0, n, true)
		}
		none := false
		for _, v := range out {
			none = none || v != v
		}
		if none {
			for i, v := range out {
				if out[i] = 0; v == v {
					out[i] = q.rounded(v)
				}
			}
			return
		}
		s.Kernels.Combine(asm.Larger, out, low, out, 1, 0, n, true)
		s.Kernels.Combine(asm.Smaller, out, high, out, 1, 0, n, true)
		s.Kernels.Combine(asm.Sum, out, whole, out, 1, 0, n, true)
		s.Kernels.Combine(asm.Difference, out, whole, out, 1, 0, n, true)
		if q.After != 0 {
			s.Kernels.Combine(asm.Sum, out, after, out, 1, 0, n, true)
		}
	})
}

// rounded is what becomes of a scaled number.
func (q *Quantize) rounded(v float32) float32 {
	return float32(math.RoundToEven(float64(min(max(v, q.Low), q.High)))) + q.After
}

// Dequantize computes (x - Zero)*Scale, Scale being one number, one for each channel, or
// nil for 1.
type Dequantize struct {
	Zero  float32
	Scale []float32
}

// MultiplyAdds implements Primitive.
func (d *Dequantize) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (d *Dequantize) Run(s *Scratch, jobs []Job) {
	zero := []float32{d.Zero}
	eachRow(s, jobs, func(x, out []float32) {
		if len(out) == 0 {
			return
		}
		if d.Zero != 0 {
			s.Kernels.Combine(asm.Difference, x, zero, out, 1, 0, len(out), true)
			x = out
		}
		scaled(s, d.Scale, false, x, out)
	})
}

// scaled multiplies or divides a row by a scale.
func scaled(s *Scratch, scale []float32, divide bool, x, out []float32) {
	of := asm.Product
	if divide {
		of = asm.Quotient
	}
	switch n := len(scale); n {
	case 0:
		copy(out, x)
	case 1:
		s.Kernels.Combine(of, x, scale, out, 1, 0, len(out), true)
	default:
		s.Kernels.Combine(of, x, scale, out, len(out)/n, 0, n, false)
	}
}

// Elements are primitives of single elements, which Each computes in plain Go for
// elements of one channel.
type Elements interface {
	Primitive
	Each(x, out []float32, channel int)
}

// at is the scale of a channel.
func at(scale []float32, channel int) float32 {
	switch len(scale) {
	case 0:
		return 1
	case 1:
		return scale[0]
	}
	return scale[channel]
}

// Each implements Elements.
func (q *Quantize) Each(x, out []float32, channel int) {
	s := at(q.Scale, channel)
	for i, v := range x {
		if q.Divide {
			v /= s
		} else {
			v = float32(v * s)
		}
		if v += q.Before; v != v {
			out[i] = 0
			continue
		}
		out[i] = q.rounded(v)
	}
}

// Each implements Elements.
func (d *Dequantize) Each(x, out []float32, channel int) {
	s := at(d.Scale, channel)
	for i, v := range x {
		out[i] = float32(v-d.Zero) * s
	}
}

// Extremes gives the least and the greatest number of each row, and of 0.
type Extremes struct{}

// MultiplyAdds implements Primitive.
func (*Extremes) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (*Extremes) Run(s *Scratch, jobs []Job) {
	for i := range jobs {
		j := &jobs[i]
		x := j.In[0].Plane.Rect().X
		tmp, half := s.lineBuffer(0, x.Len()*j.In[0].C), s.lineBuffer(1, x.Len()*j.In[0].C)
		for y := j.Rect.Y.Lo; y < j.Rect.Y.Hi; y++ {
			row := j.In[0].pixels(y, x, tmp)
			out := j.Out[2*(y-j.Rect.Y.Lo):]
			out[0], out[1] = min(0, s.extreme(asm.Smaller, row, half)), max(0, s.extreme(asm.Larger, row, half))
		}
	}
}

// extreme is the least or greatest number of a row, NaN if one is. half is memory for half
// of it.
func (s *Scratch) extreme(of asm.Arithmetic, row, half []float32) float32 {
	for len(row) > 32 {
		n := (len(row) + 1) / 2 // the middle one of an odd number is compared with itself
		s.Kernels.Combine(of, row[:n], row[len(row)-n:], half[:n], 1, 0, n, false)
		row = half[:n]
	}
	m := row[0]
	for _, v := range row[1:] {
		if of == asm.Smaller {
			m = min(m, v)
		} else {
			m = max(m, v)
		}
	}
	return m
}

// Span makes a scale and a zero point of the extremes of rows: those by which 0 to 255
// stand for all numbers between the extremes, of which 0 is a whole one (ONNX's
// DynamicQuantizeLinear).
type Span struct{}

// MultiplyAdds implements Primitive.
func (*Span) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (*Span) Run(s *Scratch, jobs []Job) {
	for i := range jobs {
		j := &jobs[i]
		tmp := s.lineBuffer(0, 2)
		var low, high float32
		for y := range j.In[0].H {
			e := j.In[0].pixels(y, j.In[0].Plane.Rect().X, tmp)
			low, high = min(low, e[0]), max(high, e[1])
		}
		j.Out[0], j.Out[1] = span(low, high)
	}
}

// SpanOf is the scale and the zero point of some numbers.
func SpanOf(x []float32) (scale, zero float32) {
	var low, high float32
	for _, v := range x {
		low, high = min(low, v), max(high, v)
	}
	return span(low, high)
}

func span(low, high float32) (scale, zero float32) {
	if scale = (high - low) / math.MaxUint8; scale == 0 {
		scale = 1
	}
	if zero = float32(math.RoundToEven(float64(-low / scale))); zero != zero {
		zero = 0
	}
	return scale, min(max(zero, 0), math.MaxUint8)
}
