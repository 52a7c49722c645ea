package pages

import "syscall"

// onLargePages asks for large pages. Systems without any, which refuse, give small
// ones.
func onLargePages(b []byte) { _ = syscall.Madvise(b, syscall.MADV_HUGEPAGE) }
