package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A vector y of eight numbers is the pair of registers 2*y and 2*y+1. What is the same in
// both, or one number of each half in all of its lanes, is not written out at once: most of
// it is read by instructions that need not have it so.
type form int

const (
	written form = iota
	twice        // the upper half is the lower one, and only that is written
	spread       // each half is a number of that half of another vector, and none is written
)

type value struct {
	form       form
	from, lane int // of what is spread
}

// translator writes one function.
type translator struct {
	out   strings.Builder
	f     *function
	live  []registers // after each item
	at    int         // the item that is translated
	taken registers   // by the instruction that is translated
	// values are the forms of vectors within a block of instructions without jumps.
	values [16]value
	// addresses are sums that lie in general registers.
	addresses []address
	next      int // of pool
	// matrix is the tile of a kernel that multiplies matrices, whose accumulators are blocks
	// while it does so.
	matrix *shape
	// table is the general register that points to whole vectors of one number, or -1.
	table int
}

type address struct {
	base, index, scale, disp int
	reg                      int
}

// pool are the general registers for addresses; r15 to r17 are for single instructions.
// R18 is the system's, R26 to R30 are Go's.
var pool = []int{19, 20, 21, 22, 23, 24, 25}

// cannot is what a translator panics with.
type cannot struct{ error }

func (t *translator) fail(format string, a ...any) {
	panic(cannot{fmt.Errorf("item %d, %v: %w", t.at, t.f.items[t.at], fmt.Errorf(format, a...))})
}

var errRegisters = errors.New("no register is free")

// translate gives a function's translation under a name, of its matrix products by products
// of quads or of matrices.
func translate(f *function, name string, matrices bool) (text string, err error) {
	defer func() {
		if r := recover(); r != nil {
			c, ok := r.(cannot)
			if !ok {
				panic(r)
			}
			err = c.error
		}
	}()
	t := &translator{f: f, live: liveAfter(f.items), table: constantsOf(f.items)}
	t.line("TEXT ·%s(SB), NOSPLIT, $0-%d", name, f.args)
	loop := innerLoop(f, matrices)
	if loop != nil {
		t.matrix = loop.matrix
	}
	for i := 0; i < len(f.items); i++ {
		t.at, t.taken = i, 0
		if loop != nil && i == loop.begin {
			t.settle()
			loop.write(t)
			i = loop.end
			continue
		}
		t.item(f.items[i])
		for y := range t.values {
			if t.live[i]&both(y) == 0 {
				t.values[y] = value{}
			}
		}
	}
	return t.out.String(), nil
}

func (t *translator) line(format string, a ...any) {
	if len(t.out.String()) > 0 && !strings.HasSuffix(format, ":") {
		t.out.WriteByte('\t')
	}
	fmt.Fprintf(&t.out, format+"\n", a...)
}

func (t *translator) word(w word) { t.line("%s", w) }

func (t *translator) item(it item) {
	if it.label != "" {
		t.settle()
		if t.matrix != nil && it.label == "tap" {
			t.beginBlocks()
		}
		t.out.WriteString("\n" + it.label + ":\n")
		return
	}
	if isJump(it.op) {
		t.settleValues()
		t.line("%s %s", conditions[it.op], it.args[0].name)
		if t.matrix != nil && it.args[0].name == "tap" {
			t.blocks()
		}
		return
	}
	if t.general(it) || t.vectors(it) {
		return
	}
	t.fail("no translation")
}

// settle ends a block of instructions: what is read after it is written out.
func (t *translator) settle() {
	t.settleValues()
	t.addresses = nil
}

func (t *translator) settleValues() {
	for y := range t.values {
		if t.live[t.at]&both(y) != 0 {
			t.write(y)
		}
		t.values[y] = value{}
	}
}

// write writes a vector out.
func (t *translator) write(y int) {
	switch v := t.values[y]; v.form {
	case twice:
		t.word(move(2*y+1, 2*y))
	case spread:
		t.word(duplicate(singles, 2*y, 2*v.from, v.lane))
		t.word(duplicate(singles, 2*y+1, 2*v.from+1, v.lane))
	}
	t.values[y] = value{}
}

// overwrites prepares a vector to be written: what is spread of it is written out.
func (t *translator) overwrites(y int) {
	for z, v := range t.values {
		if v.form != spread || v.from != y || z == y {
			continue
		}
		if t.live[t.at]&both(z) != 0 {
			t.write(z)
		}
		t.values[z] = value{}
	}
}

// half is the register that holds half h of a vector that is not spread.
func (t *translator) half(y, h int) int {
	if t.values[y].form == twice {
		return 2 * y
	}
	return 2*y + h
}

// free are the registers that nothing needs.
func (t *translator) free() registers {
	reads, writes := touched(t.f.items[t.at])
	busy := t.live[t.at] | reads
	for y, v := range t.values {
		switch v.form {
		case twice:
			busy &^= one(2*y + 1)
		case spread:
			busy &^= both(y)
		}
	}
	for _, v := range t.values {
		if v.form == spread {
			busy |= both(v.from)
		}
	}
	return ^(busy | writes | t.taken)
}

// scratch takes a register for the instruction that is translated.
func (t *translator) scratch() int {
	free := t.free()
	for v := 31; v >= 0; v-- {
		if free&one(v) != 0 {
			t.taken |= one(v)
			return v
		}
	}
	t.fail("%w", errRegisters)
	return 0
}

// place gives the general register and the distance from it of what lies in memory, in
// parts of a size.
func (t *translator) place(a operand, part int) (reg, disp int) {
	near := a.disp%part == 0 && a.disp >= -64*part && a.disp < 63*part
	if a.index < 0 && (near || a.disp == 0) {
		return a.base, a.disp
	}
	if !near {
		return t.sum(a.base, a.index, a.scale, a.disp), 0
	}
	return t.sum(a.base, a.index, a.scale, 0), a.disp
}

// sum is base + index*scale + disp in a general register.
func (t *translator) sum(base, index, scale, disp int) int {
	if index < 0 && disp == 0 {
		return base
	}
	for _, a := range t.addresses {
		if a.base == base && a.index == index && a.scale == scale && a.disp == disp {
			return a.reg
		}
	}
	reg := pool[t.next]
	t.next = (t.next + 1) % len(pool)
	t.addresses = slices.DeleteFunc(t.addresses, func(a address) bool { return a.reg == reg })
	t.addInto(reg, base, index, scale, disp)
	t.addresses = append(t.addresses, address{base, index, scale, disp, reg})
	return reg
}

func (t *translator) addInto(reg, base, index, scale, disp int) {
	if index >= 0 {
		if by := slices.Index([]int{1, 2, 4, 8}, scale); by > 0 {
			t.line("ADD R%d<<%d, R%d, R%d", index, by, base, reg)
		} else {
			t.line("ADD R%d, R%d, R%d", index, base, reg)
		}
		base = reg
	}
	if disp != 0 || index < 0 && base != reg {
		t.line("ADD $%d, R%d, R%d", disp, base, reg)
	}
}

// changes forgets the sums of a general register that is written.
func (t *translator) changes(reg int) {
	t.addresses = slices.DeleteFunc(t.addresses, func(a address) bool { return a.base == reg || a.index == reg })
}
