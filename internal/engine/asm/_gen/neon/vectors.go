package main

import (
	"slices"
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

// plain are the instructions of two sources that NEON has as they are, with their sizes.
// The sources of amd64 come in the other order: VSUBPS b, a, d is d = a - b.
var plain = map[string]struct {
	op      string
	size    size
	swapped bool // the order of amd64 is that of arm64
}{
	"VADDPS": {"fadd", singles, false}, "VADDPD": {"fadd", doubles, false},
	// Of the scalar ones only the lowest lane is read.
	"VADDSS": {"fadd", singles, false}, "VADDSD": {"fadd", doubles, false},
	"VSUBPS": {"fsub", singles, false}, "VSUBPD": {"fsub", doubles, false},
	"VMULPS": {"fmul", singles, false}, "VMULPD": {"fmul", doubles, false},
	"VDIVPS": {"fdiv", singles, false}, "VDIVPD": {"fdiv", doubles, false},
	"VANDPS": {"and", bytes16, false}, "VANDPD": {"and", bytes16, false},
	"VANDNPS": {"bic", bytes16, true}, "VANDNPD": {"bic", bytes16, true},
	"VORPD": {"orr", bytes16, false}, "VORPS": {"orr", bytes16, false}, "VPOR": {"orr", bytes16, false},
	"VXORPS": {"eor", bytes16, false}, "VXORPD": {"eor", bytes16, false}, "VPXOR": {"eor", bytes16, false},
	"VPADDW": {"add", words8, false}, "VPADDD": {"add", singles, false}, "VPADDQ": {"add", doubles, false},
	"VPMAXUD": {"umax", singles, false}, "VPSUBUSB": {"uqsub", bytes16, false},
	"VPCMPEQB": {"cmeq", bytes16, false}, "VPCMPEQD": {"cmeq", singles, false},
	"VUNPCKLPS": {"zip1", singles, false}, "VUNPCKHPS": {"zip2", singles, false},
	"VUNPCKLPD": {"zip1", doubles, false}, "VUNPCKHPD": {"zip2", doubles, false},
	"VHADDPS": {"faddp", singles, false},
	// d = the upper halves of b and a
	"VMOVHLPS": {"zip2", doubles, true},
}

func sizeOf(op string) size {
	if strings.HasSuffix(op, "D") {
		return doubles
	}
	return singles
}

// vectors translates what works on vectors, and says whether it knows it.
func (t *translator) vectors(it item) bool {
	a := it.args
	switch it.op {
	case "VMOVUPS", "VMOVAPS", "VMOVAPD", "VMOVDQU":
		t.moveVector(a[0], a[1])
	case "VMASKMOVPS":
		t.masked(a)
	case "VMOVD", "VMOVQ":
		if a[1].kind == memory {
			t.storeLowest(it.op == "VMOVQ", a[0], a[1])
			return true
		}
		t.broadcast(it.op, a[0], a[1])
	case "VBROADCASTSS", "VBROADCASTSD", "VPBROADCASTB", "VPBROADCASTW":
		t.broadcast(it.op, a[0], a[1])
	case "VBROADCASTF128":
		t.overwrites(a[1].reg)
		t.line("MOVD $%s, R16", renamed(a[0].name))
		t.line("FMOVQ (R16), F%d", 2*a[1].reg)
		t.values[a[1].reg] = value{form: twice}
	case "VCVTDQ2PS":
		t.lanes(a, func(d int, s []int) { t.word(encode2("scvtf", singles, d, s[0])) })
	case "MOVSS":
		t.line("FMOVS F%d, %s", 2*a[0].reg, a[1].name)
	case "MOVSD":
		t.line("FMOVD F%d, %s", 2*a[0].reg, a[1].name)
	case "VUCOMISS":
		t.line("FCMPS F%d, F%d", 2*a[0].reg, 2*a[1].reg)
	case "VXORPS", "VXORPD", "VPXOR", "VPCMPEQD":
		if sameSources(it) {
			t.constant(it.op, a[2])
			return true
		}
		t.plain(it)
	case "VMAXPS", "VMAXPD", "VMINPS", "VMINPD":
		t.bound(strings.HasPrefix(it.op, "VMAX"), sizeOf(it.op), a)
	case "VCMPPS", "VCMPPD":
		t.compare(it.op, a)
	case "VBLENDVPS", "VBLENDVPD":
		t.blend(sizeOf(it.op), a)
	case "VPSRLD", "VPSLLD", "VPSRLQ", "VPSLLQ":
		t.shift(it)
	case "VSQRTPD", "VSQRTPS":
		t.lanes(a, func(d int, s []int) { t.word(encode2("fsqrt", sizeOf(it.op), d, s[0])) })
	case "VCVTPS2PD":
		t.widen(a[0], a[1])
	case "VCVTPD2PSY":
		t.narrow(a[0], a[1])
	default:
		if accumulates(it.op) {
			t.multiplyAdd(it)
			return true
		}
		if _, ok := plain[it.op]; ok {
			t.plain(it)
			return true
		}
		return t.permute(it)
	}
	return true
}

// lanes translates an instruction that does the same to each half: the operands but the
// last are read. It writes the halves one after the other, or once for both if all
// sources are the same in both.
func (t *translator) lanes(a []operand, each func(d int, s []int)) {
	sources, d := a[:len(a)-1], a[len(a)-1]
	t.read(sources, d.reg)
	t.overwrites(d.reg)
	from := t.sources(sources, d)
	if !d.half && t.all(sources, twice) {
		each(2*d.reg, from(0))
		t.values[d.reg] = value{form: twice}
		return
	}
	each(2*d.reg, from(0))
	t.finish(d, func() { each(2*d.reg+1, from(1)) })
}

// read prepares sources of an instruction that writes d: what is spread is written out,
// and so is d itself if its lower half would be lost before it stands for the upper one.
func (t *translator) read(sources []operand, d int) {
	other := !t.all(sources, twice)
	for _, s := range sources {
		if s.kind != vector {
			continue
		}
		if t.values[s.reg].form == spread || s.reg == d && other {
			t.write(s.reg)
		}
	}
}

// all says whether all vectors among the operands, and there is nothing else, have a form.
func (t *translator) all(sources []operand, f form) bool {
	for _, s := range sources {
		if f == twice && t.repeated(s) {
			continue
		}
		if s.kind != vector || t.values[s.reg].form != f {
			return false
		}
	}
	return true
}

// constantsOf is the general register that holds a function's argument of this name all the way,
// or -1.
func constantsOf(items []item) int {
	table := -1
	for _, it := range items {
		if it.op == "MOVQ" && strings.HasPrefix(it.args[0].name, "table+") {
			table = it.args[1].reg
		}
	}
	for _, it := range items {
		if n := len(it.args); n > 0 && it.args[n-1].kind == general && it.args[n-1].reg == table && !strings.HasPrefix(it.args[0].name, "table+") {
			return -1
		}
	}
	return table
}

// repeated says whether an operand in memory is a vector of the same numbers.
func (t *translator) repeated(a operand) bool {
	return a.kind == memory && a.base == t.table && a.index < 0 && a.disp >= 0 && a.disp%16 == 0
}

// finish writes the upper half of what is written: by what upper does, or zero where 128
// bits are written and the rest is read later.
func (t *translator) finish(d operand, upper func()) {
	t.values[d.reg] = value{}
	if !d.half {
		upper()
		return
	}
	if t.live[t.at]&one(2*d.reg+1) != 0 {
		t.word(zero(2*d.reg + 1))
	}
}

// sources gives the registers of each half of the sources: what lies in memory is loaded,
// into d itself if nothing else is read from that.
func (t *translator) sources(list []operand, d operand) func(h int) []int {
	loaded := map[int][2]int{}
	forms := t.values // before the lower half of d is written
	for i, s := range list {
		if s.kind != memory {
			continue
		}
		pair := [2]int{2 * d.reg, 2*d.reg + 1}
		if t.repeated(s) && !d.half { // the lower half is written before the upper one reads this
			pair[0] = pair[1]
		}
		if accumulates(t.f.items[t.at].op) || slices.ContainsFunc(list, func(s operand) bool { return s.kind == vector && s.reg == d.reg }) {
			pair[0] = t.scratch()
			if pair[1] = pair[0]; !d.half && !t.repeated(s) {
				pair[1] = t.scratch()
			}
		}
		t.load(s, pair, d.half)
		loaded[i] = pair
	}
	return func(h int) []int {
		var regs []int
		for i, s := range list {
			if pair, ok := loaded[i]; ok {
				regs = append(regs, pair[h])
				continue
			}
			if s.kind != vector {
				t.fail("operand %d is no vector", i)
			}
			if forms[s.reg].form == twice {
				regs = append(regs, 2*s.reg)
				continue
			}
			regs = append(regs, 2*s.reg+h)
		}
		return regs
	}
}

func (t *translator) load(a operand, pair [2]int, half bool) {
	if t.repeated(a) {
		t.line("FMOVQ %d(R%d), F%d", a.disp, a.base, pair[0])
		return
	}
	reg, disp := t.place(a, 16)
	if half {
		t.line("FMOVQ %d(R%d), F%d", disp, reg, pair[0])
		return
	}
	t.line("FLDPQ %d(R%d), (F%d, F%d)", disp, reg, pair[0], pair[1])
}

func (t *translator) plain(it item) {
	p := plain[it.op]
	t.lanes(it.args, func(d int, s []int) {
		n, m := s[1], s[0]
		if p.swapped {
			n, m = m, n
		}
		t.word(encode3(p.op, p.size, d, n, m))
	})
}

// constant writes 0, or all bits.
func (t *translator) constant(op string, d operand) {
	t.overwrites(d.reg)
	if op == "VPCMPEQD" {
		t.word(encode3("cmeq", singles, 2*d.reg, 2*d.reg, 2*d.reg))
	} else {
		t.word(zero(2 * d.reg))
	}
	t.values[d.reg] = value{form: twice}
}

func (t *translator) moveVector(from, to operand) {
	switch {
	case to.kind == memory:
		if t.values[from.reg].form == spread {
			t.write(from.reg)
		}
		reg, disp := t.place(to, 16)
		if from.half {
			t.line("FMOVQ F%d, %d(R%d)", 2*from.reg, disp, reg)
			return
		}
		t.line("FSTPQ (F%d, F%d), %d(R%d)", 2*from.reg, t.half(from.reg, 1), disp, reg)
	case from.kind == memory:
		t.overwrites(to.reg)
		t.load(from, [2]int{2 * to.reg, 2*to.reg + 1}, to.half)
		if t.finish(to, func() {}); t.repeated(from) {
			t.values[to.reg] = value{form: twice}
		}
	default:
		t.lanes([]operand{from, to}, func(d int, s []int) { t.word(move(d, s[0])) })
	}
}

// storeLowest stores the lowest 64 bits of a vector, or 32.
func (t *translator) storeLowest(double bool, from, to operand) {
	size, op := 4, "FMOVS"
	if double {
		size, op = 8, "FMOVD"
	}
	if t.values[from.reg].form == spread {
		t.write(from.reg)
	}
	reg, disp := t.place(to, size)
	t.line("%s F%d, %d(R%d)", op, 2*from.reg, disp, reg)
}

func (t *translator) broadcast(op string, from, to operand) {
	t.overwrites(to.reg)
	d, s := 2*to.reg, singles
	switch op {
	case "VBROADCASTSD":
		s = doubles
	case "VPBROADCASTW":
		s = words8
	}
	lanes := map[size]string{words8: "H8", singles: "S4", doubles: "D2"}[s]
	switch {
	case op == "VMOVQ":
		t.line("FMOVD R%d, F%d", from.reg, d)
	case op == "VPBROADCASTB":
		t.word(duplicate(bytes16, d, 2*from.reg, 0))
	case from.kind == symbol:
		t.line("MOVD $%s, R16", renamed(from.name))
		t.line("VLD1R (R16), [V%d.%s]", d, lanes)
	case from.kind == argument && s == doubles:
		t.line("FMOVD %s, F%d", from.name, d)
		t.word(duplicate(doubles, d, d, 0))
	case from.kind == memory:
		t.line("VLD1R (R%d), [V%d.%s]", t.sum(from.base, from.index, from.scale, from.disp), d, lanes)
	default:
		t.fail("no source")
	}
	if op == "VMOVQ" {
		t.finish(to, func() {})
		return
	}
	t.values[to.reg] = value{form: twice}
}

// bound is d = s1 > s2 ? s1 : s2, or with < : where one is NaN, and of zeros, it is s2.
func (t *translator) bound(larger bool, s size, a []operand) {
	t.lanes(a, func(d int, from []int) {
		s2, s1 := from[0], from[1]
		test := func(to int) {
			if larger {
				t.word(encode3("fcmgt", s, to, s1, s2))
			} else {
				t.word(encode3("fcmgt", s, to, s2, s1))
			}
		}
		switch d {
		case s2:
			m := t.scratch()
			test(m)
			t.word(encode3("bit", bytes16, d, s1, m))
			t.taken &^= one(m)
		case s1:
			m := t.scratch()
			test(m)
			t.word(encode3("bif", bytes16, d, s2, m))
			t.taken &^= one(m)
		default:
			test(d)
			t.word(encode3("bsl", bytes16, d, s1, s2))
		}
	})
}

// compare writes all bits of the lanes where a and b compare so, else none.
func (t *translator) compare(op string, a []operand) {
	s, predicate := sizeOf(op), a[0].value
	t.lanes(a[1:], func(d int, from []int) {
		y, x := from[0], from[1]
		not := false
		switch predicate {
		case 0x00, 0x04: // equal, not equal
			t.word(encode3("fcmeq", s, d, x, y))
			not = predicate == 4
		case 0x01, 0x05: // less, not less
			t.word(encode3("fcmgt", s, d, y, x))
			not = predicate == 5
		case 0x02, 0x06: // at most, not at most
			t.word(encode3("fcmge", s, d, y, x))
			not = predicate == 6
		case 0x03, 0x07: // NaN, not NaN
			if x != y {
				t.fail("whether one of two is NaN")
			}
			t.word(encode3("fcmeq", s, d, x, x))
			not = predicate == 3
		case 0x0d:
			t.word(encode3("fcmge", s, d, x, y))
		case 0x0e:
			t.word(encode3("fcmgt", s, d, x, y))
		default:
			t.fail("predicate")
		}
		if not {
			t.word(encode2("mvn", bytes16, d, d))
		}
	})
}

// blend takes the lanes of yes where the mask's sign is set, else those of no.
func (t *translator) blend(s size, a []operand) {
	t.lanes(a, func(d int, from []int) {
		mask, yes, no := from[0], from[1], from[2]
		if d != yes && d != no {
			t.word(negative(s, d, mask))
			t.word(encode3("bsl", bytes16, d, yes, no))
			return
		}
		m := t.scratch()
		t.word(negative(s, m, mask))
		if d == no {
			t.word(encode3("bit", bytes16, d, yes, m))
		} else {
			t.word(encode3("bif", bytes16, d, no, m))
		}
		t.taken &^= one(m)
	})
}

func (t *translator) shift(it item) {
	s := singles
	if strings.HasSuffix(it.op, "Q") {
		s = doubles
	}
	by := int(it.args[0].value)
	t.lanes(it.args[1:], func(d int, from []int) { t.word(shift(strings.HasPrefix(it.op, "VPSL"), s, d, from[0], by)) })
}

// widen makes four numbers of 64 bits of four of 32.
func (t *translator) widen(from, to operand) {
	t.overwrites(to.reg)
	n := 2 * from.reg
	if from.kind == memory {
		n = 2 * to.reg
		t.load(from, [2]int{n}, true)
	} else if t.values[from.reg].form == spread {
		t.write(from.reg)
	}
	t.word(widen(true, 2*to.reg+1, n))
	t.word(widen(false, 2*to.reg, n))
	t.values[to.reg] = value{}
}

// narrow is the other way round.
func (t *translator) narrow(from, to operand) {
	t.read([]operand{from, {}}, to.reg)
	t.overwrites(to.reg)
	upper := t.half(from.reg, 1)
	t.word(narrow(false, 2*to.reg, 2*from.reg))
	t.word(narrow(true, 2*to.reg, upper))
	t.finish(to, func() {})
}

// multiplyAdd translates the fused multiply-adds: one rounding, as there.
func (t *translator) multiplyAdd(it item) {
	c, b, a := it.args[0], it.args[1], it.args[2]
	s, op := sizeOf(it.op), "fmla"
	if strings.HasPrefix(it.op, "VFN") {
		op = "fmls"
	}
	if strings.Contains(it.op, "231") { // a += b*c
		if op == "fmla" && s == singles && t.byElement(a, b, c) {
			return
		}
		t.lanes([]operand{c, b, a, a}, func(d int, s2 []int) { t.word(encode3(op, s, d, s2[1], s2[0])) })
		return
	}
	if op == "fmls" {
		t.fail("the sign of a product")
	}
	product, sum := b, c // a = b*a + c
	if strings.Contains(it.op, "132") {
		product, sum = c, b // a = a*c + b
	}
	t.lanes([]operand{product, sum, a, a}, func(d int, from []int) {
		acc := t.scratch()
		if strings.HasPrefix(it.op, "VFMSUB") {
			t.word(encode2("fneg", s, acc, from[1]))
		} else {
			t.word(move(acc, from[1]))
		}
		t.word(encode3("fmla", s, acc, from[0], from[2]))
		t.word(move(d, acc))
		t.taken &^= one(acc)
	})
}

// byElement adds a product with what is spread of a vector, and says whether it did.
func (t *translator) byElement(a, b, c operand) bool {
	if b.kind != vector || c.kind != vector || a.half {
		return false
	}
	if t.values[c.reg].form != spread {
		b, c = c, b
	}
	v := t.values[c.reg]
	if v.form != spread || t.values[b.reg].form == spread || v.from == a.reg || b.reg == a.reg || c.reg == a.reg || t.values[a.reg].form != written {
		return false
	}
	t.overwrites(a.reg)
	for h := range 2 {
		t.word(byElement(2*a.reg+h, t.half(b.reg, h), 2*v.from+h, v.lane))
	}
	return true
}

// permute translates what moves lanes.
func (t *translator) permute(it item) bool {
	a := it.args
	switch it.op {
	case "VPERMILPS":
		t.permilps(int(a[0].value), a[1], a[2])
	case "VPERMILPD": // both of each half change places
		if a[0].value != 5 {
			t.expect(a[0], 1)
		}
		t.lanes(a[1:], func(d int, s []int) { t.word(swapHalves(d, s[0])) })
	case "VMOVSHDUP":
		t.lanes(a, func(d int, s []int) { t.word(encode3("trn2", singles, d, s[0], s[0])) })
	case "VPSHUFB":
		t.lanes(a, func(d int, s []int) { t.word(lookUp(d, s[1], s[0])) })
	case "VSHUFPS": // the even numbers of a, then of b
		t.expect(a[0], 0x88)
		t.lanes(a[1:], func(d int, s []int) { t.word(encode3("uzp1", singles, d, s[1], s[0])) })
	case "VPERMQ": // numbers 0, 2, 1 and 3
		t.expect(a[0], 0xd8)
		t.halves(a[1:], func(lower, upper int, from [][2]int) {
			t.word(encode3("zip1", doubles, lower, from[0][0], from[0][1]))
			t.word(encode3("zip2", doubles, upper, from[0][0], from[0][1]))
		})
	case "VPERM2F128":
		t.halves(a[1:], func(lower, upper int, from [][2]int) {
			all := [4]int{from[1][0], from[1][1], from[0][0], from[0][1]}
			t.word(move(lower, all[a[0].value&3]))
			t.word(move(upper, all[a[0].value>>4&3]))
		})
	case "VEXTRACTF128":
		t.expect(a[0], 1)
		t.read(a[1:2], -1)
		t.overwrites(a[2].reg)
		t.word(move(2*a[2].reg, t.half(a[1].reg, 1)))
		t.finish(a[2], func() {})
	case "VINSERTF128":
		t.expect(a[0], 1)
		t.halves(a[1:], func(lower, upper int, from [][2]int) {
			t.word(move(lower, from[1][0]))
			t.word(move(upper, from[0][0]))
		})
	case "VPMOVMSKB":
		t.signs(a[0], a[1])
	case "VMOVMSKPS":
		t.signsOfSingles(a[0], a[1])
	case "VPMOVZXBW":
		if a[0].kind != memory || !a[1].half {
			t.fail("not eight bytes of memory")
		}
		t.overwrites(a[1].reg)
		t.addInto(16, a[0].base, a[0].index, a[0].scale, a[0].disp)
		t.line("FMOVD (R16), F%d", 2*a[1].reg)
		t.word(widenBytes(2*a[1].reg, 2*a[1].reg))
		t.finish(a[1], func() {})
	default:
		return false
	}
	return true
}

func (t *translator) expect(a operand, v int64) {
	if a.kind != immediate || a.value != v {
		t.fail("not %#x", v)
	}
}

// halves translates an instruction whose halves depend on both halves of the sources: if
// it writes one of them, through registers of its own.
func (t *translator) halves(a []operand, do func(lower, upper int, from [][2]int)) {
	sources, d := a[:len(a)-1], a[len(a)-1]
	t.read(sources, -1)
	t.overwrites(d.reg)
	var from [][2]int
	again := false
	for _, s := range sources {
		from = append(from, [2]int{2 * s.reg, t.half(s.reg, 1)})
		again = again || s.reg == d.reg
	}
	lower, upper := 2*d.reg, 2*d.reg+1
	if again {
		lower = t.scratch()
		upper = t.scratch()
	}
	do(lower, upper, from)
	if again {
		t.word(move(2*d.reg, lower))
		t.word(move(2*d.reg+1, upper))
	}
	t.values[d.reg] = value{}
}

func (t *translator) permilps(order int, from, to operand) {
	lane := order & 3
	switch {
	case order == lane*0x55 && !to.half && from.reg != to.reg:
		t.read([]operand{from}, to.reg)
		t.write(from.reg)
		t.overwrites(to.reg)
		t.values[to.reg] = value{spread, from.reg, lane}
	case order == lane*0x55:
		t.lanes([]operand{from, to}, func(d int, s []int) { t.word(duplicate(singles, d, s[0], lane)) })
	case order == 0x4e:
		t.lanes([]operand{from, to}, func(d int, s []int) { t.word(swapHalves(d, s[0])) })
	case order == 0xb1:
		t.lanes([]operand{from, to}, func(d int, s []int) { t.word(encode2("rev64", singles, d, s[0])) })
	default:
		t.fail("order of lanes")
	}
}

// signsOfSingles gathers the signs of eight numbers in a general register.
func (t *translator) signsOfSingles(from, to operand) {
	t.read([]operand{from}, -1)
	lower, upper := t.scratch(), t.scratch()
	for h, d := range []int{lower, upper} {
		t.word(negative(singles, d, t.half(from.reg, h)))
	}
	t.word(encode3("uzp1", words8, lower, lower, upper))
	t.word(encode3("uzp1", bytes16, lower, lower, lower))
	t.line("MOVD $0x8040201008040201, R16")
	t.line("FMOVD R16, F%d", upper)
	t.word(encode3("and", bytes16, lower, lower, upper))
	for range 3 {
		t.word(encode3("addp", bytes16, lower, lower, lower))
	}
	t.line("VMOV V%d.B[0], R%d", lower, to.reg)
	t.changes(to.reg)
}

// signs gathers the signs of 32 bytes in a general register.
func (t *translator) signs(from, to operand) {
	t.read([]operand{from}, -1)
	lower, upper, weight := t.scratch(), t.scratch(), t.scratch()
	t.line("MOVD $0x8040201008040201, R16")
	t.line("FMOVD R16, F%d", weight)
	t.word(duplicate(doubles, weight, weight, 0))
	for h, d := range []int{lower, upper} {
		t.word(negative(bytes16, d, t.half(from.reg, h)))
		t.word(encode3("and", bytes16, d, d, weight))
	}
	t.word(encode3("addp", bytes16, lower, lower, upper))
	t.word(encode3("addp", bytes16, lower, lower, lower))
	t.word(encode3("addp", bytes16, lower, lower, lower))
	t.line("FMOVS F%d, R%d", lower, to.reg)
	t.changes(to.reg)
}

// masked reads or writes the first lanes of a vector: masks have ones, then zeros. Nothing
// is read, or written, behind them.
func (t *translator) masked(a []operand) {
	store := a[2].kind == memory
	mask, place, y := a[1], a[0], a[2]
	if store {
		place, y = a[2], a[0]
	}
	if t.values[mask.reg].form != written {
		t.write(mask.reg)
	}
	masks := [2]int{2 * mask.reg, 2*mask.reg + 1}
	if store {
		t.write(y.reg)
	} else {
		t.overwrites(y.reg)
		if mask.reg == y.reg {
			for h, m := range masks {
				masks[h] = t.scratch()
				t.word(move(masks[h], m))
			}
		}
		t.word(zero(2 * y.reg))
		t.word(zero(2*y.reg + 1))
		t.values[y.reg] = value{}
	}
	t.addInto(16, place.base, place.index, place.scale, place.disp)
	var s []string
	for lane := range 8 {
		reg, n := masks[lane/4], lane%4
		if n%2 == 0 {
			s = append(s, "VMOV V"+itoa(reg)+".D["+itoa(n/2)+"], R17")
		}
		// as many instructions are left behind this one
		s = append(s, "TBZ $"+itoa(31+32*(n%2))+", R17, "+itoa(20-len(s))+"(PC)")
		v := "V" + itoa(y.reg*2+lane/4) + ".S[" + itoa(n) + "]"
		if store {
			s = append(s, "VST1.P "+v+", 4(R16)")
		} else {
			s = append(s, "VLD1.P 4(R16), "+v)
		}
	}
	t.line("%s", strings.Join(s, "; "))
}
