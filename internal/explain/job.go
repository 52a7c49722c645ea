package explain

import (
	"context"
	"errors"
	"slices"
	"time"

	"krypton/internal/failure"
	"krypton/internal/incremental"
	"krypton/internal/model"
	"krypton/internal/obe"
	"krypton/internal/region"
	"krypton/internal/target"
	"krypton/internal/tune"
)

// Job is a question that fits a model. It does not change: several pictures may be read,
// and several be asked about, at once.
type Job struct {
	*Reader
	question Question
	mode     obe.Mode
	gives    *Given // up, in approximate mode
	grids    []*obe.Grid
	stencils []string     // digests of the files of patches
	of       []FillRecord // files that fills are of
	variants []variant
	aim      *Aim
	notes    []string // that hold for every picture
	global   *incremental.Global
}

// Prepare checks all of a question that depends on no picture.
func Prepare(ctx context.Context, m *model.Model, q Question, host Host) (*Job, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	given, err := q.gives(m.File.Config.Approximate, tune.FamilyOf(m.Graph))
	if err != nil {
		return nil, err
	}
	if q, err = q.fitted(m.File, m.Series); err != nil {
		return nil, err
	}
	j := &Job{question: q, mode: q.Mode, gives: given}
	if j.Reader, err = NewReader(m, q.Fills, q.Seed, host); err != nil {
		return nil, err
	}
	j.Reader.recording, j.Reader.files = q.Recording, q.FillFiles
	if err := j.sumFills(); err != nil {
		return nil, err
	}
	groups, err := q.Recording.groups(m.Series)
	if err != nil {
		return nil, err
	}
	j.Reader.hide(groups)
	if j.mode == "" {
		j.mode = obe.Exact
	}
	if given != nil {
		j.mode = obe.Approximate
	}
	if err := j.makeGrids(); err != nil {
		return nil, err
	}
	j.gives.elsewhere(m.File.Config.Approximate, &q, j.grids[0].Plane)
	j.notes = append(j.notes, j.gives.fit(q.Patches)...)
	if err := j.read(ctx); err != nil {
		return nil, err
	}
	if j.mode == obe.Exact {
		j.global = m.Plan.Global(obe.Typical(q.typical())(m.Plan.InputPlane()))
	}
	j.room.reserve = j.viewBytes() + j.scoreBytes()
	return j, nil
}

// read finds out what the model's outputs mean, and what is asked for.
func (j *Job) read(ctx context.Context) error {
	var err error
	m := j.model
	if j.aim, err = NewAim(ctx, j.Reader, &j.question); err != nil {
		return err
	}
	j.notes = append(j.notes, m.Notes...)
	j.notes = append(j.notes, j.gives.settle(m.Plan, j.aim, j.host.spell)...)
	j.notes = append(j.notes, j.aim.notes...)
	return nil
}

// Question is what is asked, not to be written.
func (j *Job) Question() *Question { return &j.question }

// Global says why the exact map that is asked for saves little, nil where it saves much or no
// step is to blame.
func (j *Job) Global() *incremental.Global { return j.global }

// Aim is what is mapped.
func (j *Job) Aim() *Aim { return j.aim }

// Mode is how positions are answered.
func (j *Job) Mode() obe.Mode { return j.mode }

// Map is one of the maps that the answer is the mean of.
type Map struct {
	Grid *obe.Grid
	Fill Fill
	// Shape says what the patch covers, nil for all of its rectangle.
	Shape *ShapeRecord
	// Channels are those of a recording that are hidden, by number, nil for all together.
	Channels []int
}

// Maps are those of each patch size with each fill, fill by fill. Segments are squares there:
// nobody knows yet how many a picture has.
func (j *Job) Maps() []Map { return j.mapsOf(nil, j.variants) }

// MapsOn are Maps on a picture: segments are its own. They are found when they are asked for
// first.
func (j *Job) MapsOn(in *Input) ([]Map, error) {
	maps, err := j.on(in)
	return j.mapsOf(in, maps), err
}

func (j *Job) mapsOf(in *Input, maps []variant) []Map {
	var all []Map
	for _, v := range maps {
		all = append(all, Map{v.grid, j.fills[v.fill].name, j.shape(v), in.hidden(j.fills[v.fill].group)})
	}
	return all
}

