package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var wordLine = regexp.MustCompile(`WORD \$0x([0-9a-f]{8}) // (.*)`)

// Every instruction that is written as a number is the one that its comment names, for
// GNU's assembler (Debian: binutils-aarch64-linux-gnu).
func TestWords(t *testing.T) {
	assembler, err := exec.LookPath("aarch64-linux-gnu-as")
	if err != nil {
		t.Skip(err)
	}
	text, err := os.ReadFile("../../kernels_arm64.s")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	source := bytes.NewBufferString(".arch armv8.6-a+dotprod\n")
	var words []uint32
	var names []string
	for _, m := range wordLine.FindAllStringSubmatch(string(text), -1) {
		if seen[m[0]] {
			continue
		}
		seen[m[0]] = true
		code, err := strconv.ParseUint(m[1], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		source.WriteString(m[2] + "\n")
		words, names = append(words, uint32(code)), append(names, m[2])
	}
	if all := strings.Count(string(text), "WORD "); len(words) < 1000 || len(wordLine.FindAllString(string(text), -1)) != all {
		t.Fatalf("%d different words of %d", len(words), all)
	}
	object := filepath.Join(t.TempDir(), "words.o")
	as := exec.Command(assembler, "-o", object, "-")
	as.Stdin = source
	if out, err := as.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := elf.Open(object)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	code, err := f.Section(".text").Data()
	if err != nil || len(code) != 4*len(words) {
		t.Fatalf("%d bytes for %d instructions: %v", len(code), len(words), err)
	}
	for i, w := range words {
		if got := binary.LittleEndian.Uint32(code[4*i:]); got != w {
			t.Errorf("%s: %#08x, want %#08x", names[i], w, got)
		}
	}
}

// The loop of a matrix product's full tile is mostly multiply-adds, and reads its weights
// in pairs; what is used there is never written to memory. Counted from the assembly.
func TestProductLoop(t *testing.T) {
	text, err := os.ReadFile("../../kernels_arm64.s")
	if err != nil {
		t.Fatal(err)
	}
	for name, least := range map[string]float64{"gemm6x16NEON": 0.78, "gemm4x16NEON": 0.72, "gemm6x8NEON": 0.72, "gemmQuads6x16NEON": 0.8, "gemmQuads6x16I8MM": 0.66} {
		count := countLoop(t, string(text), name, "\nfour:\n", "BGE four")
		count["B"]++
		all := total(count)
		multiply := "fmla"
		shape, quads := strings.CutPrefix(strings.TrimPrefix(name, "gemm"), "Quads")
		shape, matrices := strings.CutSuffix(shape, toMatrices)
		switch {
		case matrices:
			multiply = "smmla"
		case quads:
			multiply = "sdot"
		}
		share := float64(count[multiply]) / float64(all)
		t.Logf("%s: %d instructions for four channels, %.1f %% multiply-adds: %v", name, all, 100*share, count)
		rows, _ := strconv.Atoi(shape[:1])
		columns, _ := strconv.Atoi(strings.TrimSuffix(shape[2:], "NEON"))
		multiplies := rows * columns
		if matrices {
			multiplies /= 2
		}
		for _, p := range processors {
			if got := p.share(count, multiply); got < 0.85 {
				t.Errorf("%s on %s: %.2f of the peak by its ports", name, p.name, got)
			}
		}
		if share < least || count[multiply] != multiplies || count["FLDPQ"] != columns/2 || count["ldr"] != rows {
			t.Errorf("%s: %.3f multiply-adds, want %.2f: %v", name, share, least, count)
		}
		for op := range count {
			if strings.HasPrefix(op, "FST") || strings.HasPrefix(op, "FMOV") {
				t.Errorf("%s: %s in the loop", name, op)
			}
		}
	}
}

// countLoop counts the instructions of a kernel from a label to what ends the loop.
func countLoop(t *testing.T, text, name, begin, end string) map[string]int {
	t.Helper()
	_, kernel, ok := strings.Cut(text, "TEXT ·"+name+"(SB)")
	_, loop, ok2 := strings.Cut(kernel, begin)
	loop, _, ok3 := strings.Cut(loop, end)
	if !ok || !ok2 || !ok3 || strings.Contains(loop, "TEXT") {
		t.Fatalf("%s: no loop", name)
	}
	count := map[string]int{}
	for line := range strings.Lines(loop) {
		if line = strings.TrimSpace(line); line == "" || strings.HasSuffix(line, ":") {
			continue
		}
		op := strings.Fields(line)[0]
		if op == "WORD" {
			op = strings.Fields(wordLine.FindStringSubmatch(line)[2])[0]
		}
		count[op]++
	}
	return count
}

func total(count map[string]int) (n int) {
	for _, of := range count {
		n += of
	}
	return n
}

// processor is how many instructions of each kind are taken to begin in a cycle: assumptions
// of the model, which nothing here was measured by. Pipes that loads and stores share count
// for each.
type processor struct {
	name                          string
	vectors, loads, stores, width float64
}

var processors = []processor{
	{"Neoverse N1", 2, 2, 2, 4},
	{"Neoverse V1 and V2, Apple M1 to M4", 4, 3, 2, 8},
}

// Instructions that load and store; of vectors, those of two count twice.
var (
	loading = map[string]int{"MOVD": 1, "FLDPQ": 2, "FMOVQ": 1, "VLD1R": 1, "PRFM": 1, "ldr": 1}
	storing = map[string]int{"FSTPQ": 2}
)

// cycles are what a loop takes, at least, and what bounds it: each kind of instruction has
// its own ports. Latencies are not in the model, nor that dividers and conversions have
// fewer ports than other arithmetic.
func (p processor) cycles(count map[string]int) (cycles float64, bound string) {
	var vectors, loads, stores float64
	for op, n := range count {
		switch {
		case loading[op] > 0:
			loads += float64(n * loading[op])
		case storing[op] > 0:
			stores += float64(n * storing[op])
		case strings.ToLower(op) == op:
			vectors += float64(n)
		}
	}
	for _, b := range []struct {
		name   string
		cycles float64
	}{{"arithmetic", vectors / p.vectors}, {"loads", loads / p.loads}, {"stores", stores / p.stores}, {"instructions", float64(total(count)) / p.width}} {
		if b.cycles > cycles {
			cycles, bound = b.cycles, b.name
		}
	}
	return cycles, bound
}

// share is the share of the peak that a loop's multiply-adds take.
func (p processor) share(count map[string]int, multiply string) float64 {
	cycles, _ := p.cycles(count)
	return float64(count[multiply]) / p.vectors / cycles
}

// TestOtherLoops counts the loops of depthwise layers, Winograd's transforms and functions,
// and holds the cycles that their ports need to what docs/kernels.md says; -v prints them.
func TestOtherLoops(t *testing.T) {
	text, err := os.ReadFile("../../kernels_arm64.s")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../../../../../docs/kernels.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, loop := range []struct{ what, name, begin, end string }{
		{"depthwise 3x3, a row of eight outputs", "depthwiseShared3Stride1NEON", "\ngroup8_row:\n", "BNE group8_row"},
		{"the same where pixels lie", "depthwisePointed3Stride1NEON", "\ngroup8_row:\n", "BNE group8_row"},
		{"depthwise 5x5 where pixels lie", "depthwisePointed5Stride1NEON", "\ngroup8_row:\n", "BNE group8_row"},
		{"F(2x2) input, a tile", "winogradInput2NEON", "\nvector:\n", "\npartial:"},
		{"F(2x2) output", "winogradOutput2NEON", "\nvector:\n", "\npartial:"},
		{"F(4x4) input", "winogradInput4NEON", "\nvector:\n", "\npartial:"},
		{"F(4x4) output", "winogradOutput4NEON", "\nvector:\n", "\npartial:"},
		{"sum with bounds", "addNEON", "\nvector:\n", "\npartial:"},
		{"exp", "expNEON", "\nvector:\n", "\npartial:"},
		{"SiLU", "siluNEON", "\nvector:\n", "\npartial:"},
		{"GELU", "geluNEON", "\nvector:\n", "\npartial:"},
	} {
		count := countLoop(t, string(text), loop.name, loop.begin, loop.end)
		if strings.HasPrefix(loop.end, "B") {
			count["B"]++
		}
		row := fmt.Sprintf("| %s | %d | %d |", loop.what, total(count), count["fmla"]+count["fmls"])
		for _, p := range processors {
			cycles, bound := p.cycles(count)
			row += fmt.Sprintf(" %.0f, %s |", cycles, bound)
		}
		t.Log(row)
		if !strings.Contains(string(doc), row) {
			t.Errorf("docs/kernels.md lacks\n%s", row)
		}
	}
}
