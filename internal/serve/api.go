package serve

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/disintegration/imaging"

	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/heatmap"
	"krypton/internal/imagein"
	"krypton/internal/incremental"
	"krypton/internal/labels"
	"krypton/internal/recording"
)

// problem is what a request that failed is answered.
type problem struct {
	Error string `json:"error"`
}

func fail(w http.ResponseWriter, status int, message string) {
	answerJSON(w, status, problem{message})
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that has left needs no answer
}

// failWith answers with an error and the status of its kind.
func failWith(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	kind, known := failure.Of(err)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		status = http.StatusRequestEntityTooLarge
	case errors.Is(err, errFull):
		w.Header().Set("Retry-After", "5")
		status = http.StatusTooManyRequests
	case kind == failure.Usage:
		status = http.StatusBadRequest
	case kind == failure.Data:
		status = http.StatusUnprocessableEntity
	case kind == failure.Missing:
		status = http.StatusNotFound
	case kind == failure.Temporary, !known && errors.Is(err, incremental.ErrMemory):
		status = http.StatusServiceUnavailable
	}
	fail(w, status, err.Error())
}

// read reads a JSON question.
func read(w http.ResponseWriter, r *http.Request, v any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostQuestion))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return failure.Usagef("the question cannot be read: %w", err)
	}
	switch _, err := d.Token(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return failure.Usagef("what follows the question cannot be read: %w", err)
	}
	return failure.Usagef("something follows the question")
}

// asked is a question about a picture.
type asked struct {
	Model    int             `json:"model"`
	Picture  string          `json:"picture"`
	Question json.RawMessage `json:"question"`
	// Reference is a picture too, or a .npy file: what features are compared with.
	Reference string `json:"reference"`
	// With are the pictures of the inputs that go with the picture's.
	With map[string]string `json:"with"`
	// Window says which of the picture's numbers are black and white, "" for what the command
	// line says.
	Window string `json:"window"`
	// Every is how far apart windows of a recording begin, each of which is asked about; only
	// strips have it.
	Every *recording.Moment `json:"every"`
}

// decode reads what a question says over what is usual.
func decode(text json.RawMessage, usual any) error {
	if len(text) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(usual); err != nil {
		return failure.Usagef("question: %w", err)
	}
	return nil
}

// network finds a model by its number.
func (s *Server) network(i int) (*network, error) {
	if i < 0 || i >= len(s.networks) {
		return nil, failure.Usagef("model %d: there are %d", i, len(s.networks))
	}
	return s.networks[i], nil
}

// prepare makes a question ready: one about windows, or one about a picture.
func (s *Server) prepare(w http.ResponseWriter, r *http.Request, windows bool) (*ask, *asked, error) {
	var q asked
	if err := read(w, r, &q); err != nil {
		return nil, nil, err
	}
	if windows != (q.Every != nil) {
		return nil, nil, failure.Usagef("a strip says how far apart its windows begin (every), and nothing else does")
	}
	n, err := s.network(q.Model)
	if err != nil {
		return nil, nil, err
	}
	full := explain.Default()
	if err := decode(q.Question, &full); err != nil {
		return nil, nil, err
	}
	if inner, found := strings.CutPrefix(full.Part, "["); found && strings.HasSuffix(inner, "]") {
		full.Part = strings.TrimSuffix(inner, "]")
	}
	full.Recording.Every = q.Every
	if q.Reference != "" {
		p, err := s.pictures.get(q.Reference)
		if err != nil {
			return nil, nil, err
		}
		full.Reference = p.source()
	}
	if err := s.fillFiles(&full); err != nil {
		return nil, nil, err
	}
	if err := s.stencils(&full); err != nil {
		return nil, nil, err
	}
	if err := n.checkWith(q.With); err != nil {
		return nil, nil, err
	}
	a, err := n.prepare(r.Context(), full, q.Window)
	if err != nil {
		return nil, nil, err
	}
	if need := a.bytes(); s.turns.memory > 0 && need > s.turns.memory {
		return nil, nil, failure.Temporaryf("the map takes %d MiB, and %d MiB are there for all maps under way", need>>20, s.turns.memory>>20)
	}
	return a, &q, nil
}

