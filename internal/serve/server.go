// Package serve shows explanations in a browser: a page, and the HTTP interface under
// it. It turns requests into questions of package explain, and answers into pictures,
// numbers and events; it knows no flag and prints nothing.
package serve

import (
	"context"
	"crypto/tls"
	"embed"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"krypton/internal/explain"
	"krypton/internal/failure"
)

//go:embed static
var static embed.FS

// Options say what is served, and how much of the machine may be used for it.
type Options struct {
	// Models are those that clients may ask, one at least.
	Models []Model
	// Folder holds the pictures that clients may choose, "" for none but those they send.
	Folder string
	// Host says what there is for the work. Its memory is shared among all.
	Host explain.Host
	// Hosts are names, besides the address's own, under which the server is reached.
	Hosts []string
	// Certificate and Key are files for TLS, both or none.
	Certificate, Key string
	// Insecure allows an address that others can reach without TLS.
	Insecure bool
}

// ErrOpen says that an address can be reached by others while nothing keeps what is said
// there secret.
var ErrOpen = errors.New("other machines can reach this address, and what is sent to it is not encrypted")

// Bounds of what clients may use.
const (
	mostConnections = 256
	mostWork        = 64 // maps and predictions under way or waiting
	mostOwnWork     = 16 // of one client
	mostQuestion    = 1 << 20
	mostUpload      = 64 << 20
	mostStored      = 1 << 30 // of maps that are there, and of pictures that were sent
	slice           = 150 * time.Millisecond
)

// Server is a page and its interface.
type Server struct {
	patience
	opt      Options
	networks []*network
	folder   *folder
	pictures *pictures
	films    *films
	turns    *turns
	jobs     *jobs
	decode   chan struct{} // held by who decodes a picture to show it
	drawing  chan struct{} // held by who draws results into a video
	access   *access
}

// New loads the models and makes a server, which nobody can reach yet.
func New(ctx context.Context, opt Options) (*Server, error) {
	if opt.Certificate != "" { // before anybody is told the address
		if _, err := tls.LoadX509KeyPair(opt.Certificate, opt.Key); err != nil {
			return nil, err
		}
	}
	f, err := openFolder(opt.Folder)
	if err != nil {
		return nil, err
	}
	s := &Server{patience: usual, opt: opt, folder: f, decode: make(chan struct{}, 1), drawing: make(chan struct{}, mostDrawn)}
	share := opt.share(opt.Host.Memory)
	opt.Host.Updates = share.updates
	for _, m := range opt.Models {
		n, err := newNetwork(ctx, m, opt.Host)
		if err != nil {
			f.close()
			return nil, err
		}
		s.networks = append(s.networks, n)
	}
	s.films = newFilms(f, opt.Host.Pixels, usual.looking)
	share = opt.share(opt.free())
	s.pictures, s.jobs = newPictures(f, share.pictures), newJobs(share.maps)
	s.turns = &turns{slice: slice, memory: share.work, most: mostWork, own: mostOwnWork}
	return s, nil
}

// share is how memory is shared.
type share struct{ work, updates, maps, pictures int64 }

// share parts memory: half of it for work under way, an eighth each for maps that are
// there and for pictures that were sent, the rest for what is decoded and lies around.
func (o *Options) share(memory int64) share {
	if o.Host.Memory == 0 {
		return share{0, mostUpdates, mostStored, mostStored}
	}
	memory = max(memory, 1<<20)
	return share{work: memory / 2, updates: min(memory/16, mostUpdates), maps: min(memory/8, mostStored), pictures: min(memory/8, mostStored)}
}

// free is what is left of the memory beside what the process holds.
func (o *Options) free() int64 {
	if o.Host.Resident == nil {
		return o.Host.Memory
	}
	return o.Host.Memory - o.Host.Resident()
}

