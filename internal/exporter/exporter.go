// Package exporter reads what the programs that write models say of them in their
// files' metadata, or in files of their own beside them: names of classes, the input's
// size, how pictures are prepared, what kind of head there is. Metadata in, settings out.
package exporter

import (
	"fmt"
	"strconv"
	"strings"

	"krypton/internal/detect"
	"krypton/internal/labels"
	"krypton/internal/pyliteral"
)

// Facts are what is known of a file before it is loaded.
type Facts struct {
	Metadata map[string]string
	// Outputs are the numbers of axes of the outputs.
	Outputs []int
	// Beside are the contents of those of the files of Beside that are there.
	Beside map[string][]byte
}

// Setting is a value for a setting, as a flag would have it.
type Setting struct {
	Key, Value string
	From       string // the key in the metadata
	File       string // where that is, "" for the model's own metadata
}

// Origin says where the setting comes from.
func (v Setting) Origin() string { return origin(v.File, v.From) }

func origin(file, key string) string {
	if file == "" {
		return "metadata " + key
	}
	return "file " + file + ", " + key
}

// Settings are what metadata say.
type Settings struct {
	// By is who wrote the metadata, "" if nobody who is known.
	By     string
	Values []Setting
	// Labels are the names of the classes, from the key LabelsFrom; Unread is what
	// was wrong with them.
	Labels     []string
	LabelsFrom string
	LabelsFile string // as Setting.File
	Unread     error
	// Head says what is known of a detector's head, nil if there is none.
	Head *detect.Hint
	// Notes say what could not be understood.
	Notes []string
}

// LabelsOrigin says where the names of the classes come from.
func (s *Settings) LabelsOrigin() string { return origin(s.LabelsFile, s.LabelsFrom) }

// Preprocessing are the keys of settings that say how pictures are prepared: a preset
// stands for all of them.
var Preprocessing = []string{"preset", "mean", "std", "pixel-scale", "order", "resize", "crop-fraction", "interpolation", "pad"}

// Read understands metadata.
func Read(f Facts) *Settings {
	s := &Settings{}
	s.readLabels(f.Metadata)
	switch {
	case isUltralytics(f.Metadata):
		s.ultralytics(f)
	case hasPrefix(f.Metadata, "Image."):
		s.windows(f.Metadata)
	default:
		s.plain(f.Metadata)
	}
	s.beside(f.Beside)
	return s
}

func (s *Settings) set(key, value, from string) {
	s.Values = append(s.Values, Setting{Key: key, Value: value, From: from})
}

func (s *Settings) note(format string, args ...any) {
	s.Notes = append(s.Notes, fmt.Sprintf(format, args...))
}

func hasPrefix(m map[string]string, prefix string) bool {
	for k := range m {
		if strings.HasPrefix(k, prefix) {
			return true
		}
	}
	return false
}

// labelKeys are where names of classes are found.
var labelKeys = []string{"names", "labels", "classes", "class_names"}

// readLabels finds the names of the classes.
func (s *Settings) readLabels(m map[string]string) {
	for _, key := range labelKeys {
		text := strings.TrimSpace(m[key])
		if text == "" {
			continue
		}
		if _, err := strconv.Atoi(text); err == nil {
			continue // how many there are
		}
		if strings.HasPrefix(key, "class") && !strings.ContainsAny(text, "\n\r[{,") {
			continue // what kind of classes, in a word
		}
		if !strings.ContainsAny(text, "\n\r[{") && strings.Contains(text, ",") {
			text = strings.ReplaceAll(text, ",", "\n") // one line: names side by side
		}
		s.LabelsFrom = key
		if s.Labels, s.Unread = labels.Parse([]byte(text)); s.Unread != nil {
			s.Unread = fmt.Errorf("%s in its metadata: %w", key, s.Unread)
		}
		return
	}
}

