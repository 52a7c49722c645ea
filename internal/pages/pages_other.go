//go:build !linux

package pages

func onLargePages([]byte) {}
