package catalogue

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path"
	"time"

	"krypton/internal/atomicfile"
)

// Fetcher fetches files into a cache. The zero value is ready.
type Fetcher struct {
	// Agent is what servers are told.
	Agent string
	// Mirrors are asked in order, instead of a file's own address. Below each
	// lies a file's Path.
	Mirrors []*url.URL
	// Offline asks nobody: only what is in the cache already is had.
	Offline bool
	// Progress, if set, is told how many bytes of a file are there.
	Progress func(done int64)
	// Note, if set, is told in a line what is waited for.
	Note func(text string)
	// Stall is the longest silence of a server, 0 is DefaultStall. Less than
	// 1 KiB a second over that time is silence, too.
	Stall time.Duration
	// Within bounds the time that a file may take in all, 0 is DefaultWithin.
	Within time.Duration
	// Tries is how often in a row an address may be asked without getting on
	// (by 1 MiB), 0 is DefaultTries.
	Tries int

	transport http.RoundTripper // nil is a copy of the default one
	wait      time.Duration     // before the second try, 0 is 1 s
}

// Defaults of a Fetcher.
const (
	DefaultStall  = 30 * time.Second
	DefaultWithin = 24 * time.Hour
	DefaultTries  = 5
)

// errLate says that a file took too long in all.
var errLate = errors.New("it is not there within the time")

// ParseMirror reads the address of a mirror: http or https, without a question
// mark. What it serves is compared with the catalogue's digests.
func ParseMirror(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("it is no address") // the error could show a password
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q: want http://host/path or https://host/path", u.Redacted())
	}
	return u, nil
}

// Fetch makes a file lie in the cache: at once if it is there, by going on where
// an earlier Fetch broke off, or from its beginning. Nothing but the bytes that
// the catalogue means ever has the file's name. Errors are *Error, of its
// kind, or the context's.
func (f *Fetcher) Fetch(ctx context.Context, c *Cache, what string, file File) error {
	return classified(f.have(ctx, c, what, file))
}

// have is Fetch, whose errors have no kind.
func (f *Fetcher) have(ctx context.Context, c *Cache, what string, file File) error {
	if f.Offline {
		return f.there(c, what, file)
	}
	within := cmp.Or(f.Within, DefaultWithin)
	ctx, cancel := context.WithTimeoutCause(ctx, within, errLate)
	defer cancel()
	err := f.pull(ctx, c, what, file)
	if err != nil && errors.Is(context.Cause(ctx), errLate) {
		return &Error{Temporary, what, c.Path(file), fmt.Errorf("%w of %s: another pull goes on with %d of %d bytes", errLate, within, c.Partial(file), file.Size)}
	}
	return err
}

// pull is Fetch without a bound.
func (f *Fetcher) pull(ctx context.Context, c *Cache, what string, file File) error {
	storage := func(err error) error {
		if err == nil || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return err
		}
		return &Error{Storage, what, c.Path(file), err}
	}
	lock, err := c.lock(ctx, file, func() { f.note("%s: waiting for another pull of it", what) })
	if err != nil {
		return storage(err)
	}
	defer func() { _ = lock.Close() }() // the process's end would unlock it, too
	if _, err := os.Lstat(c.Path(file)); err == nil {
		return f.there(c, what, file)
	}
	t, err := openTransfer(c.part(file), file)
	if err != nil {
		return storage(err)
	}
	err = f.fetch(ctx, t, what)
	if e := t.part.Close(); err == nil {
		err = storage(e)
	}
	if err != nil {
		if t.have == 0 {
			_ = os.Remove(c.part(file)) // an empty file helps nobody, but does no harm
		}
		return err
	}
	return storage(atomicfile.Adopt(c.part(file), c.Path(file)))
}

// there checks a file that must be in the cache.
func (f *Fetcher) there(c *Cache, what string, file File) error {
	err := c.check(file)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return &Error{Missing, what, c.Path(file), ErrOffline}
	case errors.Is(err, errDamaged):
		return &Error{Wrong, what, c.Path(file), err}
	}
	return &Error{Storage, what, c.Path(file), err}
}

