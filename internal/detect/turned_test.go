package detect

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestTurnedOverlap: turned rectangles overlap as counting points says, upright ones as
// boxes do.
func TestTurnedOverlap(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	inside := func(x, y, w, h, angle float32, p point) bool {
		sin, cos := math.Sincos(-float64(angle))
		dx, dy := p.x-float64(x), p.y-float64(y)
		return math.Abs(dx*cos-dy*sin) <= float64(w)/2 && math.Abs(dx*sin+dy*cos) <= float64(h)/2
	}
	for range 60 {
		var r [2][5]float32
		for i := range r {
			r[i] = [5]float32{20 + 10*rng.Float32(), 20 + 10*rng.Float32(), 2 + 20*rng.Float32(), 2 + 20*rng.Float32(), 7 * (rng.Float32() - .5)}
		}
		both, either := 0, 0
		for y := 0.0; y < 60; y += .1 {
			for x := 0.0; x < 60; x += .1 {
				a, b := inside(r[0][0], r[0][1], r[0][2], r[0][3], r[0][4], point{x, y}), inside(r[1][0], r[1][1], r[1][2], r[1][3], r[1][4], point{x, y})
				if a && b {
					both++
				}
				if a || b {
					either++
				}
			}
		}
		p, q := turned(r[0][0], r[0][1], r[0][2], r[0][3], r[0][4]), turned(r[1][0], r[1][1], r[1][2], r[1][3], r[1][4])
		if got, want := p.overlap(q), float64(both)/float64(either); math.Abs(float64(got)-want) > .02 || math.Abs(float64(got-q.overlap(p))) > 1e-5 {
			t.Errorf("%v: %g, want %g", r, got, want)
		}
		for i := range r {
			r[i][4] = 0
		}
		p, q = turned(r[0][0], r[0][1], r[0][2], r[0][3], 0), turned(r[1][0], r[1][1], r[1][2], r[1][3], 0)
		var boxes [2]Box
		for i, u := range []quad{p, q} {
			boxes[i].X0, boxes[i].Y0, boxes[i].X1, boxes[i].Y1 = u.hull()
		}
		if got, want := p.overlap(q), IoU(boxes[0], boxes[1]); math.Abs(float64(got-want)) > 1e-5 {
			t.Errorf("upright %v: %g, want %g", r, got, want)
		}
	}
}

// TestFind: two long boxes side by side on the slant stay, though their hulls are nearly
// one; the same box twice does not. With an iou of 0 all stay, the best first.
func TestFind(t *testing.T) {
	s := Spec{Form: "yolov8", Angle: true}
	out := []Output{columnsOf(numbers(40, 40, 40, 4, .6, math.Pi/4), numbers(44, 36, 40, 4, .9, math.Pi/4), numbers(44.5, 36, 40, 4, .8, math.Pi/4))}
	for iou, want := range map[float32]int{.45: 2, 0: 3} {
		got, err := s.Find(out, .5, iou, 100, 80)
		if err != nil || len(got) != want || got[0].Score != .9 || got[len(got)-1].Score != .6 {
			t.Errorf("iou %g: %v, %v, want %d boxes", iou, got, err, want)
		}
	}
	got, err := s.Decode(out, .5, 100, 80)
	if err != nil || IoU(got[0], got[1]) < .6 {
		t.Errorf("the hulls %v overlap by %g, %v", got, IoU(got[0], got[1]), err)
	}
	s, out = Spec{Form: "yolov8"}, []Output{columnsOf(numbers(40, 40, 40, 4, .6), numbers(41, 40, 40, 4, .9))}
	if got, err := s.Find(out, .5, .45, 100, 80); err != nil || len(got) != 1 || got[0].Score != .9 {
		t.Errorf("%v, %v", got, err)
	}
}
