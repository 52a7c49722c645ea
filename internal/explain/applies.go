package explain

import (
	"slices"
	"strings"

	"krypton/internal/failure"
)

// sort is what settings are for: files of one kind.
type sort string

const (
	pictures   sort = "pictures"
	tensors    sort = "tensors"
	recordings sort = "recordings"
)

// settingsFor are the settings that some sorts of files have no use for: said of one of those,
// they are refused. A tensor's fills are colours that go through the
// preprocessing, and its times go by the rate.
var settingsFor = []struct {
	names []failure.Setting
	of    []sort
}{
	{[]failure.Setting{"preset", "mean", "std", "pixel-scale", "order", "resize", "crop-fraction", "interpolation", "pad", "window"}, []sort{pictures, tensors}},
	{[]failure.Setting{"rate"}, []sort{recordings, tensors}},
	{[]failure.Setting{"channels", "start", "end", "resample", "normalize", "missing", "occlude", "every"}, []sort{recordings}},
}

// said are the settings of recordings that somebody made.
func (r *Recording) said() []failure.Setting {
	var all []failure.Setting
	for _, s := range []struct {
		name failure.Setting
		said bool
	}{
		{"rate", r.Rate != 0}, {"channels", r.Channels != nil}, {"start", r.Start != nil}, {"end", r.End != nil},
		{"resample", r.Resample != ""}, {"normalize", r.Normalize != ""}, {"missing", r.Missing != ""}, {"occlude", r.Occlude != nil}, {"every", r.Every != nil},
	} {
		if s.said {
			all = append(all, s.name)
		}
	}
	return all
}

// applies fails where something was said that a file has no use for: passed over, it would
// be believed. pictured are the settings of pictures that were said.
func (r *Reader) applies(called string, is sort, pictured []failure.Setting) error {
	args := []any{called, is}
	var marks []string
	for _, s := range slices.Concat(pictured, r.recording.said()) {
		for _, row := range settingsFor {
			if slices.Contains(row.names, s) && !slices.Contains(row.of, is) {
				args, marks = append(args, s), append(marks, "%v")
			}
		}
	}
	if marks == nil {
		return nil
	}
	format := "%s: %s take no " + strings.Join(marks, ", ")
	if is == recordings {
		format += " (%v, or series: in the model's file, says what their numbers become)"
		args = append(args, failure.Setting("normalize"))
	}
	return failure.Wrongf(format, args...)
}
