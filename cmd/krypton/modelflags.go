package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"krypton/internal/engine"
	"krypton/internal/failure"
	"krypton/internal/graph"
	"krypton/internal/imagein"
	"krypton/internal/incremental"
	"krypton/internal/model"
	"krypton/internal/onnxload"
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
	bound []model.Bound
	// also, if set, is the precision of a second plan.
	also incremental.Precision
	// tau is that of the maps that the plan is for, 0 or 1 for exact regions, less
	// while it is not known.
	tau float64
	// dynamic makes a plan that change thresholds can be used with.
	dynamic bool
	// opened, if set, is called with the model's file before the plan is
	// made: what it configures may change these options.
	opened func(*model.File) error
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

// open finds the model and lets its own file speak.
func (o *modelOptions) open(s *settings) (*model.File, onnxload.Options, error) {
	limit, err := parseBytes(o.maxBytes)
	if err != nil {
		return nil, onnxload.Options{}, failure.Usagef("--max-model-bytes: %w", err)
	}
	file, err := o.store.open(o.model, o.cache, limit)
	if err != nil {
		return nil, onnxload.Options{}, err
	}
	s.inputs.addModel(file.Path)
	s.inputs.add(file.Cached, file.LabelFile)
	if err := applyModel(s, file); err != nil {
		return nil, onnxload.Options{}, err
	}
	opt := onnxload.Options{MaxBytes: limit, Dims: map[string]int{}, Picture: true, Input: o.input, Layout: o.layout}
	if opt.Bind, o.bound, err = model.Bindings(o.bind); err != nil {
		return nil, opt, hinted(err)
	}
	s.inputs.add(model.Files(o.bound)...)
	if o.output != "" && file.Config.Detector == nil && file.Says.Head == nil { // a detector's head may need others besides
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
func (o *modelOptions) plan(s *settings) (*model.File, *graph.Graph, *model.Plans, error) {
	file, opt, err := o.open(s)
	if err != nil {
		return nil, nil, nil, err
	}
	if o.opened != nil {
		if err := o.opened(file); err != nil {
			return nil, nil, nil, err
		}
	}
	key := o.planKey(s)
	if g, p := o.store.plans(file, key); p != nil {
		if o.loaded != nil {
			o.loaded(g)
		}
		return file, g, p, nil
	}
	if file.Loaded() { // the plan that is gone has used it up
		if file, err = o.store.openAgain(opt.MaxBytes); err != nil {
			return nil, nil, nil, err
		}
	}
	g, err := file.Load(opt)
	if err != nil {
		return nil, nil, nil, hinted(err)
	}
	if o.loaded != nil {
		o.loaded(g)
	}
	k, direct, err := s.kernels()
	if err != nil {
		return nil, nil, nil, err
	}
	compile := func(precision incremental.Precision) (*incremental.Plan, error) {
		opt := incremental.CompileOptions{Kernels: k, Direct: direct, Input: o.input, Layout: o.layout, Typical: o.typical, Dynamic: o.dynamic, Precision: precision}
		if o.tau > 0 && o.tau < 1 {
			opt.Policy = incremental.Tau(o.tau)
		}
		p, err := incremental.Compile(g, opt)
		if err != nil {
			return nil, failure.Dataf("model %s: %w", file.Name, err)
		}
		return p, nil
	}
	first, err := compile(incremental.Precision(o.precision))
	if err != nil {
		return nil, nil, nil, err
	}
	var second *incremental.Plan
	// A machine that lacks the precision makes the same plan again: no need.
	if o.also != "" && (o.precision == "" || first.Precision() != o.also) {
		if second, err = compile(o.also); err != nil {
			return nil, nil, nil, err
		}
	}
	g.DropConstants() // the plan has packed them
	made := model.NewPlans(first, second)
	o.store.keep(key, g, made)
	return file, g, made, nil
}

// load makes a model ready for pictures.
func (o *modelOptions) load(s *settings) (*model.Model, error) {
	file, g, made, err := o.plan(s)
	if err != nil {
		return nil, err
	}
	m, err := model.New(file, g, made, model.Preparation{Labels: o.labels, Output: o.output, Activation: !s.given("activation"),
		Preset: o.preset, Order: o.order, Resize: o.resize, Mean: o.mean, Std: o.std, Scale: o.scale, Crop: o.crop, Pad: o.pad, Window: o.window, Bound: o.bound, Notes: s.notes})
	return m, hinted(err)
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
