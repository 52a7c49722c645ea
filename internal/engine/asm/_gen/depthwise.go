package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// depthwiseWindows are the windows, by width and stride, that have kernels of their own.
var depthwiseWindows = []struct{ kx, stride int }{{3, 1}, {3, 2}, {5, 1}, {5, 2}, {7, 1}, {9, 1}}

// pointedColumns is the most columns of windows whose kernels read pixels where they lie.
const pointedColumns = 7

// line is the size of a cache's line.
const line = 64

// sharedArguments are those of kernels of windows that share columns, wideArguments of those
// of windows of any width and distance.
const (
	sharedArguments = "func(rows **float32, m, n, first, pixel, ky, bytes int, weights, out *float32, next, down int, bias, clamp *float32)"
	wideArguments   = "func(rows **float32, m, n, first, pixel, ky, bytes int, weights, out *float32, next, down int, bias, clamp *float32, kx, step int)"
)

// depthwiseShared writes the depthwise convolution of runs by windows of kx columns at
// a distance of some columns, up to eight outputs at a time: each input is loaded once
// for all windows that it lies in, and each weight once for all outputs. Rows are those of
// pixels or, if pointed, of pointers to them: those kernels pass over all pixels with one
// vector of channels after the other, and fetch the next one's lines meanwhile.
func depthwiseShared(s isa, kx, stride int, pointed bool) {
	kind, input := "Shared", "rows[r*ky+y][(first+(i*%d+x)*pixel)/4+c]"
	if pointed {
		kind, input = "Pointed", "(**float32)(rows[r*ky+y])[(first+(i*%d+x)*pixel)/8][c]"
	}
	name := fmt.Sprintf("depthwise%s%dStride%d%s", kind, kx, stride, s.name)
	TEXT(name, NOSPLIT, sharedArguments)
	documentWindows(s, name, fmt.Sprint(kx), fmt.Sprintf(input, stride))
	f := newWindowsFrame(s)
	f.stride = stride
	MOVQ(arg("pixel", 4), f.step)
	pixel, bytes, next := f.step, reg.RDI, reg.R10
	MOVQ(arg("bytes", 6), bytes)
	MOVQ(arg("next", 9), next)
	f.bytes, f.next = bytes, next
	// A row's weights have registers, half of them at a time where these are too few.
	half := kx
	if kx >= len(s.vecs)-8 {
		half = (kx + 1) / 2
	}
	w, x := s.vecs[8:8+half], s.vecs[8+half:]
	x = x[:min(4, len(x))]
	f.row = func(acc []reg.VecPhysical, _ string) {
		if !pointed {
			ADDQ(f.off, f.tap)
		}
		if half < kx {
			MOVQ(f.tap, f.at)
		}
		for from := 0; from < kx; from += half {
			w := w[:min(half, kx-from)]
			if from > 0 {
				for range half {
					ADDQ(pixel, f.at)
				}
				MOVQ(f.at, f.tap)
			}
			for _, v := range w {
				VMOVUPS(mem(f.weights, 0), v)
				ADDQ(bytes, f.weights)
			}
			for j := range (len(acc)-1)*stride + len(w) {
				v := x[j%len(x)]
				if pointed {
					MOVQ(mem(f.tap, 0), f.at)
					VMOVUPS(indexed(f.at, f.off, 0), v)
					PREFETCHT0(indexed(f.at, f.off, line))
				} else {
					VMOVUPS(mem(f.tap, 0), v)
				}
				ADDQ(pixel, f.tap)
				for i := range acc {
					if t := j - i*stride; t >= 0 && t < len(w) {
						VFMADD231PS(v, w[t], acc[i])
					}
				}
			}
		}
	}
	f.write()
}

// tallWindow is a kind of windows that depthwiseTall is written for, by width and height and
// stride, and how many rows and columns of outputs are computed at a time, each of some vectors
// of channels.
type tallWindow struct{ k, stride, rows, columns, vectors int }

// tallWindows are those of a set. Seven columns are in the planes of most networks a whole number
// of times, eight in others. AVX-512 has registers for two rows of them.
func tallWindows(s isa) []tallWindow {
	if s.lane == 16 {
		return []tallWindow{{3, 1, 2, 7, 1}, {3, 1, 2, 8, 1}, {3, 2, 2, 7, 1}, {3, 2, 2, 8, 1}, {5, 1, 2, 7, 1}, {5, 1, 2, 8, 1}, {5, 2, 2, 7, 1}, {7, 1, 2, 7, 1}}
	}
	return []tallWindow{{3, 1, 2, 4, 1}, {3, 1, 1, 7, 1}, {3, 2, 1, 4, 2}, {5, 1, 1, 7, 1}, {5, 1, 1, 8, 1}, {5, 2, 1, 7, 1}, {5, 2, 1, 8, 1}, {7, 1, 1, 7, 1}}
}

