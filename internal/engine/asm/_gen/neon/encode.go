package main

import "fmt"

// word is an instruction that Go's assembler lacks: its encoding, and how GNU's writes it.
// The test assembles the one and compares it with the other.
type word struct {
	code uint32
	text string
}

func (w word) String() string { return fmt.Sprintf("WORD $0x%08x // %s", w.code, w.text) }

// size is how wide the elements of a vector are.
type size string

const (
	bytes16 size = "16b"
	words8  size = "8h"
	singles size = "4s"
	doubles size = "2d"
)

// three are instructions of two sources, d = n op m, by the width of elements.
var three = map[string]map[size]uint32{
	"fadd":  {singles: 0x4e20d400, doubles: 0x4e60d400},
	"fsub":  {singles: 0x4ea0d400, doubles: 0x4ee0d400},
	"fmul":  {singles: 0x6e20dc00, doubles: 0x6e60dc00},
	"fdiv":  {singles: 0x6e20fc00, doubles: 0x6e60fc00},
	"fmla":  {singles: 0x4e20cc00, doubles: 0x4e60cc00},
	"fmls":  {singles: 0x4ea0cc00, doubles: 0x4ee0cc00},
	"faddp": {singles: 0x6e20d400, doubles: 0x6e60d400},
	"fcmeq": {singles: 0x4e20e400, doubles: 0x4e60e400},
	"fcmge": {singles: 0x6e20e400, doubles: 0x6e60e400},
	"fcmgt": {singles: 0x6ea0e400, doubles: 0x6ee0e400},
	"and":   {bytes16: 0x4e201c00},
	"bic":   {bytes16: 0x4e601c00},
	"orr":   {bytes16: 0x4ea01c00},
	"eor":   {bytes16: 0x6e201c00},
	"bsl":   {bytes16: 0x6e601c00},
	"bit":   {bytes16: 0x6ea01c00},
	"bif":   {bytes16: 0x6ee01c00},
	"cmeq":  {bytes16: 0x6e208c00, singles: 0x6ea08c00},
	"add":   {words8: 0x4e608400, singles: 0x4ea08400, doubles: 0x4ee08400},
	"addp":  {bytes16: 0x4e20bc00},
	"umax":  {singles: 0x6ea06400},
	"uqsub": {bytes16: 0x6e202c00},
	"zip1":  {singles: 0x4e803800, doubles: 0x4ec03800},
	"zip2":  {singles: 0x4e807800, doubles: 0x4ec07800},
	"uzp1":  {bytes16: 0x4e001800, words8: 0x4e401800, singles: 0x4e801800},
	"trn2":  {singles: 0x4e806800},
}

// two are instructions of one source.
var two = map[string]map[size]uint32{
	"fneg":  {singles: 0x6ea0f800, doubles: 0x6ee0f800},
	"scvtf": {singles: 0x4e21d800},
	"fsqrt": {singles: 0x6ea1f800, doubles: 0x6ee1f800},
	"rev64": {singles: 0x4ea00800},
	"mvn":   {bytes16: 0x6e205800},
}

func find(table map[string]map[size]uint32, op string, s size) uint32 {
	code, ok := table[op][s]
	if !ok {
		panic(fmt.Sprintf("no encoding of %s of %s", op, s))
	}
	return code
}

func encode3(op string, s size, d, n, m int) word {
	return word{find(three, op, s) | uint32(m)<<16 | uint32(n)<<5 | uint32(d), fmt.Sprintf("%s v%d.%s, v%d.%s, v%d.%s", op, d, s, n, s, m, s)}
}

func encode2(op string, s size, d, n int) word {
	return word{find(two, op, s) | uint32(n)<<5 | uint32(d), fmt.Sprintf("%s v%d.%s, v%d.%s", op, d, s, n, s)}
}

func move(d, n int) word {
	w := encode3("orr", bytes16, d, n, n)
	w.text = fmt.Sprintf("mov v%d.16b, v%d.16b", d, n)
	return w
}

func zero(d int) word { return word{0x6f00e400 | uint32(d), fmt.Sprintf("movi v%d.2d, #0", d)} }

// byElement is d += n*m[lane].
func byElement(d, n, m, lane int) word {
	return word{0x4f801000 | uint32(lane&1)<<21 | uint32(lane>>1)<<11 | uint32(m)<<16 | uint32(n)<<5 | uint32(d),
		fmt.Sprintf("fmla v%d.4s, v%d.4s, v%d.s[%d]", d, n, m, lane)}
}

// dotByElement adds to each number of d the products of four signed bytes of n with those
// of m[lane] (FEAT_DotProd).
func dotByElement(d, n, m, lane int) word {
	return word{0x4f80e000 | uint32(lane&1)<<21 | uint32(lane>>1)<<11 | uint32(m)<<16 | uint32(n)<<5 | uint32(d),
		fmt.Sprintf("sdot v%d.4s, v%d.16b, v%d.4b[%d]", d, n, m, lane)}
}