// enter makes a question about a picture ready and takes a seat for it.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, client string, urgent, windows bool) (*ask, *picture, *seat, error) {
	a, q, err := s.prepare(w, r, windows)
	if err != nil {
		return nil, nil, nil, err
	}
	p, err := s.pictures.get(q.Picture)
	if err == nil {
		a.with, err = s.along(a.network, p, q.With)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	seat, err := s.turns.enter(client, a.bytes(), urgent)
	return a, p, seat, err
}

func (s *Server) estimate(w http.ResponseWriter, r *http.Request, _ string) {
	a, _, err := s.prepare(w, r, false)
	if err != nil {
		failWith(w, err)
		return
	}
	answerJSON(w, http.StatusOK, map[string]any{"positions": a.positions, "seconds": a.seconds()})
}

func (s *Server) predict(w http.ResponseWriter, r *http.Request, client string) {
	s.ask(w, r, client, func(ctx context.Context, a *ask, p *picture) (any, error) {
		in, err := a.read(ctx, p)
		if err != nil {
			return nil, err
		}
		return a.predict(ctx, in)
	})
}

// ask answers a question with what is computed of it when it is its turn, before maps.
func (s *Server) ask(w http.ResponseWriter, r *http.Request, client string, compute func(ctx context.Context, a *ask, p *picture) (any, error)) {
	a, p, seat, err := s.enter(w, r, client, true, false)
	if err != nil {
		failWith(w, err)
		return
	}
	defer seat.leave()
	var answer any
	if err = seat.wait(r.Context()); err == nil {
		answer, err = compute(r.Context(), a, p)
	}
	if err != nil {
		failWith(w, err)
		return
	}
	answerJSON(w, http.StatusOK, answer)
}

func (s *Server) startMap(work context.Context, w http.ResponseWriter, r *http.Request, client string) {
	a, p, seat, err := s.enter(w, r, client, false, false)
	if err != nil {
		failWith(w, err)
		return
	}
	ctx, stop := context.WithCancelCause(work)
	m := &mapping{job: newJob(seat, s.patience, stop), ask: a, picture: p, total: a.positions}
	s.jobs.start(ctx, m)
	w.Header().Set("Location", "/api/maps/"+m.id)
	answerJSON(w, http.StatusCreated, map[string]any{"id": m.id, "positions": a.positions, "seconds": a.seconds(), "ahead": seat.ahead()})
}

// found finds a request's piece of work, of type T.
func found[T piece](s *Server, w http.ResponseWriter, r *http.Request) (p T, ok bool) {
	p, err := find[T](s.jobs, r.PathValue("id"))
	if err != nil {
		failWith(w, err)
		return p, false
	}
	return p, true
}

func (s *Server) mapState(w http.ResponseWriter, r *http.Request, _ string) {
	if m, ok := found[*mapping](s, w, r); ok {
		m.mu.Lock()
		now := map[string]any{"part": m.far(m.count, m.total, m.ask.seconds()), "clean": m.clean}
		m.mu.Unlock()
		answerJSON(w, http.StatusOK, now)
	}
}

// mapPatches says what patches cover that lie in a list.
func (s *Server) mapPatches(w http.ResponseWriter, r *http.Request, _ string) {
	if m, ok := found[*mapping](s, w, r); ok {
		m.mu.Lock()
		known, of := m.clean != nil, m.patches
		m.mu.Unlock()
		switch {
		case !known:
			fail(w, http.StatusConflict, "the map has not begun")
		case of == nil:
			fail(w, http.StatusNotFound, "the patches lie on a grid")
		default:
			answerJSON(w, http.StatusOK, of)
		}
	}
}

// mostLasting bounds the seconds for which a stream may be asked.
const mostLasting = 24 * 60 * 60

