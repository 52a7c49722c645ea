package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"krypton/internal/failure"
	"krypton/internal/incremental"
	"krypton/internal/obe"
	"krypton/internal/tune"
)

// Duration is a time that is a text in JSON, such as "2s".
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

// Wish says what a map may give up for speed. What is nil nobody has said.
type Wish struct {
	// SSIM is the similarity to the exact map that is certified for each picture, above 0;
	// Speedup chooses from the model's profile the best setting that takes
	// this many times fewer multiply-adds than running the network each time.
	SSIM    *float64 `json:"ssim,omitempty"`
	Speedup *float64 `json:"speedup,omitempty"`
	// Precision is that of products.
	Precision *incremental.Precision `json:"precision,omitempty"`
	// The others are obe.Approximation's. Steps that are not nil are said, also if there
	// are none.
	Tau          *float64  `json:"tau,omitempty"`
	Epsilon      *float64  `json:"epsilon,omitempty"`
	Gates        *float64  `json:"gates,omitempty"`
	Shortlist    *int      `json:"shortlist,omitempty"`
	DrillDown    *float64  `json:"drill_down,omitempty"`
	Steps        []int     `json:"steps,omitempty"`
	Checkerboard *bool     `json:"checkerboard,omitempty"`
	Within       *Duration `json:"within,omitempty"`
}

// settings are the fields that say what is given up.
func (w *Wish) settings() []failure.Setting {
	return said([]wished{{"tau", w.Tau != nil}, {"epsilon", w.Epsilon != nil}, {"gates", w.Gates != nil}, {"shortlist", w.Shortlist != nil}, {"drill_down", w.DrillDown != nil},
		{"steps", w.Steps != nil}, {"checkerboard", w.Checkerboard != nil}, {"within", w.Within != nil}})
}

// choices are the fields that choose what is given up.
func (w *Wish) choices() []failure.Setting {
	return said([]wished{{"ssim", w.SSIM != nil}, {"speedup", w.Speedup != nil}})
}

// wished is a field, and whether somebody said it.
type wished struct {
	name failure.Setting
	said bool
}

func said(all []wished) []failure.Setting {
	var names []failure.Setting
	for _, w := range all {
		if w.said {
			names = append(names, w.name)
		}
	}
	return names
}

// Given is what a map gives up, and what is known of it: the record's entry.
type Given struct {
	obe.Approximation
	// Seconds is the time that a picture was given (Within); Late says that it
	// was up before all positions were computed.
	Seconds float64 `json:"within_seconds,omitempty"`
	Late    bool    `json:"time_was_up,omitempty"`
	// Precision is that of products, empty for float32.
	Precision incremental.Precision `json:"precision,omitempty"`
	// Source is flags, profile, default or certificate; Family is whose default, or whose
	// settings are tried.
	Source string      `json:"source"`
	Family tune.Family `json:"family,omitempty"`
	// Expected is what tuning measured for the profile's setting.
	Expected *tune.Point `json:"expected,omitempty"`
	// Tuned says where the profile was tuned, if that is not what is asked here:
	// nothing is known of the setting here.
	Tuned string `json:"tuned_at,omitempty"`
	// Certificate is what is known of a picture's map.
	Certificate *obe.Certificate `json:"certificate,omitempty"`
	// Computed is the number of positions that were computed.
	Computed int `json:"positions_computed"`
	// Error is what verifying measured.
	Error *obe.MeasuredError `json:"measured_error,omitempty"`

	certify *obe.Certify // what is to be certified, nil for settings that are fixed
}

// The sources of what is given up: the question, the model's profile, the defaults of its
// family, and what was found for the picture.
const (
	Asked     = "flags"
	Profiled  = "profile"
	ByDefault = "default"
	Certified = "certificate"
)

// defaultSSIM is what is certified where nobody says.
const defaultSSIM = 0.9

// checkerboardShare is the share to drill down where nobody says, with a checkerboard.
const checkerboardShare = 0.1

