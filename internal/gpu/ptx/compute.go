package ptx

import (
	"math"
	"math/bits"

	"krypton/internal/gpu/narrow"
)

// computations are the instructions that only make a number of others, by their names.
func computations() map[string]spec {
	c := map[string]spec{}
	integers(c)
	floats(c)
	comparisons(c)
	conversions(c)
	return c
}

// same is n times a type.
func same(t typ, n int) []typ {
	list := make([]typ, n)
	for i := range list {
		list[i] = t
	}
	return list
}

// integers adds the arithmetic of whole numbers and bits.
func integers(c map[string]spec) {
	for _, size := range []int{4, 8} {
		signs, plain, any := typ{signed, size}, typ{unsigned, size}, typ{raw, size}
		mask, sign := any.mask(), signOf(size)
		add := func(name string, t typ, n int, f func(a, b, c uint64) uint64) {
			c[name+t.name()] = spec{types: same(t, n), f: func(a, b, c uint64) uint64 { return f(a, b, c) & mask }}
		}
		// Sums and low halves of products have the same bits whatever the sign.
		for _, t := range []typ{signs, plain} {
			add("add", t, 3, func(a, b, _ uint64) uint64 { return a + b })
			add("sub", t, 3, func(a, b, _ uint64) uint64 { return a - b })
			add("mul.lo", t, 3, func(a, b, _ uint64) uint64 { return a * b })
			add("mad.lo", t, 4, func(a, b, c uint64) uint64 { return a*b + c })
		}
		add("neg", signs, 2, func(a, _, _ uint64) uint64 { return -a })
		add("min", signs, 3, func(a, b, _ uint64) uint64 { return uint64(min(sign(a), sign(b))) })
		add("max", signs, 3, func(a, b, _ uint64) uint64 { return uint64(max(sign(a), sign(b))) })
		add("min", plain, 3, func(a, b, _ uint64) uint64 { return min(a, b) })
		add("max", plain, 3, func(a, b, _ uint64) uint64 { return max(a, b) })
		add("and", any, 3, func(a, b, _ uint64) uint64 { return a & b })
		add("or", any, 3, func(a, b, _ uint64) uint64 { return a | b })
		add("xor", any, 3, func(a, b, _ uint64) uint64 { return a ^ b })
		add("not", any, 2, func(a, _, _ uint64) uint64 { return ^a })
		divisions(c, size)
		// Shifts are by 32 bits without sign; by all bits and more nothing is left.
		c["shl"+any.name()] = spec{types: []typ{any, any, u32}, f: func(a, b, _ uint64) uint64 { return a << b & mask }}
		c["shr"+plain.name()] = spec{types: []typ{plain, plain, u32}, f: func(a, b, _ uint64) uint64 { return a >> b }}
		c["shr"+signs.name()] = spec{types: []typ{signs, signs, u32}, f: func(a, b, _ uint64) uint64 { return uint64(sign(a)>>b) & mask }}
	}
	for name, f := range map[string]func(a, b uint64) uint64{
		"and.pred": func(a, b uint64) uint64 { return a & b },
		"or.pred":  func(a, b uint64) uint64 { return a | b },
		"xor.pred": func(a, b uint64) uint64 { return a ^ b },
	} {
		c[name] = spec{types: same(pred, 3), f: func(a, b, _ uint64) uint64 { return f(a, b) }}
	}
	c["not.pred"] = spec{types: same(pred, 2), f: func(a, _, _ uint64) uint64 { return 1 - a }}
	c["bfe.u32"] = spec{types: []typ{u32, u32, u32, u32}, f: func(a, b, c uint64) uint64 { return a >> (b & 255) & (1<<(c&255) - 1) }}
	wide := func(a, b uint64) uint64 { return uint64(int64(int32(a)) * int64(int32(b))) }
	c["mul.wide.s32"] = spec{types: []typ{s64, s32, s32}, f: func(a, b, _ uint64) uint64 { return wide(a, b) }}
	c["mul.wide.u32"] = spec{types: []typ{u64, u32, u32}, f: func(a, b, _ uint64) uint64 { return a * b }}
	c["mad.wide.s32"] = spec{types: []typ{s64, s32, s32, s64}, f: func(a, b, c uint64) uint64 { return wide(a, b) + c }}
	c["mad.wide.u32"] = spec{types: []typ{u64, u32, u32, u64}, f: func(a, b, c uint64) uint64 { return a*b + c }}
}

