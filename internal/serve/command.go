package serve

import (
	"cmp"
	"encoding/csv"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/heatmap"
	"krypton/internal/obe"
	"krypton/internal/recognize"
	"krypton/internal/recording"
)

// styleOf reads how a map is drawn from a request, by the names of the command line's
// flags.
func styleOf(q url.Values) (heatmap.Style, error) {
	s := heatmap.Style{Mode: "overlay", Alpha: 0.6, Colormap: "auto"}
	var err error
	if v := q.Get("alpha"); v != "" {
		if s.Alpha, err = strconv.ParseFloat(v, 64); err != nil || !(s.Alpha >= 0 && s.Alpha <= 1) {
			return s, failure.Usagef("alpha is %q, want 0 to 1", v)
		}
	}
	if v := q.Get("colormap"); v != "" {
		if s.Colormap = v; !slices.Contains(heatmap.Colormaps, v) {
			return s, failure.Usagef("colormap is %q, want one of %v", v, heatmap.Colormaps)
		}
	}
	if v := q.Get("scale"); v != "" {
		scale, ok := heatmap.ParseScale(v)
		if !ok {
			return s, failure.Usagef("scale is %q, want min,max", v)
		}
		s.Scale = &scale
	}
	if v := q.Get("contours"); v != "" {
		for _, text := range strings.Split(v, ",") {
			l, err := heatmap.ParseLevel(text)
			if err != nil || len(s.Contours) == heatmap.MostContours {
				return s, failure.Usagef("contours: %q, want at most %d levels such as 10%% or 0.05", v, heatmap.MostContours)
			}
			s.Contours = append(s.Contours, l)
		}
	}
	s.Blocks = q.Get("blocks") == "true"
	return s, nil
}

// command is the command line that makes the map and draws it so.
func (r *answer) command(q url.Values) string { return r.ask.command(r.picture, q) }

// command is the command line that asks so about a picture, or about the windows of a
// recording.
func (k *ask) command(of *picture, q url.Values) string {
	l := line{"krypton", "obe"}
	if of.path != "" {
		l = append(l, of.path)
	}
	l = append(l, k.network.Flags...)
	l.say("window", cmp.Or(k.window, k.network.Window), "")
	for i, w := range k.network.With {
		w.File = k.with[i].source().Name
		l = append(l, "--with", w.String())
	}
	a, usual := k.question, explain.Default()
	l.say("patch", obe.Patches(a.Patches), obe.Patches(usual.Patches))
	l.say("stride", obe.Sizes(a.Strides), obe.Sizes(usual.Strides))
	l.say("border", string(a.Border), string(usual.Border))
	l.say("region", a.Region.String(), "")
	l.say("fill", fills(a.Fills), fills(usual.Fills))
	l.say("seed", strconv.FormatUint(a.Seed, 10), strconv.FormatUint(usual.Seed, 10))
	l.say("class", strings.Join(a.Classes, ","), "")
	l.say("box", strings.Join(a.Boxes, ","), "")
	l.say("min-score", real(a.MinScore), "")
	l.say("iou", real(a.IoU), "")
	l.say("target", string(a.Target), "")
	if a.Part != "" {
		l.say("output", k.model.Plan.Outputs()[k.job.Aim().Output]+"["+a.Part+"]", "")
	}
	l.say("reduce", string(a.Reduce), "")
	l.say("at", a.At.String(), "")
	l.say("segment-region", a.SegmentRegion.String(), "")
	l.say("reference", a.Reference.Name, "")
	l.say("activation", string(a.Activation), string(usual.Activation))
	l.say("score", string(a.Score), string(usual.Score))
	l.recording(&a.Recording)
	l.say("mode", string(a.Mode), "")
	l.wishes(a.Approximate)
	l.say("combine", a.Combine, usual.Combine)
	l.say("verify", count(a.Verify), count(usual.Verify))
	l.say("compare", count(a.Compare), count(usual.Compare))
	for _, flag := range []string{"alpha", "colormap", "scale", "contours"} {
		l.say(flag, q.Get(flag), "")
	}
	l.yes("blocks", q.Get("blocks") == "true")
	return l.shell()
}

