//go:build unix

package video

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup puts a program in a process group of its own: signals of the terminal
// do not reach it, and killing the group reaches all that it starts.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// group is the process group that ownGroup makes: the system keeps it.
type group struct{}

// began has nothing to do.
func (group) began(*exec.Cmd) {}

// ended has nothing to do.
func (group) ended() {}

// kill kills a program and what it started. A program that waits for a
// FIFO ignores all but this signal.
func (group) kill(cmd *exec.Cmd) error {
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
		return os.ErrProcessDone
	}
	return nil
}
