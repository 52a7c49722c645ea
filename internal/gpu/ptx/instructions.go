package ptx

import (
	"fmt"
	"strconv"
	"strings"
)

// class says how the bits of a type are read.
type class int

const (
	raw class = iota // bits of any meaning
	unsigned
	signed
	floating
	predicate
)

// typ is a type of PTX, of so many bytes.
type typ struct {
	class class
	size  int
}

var (
	b32, b64 = typ{raw, 4}, typ{raw, 8}
	u32, u64 = typ{unsigned, 4}, typ{unsigned, 8}
	s32, s64 = typ{signed, 4}, typ{signed, 8}
	f32, f64 = typ{floating, 4}, typ{floating, 8}
	pred     = typ{predicate, 1}
)

// types are those of memory and of instructions, registerTypes those of registers.
var (
	types         = map[string]typ{".b32": b32, ".b64": b64, ".u32": u32, ".u64": u64, ".s32": s32, ".s64": s64, ".f32": f32, ".f64": f64}
	registerTypes = map[string]typ{".b32": b32, ".b64": b64, ".f32": f32, ".f64": f64, ".pred": pred}
)

// name is how instructions end that are of this type.
func (t typ) name() string {
	return "." + map[class]string{raw: "b", unsigned: "u", signed: "s", floating: "f"}[t.class] + strconv.Itoa(8*t.size)
}

// mask has the bits of a type.
func (t typ) mask() uint64 { return ^uint64(0) >> (64 - 8*t.size) }

// holds says whether a register of type r may stand for an operand of type t; wider that
// it may have more bits.
func (r typ) holds(t typ, wider bool) bool {
	switch {
	case (r.class == predicate) != (t.class == predicate):
		return false
	case r.size == t.size:
		return r.class == raw || r.class == t.class || t.class == raw
	}
	return wider && r.size > t.size && r.class == raw && t.class != floating
}

// flow says what an instruction does beside computing.
type flow int

const (
	goesOn flow = iota
	branches
	returns
	waits
)

// spec is what is known of an instruction by its name.
type spec struct {
	flow flow
	// read reads operands.
	read func(p *parser, in *instruction, operands []string) error
	// types are those of the destination and the sources of what only computes, f what
	// it computes. A number of 32 bits has zeros above them.
	types []typ
	f     func(a, b, c uint64) uint64
	// fault, if not nil, says what is wrong with operands.
	fault func(a, b uint64) string
	// run computes all active lanes.
	run func(w *warp, in *instruction) error
	// Of loads and stores: the type of each number, and where they are.
	memory typ
	many   int
	space  space
}

// space is where a load or a store goes.
type space int

const (
	global space = iota
	constantGlobal
	sharedSpace
	parameters
)

// instruction is one of a kernel's.
type instruction struct {
	*spec
	line    int
	guard   int // slot of a predicate, or -1; lanes run if it holds, or unless
	unless  bool
	d       int // slots of the destination, and of the sources
	a, b, c int
	vector  [4]int  // slots of what is loaded or stored
	extends [4]bool // of what is loaded: the sign fills a register of 64 bits
	offset  uint64  // added to address a
	target  int     // of branches
	tiles   *fragments
}

// ends says that no lane goes on to the next instruction.
func (in *instruction) ends() bool {
	return in.guard < 0 && (in.flow == branches || in.flow == returns)
}

// instructions are all that are known, by their whole names.
var instructions = known()

func known() map[string]*spec {
	k := map[string]*spec{
		"bra":      {flow: branches, read: readBranch},
		"bra.uni":  {flow: branches, read: readCommonBranch},
		"ret":      {flow: returns, read: readNothing},
		"bar.sync": {flow: waits, read: readBarrier},
	}
	tensor(k)
	for name, c := range computations() {
		s := c
		if s.read = readPlain; s.run == nil {
			s.run = compute
		}
		k[name] = &s
	}
	for name, t := range types {
		k["mov"+name] = &spec{read: readMove, types: []typ{t, t}, run: move}
		for count, many := range map[string]int{"": 1, ".v2": 2, ".v4": 4} {
			if many*t.size > 16 {
				continue
			}
			for from, s := range map[string]space{"global": global, "global.nc": constantGlobal, "shared": sharedSpace, "param": parameters} {
				k["ld."+from+count+name] = &spec{read: readLoad, run: load, memory: t, many: many, space: s}
			}
			for to, s := range map[string]space{"global": global, "shared": sharedSpace} {
				k["st."+to+count+name] = &spec{read: readStore, run: store, memory: t, many: many, space: s}
			}
		}
	}
	return k
}

func readNothing(_ *parser, _ *instruction, operands []string) error { return count(operands, 0) }

// count checks how many operands there are.
func count(operands []string, n int) error {
	if len(operands) != n {
		return fmt.Errorf("%d operands, want %d", len(operands), n)
	}
	return nil
}

