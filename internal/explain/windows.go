package explain

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"krypton/internal/failure"
	"krypton/internal/model"
	"krypton/internal/recording"
	"krypton/internal/regular"
)

// mostWindows bounds how many windows of one recording are asked about.
const mostWindows = 1 << 16

// samplesMark ends a number of samples in a name: a number alone is a frame's.
const samplesMark = "n"

// splitMoment takes FILE#TIME apart: a recording, and where the part of it begins that is
// looked at, nil where none is named.
func splitMoment(name string) (file string, at *recording.Moment) {
	file, text := regular.SplitTime(name)
	m, err := recording.ParseMoment(strings.TrimSuffix(text, samplesMark))
	if text == "" || err != nil {
		return name, nil
	}
	return file, &m
}

// withMoment is what splitMoment takes apart.
func withMoment(file string, at recording.Moment) string {
	text := strconv.FormatFloat(at.Value, 'f', -1, 64)
	if at.Samples {
		return file + "#" + text + samplesMark
	}
	return file + "#" + text + "s"
}

// noTime refuses a time behind the name of what has none.
func (of Source) noTime(is sort) error {
	if of.At == nil {
		return nil
	}
	return failure.Wrongf("%s: %s have no parts that begin at a time", of.Called, is)
}

// at is what is read of a source of which a part may be named.
func (r Recording) at(of Source) (Recording, error) {
	if of.At == nil {
		return r, nil
	}
	if r.Every == nil && (r.Start != nil || r.End != nil) {
		return r, failure.Wrongf("%s says where the part begins that is read: %v and %v say it too", of.Called, failure.Setting("start"), failure.Setting("end"))
	}
	r.Start, r.End = of.At, nil
	return r, nil
}

// rateOf is how many samples a second a network reads of a recording whose first channel has
// so many.
func rateOf(set *model.Recordings, own float64) float64 {
	if set.Rate > 0 {
		return set.Rate
	}
	return own
}

// wanted is how many samples of a channel are read for n of the network.
func wanted(set *model.Recordings, rate float64, n int) int {
	if set.Rate > 0 && rate > 0 && rate != set.Rate {
		return int(math.Ceil(float64(n)*rate/set.Rate)) + 1
	}
	return n
}

// wholeCache keeps the recording that was read last of those of which several parts are
// looked at: else each part would read all that is in front of it again.
type wholeCache struct {
	mu   sync.Mutex
	name string
	rec  *recording.Recording
	sum  string
}

// readWhole reads all of a recording, unless it was the last that was. from is its beginning,
// nil where it is not open yet.
func (r *Reader) readWhole(from io.Reader, of Source, set *model.Recordings) (*recording.Recording, string, error) {
	w := r.whole
	w.mu.Lock()
	defer w.mu.Unlock()
	name, _ := splitMoment(of.Called)
	if w.rec != nil && w.name == name {
		return w.rec, w.sum, nil
	}
	if from == nil {
		f, err := of.Open()
		if err != nil {
			return nil, "", err
		}
		defer f.Close()
		from = f
	}
	most := int(min(r.room.pictures()/16, recording.MostSamples)) // of eight bytes each
	rec, sum, err := r.readRecording(from, of, set, recording.Want{Most: most})
	if err != nil {
		return nil, "", err
	}
	w.name, w.rec, w.sum = name, rec, sum
	return rec, sum, nil
}

