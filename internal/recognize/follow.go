package recognize

import (
	"slices"

	"krypton/internal/detect"
	"krypton/internal/framelabels"
	"krypton/internal/imagein"
	"krypton/internal/number"
	"krypton/internal/orv"
	"krypton/internal/track"
)

// follower turns answers into results: names, places in the video, numbers of
// tracks, smoothed labels.
type follower struct {
	job      *Job
	geometry *imagein.Geometry
	mode     orv.Mode
	tracker  *track.Tracker        // nil if objects are not followed
	smoother *framelabels.Smoother // nil if labels are not smoothed
	nan      int                   // frames with scores that are not numbers
}

func newFollower(j *Job, g *imagein.Geometry, mode orv.Mode) *follower {
	f := &follower{job: j, geometry: g, mode: mode}
	if j.Tracked() {
		f.tracker = track.New(track.Options{})
	}
	if j.spec == nil && j.question.Smooth > 1 {
		f.smoother = &framelabels.Smoother{Window: j.question.Smooth}
	}
	return f
}

// replay brings the follower to where it was after a frame of an earlier run.
func (f *follower) replay(r *framelabels.Result) {
	if f.tracker != nil {
		boxes := make([]detect.Box, len(r.Objects))
		for i, o := range r.Objects {
			boxes[i] = detect.Box{X0: o.X0, Y0: o.Y0, X1: o.X1, Y1: o.Y1, Class: o.Class, Score: float32(o.Score)}
		}
		f.tracker.Update(boxes)
	}
	if f.smoother != nil {
		f.smoother.Add(r.Labels)
	}
	f.countNaN(r)
}

// countNaN counts frames with scores that are not numbers.
func (f *follower) countNaN(r *framelabels.Result) {
	if slices.ContainsFunc(r.Labels, func(l framelabels.Label) bool { return !l.Score.Finite() }) || slices.ContainsFunc(r.Objects, func(o framelabels.Object) bool { return !o.Score.Finite() }) {
		f.nan++
	}
}

// result makes a frame's result.
func (f *follower) result(r *orv.Result) *framelabels.Result {
	out := &framelabels.Result{
		Frame: r.Frame, Seconds: float64(r.Time) / 1e9,
		How: string(r.Step.How), Guarded: r.Guarded, Refreshed: r.KeyFrame, Level: r.Level, Listed: r.Step.Listed,
		Changed: r.Step.Changed, Recomputed: f.job.ofWork(r.Step.Share), Moved: r.Changed,
		Exact: f.mode != orv.Approximate || r.Step.How == orv.Whole && !r.Step.Listed,
	}
	if f.job.question.Timings {
		out.Milliseconds = float64((r.Step.Difference + r.Step.Network).Microseconds()) / 1000
	}
	for i, c := range r.Answer.Classes {
		out.Labels = append(out.Labels, framelabels.Label{Class: c, Label: f.job.model.Label(c), Score: number.Single(r.Answer.Scores[i])})
	}
	boxes := f.boxes(r.Answer.Boxes)
	for _, b := range boxes {
		out.Objects = append(out.Objects, framelabels.Object{Class: b.Class, Label: f.job.model.Label(b.Class), Score: number.Single(b.Score), X0: b.X0, Y0: b.Y0, X1: b.X1, Y1: b.Y1})
	}
	if f.tracker != nil {
		for i, id := range f.tracker.Update(boxes) {
			out.Objects[i].ID = id
		}
	}
	if f.smoother != nil {
		if l, ok := f.smoother.Add(out.Labels); ok {
			out.Smoothed = &l
		}
	}
	f.countNaN(out)
	if v := r.Verified; v != nil {
		out.Verified = &framelabels.Verified{Agrees: v.Agrees, Largest: number.Double(v.Largest), Shift: number.Double(v.Shift)}
		if f.job.spec != nil {
			out.Verified.F1 = v.F1()
		}
	}
	return out
}

// boxes are those of the network's plane, in the video's pixels.
func (f *follower) boxes(plane []detect.Box) []detect.Box {
	list := make([]detect.Box, len(plane))
	for i, b := range plane {
		x0, y0 := f.geometry.Transform.Apply(float64(b.X0), float64(b.Y0))
		x1, y1 := f.geometry.Transform.Apply(float64(b.X1), float64(b.Y1))
		list[i] = detect.Box{X0: float32(x0), Y0: float32(y0), X1: float32(x1), Y1: float32(y1), Class: b.Class, Score: b.Score}
	}
	return list
}

// ofWork is a share of a whole run's multiply-adds: no number where a run takes none.
func (j *Job) ofWork(share float64) number.Double {
	if j.model.Plan.MultiplyAdds() == 0 {
		return number.None
	}
	return number.Double(share)
}
