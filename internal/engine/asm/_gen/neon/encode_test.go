package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
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
	for name, least := range map[string]float64{"gemm6x16NEON": 0.8, "gemm4x16NEON": 0.75, "gemm6x8NEON": 0.72, "gemmQuads6x16NEON": 0.8, "gemmQuads6x16I8MM": 0.66} {
		_, kernel, ok := strings.Cut(string(text), "TEXT ·"+name+"(SB)")
		_, loop, ok2 := strings.Cut(kernel, "\nfour:\n")
		loop, _, ok3 := strings.Cut(loop, "BGE four")
		if !ok || !ok2 || !ok3 {
			t.Fatalf("%s: no loop", name)
		}
		count := map[string]int{"B": 1}
		for line := range strings.Lines(loop) {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			op := strings.Fields(line)[0]
			if op == "WORD" {
				op = strings.Fields(wordLine.FindStringSubmatch(line)[2])[0]
			}
			count[op]++
		}
		all := 0
		for _, n := range count {
			all += n
		}
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
