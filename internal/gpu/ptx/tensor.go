package ptx

import (
	"fmt"
	"math"
	"math/bits"
)

// Tensor cores multiply matrices by an arithmetic of their own, which NVIDIA does not document.
// What is here is the model that Xie, Wang, Yang and Yang found, and compared with cards
// (MMA-Sim, arXiv 2511.10909, "truncated fused dot product and add"), written anew: of some
// products and an addend each is cut off, towards zero, behind some bits of the largest exponent
// among them; the sum of these is exact, and cut off to float32, towards zero too. A product's
// exponent is the sum of its factors', whatever their significands make. Denormals are kept. No
// card was at hand to compare this text with.

// Cores is a generation of tensor cores.
type Cores int

// The generations: they differ in how many products are added at once, and in how many bits.
const (
	Hopper Cores = iota // and Blackwell
	Ampere              // and Ada
)

// fraction is how many bits behind the point are kept of a significand; bytes how many bytes of
// factors are added at once.
func (c Cores) fraction() int {
	if c == Ampere {
		return 24
	}
	return 25
}

func (c Cores) bytes() int {
	if c == Ampere {
		return 16
	}
	return 32
}

// leastExponent is that of float32's denormals, and of zeros.
const leastExponent = -126

// term is a number of a sum: a whole number times 2^(exponent-point).
type term struct {
	negative        bool
	size            uint64
	exponent, point int
}

// termOf takes a float32 apart; a tf32 or a bfloat16 is one.
func termOf(v float32) term {
	b := math.Float32bits(v)
	t := term{b>>31 != 0, uint64(b & (1<<23 - 1)), int(b>>23&0xff) - 127, 23}
	if t.exponent < leastExponent {
		t.exponent = leastExponent
	} else {
		t.size |= 1 << 23
	}
	return t
}

// times is a product. The factors have 11 significant bits at most, so that no bit is lost.
func (t term) times(u term) term {
	const spare = 12 // last bits of a factor, which are zeros
	return term{t.negative != u.negative, (t.size >> spare) * (u.size >> spare), t.exponent + u.exponent, 2 * (23 - spare)}
}

// Dot is the addend plus products of factors in a row, which are rounded to tf32 or bfloat16
// already and have so many bytes each: some of them at once.
func (c Cores) Dot(a, b []float32, addend float32, bytes int) float32 {
	for n := c.bytes() / bytes; len(a) > 0; {
		k := min(n, len(a))
		addend = c.add(a[:k], b[:k], addend)
		a, b = a[k:], b[k:]
	}
	return addend
}

// add is the sum of an addend and products at once.
func (c Cores) add(a, b []float32, addend float32) float32 {
	special, finite := addend, addend-addend == 0
	for i := range a {
		if p := a[i]; !(p-p == 0) || !(b[i]-b[i] == 0) {
			special, finite = special+p*b[i], false
		}
	}
	if !finite {
		if special != special {
			return math.Float32frombits(0x7fffffff)
		}
		return special
	}
	var all [33]term
	n := 1
	all[0] = termOf(addend)
	for i := range a {
		all[n] = termOf(a[i]).times(termOf(b[i]))
		n++
	}
	most := leastExponent
	for i := range all[:n] {
		if all[i].size != 0 {
			most = max(most, all[i].exponent)
		}
	}
	fraction, sum := c.fraction(), int64(0)
	for i := range all[:n] {
		t := &all[i]
		size := int64(t.size << (fraction - t.point) >> min(63, most-min(most, t.exponent)))
		if t.negative {
			size = -size
		}
		sum += size
	}
	return cut(sum, most-fraction)
}

// cut is a whole number times a power of 2 as a float32, towards zero.
func cut(sum int64, power int) float32 {
	if sum == 0 {
		return 0
	}
	size, sign := uint64(sum), uint32(0)
	if sum < 0 {
		size, sign = uint64(-sum), 1<<31
	}
	exponent := max(leastExponent, power+bits.Len64(size)-1)
	if exponent > 127 {
		return math.Float32frombits(sign | 0xff<<23)
	}
	if shift := exponent - 23 - power; shift >= 0 {
		size >>= min(63, shift)
	} else {
		size <<= -shift
	}
	if size < 1<<23 { // a denormal
		return math.Float32frombits(sign | uint32(size))
	}
	return math.Float32frombits(sign | uint32(exponent+127)<<23 | uint32(size)&(1<<23-1))
}

// fragments are the slots of a product of matrices by a warp: of the results, the left matrix,
// the right one and the addends.
type fragments struct {
	d    [4]int
	a    [4]int
	b    [2]int
	c    [4]int
	pair bool // a register has two bfloat16
}

// tensor adds the products of matrices by a warp.
func tensor(c map[string]*spec) {
	for name, pair := range map[string]bool{
		"mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32":  false,
		"mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32": true,
	} {
		c[name] = &spec{run: multiply, read: func(p *parser, in *instruction, operands []string) error {
			if err := count(operands, 4); err != nil {
				return err
			}
			f := &fragments{pair: pair}
			for i, to := range []struct {
				slots []int
				typ   typ
			}{{f.d[:], f32}, {f.a[:], b32}, {f.b[:], b32}, {f.c[:], f32}} {
				names, err := vector(len(to.slots), operands[i])
				if err != nil {
					return err
				}
				for k, name := range names {
					if to.slots[k], err = p.register(name, to.typ, false); err != nil {
						return err
					}
				}
			}
			if in.guard >= 0 {
				return fmt.Errorf("a product of a warp has a predicate")
			}
			in.tiles = f
			return nil
		}}
	}
}

// multiply is a product of matrices of 16 rows and 8 columns, as the PTX ISA spreads them over a
// warp: lane 4*g+t has of the left one rows g and g+8, of the right one column g.
func multiply(w *warp, in *instruction) error {
	if w.active != allLanes {
		return w.fault(in, bits.TrailingZeros32(^w.active), "a product of a warp that this thread does not come to")
	}
	f := in.tiles
	var left [16][16]float32
	var right [8][16]float32 // turned
	depth, bytes := 8, 4
	if f.pair {
		depth, bytes = 16, 2
	}
	put := func(row *[16]float32, word int, v uint64) {
		if f.pair {
			row[2*word], row[2*word+1] = math.Float32frombits(uint32(v)<<16), math.Float32frombits(uint32(v)&^0xffff)
			return
		}
		row[word] = math.Float32frombits(uint32(v) &^ (1<<13 - 1))
	}
	for lane := range lanes {
		g, t := lane/4, lane%4
		for r, slot := range f.a {
			put(&left[g+8*(r%2)], t+4*(r/2), w.slots[slot][lane])
		}
		for r, slot := range f.b {
			put(&right[g], t+4*r, w.slots[slot][lane])
		}
	}
	var out [4][lanes]uint64
	for lane := range lanes {
		for r, slot := range f.c {
			row, column := lane/4+8*(r/2), 2*(lane%4)+r%2
			out[r][lane] = ofSingle(w.block.cores.Dot(left[row][:depth], right[column][:depth], single(w.slots[slot][lane]), bytes))
		}
	}
	for r, slot := range f.d {
		w.slots[slot] = out[r]
	}
	return nil
}