func readBranch(p *parser, in *instruction, operands []string) error {
	if err := count(operands, 1); err != nil {
		return err
	}
	p.jumps = append(p.jumps, jump{len(p.kernel.code), p.next - 1, operands[0]})
	return nil
}

// readCommonBranch reads a branch that all threads take.
func readCommonBranch(p *parser, in *instruction, operands []string) error {
	if in.guard >= 0 {
		return fmt.Errorf("a branch that all take has a predicate")
	}
	return readBranch(p, in, operands)
}

func readBarrier(_ *parser, in *instruction, operands []string) error {
	if len(operands) != 1 || operands[0] != "0" || in.guard >= 0 {
		return fmt.Errorf("only barrier 0 of all threads is known")
	}
	return nil
}

// readPlain reads a destination and up to three sources.
func readPlain(p *parser, in *instruction, operands []string) error {
	err := count(operands, len(in.types))
	if err != nil {
		return err
	}
	if in.d, err = p.register(operands[0], in.types[0], false); err != nil {
		return err
	}
	for i, to := range []*int{&in.a, &in.b, &in.c}[:len(operands)-1] {
		if *to, err = p.source(operands[i+1], in.types[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// readMove reads a copy of a register, a number, a special register or an address.
func readMove(p *parser, in *instruction, operands []string) error {
	err := count(operands, 2)
	if err != nil {
		return err
	}
	t := in.types[0]
	if in.d, err = p.register(operands[0], t, false); err != nil {
		return err
	}
	from := operands[1]
	if i, ok := specialNames[from]; ok {
		if t != u32 {
			return fmt.Errorf("%s has 32 bits", from)
		}
		in.a = p.kernel.specials[i]
		return nil
	}
	if at, ok := p.address(from); ok {
		if t.size != 8 || t.class == floating {
			return fmt.Errorf("an address has 64 bits")
		}
		in.a, err = p.constant(at)
		return err
	}
	in.a, err = p.source(from, t)
	return err
}

// address is that of a shared variable or of a parameter, in its space.
func (p *parser) address(name string) (uint64, bool) {
	if at, ok := p.variables[name]; ok {
		return uint64(at), true
	}
	for _, q := range p.kernel.params {
		if q.name == name {
			return uint64(q.offset), true
		}
	}
	return 0, false
}

func readLoad(p *parser, in *instruction, operands []string) error {
	if err := count(operands, 2); err != nil {
		return err
	}
	names, err := vector(in.many, operands[0])
	if err != nil {
		return err
	}
	for i, name := range names {
		if in.vector[i], err = p.register(name, in.memory, true); err != nil {
			return err
		}
		in.extends[i] = in.memory == s32 && p.registers[name].typ.size == 8
	}
	return p.location(in, operands[1])
}

func readStore(p *parser, in *instruction, operands []string) error {
	if err := count(operands, 2); err != nil {
		return err
	}
	if err := p.location(in, operands[0]); err != nil {
		return err
	}
	names, err := vector(in.many, operands[1])
	for i, name := range names {
		if strings.HasPrefix(name, "%") {
			in.vector[i], err = p.register(name, in.memory, true)
		} else {
			in.vector[i], err = p.source(name, in.memory)
		}
		if err != nil {
			return err
		}
	}
	return err
}

// vector lists what is loaded or stored: "%r1", or "{%r1, %r2}".
func vector(many int, text string) ([]string, error) {
	if many == 1 {
		return []string{text}, nil
	}
	inside, open := strings.CutPrefix(text, "{")
	inside, closed := strings.CutSuffix(inside, "}")
	names := strings.Split(inside, ",")
	if !open || !closed || len(names) != many {
		return nil, fmt.Errorf("%d registers in braces were expected", many)
	}
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
	}
	return names, nil
}

// location reads "[%rd1+16]" or "[name+4]".
func (p *parser) location(in *instruction, text string) error {
	inside, ok := strings.CutPrefix(text, "[")
	inside, closed := strings.CutSuffix(inside, "]")
	base, plus, more := strings.Cut(inside, "+")
	if !ok || !closed {
		return fmt.Errorf("an address in brackets was expected")
	}
	if more {
		offset, err := immediate(plus, s64)
		if err != nil {
			return err
		}
		in.offset = offset
	}
	if strings.HasPrefix(base, "%") {
		var err error
		in.a, err = p.register(base, u64, false)
		return err
	}
	at, known := p.address(base)
	if _, variable := p.variables[base]; !known || variable != (in.space == sharedSpace) || in.space != sharedSpace && in.space != parameters {
		return fmt.Errorf("nothing of this space has the name %s", base)
	}
	in.offset += at
	slot, err := p.constant(0)
	in.a = slot
	return err
}
