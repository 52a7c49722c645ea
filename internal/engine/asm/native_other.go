//go:build !amd64 || noasm

package asm

// native lists the assembly sets: none for this build.
func native() []*Kernels { return nil }
