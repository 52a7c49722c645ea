package serve

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"krypton/models"
)

// narrow is a listener whose connections hold little of what nobody reads.
type narrow struct{ net.Listener }

func (l narrow) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		err = c.(*net.TCPConn).SetWriteBuffer(4 << 10)
	}
	return c, err
}

// TestStuckReader: who stops reading in the middle of a stream is left after a while,
// while the map goes on for the others.
func TestStuckReader(t *testing.T) {
	server, err := New(context.Background(), usually())
	if err != nil {
		t.Fatal(err)
	}
	server.writing = 200 * time.Millisecond
	l, err := server.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := serveOn(t, server, narrow{l})
	id := s.sample(s.http)
	m := s.startJSON(id, []byte(`{"patch":["16","24","32"],"stride":["1"]}`))
	host := strings.TrimPrefix(s.url, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /api/maps/%s/events HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", m, host, s.token)
	if _, err := io.ReadFull(conn, make([]byte, 2000)); err != nil {
		t.Fatal(err)
	}
	j, err := find[*mapping](s.server.jobs, m)
	if err != nil {
		t.Fatal(err)
	}
	listeners := func() int {
		j.mu.Lock()
		defer j.mu.Unlock()
		return j.listens
	}
	if listeners() != 1 {
		t.Fatalf("%d listeners", listeners())
	}
	for deadline := time.Now().Add(30 * time.Second); listeners() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("who does not read is not left")
		}
	}
	far := func() int {
		j.mu.Lock()
		defer j.mu.Unlock()
		return j.count
	}
	for before := far(); far() == before; time.Sleep(time.Millisecond) {
		if j.over() {
			t.Fatalf("the map ended at %d positions", before)
		}
	}
	s.must(s.http, "DELETE", "/api/maps/"+m, nil, nil)
}

// certificate makes one for this machine, and gives its files and what trusts it.
func certificate(t *testing.T) (cert, key string, trust *x509.CertPool) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	for name, b := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	trust = x509.NewCertPool()
	trust.AddCert(c)
	return cert, key, trust
}

// TestHTTPS: with a certificate everything goes over TLS, events too, by one connection
// for any number of streams; the cookie is for TLS only; who speaks in the clear gets
// nothing.
func TestHTTPS(t *testing.T) {
	opt := usually()
	var trust *x509.CertPool
	opt.Certificate, opt.Key, trust = certificate(t)
	server, err := New(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	l, err := server.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust}, ForceAttemptHTTP2: true}
	s := serveWith(t, server, l, transport)
	if !strings.HasPrefix(s.url, "https://") {
		t.Fatalf("address %s", s.url)
	}
	u, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	u.Scheme = "http"
	res, err := s.http.Get(s.url + "/api/about")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 || res.ProtoMajor != 2 {
		t.Errorf("%s by %s", res.Status, res.Proto)
	}
	// More streams at once than browsers have connections.
	id := s.sample(s.http)
	ended := make(chan struct{})
	for range 10 {
		m := s.start(s.http, id, question("4"))
		go func() {
			defer func() { ended <- struct{}{} }()
			s.finished(s.http, m)
		}()
	}
	for range 10 {
		<-ended
	}
	clear := &http.Client{Transport: &http.Transport{}}
	if r, err := clear.Get(u.String() + "/?token=" + s.token); err == nil {
		r.Body.Close()
		if r.StatusCode != http.StatusBadRequest || r.Header.Get("Set-Cookie") != "" {
			t.Errorf("in the clear: %s", r.Status)
		}
	}
	stranger := &http.Client{Transport: transport}
	for path, want := range map[string]int{"/api/about": http.StatusForbidden, "/?token=" + s.token: http.StatusOK} {
		r, err := stranger.Get(s.url + path)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if set := r.Header.Get("Set-Cookie"); r.StatusCode != want || (want == 200) != strings.Contains(set, "; Secure") {
			t.Errorf("%s: %s, cookie %q", path, r.Status, set)
		}
	}
}

// TestNamesOfAnyBytes: a file whose name is no UTF-8 is listed with the name that an
// address has for it, and can be chosen by that.
func TestNamesOfAnyBytes(t *testing.T) {
	opt := usually()
	opt.Folder = t.TempDir()
	_, data := models.Sample()
	if err := os.WriteFile(filepath.Join(opt.Folder, "caf\xe9 1.png"), data, 0o600); err != nil {
		t.Skip(err) // not every file system has such names
	}
	s := begin(t, opt)
	var list struct{ Pictures []file }
	s.must(s.http, "GET", "/api/files", nil, &list)
	if len(list.Pictures) != 1 || list.Pictures[0].Name != "caf\ufffd 1.png" || list.Pictures[0].File != "caf%E9+1.png" {
		t.Fatalf("listed: %+v", list)
	}
	var p struct{ ID string }
	s.must(s.http, "POST", "/api/pictures?file="+list.Pictures[0].File, nil, &p)
	s.must(s.http, "GET", "/api/thumbnail?file="+list.Pictures[0].File, nil, nil)
	s.finished(s.http, s.start(s.http, p.ID, question("64")))
}
