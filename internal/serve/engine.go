package serve

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"image"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/heatmap"
	"krypton/internal/imagein"
	"krypton/internal/model"
	"krypton/internal/obe"
	"krypton/internal/prediction"
	"krypton/internal/recognize"
	"krypton/internal/regular"
	"krypton/internal/target"
)

// Model is a network that clients may ask.
type Model struct {
	// Name is what the page calls it, Flags how the command line names it.
	Name  string
	Flags []string
	// Window is what the command line says of the numbers of pictures, "" for nothing, and
	// View what pictures are read through where a question says nothing.
	Window string
	View   imagein.View
	// Make gives it with plans for a question, about pictures through a view: the zero one is
	// View. It is called for each question.
	Make func(ctx context.Context, q *explain.Question, view imagein.View) (*model.Model, error)
	// Watch gives it with plans for videos, nil if it is asked about none; WatchFlags is
	// how the command line names it there.
	Watch      func(ctx context.Context) (*model.Model, error)
	WatchFlags []string
	// With are the inputs whose pictures go with the picture's, in the order of the model's
	// planes: File is one of the folder, in which {name} stands for the picture, "" where
	// each question names it.
	With []model.With
}

// Bounds of one map.
const (
	mostKept    = 64 << 20  // of outputs that it is read anew from
	mostUpdates = 256 << 20 // for its updates
	sampled     = 512       // positions that an estimate looks at
	mostInputs  = 8         // pictures that are kept as the network reads them
)

// network is a model that is served.
type network struct {
	Model
	host   explain.Host
	labels []string
	input  [2]int  // height, width
	series *series // that it reads, nil if it reads none
	rate   float64 // multiply-adds in a second, as measured at the start
	// noMaps and noVideos say why it cannot be asked for them, if so.
	noMaps, noVideos error
	detector         bool          // of objects in videos
	comparing        chan struct{} // held by who runs it on what features are compared with

	mu     sync.Mutex
	inputs []*kept // the latest used last
}

// kept is a picture as the network reads it, with those that go with it.
type kept struct {
	pictures string
	input    *explain.Input
}

// newNetwork loads a model, and finds out what it can be asked.
func newNetwork(ctx context.Context, m Model, host explain.Host) (*network, error) {
	n := &network{Model: m, host: host, rate: 1e10, comparing: make(chan struct{}, 1)}
	n.host.References = new(explain.References)
	n.noMaps = n.measure(ctx)
	if errors.Is(n.noMaps, context.Cause(ctx)) && ctx.Err() != nil {
		return nil, n.noMaps
	}
	n.noVideos = n.watchable(ctx)
	if n.noMaps != nil && n.noVideos != nil {
		return nil, n.noMaps
	}
	return n, nil
}

// watchable says why the model cannot be asked about videos, if so.
func (n *network) watchable(ctx context.Context) error {
	a, err := n.watch(ctx, recognize.Defaults())
	if err != nil {
		return err
	}
	m := a.Model()
	plane := m.Plan.InputPlane()
	n.labels, n.input, n.detector = m.Labels, [2]int{plane.H, plane.W}, a.Detector()
	return nil
}

// watch makes a question about a video ready.
func (n *network) watch(ctx context.Context, q recognize.Question) (*recognize.Job, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	if n.Watch == nil {
		return nil, failure.Usagef("model %s is asked about no videos", n.Name)
	}
	m, err := n.Watch(ctx)
	if err != nil {
		return nil, err
	}
	return recognize.Prepare(ctx, m, q, recognize.Limits{Threads: n.host.Threads, Spell: n.host.Spell})
}

// measure makes the model ready for maps, and measures how fast it is here.
func (n *network) measure(ctx context.Context) error {
	a, err := n.prepare(ctx, explain.Default(), "")
	if err != nil {
		return err
	}
	plane := a.model.Plan.InputPlane()
	n.labels, n.input, n.series = a.model.Labels, [2]int{plane.H, plane.W}, seriesOf(a.model)
	p, err := a.job.Predict(ctx, a.job.Maps()[0], calibration)
	if err != nil {
		return err
	}
	if s := p.Map.Seconds(); s > 0 && a.adds > 0 {
		n.rate = float64(a.adds) / s
	}
	return nil
}

// calibration is about how long measuring takes.
const calibration = 200 * time.Millisecond

// ask is a question that fits a network.
type ask struct {
	network   *network
	model     *model.Model
	job       *explain.Job
	question  explain.Question
	window    string     // as it was asked for
	with      []*picture // of the inputs that are joined to the picture's
	positions int        // about, as long as a picture's segments are not known
	adds      int64      // multiply-adds that it takes, about
	keep      bool       // outputs
}

