package catalogue

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"krypton/internal/failure"
)

// content is a file of 300000 bytes that no two servers confuse.
func content(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 7))
	b := make([]byte, 300000)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func fileOf(b []byte) File {
	sum := sha256.Sum256(b)
	return File{Address: "https://example.org/zoo/a/m.onnx", Path: "a/m.onnx", Size: int64(len(b)), SHA256: hex.EncodeToString(sum[:])}
}

// server serves what handler does, and is a mirror.
func server(t *testing.T, handler http.HandlerFunc) (*url.URL, *Fetcher) {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	u, err := ParseMirror(s.URL + "/zoo")
	if err != nil {
		t.Fatal(err)
	}
	return u, &Fetcher{Mirrors: []*url.URL{u}, Stall: 150 * time.Millisecond, Tries: 3, wait: time.Millisecond}
}

func newCache(t *testing.T) *Cache {
	t.Helper()
	c, err := OpenCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// have fails unless the cache holds exactly the file, under its name only.
func have(t *testing.T, c *Cache, f File, want []byte) {
	t.Helper()
	b, err := os.ReadFile(c.Path(f))
	if err != nil || !bytes.Equal(b, want) || !c.Has(f) {
		t.Errorf("the cache has %d bytes, want %d (%v)", len(b), len(want), err)
	}
	if n := c.Partial(f); n != 0 {
		t.Errorf("%d bytes are left under the temporary name", n)
	}
}

// haveNot fails if the cache has anything under the file's name.
func haveNot(t *testing.T, c *Cache, f File) {
	t.Helper()
	if _, err := os.Lstat(c.Path(f)); !errors.Is(err, os.ErrNotExist) || c.Has(f) {
		t.Errorf("there is something under the final name: %v", err)
	}
}

// refused fails unless err is one line of the kind with all words.
func refused(t *testing.T, err error, kind Kind, words ...string) {
	t.Helper()
	var e *Error
	if said, ok := failure.Of(err); !errors.As(err, &e) || e.Kind != kind || ok && said != kind {
		t.Fatalf("error %v, want kind %d", err, kind)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than a line: %q", err)
	}
	for _, w := range append(words, "model m") {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

func TestFetch(t *testing.T) {
	b := content(1)
	f, c := fileOf(b), newCache(t)
	var asked atomic.Int32
	_, fetcher := server(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.URL.Path != "/zoo/a/m.onnx" || r.UserAgent() != "krypton/test" || r.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("asked for %s with %v", r.URL.Path, r.Header)
		}
		http.ServeContent(w, r, "m.onnx", time.Time{}, bytes.NewReader(b))
	})
	fetcher.Agent = "krypton/test"
	var last int64
	fetcher.Progress = func(n int64) {
		if n < last {
			t.Errorf("progress goes from %d to %d", last, n)
		}
		last = n
	}
	for range 2 { // the second time nobody is asked
		if err := fetcher.Fetch(t.Context(), c, "model m", f); err != nil {
			t.Fatal(err)
		}
		have(t, c, f, b)
	}
	if asked.Load() != 1 || last != f.Size {
		t.Errorf("asked %d times, progress ended at %d", asked.Load(), last)
	}
	fetcher.Offline = true
	if err := fetcher.Fetch(t.Context(), c, "model m", f); err != nil {
		t.Errorf("offline, in the cache: %v", err)
	}
	if freed, err := c.Remove("model m", f); err != nil || freed != f.Size {
		t.Errorf("removed %d bytes, %v", freed, err)
	}
	refused(t, fetcher.Fetch(t.Context(), c, "model m", f), Missing, ErrOffline.Error())
	_, err := c.Remove("model m", f)
	refused(t, err, Missing)
	if asked.Load() != 1 {
		t.Error("offline, somebody was asked")
	}
}

// A server that breaks off is asked to go on where it did; the bytes are those
// of an undisturbed fetch.
func TestResume(t *testing.T) {
	b := content(2)
	f := fileOf(b)
	for _, name := range []string{"tag", "no tag", "chunked"} {
		c := newCache(t)
		var ranges []string
		_, fetcher := server(t, func(w http.ResponseWriter, r *http.Request) {
			ranges = append(ranges, r.Header.Get("Range")+" "+r.Header.Get("If-Range"))
			if name != "no tag" {
				w.Header().Set("ETag", `"v1"`)
			}
			if len(ranges) == 1 {
				if name != "chunked" {
					w.Header().Set("Content-Length", fmt.Sprint(len(b)))
				}
				_, _ = w.Write(b[:100000])
				if name == "chunked" {
					return // an honest end, but too early
				}
				panic(http.ErrAbortHandler)
			}
			http.ServeContent(w, r, "m.onnx", time.Time{}, bytes.NewReader(b))
		})
		if err := fetcher.Fetch(t.Context(), c, "model m", f); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		have(t, c, f, b)
		want := "bytes=100000- "
		if name != "no tag" {
			want += `"v1"`
		}
		if len(ranges) != 2 || ranges[1] != want {
			t.Errorf("%s: asked for %q, want %q at last", name, ranges, want)
		}
	}
}

// A pull that ended is gone on with by the next one, in another process.
func TestResumeLater(t *testing.T) {
	b := content(3)
	f := fileOf(b)
	for _, c := range []struct {
		name    string
		part    []byte
		serve   bool // ranges
		request string
	}{
		{"the beginning", b[:1234], true, "bytes=1234-"},
		{"a server without ranges", b[:1234], false, "bytes=1234-"},
		{"another file's beginning", make([]byte, 1234), true, "bytes=1234-"},
		{"all of it", b, true, ""},
		{"all of another", make([]byte, len(b)), true, ""},
		{"too much", append(bytes.Clone(b), 0), true, ""},
	} {
		cache := newCache(t)
		var ranges []string
		_, fetcher := server(t, func(w http.ResponseWriter, r *http.Request) {
			ranges = append(ranges, r.Header.Get("Range"))
			if !c.serve {
				r.Header.Del("Range")
			}
			http.ServeContent(w, r, "m.onnx", time.Time{}, bytes.NewReader(b))
		})
		if err := os.MkdirAll(filepath.Dir(cache.part(f)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(cache.part(f), c.part, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := fetcher.Fetch(t.Context(), cache, "model m", f); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		have(t, cache, f, b)
		if len(ranges) > 0 && ranges[0] != c.request || len(ranges) == 0 && c.name != "all of it" {
			t.Errorf("%s: asked for %q", c.name, ranges)
		}
	}
}

// Servers that do not give the file: one line that says why, nothing under the
// final name.
func TestBadServers(t *testing.T) {
	b := content(4)
	f := fileOf(b)
	length := func(w http.ResponseWriter, n int) { w.Header().Set("Content-Length", fmt.Sprint(n)) }
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		kind    Kind
		asked   int32 // how often
		words   []string
	}{
		{"404", http.NotFound, Missing, 1, []string{"404 Not Found"}},
		{"403", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "\x1b[2Jno", http.StatusForbidden) }, Missing, 1, []string{"403 Forbidden"}},
		{"418", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(418) }, Wrong, 1, []string{"418"}},
		{"500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, Temporary, 3, []string{"500 Internal Server Error"}},
		{"429", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }, Temporary, 3, []string{"429 Too Many Requests"}},
		{"empty", func(http.ResponseWriter, *http.Request) {}, Wrong, 1, []string{"0 bytes", "300000"}},
		{"206 unasked", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(206) }, Wrong, 1, []string{"206"}},
		{"truncates", func(w http.ResponseWriter, r *http.Request) {
			length(w, len(b))
			_, _ = w.Write(b[:10])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, Temporary, 3, []string{"10 of 300000 bytes"}},
		{"stalls", func(w http.ResponseWriter, r *http.Request) {
			length(w, len(b))
			_, _ = w.Write(b[:10])
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, Temporary, 3, []string{"stalls", "150ms", "10 of 300000 bytes"}},
		{"stalls at once", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, Temporary, 3, []string{"stalls"}},
		{"says more", func(w http.ResponseWriter, _ *http.Request) {
			length(w, len(b)+1)
			_, _ = w.Write(append(bytes.Clone(b), 1))
		}, Wrong, 1, []string{"300001 bytes", "300000"}},
		{"says less", func(w http.ResponseWriter, _ *http.Request) { length(w, 10); _, _ = w.Write(b[:10]) }, Wrong, 1, []string{"10 bytes", "300000"}},
		{"endless", func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < 1000; i++ {
				if _, err := w.Write(b[:65537]); err != nil {
					return
				}
			}
		}, Wrong, 1, []string{"longer than the 300000 bytes"}},
		{"another file", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content(5)) }, Wrong, 1, []string{"SHA-256", f.SHA256}},
		{"encodes", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(b)
		}, Wrong, 1, []string{"encodes"}},
		{"redirects in a circle", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/zoo/a/m.onnx", http.StatusFound) }, Wrong, 6, []string{"redirected more than 5 times"}},
		{"redirects to a file", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}, Wrong, 1, []string{"only https"}},
		{"breaks off at once", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, Temporary, 3, []string{"closed the connection"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cache := newCache(t)
			var asked atomic.Int32
			u, fetcher := server(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1); c.handler(w, r) })
			err := fetcher.Fetch(t.Context(), cache, "model m", f)
			refused(t, err, c.kind, append(c.words, u.String()+"/a/m.onnx")...)
			haveNot(t, cache, f)
			if asked.Load() != c.asked {
				t.Errorf("asked %d times, want %d: %v", asked.Load(), c.asked, err)
			}
			if n := cache.Partial(f); n > 10 {
				t.Errorf("%d bytes are kept", n)
			}
		})
	}
}

