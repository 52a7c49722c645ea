package limits

import "golang.org/x/sys/unix"

// physicalMemory is the machine's memory in bytes, 0 if the system does not tell it.
func physicalMemory() int64 {
	n, err := unix.SysctlUint64("hw.memsize")
	if err != nil || n > unlimited {
		return 0
	}
	return int64(n)
}

// fastProcessors is the number of performance cores, 0 where all are one kind.
func fastProcessors() int {
	if kinds, err := unix.SysctlUint32("hw.nperflevels"); err != nil || kinds < 2 {
		return 0
	}
	n, err := unix.SysctlUint32("hw.perflevel0.physicalcpu")
	if err != nil || n > MaxProcessors {
		return 0
	}
	return int(n)
}