// readPart reads the part of a recording that the network sees n samples of.
func (r *Reader) readPart(from io.Reader, of Source, part *Recording, set *model.Recordings, n int) (*recording.Recording, string, error) {
	if of.At == nil {
		want := recording.Want{Start: part.Start, End: part.End}
		if want.End == nil {
			want.Length = func(rate float64) int { return wanted(set, rate, n) }
		}
		return r.readRecording(from, of, set, want)
	}
	rec, sum, err := r.readWhole(from, of, set)
	if err != nil {
		return nil, "", err
	}
	cut := *rec
	cut.Channels = slices.Clone(rec.Channels)
	for i := range cut.Channels {
		c := &cut.Channels[i]
		first, err := of.At.At(c.Rate)
		if err != nil {
			return nil, "", recording.Bad("channel %q: %w", c.Name, err)
		}
		if first >= len(c.Samples) {
			return nil, "", recording.Bad("channel %q has %d samples, %w", c.Name, len(c.Samples), recording.ErrOutside)
		}
		c.First, c.Samples = first, c.Samples[first:min(len(c.Samples), first+wanted(set, c.Rate, n))]
	}
	return &cut, sum, nil
}

// Windows names the parts of a recording that are asked about one after the other, as
// Recording.Every has it: FILE#TIME, each as long as the network reads, from Start on. The last
// one ends where the recording, or what End leaves of it, ends, unless one before it does: it
// begins as much earlier as it must to be whole.
func (r *Reader) Windows(ctx context.Context, name string) (names []string, err error) {
	if name == "-" || name == "" {
		return nil, failure.Wrongf("%v: windows are of a file: %q is none", failure.Setting("every"), name)
	}
	all, err := r.WindowsOf(ctx, File(name))
	for _, w := range all {
		names = append(names, w.Called)
	}
	return names, err
}

// WindowsOf is Windows of any source.
func (r *Reader) WindowsOf(ctx context.Context, of Source) ([]Source, error) {
	every := r.recording.Every
	s, ok := r.model.Series()
	if !ok {
		return nil, failure.Wrongf("%v: model %s reads no series", failure.Setting("every"), r.model.File.Name)
	}
	if of.At != nil {
		return nil, failure.Wrongf("%v: windows are of a file: %q is a part of one", failure.Setting("every"), of.Called)
	}
	set := r.model.File.Config.Series.With(r.recording.Recordings)
	if err := set.Check(); err != nil {
		return nil, failure.As(failure.Usage, err)
	}
	starts, err := r.windows(of, &set, s)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, pictureError(fmt.Errorf("%s: %w", of.Called, r.recording.blamed(err)))
	}
	if len(starts) > mostWindows {
		return nil, failure.Wrongf("%s: more than %d windows (%v %v)", of.Called, mostWindows, failure.Setting("every"), every)
	}
	var all []Source
	for _, at := range starts {
		all = append(all, of.from(at))
	}
	return all, nil
}

// from is the part of a recording that begins at a moment.
func (of Source) from(at recording.Moment) Source {
	of.Name, of.Called, of.At = withMoment(of.Name, at), withMoment(of.Called, at), &at
	if of.Key != "" {
		of.Key = withMoment(of.Key, at)
	}
	return of
}

// Held is about how many bytes a recording takes that is kept because several parts of it are
// looked at.
func (r *Reader) Held() (n int64) {
	r.whole.mu.Lock()
	defer r.whole.mu.Unlock()
	if r.whole.rec != nil {
		for _, c := range r.whole.rec.Channels {
			n += 8 * int64(len(c.Samples))
		}
	}
	return n
}

// windows are where those of a recording begin.
func (r *Reader) windows(of Source, set *model.Recordings, s model.Series) ([]recording.Moment, error) {
	rec, _, err := r.readWhole(nil, of, set)
	if err != nil {
		return nil, err
	}
	k := &recordingKind{name: of.Called, series: s, set: *set, part: &r.recording}
	picked, err := k.choose(rec)
	if err != nil {
		return nil, err
	}
	w := &windowing{n: s.Samples, network: rateOf(set, rec.Channels[picked[0]].Rate)}
	// What is wrong with every window is said once.
	if err := k.constants(len(picked)); err != nil {
		return nil, err
	}
	for _, i := range picked {
		c := &rec.Channels[i]
		if err := k.resamples(c, w.network); err != nil {
			return nil, err
		}
		end := len(c.Samples)
		if e := r.recording.End; e != nil {
			at, err := e.At(c.Rate)
			if err != nil {
				return nil, err
			}
			end = min(end, at)
		}
		w.rates, w.ends = append(w.rates, c.Rate), append(w.ends, end)
	}
	if e := r.recording.End; e != nil {
		w.to = fmt.Sprintf(", up to %v", e)
	}
	first := recording.Moment{Samples: w.rates[0] <= 0}
	if s := r.recording.Start; s != nil {
		first = *s
	}
	return w.starts(first, *r.recording.Every)
}