// Servers that answer a question for the rest of a file badly: it is fetched
// anew.
func TestBadRanges(t *testing.T) {
	b := content(6)
	f := fileOf(b)
	for name, handler := range map[string]http.HandlerFunc{
		"not satisfiable": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(416) },
		"no range said":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(206); _, _ = w.Write(b[100:]) },
		"another range": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 0-299999/300000")
			w.WriteHeader(206)
			_, _ = w.Write(b)
		},
		"other bytes": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 100-299999/300000")
			w.WriteHeader(206)
			_, _ = w.Write(content(7)[100:])
		},
	} {
		cache := newCache(t)
		_, fetcher := server(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") == "" {
				_, _ = w.Write(b)
				return
			}
			handler(w, r)
		})
		if err := os.MkdirAll(cache.dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(cache.part(f), b[:100], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := fetcher.Fetch(t.Context(), cache, "model m", f); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		have(t, cache, f, b)
	}
}

func TestRedirectFromHTTPS(t *testing.T) {
	b := content(8)
	f := fileOf(b)
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b) }))
	defer plain.Close()
	var target string
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/there" {
			_, _ = w.Write(b)
			return
		}
		http.Redirect(w, r, target, http.StatusFound)
	}))
	defer s.Close()
	f.Address = s.URL + "/m.onnx"
	fetcher := &Fetcher{Tries: 1, transport: s.Client().Transport}
	c := newCache(t)
	target = plain.URL
	refused(t, fetcher.Fetch(t.Context(), c, "model m", f), Wrong, "only https", f.Address)
	haveNot(t, c, f)
	target = s.URL + "/there"
	if err := fetcher.Fetch(t.Context(), c, "model m", f); err != nil {
		t.Fatal(err)
	}
	have(t, c, f, b)

	// Without the server's certificate nothing is fetched, and once is enough.
	c = newCache(t)
	refused(t, (&Fetcher{Tries: 3, wait: time.Hour}).Fetch(t.Context(), c, "model m", f), Wrong, "certificate")
	haveNot(t, c, f)
}

