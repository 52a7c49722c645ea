package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"krypton/internal/atomicfile"
	"krypton/internal/batch"
	"krypton/internal/failure"
	"krypton/internal/model"
	"krypton/internal/regular"
)

// inputFiles are the files that a run reads, or will: none of them is ever replaced by
// an output, whatever name or link leads to it, and also with --force. They are known
// before any output is opened.
type inputFiles struct {
	mu     sync.Mutex
	names  []string        // that are not looked at yet: only where something would be replaced
	models []string        // whose external data is not looked for yet
	seen   map[string]bool // models that were added
	known  map[any]bool
	rest   []fs.FileInfo // where files have no identity that can be looked up
}

// inputFlags are the flags that name files which are read.
var inputFlags = []string{"config", "model", "labels", "mask", "image", "raw", "manifest", "files-from", "files-from0", "ffmpeg", "bind"}

// addFlags takes the files that flags and arguments name.
func (r *inputFiles) addFlags(flags *pflag.FlagSet) {
	for _, name := range inputFlags {
		f := flags.Lookup(name)
		if f == nil {
			continue
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, v := range values {
			if _, file, ok := strings.Cut(v, "="); ok && name == "bind" {
				v = file
			}
			switch name {
			case "model":
				r.addModel(v)
			case "files-from":
				r.addList(v, '\n')
			case "files-from0":
				r.addList(v, 0)
			default:
				r.add(v)
			}
		}
	}
	for _, a := range flags.Args() {
		r.addArgument(a)
	}
}

// addArgument takes what an argument of the command line stands for: a file, the
// pictures of a folder or pattern, a list, a model.
func (r *inputFiles) addArgument(arg string) {
	if strings.EqualFold(filepath.Ext(arg), ".onnx") {
		r.addModel(arg)
	}
	r.add(arg)
	if list, ok := strings.CutPrefix(arg, "@"); ok {
		r.addList(list, '\n')
	}
	names, err := filepath.Glob(arg)
	if i, e := os.Stat(arg); e == nil && i.IsDir() {
		names, err = filepath.Glob(filepath.Join(arg, "*")) // a folder with * in its name holds others too
	}
	for _, name := range names {
		if err == nil && slices.Contains(pictureEndings, strings.ToLower(filepath.Ext(name))) && !strings.HasSuffix(name, ownEnding) {
			r.add(name)
		}
	}
}

// addList takes a list of names, and the files that it names. A list that comes by a
// pipe is read once only, which is later.
func (r *inputFiles) addList(path string, end byte) {
	r.add(path)
	if i, err := os.Stat(path); err != nil || !i.Mode().IsRegular() {
		return
	}
	if names, err := readList(path, end, nil); err == nil { // else reading it says so
		r.add(names...)
	}
}

// addModel takes a model's file with what lies beside it.
func (r *inputFiles) addModel(path string) {
	r.mu.Lock()
	seen := path == "" || r.seen[path]
	if !seen {
		if r.seen == nil {
			r.seen = map[string]bool{}
		}
		r.seen[path] = true
		r.models = append(r.models, path)
	}
	r.mu.Unlock()
	if seen {
		return
	}
	r.add(path)
	beside := model.ConfigPath(path)
	r.add(beside)
	data, err := regular.ReadSmall(beside)
	if err != nil {
		return // there is none, or loading says what is wrong
	}
	var c struct {
		Labels yaml.Node            `yaml:"labels"`
		Bind   map[string]yaml.Node `yaml:"bind"`
	}
	if yaml.Unmarshal(data, &c) != nil {
		return
	}
	named := []yaml.Node{c.Labels}
	for _, n := range c.Bind {
		named = append(named, n)
	}
	for _, n := range named {
		if n.Kind == yaml.ScalarNode { // of others, numbers, there is no file
			r.add(filepath.Join(filepath.Dir(path), n.Value))
		}
	}
}

// addItems takes the files of all items of a batch.
func (r *inputFiles) addItems(items []batch.Item) {
	for _, it := range items {
		r.addArgument(it.Path)
		r.addModel(it.Set["model"])
		r.add(it.Set["labels"], it.Set["mask"])
	}
}

// add takes files; "" is none.
func (r *inputFiles) add(paths ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names = append(r.names, paths...)
}

// look takes what the names that were added lead to by now. What is not there, or no
// regular file, is passed over.
func (r *inputFiles) look() {
	for _, m := range r.models {
		r.names = append(r.names, externalData(m)...)
	}
	for _, name := range r.names {
		i, err := os.Stat(name)
		if err != nil || !i.Mode().IsRegular() {
			continue
		}
		if id, ok := regular.Identity(i); ok {
			if r.known == nil {
				r.known = map[any]bool{}
			}
			r.known[id] = true
		} else {
			r.rest = append(r.rest, i)
		}
	}
	r.names, r.models = nil, nil
}

// holds says whether a path leads to an input.
func (r *inputFiles) holds(path string) bool {
	i, err := os.Stat(path)
	if err != nil || !i.Mode().IsRegular() {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.look()
	if id, ok := regular.Identity(i); ok {
		return r.known[id]
	}
	return slices.ContainsFunc(r.rest, func(in fs.FileInfo) bool { return os.SameFile(in, i) })
}

// check fails if an output would replace an input. nil knows no inputs.
func (r *inputFiles) check(path string) error {
	if r == nil || !r.holds(path) {
		return nil
	}
	return failure.CantCreatef("%s is an input: it is not overwritten", path)
}

// checkFolder is check for a folder that would be replaced with all in it.
func (r *inputFiles) checkFolder(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil // it is not there, or not to be replaced
	}
	for _, e := range entries {
		if err := r.check(filepath.Join(path, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// checkOutput says before any work whether a file can be written, and may be.
func (r *inputFiles) checkOutput(path string, force bool) error {
	if err := r.check(path); err != nil {
		return err
	}
	return failure.As(failure.CantCreate, atomicfile.Check(path, force))
}

// externalData are the files that a model keeps weights in, by what stands in its
// bytes: loading it would take longer, and comes later.
func externalData(model string) []string {
	f, _, err := regular.Open(model)
	if err != nil {
		return nil
	}
	defer f.Close()
	// An entry of a tensor's external_data: its key, and then its value.
	mark := []byte("\x0a\x08location\x12")
	found := map[string]bool{}
	b := bufio.NewReaderSize(f, 1<<20)
	for {
		part, err := b.Peek(1 << 20)
		at := bytes.Index(part, mark)
		if at < 0 {
			if errors.Is(err, io.EOF) {
				break
			}
			if _, err := b.Discard(len(part) - len(mark)); err != nil {
				break
			}
			continue
		}
		if _, err := b.Discard(at + len(mark)); err != nil {
			break
		}
		n, err := binary.ReadUvarint(b)
		if err != nil || n > 1<<16 {
			continue
		}
		name, err := b.Peek(int(n))
		if err == nil {
			found[filepath.Join(filepath.Dir(model), filepath.FromSlash(string(name)))] = true
		}
	}
	var names []string
	for name := range found {
		names = append(names, name)
	}
	return names
}
