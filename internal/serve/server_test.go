package serve

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"krypton/internal/explain"
	"krypton/internal/imagein"
	"krypton/internal/model"
	"krypton/models"
)

// served is a running server and a client that it has let in.
type served struct {
	t      *testing.T
	server *Server
	url    string // without the token
	token  string
	http   *http.Client
	by     *http.Transport // of all clients, nil for one each
}

// builtIn is the built-in model, with plans for each question.
func builtIn() Model {
	cache := model.NewCache(1 << 30)
	return Model{Make: func(ctx context.Context, q *explain.Question, view imagein.View) (*model.Model, error) {
		f, err := cache.Open(ctx, "", model.OpenOptions{MaxBytes: 1 << 30})
		if err != nil {
			return nil, err
		}
		n, err := cache.Load(ctx, f, model.LoadOptions{})
		if err != nil {
			return nil, err
		}
		p, err := cache.Plan(ctx, n, q.Need(n))
		if err != nil {
			return nil, err
		}
		return n.Prepare(p, model.Preparation{Preset: "unit", View: view})
	}}
}

// usually are the options of tests.
func usually() Options {
	return Options{Models: []Model{builtIn()}, Host: explain.Host{Threads: 2, Memory: 2 << 30, Version: "test"}}
}

// begin serves for the time of a test.
func begin(t *testing.T, opt Options) *served {
	t.Helper()
	s, err := New(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, s, l)
}

func serveOn(t *testing.T, s *Server, l net.Listener) *served {
	t.Helper()
	return serveWith(t, s, l, nil)
}

// serveWith serves clients that reach the server in this way, nil for one of their own.
func serveWith(t *testing.T, s *Server, l net.Listener, by *http.Transport) *served {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("serving: %v", err)
		}
	})
	address, token, _ := strings.Cut(s.Address(l), "?token=")
	x := &served{t: t, server: s, url: strings.TrimSuffix(address, "/"), token: token, by: by}
	x.http = x.client()
	return x
}

// working is the number of maps under way.
func (s *Server) working() int {
	s.turns.mu.Lock()
	defer s.turns.mu.Unlock()
	return len(s.turns.seats)
}

// client is one more client that has shown the token.
func (s *served) client() *http.Client {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	by := s.by
	if by == nil {
		by = &http.Transport{}
	}
	c := &http.Client{Jar: jar, Timeout: 10 * time.Minute, Transport: by}
	s.t.Cleanup(c.CloseIdleConnections)
	r, err := c.Get(s.url + "/?token=" + s.token)
	if err != nil || r.StatusCode != http.StatusOK {
		s.t.Fatalf("the token is not taken: %v %v", r, err)
	}
	r.Body.Close()
	return c
}

// TestOnce: the address that a browser is started with lets in once; the cookie that came
// of it goes on letting in.
func TestOnce(t *testing.T) {
	s := begin(t, usually())
	address := s.url + "/?token=" + s.server.access.ticket()
	get := func(c *http.Client, at string) int {
		r, err := c.Get(at)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		return r.StatusCode
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser, other := &http.Client{Jar: jar}, &http.Client{}
	for _, c := range []struct {
		client *http.Client
		at     string
		want   int
	}{
		{other, s.url + "/?token=", http.StatusForbidden},
		{browser, address, http.StatusOK},
		{other, address, http.StatusForbidden},
		{browser, address, http.StatusOK}, // loaded anew
		{browser, s.url + "/api/about", http.StatusOK},
		{other, s.url + "/?token=" + s.token, http.StatusOK},
	} {
		if got := get(c.client, c.at); got != c.want {
			t.Errorf("%s: %d, want %d", strings.TrimPrefix(c.at, s.url), got, c.want)
		}
	}
}

// call sends a request, and gives its status and what came back.
func (s *served) call(c *http.Client, method, path string, body any) (int, []byte) {
	s.t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		r = bytes.NewReader(b)
	case string:
		r = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			s.t.Fatal(err)
		}
		r = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, s.url+path, r)
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := c.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, data
}

