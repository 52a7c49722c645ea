package recognize

import (
	"fmt"
	"math"
	"strings"

	"krypton/internal/certify"
	"krypton/internal/failure"
	"krypton/internal/framelabels"
	"krypton/internal/number"
	"krypton/internal/orv"
)

// Report is what a run came to, for programs as JSON and for people as Text.
type Report struct {
	summary    *Summary
	options    orv.Options
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
	Expected  *float64      `json:"expected_agreement,omitempty"`
	Verified  int           `json:"frames_verified"`
	Agreement number.Double `json:"verified_agreement"`
	F1        *float64      `json:"verified_f1,omitempty"`
	Largest   number.Double `json:"verified_largest_difference"`
	// Certified says how many of all frames agree at least, those of an earlier run too,
	// where frames were drawn at random to be compared.
	Certified   *Certified `json:"certified,omitempty"`
	Seconds     float64    `json:"seconds"`
	SecondsOpen float64    `json:"seconds_opening"`
	SecondsTune float64    `json:"seconds_tuning"`
	SecondsWait float64    `json:"seconds_waiting_for_frames"`
	SecondsDiff float64    `json:"seconds_finding_changes"`
	SecondsNet  float64    `json:"seconds_network"`
	SecondsRead float64    `json:"seconds_reading_outputs"`
	SecondsTest float64    `json:"seconds_verifying"`
	SecondsOut  float64    `json:"seconds_writing"`
	Notes       []string   `json:"notes,omitempty"`
}

// Certified is what frames that were drawn at random say of all of them. Agreement is the
// smallest share of all frames that agree with whole runs, at the stated confidence:
// frames that whole runs answered do. For detectors a frame agrees if all its boxes do.
type Certified struct {
	Confidence  float64 `json:"confidence"`
	Agreement   float64 `json:"agreement"`
	Frames      int     `json:"frames"`
	Approximate int     `json:"frames_approximate"`
	Compared    int     `json:"frames_compared"`
	Agreed      int     `json:"frames_agreed"`
}

// certified is nil where no frame was to be drawn.
func (r *Recognition) certified(s *orv.Sample) *Certified {
	if r.job.question.VerifyShare == 0 || s.Frames == 0 {
		return nil
	}
	wrong := certify.AtMost(s.Approximate, s.Drawn, s.Disagreed)
	return &Certified{Confidence: certify.Confidence, Agreement: 1 - float64(wrong)/float64(s.Frames), Frames: s.Frames,
		Approximate: s.Approximate, Compared: s.Drawn, Agreed: s.Drawn - s.Disagreed}
}

// Report tells what a run whose header is h came to. Loading the model is not part of any
// time.
func (r *Recognition) Report(h framelabels.Header, s *Summary) *Report {
	sum := &Report{
		summary:     s,
		options:     r.setting.Options,
		Video:       r.film.Name,
		Model:       h.Model,
		Decoder:     r.info.Decoder,
		Settings:    h.Settings,
		Frames:      s.Frames,
		Skipped:     s.Skipped,
		Updated:     s.Updated,
		Whole:       s.Whole,
		Guarded:     s.Guarded,
		Refreshed:   s.KeyFrames,
		Agreed:      s.KeyFramesAgreed,
		NaN:         s.NaN > 0,
		Changed:     number.Double(s.Changed),
		Recomputed:  s.Recomputed,
		FPS:         number.Ratio(float64(s.Frames), s.Total.Seconds()),
		Verified:    s.Verified,
		Agreement:   number.Double(s.Agreement()),
		Largest:     number.Double(s.Largest),
		Seconds:     s.Total.Seconds(),
		SecondsOpen: r.film.Opening.Seconds(),
		SecondsTune: s.Tuning.Seconds(),
		SecondsWait: s.Wait.Seconds(),
		SecondsDiff: s.Difference.Seconds(),
		SecondsNet:  s.Network.Seconds(),
		SecondsRead: s.Interpret.Seconds(),
		SecondsTest: s.Verify.Seconds(),
		SecondsOut:  s.Emit.Seconds(),
		Notes:       r.notesOf(s),
	}
	if t := r.setting.Chosen; t != nil {
		sum.Expected = &t.Agreement
	}
	sum.Certified = r.certified(&s.Sample)
	if h.Detector && s.Verified > 0 {
		f := s.Boxes.F1()
		sum.F1 = &f
	}
	return sum
}

// notesOf are what there is to say besides.
func (r *Recognition) notesOf(s *Summary) []string {
	notes := r.Notes()
	if r.Untuned() {
		untuned := failure.Settingf("no approximation agreed on %g of the first %d frames while saving work: it is tried again now and then (%v)",
			r.job.question.TargetAgreement, r.setting.Tried, failure.Setting("target-agreement"))
		notes = append(notes, failure.Spell(untuned, r.job.spell))
	}
	if s.NaN > 0 {
		notes = append(notes, fmt.Sprintf("scores of %d frames are not numbers", s.NaN))
	}
	return notes
}

// Text says it in words: a line, and more that are indented.
func (sum *Report) Text() string {
	var b strings.Builder
	s := sum.summary
	fmt.Fprintf(&b, "%s: %d frames in %.2f s, %s a second: %d unchanged, %d updated, %d run whole",
		sum.Video, s.Frames, sum.Seconds, sum.FPS.Text("%.0f", 1), s.Skipped, s.Updated, s.Whole)
	if sum.Recomputed.Finite() {
		fmt.Fprintf(&b, "; %.1f %% recomputed", 100*sum.Recomputed)
	}
	if o := sum.options; o.Mode == orv.Approximate {
		fmt.Fprintf(&b, "\n  approximate: tolerance %d, epsilon %g", o.Tolerance, o.Epsilon)
		if sum.Expected != nil {
			fmt.Fprintf(&b, "; agreed with whole runs on %.1f %% of the first frames", 100**sum.Expected)
		}
		if s.KeyFrames > 0 {
			fmt.Fprintf(&b, "; %d of %d refreshes agreed", s.KeyFramesAgreed, s.KeyFrames)
		}
		if s.Guarded > 0 {
			fmt.Fprintf(&b, "; %d close calls decided by whole runs", s.Guarded)
		}
	}
	switch {
	case sum.F1 != nil:
		fmt.Fprintf(&b, "\n  verified: %d frames, F1 %.3f", s.Verified, *sum.F1)
	case s.Verified > 0:
		fmt.Fprintf(&b, "\n  verified: %d frames, %.1f %% agree, largest difference %.2g", s.Verified, 100*sum.Agreement, s.Largest)
	}
	if c := sum.Certified; c != nil {
		// Rounded down: it is a bound.
		fmt.Fprintf(&b, "\n  certified: at least %.1f %% of %d frames agree with whole runs (%.0f %% confidence: %d of %d approximate answers, drawn at random, were compared, and %d agree)",
			math.Floor(1000*c.Agreement)/10, c.Frames, 100*c.Confidence, c.Compared, c.Approximate, c.Agreed)
	}
	fmt.Fprintf(&b, "\n  time: %.2f s opening, %.2f tuning, %.2f waiting for frames, %.2f writing; summed over cores %.2f finding changes, %.2f network, %.2f outputs, %.2f verifying",
		sum.SecondsOpen, sum.SecondsTune, sum.SecondsWait, sum.SecondsOut, sum.SecondsDiff, sum.SecondsNet, sum.SecondsRead, sum.SecondsTest)
	for _, n := range sum.Notes {
		fmt.Fprintf(&b, "\n  note: %s", n)
	}
	return b.String()
}
