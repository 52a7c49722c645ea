package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// winogradSize is F(m, 3): m outputs along one axis from n = m+2 inputs. Its
// transforms work on registers: input turns d[0..n) in place into B^T d, output
// turns m[0..n) into A^T m in the first m of them.
type winogradSize struct {
	m, n                    int
	elements                []int // of the larger size whose weights it shares
	inputConst, outputConst []float64
	inputFree, outputFree   int // registers that they need besides
	input, output           func(v, constant, free []reg.VecPhysical)
}

const sqrt2 = math.Sqrt2

// f2 is F(2 x 2, 3 x 3) with points 0, 1, -1 (Lavin and Gray, 2016).
var f2 = winogradSize{
	m: 2, n: 4, elements: []int{0, 1, 2, 3}, inputFree: 2,
	input: func(d, _, free []reg.VecPhysical) {
		VSUBPS(d[2], d[0], d[0])
		VADDPS(d[1], d[2], free[0])
		VSUBPS(d[1], d[2], free[1])
		VSUBPS(d[3], d[1], d[3])
		VMOVAPS(free[0], d[1])
		VMOVAPS(free[1], d[2])
	},
	output: func(m, _, _ []reg.VecPhysical) {
		VADDPS(m[1], m[0], m[0])
		VADDPS(m[2], m[0], m[0])
		VSUBPS(m[2], m[1], m[1])
		VSUBPS(m[3], m[1], m[1])
	},
}

// f4 is F(4 x 4, 3 x 3) with points 0, +-sqrt(1/2), +-sqrt(2), which lose less
// to rounding than the usual 0, +-1, +-2 (ncnn's choice; Barabasz et al., 2020).
var f4 = winogradSize{
	m: 4, n: 6, elements: []int{0, 1, 2, 3, 4, 5}, inputFree: 3, outputFree: 4,
	inputConst: []float64{2.5, 2, 0.5, sqrt2, sqrt2 / 2},
	input: func(d, c, free []reg.VecPhysical) {
		a, b, e := free[0], free[1], free[2]
		VMOVAPS(d[4], a)
		VFNMADD231PS(c[1], d[2], a)
		VFNMADD231PS(c[0], d[2], d[0])
		VADDPS(d[4], d[0], d[0])
		VFNMADD231PS(c[2], d[2], d[4])
		VFNMADD231PS(c[0], d[3], d[5])
		VADDPS(d[1], d[5], d[5])
		VMULPS(c[4], d[3], b)
		VFNMADD231PS(c[3], d[1], b)
		VMULPS(c[3], d[3], e)
		VFNMADD231PS(c[4], d[1], e)
		VADDPS(b, a, d[1])
		VSUBPS(b, a, d[2])
		VADDPS(e, d[4], d[3])
		VSUBPS(e, d[4], d[4])
	},
	outputConst: []float64{sqrt2 / 2, sqrt2, 0.5, 2, sqrt2 / 4, 2 * sqrt2},
	output: func(m, c, free []reg.VecPhysical) {
		s12, d12, s34, d34 := free[0], free[1], free[2], free[3]
		VADDPS(m[2], m[1], s12)
		VSUBPS(m[2], m[1], d12)
		VADDPS(m[4], m[3], s34)
		VSUBPS(m[4], m[3], d34)
		VADDPS(s12, m[0], m[0])
		VADDPS(s34, m[0], m[0])
		VMULPS(c[0], d12, m[1])
		VFMADD231PS(c[1], d34, m[1])
		VMULPS(c[2], s12, m[2])
		VFMADD231PS(c[3], s34, m[2])
		VMOVAPS(m[5], m[3])
		VFMADD231PS(c[4], d12, m[3])
		VFMADD231PS(c[5], d34, m[3])
	},
}

