// Package inputs finds the files that a run reads, by arguments, patterns, folders and
// lists, and keeps outputs from taking their place.
package inputs

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

	"go.yaml.in/yaml/v3"

	"krypton/internal/atomicfile"
	"krypton/internal/failure"
	"krypton/internal/model"
	"krypton/internal/regular"
	"krypton/internal/wfdb"
)

// Set is the files that a run reads, or will: none of them is ever replaced by
// an output, whatever name or link leads to it and whatever may be replaced. They are known
// before any output is opened.
type Set struct {
	mu     sync.Mutex
	names  []string        // that are not looked at yet: only where something would be replaced
	models []string        // whose external data is not looked for yet
	seen   map[string]bool // models that were added
	known  map[any]bool
	rest   []fs.FileInfo // where files have no identity that can be looked up
}

// AddArgument takes what an argument of the command line stands for: a file, the
// pictures of a folder or pattern, a list, a model.
func (r *Set) AddArgument(arg string) {
	if strings.EqualFold(filepath.Ext(arg), ".onnx") {
		r.AddModel(arg)
	}
	r.Add(arg)
	if list, ok := strings.CutPrefix(arg, "@"); ok {
		r.AddList(list, '\n')
	}
	names, err := filepath.Glob(arg)
	if i, e := os.Stat(arg); e == nil && i.IsDir() {
		names, err = filepath.Glob(filepath.Join(arg, "*")) // a folder with * in its name holds others too
	}
	for _, name := range names {
		if base := filepath.Base(name); err == nil && (isPicture(base) || slices.ContainsFunc(recordingEndings, func(e []string) bool { return ofRecordings(base, e) })) {
			r.Add(name)
		}
	}
}

// AddList takes a list of names, and the files that it names. A list that comes by a
// pipe is read once only, which is later.
func (r *Set) AddList(path string, end byte) {
	r.Add(path)
	if i, err := os.Stat(path); err != nil || !i.Mode().IsRegular() {
		return
	}
	if names, err := readList(path, end, nil); err == nil { // else reading it says so
		r.Add(names...)
	}
}

// AddModel takes a model's file with what lies beside it.
func (r *Set) AddModel(path string) {
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
	r.Add(path)
	r.Add(model.Beside(path)...)
	beside := model.ConfigPath(path)
	r.Add(beside)
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
			r.Add(filepath.Join(filepath.Dir(path), n.Value))
		}
	}
}

// Add takes files; "" is none.
func (r *Set) Add(paths ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names = append(r.names, paths...)
}

// look takes what the names that were added lead to by now. What is not there, or no
// regular file, is passed over.
func (r *Set) look() {
	for _, m := range r.models {
		r.names = append(r.names, externalData(m)...)
	}
	for _, name := range r.names {
		if name, _ = regular.SplitPart(name); wfdb.Is(name) {
			r.names = append(r.names, besideHeader(name)...)
		}
	}
	for _, name := range r.names {
		name, _ = regular.SplitPart(name)
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

// besideHeader are the files of samples of a WFDB record.
func besideHeader(name string) []string {
	f, _, err := regular.Open(name)
	if err != nil {
		return nil // reading it says so
	}
	defer f.Close()
	dir := filepath.Dir(name)
	var files []string
	open := func(beside string) (io.ReadCloser, error) {
		f, _, err := regular.Open(filepath.Join(dir, beside))
		return f, err
	}
	for _, beside := range wfdb.Files(f, open) {
		files = append(files, filepath.Join(dir, beside))
	}
	return files
}

// holds says whether a path leads to an input.
func (r *Set) holds(path string) bool {
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

// Check fails if an output would replace an input. nil knows no inputs.
func (r *Set) Check(path string) error {
	if r == nil || !r.holds(path) {
		return nil
	}
	return failure.CantCreatef("%s is an input: it is not overwritten", path)
}

// CheckFolder is Check for a folder that would be replaced with all in it.
func (r *Set) CheckFolder(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil // it is not there, or not to be replaced
	}
	for _, e := range entries {
		if err := r.Check(filepath.Join(path, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// CheckOutput says before any work whether a file can be written, and may be.
func (r *Set) CheckOutput(path string, force bool) error {
	if err := r.Check(path); err != nil {
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
