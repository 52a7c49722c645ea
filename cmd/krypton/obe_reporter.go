package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"krypton/internal/atomicfile"
	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/inputs"
	"krypton/internal/limits"
	"krypton/internal/number"
	"krypton/internal/ui"
)

// reporter tells programs how a run goes: events, progress blocks, and a line
// for each SIGUSR1. docs/output-formats.md describes them.
type reporter struct {
	io     streams
	start  time.Time
	events *ui.Events
	blocks *ui.Blocks
	files  []*os.File
	paths  map[string]string // of files, with the flag of each
	total  summaryEvent
	failed int // pictures whose errors are told
	stop   func()

	mu  sync.Mutex
	run *ui.Run // nil until it is known what there is to do
}

// itemEvent is a picture's answer, errorEvent what went wrong; Picture is empty
// where it concerns the whole run.
type (
	itemEvent struct {
		Picture string          `json:"picture"`
		Record  *explain.Record `json:"record"`
	}
	errorEvent struct {
		Picture string `json:"picture"`
		Message string `json:"message"`
		Code    int    `json:"exit_code"`
	}
)

// summaryEvent ends a run. Counts are of the pictures that were done.
type summaryEvent struct {
	Version           string        `json:"krypton_version"`
	Model             string        `json:"model"`
	ModelSHA256       string        `json:"model_sha256"`
	Kernels           string        `json:"kernels"`
	Threads           int           `json:"threads"`
	ExitCode          int           `json:"exit_code"`
	Pictures          int           `json:"pictures"`
	Done              int           `json:"pictures_done"`
	Failed            int           `json:"pictures_failed"`
	Positions         int           `json:"positions"`
	Skipped           int           `json:"positions_unchanged"`
	MultiplyAddsWhole int64         `json:"multiply_adds_whole"`
	MultiplyAddsSpent int64         `json:"multiply_adds_spent"`
	Ratio             number.Double `json:"ratio"` // of the two, null if nothing was done
	SecondsViews      float64       `json:"seconds_views"`
	SecondsMap        float64       `json:"seconds_map"`
	Seconds           float64       `json:"seconds"`
	PeakMemory        int64         `json:"peak_memory"` // in bytes, 0 if not known
}

// newReporter opens what --events and --progress name, but for inputs. Once the context ends, pipes that nobody reads are not
// waited for.
func newReporter(ctx context.Context, o *obeOptions, std streams, inputs *inputs.Set) (*reporter, error) {
	r := &reporter{io: std, start: time.Now(), paths: map[string]string{}}
	r.total.Version = version
	stop := onStateSignal(r.printState)
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
			r.events = ui.NewEvents(w)
		} else {
			r.blocks = ui.NewBlocks(w)
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
		_ = f.SetWriteDeadline(time.Now().Add(grace))
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
	f, err := openGrowing(path, force)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.files = append(r.files, f)
	r.paths[filepath.Clean(path)] = flag
	return f, nil
}

// openGrowing opens what somebody named to be written to bit by bit: a pipe or a device
// as it is, and links to those; else a new file. With force it takes the place of a
// file or link that is there: what a link points to, and what other names a file has,
// stay as they are.
func openGrowing(path string, force bool) (*os.File, error) {
	_, err := os.Lstat(path)
	if err == nil {
		if to, e := os.Stat(path); e == nil && !to.Mode().IsRegular() {
			return os.OpenFile(path, os.O_WRONLY, 0)
		}
		if strings.HasPrefix(path, "/dev/fd/") || strings.HasPrefix(path, "/proc/self/fd/") {
			return os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0) // the caller has opened it
		}
		if !force {
			return nil, fmt.Errorf("%s: %w", path, atomicfile.ErrExists)
		}
		err = os.Remove(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
}

// begin says what there is to do.
func (r *reporter) begin(j *explain.Job, pictures int) {
	run := ui.NewRun(pictures, j.Positions())
	run.Listen(func(s ui.Status) {
		r.events.Emit("status", s)
		r.blocks.Write(s, false)
	})
	r.total.Model, r.total.ModelSHA256, r.total.Kernels, r.total.Threads = j.Model().File.Name, j.Model().File.SHA256, j.Model().Plan.Kernels(), j.Threads()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.run = run
}

// item tells of a picture that is done.
func (r *reporter) item(o *outcome) {
	t, rec := &r.total, o.answer.Printed(o.imprint)
	t.Positions += rec.Positions
	t.Skipped += rec.Skipped
	t.MultiplyAddsWhole += rec.MultiplyAddsWhole
	t.MultiplyAddsSpent += rec.MultiplyAddsSpent
	t.SecondsViews += rec.SecondsViews
	t.SecondsMap += rec.SecondsMap
	r.events.Emit("item", itemEvent{o.label, rec.Summary()})
}

// fail tells of a picture that failed.
func (r *reporter) fail(picture string, err error) {
	r.failed++
	r.events.Emit("error", errorEvent{picture, err.Error(), exitCode(err)})
}

// printState answers SIGUSR1.
func (r *reporter) printState() {
	r.mu.Lock()
	defer r.mu.Unlock()
	state := "preparing"
	if r.run != nil {
		state = r.run.State()
	}
	fmt.Fprintf(r.io.err, "krypton: %s\n", printable(state))
}

// finish tells how the run ended, and gives the error that it ends with.
func (r *reporter) finish(ctx context.Context, err error) error {
	final := signalled(ctx, err)
	if final != nil && (r.failed == 0 || ctx.Err() != nil) {
		r.events.Emit("error", errorEvent{"", final.Error(), exitCode(final)})
	}
	t := &r.total
	var status ui.Status
	if r.run != nil {
		status = r.run.Status()
	}
	t.Pictures, t.Done, t.Failed = status.Pictures, status.Done, status.Failed
	t.ExitCode, t.Seconds, t.PeakMemory = exitCode(final), time.Since(r.start).Seconds(), limits.Peak()
	t.Ratio = number.Ratio(float64(t.MultiplyAddsWhole), float64(t.MultiplyAddsSpent))
	r.events.Emit("summary", t)
	r.blocks.Write(status, true)
	for flag, e := range map[string]error{"--events": r.events.Err(), "--progress": r.blocks.Err()} {
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
