package region

import (
	"math/rand/v2"
	"testing"
)

// reaches says by looking at every tap whether output o reads an input in s.
func reaches(w Window, o int, s Span) bool {
	for t := range w.Kernel {
		if i := o*w.Stride - w.Pad + t*w.Dilation; i >= s.Lo && i < s.Hi && i >= 0 && i < w.In {
			return true
		}
	}
	return false
}

func randomWindow(rng *rand.Rand) Window {
	for {
		w := Window{Kernel: 1 + rng.IntN(7), Stride: 1 + rng.IntN(4), Dilation: 1 + rng.IntN(3), Pad: rng.IntN(5), In: 1 + rng.IntN(30)}
		if span := w.In + w.Pad + rng.IntN(5) - w.Extent(); span >= 0 {
			w.Out = span/w.Stride + 1
			return w
		}
	}
}

// TestReach holds Reach to brute force: it never misses an output, and without
// dilation it is exact.
func TestReach(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 20000 {
		w := randomWindow(rng)
		lo := rng.IntN(w.In)
		s := Span{lo, lo + 1 + rng.IntN(w.In-lo)}
		got := w.Reach(s)
		var want Span
		for o := range w.Out {
			if reaches(w, o, s) {
				want = want.Union(Span{o, o + 1})
			}
		}
		if w.Dilation == 1 && w.Stride <= w.Kernel && got != want {
			t.Fatalf("%+v: Reach(%v) = %v, want %v", w, s, got, want)
		}
		if got.Union(want) != got && !want.Empty() {
			t.Fatalf("%+v: Reach(%v) = %v misses some of %v", w, s, got, want)
		}
	}
}

// TestReads: what the outputs of a span read lies in Reads, its ends included.
func TestReads(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for range 5000 {
		w := randomWindow(rng)
		lo := rng.IntN(w.Out)
		o := Span{lo, lo + 1 + rng.IntN(w.Out-lo)}
		var want Span
		for i := o.Lo; i < o.Hi; i++ {
			for k := range w.Kernel {
				at := i*w.Stride - w.Pad + k*w.Dilation
				want = want.Union(Span{at, at + 1})
			}
		}
		if got := w.Reads(o); got != want {
			t.Fatalf("%+v: Reads(%v) = %v, want %v", w, o, got, want)
		}
	}
}

// TestPublishedGeometry checks chains of windows against the test vectors for
// VGG16 and ResNet18 at 224 pixels with a patch of 16 (start+width at each
// layer, exact rectangles).
func TestPublishedGeometry(t *testing.T) {
	conv := func(n int) Window { return Window{Kernel: 3, Stride: 1, Dilation: 1, Pad: 1, In: n, Out: n} }
	pool := func(n int) Window { return Window{Kernel: 2, Stride: 2, Dilation: 1, In: n, Out: n / 2} }
	var vgg []Window
	for _, block := range []struct{ n, convs int }{{224, 2}, {112, 2}, {56, 3}, {28, 3}, {14, 3}} {
		for range block.convs {
			vgg = append(vgg, conv(block.n))
		}
		vgg = append(vgg, pool(block.n))
	}
	down := func(k, pad, n int) Window {
		return Window{Kernel: k, Stride: 2, Dilation: 1, Pad: pad, In: n, Out: n / 2}
	}
	resnet := []Window{down(7, 3, 224), down(3, 1, 112), conv(56), conv(56), conv(56), conv(56),
		down(3, 1, 56), conv(28), conv(28), conv(28), down(3, 1, 28), conv(14), conv(14), conv(14), down(3, 1, 14), conv(7), conv(7), conv(7)}
	for _, c := range []struct {
		name   string
		chain  []Window
		start  int
		starts []int
		widths []int
	}{
		{"vgg16 at 104", vgg, 104,
			[]int{103, 102, 51, 50, 49, 24, 23, 22, 21, 10, 9, 8, 7, 3, 2, 1, 0, 0},
			[]int{18, 20, 10, 12, 14, 8, 10, 12, 14, 8, 10, 12, 14, 8, 10, 12, 14, 7}},
		{"vgg16 at 0", vgg, 0,
			make([]int, 18),
			[]int{17, 18, 9, 10, 11, 6, 7, 8, 9, 5, 6, 7, 8, 4, 5, 6, 7, 4}},
		{"vgg16 at 208", vgg, 208,
			[]int{207, 206, 103, 102, 101, 50, 49, 48, 47, 23, 22, 21, 20, 10, 9, 8, 7, 3},
			[]int{17, 18, 9, 10, 11, 6, 7, 8, 9, 5, 6, 7, 8, 4, 5, 6, 7, 4}},
		{"resnet18 at 104", resnet, 104,
			[]int{51, 25, 24, 23, 22, 21, 10, 9, 8, 7, 3, 2, 1, 0, 0, 0, 0, 0},
			[]int{11, 7, 9, 11, 13, 15, 9, 11, 13, 15, 9, 11, 13, 14, 7, 7, 7, 7}},
	} {
		s := Span{c.start, c.start + 16}
		for i, w := range c.chain {
			s = w.Reach(s)
			if s.Lo != c.starts[i] || s.Len() != c.widths[i] {
				t.Errorf("%s: layer %d is %d+%d, want %d+%d", c.name, i, s.Lo, s.Len(), c.starts[i], c.widths[i])
			}
		}
	}
}

