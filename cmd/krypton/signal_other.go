//go:build !unix

package main

// onStateSignal does nothing where there is no SIGUSR1.
func onStateSignal(func()) (stop func()) { return func() {} }
