//go:build !unix

package regular

import "io/fs"

const noFollow = 0

// names is the number of names that a file has, as far as is known here.
func names(fs.FileInfo) uint64 { return 1 }

// Identity is not told here.
func Identity(fs.FileInfo) (any, bool) { return nil, false }
