package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"krypton/internal/graph"
	"krypton/internal/incremental"
	"krypton/internal/obe"
	"krypton/internal/tune"
)

// approximateOptions are the flags of approximate maps.
type approximateOptions struct {
	tau, epsilon, drillDown float64
	shortlist               int
	steps, precision        string
	checkerboard            bool
	ssim, speedup           float64
	within                  time.Duration
}

// settingFlags say what is given up; approximateFlags are they and those that
// choose them.
var (
	settingFlags     = []string{"tau", "epsilon", "shortlist", "drill-down", "steps", "checkerboard", "within"}
	approximateFlags = append([]string{"ssim", "speedup", "precision"}, settingFlags...)
)

func (o *approximateOptions) addFlags(f *pflag.FlagSet) {
	f.Float64Var(&o.tau, "tau", 1, "approximate: no region exceeds this `share` of a layer's width or height")
	f.Float64Var(&o.epsilon, "epsilon", 0, "approximate: drop border pixels of a region that moved by less than this `share` of the layer's scale")
	f.StringVar(&o.steps, "steps", "", "approximate: compute every Nth position first, then refine: 4,2,1 (default 4,2,1 with --drill-down)")
	f.BoolVar(&o.checkerboard, "checkerboard", false, "approximate: compute every other position, then a tenth of all (--drill-down) where their neighbours differ most; the others are interpolated")
	f.Float64Var(&o.drillDown, "drill-down", 0, "approximate: `share` of the positions of each finer step that are computed, where the score drops most; the others are interpolated")
	f.IntVar(&o.shortlist, "shortlist", 0, "approximate: compute the `N` likeliest classes only, where the last layers allow; the softmax counts the others as on the clean image")
	f.DurationVar(&o.within, "within", 0, "approximate: the best map that this `time` allows for a picture, such as 2s: a coarse one first, then finer where the score drops most")
	f.StringVar(&o.precision, "precision", string(incremental.FP32), "approximate: fp32, bf16 (products of half the width) or int8 (of what differs from the clean image, a quarter), where the processor has them")
	f.Float64Var(&o.ssim, "ssim", 0, "approximate: the fastest setting of the model's profile whose maps are this similar to exact ones (default 0.9)")
	f.Float64Var(&o.speedup, "speedup", 0, "approximate: the best setting of the model's profile that takes this many times fewer multiply-adds than running the network each time")
}

// approximated is what a run gives up, and what is known of it: the record's
// entry.
type approximated struct {
	obe.Approximation
	// Seconds is the time that a picture was given (Within); Late says that it
	// was up before all positions were computed.
	Seconds float64 `json:"within_seconds,omitempty"`
	Late    bool    `json:"time_was_up,omitempty"`
	// Precision is that of products, empty for float32.
	Precision incremental.Precision `json:"precision,omitempty"`
	// Source is flags, profile or default; Family is whose default.
	Source string      `json:"source"`
	Family tune.Family `json:"family,omitempty"`
	// Expected is what tuning measured for the profile's setting.
	Expected *tune.Point `json:"expected,omitempty"`
	// Computed is the number of positions that were computed.
	Computed int `json:"positions_computed"`
	// Error is what --verify measured.
	Error *obe.MeasuredError `json:"measured_error,omitempty"`
}

// text says in a few words what was given up, and what is known of it.
func (a *approximated) text() string {
	if known := a.known(); known != "" {
		return a.setting() + ", " + known
	}
	return a.setting()
}

// setting says what was given up.
func (a *approximated) setting() string {
	var parts []string
	if a.Tau != 0 && a.Tau != 1 {
		parts = append(parts, fmt.Sprintf("tau %g", a.Tau))
	}
	if a.Epsilon != 0 {
		parts = append(parts, fmt.Sprintf("epsilon %g", a.Epsilon))
	}
	if a.Shortlist != 0 {
		parts = append(parts, fmt.Sprintf("%d classes", a.Shortlist))
	}
	if a.Within > 0 {
		parts = append(parts, fmt.Sprintf("within %g s", a.Seconds))
		if a.Late {
			parts = append(parts, fmt.Sprintf("time was up after %d positions", a.Computed))
		}
	} else if len(a.Steps) > 0 {
		parts = append(parts, fmt.Sprintf("steps %v of the %g share", a.Steps, a.DrillDown))
	} else if a.Checkerboard {
		parts = append(parts, fmt.Sprintf("checkerboard and a share of %g", a.DrillDown))
	}
	if a.Precision != "" {
		parts = append(parts, "precision "+string(a.Precision))
	}
	if len(parts) == 0 {
		parts = []string{"nothing given up"}
	}
	return strings.Join(parts, ", ")
}

// known says how near to an exact map that is, as far as anybody knows.
func (a *approximated) known() string {
	var parts []string
	if a.Expected != nil {
		parts = append(parts, fmt.Sprintf("expected SSIM %.3f (scores), %.3f (rendered)", a.Expected.SSIM, a.Expected.SSIMPaper))
	}
	if e := a.Error; e != nil {
		parts = append(parts, fmt.Sprintf("error at %d positions %.2g mean, %.2g largest, of a range of %.2g", e.Positions, e.Mean, e.Largest, e.Range))
	}
	return strings.Join(parts, ", ")
}

// precisions are the values of --precision.
func precisions() []string {
	var names []string
	for _, p := range incremental.Precisions {
		names = append(names, string(p))
	}
	return names
}