// depthwiseTall writes the depthwise convolution by windows of k by k at a distance of stride, of
// which some rows of so many columns of outputs are computed at a time: each input is loaded once
// for all of these, and each weight once, or for all of them where they stay in registers. Where
// a line of the cache is two vectors, the same outputs of the other one come next, while the lines
// are near; inputs of the next line are then not fetched, which takes as long as it saves.
func depthwiseTall(s isa, t tallWindow) {
	k, stride, high, columns, vectors := t.k, t.stride, t.rows, t.columns, t.vectors
	name := fmt.Sprintf("depthwiseTall%dStride%dBy%d%s", k, stride, columns, s.name)
	TEXT(name, NOSPLIT, sharedArguments)
	documentWindows(s, name, fmt.Sprint(k), fmt.Sprintf("(**float32)(rows[r*ky+y][(first+(i*%d+x)*pixel)/8])[c]", stride))
	comment("ky is %d, pixel 8: there are %d rows and %d outputs of each at least, and the taps of a row are those of the one before, %d further down", k, high, columns, stride)
	rows, tap, window, weights, bytes, out := reg.RAX, reg.RBX, reg.RCX, reg.RDX, reg.RSI, reg.RDI
	below, at, off, step, left, table, lines, next, corner := reg.R8, reg.R9, reg.R10, reg.R11, reg.R12, reg.R13, reg.R14, reg.R15, reg.RBP
	acc := func(r, i, v int) reg.VecPhysical { return s.vecs[(r*columns+i)*vectors+v] }
	free := s.vecs[high*columns*vectors:]
	bytesOf, whole := vectors*s.bytes(), s.bytes() == line
	other := arg("pixel", 4) // how far the line's other vector is
	bias := acc(0, 0, 0)
	if whole {
		free, bias = free[:len(free)-1], free[len(free)-1]
	}
	// So many rows of weights stay: all, or those that the rows of outputs are apart and one.
	kept := k
	if !whole || k*k > len(free)-2 {
		kept = stride*(high-1) + 1
	}
	w := func(y, x, v int) reg.VecPhysical { return free[(y%kept*k+x)*vectors+v] }
	inputs := free[kept*k*vectors:]
	inputs = inputs[:min(4, len(inputs))]
	load := func(y int) {
		for x := range k {
			for v := range vectors {
				VMOVUPS(mem(weights, v*s.bytes()), w(y, x, v))
			}
			ADDQ(bytes, weights)
		}
	}
	first := func() {
		MOVQ(arg("weights", 7), weights)
		ADDQ(off, weights)
	}
	AllocLocal(8) // a frame, which keeps the caller's RBP
	MOVQ(arg("bytes", 6), bytes)
	MOVQ(arg("next", 9), next)
	XORQ(off, off)
	Label("vector")
	if kept == k {
		first()
		for y := range k {
			load(y)
		}
	}
	if whole {
		MOVQ(arg("bias", 11), at)
		VMOVUPS(indexed(at, off, 0), bias)
	}
	if bytesOf < line {
		comment("the line's second vector, none, or the last one")
		MOVQ(bytes, at)
		SUBQ(off, at)
		SUBQ(operand.U32(bytesOf), at)
		MOVQ(operand.U32(bytesOf), step)
		CMPQ(at, step)
		JGE(operand.LabelRef("two"))
		MOVQ(at, step)
		Label("two")
		MOVQ(step, other)
	}
	MOVQ(arg("rows", 0), rows)
	MOVQ(arg("m", 1), lines)
	MOVQ(arg("out", 8), corner)
	ADDQ(off, corner)
	Label("line")
	MOVQ(arg("first", 3), window)
	MOVQ(corner, out)
	MOVQ(arg("n", 2), left)
	Label("group")
	if kept < k {
		first()
	}
	if !whole {
		MOVQ(arg("bias", 11), at)
		for v := range vectors {
			VMOVUPS(indexed(at, off, v*s.bytes()), acc(0, 0, v))
		}
	}
	for r := range high {
		for i := range columns {
			for v := range vectors {
				if whole {
					VMOVAPS(bias, acc(r, i, v))
				} else if r+i > 0 {
					VMOVAPS(acc(0, 0, v), acc(r, i, v))
				}
			}
		}
	}
	for t := range k + stride*(high-1) {
		row := t
		if t >= k { // one of the next row's
			row = k + t - stride
		}
		MOVQ(mem(rows, 8*row), tap)
		ADDQ(window, tap)
		if kept < k && t < k {
			load(t)
		}
		for j := range (columns-1)*stride + k {
			pixel := inputs[j*vectors%len(inputs):][:vectors]
			MOVQ(mem(tap, 8*j), at)
			for v := range vectors {
				VMOVUPS(indexed(at, off, v*s.bytes()), pixel[v])
			}
			if whole {
				PREFETCHT0(indexed(at, off, line))
			}
			for r := range high {
				for i := range columns {
					for v := range vectors {
						if y, x := t-r*stride, j-i*stride; y >= 0 && y < k && x >= 0 && x < k {
							VFMADD231PS(pixel[v], w(y, x, v), acc(r, i, v))
						}
					}
				}
			}
		}
	}
	lo, hi := inputs[0], free[0]
	if whole {
		hi = inputs[1]
	}
	MOVQ(arg("clamp", 12), at)
	VBROADCASTSS(mem(at, 0), lo)
	VBROADCASTSS(mem(at, 4), hi)
	MOVQ(out, at)
	if high > 1 {
		MOVQ(out, below)
		ADDQ(arg("down", 10), below)
	}
	for r, to := range []reg.GPPhysical{at, below}[:high] {
		for i := range columns {
			for v := range vectors {
				a := acc(r, i, v)
				VMAXPS(a, lo, a)
				VMINPS(a, hi, a)
				VMOVUPS(a, mem(to, v*s.bytes()))
			}
			ADDQ(next, to)
		}
	}
	if bytesOf < line {
		MOVQ(other, step)
		ADDQ(step, off)
		ADDQ(step, out)
		NEGQ(step)
		MOVQ(step, other)
		CMPQ(step, operand.Imm(0))
		JLT(operand.LabelRef("group"))
	}
	// on moves to the next ones of so many, the last of which may begin before the end of those
	// before; it gives how far.
	on := func(left reg.GPPhysical, each int, label string) {
		SUBQ(operand.Imm(uint64(each)), left)
		JZ(operand.LabelRef(label + "_over"))
		MOVQ(operand.U32(each), step)
		CMPQ(left, step)
		JGE(operand.LabelRef(label + "_whole"))
		MOVQ(left, step)
		MOVQ(operand.U32(each), left)
		Label(label + "_whole")
	}
	on(left, columns, "group")
	for range stride {
		LEAQ(operand.Mem{Base: window, Index: step, Scale: 8}, window)
	}
	IMULQ(next, step)
	ADDQ(step, out)
	JMP(operand.LabelRef("group"))
	Label("group_over")
	on(lines, high, "line")
	IMUL3Q(operand.I32(8*k), step, table)
	ADDQ(table, rows)
	IMULQ(arg("down", 10), step)
	ADDQ(step, corner)
	JMP(operand.LabelRef("line"))
	Label("line_over")
	MOVQ(bytes, at)
	SUBQ(operand.U32(bytesOf), at) // where the last vector begins
	if bytesOf < line {
		ADDQ(other, off)
	}
	CMPQ(off, at)
	JGE(operand.LabelRef("done"))
	ADDQ(operand.U32(bytesOf), off)
	CMPQ(off, at)
	JLE(operand.LabelRef("vector"))
	MOVQ(at, off)
	JMP(operand.LabelRef("vector"))
	Label("done")
	VZEROUPPER()
	RET()
}

