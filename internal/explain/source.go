package explain

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path/filepath"

	"krypton/internal/failure"
	"krypton/internal/imagein"
	"krypton/internal/recording"
	"krypton/internal/regular"
	"krypton/internal/wfdb"
	"krypton/models"
)

// Source is where a picture, a tensor or a mask comes from. The zero value is none.
type Source struct {
	// Name is its name in records, Called that in messages.
	Name, Called string
	// Open gives its bytes.
	Open func() (io.ReadCloser, error)
	// Key, if not "", is no other source's.
	Key string
	// Frame is which of a file's frames, from 1 on; 0 is the first.
	Frame int
	// Part is the name of which of an archive's arrays, "" for the only one.
	Part string
	// At is where the part of a recording begins that is looked at, nil where the question
	// says it.
	At *recording.Moment
	// Beside opens a file that lies beside it, by a name without folders; nil if nothing
	// does.
	Beside func(name string) (io.ReadCloser, error)
}

// File is the source of a file's bytes.
func File(path string) Source {
	whole, at := splitMoment(path)
	_, frame := regular.SplitFrame(whole)
	name, part := regular.SplitPart(whole)
	open := func(path string) (io.ReadCloser, error) {
		f, err := imagein.OpenRegular(path)
		if err != nil {
			return nil, failure.Unread(err)
		}
		return f, nil
	}
	return Source{
		Name: path, Called: path, Frame: frame, Part: part, At: at,
		Open:   func() (io.ReadCloser, error) { return open(name) },
		Beside: func(name string) (io.ReadCloser, error) { return open(filepath.Join(filepath.Dir(path), name)) },
	}
}

// File is what the source's file is called, without a part.
func (of Source) File() string {
	name, _ := splitMoment(of.Called)
	name, _ = regular.SplitPart(name)
	return name
}

// SumFile is the digest that records have of a picture or a recording: of its bytes, and of
// those of a recording's files beside it.
func SumFile(path string) (string, error) { return File(path).sum() }

// sum is SumFile of any source.
func (of Source) sum() (string, error) {
	f, err := of.Open()
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if wfdb.Is(of.File()) {
		head, err := readHeader(f, sum)
		if err != nil {
			return "", err
		}
		if err := sumBeside(head, of, sum); err != nil {
			return "", err
		}
	} else if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// Files are the sources of files.
func Files(paths []string) []Source {
	var all []Source
	for _, p := range paths {
		all = append(all, File(p))
	}
	return all
}

// Sample is the built-in picture.
func Sample() Source {
	name, data := models.Sample()
	return Bytes(name, name, data)
}

// Named is the source that a name stands for: a file, - for what stdin reads, and "" for the
// built-in picture; without stdin "" is none, and - a file.
func Named(name string, stdin io.Reader) Source {
	switch {
	case name == "" && stdin == nil:
		return Source{}
	case name == "":
		return Sample()
	case name == "-" && stdin != nil:
		return Source{Name: name, Called: "standard input", Open: func() (io.ReadCloser, error) { return io.NopCloser(stdin), nil }}
	}
	return File(name)
}

// Bytes is the source of bytes.
func Bytes(name, called string, data []byte) Source {
	return Source{Name: name, Called: called, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
}
