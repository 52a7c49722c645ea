package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"krypton/internal/detect"
	"krypton/internal/engine"
	"krypton/internal/failure"
	"krypton/internal/graph"
	"krypton/internal/imagein"
	"krypton/internal/incremental"
	"krypton/internal/onnxload"
	"krypton/internal/prediction"
	"krypton/internal/region"
)

// modelOptions are the flags that concern a model and how pictures are prepared
// for it.
type modelOptions struct {
	model, input, layout, size, output, labels string
	cache                                      string
	dims, bind                                 []string
	maxBytes                                   string
	preset, order, resize                      string
	mean, std, window                          []float64
	scale, crop                                float64
	pad                                        int
	// typical is what the plan is made for, nil for whole runs.
	typical func(engine.Plane) []region.Rect
	// typicalFor stands for it: plans are kept for equal ones only.
	typicalFor string
	// store, if set, keeps what was loaded for the next one who asks.
	store *modelStore
	// precision is that of the plan's convolutions, "" for float32.
	precision string
	// bound are the inputs that --bind gave values, once the model is open.
	bound []boundValue
	// also, if set, is the precision of a second plan.
	also incremental.Precision
	// tau is that of the maps that the plan is for, 0 or 1 for exact regions, less
	// while it is not known.
	tau float64
	// dynamic makes a plan that change thresholds can be used with.
	dynamic bool
	// opened, if set, is called with the model's file before the plan is
	// made: what it configures may change these options.
	opened func(*modelFile) error
	// loaded, if set, is called with the model.
	loaded func(*graph.Graph)
}

func (o *modelOptions) addFlags(f *pflag.FlagSet) {
	f.StringVarP(&o.model, "model", "m", "", "ONNX `file`, or the name of a model (krypton model list; default: the built-in one)")
	o.addLoadFlags(f)
	f.StringVar(&o.labels, "labels", "", "`file` of class names: lines, synset lines, JSON or CSV")
	f.StringVar(&o.preset, "preset", "", "preprocessing: "+strings.Join(imagein.Presets, ", ")+" (default: the model's own, else imagenet)")
	f.Float64SliceVar(&o.mean, "mean", nil, "subtracted from each channel, after --pixel-scale")
	f.Float64SliceVar(&o.std, "std", nil, "divides each channel")
	f.Float64Var(&o.scale, "pixel-scale", 0, "multiplies pixels of 0 to 255, with fractions where the file's are deeper")
	f.StringVar(&o.order, "order", "", "channel order: rgb, bgr or gray")
	f.StringVar(&o.resize, "resize", "", "stretch, crop (short side, then centre) or letterbox")
	f.Float64Var(&o.crop, "crop-fraction", 0, "share of the resized short side that --resize crop keeps, 0.01 to 1")
	f.IntVar(&o.pad, "pad", 128, "gray that --resize letterbox lays around pictures, 0 to 255")
}

// addWindowFlag adds --window of commands that read pictures.
func (o *modelOptions) addWindowFlag(f *pflag.FlagSet) {
	f.Float64SliceVar(&o.window, "window", nil, "`LO,HI`: which of the file's own numbers are black and white (such as 0,4095), before --pixel-scale and the rest")
}

func (o *modelOptions) addLoadFlags(f *pflag.FlagSet) {
	f.StringVar(&o.input, "input", "", "`name` of the picture's input, if the model has several")
	f.StringVar(&o.output, "output", "", "`name` of the output that holds the scores (default: the first that can be made)")
	f.StringVar(&o.layout, "layout", "", "nchw or nhwc (default: told from the input's shape)")
	f.StringVar(&o.size, "size", "", "`HxW` of the input where the model leaves it open")
	f.StringSliceVar(&o.dims, "dim", nil, "a symbolic dimension as `NAME=N`")
	f.StringArrayVar(&o.bind, "bind", nil, "`NAME=VALUE` of another input: a number, which fills it, a list A,B,... or FILE.npy (several allowed)")
	f.StringVar(&o.maxBytes, "max-model-bytes", "2GiB", "largest model that is read, external data included")
	addCacheFlag(f, &o.cache)
}

// loadedModel is a model ready to run.
type loadedModel struct {
	file   *modelFile
	graph  *graph.Graph
	plan   *incremental.Plan
	second *incremental.Plan // of modelOptions.also
	// readings are known already.
	readings map[string]prediction.Reading
	own      bool // the model's file says the activation
	labels   []string
	pre      *imagein.Preprocess
	preset   string
	named    string // --output
	// noPictures says why the network cannot read pictures, but only tensors.
	noPictures error
	// bound are the values of other inputs than the picture's.
	bound []boundValue
	notes []string // what is doubtful about it
}

