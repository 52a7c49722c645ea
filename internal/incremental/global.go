package incremental

import (
	"strings"

	"krypton/internal/region"
)

// Global says from which step on nearly everything is computed anew whatever changes, in a
// plan whose updates save little for that.
type Global struct {
	// Step is its number, from 1, of Steps; Node names the model's nodes that it computes.
	Step     int    `json:"step"`
	Steps    int    `json:"steps"`
	Node     string `json:"node"`
	Operator string `json:"operator"`
	// Share is what updates are predicted to cost, as a share of whole runs.
	Share float64 `json:"share_of_whole"`
}

const (
	// savesLittle is the share of a whole run's cost from which on updates save little.
	savesLittle = 0.5
	// anew is the share of the cost of all steps behind one that makes everything of them.
	anew = 0.9
)

// Global is what there is to say of changes of the input's regions, nil where they save more
// than that or where no step is to blame: where patches are large, or windows many.
func (p *Plan) Global(changes []region.Rect) *Global {
	whole, some := make([]float64, len(p.steps)), make([]float64, len(p.steps))
	for _, r := range changes {
		rects := p.regions(r)
		for i := range p.steps {
			s := &p.steps[i]
			whole[i] += p.load(s, p.values[s.out].plane.Rect(), 1.0/batchShare).total()
			some[i] += p.load(s, rects[s.out], 1.0/batchShare).total()
		}
	}
	wholeBehind, someBehind, found := 0.0, 0.0, -1
	for i := len(p.steps) - 1; i >= 0; i-- {
		wholeBehind, someBehind = wholeBehind+whole[i], someBehind+some[i]
		if someBehind >= anew*wholeBehind && p.mixes(&p.steps[i]) {
			found = i
		}
	}
	if found < 0 || !(someBehind >= savesLittle*wholeBehind) {
		return nil
	}
	behind := 0.0
	for _, cost := range some[found:] {
		behind += cost
	}
	if behind < someBehind/2 { // what costs most lies before it
		return nil
	}
	s := &p.steps[found]
	return &Global{Step: found + 1, Steps: len(p.steps), Node: s.node, Operator: strings.Trim(s.operator, "()"), Share: someBehind / wholeBehind}
}

// mixes says whether every pixel of one of a step's sources, which has several, reaches all of
// what the step makes.
func (p *Plan) mixes(s *step) bool {
	in := make([]region.Rect, len(s.in))
	for k, src := range s.in {
		pl := p.values[src.value].plane
		if pl.H*pl.W < 2 {
			continue
		}
		all := true
		for _, at := range [][2]int{{0, 0}, {pl.H - 1, pl.W - 1}} {
			clear(in)
			in[k] = p.seen(src, region.Rect{Y: region.Span{Lo: at[0], Hi: at[0] + 1}, X: region.Span{Lo: at[1], Hi: at[1] + 1}})
			all = all && p.reach(s, in) == p.values[s.out].plane.Rect()
		}
		if all {
			return true
		}
	}
	return false
}
