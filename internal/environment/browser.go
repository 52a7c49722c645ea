package environment

import (
	"os/exec"
	"runtime"
)

// OpenBrowser opens an address by what the system has for that.
func OpenBrowser(address string) error {
	command := []string{"xdg-open"}
	switch runtime.GOOS {
	case "darwin":
		command = []string{"open"}
	case "windows":
		command = []string{"rundll32", "url.dll,FileProtocolHandler"} // start is a word of a shell, which would read the address
	}
	return exec.Command(command[0], append(command[1:], address)...).Start()
}
