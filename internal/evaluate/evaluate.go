package evaluate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/faithful"
	"krypton/internal/heatmap"
	"krypton/internal/model"
	"krypton/internal/obe"
	"krypton/internal/prediction"
	"krypton/internal/target"
)

// Question is what is asked of maps.
type Question struct {
	// Fill is what deletion paints pixels with, Start what insertion starts from.
	Fill  explain.Fill `json:"fill"`
	Start explain.Fill `json:"insertion_start"`
	// Seed is that of noise and of random maps.
	Seed uint64 `json:"seed"`
	// Steps is the number of steps from no pixel to all, Random that of random maps to
	// compare each map with.
	Steps  int `json:"steps"`
	Random int `json:"random,omitempty"`
	// Classes are those to measure, as explain.Question has them; none are those of the
	// map, of a map that names none the best one.
	Classes []string `json:"class,omitempty"`
	// Boxes are those of a detector to measure, as explain.Question has them; none are
	// those of the map, of a map that names none the best one. MinScore and IoU find them,
	// where a map does not say how they were found.
	Boxes         []string `json:"box,omitempty"`
	MinScore, IoU *float64 `json:"-"`
	// Activation makes scores of the outputs; none is the map's.
	Activation prediction.Activation `json:"activation,omitempty"`
	// OwnOutput says that the model's output counts in any case, not the map's.
	OwnOutput bool `json:"-"`
	// Score and What are those of a map that names none.
	Score target.Score `json:"score,omitempty"`
	explain.What
	// Combine is the rule where patches overlap.
	Combine string `json:"combine"`
	// Plotted says that curves have to be numbers at all steps.
	Plotted bool `json:"-"`
}

// MaxSteps and MaxRandom bound what one question computes.
const (
	MaxSteps  = 10000
	MaxRandom = 10000
)

// Check fails where a question makes no sense whatever the model and the maps.
func (q *Question) Check() error {
	for _, f := range []struct {
		field failure.Setting
		fill  explain.Fill
	}{{"fill", q.Fill}, {"insertion_start", q.Start}} {
		if _, err := obe.ParseFill(string(f.fill), q.Seed); err != nil {
			return failure.Wrongf("%v: %w", f.field, err)
		}
	}
	if q.Score != "" && !slices.Contains(explain.Scores, q.Score) {
		return failure.Wrongf("%v is %q, want one of %v", failure.Setting("score"), q.Score, explain.Scores)
	}
	if err := q.What.Check(); err != nil {
		return err
	}
	if err := explain.CheckThresholds(q.MinScore, q.IoU); err != nil {
		return err
	}
	switch {
	case q.Steps < 1 || q.Steps > MaxSteps:
		return failure.Wrongf("%v is %d, want 1 to %d", failure.Setting("steps"), q.Steps, MaxSteps)
	case q.Random < 0 || q.Random > MaxRandom:
		return failure.Wrongf("%v is %d, want 0 to %d", failure.Setting("random"), q.Random, MaxRandom)
	case !slices.Contains(heatmap.Combines, q.Combine):
		return failure.Wrongf("%v is %q, want one of %v", failure.Setting("combine"), q.Combine, heatmap.Combines)
	case q.Activation != "":
		if err := q.Activation.Check(); err != nil {
			return failure.Wrongf("%v: %w", failure.Setting("activation"), err)
		}
	}
	return nil
}

// Job is a question that fits a model. It does not change: several maps may be measured
// at once.
type Job struct {
	*explain.Reader
	question Question
	host     explain.Host
	own      *explain.Aim // of maps that name none, nil if there is none
	memory   int64        // for updates
}

// Prepare checks all of a question that depends on no map.
func Prepare(ctx context.Context, m *model.Model, q Question, host explain.Host) (*Job, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	j := &Job{question: q, host: host}
	var err error
	if j.Reader, err = explain.NewReader(m, []explain.Fill{q.Fill, q.Start}, q.Seed, host); err != nil {
		return nil, err
	}
	// Once: what one map leaves behind, the next uses again.
	if j.memory, err = host.Some(3 * m.Plan.ViewBytes()); err != nil {
		return nil, err
	}
	// Maps may be of other outputs: then it is seen there whether one is what can be mapped.
	if aim, err := explain.NewAim(ctx, j.Reader, j.ask(nil)); err != nil && !errors.Is(err, prediction.ErrNoClasses) {
		return nil, err
	} else if err == nil {
		j.own = aim
	}
	return j, nil
}

