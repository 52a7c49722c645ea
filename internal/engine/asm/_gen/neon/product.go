package main

import (
	"regexp"
	"strconv"
)

// loop is where a matrix product spends its time: written for NEON by its own, since
// products by an element of a vector need no broadcast. Items [begin, end] stand for it.
type loop struct {
	begin, end int
	write      func(t *translator)
	matrix     *shape // of a tile by products of matrices
}

type shape struct{ rows, columns int }

var productName = regexp.MustCompile(`^gemm(Quads)?(\d+)x(\d+)` + fromSet + `$`)

// innerLoop is the loop over channels of a matrix product, nil of other functions.
func innerLoop(f *function, matrices bool) *loop {
	l := &loop{begin: -1}
	for i, it := range f.items {
		if it.label == "channel" || it.label == "loop" {
			l.begin = i
		}
		if isJump(it.op) && (it.args[0].name == "channel" || it.args[0].name == "loop") {
			l.end = i
		}
	}
	if m := productName.FindStringSubmatch(f.name); m != nil && l.begin >= 0 {
		rows, _ := strconv.Atoi(m[2])
		columns, _ := strconv.Atoi(m[3])
		l.write = func(t *translator) { t.product(rows, columns, m[1] != "") }
		if matrices {
			l.write = (*translator).matrixProduct
			l.matrix = &shape{rows, columns}
		}
		return l
	}
	if f.name == "gemmRow"+fromSet && l.begin >= 0 {
		l.write = (*translator).row
		return l
	}
	if f.name == "peakQuads"+fromSet {
		l.write = (*translator).peakQuads
		if matrices {
			l.write = (*translator).peakMatrices
		}
		return l
	}
	return nil
}

// The registers of a matrix product's loop, as in the kernel of amd64: the rows' pointers
// are the first ones.
const (
	productNext    = 6  // BP, what is fetched next
	productPace    = 11 // R12, what of it for each row of weights
	productWeights = 13 // R14
	productOffset  = 14 // R15
)

// product writes the loop of a tile over the channels of a tap, four at a time and then one
// by one: each row's inputs are a vector, and each product is one by an element of it.
// Accumulators and the order of their sums are those of amd64. Elements are numbers, or
// quads of whole ones.
func (t *translator) product(rows, columns int, whole bool) {
	add, ahead := byElement, true
	if whole {
		add, ahead = dotByElement, false
	}
	quads := columns / 4 // vectors of a row of weights
	inputs := rows * quads
	weights := []int{inputs + rows, inputs + rows + 1}
	multiply := func(lane, at int, pair int) {
		t.line("FLDPQ %d(R%d), (F%d, F%d)", at, productWeights, weights[0], weights[1])
		for half := range 2 {
			for r := range rows {
				t.word(add(r*quads+2*pair+half, weights[half], inputs+r, lane))
			}
		}
	}
	t.line("MOVD end+24(FP), R15")
	t.line("SUB R%d, R15, R16", productOffset)
	t.line("SUBS $16, R16, R16")
	t.line("BLT few")
	t.out.WriteString("\nfour:\n")
	for r := range rows {
		t.word(load4(inputs+r, r, productOffset))
	}
	for lane := range 4 {
		if ahead && lane*4*columns%64 == 0 {
			t.line("PRFM (R%d), PLDL1KEEP", productNext)
			t.line("ADD R%d<<%d, R%d, R%d", productPace, 8/columns, productNext, productNext)
		}
		for pair := range quads / 2 {
			multiply(lane, lane*4*columns+32*pair, pair)
		}
	}
	t.line("ADD $16, R%d, R%d", productOffset, productOffset)
	t.line("ADD $%d, R%d, R%d", 16*columns, productWeights, productWeights)
	t.line("SUBS $16, R16, R16")
	t.line("BGE four")
	t.out.WriteString("\nfew:\n")
	t.line("ADDS $16, R16, R16")
	t.line("BEQ added")
	t.out.WriteString("\none:\n")
	for r := range rows {
		t.word(load1(inputs+r, r, productOffset))
	}
	for pair := range quads / 2 {
		multiply(0, 32*pair, pair)
	}
	t.line("ADD $4, R%d, R%d", productOffset, productOffset)
	t.line("ADD $%d, R%d, R%d", 4*columns, productWeights, productWeights)
	if ahead {
		t.line("ADD R%d, R%d, R%d", productPace, productNext, productNext)
	}
	t.line("SUBS $4, R16, R16")
	t.line("BNE one")
	t.out.WriteString("\nadded:\n")
}

// row writes the loop of one pixel by four panels of 16 columns, whose weights begin in
// the first four general registers.
func (t *translator) row() {
	const row, offset, end = 7, 8, 10 // R8, R9, R11
	const panels, x, w = 4, 16, 20
	multiply := func(lane, p int) {
		for pair := range 2 {
			t.line("FLDPQ %d(R%d), (F%d, F%d)", 64*lane+32*pair, p, w+2*pair, w+2*pair+1)
		}
		for q := range 4 {
			t.word(byElement(p*4+q, w+q, x, lane))
		}
	}
	t.line("SUB R%d, R%d, R16", offset, end)
	t.line("SUBS $16, R16, R16")
	t.line("BLT few")
	t.out.WriteString("\nfour:\n")
	t.word(load4(x, row, offset))
	for lane := range 4 {
		for p := range panels {
			t.line("PRFM %d(R%d), PLDL1KEEP", 2048+64*lane, p)
			multiply(lane, p)
		}
	}
	for p := range panels {
		t.line("ADD $256, R%d, R%d", p, p)
	}
	t.line("ADD $16, R%d, R%d", offset, offset)
	t.line("SUBS $16, R16, R16")
	t.line("BGE four")
	t.out.WriteString("\nfew:\n")
	t.line("ADDS $16, R16, R16")
	t.line("BEQ added")
	t.out.WriteString("\none:\n")
	t.word(load1(x, row, offset))
	for p := range panels {
		multiply(0, p)
		t.line("ADD $64, R%d, R%d", p, p)
	}
	t.line("ADD $4, R%d, R%d", offset, offset)
	t.line("SUBS $4, R16, R16")
	t.line("BNE one")
	t.out.WriteString("\nadded:\n")
}

// peakQuads writes the loop of nothing but products of quads: of registers that no other
// instruction reads.
func (t *translator) peakQuads() {
	t.out.WriteString("\nloop:\n")
	for d := range 24 {
		t.word(dotByElement(d, 24, 26, 0))
	}
	t.line("SUBS $1, R0, R0")
	t.line("BNE loop")
}