// f4tail2 and f4tail3 are F(2, 3) and F(3, 3) with as many of f4's points, for the
// last outputs of a plane: scaled so that they take f4's transformed weights.
var f4tail2 = winogradSize{
	m: 2, n: 4, elements: []int{0, 1, 2, 5}, inputFree: 2,
	inputConst: []float64{1.5, 1.5 * sqrt2 / 2, 0.5},
	input: func(d, c, free []reg.VecPhysical) {
		a, b := free[0], free[1]
		VMULPS(c[0], d[2], a)
		VMULPS(c[1], d[1], b)
		VSUBPS(d[2], d[0], d[0])
		VSUBPS(d[2], d[0], d[0])
		VFNMADD231PS(c[2], d[1], d[3])
		VSUBPS(a, b, d[2])
		VADDPS(a, b, b)
		VXORPS(a, a, a)
		VSUBPS(b, a, d[1])
	},
	outputConst: []float64{sqrt2 / 2},
	output: func(m, c, free []reg.VecPhysical) {
		VADDPS(m[1], m[0], m[0])
		VADDPS(m[2], m[0], m[0])
		VSUBPS(m[2], m[1], m[1])
		VFMADD132PS(c[0], m[3], m[1])
	},
}

var f4tail3 = winogradSize{
	m: 3, n: 5, elements: []int{0, 1, 2, 3, 5}, inputFree: 4, outputFree: 2,
	inputConst: []float64{sqrt2 / 2, sqrt2, 1.5, 1.5 * sqrt2, 0.5},
	input: func(d, c, free []reg.VecPhysical) {
		t, u, w, e := free[0], free[1], free[2], free[3]
		VSUBPS(d[1], d[3], t)
		VADDPS(d[1], d[3], u)
		VMULPS(c[1], d[3], w)
		VFNMADD231PS(c[0], d[1], w)
		VMULPS(c[2], d[2], e)
		VSUBPS(d[2], d[0], d[0])
		VSUBPS(d[2], d[0], d[0])
		VADDPS(w, d[0], d[0])
		VFNMADD231PS(c[4], d[2], d[4])
		VSUBPS(w, d[4], d[4])
		VADDPS(d[3], t, d[3])
		VMULPS(c[1], d[3], d[3])
		VMULPS(c[3], t, d[1])
		VSUBPS(e, d[1], d[1])
		VMULPS(c[0], u, d[2])
		VSUBPS(e, d[2], d[2])
	},
	outputConst: []float64{sqrt2 / 2, sqrt2, 0.5},
	output: func(m, c, free []reg.VecPhysical) {
		s, d := free[0], free[1]
		VADDPS(m[2], m[1], s)
		VSUBPS(m[2], m[1], d)
		VADDPS(s, m[0], m[0])
		VADDPS(m[3], m[0], m[0])
		VMULPS(c[0], d, m[1])
		VFMADD231PS(c[1], m[3], m[1])
		VADDPS(m[3], m[3], m[2])
		VFMADD231PS(c[2], s, m[2])
		VADDPS(m[4], m[2], m[2])
	},
}

// winogradTile is a tile of y by x outputs.
type winogradTile struct{ y, x winogradSize }

// winogradTiles lists all tiles.
func winogradTiles() []winogradTile {
	tiles := []winogradTile{{f2, f2}}
	sizes := []winogradSize{f4tail2, f4tail3, f4}
	for _, y := range sizes {
		for _, x := range sizes {
			tiles = append(tiles, winogradTile{y, x})
		}
	}
	return tiles
}

// name tells the tile in a function's name.
func (w winogradTile) name() string {
	if w.y.m == w.x.m && len(w.y.elements) == w.y.elements[w.y.n-1]+1 {
		return fmt.Sprint(w.y.m)
	}
	return fmt.Sprintf("4Tail%dx%d", w.y.m, w.x.m)
}

// one says that both axes have the same transform, whose constants so stay where
// they are.
func (w winogradTile) one() bool { return w.y.m == w.x.m }

// phase loads the constants of one axis's transform.
func (w winogradTile) phase(s isa, function, axis string, values []float64) []reg.VecPhysical {
	if w.one() {
		return s.vecs[len(s.vecs)-len(values):]
	}
	return constants(s, function+axis, values)
}

