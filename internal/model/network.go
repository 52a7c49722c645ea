package model

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"krypton/internal/detect"
	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/failure"
	"krypton/internal/graph"
	"krypton/internal/incremental"
	"krypton/internal/obe"
	"krypton/internal/onnxload"
	"krypton/internal/prediction"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

// LoadOptions say how a file becomes a network.
type LoadOptions struct {
	// Input names the picture's input, "" for the only one; Layout is nchw, nhwc or ""
	// to tell from the shape.
	Input, Layout string
	// Output names the one that holds the scores, "" for the first that can be made.
	Output string
	// Size is height and width of an input that leaves them open, Dims are symbolic
	// dimensions.
	Size [2]int
	Dims map[string]int
	// Bind are the values of other inputs by their names, Bound what there is to say of
	// them (Bindings gives both).
	Bind  map[string]*tensor.Tensor
	Bound []Bound
	// With are inputs that are pictures of the same place as Input's: all of them are
	// joined to one.
	With []string
}

// key stands for all of them: what Bind has, Bound tells.
func (o *LoadOptions) key() string {
	return fmt.Sprintf("%q %v %v %q %q", []string{o.Input, o.Layout, o.Output}, o.Size, o.Dims, o.Bound, o.With)
}

// Network is the graph of a model's file. It is safe for several at once.
type Network struct {
	File *File
	// Graph is its outline: constants have no values.
	Graph *graph.Graph

	opt  LoadOptions
	mu   sync.Mutex
	full *graph.Graph // until a plan is made of it
	// program is the last one that was made, for kernels of a name and ways of convolutions.
	program     *incremental.Program
	programsFor string
}

// Load builds the graph. The file's bytes are let go of, and read again by the next Load.
func (m *File) Load(opt LoadOptions) (*Network, error) {
	g, err := m.load(opt)
	if err != nil {
		return nil, err
	}
	return &Network{File: m, Graph: g.Outline(), opt: opt, full: g}, nil
}

func (m *File) load(opt LoadOptions) (*graph.Graph, error) {
	data, err := m.take()
	if err != nil {
		return nil, err
	}
	dir := ""
	if m.Path != "" {
		dir = filepath.Dir(m.Path)
	}
	o := onnxload.Options{MaxBytes: m.key.maxBytes, Dims: opt.Dims, Size: opt.Size, Picture: true, Input: opt.Input, Layout: opt.Layout, Bind: opt.Bind, With: opt.With}
	if opt.Output != "" && m.Config.Detector == nil && m.Says.Head == nil { // a detector's head may need others besides
		o.Outputs = []string{opt.Output}
	}
	g, err := onnxload.LoadBytes(data, m.Name, dir, o)
	return g, loadError(err)
}

// MostPatches is how many sizes of patches a plan can be made for.
const MostPatches = 16

// Need says what a plan is for. Its zero value is whole runs in float32 by the best
// kernels. Plans for equal needs are equal.
type Need struct {
	// Patches, up to the first that is zero, moved by Stride are the changes that the
	// plan is to be fast for.
	Patches [MostPatches]obe.Patch
	Stride  obe.Size
	// Tau is that of the maps that the plan is for, 0 or 1 for exact regions.
	Tau float64
	// Dynamic makes a plan that change thresholds can be used with.
	Dynamic bool
	// Precision is that of the plan's convolutions, "" for float32; Also, if it is
	// another, that of a second plan: one in float32 is for exact maps.
	Precision, Also incremental.Precision
	// Kernels names a set, "" for the best one; Direct does without Winograd's
	// convolutions.
	Kernels string
	Direct  bool
	// Program asks for the program that other devices make their own plan of: in the ways of the
	// plan, so that both have the same bits, if that is in float32.
	Program bool
}

// For gives the need of patches, of which there are at most MostPatches.
func (n Need) For(patches []obe.Patch, stride obe.Size) Need {
	n.Patches, n.Stride = [MostPatches]obe.Patch{}, stride
	copy(n.Patches[:], patches)
	return n
}

// typical are the changes that the plan is to be fast for, nil for whole runs.
func (n *Need) typical() func(engine.Plane) []region.Rect {
	patches := n.Patches[:]
	if i := slices.Index(patches, obe.Patch{}); i >= 0 {
		patches = patches[:i]
	}
	if len(patches) == 0 {
		return nil
	}
	return obe.Typical(patches, n.Stride)
}

// Plans are a network's: for the work, and a second one in another precision if there is
// need of it, else nil. They are safe for several at once.
type Plans struct {
	First, Second *incremental.Plan
	Program       *incremental.Program // if there is need of it, else nil
	readings      memo[readingKey, prediction.Reading]
}