// matrixMultiply adds to d, two rows of two numbers, the products of the rows of n, of eight
// signed bytes each, with those of m (FEAT_I8MM).
func matrixMultiply(d, n, m int) word {
	return word{0x4e80a400 | uint32(m)<<16 | uint32(n)<<5 | uint32(d), fmt.Sprintf("smmla v%d.4s, v%d.16b, v%d.16b", d, n, m)}
}

// widenBytes makes numbers of 16 bits of the lower eight bytes.
func widenBytes(d, n int) word {
	return word{0x2f08a400 | uint32(n)<<5 | uint32(d), fmt.Sprintf("ushll v%d.8h, v%d.8b, #0", d, n)}
}

// negative says which lanes are below zero as whole numbers: those whose sign is set.
func negative(s size, d, n int) word {
	code := map[size]uint32{bytes16: 0x4e20a800, singles: 0x4ea0a800, doubles: 0x4ee0a800}[s]
	return word{code | uint32(n)<<5 | uint32(d), fmt.Sprintf("cmlt v%d.%s, v%d.%s, #0", d, s, n, s)}
}

// duplicate writes lane i of n to all lanes of d.
func duplicate(s size, d, n, i int) word {
	var lane int
	var element string
	switch s {
	case bytes16:
		lane, element = i<<1|1, "b"
	case singles:
		lane, element = i<<3|4, "s"
	default:
		lane, element = i<<4|8, "d"
	}
	return word{0x4e000400 | uint32(lane)<<16 | uint32(n)<<5 | uint32(d), fmt.Sprintf("dup v%d.%s, v%d.%s[%d]", d, s, n, element, i)}
}

// swapHalves exchanges the halves of n.
func swapHalves(d, n int) word {
	return word{0x6e004000 | uint32(n)<<16 | uint32(n)<<5 | uint32(d), fmt.Sprintf("ext v%d.16b, v%d.16b, v%d.16b, #8", d, n, n)}
}

func shift(left bool, s size, d, n, by int) word {
	width := map[size]int{singles: 32, doubles: 64}[s]
	if by < 1 || by >= width {
		panic(fmt.Sprintf("shift of %s by %d", s, by))
	}
	op, code, bits := "ushr", uint32(0x6f000400), 2*width-by
	if left {
		op, code, bits = "shl", 0x4f005400, width+by
	}
	return word{code | uint32(bits)<<16 | uint32(n)<<5 | uint32(d), fmt.Sprintf("%s v%d.%s, v%d.%s, #%d", op, d, s, n, s, by)}
}

// widen makes numbers of 64 bits of the lower or upper two of 32, narrow the other way.
func widen(upper bool, d, n int) word {
	if upper {
		return word{0x4e617800 | uint32(n)<<5 | uint32(d), fmt.Sprintf("fcvtl2 v%d.2d, v%d.4s", d, n)}
	}
	return word{0x0e617800 | uint32(n)<<5 | uint32(d), fmt.Sprintf("fcvtl v%d.2d, v%d.2s", d, n)}
}

func narrow(upper bool, d, n int) word {
	if upper {
		return word{0x4e616800 | uint32(n)<<5 | uint32(d), fmt.Sprintf("fcvtn2 v%d.4s, v%d.2d", d, n)}
	}
	return word{0x0e616800 | uint32(n)<<5 | uint32(d), fmt.Sprintf("fcvtn v%d.2s, v%d.2d", d, n)}
}

// lookUp takes byte m[i] of n as byte i, 0 where m[i] is above 15.
func lookUp(d, n, m int) word {
	return word{0x4e000000 | uint32(m)<<16 | uint32(n)<<5 | uint32(d), fmt.Sprintf("tbl v%d.16b, {v%d.16b}, v%d.16b", d, n, m)}
}

// load4, load2 and load1 read four numbers, two, or one, from base + offset.
func load4(d, base, offset int) word {
	return word{0x3ce06800 | uint32(offset)<<16 | uint32(base)<<5 | uint32(d), fmt.Sprintf("ldr q%d, [x%d, x%d]", d, base, offset)}
}

func load2(d, base, offset int) word {
	return word{0xfc606800 | uint32(offset)<<16 | uint32(base)<<5 | uint32(d), fmt.Sprintf("ldr d%d, [x%d, x%d]", d, base, offset)}
}

func load1(d, base, offset int) word {
	return word{0xbc606800 | uint32(offset)<<16 | uint32(base)<<5 | uint32(d), fmt.Sprintf("ldr s%d, [x%d, x%d]", d, base, offset)}
}
