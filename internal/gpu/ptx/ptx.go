// Package ptx reads and runs PTX, the assembly language of NVIDIA's graphics processors,
// as far as package kernels has clang emit it: so a machine without a card can tell which
// bits a kernel computes. Whatever it does not know is an error that names line and text,
// never guessed: an instruction, a type, a modifier.
//
// Threads run in warps of 32, whose lanes may go different ways; blocks run one after
// the other. Arithmetic is that of the PTX ISA: float32 rounds to nearest and keeps
// denormals. What a device leaves open is a fault: shared memory that two threads use
// without a barrier between, loads of what was never written, barriers that not all
// threads come to, division by zero. NaN alone may have other bits than on a device.
package ptx

import (
	"fmt"
	"strconv"
	"strings"
)

// Module is a parsed file.
type Module struct {
	kernels map[string]*Kernel
}

// Kernel gives the kernel of a name.
func (m *Module) Kernel(name string) (*Kernel, error) {
	if k := m.kernels[name]; k != nil {
		return k, nil
	}
	return nil, fmt.Errorf("ptx: no kernel %s", name)
}

// Kernel is one entry of a module, ready to run. It is immutable.
type Kernel struct {
	name   string
	params []param
	size   int // of all parameters, in bytes
	code   []instruction
	slots  int // registers, constants and special registers
	// constants are the slots that hold a number all the time, specials those of
	// special registers.
	constants []constant
	specials  [specialRegisters]int
	shared    int // bytes
}

type param struct {
	name         string
	offset, size int
}

type constant struct {
	slot int
	bits uint64
}

// Limits of what is read.
const (
	mostSource    = 16 << 20 // bytes
	mostRegisters = 1 << 14  // of a kernel, constants included; and instructions
	mostShared    = 48 << 10 // bytes that every processor has
	mostParams    = 4 << 10  // bytes
)

// Parse reads PTX.
func Parse(source string) (*Module, error) {
	if len(source) > mostSource {
		return nil, fmt.Errorf("ptx: %d bytes, more than %d", len(source), mostSource)
	}
	p := parser{lines: strings.Split(source, "\n"), module: &Module{kernels: map[string]*Kernel{}}}
	if err := p.file(); err != nil {
		return nil, err
	}
	return p.module, nil
}

// parser reads statements line by line: clang writes one in a line, and parameters and
// braces in lines of their own.
type parser struct {
	lines  []string
	next   int // of lines
	module *Module

	kernel    *Kernel
	registers map[string]register
	variables map[string]int // offsets of shared variables
	immediate map[uint64]int // slots of constants
	labels    map[string]int // where they lead
	jumps     []jump
}

type register struct {
	slot int
	typ  typ
}

// jump is a branch whose label is known only at the end.
type jump struct {
	instruction, line int
	label             string
}

// errorf is an error at the last line that was read.
func (p *parser) errorf(format string, args ...any) error {
	return p.errorAt(p.next-1, format, args...)
}

func (p *parser) errorAt(line int, format string, args ...any) error {
	text := ""
	if line >= 0 && line < len(p.lines) {
		text = strings.TrimSpace(p.lines[line])
	}
	if len(text) > 100 {
		text = text[:100] + "..."
	}
	return fmt.Errorf("ptx: line %d: %s: %q", line+1, fmt.Sprintf(format, args...), text)
}

// line is the next line that has more than comments and spaces, without them; false at
// the end.
func (p *parser) line() (string, bool) {
	for p.next < len(p.lines) {
		text, _, _ := strings.Cut(p.lines[p.next], "//")
		p.next++
		if text = strings.TrimSpace(text); text != "" {
			return text, true
		}
	}
	return "", false
}

// file reads what stands outside of kernels.
func (p *parser) file() error {
	for {
		text, ok := p.line()
		if !ok {
			return nil
		}
		word, rest, _ := strings.Cut(text, " ")
		switch rest = strings.TrimSpace(rest); {
		case word == ".version" && version(rest):
		case word == ".target" && strings.HasPrefix(rest, "sm_"):
		case word == ".address_size" && rest == "64":
		case word == ".visible" && strings.HasPrefix(rest, ".entry ") && strings.HasSuffix(rest, "("):
			name := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(rest, ".entry "), "("))
			if err := p.entry(name); err != nil {
				return err
			}
		default:
			return p.errorf("unknown directive")
		}
	}
}

// version says whether a text is a version of PTX.
func version(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil
}

