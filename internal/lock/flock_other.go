//go:build (!unix && !windows) || solaris || aix

package lock

import (
	"errors"
	"os"
)

// flock is not to be had here.
var flock = func(*os.File) error { return errors.ErrUnsupported }

func noLocks(err error) bool { return errors.Is(err, errors.ErrUnsupported) }
