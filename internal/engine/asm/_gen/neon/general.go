package main

import "math/bits"

// general translates what works on general registers, and says whether it was that.
func (t *translator) general(it item) bool {
	a := it.args
	flags := ""
	if setsFlags[it.op] && flagsRead(t.f.items, t.at) {
		flags = "S"
	}
	switch it.op {
	case "VZEROUPPER":
	case "RET":
		t.line("RET")
	case "MOVQ":
		t.moveQ(a[0], a[1])
	case "MOVLQSX":
		reg, disp := t.place(a[0], 4)
		t.line("MOVW %d(R%d), R%d", disp, reg, a[1].reg)
		t.changes(a[1].reg)
	case "MOVWLZX":
		reg, disp := t.place(a[0], 2)
		t.line("MOVHU %d(R%d), R%d", disp, reg, a[1].reg)
		t.changes(a[1].reg)
	case "MOVW":
		reg, disp := t.place(a[1], 2)
		t.line("MOVH R%d, %d(R%d)", a[0].reg, disp, reg)
	case "MOVL":
		reg, disp := t.place(a[1], 4)
		t.line("MOVW R%d, %d(R%d)", a[0].reg, disp, reg)
	case "XORQ":
		if a[0] != a[1] {
			t.fail("an exclusive or of two registers")
		}
		t.line("MOVD $0, R%d", a[1].reg)
		t.changes(a[1].reg)
	case "XORL":
		t.change(a[1], func(to string) { t.line("EORW $%d, %s, %s", a[0].value, to, to) })
	case "POPCNTL":
		v := t.scratch()
		t.line("FMOVS R%d, F%d", a[0].reg, v)
		t.line("VCNT V%d.B8, V%d.B8", v, v)
		t.line("VUADDLV V%d.B8, V%d", v, v)
		t.line("FMOVS F%d, R%d", v, a[1].reg)
		t.changes(a[1].reg)
	case "ADDQ":
		t.change(a[1], func(to string) { t.line("ADD%s %s, %s, %s", flags, t.given(a[0], "R16"), to, to) })
	case "SUBQ":
		t.change(a[1], func(to string) { t.line("SUB%s %s, %s, %s", flags, t.given(a[0], "R16"), to, to) })
	case "DECQ":
		t.change(a[0], func(to string) { t.line("SUB%s $1, %s, %s", flags, to, to) })
	case "NEGQ":
		t.change(a[0], func(to string) { t.line("NEG %s, %s", to, to) })
	case "NOTL":
		t.change(a[0], func(to string) { t.line("MVNW %s, %s", to, to) })
	case "SHLQ":
		t.change(a[1], func(to string) { t.line("LSL %s, %s, %s", t.given(a[0], "R16"), to, to) })
	case "SHRQ":
		t.change(a[1], func(to string) { t.line("LSR %s, %s, %s", t.given(a[0], "R16"), to, to) })
	case "IMULQ":
		t.change(a[1], func(to string) { t.line("MUL %s, %s, %s", t.given(a[0], "R16"), to, to) })
	case "IMUL3Q":
		t.multiply(int(a[0].value), a[1].reg, a[2].reg)
	case "CMPQ":
		left, right := t.loaded(a[0], "R15"), t.given(a[1], "R16")
		t.line("CMP %s, %s", right, left)
	case "TESTQ":
		if a[0] != a[1] {
			t.fail("a test of two registers")
		}
		t.line("CMP $0, R%d", a[0].reg)
	case "LEAQ":
		if a[0].kind == symbol {
			t.line("MOVD $%s, R%d", renamed(a[0].name), a[1].reg)
			t.changes(a[1].reg)
			break
		}
		t.addInto(15, a[0].base, a[0].index, a[0].scale, a[0].disp)
		t.line("MOVD R15, R%d", a[1].reg)
		t.changes(a[1].reg)
	case "PREFETCHT0":
		t.line("PRFM (R%d), PLDL1KEEP", t.sum(a[0].base, a[0].index, a[0].scale, a[0].disp))
	case "RCRQ":
		// The carry is what VUCOMISS has found: less, or not a number.
		if a[0].value != 1 || t.f.items[t.at-1].op != "VUCOMISS" {
			t.fail("a rotation of what no comparison has made")
		}
		t.line("CSET LT, R16")
		t.line("EXTR $1, R%d, R16, R%d", a[1].reg, a[1].reg)
		t.changes(a[1].reg)
	default:
		return false
	}
	return true
}

// given is an operand as the source of an instruction: what is in memory is loaded.
func (t *translator) given(a operand, scratch string) string {
	if a.kind == immediate {
		return "$" + itoa(int(a.value))
	}
	return t.loaded(a, scratch)
}

func (t *translator) loaded(a operand, scratch string) string {
	switch a.kind {
	case general:
		return "R" + itoa(a.reg)
	case argument:
		t.line("MOVD %s, %s", a.name, scratch)
	case immediate:
		t.line("MOVD $%d, %s", a.value, scratch)
	case memory:
		reg, disp := t.place(a, 8)
		t.line("MOVD %d(R%d), %s", disp, reg, scratch)
	default:
		t.fail("not a number of 64 bits")
	}
	return scratch
}

// change changes a register or an argument in its place.
func (t *translator) change(a operand, with func(to string)) {
	switch a.kind {
	case general:
		with("R" + itoa(a.reg))
		t.changes(a.reg)
	case argument:
		t.line("MOVD %s, R15", a.name)
		with("R15")
		t.line("MOVD R15, %s", a.name)
	default:
		t.fail("neither a register nor an argument")
	}
}

func (t *translator) moveQ(from, to operand) {
	switch {
	case to.kind == general && from.kind == memory:
		reg, disp := t.place(from, 8)
		t.line("MOVD %d(R%d), R%d", disp, reg, to.reg)
	case to.kind == general && from.kind != vector:
		switch from.kind {
		case general:
			t.line("MOVD R%d, R%d", from.reg, to.reg)
		case argument:
			t.line("MOVD %s, R%d", from.name, to.reg)
		case immediate:
			t.line("MOVD $%d, R%d", from.value, to.reg)
		default:
			t.fail("no source")
		}
	case to.kind == argument && from.kind == general:
		t.line("MOVD R%d, %s", from.reg, to.name)
	case to.kind == memory && from.kind == general:
		reg, disp := t.place(to, 8)
		t.line("MOVD R%d, %d(R%d)", from.reg, disp, reg)
	default:
		t.fail("neither a load nor a store")
	}
	if to.kind == general {
		t.changes(to.reg)
	}
}

func (t *translator) multiply(by, from, to int) {
	switch {
	case by == 1:
		t.line("MOVD R%d, R%d", from, to)
	case by > 0 && by&(by-1) == 0:
		t.line("LSL $%d, R%d, R%d", bits.TrailingZeros(uint(by)), from, to)
	default:
		t.line("MOVD $%d, R16", by)
		t.line("MUL R16, R%d, R%d", from, to)
	}
	t.changes(to)
}
