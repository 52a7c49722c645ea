package catalogue

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// transfer is a file on its way.
type transfer struct {
	file     File
	part     *os.File // holds the first have bytes
	hash     hash.Hash
	have     int64
	resumed  bool   // some bytes are of an earlier connection
	tag      string // the server's strong tag of what it sent, "" if unknown
	client   *http.Client
	agent    string
	stall    time.Duration
	progress func(int64)
}

// permanent is an error that another try will not mend.
type permanent struct {
	kind Kind
	error
}

func (p *permanent) Unwrap() error { return p.error }

// storageError is an error of the disk.
type storageError struct{ error }

func (s *storageError) Unwrap() error { return s.error }

// busyError is a server's word that it cannot answer now.
type busyError struct {
	status string
	after  time.Duration // 0 if it does not say
}

func (b *busyError) Error() string { return "the server says " + b.status }

// slowest is how many bytes a second are more than silence.
const slowest = 1 << 10

// errStalled says that nothing came for too long.
var errStalled = errors.New("the server stalls")

func wrong(format string, args ...any) error {
	return &permanent{Wrong, fmt.Errorf(format, args...)}
}

// reset throws away what is there.
func (t *transfer) reset() error {
	t.hash.Reset()
	t.have, t.resumed, t.tag = 0, false, ""
	if err := t.part.Truncate(0); err != nil {
		return &storageError{err}
	}
	if _, err := t.part.Seek(0, io.SeekStart); err != nil {
		return &storageError{err}
	}
	return nil
}

// restart throws away what is there because of what the server did.
func (t *transfer) restart(why string) error {
	if err := t.reset(); err != nil {
		return err
	}
	return errors.New(why)
}

// once asks for what is missing, and checks the whole if that came.
func (t *transfer) once(ctx context.Context, address *url.URL) error {
	if t.have < t.file.Size {
		if err := t.receive(ctx, address); err != nil {
			return err
		}
	}
	if got := hex.EncodeToString(t.hash.Sum(nil)); got != t.file.SHA256 {
		resumed := t.resumed
		if err := t.reset(); err != nil {
			return err
		}
		if resumed { // the two halves may be of different files
			return errors.New("what came earlier and what came now do not fit together")
		}
		return wrong("its SHA-256 is %s, the catalogue says %s", got, t.file.SHA256)
	}
	return nil
}

// receive appends what the server sends to the part.
func (t *transfer) receive(ctx context.Context, address *url.URL) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(t.stall, func() { cancel(errStalled) })
	defer watchdog.Stop()
	heard := t.have // when the watchdog was calmed
	enough := max(1, int64(t.stall.Seconds()*slowest))
	failed := func(err error) error {
		if errors.Is(context.Cause(ctx), errStalled) {
			came := "nothing"
			if t.have > heard {
				came = fmt.Sprintf("only %d bytes", t.have-heard)
			}
			return fmt.Errorf("%w: %s came for %s: %d of %d bytes are there", errStalled, came, t.stall, t.have, t.file.Size)
		}
		return connection(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return wrong("%w", connection(err))
	}
	req.Header.Set("Accept-Encoding", "identity") // sizes are of the file itself
	if t.agent != "" {
		req.Header.Set("User-Agent", t.agent)
	}
	if t.have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", t.have))
		if t.tag != "" {
			req.Header.Set("If-Range", t.tag)
		}
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return failed(err)
	}
	defer resp.Body.Close()
	if err := t.begin(resp); err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	for t.have < t.file.Size {
		n, err := resp.Body.Read(buf)
		if t.have+int64(n) > t.file.Size {
			if err := t.reset(); err != nil {
				return err
			}
			return wrong("longer than the %d bytes that the catalogue says", t.file.Size)
		}
		if _, err := t.part.Write(buf[:n]); err != nil {
			_ = t.part.Truncate(t.have) // the part must end where the digest does, or the next pull begins anew
			return &storageError{err}
		}
		t.hash.Write(buf[:n])
		t.have += int64(n)
		if t.have >= heard+enough {
			heard = t.have
			watchdog.Reset(t.stall)
		}
		if t.progress != nil && n > 0 {
			t.progress(t.have)
		}
		switch {
		case t.have == t.file.Size:
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			t.resumed = t.have > 0
			return fmt.Errorf("it ended after %d of %d bytes", t.have, t.file.Size)
		case err != nil:
			t.resumed = t.have > 0
			return failed(err)
		}
	}
	return nil
}

// begin looks at a response's head: the body must be the file, or the rest of it.
func (t *transfer) begin(resp *http.Response) error {
	switch s := resp.StatusCode; {
	case s == http.StatusOK:
		if t.have > 0 { // the server knows no ranges, or the file changed
			if err := t.reset(); err != nil {
				return err
			}
		}
		if n := resp.ContentLength; n >= 0 && n != t.file.Size {
			return wrong("it has %d bytes, the catalogue says %d", n, t.file.Size)
		}
	case s == http.StatusPartialContent && t.have > 0:
		from, total, ok := contentRange(resp.Header.Get("Content-Range"))
		if ok && total >= 0 && total != t.file.Size {
			return wrong("it has %d bytes, the catalogue says %d", total, t.file.Size)
		}
		if !ok || from != t.have {
			return t.restart("the server sends another range than it was asked for")
		}
		t.resumed = true
	case s == http.StatusRequestedRangeNotSatisfiable && t.have > 0:
		return t.restart("the server does not go on where it ended")
	case s == http.StatusRequestTimeout || s == http.StatusTooEarly || s == http.StatusTooManyRequests || s >= 500:
		return &busyError{status(s), retryAfter(resp.Header.Get("Retry-After"), time.Now())}
	case s == http.StatusNotFound || s == http.StatusGone || s == http.StatusUnauthorized || s == http.StatusForbidden:
		return &permanent{Missing, errors.New("the server says " + status(s))}
	default:
		return wrong("the server says %s", status(s))
	}
	if e := resp.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return wrong("the server encodes it (%.40q), which it was not asked for", e)
	}
	t.tag = ""
	if tag := resp.Header.Get("ETag"); strings.HasPrefix(tag, `"`) { // weak ones are no use for ranges
		t.tag = tag
	}
	return nil
}

// status writes a status code in our own words: a server's may be anything.
func status(code int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", code, http.StatusText(code)))
}

// contentRange reads "bytes 5-9/10". total is -1 for "*".
func contentRange(s string) (from, total int64, ok bool) {
	s, ok = strings.CutPrefix(s, "bytes ")
	span, size, ok2 := strings.Cut(s, "/")
	first, last, ok3 := strings.Cut(span, "-")
	if !ok || !ok2 || !ok3 {
		return 0, 0, false
	}
	from, err1 := strconv.ParseInt(first, 10, 64)
	to, err2 := strconv.ParseInt(last, 10, 64)
	total = -1
	var err3 error
	if size != "*" {
		total, err3 = strconv.ParseInt(size, 10, 64)
	}
	if err1 != nil || err2 != nil || err3 != nil || from < 0 || to < from || size != "*" && to >= total {
		return 0, 0, false
	}
	return from, total, true
}

// retryAfter reads the header: seconds, or a date.
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(s); err == nil && n > 0 && n < 1<<20 {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// connection makes an error of the client one line without the address, which
// is said anyway. A certificate that is not trusted will not be at the next try.
func connection(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var cert *tls.CertificateVerificationError
	if errors.As(err, &cert) {
		return &permanent{Wrong, cert}
	}
	if errors.Is(err, io.EOF) {
		return errors.New("the server closed the connection without an answer")
	}
	return err
}