// depthwiseWide writes the depthwise convolution of runs by windows of any width and
// distance, up to eight outputs at a time, which share each weight.
func depthwiseWide(s isa) {
	name := "depthwiseWide" + s.name
	TEXT(name, NOSPLIT, wideArguments)
	documentWindows(s, name, "kx", "rows[r*ky+y][(first+i*step+x*pixel)/4+c]")
	f := newWindowsFrame(s)
	f.stride, f.bytes, f.next = 1, arg("bytes", 6), arg("next", 9)
	step3, far, w := reg.RDI, reg.R10, s.vecs[8]
	MOVQ(arg("step", 14), f.step)
	LEAQ(operand.Mem{Base: f.step, Index: f.step, Scale: 2}, step3)
	f.row = func(acc []reg.VecPhysical, label string) {
		ADDQ(f.off, f.tap)
		if len(acc) > 4 {
			LEAQ(operand.Mem{Base: f.tap, Index: f.step, Scale: 4}, far)
		}
		MOVQ(arg("kx", 13), f.at)
		Label(label + "_tap")
		VMOVUPS(mem(f.weights, 0), w)
		ADDQ(f.bytes, f.weights)
		for i, a := range acc {
			base := f.tap
			if i >= 4 {
				base = far
			}
			x := []operand.Mem{mem(base, 0), {Base: base, Index: f.step, Scale: 1}, {Base: base, Index: f.step, Scale: 2}, {Base: base, Index: step3, Scale: 1}}
			VFMADD231PS(x[i%4], w, a)
		}
		ADDQ(arg("pixel", 4), f.tap)
		if len(acc) > 4 {
			ADDQ(arg("pixel", 4), far)
		}
		DECQ(f.at)
		JNZ(operand.LabelRef(label + "_tap"))
	}
	f.write()
}