// must is call for what must succeed, with its answer in v.
func (s *served) must(c *http.Client, method, path string, body, v any) {
	s.t.Helper()
	status, data := s.call(c, method, path, body)
	if status >= 300 {
		s.t.Fatalf("%s %s: %d %s", method, path, status, data)
	}
	if v != nil {
		if err := json.Unmarshal(data, v); err != nil {
			s.t.Fatalf("%s %s: %v in %s", method, path, err, data)
		}
	}
}

// sample sends the built-in picture and gives its ID.
func (s *served) sample(c *http.Client) string {
	s.t.Helper()
	_, data := models.Sample()
	var p struct{ ID string }
	s.must(c, "POST", "/api/pictures?name=sample.png", data, &p)
	return p.ID
}

// question is one that takes few positions.
func question(stride string) map[string]any {
	return map[string]any{"patch": []string{"16"}, "stride": []string{stride}}
}

// start starts a map and gives its ID.
func (s *served) start(c *http.Client, picture string, q map[string]any) string {
	s.t.Helper()
	var m struct{ ID string }
	s.must(c, "POST", "/api/maps", map[string]any{"picture": picture, "question": q}, &m)
	return m.ID
}

// event is one that a map sends.
type event struct {
	name, id string
	data     map[string]any
	raw      []byte
}

// listen reads a map's events, for as long as on wants more.
func (s *served) listen(c *http.Client, id, last string, on func(event) bool) {
	s.t.Helper()
	s.hear(c, "/api/maps/"+id, last, on)
}

// hear reads the events of work of any kind.
func (s *served) hear(c *http.Client, work, last string, on func(event) bool) {
	s.t.Helper()
	req, err := http.NewRequest("GET", s.url+work+"/events", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := c.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		s.t.Fatalf("events: %s", res.Status)
	}
	lines := bufio.NewReader(res.Body)
	var e event
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch key {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			e.data, e.raw = map[string]any{}, []byte(value)
			if err := json.Unmarshal([]byte(value), &e.data); err != nil {
				s.t.Fatal(err)
			}
		case "":
			if !on(e) {
				return
			}
			e = event{}
		}
	}
}

