package track

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"krypton/internal/detect"
)

// best tries all assignments.
func best(cost [][]float64, limit float64) float64 {
	var try func(i int, used int) float64
	try = func(i, used int) float64 {
		if i == len(cost) {
			return 0
		}
		least := limit + try(i+1, used)
		for j, c := range cost[i] {
			if used>>j&1 == 0 && c <= limit {
				least = min(least, c+try(i+1, used|1<<j))
			}
		}
		return least
	}
	return try(0, 0)
}

func TestAssign(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		rows, columns := rng.IntN(6), rng.IntN(6)
		cost := make([][]float64, rows)
		for i := range cost {
			cost[i] = make([]float64, columns)
			for j := range cost[i] {
				cost[i][j] = rng.Float64()
			}
		}
		limit := rng.Float64()
		got := assign(cost, limit)
		sum, taken := 0.0, map[int]bool{}
		for i, j := range got {
			if j < 0 {
				sum += limit
				continue
			}
			if taken[j] || cost[i][j] > limit {
				t.Fatalf("%v: column %d twice, or too dear", got, j)
			}
			taken[j] = true
			sum += cost[i][j]
		}
		if want := best(cost, limit); math.Abs(sum-want) > 1e-9 {
			t.Fatalf("costs %v, limit %g: %v costs %g, the best %g", cost, limit, got, sum, want)
		}
	}
}

func box(x, y, size float32, class int, score float32) detect.Box {
	return detect.Box{X0: x, Y0: y, X1: x + size, Y1: y + size, Class: class, Score: score}
}

// Two objects cross, one of them is not seen for some frames and one is seen
// badly for some: their numbers stay. A third of another class walks along with
// the first one, and single wrong boxes come and go.
func TestNumbersStay(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	tr := New(Options{})
	var want [3]int
	for f := range 120 {
		x := float32(f) * 3
		noise := func() float32 { return rng.Float32()*2 - 1 }
		boxes := []detect.Box{
			box(20+x+noise(), 50+noise(), 40, 0, .9),
			box(380-x+noise(), 60+noise(), 60, 0, .8),
			box(22+x+noise(), 52+noise(), 40, 1, .7),
		}
		which := []int{0, 1, 2}
		if f >= 20 && f < 30 { // hidden
			boxes, which = slices.Delete(boxes, 1, 2), slices.Delete(which, 1, 2)
		}
		if f >= 60 && f < 70 {
			boxes[0].Score = .3
		}
		if f%7 == 3 {
			boxes, which = append(boxes, box(float32(rng.IntN(300)), 300, 20, 0, .95)), append(which, -1)
		}
		perm := rng.Perm(len(boxes))
		shuffled := make([]detect.Box, len(boxes))
		for i, p := range perm {
			shuffled[i] = boxes[p]
		}
		ids := tr.Update(shuffled)
		for i, p := range perm {
			k := which[p]
			if k < 0 {
				if ids[i] != 0 {
					t.Fatalf("frame %d: a box that comes once has the number %d", f, ids[i])
				}
				continue
			}
			if f == 0 {
				want[k] = ids[i]
			}
			if ids[i] != want[k] || ids[i] == 0 {
				t.Fatalf("frame %d: object %d has the number %d, had %d", f, k, ids[i], want[k])
			}
		}
	}
}

// An object that was away for longer than tracks are kept gets a new number.
func TestTracksEnd(t *testing.T) {
	tr := New(Options{Lost: 5})
	id := tr.Update([]detect.Box{box(10, 10, 20, 0, .9)})[0]
	for range 6 {
		tr.Update(nil)
	}
	tr.Update([]detect.Box{box(10, 10, 20, 0, .9)})
	if got := tr.Update([]detect.Box{box(10, 10, 20, 0, .9)})[0]; got == id || got == 0 {
		t.Errorf("number %d again after %d", got, id)
	}
	if len(tr.tracks) != 1 {
		t.Errorf("%d tracks are kept", len(tr.tracks))
	}
}
