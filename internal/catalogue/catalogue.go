// Package catalogue knows public models by name: where they are, what bytes they
// must have, and how pictures are prepared for them. It fetches them into a
// cache whose files are named by their SHA-256, so that a name always means the
// same bytes.
package catalogue

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxSize bounds a file in the catalogue: what ONNX can hold without external
// data.
const maxSize = 2 << 30

// minOpset is the first operator set that Krypton reads.
const minOpset = 1

// Catalogue is a list of models.
type Catalogue struct {
	// Models are in the order of the file.
	Models []Model
	labels map[string]labelSet
}

// File is a file that can be fetched.
type File struct {
	// Address is where it is: https.
	Address string
	// Path is where it is below a mirror's address.
	Path string
	// Size is in bytes.
	Size int64
	// SHA256 is in hexadecimal digits, lower case.
	SHA256 string
}

// Model is a public model.
type Model struct {
	Name        string
	Description string
	// License is an SPDX name.
	License string
	File    File
	// Opset is the operator set that the zoo states.
	Opset int
	// Kind is classifier or detector.
	Kind string
	// Form says for a detector what its outputs are: ssd (scores and corners
	// of boxes that are fixed), yolov2 (a grid of anchors), boxes (chosen
	// already).
	Form string
	// Note says what is doubtful, "" if nothing is.
	Note string
	// Config is the YAML file that would lie beside the model.
	Config []byte
	// Labels are the class names, nil if LabelFile has them or nobody has.
	Labels []string
	// LabelFile is a file of class names, nil if there is none.
	LabelFile *File
}

// The catalogue's file.
type (
	fileEntry struct {
		Path    string `yaml:"path"`
		Address string `yaml:"address"`
		Size    int64  `yaml:"size"`
		SHA256  string `yaml:"sha256"`
		License string `yaml:"license"`
	}
	labelSet struct {
		Name      string `yaml:"name"`
		fileEntry `yaml:",inline"`
		List      []string `yaml:"list"`
	}
	modelEntry struct {
		Name        string `yaml:"name"`
		Description string `yaml:"description"`
		fileEntry   `yaml:",inline"`
		Opset       int       `yaml:"opset"`
		Kind        string    `yaml:"kind"`
		Form        string    `yaml:"form"`
		Labels      string    `yaml:"labels"`
		Note        string    `yaml:"note"`
		Config      yaml.Node `yaml:"config"`
	}
)

// Parse reads a catalogue and checks it as a whole: names are unique and cannot
// be taken for paths, addresses are https, digests and sizes are there.
func Parse(data []byte) (*Catalogue, error) {
	var f struct {
		Source string       `yaml:"source"`
		Labels []labelSet   `yaml:"labels"`
		Models []modelEntry `yaml:"models"`
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	c := &Catalogue{labels: map[string]labelSet{}}
	for _, l := range f.Labels {
		if err := c.addLabels(l); err != nil {
			return nil, fmt.Errorf("catalogue: labels %q: %w", l.Name, err)
		}
	}
	for _, m := range f.Models {
		if err := c.addModel(f.Source, m); err != nil {
			return nil, fmt.Errorf("catalogue: model %q: %w", m.Name, err)
		}
	}
	return c, nil
}

// Lookup finds a model by its name.
func (c *Catalogue) Lookup(name string) (*Model, bool) {
	for i := range c.Models {
		if c.Models[i].Name == name {
			return &c.Models[i], true
		}
	}
	return nil, false
}

// Names lists all models.
func (c *Catalogue) Names() []string {
	var l []string
	for _, m := range c.Models {
		l = append(l, m.Name)
	}
	return l
}

func (c *Catalogue) addLabels(l labelSet) error {
	if _, twice := c.labels[l.Name]; twice || l.Name == "" {
		return errors.New("want a name that is not there yet")
	}
	if (len(l.List) > 0) == (l.Address != "") {
		return errors.New("want either a list or an address")
	}
	if l.Address != "" {
		l.Path = "labels/" + path.Base(l.Address)
		if _, err := l.file(l.Address); err != nil {
			return err
		}
	}
	c.labels[l.Name] = l
	return nil
}

// names of models are words that are no paths on any system.
var modelName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

func (c *Catalogue) addModel(source string, e modelEntry) error {
	m := Model{Name: e.Name, Description: e.Description, License: e.License, Opset: e.Opset, Kind: e.Kind, Form: e.Form, Note: e.Note}
	if _, twice := c.Lookup(e.Name); twice || !modelName.MatchString(e.Name) || strings.HasSuffix(e.Name, ".onnx") {
		return errors.New("want a name of small letters, digits, points and dashes that is not there yet")
	}
	address := e.Address
	if address == "" {
		address = strings.TrimSuffix(source, "/") + "/" + e.Path
	}
	var err error
	switch {
	case e.Path == "":
		return errors.New("no path")
	case e.License == "" || e.Description == "":
		return errors.New("want a license and a description")
	case e.Opset < minOpset:
		return fmt.Errorf("operator set %d: want at least %d", e.Opset, minOpset)
	case !slices.Contains([]string{"classifier", "detector"}, e.Kind):
		return fmt.Errorf("kind is %q, want classifier or detector", e.Kind)
	case (e.Kind == "detector") != slices.Contains([]string{"ssd", "yolov2", "boxes"}, e.Form):
		return fmt.Errorf("form is %q: want ssd, yolov2 or boxes for a detector, nothing for a classifier", e.Form)
	}
	if m.File, err = e.file(address); err != nil {
		return err
	}
	if e.Labels != "" {
		l, ok := c.labels[e.Labels]
		if !ok {
			return fmt.Errorf("no labels %q", e.Labels)
		}
		m.Labels = l.List
		if l.Address != "" {
			f, err := l.file(l.Address)
			if err != nil {
				return err
			}
			m.LabelFile = &f
		}
	}
	if e.Config.Kind == yaml.MappingNode {
		if m.Config, err = yaml.Marshal(&e.Config); err != nil {
			return err
		}
	} else if e.Config.Kind != 0 {
		return errors.New("config is no mapping")
	}
	c.Models = append(c.Models, m)
	return nil
}

var hexDigest = regexp.MustCompile(`^[0-9a-f]{64}$`)

// file checks the fields that say which file it is.
func (e *fileEntry) file(address string) (File, error) {
	f := File{Address: address, Path: e.Path, Size: e.Size, SHA256: e.SHA256}
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return f, err
	case u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return f, fmt.Errorf("address %q: want https", address)
	case path.Clean("/"+e.Path) != "/"+e.Path || strings.ContainsAny(e.Path, "?#%\\"):
		return f, fmt.Errorf("path %q is not plain", e.Path)
	case e.Size < 1 || e.Size > maxSize:
		return f, fmt.Errorf("size is %d", e.Size)
	case !hexDigest.MatchString(e.SHA256):
		return f, fmt.Errorf("sha256 is %q", e.SHA256)
	}
	return f, nil
}
