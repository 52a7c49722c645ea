package program

import (
	"os/exec"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// OwnGroup puts a program in a process group of its own: what the console sends does not
// reach it.
func OwnGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP, HideWindow: true}
}

// Group is the job that a program runs in, with all that it starts from then on. It ends
// with its last handle, which is ours: no program outlives this one, however that ends.
type Group struct{ job atomic.Uintptr }

// Began puts a program that was just started into its job. Where there can be none, as
// within a job of old systems that allows no other, the program is killed alone.
func (g *Group) Began(cmd *exec.Cmd) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return
	}
	var limits windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	limits.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	if err == nil {
		if e := cmd.Process.WithHandle(func(h uintptr) { err = windows.AssignProcessToJobObject(job, windows.Handle(h)) }); e != nil {
			err = e
		}
	}
	if err != nil {
		_ = windows.CloseHandle(job) // it holds nothing
		return
	}
	g.job.Store(uintptr(job))
}

// Kill kills a program and what it started.
func (g *Group) Kill(cmd *exec.Cmd) error {
	if job := g.job.Load(); job != 0 {
		return windows.TerminateJobObject(windows.Handle(job), 1)
	}
	return cmd.Process.Kill()
}

// Ended lets go of the job of a program that has ended: what it left running ends too.
func (g *Group) Ended() {
	if job := g.job.Swap(0); job != 0 {
		_ = windows.CloseHandle(windows.Handle(job)) // nothing depends on it
	}
}
