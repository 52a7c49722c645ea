//go:build !linux

package incremental

import "runtime"

// yield lets other goroutines run.
func yield() { runtime.Gosched() }
