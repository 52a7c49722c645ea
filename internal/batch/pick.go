package batch

import (
	"bytes"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Pick gives the items of this shard, in list order. Over all I of the same N,
// By and items, every item is picked by exactly one shard.
//
// cost estimates an item's work in any unit, for ByCost alone, and must say the
// same on every machine; negative and infinite costs are errors. No shard then
// has more than the mean of all shards plus the largest cost, nor more than 4/3
// of the best possible.
func (s Shard) Pick(items []Item, cost func(Item) float64) ([]Item, error) {
	s = s.complete()
	if err := s.check(); err != nil {
		return nil, err
	}
	of := func(i int) int { return i % s.N }
	switch s.By {
	case ByHash:
		of = func(i int) int {
			sum := items[i].sum()
			return int(binary.BigEndian.Uint64(sum[:8]) % uint64(s.N))
		}
	case ByCost:
		dealt, err := dealByCost(items, s.N, cost)
		if err != nil {
			return nil, fmt.Errorf("shard %s by cost: %w", s, err)
		}
		of = func(i int) int { return dealt[i] }
	}
	var out []Item
	for i, it := range items {
		if of(i) == s.I-1 {
			out = append(out, it)
		}
	}
	return out, nil
}

// dealByCost gives each item's shard from 0: longest processing time first, to
// the shard with the least so far. Ties go by the items' hashes and by the
// shards' numbers, so that the list's order does not matter.
func dealByCost(items []Item, n int, cost func(Item) float64) ([]int, error) {
	if cost == nil {
		return nil, errors.New("no costs")
	}
	type priced struct {
		at   int
		cost float64
		sum  [32]byte
	}
	all, total := make([]priced, len(items)), 0.0
	for i, it := range items {
		c := cost(it)
		if !(c >= 0) || math.IsInf(c, 1) {
			return nil, fmt.Errorf("%s: cost %v", it.Path, c)
		}
		total += c
		all[i] = priced{i, c, it.sum()}
	}
	if math.IsInf(total, 1) {
		return nil, errors.New("the costs' sum is infinite")
	}
	slices.SortStableFunc(all, func(a, b priced) int {
		if c := cmp.Compare(b.cost, a.cost); c != 0 {
			return c
		}
		return bytes.Compare(a.sum[:], b.sum[:])
	})
	loads := make(loadHeap, min(n, max(1, len(items)))) // further shards stay empty
	for i := range loads {
		loads[i].shard = i
	}
	dealt := make([]int, len(items))
	for _, p := range all {
		dealt[p.at] = loads[0].shard
		loads[0].cost += p.cost
		loads[0].items++
		heap.Fix(&loads, 0)
	}
	return dealt, nil
}

// load is what a shard has so far.
type load struct {
	cost         float64
	items, shard int
}

// loadHeap has the shard with the least on top: by cost, then by items, so that
// items without cost spread too, then by number.
type loadHeap []load

func (h loadHeap) Len() int { return len(h) }
func (h loadHeap) Less(i, j int) bool {
	a, b := h[i], h[j]
	return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(a.items, b.items), cmp.Compare(a.shard, b.shard)) < 0
}
func (h loadHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push and Pop are for heap.Interface; loads never come or go.
func (h *loadHeap) Push(x any) { *h = append(*h, x.(load)) }

// Pop takes the last load.
func (h *loadHeap) Pop() any {
	old := *h
	*h = old[:len(old)-1]
	return old[len(old)-1]
}
