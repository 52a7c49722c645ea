package catalogue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"krypton/internal/lock"
)

// Cache is a folder of fetched files, each named by its SHA-256. Beside them lie
// what is fetched of others (.part) and locks (.lock, which stay: a lock that is
// removed is none for those who wait for it).
type Cache struct{ dir string }

// OpenCache names a cache. It makes no folder before there is something to put
// into it. An empty dir is the user's: krypton below XDG_CACHE_HOME, or below
// where the system has such folders.
func OpenCache(dir string) (*Cache, error) {
	if dir == "" {
		base := os.Getenv("XDG_CACHE_HOME")
		if !filepath.IsAbs(base) { // its specification says to ignore others
			var err error
			if base, err = os.UserCacheDir(); err != nil {
				return nil, fmt.Errorf("no folder for the cache: %w", err)
			}
		}
		dir = filepath.Join(base, "krypton")
	}
	return &Cache{filepath.Join(dir, "sha256")}, nil
}

// Path is where a file lies once it is fetched.
func (c *Cache) Path(f File) string { return filepath.Join(c.dir, f.SHA256) }

func (c *Cache) part(f File) string { return c.Path(f) + ".part" }

// Has says whether a file is there. Its content is not read.
func (c *Cache) Has(f File) bool {
	i, err := os.Lstat(c.Path(f))
	return err == nil && i.Mode().IsRegular() && i.Size() == f.Size
}

// Partial is how many bytes are there of a file that was not fetched to its end.
func (c *Cache) Partial(f File) int64 {
	i, err := os.Lstat(c.part(f))
	if err != nil || !i.Mode().IsRegular() {
		return 0
	}
	return i.Size()
}

// Remove removes a file, or the beginning of one, and gives the number of bytes.
// It fails with fs.ErrNotExist if neither is there, and with a Temporary error
// while somebody fetches it.
func (c *Cache) Remove(what string, f File) (int64, error) {
	n, err := c.remove(what, f)
	return n, classified(err)
}

func (c *Cache) remove(what string, f File) (int64, error) {
	if _, err := os.Lstat(c.Path(f)); err != nil && c.Partial(f) == 0 {
		return 0, &Error{Missing, what, c.Path(f), fs.ErrNotExist}
	}
	held, err := lock.Open(c.Path(f) + ".lock")
	if errors.Is(err, lock.ErrBusy) {
		return 0, &Error{Temporary, what, c.Path(f), errors.New("it is being fetched")}
	}
	if err != nil {
		return 0, &Error{Storage, what, c.Path(f), err}
	}
	defer func() { _ = held.Close() }() // nothing is lost if it fails
	var freed int64
	for _, p := range []string{c.Path(f), c.part(f)} {
		i, err := os.Lstat(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.Remove(p)
		}
		if err != nil {
			return freed, &Error{Storage, what, p, err}
		}
		freed += i.Size()
	}
	return freed, nil
}

// lock waits until nobody else fetches f. waiting is called if somebody does.
func (c *Cache) lock(ctx context.Context, f File, waiting func()) (*lock.File, error) {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return nil, err
	}
	for told := false; ; told = true {
		held, err := lock.Open(c.Path(f) + ".lock")
		if !errors.Is(err, lock.ErrBusy) {
			return held, err
		}
		if !told {
			waiting()
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// check reads a fetched file and compares it with the catalogue.
func (c *Cache) check(f File) error {
	i, err := os.Lstat(c.Path(f))
	if err != nil {
		return err
	}
	if !i.Mode().IsRegular() {
		return fmt.Errorf("not a regular file (%v)", i.Mode().Type())
	}
	file, err := os.Open(c.Path(f))
	if err != nil {
		return err
	}
	defer file.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(file, f.Size+1))
	if err != nil {
		return err
	}
	if n != f.Size || hex.EncodeToString(h.Sum(nil)) != f.SHA256 {
		return errDamaged
	}
	return nil
}

var errDamaged = errors.New("the file in the cache is damaged: krypton model rm removes it")

// Remove removes a model, and its labels if no other model in the cache has
// them. It gives the number of bytes.
func (c *Catalogue) Remove(cache *Cache, m *Model) (int64, error) {
	freed, err := cache.Remove("model "+m.Name, m.File)
	if err != nil || m.LabelFile == nil {
		return freed, err
	}
	for _, other := range c.Models {
		if l := other.LabelFile; l != nil && l.SHA256 == m.LabelFile.SHA256 && (cache.Has(other.File) || cache.Partial(other.File) > 0) {
			return freed, nil
		}
	}
	if !cache.Has(*m.LabelFile) && cache.Partial(*m.LabelFile) == 0 {
		return freed, nil
	}
	n, err := cache.Remove("labels of model "+m.Name, *m.LabelFile)
	return freed + n, err
}