// sendEvents streams the events of a piece of work, of type T.
func sendEvents[T piece](s *Server, w http.ResponseWriter, r *http.Request) {
	p, ok := found[T](s, w, r)
	if !ok {
		return
	}
	from, err := strconv.Atoi(r.Header.Get("Last-Event-ID"))
	if err != nil {
		from = 0 // the beginning
	}
	seconds := 0
	if v := r.URL.Query().Get("seconds"); v != "" {
		if seconds, err = strconv.Atoi(v); err != nil || seconds < 1 || seconds > mostLasting {
			failWith(w, failure.Usagef("seconds is %q, want 1 to %d", v, mostLasting))
			return
		}
	}
	stream(r.Context(), w, p, from, time.Duration(seconds)*time.Second)
}

// pause holds a piece of work, of type T, or lets it go on.
func pause[T piece](s *Server, w http.ResponseWriter, r *http.Request, on bool) {
	if p, ok := found[T](s, w, r); ok {
		p.base().pause(on)
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *Server) drop(w http.ResponseWriter, r *http.Request, _ string) {
	s.jobs.drop(r.PathValue("id"))
	w.WriteHeader(http.StatusNoContent)
}

// done finds a request's map that is there, as the request wants it read.
func (s *Server) done(w http.ResponseWriter, r *http.Request) *answer {
	j, ok := found[*mapping](s, w, r)
	if !ok {
		return nil
	}
	j.mu.Lock()
	a := j.answer
	j.mu.Unlock()
	if a == nil {
		fail(w, http.StatusConflict, "the map is not there yet")
		return nil
	}
	q := r.URL.Query()
	a, err := a.selected(r.Context(), selection{q.Get("class"), q.Get("activation"), q.Get("score")})
	if err != nil {
		failWith(w, err)
		return nil
	}
	return a
}

func (s *Server) mapScores(w http.ResponseWriter, r *http.Request, _ string) {
	if a := s.done(w, r); a != nil {
		answerJSON(w, http.StatusOK, a.numbers())
	}
}

func (s *Server) mapFile(w http.ResponseWriter, r *http.Request, _ string) {
	a := s.done(w, r)
	if a == nil {
		return
	}
	sendFile(w, r, a.write)
}

// sendFile answers with a file that is written into memory, drawn as the request says.
func sendFile(w http.ResponseWriter, r *http.Request, write func(b io.Writer, name string, style heatmap.Style) error) {
	style, err := styleOf(r.URL.Query())
	if err != nil {
		failWith(w, err)
		return
	}
	var b bytes.Buffer
	name := r.PathValue("name")
	if err := write(&b, name, style); err != nil {
		failWith(w, err)
		return
	}
	w.Header().Set("Content-Disposition", "attachment")
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b.Bytes()))
}

func (s *Server) mapCommand(w http.ResponseWriter, r *http.Request, _ string) {
	a := s.done(w, r)
	if a == nil {
		return
	}
	if _, err := styleOf(r.URL.Query()); err != nil {
		failWith(w, err) // no command line would take it either
		return
	}
	answerJSON(w, http.StatusOK, map[string]string{"command": a.command(r.URL.Query())})
}

func (s *Server) about(w http.ResponseWriter, _ *http.Request, _ string) {
	// An input whose picture goes with the picture's. It is known by the picture's name, or
	// else questions name it.
	type with struct {
		Input string `json:"input"`
		Known bool   `json:"known"`
	}
	type model struct {
		Name     string   `json:"name"`
		Labels   []string `json:"labels"`
		Input    [2]int   `json:"input"`
		Series   *series  `json:"series,omitempty"` // nil if it reads none
		Detector bool     `json:"detector"`         // of objects in videos
		With     []with   `json:"with"`
		// Why it cannot be asked for maps, or about videos; "" if it can.
		NoMaps   string `json:"no_maps,omitempty"`
		NoVideos string `json:"no_videos,omitempty"`
	}
	why := func(err error) string {
		if err == nil {
			return ""
		}
		return err.Error()
	}
	var models []model
	for _, n := range s.networks {
		along := []with{}
		for _, w := range n.With {
			along = append(along, with{w.Input, w.File != ""})
		}
		models = append(models, model{n.Name, n.labels, n.input, n.series, n.detector, along, why(n.noMaps), why(n.noVideos)})
	}
	answerJSON(w, http.StatusOK, map[string]any{"version": s.opt.Host.Version, "models": models, "folder": s.folder.name})
}

