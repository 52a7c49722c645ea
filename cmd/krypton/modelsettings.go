package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"krypton/internal/exporter"
	"krypton/internal/failure"
	"krypton/internal/flagvalue"
	"krypton/internal/imagein"
	"krypton/internal/model"
)

// applyModel makes what a model's own file says, and then what its metadata say, the
// value of settings that nobody made otherwise.
func applyModel(s *settings, m *model.File) error {
	s.model = map[string]any{}
	own, err := m.Settings()
	if err != nil {
		return err
	}
	for _, setting := range own {
		s.model[setting.Key] = strings.Join(setting.Values, " ")
		if err := applySetting(s, setting); err != nil {
			return failure.Dataf("%s: %s: %w", m.Where, setting.Key, err)
		}
	}
	return applyMetadata(s, m)
}

// applySetting gives a flag the value that a model's own file has for it, if there is
// the flag and nobody made it otherwise. Values of inputs are added to those given.
func applySetting(s *settings, setting model.Setting) error {
	f := s.flags.Lookup(setting.Key)
	switch {
	case f == nil || flagvalue.IsAlias(f) || setting.Values == nil:
		return nil
	case setting.Key == "bind":
		list := f.Value.(interface {
			GetSlice() []string
			Replace([]string) error
		})
		given := list.GetSlice()
		for _, text := range setting.Values {
			name, _, _ := strings.Cut(text, "=")
			if !slices.ContainsFunc(given, func(g string) bool { return strings.HasPrefix(g, name+"=") }) {
				given = append(given, text)
			}
		}
		return list.Replace(given)
	case s.given(setting.Key):
		return nil
	}
	return f.Value.Set(setting.Values[0])
}

// applyMetadata makes what the file's metadata say the value of settings that neither
// the user nor the model's configuration made. A preset stands for all preprocessing.
func applyMetadata(s *settings, m *model.File) error {
	s.metadata, s.notes = map[string]string{}, slices.Clone(m.Says.Notes)
	made := func(key string) bool { _, ok := s.model[key]; return ok || s.given(key) }
	preset := made("preset")
	for _, v := range m.Says.Values {
		f := s.flags.Lookup(v.Key)
		if made(v.Key) || preset && slices.Contains(exporter.Preprocessing, v.Key) {
			if f != nil {
				s.notes = append(s.notes, contradiction(s, m, v)...)
			}
			continue
		}
		if f != nil {
			if err := f.Value.Set(v.Value); err != nil {
				return failure.Dataf("model %s: %s: %w", m.Name, v.Origin(), err)
			}
		}
		s.metadata[v.Key] = v.Origin()
	}
	if m.Says.Labels != nil && !made("labels") {
		s.metadata["labels"] = m.Says.LabelsOrigin()
	}
	return nil
}

// contradiction tells, if it is so, that pictures are prepared otherwise than the
// metadata have it.
func contradiction(s *settings, m *model.File, v exporter.Setting) []string {
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
	if v.File != "" {
		return []string{fmt.Sprintf("%s beside the model (key %s) asks for %s %s; it is %s, by %s", v.File, v.From, v.Key, v.Value, is, from)}
	}
	return []string{fmt.Sprintf("the model's metadata (%s, key %s) ask for %s %s; it is %s, by %s", cmp.Or(m.Says.By, "exporter unknown"), v.From, v.Key, v.Value, is, from)}
}

// said are the settings of preprocessing that the user made, or the model's own file.
func (s *settings) said() []failure.Setting {
	var all []failure.Setting
	for _, key := range append([]string{"window"}, exporter.Preprocessing...) {
		if _, own := s.model[key]; own || s.given(key) {
			all = append(all, failure.Setting(key))
		}
	}
	return all
}
