package video

import (
	"io"
	"syscall"

	"golang.org/x/sys/unix"
)

// pipeBytes is what a program may write ahead of its reader: a few frames, so that
// neither has to be woken for every part of one. It is what the kernel allows
// anybody by default (/proc/sys/fs/pipe-max-size).
const pipeBytes = 1 << 20

// widen gives a program's output more room than the 64 KiB of a new pipe. Where
// that is refused the pipe works as it is.
func widen(pipe io.ReadCloser) {
	if f, ok := pipe.(syscall.Conn); ok {
		if c, err := f.SyscallConn(); err == nil {
			_ = c.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeBytes) })
		}
	}
}
