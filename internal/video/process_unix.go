//go:build unix

package video

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup puts a program in a process group of its own: signals of the terminal
// do not reach it, and killGroup reaches all that it starts.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills a program and what it started. A program that waits for a
// FIFO ignores all but this signal.
func killGroup(cmd *exec.Cmd) error {
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
		return os.ErrProcessDone
	}
	return nil
}
