//go:build gpu

package gpu

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"krypton/internal/engine"
	"krypton/internal/gpu/driver"
	"krypton/internal/gpu/kernels"
	"krypton/internal/incremental"
	"krypton/internal/onnxload"
	"krypton/internal/region"
)

// fused are the multiply-adds of a precision that a multiprocessor of a card can begin in a cycle,
// as NVIDIA's white papers have them for the cards of data centres (others of the same capability
// may have half of the tensor cores'); 0 where that is not known here.
func fused(c driver.Card, p incremental.Precision) float64 {
	return map[int]map[incremental.Precision]float64{
		80:  {incremental.FP32: 64, incremental.TF32: 512, incremental.BF16: 1024},
		86:  {incremental.FP32: 128, incremental.TF32: 256, incremental.BF16: 512},
		89:  {incremental.FP32: 128, incremental.TF32: 256, incremental.BF16: 512},
		90:  {incremental.FP32: 128, incremental.TF32: 1024, incremental.BF16: 2048},
		100: {incremental.FP32: 128, incremental.TF32: 2048, incremental.BF16: 4096},
	}[10*c.Major+c.Minor][p]
}

// speed is what there is to say of a launch that took some time.
type speed struct {
	card    driver.Card
	rates   driver.Rates
	fit     driver.Fit
	launch  kernels.Launch
	peak    float64 // multiply-adds of a multiprocessor in a cycle, 0 if that is not known
	seconds float64
	work    float64 // multiply-adds
	least   float64 // bytes that memory has to move: what is read, once, and what is written
	fetched float64 // bytes that blocks fetch, from caches too; 0 if that was not counted
}

// blocks is how many there are, held how many the card holds at once.
func (s *speed) blocks() (all, held float64) {
	return float64(s.launch.Grid[0]) * float64(s.launch.Grid[1]) * float64(s.launch.Grid[2]), float64(s.card.Multiprocessor * s.fit.Blocks)
}

// threads is the share of a multiprocessor's threads that it holds.
func (s *speed) threads() float64 {
	return float64(s.fit.Blocks*s.launch.Threads) / float64(max(1, s.rates.Threads))
}

// ofPeak and ofMemory are the shares of what the card's clocks allow.
func (s *speed) ofPeak() float64 {
	return s.work / s.seconds / (s.peak * s.rates.Clock * float64(s.card.Multiprocessor))
}

func (s *speed) ofMemory() float64 { return s.least / s.seconds / s.rates.Bandwidth }

// String says it in a line, with a guess at what keeps the launch from the peak.
func (s *speed) String() string {
	var parts []string
	say := func(format string, a ...any) { parts = append(parts, fmt.Sprintf(format, a...)) }
	all, held := s.blocks()
	knowsPeak, knowsMemory := s.peak > 0 && s.rates.Clock > 0, s.rates.Bandwidth > 0
	if knowsPeak {
		say("%.0f %% of peak", 100*s.ofPeak())
	}
	say("%.3g multiply-adds a byte", s.work/s.least)
	if knowsMemory {
		say("%.0f %% of memory's rate at least", 100*s.ofMemory())
	}
	if s.fetched > 0 {
		say("blocks fetch %.2f TB/s", s.fetched/s.seconds/1e12)
	}
	say("%d registers", s.fit.Registers)
	say("%d bytes spilled", s.fit.Local)
	say("%d KiB shared", (s.fit.Shared+1023)>>10)
	say("%d blocks a multiprocessor (%.0f %% of its threads)", s.fit.Blocks, 100*s.threads())
	say("%.2g waves", all/max(1, held))
	why := "waits or instructions: neither memory, nor registers, nor blocks are short"
	switch {
	case knowsPeak && s.ofPeak() > 0.6:
		why = "near what can be hoped for"
	case s.fit.Local > 0:
		why = "registers are short: some spill"
	case all < held:
		why = "blocks are few: the card is not filled"
	case knowsMemory && s.ofMemory() > 0.6:
		why = "memory"
	case all < 3*held && all/held-float64(int(all/held)) > 0 && all/held-float64(int(all/held)) < 0.5:
		why = "the last wave is mostly empty"
	case s.threads() < 0.25:
		why = "threads are few, which hide no waits"
	}
	return strings.Join(parts, ", ") + "; likely: " + why
}

