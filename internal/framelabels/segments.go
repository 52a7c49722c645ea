package framelabels

import (
	"encoding/csv"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"krypton/internal/number"
	"krypton/internal/spreadsheet"
)

// Smoother gives each frame the label whose mean score over the last frames is
// the highest. A label that a frame does not name counts as 0 there.
type Smoother struct {
	// Window is the number of frames, the present one included.
	Window int
	last   [][]Label
}

// Add takes the next frame's labels and gives the smoothed one; false if no
// frame named any.
func (s *Smoother) Add(labels []Label) (Label, bool) {
	s.last = append(s.last, labels)
	if n := max(1, s.Window); len(s.last) > n {
		s.last = s.last[len(s.last)-n:]
	}
	type sum struct {
		label Label
		total float64
	}
	var sums []sum
	for _, frame := range s.last {
		for _, l := range frame {
			i := slices.IndexFunc(sums, func(q sum) bool { return q.label.Class == l.Class })
			if i < 0 {
				i = len(sums)
				sums = append(sums, sum{label: l})
			}
			sums[i].total += float64(l.Score)
		}
	}
	if len(sums) == 0 {
		return Label{}, false
	}
	best := 0
	for i, q := range sums {
		if q.total > sums[best].total || q.total == sums[best].total && q.label.Class < sums[best].label.Class {
			best = i
		}
	}
	l := sums[best].label
	l.Score = number.Single(sums[best].total / float64(len(s.last)))
	return l, true
}

// Segment is a stretch of frames that say the same.
type Segment struct {
	Text        string
	First, Last int // frames
	Start, End  time.Duration
	Score       float64 // mean
	frames      int
}

// Segments puts frames that say the same together. A text counts once it has
// stood for Hold frames; until then the one before goes on, so that single
// frames do not cut a stretch.
type Segments struct {
	Hold int
	// Frame is how long a frame lasts that no other follows.
	Frame   time.Duration
	now     *Segment
	next    *Segment // what may become the next one
	lastGap time.Duration
	lastAt  time.Duration
	any     bool
}

// Text is what a frame says: the smoothed label of a classifier, the numbers of
// each kind of object of a detector.
func Text(r *Result) (string, float64) {
	if r.Smoothed != nil {
		return name(r.Smoothed.Label, r.Smoothed.Class), float64(r.Smoothed.Score)
	}
	if len(r.Labels) > 0 {
		return name(r.Labels[0].Label, r.Labels[0].Class), float64(r.Labels[0].Score)
	}
	count := map[string]int{}
	var names []string
	sum := 0.0
	for _, o := range r.Objects {
		n := name(o.Label, o.Class)
		if count[n]++; count[n] == 1 {
			names = append(names, n)
		}
		sum += float64(o.Score)
	}
	if len(names) == 0 {
		return "", 0
	}
	slices.Sort(names)
	var parts []string
	for _, n := range names {
		parts = append(parts, fmt.Sprintf("%d %s", count[n], n))
	}
	return strings.Join(parts, ", "), sum / float64(len(r.Objects))
}

// Add takes the next frame and gives the segment that it ends, if any.
func (s *Segments) Add(r *Result) *Segment {
	text, score := Text(r)
	at := r.Time()
	if s.any && at > s.lastAt {
		s.lastGap = at - s.lastAt
	}
	s.lastAt, s.any = at, true
	begin := func() *Segment { return &Segment{Text: text, First: r.Frame, Start: at} }
	extend := func(g *Segment) {
		g.Last, g.End = r.Frame, at
		g.Score += (score - g.Score) / float64(g.frames+1)
		g.frames++
	}
	if s.now == nil {
		s.now = begin()
		extend(s.now)
		return nil
	}
	if text == s.now.Text {
		s.next = nil
		extend(s.now)
		return nil
	}
	if s.next == nil || s.next.Text != text {
		s.next = begin()
	}
	extend(s.next)
	if s.next.frames < max(1, s.Hold) {
		return nil
	}
	done := s.now
	done.Last, done.End = s.next.First-1, s.next.Start
	s.now, s.next = s.next, nil
	return done
}

// End gives the last segment, nil if there was no frame. It lasts as long as
// one frame more: as the one before it lasted, else Frame.
func (s *Segments) End() *Segment {
	if s.now == nil {
		return nil
	}
	if s.lastGap == 0 {
		s.lastGap = s.Frame
	}
	s.now.End = s.lastAt + s.lastGap
	g := s.now
	if s.next != nil {
		g.Last = s.next.Last
	}
	s.now, s.next = nil, nil
	return g
}