// fetch asks each address until one has given the file.
func (f *Fetcher) fetch(ctx context.Context, t *transfer, what string) error {
	t.progress = f.Progress
	t.stall = f.Stall
	if t.stall == 0 {
		t.stall = DefaultStall
	}
	t.agent = f.Agent
	var addresses []*url.URL
	for _, m := range f.Mirrors {
		addresses = append(addresses, m.JoinPath(t.file.Path))
	}
	if addresses == nil {
		u, err := url.Parse(t.file.Address)
		if err != nil {
			return &Error{Wrong, what, t.file.Address, err}
		}
		addresses = append(addresses, u)
	}
	transport := f.transport
	if transport == nil {
		own, ok := http.DefaultTransport.(*http.Transport)
		if !ok {
			return &Error{Temporary, what, t.file.Address, errors.New("no way to make connections")}
		}
		own = own.Clone()
		defer own.CloseIdleConnections()
		transport = own
	}
	t.client = &http.Client{Transport: transport, CheckRedirect: redirect}
	var err error
	for i, a := range addresses {
		if err != nil {
			f.note("%v; asking the next mirror", err)
		}
		t.tag = ""
		if err = f.insist(ctx, t, what, addresses[i]); err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var s *storageError
		if errors.As(err, &s) {
			return &Error{Storage, what, t.part.Name(), s.error}
		}
		kind := Temporary
		var p *permanent
		if errors.As(err, &p) {
			kind = p.kind
		}
		err = &Error{kind, what, a.Redacted(), err}
	}
	return err
}

// insist asks one address again while that may help. Only tries that bring
// nothing new are counted: a long file over a bad line takes many.
func (f *Fetcher) insist(ctx context.Context, t *transfer, what string, address *url.URL) error {
	tries, wait := f.Tries, f.wait
	if tries == 0 {
		tries = DefaultTries
	}
	if wait == 0 {
		wait = time.Second
	}
	best := t.have
	for failed := 1; ; failed++ {
		err := t.once(ctx, address)
		var p *permanent
		var s *storageError
		if err == nil || ctx.Err() != nil || errors.As(err, &p) || errors.As(err, &s) {
			return err
		}
		if t.have >= best+1<<20 {
			best, failed = t.have, 1
		}
		if failed >= tries {
			return err
		}
		pause := min(wait<<(failed-1), 30*time.Second)
		pause += time.Duration(rand.Int64N(int64(pause)/4 + 1)) // so that many clients do not come at once
		var busy *busyError
		if errors.As(err, &busy) && busy.after > 0 {
			pause = min(max(pause, busy.after), time.Minute)
		}
		f.note("%s: %s: %v; trying again in %s", what, path.Base(address.Path), err, pause.Round(100*time.Millisecond))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (f *Fetcher) note(format string, args ...any) {
	if f.Note != nil {
		f.Note(fmt.Sprintf(format, args...))
	}
}

// maxRedirects is as many as an honest server needs.
const maxRedirects = 5

// redirect allows what keeps or gains safety: to https, or from http to http.
func redirect(r *http.Request, via []*http.Request) error {
	switch {
	case len(via) > maxRedirects:
		return &permanent{Wrong, fmt.Errorf("redirected more than %d times", maxRedirects)}
	case r.URL.Scheme == "https" || r.URL.Scheme == "http" && via[len(via)-1].URL.Scheme == "http":
		return nil
	}
	return &permanent{Wrong, fmt.Errorf("redirected to %s: only https is followed", r.URL.Redacted())}
}

// openTransfer opens what is there of a file, or a new one.
func openTransfer(path string, file File) (*transfer, error) {
	if i, err := os.Lstat(path); err == nil && !i.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	part, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	t := &transfer{file: file, part: part, hash: sha256.New()}
	t.have, err = io.Copy(t.hash, io.LimitReader(part, file.Size+1))
	t.resumed = t.have > 0
	if err == nil && t.have > file.Size {
		err = t.reset()
	}
	if err != nil {
		_ = part.Close() // the first error counts
		return nil, err
	}
	return t, nil
}
