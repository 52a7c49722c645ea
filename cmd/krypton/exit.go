package main

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"krypton/internal/failure"
	"krypton/internal/gpu"
	"krypton/internal/incremental"
	"krypton/internal/interrupt"
	"krypton/internal/quality"
)

// Exit codes. New ones may be added; a code that a caller does not know means
// failure. 2 is never chosen: the Go runtime exits with it when it crashes.
const (
	exitOK          = 0
	exitFailure     = 1
	exitPartial     = 3
	exitUsage       = 64
	exitData        = 65
	exitNoInput     = 66
	exitUnavailable = 69
	exitCantCreate  = 73
	exitTemporary   = 75
	exitInterrupt   = 130
	exitTerminated  = 143
)

// exitHelp ends the help text of every command.
const exitHelp = `
EXIT STATUS
  0   all done
  1   failure
  3   some inputs failed, the others are written
  64  wrong usage
  65  a model or picture cannot be used (do not retry)
  66  an input is missing
  69  the graphics processor that was asked for is not there, or fails
  73  an output cannot be written
  75  not enough memory, or something that passes (another run works on the same
      output, no file descriptor is left, a server does not answer): may be retried
  130 interrupted (SIGINT), 143 terminated (SIGTERM)
  New codes may be added; an unknown one means failure.`

// exitCodes are those of the kinds of failure.
var exitCodes = map[failure.Kind]int{
	failure.Other: exitFailure, failure.Partial: exitPartial, failure.Usage: exitUsage, failure.Data: exitData,
	failure.Missing: exitNoInput, failure.Unavailable: exitUnavailable, failure.CantCreate: exitCantCreate, failure.Temporary: exitTemporary,
}

// failureKind is the kind of an error, also of one that nobody has classified.
func failureKind(err error) failure.Kind {
	kind, classified := failure.Of(err)
	switch {
	case classified:
		return kind
	case errors.Is(err, incremental.ErrMemory), errors.Is(err, gpu.ErrMemory):
		return failure.Temporary
	case errors.As(err, new(*incremental.DeviceError)):
		return failure.Unavailable
	case errors.Is(err, quality.ErrNotFinite):
		return failure.Data // of the model
	case errors.Is(err, fs.ErrNotExist):
		return failure.Missing
	}
	return failure.Other
}

// exitCode is the one place where errors become exit codes.
func exitCode(err error) int {
	var sig interrupt.Signal
	switch kind := failureKind(err); {
	case err == nil:
		return exitOK
	case errors.As(err, &sig):
		if sig.Signal == syscall.SIGTERM {
			return exitTerminated
		}
		return exitInterrupt
	case interrupt.ReaderLeft(err):
		return exitFailure
	case kind == failure.Other && errors.Is(err, context.Canceled):
		return exitInterrupt
	default:
		return exitCodes[kind]
	}
}
