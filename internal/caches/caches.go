// Package caches finds how large the caches for data of this machine's cores are.
package caches

import (
	"math/bits"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/cpuid/v2"
)

// Sizes are in bytes, 0 where nobody tells.
type Sizes struct {
	L1, L2, L3 int
	// Sharing is how many cores share an L2, 0 where nobody tells.
	Sharing int
}

// This gives the caches of this machine, of its fastest cores where there are several kinds.
var This = sync.OnceValue(func() Sizes {
	if s := systemCaches(); s.L1 > 0 {
		return s
	}
	c := cpuid.CPU.Cache
	return Sizes{L1: max(0, c.L1D), L2: max(0, c.L2), L3: max(0, c.L3)}
})

// Usual is the L2 that blocks of work are measured for, and taken for what nobody tells.
const Usual = 1 << 20

// Second is how much of the second-level cache a core has for itself, within what is
// believed.
func (s Sizes) Second() int {
	if s.L2 <= 0 {
		return Usual
	}
	return min(max(s.L2/max(1, s.Sharing), 256<<10), 4<<20)
}

// Fit gives the size of a block of work, which has so many bytes where the second-level
// cache has the usual size, for this machine's.
func Fit(bytes int) int {
	return int(int64(bytes) * int64(This().Second()) / Usual)
}

// under reads what Linux tells of a processor's caches in a folder: a folder for each, with
// its level, its type, its size in K and the processors that share it. Processors of arm64
// tell a program nothing.
func under(folder string) (s Sizes) {
	all, err := filepath.Glob(filepath.Join(folder, "index*"))
	if err != nil {
		return s
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
			s.L1 = size << 10
		case "2":
			s.L2, s.Sharing = size<<10, members(read("shared_cpu_map"))
		case "3":
			s.L3 = size << 10
		}
	}
	return s
}

// members counts the processors of a set as Linux writes it: hexadecimal digits, with
// commas between words; 0 of what is none.
func members(set string) (n int) {
	for _, digit := range strings.ReplaceAll(set, ",", "") {
		v, err := strconv.ParseUint(string(digit), 16, 4)
		if err != nil {
			return 0
		}
		n += bits.OnesCount64(v)
	}
	return n
}
