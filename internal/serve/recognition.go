package serve

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"encoding/json"
	"image"
	"image/color"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"krypton/internal/failure"
	"krypton/internal/framelabels"
	"krypton/internal/imagein"
	"krypton/internal/orv"
	"krypton/internal/recognize"
	"krypton/internal/region"
	"krypton/internal/video"
)

// recognition is a video that is being recognized, or was.
type recognition struct {
	*job
	rec      *recognize.Job
	network  *network
	question recognize.Question
	film     *film
	opt      video.Options
	version  string // the program's

	// labels are JSON lines, as the command line writes them; regions are the masks of
	// what was recomputed.
	labels, regions *spool
	packer          *packer

	// What follows is under the job's lock.
	phase    string
	head     *headed
	header   framelabels.Header
	preface  int64 // bytes before the first frame
	geometry imagein.Geometry
	count    int
	report   *recognize.Report
	gone     bool
}

// The phases of a recognition.
const (
	opening   = "opening"
	tuning    = "tuning"
	answering = "answering"
)

// headed is what is known once frames are about to come.
type headed struct {
	filmInfo
	Total    int            `json:"total"` // frames that will come, -1 if unknown
	Detector bool           `json:"detector"`
	Tracked  bool           `json:"tracked"`
	Unit     string         `json:"unit,omitempty"`
	Settings map[string]any `json:"settings"`
	Notes    []string       `json:"notes,omitempty"`
	Formats  []string       `json:"formats"` // in which the labels can be had
	// Annotated is the file of the video with its results drawn in that this machine can
	// make: without ffmpeg it is Motion JPEG.
	Annotated string `json:"annotated"`
}

// compute implements piece.
func (r *recognition) compute(ctx context.Context) (err error) {
	if err := r.begin(ctx); err != nil {
		return err
	}
	// While ffmpeg looks into the file others may compute.
	over, err := r.seat.step(ctx)
	if err != nil {
		return err
	}
	over()
	if _, err := r.film.folder.video(r.film.name); err != nil {
		return err // it may have become a link elsewhere
	}
	j, film, err := recognize.Open(ctx, r.film.path, r.opt, func() (*recognize.Job, error) { return r.rec, nil })
	if err != nil {
		return said(err, r.film.path, r.film.name)
	}
	defer film.Close() // what it could say, Next has said
	if !r.film.same(film.Info()) {
		return errChanged
	}
	film.Turn = r.seat.step
	r.change(func() { r.phase = tuning })
	a, err := recognize.Start(ctx, j, film)
	if err != nil {
		return said(recognize.Classify(err), r.film.path, r.film.name)
	}
	w, err := r.prepared(a)
	if err != nil {
		return err
	}
	sum, err := a.Run(ctx, nil, recognize.SinkFunc(func(res *framelabels.Result) error { return r.take(w, res) }))
	if err != nil {
		return said(recognize.Classify(err), r.film.path, r.film.name)
	}
	if err := w.Close(true); err != nil {
		return err
	}
	r.change(func() { r.report = a.Report(r.header, sum) })
	return nil
}

// prepared makes ready for the frames.
func (r *recognition) prepared(a *recognize.Recognition) (framelabels.Writer, error) {
	h, err := a.Header(r.version)
	if err != nil {
		return nil, err
	}
	w, err := framelabels.New("jsonl", r.labels, h)
	if err != nil {
		return nil, err
	}
	formats := slices.DeleteFunc(slices.Clone(framelabels.Formats), func(f string) bool { return framelabels.OfDetectors(f) && !h.Detector })
	r.change(func() {
		r.phase, r.header, r.preface, r.geometry = answering, h, r.labels.whole().Size(), a.Geometry()
		r.head = &headed{r.film.told(), a.Frames(), h.Detector, h.Tracked, h.Unit, h.Settings, a.Notes(), formats, annotated()}
	})
	return w, nil
}