// documentWindows says what a kernel of windows of kx columns computes.
func documentWindows(s isa, name, kx, input string) {
	Doc(name+" computes, for each row r < m of outputs i < n and channel c < bytes/4:", "",
		"	acc := bias[c]",
		"	for y := range ky {",
		fmt.Sprintf("		for x := range %s {", kx),
		fmt.Sprintf("			acc = fma("+input+", weights[(y*%s+x)*bytes/4+c], acc)", kx),
		"		}",
		"	}",
		"	out[(r*down+i*next)/4+c] = min(max(clamp[0], acc), clamp[1]) // NaN stays NaN", "",
		fmt.Sprintf("There are %d channels at least: the last vector of them begins that many before the end,", s.lane),
		"and the last group of outputs may begin before the end of the one before it.")
	Pragma("noescape")
}

// windowsFrame is what kernels of windows have in common: the loops over vectors of channels,
// rows and groups of outputs, and a group's over the rows of its windows.
type windowsFrame struct {
	s                                                                      isa
	table, left, tap, step, ky, weights, out, off, window, at, rows, lines reg.GPPhysical
	stride                                                                 int        // times step: the distance of windows
	bytes, next                                                            operand.Op // of all channels; from output to output
	// row adds one row of the group's windows, which begins at tap but for the channels' off.
	row func(acc []reg.VecPhysical, label string)
}

func newWindowsFrame(s isa) *windowsFrame {
	return &windowsFrame{s: s, table: reg.RAX, left: reg.RBX, tap: reg.RCX, step: reg.RDX, ky: reg.RSI, weights: reg.R8, out: reg.R9,
		off: reg.R11, window: reg.R12, at: reg.R13, rows: reg.R14, lines: reg.R15}
}

// group computes n outputs.
func (f *windowsFrame) group(n int, label string) {
	acc := f.s.vecs[:n]
	MOVQ(arg("bias", 11), f.tap)
	VMOVUPS(indexed(f.tap, f.off, 0), acc[0])
	for _, a := range acc[1:] {
		VMOVAPS(acc[0], a)
	}
	MOVQ(f.rows, f.table)
	MOVQ(arg("ky", 5), f.ky)
	MOVQ(arg("weights", 7), f.weights)
	ADDQ(f.off, f.weights)
	Label(label)
	MOVQ(mem(f.table, 0), f.tap)
	ADDQ(operand.Imm(8), f.table)
	ADDQ(f.window, f.tap)
	f.row(acc, label)
	DECQ(f.ky)
	JNZ(operand.LabelRef(label))
	lo, hi := f.s.vecs[8], f.s.vecs[9]
	MOVQ(arg("clamp", 12), f.tap)
	VBROADCASTSS(mem(f.tap, 0), lo)
	VBROADCASTSS(mem(f.tap, 4), hi)
	for _, a := range acc {
		VMAXPS(a, lo, a)
		VMINPS(a, hi, a)
		VMOVUPS(a, mem(f.out, 0))
		ADDQ(f.next, f.out)
	}
}

// advance moves the window on by some outputs.
func (f *windowsFrame) advance(n int) {
	IMUL3Q(operand.I32(n*f.stride), f.step, f.at)
	ADDQ(f.at, f.window)
}

// retreat moves the window and the output back by at outputs.
func (f *windowsFrame) retreat() {
	MOVQ(f.at, f.tap)
	IMULQ(f.step, f.tap)
	if f.stride > 1 {
		IMUL3Q(operand.I32(f.stride), f.tap, f.tap)
	}
	SUBQ(f.tap, f.window)
	IMULQ(f.next, f.at)
	SUBQ(f.at, f.out)
}

