package lock

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// beside is a lock by a file that stands beside the one that is locked. Whoever wants
// the lock makes a file of its own, exclusively, and then looks for others: of two who
// come at once at least one sees the other, since each made its file before it looked.
// Files of processes that are gone are passed over and removed. Whether a process is
// gone, its own machine knows; for others a file counts while its holder touches it.
type beside struct {
	file *os.File
	stop chan struct{}
	done chan struct{}
}

const (
	touched   = 20 * time.Second // how often a holder touches its file
	abandoned = 5 * time.Minute  // a file of another machine that was not touched for so long is nobody's
)

var count atomic.Int64

// lockBeside takes the lock of path.
func lockBeside(path string) (*beside, error) {
	var other error
	for range 5 {
		b, err := makeBeside(path)
		if err != nil {
			return nil, fmt.Errorf("the file system has no locks, and no file that would stand for one can be made: %w", err)
		}
		if other, err = othersBeside(path, b.file); err == nil && other == nil {
			go b.touch()
			return b, nil
		}
		close(b.done) // nobody touches it
		if e := b.release(); err == nil {
			err = e
		}
		if err != nil {
			return nil, err
		}
		// Both may have gone: the next time they come at different times.
		time.Sleep(10*time.Millisecond + rand.N(50*time.Millisecond))
	}
	return nil, other
}

// prefix begins the names of the files that stand for locks of path; place, process,
// its start and a count follow.
func prefix(path string) string { return "." + filepath.Base(path) + ".lock-" }

func makeBeside(path string) (*beside, error) {
	pid := os.Getpid()
	name := fmt.Sprintf("%s%s-%d-%d-%d", prefix(path), place(), pid, started(pid), count.Add(1))
	f, err := os.OpenFile(filepath.Join(filepath.Dir(path), name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	b := &beside{file: f, stop: make(chan struct{}), done: make(chan struct{})}
	if err := b.write(); err != nil {
		close(b.done)
		return nil, errors.Join(err, b.release())
	}
	return b, nil
}

// write touches the file by the file server's clock, whatever ours says.
func (b *beside) write() error {
	host, err := os.Hostname()
	if err != nil {
		host = "a machine without a name"
	}
	if _, err := b.file.WriteAt([]byte(host), 0); err != nil {
		return err
	}
	return b.file.Sync()
}

func (b *beside) touch() {
	defer close(b.done)
	t := time.NewTicker(touched)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			_ = b.write() // the next time will do as well
		case <-b.stop:
			return
		}
	}
}

func (b *beside) release() error {
	close(b.stop)
	<-b.done
	err := os.Remove(b.file.Name())
	if e := b.file.Close(); err == nil {
		err = e
	}
	return err
}

// othersBeside is ErrBusy with its holder if somebody else has, or wants, the lock.
func othersBeside(path string, own *os.File) (busy, err error) {
	now, err := own.Stat()
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), prefix(path))
		if !ok || e.Name() == now.Name() {
			continue
		}
		where, pid, start, ok := parse(rest)
		if !ok {
			continue // nobody here calls a lock that
		}
		i, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		name := filepath.Join(dir, e.Name())
		alive := runs(pid, start)
		if where != place() {
			alive = now.ModTime().Sub(i.ModTime()) < abandoned
		}
		if alive {
			return fmt.Errorf("%w: process %d on %s, says %s", ErrBusy, pid, holder(name), name), nil
		}
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return nil, nil
}

// parse takes the end of a lock's name apart.
func parse(s string) (where string, pid, start int, ok bool) {
	parts := strings.Split(s, "-")
	if len(parts) != 4 {
		return "", 0, 0, false
	}
	pid, err1 := strconv.Atoi(parts[1])
	start, err2 := strconv.Atoi(parts[2])
	_, err3 := strconv.Atoi(parts[3])
	return parts[0], pid, start, errors.Join(err1, err2, err3) == nil && pid > 0
}

// holder is the machine that a lock's file names.
func holder(name string) string {
	f, err := os.Open(name)
	if err != nil {
		return "a machine unknown"
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 256))
	if err != nil || len(b) == 0 {
		return "a machine unknown"
	}
	return string(b)
}
