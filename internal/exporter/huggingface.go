package exporter

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"krypton/internal/labels"
)

// What Hugging Face's libraries write beside a model's weights.
const (
	processorFile = "preprocessor_config.json" // how pictures are prepared
	configFile    = "config.json"              // what the network is, and its classes
)

// Beside are the files that may lie beside a model's own and say something of it.
func Beside() []string { return []string{processorFile, configFile} }

// object is a JSON object, and what is wrong with it, if anything.
type object map[string]any

func readObject(data []byte) (o object, err error) {
	err = json.Unmarshal(data, &o)
	return o, err
}

func (o object) text(key string) string { s, _ := o[key].(string); return s }

func (o object) object(key string) object { m, _ := o[key].(map[string]any); return m }

// yes is a truth value, or what is taken where there is none.
func (o object) yes(key string, other bool) bool {
	if v, ok := o[key].(bool); ok {
		return v
	}
	return other
}

// number is 0 where there is none.
func (o object) number(key string) float64 { f, _ := o[key].(float64); return f }

// edge is a number of pixels, 0 where there is none that could be one.
func edge(v any) int {
	if f, ok := v.(float64); ok && f >= 1 && f <= 1<<16 && f == math.Trunc(f) {
		return int(f)
	}
	return 0
}

// numbers is one number or three, nil where there is something else.
func (o object) numbers(key string) []float64 {
	list, ok := o[key].([]any)
	if f, one := o[key].(float64); one {
		list, ok = []any{f}, true
	}
	if !ok || len(list) != 1 && len(list) != 3 {
		return nil
	}
	out := make([]float64, len(list))
	for i, v := range list {
		if out[i], ok = v.(float64); !ok {
			return nil
		}
	}
	return out
}

// beside reads the files beside the model, of which what its own metadata say goes first.
func (s *Settings) beside(files map[string][]byte) {
	for _, name := range Beside() {
		if files[name] == nil {
			continue
		}
		o, err := readObject(files[name])
		switch {
		case err != nil && name == configFile: // so many things are called
		case err != nil:
			s.note("%s beside the model is not understood: %v", name, err)
		case name == processorFile:
			s.processor(o)
		default:
			s.config(o)
		}
	}
}

// say makes a setting by a key of a file beside the model.
func (s *Settings) say(key, value, file, from string) {
	s.Values = append(s.Values, Setting{Key: key, Value: value, From: from, File: file})
}

// config reads the names of the classes, and how timm's networks want pictures.
func (s *Settings) config(o object) {
	if o.text("model_type") == "" && o.text("architecture") == "" && o["architectures"] == nil {
		return // somebody else's
	}
	if s.Labels == nil && s.Unread == nil {
		s.names(o)
	}
	if c := o.object("pretrained_cfg"); c != nil && !s.prepared() {
		s.timm(c, configFile)
	}
}

// names reads the names of classes, unless they say but the classes' numbers.
func (s *Settings) names(o object) {
	key, named := "id2label", o.object("id2label")
	if key, list := "label_names", o["label_names"]; named == nil && list != nil {
		names, _ := list.([]any)
		words := o.object("label_descriptions")
		named = object{}
		for i, n := range names {
			text, _ := n.(string)
			if w := words.text(text); w != "" {
				text = w
			}
			named[strconv.Itoa(i)] = text
		}
		s.names(object{"id2label": map[string]any(named)})
		if s.Labels != nil {
			s.LabelsFrom = key
		}
		return
	}
	own := false
	for id, name := range named {
		own = own || name != "LABEL_"+id
	}
	if !own {
		return
	}
	text, err := json.Marshal(named)
	if err == nil {
		s.Labels, err = labels.Parse(text)
	}
	if err != nil {
		s.Labels = nil
		s.note("%s beside the model: %s is not understood: %v", configFile, key, err)
		return
	}
	s.LabelsFrom, s.LabelsFile = key, configFile
}

// prepared says whether it is known how pictures are prepared.
func (s *Settings) prepared() bool {
	return slices.ContainsFunc(s.Values, func(v Setting) bool { return slices.Contains(Preprocessing, v.Key) })
}

// timm reads a pretrained_cfg (timm/models/_pretrained.py) as timm/data/transforms_factory.py,
// transforms_imagenet_eval, has it.
func (s *Settings) timm(c object, file string) {
	say := func(key, value, from string) { s.say(key, value, file, "pretrained_cfg."+from) }
	mean, std := c.numbers("mean"), c.numbers("std")
	if mean == nil || std == nil {
		return
	}
	s.By = "timm"
	say("preset", "unit", "mean")
	say("mean", join(mean), "mean")
	say("std", join(std), "std")
	if size, _ := c["input_size"].([]any); len(size) == 3 && edge(size[1]) > 0 && edge(size[2]) > 0 {
		say("size", fmt.Sprintf("%dx%d", edge(size[1]), edge(size[2])), "input_size")
	}
	switch v := c.text("interpolation"); v {
	case "bicubic":
		say("interpolation", v, "interpolation")
	case "bilinear", "":
	default:
		s.note("%s beside the model asks for interpolation %q: pictures are resized bilinearly", file, v)
	}
	share := c.number("crop_pct")
	if share == 0 {
		share = .875 // DEFAULT_CROP_PCT
	}
	switch mode := cmp.Or(c.text("crop_mode"), "center"); {
	case (mode == "center" || mode == "squash") && share >= .01 && share <= 1:
		say("resize", map[string]string{"center": "crop", "squash": "squash"}[mode], "crop_mode")
		say("crop-fraction", join([]float64{share}), "crop_pct")
	default:
		s.note("%s beside the model asks for crop_mode %q of %g, which there is not here", file, mode, share)
	}
}

