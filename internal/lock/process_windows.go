package lock

import (
	"errors"

	"golang.org/x/sys/windows"
)

// started is when a process was started, in the system's ticks; 0 if that is not known.
func started(pid int) int {
	p, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return 0
	}
	defer func() { _ = windows.CloseHandle(p) }() // nothing depends on it
	var created, ended, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(p, &created, &ended, &kernel, &user); err != nil {
		return 0
	}
	return int(created.Nanoseconds())
}

// runs says whether the process that had this number, and was started then, still
// runs here.
func runs(pid, start int) bool {
	p, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return errors.Is(err, windows.ERROR_ACCESS_DENIED)
	}
	defer func() { _ = windows.CloseHandle(p) }() // nothing depends on it
	if ended, err := windows.WaitForSingleObject(p, 0); err == nil && ended == windows.WAIT_OBJECT_0 {
		return false
	}
	now := started(pid)
	return start == 0 || now == 0 || now == start
}