// The next mirror is asked when one fails, whatever the reason; the last one's
// error is told.
func TestMirrors(t *testing.T) {
	b := content(9)
	f, c := fileOf(b), newCache(t)
	bad, fetcher := server(t, http.NotFound)
	worse, _ := server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content(10)) })
	good, _ := server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b) })
	fetcher.Mirrors = []*url.URL{bad, worse}
	refused(t, fetcher.Fetch(t.Context(), c, "model m", f), Wrong, worse.String())
	haveNot(t, c, f)
	var notes []string
	fetcher.Note = func(s string) { notes = append(notes, s) }
	fetcher.Mirrors = append(fetcher.Mirrors, good)
	if err := fetcher.Fetch(t.Context(), c, "model m", f); err != nil {
		t.Fatal(err)
	}
	have(t, c, f, b)
	if len(notes) != 2 || !strings.Contains(notes[0], bad.String()) || !strings.Contains(notes[1], "next mirror") {
		t.Errorf("notes %q", notes)
	}
}

func TestPasswordIsNotShown(t *testing.T) {
	c := newCache(t)
	u, fetcher := server(t, http.NotFound)
	u.User = url.UserPassword("me", "secret")
	err := fetcher.Fetch(t.Context(), c, "model m", fileOf(content(11)))
	refused(t, err, Missing, "404")
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error shows the password: %v", err)
	}
}

