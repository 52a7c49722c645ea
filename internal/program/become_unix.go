//go:build unix

package program

import (
	"os"
	"syscall"
)

// Become runs another program in this one's place: with its process, files and environment.
// Where that succeeds there is nobody left to return to; else it says why.
func Become(path string, args []string) (code int, err error) {
	return 0, &os.PathError{Op: "exec", Path: path, Err: syscall.Exec(path, append([]string{path}, args...), os.Environ())}
}
