package batch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"krypton/internal/atomicfile"
	"krypton/internal/lock"
)

var (
	// ErrBusy says that another process writes this journal.
	ErrBusy = lock.ErrBusy
	// ErrGone says that an open journal has lost its name: nobody would find what
	// is written into it.
	ErrGone = errors.New("it is gone: its folder was removed or renamed, or another file has its name")
	// ErrOther says that a journal was made with another model, settings,
	// version or shard.
	ErrOther = errors.New("the journal is of another run")
)

// Journal remembers which items are finished, so that a run that was
// interrupted in any way goes on where it was. It may be used by several
// goroutines at a time.
type Journal struct {
	path string
	root string
	cut  int64
	lock *lock.File

	mu   sync.Mutex
	file journalFile
	log  *Log
	err  error // why nothing can be appended any more
}

// journalFile is what a journal needs of *os.File.
type journalFile interface {
	io.WriteCloser
	Sync() error
	Truncate(int64) error
}

// OpenOptions say how a journal is opened.
type OpenOptions struct {
	// Root is the folder that outputs with relative paths lie in; "" is the
	// working folder.
	Root string
	// Restart forgets what the journal says. A file that is no journal, or a
	// damaged one, is left alone and refused all the same.
	Restart bool
}

// Open opens the journal at path, which nobody else can open until Close, or
// makes it, in a folder that is there. A line that a crash tore is cut off.
//
// Errors: ErrBusy if another process, or this one, has it open; ErrOther if its
// fingerprint or shard is not head's and opt does not ask to restart; ErrDamaged,
// ErrVersion; or those of the file system.
func Open(path string, head Header, opt OpenOptions) (*Journal, error) {
	head.Version, head.Shard = version, head.Shard.complete()
	if err := head.check(); err != nil {
		return nil, fmt.Errorf("journal %s: %w", path, err)
	}
	j := &Journal{path: path, root: opt.Root}
	if err := j.open(head, opt.Restart); err != nil {
		_ = j.Close() // the first error counts
		return nil, fmt.Errorf("journal %s: %w", path, err)
	}
	return j, nil
}

func (j *Journal) open(head Header, restart bool) error {
	f, err := lock.Open(j.path)
	if err != nil {
		return err
	}
	j.lock, j.file = f, f
	if j.log, err = ReadLog(f, filepath.Base(j.path)); err != nil {
		return err
	}
	j.cut = j.log.read - j.log.size
	fresh := j.log.size == 0 || restart
	if !fresh {
		if err := sameRun(j.log.Header, head); err != nil {
			return err
		}
	} else {
		j.log = &Log{Name: j.log.Name, Header: head, at: map[string]int{}}
	}
	if j.cut > 0 || fresh {
		if err := f.Truncate(j.log.size); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if !fresh {
		return nil
	}
	line, err := encodeLine(head)
	if err != nil {
		return err
	}
	if err := j.write(line); err != nil {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(j.path))
}

func sameRun(was, is Header) error {
	if was.Fingerprint != is.Fingerprint {
		return fmt.Errorf("%w: model, settings or version differ", ErrOther)
	}
	if was.Shard != is.Shard {
		return fmt.Errorf("%w: it is of shard %s by %s, not %s by %s", ErrOther, was.Shard, was.Shard.By, is.Shard, is.Shard.By)
	}
	return nil
}

// Cut is how many bytes of a torn last line Open has cut off.
func (j *Journal) Cut() int64 { return j.cut }

// Gone is ErrGone if the journal has lost its name since it was opened.
func (j *Journal) Gone() error {
	same, err := j.lock.Named()
	if err == nil && !same {
		err = ErrGone
	}
	if err != nil {
		return fmt.Errorf("journal %s: %w", j.path, err)
	}
	return nil
}

// Append adds what became of an item, in one write, and returns when it is on
// the disk. The item's outputs must be there by then, under their final names
// and synced. After an error the record is not in the journal, or the journal
// takes no more.
func (j *Journal) Append(r Record) error {
	item := r.Item
	line, err := r.encode()
	if err == nil {
		r, err = parseRecord(line) // as a resume would see it
	}
	if err != nil {
		return fmt.Errorf("journal %s: record of %q: %w", j.path, item, err)
	}
	if err := j.Gone(); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	err = j.log.admit(r)
	if err == nil {
		err = j.write(line)
	}
	if err != nil {
		return fmt.Errorf("journal %s: %w", j.path, err)
	}
	j.log.put(r)
	return nil
}

// write appends a line and syncs it. If it cannot be written whole, what was
// written is taken back: the next line would run on from it. Where that fails
// too, or a sync does, nobody knows what is on the disk, and all is over.
func (j *Journal) write(line []byte) error {
	if j.err != nil {
		return j.err
	}
	if _, err := j.file.Write(line); err != nil {
		e := j.file.Truncate(j.log.size)
		if e == nil {
			e = j.file.Sync()
		}
		j.err = e
		return errors.Join(err, e)
	}
	if j.err = j.file.Sync(); j.err != nil {
		return j.err
	}
	j.log.size += int64(len(line))
	return nil
}

// Done says whether an item needs nothing more: its last record says done, its
// input still has this digest ("" if there is none), and its outputs are there
// with the digests recorded. If not, why says what is the matter, for people; it
// is "" if the item was never finished. An item that failed is not done.
func (j *Journal) Done(key, digest string) (done bool, why string) {
	j.mu.Lock()
	r, found := j.log.Record(key)
	j.mu.Unlock()
	if !found {
		return false, ""
	}
	return r.holds(j.root, digest)
}

// Record gives the last record of an item, if there is one.
func (j *Journal) Record(key string) (Record, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.log.Record(key)
}

// Close lets others open the journal. Closing twice is nothing.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var err error
	if j.file != nil {
		err = j.file.Close()
		j.file = nil
	}
	if j.err == nil {
		j.err = os.ErrClosed
	}
	return err
}