// Of many pulls of one file one fetches, and all have it.
func TestPullsAtOnce(t *testing.T) {
	b := content(12)
	f, c := fileOf(b), newCache(t)
	var asked atomic.Int32
	_, fetcher := server(t, func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		time.Sleep(20 * time.Millisecond)
		_, _ = w.Write(b)
	})
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if err := fetcher.Fetch(t.Context(), c, "model m", f); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	have(t, c, f, b)
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
}

// While a file is fetched it cannot be removed; a context that ends leaves what
// came for the next time, and nothing under the final name.
func TestCancel(t *testing.T) {
	b := content(13)
	f, c := fileOf(b), newCache(t)
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, fetcher := server(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(b)))
		_, _ = w.Write(b[:100000])
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	fetcher.Stall = time.Minute
	fetcher.Progress = func(n int64) {
		if n == 100000 {
			_, err := c.Remove("model m", f)
			refused(t, err, Temporary, "being fetched")
			cancel(stop)
		}
	}
	if err := fetcher.Fetch(ctx, c, "model m", f); !errors.Is(err, stop) {
		t.Fatalf("error %v, want the context's cause", err)
	}
	haveNot(t, c, f)
	if n := c.Partial(f); n != 100000 {
		t.Errorf("%d bytes are kept, want 100000", n)
	}
	if freed, err := c.Remove("model m", f); err != nil || freed != 100000 || c.Partial(f) != 0 {
		t.Errorf("removed %d, %v", freed, err)
	}
}

func TestDamagedCache(t *testing.T) {
	b := content(14)
	f, c := fileOf(b), newCache(t)
	_, fetcher := server(t, func(http.ResponseWriter, *http.Request) { t.Error("somebody was asked") })
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.Path(f), b[1:], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, offline := range []bool{false, true} {
		fetcher.Offline = offline
		refused(t, fetcher.Fetch(t.Context(), c, "model m", f), Wrong, "krypton model rm", c.Path(f))
	}
	if got, err := os.ReadFile(c.Path(f)); err != nil || !bytes.Equal(got, b[1:]) {
		t.Errorf("the file was overwritten: %v", err)
	}
}

func TestNoPlaceForTheCache(t *testing.T) {
	b := content(15)
	f := fileOf(b)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, fetcher := server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b) })
	c, err := OpenCache(file)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, fetcher.Fetch(t.Context(), c, "model m", f), Storage)

	// A part that is a link is not written through.
	c = newCache(t)
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, c.part(f)); err != nil {
		t.Skip(err)
	}
	refused(t, fetcher.Fetch(t.Context(), c, "model m", f), Storage, "regular")
	if i, err := os.Stat(file); err != nil || i.Size() != 0 {
		t.Errorf("the link's target was written: %v", err)
	}
}

func TestOpenCache(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", dir)
	c, err := OpenCache("")
	f := fileOf(nil)
	if want := filepath.Join(dir, "krypton", "sha256", f.SHA256); err != nil || c.Path(f) != want {
		t.Errorf("%v, %v; want %s", c, err, want)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("a folder was made: %v %v", entries, err)
	}
	t.Setenv("XDG_CACHE_HOME", "relative")
	t.Setenv("HOME", "")
	t.Setenv("LocalAppData", "")
	if c, err := OpenCache(""); err == nil && strings.Contains(c.dir, "relative") {
		t.Errorf("a relative folder: %v", c.dir)
	}
}