// winogradFrame is which registers a transform of tiles has. Columns are transformed
// first, then rows: the first rows stay in registers meanwhile, as many as there is room
// for, the others go through memory.
type winogradFrame struct {
	kept []reg.VecPhysical // of the first rows, nx each
	work []reg.VecPhysical // of the other rows of a column, then of a row
	free []reg.VecPhysical
	mask reg.VecPhysical // the last of free, unless it must last
	rows int             // that are kept
	nx   int
}

// winogradFrameOf finds the most rows, of so many, that are kept where columns have ny
// elements and rows nx.
func winogradFrameOf(s isa, rows, ny, nx, free, constants int, lasting bool) (f winogradFrame) {
	room := len(s.vecs) - free - constants
	if lasting {
		room--
	}
	r := rows
	for r > 0 && max(r*nx+ny-r, nx) > room {
		r--
	}
	f = winogradFrame{rows: r, nx: nx, kept: s.vecs[:r*nx], work: s.vecs[r*nx:][:ny-r], free: s.vecs[room:][:free]}
	if f.mask = f.free[free-1]; lasting {
		f.mask = s.vecs[room+free]
	}
	return f
}

// column is the registers of column j's elements.
func (f winogradFrame) column(j, ny int) (regs []reg.VecPhysical) {
	for i := range f.rows {
		regs = append(regs, f.kept[i*f.nx+j])
	}
	return append(regs, f.work[:ny-f.rows]...)
}

// row is the registers of row i: those that it was kept in, or else the first row's,
// into which tmp is read.
func (f winogradFrame) row(s isa, i int, tmp reg.Register) []reg.VecPhysical {
	if i < f.rows {
		return f.kept[i*f.nx:][:f.nx]
	}
	regs := s.vecs[:f.nx]
	for j, r := range regs {
		VMOVUPS(mem(tmp, (i*f.nx+j)*s.bytes()), r)
	}
	return regs
}

// put writes what is not kept of the first rows of column j to tmp.
func (f winogradFrame) put(s isa, column []reg.VecPhysical, j, rows int, tmp reg.Register) {
	for i := f.rows; i < rows; i++ {
		VMOVUPS(column[i], mem(tmp, (i*f.nx+j)*s.bytes()))
	}
}

// step moves a pointer on from one element to another.
func step(from, to int, stride, pointer reg.GPPhysical) {
	if to == from+1 {
		ADDQ(stride, pointer)
		return
	}
	IMUL3Q(operand.U32(uint32(to-from)), stride, reg.RAX)
	ADDQ(reg.RAX, pointer)
}

// constants broadcasts numbers into the last registers.
func constants(s isa, function string, values []float64) []reg.VecPhysical {
	regs := s.vecs[len(s.vecs)-len(values):]
	for i, v := range values {
		name := fmt.Sprintf("%s_c%d", function, i)
		m, ok := constantData[name]
		if !ok {
			m = ConstData(name, operand.F32(v))
			constantData[name] = m
		}
		VBROADCASTSS(m, regs[i])
	}
	return regs
}

// constantData are the constants that are defined already: loops are written twice.
var constantData = map[string]operand.Mem{}

// vectorLoop calls body for whole vectors of channels, then for what is left: with AVX2, whose
// masked stores are slow, once more for the last whole vector, unless the channels do not
// fill one or what is written must not be written twice, which goes to few if so.
func vectorLoop(s isa, length, maskArg operand.Mem, scratch reg.VecPhysical, once func(few operand.LabelRef), body func(k mask)) {
	vectorFrame(s, length, maskArg, func() { body(mask{}) }, func(lanes operand.Mem) {
		if s.lane < 16 {
			off, end, few := reg.RSI, reg.RDX, operand.LabelRef("few")
			CMPQ(end, operand.U32(uint32(s.bytes())))
			JLT(few)
			once(few)
			SUBQ(operand.U32(uint32(s.bytes())), end)
			MOVQ(end, off)
			JMP(operand.LabelRef("vector"))
			Label("few")
		}
		body(s.loadMask(lanes, scratch, reg.K1))
	})
}