func (s *Server) files(w http.ResponseWriter, _ *http.Request, _ string) {
	l, err := s.folder.list()
	if err != nil {
		failWith(w, err)
		return
	}
	if s.folder.root == nil {
		l.Pictures = append(l.Pictures, file{}) // the built-in one has no name
	}
	answerJSON(w, http.StatusOK, l)
}

func (s *Server) addPicture(w http.ResponseWriter, r *http.Request, _ string) {
	q := r.URL.Query()
	frame, err := positive(q, "frame")
	if err != nil {
		failWith(w, err)
		return
	}
	if q.Has("file") || q.Has("picture") {
		var p *picture
		if q.Has("file") {
			p, err = s.pictures.choose(q.Get("file"), frame)
		} else {
			p, err = s.pictures.turn(q.Get("picture"), max(frame, 1))
		}
		if err != nil {
			failWith(w, err)
			return
		}
		answerJSON(w, http.StatusCreated, p)
		return
	}
	size, known := r.ContentLength, r.ContentLength >= 0 && r.ContentLength <= mostUpload
	if !known {
		size = mostUpload
	}
	here, err := s.pictures.expect(size)
	if err != nil {
		failWith(w, err)
		return
	}
	defer here()
	var data bytes.Buffer
	if known {
		data.Grow(int(size) + bytes.MinRead) // once, for all of it
	}
	if _, err := data.ReadFrom(r.Body); err != nil {
		failWith(w, failure.As(failure.Usage, err))
		return
	}
	answerJSON(w, http.StatusCreated, s.pictures.send(uploadName(q.Get("name")), data.Bytes()))
}

// positive reads a number from 1 on of an address, 0 where there is none.
func positive(q url.Values, name string) (int, error) {
	if !q.Has(name) {
		return 0, nil
	}
	n, err := strconv.ParseUint(q.Get(name), 10, 31)
	if err != nil || n == 0 {
		return 0, failure.Usagef("%s is %q, want a number from 1 on", name, q.Get(name))
	}
	return int(n), nil
}

// viewPicture gives a picture in the size in which a heatmap lies over it.
func (s *Server) viewPicture(w http.ResponseWriter, r *http.Request, _ string) {
	p, err := s.pictures.get(r.PathValue("id"))
	if err != nil {
		failWith(w, err)
		return
	}
	model := 0
	if v := r.URL.Query().Get("model"); v != "" {
		if model, err = strconv.Atoi(v); err != nil || model < 0 || model >= len(s.networks) {
			failWith(w, failure.Usagef("model %q: there are %d", v, len(s.networks)))
			return
		}
	}
	s.show(w, r, p, s.networks[model], r.URL.Query().Get("window"), heatmap.Canvas)
}

// thumbnailSize is the longer side of a small picture.
const thumbnailSize = 128

// thumbnail gives a small picture of one of the folder's.
func (s *Server) thumbnail(w http.ResponseWriter, r *http.Request, _ string) {
	name := r.URL.Query().Get("file")
	if ending := strings.ToLower(path.Ext(name)); slices.Contains(videoEndings, ending) && !slices.Contains(pictureEndings, ending) {
		s.videoThumbnail(w, r, name)
		return
	}
	p, err := s.pictures.find(name)
	if err != nil {
		failWith(w, err)
		return
	}
	s.show(w, r, p, s.networks[0], "", func(img *image.NRGBA) *image.NRGBA {
		return imaging.Fit(img, thumbnailSize, thumbnailSize, imaging.Linear)
	})
}

