package limits

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// memoryStatus is the system's MEMORYSTATUSEX.
type memoryStatus struct {
	length, load                                                       uint32
	physical, physicalFree, page, pageFree, virtual, virtualFree, more uint64
}

var globalMemoryStatus = windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalMemoryStatusEx")

// physicalMemory is the machine's memory in bytes, 0 if the system does not tell it.
func physicalMemory() int64 {
	var m memoryStatus
	m.length = uint32(unsafe.Sizeof(m))
	if ok, _, _ := globalMemoryStatus.Call(uintptr(unsafe.Pointer(&m))); ok == 0 || m.physical > unlimited {
		return 0
	}
	return int64(m.physical)
}

// fastProcessors is not asked for: the system moves threads among its processors.
func fastProcessors() int { return 0 }
