//go:build gpu

package driver

import "github.com/ebitengine/purego"

// library is the driver's name.
const library = "libcuda.so.1"

func load(name string) (uintptr, error) {
	return purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL)
}

func symbol(handle uintptr, name string) (uintptr, error) { return purego.Dlsym(handle, name) }

// invoke calls a function by its address.
//
//go:uintptrescapes
func invoke(address uintptr, args ...uintptr) uintptr {
	r, _, _ := purego.SyscallN(address, args...)
	return r
}
