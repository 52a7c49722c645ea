package region

import (
	"math/rand/v2"
	"testing"
)

func randomMask(rng *rand.Rand, h, w int) *Mask {
	m := NewMask(h, w)
	for range rng.IntN(6) {
		y, x := rng.IntN(h), rng.IntN(w)
		m.Add(Rect{Span{y, min(h, y+1+rng.IntN(5))}, Span{x, min(w, x+1+rng.IntN(70))}})
	}
	for range rng.IntN(10) {
		y, x := rng.IntN(h), rng.IntN(w)
		m.Add(Rect{Span{y, y + 1}, Span{x, x + 1}})
	}
	return m
}

// plain lists a mask's positions by looking at each.
func plain(m *Mask) map[[2]int]bool {
	set := map[[2]int]bool{}
	for y := range m.H {
		for x := range m.W {
			if m.Has(y, x) {
				set[[2]int{y, x}] = true
			}
		}
	}
	return set
}

func sameSet(t *testing.T, what string, m *Mask, want map[[2]int]bool) {
	t.Helper()
	got := plain(m)
	for p := range want {
		if !got[p] {
			t.Fatalf("%s: %v is missing", what, p)
		}
	}
	if len(got) != len(want) || m.Area() != len(want) || m.Empty() != (len(want) == 0) {
		t.Fatalf("%s: %d positions (area %d, empty %v), want %d", what, len(got), m.Area(), m.Empty(), len(want))
	}
}

func TestMaskAgainstSets(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		h, w := 1+rng.IntN(20), 1+rng.IntN(200)
		a, b := randomMask(rng, h, w), randomMask(rng, h, w)
		set := plain(a)

		bounds := Rect{}
		for p := range set {
			bounds = bounds.Union(Rect{Span{p[0], p[0] + 1}, Span{p[1], p[1] + 1}})
		}
		if a.Bounds() != bounds {
			t.Fatalf("bounds %v, want %v", a.Bounds(), bounds)
		}

		again := NewMask(h, w)
		area := 0
		before := []Rect{{Span{5, 6}, Span{7, 8}}}
		rects := a.Rects(before)
		if rects[0] != before[0] {
			t.Fatal("Rects overwrites what is there")
		}
		for _, r := range rects[1:] {
			again.Add(r)
			area += r.Area()
		}
		if area != len(set) || !again.Equal(a) {
			t.Fatalf("rectangles hold %d positions, the mask %d; the same: %v", area, len(set), again.Equal(a))
		}

		again.Clear()
		for y := range h {
			last := -1
			a.Spans(y, func(s Span) {
				if s.Lo <= last {
					t.Fatalf("span %v touches the one before", s)
				}
				last = s.Hi
				again.Add(Rect{Span{y, y + 1}, s})
			})
		}
		sameSet(t, "spans", again, set)

		n := 1 + rng.IntN(8)
		aligned := map[[2]int]bool{}
		for p := range set {
			for y := p[0] / n * n; y < min(h, p[0]/n*n+n); y++ {
				for x := p[1] / n * n; x < min(w, p[1]/n*n+n); x++ {
					aligned[[2]int{y, x}] = true
				}
			}
		}
		again.Copy(a)
		again.Align(n)
		sameSet(t, "aligned", again, aligned)

		for p := range plain(b) {
			set[p] = true
		}
		again.Copy(a)
		again.Or(b)
		sameSet(t, "or", again, set)
		again.Fill()
		if again.Area() != h*w {
			t.Fatal("Fill does not fill")
		}
	}
}

// A mask through a window without dilation reaches exactly the outputs whose
// windows read a changed input.
func TestMaskReach(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	window := func(n int) Window {
		w := Window{Kernel: 1 + rng.IntN(5), Stride: 1 + rng.IntN(3), Dilation: 1 + rng.IntN(2), In: n}
		w.Pad = rng.IntN(w.Extent())
		w.Out = max(1, (n+2*w.Pad-w.Extent())/w.Stride+1)
		return w
	}
	for range 500 {
		h, w := 1+rng.IntN(20), 1+rng.IntN(150)
		from := randomMask(rng, h, w)
		wy, wx := window(h), window(w)
		got := NewMask(wy.Out, wx.Out)
		got.Reach(from, wy, wx)
		for oy := range wy.Out {
			for ox := range wx.Out {
				reads := false
				for ky := range wy.Kernel {
					for kx := range wx.Kernel {
						y, x := oy*wy.Stride-wy.Pad+ky*wy.Dilation, ox*wx.Stride-wx.Pad+kx*wx.Dilation
						reads = reads || y >= 0 && x >= 0 && y < h && x < w && from.Has(y, x)
					}
				}
				exact := wy.Dilation == 1 && wx.Dilation == 1
				if reads && !got.Has(oy, ox) || exact && reads != got.Has(oy, ox) {
					t.Fatalf("windows %+v %+v: output %d, %d reads a change: %v, reached: %v", wy, wx, oy, ox, reads, got.Has(oy, ox))
				}
			}
		}
		// The rectangle rule holds the mask's.
		if r := (Rect{wy.Reach(from.Bounds().Y), wx.Reach(from.Bounds().X)}); !from.Empty() && !r.Contains(got.Bounds()) {
			t.Fatalf("bounds %v reach %v, the mask reaches %v", from.Bounds(), r, got.Bounds())
		}

		ty := Copy(h, h+2, func(o int) int { return o - 1 })
		tx := Copy(w, w, func(o int) int { return w - 1 - o })
		moved := NewMask(h+2, w)
		moved.ReachTables(from, &ty, &tx)
		want := map[[2]int]bool{}
		for p := range plain(from) {
			want[[2]int{p[0] + 1, w - 1 - p[1]}] = true
		}
		if h > 0 {
			sameSet(t, "tables", moved, want)
		}
	}
}