// segmentTable writes a row for each segment.
type segmentTable struct {
	w        *csv.Writer
	segments Segments
}

func newSegmentTable(w io.Writer, h *Header) (*segmentTable, error) {
	t := &segmentTable{w: csv.NewWriter(w), segments: newSegments(h)}
	return t, t.w.Write([]string{"label", "first_frame", "last_frame", "start_seconds", "end_seconds", "mean_score"})
}

// hold is the number of frames that a text must stand for in segments and
// subtitles.
const hold = 3

// newSegments are those of segments and subtitles.
func newSegments(h *Header) Segments {
	s := Segments{Hold: hold, Frame: time.Second / 25} // of videos without a rate
	if h.FPS > 0 {
		s.Frame = time.Duration(float64(time.Second) / h.FPS)
	}
	return s
}

func (t *segmentTable) put(g *Segment) error {
	if g == nil || g.Text == "" {
		return nil
	}
	seconds := func(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }
	score := ""
	if number.Double(g.Score).Finite() {
		score = strconv.FormatFloat(g.Score, 'f', 4, 64)
	}
	if err := t.w.Write([]string{spreadsheet.Harmless(g.Text), itoa(g.First), itoa(g.Last), seconds(g.Start), seconds(g.End), score}); err != nil {
		return err
	}
	t.w.Flush()
	return t.w.Error()
}

func (t *segmentTable) Write(r *Result) error { return t.put(t.segments.Add(r)) }

func (t *segmentTable) Close(bool) error {
	err := t.put(t.segments.End())
	t.w.Flush()
	if err == nil {
		err = t.w.Error()
	}
	return err
}

// subtitles writes a cue for each segment: WebVTT or SubRip.
type subtitles struct {
	w        io.Writer
	vtt      bool
	n        int
	segments Segments
}

func newSubtitles(w io.Writer, vtt bool, h *Header) *subtitles {
	return &subtitles{w: w, vtt: vtt, segments: newSegments(h)}
}

func (s *subtitles) put(g *Segment) error {
	if s.n == 0 && s.vtt {
		if _, err := io.WriteString(s.w, "WEBVTT\n\n"); err != nil {
			return err
		}
		s.n = 1
	}
	if g == nil || g.Text == "" {
		return nil
	}
	s.n++
	// A cue that lasts no millisecond is an error in WebVTT, and never shown.
	start := g.Start.Round(time.Millisecond)
	end := max(g.End.Round(time.Millisecond), start+time.Millisecond)
	if s.vtt {
		_, err := fmt.Fprintf(s.w, "%s --> %s\n%s\n\n", clock(start, "."), clock(end, "."), cueText(g.Text))
		return err
	}
	_, err := fmt.Fprintf(s.w, "%d\n%s --> %s\n%s\n\n", s.n, clock(start, ","), clock(end, ","), plainCue(g.Text))
	return err
}

// line is text in one line, without what cannot be seen.
func line(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && !unicode.IsSpace(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	return strings.Join(strings.Fields(s), " ")
}

// cueText is text that ends no cue of WebVTT and begins no tag.
func cueText(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(line(s))
}

// What players take for styles in SubRip's text: tags, and the overrides and codes of
// other formats.
var (
	tag   = regexp.MustCompile(`<([^<>]*)>`)
	brace = regexp.MustCompile(`\{(\\|[A-Za-z]:)([^{}]*)\}`)
)

// plainCue is text for SubRip, which has no escapes: an ampersand stands for itself.
// The brackets of what players would take for a style and swallow are changed, and the
// arrow by which readers know a line of times.
func plainCue(s string) string {
	s = strings.ReplaceAll(line(s), "-->", "→")
	return brace.ReplaceAllString(tag.ReplaceAllString(s, "‹$1›"), "($1$2)")
}

// clock is a time as subtitles have it.
func clock(d time.Duration, point string) string {
	ms := d.Milliseconds()
	return fmt.Sprintf("%02d:%02d:%02d%s%03d", ms/3600000, ms/60000%60, ms/1000%60, point, ms%1000)
}

func (s *subtitles) Write(r *Result) error { return s.put(s.segments.Add(r)) }

func (s *subtitles) Close(bool) error { return s.put(s.segments.End()) }
