package main

import (
	"context"
	"strings"

	"github.com/spf13/pflag"

	"krypton/internal/failure"
	"krypton/internal/flagvalue"
	"krypton/internal/graph"
	"krypton/internal/imagein"
	"krypton/internal/limits"
	"krypton/internal/model"
)

// modelOptions are the flags that concern a model and how pictures are prepared
// for it.
type modelOptions struct {
	model, input, layout, size, output, labels string
	cache                                      string
	dims, bind, with                           []string
	maxBytes                                   string
	preset, order, resize, interpolation       string
	mean, std                                  []float64
	view                                       imagein.View
	scale, crop                                float64
	pad                                        int
	// parts says that --output may name a part of an output.
	parts bool
	// later says that files of --with may come with questions.
	later bool
	// more, if set, adds to what plans for videos must be able to do.
	more func(*model.Need)
	// models, if set, keeps what is loaded for the next one who asks.
	models *model.Cache
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
	f.StringVar(&o.resize, "resize", "", "stretch, squash (stretch to more, then centre), crop (short side, then centre) or letterbox")
	f.Float64Var(&o.crop, "crop-fraction", 0, "share of the resized short side that --resize crop keeps, or of both sides that squash keeps, 0.01 to 1")
	f.StringVar(&o.interpolation, "interpolation", "", "how pictures are resized, over all pixels that one covers: bilinear (the default) or bicubic, as many of timm's and Hugging Face's models were trained")
	f.IntVar(&o.pad, "pad", 128, "gray that --resize letterbox lays around pictures, 0 to 255")
}

// unnamed is said where nobody named a model: whoever forgot to gets answers all the same.
const unnamed = "krypton: no --model: the built-in one answers, a demonstration that knows twelve drawn shapes and nothing else"

// addWithFlag adds --with of commands that occlude.
func (o *modelOptions) addWithFlag(f *pflag.FlagSet) {
	f.StringArrayVar(&o.with, "with", nil, "`NAME=FILE` of another input that is a picture of the same place: it is covered where the picture is ({name} in FILE stands for the picture; ,fill=black and others behind it say what is otherwise than for the picture, fill=none holds it; several allowed)")
}

// addServedWithFlag adds --with of a server, whose pictures come with questions.
func (o *modelOptions) addServedWithFlag(f *pflag.FlagSet) {
	f.StringArrayVar(&o.with, "with", nil, "`NAME=FILE` of another input that is a picture of the same place, as for obe: FILE is one of FOLDER ({name} in it stands for the picture); NAME= where each question names it")
}

// withs are the inputs of --with.
func (o *modelOptions) withs() ([]model.With, error) { return model.ParseWiths(o.with, o.later) }

// withFiles are the files of inputs that are covered together with the picture's, for one
// picture.
func withFiles(with []model.With, picture string) []string {
	var files []string
	for _, w := range with {
		files = append(files, w.For(picture))
	}
	return files
}

// addWindowFlag adds --window of commands that read pictures.
func (o *modelOptions) addWindowFlag(f *pflag.FlagSet) {
	f.StringSlice("window", nil, "which of the file's own numbers are black and white, before --pixel-scale and the rest: `LO,HI` (such as 0,4095), of DICOM files CENTER,WIDTH, or one of the file's windows by number or name; auto (the default: all that they can be, of DICOM files the first window), full (from the least to the greatest) or none (DICOM: the numbers themselves)")
	flagvalue.Check(f, "window", func(texts []string) (err error) {
		o.view, err = imagein.ParseView(strings.Join(texts, ","))
		return err
	})
}

func (o *modelOptions) addLoadFlags(f *pflag.FlagSet) {
	f.StringVar(&o.input, "input", "", "`name` of the picture's input, if the model has several")
	f.StringVar(&o.output, "output", "", "`name` of the output that holds the scores, or of a value within the network (default: the first output that can be made)")
	f.StringVar(&o.layout, "layout", "", "nchw or nhwc, or of series one of "+strings.Join(graph.SeriesLayouts, ", ")+" (default: told from the input's shape)")
	f.StringVar(&o.size, "size", "", "`HxW` of the input where the model leaves it open, or a series' length")
	f.StringSliceVar(&o.dims, "dim", nil, "a symbolic dimension as `NAME=N`")
	f.StringArrayVar(&o.bind, "bind", nil, "`NAME=VALUE` of another input: a number, which fills it, a list A,B,... or FILE.npy (several allowed)")
	f.StringVar(&o.maxBytes, "max-model-bytes", "2GiB", "largest model that is read, external data included")
	addCacheFlag(f, &o.cache)
}

