package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"krypton/internal/atomicfile"
	"krypton/internal/framelabels"
	"krypton/internal/orv"
)

// orvOutputs are the files of one video. While a run goes on each has the ending
// .part; it gets its name once the video has been read to its end. That of JSON
// lines stays if a run ends early: --resume goes on with it.
type orvOutputs struct {
	list  []*orvOutput
	force bool
	past  []orv.Past // frames that an earlier run has written
}

type orvOutput struct {
	format string
	path   string // "" for standard output
	part   string
	file   *os.File
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
		case j.spec == nil && slices.Contains([]string{"mot", "yolo", "coco"}, f):
			return nil, fmt.Errorf("--format %s is for detectors, and %s describes none", f, j.model.file.name)
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

// openOutputs opens all files, and reads what an earlier run has left.
func (j *orvJob) openOutputs(h framelabels.Header) (out *orvOutputs, err error) {
	formats, err := j.parseFormats()
	if err != nil {
		return nil, usageError(err)
	}
	out = &orvOutputs{force: j.force}
	defer func() {
		if err != nil {
			out.abandon(len(out.past))
			out = nil
		}
	}()
	base := j.base()
	if base == "-" {
		o := &orvOutput{format: formats[0], file: nil}
		out.list = append(out.list, o)
		o.w, err = framelabels.New(o.format, j.io.out, h)
		return out, err
	}
	if strings.HasSuffix(j.out, "/") {
		if err := atomicfile.MakeFolder(j.out); err != nil {
			return out, coded(exitCantCreate, err)
		}
	}
	for _, f := range formats {
		path := base + framelabels.Ending(f)
		o := &orvOutput{format: f, path: path, part: path + partEnding}
		if err := o.check(j.force); err != nil {
			return out, coded(exitCantCreate, err)
		}
		if atomicfile.SameFile(path, j.name) {
			return out, coded(exitCantCreate, fmt.Errorf("%s is the input: it is not overwritten", path))
		}
		out.list = append(out.list, o)
	}
	var earlier []framelabels.Result
	if j.resume {
		if earlier, err = out.scan(h); err != nil {
			return out, err
		}
	}
	for _, o := range out.list {
		if err := o.open(h, len(earlier) > 0); err != nil {
			return out, coded(exitCantCreate, err)
		}
		if o.format == "jsonl" {
			continue // it has them
		}
		for i := range earlier {
			if err := o.w.Write(&earlier[i]); err != nil {
				return out, coded(exitCantCreate, err)
			}
		}
	}
	for _, r := range earlier {
		var verified *orv.Agreement
		if v := r.Verified; v != nil {
			verified = &orv.Agreement{Agrees: v.Agrees, Largest: v.Largest, Shift: v.Shift}
		}
		out.past = append(out.past, orv.NewPast(orv.How(r.How), r.Recomputed, r.Refreshed, verified, j.guardMargin()))
		j.replay(&r)
	}
	return out, nil
}

// scan reads the JSON lines of an earlier run and cuts off what is torn.
func (out *orvOutputs) scan(h framelabels.Header) ([]framelabels.Result, error) {
	i := slices.IndexFunc(out.list, func(o *orvOutput) bool { return o.format == "jsonl" })
	part := out.list[i].part
	f, err := os.OpenFile(part, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, coded(exitCantCreate, err)
	}
	defer f.Close()
	var list []framelabels.Result
	n, err := framelabels.Scan(f, h.Fingerprint, func(r *framelabels.Result) error {
		list = append(list, *r)
		return nil
	})
	if err != nil {
		return nil, coded(exitCantCreate, fmt.Errorf("%s: cannot go on with it: %w (remove it to begin anew)", part, err))
	}
	if err := f.Truncate(n); err != nil {
		return nil, coded(exitCantCreate, err)
	}
	return list, nil
}

// open opens one file; more says that JSON lines go on.
func (o *orvOutput) open(h framelabels.Header, more bool) (err error) {
	if o.format == "yolo" {
		if err := atomicfile.RemoveFolder(o.part, framelabels.IsFrameFile); err != nil {
			return err
		}
		o.w, err = framelabels.NewFolder(o.part, h)
		return err
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if more && o.format == "jsonl" {
		flags = os.O_WRONLY | os.O_APPEND
	}
	if o.file, err = os.OpenFile(o.part, flags, 0o644); err != nil {
		return err
	}
	if more && o.format == "jsonl" {
		o.w = framelabels.More(o.file)
		return nil
	}
	w := io.Writer(o.file)
	if o.format != "jsonl" {
		o.buffer = bufio.NewWriterSize(o.file, 1<<16)
		w = o.buffer
	}
	o.w, err = framelabels.New(o.format, w, h)
	return err
}

// write hands a frame to all formats.
func (out *orvOutputs) write(r *framelabels.Result) error {
	for _, o := range out.list {
		if err := o.w.Write(r); err != nil {
			return o.failed(err)
		}
	}
	return nil
}

func (o *orvOutput) failed(err error) error {
	if o.path == "" {
		return err
	}
	return coded(exitCantCreate, fmt.Errorf("%s: %w", o.part, err))
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
	}
	for dir := range named {
		if err := atomicfile.SyncDir(dir); err != nil {
			return coded(exitCantCreate, fmt.Errorf("%s: %w", dir, err))
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
		return coded(exitCantCreate, atomicfile.AdoptFolder(o.part, o.path, force, framelabels.IsFrameFile))
	}
	if err := o.check(force); err != nil {
		return coded(exitCantCreate, err)
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
	if o.file == nil {
		return nil
	}
	if o.buffer != nil {
		if err := o.buffer.Flush(); err != nil {
			return err
		}
	}
	err := o.file.Sync()
	if e := o.file.Close(); err == nil {
		err = e
	}
	o.file = nil
	return err
}

// abandon leaves nothing but JSON lines to go on with, if there are any frames,
// and says where those are.
func (out *orvOutputs) abandon(frames int) string {
	left := ""
	for _, o := range out.list {
		if o.file != nil {
			o.file.Close()
			o.file = nil
		}
		switch {
		case o.path == "" || o.w == nil:
		case o.format == "jsonl" && frames > 0:
			left = o.part
		case o.format == "yolo":
			_ = atomicfile.RemoveFolder(o.part, framelabels.IsFrameFile) // the error that led here counts
		default:
			os.Remove(o.part)
		}
	}
	return left
}