// Choose decides what a map gives up, nil for nothing: from a question's mode and wish,
// the model's profile (nil if it has none) and its family's defaults. listed says that
// patches are those of a list, which have no grid.
func Choose(mode obe.Mode, w Wish, listed bool, profile *tune.Profile, family tune.Family) (*Given, error) {
	approximate, err := w.check(mode)
	if err != nil {
		return nil, err
	}
	var g *Given
	if approximate {
		if g, err = w.given(listed, profile, family); err != nil {
			return nil, failure.As(failure.Usage, err)
		}
	}
	return w.precise(g), nil
}

// precise makes the precision the wish's, if it has one.
func (w *Wish) precise(g *Given) *Given {
	switch {
	case w.Precision == nil:
	case *w.Precision == incremental.FP32:
		if g != nil && g.Precision != "" {
			g.Precision, g.Expected = "", nil
		}
	case g == nil: // that alone is given up
		g = &Given{Approximation: obe.Approximation{Tau: 1}, Source: Asked, Precision: *w.Precision}
	case g.Precision != *w.Precision:
		g.Precision, g.Expected = *w.Precision, nil // tuning did not measure that
	}
	return g
}

// check says whether regions or positions are given up, and fails where a wish makes no
// sense whatever the model.
func (w *Wish) check(mode obe.Mode) (approximate bool, err error) {
	if p := w.Precision; p != nil {
		if _, err := ParsePrecision(string(*p)); err != nil {
			return false, err
		}
	}
	own, choices := w.settings(), w.choices()
	if mode != obe.Approximate {
		all := choices
		if w.Precision != nil && (mode != "" && *w.Precision != incremental.FP32 || len(choices)+len(own) > 0) {
			all = append(all, "precision")
		}
		all = append(all, own...)
		switch {
		case len(all) == 0:
			return false, nil
		case mode != "":
			return false, failure.Wrongf("%v: needs %v approximate", all[0], failure.Setting("mode"))
		}
	}
	if d := w.Within; d != nil && (*d <= 0 || w.Steps != nil || w.DrillDown != nil || w.Checkerboard != nil || len(choices) > 0) {
		return false, failure.Wrongf("%v takes a time, and excludes %v, %v, %v, %v and %v", failure.Setting("within"), failure.Setting("steps"), failure.Setting("checkerboard"), failure.Setting("drill_down"), failure.Setting("ssim"), failure.Setting("speedup"))
	}
	if w.Tau != nil && !(*w.Tau > 0 && *w.Tau <= 1) {
		return false, failure.Wrongf("%v is %g, want above 0 and up to 1", failure.Setting("tau"), *w.Tau)
	}
	switch {
	case len(choices) > 0 && len(own) > 0:
		return false, failure.Wrongf("%v and %v find what is given up: they exclude %v, %v, %v, %v, %v, %v, %v, %v", failure.Setting("ssim"), failure.Setting("speedup"),
			failure.Setting("tau"), failure.Setting("epsilon"), failure.Setting("gates"), failure.Setting("shortlist"), failure.Setting("drill_down"), failure.Setting("steps"), failure.Setting("checkerboard"), failure.Setting("within"))
	case w.SSIM != nil && !(*w.SSIM > 0 && *w.SSIM <= 1):
		return false, failure.Wrongf("%v is %g, want above 0 and up to 1", failure.Setting("ssim"), *w.SSIM)
	case len(choices) == 2:
		return false, failure.Wrongf("%v and %v exclude each other", failure.Setting("ssim"), failure.Setting("speedup"))
	case len(own) > 0:
		return true, failure.As(failure.Usage, w.own().Validate())
	}
	return true, nil
}

// own is the approximation that a wish's settings make.
func (w *Wish) own() obe.Approximation {
	a := obe.Approximation{Tau: or(w.Tau, 1), Epsilon: or(w.Epsilon, 0), Gates: or(w.Gates, 0), Shortlist: or(w.Shortlist, 0), Checkerboard: or(w.Checkerboard, false), DrillDown: or(w.DrillDown, 0)}
	switch {
	case w.Within != nil:
		a.Steps, a.DrillDown, a.Within = obe.Anytime, 1, time.Duration(*w.Within)
		return a
	case a.Checkerboard && w.DrillDown == nil:
		a.DrillDown = checkerboardShare
	}
	if a.Steps = w.Steps; len(a.Steps) == 0 {
		if a.Steps = nil; w.DrillDown != nil && !a.Checkerboard {
			a.Steps = []int{4, 2, 1}
		}
	}
	return a
}

