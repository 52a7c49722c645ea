//go:build !windows && !darwin

package limits

// physicalMemory is read from /proc.
func physicalMemory() int64 { return 0 }

// fastProcessors is not known.
func fastProcessors() int { return 0 }
