package batch

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

func itoa(n int) string { return strconv.Itoa(n) }

// randomCosts gives each item a cost, often the same.
func randomCosts(rng *rand.Rand, items []Item) func(Item) float64 {
	costs := map[string]float64{}
	for _, it := range items {
		switch rng.IntN(4) {
		case 0:
			costs[it.Path] = 0
		case 1:
			costs[it.Path] = float64(rng.IntN(3))
		default:
			costs[it.Path] = rng.ExpFloat64() * 100
		}
	}
	return func(it Item) float64 { return costs[it.Path] }
}

// shards gives the paths of all shards.
func shards(t *testing.T, items []Item, n int, by string, cost func(Item) float64) map[string]int {
	t.Helper()
	of := map[string]int{}
	for i := 1; i <= n; i++ {
		picked, err := Shard{i, n, by}.Pick(items, cost)
		if err != nil {
			t.Fatal(err)
		}
		last := -1
		for _, it := range picked {
			if other, found := of[it.Key()]; found {
				t.Fatalf("%s of %d by %s: also in shard %d", it.Path, n, by, other)
			}
			of[it.Key()] = i
			at := slices.IndexFunc(items, func(o Item) bool { return o.Path == it.Path })
			if at <= last {
				t.Fatalf("%d/%d by %s: not in list order", i, n, by)
			}
			last = at
		}
	}
	if len(of) != len(items) {
		t.Fatalf("%d shards by %s hold %d of %d items", n, by, len(of), len(items))
	}
	return of
}

func TestPickPartitions(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		items := randomItems(rng, rng.IntN(40))
		n := 1 + rng.IntN(12)
		cost := randomCosts(rng, items)
		for _, by := range []string{"", ByHash, ByOrder, ByCost} {
			shards(t, items, n, by, cost)
		}
	}
}

