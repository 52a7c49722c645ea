package imagein

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"krypton/internal/regular"
)

// zipMagic begins every archive of NumPy arrays (.npz).
const zipMagic = "PK\x03\x04"

// IsArchive says whether a file that begins with head is one.
func IsArchive(head []byte) bool { return bytes.HasPrefix(head, []byte(zipMagic)) }

// archiveFactor is about how much more memory than its bytes the list of an archive's
// members takes, at worst.
const archiveFactor = 8

// DecodeMember is DecodeTensor of an array of an archive (.npz), by its name; "" is the only
// one. Of the array no more is unpacked than the network reads, whatever it says of itself.
func DecodeMember(r io.Reader, name, member string, l Limits, want Reading) (*Tensor, error) {
	data, err := l.ReadAll(r, archiveFactor, ErrUnusable)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	t, err := decodeMember(data, member, want)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrUnusable, err)
	}
	return t, nil
}

func decodeMember(data []byte, member string, want Reading) (*Tensor, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("a damaged archive: %w", err)
	}
	f, err := memberOf(z, member)
	if err != nil {
		return nil, err
	}
	from, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("array %q: %w", clipped(f.Name), err)
	}
	defer from.Close()
	t, err := decodeTensor(from, want)
	if err != nil {
		return nil, fmt.Errorf("array %q: %w", clipped(f.Name), err)
	}
	sum := sha256.Sum256(data)
	t.SHA256 = hex.EncodeToString(sum[:])
	return t, nil
}

// memberOf finds an array of an archive by its name, with or without its ending.
func memberOf(z *zip.Reader, name string) (*zip.File, error) {
	const ending = ".npy"
	var found []*zip.File
	var names []string
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, ending) {
			continue
		}
		own := strings.TrimSuffix(f.Name, ending)
		if names = append(names, clipped(own)); name == "" || own == name || f.Name == name {
			found = append(found, f)
		}
	}
	list := strings.Join(names[:min(len(names), 20)], ", ")
	switch {
	case len(names) == 0:
		return nil, errors.New("there are no arrays in it")
	case len(found) == 0:
		return nil, fmt.Errorf("it has no array %q, but %s", clipped(name), list)
	case len(found) > 1 && name != "":
		return nil, fmt.Errorf("several of its arrays are called %q", clipped(name))
	case len(found) > 1:
		return nil, fmt.Errorf("it has %d arrays (%s): name one behind its name, as in FILE%s#%s", len(found), list, regular.Archive, names[0])
	}
	return found[0], nil
}

// clipped bounds what a message quotes of a name.
func clipped(name string) string {
	if len(name) > 40 {
		name = name[:40]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, name)
}
