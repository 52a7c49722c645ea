package asm

import (
	"fmt"
	"slices"
	"testing"
)

// seen is a test that notes what becomes of its subtests.
type seen struct{ skipped, failed []string }

func (s *seen) Helper() {}

func (s *seen) Run(name string, f func(*seen)) bool {
	sub := &seen{}
	defer func() { _ = recover() }()
	defer func() {
		if sub.failed != nil {
			s.failed = append(s.failed, name)
		} else if sub.skipped != nil {
			s.skipped = append(s.skipped, name)
		}
	}()
	f(sub)
	return true
}

func (s *seen) Skipf(format string, args ...any) {
	s.skipped = append(s.skipped, fmt.Sprintf(format, args...))
	panic("skipped")
}

func (s *seen) Fatalf(format string, args ...any) {
	s.failed = append(s.failed, fmt.Sprintf(format, args...))
	panic("failed")
}

// TestEverySet: every set that there is is either given, or skipped by its name, or
// fails if it is wanted.
func TestEverySet(t *testing.T) {
	for _, k := range Sets() {
		if !slices.Contains(setNames, k.Name) {
			t.Errorf("setNames lacks %s", k.Name)
		}
	}
	all := setNames
	t.Cleanup(func() { setNames = all })
	setNames = append(slices.Clone(all), "sve", "amx")
	t.Setenv(EnvWantSets, "amx,generic")
	var s seen
	var given []string
	for i, k := range EverySet(&s) {
		if k != Sets()[i] && k.Name != Sets()[i].Name {
			t.Errorf("set %d is %s", i, k.Name)
		}
		given = append(given, k.Name)
	}
	if !slices.Equal(s.failed, []string{"amx"}) || !slices.Contains(s.skipped, "sve") || !slices.Contains(given, "generic") {
		t.Errorf("given %v, skipped %v, failed %v", given, s.skipped, s.failed)
	}
	if got := len(given) + len(s.skipped) + len(s.failed); got != len(setNames) {
		t.Errorf("%d of %d sets are told of", got, len(setNames))
	}
}
