package nn

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// group is the number of samples whose weight gradients are added up by one
// goroutine. It is fixed so that the order of the sums does not depend on the
// number of processors.
const group = 4

// parallel calls work for 0 to n-1 on all processors. The calls must not depend
// on one another.
func parallel(n int, work func(i int)) {
	workers := min(n, runtime.GOMAXPROCS(0))
	if workers <= 1 {
		for i := range n {
			work(i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				work(i)
			}
		})
	}
	wg.Wait()
}
