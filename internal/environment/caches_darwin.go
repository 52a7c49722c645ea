package environment

import "golang.org/x/sys/unix"

// systemCaches are those of the performance cores: hw.l2cachesize is that of the efficiency
// cores where there are both.
func systemCaches() (l1, l2, l3 int) {
	size := func(name string) int {
		n, err := unix.SysctlUint32("hw.perflevel0." + name)
		if err != nil {
			return 0
		}
		return int(n)
	}
	return size("l1dcachesize"), size("l2cachesize"), size("l3cachesize")
}
