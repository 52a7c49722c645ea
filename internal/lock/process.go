package lock

import (
	"fmt"
	"hash/fnv"
	"os"
	"strconv"
	"sync"
)

// place stands for the machine since it was started, and for the processes that this
// one can see: numbers of processes mean something within a place only. It is a
// variable for tests.
var place = sync.OnceValue(func() string {
	h := fnv.New64a()
	host, err := os.Hostname()
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // where there is none, the name must do
	space, _ := os.Readlink("/proc/self/ns/pid")
	fmt.Fprintf(h, "%q %v %q %q", host, err, boot, space)
	return strconv.FormatUint(h.Sum64(), 16)
})
