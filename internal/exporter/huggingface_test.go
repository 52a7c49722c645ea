package exporter

import (
	"slices"
	"strings"
	"testing"
)

// TestBeside: what Hugging Face's libraries write beside a model, and what it means.
func TestBeside(t *testing.T) {
	const pixels = `"do_normalize":true,"image_mean":[0.5,0.5,0.5],"image_std":[0.25],`
	const half = "preset=unit mean=0.5,0.5,0.5 std=0.25"
	for name, c := range map[string]struct{ processor, want, note string }{
		"ViT":               {`{` + pixels + `"do_rescale":true,"rescale_factor":0.00392156862745098,"image_processor_type":"ViTImageProcessor","resample":2,"size":{"height":224,"width":256}}`, half + " size=224x256 resize=stretch", ""},
		"ViT, old":          {`{` + pixels + `"feature_extractor_type":"ViTFeatureExtractor","resample":3,"size":224}`, half + " size=224x224 resize=stretch interpolation=bicubic", ""},
		"CLIP, old":         {`{` + pixels + `"feature_extractor_type":"CLIPFeatureExtractor","resample":3,"size":224,"crop_size":224}`, half + " size=224x224 resize=crop crop-fraction=1 interpolation=bicubic", ""},
		"short side, fast":  {`{` + pixels + `"image_processor_type":"BitImageProcessorFast","do_center_crop":true,"crop_size":{"height":224,"width":224},"size":{"shortest_edge":256}}`, half + " size=224x224 resize=crop crop-fraction=0.875", ""},
		"ConvNeXt":          {`{` + pixels + `"image_processor_type":"ConvNextImageProcessor","crop_pct":0.95,"size":{"shortest_edge":224}}`, half + " size=224x224 resize=crop crop-fraction=0.9531914893617022", ""},
		"ConvNeXt, large":   {`{` + pixels + `"image_processor_type":"ConvNextImageProcessor","crop_pct":0.95,"size":{"shortest_edge":384}}`, half + " size=384x384 resize=stretch", ""},
		"LeViT":             {`{` + pixels + `"image_processor_type":"LevitImageProcessor","size":{"shortest_edge":224},"crop_size":{"height":224,"width":224}}`, half + " size=224x224 resize=crop crop-fraction=0.875", ""},
		"MobileViT":         {`{"do_normalize":false,"do_flip_channel_order":true,"do_resize":true,"size":{"height":256,"width":256}}`, "preset=unit order=bgr size=256x256 resize=stretch", ""},
		"raw":               {`{"do_normalize":false,"do_rescale":false,"do_resize":true,"size":96}`, "preset=raw size=96x96 resize=stretch", ""},
		"a factor":          {`{"do_normalize":false,"rescale_factor":0.0078125,"do_resize":true,"size":96}`, "preset=raw pixel-scale=0.0078125 size=96x96 resize=stretch", ""},
		"DeiT":              {`{` + pixels + `"crop_size":224,"size":256}`, half + " size=224x224 resize=squash crop-fraction=0.875", ""},
		"nearest":           {`{` + pixels + `"resample":0,"size":64}`, half + " size=64x64 resize=stretch", "filter 0"},
		"EfficientNet":      {`{` + pixels + `"include_top":true,"size":64}`, "size=64x64 resize=stretch", "prepares pixels"},
		"DETR":              {`{` + pixels + `"image_processor_type":"DetrImageProcessor","size":{"shortest_edge":800,"longest_edge":1333}}`, half, "not known here (Detr)"},
		"larger than it is": {`{` + pixels + `"crop_size":224,"size":{"shortest_edge":200}}`, half, "not known here"},
		"no mean":           {`{"do_normalize":true,"do_resize":true,"size":64}`, "size=64x64 resize=stretch", "prepares pixels"},
		"sound":             {`{"do_normalize":true,"feature_extractor_type":"Wav2Vec2FeatureExtractor","sampling_rate":16000}`, "", ""},
		"timm's":            {`{"image_processor_type":"TimmWrapperImageProcessor","pretrained_cfg":{"mean":[0.5,0.5,0.5],"std":[0.25],"input_size":[3,160,192],"interpolation":"bicubic","crop_pct":0.95,"crop_mode":"center"}}`, half + " size=160x192 interpolation=bicubic resize=crop crop-fraction=0.95", ""},
		"timm's, squashed":  {`{"pretrained_cfg":{"mean":[0.5,0.5,0.5],"std":[0.25],"crop_pct":1.0,"crop_mode":"squash"}}`, half + " resize=squash crop-fraction=1", ""},
		"timm's, border":    {`{"pretrained_cfg":{"mean":[0.5,0.5,0.5],"std":[0.25],"crop_mode":"border"}}`, half, `crop_mode "border"`},
		"cut off":           {`{"do_resize":`, "", "not understood"},
	} {
		s := Read(Facts{Beside: map[string][]byte{processorFile: []byte(c.processor)}})
		var l []string
		for _, v := range s.Values {
			l = append(l, v.Key+"="+v.Value)
			if v.File != processorFile || v.From == "" {
				t.Errorf("%s: %+v", name, v)
			}
		}
		got := strings.Join(l, " ")
		if note := strings.Join(s.Notes, "; "); got != c.want || !strings.Contains(note, c.note) || c.note == "" && note != "" {
			t.Errorf("%s: %s (%s)\n\twant %s (%s)", name, got, note, c.want, c.note)
		}
	}
	own := map[string]string{"task": "classify", "names": "{0: 'x'}"}
	if s := Read(Facts{Metadata: own, Beside: map[string][]byte{processorFile: []byte(`{` + pixels + `"size":64}`), configFile: []byte(`{"model_type":"vit","id2label":{"0":"y"}}`)}}); s.By != "Ultralytics" || !slices.Equal(s.Labels, []string{"x"}) || slices.ContainsFunc(s.Values, func(v Setting) bool { return v.File != "" }) {
		t.Errorf("beside metadata of its own: %+v", s)
	}
}

