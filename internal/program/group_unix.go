//go:build unix

package program

import (
	"os"
	"os/exec"
	"syscall"
)

// OwnGroup puts a program in a process group of its own: signals of the terminal
// do not reach it, and killing the group reaches all that it starts.
func OwnGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// Group is the process group that OwnGroup makes: the system keeps it.
type Group struct{}

// Began has nothing to do.
func (Group) Began(*exec.Cmd) {}

// Ended has nothing to do.
func (Group) Ended() {}

// Kill kills a program and what it started. A program that waits for a
// FIFO ignores all but this signal.
func (Group) Kill(cmd *exec.Cmd) error {
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
		return os.ErrProcessDone
	}
	return nil
}