// winogradInput writes the input transform of one tile.
func winogradInput(s isa, w winogradTile) {
	name := fmt.Sprintf("winogradInput%s%s", w.name(), s.name)
	TEXT(name, NOSPLIT, "func(table **float32, bytes int, dst *float32, stride int, tmp *float32, mask *int32, ahead int)")
	Doc(fmt.Sprintf("%s transforms one tile of %dx%d pixels of bytes/4 channels, given by pointers", name, w.y.n, w.x.n),
		fmt.Sprintf("row by row: element k of B^T d B goes to dst[k*stride/4:]. tmp holds %d floats.", w.y.n*w.x.n*s.lane),
		"It fetches the pixels ahead bytes behind the last ones of each row into the caches.",
		"See winogradInputGeneric.")
	Pragma("noescape")
	table, dst, stride, tmp, ahead := reg.R8, reg.R9, reg.R10, reg.R11, reg.R12
	MOVQ(arg("table", 0), table)
	MOVQ(arg("stride", 3), stride)
	MOVQ(arg("tmp", 4), tmp)
	if w.one() {
		constants(s, name, w.y.inputConst)
	}
	f := winogradFrameOf(s, w.y.n, w.y.n, w.x.n, max(w.y.inputFree, w.x.inputFree), max(len(w.y.inputConst), len(w.x.inputConst)), s.lane < 16)
	vectorLoop(s, arg("bytes", 1), arg("mask", 5), f.mask, func(operand.LabelRef) {}, func(k mask) {
		MOVQ(arg("ahead", 6), ahead)
		ADDQ(reg.RSI, ahead)
		c := w.phase(s, name, "Y", w.y.inputConst)
		for j := range w.x.n {
			d := f.column(j, w.y.n)
			for i := range w.y.n {
				MOVQ(mem(table, 8*(i*w.x.n+j)), reg.RAX)
				s.load(indexed(reg.RAX, reg.RSI, 0), k, d[i])
				if j >= w.x.n-w.x.m {
					PREFETCHT0(indexed(reg.RAX, ahead, 0))
				}
			}
			w.y.input(d, c, f.free)
			f.put(s, d, j, w.y.n, tmp)
		}
		MOVQ(arg("dst", 2), dst)
		ADDQ(reg.RSI, dst)
		c = w.phase(s, name, "X", w.x.inputConst)
		side, at := w.x.elements[w.x.n-1]+1, 0
		for i := range w.y.n {
			d := f.row(s, i, tmp)
			w.x.input(d, c, f.free)
			for j := range w.x.n {
				if e := w.y.elements[i]*side + w.x.elements[j]; e > at {
					step(at, e, stride, dst)
					at = e
				}
				s.store(d[j], mem(dst, 0), k)
			}
		}
	})
}

