// Package labelfiles writes the labels of a video into files of several formats, which get
// their names when all of them are whole, and goes on with what an interrupted run left.
package labelfiles

import (
	"bufio"
	"cmp"
	"errors"
	"io"
	"path/filepath"
	"slices"

	"krypton/internal/atomicfile"
	"krypton/internal/failure"
	"krypton/internal/framelabels"
	"krypton/internal/lock"
	"krypton/internal/regular"
)

// Options say where files go and what may be done to those that are there.
type Options struct {
	// Base is the name that each format adds its ending to, "" for standard output.
	Base    string
	Formats []string
	// Force replaces files that are there; Resume goes on with the JSON lines of an earlier
	// run.
	Force, Resume bool
	// Check, if set, refuses what must not be written to.
	Check func(path string) error
}

// Claim looks at all files, and keeps other runs off them. What is in them
// stays until Begin.
func Claim(o Options) (*Files, error) {
	out := &Files{force: o.Force, resume: o.Resume}
	if o.Base == "" {
		out.list = append(out.list, &file{format: o.Formats[0]})
		return out, nil
	}
	// The JSON lines come last wherever outputs are begun, written and named: should
	// another one fail, a later run still has them.
	formats := slices.Clone(o.Formats)
	slices.SortStableFunc(formats, func(a, b string) int { return cmp.Compare(last(a), last(b)) })
	for _, f := range formats {
		path := o.Base + framelabels.Ending(f)
		one := &file{format: f, path: path, part: path + partEnding}
		err := o.allowed(one.path, one.part)
		if err == nil {
			err = one.claim(o.Force)
		}
		if err != nil {
			out.Abandon()
			return nil, err
		}
		out.list = append(out.list, one)
	}
	return out, nil
}

// allowed says whether files may be written to.
func (o *Options) allowed(paths ...string) error {
	if o.Check == nil {
		return nil
	}
	for _, p := range paths {
		if err := o.Check(p); err != nil {
			return err
		}
	}
	return nil
}

// Saved is the number of frames in the file of JSON lines.
func (out *Files) Saved() int { return out.saved }

// Files are the files of one video. While a run goes on each has the ending
// .part, and nobody else writes it; it gets its name once the video has been read to
// its end. That of JSON lines stays if a run ends early: a later one goes on with it.
type Files struct {
	list   []*file
	force  bool
	resume bool
	saved  int // frames in the file of JSON lines
}

type file struct {
	format string
	path   string // "" for standard output
	part   string
	lock   *lock.File    // the .part itself; for a folder, a file beside it
	buffer *bufio.Writer // of formats that nobody reads along
	w      framelabels.Writer
}

const partEnding = ".part"

func last(format string) int {
	if format == "jsonl" {
		return 1
	}
	return 0
}

// claim looks at an output and locks it.
func (o *file) claim(force bool) error {
	if err := o.check(force); err != nil {
		return failure.As(failure.CantCreate, err)
	}
	held := o.part
	if o.format == "yolo" {
		held = o.path + ".lock"
	}
	var err error
	switch o.lock, err = lock.Open(held); {
	case errors.Is(err, lock.ErrBusy):
		return failure.Temporaryf("%s: %w", held, err)
	case errors.Is(err, regular.ErrNot), errors.Is(err, regular.ErrLinked):
		return failure.CantCreatef("%w %s: %w: move it away first", atomicfile.ErrCannotWrite, held, err)
	case err != nil:
		return failure.CantCreatef("%w %s: %w", atomicfile.ErrCannotWrite, held, err)
	}
	// Another run may have ended before we got the lock: what it wrote stays.
	err = o.check(force)
	if err == nil && o.format == "yolo" {
		err = atomicfile.CheckFolder(o.part, true, framelabels.IsFrameFile)
	}
	if err != nil {
		o.release()
		return failure.As(failure.CantCreate, err)
	}
	return nil
}

// release lets others have the output. What this run has made and not written to goes.
func (o *file) release() {
	if o.lock == nil {
		return
	}
	if o.w == nil && o.lock.Made || o.format == "yolo" {
		_ = o.lock.Remove() // an empty file stays: what led here counts
	} else {
		o.lock.Close()
	}
	o.lock = nil
}

// Begin opens all outputs for writing, brings them to where an earlier run was, and gives
// that run's frames.
func (out *Files) Begin(stdout io.Writer, h framelabels.Header) (earlier []framelabels.Result, err error) {
	if out.resume {
		if earlier, err = out.list[len(out.list)-1].scan(h); err != nil {
			return nil, err
		}
		out.saved = len(earlier)
	}
	for _, o := range out.list {
		if err := o.begin(stdout, h, earlier); err != nil {
			return nil, o.failed(err)
		}
	}
	return earlier, nil
}

