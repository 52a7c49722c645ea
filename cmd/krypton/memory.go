package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"krypton/internal/incremental"
)

// workingMemory is what is left of a limit for the updates of all workers, once a
// plan is made and its views are: weights, the program and its files count too.
// Half of it stays free for the workers' scratch space and for what the collector has
// not returned yet. It is 1 where nothing is left: the work then says what it
// would need.
func workingMemory(limit, views int64) int64 {
	debug.FreeOSMemory()
	const fixed = 16 << 20 // of scratch space and pictures
	return max(1, (limit-residentMemory()-views-fixed)/2)
}

// freeOf is what is left of a limit beside what the process holds, 1 if nothing is.
func freeOf(limit int64) int64 { return max(1, limit-residentMemory()) }

// someMemory is workingMemory where work follows: it fails before that if nothing is
// left.
func someMemory(limit, views int64) (int64, error) {
	left := workingMemory(limit, views)
	if left <= 1 {
		return 0, fmt.Errorf("%w: beside %d MiB for the program and its weights, views take %d MiB: --memory is %d MiB", incremental.ErrMemory, residentMemory()>>20, views>>20, limit>>20)
	}
	return left, nil
}

// residentMemory is the part of the machine's memory that this process holds; what
// the Go runtime has taken where the system does not tell.
func residentMemory() int64 {
	if n := processMemory("VmRSS:"); n > 0 {
		return n
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys - m.HeapReleased)
}

// peakMemory is the largest part of the machine's memory that this process has
// held so far, in bytes; 0 where the system does not tell.
func peakMemory() int64 { return processMemory("VmHWM:") }

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
