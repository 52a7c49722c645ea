package framelabels

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ErrOther says that a file was made by another run than the one that is to go
// on with it.
var ErrOther = errors.New("made with other settings, another model or another video")

// maxLine bounds a line of a file that is scanned.
const maxLine = 16 << 20

// Scan reads what an earlier run wrote as jsonl and hands each complete frame to
// f. It returns the number of bytes of complete lines: what follows them was
// being written when the run ended, and must be cut off. A file without a
// complete header has 0 bytes. A fingerprint other than the wanted one is
// ErrOther.
func Scan(r io.Reader, fingerprint string, f func(*Result) error) (int64, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	size := int64(0)
	frame := -1
	for n := 0; ; n++ {
		line, err := readLine(b)
		if errors.Is(err, io.EOF) {
			return size, nil // a torn line counts for nothing
		}
		if err != nil {
			return size, err
		}
		if n == 0 {
			var h Header
			if err := json.Unmarshal(line, &h); err != nil {
				return 0, fmt.Errorf("line 1 is no header: %w", err)
			}
			if h.Fingerprint != fingerprint {
				return 0, ErrOther
			}
		} else {
			var res Result
			d := json.NewDecoder(bytes.NewReader(line))
			d.DisallowUnknownFields()
			if err := d.Decode(&res); err != nil {
				return size, fmt.Errorf("line %d: %w", n+1, err)
			}
			if res.Frame <= frame {
				return size, fmt.Errorf("line %d: frame %d comes after frame %d", n+1, res.Frame, frame)
			}
			frame = res.Frame
			if err := f(&res); err != nil {
				return size, err
			}
		}
		size += int64(len(line))
	}
}

// readLine reads a line with its end; io.EOF if there is no complete one.
func readLine(b *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := b.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		case len(line) > maxLine:
			return nil, fmt.Errorf("a line is longer than %d bytes", maxLine)
		}
	}
}
