package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"krypton/internal/catalogue"
	"krypton/internal/detect"
	"krypton/internal/exporter"
	"krypton/internal/failure"
	"krypton/internal/graph"
	"krypton/internal/imagein"
	"krypton/internal/labels"
	"krypton/internal/onnxload"
	"krypton/internal/regular"
	"krypton/internal/tune"
	"krypton/internal/ui"
	"krypton/models"
)

// modelConfig is the YAML file beside a model (m.onnx, m.krypton.yaml).
type modelConfig struct {
	Name        string         `yaml:"name"`
	Description string         `yaml:"description"`
	License     string         `yaml:"license"`
	Input       string         `yaml:"input"`
	Layout      string         `yaml:"layout"`
	Size        []int          `yaml:"size"`
	Preprocess  map[string]any `yaml:"preprocess"`
	Labels      yaml.Node      `yaml:"labels"` // a list, or the name of a file
	Output      string         `yaml:"output"`
	// Bind gives other inputs than the picture's a value: a number, a list, or the name
	// of a .npy file beside the model.
	Bind        map[string]any `yaml:"bind"`
	Activation  string         `yaml:"activation"`
	Value       *valueConfig   `yaml:"value"`
	Accuracy    any            `yaml:"accuracy"`
	Training    any            `yaml:"training"`
	Approximate *tune.Profile  `yaml:"approximate"`
	Detector    *detect.Spec   `yaml:"detector"`
}

// modelFile is a model's bytes with what lies beside it.
type modelFile struct {
	name         string // as given, or the catalogue's name
	path         string // "" for an embedded model
	data         []byte // until it is loaded
	bytes        int
	sha256       string
	config       modelConfig
	configSHA256 string           // of the configuration, "" if there is none
	where        string           // of the configuration, for messages
	public       *catalogue.Model // nil unless it was pulled
	// says is what its exporter left in the file's metadata.
	says exporter.Settings
	// labelFile is a public model's file of labels, "" if there is none.
	labelFile string
	cached    string // a public model's file, "" if there is none
}

// openModel finds a model by path, or else by name among the built-in models and
// those pulled into the cache; "" is the default one.
func openModel(name, cache string, maxBytes int64) (*modelFile, error) {
	m := &modelFile{name: name}
	var config []byte
	_, statErr := os.Stat(name)
	entry, embedded := models.Lookup(name)
	if name == "" {
		entry, embedded = models.Default(), true
	}
	switch {
	case embedded && statErr != nil:
		m.name, m.data, config, m.where = entry.Name, entry.Model, entry.Config, "built-in "+entry.Name
	case statErr != nil && couldBeName(name):
		var err error
		if config, err = m.openPulled(cache, maxBytes); err != nil {
			return nil, err
		}
	default:
		var err error
		m.path = name
		if m.data, err = onnxload.Read(name, maxBytes); err != nil {
			return nil, modelError(err)
		}
		beside := strings.TrimSuffix(name, filepath.Ext(name)) + ".krypton.yaml"
		config, err = readSmallFile(beside)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, failure.Dataf("%s: %w", beside, err)
		}
		m.where = beside
	}
	sum := sha256.Sum256(m.data)
	m.bytes = len(m.data)
	m.says = metadataOf(m.data)
	m.sha256 = hex.EncodeToString(sum[:])
	if m.public != nil && m.sha256 != m.public.File.SHA256 {
		return nil, failure.Dataf("model %s: the file in the cache is damaged: krypton model rm %s, then krypton model pull %s", name, name, name)
	}
	return m, m.decode(config)
}

// metadataOf understands a file's metadata. What is wrong with the file, loading says.
func metadataOf(data []byte) exporter.Settings {
	card, err := onnxload.Peek(data)
	if err != nil {
		return exporter.Settings{}
	}
	f := exporter.Facts{Metadata: card.Metadata}
	for _, dims := range card.Outputs {
		f.Outputs = append(f.Outputs, len(dims))
	}
	return *exporter.Read(f)
}