// winogradOutput writes the output transform of one tile.
func winogradOutput(s isa, w winogradTile) {
	name := fmt.Sprintf("winogradOutput%s%s", w.name(), s.name)
	TEXT(name, NOSPLIT, "func(src *float32, stride, bytes int, table **float32, column int, bias, clamp, tmp *float32, mask *int32, add **float32, sum *float32)")
	Doc(fmt.Sprintf("%s transforms products back: A^T m A plus bias, between the clamp's bounds, where", name),
		fmt.Sprintf("element k of m is src[k*stride/4:], goes to the %dx%d pixels of bytes/4 channels that table", w.y.m, w.x.m),
		fmt.Sprintf("points to, row by row, from byte column on. tmp holds %d floats. Unless add is nil, what it", w.y.m*w.x.n*s.lane),
		"points to in the same way is added to that, between the bounds of sum. See winogradOutputGeneric.")
	Pragma("noescape")
	src, row, table, tmp, bias, clamp, to, add := reg.R8, reg.R9, reg.R10, reg.R11, reg.R12, reg.R13, reg.RCX, reg.RDI
	part := 0
	MOVQ(arg("table", 3), table)
	MOVQ(arg("bias", 5), bias)
	MOVQ(arg("clamp", 6), clamp)
	MOVQ(arg("tmp", 7), tmp)
	side := w.x.elements[w.x.n-1] + 1
	MOVQ(arg("stride", 1), row)
	IMUL3Q(operand.U32(uint32(side)), row, row)
	if w.one() {
		constants(s, name, w.y.outputConst)
	}
	// Bias and bounds take three registers, the mask one: with AVX2 it does not outlive
	// the transforms, and is loaded anew before each store.
	f := winogradFrameOf(s, w.y.m, w.y.n, w.x.n, 4, max(len(w.y.outputConst), len(w.x.outputConst)), false)
	once := func(few operand.LabelRef) { // what is added may lie where the sums go
		MOVQ(arg("add", 9), add)
		TESTQ(add, add)
		JNZ(few)
	}
	vectorLoop(s, arg("bytes", 2), arg("mask", 8), f.mask, once, func(k mask) {
		part++
		MOVQ(arg("src", 0), src)
		ADDQ(reg.RSI, src)
		c := w.phase(s, name, "Y", w.y.outputConst)
		for j := range w.x.n {
			k = s.reload(k, arg("mask", 8))
			MOVQ(src, reg.RBX)
			m := f.column(j, w.y.n)
			for i := range w.y.n {
				if i > 0 {
					step(w.y.elements[i-1], w.y.elements[i], row, reg.RBX)
				}
				s.load(mem(reg.RBX, 0), k, m[i])
			}
			w.y.output(m, c, f.free)
			f.put(s, m, j, w.y.m, tmp)
			if j < w.x.n-1 {
				for range w.x.elements[j+1] - w.x.elements[j] {
					ADDQ(arg("stride", 1), src)
				}
			}
		}
		c = w.phase(s, name, "X", w.x.outputConst)
		b, lo, hi := f.free[0], f.free[1], f.free[2]
		MOVQ(arg("column", 4), to)
		ADDQ(reg.RSI, to)
		MOVQ(arg("add", 9), add)
		for i := range w.y.m {
			m := f.row(s, i, tmp)
			w.x.output(m, c, f.free)
			k = s.reload(k, arg("mask", 8))
			s.load(indexed(bias, reg.RSI, 0), k, b)
			VBROADCASTSS(mem(clamp, 0), lo)
			VBROADCASTSS(mem(clamp, 4), hi)
			for j := range w.x.m {
				VADDPS(b, m[j], m[j])
				VMAXPS(m[j], lo, m[j])
				VMINPS(m[j], hi, m[j])
			}
			store := fmt.Sprintf("store%d_%d", part, i)
			TESTQ(add, add)
			JZ(operand.LabelRef(store))
			MOVQ(arg("sum", 10), reg.RAX)
			VBROADCASTSS(mem(reg.RAX, 0), lo)
			VBROADCASTSS(mem(reg.RAX, 4), hi)
			for j := range w.x.m {
				MOVQ(mem(add, 8*(i*w.x.m+j)), reg.RAX)
				s.load(indexed(reg.RAX, to, 0), k, b)
				VADDPS(b, m[j], m[j]) // the sum is the first operand, as of Add
				VMAXPS(m[j], lo, m[j])
				VMINPS(m[j], hi, m[j])
			}
			Label(store)
			for j := range w.x.m {
				MOVQ(mem(table, 8*(i*w.x.m+j)), reg.RAX)
				s.store(m[j], indexed(reg.RAX, to, 0), k)
			}
		}
	})
}

// reload loads a mask that lives in a vector register (AVX2) anew.
func (s isa) reload(k mask, maskArg operand.Mem) mask {
	if k.vec == nil {
		return k
	}
	MOVQ(maskArg, reg.RBX)
	VMOVUPS(mem(reg.RBX, 0), k.vec)
	return k
}
