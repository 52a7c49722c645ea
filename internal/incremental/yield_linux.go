package incremental

import (
	"runtime"
	"syscall"
)

// yield lets other goroutines and other processes run: a member that waits must
// not take a core from a decoder that runs beside, or from the member that it
// waits for.
func yield() {
	runtime.Gosched()
	// It cannot fail.
	_, _, _ = syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0)
}
