package explain

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"krypton/internal/failure"
	"krypton/internal/incremental"
	"krypton/internal/model"
	"krypton/internal/obe"
	"krypton/internal/prediction"
	"krypton/internal/recording"
	"krypton/internal/target"
	"krypton/internal/tune"
)

func ptr[T any](v T) *T { return &v }

// TestQuestionInJSON: a question survives JSON, and what JSON leaves out stays as it was.
func TestQuestionInJSON(t *testing.T) {
	size := func(s string) obe.Size {
		v, err := obe.ParseSize(s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	full := Question{
		Patches: []obe.Patch{obe.Plain(size("16")), {Shape: obe.Circle, Size: size("10%x24"), Soft: 2}}, Strides: []obe.Size{size("4"), size("2%")}, Border: obe.Skip, Region: obe.Region{X: 1, Y: 2, W: 30, H: 40},
		Fills: []Fill{"gray", "#102030"}, Seed: 1<<63 + 1, Classes: []string{"top3", "label:7"}, Activation: prediction.Sigmoid, Score: target.Margin, Mode: obe.Approximate,
		Approximate: Wish{SSIM: ptr(.9), Speedup: ptr(2.), Precision: ptr(incremental.BF16), Tau: ptr(.5), Epsilon: ptr(0.), Gates: ptr(.05), Shortlist: ptr(64), DrillDown: ptr(.1), Steps: []int{4, 2, 1}, Checkerboard: ptr(false), Within: ptr(Duration(2 * time.Second))},
		Boxes:       []string{"3", "car", "false"}, MinScore: ptr(.3), IoU: ptr(.4),
		Combine: "cell", Verify: 3, Compare: -1, Chunk: 7,
		Recording: Recording{Recordings: model.Recordings{Rate: 500, Channels: []string{"II", "3"}, Resample: "sinc", Normalize: "zscore", Missing: "line"}, Start: &recording.Moment{Value: 1.5}, End: &recording.Moment{Value: 900, Samples: true}},
		What:      What{Target: target.SegmentKind, Part: "0,:,3:-1", Reduce: target.Mean, At: &Point{3, 4}, SegmentRegion: obe.Region{X: 5, Y: 6, W: 7, H: 8}},
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Question]()) {
		if f.Tag.Get("json") != "-" && reflect.ValueOf(full).FieldByIndex(f.Index).IsZero() {
			t.Errorf("%s is not tried", f.Name)
		}
	}
	for _, q := range []Question{full, Default()} {
		text, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		var back Question
		if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, q) {
			t.Errorf("%v: %s\nback %+v", err, text, back)
		}
	}
	q := Default()
	if err := json.Unmarshal([]byte(`{"patch": ["24"], "approximate": {"within": "1.5s"}}`), &q); err != nil || q.Patches[0] != obe.Plain(size("24")) || q.Strides[0] != size("4") || *q.Approximate.Within != Duration(1500*time.Millisecond) {
		t.Errorf("%v: %+v", err, q)
	}
	for _, bad := range []string{`{"patch": ["0"]}`, `{"region": "1,2"}`, `{"fill": ["pink"]}`, `{"approximate": {"within": "soon"}}`, `{"seed": -1}`, `{"at": "3"}`, `{"at": "3,4,5"}`, `{"segment_region": "1,2,3"}`} {
		if err := json.Unmarshal([]byte(bad), ptr(Default())); err == nil {
			t.Errorf("%s is a question", bad)
		}
	}
}

