//go:build gpu

package gpu

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/gpu/driver"
	"krypton/internal/gpu/kernels"
	"krypton/internal/gpu/ptx"
	"krypton/internal/graph"
	"krypton/internal/incremental"
	"krypton/internal/onnxload"
	"krypton/internal/onnxwrite"
	"krypton/internal/region"
)

// card takes the first card into use; without one, or without a driver, the test is skipped.
func card(t testing.TB) *driver.Device {
	t.Helper()
	d, err := driver.Open()
	if err == nil {
		var cards []driver.Card
		if cards, err = d.Cards(); err == nil {
			var dev *driver.Device
			if dev, err = d.Open(cards[0]); err == nil {
				t.Logf("%s, driver for CUDA %s", dev.Card().Name, d.Version())
				t.Cleanup(func() {
					if err := dev.Close(); err != nil {
						t.Error(err)
					}
				})
				return dev
			}
		}
	}
	if errors.Is(err, driver.ErrNoDriver) || errors.Is(err, driver.ErrNoCard) {
		t.Skip(err)
	}
	t.Fatal(err)
	return nil
}

// TestCardOpens says what card it is; its driver has compiled the kernels then.
func TestCardOpens(t *testing.T) {
	dev := card(t)
	free, total, err := dev.Memory()
	if err != nil {
		t.Fatal(err)
	}
	c := dev.Card()
	t.Logf("compute capability %d.%d, %d multiprocessors, %d MiB free of %d", c.Major, c.Minor, c.Multiprocessor, free>>20, total>>20)
}

// TestCard has a card do what the interpreter does in TestRandomNetworks and
// TestTrainedNetworks, whole networks among them.
func TestCard(t *testing.T) {
	dev, seeds := card(t), uint64(50)
	if testing.Short() {
		seeds = 4
	}
	for seed := range seeds {
		m := &maker{rng: rand.New(rand.NewPCG(seed, 23))}
		g, err := onnxload.LoadBytes(m.network().Marshal(), "random", "", onnxload.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) { compare(t, dev, g, m.rng, 4, 24, true) })
	}
	t.Run("tiles", func(t *testing.T) { byTiles(t, dev) })
	if !testing.Short() {
		t.Run("trained", func(t *testing.T) { trained(t, true, func(*testing.T) Device { return dev }) })
	}
}

// TestCardKinds is TestKinds on a card.
func TestCardKinds(t *testing.T) {
	dev := card(t)
	everyKind(t, func(*testing.T) Device { return dev })
}

// TestCardPrecisions is TestPrecisions on a card's own tensor cores.
func TestCardPrecisions(t *testing.T) {
	dev := card(t)
	precisions(t, func(*testing.T, ptx.Cores) Device { return dev })
}

// way is how a network is computed.
type way struct {
	name      string
	program   *incremental.Program
	precision incremental.Precision
	tiled     bool // by Winograd's method, at least in part
}

