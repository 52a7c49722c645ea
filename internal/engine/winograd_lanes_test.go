package engine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// TestWinogradLanes: tiles side by side give the bits of tiles one by one, and write nothing else,
// over planes and rectangles of any size, among other channels and pixels, with and without what
// is added, and shared out among workers.
func TestWinogradLanes(t *testing.T) {
	for _, k := range asm.EverySet(t) {
		if !k.Lanes() {
			continue
		}
		s := NewScratch(k)
		rng := rand.New(rand.NewPCG(31, 32))
		for i := range 150 {
			size := []asm.WinogradSize{asm.Winograd2, asm.Winograd4}[i%2]
			channels := func() int { return 4 + rng.IntN(mostLaneChannels-3) }
			in := Plane{1 + rng.IntN(30), 1 + rng.IntN(30), channels()}
			outC := channels()
			y, x := same3(rng, in.H), same3(rng, in.W)
			w, err := NewWinograd(s, in, y, x, size, false, random(rng, outC*in.C*9), random(rng, outC), outC, Clamp{-1, 1})
			if err != nil {
				t.Fatal(err)
			}
			one := *w
			one.lanes = nil
			if w.lanes == nil { // where it does not pay, the bits are the same all the same
				u := make([]float32, size.Elements()*outC*in.C)
				for e, panels := range w.elements {
					for _, p := range panels {
						for c := range in.C {
							for m := range p.valid {
								u[(e*outC+p.column+m)*in.C+c] = p.weights[c*len(p.bias)+m]
							}
						}
					}
				}
				w.lanes = w.packLanes(k, u)
			}
			pitch, gap := outC+rng.IntN(2)*3, rng.IntN(2)*5
			view, sums := random(rng, in.Len()), random(rng, w.Out.Len())
			jobs := make([]Job, 1+rng.IntN(6))
			for i := range jobs {
				r, changed, added := randomRect(rng, w.Out.H, w.Out.W), randomRect(rng, in.H, in.W), randomRect(rng, w.Out.H, w.Out.W)
				jobs[i] = Job{In: []Patched{{Plane: in, View: view, Rect: changed, Update: random(rng, changed.Area()*in.C)}}, Rect: r, Pitch: pitch, Row: r.X.Len()*pitch + gap}
				if rng.IntN(2) == 0 && i == 0 || i > 0 && jobs[0].Residual != nil {
					jobs[i].Residual = &Residual{Patched{Plane: w.Out, View: sums, Rect: added, Update: random(rng, added.Area()*outC)}, Clamp{0, 0.75}}
				}
			}
			run := func(f func(jobs []Job)) (outs [][]float32) {
				for i := range jobs {
					jobs[i].Out = make([]float32, jobs[i].Rect.Y.Len()*jobs[i].Row)
					for k := range jobs[i].Out {
						jobs[i].Out[k] = 7
					}
					outs = append(outs, jobs[i].Out)
				}
				f(jobs)
				return outs
			}
			all := region.Span{Hi: w.count(jobs)}
			want := run(func(jobs []Job) { one.Run(s, jobs) })
			for name, got := range map[string][][]float32{
				"side by side": run(func(jobs []Job) { w.runLanes(s, jobs, all) }),
				"shared out": run(func(jobs []Job) {
					for part := range 3 {
						w.runLanes(s, jobs, region.Span{Lo: all.Hi * part / 3, Hi: all.Hi * (part + 1) / 3})
					}
				}),
			} {
				for i := range want {
					for k := range want[i] {
						if math.Float32bits(got[i][k]) != math.Float32bits(want[i][k]) {
							t.Fatalf("%s: F%d, %v to %d channels, windows %v %v, job %d of %d, %v: number %d is %g, one by one %g", fmt.Sprint(k, name), size, in, outC, y, x, i, len(jobs), jobs[i].Rect, k, got[i][k], want[i][k])
						}
					}
				}
			}
		}
	}
}
