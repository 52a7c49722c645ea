// Package model makes files of models ready for pictures: it finds a file and what lies
// beside it, builds the graph, and prepares plan, names of classes and preprocessing.
package model

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"krypton/internal/catalogue"
	"krypton/internal/exporter"
	"krypton/internal/failure"
	"krypton/internal/labels"
	"krypton/internal/onnxload"
	"krypton/internal/regular"
	"krypton/models"
)

// File is a model's file with what lies beside it. It is safe for several at once.
type File struct {
	Name         string // as given, or the catalogue's name
	Path         string // "" for an embedded model
	Bytes        int    // the file's size
	SHA256       string // of the file
	Config       Config
	ConfigSHA256 string           // of the configuration, "" if there is none
	Where        string           // of the configuration, for messages
	Public       *catalogue.Model // nil unless it was pulled
	// Says is what its exporter left in the file's metadata, or beside it.
	Says exporter.Settings
	// LabelFile is a public model's file of labels, "" if there is none.
	LabelFile string
	Cached    string // a public model's file, "" if there is none

	key  fileKey
	mu   sync.Mutex
	data []byte // until it is loaded
}

// OpenOptions say where models are and how large they may be.
type OpenOptions struct {
	// Cache is the folder of pulled models, "" for the user's.
	Cache string
	// MaxBytes bounds a model's file.
	MaxBytes int64
	// Public gives the catalogue of models that can be pulled, nil for none.
	Public func() (*catalogue.Catalogue, error)
}

// Open finds a model by path, or else by name among the built-in models and
// those pulled into the cache; "" is the default one.
func Open(name string, opt OpenOptions) (*File, error) {
	m := &File{Name: name, key: fileKey{name, opt.Cache, opt.MaxBytes}}
	var config []byte
	_, statErr := os.Stat(name)
	entry, embedded := models.Lookup(name)
	if name == "" {
		entry, embedded = models.Default(), true
	}
	switch {
	case embedded && statErr != nil:
		m.Name, m.data, config, m.Where = entry.Name, entry.Model, entry.Config, "built-in "+entry.Name
	case statErr != nil && opt.Public != nil && couldBeName(name):
		var err error
		if config, err = m.openPulled(opt); err != nil {
			return nil, err
		}
	default:
		var err error
		m.Path = name
		if m.data, err = onnxload.Read(name, opt.MaxBytes); err != nil {
			return nil, loadError(err)
		}
		m.Where = ConfigPath(name)
		config, err = regular.ReadSmall(m.Where)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, failure.Dataf("%s: %w", m.Where, err)
		}
	}
	sum := sha256.Sum256(m.data)
	m.Bytes = len(m.data)
	m.Says = said(m.data, Beside(m.Path))
	m.SHA256 = hex.EncodeToString(sum[:])
	if m.Public != nil && m.SHA256 != m.Public.File.SHA256 {
		return nil, failure.As(failure.Data, &DamagedError{Name: name})
	}
	return m, m.decode(config)
}

// ConfigPath is where a model's configuration lies: beside its file.
func ConfigPath(path string) string {
	return strings.TrimSuffix(path, filepath.Ext(path)) + ".krypton.yaml"
}

// Beside are the files that exporters leave beside a model at a path, whether they are
// there or not: in its folder, or, of a model in a folder onnx, in the one above, as
// Hugging Face's repositories have it.
func Beside(path string) []string {
	if path == "" {
		return nil
	}
	var all []string
	dir := filepath.Dir(path)
	dirs := []string{dir}
	if filepath.Base(dir) == "onnx" {
		dirs = append(dirs, filepath.Dir(dir))
	}
	for _, name := range exporter.Beside() {
		for _, d := range dirs {
			all = append(all, filepath.Join(d, name))
		}
	}
	return all
}

// said understands a file's metadata, and what lies beside it. What is wrong with the
// file, loading says.
func said(data []byte, beside []string) exporter.Settings {
	card, err := onnxload.Peek(data)
	if err != nil {
		return exporter.Settings{}
	}
	f := exporter.Facts{Metadata: card.Metadata, Beside: map[string][]byte{}}
	for _, dims := range card.Outputs {
		f.Outputs = append(f.Outputs, len(dims))
	}
	for _, path := range beside {
		if name := filepath.Base(path); f.Beside[name] == nil {
			f.Beside[name], _ = regular.ReadSmall(path) // most have none
		}
	}
	s := exporter.Read(f)
	if !card.Open { // what lies beside may be of another file's size
		s.Values = slices.DeleteFunc(s.Values, func(v exporter.Setting) bool { return v.Key == "size" && v.File != "" })
	}
	return *s
}

