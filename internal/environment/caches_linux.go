package environment

import "runtime"

func systemCaches() (l1, l2, l3 int) {
	if runtime.GOARCH == "amd64" {
		return 0, 0, 0 // the processor knows what of them is this program's
	}
	return cachesUnder("/sys/devices/system/cpu/cpu0/cache")
}