// take keeps what is known of a frame.
func (r *recognition) take(w framelabels.Writer, res *framelabels.Result) error {
	if err := w.Write(res); err != nil {
		return failure.As(failure.Temporary, err)
	}
	if m := res.Moved; m != nil && res.How != string(orv.Skip) {
		b, err := r.packer.pack(m)
		if err == nil {
			_, err = r.regions.Write(b)
		}
		if err != nil {
			return failure.As(failure.Temporary, err)
		}
		r.regions.end(res.Frame)
	}
	r.labels.end(res.Frame)
	r.change(func() { r.count++ })
	return nil
}

// ended implements piece.
func (r *recognition) ended() {}

// kept implements piece.
func (r *recognition) kept() int64 { return stub + r.labels.held() + r.regions.held() }

// forgotten implements piece: downloads under way end first.
func (r *recognition) forgotten() {
	r.mu.Lock()
	first := !r.gone
	r.gone = true
	r.mu.Unlock()
	if first {
		r.labels.leave()
		r.regions.leave()
	}
}

// mostTold is how many bytes of labels one event holds, where a frame does not have more.
const mostTold = 256 << 10

// frames is an event of frames that have come.
type frames struct {
	far
	Phase   string            `json:"phase"`
	FPS     float64           `json:"frames_per_second"`
	Results []json.RawMessage `json:"results"`
}

// frames is how far the recognition is. The job's lock is held.
func (r *recognition) frames() frames {
	total := -1
	if r.head != nil {
		total = r.head.Total
	}
	f := frames{far: r.far(r.count, total, 0), Phase: r.phase}
	if f.Spent > 0 {
		f.FPS = float64(r.count) / f.Spent
	}
	return f
}

// look implements piece: "begun" as soon as frames are about to come, "frames" again and
// again, then "done", "failed" or "cancelled".
func (r *recognition) look(from int) look {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.frames()
	f.First = min(max(0, from), r.count)
	l := look{next: f.First, changed: r.changed}
	if r.head != nil {
		l.head = &told{"begun", r.head}
	}
	if f.First < r.count {
		if err := r.some(&f); err != nil {
			f.State, f.Error, l.over = failed, err.Error(), true
		}
		l.next += len(f.Results)
	}
	if l.next < r.count && !l.over { // more is there already
		l.changed = closed
	}
	if r.state.over() && l.next == r.count {
		// What came last is told before the end is.
		if len(f.Results) > 0 {
			f.State, l.changed = running, closed
		} else {
			l.over = true
		}
	}
	switch {
	case l.over && r.state == done && f.Error == "":
		l.news = &told{"done", r.report}
	case l.over:
		l.news = &told{string(f.State), f}
	default:
		l.news = &told{"frames", f}
	}
	return l
}

// closed is a channel that is.
var closed = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// some adds the frames that come next.
func (r *recognition) some(f *frames) error {
	done, ok := r.labels.use()
	if !ok {
		return errGone
	}
	defer done()
	lines, err := r.labels.some(f.First, r.preface, mostTold)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(lines) {
		f.Results = append(f.Results, bytes.TrimSpace(line))
	}
	return nil
}

// errGone says that nobody wanted the labels any more.
var errGone = failure.Missingf("the labels are not kept any more: ask once more")

// complete says whether all frames are there.
func (r *recognition) complete() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state == done
}