// TestConfig: names of classes in config.json, if it is such a file.
func TestConfig(t *testing.T) {
	for config, want := range map[string]string{
		`{"model_type":"vit","id2label":{"0":"tench, Tinca tinca","1":"fox"}}`: "tench, Tinca tinca|fox id2label",
		`{"model_type":"vit","id2label":{"0":"LABEL_0","1":"LABEL_1"}}`:        "",
		`{"id2label":{"0":"a","1":"b"}}`:                                       "",
		`{"architecture":"resnet18","label_names":["n01","n02"],"label_descriptions":{"n01":"hen"},"pretrained_cfg":{"mean":[0],"std":[1]}}`: "hen|n02 label_names",
		`{"server":`: "",
		`[1]`:        "",
	} {
		s := Read(Facts{Beside: map[string][]byte{configFile: []byte(config)}})
		got := strings.Join(s.Labels, "|")
		if s.Labels != nil {
			got += " " + s.LabelsFrom
		}
		if got != want || s.Notes != nil || want != "" && s.LabelsOrigin() != "file config.json, "+s.LabelsFrom {
			t.Errorf("%s: %q %v, want %q", config, got, s.Notes, want)
		}
	}
}

// FuzzBeside: whatever lies beside a model, it makes settings of known keys, or notes.
func FuzzBeside(f *testing.F) {
	f.Add(`{"do_resize":true,"size":{"shortest_edge":256},"crop_size":224,"image_mean":[0.5],"image_std":[1e300]}`, `{"model_type":"vit","id2label":{"0":"a"}}`)
	f.Add(`{"pretrained_cfg":{"mean":0,"std":1,"input_size":[3,0,-5],"crop_pct":1e-9}}`, `{"architecture":"a","label_names":[1,null]}`)
	keys := append(slices.Clone(Preprocessing), "size")
	f.Fuzz(func(t *testing.T, processor, config string) {
		for _, v := range Read(Facts{Beside: map[string][]byte{processorFile: []byte(processor), configFile: []byte(config)}}).Values {
			if !slices.Contains(keys, v.Key) || v.Value == "" || v.File == "" {
				t.Errorf("%+v", v)
			}
		}
	})
}
