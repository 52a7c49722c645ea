package evaluate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
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
	// Activation makes scores of the outputs; none is the map's.
	Activation prediction.Activation `json:"activation,omitempty"`
	// OwnOutput says that the model's output counts in any case, not the map's.
	OwnOutput bool `json:"-"`
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
	output   int
	memory   int64 // for updates
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
	if j.output, err = m.Output(); err != nil {
		return nil, err
	}
	// Maps may be of other outputs: then it is seen there whether one is no row of classes.
	if r, err := m.Reading(ctx, model.Part{Output: j.output}, string(j.activation()), host.Threads, host.Free()); err == nil {
		if _, err := explain.NewPicker(q.Classes, m.Labels, r.Classes(r.Outputs)); err != nil {
			return nil, err
		}
	}
	return j, nil
}

// activation is the question's, or what the model's own file says, or else told by the
// model.
func (j *Job) activation() prediction.Activation {
	switch m := j.Model(); {
	case j.question.Activation != "":
		return j.question.Activation
	case m.Own:
		return prediction.Activation(m.File.Config.Activation)
	}
	return prediction.Auto
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
	meter, err := j.meter(ctx, m, in)
	if err != nil {
		return nil, named(err)
	}
	plane := j.Model().Plan.InputPlane()
	maps, err := m.maps(plane.H, plane.W)
	if err != nil {
		return nil, err
	}
	if maps, err = j.pick(maps, meter); err != nil {
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
		r := j.newRecord(m, in, from.Name, one.class, meter)
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
func (j *Job) meter(ctx context.Context, m *MapFile, in *explain.Input) (*faithful.Meter, error) {
	plan := j.Model().Plan
	fills, err := j.Fills(in)
	if err != nil {
		return nil, err
	}
	s := faithful.Setup{Plan: plan, Picture: in.Numbers(), Removed: fills[0], Start: fills[1], Output: j.output,
		Steps: j.question.Steps, Workers: j.host.Threads, Memory: j.memory}
	activation := j.activation()
	if r := m.Record; r != nil {
		if j.question.Activation == "" {
			activation = prediction.Activation(r.Activation)
			if err := activation.Check(); err != nil {
				return nil, failure.Dataf("record: %w", err)
			}
		}
		if !j.question.OwnOutput {
			if s.Output = slices.Index(plan.Outputs(), r.Output); s.Output < 0 {
				return nil, failure.Dataf("is of an output %q: the model has %s", r.Output, strings.Join(plan.Outputs(), ", "))
			}
		}
	}
	if s.Reading, err = j.reading(ctx, s.Output, activation); err != nil {
		return nil, err
	}
	meter, err := faithful.NewMeter(ctx, s)
	return meter, classify(err)
}

// reading is what a map's activation means: that of the model, if it is the same.
func (j *Job) reading(ctx context.Context, output int, activation prediction.Activation) (prediction.Reading, error) {
	m, part := j.Model(), model.Part{Output: output}
	r, err := m.Reading(ctx, part, string(prediction.Auto), j.host.Threads, j.host.Free())
	if err != nil || activation == prediction.Auto || activation == r.Activation && j.question.Activation == "" {
		return r, err
	}
	return m.Reading(ctx, part, string(activation), j.host.Threads, j.host.Free())
}

// pick gives the maps of the classes that are asked for.
func (j *Job) pick(maps []mapOf, meter *faithful.Meter) ([]mapOf, error) {
	probabilities := meter.Probabilities()
	if maps[0].class < 0 && len(j.question.Classes) == 0 {
		maps[0].class = meter.Reading().Own(probabilities)
	}
	if len(j.question.Classes) == 0 {
		return maps, nil
	}
	p, err := explain.NewPicker(j.question.Classes, j.Model().Labels, len(probabilities))
	if err != nil {
		return nil, err
	}
	var picked []mapOf
	for _, class := range p.Choose(probabilities) {
		i := slices.IndexFunc(maps, func(m mapOf) bool { return m.class == class || m.class < 0 })
		if i < 0 {
			return nil, failure.Dataf("has no map of %s", j.ClassName(class))
		}
		m := maps[i]
		m.class = class
		picked = append(picked, m)
	}
	return picked, nil
}

// newRecord says what is measured.
func (j *Job) newRecord(m *MapFile, in *explain.Input, picture string, class int, meter *faithful.Meter) *Record {
	model := j.Model()
	r := &Record{Version: j.host.Version, Map: m.Name, MapSHA256: m.SHA256, Model: model.File.Name, ModelSHA256: model.File.SHA256, Image: picture, ImageSHA256: in.SHA256,
		Class:  explain.ClassRecord{Index: class, Label: model.Label(class)},
		Output: meter.Output(), Activation: string(meter.Reading().Activation), ActivationReason: meter.Reading().Reason, Combine: j.question.Combine, Fill: string(j.question.Fill), Start: string(j.question.Start), Seed: j.question.Seed, Steps: meter.Points()/2 - 1,
		Kernels: model.Plan.Kernels(), Threads: j.host.Threads, Notes: slices.Concat(j.Notes(in), model.Doubts(meter.Reading(), j.host.Spell))}
	if p := meter.Probabilities(); class < len(p) {
		r.Class.BaseScore = explain.Number(p[class])
	}
	if m.Record != nil && m.Record.Score != string(target.Value) {
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
	if r.curves[0], r.curves[1], err = meter.Curves(ctx, faithful.Order(importance), one.class, count); err != nil {
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
		d, n, err := meter.Curves(ctx, faithful.Order(shuffled), one.class, count)
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
