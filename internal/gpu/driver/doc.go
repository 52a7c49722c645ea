//go:build !gpu

// Package driver binds NVIDIA's driver where the tag gpu is set; without it there is nothing
// here, and the program is static.
package driver