// or is what somebody said, or else a default.
func or[T any](said *T, otherwise T) T {
	if said == nil {
		return otherwise
	}
	return *said
}

// given is what an approximate map gives up of regions and positions.
func (w *Wish) given(listed bool, profile *tune.Profile, family tune.Family) (*Given, error) {
	switch {
	case len(w.settings()) > 0:
		return &Given{Approximation: w.own(), Seconds: time.Duration(or(w.Within, 0)).Seconds(), Source: Asked}, nil
	case profile == nil && w.Speedup != nil:
		return nil, failure.Wrongf("%v needs a profile beside the model: make one with 'krypton tune'", failure.Setting("speedup"))
	case listed && profile == nil && or(w.SSIM, 0) != 0:
		return nil, failure.Wrongf("%v: what is certified are maps on a grid, which patches of a list have not: a profile that was tuned for them says more ('krypton tune')", failure.Setting("ssim"))
	case listed && profile == nil:
		return &Given{Approximation: tune.Default(family), Source: ByDefault, Family: family}, nil
	case listed || w.Speedup != nil:
		p, err := tune.Point{}, error(nil)
		if w.Speedup != nil {
			p, err = profile.ForSpeed(*w.Speedup)
		} else {
			p, err = profile.ForQuality(w.similarity())
		}
		return &Given{Approximation: p.Approximation, Precision: p.Precision, Source: Profiled, Expected: &p}, err
	}
	want := w.similarity()
	var start *tune.Point
	if profile != nil {
		if p, err := profile.ForQuality(want); err == nil {
			start = &p
		}
	}
	c := &obe.Certify{SSIM: want, Rungs: tune.Rungs(family, start)}
	return &Given{certify: c, Approximation: obe.Approximation{Tau: c.Rungs[0].Tau}, Precision: incremental.INT8, Source: Certified, Family: family}, nil
}

// similarity is what is wished, also where nobody says.
func (w *Wish) similarity() float64 { return cmp.Or(or(w.SSIM, 0), defaultSSIM) }

// elsewhere takes back what a profile expects if it was tuned for other patches, fills or
// sizes than these.
func (g *Given) elsewhere(p *tune.Profile, q *Question, input [2]int) {
	if g == nil || g.Expected == nil || p == nil {
		return
	}
	same := len(q.Patches) == 1 && len(q.Fills) == 1
	patches, err := obe.ParsePatches(p.Patch)
	same = same && err == nil && slices.Equal(patches, q.Patches)
	strides, err := obe.ParseSizes(p.Stride)
	same = same && err == nil && len(strides) == 1 && strides[0].On(input[0], input[1]) == q.stride(0).On(input[0], input[1])
	same = same && (p.Fill == "" || p.Fill == string(q.Fills[0]))
	same = same && (p.Input == "" || p.Input == InputText(input))
	if same {
		return
	}
	g.Expected, g.Tuned = nil, fmt.Sprintf("patch %s, stride %s", p.Patch, p.Stride)
	if p.Fill != "" {
		g.Tuned += ", fill " + p.Fill
	}
	if p.Input != "" {
		g.Tuned += ", input " + p.Input
	}
}

// InputText is an input's size, height and width, as a profile has it.
func InputText(input [2]int) string { return fmt.Sprintf("%dx%d", input[0], input[1]) }

