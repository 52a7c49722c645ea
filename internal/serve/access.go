package serve

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// access decides who may ask: whoever shows the token once gets a cookie that no script
// can read and that no other site's page can send.
type access struct {
	token  string
	key    [32]byte // signs the cookies
	cookie string   // its name: cookies do not tell ports apart
	hosts  map[string]bool
	secure bool

	mu      sync.Mutex
	tickets map[string]bool // that stand for the token once
}

// newAccess makes a token for a server at this address, which is reached under its own
// names and the others.
func newAccess(at net.Addr, others []string, secure bool) *access {
	a := &access{token: rand.Text(), hosts: map[string]bool{}, secure: secure, tickets: map[string]bool{}}
	rand.Read(a.key[:])
	port := ""
	if tcp, ok := at.(*net.TCPAddr); ok {
		port = strconv.Itoa(tcp.Port)
	}
	a.cookie = "krypton-" + port
	standard := map[bool]string{false: "80", true: "443"}[secure]
	for _, name := range append(hostNames(at), others...) {
		a.hosts[strings.ToLower(net.JoinHostPort(name, port))] = true
		if port == standard {
			if strings.Contains(name, ":") {
				name = "[" + name + "]"
			}
			a.hosts[strings.ToLower(name)] = true
		}
	}
	return a
}

// hostNames are the names under which a server at this address is asked: its own
// address, that of each interface if it listens on all, and localhost on loopback.
func hostNames(at net.Addr) []string {
	tcp, ok := at.(*net.TCPAddr)
	if !ok {
		return nil
	}
	if !tcp.IP.IsUnspecified() {
		if tcp.IP.IsLoopback() {
			return []string{tcp.IP.String(), "localhost"}
		}
		return []string{tcp.IP.String()}
	}
	names := []string{"localhost"}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return names
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			names = append(names, p.Addr().WithZone("").String())
		}
	}
	return names
}

// Loopback says whether only this machine can reach an address.
func Loopback(at net.Addr) bool {
	tcp, ok := at.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// knows says whether a request is for this server: a page elsewhere whose name has been
// made to lead here (DNS rebinding) has its own name in Host.
func (a *access) knows(r *http.Request) bool { return a.hosts[strings.ToLower(r.Host)] }

// client is who asks, "" if nobody who may.
func (a *access) client(r *http.Request) string {
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && a.isToken(bearer) {
		return "token"
	}
	c, err := r.Cookie(a.cookie)
	if err != nil {
		return ""
	}
	id, mark, ok := strings.Cut(c.Value, ".")
	if !ok || subtle.ConstantTimeCompare([]byte(mark), []byte(a.mark(id))) != 1 {
		return ""
	}
	return id
}

func (a *access) isToken(text string) bool {
	return subtle.ConstantTimeCompare([]byte(text), []byte(a.token)) == 1
}

// ticket is a text that stands for the token once: what starts a browser is seen by
// everybody on the machine.
func (a *access) ticket() string {
	t := rand.Text()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tickets[t] = true
	return t
}

// redeem says whether a text is a ticket, which it no longer is then.
func (a *access) redeem(text string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.tickets[text] {
		return false
	}
	delete(a.tickets, text)
	return true
}

// mark is what a cookie has besides the client's name, so that nobody makes up a name.
func (a *access) mark(id string) string {
	h := hmac.New(sha256.New, a.key[:])
	h.Write([]byte(id))
	return hex.EncodeToString(h.Sum(nil))
}

// admit gives a new client its cookie.
func (a *access) admit(w http.ResponseWriter) string {
	id := rand.Text()
	http.SetCookie(w, &http.Cookie{Name: a.cookie, Value: id + "." + a.mark(id), Path: "/", HttpOnly: true, Secure: a.secure, SameSite: http.SameSiteStrictMode})
	return id
}

// transfer is the longest time that a request and its answer may take to be sent.
const transfer = 5 * time.Minute

// strangers is the longest time that a request may take to be read of somebody who may
// not ask: all connections could be held by it otherwise.
const strangers = 3 * time.Second

// guard lets requests through that are for this server, from a page of its own, and of
// somebody who may ask.
func (a *access) guard(next handle) http.Handler {
	same := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Whoever sends or reads too slowly is not waited for; streams set their own times.
		c := http.NewResponseController(w)
		_ = c.SetReadDeadline(time.Now().Add(strangers)) // not every writer has deadlines
		_ = c.SetWriteDeadline(time.Now().Add(transfer))
		h := w.Header()
		// Pictures made in the page are blobs; notebooks on this machine may frame it.
		h.Set("Content-Security-Policy", "default-src 'self'; img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self' http://localhost:* http://127.0.0.1:*")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !a.knows(r) {
			fail(w, http.StatusMisdirectedRequest, "this server has another name: open the address that krypton serve printed")
			return
		}
		if err := same.Check(r); err != nil {
			fail(w, http.StatusForbidden, "requests from other sites are refused")
			return
		}
		client := a.client(r)
		if client == "" && r.Method == http.MethodGet && r.URL.Path == "/" && (a.isToken(r.URL.Query().Get("token")) || a.redeem(r.URL.Query().Get("token"))) {
			client = a.admit(w)
		}
		if client == "" {
			fail(w, http.StatusForbidden, "open the address that krypton serve printed, with its token")
			return
		}
		_ = c.SetReadDeadline(time.Now().Add(transfer))
		next(w, r, client)
	})
}