// open finds the model and lets its own file speak.
func (o *modelOptions) open(s *settings) (*modelFile, onnxload.Options, error) {
	limit, err := parseBytes(o.maxBytes)
	if err != nil {
		return nil, onnxload.Options{}, failure.Usagef("--max-model-bytes: %w", err)
	}
	file, err := o.store.open(o.model, o.cache, limit)
	if err != nil {
		return nil, onnxload.Options{}, err
	}
	s.inputs.addModel(file.path)
	s.inputs.add(file.cached, file.labelFile)
	if err := file.apply(s); err != nil {
		return nil, onnxload.Options{}, err
	}
	opt := onnxload.Options{MaxBytes: limit, Dims: map[string]int{}, Picture: true, Input: o.input, Layout: o.layout}
	if opt.Bind, o.bound, err = bindings(o.bind); err != nil {
		return nil, opt, err
	}
	s.inputs.add(boundFiles(o.bound)...)
	if o.output != "" && file.config.Detector == nil && file.says.Head == nil { // a detector's head may need others besides
		opt.Outputs = []string{o.output}
	}
	if o.size != "" {
		if opt.Size, err = pair(o.size); err != nil {
			return nil, opt, failure.Usagef("--size: %w", err)
		}
	}
	for _, d := range o.dims {
		name, value, _ := strings.Cut(d, "=")
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return nil, opt, failure.Usagef("--dim %q: want NAME=N", d)
		}
		opt.Dims[name] = n
	}
	if !slices.Contains([]string{"", "nchw", "nhwc"}, o.layout) {
		return nil, opt, failure.Usagef("--layout is %q, want nchw or nhwc", o.layout)
	}
	return file, opt, nil
}

// planKey stands for all that a plan is made from but the model's file.
func (o *modelOptions) planKey(s *settings) string {
	return fmt.Sprintf("%q", []string{s.flags.Lookup("kernels").Value.String(), o.input, o.output, o.layout, o.size, strings.Join(o.dims, ","), fmt.Sprint(o.bound), o.typicalFor, strconv.FormatBool(o.dynamic), o.precision, string(o.also), fmt.Sprint(o.tau)})
}

// plan loads and compiles.
func (o *modelOptions) plan(s *settings) (*modelFile, *graph.Graph, plans, error) {
	var made plans
	file, opt, err := o.open(s)
	if err != nil {
		return nil, nil, made, err
	}
	if o.opened != nil {
		if err := o.opened(file); err != nil {
			return nil, nil, made, err
		}
	}
	key := o.planKey(s)
	if g, p := o.store.plans(file, key); p.first != nil {
		if o.loaded != nil {
			o.loaded(g)
		}
		return file, g, p, nil
	}
	if file.data == nil { // the plan that is gone has used it up
		if file, err = o.store.openAgain(opt.MaxBytes); err != nil {
			return nil, nil, made, err
		}
	}
	g, err := file.load(opt)
	if err != nil {
		return nil, nil, made, err
	}
	if o.loaded != nil {
		o.loaded(g)
	}
	k, direct, err := s.kernels()
	if err != nil {
		return nil, nil, made, err
	}
	compile := func(precision incremental.Precision) (*incremental.Plan, error) {
		opt := incremental.CompileOptions{Kernels: k, Direct: direct, Input: o.input, Layout: o.layout, Typical: o.typical, Dynamic: o.dynamic, Precision: precision}
		if o.tau > 0 && o.tau < 1 {
			opt.Policy = incremental.Tau(o.tau)
		}
		p, err := incremental.Compile(g, opt)
		if err != nil {
			return nil, failure.Dataf("model %s: %w", file.name, err)
		}
		return p, nil
	}
	if made.first, err = compile(incremental.Precision(o.precision)); err != nil {
		return nil, nil, made, err
	}
	// A machine that lacks the precision makes the same plan again: no need.
	if o.also != "" && (o.precision == "" || made.first.Precision() != o.also) {
		if made.second, err = compile(o.also); err != nil {
			return nil, nil, made, err
		}
	}
	g.DropConstants() // the plan has packed them
	made.readings = map[string]prediction.Reading{}
	o.store.keep(key, g, made)
	return file, g, made, nil
}