// settle takes back what this plan cannot give, for an output, and notes what one should
// know of what is given up. spell writes the names of fields.
func (g *Given) settle(plan *incremental.Plan, aim *Aim, spell func(failure.Setting) string) (notes []string) {
	if g == nil {
		return nil
	}
	if n := g.Shortlist; n > 0 && g.certify == nil {
		if head, ok := plan.Head(aim.Output); !ok || aim.Record() != nil || head.Classes() <= n {
			if g.Source == Asked {
				notes = append(notes, fmt.Sprintf("%s %d leaves nothing out: the model has no more classes, or its last layers mix them", spell("shortlist"), n))
			}
			g.Shortlist = 0
		}
	}
	notes = append(notes, g.settleGates(plan, spell)...)
	if g.Source == ByDefault {
		notes = append(notes, fmt.Sprintf("nobody has tuned approximations for this model ('krypton tune' does): the defaults of %s networks are taken, %s", g.Family, g.Text()))
	}
	if g.Precision != "" && plan.Precision() != g.Precision {
		if g.certify == nil { // else nobody asked for it
			notes = append(notes, fmt.Sprintf("%s %s: no layer takes it with these kernels (%s): %s is taken", spell("precision"), g.Precision, plan.Kernels(), plan.Precision()))
		}
		if g.Precision = plan.Precision(); g.Precision == incremental.FP32 {
			g.Precision = "" // goes without saying
		}
	}
	return notes
}

// settleGates leaves gates alone where a plan has none, and has the settings that are tried for
// a certificate follow them as numbers where it has some.
func (g *Given) settleGates(plan *incremental.Plan, spell func(failure.Setting) string) (notes []string) {
	n := plan.Gates()
	if n == 0 && g.Gates > 0 {
		if g.Source == Asked {
			notes = append(notes, fmt.Sprintf("%s %g leaves nothing out: the model has no gates", spell("gates"), g.Gates))
		}
		g.Gates = 0
	}
	if g.certify == nil || n == 0 {
		return notes
	}
	certify := *g.certify
	certify.Rungs = slices.Clone(certify.Rungs)
	for i := range certify.Rungs {
		certify.Rungs[i].Gates = certify.Rungs[i].Epsilon
	}
	g.certify = &certify
	return notes
}

// approximation is the engine's form of it; nil gives up nothing.
func (g *Given) approximation() obe.Approximation {
	if g == nil || g.certify != nil {
		return obe.Approximation{}
	}
	return g.Approximation
}

// certified is what is to be certified, nil if nothing is.
func (g *Given) certified() *obe.Certify {
	if g == nil {
		return nil
	}
	return g.certify
}

// of is the record's entry for one picture's results, nil for an exact map.
func (g *Given) of(results []*obe.Result) *Given {
	if g == nil {
		return nil
	}
	r := *g
	for _, res := range results {
		for _, c := range res.Computed {
			if c {
				r.Computed++
			}
		}
		r.Late = r.Late || res.Late
		if res.Error != nil {
			r.Error = res.Error
		}
		if c := res.Certificate; c != nil {
			if r.Certificate = r.Certificate.And(c); c.Reason == "" {
				r.Approximation = c.Setting
			}
		}
	}
	if r.certify != nil && r.Certificate != nil && r.Certificate.Exact == r.Certificate.Positions() {
		r.Approximation, r.Precision = obe.Approximation{Tau: 1}, ""
	}
	return &r
}

// Text says in a few words what was given up, and what is known of it.
func (g *Given) Text() string {
	if known := g.known(); known != "" {
		return g.setting() + ", " + known
	}
	return g.setting()
}

// setting says what was given up.
func (g *Given) setting() string {
	if g.certify != nil && g.Certificate == nil {
		return fmt.Sprintf("whatever leaves an SSIM of %g", g.certify.SSIM)
	}
	var parts []string
	if g.Tau != 0 && g.Tau != 1 {
		parts = append(parts, fmt.Sprintf("tau %g", g.Tau))
	}
	if g.Epsilon != 0 {
		parts = append(parts, fmt.Sprintf("epsilon %g", g.Epsilon))
	}
	if g.Gates != 0 {
		parts = append(parts, fmt.Sprintf("gates %g", g.Gates))
	}
	if g.Shortlist != 0 {
		parts = append(parts, fmt.Sprintf("%d classes", g.Shortlist))
	}
	if g.Within > 0 {
		parts = append(parts, fmt.Sprintf("within %g s", g.Seconds))
		if g.Late {
			parts = append(parts, fmt.Sprintf("time was up after %d positions", g.Computed))
		}
	} else if len(g.Steps) > 0 {
		parts = append(parts, fmt.Sprintf("steps %v of the %g share", g.Steps, g.DrillDown))
	} else if g.Checkerboard {
		parts = append(parts, fmt.Sprintf("checkerboard and a share of %g", g.DrillDown))
	}
	if g.Precision != "" {
		parts = append(parts, "precision "+string(g.Precision))
	}
	if c := g.Certificate; c != nil && c.Interpolated > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d positions interpolated", c.Interpolated, c.Positions()))
	}
	if len(parts) == 0 {
		parts = []string{"nothing given up"}
	}
	return strings.Join(parts, ", ")
}