// Positions is the number of positions of all maps.
func (j *Job) Positions() int {
	n := 0
	for _, v := range j.variants {
		n += v.grid.Len()
	}
	return n
}

// reference is the plan that low precision is held to.
func (j *Job) reference() *incremental.Plan {
	if j.gives == nil || j.gives.Precision == "" {
		return nil
	}
	return j.model.Second
}

// Tasks are what the engine is asked for one picture: a task for each of Maps.
func (j *Job) Tasks(in *Input) ([]obe.Task, error) {
	fills, err := j.filled(in)
	if err != nil {
		return nil, err
	}
	of, err := j.aim.Target(in)
	if err != nil {
		return nil, err
	}
	maps, err := j.on(in)
	if err != nil {
		return nil, err
	}
	q := &j.question
	if p := q.Patches[0]; p.Shape == obe.Random && in.mask != nil {
		return nil, failure.Wrongf("%v: %v %s covers parts of all the picture, and none of it can be left out: %v is where it looks", failure.Setting("mask"), failure.Setting("patch"), p, failure.Setting("region"))
	}
	var tasks []obe.Task
	for _, v := range maps {
		tasks = append(tasks, obe.Task{
			Plan:          j.model.Plan,
			Reference:     j.reference(),
			Grid:          v.grid,
			Target:        of,
			Base:          in.base,
			Fill:          fills[v.fill].numbers,
			Paint:         fills[v.fill].paint,
			Mode:          j.mode,
			Approximation: j.gives.approximation(),
			Certify:       j.gives.certified(),
			Workers:       j.host.Threads,
			Memory:        j.room.updates(),
			Chunk:         q.Chunk,
			Verify:        q.Verify,
			Compare:       q.Compare,
			Seed:          q.Seed,
			Mask:          in.mask,
			Whole:         j.model.WholeChannels(),
			Device:        j.host.Device,
			Failed:        j.host.Failed,
		})
	}
	return tasks, nil
}

// Events tell of a question under way. Any of them may be nil.
type Events struct {
	// Clean is called once, when the clean picture's prediction is there, before any
	// position is told of.
	Clean func(Clean)
	// Answered is called from several goroutines at once with each position that has been
	// computed, of which of Maps: the scores of Clean.Items, which are the callee's only
	// during the call, and the best class there. An exact map is computed from coarse to
	// fine if somebody listens.
	Answered func(of, position int, scores []float32, winner int32)
	// Progress is called from several goroutines with the number of positions done.
	Progress func(done, total int)
	// Checking is called from one with the number of whole runs done, of those that
	// verify or compare one of Maps; one map comes after the other.
	Checking func(done, total int)
}

// Clean is the prediction for the clean picture.
type Clean struct {
	// Items are what is mapped, Base their scores.
	Items []target.Item
	Base  []float32
	// Probabilities are the scores of all classes, nil where what is mapped is none.
	Probabilities []float32
	// Boxes are what a detector found, nil for other models.
	Boxes *BoxesRecord
}

// Ask answers the question about a picture.
func (j *Job) Ask(ctx context.Context, in *Input, events Events) (*Answer, error) {
	return j.ask(ctx, in, events, false)
}

// AskAndKeep is Ask whose answer Reread can read anew, if it gives nothing up. Kept says
// what that takes.
func (j *Job) AskAndKeep(ctx context.Context, in *Input, events Events) (*Answer, error) {
	return j.ask(ctx, in, events, true)
}

// errOtherModel is a fault of the program.
var errOtherModel = errors.New("the picture was read for another model")

func (j *Job) ask(ctx context.Context, in *Input, events Events, keep bool) (*Answer, error) {
	if in.model.Plan.InputPlane() != j.model.Plan.InputPlane() || in.model.File.SHA256 != j.model.File.SHA256 {
		return nil, errOtherModel
	}
	tasks, err := j.Tasks(in)
	if err != nil {
		return nil, err
	}
	views, took, release, err := in.views.use(ctx, j.model.Plan, in.base, j.host.Threads)
	if err != nil {
		return nil, err
	}
	defer release()
	var results []*obe.Result
	before, total := 0, 0
	for _, t := range tasks {
		total += t.Grid.Len()
	}
	for k, t := range tasks {
		t.Views, t.Keep = views, keep
		j.listen(in, &t, k, before, total, events)
		r, err := obe.Explain(ctx, t)
		switch {
		case errors.Is(err, obe.ErrTask):
			return nil, failure.As(failure.Usage, err)
		case err != nil:
			return nil, err
		}
		if k == 0 {
			r.Views += took
		}
		results = append(results, r)
		before += t.Grid.Len()
	}
	return j.answer(in, results)
}