// parsePrecision reads --precision.
func parsePrecision(text string) (incremental.Precision, error) {
	if p := incremental.Precision(text); slices.Contains(incremental.Precisions, p) {
		return p, nil
	}
	return "", fmt.Errorf("--precision is %q, want one of %s", text, strings.Join(precisions(), ", "))
}

// resolve decides from settings and the model's profile what the run gives up,
// nil for none. mode is --mode.
func (o *approximateOptions) resolve(s *settings, mode string, profile *tune.Profile) (*approximated, error) {
	precision, err := parsePrecision(o.precision)
	if err != nil {
		return nil, err
	}
	a, err := o.regions(s, mode, profile)
	if err != nil || !s.given("precision") {
		return a, err
	}
	if precision == incremental.FP32 {
		if a != nil && a.Precision != "" {
			a.Precision, a.Expected = "", nil
		}
		return a, nil
	}
	if a == nil { // that alone is given up
		a = &approximated{Approximation: obe.Approximation{Tau: 1}, Source: "flags"}
	}
	if a.Precision != precision {
		a.Precision, a.Expected = precision, nil // tuning did not measure that
	}
	return a, nil
}

// regions is resolve without --precision: what concerns regions and positions.
func (o *approximateOptions) regions(s *settings, mode string, profile *tune.Profile) (*approximated, error) {
	modeSet := s.origin("mode") != "default"
	var set []string
	for _, name := range approximateFlags {
		if s.given(name) {
			set = append(set, "--"+name)
		}
	}
	if mode != string(obe.Approximate) {
		if len(set) == 0 || slices.Equal(set, []string{"--precision"}) && (!modeSet || o.precision == string(incremental.FP32)) {
			return nil, nil
		}
		if modeSet {
			if s.flags.Changed("mode") && !slices.ContainsFunc(approximateFlags, s.flags.Changed) {
				return nil, nil // the command line is before environment and file
			}
			return nil, fmt.Errorf("%s: needs --mode approximate", set[0])
		}
	}
	chosen := s.given("ssim") || s.given("speedup")
	if o.within < 0 || s.given("within") && (o.within == 0 || s.given("steps") || s.given("drill-down") || s.given("checkerboard") || chosen) {
		return nil, errors.New("--within takes a time, and excludes --steps, --checkerboard, --drill-down, --ssim and --speedup")
	}
	if s.given("tau") && !(o.tau > 0 && o.tau <= 1) {
		return nil, fmt.Errorf("--tau is %g, want above 0 and up to 1", o.tau)
	}
	own := slices.ContainsFunc(settingFlags, s.given)
	switch {
	case chosen && own:
		return nil, errors.New("--ssim and --speedup choose from the profile: they exclude --" + strings.Join(settingFlags, ", --"))
	case s.given("ssim") && s.given("speedup"):
		return nil, errors.New("--ssim and --speedup exclude each other")
	case own:
		a := obe.Approximation{Tau: o.tau, Epsilon: o.epsilon, Shortlist: o.shortlist, Checkerboard: o.checkerboard, DrillDown: o.drillDown}
		if o.within > 0 {
			a.Steps, a.DrillDown, a.Within = obe.Anytime, 1, o.within
			return &approximated{Approximation: a, Seconds: o.within.Seconds(), Source: "flags"}, a.Validate()
		}
		if o.checkerboard && !s.given("drill-down") {
			a.DrillDown = checkerboardShare
		}
		var err error
		a.Steps, err = parseSteps(o.steps, s.given("drill-down") && !o.checkerboard)
		return &approximated{Approximation: a, Source: "flags"}, errors.Join(err, a.Validate())
	case profile == nil && chosen:
		return nil, errors.New("--ssim and --speedup need a profile beside the model: make one with 'krypton tune'")
	case profile == nil:
		return &approximated{Approximation: tune.Default(tune.Plain), Source: "default"}, nil // until the network is known
	}
	var p tune.Point
	var err error
	if s.given("speedup") {
		p, err = profile.ForSpeed(o.speedup)
	} else {
		want := o.ssim
		if want == 0 {
			want = 0.9
		}
		p, err = profile.ForQuality(want)
	}
	return &approximated{Approximation: p.Approximation, Precision: p.Precision, Source: "profile", Expected: &p}, err
}

// checkerboardShare is --drill-down's default with --checkerboard.
const checkerboardShare = 0.1

// parseSteps reads numbers with commas between them.
func parseSteps(s string, drill bool) ([]int, error) {
	if s == "" {
		if drill {
			return []int{4, 2, 1}, nil
		}
		return nil, nil
	}
	var steps []int
	for _, w := range strings.Split(s, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(w))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("--steps is %q, want whole numbers such as 4,2,1", s)
		}
		steps = append(steps, n)
	}
	return steps, nil
}

// suit takes the defaults of the network's family where nobody chose.
func (a *approximated) suit(g *graph.Graph) {
	if a != nil && a.Source == "default" {
		a.Family = tune.FamilyOf(g)
		a.Approximation = tune.Default(a.Family)
	}
}

// approximation is the engine's form of it; nil gives up nothing.
func (a *approximated) approximation() obe.Approximation {
	if a == nil {
		return obe.Approximation{}
	}
	return a.Approximation
}

// of is the record's entry for one picture's results, nil for an exact map.
func (a *approximated) of(results []*obe.Result) *approximated {
	if a == nil {
		return nil
	}
	r := *a
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
	}
	return &r
}