// tell appends a row "what TAB value TAB unit" to the file that KRYPTON_ROWS names, if it does.
func tell(t testing.TB, what, value, unit string) {
	t.Helper()
	name := os.Getenv("KRYPTON_ROWS")
	if name == "" {
		t.Logf("%s: %s %s", what, value, unit)
		return
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintf(f, "%s\t%s\t%s\n", what, value, unit)
		err = cmp.Or(f.Close(), err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestSpeed: what is said of a launch hangs on the numbers that it should hang on.
func TestSpeed(t *testing.T) {
	s := speed{card: driver.Card{Major: 9, Multiprocessor: 100}, rates: driver.Rates{Clock: 1e9, Bandwidth: 1e12, Threads: 2048},
		fit: driver.Fit{Registers: 80, Shared: 12288, Blocks: 6}, launch: kernels.Launch{Grid: [3]int{600, 10, 1}, Threads: 128}, seconds: 1e-3, work: 9e9, least: 1e8, fetched: 4e9}
	s.peak = fused(s.card, incremental.FP32)
	const most = "70 % of peak, 90 multiply-adds a byte, 10 % of memory's rate at least, blocks fetch 4.00 TB/s, 80 registers, 0 bytes spilled, 12 KiB shared, 6 blocks a multiprocessor (38 % of its threads), 10 waves; likely: near what can be hoped for"
	if got := s.String(); got != most {
		t.Errorf("%s\nwant %s", got, most)
	}
	s.work = 3e9
	for _, c := range []struct {
		change func(s *speed)
		why    string
	}{
		{func(s *speed) {}, "waits or instructions"},
		{func(s *speed) { s.fit.Local = 16 }, "registers"},
		{func(s *speed) { s.launch.Grid[0], s.launch.Grid[1] = 500, 1 }, "blocks are few"},
		{func(s *speed) { s.launch.Grid[0], s.launch.Grid[1] = 700, 1 }, "the last wave"},
		{func(s *speed) { s.least = 7e8 }, "memory"},
		{func(s *speed) { s.fit.Blocks = 3 }, "threads are few"},
		{func(s *speed) { s.card.Minor, s.peak, s.rates = 9, 0, driver.Rates{Threads: 2048} }, "waits or instructions"},
	} {
		changed := s
		c.change(&changed)
		if _, why, _ := strings.Cut(changed.String(), "; likely: "); !strings.HasPrefix(why, c.why) {
			t.Errorf("%s, want %s", changed.String(), c.why)
		}
	}
}

// TestCardProfile says, of the network that KRYPTON_PROFILE names, how the time of a chunk of 64
// positions is spread over the kernels, in each way, and how these lie on the card. Launches
// are timed one by one.
func TestCardProfile(t *testing.T) {
	name := os.Getenv("KRYPTON_PROFILE")
	if name == "" {
		t.Skip("KRYPTON_PROFILE names no model")
	}
	dev := card(t)
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	g, err := onnxload.LoadBytes(data, name, filepath.Dir(name), onnxload.Options{})
	if err != nil {
		t.Fatal(err)
	}
	program, err := incremental.Lower(g, incremental.CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	plane := program.Values[program.Input].Plane
	rng := rand.New(rand.NewPCG(1, 30))
	input := make([]float32, plane.Len())
	for i := range input {
		input[i] = rng.Float32()
	}
	positions, patch, rounds := 64, min(16, plane.H, plane.W), 3
	if testing.Short() {
		positions, patch, rounds = 1, min(2, plane.H, plane.W), 1
	}
	var c []Change
	for range positions {
		y, x := rng.IntN(plane.H-patch+1), rng.IntN(plane.W-patch+1)
		c = append(c, Change{Rect: region.Rect{Y: region.Span{Lo: y, Hi: y + patch}, X: region.Span{Lo: x, Hi: x + patch}}, Pixels: make([]float32, patch*patch*plane.C)})
	}
	typical := func(engine.Plane) (all []region.Rect) {
		for _, change := range c {
			all = append(all, change.Rect)
		}
		return all
	}
	for _, w := range waysOf(t, g, typical) {
		r := &recorder{Device: dev}
		n, err := LoadAs(r, w.program, w.precision)
		if err != nil {
			t.Fatal(err)
		}
		if n.Precision() != w.precision {
			if err := n.Close(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := n.Run(input); err != nil {
			t.Fatal(err)
		}
		r.launches = nil
		if err := n.Update(c); err != nil {
			t.Fatal(err)
		}
		seconds, count, threads, all := map[string]float64{}, map[string]int{}, map[string]int{}, 0.0
		for _, l := range r.launches {
			least := 0.0
			for i := range rounds {
				took, err := dev.Time(func() error { return dev.Launch(l) })
				if err != nil {
					t.Fatal(err)
				}
				if i == 0 || took < least {
					least = took
				}
			}
			seconds[l.Kernel] += least
			all += least
			count[l.Kernel]++
			threads[l.Kernel] = l.Threads
		}
		order := slices.SortedFunc(maps.Keys(seconds), func(a, b string) int {
			return cmp.Or(cmp.Compare(seconds[b], seconds[a]), cmp.Compare(a, b))
		})
		tell(t, fmt.Sprintf("%s: %d positions of %dx%d by all kernels", w.name, positions, patch, patch), fmt.Sprintf("%.4g", 1e3*all), "ms")
		for _, k := range order {
			f, err := dev.Fit(k, threads[k])
			if err != nil {
				t.Fatal(err)
			}
			tell(t, fmt.Sprintf("%s: %s", w.name, k), fmt.Sprintf("%.1f %% of the time in %d launches; %d registers, %d bytes spilled, %d KiB shared, %d blocks of %d threads a multiprocessor",
				100*seconds[k]/all, count[k], f.Registers, f.Local, (f.Shared+1023)>>10, f.Blocks, threads[k]), "")
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
