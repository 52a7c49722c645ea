package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// product is what a matrix product's kernel multiplies: elements of 32 bits.
type product struct {
	name string // between the shape of a kernel and its set
	add  string // the doc comment's product of x and w, added to acc
	each func(w, x, acc reg.VecPhysical)
}

var (
	fp32 = product{"", "fma(%s, %s, acc)", func(w, x, acc reg.VecPhysical) { VFMADD231PS(w, x, acc) }}
	// bf16 multiplies pairs: an element is two channels.
	bf16 = product{"Pairs", "dotBF16(%s, %s, acc)", dotBF16}
)

// gemm writes one indirect matrix product kernel: `rows` output pixels by
// `vectors` vectors of output channels. Each output pixel's inputs are given by
// `taps` pointers to channel rows, so that nothing is gathered: the pointers
// lead into an update, a view or a row of zeros (after XNNPACK's indirection
// buffer). Every output has one accumulator that starts at the bias and takes
// the products in the order of taps, then channels, whatever the tile.
func gemm(s isa, p product, rows, vectors int) {
	name := fmt.Sprintf("gemm%s%dx%d%s", p.name, rows, vectors*s.lane, s.name)
	TEXT(name, NOSPLIT, "func(table **float32, taps, begin, end int, weights *float32, out **float32, column int, bias, clamp *float32, mask *int32, ahead, tiles, skip, again int, add **float32, sum *float32, pace int)")
	Doc(name+" computes, for r < "+fmt.Sprint(rows)+" and j < "+fmt.Sprint(vectors*s.lane)+" with mask nil or mask[j] < 0:",
		"",
		"	acc := bias[j] // out[r][column/4+j] if bias is nil",
		"	for t := range taps {",
		fmt.Sprintf("		for b := begin; b < end; b += 4 { // bytes, into the row table[t*%d+r]", rows),
		"			acc = "+fmt.Sprintf(p.add, "row[b/4]", fmt.Sprintf("weights[k*%d+j]", vectors*s.lane))+"; k++",
		"		}",
		"	}",
		"	acc = min(max(clamp[0], acc), clamp[1]) + 0 // NaN stays NaN; not if clamp is nil",
		"	acc = min(max(sum[0], acc+add[r][column/4+j]), sum[1]) // not if clamp or add is nil",
		"	out[r][column/4+j] = acc",
		"",
		"and fetches into the caches what lies ahead bytes behind the weights it reads; unless",
		"pace is 0, which it must be with AVX-512, so many bytes for each row of weights, from",
		"ahead bytes behind the first ones on, in all tiles together. It does so for several",
		"tiles, whose tables lie skip bytes apart and whose out and add one behind the other;",
		"again is taps.",
		"See gemmGeneric.")
	Pragma("noescape")
	AllocLocal(8) // a frame, which keeps the caller's RBP
	const (
		aOut    = 5
		aColumn = 6
		aClamp  = 8
		aMask   = 9
		aAhead  = 10
		aTiles  = 11
		aSkip   = 12
		aAgain  = 13
		aAdd    = 14
		aSum    = 15
		aPace   = 16
	)
	acc := func(r, v int) reg.VecPhysical { return s.vecs[r*vectors+v] }
	g := gemmFrame{s: s, rows: rows, vectors: vectors}
	if s.lane < 16 {
		g.pace(aAhead)
	}
	Label("tile")
	g.fetchAdd(aColumn, aAdd)
	g.begin(aOut, aColumn, aMask)
	if s.lane < 16 {
		g.products(p.each, g.fetchPaced(aAhead, aPace))
	} else {
		g.products(p.each, g.fetchAhead(aAhead))
	}

	comment("activation bounds: the accumulator is the last operand, so that a NaN stays")
	w, off := reg.R14, reg.R15
	MOVQ(arg("clamp", aClamp), w)
	TESTQ(w, w)
	JZ(operand.LabelRef("store"))
	lo, hi := g.weights(0), g.spare(0)
	VBROADCASTSS(mem(w, 0), lo)
	VBROADCASTSS(mem(w, 4), hi)
	// Adding zero turns -0, which only underflow can make, into the 0 of a
	// sum that left products by zero out.
	zero := g.spare(1)
	VXORPS(zero, zero, zero)
	for r := range rows {
		for v := range vectors {
			VMAXPS(acc(r, v), lo, acc(r, v))
			VMINPS(acc(r, v), hi, acc(r, v))
			VADDPS(zero, acc(r, v), acc(r, v))
		}
	}
	g.add(aColumn, aMask, aAdd, aSum)
	Label("store")
	finish := func(masks [2]mask) {
		MOVQ(arg("out", aOut), w)
		MOVQ(arg("column", aColumn), off)
		for r := range rows {
			MOVQ(mem(w, 8*r), pointers[0])
			for v := range vectors {
				s.store(acc(r, v), indexed(pointers[0], off, v*s.bytes()), masks[v])
			}
		}
	}
	MOVQ(arg("mask", aMask), w)
	TESTQ(w, w)
	JNZ(operand.LabelRef("partial"))
	finish([2]mask{})
	Label("next")
	DECQ(arg("tiles", aTiles))
	JZ(operand.LabelRef("done"))
	MOVQ(arg("skip", aSkip), off)
	ADDQ(off, arg("table", 0))
	ADDQ(operand.U32(8*rows), arg("out", aOut))
	MOVQ(arg("again", aAgain), off)
	MOVQ(off, arg("taps", 1))
	JMP(operand.LabelRef("tile"))
	Label("partial")
	if s.lane < 16 {
		g.storePartial(aOut, aColumn, aMask)
	} else {
		finish(g.masks(w, func(v int) reg.VecPhysical { return []reg.VecPhysical{lo, hi}[v] }))
	}
	JMP(operand.LabelRef("next"))
	Label("done")
	VZEROUPPER()
	RET()
}

