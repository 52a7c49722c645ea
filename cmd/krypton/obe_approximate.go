package main

import (
	"slices"
	"time"

	"github.com/spf13/pflag"

	"krypton/internal/explain"
	"krypton/internal/flagvalue"
	"krypton/internal/incremental"
	"krypton/internal/obe"
)

// approximateOptions are the flags of approximate maps.
type approximateOptions struct {
	tau, epsilon, gates, drillDown float64
	shortlist                      int
	steps                          []int
	precision                      incremental.Precision
	checkerboard                   bool
	ssim, speedup                  float64
	within                         time.Duration
}

// approximateFlags say what is given up, or choose it.
var approximateFlags = []string{"ssim", "speedup", "precision", "tau", "epsilon", "gates", "shortlist", "drill-down", "steps", "checkerboard", "within"}

func (o *approximateOptions) addFlags(f *pflag.FlagSet) {
	f.Float64Var(&o.tau, "tau", 1, "approximate: no region exceeds this `share` of a layer's width or height")
	f.Float64Var(&o.epsilon, "epsilon", 0, "approximate: drop border pixels of a region that moved by less than this `share` of the layer's scale")
	f.Float64Var(&o.gates, "gates", 0, "approximate: where squeeze and excitation moves pixels that nothing else changes by less than this `share` of the layer's scale, leave them")
	flagvalue.Add(f, &o.steps, "steps", "", explain.ParseSteps, "approximate: compute every Nth position first, then refine: 4,2,1 (default 4,2,1 with --drill-down)")
	f.BoolVar(&o.checkerboard, "checkerboard", false, "approximate: compute every other position, then a tenth of all (--drill-down) where their neighbours differ most; the others are interpolated")
	f.Float64Var(&o.drillDown, "drill-down", 0, "approximate: `share` of the positions of each finer step that are computed, where the score drops most; the others are interpolated")
	f.IntVar(&o.shortlist, "shortlist", 0, "approximate: compute the `N` likeliest classes only, where the last layers allow; the softmax counts the others as on the clean image")
	f.DurationVar(&o.within, "within", 0, "approximate: the best map that this `time` allows for a picture, such as 2s: a coarse one first, then finer where the score drops most")
	flagvalue.Add(f, &o.precision, "precision", string(incremental.FP32), parsePrecision, "approximate: fp32, bf16 (products of half the width) or int8 (of what differs from the clean image, a quarter), where the processor has them; with --device gpu: fp32, or tf32 or bf16 by tensor cores, of exact maps, whose scores are then bit for bit those of whole runs in that precision")
	f.Float64Var(&o.ssim, "ssim", 0, "approximate: a map whose similarity to the exact one is at least this, certified for each picture at 90 % confidence by positions that are computed exactly (default 0.9)")
	f.Float64Var(&o.speedup, "speedup", 0, "approximate: the best setting of the model's profile that takes this many times fewer multiply-adds than running the network each time")
}

// wish is what the settings of somebody say. What the command line says of the mode
// comes before what environment and file say may be given up.
func (o *approximateOptions) wish(s *settings, mode obe.Mode) explain.Wish {
	var w explain.Wish
	if s.flags.Changed("mode") && mode != obe.Approximate && !slices.ContainsFunc(approximateFlags, s.flags.Changed) {
		return w
	}
	w.SSIM, w.Speedup, w.Precision = given(s, "ssim", o.ssim), given(s, "speedup", o.speedup), given(s, "precision", o.precision)
	w.Tau, w.Epsilon, w.Shortlist = given(s, "tau", o.tau), given(s, "epsilon", o.epsilon), given(s, "shortlist", o.shortlist)
	w.Gates = given(s, "gates", o.gates)
	w.DrillDown, w.Checkerboard = given(s, "drill-down", o.drillDown), given(s, "checkerboard", o.checkerboard)
	w.Within = given(s, "within", explain.Duration(o.within))
	if s.given("steps") {
		w.Steps = append([]int{}, o.steps...)
	}
	return w
}

// given is a setting's value, nil if nobody has made it.
func given[T any](s *settings, name string, value T) *T {
	if !s.given(name) {
		return nil
	}
	return &value
}