func TestContentRange(t *testing.T) {
	for s, want := range map[string]string{
		"bytes 5-9/10": "5 10 true", "bytes 0-0/*": "0 -1 true",
		"": "0 0 false", "bytes */10": "0 0 false", "bytes 5-4/10": "0 0 false", "bytes 5-10/10": "0 0 false", "bytes -5-9/10": "0 0 false",
		"lines 5-9/10": "0 0 false", "bytes 5-99999999999999999999/*": "0 0 false",
	} {
		from, total, ok := contentRange(s)
		if got := fmt.Sprint(from, total, ok); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}

func FuzzContentRange(f *testing.F) {
	f.Add("bytes 5-9/10")
	f.Add("bytes 0-0/*")
	f.Fuzz(func(t *testing.T, s string) {
		if from, total, ok := contentRange(s); ok && (from < 0 || total >= 0 && from >= total) {
			t.Errorf("%q: %d of %d", s, from, total)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for s, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "x": 0, "99999999999": 0,
		"Fri, 02 Jan 2026 03:04:15 GMT": 10 * time.Second, "Fri, 02 Jan 2026 03:04:00 GMT": 0,
	} {
		if got := retryAfter(s, now); got != want {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
	}
}

// What a disk does when it is full.
func TestWriteFails(t *testing.T) {
	b := content(16)
	f := fileOf(b)
	path := filepath.Join(t.TempDir(), "part")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	part, err := os.Open(path) // read only
	if err != nil {
		t.Fatal(err)
	}
	defer part.Close()
	_, fetcher := server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, bytes.NewReader(b)) })
	err = fetcher.fetch(t.Context(), &transfer{file: f, part: part, hash: sha256.New()}, "model m")
	refused(t, err, Storage, path)
}

// TestFetchWithin: a server that is slow, but not silent, is left at last; what came
// stays, and the next pull goes on with it.
func TestFetchWithin(t *testing.T) {
	b := make([]byte, 300000)
	for i := range b {
		b[i] = byte(i * i >> 8)
	}
	slow := true
	_, f := server(t, func(w http.ResponseWriter, r *http.Request) {
		if !slow {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
			return
		}
		for i := 0; i < len(b); i += 1000 {
			select {
			case <-r.Context().Done():
				return
			case <-time.After(10 * time.Millisecond):
			}
			_, _ = w.Write(b[i : i+1000])
			_ = http.NewResponseController(w).Flush()
		}
	})
	f.Within = 400 * time.Millisecond
	c, file := newCache(t), fileOf(b)
	err := f.Fetch(t.Context(), c, "m", file)
	var e *Error
	if !errors.As(err, &e) || e.Kind != Temporary || !strings.Contains(err.Error(), "within the time of 400ms") {
		t.Fatal(err)
	}
	if got := c.Partial(file); got < 1000 || got >= int64(len(b)) {
		t.Errorf("%d bytes are kept", got)
	}
	slow, f.Within = false, time.Minute
	if err := f.Fetch(t.Context(), c, "m", file); err != nil || !c.Has(file) {
		t.Error(err)
	}
	// Less than a KiB a second is silence.
	_, trickling := server(t, func(w http.ResponseWriter, r *http.Request) {
		for i := range b {
			select {
			case <-r.Context().Done():
				return
			case <-time.After(5 * time.Millisecond):
			}
			_, _ = w.Write(b[i : i+1])
			_ = http.NewResponseController(w).Flush()
		}
	})
	trickling.Tries = 1
	if err := trickling.Fetch(t.Context(), newCache(t), "m", file); !errors.As(err, &e) || e.Kind != Temporary || !strings.Contains(err.Error(), "stalls: only ") {
		t.Error(err)
	}
	// Whoever waits for another pull does not wait for ever either.
	held, err := c.lock(t.Context(), fileOf(b[1:]), func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	f.Within = 300 * time.Millisecond
	if err := f.Fetch(t.Context(), c, "m", fileOf(b[1:])); !errors.As(err, &e) || e.Kind != Temporary {
		t.Error(err)
	}
}