// decode reads the configuration, if there is one.
func (m *modelFile) decode(config []byte) error {
	if len(config) == 0 {
		return nil
	}
	sum := sha256.Sum256(config)
	m.configSHA256 = hex.EncodeToString(sum[:])
	d := yaml.NewDecoder(bytes.NewReader(config))
	d.KnownFields(true)
	if err := d.Decode(&m.config); err != nil {
		return failure.Dataf("%s: %w", m.where, firstOf(err))
	}
	if v := m.config.Value; v != nil {
		v.Name, v.Unit = oneLine(v.Name), oneLine(v.Unit)
	}
	if a := m.config.Approximate; a != nil {
		if err := a.Validate(); err != nil {
			return failure.Dataf("%s: approximate: %w", m.where, err)
		}
	}
	return nil
}

// openPulled reads the public model m.name from the cache, and gives its
// configuration.
func (m *modelFile) openPulled(dir string, maxBytes int64) ([]byte, error) {
	public, err := publicModels()
	if err != nil {
		return nil, err
	}
	entry, ok := public.Lookup(m.name)
	if !ok {
		return nil, failure.Missingf("there is no such file, and %w", unknownModel(public, m.name))
	}
	cache, err := catalogue.OpenCache(dir)
	if err != nil {
		return nil, failure.Missingf("model %s: %w", m.name, err)
	}
	if !cache.Has(entry.File) {
		return nil, failure.Missingf("model %s is not in the cache: krypton model pull %s fetches it (%s)", m.name, m.name, ui.Size(entry.File.Size))
	}
	m.cached = cache.Path(entry.File)
	if m.data, err = onnxload.Read(m.cached, maxBytes); err != nil {
		return nil, modelError(fmt.Errorf("model %s: %w", m.name, err))
	}
	m.public, m.where = entry, "catalogue "+m.name
	if l := entry.LabelFile; l != nil && cache.Has(*l) {
		m.labelFile = cache.Path(*l)
	}
	return entry.Config, nil
}

// modelError gives a loader's error its kind.
func modelError(err error) error {
	var inputs *onnxload.InputsError
	switch {
	case errors.As(err, &inputs):
		return inputsError(err, inputs)
	case errors.Is(err, onnxload.ErrBind):
		return failure.Usagef("--bind: %w", err)
	case errors.Is(err, onnxload.ErrInput):
		return failure.Usagef("--input: %w", err)
	case errors.Is(err, fs.ErrNotExist):
		return failure.As(failure.Missing, err)
	case errors.Is(err, onnxload.ErrOutput):
		return failure.Usagef("--output: %w", err)
	case errors.Is(err, onnxload.ErrShape):
		return failure.Usagef("%w; say --size HxW, or --dim NAME=N", err)
	}
	return failure.As(failure.Data, err)
}

// load builds the graph, and lets go of the file's bytes: weights are large.
func (m *modelFile) load(opt onnxload.Options) (*graph.Graph, error) {
	dir := ""
	if m.path != "" {
		dir = filepath.Dir(m.path)
	}
	g, err := onnxload.LoadBytes(m.data, m.name, dir, opt)
	m.data = nil
	if err != nil {
		return nil, modelError(err)
	}
	return g, nil
}

// apply makes the model's own configuration the value of settings that nobody
// made otherwise.
func (m *modelFile) apply(s *settings) error {
	s.model = map[string]any{}
	c := &m.config
	set := func(key, value string) error {
		if value == "" {
			return nil
		}
		s.model[key] = value
		f := s.flags.Lookup(key)
		if f == nil || isAlias(f) || s.given(key) {
			return nil
		}
		if err := f.Value.Set(value); err != nil {
			return failure.Dataf("%s: %s: %w", m.where, key, err)
		}
		return nil
	}
	size := ""
	if len(c.Size) == 2 {
		size = fmt.Sprintf("%dx%d", c.Size[0], c.Size[1])
	} else if len(c.Size) != 0 {
		return failure.Dataf("%s: size: want [height, width]", m.where)
	}
	pairs := [][2]string{{"input", c.Input}, {"layout", c.Layout}, {"size", size}, {"output", c.Output}, {"activation", c.Activation}}
	keys := map[string]string{"preset": "preset", "mean": "mean", "std": "std", "scale": "pixel-scale", "window": "window", "order": "order", "resize": "resize", "crop_fraction": "crop-fraction", "pad": "pad"}
	for key, v := range c.Preprocess {
		flag, ok := keys[key]
		if !ok {
			return failure.Dataf("%s: preprocess has an unknown key %q", m.where, key)
		}
		pairs = append(pairs, [2]string{flag, scalarText(v)})
	}
	for _, p := range pairs {
		if err := set(p[0], p[1]); err != nil {
			return err
		}
	}
	if c.Labels.Kind != 0 {
		s.model["labels"] = ""
	}
	if err := m.applyBind(s); err != nil {
		return err
	}
	return m.applyMetadata(s)
}

