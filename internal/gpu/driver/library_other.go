//go:build gpu && !linux && !windows

package driver

import (
	"fmt"
	"runtime"
)

const library = "none"

func load(string) (uintptr, error) {
	return 0, fmt.Errorf("NVIDIA has none for %s", runtime.GOOS)
}

func symbol(uintptr, string) (uintptr, error) { return 0, nil }

func invoke(uintptr, ...uintptr) uintptr { return codeNotFound }