// scan reads the JSON lines of an earlier run and cuts off what is torn.
func (o *file) scan(h framelabels.Header) ([]framelabels.Result, error) {
	if _, err := o.lock.Seek(0, io.SeekStart); err != nil {
		return nil, o.failed(err)
	}
	var list []framelabels.Result
	n, err := framelabels.Scan(o.lock, h.Fingerprint, func(r *framelabels.Result) error {
		list = append(list, *r)
		return nil
	})
	if err != nil {
		return nil, failure.CantCreatef("%s: cannot go on with it: %w (remove it to begin anew)", o.part, err)
	}
	if err := o.lock.Truncate(n); err != nil {
		return nil, o.failed(err)
	}
	return list, nil
}

// begin begins one output with the frames of an earlier run, which the JSON lines have
// already.
func (o *file) begin(stdout io.Writer, h framelabels.Header, earlier []framelabels.Result) (err error) {
	switch {
	case o.path == "":
		o.w, err = framelabels.New(o.format, stdout, h)
		return err
	case o.format == "jsonl" && len(earlier) > 0:
		o.w = framelabels.More(o.lock)
		return nil
	case o.format == "yolo":
		if err := atomicfile.RemoveFolder(o.part, framelabels.IsFrameFile); err != nil {
			return err
		}
		o.w, err = framelabels.NewFolder(o.part, h)
	default:
		if err := o.lock.Truncate(0); err != nil {
			return err
		}
		w := io.Writer(o.lock)
		if o.format != "jsonl" {
			o.buffer = bufio.NewWriterSize(o.lock, 1<<16)
			w = o.buffer
		}
		o.w, err = framelabels.New(o.format, w, h)
	}
	for i := range earlier {
		if err == nil {
			err = o.w.Write(&earlier[i])
		}
	}
	return err
}

// Write hands a frame to all formats.
func (out *Files) Write(r *framelabels.Result) error {
	for _, o := range out.list {
		if err := o.w.Write(r); err != nil {
			return o.failed(err)
		}
	}
	out.saved++
	return nil
}

func (o *file) failed(err error) error {
	if o.path == "" {
		return err
	}
	return failure.CantCreatef("%s: %w", o.part, err)
}

// Finish gives all files their names.
func (out *Files) Finish() error {
	for _, o := range out.list {
		if err := o.end(); err != nil {
			return o.failed(err)
		}
	}
	named := map[string]bool{} // folders
	for _, o := range out.list {
		if o.path == "" {
			continue
		}
		named[filepath.Dir(o.path)] = true
		if err := o.adopt(out.force); err != nil {
			return err
		}
		o.release()
	}
	for dir := range named {
		if err := atomicfile.SyncDir(dir); err != nil {
			return failure.CantCreatef("%s: %w", dir, err)
		}
	}
	return nil
}

// check says whether the output may have its name.
func (o *file) check(force bool) error {
	if o.format == "yolo" {
		return atomicfile.CheckFolder(o.path, force, framelabels.IsFrameFile)
	}
	return atomicfile.Check(o.path, force)
}

// adopt gives a finished output its name.
func (o *file) adopt(force bool) error {
	if o.format == "yolo" {
		return failure.As(failure.CantCreate, atomicfile.AdoptFolder(o.part, o.path, force, framelabels.IsFrameFile))
	}
	if err := o.check(force); err != nil {
		return failure.As(failure.CantCreate, err)
	}
	if err := atomicfile.Replace(o.part, o.path); err != nil {
		return o.failed(err)
	}
	return nil
}

// end writes what stands at a file's end and syncs it.
func (o *file) end() error {
	if err := o.w.Close(true); err != nil {
		return err
	}
	if o.format == "yolo" {
		return atomicfile.SyncFiles(o.part)
	}
	if o.path == "" {
		return nil
	}
	if o.buffer != nil {
		if err := o.buffer.Flush(); err != nil {
			return err
		}
	}
	return o.lock.Sync()
}

// Abandon leaves nothing that this run has made but JSON lines to go on with, if there
// are any frames, and says where those are. What it has not begun to write stays as it
// was. After Finish it does nothing.
func (out *Files) Abandon() string {
	left := ""
	for _, o := range out.list {
		switch {
		case o.lock == nil:
		case o.w == nil:
		case o.format == "jsonl" && out.saved > 0:
			left = o.part
		case o.format == "yolo":
			_ = atomicfile.RemoveFolder(o.part, framelabels.IsFrameFile) // the error that led here counts
		default:
			_ = o.lock.Remove()
			o.lock = nil
		}
		o.release()
	}
	return left
}
