package batch

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// LineError is what is wrong with a line of a manifest or journal.
type LineError struct {
	// Name is the file as the caller named it.
	Name string
	// Line counts from 1.
	Line int
	// Err says what is wrong.
	Err error
}

// Error names file and line.
func (e *LineError) Error() string { return fmt.Sprintf("%s:%d: %v", e.Name, e.Line, e.Err) }

// Unwrap gives Err.
func (e *LineError) Unwrap() error { return e.Err }

// errLineLong says that a line is longer than may be read.
var errLineLong = errors.New("the line is too long")

// lineReader reads lines of bounded length.
type lineReader struct {
	r     *bufio.Reader
	max   int
	line  int // number of the line read last, from 1
	bytes int64
}

func newLineReader(r io.Reader, max int) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, 64<<10), max: max}
}

// next gives a line with its newline, which only the last line of a file may
// lack. io.EOF comes alone, never with a line. A line longer than max is
// errLineLong; what was read of it so far is given along.
func (l *lineReader) next() ([]byte, error) {
	var line []byte
	for {
		part, err := l.r.ReadSlice('\n')
		if len(line) == 0 && len(part) > 0 {
			l.line++
		}
		line = append(line, part...)
		l.bytes += int64(len(part))
		if len(bytes.TrimSuffix(line, []byte{'\n'})) > l.max {
			return line, errLineLong
		}
		switch {
		case err == nil:
			return line, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		default:
			return line, err
		}
	}
}