// couldBeName says whether text is rather a model's name than a path.
func couldBeName(text string) bool {
	return text != "" && !strings.ContainsAny(text, `/\`) && !strings.HasSuffix(text, ".onnx")
}

// openPulled reads the public model m.Name from the cache, and gives its
// configuration.
func (m *File) openPulled(opt OpenOptions) ([]byte, error) {
	public, err := opt.Public()
	if err != nil {
		return nil, err
	}
	entry, ok := public.Lookup(m.Name)
	if !ok {
		return nil, failure.Missingf("there is no such file, and %w", Unknown(public, m.Name))
	}
	cache, err := catalogue.OpenCache(opt.Cache)
	if err != nil {
		return nil, failure.Missingf("model %s: %w", m.Name, err)
	}
	if !cache.Has(entry.File) {
		return nil, failure.As(failure.Missing, &NotPulledError{Name: m.Name, Bytes: entry.File.Size})
	}
	m.Cached = cache.Path(entry.File)
	if m.data, err = onnxload.Read(m.Cached, opt.MaxBytes); err != nil {
		return nil, loadError(fmt.Errorf("model %s: %w", m.Name, err))
	}
	m.Public, m.Where = entry, "catalogue "+m.Name
	if l := entry.LabelFile; l != nil && cache.Has(*l) {
		m.LabelFile = cache.Path(*l)
	}
	return entry.Config, nil
}

// NotPulledError says that a public model is not in the cache.
type NotPulledError struct {
	Name  string
	Bytes int64 // that pulling it fetches
}

func (e *NotPulledError) Error() string { return "model " + e.Name + " is not in the cache" }

// DamagedError says that a public model's file in the cache is not what it was.
type DamagedError struct{ Name string }

func (e *DamagedError) Error() string {
	return "model " + e.Name + ": the file in the cache is damaged"
}

// UnknownError says that no public model has a name.
type UnknownError struct {
	Name string
	Like string // a question after models with names like it, "" if there are none
}

// Unknown says that no model of a catalogue has a name, and which ones have it in theirs.
func Unknown(public *catalogue.Catalogue, name string) error {
	return &UnknownError{name, labels.Suggestion(name, public.Names())}
}

func (e *UnknownError) Error() string { return fmt.Sprintf("no model is called %q%s", e.Name, e.Like) }

// loadError gives a loader's error its kind.
func loadError(err error) error {
	var inputs *onnxload.InputsError
	kind := failure.Data
	switch {
	case errors.As(err, &inputs):
	case errors.Is(err, onnxload.ErrBind), errors.Is(err, onnxload.ErrInput), errors.Is(err, onnxload.ErrWith):
		kind = failure.Usage
	case errors.Is(err, fs.ErrNotExist):
		kind = failure.Missing
	case errors.Is(err, onnxload.ErrOutput), errors.Is(err, onnxload.ErrShape), errors.Is(err, onnxload.ErrSize):
		kind = failure.Usage
	}
	return failure.As(kind, err)
}

// ErrChanged says that a model's file is not what it was when it was opened.
var ErrChanged = errors.New("the file has changed since it was opened: start anew")

// take gives the file's bytes and lets go of them: weights are large. Those that are
// gone are read once more.
func (m *File) take() ([]byte, error) {
	m.mu.Lock()
	data := m.data
	m.data = nil
	m.mu.Unlock()
	if data != nil {
		return data, nil
	}
	if m.Path == "" && m.Cached == "" {
		entry, _ := models.Lookup(m.Name)
		return entry.Model, nil
	}
	data, err := onnxload.Read(cmp.Or(m.Path, m.Cached), m.key.maxBytes)
	if err != nil {
		return nil, loadError(err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != m.SHA256 {
		return nil, failure.Dataf("model %s: %w", m.Name, ErrChanged)
	}
	return data, nil
}

// bytes is the memory that the file's content takes while it is not loaded.
func (m *File) bytes() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(len(m.data))
}

// shed lets go of the content, which can be read again.
func (m *File) shed() (gone bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.data = nil
	return false
}
