package batch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"krypton/internal/regular"
)

// version is of the journal's form. A change that old programs would misread
// counts it up.
const version = 1

// headStart begins every head of a journal, so that one that a crash cut short
// is told from a file that is something else.
const headStart = `{"version":1,"fingerprint":"`

// maxRecords bounds the items of a journal.
const maxRecords = 1 << 22

var (
	// ErrDamaged says that a file is not a journal, or is one that something
	// other than a crash has damaged.
	ErrDamaged = errors.New("not a journal, or a damaged one")
	// ErrVersion says that a later version of the program made a journal.
	ErrVersion = errors.New("the journal is of a later version")
)

// Header is the first line of a journal.
type Header struct {
	// Version is of the journal's form; Open fills it in.
	Version int `json:"version"`
	// Fingerprint stands for all that the items have in common (Fingerprint).
	Fingerprint string `json:"fingerprint"`
	// Shard is the part of the batch that the journal is about.
	Shard Shard `json:"shard"`
}

func (h *Header) check() error {
	if h.Fingerprint == "" || len(h.Fingerprint) > maxName {
		return fmt.Errorf("the fingerprint has not 1 to %d bytes", maxName)
	}
	if err := checkText("fingerprint", h.Fingerprint); err != nil {
		return err
	}
	return h.Shard.check()
}

// Log is what a journal says.
type Log struct {
	// Name is the file as the caller named it.
	Name string
	// Header is zero, but for journals that got no further than their creation.
	Header Header
	// Records holds the last word on each item, in the order of the first.
	Records []Record

	at   map[string]int // key to index in Records
	size int64          // bytes of the file that hold; the rest is torn
	read int64          // bytes of the file
}

// ReadLog reads a journal, whether or not somebody is writing it. A last line
// that a crash tore is left out: each record is synced before the next is
// written, so only the last can be torn. name is used in errors, which wrap
// ErrDamaged or ErrVersion, or are the reader's.
func ReadLog(r io.Reader, name string) (*Log, error) {
	log := &Log{Name: name, at: map[string]int{}}
	lines := newLineReader(r, maxRecord)
	var bad error // what is wrong with the line before
	for {
		line, err := lines.next()
		if err == io.EOF {
			log.read = lines.bytes
			return log, nil
		}
		if bad != nil {
			return nil, bad // not the last line, so no crash tore it
		}
		fail := func(err error) error {
			return &LineError{name, lines.line, fmt.Errorf("%w: %w", ErrDamaged, err)}
		}
		if errors.Is(err, errLineLong) {
			return nil, fail(err)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		whole := bytes.HasSuffix(line, []byte{'\n'})
		switch {
		case lines.line > 1 && !whole:
		case lines.line > 1:
			rec, err := parseRecord(line)
			if err == nil {
				err = log.admit(rec)
			}
			if err != nil {
				bad = fail(err)
				continue
			}
			log.put(rec)
			log.size = lines.bytes
		case whole:
			if log.Header, err = parseHeader(line); err != nil {
				if errors.Is(err, ErrVersion) {
					return nil, &LineError{name, 1, err}
				}
				return nil, fail(err)
			}
			log.size = lines.bytes
		case !tornHeader(line):
			return nil, fail(errors.New("no head"))
		}
	}
}

// ReadLogFile reads the journal at path as ReadLog does. A folder or device is
// an error.
func ReadLogFile(path string) (*Log, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadLog(f, path)
}

// admit says whether r may be put.
func (l *Log) admit(r Record) error {
	i, found := l.at[r.Key]
	switch {
	case found && l.Records[i].Item != r.Item:
		return fmt.Errorf("key %s is of %s and of %s", r.Key, l.Records[i].Item, r.Item)
	case !found && len(l.Records) == maxRecords:
		return fmt.Errorf("more than %d items", maxRecords)
	}
	return nil
}

// put takes the latest word on an item.
func (l *Log) put(r Record) {
	if i, found := l.at[r.Key]; found {
		l.Records[i] = r
		return
	}
	l.at[r.Key] = len(l.Records)
	l.Records = append(l.Records, r)
}

// Record gives the last word on an item.
func (l *Log) Record(key string) (Record, bool) {
	i, found := l.at[key]
	if !found {
		return Record{}, false
	}
	return l.Records[i], true
}

// Done is Journal.Done by what a log says; root is the folder of its outputs.
func (l *Log) Done(root, key, digest string) (done bool, why string) {
	r, found := l.Record(key)
	if !found {
		return false, ""
	}
	return r.holds(root, digest)
}

func parseHeader(line []byte) (Header, error) {
	var v struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(line, &v); err != nil {
		return Header{}, err
	}
	if v.Version > version {
		return Header{}, fmt.Errorf("%w: %d, this program knows %d", ErrVersion, v.Version, version)
	}
	if v.Version < 1 {
		return Header{}, errors.New("no version")
	}
	var h Header
	if err := json.Unmarshal(line, &h); err != nil {
		return Header{}, err
	}
	h.Shard = h.Shard.complete()
	return h, h.check()
}

// tornHeader says whether b, which has no newline, can be what a crash left of
// a head: its beginning, and perhaps zeros where the rest was to be.
func tornHeader(b []byte) bool {
	b = bytes.TrimRight(b, "\x00")
	n := min(len(b), len(headStart))
	return string(b[:n]) == headStart[:n]
}

// openRegular opens a file that is neither folder, pipe nor device.
func openRegular(path string) (*os.File, error) {
	f, _, err := regular.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}