// fetchAhead gives what fetches weights ahead of those that are read.
func (g gemmFrame) fetchAhead(aAhead int) func(w reg.GPPhysical) {
	ahead := reg.RBP
	MOVQ(arg("ahead", aAhead), ahead)
	return func(w reg.GPPhysical) {
		for b := 0; b < g.vectors*g.s.bytes(); b += 64 {
			PREFETCHT0(indexed(w, ahead, b))
		}
	}
}

// pace writes where fetching at a pace begins: with the first tile.
func (g gemmFrame) pace(aAhead int) {
	const aWeights = 4
	next := reg.RBP
	MOVQ(arg("weights", aWeights), next)
	ADDQ(arg("ahead", aAhead), next)
}

// fetchPaced is fetchAhead where registers are left for a pace: unless that is 0, tiles go
// on with what those before them have fetched.
func (g gemmFrame) fetchPaced(aAhead, aPace int) func(w reg.GPPhysical) {
	next, pace := reg.RBP, reg.R12
	MOVQ(arg("pace", aPace), pace)
	TESTQ(pace, pace)
	JNZ(operand.LabelRef("paced"))
	g.pace(aAhead)
	MOVQ(operand.U32(uint32(g.vectors*g.s.bytes())), pace)
	Label("paced")
	return func(reg.GPPhysical) {
		PREFETCHT0(mem(next, 0))
		ADDQ(pace, next)
	}
}

