//go:build !unix

package video

import "errors"

func makeFIFO(string) error { return errors.ErrUnsupported }