// clean is what a result knows of the clean picture.
func (j *Job) clean(in *Input, r *obe.Result) Clean {
	return Clean{r.Items, r.Base, r.Probabilities, j.aim.Boxes(in, r.Bound)}
}

// listen hands the events of a task, which is that of the map k, to whoever listens.
func (j *Job) listen(in *Input, t *obe.Task, k, before, total int, events Events) {
	if f := events.Clean; f != nil && k == 0 {
		t.Clean = func(r *obe.Result) { f(j.clean(in, r)) }
	}
	if f := events.Answered; f != nil {
		t.Gradual = true
		t.Answered = func(i int, scores []float32, winner int32) { f(k, i, scores, winner) }
	}
	if f := events.Progress; f != nil {
		t.Progress = func(done, _ int) { f(before+done, total) }
	}
	t.Checking = events.Checking
}

// Reread answers the question from an answer that AskAndKeep gave about this picture to
// one that differs in nothing but classes, activation, score and the rule where patches
// overlap. It gives Ask's scores, bit for bit, in the time that the activation takes.
func (j *Job) Reread(in *Input, from *Answer) (*Answer, error) {
	tasks, err := j.Tasks(in)
	if err != nil {
		return nil, err
	}
	if !j.sameMaps(from.job) {
		return nil, obe.ErrNotKept
	}
	var results []*obe.Result
	for k, t := range tasks {
		r, err := t.Reread(from.results[k])
		switch {
		case errors.Is(err, obe.ErrTask):
			return nil, failure.As(failure.Usage, err)
		case err != nil:
			return nil, err
		}
		results = append(results, r)
	}
	return j.answer(in, results)
}

// sameMaps says whether two jobs compute the same outputs at the same positions.
func (j *Job) sameMaps(other *Job) bool {
	if j.model.Plan != other.model.Plan || !slices.Equal(j.question.Strides, other.question.Strides) && (j.question.sized(measured) || other.question.sized(measured)) || !slices.Equal(j.aim.reads(), other.aim.reads()) || j.mode != other.mode || len(j.variants) != len(other.variants) || j.gives != nil || other.gives != nil {
		return false
	}
	if j.question.Seed != other.question.Seed && slices.ContainsFunc(j.question.Patches, obe.Patch.Listed) {
		return false
	}
	for k, v := range j.variants {
		w := other.variants[k]
		if j.fills[v.fill] != other.fills[w.fill] || !slices.Equal(j.question.Patches, other.question.Patches) || !slices.Equal(j.stencils, other.stencils) || v.grid.Patch != w.grid.Patch || v.grid.Stride != w.grid.Stride || v.grid.Len() != w.grid.Len() || v.grid.Rect(0) != w.grid.Rect(0) {
			return false
		}
	}
	return true
}

// Kept is what an answer of AskAndKeep holds for Reread, in bytes.
func (j *Job) Kept() int64 {
	n := int64(0)
	for _, v := range j.variants {
		n += obe.Kept(v.grid, j.numbers())
	}
	return n
}

// Cost is what answering is expected to cost.
type Cost struct {
	Map
	// Whole are the multiply-adds of running the network at each position, Spent those
	// of the mode. AtMost says that a picture may take fewer: what a threshold drops, or
	// what a certificate asks for, nobody knows before.
	Whole, Spent int64
	AtMost       bool
	// ViewBytes is what the views take, PositionBytes the updates of one position, which
	// changes the input in the rectangle At: one in the middle.
	ViewBytes, PositionBytes int64
	At                       region.Rect
}