// divisions adds quotients and rests of a type, with a fault where a device gives what it
// likes.
func divisions(c map[string]spec, size int) {
	signs, plain := typ{signed, size}, typ{unsigned, size}
	mask, sign := signs.mask(), signOf(size)
	zero := func(_, b uint64) string {
		if b == 0 {
			return "division by zero"
		}
		return ""
	}
	overflow := func(a, b uint64) string {
		if a == mask>>1+1 && b == mask {
			return "division of the least number by -1"
		}
		return zero(a, b)
	}
	for name, f := range map[string]func(a, b int64) int64{
		"div": func(a, b int64) int64 { return a / b }, "rem": func(a, b int64) int64 { return a % b },
	} {
		c[name+signs.name()] = spec{types: same(signs, 3), fault: overflow, f: func(a, b, _ uint64) uint64 { return uint64(f(sign(a), sign(b))) & mask }}
	}
	c["div"+plain.name()] = spec{types: same(plain, 3), fault: zero, f: func(a, b, _ uint64) uint64 { return a / b }}
	c["rem"+plain.name()] = spec{types: same(plain, 3), fault: zero, f: func(a, b, _ uint64) uint64 { return a % b }}
}

// signOf reads numbers of so many bytes that have a sign.
func signOf(size int) func(uint64) int64 {
	return func(v uint64) int64 { return int64(v<<(64-8*size)) >> (64 - 8*size) }
}

// single and double are the numbers of float32's and float64's bits.
func single(v uint64) float32   { return math.Float32frombits(uint32(v)) }
func double(v uint64) float64   { return math.Float64frombits(v) }
func ofSingle(v float32) uint64 { return uint64(math.Float32bits(v)) }
func ofDouble(v float64) uint64 { return math.Float64bits(v) }

// truth is the bit of a predicate.
func truth(holds bool) (v uint64) {
	if holds {
		v = 1
	}
	return v
}

// floats adds the arithmetic of float32 and float64, rounded to nearest.
func floats(c map[string]spec) {
	for name, f := range map[string]func(a, b float32) float32{
		"add.rn.f32": func(a, b float32) float32 { return a + b },
		"sub.rn.f32": func(a, b float32) float32 { return a - b },
		"mul.rn.f32": func(a, b float32) float32 { return a * b },
		"div.rn.f32": func(a, b float32) float32 { return a / b },
	} {
		c[name] = spec{types: same(f32, 3), f: func(a, b, _ uint64) uint64 { return ofSingle(f(single(a), single(b))) }}
	}
	for name, f := range map[string]func(a, b float64) float64{
		"add.rn.f64": func(a, b float64) float64 { return a + b },
		"sub.rn.f64": func(a, b float64) float64 { return a - b },
		"mul.rn.f64": func(a, b float64) float64 { return a * b },
		"div.rn.f64": func(a, b float64) float64 { return a / b },
	} {
		c[name] = spec{types: same(f64, 3), f: func(a, b, _ uint64) uint64 { return ofDouble(f(double(a), double(b))) }}
	}
	// Of two numbers of which one is NaN the other is the larger, and 0 is larger than -0.
	c["max.f64"] = spec{types: same(f64, 3), f: func(a, b, _ uint64) uint64 {
		switch x, y := double(a), double(b); {
		case x != x:
			return b
		case y != y:
			return a
		default:
			return ofDouble(max(x, y))
		}
	}}
	c["rcp.rn.f64"] = spec{types: same(f64, 2), f: func(a, _, _ uint64) uint64 { return ofDouble(1 / double(a)) }}
	c["rcp.rn.f32"] = spec{types: same(f32, 2), f: func(a, _, _ uint64) uint64 { return ofSingle(1 / single(a)) }}
	c["fma.rn.f32"] = spec{types: same(f32, 4), run: fused}
	c["fma.rn.f64"] = spec{types: same(f64, 4), f: func(a, b, c uint64) uint64 { return ofDouble(math.FMA(double(a), double(b), double(c))) }}
	c["sqrt.rn.f32"] = spec{types: same(f32, 2), f: func(a, _, _ uint64) uint64 { return ofSingle(float32(math.Sqrt(float64(single(a))))) }}
	c["sqrt.rn.f64"] = spec{types: same(f64, 2), f: func(a, _, _ uint64) uint64 { return ofDouble(math.Sqrt(double(a))) }}
	for name, t := range map[string]typ{".f32": f32, ".f64": f64} {
		sign := t.mask()>>1 + 1
		c["neg"+name] = spec{types: same(t, 2), f: func(a, _, _ uint64) uint64 { return a ^ sign }}
		c["abs"+name] = spec{types: same(t, 2), f: func(a, _, _ uint64) uint64 { return a &^ sign }}
	}
}