// shortSide are the processors whose size, where it is a number, is the short side's;
// others' is both sides' (default_to_square in transformers' image processors).
var shortSide = []string{"Bit", "Chinese", "CLIP", "ConvNext", "Levit", "MobileNetV1", "MobileNetV2", "MobileViT", "PoolFormer", "VideoMAE"}

// processor reads how an image processor of transformers prepares pictures
// (src/transformers/models/*/image_processing_*.py). What is not understood makes no
// setting but a note.
func (s *Settings) processor(o object) {
	kind := o.text("image_processor_type")
	if kind == "" {
		kind = o.text("feature_extractor_type")
	}
	if o["image_mean"] == nil && o["do_resize"] == nil && o["pretrained_cfg"] == nil {
		return // of sound, or of text
	}
	if s.prepared() {
		return
	}
	if c := o.object("pretrained_cfg"); c != nil {
		s.timm(c, processorFile)
		return
	}
	s.By = "Hugging Face"
	kind = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(kind, "Fast"), "ImageProcessor"), "FeatureExtractor")
	s.processorPixels(o)
	s.processorSize(o, kind)
}

// processorPixels reads how pixels become numbers.
func (s *Settings) processorPixels(o object) {
	say := func(key, value, from string) { s.say(key, value, processorFile, from) }
	mean, std := o.numbers("image_mean"), o.numbers("image_std")
	factor := 1 / 255.
	if f := o.number("rescale_factor"); f != 0 {
		factor = f
	}
	normalize, rescale := o.yes("do_normalize", true), o.yes("do_rescale", true)
	switch {
	case normalize && (mean == nil || std == nil), o.yes("rescale_offset", false), o.yes("include_top", false), o.yes("do_convert_grayscale", false), o.yes("do_grayscale", false):
		s.note("%s beside the model prepares pixels in a way that is not known here", processorFile)
		return
	case !rescale:
		say("preset", "raw", "do_rescale")
	case math.Abs(factor*255-1) < 1e-6:
		say("preset", "unit", "rescale_factor")
	default:
		say("preset", "raw", "rescale_factor")
		say("pixel-scale", join([]float64{factor}), "rescale_factor")
	}
	if o.yes("do_flip_channel_order", false) {
		say("order", "bgr", "do_flip_channel_order")
	}
	if normalize {
		say("mean", join(mean), "image_mean")
		say("std", join(std), "image_std")
	}
}

// processorSize reads how pictures come to the network's size.
func (s *Settings) processorSize(o object, kind string) {
	say := func(key, value, from string) { s.say(key, value, processorFile, from) }
	strange := func() {
		s.note("%s beside the model makes pictures of a size in a way that is not known here (%s)", processorFile, kind)
	}
	h, w, short := 0, 0, 0
	size := o.object("size")
	switch n := edge(o["size"]); {
	case n > 0 && slices.Contains(shortSide, kind):
		short = n
	case n > 0:
		h, w = n, n
	case len(size) == 2 && edge(size["height"]) > 0 && edge(size["width"]) > 0:
		h, w = edge(size["height"]), edge(size["width"])
	case len(size) == 1 && edge(size["shortest_edge"]) > 0:
		short = edge(size["shortest_edge"])
	}
	ch, cw := edge(o["crop_size"]), edge(o["crop_size"])
	if c := o.object("crop_size"); c != nil {
		ch, cw = edge(c["height"]), edge(c["width"])
	}
	crop := o.yes("do_center_crop", o["crop_size"] != nil)
	switch { // what some do besides
	case kind == "ConvNext" && short > 0 && short < 384:
		share := o.number("crop_pct")
		if share == 0 {
			share = 224 / 256.
		}
		if !(share > 0 && share <= 1) {
			strange()
			return
		}
		crop, ch, cw, short = true, short, short, int(float64(short)/share)
	case kind == "ConvNext" && short > 0:
		h, w, short, crop = short, short, 0, false
	case kind == "Levit" && short > 0:
		short = short * 256 / 224
	case o["crop_pct"] != nil, o.yes("keep_aspect_ratio", false), o.yes("do_thumbnail", false), o.yes("do_align_long_axis", false):
		strange()
		return
	}
	switch {
	case !o.yes("do_resize", true):
		strange()
		return
	case h > 0 && (!crop || ch == h && cw == w):
		say("size", fmt.Sprintf("%dx%d", h, w), "size")
		say("resize", "stretch", "size")
	case h > 0 && h == w && ch > 0 && ch == cw && ch <= h:
		say("size", fmt.Sprintf("%dx%d", ch, cw), "crop_size")
		say("resize", "squash", "size")
		say("crop-fraction", join([]float64{float64(ch) / float64(h)}), "crop_size")
	case short > 0 && crop && ch > 0 && ch == cw && ch <= short:
		say("size", fmt.Sprintf("%dx%d", ch, cw), "crop_size")
		say("resize", "crop", "size")
		say("crop-fraction", join([]float64{float64(ch) / float64(short)}), "crop_size")
	default:
		strange()
		return
	}
	switch v, ok := o["resample"].(float64); {
	case ok && v == 3:
		say("interpolation", "bicubic", "resample")
	case ok && v != 2:
		s.note("%s beside the model asks for Pillow's filter %g: pictures are resized bilinearly", processorFile, v)
	}
}
