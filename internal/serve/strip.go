package serve

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/heatmap"
	"krypton/internal/regular"
)

// strip is the maps of a recording's windows: under way, or there.
type strip struct {
	*job
	ask     *ask
	picture *picture // the recording
	most    int64    // bytes that its maps may take

	// What follows is under the job's lock.
	head    *stripHead // nil until the windows are known
	windows []window   // those that are done, in order
	now     int        // positions of the next one that are done
	answer  *explain.Strip
	held    int64 // bytes that the answers and the recording take
}

// window is what came of one window of a strip.
type window struct {
	of     explain.Source
	answer *answer // without its input; nil if err says what is wrong
	err    error
	sum    string // digest of the recording that it is of
}

// stripHead is what is told of a strip before its maps.
type stripHead struct {
	// Windows are where each begins and ends, in seconds, or samples where the rate is not
	// known.
	Windows []stripSpan `json:"windows"`
	Unit    string      `json:"unit"`
	// Positions are those of each, Picture says whether one of all can be drawn.
	Positions int  `json:"positions"`
	Picture   bool `json:"picture"`
}

// stripSpan is a window of a stripHead.
type stripSpan struct {
	Name  string  `json:"name"`
	Start float64 `json:"start"`
}

// stripPart is what has come of a strip.
type stripPart struct {
	far
	Windows []stripMap `json:"windows"`
}

// stripMap is what is told of a window's map: Range is its least and its greatest number, or 0.
type stripMap struct {
	Class *Class      `json:"class,omitempty"`
	Range *[2]float64 `json:"range,omitempty"`
	Error string      `json:"error,omitempty"`
}

// compute implements piece. A window that fails does not stop the others.
func (m *strip) compute(ctx context.Context) error {
	if err := m.begin(ctx); err != nil {
		return err
	}
	job := m.ask.job
	of, err := job.WindowsOf(ctx, m.picture.source())
	if err != nil {
		return err
	}
	each := job.Bytes() - m.ask.model.Plan.ViewBytes()
	if need := each * int64(len(of)); need > m.most {
		return failure.Temporaryf("%d windows: their maps take %d MiB, and %d MiB are there", len(of), need>>20, m.most>>20)
	}
	head := &stripHead{Unit: "seconds", Positions: m.ask.positions, Picture: job.FitsStrip(len(of)) == nil}
	for _, w := range of {
		if w.At.Samples {
			head.Unit = "samples"
		}
		head.Windows = append(head.Windows, stripSpan{w.Called, w.At.Value})
	}
	m.change(func() { m.head = head })
	all := &explain.Strip{Recording: m.picture.source().Name, Every: *m.ask.question.Recording.Every}
	for _, w := range of {
		done := m.window(ctx, w)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		m.change(func() { m.windows, m.now = append(m.windows, done), 0 })
		out := explain.Window{Name: w.Name, Err: done.err}
		if done.answer != nil {
			out.Answer = done.answer.answer
		}
		all.Windows = append(all.Windows, out)
	}
	if i := slices.IndexFunc(m.windows, func(w window) bool { return w.answer != nil }); i < 0 {
		return m.windows[0].err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answer, m.held = all, each*int64(len(of))+job.Held()
	return nil
}

// window asks about one.
func (m *strip) window(ctx context.Context, of explain.Source) window {
	out := window{of: of}
	in, err := m.ask.job.Read(ctx, of, explain.Source{})
	if err == nil {
		out.sum = in.SHA256
		out.answer, err = m.ask.compute(ctx, m.picture, in, events{
			clean:    func(*clean, *patches, int) {},
			answered: func(int, []float32, int32) {},
			progress: func(done int) {
				m.change(func() { m.now = done })
				_ = m.seat.wait(ctx) // the work itself looks whether it is to end
			},
		})
	}
	if err != nil {
		out.answer, out.err = nil, err
		return out
	}
	out.answer.input = nil // it is read again where it is shown
	return out
}

// input reads what the network sees of a window once more.
func (m *strip) input(ctx context.Context, w window) (*explain.Input, error) {
	in, err := m.ask.job.Read(ctx, w.of, explain.Source{})
	if err == nil && in.SHA256 != w.sum {
		err = failure.Dataf("%s: changed since its map was computed", w.of.Called)
	}
	return in, err
}

// ended implements piece.
func (m *strip) ended() {}

// kept implements piece.
func (m *strip) kept() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return stub + m.held
}

// forgotten implements piece.
func (m *strip) forgotten() {}

// look implements piece: "clean" as soon as the windows are known, "part" again and again, then
// "done", "failed" or "cancelled".
func (m *strip) look(from int) look {
	m.mu.Lock()
	defer m.mu.Unlock()
	total := m.ask.positions
	if m.head != nil {
		total *= len(m.head.Windows)
	}
	p := stripPart{far: m.far(m.ask.positions*len(m.windows)+m.now, total, m.ask.seconds()), Windows: []stripMap{}}
	l := look{next: len(m.windows), changed: m.changed, over: m.state.over()}
	if m.head != nil {
		l.head = &told{"clean", m.head}
	}
	name := "part"
	if l.over {
		name = string(m.state)
	}
	p.First = min(max(0, from), len(m.windows))
	for _, w := range m.windows[p.First:] {
		p.Windows = append(p.Windows, w.told())
	}
	l.news = &told{name, p}
	return l
}