// bytes is the memory of the plans: their weights, and the views of a picture that they
// keep for the next one.
func (p *Plans) bytes() int64 {
	n := p.First.WeightBytes() + p.First.ViewBytes()
	if p.Second != nil {
		n += p.Second.WeightBytes() + p.Second.ViewBytes()
	}
	return n
}

// shed says that plans are kept whole or not at all: those in use stay as they are.
func (p *Plans) shed() (gone bool) { return true }

// Plan makes plans. The weights, which they have packed then, are let go of; for other
// plans the file is read again.
func (n *Network) Plan(need Need) (*Plans, error) {
	kernels, err := asm.Named(need.Kernels)
	if err != nil {
		return nil, failure.As(failure.Usage, err)
	}
	n.mu.Lock()
	g := n.full
	n.full = nil
	n.mu.Unlock()
	if g == nil {
		if g, err = n.File.load(n.opt); err != nil {
			return nil, err
		}
	}
	input, layout := n.opt.Input, n.opt.Layout
	if g.Joined != nil {
		input, layout = "", "nchw"
	}
	compile := func(precision incremental.Precision, exact bool) (*incremental.Plan, error) {
		opt := incremental.CompileOptions{Kernels: kernels, Direct: need.Direct, Input: input, Layout: layout, Typical: need.typical(), Dynamic: need.Dynamic && !exact, Precision: precision}
		if need.Tau > 0 && need.Tau < 1 && !exact {
			opt.Policy = incremental.Tau(need.Tau)
		}
		p, err := incremental.Compile(g, opt)
		if err != nil {
			return nil, failure.Dataf("model %s: %w", n.File.Name, err)
		}
		return p, nil
	}
	made := &Plans{}
	if made.First, err = compile(need.Precision, false); err != nil {
		return nil, err
	}
	// A machine that lacks the precision makes the same plan again: no need.
	if need.Also != "" && made.First.Precision() != need.Also {
		made.Second, err = compile(need.Also, need.Also == incremental.FP32)
	}
	if err != nil {
		return nil, err
	}
	if need.Program {
		n.mu.Lock()
		defer n.mu.Unlock()
		// Plans for other patches share it where their ways are the same: a device holds it once.
		like := made.First
		if like.Precision() != incremental.FP32 {
			like = nil
		}
		if of := fmt.Sprint(kernels.Name, like.Tiles()); n.program == nil || n.programsFor != of {
			if n.program, err = incremental.Lower(g, incremental.CompileOptions{Kernels: kernels, Input: input, Layout: layout, Like: like}); err != nil {
				return nil, failure.Dataf("model %s: %w", n.File.Name, err)
			}
			n.programsFor = of
		}
		made.Program = n.program
	}
	g.DropConstants() // steps may hold on to the graph
	return made, nil
}

// bytes is the memory of the constants, if they are there still.
func (n *Network) bytes() int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.full == nil {
		return 0
	}
	return 4 * n.Graph.Facts.Parameters
}

// room is about the memory that plans take beside what bytes counts: their weights are
// the constants.
func (n *Network) room() int64 {
	if n.bytes() > 0 {
		return 0
	}
	return 4 * n.Graph.Facts.Parameters
}

// shed lets go of the constants, which can be loaded again.
func (n *Network) shed() (gone bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.full, n.program = nil, nil
	return false
}

// Labels are Preparation.Labels, or else the model's own names of classes.
func (n *Network) Labels(path string) ([]string, error) { return n.File.labels(path, n.Graph) }

// Detector describes the detector's head: as the model's own file has it, or else as
// the metadata and the outputs of a plan let it be recognized with so many names of
// classes; nil if there is none.
func (n *Network) Detector(p *incremental.Plan, names int) (*detect.Spec, error) {
	f := n.File
	if f.Config.Detector != nil || f.Says.Head == nil {
		return f.Config.Detector, nil
	}
	spec, err := detect.Recognize(*f.Says.Head, OutputsOf(p), names)
	if err != nil {
		return nil, failure.Dataf("model %s: %w; describe the head as 'detector:' in %s (see docs/video.md)", f.Name, err, f.Where)
	}
	return spec, nil
}

// OutputsOf are a plan's outputs without numbers.
func OutputsOf(p *incremental.Plan) []detect.Output {
	var l []detect.Output
	for i, name := range p.Outputs() {
		l = append(l, detect.Output{Name: name, Shape: p.OutputShape(i)})
	}
	return l
}