// stem is what files of the recognition are called after.
func (r *recognition) stem() string {
	base := filepath.Base(r.film.path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// format is the format of a file's name, "" if it is of none; that of yolo is a folder in
// an archive.
func format(name string) string {
	for _, f := range framelabels.Formats {
		if name == "labels"+framelabels.Ending(f) && f != "yolo" || f == "yolo" && name == "labels.yolo.zip" {
			return f
		}
	}
	return ""
}

// write writes the labels in a format, as the command line does. It is called when all
// frames are there, and under the labels' use.
func (r *recognition) write(to io.Writer, format string, confidence bool) error {
	h := r.header
	h.Confidence = confidence
	b := bufio.NewWriterSize(to, 1<<16)
	var w framelabels.Writer
	var err error
	archive := (*zip.Writer)(nil)
	if format == "yolo" {
		archive = zip.NewWriter(b)
		w, err = framelabels.NewFiles(func(name, text string) error {
			f, err := archive.Create(r.stem() + ".krypton.yolo/" + name)
			if err != nil {
				return err
			}
			_, err = io.WriteString(f, text)
			return err
		}, h)
	} else {
		w, err = framelabels.New(format, b, h)
	}
	if err != nil {
		return failure.As(failure.Usage, err)
	}
	if _, err = framelabels.Scan(r.labels.whole(), h.Fingerprint, w.Write); err != nil {
		return err
	}
	if err = w.Close(true); err != nil {
		return err
	}
	if archive != nil {
		if err = archive.Close(); err != nil {
			return err
		}
	}
	return b.Flush()
}

// packer makes few bytes of masks.
type packer struct {
	w *flate.Writer
	b bytes.Buffer
}

func newPacker() *packer {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is one
	}
	return &packer{w: w}
}

// pack gives a mask's bytes, which are valid until the next one's.
func (p *packer) pack(m *region.Mask) ([]byte, error) {
	p.b.Reset()
	p.w.Reset(&p.b)
	var row []byte
	for y := range m.H {
		row = row[:0]
		last := 0
		m.Spans(y, func(x region.Span) { // where it begins and how long it is, from where the last one ended
			row = binary.AppendUvarint(row, uint64(x.Lo-last+1))
			row = binary.AppendUvarint(row, uint64(x.Len()))
			last = x.Hi
		})
		row = append(row, 0)
		if _, err := p.w.Write(row); err != nil {
			return nil, err
		}
	}
	if err := p.w.Close(); err != nil {
		return nil, err
	}
	return p.b.Bytes(), nil
}

// unpack is the other way round, for a plane of this size.
func unpack(data []byte, h, w int) (*region.Mask, error) {
	m := region.NewMask(h, w)
	r := bufio.NewReader(flate.NewReader(bytes.NewReader(data)))
	for y := range h {
		for at := 0; ; {
			gap, err := binary.ReadUvarint(r)
			if err != nil {
				return nil, err
			}
			if gap == 0 {
				break
			}
			n, err := binary.ReadUvarint(r)
			if err != nil {
				return nil, err
			}
			lo := at + int(gap) - 1
			at = lo + int(n)
			m.Add(region.Rect{Y: region.Span{Lo: y, Hi: y + 1}, X: region.Span{Lo: lo, Hi: at}})
		}
	}
	return m, nil
}

// mostMask bounds the longer side of a picture of what was recomputed.
const mostMask = 640

// mask is what was recomputed of a frame, nil if nothing was.
func (r *recognition) mask(frame int) (*region.Mask, error) {
	done, ok := r.regions.use()
	if !ok {
		return nil, errGone
	}
	defer done()
	data, ok, err := r.regions.of(frame)
	if err != nil || !ok {
		return nil, err
	}
	r.mu.Lock()
	g := r.geometry
	r.mu.Unlock()
	return unpack(data, g.Plane.Y, g.Plane.X)
}

// moved draws what was recomputed of a frame: transparent where nothing was.
func (r *recognition) moved(frame int) (image.Image, error) {
	m, err := r.mask(frame)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	g := r.geometry
	r.mu.Unlock()
	if g.Picture.X < 1 {
		return nil, failure.Missingf("no frame is there yet")
	}
	k := max(1, float64(max(g.Picture.X, g.Picture.Y))/mostMask)
	w, h := max(1, int(float64(g.Picture.X)/k)), max(1, int(float64(g.Picture.Y)/k))
	img := image.NewPaletted(image.Rect(0, 0, w, h), color.Palette{color.NRGBA{}, color.NRGBA{255, 160, 0, 110}})
	if m == nil {
		return img, nil
	}
	for y := range h {
		for x := range w {
			px, py, ok := g.Network(int((float64(x)+.5)*k), int((float64(y)+.5)*k))
			if ok && m.Has(py, px) {
				img.Pix[y*img.Stride+x] = 1
			}
		}
	}
	return img, nil
}
