package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"krypton/internal/atomicfile"
	"krypton/internal/failure"
	"krypton/internal/framelabels"
	"krypton/internal/lock"
	"krypton/internal/regular"
)

// orvOutputs are the files of one video. While a run goes on each has the ending
// .part, and nobody else writes it; it gets its name once the video has been read to
// its end. That of JSON lines stays if a run ends early: --resume goes on with it.
type orvOutputs struct {
	list   []*orvOutput
	force  bool
	resume bool
	saved  int // frames in the file of JSON lines
}

type orvOutput struct {
	format string
	path   string // "" for standard output
	part   string
	lock   *lock.File    // the .part itself; for a folder, a file beside it
	buffer *bufio.Writer // of formats that nobody reads along
	w      framelabels.Writer
}

const partEnding = ".part"

// base is the name that each format adds its ending to; "-" is standard output.
func (j *orvJob) base() string {
	name := filepath.Base(j.name)
	if j.name == "-" {
		name = "stdin"
	}
	name = strings.TrimSuffix(name, filepath.Ext(name))
	switch i, err := os.Stat(j.out); {
	case j.out == "-":
		return "-"
	case j.out == "":
		if j.name == "-" || strings.ContainsAny(j.name, "*?[") || strings.Contains(j.name, "://") {
			return name + ".krypton"
		}
		return filepath.Join(filepath.Dir(filepath.Clean(j.name)), name+".krypton")
	case strings.HasSuffix(j.out, "/") || err == nil && i.IsDir():
		return filepath.Join(j.out, name+".krypton")
	}
	return strings.TrimSuffix(j.out, ".jsonl")
}

// parseFormats reads --format.
func (j *orvJob) parseFormats() ([]string, error) {
	var list []string
	for _, f := range strings.Split(j.formats, ",") {
		f = strings.TrimSpace(f)
		switch {
		case !slices.Contains(framelabels.Formats, f):
			return nil, fmt.Errorf("--format %q: want some of %s", f, strings.Join(framelabels.Formats, ", "))
		case !j.job.Detector() && framelabels.OfDetectors(f):
			return nil, fmt.Errorf("--format %s is for detectors, and %s describes none", f, j.job.Model().File.Name)
		case !slices.Contains(list, f):
			list = append(list, f)
		}
	}
	switch {
	case j.out == "-" && (len(list) != 1 || list[0] == "yolo"):
		return nil, fmt.Errorf("-o - takes one format, and no folder of files")
	case j.resume && !slices.Contains(list, "jsonl"):
		return nil, errors.New("--resume needs the format jsonl")
	case j.resume && (j.out == "-" || j.name == "-"):
		return nil, errors.New("--resume needs files on both sides")
	}
	return list, nil
}

// claimOutputs looks at all outputs, and keeps other runs off them. What is in them
// stays until begin.
func (j *orvJob) claimOutputs() (out *orvOutputs, err error) {
	formats, err := j.parseFormats()
	if err != nil {
		return nil, failure.As(failure.Usage, err)
	}
	out = &orvOutputs{force: j.force, resume: j.resume}
	if j.annotate != "" {
		if err := j.inputs.checkOutput(j.annotate, j.force); err != nil {
			return nil, err
		}
	}
	base := j.base()
	if base == "-" {
		out.list = append(out.list, &orvOutput{format: formats[0]})
		return out, nil
	}
	if strings.HasSuffix(j.out, "/") {
		if err := atomicfile.MakeFolder(j.out); err != nil {
			return nil, failure.As(failure.CantCreate, err)
		}
	}
	// The JSON lines come last wherever outputs are begun, written and named: should
	// another one fail, --resume still has them.
	slices.SortStableFunc(formats, func(a, b string) int { return cmp.Compare(last(a), last(b)) })
	for _, f := range formats {
		path := base + framelabels.Ending(f)
		o := &orvOutput{format: f, path: path, part: path + partEnding}
		for _, p := range []string{path, o.part} {
			if err == nil {
				err = cmp.Or(j.inputs.check(p), j.inputs.checkFolder(p))
			}
		}
		if err == nil {
			err = o.claim(j.force)
		}
		if err != nil {
			out.abandon()
			return nil, err
		}
		out.list = append(out.list, o)
	}
	return out, nil
}

func last(format string) int {
	if format == "jsonl" {
		return 1
	}
	return 0
}

// claim looks at an output and locks it.
func (o *orvOutput) claim(force bool) error {
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
func (o *orvOutput) release() {
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

// begin opens all outputs for writing, brings them to where an earlier run was, and gives
// that run's frames.
func (out *orvOutputs) begin(stdout io.Writer, h framelabels.Header) (earlier []framelabels.Result, err error) {
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
func (o *orvOutput) scan(h framelabels.Header) ([]framelabels.Result, error) {
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
func (o *orvOutput) begin(stdout io.Writer, h framelabels.Header, earlier []framelabels.Result) (err error) {
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
func (out *orvOutputs) Write(r *framelabels.Result) error {
	for _, o := range out.list {
		if err := o.w.Write(r); err != nil {
			return o.failed(err)
		}
	}
	out.saved++
	return nil
}

func (o *orvOutput) failed(err error) error {
	if o.path == "" {
		return err
	}
	return failure.CantCreatef("%s: %w", o.part, err)
}

// finish gives all files their names.
func (out *orvOutputs) finish() error {
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
func (o *orvOutput) check(force bool) error {
	if o.format == "yolo" {
		return atomicfile.CheckFolder(o.path, force, framelabels.IsFrameFile)
	}
	return atomicfile.Check(o.path, force)
}

// adopt gives a finished output its name.
func (o *orvOutput) adopt(force bool) error {
	if o.format == "yolo" {
		return failure.As(failure.CantCreate, atomicfile.AdoptFolder(o.part, o.path, force, framelabels.IsFrameFile))
	}
	if err := o.check(force); err != nil {
		return failure.As(failure.CantCreate, err)
	}
	if err := os.Rename(o.part, o.path); err != nil {
		return o.failed(err)
	}
	return nil
}

// end writes what stands at a file's end and syncs it.
func (o *orvOutput) end() error {
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

// abandon leaves nothing that this run has made but JSON lines to go on with, if there
// are any frames, and says where those are. What it has not begun to write stays as it
// was. After finish it does nothing.
func (out *orvOutputs) abandon() string {
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