// TestAccess: nobody gets anything without the token or a cookie that this server made,
// under another host's name, or from another site's page; all answers carry the headers
// that bind browsers.
func TestAccess(t *testing.T) {
	s, other := begin(t, usually()), begin(t, usually())
	port := s.url[strings.LastIndex(s.url, ":"):]
	jar := func(x *served) string {
		u, _ := url.Parse(x.url)
		for _, c := range x.http.Jar.Cookies(u) {
			if c.Name == x.server.access.cookie {
				return c.Value
			}
		}
		return ""
	}
	mine, id := jar(s), strings.Split(jar(s), ".")[0]
	cookie := func(value string) map[string]string {
		return map[string]string{"Cookie": s.server.access.cookie + "=" + value}
	}
	with := func(m map[string]string, more ...string) map[string]string {
		out := map[string]string{}
		for k, v := range m {
			out[k] = v
		}
		for i := 0; i < len(more); i += 2 {
			out[more[i]] = more[i+1]
		}
		return out
	}
	for _, c := range []struct {
		name, method, path string
		header             map[string]string
		want               int
	}{
		{"nothing", "GET", "/", nil, 403},
		{"a script", "GET", "/app.js", nil, 403},
		{"the interface", "GET", "/api/files", nil, 403},
		{"a wrong token", "GET", "/?token=" + strings.Repeat("A", 26), nil, 403},
		{"the other server's token", "GET", "/?token=" + other.token, nil, 403},
		{"the token elsewhere", "GET", "/api/files?token=" + s.token, nil, 403},
		{"the token in a form", "POST", "/?token=" + s.token, nil, 403},
		{"the token", "GET", "/?token=" + s.token, nil, 200},
		{"a cookie", "GET", "/api/files", cookie(mine), 200},
		{"the page", "GET", "/", cookie(mine), 200},
		{"a name made up", "GET", "/api/files", cookie(id + "x." + strings.Split(mine, ".")[1]), 403},
		{"no mark", "GET", "/api/files", cookie(id), 403},
		{"the other server's cookie", "GET", "/api/files", cookie(jar(other)), 403},
		{"a header", "GET", "/api/files", map[string]string{"Authorization": "Bearer " + s.token}, 200},
		{"a wrong header", "GET", "/api/files", map[string]string{"Authorization": "Bearer x"}, 403},
		{"localhost", "GET", "/api/files", with(cookie(mine), "Host", "localhost"+port), 200},
		{"LOCALHOST", "GET", "/api/files", with(cookie(mine), "Host", "LOCALHOST"+port), 200},
		{"another name", "GET", "/api/files", with(cookie(mine), "Host", "evil.example"+port), 421},
		{"a longer name", "GET", "/api/files", with(cookie(mine), "Host", "127.0.0.1.evil.example"+port), 421},
		{"another port", "GET", "/api/files", with(cookie(mine), "Host", "127.0.0.1:1"), 421},
		{"no port", "GET", "/api/files", with(cookie(mine), "Host", "127.0.0.1"), 421},
		{"another name and the token", "GET", "/?token=" + s.token, map[string]string{"Host": "evil.example" + port}, 421},
		{"another site's page", "POST", "/api/pictures?file=", with(cookie(mine), "Sec-Fetch-Site", "cross-site"), 403},
		{"another port's page", "POST", "/api/pictures?file=", with(cookie(mine), "Sec-Fetch-Site", "same-site"), 403},
		{"an old browser's page", "POST", "/api/pictures?file=", with(cookie(mine), "Origin", "http://evil.example"), 403},
		{"its own page", "POST", "/api/pictures?file=", with(cookie(mine), "Sec-Fetch-Site", "same-origin", "Origin", s.url), 201},
		{"a way out of the page's files", "GET", "/..%2fserver.go", cookie(mine), 404},
		{"a method", "PUT", "/api/files", cookie(mine), 405},
	} {
		req, err := http.NewRequest(c.method, s.url+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range c.header {
			req.Header.Set(k, v)
		}
		if h := c.header["Host"]; h != "" {
			req.Host = h
		}
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		res.Body.Close()
		if res.StatusCode != c.want {
			t.Errorf("%s: status %d, want %d", c.name, res.StatusCode, c.want)
		}
		if csp := res.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'self';") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: Content-Security-Policy %q", c.name, csp)
		}
		if res.Header.Get("X-Content-Type-Options") != "nosniff" || res.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: headers %v", c.name, res.Header)
		}
		set := res.Header.Get("Set-Cookie")
		if (set != "") != (c.name == "the token") {
			t.Errorf("%s: cookie %q", c.name, set)
		}
		if set != "" && (!strings.Contains(set, "; HttpOnly") || !strings.Contains(set, "; SameSite=Strict") || !strings.Contains(set, "; Path=/") || strings.Contains(set, s.token)) {
			t.Errorf("cookie %q", set)
		}
	}
}

// TestAddresses: only loopback is served in the clear, unless somebody says so.
func TestAddresses(t *testing.T) {
	s, err := New(context.Background(), usually())
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"0.0.0.0:0", ":0"} {
		if l, err := s.Listen(address); !errors.Is(err, ErrOpen) {
			if err == nil {
				l.Close()
			}
			t.Errorf("%s: %v, want a refusal", address, err)
		}
	}
	for _, opt := range []Options{{Insecure: true}, {Certificate: "c.pem", Key: "k.pem"}} {
		s.opt = opt
		l, err := s.Listen("0.0.0.0:0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		if s.access.secure != (opt.Certificate != "") {
			t.Errorf("%+v: cookies for TLS only: %v", opt, s.access.secure)
		}
	}
}

