package inputs

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"krypton/internal/failure"
	"krypton/internal/imagein"
	"krypton/internal/regular"
)

// Frames are some of a file's frames: all, or those of ranges.
type Frames struct {
	text   string
	all    bool
	ranges [][2]int
}

// ParseFrames reads all, or numbers and ranges with commas between them: 1,5-9.
func ParseFrames(text string) (*Frames, error) {
	if text == "" {
		return nil, nil
	}
	f := &Frames{text: text, all: text == "all"}
	if f.all {
		return f, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(part, "-")
		a, err := strconv.Atoi(from)
		b := a
		if isRange && err == nil {
			b, err = strconv.Atoi(to)
		}
		if err != nil || a < 1 || b < a {
			return nil, fmt.Errorf("is %q, want all, or numbers from 1 on and ranges, such as 1,5-9", text)
		}
		f.ranges = append(f.ranges, [2]int{a, b})
	}
	return f, nil
}

// has says whether a frame is among them.
func (f *Frames) has(n int) bool {
	return f.all || slices.ContainsFunc(f.ranges, func(r [2]int) bool { return n >= r[0] && n <= r[1] })
}

// frames names the frames of those files that have several. Every other file has one.
func (l *Lists) frames(names []string) ([]string, error) {
	f := l.Frames
	if f == nil {
		return names, nil
	}
	var out []string
	for _, name := range names {
		if _, part := regular.SplitPart(name); part != "" || name == "-" {
			out = append(out, name)
			continue
		}
		n, err := l.holds(name)
		if err != nil {
			out = append(out, name) // that it cannot be read is said when it is
			continue
		}
		n = max(n, 1)
		if i := slices.IndexFunc(f.ranges, func(r [2]int) bool { return r[0] > n }); i >= 0 {
			return nil, failure.Wrongf("%s has %s: none is %d (%v %s)", name, count(n), f.ranges[i][0], failure.Setting("frames"), f.text)
		}
		if n == 1 {
			out = append(out, name)
			continue
		}
		for k := 1; k <= n && len(out) <= maxInputs; k++ {
			if f.has(k) {
				out = append(out, fmt.Sprintf("%s#%d", name, k))
			}
		}
	}
	return out, nil
}

// count is a number of frames in words.
func count(n int) string {
	if n == 1 {
		return "1 frame"
	}
	return fmt.Sprintf("%d frames", n)
}

// holds is imagein.Frames, which is asked once for each file of a folder.
func (l *Lists) holds(name string) (int, error) {
	if n, ok := l.known[name]; ok {
		delete(l.known, name)
		return n, nil
	}
	return imagein.Frames(name)
}

// holdsPicture says whether a file of a folder is a picture as far as can be told without
// reading it all.
func (l *Lists) holdsPicture(name string) bool {
	ending := strings.ToLower(filepath.Ext(name))
	if slices.Contains(pictureEndings, ending) {
		return true
	}
	n, err := imagein.Frames(name)
	if err == nil && l.Frames != nil {
		if l.known == nil {
			l.known = map[string]int{}
		}
		l.known[name] = n
	}
	switch {
	case errors.Is(err, imagein.ErrWaveform):
		l.waveforms = append(l.waveforms, name)
		return false
	case errors.Is(err, imagein.ErrNoPicture):
		l.Passed++
		return false
	case ending == "":
		return n > 0
	}
	return true
}