// storePartial stores the lanes that count, which are the first ones, four, two and one at a time:
// masked stores of AVX2 take some ten times as long as others. Accumulators are lost.
func (g gemmFrame) storePartial(aOut, aColumn, aMask int) {
	s, w, off, row, lanes, counts := g.s, reg.R14, reg.R15, pointers[0], pointers[1], pointers[2]
	for v := range g.vectors {
		label := func(name string) string { return fmt.Sprint(name, v) }
		rows := func(store func(acc reg.VecPhysical, m operand.Mem)) {
			for r := range g.rows {
				MOVQ(mem(w, 8*r), row)
				store(s.vecs[r*g.vectors+v], indexed(row, off, v*s.bytes()))
			}
		}
		piece := func(last int, otherwise string) {
			MOVLQSX(mem(lanes, v*s.bytes()+4*last), counts)
			TESTQ(counts, counts)
			JZ(operand.LabelRef(label(otherwise)))
		}
		pass := func(bytes uint64) {
			ADDQ(operand.Imm(bytes), off)
			ADDQ(operand.Imm(bytes), lanes)
		}
		MOVQ(arg("out", aOut), w)
		MOVQ(arg("column", aColumn), off)
		MOVQ(arg("mask", aMask), lanes)
		piece(7, "four")
		rows(func(acc reg.VecPhysical, m operand.Mem) { VMOVUPS(acc, m) })
		JMP(operand.LabelRef(label("stored")))
		Label(label("four"))
		piece(3, "two")
		rows(func(acc reg.VecPhysical, m operand.Mem) {
			VMOVUPS(acc.AsX(), m)
			VEXTRACTF128(operand.Imm(1), acc, acc.AsX())
		})
		pass(16)
		Label(label("two"))
		piece(1, "one")
		rows(func(acc reg.VecPhysical, m operand.Mem) {
			VMOVQ(acc.AsX(), m)
			VPERMILPD(operand.Imm(1), acc.AsX(), acc.AsX())
		})
		pass(8)
		Label(label("one"))
		piece(0, "stored")
		rows(func(acc reg.VecPhysical, m operand.Mem) { VMOVD(acc.AsX(), m) })
		Label(label("stored"))
	}
}

// gemmFrame is what matrix product kernels have in common: where their registers
// are, and the loops.
type gemmFrame struct {
	s             isa
	rows, vectors int
	// kept is how many of the last registers a product needs for itself.
	kept int
}

// weights is where a vector of weights goes.
func (g gemmFrame) weights(v int) reg.VecPhysical { return g.s.vecs[g.rows*g.vectors+v] }

// spare is what registers are left beside accumulators and weights, in turn.
func (g gemmFrame) spare(i int) reg.VecPhysical {
	left := g.left()[g.vectors:]
	return left[i%len(left)]
}

// left are the registers that hold no accumulators; the first ones hold weights.
func (g gemmFrame) left() []reg.VecPhysical { return g.s.vecs[g.rows*g.vectors:] }

const aBias = 7 // of all matrix products

// biases begins each accumulator with its column's bias.
func (g gemmFrame) biases() {
	acc := func(r, v int) reg.VecPhysical { return g.s.vecs[r*g.vectors+v] }
	w := reg.R14
	MOVQ(arg("bias", aBias), w)
	for v := range g.vectors {
		VMOVUPS(mem(w, v*g.s.bytes()), acc(0, v))
	}
	for r := 1; r < g.rows; r++ {
		for v := range g.vectors {
			VMOVAPS(acc(0, v), acc(r, v))
		}
	}
}

// begin begins the accumulators with the biases or, if there are none, with the
// outputs.
func (g gemmFrame) begin(aOut, aColumn, aMask int) {
	s, w, off := g.s, reg.R14, reg.R15
	load := func(masks [2]mask) {
		MOVQ(arg("out", aOut), w)
		MOVQ(arg("column", aColumn), off)
		for r := range g.rows {
			MOVQ(mem(w, 8*r), pointers[0])
			for v := range g.vectors {
				s.load(indexed(pointers[0], off, v*s.bytes()), masks[v], s.vecs[r*g.vectors+v])
			}
		}
	}
	MOVQ(arg("bias", aBias), w)
	TESTQ(w, w)
	JZ(operand.LabelRef("resume"))
	g.biases()
	JMP(operand.LabelRef("begun"))
	Label("resume")
	MOVQ(arg("mask", aMask), w)
	TESTQ(w, w)
	JNZ(operand.LabelRef("resumePartial"))
	load([2]mask{})
	JMP(operand.LabelRef("begun"))
	Label("resumePartial")
	load(g.masks(w, g.weights))
	Label("begun")
}

// fetchAdd fetches the rows that add points to into the caches while there is something to
// multiply: they lie far apart, where the processor does not look for them.
func (g gemmFrame) fetchAdd(aColumn, aAdd int) {
	w, off := reg.R14, reg.R15
	MOVQ(arg("add", aAdd), w)
	TESTQ(w, w)
	JZ(operand.LabelRef("begin"))
	MOVQ(arg("column", aColumn), off)
	for r := range g.rows {
		MOVQ(mem(w, 8*r), pointers[0])
		for b := 0; b < g.vectors*g.s.bytes(); b += 64 {
			PREFETCHT0(indexed(pointers[0], off, b))
		}
	}
	Label("begin")
}