// TestPickKeepsShards: by hash an item's shard depends on nothing but itself; by
// order not on what is appended; by cost not on the list's order.
func TestPickKeepsShards(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 30 {
		items := randomItems(rng, 2+rng.IntN(40))
		n := 1 + rng.IntN(8)
		cost := randomCosts(rng, items)
		shuffled := slices.Clone(items)
		rng.Shuffle(len(items), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		part := items[:len(items)/2]

		all := shards(t, items, n, ByHash, nil)
		for _, list := range [][]Item{shuffled, part} {
			for key, shard := range shards(t, list, n, ByHash, nil) {
				if all[key] != shard {
					t.Fatal("by hash: an item changed its shard with the list")
				}
			}
		}
		all = shards(t, items, n, ByOrder, nil)
		for key, shard := range shards(t, part, n, ByOrder, nil) {
			if all[key] != shard {
				t.Fatal("by order: an item changed its shard when the list grew")
			}
		}
		all = shards(t, items, n, ByCost, cost)
		for key, shard := range shards(t, shuffled, n, ByCost, cost) {
			if all[key] != shard {
				t.Fatal("by cost: an item changed its shard with the list's order")
			}
		}
	}
}

// TestPickHashIsForEver pins the hash: another one would send the items of a
// running batch to other shards.
func TestPickHashIsForEver(t *testing.T) {
	for _, c := range []struct {
		item  Item
		key   string
		shard int
	}{
		{Item{Path: "a.png"}, "9cf1a5ddd3287f65a24181d8a2dd2873ef156b4afabe37d9ef42a21acb6b9a53", 6},
		{Item{Path: "a.png", Set: map[string]string{"patch": "16", "class": "top"}}, "15ffcfb06af60ae813af5c28e759540555f59873745c55de9ae14eee2031fc05", 1},
	} {
		if got := c.item.Key(); got != c.key {
			t.Errorf("%v: key %s", c.item, got)
		}
		if got := shards(t, []Item{c.item}, 8, ByHash, nil)[c.key]; got != c.shard {
			t.Errorf("%v: shard %d", c.item, got)
		}
	}
}

func TestKeysDiffer(t *testing.T) {
	set := func(pairs ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	seen := map[string]Item{}
	for _, it := range []Item{{"a", nil}, {"ab", nil}, {"a", set("b", "")}, {"a", set("b", "c")}, {"ab", set("", "c")}, {"a", set("bc", "")}, {"a", set("b", "c", "d", "e")}, {"a", set("b", "e", "d", "c")}} {
		if other, found := seen[it.Key()]; found {
			t.Errorf("%v and %v have the same key", it, other)
		}
		seen[it.Key()] = it
	}
	if (Item{"a", nil}).Key() != (Item{"a", set()}).Key() {
		t.Error("no settings and empty settings differ")
	}
	if Fingerprint("a", "b") == Fingerprint("ab") || Fingerprint("a", "b") == Fingerprint("b", "a") {
		t.Error("fingerprints of different parts are the same")
	}
}

// TestPickByHashIsEven: 4000 items on 8 shards are 500 each; six standard
// deviations are 126.
func TestPickByHashIsEven(t *testing.T) {
	var items []Item
	for i := range 4000 {
		items = append(items, Item{Path: "img-" + itoa(i) + ".png"})
	}
	for i := 1; i <= 8; i++ {
		got, err := Shard{i, 8, ByHash}.Pick(items, nil)
		if err != nil || len(got) < 500-126 || len(got) > 500+126 {
			t.Errorf("shard %d has %d items, %v", i, len(got), err)
		}
	}
}

func loadsOf(t *testing.T, items []Item, n int, cost func(Item) float64) []float64 {
	t.Helper()
	loads := make([]float64, n)
	for i := range n {
		picked, err := Shard{i + 1, n, ByCost}.Pick(items, cost)
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range picked {
			loads[i] += cost(it)
		}
	}
	return loads
}

// TestPickByCostBound: no shard has more than the mean plus the largest cost.
func TestPickByCostBound(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 60 {
		items := randomItems(rng, 1+rng.IntN(60))
		n := 1 + rng.IntN(9)
		cost := randomCosts(rng, items)
		total, most := 0.0, 0.0
		for _, it := range items {
			total += cost(it)
			most = max(most, cost(it))
		}
		bound := total/float64(n) + most*(1-1/float64(n))
		if got := slices.Max(loadsOf(t, items, n, cost)); got > bound*(1+1e-12) {
			t.Fatalf("%d items on %d shards: %v, more than %v", len(items), n, got, bound)
		}
	}
}

// TestPickByCostAgainstBest compares with the best of all ways to deal: at most
// 4/3 - 1/(3n) times as much.
func TestPickByCostAgainstBest(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for range 40 {
		items := randomItems(rng, 1+rng.IntN(8))
		n := 2 + rng.IntN(2)
		cost := randomCosts(rng, items)
		best := math.Inf(1)
		loads := make([]float64, n)
		var deal func(int)
		deal = func(i int) {
			if i == len(items) {
				best = min(best, slices.Max(loads))
				return
			}
			for s := range loads {
				loads[s] += cost(items[i])
				deal(i + 1)
				loads[s] -= cost(items[i])
			}
		}
		deal(0)
		bound := best * (4.0/3 - 1/(3*float64(n)))
		if got := slices.Max(loadsOf(t, items, n, cost)); got > bound*(1+1e-9)+1e-9 {
			t.Fatalf("%v, but the best is %v", got, best)
		}
	}
}

func TestPickSpreadsWhatCostsNothing(t *testing.T) {
	items := randomItems(rand.New(rand.NewPCG(11, 12)), 12)
	for i := 1; i <= 4; i++ {
		got, err := Shard{i, 4, ByCost}.Pick(items, func(Item) float64 { return 0 })
		if err != nil || len(got) != 3 {
			t.Errorf("shard %d: %d items, %v", i, len(got), err)
		}
	}
}

func TestPickRefuses(t *testing.T) {
	items := []Item{{Path: "a"}, {Path: "b"}}
	for _, s := range []Shard{{}, {0, 2, ""}, {3, 2, ""}, {1, -1, ""}, {1, 2, "size"}} {
		if _, err := s.Pick(items, nil); err == nil {
			t.Errorf("%+v is taken", s)
		}
	}
	if _, err := (Shard{1, 2, ByCost}).Pick(items, nil); err == nil {
		t.Error("by cost without costs")
	}
	for _, bad := range []float64{-1, math.NaN(), math.Inf(1), math.MaxFloat64} {
		if _, err := (Shard{1, 2, ByCost}).Pick(items, func(Item) float64 { return bad }); err == nil {
			t.Errorf("cost %v is taken", bad)
		}
	}
}
