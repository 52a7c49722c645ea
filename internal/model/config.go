package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"krypton/internal/detect"
	"krypton/internal/failure"
	"krypton/internal/graph"
	"krypton/internal/labels"
	"krypton/internal/regular"
	"krypton/internal/tune"
)

// Config is the YAML file beside a model (m.onnx, m.krypton.yaml).
type Config struct {
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
	Bind map[string]any `yaml:"bind"`
	// With says of inputs that are pictures how these are prepared and covered, where
	// they are joined to the picture's: the keys of WithKeys.
	With       map[string]map[string]any `yaml:"with"`
	Activation string                    `yaml:"activation"`
	Value      *Value                    `yaml:"value"`
	// Values are the output's numbers, where it has several that are quantities.
	Values      []Value       `yaml:"values"`
	Accuracy    any           `yaml:"accuracy"`
	Training    any           `yaml:"training"`
	Approximate *tune.Profile `yaml:"approximate"`
	Detector    *detect.Spec  `yaml:"detector"`
	// Series says how recordings are read.
	Series Recordings `yaml:"series"`
}

// Value says in a model's file, and in records, that its number is a quantity.
type Value struct {
	Name string `yaml:"name" json:"name,omitempty"`
	Unit string `yaml:"unit" json:"unit,omitempty"`
}

// decode reads the configuration, if there is one.
func (m *File) decode(config []byte) error {
	if len(config) == 0 {
		return nil
	}
	sum := sha256.Sum256(config)
	m.ConfigSHA256 = hex.EncodeToString(sum[:])
	d := yaml.NewDecoder(bytes.NewReader(config))
	d.KnownFields(true)
	if err := d.Decode(&m.Config); err != nil {
		return failure.Dataf("%s: %w", m.Where, YAMLError(err))
	}
	if err := m.Config.Series.Check(); err != nil {
		return failure.Dataf("%s: %s", m.Where, err) // no flag's fault
	}
	if v := m.Config.Value; v != nil {
		v.Name, v.Unit = labels.OneLine(v.Name), labels.OneLine(v.Unit)
	}
	if v := m.Config.Values; len(v) > 0 && m.Config.Value != nil {
		return failure.Dataf("%s: value and values exclude each other", m.Where)
	}
	for i := range m.Config.Values {
		v := &m.Config.Values[i]
		v.Name, v.Unit = labels.OneLine(v.Name), labels.OneLine(v.Unit)
	}
	if a := m.Config.Approximate; a != nil {
		if err := a.Validate(); err != nil {
			return failure.Dataf("%s: approximate: %w", m.Where, err)
		}
	}
	return nil
}

// YAMLError makes one line of package yaml's list of all that is wrong.
func YAMLError(err error) error {
	head, rest, more := strings.Cut(err.Error(), "\n")
	if !more {
		return err
	}
	first, rest, more := strings.Cut(strings.TrimSpace(rest), "\n")
	if more {
		return fmt.Errorf("%s %s (and %d more)", head, first, 1+strings.Count(rest, "\n"))
	}
	return fmt.Errorf("%s %s", head, first)
}

// Setting is what a model's own file says of how it is to be used.
type Setting struct {
	// Key is the setting's name, as exporter.Setting has it.
	Key string
	// Values are texts, one but for inputs' values.
	Values []string
}

// preprocessKeys are the settings that keys below preprocess make.
var preprocessKeys = map[string]string{"preset": "preset", "mean": "mean", "std": "std", "scale": "pixel-scale", "window": "window", "order": "order", "resize": "resize", "crop_fraction": "crop-fraction", "interpolation": "interpolation", "pad": "pad"}

// Settings are what the model's configuration sets. "labels" stands for names of classes
// that Network.Labels gives, and has no value; those of "bind" are NAME=VALUE.
func (m *File) Settings() ([]Setting, error) {
	c := &m.Config
	size := ""
	if len(c.Size) == 2 {
		size = fmt.Sprintf("%dx%d", c.Size[0], c.Size[1])
	} else if len(c.Size) != 0 {
		return nil, failure.Dataf("%s: size: want [height, width]", m.Where)
	}
	var list []Setting
	add := func(key, value string) {
		if value != "" {
			list = append(list, Setting{key, []string{value}})
		}
	}
	for _, p := range [][2]string{{"input", c.Input}, {"layout", c.Layout}, {"size", size}, {"output", c.Output}, {"activation", c.Activation}} {
		add(p[0], p[1])
	}
	for _, key := range slices.Sorted(maps.Keys(c.Preprocess)) {
		setting, ok := preprocessKeys[key]
		if !ok {
			return nil, failure.Dataf("%s: preprocess has an unknown key %q", m.Where, key)
		}
		add(setting, scalarText(c.Preprocess[key]))
	}
	if c.Labels.Kind != 0 {
		list = append(list, Setting{Key: "labels"})
	}
	bind, err := m.bindTexts()
	if len(bind) > 0 {
		list = append(list, Setting{"bind", bind})
	}
	return list, err
}

// scalarText writes a YAML scalar or list of scalars as one text.
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

// Reasons to name a file of labels instead.
var (
	// ErrLabelsOutside: the model's file names labels that do not lie below its folder.
	ErrLabelsOutside = errors.New("labels are not below the model's folder")
	// ErrLabelsUnread: the labels in the file's metadata cannot be understood.
	ErrLabelsUnread = errors.New("labels in the metadata are not understood")
)

// labels gives the names of the classes: from a file of labels, or with path "" the
// model's own list; nil if there are none.
func (m *File) labels(path string, g *graph.Graph) ([]string, error) {
	switch {
	case path != "":
	case m.Config.Labels.Kind == yaml.SequenceNode:
		var l []string
		if err := m.Config.Labels.Decode(&l); err != nil {
			return nil, failure.Dataf("%s: labels: %w", m.Where, YAMLError(err))
		}
		return l, nil
	case m.Config.Labels.Kind == yaml.ScalarNode:
		dir, name := filepath.Dir(m.Path), m.Config.Labels.Value
		l, err := labels.ReadBelow(dir, name)
		if errors.Is(err, regular.ErrOutside) || errors.Is(err, regular.ErrNot) {
			err = failure.Mark(err, ErrLabelsOutside)
		}
		return l, labelError(filepath.Join(dir, name), err)
	case m.LabelFile != "":
		path = m.LabelFile
	case m.Public != nil && m.Public.Labels != nil:
		return slices.Clone(m.Public.Labels), nil
	default:
		if err := m.Says.Unread; err != nil {
			return nil, failure.Mark(failure.Dataf("model %s: %w", m.Name, err), ErrLabelsUnread)
		}
		if m.Says.Labels != nil {
			return slices.Clone(m.Says.Labels), nil
		}
		return slices.Clone(g.Facts.Labels), nil
	}
	l, err := labels.Read(path)
	return l, labelError(path, err)
}

// labelError gives an error of a file of labels its kind.
func labelError(path string, err error) error {
	if err == nil {
		return nil
	}
	return failure.Unread(fmt.Errorf("labels %s: %w", path, err))
}