// load makes a model ready for pictures.
func (o *modelOptions) load(s *settings) (*loadedModel, error) {
	file, g, made, err := o.plan(s)
	if err != nil {
		return nil, err
	}
	m := &loadedModel{file: file, graph: g, plan: made.first, second: made.second, readings: made.readings, own: file.config.Activation != "" && !s.given("activation"), named: o.output, preset: o.preset, bound: slices.Clone(o.bound)}
	for _, b := range g.Facts.Bound {
		m.bound = append(m.bound, boundValue{Input: b.Name, Value: strings.Trim(fmt.Sprint(b.Values), "[]")})
	}
	m.notes = append(m.notes, s.notes...)
	if m.labels, err = file.labels(o.labels, g); err != nil {
		return nil, err
	}
	m.tellLeft()
	for i, l := range m.labels {
		m.labels[i] = oneLine(l)
	}
	said := o.preset != "" || o.mean != nil || o.std != nil || o.scale != 0
	if m.preset == "" {
		m.preset = m.usualPreset()
	}
	pre, err := imagein.Preset(m.preset)
	if err != nil {
		return nil, failure.Usagef("--preset: %w", err)
	}
	// A single field overrides its preset.
	if o.mean != nil {
		pre.Mean = o.mean
	}
	if o.std != nil {
		pre.Std = o.std
	}
	if o.scale != 0 {
		pre.Scale = o.scale
	}
	if o.order != "" {
		pre.Order = o.order
	}
	if o.resize != "" {
		pre.Resize = o.resize
	}
	if o.crop != 0 {
		pre.CropFraction = o.crop
	}
	if o.pad < 0 || o.pad > 255 {
		return nil, failure.Usagef("--pad is %d, want a gray of 0 to 255", o.pad)
	}
	pre.Pad = uint8(o.pad)
	if pre.Window, err = o.pictureWindow(s); err != nil {
		return nil, err
	}
	plane := m.plan.InputPlane()
	if plane.C != 3 && len(pre.Mean) == 3 && o.mean == nil { // a preset for colour on a gray network
		pre.Mean, pre.Std = pre.Mean[1:2], pre.Std[min(1, len(pre.Std)):min(2, len(pre.Std))]
	}
	if plane.H*plane.W == 1 {
		return nil, failure.Dataf("model %s: input %q of shape %v is no picture", file.name, g.Values[g.Inputs[0]].Name, g.Values[g.Inputs[0]].Info.Shape)
	}
	if err := pre.Validate(plane.C); err != nil {
		if plane.C == 1 || plane.C == 3 {
			return nil, failure.Usagef("preprocessing: %w", err)
		}
		m.noPictures = failure.Dataf("model %s: %w; give it .npy tensors", file.name, err)
	}
	m.pre = &pre
	if err := m.wholePixels(said); err != nil && m.noPictures == nil {
		return nil, err
	}
	return m, nil
}

// tellLeft notes what the loader did otherwise than the file says, and that the output
// that would have been taken cannot be made.
func (m *loadedModel) tellLeft() {
	f := &m.graph.Facts
	for i, note := range f.Notes {
		if more := len(f.Notes) - i; i == 2 && more > 1 {
			m.notes = append(m.notes, fmt.Sprintf("and %d more nodes likewise", more))
			break
		}
		m.notes = append(m.notes, note)
	}
	if m.named != "" || len(f.Left) == 0 || len(f.Outputs) == 0 {
		return
	}
	first := f.Outputs[0].Name
	if i := slices.IndexFunc(f.Left, func(u graph.Unmade) bool { return u.Name == first }); i >= 0 {
		m.notes = append(m.notes, fmt.Sprintf("output %q cannot be made (%s): the scores are those of %q", first, f.Left[i].Why, m.plan.Outputs()[0]))
	}
}

// pictureWindow is --window, nil if there is none. The frames of videos have eight bits
// when they come: a model that wants a window cannot have one there.
func (o *modelOptions) pictureWindow(s *settings) (*imagein.Window, error) {
	switch {
	case len(o.window) == 2:
		return &imagein.Window{Lo: o.window[0], Hi: o.window[1]}, nil
	case len(o.window) != 0:
		return nil, failure.Usagef("--window has %d numbers, want LO,HI", len(o.window))
	case s.model["window"] != nil:
		return nil, failure.Usagef("the model's preprocessing has a window: it is for pictures, frames of videos are read in eight bits")
	}
	return nil, nil
}

// output is the index of the output that holds the scores.
func (m *loadedModel) output() (int, error) {
	names := m.plan.Outputs()
	if m.named == "" {
		return 0, nil
	}
	if i := slices.Index(names, m.named); i >= 0 {
		return i, nil
	}
	return 0, failure.As(failure.Usage, errors.New("--output "+strconv.Quote(m.named)+": the model has "+strings.Join(names, ", ")))
}

// outputs are the network's outputs without numbers.
func (m *loadedModel) outputs() []detect.Output {
	var l []detect.Output
	for i, name := range m.plan.Outputs() {
		l = append(l, detect.Output{Name: name, Shape: m.plan.OutputShape(i)})
	}
	return l
}

// detector describes the detector's head: as the model's own file has it, or else as
// the metadata and the outputs let it be recognized; nil if there is none.
func (m *loadedModel) detector() (*detect.Spec, error) {
	if m.file.config.Detector != nil || m.file.says.Head == nil {
		return m.file.config.Detector, nil
	}
	spec, err := detect.Recognize(*m.file.says.Head, m.outputs(), len(m.labels))
	if err != nil {
		return nil, failure.Dataf("model %s: %w; describe the head as 'detector:' in %s (see docs/video.md)", m.file.name, err, m.file.where)
	}
	return spec, nil
}

// label is a class's name, "" if it has none.
func (m *loadedModel) label(class int) string {
	if class < len(m.labels) {
		return m.labels[class]
	}
	if v := m.file.config.Value; v != nil && len(m.labels) == 0 {
		return v.Name
	}
	return ""
}

// pair reads N or HxW in pixels.
func pair(s string) ([2]int, error) {
	a, b, two := strings.Cut(s, "x")
	if !two {
		b = a
	}
	h, e1 := strconv.Atoi(a)
	w, e2 := strconv.Atoi(b)
	if e1 != nil || e2 != nil || h < 1 || w < 1 || h > 1<<20 || w > 1<<20 {
		return [2]int{}, fmt.Errorf("%q is not a size: want a number from 1 on, or two as HxW", s)
	}
	return [2]int{h, w}, nil
}
