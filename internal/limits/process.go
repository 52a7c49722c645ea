package limits

import (
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Resident is the part of the machine's memory that this process holds, in bytes; what
// the Go runtime has taken where the system does not tell.
func Resident() int64 {
	if n := processMemory("VmRSS:"); n > 0 {
		return n
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys - m.HeapReleased)
}

// Peak is the largest part of the machine's memory that this process has held so far, in
// bytes; 0 where the system does not tell.
func Peak() int64 { return processMemory("VmHWM:") }

// processMemory reads one of the kernel's numbers about this process, in bytes; 0
// if there is none.
func processMemory(key string) int64 {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == key {
			if kib, err := strconv.ParseInt(f[1], 10, 64); err == nil {
				return kib << 10
			}
		}
	}
	return 0
}