// entry reads a kernel from behind the parenthesis on.
func (p *parser) entry(name string) error {
	if !isName(name) || p.module.kernels[name] != nil {
		return p.errorf("no name of a new kernel")
	}
	p.kernel = &Kernel{name: name}
	p.registers, p.variables, p.immediate = map[string]register{}, map[string]int{}, map[uint64]int{}
	p.labels, p.jumps = map[string]int{}, nil
	for i := range p.kernel.specials {
		p.kernel.specials[i] = p.slot()
	}
	if err := p.parameters(); err != nil {
		return err
	}
	if text, _ := p.line(); text != "{" {
		return p.errorf("a kernel's body was expected")
	}
	for {
		text, ok := p.line()
		if !ok {
			return p.errorf("kernel %s does not end", name)
		}
		if text == "}" {
			break
		}
		if err := p.statement(text); err != nil {
			return err
		}
	}
	for _, j := range p.jumps {
		to, ok := p.labels[j.label]
		if !ok || to >= len(p.kernel.code) {
			return p.errorAt(j.line, "label %s leads nowhere", j.label)
		}
		p.kernel.code[j.instruction].target = to
	}
	if n := len(p.kernel.code); n == 0 || !p.kernel.code[n-1].ends() {
		return p.errorf("kernel %s runs on beyond its end", name)
	}
	p.module.kernels[name] = p.kernel
	return nil
}

// slot is room for another number of each lane.
func (p *parser) slot() int {
	p.kernel.slots++
	return p.kernel.slots - 1
}

// parameters reads a kernel's parameters, one in a line, and the parenthesis behind them.
func (p *parser) parameters() error {
	k := p.kernel
	for {
		text, ok := p.line()
		if !ok {
			return p.errorf("parameters do not end")
		}
		if text == ")" {
			return nil
		}
		fields := strings.Fields(strings.TrimSuffix(text, ","))
		align, size, name := 0, 0, ""
		switch {
		case len(fields) == 3 && fields[0] == ".param":
			t, ok := types[fields[1]]
			if !ok {
				return p.errorf("unknown type")
			}
			align, size, name = t.size, t.size, fields[2]
		case len(fields) == 5 && fields[0] == ".param" && fields[1] == ".align" && fields[3] == ".b8":
			var n string
			name, n, _ = strings.Cut(strings.TrimSuffix(fields[4], "]"), "[")
			align, size = alignment(fields[2]), number(n, mostParams)
		}
		if align < 1 || size < 1 || !isName(name) {
			return p.errorf("unknown parameter")
		}
		offset := (k.size + align - 1) / align * align
		k.params = append(k.params, param{name, offset, size})
		if k.size = offset + size; k.size > mostParams {
			return p.errorf("more than %d bytes of parameters", mostParams)
		}
	}
}

// alignment is a power of 2 up to 16, or 0.
func alignment(text string) int {
	if n := number(text, 16); n > 0 && n&(n-1) == 0 {
		return n
	}
	return 0
}

// number is a whole number in decimal up to most, or -1.
func number(text string, most int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return -1
	}
	return n
}

// statement reads one line of a kernel's body.
func (p *parser) statement(text string) error {
	if label, ok := strings.CutSuffix(text, ":"); ok {
		if _, twice := p.labels[label]; twice || !isName(label) {
			return p.errorf("no new label")
		}
		p.labels[label] = len(p.kernel.code)
		return nil
	}
	text, ok := strings.CutSuffix(text, ";")
	if !ok || strings.Contains(text, ";") {
		return p.errorf("one statement in a line was expected")
	}
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return p.errorf("an empty statement")
	}
	switch fields[0] {
	case ".reg":
		return p.declare(fields[1:])
	case ".shared":
		return p.variable(fields[1:])
	case ".pragma": // a hint to the assembler
		if text != `.pragma "nounroll"` {
			return p.errorf("unknown pragma")
		}
		return nil
	}
	return p.instruction(text)
}

// declare reads ".b32 %r<12>".
func (p *parser) declare(fields []string) error {
	if len(fields) != 2 {
		return p.errorf("unknown registers")
	}
	t, known := registerTypes[fields[0]]
	prefix, n, ok := strings.Cut(strings.TrimSuffix(fields[1], ">"), "<")
	many := number(n, mostRegisters)
	if !known || !ok || !strings.HasPrefix(prefix, "%") || !isName(prefix[1:]) || many < 1 || p.kernel.slots+many > mostRegisters {
		return p.errorf("unknown registers, or too many")
	}
	for i := range many {
		name := prefix + strconv.Itoa(i)
		if _, twice := p.registers[name]; twice {
			return p.errorf("register %s is declared twice", name)
		}
		p.registers[name] = register{p.slot(), t}
	}
	return nil
}

