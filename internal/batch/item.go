// Package batch holds what makes a batch of many pictures or videos dependable:
// manifests that say what to do, shards that split it over machines, journals
// that remember what is done, and the merging of their results.
//
// An item is known everywhere by its key (Item.Key), never by its place in a
// list, so that lists may grow, be reordered and be split otherwise.
package batch

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Item is one picture or video of a batch.
type Item struct {
	// Path is the input as the manifest names it.
	Path string
	// Set holds this item's own settings, flag name to value; nil if it has none.
	Set map[string]string
}

// Key is 64 hexadecimal digits that stand for the item's path and settings: the
// same on every machine, in every list and shard.
func (it Item) Key() string {
	sum := it.sum()
	return hex.EncodeToString(sum[:])
}

func (it Item) sum() [sha256.Size]byte {
	h := sha256.New()
	writeText(h, "krypton item 1")
	writeText(h, it.Path)
	for _, name := range slices.Sorted(maps.Keys(it.Set)) {
		writeText(h, name)
		writeText(h, it.Set[name])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// Fingerprint is 64 hexadecimal digits that stand for parts in this order, for
// the head of a journal: the program's version, the model's digest, the
// settings that all items share.
func Fingerprint(parts ...string) string {
	h := sha256.New()
	writeText(h, "krypton fingerprint 1")
	for _, p := range parts {
		writeText(h, p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// writeText hashes s behind its length, so that no two lists of texts meet.
func writeText(h hash.Hash, s string) {
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
	h.Write(n[:])
	h.Write([]byte(s))
}

// checkText refuses what cannot go through a file of JSON lines and come back,
// and what no system takes as a name.
func checkText(what, s string) error {
	switch {
	case !utf8.ValidString(s):
		return fmt.Errorf("%s %q is not UTF-8", what, s)
	case strings.IndexByte(s, 0) >= 0:
		return fmt.Errorf("%s %q holds a NUL byte", what, s)
	}
	return nil
}

func (it Item) check() error {
	if it.Path == "" {
		return errors.New("no path")
	}
	if err := checkText("path", it.Path); err != nil {
		return err
	}
	for name, value := range it.Set {
		if err := checkText(name, value); err != nil {
			return err
		}
	}
	return nil
}