// told is what listeners are told of a window.
func (w window) told() stripMap {
	if w.err != nil {
		return stripMap{Error: w.err.Error()}
	}
	lo, hi, err := w.answer.answer.Range()
	if err != nil {
		return stripMap{Error: err.Error()}
	}
	return stripMap{Class: &w.answer.clean.Classes[0], Range: &[2]float64{lo, hi}}
}

func (s *Server) startStrip(work context.Context, w http.ResponseWriter, r *http.Request, client string) {
	a, p, seat, err := s.enter(w, r, client, false, true)
	if err != nil {
		failWith(w, err)
		return
	}
	a.keep = false
	ctx, stop := context.WithCancelCause(work)
	m := &strip{job: newJob(seat, s.patience, stop), ask: a, picture: p, most: s.jobs.room}
	s.jobs.start(ctx, m)
	w.Header().Set("Location", "/api/strips/"+m.id)
	answerJSON(w, http.StatusCreated, map[string]any{"id": m.id, "ahead": seat.ahead()})
}

func (s *Server) stripState(w http.ResponseWriter, r *http.Request, _ string) {
	if m, ok := found[*strip](s, w, r); ok {
		l := m.look(0)
		now := map[string]any{"part": l.news.data}
		if l.head != nil {
			now["clean"] = l.head.data
		}
		answerJSON(w, http.StatusOK, now)
	}
}

// windowShown is a window's map with what it is drawn over.
type windowShown struct {
	numbers
	Trace *trace `json:"trace"`
}

// stripWindow gives the map of a window that is done, from 0 on.
func (s *Server) stripWindow(w http.ResponseWriter, r *http.Request, _ string) {
	m, ok := found[*strip](s, w, r)
	if !ok {
		return
	}
	n, err := strconv.ParseUint(r.PathValue("n"), 10, 31)
	m.mu.Lock()
	var at window
	if err == nil && int(n) < len(m.windows) {
		at = m.windows[n]
	}
	m.mu.Unlock()
	switch {
	case at.err != nil:
		failWith(w, at.err)
		return
	case at.answer == nil:
		fail(w, http.StatusNotFound, "there is no such window yet")
		return
	}
	in, err := m.input(r.Context(), at)
	var t *trace
	if err == nil {
		t, err = traceOf(in, at.of.Called)
	}
	if err != nil {
		failWith(w, err)
		return
	}
	answerJSON(w, http.StatusOK, windowShown{at.answer.numbers(), t})
}

// strip finds a request's strip that is there.
func (s *Server) strip(w http.ResponseWriter, r *http.Request) *strip {
	m, ok := found[*strip](s, w, r)
	if !ok {
		return nil
	}
	m.mu.Lock()
	there := m.answer != nil
	m.mu.Unlock()
	if !there {
		fail(w, http.StatusConflict, "the strip is not there yet")
		return nil
	}
	return m
}

func (s *Server) stripFile(w http.ResponseWriter, r *http.Request, _ string) {
	m := s.strip(w, r)
	if m == nil {
		return
	}
	sendFile(w, r, func(b io.Writer, name string, style heatmap.Style) error { return m.write(r.Context(), b, name, style) })
}

// write writes one of a strip's files, as the command line does, but for what is said there of
// the time that it took.
func (m *strip) write(ctx context.Context, w io.Writer, name string, style heatmap.Style) error {
	p := explain.Imprint{Heatmap: regular.Base(m.answer.Recording) + ".krypton.png", Scale: style.Scale, Timeless: true}
	ending, found := strings.CutPrefix(name, "scores")
	switch {
	case name == "heatmap.png":
		if err := m.ask.job.FitsStrip(len(m.windows)); err != nil {
			return err
		}
		of := map[string]window{}
		for _, w := range m.windows {
			of[w.of.Name] = w
		}
		img, err := m.answer.Draw(func(w explain.Window) (*explain.Input, error) { return m.input(ctx, of[w.Name]) }, style)
		if err != nil {
			return err
		}
		return m.answer.EncodePNG(w, img, p)
	case found && (slices.Contains(explain.ScoreFormats, ending) || ending == explain.IntervalsCSV || ending == explain.IntervalsJSON):
		return m.answer.WriteScores(w, ending, p)
	}
	return failure.Missingf("a strip has no file %q", filepath.Base(name))
}

func (s *Server) stripCommand(w http.ResponseWriter, r *http.Request, _ string) {
	m := s.strip(w, r)
	if m == nil {
		return
	}
	if _, err := styleOf(r.URL.Query()); err != nil {
		failWith(w, err)
		return
	}
	answerJSON(w, http.StatusOK, map[string]string{"command": m.ask.command(m.picture, r.URL.Query())})
}
