package inputs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"krypton/internal/failure"
	"krypton/internal/regular"
	"krypton/internal/wfdb"
)

// pictureEndings are the file endings that a folder is searched for.
var pictureEndings = []string{".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp"}

// objectEndings are those of files of which it is looked up whether they hold a picture:
// DICOM objects, which often have no ending at all.
var objectEndings = []string{".dcm", ".dicom", ".ima", ""}

// recordingEndings are those of recordings: a folder without pictures is searched for the
// first, and one without these for tables.
var recordingEndings = [][]string{{".hea", ".edf", ".bdf", ".wav"}, {".csv", ".tsv"}}

// ofRecordings says whether a file of a folder may be taken for a recording of a kind. What
// krypton writes of series is none.
func ofRecordings(name string, endings []string) bool {
	name = strings.ToLower(name)
	return slices.Contains(endings, filepath.Ext(name)) && !strings.HasSuffix(name, ".intervals.csv")
}

// isPicture says whether a file of a folder may be taken for a picture by its name.
func isPicture(name string) bool {
	ending := strings.ToLower(filepath.Ext(name))
	return !strings.HasSuffix(strings.ToLower(name), MapEnding) && (slices.Contains(pictureEndings, ending) || slices.Contains(objectEndings, ending))
}

// MapEnding ends the names that heatmaps get by default: a folder is not
// searched for them, or a second run would explain heatmaps.
const MapEnding = ".krypton.png"

const (
	// maxInputs bounds the number of pictures of one run.
	maxInputs = 1 << 20
	// maxList bounds a list of names.
	maxList = 256 << 20
)

// Lists name files of names: a line each, or ended by NUL bytes. - is standard input.
type Lists struct {
	Lines, NUL string
	// Frames are those that are taken of files with several, nil for the first.
	Frames *Frames
	// Passed is how many objects of folders had no picture and were passed over.
	Passed int

	known     map[string]int // frames of files that were looked at
	waveforms []string       // DICOM files of a folder that hold some
}

// ErrNUL is that of a list of lines with NUL bytes in it.
var ErrNUL error = failure.Settingf("holds NUL bytes: name it by %v", failure.Setting("files-from0"))

// Expand turns arguments into picture files: files, folders (their pictures, or where there
// are none their recordings, sorted, not their subfolders), patterns, @list files (one name a line) and -
// for standard input; then come the names of the lists. What cannot be found
// stays, so that it is reported like any other bad input.
func (l *Lists) Expand(args []string, stdin io.Reader) ([]string, error) {
	var out []string
	for _, arg := range args {
		names, err := l.expand(arg)
		if err != nil {
			return nil, err
		}
		out = append(out, names...)
	}
	readers := 0
	for _, in := range append(out, l.Lines, l.NUL) {
		if in == "-" {
			readers++
		}
	}
	if readers > 1 {
		return nil, failure.Usagef("standard input (-) is named more than once")
	}
	for _, list := range []struct {
		path string
		end  byte
	}{{l.Lines, '\n'}, {l.NUL, 0}} {
		if list.path == "" {
			continue
		}
		names, err := readList(list.path, list.end, stdin)
		if err != nil {
			return nil, err
		}
		out = append(out, names...)
	}
	out, err := l.frames(out)
	if err != nil {
		return nil, err
	}
	if len(out) > maxInputs {
		return nil, failure.Usagef("%d pictures: more than %d", len(out), maxInputs)
	}
	return out, nil
}

func (l *Lists) expand(arg string) ([]string, error) {
	if list, ok := strings.CutPrefix(arg, "@"); ok {
		return readList(list, '\n', nil)
	}
	i, err := os.Stat(arg)
	switch {
	case arg == "-":
	case err == nil && i.IsDir():
		entries, err := os.ReadDir(arg)
		if err != nil {
			return nil, failure.Missingf("%s: %w", arg, err)
		}
		return l.folder(arg, entries)
	case errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(arg, "*?["):
		m, err := filepath.Glob(arg)
		if err != nil {
			return nil, failure.Usagef("pattern %q: %w", arg, err)
		}
		if len(m) == 0 {
			return nil, failure.Missingf("pattern %q matches nothing", arg)
		}
		return m, nil
	}
	return []string{arg}, nil
}

// folder names the pictures of a folder, whose entries are sorted by name, or else its
// recordings.
func (l *Lists) folder(dir string, entries []fs.DirEntry) ([]string, error) {
	named := func(is func(name string) bool) (out []string) {
		for _, e := range entries {
			if !e.IsDir() && is(e.Name()) {
				out = append(out, filepath.Join(dir, e.Name()))
			}
		}
		return out
	}
	l.waveforms = nil
	out := named(func(name string) bool { return isPicture(name) && l.holdsPicture(filepath.Join(dir, name)) })
	if len(out) == 0 {
		out = l.waveforms
	} else {
		l.Passed += len(l.waveforms)
	}
	for _, endings := range recordingEndings {
		if len(out) == 0 {
			out = withoutSegments(named(func(name string) bool { return ofRecordings(name, endings) }))
		}
	}
	if len(out) == 0 {
		return nil, failure.Missingf("%s: no pictures in this folder, and no recordings", dir)
	}
	return out, nil
}

// withoutSegments leaves out records that are segments of others among the names.
func withoutSegments(names []string) []string {
	segments := map[string]bool{}
	for _, name := range names {
		if wfdb.Is(name) {
			for _, beside := range besideHeader(name) {
				segments[beside] = true
			}
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return segments[name] })
}

// readList reads names that end in a newline or NUL byte. They are files as they
// are: a folder, a pattern, @ and - mean nothing here.
func readList(path string, end byte, stdin io.Reader) ([]string, error) {
	b, err := readListFile(path, stdin)
	if err != nil {
		return nil, failure.Unread(fmt.Errorf("list %s: %w", path, err))
	}
	if end == '\n' && bytes.IndexByte(b, 0) >= 0 {
		return nil, failure.Dataf("list %s: %w", path, ErrNUL)
	}
	var out []string
	for name := range strings.SplitSeq(string(b), string(end)) {
		if end == '\n' {
			name = strings.TrimSuffix(name, "\r")
		}
		switch name {
		case "":
			continue
		case "-":
			name = "./-"
		}
		out = append(out, name)
	}
	if len(out) == 0 {
		return nil, failure.Missingf("list %s: no names in it", path)
	}
	return out, nil
}

// readListFile reads a list, which may be a pipe.
func readListFile(path string, stdin io.Reader) ([]byte, error) {
	r := stdin
	if path != "-" || stdin == nil {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r = f
	}
	return regular.ReadAll(r, maxList)
}
