package serve

import (
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/imagein"
)

// mostFiles and mostDepth bound what is listed of a folder.
const (
	mostFiles = 5000
	mostDepth = 8
)

// pictureEndings are those of files that are listed as pictures, seriesEndings as recordings.
var (
	pictureEndings = []string{".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".npy", ".npz", ".dcm", ".dicom", ".ima"}
	seriesEndings  = []string{".hea", ".edf", ".bdf", ".wav", ".csv", ".tsv"}
)

// folder is what clients may choose files of. No name leads out of it, by links neither.
type folder struct {
	root *os.Root // nil if there is none
	name string   // as it was given
}

func openFolder(name string) (*folder, error) {
	if name == "" {
		return &folder{}, nil
	}
	root, err := os.OpenRoot(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, failure.As(failure.Missing, err)
	case err != nil:
		return nil, failure.As(failure.Usage, err)
	}
	return &folder{root, name}, nil
}

func (f *folder) close() {
	if f.root != nil {
		f.root.Close()
	}
}

// file is one of a folder's.
type file struct {
	Name string `json:"name"`
	// File is the name as an address has it, where that is no UTF-8: JSON cannot hold it.
	File  string `json:"file,omitempty"`
	Bytes int64  `json:"bytes"`
}

func newFile(name string, bytes int64) file {
	f := file{Name: name, Bytes: bytes}
	if !utf8.ValidString(name) {
		f.Name, f.File = strings.ToValidUTF8(name, "\ufffd"), url.QueryEscape(name)
	}
	return f
}

// videoEndings are those of files that are listed as videos. A GIF may be either.
var videoEndings = []string{".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m2ts", ".mts", ".wmv", ".flv", ".ogv", ".3gp", ".vob", ".mjpeg", ".mjpg", ".y4m", ".gif"}

// listing is what there is in a folder, by name; more says that there are others.
type listing struct {
	Pictures   []file `json:"pictures"`
	Videos     []file `json:"videos"`
	Recordings []file `json:"recordings"`
	More       bool   `json:"more"`
}

// list lists the folder's pictures, videos and recordings.
func (f *folder) list() (l listing, err error) {
	l = listing{Pictures: []file{}, Videos: []file{}, Recordings: []file{}}
	if f.root == nil {
		return l, nil
	}
	seen := 0
	err = fs.WalkDir(f.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if seen++; seen > 4*mostFiles || len(l.Pictures)+len(l.Videos)+len(l.Recordings) >= mostFiles {
			l.More = true
			return fs.SkipAll
		}
		switch {
		case err != nil && name == ".":
			return err
		case err != nil, name != "." && strings.HasPrefix(d.Name(), "."), strings.Count(name, "/") >= mostDepth:
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil // what cannot be read cannot be chosen
		}
		// A link's own kind is that of what it leads to.
		ending := strings.ToLower(path.Ext(name))
		var lists []*[]file
		for _, kind := range []struct {
			endings []string
			list    *[]file
		}{{pictureEndings, &l.Pictures}, {videoEndings, &l.Videos}, {seriesEndings, &l.Recordings}} {
			if slices.Contains(kind.endings, ending) {
				lists = append(lists, kind.list)
			}
		}
		if ending == "" && d.Type().IsRegular() && f.holdsScan(name) {
			lists = append(lists, &l.Pictures)
		}
		if lists == nil || strings.HasSuffix(strings.ToLower(name), explain.IntervalsCSV) { // what a map named
			return nil
		}
		if i, err := f.root.Stat(name); err == nil && i.Mode().IsRegular() {
			for _, list := range lists {
				*list = append(*list, newFile(name, i.Size()))
			}
		}
		return nil
	})
	return l, err
}

// holdsScan says whether a file whose name tells nothing holds a DICOM object, as archives
// have them.
func (f *folder) holdsScan(name string) bool {
	if strings.EqualFold(path.Base(name), "DICOMDIR") {
		return false // a list of others
	}
	file, err := f.open(name)
	if err != nil {
		return false
	}
	defer file.Close()
	head := make([]byte, imagein.DICOMMagic)
	_, err = io.ReadFull(file, head)
	return err == nil && imagein.IsDICOM(head)
}

// errNoFile says that a name stands for no regular file of the folder.
var errNoFile = failure.Missingf("the folder has no such file")

// open opens a regular file of the folder.
func (f *folder) open(name string) (*os.File, error) {
	if f.root == nil {
		return nil, failure.Missingf("no folder is served")
	}
	file, err := f.root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, errNoFile // why is nobody's business who asks for what is not listed
	}
	if i, err := file.Stat(); err != nil || !i.Mode().IsRegular() {
		file.Close()
		return nil, errNoFile
	}
	return file, nil
}

// path is a file's name for the command line.
func (f *folder) path(name string) string {
	return noFlag(filepath.Join(f.name, filepath.FromSlash(name)))
}

// noFlag is a path that no command line takes for a flag.
func noFlag(path string) string {
	if strings.HasPrefix(path, "-") {
		return "." + string(filepath.Separator) + path
	}
	return path
}
