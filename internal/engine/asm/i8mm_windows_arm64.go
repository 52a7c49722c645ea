//go:build !noasm

package asm

import "golang.org/x/sys/windows"

// windowsI8MM asks the system, which golang.org/x/sys/cpu does on Linux and macOS.
func windowsI8MM() bool {
	return windows.IsProcessorFeaturePresent(windows.PF_ARM_V82_I8MM_INSTRUCTIONS_AVAILABLE)
}
