// Package program runs other programs, each in a process group of its own that is killed as
// a whole.
package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// ErrStalled: a program was killed because it took too long.
var ErrStalled = errors.New("took too long")

// waitDelay is how long a killed program's pipes may stay open in the hands of somebody else.
const waitDelay = 2 * time.Second

// Run runs a program to its end, with nothing to read. It fails with what the program said
// first, and kills it after timeout.
func Run(ctx context.Context, timeout time.Duration, path string, args ...string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, ErrStalled)
	defer cancel()
	var said Tail
	var group Group
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &said, &said, waitDelay
	cmd.Cancel = func() error { return group.Kill(cmd) }
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	OwnGroup(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	group.Began(cmd)
	err := cmd.Wait()
	group.Ended()
	name := filepath.Base(path)
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, ErrStalled):
		return fmt.Errorf("%s %w: %v", name, cause, timeout)
	case cause != nil:
		return cause
	case err != nil && said.Message() != "":
		return fmt.Errorf("%s (%s: %w)", said.Message(), name, err)
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Tail keeps the beginning of what a program says, and counts lines. It never
// refuses anything, so that the program never blocks on it.
type Tail struct {
	mu    sync.Mutex
	head  []byte
	lines int
}

// tailBytes bounds what is kept of a program's messages.
const tailBytes = 4096

// Write implements io.Writer.
func (t *Tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines += bytes.Count(b, []byte("\n"))
	if room := tailBytes - len(t.head); room > 0 {
		t.head = append(t.head, b[:min(room, len(b))]...)
	}
	return len(b), nil
}

// Lines is the number of lines so far.
func (t *Tail) Lines() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lines
}

// Message is the most telling line: the first one, shortened and printable.
func (t *Tail) Message() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, line := range strings.Split(string(t.head), "\n") {
		line = strings.ToValidUTF8(strings.TrimSpace(line), "?")
		line = strings.Map(func(r rune) rune {
			if r < ' ' || r >= 0x7f && r < 0xa0 {
				return '?'
			}
			return r
		}, line)
		// "[h264 @ 0x55aa] text": the address says nothing.
		if i := strings.Index(line, " @ 0x"); i > 0 && line[0] == '[' {
			if j := strings.Index(line[i:], "]"); j > 0 {
				line = line[1:i] + ":" + line[i+j+1:]
			}
		}
		if len(line) > 200 {
			line = strings.ToValidUTF8(line[:200], "") + "..."
		}
		if line != "" {
			return line
		}
	}
	return ""
}