// windowing finds out where windows of n samples of a network begin.
type windowing struct {
	n       int
	network float64   // samples a second of the network, 0 if that is not known
	rates   []float64 // of each channel
	ends    []int     // of each channel: the samples that there are
	to      string    // says what bounds them, "" for the recording's end
}

// fits says whether a whole window begins at a moment.
func (w *windowing) fits(at recording.Moment) bool {
	for i, rate := range w.rates {
		first, err := at.At(rate)
		if err != nil || first > w.ends[i]-w.least(rate) {
			return false
		}
	}
	return true
}

// least is how many samples of a channel a window takes.
func (w *windowing) least(rate float64) int {
	if rate == w.network || !(rate > 0) {
		return w.n
	}
	least := int(math.Ceil(float64(w.n) * rate / w.network))
	for least > 1 && int(math.Floor(float64(least-1)*w.network/rate)) >= w.n { // as recordingKind.fit counts
		least--
	}
	for int(math.Floor(float64(least)*w.network/rate)) < w.n {
		least++
	}
	return least
}

// moment writes where sample v of the first channel begins, v not being whole where others have
// more, as shortly as says so.
func (w *windowing) moment(v float64) recording.Moment {
	rate := w.rates[0]
	if !(rate > 0) {
		return recording.Moment{Value: v, Samples: true}
	}
	exact := recording.Moment{Value: v / rate}
	for digits := range 10 {
		scale := math.Pow(10, float64(digits))
		m := recording.Moment{Value: math.Round(exact.Value*scale) / scale}
		if !slices.ContainsFunc(w.rates, func(rate float64) bool {
			a, _ := m.At(rate) // the rates are known
			b, _ := exact.At(rate)
			return a != b
		}) {
			return m
		}
	}
	return exact
}

// starts are where windows begin: first, and then every so far. Numbers of samples are of the
// first channel.
func (w *windowing) starts(first, every recording.Moment) ([]recording.Moment, error) {
	samples := func(m recording.Moment) (float64, error) {
		if m.Samples {
			return m.Value, nil
		}
		if !(w.rates[0] > 0) {
			return 0, fmt.Errorf("%v: %w", m, recording.ErrRate)
		}
		return m.Value * w.rates[0], nil
	}
	from, err := samples(first)
	if err != nil {
		return nil, err
	}
	step, err := samples(every)
	if err != nil {
		return nil, err
	}
	all := []recording.Moment{w.moment(from)}
	if !w.fits(all[0]) {
		return nil, failure.Settingf("from %v on there are fewer samples than the %d that the network reads%s", first, w.n, w.to)
	}
	for k := 1; len(all) <= mostWindows; k++ {
		next := w.moment(from + float64(float64(k)*step))
		if !w.fits(next) {
			break
		}
		if next == all[len(all)-1] {
			return nil, recording.Bad("windows every %v begin at the same sample", every)
		}
		all = append(all, next)
	}
	last := math.Inf(1) // sample of the first channel
	for i, rate := range w.rates {
		at := float64(w.ends[i] - w.least(rate))
		if rate > 0 {
			at *= w.rates[0] / rate
		}
		last = min(last, at)
	}
	final := w.moment(math.Floor(last))
	before, _ := all[len(all)-1].At(w.rates[0]) // it was made of that rate
	if after, _ := final.At(w.rates[0]); after > before && w.fits(final) {
		all = append(all, final)
	}
	return all, nil
}
