// Package onnxload reads ONNX files: bytes in, a typed graph out. A file is
// hostile until it is checked; every error names the file, and the node and
// operator where there is one.
package onnxload

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"krypton/internal/graph"
	"krypton/internal/pages"
	"krypton/internal/regular"
	"krypton/internal/tensor"
)

// Options steers Load.
type Options struct {
	// MaxBytes bounds the file and all its external data together, and the
	// constants that are computed from them; 0 means DefaultMaxBytes.
	MaxBytes int64
	// Dims gives numbers for symbolic dimensions.
	Dims map[string]int
	// Shapes gives whole shapes for inputs, by name; entries of 0 keep what
	// the file says.
	Shapes map[string][]int
	// Size gives height and width of an image input whose size is symbolic.
	Size [2]int
	// Bind makes constants of inputs. Numbers are converted to the input's type, a
	// scalar fills its shape, a list fits any shape of as many elements.
	Bind map[string]*tensor.Tensor
	// Picture says that one input is a picture, Input which ("" for the only one that
	// is left), and Layout where its channels are (nchw, nhwc, "" to tell from the
	// shape). It is taken as float32, whatever the file has it of, and inputs that
	// exporters always call so get the values that a picture of its size has.
	Picture       bool
	Input, Layout string
	// With names inputs that are pictures of the same place, beside Input: all of them
	// become one input, whose channels are theirs one behind the other, the picture's
	// first (graph.Joined says which are whose).
	With []string
	// Outputs names the outputs that are asked for, or values that nodes within the graph
	// make; nil for all outputs that can be made.
	Outputs []string
}

// DefaultMaxBytes is the default limit of a model's size.
const DefaultMaxBytes = 2 << 30

// ErrShape says that an input's shape is not fully known; the error says which
// dimensions are missing.
var ErrShape = errors.New("input shape is not known")

// ErrSize says that a size is given for a picture whose own, another, the file says.
var ErrSize = errors.New("the model has no size")

// ErrOutput says that an output is asked for that the model does not have.
var ErrOutput = errors.New("there is no output")

// ErrInput says that an input is named that the model does not have.
var ErrInput = errors.New("there is no input")

// Load reads a model file.
func Load(path string, opt Options) (*graph.Graph, error) {
	data, err := Read(path, opt.MaxBytes)
	if err != nil {
		return nil, err
	}
	return LoadBytes(data, path, filepath.Dir(path), opt)
}

// Read reads a model file of bounded size. What is not a regular file is
// refused without waiting for it.
func Read(path string, maxBytes int64) ([]byte, error) {
	if maxBytes <= 0 {
		maxBytes = DefaultMaxBytes
	}
	name := regular.Name(path)
	f, i, err := regular.Open(path)
	switch {
	case errors.Is(err, regular.ErrNot):
		return nil, fmt.Errorf("model %s: %w: %w", name, ErrModel, err)
	case err != nil:
		return nil, fmt.Errorf("model %s: %w", name, err)
	}
	defer f.Close()
	if i.Size() > maxBytes {
		return nil, fmt.Errorf("model %s: %w: %d bytes are more than the limit of %d", name, ErrModel, i.Size(), maxBytes)
	}
	data := pages.Bytes(int(i.Size()))
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("model %s: %w: %w", name, ErrModel, err)
	}
	return data, nil
}

// LoadBytes reads a model from memory. name is for messages; dir is where
// external data may lie, "" for nowhere.
func LoadBytes(data []byte, name, dir string, opt Options) (g *graph.Graph, err error) {
	if opt.MaxBytes <= 0 {
		opt.MaxBytes = DefaultMaxBytes
	}
	defer func() {
		if r := recover(); r != nil {
			g, err = nil, fmt.Errorf("%w: %v", ErrModel, r)
		}
		if err != nil {
			err = fmt.Errorf("model %s: %w", regular.Name(name), err)
		}
	}()
	if len(data) == 0 {
		return nil, fmt.Errorf("%w: the file is empty", ErrModel)
	}
	p := &parser{external: &external{dir: dir, limit: opt.MaxBytes}}
	m, err := p.model(data)
	if err != nil {
		return nil, err
	}
	nodes, e := len(m.graph.nodes), newExpander(m)
	if err := e.graph(m.graph); err != nil {
		return nil, err
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	b := newBuilder(m, e, opt)
	b.g.Facts.Nodes, b.bfloat16 = nodes, p.bfloat16
	if err := b.choose(); err != nil {
		return nil, err
	}
	if err := b.begin(); err != nil {
		return nil, err
	}
	if err := b.decode(b.pending(m.graph, b.needs)); err != nil {
		return nil, err
	}
	return b.finish(name)
}

// InputNames gives the names of a model's inputs that are not initializers, in
// the file's order.
func InputNames(data []byte) ([]string, error) {
	m, err := (&parser{external: &external{}}).model(data)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, v := range m.graph.inputs {
		if m.graph.initializers[v.name] == nil {
			names = append(names, v.name)
		}
	}
	return names, nil
}