// TestFolder: a client gets the folder's own regular files and nothing else.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	_, data := models.Sample()
	in := filepath.Join(dir, "in")
	for name, what := range map[string][]byte{"secret.png": data, "in/a.png": data, "in/sub/b.jpg": data, "in/.hidden/c.png": data, "in/notes.txt": []byte("x")} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, what, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"out.png": "../secret.png", "abs.png": filepath.Join(dir, "secret.png"), "inside.png": "a.png", "dirs": "..", "gone.png": "nothing"} {
		if err := os.Symlink(to, filepath.Join(in, name)); err != nil {
			t.Fatal(err)
		}
	}
	makeFIFO(t, filepath.Join(in, "pipe.png"))
	opt := usually()
	opt.Folder = in
	s := begin(t, opt)
	var list struct {
		Pictures []struct{ Name string }
		More     bool
	}
	s.must(s.http, "GET", "/api/files", nil, &list)
	if got := fmt.Sprint(list); got != "{[{a.png} {inside.png} {sub/b.jpg}] false}" {
		t.Errorf("listed: %s", got)
	}
	for name, want := range map[string]int{
		"a.png": 201, "inside.png": 201, "sub/b.jpg": 201, "sub/../a.png": 201,
		"../secret.png": 404, "out.png": 404, "abs.png": 404, "dirs/secret.png": 404, filepath.Join(dir, "secret.png"): 404, "/etc/passwd": 404,
		"sub/../../secret.png": 404, "pipe.png": 404, "sub": 404, ".": 404, "gone.png": 404, "a.png\x00": 404, "in\n.png": 404,
	} {
		for _, path := range []string{"/api/pictures?file=", "/api/thumbnail?file="} {
			method, status := "POST", want
			if strings.Contains(path, "thumbnail") {
				if method = "GET"; want == 201 {
					status = 200
				}
			}
			if got, body := s.call(s.http, method, path+url.QueryEscape(name), nil); got != status || bytes.Contains(body, []byte(dir)) {
				t.Errorf("%s %q: %d %s, want %d", method, name, got, body[:min(200, len(body))], status)
			}
		}
	}
}

// TestTensor: a map of a tensor has a picture to lie over, as the network reads it.
func TestTensor(t *testing.T) {
	opt := usually()
	opt.Folder = t.TempDir()
	head := "{'descr': '|u1', 'fortran_order': False, 'shape': (128, 128, 3), }"
	npy := func(head string, n int) []byte {
		return append([]byte("\x93NUMPY\x01\x00"+string(rune(len(head)))+"\x00"+head), make([]byte, n)...)
	}
	fits, none := npy(head, 128*128*3), npy(strings.Replace(head, "128, 128, 3", "128, 127, 3", 1), 128*127*3)
	if err := os.WriteFile(filepath.Join(opt.Folder, "fits.npy"), fits, 0o600); err != nil {
		t.Fatal(err)
	}
	s := begin(t, opt)
	for i, data := range [][]byte{fits, none} {
		want := []int{200, 422}[i]
		var p struct{ ID string }
		s.must(s.http, "POST", "/api/pictures?name=x.npy", data, &p)
		status, body := s.call(s.http, "GET", "/api/pictures/"+p.ID+"/view?model=0", nil)
		if status != want || want == 422 && !strings.Contains(string(body), "128 128 3") {
			t.Errorf("view: %d %s", status, body[:min(200, len(body))])
		}
		if c, err := png.DecodeConfig(bytes.NewReader(body)); want == 200 && (err != nil || c.Width != c.Height) {
			t.Errorf("view: %v %v", c, err)
		}
	}
	if status, body := s.call(s.http, "GET", "/api/thumbnail?file=fits.npy", nil); status != 200 {
		t.Errorf("thumbnail: %d %s", status, body)
	}
	if status, _ := s.call(s.http, "GET", "/api/pictures/x/view?model=1", nil); status != 404 {
		t.Errorf("no such picture: %d", status)
	}
	for _, model := range []string{"1", "-1", "x"} {
		if status, body := s.call(s.http, "GET", "/api/pictures/"+s.sample(s.http)+"/view?model="+model, nil); status != 400 {
			t.Errorf("model %s: %d %s", model, status, body[:min(200, len(body))])
		}
	}
}

// TestStrangersAreNotWaitedFor: whoever may not ask cannot hold a connection by a body
// that never comes.
func TestStrangersAreNotWaitedFor(t *testing.T) {
	s := begin(t, usually())
	host := strings.TrimPrefix(s.url, "http://")
	c, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(strangers + 30*time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "POST /api/maps HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000\r\n\r\nx", host)
	answer, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 403 ") {
		t.Errorf("%v: %.40q", err, answer)
	}
}