// recording says what is read of recordings.
func (l *line) recording(r *explain.Recording) {
	l.say("channels", asList(r.Channels), "")
	for _, m := range []struct {
		flag string
		at   *recording.Moment
	}{{"start", r.Start}, {"end", r.End}, {"every", r.Every}} {
		if m.at != nil {
			l.say(m.flag, m.at.String(), "")
		}
	}
	if r.Rate != 0 {
		l.say("rate", strconv.FormatFloat(r.Rate, 'g', -1, 64), "")
	}
	l.say("resample", r.Resample, "")
	l.say("normalize", r.Normalize, "")
	l.say("missing", r.Missing, "")
	l.say("occlude", asList(r.Occlude), "")
}

// asList writes names as flags of several take them.
func asList(names []string) string {
	if len(names) == 0 {
		return ""
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(names) // into memory
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

// command is the command line that recognizes the video so.
func (r *recognition) command() string {
	l := append(line{"krypton", "orv", r.film.path}, r.network.WatchFlags...)
	q, usual := r.question, recognize.Defaults()
	l.say("start", q.Start, "")
	l.say("end", q.End, "")
	l.number("every", q.Every, usual.Every)
	l.say("mode", string(q.Mode), string(usual.Mode))
	l.whole("tolerance", q.Tolerance)
	l.number("specks", q.Specks, usual.Specks)
	l.say("epsilon", real(q.Epsilon), "")
	l.say("shape", string(q.Shape), string(usual.Shape))
	l.whole("refresh", q.KeyFrames)
	l.say("guard", real(q.Guard), "")
	l.number("shortlist", q.Shortlist, usual.Shortlist)
	l.say("target-agreement", real(&q.TargetAgreement), real(&usual.TargetAgreement))
	l.number("tune-frames", q.TuneFrames, usual.TuneFrames)
	l.number("verify-every", q.VerifyEvery, usual.VerifyEvery)
	l.say("verify-share", real(&q.VerifyShare), "0")
	l.yes("timings", q.Timings)
	l.number("top", q.Top, usual.Top)
	l.say("activation", q.Activation, "")
	l.number("smooth", q.Smooth, usual.Smooth)
	l.say("min-score", real(q.MinScore), "")
	l.say("iou", real(q.IoU), "")
	l.say("classes", strings.Join(q.Classes, ","), "")
	l.number("max-objects", q.MostObjects, usual.MostObjects)
	l.yes("no-track", q.Untracked)
	return l.shell()
}

// line is a command line that is being made.
type line []string

// say adds a flag, unless its value goes without saying.
func (l *line) say(flag, value, usual string) {
	if value != usual {
		*l = append(*l, "--"+flag, value)
	}
}

func (l *line) number(flag string, v, usual int) { l.say(flag, strconv.Itoa(v), strconv.Itoa(usual)) }

func (l *line) whole(flag string, v *int) {
	if v != nil {
		l.say(flag, strconv.Itoa(*v), "")
	}
}

func (l *line) yes(flag string, v bool) {
	if v {
		*l = append(*l, "--"+flag)
	}
}

// shell is the line as a shell takes it.
func (l *line) shell() string {
	var words []string
	for _, w := range *l {
		words = append(words, quoted(w))
	}
	return strings.Join(words, " ")
}

// real is a number, "" for none.
func real(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', -1, 64)
}

// count is a number of positions, of which a negative one stands for all.
func count(n int) string {
	if n < 0 {
		return "all"
	}
	return strconv.Itoa(n)
}

func fills(all []explain.Fill) string {
	var names []string
	for _, f := range all {
		names = append(names, string(f))
	}
	return asList(names)
}

// wishes adds the flags of what is given up.
func (l *line) wishes(w explain.Wish) {
	l.say("ssim", real(w.SSIM), "")
	l.say("speedup", real(w.Speedup), "")
	l.say("tau", real(w.Tau), "")
	l.say("epsilon", real(w.Epsilon), "")
	l.say("gates", real(w.Gates), "")
	l.say("drill-down", real(w.DrillDown), "")
	if w.Precision != nil {
		*l = append(*l, "--precision", string(*w.Precision))
	}
	l.whole("shortlist", w.Shortlist)
	if w.Steps != nil { // none of them says something too
		var steps []string
		for _, s := range w.Steps {
			steps = append(steps, strconv.Itoa(s))
		}
		*l = append(*l, "--steps", strings.Join(steps, ","))
	}
	if w.Checkerboard != nil {
		*l = append(*l, map[bool]string{true: "--checkerboard", false: "--checkerboard=false"}[*w.Checkerboard])
	}
	if w.Within != nil {
		text, _ := w.Within.MarshalText()
		*l = append(*l, "--within", string(text))
	}
}

// quoted is a word as a shell takes it for one.
func quoted(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("%+,-./:=@_", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
