package video

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"krypton/internal/program"
)

// process is a running program whose output is read, or whose input is written.
// It lives in a process group of its own, which is killed as a whole.
type process struct {
	cmd     *exec.Cmd
	group   program.Group
	stdout  io.ReadCloser
	stderr  *program.Tail
	cancel  context.CancelFunc
	timeout time.Duration
	stalled atomic.Bool
	killed  atomic.Bool // by us

	once sync.Once
	err  error
}

// waitDelay is how long a killed program's pipes may stay open in the hands of
// somebody else.
const waitDelay = 2 * time.Second

// command prepares a program. It gets no variables by which ffmpeg writes files
// or changes what it prints.
func command(ctx context.Context, timeout time.Duration, path string, args ...string) *process {
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, path, args...)
	p := &process{cmd: cmd, stderr: &program.Tail{}, cancel: cancel, timeout: timeout}
	cmd.Stderr = p.stderr
	cmd.WaitDelay = waitDelay
	cmd.Cancel = func() error { return p.group.Kill(cmd) }
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "FFREPORT=") && !strings.HasPrefix(v, "AV_LOG_FORCE") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "AV_LOG_FORCE_NOCOLOR=1", "LC_ALL=C")
	program.OwnGroup(cmd)
	return p
}

// start starts the program with its output connected to Read.
func (p *process) start() (err error) {
	if p.stdout, err = p.cmd.StdoutPipe(); err == nil {
		widen(p.stdout)
		err = p.cmd.Start()
	}
	if err != nil {
		p.cancel()
		return cannotStart(err)
	}
	p.group.Began(p.cmd)
	return nil
}

// cannotStart says why a program did not start. The cause is told in words only: a
// file that is missing there is not the video.
func cannotStart(err error) error {
	kind := ErrNoFFmpeg
	var path *fs.PathError
	if errors.As(err, &path) && path.Path == os.DevNull {
		kind = ErrBusy
	}
	for _, short := range []error{syscall.EMFILE, syscall.ENFILE, syscall.EAGAIN, syscall.ENOMEM} {
		if errors.Is(err, short) {
			kind = ErrBusy
		}
	}
	// A child moves its files to numbers above all that it is given; Linux calls one that
	// is above the limit no descriptor (dup3).
	if errors.Is(err, syscall.EBADF) {
		return fmt.Errorf("%w: too many open files: %s", ErrBusy, err.Error())
	}
	return fmt.Errorf("%w: %s", kind, err.Error())
}

// failed is why a program ended as it did, err being what wait said: ErrBusy if that
// lies with the system, else kind with the program's words.
func (p *process) failed(kind, err error, said string) error {
	if p.busy(err) {
		kind = ErrBusy
	}
	name := filepath.Base(p.cmd.Path)
	switch {
	case said != "" && err != nil:
		return fmt.Errorf("%w: %s (%s: %w)", kind, said, name, err)
	case said != "":
		return fmt.Errorf("%w: %s", kind, said)
	case err != nil:
		return fmt.Errorf("%w: %s: %w", kind, name, err)
	}
	return kind
}

// busy says whether the system kept the program from its work: something else killed
// it, or it could not load, open or start what it needs for want of room.
func (p *process) busy(err error) bool {
	if err != nil && err.Error() == "signal: killed" && !p.killed.Load() {
		return true
	}
	m := p.stderr.Message()
	// The dynamic loader has numbers in the place of most messages.
	loader := strings.Contains(m, "error while loading shared libraries") && (strings.Contains(m, ": Error ") || strings.Contains(m, "Cannot allocate memory"))
	return loader || strings.Contains(m, "Too many open files") || strings.Contains(m, "pthread_create")
}

// Read reads the program's output; if none comes for too long, the program is
// killed. Time in which nobody reads does not count.
func (p *process) Read(b []byte) (int, error) {
	defer p.watch()()
	return p.stdout.Read(b)
}

// watchSteps is in how many steps a timeout passes.
const watchSteps = 10

// watch kills the program unless the returned function is called in time. Time passes in
// steps: however long this process is stopped meanwhile (Ctrl-Z, a frozen control group),
// that is one step, not the program's fault.
func (p *process) watch() func() {
	if p.timeout < 0 {
		return func() {}
	}
	var mu sync.Mutex
	var t *time.Timer
	left := watchSteps
	step := max(p.timeout/watchSteps, time.Millisecond)
	mu.Lock()
	defer mu.Unlock()
	t = time.AfterFunc(step, func() {
		mu.Lock()
		defer mu.Unlock()
		if left--; left > 0 {
			t.Reset(step)
		} else if left == 0 {
			p.stalled.Store(true)
			p.kill()
		}
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		left = 0
		t.Stop()
	}
}

// kill ends the program. It may be called at any time, from anywhere.
func (p *process) kill() {
	p.killed.Store(true)
	p.cancel()
}

// wait waits for the program's end, after its output was read to the end or it
// was killed, and says why it failed.
func (p *process) wait() error {
	p.once.Do(func() {
		done := p.watch() // output may be closed and the program still hang
		err := p.cmd.Wait()
		done()
		p.group.Ended()
		p.cancel()
		switch {
		case p.stalled.Load():
			p.err = fmt.Errorf("%w for %v from %s", ErrStalled, p.timeout, p.cmd.Args[0])
		case errors.Is(err, exec.ErrWaitDelay):
			p.err = fmt.Errorf("%s did not let go of its output", p.cmd.Args[0])
		case err != nil:
			p.err = err
		}
	})
	return p.err
}

// output runs a program to its end and gives what it printed, which must not be
// more than limit bytes.
func (p *process) output(limit int64) ([]byte, error) {
	if err := p.start(); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(p, limit+1))
	if err != nil || int64(len(b)) > limit {
		p.kill()
	}
	if e := p.wait(); err == nil && int64(len(b)) <= limit {
		err = e
	} else if err == nil {
		err = errors.New("too much output")
	}
	if p.stalled.Load() {
		err = p.err
	}
	return b, err
}
