package explain

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/dsp/fourier"

	"krypton/internal/dicom"
	"krypton/internal/edf"
	"krypton/internal/failure"
	"krypton/internal/heatmap"
	"krypton/internal/imagein"
	"krypton/internal/model"
	"krypton/internal/obe"
	"krypton/internal/recording"
	"krypton/internal/textseries"
	"krypton/internal/wav"
	"krypton/internal/wfdb"
)

// Recording is what is read of recordings, where that is not the model's own.
type Recording struct {
	model.Recordings
	// Start and End are where what the network sees begins, and what lies behind it.
	Start *recording.Moment `json:"start,omitempty"`
	End   *recording.Moment `json:"end,omitempty"`
	// Occlude are groups of channels, with + between those of one, that patches hide one
	// group after the other, or OccludeEach; nil hides all channels together.
	Occlude []string `json:"occlude,omitempty"`
	// Every is how far apart windows begin that are asked about one after the other, each as
	// long as the network reads; nil asks about one. Start and End bound them all.
	Every *recording.Moment `json:"-"`
}

// Check refuses settings that make no sense.
func (r *Recording) Check() error {
	if s, e := r.Start, r.End; s != nil && e != nil && s.Samples == e.Samples && e.Value <= s.Value {
		return failure.Wrongf("%v %v does not lie behind %v %v", failure.Setting("end"), e, failure.Setting("start"), s)
	}
	if e := r.Every; e != nil && e.Value <= 0 {
		return failure.Wrongf("%v is %v: want more than 0", failure.Setting("every"), e)
	}
	return r.Recordings.Check()
}

// blamed says which setting an error of reading comes from.
func (r *Recording) blamed(err error) error {
	switch {
	case errors.Is(err, recording.ErrOutside) && r.Start != nil:
		return failure.Settingf("%v %v: %w", failure.Setting("start"), r.Start, err)
	case errors.Is(err, recording.ErrRate):
		return failure.Settingf("%w (%v does)", err, failure.Setting("rate"))
	}
	return err
}

// recordingEndings are those of recordings that nothing in them tells.
var recordingEndings = []string{".hea", ".csv", ".tsv", ".txt"}

// timeDown is what records say of a series whose time goes down the network's plane.
const timeDown = "rows"

// IsRecording tells a recording by its first bytes, HeadBytes of them or all there are, or by
// its name.
func IsRecording(head []byte, name string) bool {
	return edf.Is(head) || wav.Is(head) || slices.Contains(recordingEndings, strings.ToLower(filepath.Ext(name)))
}

// fitted is the question with what a network makes of its sizes: of series, a number is one
// of samples, over all channels, and times become samples. They stay times where the rate is
// the file's: see Job.laid.
func (q Question) fitted(file *model.File, series func() (model.Series, bool)) (Question, error) {
	s, ok := series()
	switch timed := q.sized(obe.Size.Timed); {
	case !ok && timed:
		return q, failure.Wrongf("%v, %v: model %s reads no series: times are for recordings", failure.Setting("patch"), failure.Setting("stride"), file.Name)
	case !ok, !timed && s.Rows == 1:
		return q, nil
	}
	rate := file.Config.Series.With(q.Recording.Recordings).Rate
	fit := func(s obe.Size, timeIsRow bool) obe.Size {
		if s = s.OfSeries(timeIsRow); rate > 0 {
			s = s.At(rate)
		}
		return s
	}
	q.Patches, q.Strides = slices.Clone(q.Patches), slices.Clone(q.Strides)
	for i := range q.Patches {
		if p := &q.Patches[i]; !p.Listed() {
			if p.Size.Brief(rate) && rate > 0 {
				return q, tooBrief(*p, rate)
			}
			p.Size = fit(p.Size, s.TimeIsRow)
		}
	}
	for i := range q.Strides {
		q.Strides[i] = fit(q.Strides[i], s.TimeIsRow)
	}
	return q, nil
}

