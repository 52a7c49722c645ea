package model

import (
	"crypto/sha256"
	"encoding/hex"

	"krypton/internal/catalogue"
	"krypton/internal/failure"
	"krypton/models"
)

// Listed is a model that has a name.
type Listed struct {
	Name        string `json:"name"`
	State       string `json:"state"` // built-in, pulled, partial or public
	Kind        string `json:"kind"`
	Form        string `json:"form,omitempty"`
	Bytes       int64  `json:"bytes"`
	Pulled      int64  `json:"bytes_pulled"`
	Opset       int    `json:"opset,omitempty"`
	License     string `json:"license,omitempty"`
	SHA256      string `json:"sha256"`
	Address     string `json:"address,omitempty"`
	Path        string `json:"path,omitempty"` // of a pulled one
	Description string `json:"description"`
	Note        string `json:"note,omitempty"`
}

// List is every model that has a name: the built-in ones, the default one first, then
// those of a catalogue. Without a cache nothing is pulled.
func List(public *catalogue.Catalogue, cache *catalogue.Cache) []Listed {
	var list []Listed
	for _, e := range models.List() {
		sum := sha256.Sum256(e.Model)
		n := int64(len(e.Model))
		list = append(list, Listed{
			Name:        e.Name,
			State:       "built-in",
			Kind:        "classifier",
			Bytes:       n,
			Pulled:      n,
			License:     "built in",
			SHA256:      hex.EncodeToString(sum[:]),
			Description: e.Description,
		})
	}
	for _, m := range public.Models {
		l := Listed{
			Name:        m.Name,
			State:       "public",
			Kind:        m.Kind,
			Form:        m.Form,
			Bytes:       m.File.Size,
			Opset:       m.Opset,
			License:     m.License,
			SHA256:      m.File.SHA256,
			Address:     m.File.Address,
			Description: m.Description,
			Note:        m.Note,
		}
		switch {
		case cache == nil:
		case cache.Has(m.File):
			l.State, l.Path, l.Pulled = "pulled", cache.Path(m.File), m.File.Size
		case cache.Partial(m.File) > 0:
			l.State, l.Pulled = "partial", cache.Partial(m.File)
		}
		list = append(list, l)
	}
	return list
}

// Named finds public models by their names, all or none.
func Named(public *catalogue.Catalogue, names []string) ([]*catalogue.Model, error) {
	var list []*catalogue.Model
	for _, name := range names {
		m, ok := public.Lookup(name)
		if !ok {
			if _, builtin := models.Lookup(name); builtin {
				return nil, failure.Usagef("model %s is built in: nothing is pulled or removed", name)
			}
			return nil, failure.As(failure.Usage, Unknown(public, name))
		}
		list = append(list, m)
	}
	return list, nil
}
