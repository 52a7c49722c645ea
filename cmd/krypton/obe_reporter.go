package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"krypton/internal/atomicfile"
	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/inputs"
	"krypton/internal/interrupt"
	"krypton/internal/runlog"
	"krypton/internal/ui"
)

// reporter tells programs how a run goes: events, progress blocks, and a line
// for each SIGUSR1. docs/output-formats.md describes them.
type reporter struct {
	*runlog.Log
	io    streams
	run   *ui.Run           // nil until it is known what there is to do
	paths map[string]string // of files, with the flag of each
	stop  func()

	mu    sync.Mutex
	files []*os.File
}

// newReporter opens what --events and --progress name, but for inputs. Once the context ends,
// pipes that nobody reads are not waited for.
func newReporter(ctx context.Context, o *obeOptions, std streams, inputs *inputs.Set) (*reporter, error) {
	r := &reporter{Log: runlog.New(version, exitCode), io: std, paths: map[string]string{}}
	stop := interrupt.OnState(r.printState)
	unhook := context.AfterFunc(ctx, r.hurry)
	r.stop = func() {
		stop()
		unhook()
	}
	for _, f := range []struct{ flag, path string }{{"--events", o.events}, {"--progress", o.progress}} {
		if f.path == "" {
			continue
		}
		w, err := r.open(f.flag, f.path, o.force, inputs)
		if err != nil {
			r.close()
			return nil, failure.CantCreatef("%s: %w", f.flag, err)
		}
		if f.flag == "--events" {
			r.Events(w)
		} else {
			r.Blocks(w)
		}
	}
	return r, nil
}

// hurry gives what is yet to be written a moment. Files have no such bound: they need
// none.
func (r *reporter) hurry() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.files {
		_ = f.SetWriteDeadline(time.Now().Add(interrupt.Grace))
	}
}

// open opens a file that grows while the run goes on.
func (r *reporter) open(flag, path string, force bool, inputs *inputs.Set) (io.Writer, error) {
	switch path {
	case "-", "/dev/stderr", "/dev/fd/2", "/proc/self/fd/2":
		return r.io.err, nil
	case "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1":
		return r.io.out, nil
	}
	if other := r.paths[filepath.Clean(path)]; other != "" {
		return nil, fmt.Errorf("%s: %s writes there", path, other)
	}
	if err := inputs.Check(path); err != nil {
		return nil, err
	}
	f, err := atomicfile.OpenGrowing(path, force)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files = append(r.files, f)
	r.paths[filepath.Clean(path)] = flag
	return f, nil
}

// begin says what there is to do.
func (r *reporter) begin(j *explain.Job, pictures int) { r.run = r.Begin(j, pictures) }

// printState answers SIGUSR1.
func (r *reporter) printState() { fmt.Fprintf(r.io.err, "krypton: %s\n", printable(r.State())) }

// item tells of a picture that is done.
func (r *reporter) item(o *outcome) { r.Item(o.label, o.answer.Printed(o.imprint)) }

// finish tells how the run ended, and gives the error that it ends with.
func (r *reporter) finish(ctx context.Context, err error) error {
	r.Finish(signalled(ctx, hinted(err)), ctx.Err() != nil)
	events, blocks := r.Errs()
	for flag, e := range map[string]error{"--events": events, "--progress": blocks} {
		if e != nil && err == nil {
			err = failure.CantCreatef("%s: %w", flag, e)
		}
	}
	if e := r.close(); err == nil {
		err = e
	}
	return err
}

func (r *reporter) close() error {
	r.stop()
	var err error
	for _, f := range r.files {
		if e := f.Close(); e != nil && err == nil {
			err = failure.As(failure.CantCreate, e)
		}
	}
	return err
}
