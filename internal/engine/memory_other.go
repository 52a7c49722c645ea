//go:build !linux

package engine

func onLargePages([]byte) {}