// TestTooMuch: what is larger than it may be is refused before it is held.
func TestTooMuch(t *testing.T) {
	opt := usually()
	opt.Host.Pixels = 100 * 100
	s := begin(t, opt)
	if status, body := s.call(s.http, "POST", "/api/pictures?name=x", make([]byte, mostUpload+1)); status != 413 {
		t.Errorf("a large file: %d %s", status, body)
	}
	if status, body := s.call(s.http, "POST", "/api/maps", `{"picture":"`+strings.Repeat("x", mostQuestion)+`"}`); status != 413 {
		t.Errorf("a large question: %d %s", status, body)
	}
	id := s.sample(s.http) // of more pixels than that
	for _, path := range []string{"/api/predictions", "/api/maps"} {
		status, body := s.call(s.http, "POST", path, map[string]any{"picture": id, "question": question("16")})
		if path == "/api/predictions" && (status != 422 || !strings.Contains(string(body), "pixels")) {
			t.Errorf("%s: a large picture: %d %s", path, status, body)
		}
		if path == "/api/maps" {
			var m struct{ ID string }
			if err := json.Unmarshal(body, &m); err != nil {
				t.Fatal(err)
			}
			last := event{}
			s.listen(s.http, m.ID, "", func(e event) bool { last = e; return true })
			if last.name != "failed" || !strings.Contains(fmt.Sprint(last.data["error"]), "pixels") {
				t.Errorf("a map of a large picture: %+v", last)
			}
		}
	}
	if status, _ := s.call(s.http, "GET", "/api/pictures/"+id+"/view", nil); status != 422 {
		t.Errorf("a view of a large picture: %d", status)
	}
}

// TestSendingAtOnce: pictures that are being sent take no more memory than those that are
// kept may, but one at least.
func TestSendingAtOnce(t *testing.T) {
	s := begin(t, usually())
	s.server.pictures.room = 150
	body, more := io.Pipe()
	req, err := http.NewRequest("POST", s.url+"/api/pictures?name=x", body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = 100
	first := make(chan error, 1)
	go func() {
		r, err := s.http.Do(req)
		if err == nil {
			r.Body.Close()
			if r.StatusCode != 201 {
				err = errors.New(r.Status)
			}
		}
		first <- err
	}()
	if _, err := more.Write(make([]byte, 50)); err != nil {
		t.Fatal(err)
	}
	coming := func() int64 {
		s.server.pictures.mu.Lock()
		defer s.server.pictures.mu.Unlock()
		return s.server.pictures.coming
	}
	for coming() != 100 {
		time.Sleep(time.Millisecond)
	}
	for n, want := range map[int]int{51: 429, 50: 201} {
		if status, body := s.call(s.http, "POST", "/api/pictures?name=y", make([]byte, n)); status != want {
			t.Errorf("%d bytes beside 100: %d %s, want %d", n, status, body, want)
		}
	}
	if _, err := more.Write(make([]byte, 50)); err != nil {
		t.Fatal(err)
	}
	more.Close()
	if err := <-first; err != nil {
		t.Error(err)
	}
	for coming() != 0 {
		time.Sleep(time.Millisecond)
	}
	if status, body := s.call(s.http, "POST", "/api/pictures?name=y", make([]byte, 200)); status != 201 {
		t.Errorf("more than there is room for, alone: %d %s", status, body)
	}
}

// TestBadQuestions: what makes no sense is refused with a word on what it is.
func TestBadQuestions(t *testing.T) {
	s := begin(t, usually())
	id := s.sample(s.http)
	for body, want := range map[string]string{
		`{`:                            "400 question",
		`{"picture":"x","whatever":1}`: "400 whatever",
		`{"model":7,"picture":"` + id + `","question":{"patch":["16"],"stride":["4"]}}`:              "400 model 7",
		`{"model":-1,"picture":"` + id + `","question":{"patch":["16"],"stride":["4"]}}`:             "400 model -1",
		`{"picture":"` + id + `","question":{"patch":["1600"],"stride":["4"]}}`:                      "400 patch",
		`{"picture":"` + id + `","question":{"patch":["x"],"stride":["4"]}}`:                         "400 size",
		`{"picture":"` + id + `","question":{"patch":["16"],"stride":["4"],"fill":["plaid"]}}`:       "400 plaid",
		`{"picture":"` + id + `","question":{"patch":["16"],"stride":["4"],"region":"0,0,999,999"}}`: "400 region",
		`{"picture":"` + id + `","question":{"patch":["16"],"stride":["4"],"class":["zebra"]}}`:      "400 zebra",
		`{"picture":"` + id + `","question":{"patch":["16"],"stride":["4"],"activation":"tanh"}}`:    "400 tanh",
		`{"picture":"` + id + `"} {"picture":"x"}`:                                                   "400 follows",
		`{"picture":"` + id + `"}]`:                                       "400 follows",
		`{"picture":"nobody","question":{"patch":["16"],"stride":["4"]}}`: "404 nobody",
	} {
		for _, path := range []string{"/api/maps", "/api/predictions"} {
			status, text := s.call(s.http, "POST", path, body)
			code, word, _ := strings.Cut(want, " ")
			if fmt.Sprint(status) != code || !strings.Contains(string(text), word) {
				t.Errorf("%s %s: %d %s, want %s", path, body, status, text, want)
			}
		}
	}
	for _, path := range []string{"/api/maps/x", "/api/maps/x/events", "/api/maps/x/scores", "/api/pictures/x/view"} {
		if status, _ := s.call(s.http, "GET", path, nil); status != 404 {
			t.Errorf("%s: %d", path, status)
		}
	}
}

// resources counts what a process holds.
func resources() (goroutines, files int, heap uint64) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	list, _ := os.ReadDir("/proc/self/fd")
	return runtime.NumGoroutine(), len(list), m.HeapAlloc
}