// waysOf are those of a graph: by plain sums in each precision, and, as plans for typical changes do,
// by Winograd's tiles, if these have some.
func waysOf(t testing.TB, g *graph.Graph, typical func(engine.Plane) []region.Rect) (all []way) {
	t.Helper()
	lower := func(like *incremental.Plan) *incremental.Program {
		p, err := incremental.Lower(g, incremental.CompileOptions{Like: like})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	plan, err := incremental.Compile(g, incremental.CompileOptions{Typical: typical})
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(plan.Tiles(), func(size asm.WinogradSize) bool { return size != 0 }) {
		all = append(all, way{string(incremental.FP32) + "_tiles", lower(plan), incremental.FP32, true})
	}
	plain := lower(nil)
	for _, p := range Precisions {
		all = append(all, way{string(p), plain, p, false})
	}
	return all
}

// recorder is a device that remembers what was launched.
type recorder struct {
	Device
	launches []kernels.Launch
}

func (r *recorder) Launch(l kernels.Launch) error {
	r.launches = append(r.launches, l)
	return r.Device.Launch(l)
}

// BenchmarkCard measures convolutions behind 64 patches of half the plane's width, by the
// card's clock: nothing is copied meanwhile.
func BenchmarkCard(b *testing.B) {
	dev := card(b)
	layers := []struct{ window, in, out, group, size int64 }{
		{3, 64, 64, 1, 112}, {3, 128, 128, 1, 56}, {3, 256, 256, 1, 28}, {3, 512, 512, 1, 14}, // VGG and ResNet
		{1, 256, 64, 1, 56}, {1, 1024, 256, 1, 14}, {3, 96, 96, 96, 56},
	}
	positions, said := 64, map[string]string{}
	defer func() {
		for _, name := range slices.Sorted(maps.Keys(said)) {
			tell(b, strings.TrimPrefix(name, "BenchmarkCard/"), said[name], "")
		}
	}()
	if testing.Short() {
		layers, positions = layers[:1], 2
		layers[0].in, layers[0].out, layers[0].size = 16, 16, 8
	}
	for _, l := range layers {
		m := &maker{rng: rand.New(rand.NewPCG(1, 29))}
		pad := l.window / 2
		y := m.node("Conv", []string{"x", m.tensor(l.out, l.in/l.group, l.window, l.window), m.tensor(l.out)},
			onnxwrite.Ints("pads", pad, pad, pad, pad), onnxwrite.Int("group", l.group))
		model := &onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 14}, Graph: onnxwrite.Graph{Name: "layer", Nodes: m.nodes, Initializers: m.init,
			Inputs: []onnxwrite.ValueInfo{onnxwrite.Floats32("x", 1, l.in, l.size, l.size)}, Outputs: []onnxwrite.ValueInfo{onnxwrite.Floats32(y, 1, l.out, l.size, l.size)}}}
		g, err := onnxload.LoadBytes(model.Marshal(), "layer", "", onnxload.Options{})
		if err != nil {
			b.Fatal(err)
		}
		for _, w := range waysOf(b, g, nil) {
			precision := w.precision
			if precision != incremental.FP32 && l.group > 1 {
				continue // no tensor cores
			}
			b.Run(fmt.Sprintf("%dx%d_%d_to_%d_groups_%d_of_%dx%d_%s", l.window, l.window, l.in, l.out, l.group, l.size, l.size, w.name), func(b *testing.B) {
				r := &recorder{Device: dev}
				n, err := LoadAs(r, w.program, precision)
				if err != nil {
					b.Fatal(err)
				}
				if err := n.Run(make([]float32, l.in*l.size*l.size)); err != nil {
					b.Fatal(err)
				}
				side := int(l.size / 2)
				at := region.Span{Lo: int(pad), Hi: int(pad) + side} // what it reaches lies within the plane
				var c []Change
				for range positions {
					c = append(c, Change{Rect: region.Rect{Y: at, X: at}, Pixels: make([]float32, side*side*int(l.in))})
				}
				r.launches = nil
				if err := n.Update(c); err != nil {
					b.Fatal(err)
				}
				launches, seconds := r.launches, 0.0
				for b.Loop() {
					s, err := dev.Time(func() error {
						for _, l := range launches {
							if err := dev.Launch(l); err != nil {
								return err
							}
						}
						return nil
					})
					if err != nil {
						b.Fatal(err)
					}
					seconds += s
				}
				reach := int64(side) + 2*pad
				s := speed{card: dev.Card(), peak: fused(dev.Card(), precision), seconds: seconds / float64(b.N), work: float64(positions) * float64(reach*reach*l.window*l.window*l.in/l.group*l.out)}
				b.ReportMetric(2*s.work/s.seconds/1e9, "GFLOP/s")
				// Where a convolution is several launches the largest is looked at.
				s.launch = slices.MaxFunc(launches, func(a, b kernels.Launch) int { return cmp.Compare(a.Grid[0]*a.Threads, b.Grid[0]*b.Threads) })
				word := 4.0
				if precision == incremental.BF16 {
					word = 2
				}
				weights := word * float64(l.window*l.window*l.in/l.group*l.out)
				s.least = 4*float64(positions)*float64((reach+2*pad)*(reach+2*pad)*l.in+reach*reach*l.out) + weights
				switch {
				case w.tiled: // whose multiply-adds are others
					s.peak = 0
				case l.group == 1: // blocks of 64 pixels and 64 columns
					all, _ := s.blocks()
					s.fetched = all * float64(l.window*l.window*l.in) * 64 * (4 + word)
				}
				if s.rates, err = dev.Rates(); err == nil {
					s.fit, err = dev.Fit(s.launch.Kernel, s.launch.Threads)
				}
				if err != nil {
					b.Fatal(err)
				}
				said[b.Name()] = s.String() // of the last, longest round
				if err := n.Close(); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}
