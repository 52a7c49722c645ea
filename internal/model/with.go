package model

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"krypton/internal/failure"
	"krypton/internal/imagein"
	"krypton/internal/obe"
	"krypton/internal/regular"
	"krypton/internal/tensor"
)

// Plane is an input that reads pictures.
type Plane struct {
	Input string
	// H and W are its pixels, C its channels: those from From on of the plan's input, where
	// inputs are joined, each of whose pixels stands for Ratio by Ratio of the plan's.
	H, W, C     int
	From, Ratio int
	// Pre is how pictures are prepared, NoPictures why it cannot read any, but only tensors.
	Pre        *imagein.Preprocess
	NoPictures error
	// Said are the settings of preprocessing that somebody made.
	Said []failure.Setting
	// Fill is what its patches are painted with, "" for that of the picture's, and
	// NoFill where they leave it as it is.
	Fill string

	kind tensor.DType // of its numbers in the file, if not float32
}

// NoFill is the fill of an input that is held where the picture is covered.
const NoFill = "none"

// planes are the inputs that read pictures, without how.
func (m *Model) planes() []Plane {
	plane, kind := m.Plan.InputPlane(), m.Graph.Pixels.Type
	if m.Graph.Joined == nil {
		return []Plane{{Input: m.Graph.Values[m.Graph.Inputs[0]].Name, H: plane.H, W: plane.W, C: plane.C, Ratio: 1, kind: kind}}
	}
	var all []Plane
	for _, j := range m.Graph.Joined {
		all = append(all, Plane{Input: j.Name, H: plane.H / j.Ratio, W: plane.W / j.Ratio, C: j.Channels, From: j.From, Ratio: j.Ratio, kind: kind})
	}
	return all
}

// With is an input that is a picture of the same place as the picture's.
type With struct {
	Input, File string
	// Set says how it is prepared and covered, by some of WithKeys, where that is not as
	// the picture is.
	Set map[string]string
}

// WithKeys are what may be said of such an input. Lists have colons between numbers.
var WithKeys = []string{"preset", "order", "mean", "std", "scale", "window", "fill"}

// For is the file of a picture: {name} in File stands for what it is called.
func (w With) For(picture string) string {
	return strings.ReplaceAll(w.File, "{name}", NameOf(picture))
}

// NameOf is what a picture is called without folder and ending: the built-in one "sample",
// that of standard input "stdin".
func NameOf(picture string) string {
	switch picture {
	case "":
		return "sample"
	case "-":
		return "stdin"
	}
	return regular.Base(picture)
}

// String writes it as ParseWith reads it.
func (w With) String() string {
	text := w.Input + "=" + w.File
	for _, key := range WithKeys {
		if v, said := w.Set[key]; said {
			text += "," + key + "=" + v
		}
	}
	return text
}

