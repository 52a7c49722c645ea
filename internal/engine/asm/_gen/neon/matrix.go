package main

import (
	"regexp"
	"strings"
)

// toMatrices ends the names of the kernels of quads by products of matrices (FEAT_I8MM).
const toMatrices = "I8MM"

var quadsName = regexp.MustCompile(`^(gemm|peak)Quads(\d+x\d+)?` + fromSet + `$`)

// asMatrices names the twin that a kernel has by products of matrices, "" if it has none.
func asMatrices(name string) string {
	if !quadsName.MatchString(name) {
		return ""
	}
	return strings.TrimSuffix(name, fromSet) + toMatrices
}

// A product of matrices is of two rows of eight bytes with two columns of eight, and its four
// sums lie in one register: so the accumulators of a pair of rows lie there in blocks of two
// by two. Half an accumulator of each row makes a block, and the same exchange makes rows of
// blocks. A tile of one row has a second one, of zeros.

// The registers of the loop: accumulators of six rows are the first 24, of fewer the first
// of them.
const (
	matrixInputs  = 24
	matrixScratch = 30 // and 31, and what pairs of inputs leave free
)

// blocks makes blocks of the rows of accumulators, and rows of the blocks.
func (t *translator) blocks() {
	quads := t.matrix.columns / 4
	for r := 0; r < t.matrix.rows; r += 2 {
		for v := range quads {
			first, second := r*quads+v, (r+1)*quads+v
			t.word(encode3("zip1", doubles, matrixScratch, first, second))
			t.word(encode3("zip2", doubles, second, first, second))
			t.word(move(first, matrixScratch))
		}
	}
}

// beginBlocks makes the first blocks: a row that a tile lacks is one of zeros.
func (t *translator) beginBlocks() {
	quads := t.matrix.columns / 4
	if t.matrix.rows == 1 {
		for v := range quads {
			t.word(zero(quads + v))
		}
	}
	t.blocks()
}

// matrixProduct writes the loop of a tile over the quads of a tap: four at a time, then two,
// then one. Weights of two quads lie side by side, column by column (Kernels.PackQuads),
// those of a last single one as in the other kernels.
func (t *translator) matrixProduct() {
	rows, columns := t.matrix.rows, t.matrix.columns
	quads, pairs := columns/4, (rows+1)/2
	input := func(r int) int { return matrixInputs + r }
	// eight multiplies what lies in a register for each pair of rows with the weights of two
	// quads; w are two free registers.
	eight := func(at int, of []int, w [2]int) {
		for v := range quads { // the weights of four columns
			t.line("FLDPQ %d(R%d), (F%d, F%d)", at+32*v, productWeights, w[0], w[1])
			for half := range 2 {
				for p := range pairs {
					t.word(matrixMultiply((2*p+half)*quads+v, of[p], w[half]))
				}
			}
		}
	}
	load := func(each func(d, base, offset int) word) {
		for r := range rows {
			t.word(each(input(r), r, productOffset))
		}
		if rows == 1 {
			t.word(zero(input(1)))
		}
	}
	next := func(n int, again string) {
		t.line("ADD $%d, R%d, R%d", 4*n, productOffset, productOffset)
		t.line("ADD $%d, R%d, R%d", 4*n*columns, productWeights, productWeights)
		if again != "" {
			t.line("SUBS $16, R16, R16")
			t.line("BGE %s", again)
		}
	}
	t.line("MOVD end+24(FP), R15")
	t.line("SUB R%d, R15, R16", productOffset)
	t.line("SUBS $16, R16, R16")
	t.line("BLT few")
	t.out.WriteString("\nfour:\n")
	load(load4)
	// The first two quads of a pair of rows go to what is free, the others to where the second
	// row was, and so leave another register free.
	var first, second []int
	free := matrixScratch
	for p := range pairs {
		t.word(encode3("zip1", doubles, free, input(2*p), input(2*p+1)))
		t.word(encode3("zip2", doubles, input(2*p+1), input(2*p), input(2*p+1)))
		first, second = append(first, free), append(second, input(2*p+1))
		free = input(2 * p)
	}
	w := [2]int{free, 31}
	eight(0, first, w)
	eight(8*columns, second, w)
	next(4, "four")
	t.out.WriteString("\nfew:\n")
	t.line("ADDS $16, R16, R16")
	t.line("BEQ added")
	together := func() (of []int) {
		for p := range pairs {
			t.word(encode3("zip1", doubles, input(2*p), input(2*p), input(2*p+1)))
			of = append(of, input(2*p))
		}
		return of
	}
	t.line("CMP $8, R16")
	t.line("BLT one")
	load(load2)
	eight(0, together(), [2]int{30, 31})
	next(2, "")
	t.line("SUBS $8, R16, R16")
	t.line("BEQ added")
	t.out.WriteString("\none:\n")
	// Behind the inputs are zeros, and their weights may be any: each column's twice.
	load(load1)
	of := together()
	for v := range quads {
		t.line("FMOVQ %d(R%d), F31", 16*v, productWeights)
		t.word(encode3("zip1", singles, 30, 31, 31))
		t.word(encode3("zip2", singles, 31, 31, 31))
		for half := range 2 {
			for p := range pairs {
				t.word(matrixMultiply((2*p+half)*quads+v, of[p], 30+half))
			}
		}
	}
	next(1, "")
	t.out.WriteString("\nadded:\n")
}

// peakMatrices writes the loop of nothing but products of matrices.
func (t *translator) peakMatrices() {
	t.out.WriteString("\nloop:\n")
	for d := range 24 {
		t.word(matrixMultiply(d, 24, 26))
	}
	t.line("SUBS $1, R0, R0")
	t.line("BNE loop")
}