// ask is what is asked of the network for the maps of a file, nil for none.
func (j *Job) ask(m *MapFile) *explain.Question {
	q := &explain.Question{Classes: j.question.Classes, Activation: j.question.Activation, Score: j.question.Score, What: j.question.What, Boxes: j.question.Boxes, MinScore: j.question.MinScore, IoU: j.question.IoU}
	if q.Mapped == "" {
		if q.Mapped = prediction.Auto; j.Model().Own {
			q.Mapped = prediction.Activation(j.Model().File.Config.Activation)
		}
	}
	if m == nil || m.Record == nil {
		return q
	}
	own := m.Record.What()
	if j.question.OwnOutput {
		own.Output, own.Part = "", q.Part
	}
	q.What = own
	if m.Record.Target != nil && own.Target != target.ClassKind { // of classes, curves are of the score itself
		q.Score = target.Score(m.Record.Score)
	}
	if asked := q.Boxes; m.Record.Boxes != nil {
		q.Boxes = nil
		if m.Record.AskForBoxes(q); asked != nil {
			q.Boxes = asked
		}
		return q
	}
	if len(q.Classes) == 0 {
		for _, c := range m.Record.Classes {
			q.Items = append(q.Items, c.Index)
		}
	}
	return q
}

// Progress tells how far the maps of a file are: points of curves done, of total. It is
// called from several goroutines.
type Progress func(done, total int)

// Measure measures the maps of one file, made of a picture that was read for the job
// from where it says. progress may be nil.
func (j *Job) Measure(ctx context.Context, m *MapFile, in *explain.Input, from explain.Source, progress Progress) ([]*Record, error) {
	if err := m.fits(j.Model(), in, from); err != nil {
		return nil, err
	}
	named := func(err error) error { return fmt.Errorf("%s: %w", m.Name, err) }
	aim, meter, err := j.meter(ctx, m, in)
	if err != nil {
		return nil, named(err)
	}
	plane := j.Model().Plan.InputPlane()
	maps, err := m.maps(plane.H, plane.W)
	if err != nil {
		return nil, err
	}
	if maps, err = j.pick(maps, meter, aim); err != nil {
		return nil, named(err)
	}
	var done atomic.Int64
	total := len(maps) * (1 + j.question.Random) * meter.Points()
	count := func(points int) {
		if n := done.Add(int64(points)); progress != nil {
			progress(int(n), total)
		}
	}
	count(0)
	var records []*Record
	for _, one := range maps {
		r := j.newRecord(m, in, from.Name, one.item, aim, meter)
		if err := j.curves(ctx, r, meter, one, count); err != nil {
			return nil, named(classify(err))
		}
		records = append(records, r)
	}
	return records, nil
}

// classify gives an error of the measurement its kind.
func classify(err error) error {
	if errors.Is(err, faithful.ErrSetup) {
		return failure.As(failure.Data, err)
	}
	return err
}

// meter is what maps of a picture are measured with: by the output and
// activation of the map, unless others are asked for.
func (j *Job) meter(ctx context.Context, m *MapFile, in *explain.Input) (*explain.Aim, *faithful.Meter, error) {
	plan := j.Model().Plan
	fills, err := j.Fills(in)
	if err != nil {
		return nil, nil, err
	}
	if r := m.Record; r != nil && j.question.Activation == "" {
		if err := prediction.Activation(r.Activation).Check(); err != nil {
			return nil, nil, failure.Dataf("record: %w", err)
		}
	}
	aim := j.own
	if m.Record != nil || aim == nil {
		if aim, err = explain.NewAim(ctx, j.Reader, j.ask(m)); err != nil {
			return nil, nil, err
		}
	}
	if r := m.Record; r != nil && r.Target != nil && r.Target.SHA256 != aim.ReferenceSHA256() {
		return nil, nil, failure.Dataf("was made with another reference than %s: the digests of the files differ", r.Target.Reference)
	}
	of, err := aim.Target(in)
	if err != nil {
		return nil, nil, err
	}
	meter, err := faithful.NewMeter(ctx, faithful.Setup{Plan: plan, Picture: in.Numbers(), Removed: fills[0], Start: fills[1], Target: of,
		Steps: j.question.Steps, Workers: j.host.Threads, Memory: j.memory})
	return aim, meter, classify(err)
}