// variable reads ".align 4 .b8 name[4096]" of shared memory.
func (p *parser) variable(fields []string) error {
	if len(fields) != 4 || fields[0] != ".align" || fields[2] != ".b8" {
		return p.errorf("unknown variable")
	}
	name, n, _ := strings.Cut(strings.TrimSuffix(fields[3], "]"), "[")
	align, size := alignment(fields[1]), number(n, mostShared)
	if _, twice := p.variables[name]; twice || align < 1 || size < 1 || !isName(name) {
		return p.errorf("unknown variable")
	}
	at := (p.kernel.shared + align - 1) / align * align
	p.variables[name] = at
	if p.kernel.shared = at + size; p.kernel.shared > mostShared {
		return p.errorf("more than %d bytes of shared memory", mostShared)
	}
	return nil
}

// instruction reads "@%p1 add.s32 %r1, %r2, 3".
func (p *parser) instruction(text string) error {
	in := instruction{guard: -1, line: p.next}
	if strings.HasPrefix(text, "@") {
		guard, rest, _ := strings.Cut(text[1:], " ")
		name, not := strings.CutPrefix(guard, "!")
		r, ok := p.registers[name]
		if !ok || r.typ.class != predicate {
			return p.errorf("unknown predicate")
		}
		in.guard, in.unless, text = r.slot, not, rest
	}
	text = strings.TrimSpace(text)
	end := strings.IndexAny(text, " \t")
	if end < 0 {
		end = len(text)
	}
	name := text[:end]
	operands, err := split(strings.TrimSpace(text[end:]))
	if err != nil {
		return p.errorf("%v", err)
	}
	spec, ok := instructions[name]
	if !ok {
		return p.errorf("unknown instruction %s", name)
	}
	in.spec = spec
	if err := spec.read(p, &in, operands); err != nil {
		return p.errorf("%v", err)
	}
	if len(p.kernel.code) >= mostRegisters {
		return p.errorf("more than %d instructions", mostRegisters)
	}
	p.kernel.code = append(p.kernel.code, in)
	return nil
}

// split separates operands at commas outside of braces.
func split(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	var operands []string
	depth, from := 0, 0
	for i, c := range text {
		switch {
		case c == '{':
			depth++
		case c == '}':
			depth--
		case c == ',' && depth == 0:
			operands = append(operands, strings.TrimSpace(text[from:i]))
			from = i + 1
		}
		if depth < 0 || depth > 1 {
			return nil, fmt.Errorf("braces do not match")
		}
	}
	if depth != 0 {
		return nil, fmt.Errorf("braces do not match")
	}
	return append(operands, strings.TrimSpace(text[from:])), nil
}

// isName says whether a text may name something.
func isName(text string) bool {
	if text == "" || text[0] >= '0' && text[0] <= '9' {
		return false
	}
	for _, c := range text {
		if c != '_' && c != '$' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// constant is the slot of a number that never changes.
func (p *parser) constant(bits uint64) (int, error) {
	if slot, ok := p.immediate[bits]; ok {
		return slot, nil
	}
	if p.kernel.slots >= mostRegisters {
		return 0, fmt.Errorf("more than %d registers and constants", mostRegisters)
	}
	slot := p.slot()
	p.immediate[bits] = slot
	p.kernel.constants = append(p.kernel.constants, constant{slot, bits})
	return slot, nil
}

// source is the slot of an operand of a type that is read: a register or a number.
func (p *parser) source(text string, t typ) (int, error) {
	if strings.HasPrefix(text, "%") {
		return p.register(text, t, false)
	}
	bits, err := immediate(text, t)
	if err != nil {
		return 0, err
	}
	return p.constant(bits)
}

// register is the slot of a register for a type; wider says that it may have more bits,
// as those of loads and stores of integers may.
func (p *parser) register(text string, t typ, wider bool) (int, error) {
	r, ok := p.registers[text]
	if !ok {
		return 0, fmt.Errorf("unknown register %s", text)
	}
	if !r.typ.holds(t, wider) {
		return 0, fmt.Errorf("register %s is none of this instruction's type", text)
	}
	return r.slot, nil
}

// immediate is the bits of a number of a type.
func immediate(text string, t typ) (uint64, error) {
	bad := fmt.Errorf("no number %s of this instruction's type", text)
	switch t.class {
	case predicate:
		return 0, bad
	case floating:
		prefix, digits := "0f", 8
		if t.size == 8 {
			prefix, digits = "0d", 16
		}
		hex, ok := strings.CutPrefix(text, prefix)
		bits, err := strconv.ParseUint(hex, 16, 64)
		if !ok || err != nil || len(hex) != digits {
			return 0, bad
		}
		return bits, nil
	}
	if n, err := strconv.ParseInt(text, 0, 64); err == nil {
		if t.size < 8 && (n < -1<<(8*t.size-1) || n >= 1<<(8*t.size)) {
			return 0, bad
		}
		return uint64(n) & t.mask(), nil
	}
	n, err := strconv.ParseUint(text, 0, 64)
	if err != nil || t.size < 8 {
		return 0, bad
	}
	return n, nil
}