// show answers with a picture, of which one is decoded at a time.
func (s *Server) show(w http.ResponseWriter, r *http.Request, p *picture, n *network, window string, sized func(*image.NRGBA) *image.NRGBA) {
	img, err := s.decoded(r.Context(), p, n, window)
	if err != nil {
		failWith(w, err)
		return
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, sized(img)); err != nil {
		failWith(w, err)
		return
	}
	// A file of the folder may become another one, also of another server at this address.
	sendPicture(w, "image/png", b.Bytes(), p.ID != "")
}

// sendPicture answers with a picture, which browsers may keep if its address stands for
// it.
func sendPicture(w http.ResponseWriter, kind string, b []byte, keep bool) {
	w.Header().Set("Content-Type", kind)
	if keep {
		w.Header().Set("Cache-Control", "private, max-age=3600")
	}
	_, _ = w.Write(b) // a client that has left needs no picture
}

// decoded decodes a picture when it is its turn, through the window; a tensor, or a recording,
// as the network reads it.
func (s *Server) decoded(ctx context.Context, p *picture, n *network, window string) (*image.NRGBA, error) {
	view, err := n.viewOf(window)
	if err != nil {
		return nil, err
	}
	f, done, err := s.decoder(ctx, p)
	if err != nil {
		return nil, err
	}
	defer done()
	// What cannot be read now will fail once more in the decoder.
	if head, _ := f.Peek(explain.HeadBytes); n.series != nil || imagein.IsTensor(head) || imagein.IsArchive(head) || explain.IsRecording(head, p.Name) {
		return n.view(ctx, p)
	}
	img, err := (&imagein.Preprocess{View: view}).DecodeFrame(ctx, f, p.Name, p.frame, s.limits())
	if err != nil {
		return nil, failure.As(failure.Data, err)
	}
	return img.Image, nil
}

// decoder opens a picture when it is its turn to be decoded, until done.
func (s *Server) decoder(ctx context.Context, p *picture) (f *bufio.Reader, done func(), err error) {
	select {
	case s.decode <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	file, err := p.open()
	if err != nil {
		<-s.decode
		return nil, nil, err
	}
	return bufio.NewReader(file), func() { file.Close(); <-s.decode }, nil
}

// limits are those of a picture that is decoded to be shown.
func (s *Server) limits() imagein.Limits {
	limits := imagein.DefaultLimits
	if s.opt.Host.Pixels > 0 {
		limits.MaxPixels = s.opt.Host.Pixels
	}
	if s.opt.Host.Memory > 0 {
		limits.Memory = max(1, s.opt.free()/2)
	}
	return limits
}

// pictureNumbers gives the numbers of a DICOM file's frame, before any window.
func (s *Server) pictureNumbers(w http.ResponseWriter, r *http.Request, _ string) {
	p, err := s.pictures.get(r.PathValue("id"))
	if err != nil {
		failWith(w, err)
		return
	}
	f, done, err := s.decoder(r.Context(), p)
	if err != nil {
		failWith(w, err)
		return
	}
	defer done()
	n, err := imagein.DecodeNumbers(r.Context(), f, p.Name, p.frame, s.limits())
	if err != nil {
		failWith(w, failure.As(failure.Data, err))
		return
	}
	if p.ID != "" {
		w.Header().Set("Cache-Control", "private, max-age=3600")
	}
	answerJSON(w, http.StatusOK, scanOf(n))
}

func (s *Server) colormaps(w http.ResponseWriter, _ *http.Request, _ string) {
	maps := map[string][][3]uint8{}
	for _, name := range heatmap.Colormaps {
		if name == "auto" {
			continue
		}
		colors, err := heatmap.Colors(name)
		if err != nil {
			failWith(w, err)
			return
		}
		for _, c := range colors {
			maps[name] = append(maps[name], [3]uint8{c.R, c.G, c.B})
		}
	}
	answerJSON(w, http.StatusOK, maps)
}

// uploadName is what a picture that was sent is called: the last part of the name that
// it came with.
func uploadName(name string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	if name == "." || name == "/" || len(name) > 255 {
		return "picture"
	}
	return labels.OneLine(name)
}
