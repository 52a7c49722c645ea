package lock

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// place stands for the machine since it was started, and for the processes that this
// one can see: numbers of processes mean something within a place only. It is a
// variable for tests.
var place = sync.OnceValue(func() string {
	h := fnv.New64a()
	host, err := os.Hostname()
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // where there is none, the name must do
	space, _ := os.Readlink("/proc/self/ns/pid")
	fmt.Fprintf(h, "%q %v %q %q", host, err, boot, space)
	return strconv.FormatUint(h.Sum64(), 16)
})

// started is when a process was started, in the kernel's ticks; 0 if that is not known.
func started(pid int) int {
	_, ticks := stat(pid)
	return ticks
}

// stat is a process's state and when it was started; "" and 0 where nothing is known.
func stat(pid int) (state string, ticks int) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0
	}
	// The second field is the program's name in brackets, which may hold anything.
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(f) < 20 {
		return "", 0
	}
	if ticks, err = strconv.Atoi(f[19]); err != nil {
		return f[0], 0
	}
	return f[0], ticks
}

// runs says whether the process that had this number, and was started then, still
// runs here. One that has ended, and whose parent has not asked how, does not.
func runs(pid, start int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer func() { _ = p.Release() }() // nothing depends on it
	if err := p.Signal(syscall.Signal(0)); err != nil && !errors.Is(err, os.ErrPermission) {
		return false
	}
	state, now := stat(pid)
	return state != "Z" && state != "X" && (start == 0 || now == 0 || now == start)
}