// working waits, now and then, until not much is under way.
func (s *served) working(i int) {
	for i%8 == 7 && s.server.working() > 8 {
		time.Sleep(5 * time.Millisecond)
	}
}

// abandoned waits until all that nobody wants is over.
func (s *served) abandoned(what string, most time.Duration) {
	s.t.Helper()
	for deadline := time.Now().Add(most); s.server.working() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("%d %s go on that nobody wants", s.server.working(), what)
		}
	}
}

// mostUntil is the largest of counts that are taken again and again until all of a group
// are over.
func mostUntil(all *sync.WaitGroup, count func() int64) (most int64) {
	over := make(chan struct{})
	go func() { all.Wait(); close(over) }()
	for {
		select {
		case <-over:
			return most
		case <-time.After(time.Millisecond):
			most = max(most, count())
		}
	}
}

// TestAThousandMaps: maps that are opened and left in every way leave nothing behind.
func TestAThousandMaps(t *testing.T) {
	s := begin(t, usually())
	s.server.unheard = 50 * time.Millisecond
	id := s.sample(s.http)
	some := func(n int) {
		for i := range n {
			c := s.http
			m := s.start(c, id, question("2"))
			switch i % 4 {
			case 0: // dropped
				s.must(c, "DELETE", "/api/maps/"+m, nil, nil)
			case 1: // its listener leaves after the first part
				s.listen(c, m, "", func(e event) bool { return e.name != "part" })
			case 2: // paused, then left
				s.must(c, "POST", "/api/maps/"+m+"/pause", nil, nil)
			case 3: // nobody ever listens
			}
			s.working(i)
		}
		s.abandoned("maps", 20*time.Second)
		s.http.CloseIdleConnections()
		time.Sleep(100 * time.Millisecond)
	}
	n := 1000
	if testing.Short() {
		n = 200
	}
	some(n / 2) // what is kept for the next ones is there then
	goroutines, files, heap := resources()
	some(n)
	g, f, h := resources()
	if g > goroutines+3 || f > files+3 {
		t.Errorf("%d goroutines and %d files before, %d and %d after", goroutines, files, g, f)
	}
	// What is remembered of each (stub) counts to the room for maps that are over.
	if grown := int64(h) - int64(heap); grown > int64(n)*stub+8<<20 {
		t.Errorf("%d KiB more memory after %d maps", grown>>10, n)
	}
}