// TestCheck spoils the default question in every way that no model can mend.
func TestCheck(t *testing.T) {
	if q := Default(); q.Check() != nil {
		t.Fatal(q.Check())
	}
	for want, spoil := range map[string]func(q *Question){
		`target is "path", want one of class, segment`: func(q *Question) { q.Target = "path" },
		"min-score is 2, want 0 to 1":                  func(q *Question) { q.MinScore = ptr(2.) },
		"iou is -1, want 0 to 1":                       func(q *Question) { q.IoU = ptr(-1.) },
		"reduce makes a number, and target is segment": func(q *Question) { q.Target, q.Reduce = target.SegmentKind, target.Sum },
		`reduce is "median", want one of mean`:         func(q *Question) { q.Reduce = "median" },
		"at and segment_region exclude each other":     func(q *Question) { q.At, q.SegmentRegion = &Point{}, obe.Region{W: 1, H: 1} },
		`output: "a" is no range of indices`:           func(q *Question) { q.Part = "0,a" },
		"patch has 0 sizes":                            func(q *Question) { q.Patches = nil },
		"and stride 0":                                 func(q *Question) { q.Strides = nil },
		"patch has 17 sizes":                           func(q *Question) { q.Patches = slices.Repeat(q.Patches, 17) },
		"want one stride":                              func(q *Question) { q.Strides = slices.Repeat(q.Strides, 2) },
		"fill: 0 fills":                                func(q *Question) { q.Fills = nil },
		"fill: 17 fills":                               func(q *Question) { q.Fills = slices.Repeat(q.Fills, 17) },
		`unknown fill "pink"`:                          func(q *Question) { q.Fills = []Fill{"gray", "pink"} },
		`fill: unknown fill ""`:                        func(q *Question) { q.Fills = []Fill{""} },
		"grey is named twice":                          func(q *Question) { q.Fills = []Fill{"gray", "grey"} },
		"#000000 is named":                             func(q *Question) { q.Fills = []Fill{"black", "blur", "#000000"} },
		`score is "best"`:                              func(q *Question) { q.Score = "best" },
		`mode is "fast"`:                               func(q *Question) { q.Mode = "fast" },
		`combine is "max"`:                             func(q *Question) { q.Combine = "max" },
		"verify -1":                                    func(q *Question) { q.Verify = -1 },
		"chunk -1":                                     func(q *Question) { q.Chunk = -1 },
		"activation:":                                  func(q *Question) { q.Activation = "relu" },
		"tau is 2":                                     func(q *Question) { q.Approximate.Tau = ptr(2.) },
	} {
		q := Default()
		spoil(&q)
		err := q.Check()
		if kind, _ := failure.Of(err); err == nil || kind != failure.Usage || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestFieldsAreSpelled also where they stand in an error inside of another one.
func TestFieldsAreSpelled(t *testing.T) {
	flag := func(f failure.Setting) string { return "--" + strings.ReplaceAll(string(f), "_", "-") }
	inner := failure.As(failure.Temporary, failure.Settingf("no room (%v)", failure.Setting("memory")))
	outer := failure.As(failure.Data, failure.Settingf("%v %q: %w", failure.Setting("drill_down"), "memory", inner))
	if got := outer.Error(); got != `drill_down "memory": no room (memory)` {
		t.Error(got)
	}
	wrapped := errors.Join(outer)
	if got := failure.Spell(wrapped, flag); got != `--drill-down "memory": no room (--memory)` {
		t.Error(got)
	}
	if kind, _ := failure.Of(outer); kind != failure.Temporary || !errors.Is(outer, inner) {
		t.Errorf("kind %v", kind)
	}
	if got := failure.Spell(errors.New("memory"), flag); got != "memory" {
		t.Error(got)
	}
}

// TestChoose: what a wish, a profile and a family's defaults make together.
func TestChoose(t *testing.T) {
	profile := &tune.Profile{Exact: 3, Points: []tune.Point{
		{Approximation: obe.Approximation{Tau: .4}, Precision: incremental.BF16, Speedup: 20, SSIM: .85, SSIMPaper: .85},
		{Approximation: obe.Approximation{Tau: .6}, Speedup: 10, SSIM: .93, SSIMPaper: .95},
	}}
	within := ptr(Duration(2 * time.Second))
	for name, c := range map[string]struct {
		mode    obe.Mode
		wish    Wish
		listed  bool // patches
		profile *tune.Profile
		want    string // Given's text, "" for nothing, an error after "error: "
		source  string
	}{
		"nothing":                     {},
		"nothing, with a profile":     {profile: profile},
		"exact":                       {mode: obe.Exact, profile: profile},
		"fp32":                        {wish: Wish{Precision: ptr(incremental.FP32)}},
		"exact and fp32":              {mode: obe.Exact, wish: Wish{Precision: ptr(incremental.FP32)}},
		"exact and bf16":              {mode: obe.Exact, wish: Wish{Precision: ptr(incremental.BF16)}, want: "error: precision: needs mode approximate"},
		"naive and tau":               {mode: obe.Naive, wish: Wish{Tau: ptr(.5), Precision: ptr(incremental.FP32)}, want: "error: precision: needs mode approximate"},
		"exact and within":            {mode: obe.Exact, wish: Wish{Within: within}, want: "error: within: needs mode approximate"},
		"bf16 alone":                  {wish: Wish{Precision: ptr(incremental.BF16)}, want: "precision bf16", source: Asked},
		"unknown precision":           {wish: Wish{Precision: ptr(incremental.Precision("fp64"))}, want: `error: precision is "fp64"`},
		"certificate":                 {mode: obe.Approximate, want: "whatever leaves an SSIM of 0.9", source: Certified},
		"certificate, with a profile": {wish: Wish{SSIM: ptr(.8)}, profile: profile, want: "whatever leaves an SSIM of 0.8", source: Certified},
		"no similarity":               {wish: Wish{SSIM: ptr(0.)}, want: "error: ssim is 0, want above 0 and up to 1"},
		"more than exact":             {wish: Wish{SSIM: ptr(1.1)}, want: "error: ssim is 1.1, want above 0 and up to 1"},
		"segments":                    {mode: obe.Approximate, listed: true, want: "tau 0.6, epsilon 0.05, 128 classes", source: ByDefault},
		"segments and ssim":           {wish: Wish{SSIM: ptr(.8)}, listed: true, want: "error: ssim: what is certified are maps on a grid"},
		"segments, profile":           {mode: obe.Approximate, listed: true, profile: profile, want: "tau 0.6, expected SSIM 0.930 (scores), 0.950 (rendered)", source: Profiled},
		"segments, less similar":      {wish: Wish{SSIM: ptr(.8)}, listed: true, profile: profile, want: "tau 0.4, precision bf16, expected SSIM 0.850 (scores), 0.850 (rendered)", source: Profiled},
		"profile, in fp32":            {wish: Wish{Speedup: ptr(15.), Precision: ptr(incremental.FP32)}, profile: profile, want: "tau 0.4", source: Profiled},
		"profile, same precision":     {wish: Wish{Speedup: ptr(15.), Precision: ptr(incremental.BF16)}, profile: profile, want: "tau 0.4, precision bf16, expected SSIM 0.850 (scores), 0.850 (rendered)", source: Profiled},
		"profile, by speed":           {wish: Wish{Speedup: ptr(15.)}, profile: profile, want: "tau 0.4, precision bf16, expected SSIM 0.850 (scores), 0.850 (rendered)", source: Profiled},
		"profile, too fast":           {wish: Wish{Speedup: ptr(1000.)}, profile: profile, want: "error: "},
		"no profile":                  {wish: Wish{Speedup: ptr(2.)}, want: "error: speedup needs a profile"},
		"both":                        {wish: Wish{Speedup: ptr(2.), SSIM: ptr(.9)}, profile: profile, want: "error: ssim and speedup exclude each other"},
		"own and profile":             {wish: Wish{Tau: ptr(.5), SSIM: ptr(.9)}, profile: profile, want: "error: ssim and speedup find what is given up"},
		"own before profile":          {wish: Wish{Tau: ptr(.5)}, profile: profile, want: "tau 0.5", source: Asked},
		"own zero":                    {wish: Wish{Epsilon: ptr(0.)}, want: "nothing given up", source: Asked},
		"tau 0":                       {wish: Wish{Tau: ptr(0.)}, want: "error: tau is 0"},
		"tau NaN":                     {wish: Wish{Tau: ptr(math.NaN())}, want: "error: tau is NaN"},
		"epsilon below 0":             {wish: Wish{Epsilon: ptr(-1.)}, want: "error: epsilon is -1"},
		"gates below 0":               {wish: Wish{Gates: ptr(-1.)}, want: "error: gates is -1"},
		"gates":                       {wish: Wish{Gates: ptr(.05)}, want: "gates 0.05", source: Asked},
		"checkerboard":                {wish: Wish{Checkerboard: ptr(true)}, want: "checkerboard and a share of 0.1", source: Asked},
		"checkerboard with its share": {wish: Wish{Checkerboard: ptr(true), DrillDown: ptr(.3)}, want: "checkerboard and a share of 0.3", source: Asked},
		"checkerboard and steps":      {wish: Wish{Checkerboard: ptr(true), Steps: []int{2, 1}}, want: "error: steps and a checkerboard"},
		"drill down":                  {wish: Wish{DrillDown: ptr(.3)}, want: "steps [4 2 1] of the 0.3 share", source: Asked},
		"steps":                       {wish: Wish{Steps: []int{8, 1}}, want: "steps [8 1] of the 0 share", source: Asked},
		"no steps":                    {wish: Wish{Steps: []int{}}, want: "nothing given up", source: Asked},
		"odd steps":                   {wish: Wish{Steps: []int{3, 2, 1}}, want: "error: steps [3 2 1]"},
		"within":                      {wish: Wish{Within: within}, want: "within 2 s", source: Asked},
		"within and tau":              {wish: Wish{Within: within, Tau: ptr(.5)}, want: "tau 0.5, within 2 s", source: Asked},
		"within no time":              {wish: Wish{Within: ptr(Duration(0))}, want: "error: within takes a time"},
		"within and steps":            {wish: Wish{Within: within, Steps: []int{2, 1}}, want: "error: within takes a time"},
		"within and a profile":        {wish: Wish{Within: within, SSIM: ptr(.9)}, profile: profile, want: "error: within takes a time"},
	} {
		g, err := Choose(c.mode, c.wish, c.listed, c.profile, tune.Branching)
		switch {
		case strings.HasPrefix(c.want, "error: "):
			if kind, _ := failure.Of(err); err == nil || kind != failure.Usage || !strings.HasPrefix(err.Error(), strings.TrimPrefix(c.want, "error: ")) {
				t.Errorf("%s: %v, want %s", name, err, c.want)
			}
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case g == nil:
			if c.want != "" {
				t.Errorf("%s: nothing, want %s", name, c.want)
			}
		case g.Text() != c.want || g.Source != c.source:
			t.Errorf("%s: %s (%s), want %s (%s)", name, g.Text(), g.Source, c.want, c.source)
		}
		if again, e := Choose(c.mode, c.wish, c.listed, c.profile, tune.Branching); !reflect.DeepEqual(again, g) || (e == nil) != (err == nil) {
			t.Errorf("%s: asked again, %+v", name, again)
		}
	}
}

// TestElsewhere: what a profile expects holds where it was tuned.
func TestElsewhere(t *testing.T) {
	tuned := tune.Profile{Patch: "16", Stride: "4", Fill: "gray", Input: "224x224"}
	question := func(change func(q *Question)) *Question {
		q := Default()
		change(&q)
		return &q
	}
	old := tuned
	old.Fill, old.Input = "", ""
	size := func(n int) obe.Size { return obe.Size{H: obe.Length{Pixels: n}, W: obe.Length{Pixels: n}} }
	for name, c := range map[string]struct {
		profile tune.Profile
		q       *Question
		input   [2]int
		want    string
	}{
		"the same":              {tuned, question(func(*Question) {}), [2]int{224, 224}, ""},
		"the same, of before":   {old, question(func(*Question) {}), [2]int{299, 299}, ""},
		"the same in percent":   {tuned, question(func(q *Question) { q.Strides = []obe.Size{{H: obe.Length{Percent: 1.8}, W: obe.Length{Percent: 1.8}}} }), [2]int{224, 224}, ""},
		"another patch":         {tuned, question(func(q *Question) { q.Patches = []obe.Patch{obe.Plain(size(48))} }), [2]int{224, 224}, "patch 16, stride 4, fill gray, input 224x224"},
		"another stride":        {old, question(func(q *Question) { q.Strides = []obe.Size{size(12)} }), [2]int{224, 224}, "patch 16, stride 4"},
		"another fill":          {tuned, question(func(q *Question) { q.Fills = []Fill{"black"} }), [2]int{224, 224}, "patch 16, stride 4, fill gray, input 224x224"},
		"several fills":         {old, question(func(q *Question) { q.Fills = []Fill{"gray", "black"} }), [2]int{224, 224}, "patch 16, stride 4"},
		"another size of input": {tuned, question(func(*Question) {}), [2]int{299, 299}, "patch 16, stride 4, fill gray, input 224x224"},
		"no patch":              {tune.Profile{Patch: "?", Stride: "4"}, question(func(*Question) {}), [2]int{224, 224}, "patch ?, stride 4"},
	} {
		g := &Given{Expected: &tune.Point{SSIM: .9, SSIMPaper: .9}}
		g.elsewhere(&c.profile, c.q, c.input)
		if g.Tuned != c.want || (g.Expected == nil) != (c.want != "") {
			t.Errorf("%s: tuned at %q, expected %v", name, g.Tuned, g.Expected)
		}
		if strings.Contains(g.Text(), "expected") != (c.want == "") || strings.Contains(g.Text(), "not known here") != (c.want != "") {
			t.Errorf("%s: %s", name, g.Text())
		}
	}
}

// TestUniform: few classes are no reason to doubt a prediction.
func TestUniform(t *testing.T) {
	few := func(p ...float32) []float32 { return p }
	many := func(n int, top float32) []float32 {
		p := slices.Repeat([]float32{(1 - top) / float32(n-1)}, n)
		p[0] = top
		return p
	}
	spell := func(f failure.Setting) string { return "<" + string(f) + ">" }
	for _, c := range []struct {
		scores []float32
		said   bool
	}{
		{few(.9989, .0011), false}, {few(.6, .4), false}, {few(.51, .49), true}, {few(.34, .33, .33), true}, {few(.5, .25, .25), false},
		{many(10, .12), true}, {many(10, .2), false}, {many(1000, .0015), true}, {many(1000, .003), false}, {few(float32(math.NaN()), float32(math.NaN())), false},
	} {
		note := Uniform(prediction.Reading{Activation: prediction.Softmax, Reason: "why", Exclusive: true}, c.scores, "preset", spell)
		if (note != "") != c.said || c.said && (!strings.Contains(note, "<activation>") || !strings.Contains(note, "why") || !strings.Contains(note, "<preset>") || !strings.Contains(note, "<reference>")) {
			t.Errorf("%v: %q", c.scores[:2], note)
		}
		if note := Uniform(prediction.Reading{}, c.scores, "preset", spell); note != "" {
			t.Errorf("independent scores: %q", note)
		}
	}
}

// TestFitted: a number is one of samples over all channels of a series, whichever way time
// goes; times become samples where the rate is said, and wait for the file where it is not.
func TestFitted(t *testing.T) {
	file := &model.File{Name: "m.onnx"}
	series := func(s model.Series, ok bool) func() (model.Series, bool) {
		return func() (model.Series, bool) { return s, ok }
	}
	rows := series(model.Series{Rows: 12}, true)
	for _, c := range []struct {
		patch  string
		rate   float64
		series func() (model.Series, bool)
		want   string
	}{
		{"20", 0, series(model.Series{}, false), "20"},
		{"20", 0, series(model.Series{Rows: 1}, true), "20"},
		{"20", 0, rows, "100%x20"},
		{"20", 0, series(model.Series{Rows: 12, TimeIsRow: true}, true), "20x100%"},
		{"0.2s", 0, rows, "100%x0.2s"},
		{"200ms", 500, rows, "100%x100"},
		{"3x200ms", 500, rows, "3x100"},
		{"200ms", 0, series(model.Series{}, false), ""},
	} {
		p, err := obe.ParsePatch(c.patch)
		if err != nil {
			t.Fatal(err)
		}
		q := Default()
		q.Patches, q.Recording.Rate = []obe.Patch{p}, c.rate
		got, err := q.fitted(file, c.series)
		if again, _ := got.fitted(file, c.series); err == nil && again.Patches[0] != got.Patches[0] {
			t.Errorf("%s: %s, and once more %s", c.patch, got.Patches[0], again.Patches[0])
		}
		if (err == nil) != (c.want != "") || err == nil && got.Patches[0].String() != c.want {
			t.Errorf("%s at %g: %s, %v; want %s", c.patch, c.rate, got.Patches[0], err, c.want)
		}
	}
}
