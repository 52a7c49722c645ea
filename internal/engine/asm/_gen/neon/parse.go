package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// function is one kernel as it was read.
type function struct {
	name  string // with its set
	args  int    // bytes of arguments and results
	items []item
}

// item is an instruction or, if label is not empty, a label.
type item struct {
	label string
	op    string
	args  []operand // the last one is written
}

type kind int

const (
	immediate kind = iota
	general        // a general register: reg is its number on arm64
	vector         // reg is its number on amd64
	memory         // disp(base)(index*scale)
	argument       // name, as it is written
	symbol         // name
	target         // name of a label
)

type operand struct {
	kind        kind
	reg         int
	half        bool // a vector of 128 bits
	value       int64
	base, index int // registers; index is -1 if there is none
	scale, disp int
	name        string
}

// generals are the registers of amd64 in the order of those of arm64 that stand for them.
var generals = []string{"AX", "BX", "CX", "DX", "SI", "DI", "BP", "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15"}

var generalNumber = func() map[string]int {
	m := map[string]int{"CL": 2}
	for i, name := range generals {
		m[name] = i
	}
	return m
}()

var (
	textLine   = regexp.MustCompile(`^TEXT ·(\w+)\(SB\), NOSPLIT, \$\d+-(\d+)$`)
	memoryForm = regexp.MustCompile(`^(-?\d+)?\((\w+)\)(?:\((\w+)\*(\d)\))?$`)
	vectorForm = regexp.MustCompile(`^([XY])(\d+)$`)
	argForm    = regexp.MustCompile(`^\w+\+\d+\(FP\)$`)
	symbolForm = regexp.MustCompile(`^\w+<>\+0\(SB\)$`)
)

// parse gives the functions of the set, and the lines of its data.
func parse(text string) (functions []*function, data []string, err error) {
	var f *function
	for n, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "TEXT "):
			f = nil
			m := textLine.FindStringSubmatch(line)
			if m == nil {
				return nil, nil, fmt.Errorf("line %d: %s", n+1, line)
			}
			if translated(m[1]) {
				args, _ := strconv.Atoi(m[2])
				f = &function{name: m[1], args: args}
				functions = append(functions, f)
			}
		case strings.HasPrefix(line, "DATA ") || strings.HasPrefix(line, "GLOBL "):
			if strings.Contains(line, fromSet) && !strings.Contains(line, words) {
				data = append(data, line)
			}
		case f == nil || trimmed == "" || strings.HasPrefix(trimmed, "//"):
		case strings.HasSuffix(trimmed, ":"):
			f.items = append(f.items, item{label: strings.TrimSuffix(trimmed, ":")})
		default:
			it, err := parseInstruction(trimmed)
			if err != nil {
				return nil, nil, fmt.Errorf("line %d: %s: %w", n+1, trimmed, err)
			}
			f.items = append(f.items, it)
		}
	}
	return functions, data, nil
}

func parseInstruction(line string) (item, error) {
	op, rest, _ := strings.Cut(line, " ")
	it := item{op: op}
	for s := range strings.SplitSeq(strings.TrimSpace(rest), ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		a, err := parseOperand(s)
		if err != nil {
			return it, err
		}
		it.args = append(it.args, a)
	}
	return it, nil
}

func parseOperand(s string) (operand, error) {
	if rest, ok := strings.CutPrefix(s, "$"); ok {
		v, err := strconv.ParseInt(rest, 0, 64)
		return operand{kind: immediate, value: v}, err
	}
	if m := vectorForm.FindStringSubmatch(s); m != nil {
		n, err := strconv.Atoi(m[2])
		return operand{kind: vector, reg: n, half: m[1] == "X"}, err
	}
	if r, ok := generalNumber[s]; ok {
		return operand{kind: general, reg: r}, nil
	}
	if argForm.MatchString(s) {
		return operand{kind: argument, name: s}, nil
	}
	if symbolForm.MatchString(s) {
		return operand{kind: symbol, name: s}, nil
	}
	if m := memoryForm.FindStringSubmatch(s); m != nil {
		a := operand{kind: memory, index: -1}
		a.disp, _ = strconv.Atoi(m[1])
		var ok bool
		if a.base, ok = generalNumber[m[2]]; !ok {
			return a, fmt.Errorf("register %s", m[2])
		}
		if m[3] != "" {
			if a.index, ok = generalNumber[m[3]]; !ok {
				return a, fmt.Errorf("register %s", m[3])
			}
			a.scale, _ = strconv.Atoi(m[4])
		}
		return a, nil
	}
	if regexp.MustCompile(`^\w+$`).MatchString(s) {
		return operand{kind: target, name: s}, nil
	}
	return operand{}, fmt.Errorf("operand %s", s)
}