// known says how near to an exact map that is, as far as anybody knows.
func (g *Given) known() string {
	var parts []string
	if g.Tuned != "" {
		parts = append(parts, fmt.Sprintf("tuned at %s: what it keeps is not known here", g.Tuned))
	}
	if g.Certificate != nil {
		parts = append(parts, certificateText(g.Certificate))
	} else if g.Within > 0 && g.Late {
		parts = append(parts, "how similar it is to the exact map is not known: time, or the grid, was too small for samples")
	}
	if g.Expected != nil {
		parts = append(parts, fmt.Sprintf("expected SSIM %.3f (scores), %.3f (rendered)", g.Expected.SSIM, g.Expected.SSIMPaper))
	}
	if e := g.Error; e != nil {
		parts = append(parts, fmt.Sprintf("error at %d positions %.2g mean, %.2g largest, of a range of %.2g", e.Positions, e.Mean, e.Largest, e.Range))
	}
	return strings.Join(parts, ", ")
}

// certificateText says what is certified.
func certificateText(c *obe.Certificate) string {
	if c.Reason != "" && c.Interpolated+c.Approximate == 0 {
		return "the map is exact: " + c.Reason
	}
	t := fmt.Sprintf("SSIM at least %.3f (scores)", float64(c.Scores))
	if c.Rendered != nil {
		t += fmt.Sprintf(", %.3f (rendered)", float64(*c.Rendered))
	}
	return t + fmt.Sprintf(" at %.0f %% confidence, by %d random positions computed exactly", 100*c.Confidence, c.Sampled)
}

// Precisions are the names of precisions that approximate maps may have.
func Precisions() []string {
	var names []string
	for _, p := range incremental.Precisions {
		names = append(names, string(p))
	}
	return names
}

// ParsePrecision reads a precision's name.
func ParsePrecision(text string) (incremental.Precision, error) {
	if p := incremental.Precision(text); slices.Contains(incremental.Precisions, p) {
		return p, nil
	}
	if text == string(incremental.TF32) {
		return "", failure.Wrongf("%v tf32: only graphics cards multiply so (%v gpu)", failure.Setting("precision"), failure.Setting("device"))
	}
	return "", failure.Wrongf("%v is %q, want one of %s", failure.Setting("precision"), text, strings.Join(Precisions(), ", "))
}

// ParseSteps reads numbers with commas between them.
func ParseSteps(s string) ([]int, error) {
	if s == "" {
		return nil, nil
	}
	var steps []int
	for _, w := range strings.Split(s, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(w))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("is %q, want whole numbers such as 4,2,1", s)
		}
		steps = append(steps, n)
	}
	return steps, nil
}

// ProfileTable is a profile as a table for people: a head, the exact map, and a row for each
// point.
func ProfileTable(p *tune.Profile) [][]string {
	rows := [][]string{
		{"speedup", "SSIM scores", "SSIM rendered", "worst", "rank", "top tenth", "setting"},
		{fmt.Sprintf("%.1fx", p.Exact), "1", "1", "1", "1", "1", "exact"},
	}
	for _, q := range p.Points {
		row := []string{fmt.Sprintf("%.1fx", q.Speedup)}
		for _, v := range []float64{q.SSIM, q.SSIMPaper, q.Worst, q.Rank, q.TopDecile} {
			row = append(row, fmt.Sprintf("%.3f", v))
		}
		given := &Given{Approximation: q.Approximation, Precision: q.Precision}
		rows = append(rows, append(row, given.Text()))
	}
	return rows
}
