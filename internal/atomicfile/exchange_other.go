//go:build !linux

package atomicfile

import "errors"

// exchangeNames cannot be done at once here.
var exchangeNames = func(a, b string) error { return errors.ErrUnsupported }