// ParseWiths reads several. All have files, unless some may come later.
func ParseWiths(texts []string, later bool) ([]With, error) {
	var all []With
	for _, text := range texts {
		w, err := ParseWith(text)
		if err == nil && w.File == "" && !later {
			err = failure.Wrongf("%v %q: want NAME=FILE%s", failure.Setting("with"), text, withForm)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	return all, nil
}

// withForm is what may stand behind NAME=FILE.
var withForm = ", and behind it what is otherwise than for the picture: ,KEY=VALUE of " + strings.Join(WithKeys, ", ")

// ParseWith reads NAME=FILE, and behind it any of ,KEY=VALUE with the keys of WithKeys. FILE
// may be empty.
func ParseWith(text string) (With, error) {
	w := With{Set: map[string]string{}}
	var ok bool
	w.Input, w.File, ok = strings.Cut(text, "=")
	for {
		at := strings.LastIndexByte(w.File, ',')
		if at < 0 {
			break
		}
		key, value, pair := strings.Cut(w.File[at+1:], "=")
		if !pair || !slices.Contains(WithKeys, key) {
			break
		}
		if _, twice := w.Set[key]; twice {
			return w, failure.Wrongf("%v %s: %s is said twice", failure.Setting("with"), w.Input, key)
		}
		w.File, w.Set[key] = w.File[:at], value
	}
	if w.Input == "" || !ok {
		return w, failure.Wrongf("%v %q: want NAME=FILE%s", failure.Setting("with"), text, withForm)
	}
	if _, err := (Preparation{}).set(w.Set); err != nil {
		return w, failure.Wrongf("%v: %w", failure.Setting("with"), err)
	}
	return w, nil
}

// of is how the pictures of an input are prepared that is joined to the picture's.
func (p Preparation) of(file *File, plane *Plane) (Preparation, error) {
	set := map[string]string{}
	own := file.Config.With[plane.Input]
	for _, key := range slices.Sorted(maps.Keys(own)) {
		if !slices.Contains(WithKeys, key) {
			return p, failure.Dataf("%s: with: %s has an unknown key %q", file.Where, plane.Input, key)
		}
		if set[key] = ""; own[key] != nil {
			set[key] = strings.ReplaceAll(scalarText(own[key]), ",", ":")
		}
	}
	if _, err := p.set(set); err != nil {
		return p, failure.Dataf("%s: with: %s: %w", file.Where, plane.Input, err)
	}
	if i := slices.IndexFunc(p.With, func(w With) bool { return w.Input == plane.Input }); i >= 0 {
		maps.Copy(set, p.With[i].Set)
	}
	how, err := p.set(set)
	if set["mean"] == "" && set["preset"] == "" {
		how.Mean = perChannel(how.Mean, plane.C)
	}
	if set["std"] == "" && set["preset"] == "" {
		how.Std = perChannel(how.Std, plane.C)
	}
	plane.Fill = set["fill"]
	return how, err
}

// blamed says who said what is wrong with how the pictures of an input are prepared: a flag,
// or the model's file.
func (p Preparation) blamed(file *File, plane *Plane, err error) error {
	i := slices.IndexFunc(p.With, func(w With) bool { return w.Input == plane.Input })
	if len(file.Config.With[plane.Input]) > 0 && (i < 0 || len(p.With[i].Set) == 0) {
		return failure.Dataf("%s: with: %s: %s", file.Where, plane.Input, err) // no flag's fault
	}
	return failure.Settingf("%v %s: %w", failure.Setting("with"), plane.Input, err)
}

// perChannel are the numbers of a picture's channels for an input of others: of colours,
// the middle one.
func perChannel(numbers []float64, channels int) []float64 {
	if len(numbers) == 3 && channels != 3 {
		return numbers[1:2]
	}
	return numbers
}

// set is a preparation that differs from another. A preset stands for all that the
// other has for numbers.
func (p Preparation) set(with map[string]string) (Preparation, error) {
	for _, key := range WithKeys {
		if value, said := with[key]; said && value == "" {
			return p, fmt.Errorf("%s has no value", key)
		}
	}
	if fill := with["fill"]; fill != "" && fill != NoFill {
		if _, err := obe.ParseFill(fill, 0); err != nil {
			return p, fmt.Errorf("%w, or %s", err, NoFill)
		}
	}
	if preset := with["preset"]; preset != "" {
		p.Preset, p.Mean, p.Std, p.Scale, p.Order = preset, nil, nil, 0, ""
		if _, err := imagein.Preset(preset); err != nil {
			return p, err
		}
	}
	if with["order"] != "" {
		p.Order = with["order"]
	}
	for _, list := range []struct {
		key string
		to  *[]float64
	}{{"mean", &p.Mean}, {"std", &p.Std}} {
		text := with[list.key]
		if text == "" {
			continue
		}
		*list.to = nil
		for _, part := range strings.Split(text, ":") {
			v, err := strconv.ParseFloat(part, 64)
			if err != nil {
				return p, fmt.Errorf("%s is %q, want numbers with colons between them", list.key, text)
			}
			*list.to = append(*list.to, v)
		}
	}
	if text := with["window"]; text != "" {
		var err error
		if p.View, err = imagein.ParseView(strings.ReplaceAll(text, ":", ",")); err != nil {
			return p, err
		}
	}
	if text := with["scale"]; text != "" {
		var err error
		if p.Scale, err = strconv.ParseFloat(text, 64); err != nil || p.Scale == 0 {
			return p, fmt.Errorf("scale is %q, want a number that is not 0", text)
		}
	}
	return p, nil
}