// prepare makes a question ready, about pictures through a window.
func (n *network) prepare(ctx context.Context, q explain.Question, window string) (*ask, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	view, err := n.viewOf(window)
	if err != nil {
		return nil, err
	}
	m, err := n.Make(ctx, &q, view)
	if err != nil {
		return nil, err
	}
	return n.fit(ctx, m, q, window)
}

// viewOf is what a window says, or with "" what is said of the model.
func (n *network) viewOf(window string) (imagein.View, error) {
	if window == "" {
		return n.View, nil
	}
	v, err := imagein.ParseView(window)
	if err != nil {
		return v, failure.Wrongf("%v: %w", failure.Setting("window"), err)
	}
	return v, nil
}

// fit makes a question ready for a model with its plans. What features are compared with
// is run for that, and masks of patches are decoded, one at a time: whoever asks has no seat
// yet, which bounds other work.
func (n *network) fit(ctx context.Context, m *model.Model, q explain.Question, window string) (*ask, error) {
	if q.Reference.Open != nil || len(q.Stencils) > 0 {
		select {
		case n.comparing <- struct{}{}:
			defer func() { <-n.comparing }()
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	job, err := explain.Prepare(ctx, m, q, n.host)
	if err != nil {
		return nil, err
	}
	a := &ask{network: n, model: m, job: job, question: q, window: window, positions: job.Positions()}
	for _, each := range job.Maps() {
		a.adds += each.Grid.Count(m.Plan, nil, sampled)
	}
	if job.Mode() == obe.Naive {
		a.adds = int64(a.positions) * m.Plan.MultiplyAdds()
	}
	a.keep = job.Mode() != obe.Approximate && job.Kept() <= mostKept
	return a, nil
}

// seconds is how long the map is expected to take alone.
func (a *ask) seconds() float64 { return float64(a.adds) / a.network.rate }

// bytes is the memory of the work and what is kept of it.
func (a *ask) bytes() int64 {
	plane := a.model.Plan.InputPlane()
	n := a.job.Bytes() + a.network.host.Updates + 8*int64(plane.Len())
	if a.keep {
		n += a.job.Kept()
	}
	return n
}

// read reads a picture as the network wants it. Those read lately are kept: a picture is
// asked about more than once.
func (a *ask) read(ctx context.Context, p *picture) (*explain.Input, error) {
	n := a.network
	key, err := a.key(p)
	if err != nil {
		return nil, err
	}
	var sources []explain.Source
	for _, w := range a.with {
		sources = append(sources, w.source())
	}
	n.mu.Lock()
	if i := slices.IndexFunc(n.inputs, func(r *kept) bool { return r.pictures == key }); i >= 0 {
		found := n.inputs[i]
		n.inputs = append(slices.Delete(n.inputs, i, i+1), found)
		n.mu.Unlock()
		return found.input, nil
	}
	n.mu.Unlock()
	in, err := a.job.Read(ctx, p.source(), explain.Source{}, sources...)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if size := in.Backdrop.Image().Rect; size.Dx()*size.Dy() <= mostInputPixels {
		n.inputs = append(n.inputs, &kept{key, in})
		n.inputs = n.inputs[max(0, len(n.inputs)-mostInputs):]
	}
	return in, nil
}

// key tells apart what the network reads of pictures: which they are, and how.
func (a *ask) key(p *picture) (string, error) {
	how, err := json.Marshal(a.question.Recording)
	if err != nil {
		return "", err
	}
	key := p.key()
	for _, w := range a.with {
		key += "\n" + w.key()
	}
	return key + "\n" + a.window + "\n" + string(how), nil
}

// view is what a map of a tensor, or of a recording, is drawn over.
func (n *network) view(ctx context.Context, p *picture) (*image.NRGBA, error) {
	a, err := n.prepare(ctx, explain.Default(), "")
	if err != nil {
		return nil, err
	}
	return a.job.Look(ctx, p.source())
}

// mostInputPixels bounds pictures that are kept decoded.
const mostInputPixels = 4 << 20

// Class is a class with its score.
type Class struct {
	Index int            `json:"index"`
	Label string         `json:"label,omitempty"`
	Score explain.Number `json:"score"`
}

// clean is what is known of the clean picture.
type clean struct {
	// Kind is what is mapped: class, segment, number, features or box.
	Kind target.Kind `json:"kind"`
	// Classes are those that are mapped, Top the best of all.
	Classes []Class `json:"classes"`
	Top     []Class `json:"top"`
	Maps    []grid  `json:"maps"`
	// Boxes are what a detector found, nil for other models.
	Boxes *explain.BoxesRecord `json:"boxes,omitempty"`
	// Input and Picture are heights and widths. Transform puts the network's pixels on
	// the picture: x of the picture is [0] times the network's and [2], y the same with
	// [1] and [3].
	Input     [2]int     `json:"input"`
	Picture   [2]int     `json:"picture"`
	Transform [4]float64 `json:"transform"`
	// DICOM says how a DICOM file's picture was read.
	DICOM *imagein.DICOM `json:"dicom,omitempty"`
}

// grid is where the patches of one map lie; those of a list, one behind the other in one row.
type grid struct {
	Patch [2]int `json:"patch"`
	Ys    []int  `json:"ys"`
	Xs    []int  `json:"xs"`
	Fill  string `json:"fill,omitempty"`
	// Shape says what the patch covers, nil for all of its rectangle.
	Shape *explain.ShapeRecord `json:"shape,omitempty"`
	// Channels are those that are hidden, from 0 on; none are all together.
	Channels []int `json:"channels,omitempty"`
}

// likeliest is how many classes the page lists.
const likeliest = 5

// clean describes the clean picture by its scores, with the job's maps on it.
func (a *ask) clean(in *explain.Input, maps []explain.Map, c explain.Clean) *clean {
	t, size := in.Backdrop.Transform(), in.Backdrop.Image().Rect
	out := &clean{Kind: a.job.Aim().Kind, Boxes: c.Boxes, DICOM: in.DICOM, Input: a.network.input, Picture: [2]int{size.Dy(), size.Dx()}, Transform: [4]float64{t.ScaleX, t.ScaleY, t.OffsetX, t.OffsetY}}
	class := func(i int, score float32) Class { return Class{i, a.model.Label(i), explain.Number(score)} }
	for k, item := range c.Items {
		of := Class{item.Index, item.Name, explain.Number(c.Base[k])}
		if b := c.Boxes; b != nil && item.Index >= 1 && item.Index <= len(b.Found) { // a box's number
			found := b.Found[item.Index-1]
			of.Index, of.Label = found.Class, found.Name()
		} else if b != nil {
			of.Index = -1 // false boxes are of no class
		}
		out.Classes = append(out.Classes, of)
	}
	for _, i := range prediction.Top(c.Probabilities, likeliest) {
		out.Top = append(out.Top, class(i, c.Probabilities[i]))
	}
	for _, m := range maps {
		out.Maps = append(out.Maps, grid{m.Grid.Patch, m.Grid.Ys, m.Grid.Xs, string(m.Fill), m.Shape, m.Channels})
	}
	return out
}

// predict asks for the clean picture alone.
func (a *ask) predict(ctx context.Context, in *explain.Input) (*clean, error) {
	q := a.question
	whole := obe.Size{H: obe.Length{Percent: 100}, W: obe.Length{Percent: 100}}
	q.Patches, q.Strides, q.Region = []obe.Patch{obe.Plain(whole)}, []obe.Size{whole}, obe.Region{}
	q.Fills, q.Mode, q.Approximate, q.Verify, q.Compare = q.Fills[:1], obe.Exact, explain.Wish{}, 0, 0
	q.Stencils = nil
	alone, err := a.network.fit(ctx, a.model, q, a.window)
	if err != nil {
		return nil, err
	}
	var out *clean
	if _, err = alone.job.Ask(ctx, in, explain.Events{Clean: func(c explain.Clean) { out = alone.clean(in, alone.job.Maps(), c) }}); err != nil || out.Kind != target.SegmentKind {
		return out, err
	}
	return out, a.segments(ctx, in, q, out)
}

// segments adds the classes that have pixels of their own.
func (a *ask) segments(ctx context.Context, in *explain.Input, q explain.Question, to *clean) error {
	q.Classes, q.What.At, q.What.SegmentRegion = []string{"all"}, nil, obe.Region{}
	all, err := a.network.fit(ctx, a.model, q, a.window)
	if err != nil {
		return err
	}
	_, err = all.job.Ask(ctx, in, explain.Events{Clean: func(c explain.Clean) {
		list := all.clean(in, nil, c).Classes
		slices.SortStableFunc(list, func(x, y Class) int { return cmp.Compare(y.Score, x.Score) })
		to.Top = list[:min(len(list), mostSegments)]
	}})
	return err
}

// mostSegments is how many classes of a segmentation the page lists.
const mostSegments = 25

// events tell of a map under way.
type events struct {
	clean    func(of *clean, patches *patches, positions int)
	answered func(i int, scores []float32, winner int32)
	progress func(done int)
}

// compute computes the map.
func (a *ask) compute(ctx context.Context, p *picture, in *explain.Input, ev events) (*answer, error) {
	maps, err := a.job.MapsOn(in)
	if err != nil {
		return nil, err
	}
	before, n := []int{}, 0
	for _, m := range maps {
		before = append(before, n)
		n += m.Grid.Len()
	}
	out := &answer{ask: a, picture: p, input: in, maps: maps}
	listen := explain.Events{
		Clean: func(c explain.Clean) {
			out.clean = a.clean(in, maps, c)
			ev.clean(out.clean, patchesOf(maps), n)
		},
		Answered: func(of, i int, scores []float32, winner int32) { ev.answered(before[of]+i, scores, winner) },
		Progress: func(done, _ int) { ev.progress(done) },
	}
	ask := a.job.Ask
	if a.keep {
		ask = a.job.AskAndKeep
	}
	out.answer, err = ask(ctx, in, listen)
	return out, err
}

// answer is a map that is there.
type answer struct {
	ask     *ask
	picture *picture
	input   *explain.Input
	maps    []explain.Map // on the picture
	answer  *explain.Answer
	clean   *clean
}

// selection is what a map that is there can be read anew by, "" for what was asked.
type selection struct{ class, activation, score string }

// selected reads the map anew.
func (r *answer) selected(ctx context.Context, s selection) (*answer, error) {
	q := r.ask.question
	if s.class != "" {
		q.Classes = []string{s.class}
	}
	if s.activation != "" {
		q.Activation = prediction.Activation(s.activation)
	}
	if s.score != "" {
		q.Score = target.Score(s.score)
	}
	if slices.Equal(q.Classes, r.ask.question.Classes) && q.Activation == r.ask.question.Activation && q.Score == r.ask.question.Score {
		return r, nil
	}
	a, err := r.ask.network.fit(ctx, r.ask.model, q, r.ask.window)
	if err != nil {
		return nil, err
	}
	a.with = r.ask.with
	anew, err := a.job.Reread(r.input, r.answer)
	if err != nil {
		return nil, failure.As(failure.Usage, err)
	}
	out := &answer{ask: a, picture: r.picture, input: r.input, maps: r.maps, answer: anew}
	first := anew.Results()[0]
	out.clean = a.clean(r.input, r.maps, explain.Clean{Items: first.Items, Base: first.Base, Probabilities: first.Probabilities, Boxes: r.clean.Boxes})
	return out, nil
}

// numbers are the scores of a map, as the page reads them.
type numbers struct {
	Clean   *clean   `json:"clean"`           // with the grid of all maps together
	Scores  []string `json:"scores"`          // of each class, float32, little-endian, base64
	Lanes   []string `json:"lanes,omitempty"` // of the first class, with each channel hidden, where some were by themselves
	Winners string   `json:"winners"`         // int32 the same way, "" for a map over several sizes
}

func (r *answer) numbers() numbers {
	rec, c := r.answer.Record(), *r.clean
	c.Maps = []grid{{Patch: rec.Patch, Ys: rec.Ys, Xs: rec.Xs, Shape: rec.Shape}}
	out := numbers{Clean: &c}
	for _, class := range rec.Classes {
		var all []float32
		for _, row := range class.Scores {
			for _, v := range row {
				all = append(all, float32(v))
			}
		}
		out.Scores = append(out.Scores, floats(all))
	}
	for _, lane := range r.answer.Lanes() {
		out.Lanes = append(out.Lanes, floats(lane))
	}
	out.Winners = ints(slices.Concat(rec.FlipMap...))
	if all := r.answer.Results(); len(all) == 1 {
		if s, ok := r.maps[0].Grid.Covers.(*obe.Segments); ok { // the grid is of pixels
			out.Winners = ints(perPixel(s, all[0].Winners))
		}
	}
	return out
}

// bytes is what the map holds, about.
func (r *answer) bytes() int64 {
	n := r.ask.job.Bytes() - r.ask.model.Plan.ViewBytes() + int64(len(r.input.Backdrop.Image().Pix)) + 8*int64(len(r.input.Numbers()))
	if r.ask.keep {
		n += r.ask.job.Kept()
	}
	return n
}

// write writes one of the map's files: what the command line writes, but for what is
// said there of the time that it took.
func (r *answer) write(w io.Writer, name string, style heatmap.Style) error {
	p := explain.Imprint{Heatmap: r.stem() + ".krypton.png", Scale: style.Scale, Timeless: true}
	switch ending := filepath.Ext(name); {
	case name == "heatmap.png":
		return r.answer.WritePNG(w, r.input, style, p)
	case strings.TrimSuffix(name, ending) == "scores" && slices.Contains(explain.ScoreFormats, ending):
		return r.answer.WriteScores(w, ending, p)
	case name == "scores"+explain.SegmentsEnding && r.answer.Record().Shape.Segmented():
		return r.answer.WriteScores(w, explain.SegmentsEnding, p)
	case (name == "scores"+explain.IntervalsCSV || name == "scores"+explain.IntervalsJSON) && r.ask.network.series != nil:
		return r.answer.WriteScores(w, strings.TrimPrefix(name, "scores"), p)
	}
	return failure.Missingf("a map has no file %q", name)
}

// stem is what files of the map are called after.
func (r *answer) stem() string {
	return regular.Base(r.answer.Record().Image)
}
