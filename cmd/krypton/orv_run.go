package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"krypton/internal/detect"
	"krypton/internal/failure"
	"krypton/internal/framelabels"
	"krypton/internal/number"
	"krypton/internal/orv"
	"krypton/internal/track"
	"krypton/internal/ui"
)

// runORV recognizes one video.
func runORV(ctx context.Context, s *settings, io streams, o *orvOptions, mo *modelOptions, name string) error {
	j, err := newORVJob(ctx, s, io, o, mo, name)
	if err != nil {
		return err
	}
	begin := time.Now()
	// One more than the sessions keep busy: whoever fetches frames would wait
	// for their time slices otherwise.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), j.threads+1)))
	// What is thrown away here are answers, a few megabytes a second: collected less
	// often than by default (see run), frames take a twentieth less.
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	defer j.close()
	defer func() { _ = j.source.Close() }() // what it could say, Next has said
	memory, err := s.memory()
	if err == nil {
		err = j.checkMemory(memory)
	}
	if err != nil {
		return err
	}
	if o.sweep != "" {
		return j.sweepSettings(ctx)
	}
	workBegins(ctx)
	out, err := j.claimOutputs()
	if err != nil {
		return err
	}
	defer out.abandon() // what run has not seen to
	if err := j.tune(ctx); err != nil {
		return err
	}
	tuning := time.Since(begin)
	sum, err := j.run(ctx, out)
	if err != nil {
		return err
	}
	sum.Total += j.opening + tuning
	return j.report(sum, tuning)
}

// follower turns answers into results: names, places in the video, numbers of
// tracks, smoothed labels.
type follower struct {
	tracker  *track.Tracker // nil if objects are not followed
	smoother *framelabels.Smoother
}

// tracked says whether objects are followed.
func (j *orvJob) tracked() bool { return j.spec != nil && !j.noTrack }

func (j *orvJob) follow() {
	j.follower = follower{}
	if j.tracked() {
		j.follower.tracker = track.New(track.Options{})
	}
	if j.spec == nil && j.window > 1 {
		j.follower.smoother = &framelabels.Smoother{Window: j.window}
	}
}

// replay brings the follower to where it was after a frame of an earlier run.
func (j *orvJob) replay(r *framelabels.Result) {
	if j.follower.tracker != nil {
		boxes := make([]detect.Box, len(r.Objects))
		for i, o := range r.Objects {
			boxes[i] = detect.Box{X0: o.X0, Y0: o.Y0, X1: o.X1, Y1: o.Y1, Class: o.Class, Score: float32(o.Score)}
		}
		j.follower.tracker.Update(boxes)
	}
	if j.follower.smoother != nil {
		j.follower.smoother.Add(r.Labels)
	}
	j.countNaN(r)
}

// countNaN counts frames with scores that are not numbers.
func (j *orvJob) countNaN(r *framelabels.Result) {
	if slices.ContainsFunc(r.Labels, func(l framelabels.Label) bool { return !l.Score.Finite() }) || slices.ContainsFunc(r.Objects, func(o framelabels.Object) bool { return !o.Score.Finite() }) {
		j.nan++
	}
}

// result makes a frame's result.
func (j *orvJob) result(r *orv.Result) *framelabels.Result {
	out := &framelabels.Result{Frame: r.Frame, Seconds: float64(r.Time) / 1e9, How: string(r.Step.How), Guarded: r.Guarded, Changed: r.Step.Changed, Recomputed: j.ofWork(r.Step.Share), Listed: r.Step.Listed,
		Exact: j.options.Mode != orv.Approximate || r.Step.How == orv.Whole && !r.Step.Listed}
	if j.timings {
		out.Milliseconds = float64((r.Step.Difference + r.Step.Network).Microseconds()) / 1000
	}
	for i, c := range r.Answer.Classes {
		out.Labels = append(out.Labels, framelabels.Label{Class: c, Label: j.model.Label(c), Score: number.Single(r.Answer.Scores[i])})
	}
	boxes := make([]detect.Box, len(r.Answer.Boxes))
	for i, b := range r.Answer.Boxes {
		x0, y0 := j.geometry.Source(float64(b.X0), float64(b.Y0))
		x1, y1 := j.geometry.Source(float64(b.X1), float64(b.Y1))
		boxes[i] = detect.Box{X0: float32(x0), Y0: float32(y0), X1: float32(x1), Y1: float32(y1), Class: b.Class, Score: b.Score}
		out.Objects = append(out.Objects, framelabels.Object{Class: b.Class, Label: j.model.Label(b.Class), Score: number.Single(b.Score), X0: boxes[i].X0, Y0: boxes[i].Y0, X1: boxes[i].X1, Y1: boxes[i].Y1})
	}
	if j.follower.tracker != nil {
		for i, id := range j.follower.tracker.Update(boxes) {
			out.Objects[i].ID = id
		}
	}
	if j.follower.smoother != nil {
		if l, ok := j.follower.smoother.Add(out.Labels); ok {
			out.Smoothed = &l
		}
	}
	j.countNaN(out)
	out.Level, out.Refreshed = r.Level, r.KeyFrame
	if v := r.Verified; v != nil {
		out.Verified = &framelabels.Verified{Agrees: v.Agrees, Largest: number.Double(v.Largest), Shift: number.Double(v.Shift)}
		if j.spec != nil {
			out.Verified.F1 = v.F1()
		}
	}
	return out
}

