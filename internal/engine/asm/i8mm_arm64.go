//go:build !noasm && !windows

package asm

func windowsI8MM() bool { return false }
