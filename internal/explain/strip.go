package explain

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"krypton/internal/failure"
	"krypton/internal/heatmap"
	"krypton/internal/number"
	"krypton/internal/recording"
	"krypton/internal/spreadsheet"
)

// Strip is what came of the windows of one recording, one behind the other.
type Strip struct {
	// Recording is the file, Every how far apart windows begin.
	Recording string
	Every     recording.Moment
	Windows   []Window
}

// Window is one of a Strip.
type Window struct {
	// Name is the window's, as Reader.Windows gives it.
	Name   string
	Answer *Answer // nil where Err says what was wrong
	Err    error
}

// StripRecord is what files of a Strip hold as JSON.
type StripRecord struct {
	Recording string         `json:"recording"`
	Every     string         `json:"every"`
	Unit      string         `json:"unit"`
	Windows   []WindowRecord `json:"windows"`
}

// WindowRecord is a window's part of a StripRecord: where it begins and ends, and its record.
type WindowRecord struct {
	Name   string        `json:"name"`
	Start  number.Double `json:"start"`
	End    number.Double `json:"end"`
	Record *Record       `json:"record,omitempty"`
	Error  string        `json:"error,omitempty"`
}

// answered are the windows that were answered, as files with an imprint say it.
func (s *Strip) answered(p Imprint) (all []*Record) {
	for _, w := range s.Windows {
		if w.Answer != nil {
			all = append(all, w.Answer.Printed(p))
		}
	}
	return all
}

// errNoWindow says that no window has an answer.
var errNoWindow = errors.New("no window was answered")

// Record gathers the windows' records, without their scores if they are summed up.
func (s *Strip) Record(p Imprint, summary bool) (*StripRecord, error) {
	out := &StripRecord{Recording: s.Recording, Every: s.Every.String()}
	for _, w := range s.Windows {
		if w.Answer == nil {
			out.Windows = append(out.Windows, WindowRecord{Name: w.Name, Start: number.Double(math.NaN()), End: number.Double(math.NaN()), Error: w.Err.Error()})
			continue
		}
		r := w.Answer.Printed(p)
		if out.Unit == "" {
			out.Unit = r.timeUnit()
		}
		start, rate := r.since()
		end := start + float64(r.samples())/rate
		if summary {
			r = r.Summary()
			r.Approximated, r.Bound, r.With, r.Notes = nil, nil, nil, nil
		}
		out.Windows = append(out.Windows, WindowRecord{Name: w.Name, Start: number.Double(start), End: number.Double(end), Record: r})
	}
	if out.Unit == "" {
		return nil, errNoWindow
	}
	return out, nil
}

// since is when the series of a record begins, and how many samples a unit of time has: 1
// where times are samples.
func (r *Record) since() (start, rate float64) {
	start, _ = r.Preprocess["start"].(float64)
	if rate, _ = r.Preprocess["rate"].(float64); rate <= 0 {
		rate = 1
	}
	return start, rate
}

// samples is how long the series of a record is.
func (r *Record) samples() int {
	if r.Preprocess["time"] == timeDown {
		return r.Input[0]
	}
	return r.Input[1]
}