// run answers all frames.
func (j *orvJob) run(ctx context.Context, out *orvOutputs) (sum *orv.Summary, err error) {
	settings := j.settings()
	h := framelabels.Header{Version: version, Model: j.model.File.Name, ModelSHA256: j.model.File.SHA256, Video: j.name, Width: j.info.SourceWidth, Height: j.info.SourceHeight,
		PixelShape: j.info.Shape.String(), Coordinates: framelabels.Coordinates, FieldOrder: j.info.Fields, FPS: j.info.FPS, Detector: j.spec != nil, Settings: settings, Labels: j.model.Labels, Pictures: j.info.Pictures, Confidence: j.confidence, Tracked: j.tracked()}
	if j.info.Stored != nil {
		h.Stored = j.info.Stored
	}
	if v := j.model.File.Config.Value; v != nil {
		h.Unit = v.Unit
	}
	if h.Fingerprint, err = j.fingerprint(settings); err != nil {
		return nil, err
	}
	j.follow()
	task := j.setting.Task()
	task.NewInterpreter, task.Geometry, task.Guard, task.VerifyEvery = j.interpreter, j.geometry, j.guardMargin(), j.verifyEvery
	a, err := j.newAnnotator(ctx)
	if err != nil {
		return nil, err
	}
	if err := j.begin(out, h); err != nil {
		if a != nil {
			a.abort()
		}
		return nil, err
	}
	if task.Past = out.past; len(task.Past) > 0 && !j.quiet {
		fmt.Fprintf(j.io.err, "krypton: going on after %d frames\n", len(task.Past))
	}
	progress := ui.NewCount(j.io.err, ui.StyleFor(j.io.err, j.quiet), "frames", j.frames())
	stop := onStateSignal(func() { fmt.Fprintf(j.io.err, "krypton: %s\n", progress.State()) })
	defer stop()
	done := len(out.past)
	sum, err = orv.Run(ctx, task, j.source, func(r *orv.Result) error {
		res := j.result(r)
		if err := out.write(res); err != nil {
			return err
		}
		if a != nil {
			if err := a.frame(ctx, res, r.Changed); err != nil {
				return err
			}
		}
		done++
		progress.Set(done)
		return nil
	})
	progress.Finish()
	if err == nil && done == 0 {
		err = failure.Dataf("%s: no frames", j.name)
	}
	if err == nil && a != nil {
		err = a.close()
	} else if a != nil {
		a.abort()
	}
	if err == nil {
		err = out.finish()
	}
	if err != nil {
		err = videoError(err)
		if left := out.abandon(); left != "" {
			err = signalled(ctx, err)
			how := "--resume"
			if j.annotate != "" {
				how += " without --annotate"
			}
			err = fmt.Errorf("%w (%d frames are in %s; %s goes on with them)", err, out.saved, left, how)
		}
		return nil, err
	}
	return sum, nil
}

// frames is the number of frames that the video seems to have, for the bar.
func (j *orvJob) frames() int {
	if j.info.Frames < 0 || j.start != "" || j.end != "" {
		return -1
	}
	return (j.info.Frames + j.every - 1) / j.every
}

// orvSummary is what --json prints.
type orvSummary struct {
	Video      string         `json:"video"`
	Model      string         `json:"model"`
	Decoder    string         `json:"decoder"`
	Frames     int            `json:"frames"`
	Skipped    int            `json:"frames_skipped"`
	Updated    int            `json:"frames_updated"`
	Whole      int            `json:"frames_whole"`
	Guarded    int            `json:"frames_guarded"`
	Refreshed  int            `json:"frames_refreshed"`
	Agreed     int            `json:"frames_refreshed_agreed"`
	NaN        bool           `json:"has_nan"` // some score was not a number
	Changed    number.Double  `json:"mean_changed"`
	Recomputed number.Double  `json:"mean_recomputed"`
	FPS        number.Double  `json:"frames_per_second"`
	Settings   map[string]any `json:"settings"`
	// Agreement with whole runs: of the tuned setting on the first frames, and
	// of the frames that were verified.
	Expected    *float64      `json:"expected_agreement,omitempty"`
	Verified    int           `json:"frames_verified"`
	Agreement   number.Double `json:"verified_agreement"`
	F1          *float64      `json:"verified_f1,omitempty"`
	Largest     number.Double `json:"verified_largest_difference"`
	Seconds     float64       `json:"seconds"`
	SecondsOpen float64       `json:"seconds_opening"`
	SecondsTune float64       `json:"seconds_tuning"`
	SecondsWait float64       `json:"seconds_waiting_for_frames"`
	SecondsDiff float64       `json:"seconds_finding_changes"`
	SecondsNet  float64       `json:"seconds_network"`
	SecondsRead float64       `json:"seconds_reading_outputs"`
	SecondsTest float64       `json:"seconds_verifying"`
	SecondsOut  float64       `json:"seconds_writing"`
	Notes       []string      `json:"notes,omitempty"`
}

