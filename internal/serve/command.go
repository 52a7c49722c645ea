package serve

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/heatmap"
	"krypton/internal/obe"
	"krypton/internal/recognize"
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
func (r *answer) command(q url.Values) string {
	words := []string{"krypton", "obe"}
	if p := r.picture; p.path != "" {
		words = append(words, p.path)
	}
	words = append(words, r.ask.network.Flags...)
	say := func(flag, value, usual string) {
		if value != usual {
			words = append(words, "--"+flag, value)
		}
	}
	a, usual := r.ask.question, explain.Default()
	say("patch", obe.Sizes(a.Patches), obe.Sizes(usual.Patches))
	say("stride", obe.Sizes(a.Strides), obe.Sizes(usual.Strides))
	say("border", string(a.Border), string(usual.Border))
	say("region", a.Region.String(), "")
	say("fill", fills(a.Fills), fills(usual.Fills))
	say("seed", strconv.FormatUint(a.Seed, 10), strconv.FormatUint(usual.Seed, 10))
	say("class", strings.Join(a.Classes, ","), "")
	say("box", strings.Join(a.Boxes, ","), "")
	say("min-score", real(a.MinScore), "")
	say("iou", real(a.IoU), "")
	say("target", string(a.Target), "")
	if a.Part != "" {
		say("output", r.ask.model.Plan.Outputs()[r.ask.job.Aim().Output]+"["+strings.Trim(a.Part, "[]")+"]", "")
	}
	say("reduce", string(a.Reduce), "")
	say("at", a.At.String(), "")
	say("segment-region", a.SegmentRegion.String(), "")
	say("activation", string(a.Activation), string(usual.Activation))
	say("score", string(a.Score), string(usual.Score))
	say("target", string(a.Target), "")
	say("reduce", string(a.Reduce), "")
	say("at", a.At.String(), "")
	say("segment-region", a.SegmentRegion.String(), "")
	say("mode", string(a.Mode), "")
	words = append(words, wishes(a.Approximate)...)
	say("combine", a.Combine, usual.Combine)
	say("verify", count(a.Verify), count(usual.Verify))
	say("compare", count(a.Compare), count(usual.Compare))
	for _, flag := range []string{"alpha", "colormap", "scale", "contours"} {
		say(flag, q.Get(flag), "")
	}
	if q.Get("blocks") == "true" {
		words = append(words, "--blocks")
	}
	return shell(words)
}

// command is the command line that recognizes the video so.
func (r *recognition) command() string {
	words := append([]string{"krypton", "orv", r.film.path}, r.network.WatchFlags...)
	say := func(flag, value, usual string) {
		if value != usual {
			words = append(words, "--"+flag, value)
		}
	}
	number := func(flag string, v, usual int) { say(flag, strconv.Itoa(v), strconv.Itoa(usual)) }
	whole := func(flag string, v *int) {
		if v != nil {
			say(flag, strconv.Itoa(*v), "")
		}
	}
	yes := func(flag string, v bool) {
		if v {
			words = append(words, "--"+flag)
		}
	}
	q, usual := r.question, recognize.Defaults()
	say("start", q.Start, "")
	say("end", q.End, "")
	number("every", q.Every, usual.Every)
	say("mode", string(q.Mode), string(usual.Mode))
	whole("tolerance", q.Tolerance)
	number("specks", q.Specks, usual.Specks)
	say("epsilon", real(q.Epsilon), "")
	say("shape", string(q.Shape), string(usual.Shape))
	whole("refresh", q.KeyFrames)
	say("guard", real(q.Guard), "")
	number("shortlist", q.Shortlist, usual.Shortlist)
	say("target-agreement", real(&q.TargetAgreement), real(&usual.TargetAgreement))
	number("tune-frames", q.TuneFrames, usual.TuneFrames)
	number("verify-every", q.VerifyEvery, usual.VerifyEvery)
	yes("timings", q.Timings)
	number("top", q.Top, usual.Top)
	say("activation", q.Activation, "")
	number("smooth", q.Smooth, usual.Smooth)
	say("min-score", real(q.MinScore), "")
	say("iou", real(q.IoU), "")
	say("classes", strings.Join(q.Classes, ","), "")
	number("max-objects", q.MostObjects, usual.MostObjects)
	yes("no-track", q.Untracked)
	return shell(words)
}

// shell is a command line of words.
func shell(words []string) string {
	var list []string
	for _, w := range words {
		list = append(list, quoted(w))
	}
	return strings.Join(list, " ")
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
	return strings.Join(names, ",")
}

// wishes are the flags of what is given up.
func wishes(w explain.Wish) []string {
	var words []string
	number := func(flag string, v *float64) {
		if v != nil {
			words = append(words, "--"+flag, strconv.FormatFloat(*v, 'g', -1, 64))
		}
	}
	number("ssim", w.SSIM)
	number("speedup", w.Speedup)
	number("tau", w.Tau)
	number("epsilon", w.Epsilon)
	number("drill-down", w.DrillDown)
	if w.Precision != nil {
		words = append(words, "--precision", string(*w.Precision))
	}
	if w.Shortlist != nil {
		words = append(words, "--shortlist", strconv.Itoa(*w.Shortlist))
	}
	if w.Steps != nil { // none of them says something too
		var steps []string
		for _, s := range w.Steps {
			steps = append(steps, strconv.Itoa(s))
		}
		words = append(words, "--steps", strings.Join(steps, ","))
	}
	if w.Checkerboard != nil {
		words = append(words, map[bool]string{true: "--checkerboard", false: "--checkerboard=false"}[*w.Checkerboard])
	}
	if w.Within != nil {
		text, _ := w.Within.MarshalText()
		words = append(words, "--within", string(text))
	}
	return words
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