// recordingInput reads a recording of any format, and makes the network's input of it.
func recordingInput(_ context.Context, r *Reader, p *model.Plane, from io.Reader, of Source) (*Input, error) {
	s, ok := r.model.Series()
	if !ok || len(r.model.Planes) > 1 {
		return nil, failure.Dataf("%s: a recording, and model %s reads pictures", of.Called, r.model.File.Name)
	}
	if err := r.applies(of.Called, recordings, p.Said); err != nil {
		return nil, err
	}
	set := r.model.File.Config.Series.With(r.recording.Recordings)
	if err := set.Check(); err != nil {
		return nil, failure.As(failure.Usage, err)
	}
	part, err := r.recording.at(of)
	if err != nil {
		return nil, err
	}
	rec, sum, err := r.readPart(from, of, &part, &set, s.Samples)
	if err != nil {
		return nil, failure.As(failure.Data, fmt.Errorf("%s: %w", of.Called, part.blamed(err)))
	}
	k := &recordingKind{name: of.Called, series: s, set: set, format: rec.Format, part: &part, other: r.otherRecording}
	if err := k.take(rec); err != nil {
		return nil, failure.As(failure.Data, fmt.Errorf("%s: %w", of.Called, err))
	}
	trace := heatmap.Trace{Rate: k.rate, Start: k.start}
	for _, c := range k.channels {
		trace.Channels = append(trace.Channels, heatmap.TraceChannel{Name: c.Name, Unit: c.Unit, Samples: c.Samples})
	}
	img, plot, err := trace.Image()
	if err != nil {
		return nil, err
	}
	in := &Input{SHA256: sum, base: k.numbers(p), kind: k}
	in.notes = append(append(in.notes, k.notes...), rec.Notes...)
	in.Backdrop = k.backdrop(&trace, img, plot)
	return in, nil
}

// readRecording reads what is wanted of a recording, and sums up all of its bytes, and those
// of the files beside it.
func (r *Reader) readRecording(from io.Reader, of Source, set *model.Recordings, want recording.Want) (rec *recording.Recording, digest string, err error) {
	sum := sha256.New()
	from = io.TeeReader(from, sum)
	head := make([]byte, max(HeadBytes, dicom.HeadBytes))
	got, err := io.ReadFull(from, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, "", recording.Bad("an empty file")
	}
	head = head[:got]
	all := io.MultiReader(bytes.NewReader(head), from)
	switch {
	case edf.Is(head):
		rec, err = edf.Read(all, want)
	case wav.Is(head):
		rec, err = wav.Read(all, want)
	case dicom.Is(head):
		rec, err = r.waveform(all, of, want)
	case wfdb.Is(of.File()):
		rec, err = readWFDB(all, of, sum, want)
	default:
		rec, err = textseries.Read(all, textseries.Options{Rate: set.Rate, Asked: asked(set.Channels)}, want)
	}
	if err != nil {
		return nil, "", err
	}
	if _, err := io.Copy(io.Discard, from); err != nil {
		return nil, "", err
	}
	return rec, hex.EncodeToString(sum.Sum(nil)), nil
}

// readHeader reads a WFDB header as far as any is read.
func readHeader(from io.Reader, sum io.Writer) ([]byte, error) {
	head, err := io.ReadAll(io.LimitReader(from, wfdb.MaxHeader+1))
	if err != nil {
		return nil, err
	}
	_, err = sum.Write(head)
	return head, err
}

// readWFDB reads a record, whose samples lie beside its header.
func readWFDB(from io.Reader, of Source, sum io.Writer, want recording.Want) (*recording.Recording, error) {
	head, err := readHeader(from, io.Discard) // it is summed up as it is read
	if err != nil {
		return nil, err
	}
	if of.Beside == nil {
		return nil, recording.Bad("a header without the files beside it that have the samples")
	}
	rec, err := wfdb.Read(bytes.NewReader(head), of.Beside, want)
	if err != nil {
		return nil, err
	}
	return rec, sumBeside(head, of, sum)
}

