package program

import (
	"errors"
	"os"
	"os/exec"
)

// Become runs another program in this one's place, and gives its exit code: both have the same
// console, whose Ctrl-C both get, and the other one ends with this one.
func Become(path string, args []string) (code int, err error) {
	cmd := exec.Command(path, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	var g Group
	g.Began(cmd)
	defer g.Ended()
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}