// pick gives the maps of the items that are measured.
func (j *Job) pick(maps []mapOf, meter *faithful.Meter, aim *explain.Aim) ([]mapOf, error) {
	var picked []mapOf
	for k, item := range meter.Items() {
		if aim.Kind == target.BoxKind && item.Index == target.OthersItem && !j.wantsFalse(maps) {
			continue // they are there in any case
		}
		i := slices.IndexFunc(maps, func(m mapOf) bool { return m.class == item.Index || m.class < 0 })
		if i < 0 {
			return nil, failure.Dataf("has no map of %s", j.ClassName(item.Index))
		}
		m := maps[i]
		m.class, m.item = item.Index, k
		picked = append(picked, m)
	}
	return picked, nil
}

// wantsFalse says whether the map of false boxes is to be measured: where that is asked
// for, or where the map was made for it.
func (j *Job) wantsFalse(maps []mapOf) bool {
	if j.question.Boxes != nil {
		return slices.Contains(j.question.Boxes, "false")
	}
	return slices.ContainsFunc(maps, func(m mapOf) bool { return m.class == target.OthersItem && m.asked })
}

// newRecord says what is measured.
func (j *Job) newRecord(m *MapFile, in *explain.Input, picture string, item int, aim *explain.Aim, meter *faithful.Meter) *Record {
	model, of := j.Model(), meter.Items()[item]
	r := &Record{Version: j.host.Version, Map: m.Name, MapSHA256: m.SHA256, Model: model.File.Name, ModelSHA256: model.File.SHA256, Image: picture, ImageSHA256: in.SHA256,
		Class:  explain.ClassRecord{Index: of.Index, Label: of.Name, Unit: of.Unit, BaseScore: explain.Number(meter.Base()[item])},
		Output: aim.Name(), Activation: string(aim.Activation()), ActivationReason: aim.Reading.Reason, Combine: j.question.Combine, Fill: string(j.question.Fill), Start: string(j.question.Start), Seed: j.question.Seed, Steps: meter.Points()/2 - 1,
		Kernels: model.Plan.Kernels(), Threads: j.host.Threads, Notes: slices.Concat(j.Notes(in), aim.Notes())}
	r.Class.OfBox(aim.Boxes(in, meter.Bound()))
	if r.Target = aim.Record(); r.Target != nil {
		r.Score = string(aim.Score)
	}
	if m.Record != nil && m.Record.Score != string(aim.Score) {
		r.Notes = append(r.Notes, fmt.Sprintf("the map is of the %s; the curves are of the class's score", m.Record.Score))
	}
	return r
}

// curves measures a map, and random ones of its numbers.
func (j *Job) curves(ctx context.Context, r *Record, meter *faithful.Meter, one mapOf, count func(int)) error {
	begin := time.Now()
	whole, spent := meter.MultiplyAdds()
	importance, err := one.importance(j.question.Combine, nil)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(importance, func(v float64) bool { return v == v }) {
		return failure.Dataf("the map has no number")
	}
	if r.curves[0], r.curves[1], err = meter.Curves(ctx, faithful.Order(importance), one.item, count); err != nil {
		return err
	}
	r.Deletion, r.Insertion = newCurve(r.curves[0]), newCurve(r.curves[1])
	if j.question.Plotted && (r.Deletion.Area != r.Deletion.Area || r.Insertion.Area != r.Insertion.Area) {
		return failure.Dataf("the network's score is not a number at some steps: it cannot be plotted")
	}
	random := newRandomMaps(r.curves, j.question.Random)
	for i := range j.question.Random {
		shuffled, err := one.importance(j.question.Combine, rand.New(rand.NewPCG(j.question.Seed, uint64(i))))
		if err != nil {
			return err
		}
		d, n, err := meter.Curves(ctx, faithful.Order(shuffled), one.item, count)
		if err != nil {
			return err
		}
		random.add(d, n)
	}
	if j.question.Random > 0 {
		r.Random, r.random = &random.record, random.mean
	}
	base := r.Class.BaseScore
	if r.NaN = base != base || r.Deletion.hasNaN() || r.Insertion.hasNaN(); r.NaN {
		r.Notes = append(r.Notes, "some scores are not numbers (NaN)")
	}
	r.MultiplyAddsWhole, r.MultiplyAddsSpent = meter.MultiplyAdds()
	r.MultiplyAddsWhole -= whole
	r.MultiplyAddsSpent -= spent
	r.Seconds = time.Since(begin).Seconds()
	return nil
}