// windows reads what Windows ML and Custom Vision define. Pictures are cropped to the
// input's shape around their middle, as Windows ML does; what is not said is what it
// takes then: blue, green and red of 0 to 255.
func (s *Settings) windows(m map[string]string) {
	const formatKey, rangeKey, gammaKey = "Image.BitmapPixelFormat", "Image.NominalPixelRange", "Image.ColorSpaceGamma"
	s.By = "Windows ML"
	from := rangeKey
	if m[rangeKey] == "" {
		from = formatKey
	}
	scale := 1.0 // of the mean below, whose unit is a pixel's
	switch v := m[rangeKey]; strings.ToLower(v) {
	case "", "nominalrange_0_255":
		s.set("preset", "raw", from)
	case "normalized_0_1":
		s.set("preset", "unit", from)
		scale = 1 / 255.
	case "normalized_1_1":
		s.set("preset", "symmetric", from)
	case "nominalrange_16_235":
		s.set("preset", "raw", from)
		s.set("pixel-scale", strconv.FormatFloat(219/255., 'g', -1, 64), from)
		s.set("mean", "-16", from)
	default:
		s.note("metadata %s is %q, which is not known", rangeKey, v)
	}
	s.set("resize", "crop", from)
	s.set("crop-fraction", "1", from)
	switch v := m[formatKey]; strings.ToLower(v) {
	case "", "bgr8", "bgra8", "bgr16":
		s.set("order", "bgr", formatKey)
	case "rgb8", "rgba8", "rgb16":
		s.set("order", "rgb", formatKey)
	case "gray8", "gray16":
		s.set("order", "gray", formatKey)
	default:
		s.note("metadata %s is %q, which is not known", formatKey, v)
	}
	if v := m[gammaKey]; v != "" && !strings.EqualFold(v, "srgb") {
		s.note("metadata %s is %q: pictures are given as they are, in sRGB", gammaKey, v)
	}
	s.customVision(m, scale)
}

// customVision reads what Custom Vision adds.
func (s *Settings) customVision(m map[string]string, scale float64) {
	const prefix = "CustomVision.Preprocess."
	if !hasPrefix(m, "CustomVision.") {
		return
	}
	s.By = "Custom Vision"
	if h, w := atoi(m[prefix+"TargetHeight"]), atoi(m[prefix+"TargetWidth"]); h > 0 && w > 0 {
		s.set("size", fmt.Sprintf("%dx%d", h, w), prefix+"TargetHeight")
	}
	for _, pair := range [][2]string{{"mean", "NormalizeMean"}, {"std", "NormalizeStd"}} {
		flag, key := pair[0], pair[1]
		l, ok := numbers(m[prefix+key])
		if m[prefix+key] != "" && !ok {
			s.note("metadata %s is %q, which are no numbers", prefix+key, m[prefix+key])
		}
		idle := true // all is as without it
		for i, v := range l {
			idle = idle && (flag == "mean" && v == 0 || flag == "std" && v == 1)
			if v > 1 { // of pixels of 0 to 255
				l[i] = v * scale
			}
		}
		if !idle {
			s.set(flag, join(l), prefix+key)
		}
	}
}

// plain reads a mean and a deviation, whose size tells that of pixels.
func (s *Settings) plain(m map[string]string) {
	mean, ok := numbers(m["mean"])
	std, ok2 := numbers(m["std"])
	if !ok || !ok2 {
		return
	}
	preset := "unit"
	for _, v := range append(mean, std...) {
		if v > 1 {
			preset = "raw"
		}
	}
	s.set("preset", preset, "mean")
	s.set("mean", join(mean), "mean")
	s.set("std", join(std), "std")
}

// numbers reads one number or three, in a list or with blanks or commas between them.
func numbers(text string) ([]float64, bool) {
	fields := strings.FieldsFunc(strings.Trim(strings.TrimSpace(text), "[]()"), func(r rune) bool { return r == ',' || r == ' ' })
	if len(fields) != 1 && len(fields) != 3 {
		return nil, false
	}
	l := make([]float64, len(fields))
	for i, f := range fields {
		v, err := strconv.ParseFloat(f, 64)
		if err != nil || v-v != 0 { // infinities and NaN
			return nil, false
		}
		l[i] = v
	}
	return l, true
}

func join(l []float64) string {
	parts := make([]string, len(l))
	for i, v := range l {
		parts[i] = strconv.FormatFloat(v, 'g', -1, 64)
	}
	return strings.Join(parts, ",")
}

// atoi is 0 for what is no number.
func atoi(text string) int {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return 0
	}
	return n
}

// literal reads a value as Python prints it, nil if it is none.
func literal(text string) any {
	v, err := pyliteral.Parse(text)
	if err != nil {
		return nil
	}
	return v
}