// sumBeside sums up the files beside a WFDB header.
func sumBeside(head []byte, of Source, sum io.Writer) error {
	for _, name := range wfdb.Files(bytes.NewReader(head), of.Beside) {
		f, err := of.Beside(name)
		if err != nil {
			return err
		}
		_, err = io.Copy(sum, f)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// waveform reads one of a DICOM file, within the memory that a picture may take.
func (r *Reader) waveform(from io.Reader, of Source, want recording.Want) (*recording.Recording, error) {
	limits, err := r.limits(of.Called, 1+len(r.fills))
	if err != nil {
		return nil, err
	}
	data, err := limits.ReadAll(from, 2, recording.ErrBad)
	if err != nil {
		return nil, err
	}
	return dicom.Waveform(data, of.Frame, min(limits.MaxBytes, limits.Memory/2), want)
}

// recordingKind is a recording that a network reads.
type recordingKind struct {
	name     string
	series   model.Series
	set      model.Recordings
	format   string
	channels []recording.Channel // as they are, at the network's rate
	mean     []float64           // of each, that is subtracted
	std      []float64           // and divided by
	rate     float64
	start    float64
	notes    []string
	part     *Recording
	// other reads the recording of a fill, as this one was.
	other func(file string, k *recordingKind) ([]recording.Channel, error)
}

// take chooses channels, resamples them, fills in what is missing, and finds out how they
// are normalized.
func (k *recordingKind) take(rec *recording.Recording) error {
	picked, err := k.choose(rec)
	if err != nil {
		return err
	}
	var chosen []recording.Channel
	for _, i := range picked {
		c := rec.Channels[i]
		c.Samples = slices.Clone(c.Samples)
		chosen = append(chosen, c)
	}
	k.rate = rateOf(&k.set, chosen[0].Rate)
	missing := 0
	for i := range chosen {
		c := &chosen[i]
		n, err := recording.FillMissing(c.Samples, k.set.Missing)
		if err != nil {
			return failure.Settingf("channel %q: %w (%v says what stands for them)", c.Name, err, failure.Setting("missing"))
		}
		missing += n
		if i == 0 {
			if k.start = float64(c.First); c.Rate > 0 {
				k.start /= c.Rate
			}
		}
		if err := k.fit(c); err != nil {
			return err
		}
	}
	if missing > 0 {
		k.notes = append(k.notes, fmt.Sprintf("%d samples are missing: %s stands for them", missing, k.set.Missing))
	}
	k.channels = chosen
	return k.normalization()
}

// asked says which channels are named, as choose finds them; nil where none is.
func asked(channels []string) func(i int, name string) bool {
	if channels == nil {
		return nil
	}
	return func(i int, name string) bool {
		return slices.Contains(channels, name) || slices.Contains(channels, strconv.Itoa(i+1))
	}
}

// choose gives the numbers of the channels that the network reads, in its order.
func (k *recordingKind) choose(rec *recording.Recording) (picked []int, err error) {
	var names []string
	for _, c := range rec.Channels {
		names = append(names, c.Name)
	}
	if k.set.Channels == nil {
		if len(rec.Channels) != k.series.Leads {
			return nil, failure.Settingf("it has %d channels (%s), the network reads %d: name them (%v)", len(names), strings.Join(names[:min(len(names), 20)], ", "), k.series.Leads, failure.Setting("channels"))
		}
		for i := range rec.Channels {
			picked = append(picked, i)
		}
		return picked, nil
	}
	if len(k.set.Channels) != k.series.Leads {
		return nil, failure.Settingf("%v names %d channels, the network reads %d", failure.Setting("channels"), len(k.set.Channels), k.series.Leads)
	}
	for _, want := range k.set.Channels {
		i := slices.Index(names, want)
		if n, err := strconv.Atoi(want); i < 0 && err == nil && n >= 1 && n <= len(names) {
			i = n - 1
		}
		if i >= 0 && names[i] == want && slices.Contains(names[i+1:], want) {
			return nil, failure.Settingf("several channels are called %q: say their numbers (%v)", want, failure.Setting("channels"))
		}
		if i < 0 {
			return nil, fmt.Errorf("it has no channel %q, but %s", want, strings.Join(names[:min(len(names), 20)], ", "))
		}
		picked = append(picked, i)
	}
	return picked, nil
}

// resamples fails if a channel has another rate than the network, and nothing says what to
// do about it.
func (k *recordingKind) resamples(c *recording.Channel, rate float64) error {
	if c.Rate == rate || !(c.Rate > 0) || k.set.Resample != "" {
		return nil
	}
	return failure.Settingf("channel %q has %g samples a second, the network reads %g: say how it is resampled (%v)", c.Name, c.Rate, rate, failure.Setting("resample"))
}

// fit makes a channel as long as the network's series, at its rate.
func (k *recordingKind) fit(c *recording.Channel) error {
	n := k.series.Samples
	if c.Rate != k.rate && c.Rate > 0 {
		if err := k.resamples(c, k.rate); err != nil {
			return err
		}
		have := int(math.Floor(float64(len(c.Samples)) * k.rate / c.Rate))
		if k.part.End != nil && have > n {
			return tooMany(c, have, n)
		}
		if have >= n {
			k.notes = append(k.notes, fmt.Sprintf("channel %q is resampled from %g to %g samples a second (%s)", c.Name, c.Rate, k.rate, k.set.Resample))
			var err error
			c.Samples, err = recording.Resample(c.Samples, c.Rate, k.rate, n, k.set.Resample)
			c.Rate = k.rate
			return err
		}
		return k.tooFew(c, have, fmt.Sprintf(" at %g a second", k.rate))
	}
	if len(c.Samples) < n {
		return k.tooFew(c, len(c.Samples), "")
	}
	if len(c.Samples) > n && k.part.End != nil {
		return tooMany(c, len(c.Samples), n)
	}
	c.Samples = c.Samples[:n] // a rate may be known better behind what is read than in front
	return nil
}

// tooFew says that a recording, or the part of it that was named, is shorter than the
// network's series.
func (k *recordingKind) tooFew(c *recording.Channel, have int, at string) error {
	format, args := "channel %q has %d samples%s", []any{c.Name, have, at}
	if s := k.part.Start; s != nil {
		format, args = format+" from %v %v on", append(args, failure.Setting("start"), s)
	}
	if e := k.part.End; e != nil {
		format, args = format+" up to %v %v", append(args, failure.Setting("end"), e)
	}
	return failure.Settingf(format+", the network reads %d", append(args, k.series.Samples)...)
}

// tooMany says that a part that was named is longer than the network's series.
func tooMany(c *recording.Channel, have, n int) error {
	return fmt.Errorf("channel %q: there are %d samples up to the end that is named, the network reads %d", c.Name, have, n)
}

// normalization finds what is subtracted from each channel, and what it is divided by.
func (k *recordingKind) normalization() error {
	leads := len(k.channels)
	if err := k.constants(leads); err != nil {
		return err
	}
	if k.set.Normalize != "zscore" {
		return nil
	}
	for i, c := range k.channels {
		squares := 0.0
		k.mean[i] = meanOf(c.Samples)
		for _, v := range c.Samples {
			squares += float64((v - k.mean[i]) * (v - k.mean[i]))
		}
		if k.std[i] = math.Sqrt(squares / float64(len(c.Samples))); k.std[i] == 0 {
			k.std[i] = 1 // a line stays one
		}
	}
	return nil
}

// constants takes means and deviations that are the same for all recordings.
func (k *recordingKind) constants(leads int) error {
	k.mean, k.std = make([]float64, leads), slices.Repeat([]float64{1}, leads)
	for _, list := range []struct {
		from, to []float64
		name     string
	}{{k.set.Mean, k.mean, "mean"}, {k.set.Std, k.std, "std"}} {
		switch len(list.from) {
		case 0:
		case 1:
			copy(list.to, slices.Repeat(list.from, leads))
		case leads:
			copy(list.to, list.from)
		default:
			return fmt.Errorf("series: %s has %d numbers, the network reads %d channels", list.name, len(list.from), leads)
		}
	}
	return nil
}

// meanOf is the mean of some samples.
func meanOf(samples []float64) float64 {
	sum := 0.0
	for _, v := range samples {
		sum += v
	}
	return sum / float64(len(samples))
}

// put writes numbers of channels, normalized, to where the network reads them.
func (k *recordingKind) put(p *model.Plane, value func(lead, t int) float64) []float32 {
	out := make([]float32, p.H*p.W*p.C)
	for lead := range k.channels {
		for t := range k.series.Samples {
			out[lead*k.series.LeadStep+t*k.series.TimeStep] = float32((value(lead, t) - k.mean[lead]) / k.std[lead])
		}
	}
	p.Round(out)
	return out
}

// numbers are the network's input.
func (k *recordingKind) numbers(p *model.Plane) []float32 {
	return k.put(p, func(lead, t int) float64 { return k.channels[lead].Samples[t] })
}

// fill implements fileKind: fills are numbers in the channel's own unit.
func (k *recordingKind) fill(p *model.Plane, f namedFill) (filled, error) {
	note := ""
	hidden, err := k.occluded(f.group)
	if err != nil {
		return filled{}, err
	}
	if f.Kind == "line" {
		return filled{numbers: k.numbers(p), paint: k.line(p, hidden)}, nil
	}
	var other []recording.Channel
	if f.Kind == "recording" {
		if other, err = k.other(f.File, k); err != nil {
			return filled{}, fmt.Errorf("%s: %v %s: %w", k.name, failure.Setting("fill"), f.name, err)
		}
	}
	made := make([][]float64, len(k.channels))
	for lead, c := range k.channels {
		n := len(c.Samples)
		switch {
		case hidden != nil && !hidden[lead]:
			made[lead] = c.Samples
		case f.Kind == "recording":
			made[lead] = other[lead].Samples
		case f.Kind == "zero" || f.Kind == "value":
			made[lead] = slices.Repeat([]float64{f.Value}, n)
		case f.Kind == "mean" || f.name == "gray":
			if f.name == "gray" {
				note = "fill gray is the mean of each channel"
			}
			made[lead] = slices.Repeat([]float64{meanOf(c.Samples)}, n)
		case f.Kind == "permuted":
			made[lead] = slices.Clone(c.Samples)
			rng := rand.New(rand.NewPCG(f.Seed, uint64(lead)))
			rng.Shuffle(n, func(i, j int) { made[lead][i], made[lead][j] = made[lead][j], made[lead][i] })
		case f.Kind == "noise":
			made[lead] = noiseLike(c.Samples, rand.New(rand.NewPCG(f.Seed, uint64(lead))))
		case f.Kind == "blur":
			numbers := make([]float32, n)
			for i, v := range c.Samples {
				numbers[i] = float32(v)
			}
			for _, v := range f.Numbers(numbers, 1, n, 1) {
				made[lead] = append(made[lead], float64(v))
			}
		default:
			return filled{}, failure.Wrongf("%s: %v %s is a colour: a recording takes zero, value:NUMBER, mean, blur, line, noise, permuted or recording:FILE", k.name, failure.Setting("fill"), f.name)
		}
	}
	return filled{numbers: k.put(p, func(lead, t int) float64 { return made[lead][t] }), note: note}, nil
}

// noiseLike is noise of the spectrum of some samples: theirs with phases drawn anew. The mean
// stays.
func noiseLike(samples []float64, rng *rand.Rand) []float64 {
	f := fourier.NewFFT(len(samples))
	c := f.Coefficients(nil, samples)
	last := len(c)
	if len(samples)%2 == 0 {
		last-- // that of the highest frequency is real
	}
	for i := 1; i < last; i++ {
		c[i] = cmplx.Rect(cmplx.Abs(c[i]), 2*math.Pi*rng.Float64())
	}
	out := f.Sequence(nil, c)
	for i := range out {
		out[i] /= float64(len(samples))
	}
	return out
}

func (k *recordingKind) shown(p *model.Plane, _ image.Point) image.Rectangle {
	return image.Rect(0, 0, p.W, p.H)
}

// backdrop places the plane on the picture of the traces: time along it, and all of it, or a
// channel for each row.
func (k *recordingKind) backdrop(of *heatmap.Trace, img *image.NRGBA, plot image.Rectangle) Backdrop {
	s := k.series
	at := imagein.Transform{ScaleX: float64(plot.Dx()) / float64(s.Columns), ScaleY: float64(plot.Dy()) / float64(s.Rows), OffsetX: float64(plot.Min.X), OffsetY: float64(plot.Min.Y)}
	return &recordingBackdrop{pictureBackdrop{img, at}, s, of}
}

// recordingBackdrop draws maps behind traces.
type recordingBackdrop struct {
	pictureBackdrop
	series model.Series
	trace  *heatmap.Trace
}

// Trace is the recording itself, not to be written.
func (b *recordingBackdrop) Trace() *heatmap.Trace { return b.trace }

// Draw implements Backdrop.
func (b *recordingBackdrop) Draw(m *heatmap.Map, style heatmap.Style) (*image.NRGBA, error) {
	style.Behind = true
	if b.series.TimeIsRow {
		m = m.Turned()
		turned := pictureBackdrop{b.image, imagein.Transform{ScaleX: b.at.ScaleX * float64(b.series.Columns) / float64(b.series.Rows), ScaleY: b.at.ScaleY * float64(b.series.Rows) / float64(b.series.Columns), OffsetX: b.at.OffsetX, OffsetY: b.at.OffsetY}}
		return turned.Draw(m, style)
	}
	return b.pictureBackdrop.Draw(m, style)
}

// drawLanes draws a map that has a lane for each channel.
func (b *recordingBackdrop) drawLanes(m *heatmap.Map, style heatmap.Style) (*image.NRGBA, error) {
	style.Behind = true
	long := b.series.Columns
	if b.series.TimeIsRow {
		long = b.series.Rows
	}
	at := b.at
	at.ScaleX *= float64(b.series.Columns) / float64(long)
	at.ScaleY *= float64(b.series.Rows) / float64(m.Input[0])
	lanes := pictureBackdrop{b.image, at}
	return lanes.Draw(m, style)
}

// describe implements fileKind.
func (k *recordingKind) describe(_ *model.Plane, entry map[string]any) {
	clear(entry)
	var names, units []string
	for _, c := range k.channels {
		names, units = append(names, c.Name), append(units, c.Unit)
	}
	entry["recording"], entry["channels"], entry["units"], entry["start"] = k.format, names, units, k.start
	if k.rate > 0 {
		entry["rate"] = k.rate
	}
	entry["resize"] = "none"
	if k.series.TimeIsRow {
		entry["time"] = timeDown
	}
	if k.set.Resample != "" {
		entry["resample"] = k.set.Resample
	}
	if k.set.Normalize == "zscore" {
		entry["normalize"] = "zscore of the clean recording, kept behind patches"
	}
	entry["mean"], entry["std"] = k.mean, k.std
}