// Listen takes an address for the server and makes a token for it.
func (s *Server) Listen(address string) (net.Listener, error) {
	if _, err := net.ResolveTCPAddr("tcp", address); err != nil {
		return nil, failure.Usagef("address to listen at: %w", err)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	secure := s.opt.Certificate != ""
	if !Loopback(l.Addr()) && !secure && !s.opt.Insecure {
		l.Close()
		return nil, failure.As(failure.Usage, ErrOpen)
	}
	s.access = newAccess(l.Addr(), s.opt.Hosts, secure)
	return l, nil
}

// Address is what to open in a browser, with the token.
func (s *Server) Address(l net.Listener) string { return s.address(l, s.access.token) }

// AddressOnce is an address that lets in once: for a browser's command line, which others
// on the machine can read.
func (s *Server) AddressOnce(l net.Listener) string { return s.address(l, s.access.ticket()) }

func (s *Server) address(l net.Listener, token string) string {
	u := url.URL{Scheme: "http", Host: l.Addr().String(), Path: "/", RawQuery: "token=" + token}
	if s.access.secure {
		u.Scheme = "https"
	}
	return u.String()
}

// Serve answers requests until the context ends; work under way is cancelled then.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	defer s.folder.close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	h := &http.Server{
		Handler:           s.handler(ctx),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	ended := make(chan error, 1)
	l = &limited{Listener: l, free: make(chan struct{}, mostConnections)}
	go func() {
		if s.opt.Certificate != "" {
			ended <- h.ServeTLS(l, s.opt.Certificate, s.opt.Key)
			return
		}
		ended <- h.Serve(l)
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	s.jobs.stop()
	grace, done := context.WithTimeout(context.Background(), 2*time.Second)
	defer done()
	if h.Shutdown(grace) != nil {
		h.Close()
	}
	s.jobs.wait()
	s.films.close()
	return nil
}

// handle answers a request of a client.
type handle = func(w http.ResponseWriter, r *http.Request, client string)

// handler is all that the server answers. work is the context of what outlives a request.
func (s *Server) handler(work context.Context) http.Handler {
	s.films.work = work
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // it is part of the program
	}
	routes := map[string]handle{
		"GET /api/about":                             s.about,
		"GET /api/files":                             s.files,
		"GET /api/colormaps":                         s.colormaps,
		"POST /api/pictures":                         s.addPicture,
		"GET /api/pictures/{id}/view":                s.viewPicture,
		"GET /api/pictures/{id}/numbers":             s.pictureNumbers,
		"POST /api/traces":                           s.trace,
		"GET /api/thumbnail":                         s.thumbnail,
		"POST /api/estimates":                        s.estimate,
		"POST /api/predictions":                      s.predict,
		"POST /api/maps":                             func(w http.ResponseWriter, r *http.Request, client string) { s.startMap(work, w, r, client) },
		"GET /api/maps/{id}":                         s.mapState,
		"GET /api/maps/{id}/patches":                 s.mapPatches,
		"GET /api/maps/{id}/scores":                  s.mapScores,
		"GET /api/maps/{id}/files/{name}":            s.mapFile,
		"GET /api/maps/{id}/command":                 s.mapCommand,
		"POST /api/strips":                           func(w http.ResponseWriter, r *http.Request, client string) { s.startStrip(work, w, r, client) },
		"GET /api/strips/{id}":                       s.stripState,
		"GET /api/strips/{id}/windows/{n}":           s.stripWindow,
		"GET /api/strips/{id}/files/{name}":          s.stripFile,
		"GET /api/strips/{id}/command":               s.stripCommand,
		"POST /api/videos":                           s.addVideo,
		"GET /api/videos/{id}/frames/{frame}":        s.videoFrame,
		"POST /api/recognitions":                     func(w http.ResponseWriter, r *http.Request, client string) { s.startRecognition(work, w, r, client) },
		"GET /api/recognitions/{id}":                 s.recognitionState,
		"GET /api/recognitions/{id}/regions/{frame}": s.recognitionRegions,
		"GET /api/recognitions/{id}/files/{name}":    s.recognitionFile,
		"GET /api/recognitions/{id}/command":         s.recognitionCommand,
		"GET /": func(w http.ResponseWriter, r *http.Request, _ string) {
			http.FileServerFS(files).ServeHTTP(w, r)
		},
	}
	workRoutes[*mapping](s, routes, "/api/maps")
	workRoutes[*strip](s, routes, "/api/strips")
	workRoutes[*recognition](s, routes, "/api/recognitions")
	mux := http.NewServeMux()
	for pattern, h := range routes {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { h(w, r, clientOf(r.Context())) })
	}
	return s.access.guard(func(w http.ResponseWriter, r *http.Request, client string) {
		r.Body = http.MaxBytesReader(w, r.Body, mostUpload)
		mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), clientKey{}, client)))
	})
}

// workRoutes adds what all work, of type T, is asked by.
func workRoutes[T piece](s *Server, routes map[string]handle, at string) {
	routes["GET "+at+"/{id}/events"] = func(w http.ResponseWriter, r *http.Request, _ string) { sendEvents[T](s, w, r) }
	routes["POST "+at+"/{id}/pause"] = func(w http.ResponseWriter, r *http.Request, _ string) { pause[T](s, w, r, true) }
	routes["POST "+at+"/{id}/resume"] = func(w http.ResponseWriter, r *http.Request, _ string) { pause[T](s, w, r, false) }
	routes["DELETE "+at+"/{id}"] = s.drop
}

type clientKey struct{}

// clientOf is who asks.
func clientOf(ctx context.Context) string {
	c, _ := ctx.Value(clientKey{}).(string)
	return c
}

// limited lets so many connections be open at once; others wait in the system's queue.
type limited struct {
	net.Listener
	free chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	l.free <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &counted{Conn: c, closed: sync.OnceFunc(func() { <-l.free })}, nil
}

type counted struct {
	net.Conn
	closed func()
}

func (c *counted) Close() error {
	c.closed()
	return c.Conn.Close()
}