// Costs are those of each of Maps; on a picture, unless it is nil, those of its segments.
func (j *Job) Costs(in *Input) ([]Cost, error) {
	maps, err := j.on(in)
	if err != nil {
		return nil, err
	}
	p := j.model.Plan
	run := p.Count(p.InputPlane().Rect())
	var all []Cost
	for i, m := range j.mapsOf(in, maps) {
		c := Cost{Map: m, ViewBytes: j.viewBytes(), At: m.Grid.Rect(m.Grid.Len() / 2)}
		if j.mode == obe.Naive {
			c.At = p.InputPlane().Rect()
		}
		c.PositionBytes = p.PositionBytes(c.At)
		c.Whole = run * int64(m.Grid.Len())
		c.AtMost = j.gives != nil && (j.gives.Epsilon > 0 || j.gives.Gates > 0 || j.gives.Within > 0 || j.gives.certify != nil)
		switch {
		case j.mode == obe.Naive:
			c.Spent = c.Whole
		case i > 0 && all[i-1].Grid == m.Grid:
			c.Spent = all[i-1].Spent
		default:
			c.Spent = j.spent(m.Grid)
		}
		all = append(all, c)
	}
	return all, nil
}

// spent are the multiply-adds of a map on a grid, at most.
func (j *Job) spent(g *obe.Grid) int64 {
	sum := func(p *incremental.Plan, policy incremental.Policy) int64 { return g.Count(p, policy, g.Len()) }
	p, exact := j.model.Plan, j.reference()
	if exact == nil {
		exact = p
	}
	switch {
	case j.gives == nil:
		return sum(p, nil)
	case j.gives.certify != nil: // all exact, after all that can be given up
		return sum(exact, nil) + sum(p, nil)
	}
	n := sum(p, j.gives.Policy())
	return int64(float64(n) * j.gives.Share(g))
}

// Predict measures for about as long as budget says how long a picture takes. What it
// gives is for the map m alone; the views are made once for all.
func (j *Job) Predict(ctx context.Context, m Map, budget time.Duration) (obe.Prediction, error) {
	p := j.model.Plan
	return obe.Predict(ctx, obe.Task{Plan: p, Grid: m.Grid, Workers: j.host.Threads, Memory: j.host.Working(p.ViewBytes())}, budget)
}

// CheckMemory fails before any work if a map is known to need more than there is: its
// views, its scores, and updates of one position for each worker.
func (j *Job) CheckMemory() error {
	p := j.model.Plan
	updates := int64(0)
	for _, g := range j.grids {
		updates = max(updates, p.PositionBytes(g.Rect(g.Len()/2))*int64(j.host.Threads))
	}
	views, scores := j.viewBytes(), j.scoreBytes()
	if left := j.host.Working(views + scores); j.host.Memory > 0 && left < updates {
		return failure.Settingf("%w: beside %d MiB for the program and its weights, views take %d MiB, scores of %d classes at %d positions %d MiB, and one position on each of %d threads %d KiB: %v is %d MiB", incremental.ErrMemory, j.host.resident()>>20, views>>20, j.aim.most, j.Positions(), scores>>20, j.host.Threads, updates>>10, failure.Setting("memory"), j.host.Memory>>20)
	}
	return nil
}

// Bytes is what an answer and the work on it take, in bytes, but for the updates.
func (j *Job) Bytes() int64 { return j.viewBytes() + j.scoreBytes() }

// viewBytes is what the views of all plans take.
func (j *Job) viewBytes() int64 {
	n := j.model.Plan.ViewBytes()
	if a := j.reference(); a != nil {
		n += a.ViewBytes()
	}
	return n
}

// numbers is how many the outputs have that are read; 1 for one where that depends on
// data.
func (j *Job) numbers() int {
	sum := 0
	for _, i := range j.aim.reads() {
		sum += count(j.model.Plan.OutputShape(i))
	}
	return sum
}

// scoreBytes is what the scores of a picture's maps take: as they are computed, in the
// record, and for each class what names it there and in summaries, as JSON.
func (j *Job) scoreBytes() int64 {
	const forClass, forRow, forPosition = 512, 24, 8
	each := int64(0)
	for _, v := range j.variants {
		each += forClass + forRow*int64(len(v.grid.Ys)) + forPosition*int64(v.grid.Len())
	}
	if len(j.grids) > 1 || j.question.Patches[0].Listed() { // their mean is of pixels
		plane := j.model.Plan.InputPlane()
		each += forPosition * int64(plane.H) * int64(plane.W)
	}
	return each * int64(j.aim.most)
}

// ClassName is a class's label, or its number.
func (r *Reader) ClassName(class int) string { return className(r.model.Label(class), class) }
