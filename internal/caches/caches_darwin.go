package caches

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// systemCaches are those of the performance cores: hw.l2cachesize is that of the efficiency
// cores where there are both.
func systemCaches() Sizes {
	number := func(name string) int {
		data, err := unix.SysctlRaw("hw.perflevel0." + name)
		switch {
		case err == nil && len(data) == 4:
			return max(0, int(int32(binary.NativeEndian.Uint32(data))))
		case err == nil && len(data) == 8:
			return max(0, int(binary.NativeEndian.Uint64(data)))
		}
		return 0
	}
	return Sizes{number("l1dcachesize"), number("l2cachesize"), number("l3cachesize"), number("cpusperl2")}
}