// comparisons adds those and selections.
func comparisons(c map[string]spec) {
	add := func(name string, t typ, f func(a, b uint64) bool) {
		c["setp."+name+t.name()] = spec{types: []typ{pred, t, t}, f: func(a, b, _ uint64) uint64 { return truth(f(a, b)) }}
	}
	for _, size := range []int{4, 8} {
		sign, plain, numbers := typ{signed, size}, typ{unsigned, size}, typ{floating, size}
		signed := signOf(size)
		for name, f := range map[string]func(order int) bool{
			"eq": func(o int) bool { return o == 0 }, "ne": func(o int) bool { return o != 0 },
			"lt": func(o int) bool { return o < 0 }, "le": func(o int) bool { return o <= 0 },
			"gt": func(o int) bool { return o > 0 }, "ge": func(o int) bool { return o >= 0 },
		} {
			add(name, sign, func(a, b uint64) bool { return f(order(signed(a), signed(b))) })
			add(name, plain, func(a, b uint64) bool { return f(order(a, b)) })
			add(name, numbers, func(a, b uint64) bool {
				x, y := value(a, size), value(b, size)
				return x == x && y == y && f(order(x, y))
			})
			// With a u the comparison holds of NaN.
			add(name+"u", numbers, func(a, b uint64) bool {
				x, y := value(a, size), value(b, size)
				return x != x || y != y || f(order(x, y))
			})
		}
		for name, nan := range map[string]bool{"nan": true, "num": false} {
			add(name, numbers, func(a, b uint64) bool {
				x, y := value(a, size), value(b, size)
				return (x != x || y != y) == nan
			})
		}
		for _, t := range []typ{{raw, size}, sign, plain, numbers} {
			c["selp"+t.name()] = spec{types: []typ{t, t, t, pred}, f: selected}
		}
	}
}

// selected is a if c holds, else b.
func selected(a, b, c uint64) uint64 {
	if c != 0 {
		return a
	}
	return b
}

// value is the number of so many bytes.
func value(v uint64, size int) float64 {
	if size == 4 {
		return float64(single(v))
	}
	return double(v)
}

// order is -1, 0 or 1.
func order[T int64 | uint64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// conversions adds those between types.
func conversions(c map[string]spec) {
	for name, s := range map[string]spec{
		"cvt.s64.s32":      {types: []typ{s64, s32}, f: func(a, _, _ uint64) uint64 { return uint64(int64(int32(a))) }},
		"cvt.u64.u32":      {types: []typ{u64, u32}, f: func(a, _, _ uint64) uint64 { return a }},
		"cvt.u32.u64":      {types: []typ{u32, u64}, f: func(a, _, _ uint64) uint64 { return uint64(uint32(a)) }},
		"cvt.rn.f32.s32":   {types: []typ{f32, s32}, f: func(a, _, _ uint64) uint64 { return ofSingle(float32(int32(a))) }},
		"cvt.rn.f32.u32":   {types: []typ{f32, u32}, f: func(a, _, _ uint64) uint64 { return ofSingle(float32(uint32(a))) }},
		"cvt.rn.f64.s32":   {types: []typ{f64, s32}, f: func(a, _, _ uint64) uint64 { return ofDouble(float64(int32(a))) }},
		"cvt.rna.tf32.f32": {types: []typ{b32, f32}, f: func(a, _, _ uint64) uint64 { return ofSingle(narrow.TF32(single(a))) }},
		// The first number becomes the upper half.
		"cvt.rn.bf16x2.f32": {types: []typ{b32, f32, f32}, f: func(a, b, _ uint64) uint64 {
			return ofSingle(narrow.BF16(single(a)))&^0xffff | ofSingle(narrow.BF16(single(b)))>>16
		}},
		"cvt.f64.f32":    {types: []typ{f64, f32}, f: func(a, _, _ uint64) uint64 { return ofDouble(float64(single(a))) }},
		"cvt.rn.f32.f64": {types: []typ{f32, f64}, f: func(a, _, _ uint64) uint64 { return ofSingle(float32(double(a))) }},
	} {
		c[name] = s
	}
}

// compute runs what only makes a number of others.
func compute(w *warp, in *instruction) error {
	d, a, b, c, f := &w.slots[in.d], &w.slots[in.a], &w.slots[in.b], &w.slots[in.c], in.f
	if in.fault != nil {
		for m := w.active; m != 0; m &= m - 1 {
			l := bits.TrailingZeros32(m)
			if why := in.fault(a[l&31], b[l&31]); why != "" {
				return w.fault(in, l, why)
			}
		}
	}
	if w.active == allLanes {
		for l := range d {
			d[l] = f(a[l], b[l], c[l])
		}
		return nil
	}
	for m := w.active; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		d[l] = f(a[l], b[l], c[l])
	}
	return nil
}

// move copies.
func move(w *warp, in *instruction) error {
	d, a := &w.slots[in.d], &w.slots[in.a]
	if w.active == allLanes {
		*d = *a
		return nil
	}
	for m := w.active; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		d[l] = a[l]
	}
	return nil
}

// fused is fma.rn.f32, of which most of a product's time is made.
func fused(w *warp, in *instruction) error {
	d, a, b, c := &w.slots[in.d], &w.slots[in.a], &w.slots[in.b], &w.slots[in.c]
	if w.active == allLanes {
		for l := range d {
			d[l] = ofSingle(FMA(single(a[l]), single(b[l]), single(c[l])))
		}
		return nil
	}
	for m := w.active; m != 0; m &= m - 1 {
		l := bits.TrailingZeros32(m) & 31
		d[l] = ofSingle(FMA(single(a[l]), single(b[l]), single(c[l])))
	}
	return nil
}
