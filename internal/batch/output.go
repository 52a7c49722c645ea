package batch

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"krypton/internal/regular"
)

// SumFile is the SHA-256 of the regular file at path, or of that which a frame is of: 64
// hexadecimal digits.
func SumFile(path string) (string, error) {
	path, _ = regular.SplitPart(path)
	f, err := openRegular(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Outputs makes the outputs of a record from files that are written: paths are
// absolute, or relative to root.
func Outputs(root string, paths ...string) ([]Output, error) {
	var out []Output
	for _, p := range paths {
		sum, err := SumFile(under(root, p))
		if err != nil {
			return nil, fmt.Errorf("output: %w", err)
		}
		out = append(out, Output{p, sum})
	}
	return out, nil
}

// CheckOutputs says what keeps outputs from being what they were recorded as:
// the first that is gone, has changed or cannot be read.
func CheckOutputs(root string, outputs []Output) error {
	for _, o := range outputs {
		sum, err := SumFile(under(root, o.Path))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("output %s is gone", o.Path)
		case err != nil:
			return fmt.Errorf("output %s: %w", o.Path, err)
		case sum != o.SHA256:
			return fmt.Errorf("output %s has changed", o.Path)
		}
	}
	return nil
}

func under(root, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(root, path)
}
