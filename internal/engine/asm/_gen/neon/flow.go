package main

import "strings"

// registers is a set of NEON's 32 vector registers.
type registers uint32

func one(v int) registers { return 1 << v }

// both are the two registers of a vector of amd64.
func both(y int) registers { return 3 << (2 * y) }

// multiplyAdds read what they write.
func accumulates(op string) bool {
	return strings.HasPrefix(op, "VFMADD") || strings.HasPrefix(op, "VFNMADD") || strings.HasPrefix(op, "VFMSUB")
}

// touched gives the vector registers that an instruction reads and writes. One of 128
// bits clears the other half of what it writes.
func touched(it item) (reads, writes registers) {
	n := len(it.args)
	for i, a := range it.args {
		if a.kind != vector {
			continue
		}
		last := i == n-1 && it.op != "VUCOMISS"
		if last {
			writes |= both(a.reg)
		}
		if !last || accumulates(it.op) {
			if a.half {
				reads |= one(2 * a.reg)
			} else {
				reads |= both(a.reg)
			}
		}
	}
	if sameSources(it) {
		reads = 0
	}
	return reads, writes
}

// sameSources says whether an instruction makes a constant of any register and itself.
func sameSources(it item) bool {
	switch it.op {
	case "VXORPS", "VXORPD", "VPXOR", "VPCMPEQD":
		return it.args[0] == it.args[1]
	}
	return false
}

// liveAfter gives, for each item, the registers that are read after it before they are
// written.
func liveAfter(items []item) []registers {
	labels := map[string]int{}
	for i, it := range items {
		if it.label != "" {
			labels[it.label] = i
		}
	}
	before, after := make([]registers, len(items)+1), make([]registers, len(items))
	for changed := true; changed; {
		changed = false
		for i := len(items) - 1; i >= 0; i-- {
			it := items[i]
			var out registers
			if it.op != "JMP" && it.op != "RET" {
				out = before[i+1]
			}
			if isJump(it.op) {
				out |= before[labels[it.args[0].name]]
			}
			reads, writes := touched(it)
			in := out&^writes | reads
			changed = changed || in != before[i] || out != after[i]
			before[i], after[i] = in, out
		}
	}
	return after
}

// conditions are the jumps of amd64 and those of arm64.
var conditions = map[string]string{
	"JMP": "B", "JLT": "BLT", "JGT": "BGT", "JGE": "BGE", "JLE": "BLE",
	"JZ": "BEQ", "JE": "BEQ", "JEQ": "BEQ", "JNZ": "BNE", "JNE": "BNE",
}

func isJump(op string) bool { return conditions[op] != "" }

// setsFlags are the instructions after which flags are new.
var setsFlags = map[string]bool{
	"ADDQ": true, "SUBQ": true, "DECQ": true, "INCQ": true, "CMPQ": true, "TESTQ": true, "XORQ": true,
	"IMULQ": true, "IMUL3Q": true, "NEGQ": true, "SHRQ": true, "SHLQ": true, "XORL": true, "POPCNTL": true, "VUCOMISS": true, "RCRQ": true,
}

// flagsRead says whether a jump depends on what item i compares.
func flagsRead(items []item, i int) bool {
	for _, it := range items[i+1:] {
		switch {
		case it.op == "JMP" || it.op == "RET":
			return false
		case isJump(it.op) || it.op == "RCRQ":
			return true
		case setsFlags[it.op]:
			return false
		}
	}
	return false
}
