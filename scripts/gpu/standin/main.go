// Command standin runs a command on a machine that seems to have a graphics card: the driver's
// library is one that stands in for it, and the interpreter of package ptx computes. It is slow.
//
//	go run ./scripts/gpu/standin bin/krypton obe --device gpu
package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"krypton/internal/gpu/kernels"
	"krypton/internal/gpu/ptx"
	"krypton/internal/gpu/standin"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "standin:", err)
		code = 1
	}
	os.Exit(code)
}

func run(args []string) (code int, err error) {
	if len(args) == 0 {
		return 0, errors.New("no command is named")
	}
	dir, err := os.MkdirTemp("", "standin")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if _, err := standin.Build(dir); err != nil {
		return 0, err
	}
	m, err := ptx.Parse(kernels.PTX)
	if err != nil {
		return 0, err
	}
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		return 0, err
	}
	defer l.Close()
	go func() {
		if err := standin.Serve(l, m); err != nil {
			fmt.Fprintln(os.Stderr, "standin:", err)
		}
	}()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+dir+string(os.PathListSeparator)+os.Getenv("LD_LIBRARY_PATH"), "STANDIN_SOCKET="+socket)
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}
