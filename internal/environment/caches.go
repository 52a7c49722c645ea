package environment

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/klauspost/cpuid/v2"
)

// caches gives the bytes of a core's caches for data, 0 where nobody tells.
func caches() (l1, l2, l3 int) {
	if l1, l2, l3 = systemCaches(); l1 > 0 {
		return l1, l2, l3
	}
	c := cpuid.CPU.Cache
	return max(0, c.L1D), max(0, c.L2), max(0, c.L3)
}

// cachesUnder reads what Linux tells of a processor's caches in a folder: a folder for each,
// with its level, its type and its size in K. Processors of arm64 tell a program nothing.
func cachesUnder(folder string) (l1, l2, l3 int) {
	all, err := filepath.Glob(filepath.Join(folder, "index*"))
	if err != nil {
		return 0, 0, 0
	}
	for _, cache := range all {
		read := func(name string) string {
			text, err := os.ReadFile(filepath.Join(cache, name))
			if err != nil {
				return ""
			}
			return strings.TrimSpace(string(text))
		}
		size, err := strconv.Atoi(strings.TrimSuffix(read("size"), "K"))
		if err != nil || size < 0 || size > 1<<24 || read("type") == "Instruction" {
			continue
		}
		switch read("level") {
		case "1":
			l1 = size << 10
		case "2":
			l2 = size << 10
		case "3":
			l3 = size << 10
		}
	}
	return l1, l2, l3
}
