package caches

import "runtime"

func systemCaches() Sizes {
	if runtime.GOARCH == "amd64" {
		return Sizes{} // the processor knows what of them is this program's
	}
	return under("/sys/devices/system/cpu/cpu0/cache")
}
