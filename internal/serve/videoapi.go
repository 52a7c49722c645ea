package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"strconv"
	"time"

	"krypton/internal/failure"
	"krypton/internal/framelabels"
	"krypton/internal/recognize"
	"krypton/internal/video"
)

// addVideo chooses a video of the folder.
func (s *Server) addVideo(w http.ResponseWriter, r *http.Request, _ string) {
	f, err := s.films.choose(r.Context(), r.URL.Query().Get("file"))
	if err != nil {
		failWith(w, err)
		return
	}
	answerJSON(w, http.StatusCreated, f.told())
}

// frameOf reads the number of a frame in an address.
func frameOf(r *http.Request) (int, error) {
	text := r.PathValue("frame")
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, failure.Usagef("frame %q: want a number", text)
	}
	return int(n), nil
}

// videoFrame shows a frame of a video.
func (s *Server) videoFrame(w http.ResponseWriter, r *http.Request, _ string) {
	n, err := frameOf(r)
	if err != nil {
		failWith(w, err)
		return
	}
	f, err := s.films.get(r.PathValue("id"))
	if err != nil {
		failWith(w, err)
		return
	}
	b, err := s.films.frame(r.Context(), f, n)
	if err != nil {
		failWith(w, err)
		return
	}
	sendPicture(w, "image/jpeg", b, true)
}

// videoThumbnail gives a small picture of a video's first frame.
func (s *Server) videoThumbnail(w http.ResponseWriter, r *http.Request, name string) {
	select {
	case s.decode <- struct{}{}:
	case <-r.Context().Done():
		return
	}
	img, err := s.films.first(r.Context(), name)
	<-s.decode
	var b bytes.Buffer
	if err == nil {
		err = jpeg.Encode(&b, img, nil)
	}
	if err != nil {
		failWith(w, err)
		return
	}
	sendPicture(w, "image/jpeg", b.Bytes(), false)
}

// watched is a question about a video.
type watched struct {
	Model    int             `json:"model"`
	Video    string          `json:"video"`
	Question json.RawMessage `json:"question"`
}

// startRecognition begins to recognize what is in a video.
func (s *Server) startRecognition(work context.Context, w http.ResponseWriter, r *http.Request, client string) {
	p, seat, err := s.recognition(w, r, client)
	if err != nil {
		failWith(w, err)
		return
	}
	ctx, stop := context.WithCancelCause(work)
	p.job = newJob(seat, s.patience, stop)
	s.jobs.start(ctx, p)
	w.Header().Set("Location", "/api/recognitions/"+p.id)
	answerJSON(w, http.StatusCreated, map[string]any{"id": p.id, "ahead": seat.ahead()})
}

// recognition makes a question about a video ready and takes a seat for it.
func (s *Server) recognition(w http.ResponseWriter, r *http.Request, client string) (*recognition, *seat, error) {
	var q watched
	if err := read(w, r, &q); err != nil {
		return nil, nil, err
	}
	n, err := s.network(q.Model)
	if err != nil {
		return nil, nil, err
	}
	full := recognize.Defaults()
	if err := decode(q.Question, &full); err != nil {
		return nil, nil, err
	}
	f, err := s.films.get(q.Video)
	if err != nil {
		return nil, nil, err
	}
	opt, err := full.Reading(video.Options{MaxPixels: s.opt.Host.Pixels})
	if err != nil {
		return nil, nil, err
	}
	j, err := n.watch(r.Context(), full)
	if err != nil {
		return nil, nil, err
	}
	need := j.Memory(f.info, false)
	bytes := need.Views + need.Frames
	if s.turns.memory > 0 && bytes > s.turns.memory {
		return nil, nil, failure.Temporaryf("the video takes %d MiB, and %d MiB are there for all work under way", bytes>>20, s.turns.memory>>20)
	}
	p := &recognition{rec: j, network: n, question: full, film: f, opt: opt, version: s.opt.Host.Version, phase: opening, packer: newPacker()}
	if p.labels, err = newSpool(); err != nil {
		return nil, nil, failure.As(failure.Temporary, err)
	}
	if p.regions, err = newSpool(); err != nil {
		p.labels.leave()
		return nil, nil, failure.As(failure.Temporary, err)
	}
	seat, err := s.turns.enter(client, bytes, false)
	if err != nil {
		p.labels.leave()
		p.regions.leave()
		return nil, nil, err
	}
	return p, seat, nil
}

func (s *Server) recognitionState(w http.ResponseWriter, r *http.Request, _ string) {
	p, ok := found[*recognition](s, w, r)
	if !ok {
		return
	}
	p.mu.Lock()
	now := map[string]any{"frames": p.frames(), "begun": p.head, "done": p.report}
	p.mu.Unlock()
	answerJSON(w, http.StatusOK, now)
}

// recognitionRegions shows what was recomputed of a frame.
func (s *Server) recognitionRegions(w http.ResponseWriter, r *http.Request, _ string) {
	p, ok := found[*recognition](s, w, r)
	if !ok {
		return
	}
	n, err := frameOf(r)
	var img image.Image
	if err == nil {
		img, err = p.moved(n)
	}
	var b bytes.Buffer
	if err == nil {
		err = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, img)
	}
	if err != nil {
		failWith(w, err)
		return
	}
	sendPicture(w, "image/png", b.Bytes(), false)
}

// recognitionFile sends the labels in one of the command line's formats, or the video with
// them drawn in.
func (s *Server) recognitionFile(w http.ResponseWriter, r *http.Request, _ string) {
	p, ok := found[*recognition](s, w, r)
	if !ok {
		return
	}
	name := r.PathValue("name")
	f := format(name)
	switch {
	case f == "" && !isAnnotated(name), framelabels.OfDetectors(f) && !p.rec.Detector():
		failWith(w, failure.Missingf("the labels have no file %q", name))
		return
	case !p.complete():
		fail(w, http.StatusConflict, "the video is not recognized yet")
		return
	}
	done, ok := p.labels.use()
	if !ok {
		failWith(w, errGone)
		return
	}
	defer done()
	if f == "" {
		if err := s.sendAnnotated(w, r, p, name); err != nil {
			failWith(w, err)
		}
		return
	}
	w.Header().Set("Content-Disposition", "attachment")
	if f == "jsonl" {
		http.ServeContent(w, r, name, time.Time{}, p.labels.whole())
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	sent := &counter{w: w}
	if err := p.write(sent, f, r.URL.Query().Get("confidence") == "true"); err != nil {
		if sent.n == 0 {
			w.Header().Del("Content-Disposition")
			failWith(w, err)
			return
		}
		panic(http.ErrAbortHandler) // part of it must not be taken for all
	}
}

// counter counts what is written.
type counter struct {
	w io.Writer
	n int
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += n
	return n, err
}

func (s *Server) recognitionCommand(w http.ResponseWriter, r *http.Request, _ string) {
	if p, ok := found[*recognition](s, w, r); ok {
		answerJSON(w, http.StatusOK, map[string]string{"command": p.command()})
	}
}
