package regular

import (
	"fmt"
	"io"
)

// Read reads a whole regular file of at most so many bytes. Errors do not name it.
func Read(path string, most int64) ([]byte, error) {
	f, _, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadAll(f, most)
}

// ReadAll reads to the end, which must come within so many bytes.
func ReadAll(r io.Reader, most int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case err != nil:
		return nil, Cause(err)
	case int64(len(b)) > most:
		return nil, fmt.Errorf("larger than %d MiB", most>>20)
	}
	return b, nil
}

// maxSmall bounds files that people write: configurations, settings.
const maxSmall = 16 << 20

// ReadSmall is Read for files that people write, such as configurations.
func ReadSmall(path string) ([]byte, error) { return Read(path, maxSmall) }