// TestTableReach holds Table.Reach to a scan.
func TestTableReach(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 2000 {
		n, out, taps := 1+rng.IntN(9), 1+rng.IntN(12), 1+rng.IntN(3)
		tab := Table{In: n, Taps: taps, Index: make([]int32, out*taps)}
		for i := range tab.Index {
			tab.Index[i] = int32(rng.IntN(n+1)) - 1
		}
		lo := rng.IntN(n)
		s := Span{lo, lo + 1 + rng.IntN(n-lo)}
		var want Span
		for i, v := range tab.Index {
			if int(v) >= s.Lo && int(v) < s.Hi {
				want = want.Union(Span{i / taps, i/taps + 1})
			}
		}
		if got := tab.Reach(s); got != want {
			t.Fatalf("%+v: Reach(%v) = %v, want %v", tab, s, got, want)
		}
	}
	if tab := Copy(4, 6, func(o int) int { return o - 1 }); tab.Reach(Span{0, 4}) != (Span{1, 5}) || tab.Out() != 6 {
		t.Errorf("Copy with one leading pad reaches %v of %d", tab.Reach(Span{0, 4}), tab.Out())
	}
}

func TestRect(t *testing.T) {
	r := Rect{Span{1, 4}, Span{2, 6}}
	if r.Area() != 12 || r.String() != "[1,4)x[2,6)" || r.Empty() {
		t.Errorf("%v: area %d", r, r.Area())
	}
	if got := r.Union(Rect{Span{0, 1}, Span{0, 1}}); got != (Rect{Span{0, 4}, Span{0, 6}}) {
		t.Errorf("union %v", got)
	}
	if got := r.Intersect(Rect{Span{3, 9}, Span{0, 3}}); got != (Rect{Span{3, 4}, Span{2, 3}}) {
		t.Errorf("intersection %v", got)
	}
	if got := r.Intersect(Rect{Span{5, 9}, Span{0, 3}}); got != (Rect{}) || !r.Contains(got) || r.Union(got) != r || got.Union(r) != r {
		t.Errorf("empty intersection %v", got)
	}
	if !Plane(10, 10).Contains(r) || r.Contains(Plane(10, 10)) {
		t.Error("Contains")
	}
}

// TestRead holds the taps that are read to brute force, and their windows to what they read.
func TestRead(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	less := 0
	for range 20000 {
		w := randomWindow(rng)
		w.Dilation *= 1 + rng.IntN(8)
		if w.Pad += rng.IntN(w.Extent()); w.In+w.Pad < w.Extent() {
			w.Out = 1 + rng.IntN(w.In)
		}
		got := w.Read()
		for tap := range w.Kernel {
			read := false
			for o := range w.Out {
				i := o*w.Stride - w.Pad + tap*w.Dilation
				read = read || i >= 0 && i < w.In
			}
			if read && (tap < got.Lo || tap >= got.Hi) || !read && !got.Empty() && (tap == got.Hi-1 || tap == got.Lo && w.Pad >= (tap+1)*w.Dilation) {
				t.Fatalf("%+v: tap %d, read: %v, taken for %v", w, tap, read, got)
			}
		}
		if got.Empty() || got.Len() == w.Kernel {
			continue
		}
		less++
		some := w.Taps(got)
		for o := range w.Out {
			for tap := range some.Kernel {
				if a, b := o*some.Stride-some.Pad+tap*some.Dilation, o*w.Stride-w.Pad+(got.Lo+tap)*w.Dilation; a != b || some.Pad < 0 {
					t.Fatalf("%+v: tap %d of %+v reads %d, want %d", w, tap, some, a, b)
				}
			}
		}
	}
	if less < 1000 {
		t.Errorf("only %d windows have taps beside the input", less)
	}
}