// open finds the model and lets its own file speak: settings, flags and options of
// loading are complete then.
func (o *modelOptions) open(ctx context.Context, s *settings) (*model.File, model.LoadOptions, error) {
	none := model.LoadOptions{}
	limit, err := limits.ParseBytes(o.maxBytes)
	if err != nil {
		return nil, none, failure.Usagef("--max-model-bytes: %w", err)
	}
	file, err := o.models.Open(ctx, o.model, model.OpenOptions{Cache: o.cache, MaxBytes: limit, Public: publicModels})
	if err != nil {
		return nil, none, hinted(err)
	}
	s.inputs.AddModel(file.Path)
	s.inputs.Add(file.Cached, file.LabelFile)
	if err := applyModel(s, file); err != nil {
		return nil, none, err
	}
	opt, err := o.loadOptions()
	s.inputs.Add(model.Files(opt.Bound)...)
	return file, opt, err
}

// part is what --output says: an output's name, and ranges of indices in brackets behind
// it, if there are any.
func (o *modelOptions) part() (name, ranges string) {
	at := strings.LastIndexByte(o.output, '[')
	if !o.parts || at < 0 || !strings.HasSuffix(o.output, "]") {
		return o.output, ""
	}
	return o.output[:at], o.output[at+1 : len(o.output)-1]
}

// loadOptions are the flags that say how a file becomes a network.
func (o *modelOptions) loadOptions() (opt model.LoadOptions, err error) {
	name, _ := o.part()
	opt = model.LoadOptions{Input: o.input, Layout: o.layout, Output: name}
	if opt.Bind, opt.Bound, err = model.Bindings(o.bind); err != nil {
		return opt, hinted(err)
	}
	if o.size != "" {
		if opt.Size, err = model.ParsePixels(o.size); err != nil {
			return opt, failure.Usagef("--size: %w", err)
		}
	}
	with, err := o.withs()
	if err != nil {
		return opt, hinted(err)
	}
	for _, w := range with {
		opt.With = append(opt.With, w.Input)
	}
	if opt.Dims, err = model.ParseDims(o.dims); err == nil {
		err = opt.Check()
	}
	return opt, hinted(err)
}

// network loads an opened model.
func (o *modelOptions) network(ctx context.Context, file *model.File, opt model.LoadOptions) (*model.Network, error) {
	n, err := o.models.Load(ctx, file, opt)
	return n, hinted(err)
}

// plan makes plans of a network by the kernels that the flags name.
func (o *modelOptions) plan(ctx context.Context, s *settings, n *model.Network, need model.Need) (*model.Plans, error) {
	k, direct, err := s.kernels()
	if err != nil {
		return nil, err
	}
	need.Kernels, need.Direct = k.Name, need.Direct || direct
	made, err := o.models.Plan(ctx, n, need)
	return made, hinted(err)
}

// loaded opens and loads.
func (o *modelOptions) loaded(ctx context.Context, s *settings) (*model.Network, error) {
	file, opt, err := o.open(ctx, s)
	if err != nil {
		return nil, err
	}
	return o.network(ctx, file, opt)
}

// planned opens, loads and plans.
func (o *modelOptions) planned(ctx context.Context, s *settings, need model.Need) (*model.Network, *model.Plans, error) {
	n, err := o.loaded(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	made, err := o.plan(ctx, s, n, need)
	return n, made, err
}

// prepare makes a network ready for pictures.
func (o *modelOptions) prepare(ctx context.Context, s *settings, n *model.Network, need model.Need) (*model.Model, error) {
	made, err := o.plan(ctx, s, n, need)
	if err != nil {
		return nil, err
	}
	with, err := o.withs()
	if err != nil {
		return nil, hinted(err)
	}
	m, err := n.Prepare(made, model.Preparation{With: with, Labels: o.labels, Activation: !s.given("activation"),
		Preset: o.preset, Order: o.order, Resize: o.resize, Interpolation: o.interpolation, Mean: o.mean, Std: o.std, Scale: o.scale, Crop: o.crop, Pad: o.pad, View: o.view, Said: s.said(), Notes: s.notes})
	return m, hinted(err)
}

// load makes a model ready for whole runs on pictures.
func (o *modelOptions) load(ctx context.Context, s *settings) (*model.Model, error) {
	n, err := o.loaded(ctx, s)
	if err != nil {
		return nil, err
	}
	var need model.Need
	if o.more != nil {
		o.more(&need)
	}
	return o.prepare(ctx, s, n, need)
}
