package batch

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// How items are dealt to shards.
const (
	// ByHash deals by a hash of path and settings: an item keeps its shard when
	// the list grows, shrinks or is reordered.
	ByHash = "hash"
	// ByOrder deals one item after the other, as cards are dealt: shards differ
	// by one item at most.
	ByOrder = "order"
	// ByCost deals the costliest item left to the shard that has least so far.
	ByCost = "cost"
)

// maxShards bounds the number of shards.
const maxShards = 1 << 20

// Shard is one of several parts of a batch, each for one process.
type Shard struct {
	// I counts from 1 to N.
	I int `json:"i"`
	// N is the number of shards.
	N int `json:"n"`
	// By is ByHash, ByOrder or ByCost; "" means ByHash.
	By string `json:"by,omitempty"`
}

// String is "2/8", as ParseShard reads it.
func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.I, s.N) }

// check refuses shards that are none.
func (s Shard) check() error {
	switch {
	case s.N < 1 || s.N > maxShards:
		return fmt.Errorf("shard %s: the number of shards is not between 1 and %d", s, maxShards)
	case s.I < 1 || s.I > s.N:
		return fmt.Errorf("shard %s: shards count from 1 to %d", s, s.N)
	case !slices.Contains([]string{"", ByHash, ByOrder, ByCost}, s.By):
		return fmt.Errorf("shard %s: cannot deal by %q (known: %s, %s, %s)", s, s.By, ByHash, ByOrder, ByCost)
	}
	return nil
}

// complete spells out the default, so that equal shards are equal values.
func (s Shard) complete() Shard {
	if s.By == "" {
		s.By = ByHash
	}
	return s
}

// ParseShard reads "2/8", the second of eight shards, or takes the shard from
// the environment if text is "auto" (AutoShard). by is ByHash, ByOrder or
// ByCost. from says where the shard was found, for people; it is "" if text
// itself says it.
func ParseShard(text, by string, lookup func(string) (string, bool)) (s Shard, from string, err error) {
	if text == "auto" {
		if s, from, err = AutoShard(lookup); err != nil {
			return Shard{}, "", err
		}
	} else {
		i, n, found := strings.Cut(text, "/")
		if !found {
			return Shard{}, "", fmt.Errorf("shard %q: neither i/n, such as 2/8, nor auto", text)
		}
		if s.I, err = parseCount(i); err == nil {
			s.N, err = parseCount(n)
		}
		if err != nil {
			return Shard{}, "", fmt.Errorf("shard %q: %w", text, err)
		}
	}
	s.By = by
	s = s.complete()
	if err := s.check(); err != nil {
		return Shard{}, "", err
	}
	return s, from, nil
}

// parseCount reads digits, and nothing but digits.
func parseCount(text string) (int, error) {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, fmt.Errorf("%q is not a whole number", text)
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%s is too large", text)
	}
	return int(n), err
}
