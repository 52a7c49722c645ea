package model

import (
	"errors"
	"io"
	"io/fs"

	"go.yaml.in/yaml/v3"

	"krypton/internal/atomicfile"
	"krypton/internal/failure"
	"krypton/internal/regular"
	"krypton/internal/tune"
)

// ProfileFile is a model's configuration file, or one like it, that a profile goes into.
type ProfileFile struct {
	// Path is its name, "" for none.
	Path string
	root yaml.Node // what the file holds
}

// ErrProfileThere is that of a file that has a profile already.
var ErrProfileThere error = failure.Settingf("has a profile already (%v replaces it)", failure.Setting("force"))

// OpenProfile reads what a file holds, if it is there, and fails if it could not be
// written: with ErrProfileThere where a profile is in it, unless that is to be replaced.
func OpenProfile(path string, replace bool) (*ProfileFile, error) {
	t := &ProfileFile{Path: path}
	data, err := regular.ReadSmall(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return t, failure.As(failure.CantCreate, atomicfile.Check(path, true))
	case err != nil:
		return nil, failure.Dataf("%s: %w", path, err)
	}
	if err := yaml.Unmarshal(data, &t.root); err != nil {
		return nil, failure.Dataf("%s: %w", path, YAMLError(err))
	}
	if len(t.root.Content) > 0 && t.root.Content[0].Kind != yaml.MappingNode {
		return nil, failure.Dataf("%s: is no configuration of a model", path)
	}
	if t.entry() != nil && !replace {
		return nil, failure.CantCreatef("%s %w", path, ErrProfileThere)
	}
	return t, failure.As(failure.CantCreate, atomicfile.Check(path, true))
}

// entry is the profile that the file holds, or nil.
func (t *ProfileFile) entry() *yaml.Node {
	if len(t.root.Content) == 0 {
		return nil
	}
	m := t.root.Content[0]
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == "approximate" {
			return m.Content[i+1]
		}
	}
	return nil
}

// Write puts the profile into the file, which keeps its other entries, or into out if it has
// no name.
func (t *ProfileFile) Write(out io.Writer, p *tune.Profile) error {
	var n yaml.Node
	if err := n.Encode(p); err != nil {
		return err
	}
	if len(t.root.Content) == 0 {
		t.root = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode}}}
	}
	if e := t.entry(); e != nil {
		*e = n
	} else {
		m := t.root.Content[0]
		m.Content = append(m.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "approximate"}, &n)
	}
	encode := func(w io.Writer) error {
		e := yaml.NewEncoder(w)
		e.SetIndent(2)
		return errors.Join(e.Encode(&t.root), e.Close())
	}
	if t.Path == "" {
		return encode(out)
	}
	return atomicfile.Write(t.Path, true, encode)
}