// add adds the rows that add points to, if there are any, and bounds the sums. It goes on
// at store.
func (g gemmFrame) add(aColumn, aMask, aAdd, aSum int) {
	s, w, off, row := g.s, reg.R14, reg.R15, pointers[0]
	lo, x, hi, lanes := g.weights(0), g.weights(1), g.spare(0), g.spare(1)
	if g.vectors == 1 {
		x = g.spare(2)
	}
	MOVQ(arg("add", aAdd), w)
	TESTQ(w, w)
	JZ(operand.LabelRef("store"))
	comment("what is added: the sums are the first operands, as of Add")
	MOVQ(arg("sum", aSum), off)
	VBROADCASTSS(mem(off, 0), lo)
	VBROADCASTSS(mem(off, 4), hi)
	MOVQ(arg("column", aColumn), off)
	ADDQ(operand.U32(8*g.rows), arg("add", aAdd))
	sums := func(v int, k mask) {
		for r := range g.rows {
			acc := s.vecs[r*g.vectors+v]
			MOVQ(mem(w, 8*r), row)
			s.load(indexed(row, off, v*s.bytes()), k, x)
			VADDPS(x, acc, acc)
			VMAXPS(acc, lo, acc)
			VMINPS(acc, hi, acc)
		}
	}
	MOVQ(arg("mask", aMask), row)
	TESTQ(row, row)
	JNZ(operand.LabelRef("addPartial"))
	for v := range g.vectors {
		sums(v, mask{})
	}
	JMP(operand.LabelRef("store"))
	Label("addPartial")
	for v := range g.vectors {
		MOVQ(arg("mask", aMask), row)
		sums(v, s.loadMask(mem(row, v*s.bytes()), lanes, reg.K1))
	}
}

// masks loads the masks that w points to: with AVX2 into the registers that
// vector gives.
func (g gemmFrame) masks(w reg.GPPhysical, vector func(v int) reg.VecPhysical) (masks [2]mask) {
	for v := range g.vectors {
		masks[v] = g.s.loadMask(mem(w, v*g.s.bytes()), vector(v), []reg.OpmaskPhysical{reg.K1, reg.K2}[v])
	}
	return masks
}

// products writes the loops over taps and channels, whose first arguments are those
// of gemm. ahead is called for each row of weights.
func (g gemmFrame) products(each func(w, x, acc reg.VecPhysical), ahead func(w reg.GPPhysical)) {
	const (
		aTable   = 0
		aTaps    = 1
		aBegin   = 2
		aEnd     = 3
		aWeights = 4
	)
	s, rows, vectors := g.s, g.rows, g.vectors
	acc := func(r, v int) reg.VecPhysical { return s.vecs[r*vectors+v] }
	w, off := reg.R14, reg.R15

	MOVQ(arg("weights", aWeights), w)

	Label("tap")
	MOVQ(arg("table", aTable), off)
	for r := range rows {
		MOVQ(mem(off, 8*r), pointers[r])
	}
	ADDQ(operand.Imm(uint64(8*rows)), off)
	MOVQ(off, arg("table", aTable))
	MOVQ(arg("begin", aBegin), off)

	Label("channel")
	for v := range vectors {
		VMOVUPS(mem(w, v*s.bytes()), g.weights(v))
	}
	ahead(w)
	for r := range rows {
		// Broadcasts alternate between what registers are left, so that one
		// does not wait for the products of the last.
		x := g.spare(r % min(4, len(s.vecs)-vectors*(rows+1)-g.kept))
		VBROADCASTSS(indexed(pointers[r], off, 0), x)
		for v := range vectors {
			each(g.weights(v), x, acc(r, v))
		}
	}
	ADDQ(operand.Imm(uint64(vectors*s.bytes())), w)
	ADDQ(operand.Imm(4), off)
	CMPQ(off, arg("end", aEnd))
	JLT(operand.LabelRef("channel"))
	DECQ(arg("taps", aTaps))
	JNZ(operand.LabelRef("tap"))
}