// write writes the loops.
func (f *windowsFrame) write() {
	XORQ(f.off, f.off)
	Label("vector")
	MOVQ(arg("rows", 0), f.rows)
	MOVQ(arg("m", 1), f.lines)
	Label("line")
	MOVQ(arg("first", 3), f.window)
	MOVQ(arg("out", 8), f.out)
	ADDQ(f.off, f.out)
	MOVQ(arg("n", 2), f.left)
	for _, n := range []int{8, 4, 2, 1} {
		label := fmt.Sprintf("group%d", n)
		less := fmt.Sprintf("less%d", n)
		Label(label)
		CMPQ(f.left, operand.Imm(uint64(n)))
		JLT(operand.LabelRef(less))
		f.group(n, label+"_row")
		f.advance(n)
		SUBQ(operand.Imm(uint64(n)), f.left)
		JMP(operand.LabelRef(label))
		Label(less)
		TESTQ(f.left, f.left)
		JZ(operand.LabelRef("next"))
		if n > 1 {
			// One more such group, if it can begin before the end of the last one
			// and fewer outputs than half of it would be computed twice.
			CMPQ(f.left, operand.Imm(uint64(n/2)))
			JLE(operand.LabelRef(fmt.Sprintf("group%d", n/2)))
			CMPQ(arg("n", 2), operand.Imm(uint64(n)))
			JLT(operand.LabelRef(fmt.Sprintf("group%d", n/2)))
			MOVQ(operand.U32(n), f.at)
			SUBQ(f.left, f.at)
			f.retreat()
			MOVQ(operand.U32(n), f.left)
			JMP(operand.LabelRef(label))
		}
	}
	Label("next")
	MOVQ(arg("ky", 5), f.at)
	LEAQ(operand.Mem{Base: f.rows, Index: f.at, Scale: 8}, f.rows)
	MOVQ(arg("down", 10), f.at)
	ADDQ(f.at, arg("out", 8))
	DECQ(f.lines)
	JNZ(operand.LabelRef("line"))
	IMULQ(arg("m", 1), f.at)
	SUBQ(f.at, arg("out", 8))
	MOVQ(f.bytes, f.at)
	SUBQ(operand.U32(f.s.bytes()), f.at) // where the last vector begins
	CMPQ(f.off, f.at)
	JGE(operand.LabelRef("done"))
	ADDQ(operand.U32(f.s.bytes()), f.off)
	CMPQ(f.off, f.at)
	JLE(operand.LabelRef("vector"))
	MOVQ(f.at, f.off)
	JMP(operand.LabelRef("vector"))
	Label("done")
	VZEROUPPER()
	RET()
}

// together writes the copying of pixels' channels, some vectors of AVX-512, from wherever
// they lie to rows of memory.
func together(s isa) {
	name := "together" + s.name
	TEXT(name, NOSPLIT, "func(from **float32, m, n, off, bytes int, to **float32)")
	Doc(name+" copies, for each row r < m and pixel i < n, bytes/4 numbers, a multiple of 16, from",
		"off bytes behind from[r*n+i] on to to[r][i*bytes/4:].")
	Pragma("noescape")
	from, lines, left, off, to, pixel, row, bytes, at := reg.RAX, reg.RBX, reg.RCX, reg.RDX, reg.RSI, reg.RDI, reg.R8, reg.R9, reg.R10
	MOVQ(arg("from", 0), from)
	MOVQ(arg("m", 1), lines)
	MOVQ(arg("off", 3), off)
	MOVQ(arg("bytes", 4), bytes)
	MOVQ(arg("to", 5), to)
	Label("line")
	MOVQ(mem(to, 0), row)
	ADDQ(operand.Imm(8), to)
	MOVQ(arg("n", 2), left)
	Label("pixel")
	MOVQ(mem(from, 0), pixel)
	ADDQ(operand.Imm(8), from)
	ADDQ(off, pixel)
	XORQ(at, at)
	Label("vector")
	for v := range 64 / s.bytes() {
		VMOVUPS(indexed(pixel, at, v*s.bytes()), s.vecs[v])
		VMOVUPS(s.vecs[v], indexed(row, at, v*s.bytes()))
	}
	ADDQ(operand.Imm(64), at)
	CMPQ(at, bytes)
	JLT(operand.LabelRef("vector"))
	ADDQ(bytes, row)
	DECQ(left)
	JNZ(operand.LabelRef("pixel"))
	DECQ(lines)
	JNZ(operand.LabelRef("line"))
	VZEROUPPER()
	RET()
}