// WriteScores writes the scores of all windows in the format of a file ending: one of
// ScoreFormats, or of intervals.
func (s *Strip) WriteScores(w io.Writer, ending string, p Imprint) error {
	all := s.answered(p)
	if len(all) == 0 {
		return errNoWindow
	}
	for _, r := range all {
		if err := r.Validate(); err != nil {
			return err
		}
	}
	switch strings.ToLower(ending) {
	case IntervalsCSV, IntervalsJSON:
		intervals, err := intervalsOf(all)
		if err != nil {
			return err
		}
		return writeIntervals(w, intervals, all[0].timeUnit(), strings.ToLower(ending) == IntervalsJSON)
	case ".npy":
		return s.writeNPY(w, all)
	case ".csv":
		return s.writeCSV(w, p)
	case ".json":
		r, err := s.Record(p, false)
		if err != nil {
			return err
		}
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	return fmt.Errorf("scores of windows as %q: want one of %s", ending, strings.Join(ScoreFormats, ", "))
}

// writeNPY writes an array of [windows, rows, columns], or [windows, classes, rows, columns]
// for several classes: of each window what writeNPY of its record has. A window without an
// answer has NaN.
func (s *Strip) writeNPY(w io.Writer, all []*Record) error {
	first := all[0]
	rows, classes := first.Rows*max(1, len(first.byChannels())), len(first.Classes)
	for _, r := range all {
		if r.Rows*max(1, len(r.byChannels())) != rows || r.Cols != first.Cols || len(r.Classes) != classes {
			return errors.New("windows have unlike grids, or numbers of classes: an array cannot hold them (.csv and .json can)")
		}
	}
	shape := fmt.Sprintf("(%d, %d, %d)", len(s.Windows), rows, first.Cols)
	if classes > 1 {
		shape = fmt.Sprintf("(%d, %d, %d, %d)", len(s.Windows), classes, rows, first.Cols)
	}
	none := make([]Number, first.Cols)
	for i := range none {
		none[i] = Number(math.NaN())
	}
	return writeArray(w, shape, func(row func([]Number)) {
		for _, window := range s.Windows {
			if window.Answer == nil {
				for range rows * classes {
					row(none)
				}
				continue
			}
			for k := range classes {
				for _, numbers := range window.Answer.Record().table(k) {
					row(numbers)
				}
			}
		}
	})
}

// writeCSV writes a line for each position of each window: what was hidden from when to when,
// counted from the beginning of the recording, and the score with it.
func (s *Strip) writeCSV(w io.Writer, p Imprint) error {
	c := csv.NewWriter(w)
	var unit string
	for i, window := range s.Windows {
		if window.Answer == nil {
			continue
		}
		r := window.Answer.Printed(p)
		if unit == "" {
			unit = r.timeUnit()
			if err := c.Write([]string{"window", "class", "base score", "hidden", "start (" + unit + ")", "end (" + unit + ")", "score"}); err != nil {
				return err
			}
		}
		for k := range r.Classes {
			if err := r.writeTimes(c, i, k); err != nil {
				return err
			}
		}
	}
	c.Flush()
	return c.Error()
}

// writeTimes writes the lines of a class of the window i.
func (r *Record) writeTimes(c *csv.Writer, i, class int) error {
	start, rate := r.since()
	text := func(v float64) string { return strconv.FormatFloat(v, 'g', 12, 64) }
	of := r.Classes[class]
	groups := r.byChannels()
	for y, row := range r.table(class) {
		hidden := "all"
		if groups != nil {
			hidden = spreadsheet.Harmless(groups[y/r.Rows].Occluded)
		} else if r.Preprocess["time"] != timeDown && r.Rows > 1 {
			hidden = "row " + strconv.Itoa(r.Ys[y])
		}
		for x, v := range row {
			from, long := r.Xs[x], r.Patch[1]
			if r.Preprocess["time"] == timeDown {
				from, long = r.Ys[y%r.Rows], r.Patch[0]
			}
			to := min(from+long, r.samples())
			if err := c.Write([]string{strconv.Itoa(i), spreadsheet.Harmless(of.Name()), cell(of.BaseScore), hidden, text(start + float64(from)/rate), text(start + float64(to)/rate), cell(v)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// intervalsOf are the parts of a recording that matter most to each class, the best first: of
// the drops that its windows have, the mean where several lie over each other. Windows whose
// map is of another class do not count.
func intervalsOf(windows []*Record) ([]Interval, error) {
	type curve struct{ sum, count []float64 }
	curves := map[string]*curve{}
	var names []string
	origin, rate := windows[0].since()
	length := 0
	at := func(r *Record) int {
		start, _ := r.since()
		return int(math.Round((start - origin) * rate))
	}
	for _, r := range windows {
		length = max(length, at(r)+r.samples())
	}
	for _, r := range windows {
		for _, c := range r.Classes {
			drops, err := r.dropsOf(c)
			if err != nil {
				return nil, err
			}
			k := curves[c.Name()]
			if k == nil {
				k = &curve{make([]float64, length), make([]float64, length)}
				curves[c.Name()], names = k, append(names, c.Name())
			}
			sum, count := k.sum[at(r):], k.count[at(r):]
			for i, v := range drops {
				if v == v {
					sum[i] += v
					count[i]++
				}
			}
		}
	}
	var all []Interval
	for _, name := range names {
		k := curves[name]
		for i, n := range k.count {
			k.sum[i] /= n // 0/0 is NaN
		}
		all = append(all, intervals(name, k.sum, origin, rate)...)
	}
	return all, nil
}

// maxStrip bounds the height of a strip, in pixels.
const maxStrip = 30_000

// FitsStrip refuses to draw maps of so many windows below each other that it makes a picture
// higher than any is.
func (r *Reader) FitsStrip(windows int) error {
	s, ok := r.model.Series()
	if !ok {
		return nil // it has no windows
	}
	if rows := heatmap.StripHeight(windows, s.Leads); rows > maxStrip {
		return failure.Wrongf("%d windows below each other make a picture of %d rows, more than %d: say %v further apart, %v FOLDER/ for a picture of each, or %v", windows, rows, maxStrip, failure.Setting("every"), failure.Setting("out"), failure.Setting("scores_only"))
	}
	return nil
}

// Draw draws the maps of the windows below each other, with one scale, which is style's or
// that of all of them. read gives a window's recording again. That the picture is not too high
// is Reader.FitsStrip's to say, before any map is computed.
func (s *Strip) Draw(read func(w Window) (*Input, error), style heatmap.Style) (*image.NRGBA, error) {
	var maps []*heatmap.Map
	var of *Answer
	for _, w := range s.Windows {
		if w.Answer != nil {
			of = w.Answer
			maps = append(maps, w.Answer.Drawn())
		}
	}
	if of == nil {
		return nil, errNoWindow
	}
	style.Behind = true
	if style.Scale == nil {
		var err error
		if style, err = style.Shared(maps, of.combine); err != nil {
			return nil, err
		}
	}
	var lines []heatmap.StripLine
	for _, w := range s.Windows {
		if w.Answer == nil {
			lines = append(lines, heatmap.StripLine{Title: fmt.Sprintf("%s: no answer", s.called(w))})
			continue
		}
		in, err := read(w)
		if err != nil {
			return nil, err
		}
		bare := style
		bare.Bare = true
		img, err := w.Answer.Draw(in, bare)
		if err != nil {
			return nil, err
		}
		lines = append(lines, heatmap.StripLine{Title: s.called(w) + ": " + w.Answer.Record().Title(), Picture: img})
	}
	style.Title = fmt.Sprintf("%s, every %v", filepath.Base(s.Recording), s.Every)
	style.Caption = of.record.Caption()
	return heatmap.Strip(lines, style)
}

// called is how a window is called in a picture: by when it begins.
func (s *Strip) called(w Window) string {
	_, at := splitMoment(w.Name)
	if at == nil {
		return w.Name
	}
	if at.Samples {
		return "from sample " + at.String()
	}
	return "from " + at.String()
}

// EncodePNG writes what Draw drew, with the summary of each window.
func (s *Strip) EncodePNG(w io.Writer, img image.Image, p Imprint) error {
	r, err := s.Record(p, true)
	if err != nil {
		return err
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return heatmap.EncodePNG(w, img, text)
}