// applyMetadata makes what the file's metadata say the value of settings that neither
// the user nor the model's configuration made. A preset stands for all preprocessing.
func (m *modelFile) applyMetadata(s *settings) error {
	s.metadata, s.notes = map[string]string{}, slices.Clone(m.says.Notes)
	made := func(key string) bool { _, ok := s.model[key]; return ok || s.given(key) }
	preset := made("preset")
	for _, v := range m.says.Values {
		f := s.flags.Lookup(v.Key)
		if made(v.Key) || preset && slices.Contains(exporter.Preprocessing, v.Key) {
			if f != nil {
				s.notes = append(s.notes, m.contradiction(s, v)...)
			}
			continue
		}
		if f != nil {
			if err := f.Value.Set(v.Value); err != nil {
				return failure.Dataf("model %s: metadata %s: %w", m.name, v.From, err)
			}
		}
		s.metadata[v.Key] = v.From
	}
	if m.says.Labels != nil && !made("labels") {
		s.metadata["labels"] = m.says.LabelsFrom
	}
	return nil
}

// contradiction tells, if it is so, that pictures are prepared otherwise than the
// metadata have it.
func (m *modelFile) contradiction(s *settings, v exporter.Setting) []string {
	is, from := s.flags.Lookup(v.Key).Value.String(), s.origin(v.Key)
	if name := s.flags.Lookup("preset").Value.String(); is == "" && name != "" {
		preset, err := imagein.Preset(name)
		if err != nil {
			return nil // said elsewhere
		}
		is, from = map[string]string{"order": preset.Order, "resize": preset.Resize}[v.Key], "preset "+name
	}
	if is == v.Value || v.Key != "preset" && v.Key != "order" && v.Key != "resize" {
		return nil
	}
	return []string{fmt.Sprintf("the model's metadata (%s, key %s) ask for %s %s; it is %s, by %s", cmp.Or(m.says.By, "exporter unknown"), v.From, v.Key, v.Value, is, from)}
}

// scalarText writes a YAML scalar or list of scalars as a flag would have it.
func scalarText(v any) string {
	if list, ok := v.([]any); ok {
		parts := make([]string, len(list))
		for i, x := range list {
			parts[i] = fmt.Sprint(x)
		}
		return strings.Join(parts, ",")
	}
	return fmt.Sprint(v)
}

// labels gives the class names: from the file that --labels names, or the
// model's own list; nil if there are none.
func (m *modelFile) labels(path string, g *graph.Graph) ([]string, error) {
	switch {
	case path != "":
	case m.config.Labels.Kind == yaml.SequenceNode:
		var l []string
		if err := m.config.Labels.Decode(&l); err != nil {
			return nil, failure.Dataf("%s: labels: %w", m.where, firstOf(err))
		}
		return l, nil
	case m.config.Labels.Kind == yaml.ScalarNode:
		dir, name := filepath.Dir(m.path), m.config.Labels.Value
		l, err := labels.ReadBelow(dir, name)
		if errors.Is(err, regular.ErrOutside) || errors.Is(err, regular.ErrNot) {
			err = fmt.Errorf("%w: --labels names files elsewhere", err)
		}
		return l, labelError(filepath.Join(dir, name), err)
	case m.labelFile != "":
		path = m.labelFile
	case m.public != nil && m.public.Labels != nil:
		return m.public.Labels, nil
	default:
		if err := m.says.Unread; err != nil {
			return nil, failure.Dataf("model %s: %w; name a file by --labels", m.name, err)
		}
		if m.says.Labels != nil {
			return slices.Clone(m.says.Labels), nil
		}
		return g.Facts.Labels, nil
	}
	l, err := labels.Read(path)
	return l, labelError(path, err)
}

// labelError gives an error of a file of labels its kind.
func labelError(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return failure.Missingf("labels %s: %w", path, err)
	}
	return failure.Dataf("labels %s: %w", path, err)
}
