//go:build !windows

package lock

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

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