// ofWork is a share of a whole run's multiply-adds: no number where a run takes none.
func (j *orvJob) ofWork(share float64) number.Double {
	if j.model.Plan.MultiplyAdds() == 0 {
		return number.None
	}
	return number.Double(share)
}

// report says in words, or as JSON, what was done. Loading the model is not part
// of any time.
func (j *orvJob) report(s *orv.Summary, tuning time.Duration) error {
	seconds := func(d time.Duration) float64 { return d.Seconds() }
	if j.nan > 0 {
		j.notes = append(j.notes, fmt.Sprintf("scores of %d frames are not numbers", j.nan))
	}
	r := orvSummary{Video: j.name, Model: j.model.File.Name, Decoder: j.info.Decoder, Frames: s.Frames, Skipped: s.Skipped, Updated: s.Updated, Whole: s.Whole, Guarded: s.Guarded, Refreshed: s.KeyFrames, Agreed: s.KeyFramesAgreed,
		NaN: j.nan > 0, Changed: number.Double(s.Changed), Recomputed: j.ofWork(s.Share), FPS: number.Ratio(float64(s.Frames), s.Total.Seconds()), Settings: j.settings(), Verified: s.Verified, Agreement: number.Double(s.Agreement()), Largest: number.Double(s.Largest),
		Seconds: seconds(s.Total), SecondsOpen: seconds(j.opening), SecondsTune: seconds(tuning), SecondsWait: seconds(s.Wait), SecondsDiff: seconds(s.Difference), SecondsNet: seconds(s.Network), SecondsRead: seconds(s.Interpret), SecondsTest: seconds(s.Verify), SecondsOut: seconds(s.Emit), Notes: j.notes}
	if j.setting.Chosen != nil {
		r.Expected = &j.setting.Chosen.Agreement
	}
	if j.spec != nil && s.Verified > 0 {
		f := s.Boxes.F1()
		r.F1 = &f
	}
	if j.asJSON {
		if j.out == "-" {
			return errors.Join(json.NewEncoder(j.io.err).Encode(r)) // standard output has the frames
		}
		return json.NewEncoder(j.io.out).Encode(r)
	}
	if j.quiet {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d frames in %.2f s, %s a second: %d unchanged, %d updated, %d run whole", j.name, s.Frames, r.Seconds, r.FPS.Text("%.0f", 1), s.Skipped, s.Updated, s.Whole)
	if r.Recomputed.Finite() {
		fmt.Fprintf(&b, "; %.1f %% recomputed", 100*r.Recomputed)
	}
	if j.options.Mode == orv.Approximate {
		fmt.Fprintf(&b, "\n  approximate: tolerance %d, epsilon %g", j.options.Tolerance, j.options.Epsilon)
		if j.setting.Chosen != nil {
			fmt.Fprintf(&b, "; agreed with whole runs on %.1f %% of the first frames", 100*j.setting.Chosen.Agreement)
		}
		if s.KeyFrames > 0 {
			fmt.Fprintf(&b, "; %d of %d refreshes agreed", s.KeyFramesAgreed, s.KeyFrames)
		}
		if s.Guarded > 0 {
			fmt.Fprintf(&b, "; %d close calls decided by whole runs", s.Guarded)
		}
	}
	if s.Verified > 0 {
		if j.spec != nil {
			fmt.Fprintf(&b, "\n  verified: %d frames, F1 %.3f", s.Verified, *r.F1)
		} else {
			fmt.Fprintf(&b, "\n  verified: %d frames, %.1f %% agree, largest difference %.2g", s.Verified, 100*r.Agreement, s.Largest)
		}
	}
	fmt.Fprintf(&b, "\n  time: %.2f s opening, %.2f tuning, %.2f waiting for frames, %.2f writing; summed over cores %.2f finding changes, %.2f network, %.2f outputs, %.2f verifying", r.SecondsOpen, r.SecondsTune, r.SecondsWait, r.SecondsOut, r.SecondsDiff, r.SecondsNet, r.SecondsRead, r.SecondsTest)
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "\n  note: %s", n)
	}
	if base := j.base(); base != "-" {
		for _, f := range strings.Split(j.formats, ",") {
			fmt.Fprintf(&b, "\n  wrote %s", base+framelabels.Ending(strings.TrimSpace(f)))
		}
		if j.annotate != "" {
			fmt.Fprintf(&b, "\n  wrote %s", j.annotate)
		}
	}
	fmt.Fprintln(j.io.err, printable(b.String()))
	return nil
}
