//go:build gpu

package driver

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// library is the driver's name, in the system's folder.
const library = "nvcuda.dll"

func load(name string) (uintptr, error) {
	// From the system's folder alone, so that nobody's file beside a model is run.
	h, err := windows.LoadLibraryEx(name, 0, windows.LOAD_LIBRARY_SEARCH_SYSTEM32)
	return uintptr(h), err
}

func symbol(handle uintptr, name string) (uintptr, error) {
	return windows.GetProcAddress(windows.Handle(handle), name)
}

// invoke calls a function by its address.
//
//go:uintptrescapes
func invoke(address uintptr, args ...uintptr) uintptr {
	r, _, _ := syscall.SyscallN(address, args...)
	return r
}
