package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// isa is one instruction set: its vector registers and its tiles.
type isa struct {
	name string // suffix of the functions
	vecs []reg.VecPhysical
	lane int // float32 lanes in a vector
	// tiles lists the shapes of the matrix kernels: rows of pixels by
	// vectors of output channels. Every row count up to the first one is
	// rounded up to the next that is listed.
	tiles []tile
}

type tile struct{ rows, vectors int }

var avx512 = isa{
	name: "AVX512",
	vecs: []reg.VecPhysical{
		reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
		reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
		reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
		reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
	},
	lane:  16,
	tiles: []tile{{12, 2}, {10, 2}, {8, 2}, {4, 2}, {2, 2}, {1, 2}, {12, 1}, {10, 1}, {8, 1}, {4, 1}, {2, 1}, {1, 1}},
}

var avx2 = isa{
	name: "AVX2",
	vecs: []reg.VecPhysical{
		reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
		reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15,
	},
	lane:  8,
	tiles: []tile{{6, 2}, {5, 2}, {4, 2}, {3, 2}, {2, 2}, {1, 2}, {6, 1}, {5, 1}, {4, 1}, {3, 1}, {2, 1}, {1, 1}},
}

// bytes is the size of one vector.
func (s isa) bytes() int { return 4 * s.lane }

// pointers are the general registers that can hold a pixel's address. R14 and
// R15 are left for the weights and the running offset.
var pointers = []reg.GPPhysical{
	reg.RAX, reg.RBX, reg.RCX, reg.RDX, reg.RSI, reg.RDI,
	reg.R8, reg.R9, reg.R10, reg.R11, reg.R12, reg.R13,
}

// arg is the i-th machine word of the argument frame.
func arg(name string, i int) operand.Mem {
	return operand.Mem{Symbol: operand.Symbol{Name: name}, Disp: 8 * i, Base: reg.FramePointer}
}

func mem(base reg.Register, disp int) operand.Mem { return operand.Mem{Base: base, Disp: disp} }

func indexed(base, index reg.Register, disp int) operand.Mem {
	return operand.Mem{Base: base, Index: index, Scale: 1, Disp: disp}
}

func comment(format string, a ...any) { Comment(fmt.Sprintf(format, a...)) }

// mask says which lanes of a partial vector count: an opmask register for
// AVX-512, a vector of all-ones lanes for AVX2. The zero mask is every lane.
type mask struct {
	k   reg.OpmaskPhysical
	vec reg.VecPhysical
}

// loadMask reads the mask of one vector from int32 lanes in memory (-1 or 0)
// into k (AVX-512, through scratch) or into scratch itself (AVX2).
func (s isa) loadMask(m operand.Mem, scratch reg.VecPhysical, k reg.OpmaskPhysical) mask {
	if s.lane == 16 {
		VMOVDQU32(m, scratch)
		VPTESTMD(scratch, scratch, k)
		return mask{k: k}
	}
	VMOVUPS(m, scratch)
	return mask{vec: scratch}
}

// store writes the lanes of v that the mask names.
func (s isa) store(v reg.VecPhysical, m operand.Mem, k mask) {
	switch {
	case k.k != nil:
		VMOVUPS(v, k.k, m)
	case k.vec != nil:
		VMASKMOVPS(v, k.vec, m)
	default:
		VMOVUPS(v, m)
	}
}

// load reads the lanes that the mask names; the others become zero and their
// memory is not touched.
func (s isa) load(m operand.Mem, k mask, v reg.VecPhysical) {
	switch {
	case k.k != nil:
		VMOVUPS_Z(m, k.k, v)
	case k.vec != nil:
		VMASKMOVPS(m, k.vec, v)
	default:
		VMOVUPS(m, v)
	}
}

// unordered is the predicate of VCMPPS that is true of NaN alone.
const unordered = 3

// replaceNaN writes the lanes of v that are NaN to acc; v is lost.
func (s isa) replaceNaN(v, acc reg.VecPhysical) {
	if s.lane == 16 {
		VCMPPS(operand.Imm(unordered), v, v, reg.K2)
		VMOVAPS(v, reg.K2, acc)
		return
	}
	VCMPPS(operand.Imm(unordered), v, v, s.vecs[14])
	VBLENDVPS(s.vecs[14], v, acc, acc)
}
